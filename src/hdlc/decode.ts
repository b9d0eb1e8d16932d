// PPP in HDLC-like framing on an asynchronous line, receiving side (RFC 1662): bytes in chunks of any size, frames out.
// What is no frame is counted by name and skipped up to the next flag; nothing that arrives makes it hold more than one
// frame.
import { Counters } from "../core/counters.ts";
import { FCS16_GOOD, FCS16_INIT, FCS32_GOOD, FCS32_INIT, fcs16, fcs32 } from "../core/fcs.ts";
import { HEADROOM, Packet, TAILROOM } from "../core/packet.ts";
import { DEFAULT_ACCM, ESCAPE, type FcsBits, FLAG, isDefaultFramed } from "./encode.ts";

type HdlcDrop = "hdlc.fcs" | "hdlc.abort" | "hdlc.runt" | "hdlc.giant";

/** Address, control and protocol field (4), FCS-32 (4). */
const FRAME_OVERHEAD = 8;
/** RFC 1661 §6.1: whatever LCP agreed on, a full default packet must be receivable. */
const MIN_MRU = 1500;

const PLAIN = 0;
const END = 1;
const ESC = 2;
const IGNORED = 3;
function classes(recvAccm: number): Uint8Array {
  const t = new Uint8Array(256);
  for (let i = 0; i < 32; i++) if ((recvAccm >>> i) & 1) t[i] = IGNORED;
  t[FLAG] = END;
  t[ESCAPE] = ESC;
  return t;
}

export class HdlcDecoder {
  readonly fcs: FcsBits;
  readonly #onFrame: (frame: Packet) => void;
  readonly #mem: Uint8Array;
  readonly #limit: number;
  readonly #drops = new Counters<HdlcDrop>();
  #bad = 0;
  #classes = classes(DEFAULT_ACCM);
  /** Where the next octet goes; HEADROOM: nothing since the last flag. */
  #at = HEADROOM;
  #escaped = false;
  /** Up to the next flag nothing counts: before the first one, and after a giant. */
  #skipping = true;

  /**
   * `mru`: the largest information field that is kept, in bytes; 1500 at least. `onFrame` gets the frame from its
   * address or protocol field on, without FCS, valid during the call, with HEADROOM in front; it may call configure()
   * and reset().
   */
  constructor(mru: number, onFrame: (frame: Packet) => void, fcs: FcsBits = 16) {
    this.#limit = HEADROOM + Math.max(mru, MIN_MRU) + FRAME_OVERHEAD;
    this.#mem = new Uint8Array(this.#limit + TAILROOM);
    this.#onFrame = onFrame;
    this.fcs = fcs;
  }
  /** Control characters of the map that arrive unescaped were put in by the line, and are taken out (RFC 1662 §7.1). */
  configure(recvAccm: number): void {
    this.#classes = classes(recvAccm);
  }
  /** As on a fresh line: what follows counts from the next flag on. Counters stay. */
  reset(): void {
    this.#at = HEADROOM;
    this.#escaped = false;
    this.#skipping = true;
  }
  /** Frames that were thrown away so far: each of them may have been one that mattered. */
  get bad(): number {
    return this.#bad;
  }
  /** What was thrown away, by name. */
  drops(): Record<string, number> {
    return this.#drops.snapshot();
  }

  /** Never throws on what is in `chunk`; the chunk may be reused afterwards. */
  push(chunk: Uint8Array): void {
    for (let i = 0; i < chunk.length; ) i = this.#toFlag(chunk, i);
  }

  /** Takes octets up to the next flag and deals with what it ends; returns where the one after it is. */
  #toFlag(chunk: Uint8Array, from: number): number {
    const kind = this.#classes;
    const mem = this.#mem;
    const limit = this.#limit;
    const length = chunk.length;
    let i = from;
    if (this.#skipping) {
      const flag = chunk.indexOf(FLAG, i);
      if (flag < 0) return length;
      this.reset();
      this.#skipping = false;
      return flag + 1;
    }
    let at = this.#at;
    let escaped = this.#escaped;
    for (; i < length; i++) {
      const c = chunk[i] ?? 0;
      const meaning = kind[c] ?? 0;
      if (meaning === PLAIN || (meaning === ESC && escaped)) {
        if (at === limit) break;
        mem[at++] = escaped ? c ^ 0x20 : c;
        escaped = false;
      } else if (meaning === ESC) {
        escaped = true;
      } else if (meaning === END) {
        this.#at = HEADROOM;
        this.#escaped = false;
        this.#frame(at, escaped);
        return i + 1;
      }
    }
    this.#at = at;
    this.#escaped = escaped;
    if (i < length) {
      this.#drop("hdlc.giant");
      this.#skipping = true;
    }
    return i;
  }

  #drop(name: HdlcDrop): void {
    this.#bad++;
    this.#drops.bump(name);
  }
  #frame(end: number, aborted: boolean): void {
    const start = HEADROOM;
    const mem = this.#mem;
    if (aborted) {
      this.#drop("hdlc.abort");
      return;
    }
    if (end === start) return; // flags may follow each other (RFC 1662 §3.1)
    if (end - start < 4) {
      this.#drop("hdlc.runt");
      return;
    }
    let tail = 2;
    if (this.fcs === 32 && end - start >= 6 && fcs32(FCS32_INIT, mem, start, end) === FCS32_GOOD) tail = 4;
    else if (
      fcs16(FCS16_INIT, mem, start, end) !== FCS16_GOOD ||
      (this.fcs === 32 && !isDefaultFramed(mem.subarray(start, end)))
    ) {
      this.#drop("hdlc.fcs");
      return;
    }
    this.#onFrame(new Packet(mem, start, end - tail));
  }
}
