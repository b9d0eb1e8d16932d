// Ends a call: DTR goes away; where nobody can tell whether that was enough, also "+++" between its guard times, and
// ATH.
import type { Clock, Timer } from "../core/clock.ts";
import { bytes, Conversation, type Talker } from "./conversation.ts";

/** How long DTR is down: modems look for a drop of S25 hundredths of a second, 0.05 by default. */
const DTR_MS = 1000;
/** Silence before and after "+++" (S12 is one second by default), and a little more. */
const GUARD_MS = 1200;
const ANSWER_MS = 2000;

export interface HangUpLine extends Talker {
  readonly carrier: boolean | null;
  setDtr(on: boolean): void;
}

export class HangUp {
  readonly #line: HangUpLine;
  readonly #done: () => void;
  readonly #talk: Conversation;
  readonly #timer: Timer;
  #then: () => void = () => {};
  #over = false;

  /** `done`: the line is free, as far as can be told; DTR is up again. Once, within some 7 s. */
  constructor(clock: Clock, line: HangUpLine, done: () => void) {
    this.#line = line;
    this.#done = done;
    this.#talk = new Conversation(clock, line, []);
    this.#timer = clock.timer("modem-hang-up", () => this.#then());
  }
  start(): void {
    this.#line.setDtr(false);
    this.#after(DTR_MS, () => {
      this.#line.setDtr(true);
      if (this.#line.carrier === false) this.#finish();
      else this.#after(GUARD_MS, () => this.#escape());
    });
  }
  input(chunk: Uint8Array): void {
    if (this.#talk.busy) this.#talk.input(chunk);
  }
  stop(): void {
    this.#over = true;
    this.#timer.disarm();
    this.#talk.stop();
  }

  #escape(): void {
    const abort = ["NO CARRIER"];
    this.#talk.begin(
      {
        name: "hang up",
        send: [bytes("+++"), { is: "pause", ms: GUARD_MS }],
        expect: ["OK"],
        abort: [...abort, "ERROR"],
        match: "lines",
        timeoutMs: 200,
      },
      () => {
        this.#talk.begin(
          {
            name: "hang up",
            send: [bytes("ATH\r")],
            expect: ["OK"],
            abort: [...abort, "ERROR"],
            match: "lines",
            timeoutMs: ANSWER_MS,
          },
          () => this.#finish(),
        );
      },
    );
  }
  #finish(): void {
    if (this.#over) return;
    this.stop();
    this.#done();
  }
  #after(ms: number, f: () => void): void {
    this.#then = f;
    this.#timer.arm(ms);
  }
}
