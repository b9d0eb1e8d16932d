// AUTH payloads: RFC 7296 §2.15 (what is signed, and pre-shared keys), RFC 7427 (signatures). Each side chooses for itself: a
// server may have a certificate and its clients a key.
import type { Failure } from "../../core/errors.ts";
import { quote } from "../../core/events.ts";
import type { Secret } from "../../core/secret.ts";
import { concat, sameBytes, utf8 } from "../../core/text.ts";
import type { Endpoint, HashName } from "../../ports/ports.ts";
import { failure, type IkeEnv, type IkePolicy } from "../types.ts";
import { certificateId, certified } from "../v1/auth.ts";
import { CERT, readCert, writeCert } from "../wire/cert.ts";
import { addressId, type IkeId, readId, sameId, writeId } from "../wire/id.ts";
import { all, one, type Payload, payload } from "../wire/payloads.ts";
import type { IntAuth } from "./addke.ts";
import type { Role } from "./ikesa.ts";
import { type Keys, prf } from "./keys.ts";
import { hashAlgorithms, readHashAlgorithms, readSignature, schemeFor, writeSignature } from "./signatures.ts";
import type { Suite } from "./suite.ts";
import { NOTIFY, notification, readAuth, readNotify, writeAuth } from "./wire/bodies.ts";
import { type Chain, PAYLOAD } from "./wire/message.ts";

/** RFC 7296 §3.8, RFC 7427 §3. */
const METHOD = { psk: 2, signature: 14 } as const;
/** So many CAs are named; of more, none is: an answer must not be much longer than its question. */
const MOST_REQUESTS = 8;
const KEY_PAD = utf8("Key Pad for IKEv2");

/** What both AUTH payloads are made of. */
export interface Signed {
  readonly env: IkeEnv;
  readonly policy: IkePolicy;
  readonly suite: Suite;
  readonly keys: Keys;
  /** IKE_SA_INIT's request and response, whole. */
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  /** Of the messages between those and IKE_AUTH. */
  readonly intAuth: IntAuth;
  /** The hashes that the peer takes in signatures. */
  readonly hashes: readonly (HashName | null)[];
}
/** In IKE_SA_INIT, of who may use certificates. */
export function signatureHashes({ certificates }: IkePolicy): Payload[] {
  return certificates ? [notification(NOTIFY.signatureHashes, hashAlgorithms())] : [];
}
export function readSignatureHashes(c: Chain): Signed["hashes"] {
  const n = all(c, PAYLOAD.notify).map(readNotify);
  return readHashAlgorithms(n.find((x) => x.type === NOTIFY.signatureHashes)?.data ?? new Uint8Array(0));
}
/** RFC 7296 §3.7: the CAs that the peer's certificate may be of. */
export function certificateRequest({ certificates }: IkePolicy): Payload[] {
  if (!certificates || certificates.trust.keyHashes.length > MOST_REQUESTS) return [];
  return [payload(PAYLOAD.certReq, writeCert(CERT.signature, concat(certificates.trust.keyHashes)))];
}

/** RFC 7296 §2.15, RFC 9242 §3.3.2: what the side signs; `id`: the body of its ID payload. */
function octets(x: Signed, of: Role, id: Uint8Array): Uint8Array {
  const [message, nonce] = of === "initiator" ? [x.request, x.nr] : [x.response, x.ni];
  return concat([message, nonce, prf(x.env.crypto, x.suite, x.keys[of].auth, [id]), x.intAuth.octets()]);
}
function pskAuth(x: Signed, psk: Secret, of: Role, id: Uint8Array): Uint8Array {
  const key = psk.use((bytes) => prf(x.env.crypto, x.suite, bytes, [KEY_PAD]));
  return prf(x.env.crypto, x.suite, key, [octets(x, of, id)]);
}

/** Our ID, certificates and AUTH payloads; a sentence: why we cannot. `asked`: the peer asks for a certificate. */
export function ourAuth(x: Signed, role: Role, local: Endpoint, asked: boolean): Payload[] | string {
  const { policy } = x;
  const { psk, certificates } = policy;
  const type = role === "initiator" ? PAYLOAD.idI : PAYLOAD.idR;
  if (psk && !(certificates && asked)) {
    const id = writeId({ id: policy.localId ?? addressId(local.address), protocol: 0, port: 0 });
    const auth = { method: METHOD.psk, data: pskAuth(x, psk, role, id) };
    return [payload(type, id), payload(PAYLOAD.auth, writeAuth(auth))];
  }
  if (!certificates) throw new RangeError("IKEv2 with neither key nor certificate");
  const { credentials } = certificates;
  const scheme = schemeFor(credentials.key, x.hashes);
  if (!scheme) return "it does not take signatures of RFC 7427 by our kind of key";
  const id = certificateId(x, credentials);
  const signature = credentials.sign(scheme, octets(x, role, id));
  const auth = { method: METHOD.signature, data: writeSignature(credentials.key, scheme, signature) };
  return [
    payload(type, id),
    ...credentials.chain.map((der) => payload(PAYLOAD.cert, writeCert(CERT.signature, der))),
    payload(PAYLOAD.auth, writeAuth(auth)),
  ];
}

/** Who the peer is. */
export interface Peer {
  readonly peerId: IkeId;
  /** Its certificates, of which nobody has looked at the dates, as our clock is not set; null: there is no need to. */
  readonly unchecked: readonly Uint8Array[] | null;
}
/** Who the peer is, or why it is not who it has to be. Throws DecodeError. */
export function peerOf(x: Signed, of: Role, c: Chain, remote: Endpoint): Peer | { readonly why: Failure } {
  const body = one(c, of === "initiator" ? PAYLOAD.idI : PAYLOAD.idR, "id");
  const auth = readAuth(one(c, PAYLOAD.auth, "auth"));
  const { id } = readId(body);
  const { psk, remoteId, certificates } = x.policy;
  const peer = remote.address;
  if (auth.method === METHOD.psk && psk) {
    if (!sameBytes(auth.data, pskAuth(x, psk, of, body)))
      return { why: failure("psk-mismatch", `${peer} does not authenticate: the pre-shared key differs`) };
    if (!remoteId || sameId(remoteId, id)) return { peerId: id, unchecked: null };
    const text = `${peer} identifies itself as ${quote(id.text)}, but ${quote(remoteId.text)} is configured`;
    return { why: failure("id-mismatch", text) };
  }
  const signature = auth.method === METHOD.signature ? readSignature(auth.data) : null;
  if (!signature || !certificates) {
    const ours = [...(psk ? ["a pre-shared key"] : []), ...(certificates ? ["certificates by RFC 7427"] : [])];
    const text = `${peer} authenticates with method ${auth.method}: ${ours.join(" and ")} would be accepted`;
    return { why: failure("mode", text) };
  }
  const sent = all(c, PAYLOAD.cert).flatMap((b) => [...readCert(b)]);
  const proved = certified({ ...x, remote }, sent, id, (cert) =>
    cert.verify(signature.scheme, octets(x, of, body), signature.signature),
  );
  return proved;
}
