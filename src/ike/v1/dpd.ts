// Dead peer detection, RFC 3706: after a time of silence ask R-U-THERE, and ask again; when nobody answers, the peer is
// dead. It has no timer: the connection calls it when it is due.
import { u32 } from "../../core/bytes.ts";
import { type Rng, random32 } from "../../core/rng.ts";
import { add32 } from "../../core/seq.ts";
import { sameBytes } from "../../core/text.ts";

/** A clock time. */
export const NEVER = Number.POSITIVE_INFINITY;
/** Unanswered questions until the peer is dead. */
const TRIES = 5;

export class Dpd {
  readonly #idleMs: number;
  #seq: number;
  #asked = 0;
  /** When fire() is to be called, clock time; infinite while it is off. */
  #due = NEVER;

  /** `idleSeconds` 0: off. */
  constructor(rng: Rng, idleSeconds: number) {
    this.#idleMs = idleSeconds * 1000;
    this.#seq = random32(rng) >>> 1; // RFC 3706 §5.1: random, so that answers cannot be kept in stock
  }
  get due(): number {
    return this.#due;
  }
  /** Only a peer that announced DPD is asked. */
  start(peerAnswers: boolean, now: number): void {
    this.#asked = 0;
    this.#due = peerAnswers && this.#idleMs > 0 ? now + this.#idleMs : NEVER;
  }
  stop(): void {
    this.#due = NEVER;
  }
  /** A sign of life: an authentic IKE message, or ESP that came in. */
  heard(now: number): void {
    if (this.#due === NEVER) return;
    this.#asked = 0;
    this.#due = now + this.#idleMs;
  }
  /** Only an answer to the last question counts: replays must not. */
  ack(seq: Uint8Array, now: number): void {
    if (sameBytes(seq, u32(this.#seq))) this.heard(now);
  }
  /** It is due: the sequence number to ask with, "dead", or null. `alive`: packets came in since the last call. */
  fire(now: number, alive: boolean): Uint8Array | "dead" | null {
    if (alive) {
      // packets are counted now and then: the last may be as old as the count before
      this.#asked = 0;
      this.#due = now + this.#idleMs / 2;
      return null;
    }
    if (this.#asked === TRIES) {
      this.stop();
      return "dead";
    }
    this.#asked++;
    this.#seq = add32(this.#seq, 1);
    this.#due = now + Math.max(1000, Math.min(5000, this.#idleMs / 3));
    return u32(this.#seq);
  }
}
