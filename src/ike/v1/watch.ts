// When a connection is looked at, sends a keepalive, or asks its peer whether it lives: one timer for all of it, as a
// server has thousands of connections that stand still most of the time.
import type { Clock, Timer } from "../../core/clock.ts";
import { type Dpd, NEVER } from "./dpd.ts";

/** Between two looks while something is under way. */
export const POLL_MS = 2000;
/** Between two looks while everything stands; by then no SA comes near its last packet. */
export const CALM_MS = 60_000;
/** RFC 3948 §4. */
const KEEPALIVE_MS = 20_000;

export interface Watched {
  readonly over: boolean;
  run(f: () => void): void;
  /** Milliseconds until the next look. */
  look(now: number): number;
  sendKeepalive(): void;
  /** DPD is due. */
  askPeer(now: number): void;
}

export class Watch {
  readonly #clock: Clock;
  readonly #dpd: Dpd;
  readonly #owner: Watched;
  readonly #timer: Timer;
  /** Clock times. */
  #lookAt = NEVER;
  #keepaliveAt = NEVER;

  constructor(clock: Clock, dpd: Dpd, owner: Watched) {
    this.#clock = clock;
    this.#dpd = dpd;
    this.#owner = owner;
    this.#timer = clock.timer("ike connection", () => this.#tick(), owner);
  }
  /** Something is under way, or DPD has begun. */
  lookSoon(): void {
    this.#lookAt = this.#clock.now() + POLL_MS;
    this.#arm();
  }
  /** We are behind a NAT that must not forget us. */
  keepAlive(): void {
    this.#keepaliveAt = this.#clock.now() + KEEPALIVE_MS;
    this.#arm();
  }
  stop(): void {
    this.#timer.disarm();
  }
  #tick(): void {
    const now = this.#clock.now();
    if (now >= this.#lookAt) this.#lookAt = now + this.#owner.look(now);
    if (!this.#owner.over && now >= this.#keepaliveAt) {
      this.#keepaliveAt = now + KEEPALIVE_MS;
      this.#owner.sendKeepalive();
    }
    if (!this.#owner.over && now >= this.#dpd.due) this.#owner.askPeer(now);
    this.#arm();
  }
  #arm(): void {
    const at = Math.min(this.#lookAt, this.#keepaliveAt, this.#dpd.due);
    if (!this.#owner.over && at < NEVER) this.#timer.arm(Math.max(0, at - this.#clock.now()));
  }
}
