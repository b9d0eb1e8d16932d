// Where a client's way to its server begins now: when that is elsewhere the connection moves there, with the server's
// consent (MOBIKE, RFC 4555).
import { SystemError } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import type { IkeEnv } from "../types.ts";
import { all, type Payload } from "../wire/payloads.ts";
import type { Received } from "./channel.ts";
import { type IkeSa, natPayloads, readNat } from "./ikesa.ts";
import { floated } from "./initiator.ts";
import { NOTIFY, notification, readNotify } from "./wire/bodies.ts";
import { type Chain, PAYLOAD, type Path } from "./wire/message.ts";

/** RFC 4555 §3.5: we have moved, and so has everything that belongs to the IKE SA. */
export function updateAddresses(sa: IkeSa): Payload[] {
  return [notification(NOTIFY.updateSaAddresses), ...nat(sa, sa)];
}
/** Our answer to a peer that has moved. */
export function addressesUpdated(sa: IkeSa, { chain, path }: Received): Payload[] {
  const list = all(chain, PAYLOAD.notify).map(readNotify);
  const echo = list.filter((n) => n.type === NOTIFY.cookie2).map((n) => notification(NOTIFY.cookie2, n.data));
  return [...nat(sa, path), ...echo];
}
function nat(sa: IkeSa, path: Path): Payload[] {
  return natPayloads(sa.env.crypto, sa, path, sa.policy.encap === "udp");
}
/** What the peer says of NATs on the new way. True: ESP goes in UDP now, or no longer, and the pair has to go. */
export function takeNat(sa: IkeSa, path: Path, chain: Chain): boolean {
  const was = sa.udp;
  sa.nat = readNat(sa.env.crypto, sa, path, chain) ?? sa.nat;
  sa.udp = sa.translated || sa.policy.encap === "udp";
  return was !== sa.udp;
}

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
