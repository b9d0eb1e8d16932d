// Whether a backup link (fallback_for) may go: it waits while the link that it stands in for, its main link, is up, or
// has not been down for long.
//
//   spare --down--> patience --time--> needed --up--> returning --time--> spare
//         <---up---                           <-down-
//
// asked: somebody wants it now, whatever the main link does. spent: its attempts are over until the main link is back.
import type { Clock, Timer } from "../core/clock.ts";
import type { EventLog } from "../core/events.ts";
import { type Failure, failure } from "../core/failures.ts";

type Phase = "off" | "spare" | "patience" | "needed" | "returning" | "asked" | "spent";
type BackupEvent = "up" | "down" | "time" | "ask" | "spent";

export const TURNS: Readonly<Record<Phase, Partial<Record<BackupEvent, Phase>>>> = {
  off: {},
  spare: { down: "patience", ask: "asked" },
  patience: { up: "spare", time: "needed", ask: "needed" },
  needed: { up: "returning", spent: "spent" },
  returning: { down: "needed", time: "spare", ask: "asked", spent: "spare" },
  asked: { down: "needed", spent: "spare" },
  spent: { up: "spare", ask: "needed" },
};
const WAITING: readonly Phase[] = ["spare", "patience", "spent"];

/** Of a section. */
export interface BackupConfig {
  readonly name: string;
  readonly fallback_for: string | null;
  /** Seconds. */
  readonly fallback_after: number;
  readonly fallback_hold: number;
}
type Text = (c: BackupConfig, main: Standing) => string;
const TEXTS: Readonly<Partial<Record<Phase, Text>>> = {
  spare: (c, main) => `waits: ${c.fallback_for} is ${main ?? "up"}`,
  patience: (c) => `waits: ${c.fallback_for} is down, and has ${c.fallback_after} s to come up`,
  needed: (c) => `stands in: ${c.fallback_for} is down`,
  returning: (c) => `stands in: ${c.fallback_for} is up again, and is to be for ${c.fallback_hold} s`,
  asked: (c) => `is wanted now: ${c.fallback_for} is up too`,
  spent: (c) => `waits: its attempts are over until ${c.fallback_for} has been up`,
};
/** What is good about a link: it is up, or waits as the backup of another one; null: neither. */
export type Standing = "up" | "waiting" | null;

export class Backup {
  readonly #deps: { readonly clock: Clock; readonly log: EventLog };
  readonly #cfg: BackupConfig;
  readonly #main: () => Standing;
  readonly #changed: () => void;
  readonly #timer: Timer;
  #phase: Phase = "off";
  /** Clock time at which the timer goes off. */
  #at = 0;

  /** `main`: of the main link now. `changed` is called when it is to begin or to stop waiting, or waits for else. */
  constructor(
    deps: { readonly clock: Clock; readonly log: EventLog },
    cfg: BackupConfig,
    main: () => Standing,
    changed: () => void,
  ) {
    this.#deps = deps;
    this.#cfg = cfg;
    this.#main = main;
    this.#changed = changed;
    this.#timer = deps.clock.timer(`${cfg.name} backup`, () => this.#on("time"));
  }
  get waits(): boolean {
    return WAITING.includes(this.#phase);
  }
  /** Ready to stand in, should somebody wait for it in turn. */
  get ready(): boolean {
    return this.#phase === "spare" || this.#phase === "patience";
  }
  /** How it stands, as a sentence; null while nobody wants the link. */
  get text(): string | null {
    return TEXTS[this.#phase]?.(this.#cfg, this.#main()) ?? null;
  }
  /** Milliseconds until it stops waiting, as far as that is known. */
  get left(): number | null {
    return this.#phase === "patience" ? Math.max(0, this.#at - this.#deps.clock.now()) : null;
  }
  /** Why the link ends now that it waits. */
  get reason(): Failure {
    const { fallback_for: main, fallback_hold } = this.#cfg;
    return failure("main-up", `${main} has been up for ${fallback_hold} s: its backup is not needed`);
  }

  /** The link is wanted; `asked`: whatever the main link does. */
  begin(asked: boolean): void {
    this.#enter(this.#main() === null ? "patience" : "spare");
    if (asked) this.ask();
  }
  /** Somebody wants the link at once. */
  ask(): void {
    this.#next("ask");
  }
  /** Its attempts are over. */
  spent(): void {
    this.#next("spent");
  }
  /** The main link may have changed. */
  look(): void {
    this.#on(this.#main() === null ? "down" : "up");
  }
  /** Nobody wants the link. */
  stop(): void {
    this.#phase = "off";
    this.#timer.disarm();
  }

  #on(e: BackupEvent): void {
    const waited = this.waits;
    if (this.#next(e) && (waited || this.waits)) this.#changed();
  }
  #next(e: BackupEvent): boolean {
    const next = TURNS[this.#phase][e];
    if (next === undefined) return false;
    this.#enter(next);
    return true;
  }
  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#timer.disarm();
    const { name, fallback_after, fallback_hold } = this.#cfg;
    const times: Partial<Record<Phase, number>> = { patience: fallback_after, returning: fallback_hold };
    const seconds = times[phase];
    if (seconds !== undefined) {
      this.#at = this.#deps.clock.now() + seconds * 1000;
      this.#timer.arm(seconds * 1000);
    }
    this.#deps.log.emit({ kind: "link.backup", link: name, text: this.text ?? "" });
  }
}
