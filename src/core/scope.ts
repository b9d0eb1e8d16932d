// Rule 7: an unexpected error ends what it belongs to, never the process. Whatever comes from outside (a datagram, a
// timer, what a promise brought) enters a machine through the machine's scope; what is thrown there ends the machine,
// and nothing else.
import type { Clock, Timer } from "./clock.ts";

/** How often a fault handler that throws itself is called again, with what it threw. */
const HANDLER_TRIES = 3;

/**
 * Runs `f`; what it throws goes to `fault`. A handler that throws is called again: whoever writes one lets the second
 * call do without courtesy. What still throws then goes on to the enclosing scope.
 */
export function contain(f: () => void, fault: (e: unknown) => void): void {
  let next = f;
  for (let tries = 0; ; tries++) {
    try {
      return next();
    } catch (e) {
      if (tries > HANDLER_TRIES) throw e;
      next = () => fault(e);
    }
  }
}

/**
 * Every step of an end, whatever becomes of the others: half an end leaks what the other half would have given back.
 */
export function allOf(fault: (e: unknown) => void, ...steps: readonly (() => void)[]): void {
  for (const step of steps) contain(step, fault);
}

export class Scope implements Clock {
  readonly #clock: Clock;
  readonly #fault: (e: unknown) => void;
  readonly #turns: { run(f: () => void): void } | null;

  /** `fault` ends the owner. `turns`: what comes in takes its turn there. */
  constructor(clock: Clock, fault: (e: unknown) => void, turns: { run(f: () => void): void } | null = null) {
    this.#clock = clock;
    this.#fault = fault;
    this.#turns = turns;
  }
  run(f: () => void): void {
    if (this.#turns) this.#turns.run(() => contain(f, this.#fault));
    else contain(f, this.#fault);
  }
  /** What a promise brings comes in like everything else. */
  settle<T>(p: Promise<T>, ok: (x: T) => void, failed: (e: unknown) => void): void {
    p.then(
      (x) => this.run(() => ok(x)),
      (e: unknown) => this.run(() => failed(e)),
    );
  }
  now(): number {
    return this.#clock.now();
  }
  /** A timer of the owner; of something inside it that has turns of its own, it fires there. */
  timer(name: string, fire: () => void, turns: { run(f: () => void): void } = this): Timer {
    return this.#clock.timer(name, fire, turns);
  }
}
