import type { Clock, Timer } from "../../src/core/clock.ts";

interface Entry extends Timer {
  due: number;
  order: number;
  fire(): void;
}

/** Time that moves only when the test says so. Ties fire in arming order. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #armed = new Set<Entry>();

  now(): number {
    return this.#now;
  }

  timer(name: string, fire: () => void, turns?: { run(f: () => void): void }): Timer {
    const armed = this.#armed;
    const t: Entry = {
      name,
      due: 0,
      order: 0,
      fire: () => (turns ? turns.run(fire) : fire()),
      get armed() {
        return armed.has(t);
      },
      arm: (ms) => {
        t.due = this.#now + ms;
        t.order = this.#order++;
        armed.add(t);
      },
      disarm: () => {
        armed.delete(t);
      },
    };
    return t;
  }

  advance(ms: number): void {
    const until = this.#now + ms;
    for (let t = this.#next(until); t; t = this.#next(until)) {
      this.#now = t.due;
      this.#armed.delete(t);
      t.fire();
    }
    this.#now = until;
  }

  pending(): string[] {
    return [...this.#armed].sort((a, b) => a.due - b.due || a.order - b.order).map((t) => `${t.name}@${t.due}`);
  }

  #next(until: number): Entry | undefined {
    let best: Entry | undefined;
    for (const t of this.#armed) {
      if (t.due > until) continue;
      if (!best || t.due < best.due || (t.due === best.due && t.order < best.order)) best = t;
    }
    return best;
  }
}
