// Where a line has no carrier wire, a modem whose call is lost can only say so among the data: NO CARRIER on a line of
// its own. It counts at once behind a frame's closing flag, where no payload can have put it (RFC 1662 §4.2 escapes
// flags within). In the middle of a frame it counts when nothing follows; when something does, that may be the call,
// or a modem that echoes what it takes for commands: then the peer is asked, and silence is the answer.
import type { Clock, Timer } from "../core/clock.ts";

const WORDS = Uint8Array.from("\r\nNO CARRIER\r\n", (c) => c.charCodeAt(0));
const CR = 13;
const FLAG = 0x7e;
const QUIET_MS = 2000;
const MAX_QUESTIONS = 3;

interface CarrierEvents {
  /** After this the owner feeds the watch no more. */
  lost(): void;
  /** Asks the peer for a sign of life that no echo can give; `answered` when it came. */
  ask(answered: () => void): void;
}

export class CarrierWatch {
  readonly #on: CarrierEvents;
  readonly #timer: Timer;
  /** How much of WORDS the line has said, and whether a flag stood before it. */
  #matched = 0;
  #behindFlag = false;
  #last = 0;
  /** Since WORDS were said in the middle of a frame: did bytes follow, and how often was the peer asked. */
  #followed = false;
  #questions = 0;

  constructor(clock: Clock, on: CarrierEvents) {
    this.#on = on;
    this.#timer = clock.timer("modem-no-carrier", () => this.#due());
  }
  /** Bytes from the line; valid during the call. */
  input(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#followed = true;
    for (let at = 0; at < chunk.length; ) {
      if (this.#matched === 0) {
        const cr = chunk.indexOf(CR, at);
        if (cr < 0) break;
        this.#behindFlag = (cr === 0 ? this.#last : chunk[cr - 1]) === FLAG;
        this.#matched = 1;
        at = cr + 1;
      } else if (chunk[at] !== WORDS[this.#matched]) {
        this.#matched = 0;
      } else {
        at++;
        if (++this.#matched < WORDS.length) continue;
        this.#matched = 0;
        if (this.#behindFlag) return this.#lose();
        this.#doubt(at < chunk.length);
      }
    }
    this.#last = chunk[chunk.length - 1] ?? this.#last;
  }
  stop(): void {
    this.#timer.disarm();
  }
  #doubt(followed: boolean): void {
    if (this.#timer.armed) return;
    this.#followed = followed;
    this.#questions = 0;
    this.#timer.arm(QUIET_MS);
  }
  #due(): void {
    if (!this.#followed || this.#questions++ >= MAX_QUESTIONS) return this.#lose();
    this.#timer.arm(QUIET_MS);
    this.#on.ask(() => this.#timer.disarm());
  }
  #lose(): void {
    this.#timer.disarm();
    this.#on.lost();
  }
}
