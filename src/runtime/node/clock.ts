// Clock on Node's monotonic time.
import type { Clock, Timer } from "../../core/clock.ts";

type Turns = Parameters<Clock["timer"]>[2];

class NodeTimer implements Timer {
  readonly name: string;
  readonly #fire: () => void;
  readonly #turns: Turns;
  #handle: NodeJS.Timeout | null = null;
  constructor(name: string, fire: () => void, turns: Turns) {
    this.name = name;
    this.#fire = fire;
    this.#turns = turns;
  }
  get armed(): boolean {
    return this.#handle !== null;
  }
  arm(ms: number): void {
    this.disarm();
    // Node fires a timer beyond 2^31-1 ms at once.
    const wait = Math.min(Math.max(0, ms), 0x7fff_ffff);
    this.#handle = setTimeout(() => {
      this.#handle = null;
      if (ms > wait && ms !== Infinity) this.arm(ms - wait);
      else if (ms === Infinity) this.arm(ms);
      else if (this.#turns) this.#turns.run(this.#fire);
      else this.#fire();
    }, wait);
  }
  disarm(): void {
    if (this.#handle === null) return;
    clearTimeout(this.#handle);
    this.#handle = null;
  }
}

export const nodeClock: Clock = {
  now: () => performance.now(),
  timer: (name, fire, turns) => new NodeTimer(name, fire, turns),
};
