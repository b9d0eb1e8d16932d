// Whose Diffie-Hellman computation is next. It is the one expensive thing that a stranger can make us do, so all of it
// together gets a share of the processor, and that share is dealt out in turn: one network after another, in each
// network one peer after another, and every second turn to a known peer. However many others ask, a newcomer waits for
// as many turns as there are networks that ask, not as there are peers.
import type { Clock, Timer } from "../core/clock.ts";
import { type Origin, Waiting, type WaitingLimits } from "../core/waiting.ts";

export interface TurnLimits {
  /** Of one processor, more than 0, at most 1. */
  readonly share: number;
  /** Least cost of one turn in milliseconds, whatever the clock says. */
  readonly leastMs: number;
  /** Milliseconds of work that can be saved up while idle. */
  readonly burstMs: number;
  /** How many may wait; one more puts another off, whose peer asks again. */
  readonly waiting: WaitingLimits;
}

/** The queue, by network and peer; the order of the Maps is the order of turns. */
class Line<T> {
  readonly #origins = new Map<T, Origin>();
  readonly #networks = new Map<string, Map<string, T[]>>();
  readonly #limits: Waiting<T>;
  constructor(limits: WaitingLimits) {
    this.#limits = new Waiting(limits);
  }
  get size(): number {
    return this.#origins.size;
  }
  /** The item that is put off to make room, or null. */
  add(item: T, origin: Origin): T | null {
    const out = this.#limits.add(item, origin);
    if (out !== null) this.delete(out);
    const peers = this.#networks.get(origin.network) ?? new Map<string, T[]>();
    const own = peers.get(origin.peer) ?? [];
    own.push(item);
    peers.set(origin.peer, own);
    this.#networks.set(origin.network, peers);
    this.#origins.set(item, origin);
    return out;
  }
  limit(limits: WaitingLimits): void {
    this.#limits.limits = limits;
  }
  delete(item: T): void {
    this.#limits.delete(item);
    const origin = this.#origins.get(item);
    const peers = origin && this.#networks.get(origin.network);
    const own = peers?.get(origin?.peer ?? "");
    if (!origin || !peers || !own) return;
    this.#origins.delete(item);
    own.splice(own.indexOf(item), 1);
    if (own.length === 0) peers.delete(origin.peer);
    if (peers.size === 0) this.#networks.delete(origin.network);
  }
  /** The next item; its peer and network go to the end of the queue. */
  next(): T | null {
    for (const [network, peers] of this.#networks) {
      for (const [peer, own] of peers) {
        const [item] = own;
        if (item === undefined) break;
        peers.delete(peer);
        peers.set(peer, own);
        this.#networks.delete(network);
        this.#networks.set(network, peers);
        this.delete(item);
        return item;
      }
    }
    return null;
  }
}

export class Turns<T> {
  readonly #clock: Clock;
  readonly #limits: TurnLimits;
  readonly #serve: (item: T) => void;
  readonly #known: Line<T>;
  readonly #strangers: Line<T>;
  readonly #timer: Timer;
  /** Milliseconds of work that may be done now; negative after a turn that cost more. */
  #credit: number;
  #at: number;
  #knownLast = false;

  constructor(clock: Clock, limits: TurnLimits, serve: (item: T) => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#serve = serve;
    this.#known = new Line(limits.waiting);
    this.#strangers = new Line(limits.waiting);
    this.#credit = limits.burstMs;
    this.#at = clock.now();
    this.#timer = clock.timer("ike turns", () => this.#work());
  }
  get size(): number {
    return this.#known.size + this.#strangers.size;
  }
  /** How many may wait from now on. */
  limit(waiting: WaitingLimits): void {
    this.#known.limit(waiting);
    this.#strangers.limit(waiting);
  }
  /** Serves `item`, at once or when its turn comes. Returns the item that is put off for it, never itself, or null. */
  ask(item: T, origin: Origin, known: boolean): T | null {
    this.#refill();
    if (this.size === 0 && this.#credit > 0) {
      this.#run(item);
      return null;
    }
    const out = (known ? this.#known : this.#strangers).add(item, origin);
    this.#wake();
    return out;
  }
  /** It no longer wants its turn. */
  cancel(item: T): void {
    this.#known.delete(item);
    this.#strangers.delete(item);
    if (this.size === 0) this.#timer.disarm();
  }

  #work(): void {
    this.#refill();
    while (this.#credit > 0) {
      const item = this.#next();
      if (item === null) return;
      this.#run(item);
    }
    this.#wake();
  }
  #next(): T | null {
    this.#knownLast = !this.#knownLast;
    const [a, b] = this.#knownLast ? [this.#known, this.#strangers] : [this.#strangers, this.#known];
    return a.next() ?? b.next();
  }
  #run(item: T): void {
    const began = this.#clock.now();
    this.#serve(item);
    this.#credit -= Math.max(this.#limits.leastMs, this.#clock.now() - began);
  }
  #refill(): void {
    const now = this.#clock.now();
    this.#credit = Math.min(this.#limits.burstMs, this.#credit + (now - this.#at) * this.#limits.share);
    this.#at = now;
  }
  #wake(): void {
    if (this.size > 0 && !this.#timer.armed)
      this.#timer.arm(Math.ceil((this.#limits.leastMs - Math.min(0, this.#credit)) / this.#limits.share));
  }
}
