// Message ids of one ISAKMP SA (RFC 2409 appendix B: each exchange has its own). Ours count up from a random start, so
// two numbers tell which we have used; the peer's are all remembered as long as the SA lives. A message whose id was
// used is ignored, be it the peer's again or one of ours sent back to us: HASH(1) is the same for both directions.
import { type Rng, random32 } from "../../core/rng.ts";

/** Most ids of the peer until it must renew phase 1: R-U-THERE and an answer every 15 s for 8 hours. */
const MOST = 4096;
/** A client renews phase 1 at this number. */
const MANY = 3072;
/** This many are kept in a list: most SAs see no more, and a list takes half of a table's memory. */
const FEW = 8;
const FIRST_SLOTS = 4 * FEW;

export class MessageIds {
  readonly #first: number;
  #sent = 0;
  readonly #few: number[] = [];
  /** Those beyond the few. Open addressing, 0 is an empty slot: 32 KiB at most. */
  #slots: Uint32Array | null = null;
  #heard = 0;

  constructor(rng: Rng) {
    this.#first = random32(rng);
  }
  /** The SA accepts no more of the peer's exchanges. */
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
    this.#heard++;
    if (this.#few.length < FEW) {
      this.#few.push(id);
      return;
    }
    const old = this.#slots ?? new Uint32Array(FIRST_SLOTS / 2);
    if (!this.#slots || 2 * this.#heard >= old.length) {
      this.#slots = new Uint32Array(2 * old.length);
      for (const x of old) if (x !== 0) put(this.#slots, x);
    }
    put(this.#slots, id);
  }
  #has(id: number): boolean {
    return this.#few.includes(id) || (this.#slots !== null && this.#slots[slot(this.#slots, id)] === id);
  }
}
function put(slots: Uint32Array, id: number): void {
  slots[slot(slots, id)] = id;
}
/** Where `id` is, or the empty slot where it belongs. At most half of the slots are in use. */
function slot(slots: Uint32Array, id: number): number {
  const mask = slots.length - 1;
  let at = (Math.imul(id, 0x9e3779b1) >>> 16) & mask;
  while (slots[at] !== 0 && slots[at] !== id) at = (at + 1) & mask;
  return at;
}
