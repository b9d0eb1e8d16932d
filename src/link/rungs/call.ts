// A call that a peer places with this server: the lowest rung of a session.
import type { Failure } from "../../core/failures.ts";
import type { Call, CallOwner } from "../../l2tp/call.ts";
import type { Ladder, Rung } from "../ladder.ts";

export class CallRung implements Rung, CallOwner {
  readonly name = "call";
  readonly #ladder: Ladder;
  readonly #carriesOn: (why: Failure) => boolean;
  call: Call | null = null;

  /** `carriesOn`: the call is gone, and others of its bundle take its place. */
  constructor(ladder: Ladder, carriesOn: (why: Failure) => boolean) {
    this.#ladder = ladder;
    this.#carriesOn = carriesOn;
  }
  /** The peer has asked for it already. */
  up(): void {}
  onCall(call: Call): void {
    this.call = call;
  }
  onUp(): void {
    this.#ladder.isUp(this);
  }
  onDown(_: Call, why: Failure): void {
    this.call = null;
    if (this.#carriesOn(why)) return;
    this.#ladder.lost(this, why);
    this.#ladder.isDown(this);
  }
  down(why: Failure): void {
    if (this.call) this.drop(why);
    else this.#ladder.isDown(this);
  }
  drop(why: Failure): void {
    const { call } = this;
    call?.contain(() => call.close(why));
  }
}
