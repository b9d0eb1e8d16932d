// Ends a link that has carried nothing for its idle timeout, at most a tenth of that late.
import type { Clock, Timer } from "../core/clock.ts";
import { type Failure, failure } from "../core/failures.ts";

/** Checks per idle timeout. */
const LOOKS = 10;

export class Idle {
  readonly #clock: Clock;
  readonly #seconds: number;
  readonly #packets: () => number;
  readonly #over: (why: Failure) => void;
  readonly #timer: Timer;
  #last = { packets: 0, since: 0 };

  /** `idleSeconds` 0: never. `packets`: how many passed so far, in both directions. */
  constructor(
    clock: Clock,
    o: { readonly ifname: string; readonly idleSeconds: number },
    packets: () => number,
    over: (why: Failure) => void,
  ) {
    this.#clock = clock;
    this.#seconds = o.idleSeconds;
    this.#packets = packets;
    this.#over = over;
    this.#timer = clock.timer(`${o.ifname} idle`, () => this.#look());
  }
  watch(): void {
    if (this.#seconds === 0) return;
    this.#last = { packets: this.#packets(), since: this.#clock.now() };
    this.#arm();
  }
  stop(): void {
    this.#timer.disarm();
  }
  #arm(): void {
    this.#timer.arm((this.#seconds * 1000) / LOOKS);
  }
  #look(): void {
    if (this.#packets() !== this.#last.packets) return this.watch();
    if (this.#clock.now() - this.#last.since < this.#seconds * 1000) return this.#arm();
    this.#over(failure("idle", `hung up after ${this.#seconds} s without a packet`));
  }
}
