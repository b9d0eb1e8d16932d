// Events to log lines and to followers. A peer cannot flood the log: one line a second for each kind of bad input, and
// eight a second for each layer, whatever text a peer sends.
import type { Clock } from "../core/clock.ts";
import { type Event, type EventLog, LEVELS, type Level, levelOf, line } from "../core/events.ts";
import { faultEvent } from "../core/fault.ts";

const QUIET_MS = 1000;
const LAYER_LINES = 8;
const KINDS = 512; // distinct limits remembered; beyond that the oldest is forgotten

export class EventHub implements EventLog {
  readonly #clock: Clock;
  readonly #write: (line: string, level: Level) => void;
  readonly #inSources: (stack: string) => string;
  readonly #followers = new Set<(e: Event) => void>();
  readonly #last = new Map<string, { at: number; held: number }>();
  /** Every event by kind, and how it went, those that no line tells too: in our own names. */
  readonly counts = new Map<string, number>();
  /** By layer, in our own names. */
  readonly #layers = new Map<string, { since: number; shown: number }>();
  level: Level;

  /** `inSources`: maps a stack's positions from the bundle to its sources. */
  constructor(
    clock: Clock,
    level: Level,
    write: (line: string, level: Level) => void,
    inSources: (stack: string) => string = (s) => s,
  ) {
    this.#clock = clock;
    this.level = level;
    this.#write = write;
    this.#inSources = inSources;
  }
  /** Never throws: a listener's error must not reach the emitter. */
  emit(told: Event): void {
    this.#count(told);
    const kind = limited(told);
    const held = kind === null ? 0 : this.#limit(kind);
    if (held === null || (told.kind === "peer.bad" && this.#crowded(told.layer))) return;
    if (told.kind === "daemon.fault" && this.#crowded("fault")) return;
    const e = told.kind === "daemon.fault" ? { ...told, stack: this.#inSources(told.stack) } : told;
    const level = levelOf(e);
    if (LEVELS.indexOf(level) <= LEVELS.indexOf(this.level))
      this.#write(held > 0 ? `${line(e)} (and ${held} more like it)` : line(e), level);
    const broken: unknown[] = [];
    for (const f of this.#followers) {
      try {
        f(e);
      } catch (why) {
        broken.push(why);
      }
    }
    // A follower that throws on fault events too was reported once.
    if (e.kind !== "daemon.fault")
      for (const why of broken) this.emit(faultEvent(e.link, `a follower of events, at ${e.kind}`, why));
  }
  follow(f: (e: Event) => void): () => void {
    this.#followers.add(f);
    return () => void this.#followers.delete(f);
  }
  #count(e: Event): void {
    const key = `${e.kind} ${resultOf(e)}`;
    const n = this.counts.get(key);
    if (n !== undefined || this.counts.size < KINDS) this.counts.set(key, (n ?? 0) + 1);
  }
  /** How many of this kind were suppressed since the last one shown; null: suppress this one too. */
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
  /** Whether a layer has used up its lines of this second. */
  #crowded(layer: string): boolean {
    const now = this.#clock.now();
    const l = this.#layers.get(layer);
    if (l && now - l.since < QUIET_MS) return ++l.shown > LAYER_LINES;
    this.#layers.set(layer, { since: now, shown: 1 });
    return false;
  }
}

/**
 * The kind of an event that anybody can cause with one datagram; null for the rest. A kind holds no numbers: the sender
 * chooses those.
 */
function limited(e: Event): string | null {
  if (e.kind === "daemon.fault") return `fault ${e.where} ${e.text}`;
  if (e.kind === "peer.bad") return `${e.layer} ${e.what.replace(/[0-9]+/g, "#")}`;
  return e.kind === "ike.failed" ? `failed ${e.link} ${e.code}` : null;
}

/** "": there is but one. */
function resultOf(e: Event): string {
  if (e.kind === "peer.bad") return e.layer;
  if (e.kind === "ppp.auth") return e.ok ? "ok" : "refused";
  return "code" in e ? e.code : "";
}
