// What we are making under a connection's IKE SA: one thing at a time, and who wins when the peer makes the same (RFC
// 7296 §2.8.1, §2.25).
import type { Clock } from "../../core/clock.ts";
import { type Rng, uniform } from "../../core/rng.ts";
import type { LiveChild } from "../children.ts";
import type { IkeSa } from "./ikesa.ts";
import { compare } from "./selectors.ts";

/** After TEMPORARY_FAILURE, and after a rekey that failed: so long, and up to twice as long. */
const RETRY_MS = 5000;

/** `theirs`: the peer began the same at the same time, with this as the lower of its nonces. */
export interface ChildTask {
  readonly kind: "child";
  readonly old: LiveChild | null;
  theirs: Uint8Array | null;
}
export interface IkeTask {
  readonly kind: "ike";
  theirs: Uint8Array | null;
  /** What came of theirs. */
  made: IkeSa | null;
}
type Task = ChildTask | IkeTask;
interface Env {
  readonly clock: Clock;
  readonly crypto: Rng;
}

export class Tasks {
  readonly #env: Env;
  #notBefore = 0;
  current: Task | null = null;

  constructor(env: Env) {
    this.#env = env;
  }
  /** Nothing is under way, and the pause after the last failure is over. */
  get free(): boolean {
    return this.current === null && this.#env.clock.now() >= this.#notBefore;
  }
  done(task: Task): null {
    if (this.current === task) this.current = null;
    return null;
  }
  /** Not again at once; `long`: it was refused. */
  pause(long: boolean): void {
    const share = long ? 2 : 1 + uniform(this.#env.crypto);
    this.#notBefore = this.#env.clock.now() + RETRY_MS * share;
  }
}
/** RFC 7296 §2.8.1: of what both sides make that with the lowest of the four nonces goes. */
export function hasLost({ theirs }: Pick<Task, "theirs">, low: Uint8Array): boolean {
  return theirs !== null && compare(low, theirs) < 0;
}
export function lower(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compare(a, b) < 0 ? a : b;
}
