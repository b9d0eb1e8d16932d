// Clock on one alarm of the host: the timers are a binary heap.
import type { Clock, Timer } from "../../core/clock.ts";
import type { Sys } from "./sys.ts";

interface Entry {
  at: number;
  /** Timers of one instant fire in the order in which they were armed. */
  order: number;
  /** Its place in the heap; -1: not armed. */
  index: number;
  readonly fire: () => void;
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

class Heap {
  readonly #all: Entry[] = [];

  first(): Entry | undefined {
    return this.#all[0];
  }
  add(e: Entry): void {
    this.#all.push(e);
    this.#up(e, this.#all.length - 1);
  }
  remove(e: Entry): void {
    const last = this.#all.pop();
    const i = e.index;
    e.index = -1;
    if (last === undefined || last === e) return;
    if (!this.#down(last, i)) this.#up(last, i);
  }
  #up(e: Entry, from: number): void {
    let i = from;
    for (let parent = (i - 1) >> 1; i > 0; parent = (i - 1) >> 1) {
      const p = this.#all[parent] as Entry;
      if (!before(e, p)) break;
      this.#put(p, i);
      i = parent;
    }
    this.#put(e, i);
  }
  #down(e: Entry, from: number): boolean {
    let i = from;
    for (;;) {
      const left = this.#all[2 * i + 1];
      const right = this.#all[2 * i + 2];
      const child = right && left && before(right, left) ? right : left;
      if (!child || !before(child, e)) break;
      const next = child.index;
      this.#put(child, i);
      i = next;
    }
    this.#put(e, i);
    return i !== from;
  }
  #put(e: Entry, i: number): void {
    this.#all[i] = e;
    e.index = i;
  }
}

/** Takes sys.alarm and sys.onAlarm for itself. */
export function quickjsClock(sys: Pick<Sys, "now" | "alarm" | "onAlarm">): Clock {
  const heap = new Heap();
  let order = 0;
  let firing = false;
  const wake = (): void => {
    if (!firing) sys.alarm(heap.first()?.at ?? Infinity);
  };
  sys.onAlarm = () => {
    const now = sys.now();
    // What is armed for "now" while these fire waits for the next turn: descriptors come in between.
    const last = order;
    firing = true;
    for (let e = heap.first(); e && e.at <= now && e.order < last; e = heap.first()) {
      heap.remove(e);
      e.fire();
    }
    firing = false;
    wake();
  };
  return {
    now: () => sys.now(),
    timer(name, fire): Timer {
      const e: Entry = { at: 0, order: 0, index: -1, fire };
      return {
        name,
        get armed() {
          return e.index >= 0;
        },
        arm(ms) {
          if (e.index >= 0) heap.remove(e);
          e.at = sys.now() + Math.max(0, ms);
          e.order = order++;
          heap.add(e);
          wake();
        },
        disarm() {
          if (e.index < 0) return;
          heap.remove(e);
          wake();
        },
      };
    },
  };
}
