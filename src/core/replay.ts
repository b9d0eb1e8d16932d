// Anti-replay window by the method of RFC 6479: a ring of 32-bit words with one word more than the window needs, so
// that sliding clears whole words and never shifts.

export class ReplayWindow {
  readonly size: number;
  readonly #bits: Uint32Array;
  readonly #mask: number;
  #top = 0;

  /** `size` in packets: a multiple of 32. */
  constructor(size = 1024) {
    if (!Number.isInteger(size) || size < 32 || size % 32 !== 0 || size > 65536)
      throw new RangeError("replay window: a multiple of 32, at most 65536");
    this.size = size;
    let words = 2;
    while (words * 32 < size + 32) words *= 2;
    this.#bits = new Uint32Array(words);
    this.#mask = words - 1;
  }
  /** Highest sequence number accepted, 0: none. */
  get top(): number {
    return this.#top;
  }
  /** Whether `seq` (32 bits, unsigned) is neither too old nor seen. 0 is never sent (RFC 4303 §3.3.3). */
  fresh(seq: number): boolean {
    if (seq === 0) return false;
    if (seq > this.#top) return true;
    return this.#top - seq < this.size && (((this.#bits[(seq >>> 5) & this.#mask] ?? 0) >>> (seq & 31)) & 1) === 0;
  }
  /** After the packet proved authentic, and only after fresh(). */
  mark(seq: number): void {
    if (seq > this.#top) {
      const from = this.#top >>> 5;
      const steps = Math.min((seq >>> 5) - from, this.#mask + 1);
      for (let i = 1; i <= steps; i++) this.#bits[(from + i) & this.#mask] = 0;
      this.#top = seq;
    }
    const w = (seq >>> 5) & this.#mask;
    this.#bits[w] = (this.#bits[w] ?? 0) | (1 << (seq & 31));
  }
}
