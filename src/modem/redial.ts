// Which number is dialled next, and when: all of them in turn, a growing pause after each round, and never one number
// again before its own pause is over (some countries' networks insist on that, and some modems' black lists).
import { type Rng, uniform } from "../core/rng.ts";

interface RedialPolicy {
  readonly phones: readonly string[];
  /** Seconds: after the first round, and at most. */
  readonly minSeconds: number;
  readonly maxSeconds: number;
  /** Seconds between two calls to one number, whatever else is due. */
  readonly sameNumberSeconds: number;
  /** Rounds through all numbers; 0: no last one. */
  readonly rounds: number;
}
/** Between different numbers of one round. */
const NEXT_NUMBER_MS = 2000;

export class Redial {
  readonly #policy: RedialPolicy;
  readonly #rng: Rng;
  readonly #lastEnd = new Map<string, number>();
  #at = 0;
  #round = 0;
  #pauseSeconds: number;
  #cameThrough = false;

  constructor(policy: RedialPolicy, rng: Rng) {
    this.#policy = policy;
    this.#rng = rng;
    this.#pauseSeconds = policy.minSeconds;
  }
  /** The number for the next attempt; null on a line without numbers. */
  get phone(): string | null {
    return this.#policy.phones[this.#at] ?? null;
  }
  /**
   * The attempt under `phone` ended at `now` (ms). Milliseconds until the next one may begin, or null: it was the last.
   */
  failed(now: number): number | null {
    const { phones, maxSeconds, minSeconds, rounds, sameNumberSeconds } = this.#policy;
    if (this.phone !== null) this.#lastEnd.set(this.phone, now);
    let wait = NEXT_NUMBER_MS;
    if (this.#cameThrough) {
      wait = this.#jittered(minSeconds);
    } else if (++this.#at >= phones.length) {
      this.#at = 0;
      this.#round++;
      if (rounds > 0 && this.#round >= rounds) return null;
      wait = this.#jittered(this.#pauseSeconds);
      this.#pauseSeconds = Math.min(maxSeconds, this.#pauseSeconds * 2);
    }
    this.#cameThrough = false;
    const last = this.phone === null ? undefined : this.#lastEnd.get(this.phone);
    const own = last === undefined ? 0 : last + sameNumberSeconds * 1000 - now;
    return Math.round(Math.max(wait, own));
  }
  /** A call came through: rounds and pauses begin anew, with the number that worked. Numbers keep their own pauses. */
  succeeded(): void {
    this.#cameThrough = true;
    this.#round = 0;
    this.#pauseSeconds = this.#policy.minSeconds;
  }
  #jittered(seconds: number): number {
    return seconds * 1000 * (0.75 + uniform(this.#rng) / 2);
  }
}
