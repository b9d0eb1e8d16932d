// The events of one session. A peer chooses what some of them say: how many of those there are is bounded here.

import type { Clock } from "../core/clock.ts";
import type { Event, EventLog } from "../core/events.ts";
import { faultEvent } from "../core/fault.ts";
import { LazySet } from "../core/lazy.ts";

/** Between two events about frames that cannot be read. */
const BAD_MS = 1000;
/** Distinct protocols and options of the peer that get an event, per session. */
const MAX_REJECTED = 16;

export class Report {
  readonly #clock: Clock;
  readonly #log: EventLog;
  readonly #link: string;
  readonly #rejected = new LazySet<string>();
  #lastBad = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, log: EventLog, link: string) {
    this.#clock = clock;
    this.#log = log;
    this.#link = link;
  }
  emit(e: Event): void {
    this.#log.emit(e);
  }
  bad(peer: string, what: string): void {
    const now = this.#clock.now();
    if (now - this.#lastBad < BAD_MS) return;
    this.#lastBad = now;
    this.#log.emit({ kind: "peer.bad", link: this.#link, layer: "ppp", peer, what });
  }
  proxied(text: string): void {
    this.#log.emit({ kind: "ppp.proxied", link: this.#link, text });
  }
  rejected(what: string): void {
    if (this.#rejected.size >= MAX_REJECTED || this.#rejected.has(what)) return;
    this.#rejected.add(what);
    this.#log.emit({ kind: "ppp.rejected", link: this.#link, what });
  }
  fault(e: unknown): void {
    this.#log.emit(faultEvent(this.#link, "a PPP session", e));
  }
}
