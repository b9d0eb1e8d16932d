// RFC 1661 §4: the option negotiation automaton. The table is the RFC's, cell for cell; a test compares it with the
// RFC's text.
import type { Clock, Timer } from "../core/clock.ts";

export const STATES = [
  "initial",
  "starting",
  "closed",
  "stopped",
  "closing",
  "stopping",
  "req-sent",
  "ack-rcvd",
  "ack-sent",
  "opened",
] as const;
export type State = (typeof STATES)[number];

/** Names as in RFC 1661 §4.4, This-Layer-Up to Send-Echo-Reply. */
const ACTIONS = ["tlu", "tld", "tls", "tlf", "irc", "zrc", "scr", "sca", "scn", "str", "sta", "scj", "ser"] as const;
export type Action = (typeof ACTIONS)[number];

type Row = readonly [string, string, string, string, string, string, string, string, string, string];

// biome-ignore format: columns line up with the RFC
export const TABLE = {
// 0 initial 1 starting 2 closed 3 stopped 4 closing 5 stopping 6 req-sent 7 ack-rcvd 8 ack-sent 9 opened
  "Up":    ["2",     "irc,scr/6", "-",         "-",             "-",      "-",       "-",         "-",         "-",         "-"],
  "Down":  ["-",     "-",         "0",         "tls/1",         "0",      "1",       "1",         "1",         "1",         "tld/1"],
  "Open":  ["tls/1", "1",         "irc,scr/6", "3r",            "5r",     "5r",      "6",         "7",         "8",         "9r"],
  "Close": ["0",     "tlf/0",     "2",         "2",             "4",      "4",       "irc,str/4", "irc,str/4", "irc,str/4", "tld,irc,str/4"],
  "TO+":   ["-",     "-",         "-",         "-",             "str/4",  "str/5",   "scr/6",     "scr/6",     "scr/8",     "-"],
  "TO-":   ["-",     "-",         "-",         "-",             "tlf/2",  "tlf/3",   "tlf/3p",    "tlf/3p",    "tlf/3p",    "-"],
  "RCR+":  ["-",     "-",         "sta/2",     "irc,scr,sca/8", "4",      "5",       "sca/8",     "sca,tlu/9", "sca/8",     "tld,scr,sca/8"],
  "RCR-":  ["-",     "-",         "sta/2",     "irc,scr,scn/6", "4",      "5",       "scn/6",     "scn/7",     "scn/6",     "tld,scr,scn/6"],
  "RCA":   ["-",     "-",         "sta/2",     "sta/3",         "4",      "5",       "irc/7",     "scr/6x",    "irc,tlu/9", "tld,scr/6x"],
  "RCN":   ["-",     "-",         "sta/2",     "sta/3",         "4",      "5",       "irc,scr/6", "scr/6x",    "irc,scr/8", "tld,scr/6x"],
  "RTR":   ["-",     "-",         "sta/2",     "sta/3",         "sta/4",  "sta/5",   "sta/6",     "sta/6",     "sta/6",     "tld,zrc,sta/5"],
  "RTA":   ["-",     "-",         "2",         "3",             "tlf/2",  "tlf/3",   "6",         "6",         "8",         "tld,scr/6"],
  "RUC":   ["-",     "-",         "scj/2",     "scj/3",         "scj/4",  "scj/5",   "scj/6",     "scj/7",     "scj/8",     "scj/9"],
  "RXJ+":  ["-",     "-",         "2",         "3",             "4",      "5",       "6",         "6",         "8",         "9"],
  "RXJ-":  ["-",     "-",         "tlf/2",     "tlf/3",         "tlf/2",  "tlf/3",   "tlf/3",     "tlf/3",     "tlf/3",     "tld,irc,str/5"],
  "RXR":   ["-",     "-",         "2",         "3",             "4",      "5",       "6",         "7",         "8",         "ser/9"],
} as const satisfies Record<string, Row>;
export type Event = keyof typeof TABLE;

/**
 * What the owner does, one table for all of a kind; irc, zrc and the Restart timer are the automaton's own. `input` is
 * what came with the event.
 */
export type Actions<Owner, In> = Readonly<
  Record<Exclude<Action, "irc" | "zrc">, (owner: Owner, input: In | undefined) => void>
> & {
  /**
   * The table has a dash here. From a peer it means "discard" (RFC 1661 §4.4, e.g. packets before the lower layer is
   * up).
   */
  illegal(owner: Owner, state: State, event: Event): void;
  /** Footnote x: an answer that crossed with another, "at the very least, this occurrence SHOULD be logged". */
  crossed(owner: Owner, state: State, event: Event): void;
};

export interface Limits {
  /** Restart timer, milliseconds (RFC 1661 §4.6). */
  readonly restartMs: number;
  readonly maxConfigure: number;
  readonly maxTerminate: number;
  /** Footnote p: stay in Stopped without tlf when nobody answers, and wait for the peer. */
  readonly passive: boolean;
  /** Footnote r: an Open while Opened, Stopped or closing renegotiates by Down and Up. */
  readonly restart: boolean;
}
export const LIMITS: Limits = { restartMs: 3000, maxConfigure: 10, maxTerminate: 2, passive: false, restart: false };

interface Step {
  readonly acts: readonly Action[];
  readonly next: number;
  readonly note: "" | "p" | "r" | "x";
}

function compile(cell: string, where: string): Step | null {
  if (cell === "-") return null;
  const m = /^(?:([a-z,]+)\/)?(\d)([prx]?)$/.exec(cell);
  if (!m) throw new Error(`RFC 1661 table, ${where}: ${cell}`);
  const acts = (m[1]?.split(",") ?? []).map((name) => {
    const a = ACTIONS.find((x) => x === name);
    if (!a) throw new Error(`RFC 1661 table, ${where}: ${name}`);
    return a;
  });
  return { acts, next: Number(m[2]), note: m[3] as Step["note"] };
}
const STEPS: ReadonlyMap<string, readonly (Step | null)[]> = new Map(
  Object.entries(TABLE).map(([event, row]) => [event, row.map((cell, i) => compile(cell, `${event} in ${STATES[i]}`))]),
);

export interface AutomatonStart {
  readonly clock: Clock;
  /** For the timer's name. */
  readonly name: string;
  readonly limits?: Limits;
}

export class Automaton<Owner, In> {
  readonly #owner: Owner;
  #state = 0;
  #left = 0;
  #busy = false;
  /** Null: nothing happens now. */
  #queue: { readonly event: Event; readonly input: In | undefined }[] | null = null;
  readonly #clock: Clock;
  readonly #name: string;
  /** The Restart timer, while it is needed: most automata are at rest for hours. */
  #timer: Timer | null = null;
  readonly #act: Actions<Owner, In>;
  readonly #limits: Limits;

  constructor({ clock, name, limits = LIMITS }: AutomatonStart, owner: Owner, act: Actions<Owner, In>) {
    this.#owner = owner;
    this.#act = act;
    this.#limits = limits;
    this.#clock = clock;
    this.#name = name;
  }
  get state(): State {
    return STATES[this.#state] as State;
  }
  /** Runs to completion: an event raised by an action waits for its turn. */
  on(event: Event, input?: In): void {
    this.#queue ??= [];
    this.#queue.push({ event, input });
    this.#run();
  }
  /** From Starting to Opened: somebody else has sent and acknowledged what that takes (RFC 2661 §4.4.5). */
  resume(): void {
    this.#state = STATES.indexOf("opened");
    this.#run(() => this.#act.tlu(this.#owner, undefined));
  }
  #run(first?: () => void): void {
    if (this.#busy) return;
    this.#busy = true;
    try {
      first?.();
      for (let it = this.#queue?.shift(); it; it = this.#queue?.shift()) this.#step(it.event, it.input);
      this.#queue = null;
    } finally {
      this.#busy = false;
    }
  }
  /** For good: the owner is about to forget this automaton. */
  stop(): void {
    this.#disarm();
    this.#queue = null;
  }

  #step(event: Event, input: In | undefined): void {
    const step = STEPS.get(event)?.[this.#state];
    if (!step) {
      this.#act.illegal(this.#owner, this.state, event);
      return;
    }
    if (step.note === "x") this.#act.crossed(this.#owner, this.state, event);
    this.#state = step.next;
    // RFC 1661 §4.1: the timer stops when a state without TO events is entered.
    if (step.next < 4 || step.next > 8) this.#disarm();
    for (const a of step.acts) this.#do(a, step, input);
    if (step.note === "r" && this.#limits.restart) {
      this.#queue ??= [];
      this.#queue.unshift({ event: "Down", input: undefined }, { event: "Up", input: undefined });
    }
  }

  #do(a: Action, step: Step, input: In | undefined): void {
    switch (a) {
      case "irc":
        this.#left = step.acts.includes("str") ? this.#limits.maxTerminate : this.#limits.maxConfigure;
        return;
      case "zrc": // one quiet period, so that the peer sees the Terminate-Ack before the link goes
        this.#left = 0;
        this.#arm();
        return;
      case "scr":
      case "str":
        this.#left--;
        this.#arm();
        this.#act[a](this.#owner, input);
        return;
      case "tlf":
        if (step.note === "p" && this.#limits.passive) return;
        this.#act.tlf(this.#owner, input);
        return;
      default:
        this.#act[a](this.#owner, input);
    }
  }

  #arm(): void {
    this.#timer ??= this.#clock.timer(`${this.#name}-restart`, () => this.on(this.#left > 0 ? "TO+" : "TO-"));
    this.#timer.arm(this.#limits.restartMs);
  }
  #disarm(): void {
    this.#timer?.disarm();
    this.#timer = null;
  }
}
