// The receiving side of a bundle (RFC 1990 §4): fragments of one link or several are put together again, within bounds
// of numbers, bytes and time.
import { get8, get16, get32 } from "../core/bytes.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { HEADROOM, Packet, TAILROOM } from "../core/packet.ts";
import { readPpp } from "../packet/ppp.ts";
import type { PacketSink } from "../ports/ports.ts";
import { PROTOCOL } from "./frame.ts";

export const BEGIN = 0x80;
export const END = 0x40;
const WHOLE = BEGIN | END;
/** Sequence numbers of 24 bits, and of 12. */
export const LONG = 0xff_ffff;
export const SHORT = 0xfff;
/** Sequence numbers that are looked at together, powers of two: of one link, and of several. */
const WINDOW = 256;
const WIDE_WINDOW = 1024;
/** Bytes of fragments that wait for others, and more for each further link; with more than that the oldest go. */
const MAX_HELD = 16_384;
const MORE_HELD = 65_536;
/** How long packets of several links wait for one that is missing: longer than most links' delays differ. */
const HOLD_MS = 200;
/** As `overtakes`, among several links: a link's own packets rarely overtake one another. */
const FEW_OVERTAKES = 8;
/** A protocol number in front of the reassembled packet's information. */
const NUMBER = 2;
const SLACK = 4;

export type BundleDrop =
  | "mp.short"
  | "mp.late"
  | "mp.repeated"
  | "mp.lost"
  | "mp.broken"
  | "mp.too-long"
  | "mp.full"
  | "mp.lcp";

export interface Drops {
  bump(name: BundleDrop): void;
}

/** One link of a bundle. */
export class Lane {
  readonly mtu: number;
  readonly pfc: boolean;
  readonly out: PacketSink;
  /** The newest sequence number that came by it, RFC 1990 §4.1. */
  last = 0;
  /** Fragments and their bytes. */
  readonly counts = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
  /** `mtu`: the longest frame that we may send by it; `out`: where they go. */
  constructor(mtu: number, pfc: boolean, out: PacketSink) {
    this.mtu = mtu;
    this.pfc = pfc;
    this.out = out;
  }
}

interface Held {
  readonly flags: number;
  readonly data: Uint8Array;
}
/** It was delivered, or dropped with the packet that it was of. */
const GONE: Held = { flags: WHOLE, data: new Uint8Array(0) };

interface Limits {
  readonly mrru: number;
  /** Of sequence numbers. */
  readonly mask: number;
  readonly overtakes: number;
}
interface Surroundings {
  lost(): void;
  readonly clock: Clock | null;
  readonly lanes: readonly Lane[];
}
export class Reassembly {
  readonly #longest: number;
  readonly #mask: number;
  readonly #short: boolean;
  readonly #overtakes: number;
  readonly #drops: Drops;
  readonly #lost: () => void;
  readonly #lanes: readonly Lane[];
  readonly #clock: Clock | null;
  #window = WINDOW;
  #slots: (Held | null)[] = new Array<Held | null>(WINDOW).fill(null);
  readonly #buffer: Uint8Array;
  /** The lowest sequence number that is waited for, and the highest that came. */
  #bottom = 0;
  #last: number;
  #held = 0;
  /** More than one link has been there: packets wait for those before them. */
  #ordered = false;
  #out: PacketSink = () => {};
  /** What is first is waited for, since when, and the newest that was there then. */
  #waits = false;
  #since = 0;
  #mark = 0;
  #timer: Timer | null = null;

  constructor({ mrru, mask, overtakes }: Limits, drops: Drops, { lost, clock, lanes }: Surroundings) {
    this.#longest = mrru + NUMBER;
    this.#mask = mask;
    this.#short = mask === SHORT;
    this.#last = mask;
    this.#overtakes = overtakes;
    this.#drops = drops;
    this.#lost = lost;
    this.#clock = clock;
    this.#lanes = lanes;
    this.#buffer = new Uint8Array(HEADROOM + this.#longest + SLACK + TAILROOM);
  }

  /** Until it is heard, nothing that comes later than now has passed it. */
  joined(lane: Lane): void {
    lane.last = (this.#bottom - 1) & this.#mask;
    if (this.#ordered) return;
    for (const l of this.#lanes) if (l !== lane) l.last = this.#last;
    const held = Array.from({ length: WINDOW }, (_, i) => this.#slot(i));
    this.#window = WIDE_WINDOW;
    this.#slots = new Array<Held | null>(WIDE_WINDOW).fill(null);
    for (const [i, s] of held.entries()) this.#set(i, s);
    this.#ordered = true;
  }
  /** A link has left. */
  settled(): void {
    if (this.#ordered) this.#drain();
  }
  stop(): void {
    this.#timer?.disarm();
    this.#ordered = false;
  }
  take(p: Packet, out: PacketSink, lane: Lane): void {
    const { mem, start } = p;
    if (!p.pull(this.#short ? 2 : 4)) return this.#drops.bump("mp.short");
    const flags = get8(mem, start) & WHOLE;
    const seq = (this.#short ? get16(mem, start) : get32(mem, start)) & this.#mask;
    lane.counts.rxPackets++;
    lane.counts.rxBytes += p.length;
    if (this.#ordered) return this.#inOrder(seq, flags, { p, out, lane });
    if (this.#before(seq, this.#bottom)) return this.#drops.bump("mp.late");
    const beyond = this.#from(seq) - WINDOW + 1;
    if (beyond > 0) this.#raise(beyond, "mp.lost");
    const i = this.#from(seq);
    if (this.#slot(i)) return this.#drops.bump("mp.repeated");
    if (!this.#before(seq, this.#last)) this.#last = seq;
    if (flags === WHOLE || p.length === 0) {
      this.#set(i, GONE);
      if (p.length > this.#longest) this.#drops.bump("mp.too-long");
      else if (p.length > 0) this.#whole(p, out);
      else if (flags !== WHOLE) this.#drops.bump("mp.short");
    } else {
      this.#set(i, { flags, data: p.view().slice() });
      this.#held += p.length;
      this.#join(i, out);
    }
    this.#settle();
    while (this.#held > MAX_HELD) this.#raise(1, "mp.full");
  }

  /** Several links: a packet is delivered when all before it have been, or are lost. */
  #inOrder(seq: number, flags: number, { p, out, lane }: { p: Packet; out: PacketSink; lane: Lane }): void {
    this.#out = out;
    if (this.#before(seq, this.#bottom)) return this.#drops.bump("mp.late");
    while (this.#from(seq) >= this.#window && !this.#before(this.#last, this.#bottom)) {
      this.#skip();
      this.#deliver();
    }
    const beyond = this.#from(seq) - this.#window + 1;
    if (beyond > 0) this.#raise(beyond, "mp.lost");
    const i = this.#from(seq);
    if (this.#slot(i)) return this.#drops.bump("mp.repeated");
    if (!this.#before(seq, this.#last)) this.#last = seq;
    if (!this.#before(seq, lane.last)) lane.last = seq;
    if (i === 0 && flags === WHOLE) {
      this.#advance(1);
      if (p.length > this.#longest) this.#drops.bump("mp.too-long");
      else if (p.length > 0) this.#whole(p, out);
      this.#waits &&= !this.#before(this.#last, this.#bottom);
      if (this.#before(this.#last, this.#bottom)) return; // nothing is behind it
    } else {
      this.#set(i, { flags, data: p.view().slice() });
      this.#held += p.length;
    }
    this.#drain();
  }
  /** Whatever can be delivered is, and what no link can bring any more is not waited for (§4.1). */
  #drain(): void {
    const { length } = this.#lanes;
    const bound = MAX_HELD + MORE_HELD * (length - 1);
    const overtakes = length > 1 ? Math.min(this.#overtakes, FEW_OVERTAKES) : this.#overtakes;
    const before = this.#bottom;
    this.#deliver();
    while (!this.#before(this.#last, this.#bottom)) {
      let passed = this.#window;
      for (const l of this.#lanes) {
        const m = this.#before(l.last, this.#bottom) ? -1 : this.#from(l.last);
        if (m < passed) passed = m;
      }
      if (this.#gap() >= passed - overtakes && this.#held <= bound) break;
      this.#skip();
      this.#deliver();
    }
    this.#watch(before);
  }
  /** From the lowest one on, as far as packets are whole. */
  #deliver(): void {
    for (let s = this.#slot(0); s; s = this.#slot(0)) {
      if ((s.flags & BEGIN) === 0 && s !== GONE) {
        this.#drop(1, "mp.broken");
        continue;
      }
      let last = 0;
      let length = s.data.length;
      let next: Held | null = s;
      while (next && (next.flags & END) === 0) {
        next = this.#slot(++last);
        if (next && (next.flags & BEGIN) !== 0) break;
        length += next?.data.length ?? 0;
      }
      if (length > this.#longest) this.#drop(next ? last + 1 : last, "mp.too-long");
      else if (!next) return;
      else if (last > 0 && (next.flags & BEGIN) !== 0) this.#drop(last, "mp.broken");
      else {
        let end = HEADROOM;
        for (let k = 0; k <= last; k++) {
          const data = this.#slot(k)?.data ?? GONE.data;
          this.#buffer.set(data, end);
          end += data.length;
        }
        this.#held -= end - HEADROOM;
        this.#advance(last + 1);
        if (end > HEADROOM) this.#whole(new Packet(this.#buffer, HEADROOM, end), this.#out);
      }
    }
  }
  /** The first that is missing. */
  #gap(): number {
    let i = 0;
    while (this.#slot(i)) i++;
    return i;
  }
  /** What is first will never be whole: the next beginning is where it goes on. */
  #skip(): void {
    const span = this.#from(this.#last) + 1;
    const [slots, bottom, mask] = [this.#slots, this.#bottom, this.#window - 1];
    let n = this.#gap() + 1;
    for (; n < span; n++) {
      const s = slots[(bottom + n) & mask];
      if (s && (s.flags & BEGIN) !== 0) break;
    }
    this.#drop(Math.min(n, span), "mp.lost");
  }
  #drop(n: number, why: BundleDrop): void {
    this.#held -= this.#bytes(n);
    this.#drops.bump(why);
    this.#advance(n);
    this.#lost();
  }
  /** A link may be idle, and then M stands still: there is a limit of time too. */
  #watch(before: number): void {
    if (!this.#clock || !this.#ordered) return;
    const waited = this.#waits && before === this.#bottom;
    this.#waits = !this.#before(this.#last, this.#bottom);
    if (waited || !this.#waits) return;
    this.#since = this.#clock.now();
    this.#mark = this.#last;
    this.#timer ??= this.#clock.timer("multilink", () => this.#due());
    if (!this.#timer.armed) this.#timer.arm(HOLD_MS);
  }
  #due(): void {
    if (!this.#clock || !this.#ordered || !this.#waits) return;
    const left = this.#since + HOLD_MS - this.#clock.now();
    if (left > 0) return this.#timer?.arm(left);
    while (!this.#before(this.#mark, this.#bottom) && !this.#before(this.#last, this.#bottom)) {
      this.#skip();
      this.#deliver();
    }
    this.#waits = false;
    this.#drain();
  }

  /** Whether the packet that fragment `i` is of has become whole, or never will. */
  #join(i: number, out: PacketSink): void {
    let first = i;
    let last = i;
    let length = this.#slot(i)?.data.length ?? 0;
    for (; ((this.#slot(first)?.flags ?? 0) & BEGIN) === 0; first--) {
      const before = first > 0 ? this.#slot(first - 1) : GONE;
      if (!before) return this.#unfinished(first, last, length);
      if (before.flags & END) return this.#discard(first, i, first > 0 ? "mp.broken" : "mp.lost");
      length += before.data.length;
    }
    for (; ((this.#slot(last)?.flags ?? 0) & END) === 0; last++) {
      const next = last + 1 < this.#window ? this.#slot(last + 1) : null;
      if (!next) return this.#unfinished(first, last, length);
      if (next.flags & BEGIN) return this.#discard(first, last, "mp.broken");
      length += next.data.length;
    }
    if (length > this.#longest) return this.#discard(first, last, "mp.too-long");
    let end = HEADROOM;
    for (let k = first; k <= last; k++) {
      const data = this.#slot(k)?.data ?? GONE.data;
      this.#buffer.set(data, end);
      end += data.length;
      this.#held -= data.length;
      this.#set(k, GONE);
    }
    this.#whole(new Packet(this.#buffer, HEADROOM, end), out);
  }
  /** Not whole yet: unless it is longer than it may become. */
  #unfinished(first: number, last: number, length: number): void {
    if (length > this.#longest) this.#discard(first, last, "mp.too-long");
  }
  #whole(p: Packet, out: PacketSink): void {
    const ppp = readPpp(p.mem, p.start, p.end);
    if (!ppp || (ppp.protocol & 1) === 0) return this.#drops.bump("mp.short");
    p.start = ppp.info;
    // LCP's own negotiation is never part of a bundle (§2), nor is a bundle.
    const code = get8(p.mem, p.start);
    if (ppp.protocol === PROTOCOL.multilink || (ppp.protocol === PROTOCOL.lcp && code >= 1 && code <= 6))
      return this.#drops.bump("mp.lcp");
    out(ppp.protocol, p);
  }

  /** §4.1: a sequence number that M has passed is lost, and the packet that it was of. M is `last`, with one link. */
  #settle(): void {
    const passed = this.#from((this.#last - this.#overtakes - 1) & this.#mask);
    if (passed > this.#mask >>> 1) return; // not even the lowest one
    let open = -1;
    let lost = false;
    for (let i = 0; i <= passed; i++) {
      const s = this.#slot(i);
      const begins = s === null || s === GONE || (s.flags & BEGIN) !== 0;
      if (open >= 0 && begins) this.#discard(open, i - 1, s === null ? "mp.lost" : "mp.broken");
      if (begins) open = s === null || s === GONE ? -1 : i;
      else if (open < 0) this.#discard(i, i, "mp.lost");
      lost ||= s === null;
    }
    this.#advance(open >= 0 ? open : passed + 1);
    if (lost) this.#lost();
  }
  /** The lowest `n` sequence numbers are not waited for any more. */
  #raise(n: number, why: BundleDrop): void {
    const had = this.#held;
    this.#held -= n < this.#window ? this.#bytes(n) : had;
    if (this.#held < had) this.#drops.bump(why);
    this.#advance(n);
    this.#lost();
  }
  // A peer may jump by a window with each frame: what goes through one has nothing but the array in its loop.
  /** Held by the lowest `n`. */
  #bytes(n: number): number {
    const [slots, bottom, mask] = [this.#slots, this.#bottom, this.#window - 1];
    let bytes = 0;
    for (let i = 0; i < n; i++) {
      const s = slots[(bottom + i) & mask];
      if (s) bytes += s.data.length;
    }
    return bytes;
  }
  #advance(n: number): void {
    const [slots, bottom, mask] = [this.#slots, this.#bottom, this.#window - 1];
    if (n > mask) slots.fill(null);
    else for (let i = 0; i < n; i++) slots[(bottom + i) & mask] = null;
    this.#bottom = (bottom + n) & this.#mask;
  }
  #discard(first: number, last: number, why: BundleDrop): void {
    for (let i = first; i <= last; i++) {
      this.#held -= this.#slot(i)?.data.length ?? 0;
      this.#set(i, GONE);
    }
    this.#drops.bump(why);
  }

  /** How far a sequence number is from the lowest one; beyond half of the space it is before that. */
  #from(seq: number): number {
    return (seq - this.#bottom) & this.#mask;
  }
  #before(a: number, b: number): boolean {
    return ((a - b) & this.#mask) > this.#mask >>> 1;
  }
  #slot(i: number): Held | null {
    return this.#slots[(this.#bottom + i) & (this.#window - 1)] ?? null;
  }
  #set(i: number, s: Held | null): void {
    this.#slots[(this.#bottom + i) & (this.#window - 1)] = s;
  }
}
