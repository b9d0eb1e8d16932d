// Our own SPIs: chosen here, promised to a negotiation, then an SA's.
import { type Rng, random32 } from "../core/rng.ts";

const RESERVED = 256; // RFC 4303 §2.1: 0 is for local use, 1 to 255 are IANA's

export class Spis {
  readonly #rng: Rng;
  readonly #inUse: (spi: number) => boolean;
  readonly #promised = new Set<number>();

  /** `inUse`: whether an inbound SA has it. */
  constructor(rng: Rng, inUse: (spi: number) => boolean) {
    this.#rng = rng;
    this.#inUse = inUse;
  }
  /** How many are promised to negotiations. */
  get size(): number {
    return this.#promised.size;
  }
  /** Random, 256 at least, nobody else's until it is released. */
  allocate(): number {
    for (;;) {
      const spi = random32(this.#rng);
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
