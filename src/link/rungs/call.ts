// A call that a peer places with this server: the lowest rung of a session.
import type { Failure } from "../../core/failures.ts";
import type { Call, CallOwner } from "../../l2tp/call.ts";
import type { Ladder, Rung } from "../ladder.ts";
import type { PppRung } from "./ppp.ts";

/** What stands on the call. */
interface CallUser {
  readonly ppp: Pick<PppRung, "carriesOn">;
}

export class CallRung implements Rung, CallOwner {
  readonly name = "call";
  readonly #ladder: Ladder;
  readonly #user: CallUser;
  call: Call | null = null;

  constructor(ladder: Ladder, user: CallUser) {
    this.#ladder = ladder;
    this.#user = user;
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
    if (this.#user.ppp.carriesOn(why)) return;
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
