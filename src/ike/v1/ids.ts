// Message ids of one ISAKMP SA (RFC 2409 appendix B: each exchange has its own). Ours count up from a random start, so
// that all of them are known by two numbers; the peer's are all remembered as long as the SA. A message with an id that
// was used, the peer's again or one of ours sent back to us (HASH(1) is the same for both directions), is never heard.
import { type Rng, random32 } from "../../core/rng.ts";

/** The peer's, until it must renew phase 1: with R-U-THERE and an answer every 15 s for 8 hours. */
const MOST = 4096;
/** A client renews phase 1 when so many have been used. */
const MANY = 3072;
const FIRST_SLOTS = 16;

export class MessageIds {
  readonly #first: number;
  #sent = 0;
  /** Open addressing, 0 is an empty slot: 32 KiB at most. */
  #slots = new Uint32Array(FIRST_SLOTS);
  #heard = 0;

  constructor(rng: Rng) {
    this.#first = random32(rng);
  }
  /** The peer has used so many that the SA takes no more. */
  get full(): boolean {
    return this.#heard >= MOST;
  }
  /** Time for another SA. */
  get many(): boolean {
    return this.#heard >= MANY;
  }
  /** A new one of ours, never 0. */
  next(): number {
    for (;;) {
      const id = (this.#first + this.#sent++) >>> 0;
      if (id !== 0 && !this.#has(id)) return id;
    }
  }
  used(id: number): boolean {
    return (id - this.#first) >>> 0 < this.#sent || this.#has(id);
  }
  /** An authentic message of the peer began an exchange with `id`, which is not 0. */
  heard(id: number): void {
    if (this.#has(id)) return;
    if (this.#heard * 2 >= this.#slots.length) {
      const old = this.#slots;
      this.#slots = new Uint32Array(2 * old.length);
      for (const x of old) if (x !== 0) this.#slots[this.#slot(x)] = x;
    }
    this.#slots[this.#slot(id)] = id;
    this.#heard++;
  }
  #has(id: number): boolean {
    return this.#slots[this.#slot(id)] === id;
  }
  /** Where `id` is, or the empty slot where it belongs. At most half of the slots are in use. */
  #slot(id: number): number {
    const mask = this.#slots.length - 1;
    let at = (Math.imul(id, 0x9e3779b1) >>> 16) & mask;
    while (this.#slots[at] !== 0 && this.#slots[at] !== id) at = (at + 1) & mask;
    return at;
  }
}
