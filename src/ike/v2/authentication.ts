// AUTH payloads: RFC 7296 §2.15 (what is signed, and pre-shared keys).

import type { Failure } from "../../core/errors.ts";
import { quote } from "../../core/events.ts";
import type { Secret } from "../../core/secret.ts";
import { concat, sameBytes, utf8 } from "../../core/text.ts";
import type { Crypto, Endpoint } from "../../ports/ports.ts";
import { failure, type IkePolicy } from "../types.ts";
import { addressId, type IkeId, sameId, writeId } from "../wire/id.ts";
import { type Payload, payload } from "../wire/payloads.ts";
import type { Role } from "./ikesa.ts";
import { type Keys, prf } from "./keys.ts";
import type { Suite } from "./suite.ts";
import { type Auth, writeAuth } from "./wire/bodies.ts";
import { PAYLOAD } from "./wire/message.ts";

/** RFC 7296 §3.8. */
const METHOD = { psk: 2 } as const;
const KEY_PAD = utf8("Key Pad for IKEv2");

/** What both AUTH payloads are made of. */
export interface Signed {
  readonly crypto: Crypto;
  readonly suite: Suite;
  readonly keys: Keys;
  /** IKE_SA_INIT's request and response, whole. */
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  /** RFC 9242 §3.3.2: what IKE_INTERMEDIATE adds; empty without. */
  readonly intermediate: Uint8Array;
}
/** RFC 7296 §2.15: what the side signs; `id`: the body of its ID payload. */
function octets(x: Signed, of: Role, id: Uint8Array): Uint8Array {
  const [message, nonce] = of === "initiator" ? [x.request, x.nr] : [x.response, x.ni];
  return concat([message, nonce, prf(x.crypto, x.suite, x.keys[of].auth, [id]), x.intermediate]);
}
function pskAuth(x: Signed, psk: Secret, of: Role, id: Uint8Array): Uint8Array {
  const key = psk.use((psk) => prf(x.crypto, x.suite, psk, [KEY_PAD]));
  return prf(x.crypto, x.suite, key, [octets(x, of, id)]);
}

/** Our ID and AUTH payloads. */
export function ourAuth(x: Signed, policy: IkePolicy, role: Role, local: Endpoint): Payload[] {
  const id = writeId({ id: policy.localId ?? addressId(local.address), protocol: 0, port: 0 });
  const { psk } = policy;
  if (!psk) throw new RangeError("IKEv2 without a key");
  const auth = { method: METHOD.psk, data: pskAuth(x, psk, role, id) };
  return [payload(role === "initiator" ? PAYLOAD.idI : PAYLOAD.idR, id), payload(PAYLOAD.auth, writeAuth(auth))];
}
/** Why the peer, whose ID payload has this body, is not who it has to be; null: it is. */
export function authFault(
  x: Signed,
  policy: IkePolicy,
  of: Role,
  id: Uint8Array,
  auth: Auth,
  peer: string,
): Failure | null {
  if (auth.method !== METHOD.psk || !policy.psk) {
    const text = `${peer} authenticates with method ${auth.method}, but a pre-shared key is configured`;
    return failure("mode", text);
  }
  if (sameBytes(auth.data, pskAuth(x, policy.psk, of, id))) return null;
  return failure("psk-mismatch", `${peer} does not authenticate: the pre-shared key differs`);
}
export function idFault(policy: IkePolicy, id: IkeId, peer: string): Failure | null {
  const want = policy.remoteId;
  if (!want || sameId(want, id)) return null;
  const text = `${peer} identifies itself as ${quote(id.text)}, but ${quote(want.text)} is configured`;
  return failure("id-mismatch", text);
}
