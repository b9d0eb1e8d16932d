// Additional key exchanges: their halves on the wire, those between IKE_SA_INIT and IKE_AUTH, and what AUTH covers of
// them. RFC 9242 (IKE_INTERMEDIATE), RFC 9370 §2.2.2, draft-ietf-ipsecme-ikev2-mlkem.
//   HDR, SK {KEi(n)} -->
//                    <-- HDR, SK {KEr(n)}
import { u32 } from "../../core/bytes.ts";
import { concat } from "../../core/text.ts";
import type { Crypto, DhKey, KeName } from "../../ports/ports.ts";
import { isKem, keNumber } from "../proposals.ts";
import { optional, type Payload, payload, writeChain } from "../wire/payloads.ts";
import type { Received } from "./channel.ts";
import { type Keys, makeKeys, nextSeed, prf } from "./keys.ts";
import type { Suite } from "./suite.ts";
import { readKe, writeKe } from "./wire/bodies.ts";
import { type Chain, encryptedHead, FLAG, type Header, PAYLOAD, writeHeader } from "./wire/message.ts";

type Role = "initiator" | "responder";

/** The half of who begins it. */
export function beginKe(c: Crypto, name: KeName): DhKey {
  return isKem(name) ? c.kem(name) : c.dh(name);
}
/** The half that answers `peer`, and the secret; null: that is not acceptable. */
export function answerKe(
  c: Crypto,
  name: KeName,
  peer: Uint8Array,
): { readonly value: Uint8Array; readonly secret: Uint8Array } | null {
  if (isKem(name)) {
    const x = c.encapsulate(name, peer);
    return x && { value: x.ciphertext, secret: x.secret };
  }
  const key = c.dh(name);
  const secret = key.shared(peer);
  return secret && { value: key.publicValue, secret };
}
export function kePayload(name: KeName, value: Uint8Array): Payload {
  return payload(PAYLOAD.ke, writeKe({ group: keNumber(name), value }));
}
/** A view; null: there is no key exchange, or one of another kind. Throws DecodeError. */
export function keValue(c: Chain, name: KeName): Uint8Array | null {
  const body = optional(c, PAYLOAD.ke, "ke");
  const ke = body && readKe(body);
  return ke?.group === keNumber(name) ? ke.value : null;
}

/** RFC 9370 §2.2.2: of an IKE SA that is not authenticated yet, behind one more key exchange. */
export function nextKeys(
  {
    env,
    suite,
    keys,
    spiI,
    spiR,
  }: {
    readonly env: { readonly crypto: Crypto };
    readonly suite: Suite;
    readonly keys: Keys;
    readonly spiI: Uint8Array;
    readonly spiR: Uint8Array;
  },
  secret: Uint8Array,
  { ni, nr }: { readonly ni: Uint8Array; readonly nr: Uint8Array },
): Keys {
  return makeKeys(env.crypto, suite, nextSeed(env.crypto, suite, keys.d, secret, { ni, nr }), { ni, nr, spiI, spiR });
}

/** RFC 9242 §3.3.2: what AUTH covers of the messages between IKE_SA_INIT and IKE_AUTH. */
export class IntAuth {
  readonly #c: Crypto;
  readonly #s: Suite;
  readonly #by = { initiator: new Uint8Array(0), responder: new Uint8Array(0) };
  /** Message id of the last of them. */
  #id = 0;

  constructor(crypto: Crypto, suite: Suite) {
    this.#c = crypto;
    this.#s = suite;
  }
  /** One exchange under `keys`: the peer's message and our own, before encryption and fragmentation. */
  add(keys: Keys, r: Received, role: Role, ours: readonly Payload[]): void {
    const peer = role === "initiator" ? "responder" : "initiator";
    const flags = role === "initiator" ? FLAG.initiator : FLAG.response;
    this.#id = r.header.messageId;
    this.#add(peer, keys, r.header, r.first, r.plain);
    this.#add(role, keys, { ...r.header, flags }, ours[0]?.type ?? PAYLOAD.none, writeChain(ours));
  }
  #add(side: Role, keys: Keys, header: Header, first: number, plain: Uint8Array): void {
    const head = [writeHeader({ ...header, next: PAYLOAD.sk }, 4 + plain.length), encryptedHead(first, plain.length)];
    this.#by[side] = prf(this.#c, this.#s, keys[side].auth, [this.#by[side], ...head, plain]).slice();
  }
  /** Behind the octets that each side signs; empty without such messages. */
  octets(): Uint8Array {
    if (this.#id === 0) return new Uint8Array(0);
    return concat([this.#by.initiator, this.#by.responder, u32(this.#id + 1)]);
  }
}
