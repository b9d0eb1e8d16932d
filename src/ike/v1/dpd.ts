// Dead peer detection, RFC 3706: after a time of silence ask R-U-THERE, and ask again; nobody answers: the peer is
// dead.
import type { Clock, Timer } from "../../core/clock.ts";
import { type Rng, random32 } from "../../core/rng.ts";
import { add32 } from "../../core/seq.ts";
import { sameBytes } from "../../core/text.ts";
import { u32 } from "./keys.ts";

/** Unanswered questions until the peer is dead. */
const TRIES = 5;

export interface DpdOwner {
  /** Whether packets of the peer came in since the last look. */
  alive(): boolean;
  ask(seq: Uint8Array): void;
  dead(): void;
}

export class Dpd {
  readonly #idleMs: number;
  readonly #own: DpdOwner;
  readonly #timer: Timer;
  #seq: number;
  #asked = 0;
  #on = false;

  /** `idleSeconds` 0: off. */
  constructor(clock: Clock, rng: Rng, idleSeconds: number, owner: DpdOwner) {
    this.#idleMs = idleSeconds * 1000;
    this.#own = owner;
    this.#seq = random32(rng) >>> 1; // RFC 3706 §5.1: random, so that answers cannot be kept in stock
    this.#timer = clock.timer("ike dpd", () => this.#fire());
  }
  /** Only a peer that announced DPD is asked. */
  start(peerAnswers: boolean): void {
    this.#on = peerAnswers && this.#idleMs > 0;
    this.#asked = 0;
    if (this.#on) this.#timer.arm(this.#idleMs);
    else this.#timer.disarm();
  }
  stop(): void {
    this.#on = false;
    this.#timer.disarm();
  }
  /** A sign of life: an authentic IKE message, or ESP that came in. */
  heard(): void {
    if (!this.#on) return;
    this.#asked = 0;
    this.#timer.arm(this.#idleMs);
  }
  /** An answer to an older question is a sign of life too, but only the last one's counts: replays must not. */
  ack(seq: Uint8Array): void {
    if (sameBytes(seq, u32(this.#seq))) this.heard();
  }
  #fire(): void {
    if (!this.#on) return;
    if (this.#own.alive()) {
      // nobody counts packets one by one: the last may be as old as the last look
      this.#asked = 0;
      this.#timer.arm(this.#idleMs / 2);
      return;
    }
    if (this.#asked === TRIES) {
      this.stop();
      this.#own.dead();
      return;
    }
    this.#asked++;
    this.#seq = add32(this.#seq, 1);
    this.#own.ask(u32(this.#seq));
    this.#timer.arm(Math.max(1000, Math.min(5000, this.#idleMs / 3)));
  }
}
