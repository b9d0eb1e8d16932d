// What is left of peers that were refused in IKE_AUTH: the answer may be lost, and their request comes again for it.
import type { Timer } from "../../core/clock.ts";
import { faultEvent } from "../../core/fault.ts";
import { originOf, Waiting, type WaitingLimits } from "../../core/waiting.ts";
import { RETRY } from "../types.ts";
import type { IkeSa, SaUser } from "./ikesa.ts";

const LIMITS: WaitingLimits = { peer: 4, network: 16, all: 64 };
/** No peer repeats its request for longer. */
const REPEATED_MS = RETRY.reduce((sum, ms) => sum + ms);

export class Refused implements SaUser {
  readonly #kept = new Waiting<IkeSa>(LIMITS);
  readonly #timers = new Map<IkeSa, Timer>();

  /** `sa` has answered the peer, and does nothing more than to repeat that. */
  keep(sa: IkeSa): void {
    sa.user = this;
    const timer = sa.scope.timer("ike refused", () => this.#end(sa));
    timer.arm(REPEATED_MS);
    this.#timers.set(sa, timer);
    const oldest = this.#kept.add(sa, originOf(sa.remote.address));
    if (oldest) this.#end(oldest);
  }
  close(ours: (sa: IkeSa) => boolean): void {
    for (const sa of [...this.#timers.keys()]) if (ours(sa)) this.#end(sa);
  }
  #end(sa: IkeSa): void {
    this.#timers.get(sa)?.disarm();
    this.#timers.delete(sa);
    this.#kept.delete(sa);
    sa.close(null);
  }
  // SaUser
  /** It has heard us. */
  asked(sa: IkeSa): void {
    sa.channel.answer([]);
    this.#end(sa);
  }
  heard(): void {}
  fault(sa: IkeSa, e: unknown): void {
    sa.env.log.emit(faultEvent(sa.policy.link, "a refused IKE SA", e));
    this.#end(sa);
  }
}
