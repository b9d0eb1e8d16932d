// Informational exchanges under an ISAKMP SA, RFC 2409 §5.7: notifications and deletes.
import { u32 } from "../../core/bytes.ts";
import type { Failure } from "../../core/errors.ts";
import { failure, type IkePolicy } from "../types.ts";
import { type Delete, NOTIFY, type Notify, notifyName, readDelete, readNotify } from "../wire/notify.ts";
import { all, PAYLOAD, readChain } from "../wire/payloads.ts";
import type { Message } from "./exchange.ts";
import type { Protection } from "./protection.ts";

export interface Informational {
  readonly notifications: readonly Notify[];
  readonly deletes: readonly Delete[];
}
/** Null when it does not authenticate. `iv`: where it starts from, if not from its own id. Throws DecodeError. */
export function readInformational(p: Protection, { header, body }: Message, iv?: Uint8Array): Informational | null {
  const { chain } = p.open(iv ?? p.firstIv(header.messageId), header.next, body);
  if (!p.authentic(chain, [u32(header.messageId), chain.behindFirst])) return null;
  return {
    notifications: all(chain, PAYLOAD.notify).map(readNotify),
    deletes: all(chain, PAYLOAD.delete).map(readDelete),
  };
}
/** Types of the notifications in a message that anybody may have sent. Throws DecodeError. */
export function clearNotifications({ header, body }: Message): number[] {
  return all(readChain(header.next, body, false), PAYLOAD.notify).map((n) => readNotify(n).type);
}
/** What an error notification of `type` means for our quick mode with `peer`, an address. */
export function quickRefused(policy: IkePolicy, peer: string, type: number): Failure {
  const name = notifyName(type);
  if (type === NOTIFY.noProposalChosen) {
    const ours = policy.espProposals.map((p) => p.text).join(" ");
    const pfs = policy.espProposals[0]?.group === null ? ", without or with perfect forward secrecy" : "";
    return failure("no-proposal", `${peer} accepts none of our ESP proposals (${ours})${pfs}: ${name}`);
  }
  if (type === NOTIFY.invalidId) {
    return failure("bad-selectors", `${peer} does not serve L2TP (UDP 1701) to us: ${name}`);
  }
  return failure("refused", `${peer} refuses quick mode: ${name}`);
}
