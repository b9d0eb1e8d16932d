// Clock on one alarm of the host: the timers are a binary heap.
import type { Clock, Timer } from "../../core/clock.ts";
import type { Sys } from "./sys.ts";

/** A timer of LONG_MS or more may be late by SHARED_MS: so thousands of idle sessions share their wakes. */
const LONG_MS = 2000;
const SHARED_MS = 50;

type Turns = Parameters<Clock["timer"]>[2];

/** A class rather than closures: a session has a score of timers, and each closure costs the engine 200 bytes. */
class QuickjsTimer implements Timer {
  at = 0;
  /** Timers of one instant fire in the order in which they were armed. */
  order = 0;
  /** Its place in the heap; -1: not armed. */
  index = -1;
  readonly #fire: () => void;
  readonly #turns: Turns;
  readonly #clock: QuickjsClock;

  constructor(clock: QuickjsClock, fire: () => void, turns: Turns) {
    this.#clock = clock;
    this.#fire = fire;
    this.#turns = turns;
  }
  fire(): void {
    if (this.#turns) this.#turns.run(this.#fire);
    else this.#fire();
  }
  get armed(): boolean {
    return this.index >= 0;
  }
  arm(ms: number): void {
    this.#clock.arm(this, ms);
  }
  disarm(): void {
    if (this.index >= 0) this.#clock.disarm(this);
  }
}

function before(a: QuickjsTimer, b: QuickjsTimer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

class Heap {
  readonly #all: QuickjsTimer[] = [];

  first(): QuickjsTimer | undefined {
    return this.#all[0];
  }
  add(e: QuickjsTimer): void {
    this.#all.push(e);
    this.#up(e, this.#all.length - 1);
  }
  remove(e: QuickjsTimer): void {
    const last = this.#all.pop();
    const i = e.index;
    e.index = -1;
    if (last === undefined || last === e) return;
    if (!this.#down(last, i)) this.#up(last, i);
  }
  #up(e: QuickjsTimer, from: number): void {
    let i = from;
    for (let parent = (i - 1) >> 1; i > 0; parent = (i - 1) >> 1) {
      const p = this.#all[parent] as QuickjsTimer;
      if (!before(e, p)) break;
      this.#put(p, i);
      i = parent;
    }
    this.#put(e, i);
  }
  #down(e: QuickjsTimer, from: number): boolean {
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
  #put(e: QuickjsTimer, i: number): void {
    this.#all[i] = e;
    e.index = i;
  }
}

class QuickjsClock implements Clock {
  readonly #sys: Alarm;
  readonly #heap = new Heap();
  #order = 0;
  #firing = false;

  constructor(sys: Alarm) {
    this.#sys = sys;
    sys.onAlarm = () => this.#due();
  }
  now(): number {
    return this.#sys.now();
  }
  /** Its name is for those who look at a clock, as tests do. */
  timer(_name: string, fire: () => void, turns?: Turns): Timer {
    return new QuickjsTimer(this, fire, turns);
  }
  arm(t: QuickjsTimer, ms: number): void {
    if (t.index >= 0) this.#heap.remove(t);
    const at = this.#sys.now() + Math.max(0, ms);
    t.at = ms < LONG_MS ? at : Math.ceil(at / SHARED_MS) * SHARED_MS;
    t.order = this.#order++;
    this.#heap.add(t);
    this.#wake();
  }
  disarm(t: QuickjsTimer): void {
    this.#heap.remove(t);
    this.#wake();
  }
  #wake(): void {
    if (!this.#firing) this.#sys.alarm(this.#heap.first()?.at ?? Infinity);
  }
  #due(): void {
    const now = this.#sys.now();
    // What is armed for "now" while these fire waits for the next turn: descriptors come in between.
    const last = this.#order;
    this.#firing = true;
    try {
      for (let t = this.#heap.first(); t && t.at <= now && t.order < last; t = this.#heap.first()) {
        this.#heap.remove(t);
        t.fire();
      }
    } finally {
      // An error of one is uncaught; the others are still due.
      this.#firing = false;
      this.#wake();
    }
  }
}

type Alarm = Pick<Sys, "now" | "alarm" | "onAlarm">;

/** Takes sys.alarm and sys.onAlarm for itself. */
export function quickjsClock(sys: Alarm): Clock {
  return new QuickjsClock(sys);
}
