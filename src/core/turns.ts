// Run to completion: a layer below may answer while we still send, and an owner may stop us in its own callback. What comes up
// while something runs therefore waits for its turn.
import type { Clock, Timer } from "./clock.ts";

export class Turns implements Clock {
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  #busy = false;
  constructor(clock: Clock) {
    this.#clock = clock;
  }
  get busy(): boolean {
    return this.#busy;
  }
  /** Now, or after what is running and what waits already. */
  run(f: () => void): void {
    this.#waiting.push(f);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let it = this.#waiting.shift(); it; it = this.#waiting.shift()) it();
    } finally {
      this.#busy = false;
    }
  }
  /** Forgets what waits. */
  clear(): void {
    this.#waiting.length = 0;
  }
  now(): number {
    return this.#clock.now();
  }
  /** Its timers take turns like everything else. */
  timer(name: string, fire: () => void): Timer {
    return this.#clock.timer(name, fire, this);
  }
}
