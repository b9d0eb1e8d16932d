// How the two sides of phase 1 prove who they are: with a pre-shared key (RFC 2409 §5.4), or with certificates and
// signatures (§5.1, RFC 4754, RFC 4945). Nothing of the peer's message is believed before its HASH or SIG is verified.
import { DecodeError, type Failure } from "../../core/errors.ts";
import { quote } from "../../core/events.ts";
import { concat, sameBytes } from "../../core/text.ts";
import type { CertificateInfo, Certificates, KeyKind, PeerCertificate, SignatureScheme } from "../../ports/pki.ts";
import type { Endpoint, HashName } from "../../ports/ports.ts";
import { AUTH, type IkeProposal } from "../proposals.ts";
import { failure, type IkeEnv, type IkePolicy } from "../types.ts";
import { CERT, readCert, writeCert } from "../wire/cert.ts";
import { addressId, ID, type IkeId, readId, sameId, writeId } from "../wire/id.ts";
import { all, type Chain, one, PAYLOAD, type Payload, payload, readChain } from "../wire/payloads.ts";
import type { Message } from "./exchange.ts";
import type { Phase1Keys, Prf } from "./keys.ts";

/** The ISAKMP SA in the making, as authentication sees it. */
export interface AuthSa {
  readonly env: IkeEnv;
  readonly policy: IkePolicy;
  readonly role: "initiator" | "responder";
  readonly icookie: Uint8Array;
  readonly rcookie: Uint8Array;
  readonly local: Endpoint;
  readonly remote: Endpoint;
}
/** What both sides agreed on. */
export interface AuthState extends Phase1Keys {
  /** Method of authentication (RFC 2409 appendix A). */
  readonly auth: number;
  readonly proposal: IkeProposal;
  /** Body of the initiator's SA payload. */
  readonly saBody: Uint8Array;
  /** Public values of the key exchange. */
  readonly gxi: Uint8Array;
  readonly gxr: Uint8Array;
}

/** A method of authentication with signatures. */
interface Method {
  readonly key: KeyKind;
  readonly scheme: SignatureScheme;
  /** HASH_I and HASH_R are this HMAC (RFC 2409 §5.1: a signature tied to a hash); null: the negotiated one. */
  readonly hash: HashName | null;
}
const METHODS: Readonly<Record<number, Method>> = {
  [AUTH.rsa]: { key: "rsa", scheme: { form: "pkcs1", hash: null }, hash: null },
  [AUTH.ecdsa256]: { key: "ecp256", scheme: { form: "ecdsa", hash: null }, hash: "sha256" },
  [AUTH.ecdsa384]: { key: "ecp384", scheme: { form: "ecdsa", hash: null }, hash: "sha384" },
  [AUTH.ecdsa521]: { key: "ecp521", scheme: { form: "ecdsa", hash: null }, hash: "sha512" },
};
/** So many CAs are named in certificate requests; of more, none is. */
const MOST_REQUESTS = 8;
const NO_BYTES = new Uint8Array(0);

/** What `policy` can authenticate with, as RFC 2409 appendix A numbers it, the strongest first. */
export function authMethods({ psk, certificates }: IkePolicy): readonly number[] {
  const own = certificates?.credentials.key;
  const signatures = Object.keys(METHODS).map(Number);
  return [...signatures.filter((n) => METHODS[n]?.key === own), ...(psk === null ? [] : [AUTH.psk])];
}
/** Names the CAs that the peer's certificate may be of (RFC 2408 §3.10); without a name: any. */
export function certificateRequests(x: AuthSa, auth: number): Payload[] {
  if (auth === AUTH.psk) return [];
  const { issuers } = certificatesOf(x).trust;
  const names = issuers.length > MOST_REQUESTS ? [NO_BYTES] : issuers;
  return names.map((name) => payload(PAYLOAD.certRequest, writeCert(CERT.signature, name)));
}
function certificatesOf(x: Pick<AuthSa, "policy">): Certificates {
  const c = x.policy.certificates;
  if (!c) throw new RangeError("phase 1 agreed on certificates, and there are none");
  return c;
}

interface Secrets {
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  readonly gxy: Uint8Array;
}
/** SKEYID, RFC 2409 §5. */
export function skeyidOf(x: AuthSa, auth: number, prf: Prf, { ni, nr, gxy }: Secrets): Uint8Array {
  if (auth !== AUTH.psk) return prf(concat([ni, nr]), [gxy]);
  const { psk } = x.policy;
  if (psk === null) throw new RangeError("phase 1 agreed on a pre-shared key, and there is none");
  return psk.use((key) => prf(key, [ni, nr]));
}
/** HASH_I or HASH_R, RFC 2409 §5; `id`: the body of that side's ID payload. */
function authHash(x: AuthSa, k: AuthState, of: AuthSa["role"], id: Uint8Array): Uint8Array {
  const { icookie, rcookie } = x;
  const parts = of === "initiator" ? [k.gxi, k.gxr, icookie, rcookie] : [k.gxr, k.gxi, rcookie, icookie];
  const hash = METHODS[k.auth]?.hash ?? k.proposal.hash;
  return x.env.crypto.hmac(hash, k.skeyid, [...parts, k.saBody, id]);
}

/** Our ID, and HASH or certificates and SIG. */
export function ourAuth(x: AuthSa, k: AuthState): Payload[] {
  const method = METHODS[k.auth];
  if (!method) {
    const id = writeId({ id: x.policy.localId ?? addressId(x.local.address), protocol: 0, port: 0 });
    return [payload(PAYLOAD.id, id), payload(PAYLOAD.hash, authHash(x, k, x.role, id))];
  }
  const { credentials } = certificatesOf(x);
  const id = certificateId(x, credentials);
  const signature = credentials.sign(method.scheme, authHash(x, k, x.role, id));
  return [
    payload(PAYLOAD.id, id),
    ...credentials.chain.map((der) => payload(PAYLOAD.cert, writeCert(CERT.signature, der))),
    payload(PAYLOAD.signature, signature),
  ];
}
/** RFC 4945 §3.1: an identity that our certificate has, its subject by default. */
export function certificateId(x: Pick<AuthSa, "policy">, own: CertificateInfo): Uint8Array {
  const id = x.policy.localId ?? (own.subject === "" ? own.altNames[0] : undefined);
  if (id && id.type !== ID.dn) return writeId({ id, protocol: 0, port: 0 });
  return concat([Uint8Array.of(ID.dn, 0, 0, 0), own.subjectDer]);
}

/** The peer has proved who it is. */
export interface Authentic {
  readonly kind: "authentic";
  readonly chain: Chain;
  readonly peerId: IkeId;
  /** Its certificates, of which nobody has looked at the dates, as our clock is not set. Null: there is no need to. */
  readonly unchecked: readonly Uint8Array[] | null;
}
/** Not a message that the peer's keys made: with another pre-shared key it decrypts to garbage. */
interface Garbled {
  readonly kind: "garbled";
}
/** It can be read, and does not prove what it should. */
interface Unproved {
  readonly kind: "refused";
  readonly why: Failure;
}
/** What the peer says in the clear, or in a chain that has been decrypted; `id`: the body of its ID payload. */
export function readProof(x: AuthSa, k: AuthState, chain: Chain, id: Uint8Array): Authentic | Garbled | Unproved {
  const hash = authHash(x, k, x.role === "initiator" ? "responder" : "initiator", id);
  const method = METHODS[k.auth];
  if (method) return bySignature(x, method, chain, id, hash);
  return sameBytes(one(chain, PAYLOAD.hash, "hash"), hash) ? byKey(x, chain, id) : { kind: "garbled" };
}
/** `known`: the ID body, if it came before. Throws DecodeError for a message that cannot be decrypted at all. */
export function readAuth(
  x: AuthSa,
  k: AuthState,
  m: Message,
  known: Uint8Array | null = null,
): Authentic | Garbled | Unproved {
  const plain = k.keys.decrypt(k.iv, m.body);
  if (!plain) throw new DecodeError("bad-length", "ciphertext", 28);
  try {
    const chain = readChain(m.header.next, plain, true);
    return readProof(x, k, chain, known ?? one(chain, PAYLOAD.id, "id"));
  } catch (e) {
    if (e instanceof DecodeError) return { kind: "garbled" };
    throw e;
  }
}
function byKey(x: AuthSa, chain: Chain, body: Uint8Array): Authentic | Unproved {
  const peerId = readId(body).id;
  const want = x.policy.remoteId;
  if (!want || sameId(want, peerId)) return { kind: "authentic", chain, peerId, unchecked: null };
  const text = `${x.remote.address} identifies itself as ${quote(peerId.text)}, but ${quote(want.text)} is configured`;
  return { kind: "refused", why: failure("id-mismatch", text) };
}

type CertCode = Parameters<typeof failure>[0] & `cert-${string}`;
function unproved(x: Pick<AuthSa, "remote">, code: CertCode, text: string): Unproved {
  return { kind: "refused", why: failure(code, `${x.remote.address}: ${text}`) };
}
function bySignature(x: AuthSa, method: Method, c: Chain, id: Uint8Array, hash: Uint8Array): Authentic | Unproved {
  const sent = all(c, PAYLOAD.cert).flatMap((body) => [...readCert(body)]);
  const signature = one(c, PAYLOAD.signature, "signature");
  const proved = certified(x, sent, readId(id).id, (peer) => peer.verify(method.scheme, hash, signature));
  return proved.kind === "certified" ? { ...proved, kind: "authentic", chain: c } : proved;
}

/** The peer's certificate is good, its key signed, and it is for who it has to be. */
interface Certified extends Pick<Authentic, "peerId" | "unchecked"> {
  readonly kind: "certified";
}
/** `sent`: the peer's certificates; `signed`: whether its key made the signature. For both versions of IKE. */
export function certified(
  x: Pick<AuthSa, "env" | "policy" | "remote">,
  sent: readonly Uint8Array[],
  id: IkeId,
  signed: (peer: PeerCertificate) => boolean,
): Certified | Unproved {
  if (sent.length === 0) return unproved(x, "cert-missing", "it sends no certificate");
  const peer = certificatesOf(x).trust.validate(sent, x.env.wallClock(), x.policy.peer);
  if (!peer.trusted) return unproved(x, peer.code, `its certificate ${peer.text}`);
  if (!signed(peer)) return unproved(x, "cert-signature", "its signature is not by the key of its certificate");
  const peerId = provedId(peer, id);
  if (!peerId) {
    const text = `it identifies itself as ${quote(id.text)}, but its certificate is for ${namesOf(peer)}`;
    return unproved(x, "cert-name", text);
  }
  const want = x.policy.remoteId;
  if (want && !peer.names(want)) {
    const text = `its certificate is for ${namesOf(peer)}, not for ${quote(want.text)}: is remote_id one of its names?`;
    return unproved(x, "cert-name", text);
  }
  return { kind: "certified", peerId, unchecked: peer.timeChecked ? null : sent.map((der) => der.slice()) };
}
/** An address need not be in the certificate, as hosts move: then its subject stands for the peer (RFC 4945 §3.1.1). */
function provedId(peer: PeerCertificate, id: IkeId): IkeId | null {
  if (peer.names(id)) return id;
  return id.type === ID.ip4 || id.type === ID.ip6 ? { type: ID.dn, text: peer.subject } : null;
}
function namesOf(peer: CertificateInfo): string {
  const names = [...(peer.subject === "" ? [] : [peer.subject]), ...peer.altNames.slice(0, 4).map((n) => n.text)];
  return names.map((n) => quote(n)).join(", ");
}

/** Why the peer's authentication did not come, or could not be read; `sign`: what is known of it. Only a guess. */
export function unauthenticated(x: AuthSa, sign: string, auth = authMethods(x.policy)[0]): Failure {
  const { address } = x.remote;
  const failed = `phase 1 with ${address} failed to authenticate (${sign})`;
  if (auth === AUTH.psk) return failure("psk-mismatch", `${failed}: the pre-shared key probably differs`);
  if (x.role === "responder") return failure("cert-signature", failed);
  return failure("cert-refused", `${failed}: it may not trust our certificate's CA, or expect another name in it`);
}
/** As in Authentic, once our clock is set: what is wrong with them after all. */
export function recheck(
  x: Pick<AuthSa, "env" | "policy" | "remote">,
  unchecked: readonly Uint8Array[],
): Failure | null {
  const peer = x.policy.certificates?.trust.validate(unchecked, x.env.wallClock(), x.policy.peer);
  return !peer || peer.trusted ? null : unproved(x, peer.code, `its certificate ${peer.text}`).why;
}
