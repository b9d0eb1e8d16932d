// Post-quantum preshared keys, RFC 8784: mixed into the keys of ESP, of AUTH and of later IKE SAs, so that who breaks the
// Diffie-Hellman exchange one day can still not read what was recorded. Who has one takes no peer without it.
import { concat, sameBytes, utf8 } from "../../core/text.ts";
import type { IkeEnv, IkePolicy } from "../types.ts";
import { all, type Payload } from "../wire/payloads.ts";
import { type Keys, mixPpk } from "./keys.ts";
import type { Suite } from "./suite.ts";
import { NOTIFY, notification, readNotify } from "./wire/bodies.ts";
import { type Chain, PAYLOAD } from "./wire/message.ts";

/** PPK_ID_FIXED, RFC 8784 §5.1. */
const FIXED = 2;

/** In IKE_SA_INIT, from both sides. */
export function usePpk({ ppk }: IkePolicy): Payload[] {
  return ppk ? [notification(NOTIFY.usePpk)] : [];
}
/** In IKE_AUTH: which key; the responder says that it has it with an empty one. */
export function ppkIdentity({ ppk }: IkePolicy, role: "initiator" | "responder"): Payload[] {
  if (!ppk) return [];
  const id = concat([Uint8Array.of(FIXED), utf8(ppk.id)]);
  return [notification(NOTIFY.ppkIdentity, role === "initiator" ? id : new Uint8Array(0))];
}
/** Whether the peer's IKE_AUTH names the key that we have, or where we have none, none. */
export function ppkAgreed({ ppk }: IkePolicy, from: "initiator" | "responder", c: Chain): boolean {
  const n = all(c, PAYLOAD.notify)
    .map(readNotify)
    .find((x) => x.type === NOTIFY.ppkIdentity);
  if (!ppk) return true;
  if (from === "responder") return n !== undefined;
  return n !== undefined && sameBytes(n.data, concat([Uint8Array.of(FIXED), utf8(ppk.id)]));
}
export function withPpk({ crypto }: IkeEnv, { ppk }: IkePolicy, s: Suite, k: Keys): Keys {
  return ppk ? ppk.secret.use((secret) => mixPpk(crypto, s, k, secret)) : k;
}
/** For people: "" without. */
export function ppkText({ ppk }: IkePolicy): string {
  return ppk ? " with a post-quantum key" : "";
}
