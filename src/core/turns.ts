// Run to completion: a layer below may answer while we still send, and an owner may stop us in its own callback, so
// input that arrives while a turn runs is queued.
import type { Clock, Timer } from "./clock.ts";
import { contain } from "./scope.ts";

export class Turns implements Clock {
  readonly #clock: Clock;
  readonly #fault: (e: unknown) => void;
  /** Null: none waits. */
  #waiting: (() => void)[] | null = null;
  #busy = false;
  /** `fault` receives what a turn throws; the other turns still run. */
  constructor(clock: Clock, fault: (e: unknown) => void) {
    this.#clock = clock;
    this.#fault = fault;
  }
  get busy(): boolean {
    return this.#busy;
  }
  /** Runs `f` now, or after the running turn and those queued. */
  run(f: () => void): void {
    this.#waiting ??= [];
    this.#waiting.push(f);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let it = this.#waiting?.shift(); it; it = this.#waiting?.shift()) contain(it, this.#fault);
      this.#waiting = null;
    } finally {
      this.#busy = false;
    }
  }
  /** Drops the queued turns. */
  clear(): void {
    this.#waiting = null;
  }
  now(): number {
    return this.#clock.now();
  }
  /** Its timers take turns like everything else; `entry`: by way of a scope that has its turns here. */
  timer(name: string, fire: () => void, entry: { run(f: () => void): void } = this): Timer {
    return this.#clock.timer(name, fire, entry);
  }
}
