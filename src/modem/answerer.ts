// The answering side of a line: a modem that rings and is told to answer, or a null modem on which somebody begins to
// speak PPP.
import type { Clock } from "../core/clock.ts";
import { COMMAND_ABORTS, connectSpeed, stepFailure } from "./answers.ts";
import { bytes, Conversation, type Outcome, type Step } from "./conversation.ts";
import type { DialLine, DialOwner } from "./dialer.ts";
import { HangUp } from "./hangup.ts";

export interface AnswerConfig {
  /** Null modem: no commands, the peer's first flag is the call. CLIENT before it is answered with CLIENTSERVER. */
  readonly modem: boolean;
  readonly init: readonly string[];
  /** Answered at the so-manieth ring. */
  readonly rings: number;
  readonly commandMs: number;
  readonly connectMs: number;
}
export interface AnswerOwner extends DialOwner {
  /** The line rings; once a call. */
  onRing(): void;
}

/** Rings come every four to six seconds; after so much silence the caller has given up. */
const RING_GAP_MS = 10_000;
const FOREVER_MS = 0x7fff_ffff;
const FLAG = "~";
/** What Windows says on a null-modem cable until it is answered. */
const CLIENT = "CLIENT";
const HELLO_MS = 500;

export class Answerer {
  readonly #clock: Clock;
  readonly #line: DialLine;
  readonly #cfg: AnswerConfig;
  readonly #owner: AnswerOwner;
  readonly #talk: Conversation;
  #hangUp: HangUp | null = null;
  #over = false;
  #woken = false;
  #lastHello = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, line: DialLine, cfg: AnswerConfig, owner: AnswerOwner) {
    this.#clock = clock;
    this.#line = line;
    this.#cfg = cfg;
    this.#owner = owner;
    this.#talk = new Conversation(clock, line, []);
  }
  /** Waits for a call for ever; onFailed only says that the modem itself does not do what it is told. */
  start(): void {
    if (!this.#cfg.modem) this.#waitForFlag();
    else if (this.#line.carrier === true) this.#clear(() => this.#prepare(0));
    else this.#prepare(0);
  }
  input(chunk: Uint8Array): void {
    if (this.#over) return;
    if (this.#hangUp) this.#hangUp.input(chunk);
    else this.#talk.input(chunk);
  }
  stop(): void {
    this.#over = true;
    this.#talk.stop();
    this.#hangUp?.stop();
  }

  #step(step: Step, done: (o: Outcome) => void): void {
    this.#talk.begin(step, (o) => {
      if (!this.#over) done(o);
    });
  }
  #clear(then: () => void): void {
    this.#hangUp = new HangUp(this.#clock, this.#line, () => {
      this.#hangUp = null;
      then();
    });
    this.#hangUp.start();
  }
  /** The init strings, then ATS0=0: it is we who answer, after as many rings as are wanted. */
  #prepare(nth: number): void {
    const text = [...this.#cfg.init, "ATS0=0"][nth];
    if (text === undefined) return this.#waitForRing(0);
    const name = nth < this.#cfg.init.length ? `init ${nth + 1}` : "answer mode";
    const ms = this.#cfg.commandMs;
    const step: Step = {
      name,
      send: [bytes(`${text}\r`)],
      expect: ["OK"],
      abort: COMMAND_ABORTS,
      match: "lines",
      timeoutMs: ms,
    };
    this.#owner.onStep(name, Conversation.shown(step.send));
    this.#step(step, (o) => {
      this.#owner.onAnswer(name, o.is === "silence" ? o.received : o.answer);
      if (o.is === "found") return this.#prepare(nth + 1);
      if (o.is === "silence" && !this.#woken) {
        this.#woken = true;
        return this.#clear(() => this.#prepare(nth));
      }
      this.stop();
      this.#owner.onFailed(stepFailure(name, o, "OK", ms / 1000));
    });
  }
  #waitForRing(heard: number): void {
    const timeoutMs = heard === 0 ? FOREVER_MS : RING_GAP_MS;
    this.#step({ name: "wait", send: [], expect: ["RING"], abort: [], match: "lines", timeoutMs }, (o) => {
      if (o.is !== "found") return this.#waitForRing(0);
      if (heard === 0) this.#owner.onRing();
      if (heard + 1 >= this.#cfg.rings) return this.#answer();
      this.#waitForRing(heard + 1);
    });
  }
  #answer(): void {
    const ms = this.#cfg.connectMs;
    this.#owner.onStep("answer", "ATA");
    const step: Step = {
      name: "answer",
      send: [bytes("ATA\r")],
      expect: ["CONNECT"],
      abort: ["NO CARRIER", "ERROR", "NO ANSWER", "VOICE"],
      match: "lines",
      timeoutMs: ms,
    };
    this.#step(step, (o) => {
      this.#owner.onAnswer("answer", o.is === "silence" ? o.received : o.answer);
      if (o.is === "found") return this.#connected(connectSpeed(o.answer), o.answer, this.#talk.rest());
      // The caller is gone, or was no modem: the next one may be.
      if (o.is === "silence") this.#clear(() => this.#waitForRing(0));
      else this.#waitForRing(0);
    });
  }
  #waitForFlag(): void {
    this.#step(
      { name: "wait", send: [], expect: [FLAG, CLIENT], abort: [], match: "text", timeoutMs: FOREVER_MS },
      (o) => {
        if (o.is === "found" && o.what === CLIENT) {
          const now = this.#clock.now();
          if (now - this.#lastHello < HELLO_MS) return this.#waitForFlag();
          this.#lastHello = now;
          this.#owner.onStep("hello", "CLIENTSERVER");
          return this.#step(
            { name: "hello", send: [bytes("CLIENTSERVER")], expect: [""], abort: [], match: "text", timeoutMs: 0 },
            () => this.#waitForFlag(),
          );
        }
        const rest = this.#talk.rest();
        const all = new Uint8Array(rest.length + 1);
        all[0] = FLAG.charCodeAt(0);
        all.set(rest, 1);
        this.#connected(0, "", all);
      },
    );
  }
  #connected(speed: number, answer: string, rest: Uint8Array): void {
    this.stop();
    this.#owner.onConnected(speed, answer, rest);
  }
}
