// Data messages with Ns in order (RFC 2661 §5.4, appendix C). PPP must not see frames out of order or twice; it
// survives loss.
import type { Clock, Timer } from "../core/clock.ts";
import { Packet } from "../core/packet.ts";
import { add16, diff16 } from "../core/seq.ts";

const HELD = 32; // packets kept while one is missing
const PATIENCE_MS = 100; // then what is missing counts as lost
const FAR = 128; // farther behind than any reordering: the peer may have restarted its counter,
const RESTART = 8; // which this many packets in a row make certain

type SequenceDrop = "l2tp.late" | "l2tp.duplicate";

export class Sequence {
  readonly #timer: Timer;
  readonly #deliver: (frame: Packet) => void;
  readonly #drop: (name: SequenceDrop) => void;
  readonly #lost: () => void;
  readonly #held = new Map<number, Packet>();
  #expected = 0; // RFC 2661 §5.4: the first one is 0
  #stray = 0;
  #strays = 0;

  /** `lost`: what is delivered next does not follow on what came before. */
  constructor(
    clock: Clock,
    deliver: (frame: Packet) => void,
    drop: (name: SequenceDrop) => void,
    lost: () => void = () => {},
  ) {
    this.#deliver = deliver;
    this.#drop = drop;
    this.#lost = lost;
    this.#timer = clock.timer("l2tp.reorder", () => this.#giveUp());
  }

  /** `frame` is only valid during the call: it is delivered before the return, or copied. */
  push(ns: number, frame: Packet): void {
    const ahead = diff16(ns, this.#expected);
    if (ahead === 0) {
      this.#expected = add16(ns, 1);
      this.#deliver(frame);
      this.#flush();
    } else if (ahead < 0) {
      this.#late(ns, ahead, frame);
    } else if (this.#held.has(ns)) {
      this.#drop("l2tp.duplicate");
    } else {
      this.#held.set(ns, Packet.of(frame.view()));
      if (!this.#timer.armed) this.#timer.arm(PATIENCE_MS);
      if (this.#held.size > HELD) this.#giveUp();
    }
  }

  /** Forgets what is held. */
  close(): void {
    this.#timer.disarm();
    this.#held.clear();
  }

  #late(ns: number, ahead: number, frame: Packet): void {
    this.#strays = ahead < -FAR && ns === add16(this.#stray, 1) ? this.#strays + 1 : 1;
    this.#stray = ns;
    if (ahead < -FAR && this.#strays >= RESTART) {
      this.#strays = 0;
      this.#held.clear();
      this.#expected = add16(ns, 1);
      this.#lost();
      this.#deliver(frame);
      return;
    }
    this.#drop("l2tp.late");
  }

  #flush(): void {
    for (let p = this.#held.get(this.#expected); p; p = this.#held.get(this.#expected)) {
      this.#held.delete(this.#expected);
      this.#expected = add16(this.#expected, 1);
      this.#deliver(p);
    }
    if (this.#held.size === 0) this.#timer.disarm();
  }

  #giveUp(): void {
    let nearest = 0x8000;
    for (const ns of this.#held.keys()) nearest = Math.min(nearest, diff16(ns, this.#expected));
    if (nearest === 0x8000) return;
    this.#expected = add16(this.#expected, nearest);
    this.#timer.disarm();
    this.#lost();
    this.#flush();
    if (this.#held.size > 0) this.#timer.arm(PATIENCE_MS);
  }
}
