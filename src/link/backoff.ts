import { type Rng, uniform } from "../core/rng.ts";

/** Pauses between attempts: doubling from `min` to `max` seconds, each a quarter up or down at random, for ever. */
export class Backoff {
  readonly #rng: Rng;
  readonly #min: number;
  readonly #max: number;
  #next: number;

  constructor(rng: Rng, minSeconds: number, maxSeconds: number) {
    this.#rng = rng;
    this.#min = minSeconds;
    this.#max = maxSeconds;
    this.#next = minSeconds;
  }
  /** Milliseconds until the next attempt. `hopeless`: the same configuration cannot succeed, wait the longest time. */
  pause(hopeless: boolean): number {
    const seconds = hopeless ? this.#max : this.#next;
    this.#next = Math.min(this.#max, this.#next * 2);
    return Math.round(seconds * 1000 * (0.75 + uniform(this.#rng) / 2));
  }
  /** The link was up for a good while: start small again. */
  reset(): void {
    this.#next = this.#min;
  }
}
