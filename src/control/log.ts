// Events to lines and to followers. Nothing a peer does may flood the log: one line a second for each kind of bad input, and
// eight a second for each layer, whatever words a peer finds.
import type { Clock } from "../core/clock.ts";
import { type Event, type EventLog, LEVELS, type Level, levelOf, line } from "../core/events.ts";

const QUIET_MS = 1000;
const LAYER_LINES = 8;
const KINDS = 512; // distinct limits remembered; beyond that the oldest is forgotten

export class EventHub implements EventLog {
  readonly #clock: Clock;
  readonly #write: (line: string) => void;
  readonly #followers = new Set<(e: Event) => void>();
  readonly #last = new Map<string, { at: number; held: number }>();
  /** By our own names of layers. */
  readonly #layers = new Map<string, { since: number; shown: number }>();
  level: Level;

  constructor(clock: Clock, level: Level, write: (line: string) => void) {
    this.#clock = clock;
    this.level = level;
    this.#write = write;
  }
  emit(e: Event): void {
    const kind = limited(e);
    const held = kind === null ? 0 : this.#limit(kind);
    if (held === null || (e.kind === "peer.bad" && this.#crowded(e.layer))) return;
    if (LEVELS.indexOf(levelOf(e)) <= LEVELS.indexOf(this.level)) this.#write(held > 0 ? `${line(e)} (and ${held} more like it)` : line(e));
    for (const f of this.#followers) f(e);
  }
  follow(f: (e: Event) => void): () => void {
    this.#followers.add(f);
    return () => void this.#followers.delete(f);
  }
  /** How many of this kind were held back since the last one shown; null: hold this one back too. */
  #limit(what: string): number | null {
    const now = this.#clock.now();
    const last = this.#last.get(what);
    if (last && now - last.at < QUIET_MS) {
      last.held++;
      return null;
    }
    this.#last.delete(what);
    this.#last.set(what, { at: now, held: 0 });
    const oldest = this.#last.keys().next();
    if (this.#last.size > KINDS && !oldest.done) this.#last.delete(oldest.value);
    return last?.held ?? 0;
  }
  /** Whether a layer has had its lines of this second. */
  #crowded(layer: string): boolean {
    const now = this.#clock.now();
    const l = this.#layers.get(layer);
    if (l && now - l.since < QUIET_MS) return ++l.shown > LAYER_LINES;
    this.#layers.set(layer, { since: now, shown: 1 });
    return false;
  }
}

/** What anybody can cause with one datagram, by its kind; null for the rest. Numbers are the sender's choice: no part of a kind. */
function limited(e: Event): string | null {
  if (e.kind === "peer.bad") return `${e.layer} ${e.what.replace(/[0-9]+/g, "#")}`;
  return e.kind === "ike.failed" ? `failed ${e.link} ${e.code}` : null;
}
