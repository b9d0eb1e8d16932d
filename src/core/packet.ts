/** Room in front of an IP packet: ESP 8 + IV 16 + UDP 8 + L2TP 16 + PPP 4, rounded up to cache lines. */
export const HEADROOM = 128;
/** Room behind it: ESP padding 15 + trailer 2 + ICV 32, rounded up. */
export const TAILROOM = 64;

/** One packet in one slab; [start, end) is what the current layer sees. Words as in sk_buff. */
export class Packet {
  readonly mem: Uint8Array;
  start: number;
  end: number;
  constructor(mem: Uint8Array, start: number, end: number) {
    if (start < 0 || end < start || end > mem.length) throw new RangeError("packet: bounds outside its memory");
    this.mem = mem;
    this.start = start;
    this.end = end;
  }
  /** A fresh packet with room on both sides that holds a copy of `body`. */
  static of(body: Uint8Array): Packet {
    const mem = new Uint8Array(HEADROOM + body.length + TAILROOM);
    mem.set(body, HEADROOM);
    return new Packet(mem, HEADROOM, HEADROOM + body.length);
  }
  get length(): number {
    return this.end - this.start;
  }
  /** Takes `n` bytes of headroom; returns the new start. */
  push(n: number): number {
    if (n < 0 || n > this.start) throw new RangeError("packet: headroom exhausted");
    this.start -= n;
    return this.start;
  }
  /** Drops `n` bytes at the front; false, and nothing done, when there are fewer. */
  pull(n: number): boolean {
    if (n < 0 || n > this.length) return false;
    this.start += n;
    return true;
  }
  /** Takes `n` bytes of tailroom; returns where they begin. */
  put(n: number): number {
    if (n < 0 || this.end + n > this.mem.length) throw new RangeError("packet: tailroom exhausted");
    const at = this.end;
    this.end += n;
    return at;
  }
  /** A view, not a copy. */
  view(): Uint8Array {
    return this.mem.subarray(this.start, this.end);
  }
}
