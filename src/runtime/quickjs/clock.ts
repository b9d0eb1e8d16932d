// Clock on one alarm of the host. The instants at which timers are due are a binary heap; most of thousands of idle
// sessions' timers share theirs with others, and cost no look into it.
import type { Clock, Timer } from "../../core/clock.ts";
import type { Sys } from "./sys.ts";

/** A timer of LONG_MS or more may be late by SHARED_MS: so thousands of idle sessions share their wakes. */
const LONG_MS = 2000;
const SHARED_MS = 50;
/** Places of timers that are no longer there: more than these are taken out when they are half of an instant's. */
const HOLES = 16;

type Turns = Parameters<Clock["timer"]>[2];

/** A class rather than closures: a session has a score of timers, and each closure costs the engine 200 bytes. */
class QuickjsTimer implements Timer {
  /** Where it is armed, and its place there. */
  instant: Instant | null = null;
  index = 0;
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
    return this.instant !== null;
  }
  arm(ms: number): void {
    this.#clock.arm(this, ms);
  }
  disarm(): void {
    if (this.instant) this.#clock.disarm(this, this.instant);
  }
}

/** The timers of one instant, in the order in which they were armed. */
class Instant {
  readonly at: number;
  /** Its place in the heap. */
  index = 0;
  #timers: (QuickjsTimer | null)[] = [];
  /** Before this one they have been taken. */
  #next = 0;
  #armed = 0;

  constructor(at: number) {
    this.at = at;
  }
  get empty(): boolean {
    return this.#armed === 0;
  }
  add(t: QuickjsTimer): void {
    t.instant = this;
    t.index = this.#timers.length;
    this.#timers.push(t);
    this.#armed++;
  }
  remove(t: QuickjsTimer): void {
    this.#leave(t);
    const holes = this.#timers.length - this.#armed;
    if (holes > HOLES && holes > this.#armed) this.#close();
  }
  /** The first one, which it has no longer; null: there is none. Once called, nothing is added. */
  take(): QuickjsTimer | null {
    while (this.#next < this.#timers.length) {
      const t = this.#timers[this.#next++];
      if (!t) continue;
      this.#leave(t);
      return t;
    }
    return null;
  }
  #leave(t: QuickjsTimer): void {
    t.instant = null;
    this.#timers[t.index] = null;
    this.#armed--;
  }
  #close(): void {
    this.#timers = this.#timers.filter((t) => t !== null);
    this.#next = 0;
    for (const [i, t] of this.#timers.entries()) if (t) t.index = i;
  }
}

class Heap {
  readonly #all: Instant[] = [];

  first(): Instant | undefined {
    return this.#all[0];
  }
  add(e: Instant): void {
    this.#all.push(e);
    this.#up(e, this.#all.length - 1);
  }
  remove(e: Instant): void {
    const last = this.#all.pop();
    if (last === undefined || last === e) return;
    if (!this.#down(last, e.index)) this.#up(last, e.index);
  }
  #up(e: Instant, from: number): void {
    let i = from;
    for (let parent = (i - 1) >> 1; i > 0; parent = (i - 1) >> 1) {
      const p = this.#all[parent] as Instant;
      if (p.at <= e.at) break;
      this.#put(p, i);
      i = parent;
    }
    this.#put(e, i);
  }
  #down(e: Instant, from: number): boolean {
    let i = from;
    for (;;) {
      const left = this.#all[2 * i + 1];
      const right = this.#all[2 * i + 2];
      const child = right && left && right.at < left.at ? right : left;
      if (!child || child.at >= e.at) break;
      const next = child.index;
      this.#put(child, i);
      i = next;
    }
    this.#put(e, i);
    return i !== from;
  }
  #put(e: Instant, i: number): void {
    this.#all[i] = e;
    e.index = i;
  }
}

class QuickjsClock implements Clock {
  readonly #sys: Alarm;
  readonly #heap = new Heap();
  /** What is in the heap, by time. */
  readonly #instants = new Map<number, Instant>();
  /** Those that have come, in order, and are out of the heap. */
  #due: Instant[] = [];
  #firing = false;

  constructor(sys: Alarm) {
    this.#sys = sys;
    sys.onAlarm = () => this.#fire();
  }
  now(): number {
    return this.#sys.now();
  }
  /** Its name is for those who look at a clock, as tests do. */
  timer(_name: string, fire: () => void, turns?: Turns): Timer {
    return new QuickjsTimer(this, fire, turns);
  }
  arm(t: QuickjsTimer, ms: number): void {
    if (t.instant) this.#remove(t, t.instant);
    const exact = this.#sys.now() + Math.max(0, ms);
    const at = ms < LONG_MS ? exact : Math.ceil(exact / SHARED_MS) * SHARED_MS;
    let instant = this.#instants.get(at);
    if (!instant) {
      instant = new Instant(at);
      this.#instants.set(at, instant);
      this.#heap.add(instant);
    }
    instant.add(t);
    this.#wake();
  }
  disarm(t: QuickjsTimer, from: Instant): void {
    this.#remove(t, from);
    this.#wake();
  }
  #remove(t: QuickjsTimer, from: Instant): void {
    from.remove(t);
    if (!from.empty || this.#instants.get(from.at) !== from) return;
    this.#instants.delete(from.at);
    this.#heap.remove(from);
  }
  #wake(): void {
    if (this.#firing) return;
    this.#sys.alarm(this.#due.length > 0 ? this.#sys.now() : (this.#heap.first()?.at ?? Infinity));
  }
  #fire(): void {
    const now = this.#sys.now();
    // What is armed for "now" while these fire waits for the next turn: descriptors come in between.
    for (let i = this.#heap.first(); i && i.at <= now; i = this.#heap.first()) {
      this.#heap.remove(i);
      this.#instants.delete(i.at);
      this.#due.push(i);
    }
    this.#firing = true;
    try {
      for (let i = this.#due[0]; i; i = this.#due[0]) {
        for (let t = i.take(); t; t = i.take()) t.fire();
        this.#due.shift();
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
