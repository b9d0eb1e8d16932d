// Token buckets of peers that have no other entry here: one for each of the last keys that spent something.
import type { Clock } from "../core/clock.ts";

/** `burst` at once, then one in every `everyMs` milliseconds. */
export interface Rate {
  readonly burst: number;
  readonly everyMs: number;
}
/** Keys that are remembered. */
const KEYS = 1024;

export class Buckets {
  readonly #clock: Clock;
  readonly #rate: Rate;
  /** Clock time when each bucket is full again; the longest unused first. */
  readonly #fullAt = new Map<string, number>();

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock;
    this.#rate = rate;
  }
  spent(key: string): boolean {
    const { burst, everyMs } = this.#rate;
    return (this.#fullAt.get(key) ?? 0) - this.#clock.now() > (burst - 1) * everyMs;
  }
  spend(key: string): void {
    const at = Math.max(this.#fullAt.get(key) ?? 0, this.#clock.now()) + this.#rate.everyMs;
    this.#fullAt.delete(key);
    this.#fullAt.set(key, at);
    const oldest = this.#fullAt.keys().next();
    if (this.#fullAt.size > KEYS && !oldest.done) this.#fullAt.delete(oldest.value);
  }
}
