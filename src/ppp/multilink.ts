// The Multilink Protocol (RFC 1990): a packet that is longer than the link's MRU leaves as fragments, and fragments
// that come are put together again. A bundle has one link here: a second call of a peer is a bundle of its own.
// Packets that fit the link go as they are (§2). Left out: null fragments are not sent, and padding is not looked for
// (§3.1).
import { get8, get16, get32, put16 } from "../core/bytes.ts";
import { HEADROOM, Packet, TAILROOM } from "../core/packet.ts";
import { readPpp } from "../packet/ppp.ts";
import type { PacketSink } from "../ports/ports.ts";
import { PROTOCOL } from "./frame.ts";

const BEGIN = 0x80;
const END = 0x40;
const WHOLE = BEGIN | END;
const LONG = 0xff_ffff;
const SHORT = 0xfff;
/** Sequence numbers that are looked at together, a power of two. */
const WINDOW = 256;
/** Bytes of fragments that wait for others; with more than that the oldest go. */
const MAX_HELD = 16_384;
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

/** What LCP agreed on. Sizes are of information fields, in bytes. */
export interface Agreed {
  /** Our MRRU: the longest packet that comes; null: the peer was told of none, and sends no fragments. */
  readonly mrruIn: number | null;
  /** The peer's; null: it takes no fragments. */
  readonly mrruOut: number | null;
  readonly shortIn: boolean;
  readonly shortOut: boolean;
}
export interface BundleOptions extends Agreed {
  /** The longest frame that we may send. */
  readonly mtu: number;
  readonly pfc: boolean;
  /**
   * Fragments that may overtake another one on the way before it counts as lost: 0 on a line, where RFC 1990 §4.1 holds
   * to the letter.
   */
  readonly overtakes: number;
}
interface Drops {
  bump(name: BundleDrop): void;
}

export class Bundle {
  readonly #o: BundleOptions;
  readonly #drops: Drops;
  readonly #in: Reassembly | null;
  #seq = 0;

  /** `lost`: a packet of the peer will never be whole. */
  constructor(o: BundleOptions, drops: Drops, lost: () => void) {
    this.#o = o;
    this.#drops = drops;
    const { mrruIn: mrru, shortIn, overtakes } = o;
    const limits = mrru === null ? null : { mrru, mask: shortIn ? SHORT : LONG, overtakes };
    this.#in = limits && new Reassembly(limits, drops, lost);
  }
  /** Packets up to this are no concern of the bundle. */
  get mtu(): number {
    return this.#o.mtu;
  }
  /** The longest packet that can be sent. */
  get longest(): number {
    return this.#o.mrruOut ?? this.#o.mtu;
  }
  get receives(): boolean {
    return this.#in !== null;
  }

  /**
   * `packet`, in place: `out` gets it whole, or its fragments one after the other; what it is given is valid during its
   * call.
   */
  send(protocol: number, packet: Packet, out: PacketSink): void {
    const { mtu, mrruOut, shortOut, pfc } = this.#o;
    if (packet.length <= mtu) return out(protocol, packet);
    if (mrruOut === null || packet.length > mrruOut) return this.#drops.bump("mp.too-long");
    const { mem, end } = packet;
    if (pfc && protocol < 0x100) mem[packet.push(1)] = protocol;
    else put16(mem, packet.push(2), protocol);
    const header = shortOut ? 2 : 4;
    // of one length, so that they can leave as one message
    const count = Math.ceil(packet.length / (mtu - header));
    const size = Math.ceil(packet.length / count);
    for (let at = packet.start; at < end; at += size) {
      const f = new Packet(mem, at, Math.min(at + size, end));
      const flags = (at === packet.start ? BEGIN : 0) | (f.end === end ? END : 0);
      const to = f.push(header); // over the last fragment, which is gone
      put16(mem, to, (flags << 8) | (shortOut ? this.#seq : this.#seq >>> 16));
      if (!shortOut) put16(mem, to + 2, this.#seq & 0xffff);
      this.#seq = (this.#seq + 1) & (shortOut ? SHORT : LONG);
      out(PROTOCOL.multilink, f);
    }
  }
  /** A fragment from its header on; `out` gets what has become whole, valid during its call. */
  receive(fragment: Packet, out: PacketSink): void {
    this.#in?.take(fragment, out);
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
class Reassembly {
  readonly #longest: number;
  readonly #mask: number;
  readonly #short: boolean;
  readonly #overtakes: number;
  readonly #drops: Drops;
  readonly #lost: () => void;
  readonly #slots: (Held | null)[] = new Array<Held | null>(WINDOW).fill(null);
  readonly #buffer: Uint8Array;
  /** The lowest sequence number that is waited for, and the highest that came. */
  #bottom = 0;
  #last: number;
  #held = 0;

  constructor({ mrru, mask, overtakes }: Limits, drops: Drops, lost: () => void) {
    this.#longest = mrru + NUMBER;
    this.#mask = mask;
    this.#short = mask === SHORT;
    this.#last = mask;
    this.#overtakes = overtakes;
    this.#drops = drops;
    this.#lost = lost;
    this.#buffer = new Uint8Array(HEADROOM + this.#longest + SLACK + TAILROOM);
  }

  take(p: Packet, out: PacketSink): void {
    const { mem, start } = p;
    if (!p.pull(this.#short ? 2 : 4)) return this.#drops.bump("mp.short");
    const flags = get8(mem, start) & WHOLE;
    const seq = (this.#short ? get16(mem, start) : get32(mem, start)) & this.#mask;
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
      const next = last + 1 < WINDOW ? this.#slot(last + 1) : null;
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
    let gone = 0;
    for (let i = 0; i < Math.min(n, WINDOW); i++) {
      const s = this.#slot(i);
      if (!s || s === GONE) continue;
      this.#held -= s.data.length;
      gone++;
    }
    if (gone > 0) this.#drops.bump(why);
    this.#advance(n);
    this.#lost();
  }
  #advance(n: number): void {
    for (let i = 0; i < Math.min(n, WINDOW); i++) this.#set(i, null);
    this.#bottom = (this.#bottom + n) & this.#mask;
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
    return this.#slots[(this.#bottom + i) & (WINDOW - 1)] ?? null;
  }
  #set(i: number, s: Held | null): void {
    this.#slots[(this.#bottom + i) & (WINDOW - 1)] = s;
  }
}
