// One attempt of a link, or one session of a server: rungs climbed from the lowest to the highest, and left from the
// top. It ends exactly once, whatever fails first.
//
//   up:    rungs[0].up() ... isUp() -> rungs[1].up() ... isUp() -> owner.onUp()
//   down:  the top's down() ... isDown() -> drop() -> the next lower one ... -> owner.onEnd()

import type { Clock, Timer } from "../core/clock.ts";
import type { Event, EventLog, LinkState } from "../core/events.ts";
import { type Failure, type FailureCode, failure } from "../core/failures.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { giveBack } from "../core/give-back.ts";
import { allOf, contain, Scope } from "../core/scope.ts";
import { systemFailure } from "./deps.ts";
import type { Stage } from "./status.ts";

/** Time for all goodbyes to the peer, in milliseconds; the daemon promises two seconds for the whole shutdown. */
const CLOSE_MS = 1500;
/** And where the peer has fallen silent: each goodbye is said, and not waited for. */
const GONE_MS = 100;
const GONE: readonly FailureCode[] = ["echo-timeout", "dead-peer", "peer-silent"];
export function gone(why: Failure): boolean {
  return GONE.includes(why.code);
}
/** Every layer has its own shorter timeout; this one catches a hang between layers. */
const STAGE_MS = 60_000;

export interface Rung {
  readonly name: string;
  /** Everything below is up. Answered by isUp() or a failure, now or later. */
  up(): void;
  /** Says goodbye to the peer. Answered by isDown(), now or later; drop() follows. */
  down?(why: Failure): void;
  /**
   * Lets go of everything at once; what it still waited for no longer counts. Also called without down(), and again.
   * The promise is for what the host takes back; it never rejects.
   */
  drop?(why: Failure): void | Promise<void>;
  /** Its goodbye may take longer than CLOSE_MS, and has a limit of its own. */
  readonly patient?: boolean;
}

export interface LadderOwner {
  onState?(state: LinkState): void;
  onStage?(stage: Stage): void;
  /** Every rung is up. Called again after PPP renegotiates. */
  onUp(): void;
  /** Called once: the ladder starts to go down. */
  onEnding?(why: Failure): void;
  /** Called once, last: everything is released. */
  onEnd(why: Failure): void;
}
export interface LadderOptions {
  readonly clock: Clock;
  readonly log: EventLog;
  /** For events. */
  readonly link: string;
  /** What a fault in it ends, in words; and the layer that its failure names. */
  readonly what: string;
  readonly layer: "system" | "ppp";
  /** Ends the ladder when a stage stays busy for STAGE_MS. */
  readonly hurried: boolean;
}

export class Ladder {
  /** All input enters here; an unexpected error ends the ladder (rule 7). */
  readonly scope: Scope;
  readonly #o: LadderOptions;
  readonly #owner: LadderOwner;
  #rungs: readonly Rung[] = [];
  /** The highest rung that is up or coming up. */
  #at = -1;
  #why: Failure | null = null;
  /** Rungs whose down() was called, and those that answered it. */
  #asked: Rung | null = null;
  #left: Rung | null = null;
  #descending = false;
  /** Out of time for goodbyes; and, from the start, none for patient ones. */
  #late = false;
  #quick = false;
  #ended = false;
  #guard: Timer | null = null;
  #close: Timer | null = null;
  #undo: (() => void | Promise<void>)[] | null = null;

  /** `o` may be shared by all ladders of one kind. */
  constructor(o: LadderOptions, owner: LadderOwner) {
    this.#o = o;
    this.#owner = owner;
    this.scope = new Scope(o.clock, (e) => this.#fault(e));
  }
  /** Up or coming up. */
  get alive(): boolean {
    return this.#why === null;
  }
  /** Its end may take no longer than CLOSE_MS. */
  get quick(): boolean {
    return this.#quick;
  }

  climb(rungs: readonly Rung[]): void {
    this.#rungs = rungs;
    this.scope.run(() => this.#next());
  }
  #next(): void {
    this.#rungs[++this.#at]?.up();
  }
  /** `rung` is up: start the next one. */
  isUp(rung: Rung): void {
    if (!this.alive || this.#rungs[this.#at] !== rung) return;
    if (this.#at + 1 < this.#rungs.length) return this.#next();
    this.#guard?.disarm();
    this.#owner.onUp();
  }
  /** `rung` restarts: drop what stands on it; isUp() follows again. */
  again(rung: Rung): void {
    if (this.alive) this.#dropAbove(this.#rungs.indexOf(rung), failure("line-down", `${rung.name} restarted`));
  }
  /** `rung` failed: drop what stands on it and end the ladder, for `why` unless a rung above gave a better reason. */
  lost(rung: Rung, why: Failure): void {
    this.scope.run(() => {
      this.#dropAbove(this.#rungs.indexOf(rung), why);
      this.#fail(why);
    });
  }
  /** `rung` has finished its goodbye. */
  isDown(rung: Rung): void {
    this.scope.run(() => {
      this.#left = rung;
      if (!this.alive) this.#descend();
    });
  }
  /**
   * Ends it politely; onEnd follows within CLOSE_MS, and the time of a patient rung unless it is `quick`. The first
   * reason counts.
   */
  fail(why: Failure, quick = false): void {
    this.scope.run(() => {
      if (quick && !this.#quick) {
        this.#quick = true;
        if (!this.#ended) this.#close?.arm(CLOSE_MS);
      }
      this.#fail(why);
    });
  }

  /** Handles a promise's result while the ladder is up or coming up. */
  settle<T>(p: Promise<T>, ok: (x: T) => void, failed: (e: unknown) => Failure = systemFailure): void {
    this.scope.settle(
      p,
      (x) => {
        if (this.alive) ok(x);
      },
      (e) => {
        const why = failed(e); // throws what is no SystemError
        if (this.alive) this.#fail(why);
      },
    );
  }
  /** The same for a host resource: released at the end, or at once when the ladder has already ended. */
  take<T>(p: Promise<T>, undo: (x: T) => void | Promise<void>, ok: (x: T) => void): void {
    const taken = p.then((x) => {
      this.took(() => undo(x));
      return x;
    });
    this.settle(taken, ok);
  }
  took(undo: () => void | Promise<void>): void {
    if (this.#ended) return void giveBack(undo, (e) => this.log(e));
    this.#undo ??= [];
    this.#undo.push(undo);
  }
  /** Whether `f` went well; a SystemError ends the ladder. */
  attempt(f: () => void): boolean {
    try {
      f();
      return true;
    } catch (e) {
      this.fail(systemFailure(e));
      return false;
    }
  }
  /** For events. */
  get link(): string {
    return this.#o.link;
  }
  emit(e: Event): void {
    this.#o.log.emit(e);
  }
  log(e: unknown): void {
    this.emit(faultEvent(this.link, this.#o.what, e));
  }
  state(state: LinkState): void {
    this.#owner.onState?.(state);
  }
  stage(name: Stage["name"], state: Stage["state"], text: string): void {
    if (state === "busy" && this.#o.hurried && this.alive) this.#hurry();
    this.#owner.onStage?.({ name, state, text });
  }
  #hurry(): void {
    this.#guard ??= this.scope.timer(`${this.#o.link} stage`, () =>
      this.#fail(failure("timeout", `no progress for ${STAGE_MS / 1000} seconds`)),
    );
    this.#guard.arm(STAGE_MS);
  }

  /** A fault is a failure like any other; a fault on the way down skips the remaining goodbyes. */
  #fault(e: unknown): void {
    this.log(e);
    if (this.alive) this.#fail(internal(this.#o.layer, e));
    else this.#end();
  }
  #fail(why: Failure): void {
    if (!this.alive) return;
    this.#why = why;
    this.#close = this.scope.timer(`${this.#o.link} close`, () => {
      this.#late = true;
      this.#descend();
    });
    this.#close.arm(gone(why) ? GONE_MS : CLOSE_MS);
    allOf(
      (e) => this.log(e),
      () => this.#guard?.disarm(),
      () => {
        if (this.#rungs.some((r) => r.patient)) this.state("stopping");
      },
      () => this.#owner.onEnding?.(why),
    );
    this.#descend();
  }
  #descend(): void {
    if (this.#descending || this.#ended) return;
    this.#descending = true;
    try {
      this.#goDown(this.#why as Failure);
    } finally {
      this.#descending = false;
    }
  }
  #goDown(why: Failure): void {
    for (let rung = this.#rungs[this.#at]; rung; rung = this.#rungs[this.#at]) {
      const time = !this.#late || (rung.patient === true && !this.#quick);
      if (time && this.#asked !== rung) {
        this.#asked = rung;
        rung.down?.(why);
      }
      if (time && rung.down && this.#left !== rung) return; // isDown() goes on
      this.#dropAbove(this.#at - 1, why);
    }
    this.#end();
  }
  /** From the top. PPP may end with a reason of its own in it, and the ladder with that. */
  #dropAbove(index: number, why: Failure): void {
    while (this.#at > index && this.#at >= 0) {
      const rung = this.#rungs[this.#at--] as Rung;
      contain(
        () => void rung.drop?.(why),
        (e) => this.log(e),
      );
    }
  }
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const why = this.#why as Failure;
    const undone: Promise<void>[] = [];
    this.#dropAbove(-1, why);
    allOf(
      (e) => this.log(e),
      ...this.#rungs.map((r) => () => {
        const leaving = r.drop?.(why);
        if (leaving) undone.push(leaving);
      }),
      () => this.#guard?.disarm(),
      () => this.#close?.disarm(),
      ...(this.#undo ?? []).reverse().map((f) => () => void undone.push(giveBack(f, (e) => this.log(e)))),
    );
    if (undone.length === 0) return this.#owner.onEnd(why);
    Promise.all(undone).then(
      () => this.#owner.onEnd(why),
      (e: unknown) => this.log(e),
    );
  }
}
