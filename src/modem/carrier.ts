// Where a line has no carrier wire, a modem whose call is lost can only say so among the data: NO CARRIER on a line of
// its own. It counts at once behind a frame's closing flag, where no payload can have put it (RFC 1662 §4.2 escapes
// flags within); in the middle of a frame only when nothing follows.
import type { Clock, Timer } from "../core/clock.ts";

const WORDS = Uint8Array.from("\r\nNO CARRIER\r\n", (c) => c.charCodeAt(0));
const CR = 13;
const FLAG = 0x7e;
const QUIET_MS = 2000;

export class CarrierWatch {
  readonly #lost: () => void;
  readonly #quiet: Timer;
  /** How much of WORDS the line has said, and whether a flag stood before it. */
  #matched = 0;
  #behindFlag = false;
  #last = 0;

  /** After `lost` was called the owner feeds it no more. */
  constructor(clock: Clock, lost: () => void) {
    this.#lost = lost;
    this.#quiet = clock.timer("modem-no-carrier", lost);
  }
  /** Bytes from the line; valid during the call. */
  input(chunk: Uint8Array): void {
    this.#quiet.disarm();
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
        if (this.#behindFlag) return this.#lost();
        if (at === chunk.length) this.#quiet.arm(QUIET_MS);
      }
    }
    this.#last = chunk[chunk.length - 1] ?? this.#last;
  }
  stop(): void {
    this.#quiet.disarm();
  }
}
