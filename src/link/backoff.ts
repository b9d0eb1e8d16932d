import { type Rng, uniform } from "../core/rng.ts";

/**
 * Seconds: the first and the longest pause after a failure that will hardly mend itself. Faster, a wrong password might
 * lock an account.
 */
export const LASTING_FIRST = 30;
const LASTING_MOST = 300;

/** A pause that doubles from `first` to `most` seconds, each a quarter up or down at random, for ever. */
class Doubling {
  readonly #rng: Rng;
  readonly #first: number;
  readonly #most: number;
  #next: number;

  constructor(rng: Rng, first: number, most: number) {
    this.#rng = rng;
    this.#first = first;
    this.#most = most;
    this.#next = first;
  }
  /** Milliseconds. */
  pause(): number {
    const seconds = this.#next;
    this.#next = Math.min(this.#most, seconds * 2);
    return Math.round(seconds * 1000 * (0.75 + uniform(this.#rng) / 2));
  }
  reset(): void {
    this.#next = this.#first;
  }
}

/**
 * Pauses between attempts, for ever: from `min` to `max` seconds, and longer ones after failures that are likely to
 * last.
 */
export class Backoff {
  readonly #ordinary: Doubling;
  readonly #lasting: Doubling;

  constructor(rng: Rng, minSeconds: number, maxSeconds: number) {
    this.#ordinary = new Doubling(rng, minSeconds, maxSeconds);
    this.#lasting = new Doubling(rng, Math.max(minSeconds, LASTING_FIRST), Math.max(maxSeconds, LASTING_MOST));
  }
  /** Milliseconds until the next attempt. `lasting`: as in Failure. */
  pause(lasting: boolean): number {
    return lasting ? this.#lasting.pause() : this.#ordinary.pause();
  }
  /** The route to the peer changed: restart the back-off, except after lasting failures. */
  anew(): void {
    this.#ordinary.reset();
  }
  /** The link was up long enough, or a person asked for it: restart the back-off. */
  reset(): void {
    this.#ordinary.reset();
    this.#lasting.reset();
  }
}
