// Our own SPIs: chosen here, promised to a negotiation, then an SA's. Their top bit says in which data plane it is, so
// that two can work side by side: neither has the other's SPIs, and a socket filter tells their packets apart.
import { type Rng, random32 } from "../core/rng.ts";

const RESERVED = 256; // RFC 4303 §2.1: 0 is for local use, 1 to 255 are IANA's
/** Set in the SPIs of the kernel plane alone. */
export const KERNEL_SPIS = 0x8000_0000;

export class Spis {
  readonly #rng: Rng;
  readonly #top: 0 | typeof KERNEL_SPIS;
  readonly #inUse: (spi: number) => boolean;
  readonly #promised = new Set<number>();

  /** `inUse`: whether an inbound SA has it. */
  constructor(rng: Rng, inUse: (spi: number) => boolean, top: 0 | typeof KERNEL_SPIS = 0) {
    this.#rng = rng;
    this.#top = top;
    this.#inUse = inUse;
  }
  /** How many are promised to negotiations. */
  get size(): number {
    return this.#promised.size;
  }
  /** Random, 256 at least, nobody else's until it is released. */
  allocate(): number {
    for (;;) {
      const spi = ((random32(this.#rng) & ~KERNEL_SPIS) | this.#top) >>> 0;
      if (spi < RESERVED || this.#promised.has(spi) || this.#inUse(spi)) continue;
      this.#promised.add(spi);
      return spi;
    }
  }
  /** Its negotiation is over: it is an SA's now, or free. */
  release(spi: number): void {
    this.#promised.delete(spi);
  }
}
