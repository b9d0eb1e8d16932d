import type { Clock, Timer } from "../../src/core/clock.ts";

interface Entry extends Timer {
  readonly name: string;
  due: number;
  order: number;
  fire(): void;
}
/** One arming of a timer; stale when the timer has another order by now, or none. */
interface Armed {
  readonly t: Entry;
  readonly due: number;
  readonly order: number;
}
const before = (a: Armed, b: Armed): boolean => a.due < b.due || (a.due === b.due && a.order < b.order);

/** Time that moves only when the test says so. Ties fire in arming order. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #armed = 0;
  /** A binary heap with stale armings in it: they go when they come up, or when they are the greater part. */
  #heap: Armed[] = [];

  now(): number {
    return this.#now;
  }
  /** Timers that are armed. */
  get size(): number {
    return this.#armed;
  }

  timer(name: string, fire: () => void, turns?: { run(f: () => void): void }): Timer {
    const t: Entry = {
      name,
      due: 0,
      order: -1,
      fire: () => (turns ? turns.run(fire) : fire()),
      get armed() {
        return t.order >= 0;
      },
      arm: (ms) => {
        if (t.order < 0) this.#armed++;
        t.due = this.#now + ms;
        t.order = this.#order++;
        this.#push({ t, due: t.due, order: t.order });
      },
      disarm: () => {
        if (t.order >= 0) this.#armed--;
        t.order = -1;
      },
    };
    return t;
  }

  /** When the next timer is due; null: none is armed. */
  next(): number | null {
    return this.#first()?.due ?? null;
  }
  advance(ms: number): void {
    const until = this.#now + ms;
    for (let a = this.#first(); a && a.due <= until; a = this.#first()) {
      this.#pop();
      this.#now = Math.max(this.#now, a.due);
      a.t.disarm();
      a.t.fire();
    }
    this.#now = until;
  }
  /** Time that code takes while it runs: no timer fires. */
  busy(ms: number): void {
    this.#now += ms;
  }
  pending(): string[] {
    return this.#heap
      .filter((a) => a.t.order === a.order)
      .sort((a, b) => (before(a, b) ? -1 : 1))
      .map((a) => `${a.t.name}@${a.due}`);
  }

  #first(): Armed | undefined {
    for (let a = this.#heap[0]; a; a = this.#heap[0]) {
      if (a.t.order === a.order) return a;
      this.#pop();
    }
    return undefined;
  }
  #push(a: Armed): void {
    if (this.#heap.length > 64 && this.#heap.length > 2 * this.#armed) {
      this.#heap = this.#heap.filter((x) => x.t.order === x.order).sort((x, y) => (before(x, y) ? -1 : 1));
    }
    const h = this.#heap;
    let i = h.push(a) - 1;
    for (let p = (i - 1) >> 1; i > 0 && before(a, h[p] as Armed); p = (i - 1) >> 1) {
      h[i] = h[p] as Armed;
      i = p;
    }
    h[i] = a;
  }
  #pop(): void {
    const h = this.#heap;
    const last = h.pop();
    if (last === undefined || h.length === 0) return;
    let i = 0;
    for (let c = 1; c < h.length; c = 2 * i + 1) {
      if (c + 1 < h.length && before(h[c + 1] as Armed, h[c] as Armed)) c++;
      if (!before(h[c] as Armed, last)) break;
      h[i] = h[c] as Armed;
      i = c;
    }
    h[i] = last;
  }
}
