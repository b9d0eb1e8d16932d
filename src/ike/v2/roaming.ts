// Where a client's way to its server begins now: when that is elsewhere the connection moves there, with the server's
// consent (MOBIKE, RFC 4555).
import { SystemError } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import type { IkeEnv } from "../types.ts";
import type { IkeSa } from "./ikesa.ts";
import { floated } from "./initiator.ts";
import type { Path } from "./wire/message.ts";

export class Roaming {
  readonly #env: IkeEnv;
  readonly #scope: Scope;
  readonly #move: (path: Path) => void;
  #looks = false;

  constructor(env: IkeEnv, scope: Scope, move: (path: Path) => void) {
    this.#env = env;
    this.#scope = scope;
    this.#move = move;
  }
  /** `current`: the IKE SA in use, also when the answer is there. */
  look(current: () => IkeSa | null): void {
    const sa = current();
    const { localTo } = this.#env;
    if (!localTo || !sa?.mobike || this.#looks) return;
    this.#looks = true;
    const done = (address: string | null): void => {
      this.#looks = false;
      if (address === null || sa !== current() || sa.over || address === sa.local.address) return;
      this.#move(floated({ local: { address, port: sa.local.port }, remote: sa.remote }));
    };
    this.#scope.settle(localTo(sa.remote.address), done, (e) => {
      if (!(e instanceof SystemError)) throw e;
      done(null); // there is no route for now
    });
  }
}
