// Memory pressure: refuses new peers early enough to keep existing sessions up.
import type { Clock } from "../core/clock.ts";
import type { EventLog } from "../core/events.ts";

/** Of what the program may hold. The rest is for those who are connected: renewals, status, the end. */
const SHARE = 0.9;
const TELL_MS = 60_000;
const MB = 1e6;

/** Bytes that the program holds, and may hold. */
export type Memory = () => { readonly used: number; readonly limit: number };

export class Pressure {
  readonly #clock: Clock;
  readonly #log: EventLog;
  readonly #memory: Memory | null;
  #refused = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** `memory` null: never refuses. */
  constructor(clock: Clock, log: EventLog, memory: Memory | null) {
    this.#clock = clock;
    this.#log = log;
    this.#memory = memory;
  }
  /**
   * Whether something new (a main mode, a tunnel, a call) has to be refused; it is counted then, and said once a
   * minute.
   */
  refuses(): boolean {
    if (!this.#memory) return false;
    const { used, limit } = this.#memory();
    if (used <= limit * SHARE) return false;
    this.#refused++;
    const now = this.#clock.now();
    if (now - this.#toldAt < TELL_MS) return true;
    this.#toldAt = now;
    const share = `${Math.round(used / MB)} MB of ${Math.round(limit / MB)} MB are in use`;
    const text = `memory is short: ${share}; new peers and sessions are refused, what is up stays up`;
    this.#log.emit({ kind: "daemon.warning", link: "", text });
    return true;
  }
  /** For status, as a drop by name. */
  drops(): Record<string, number> {
    return this.#refused > 0 ? { "memory.refused": this.#refused } : {};
  }
}
