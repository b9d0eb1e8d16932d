// What the exchanges of phase 1 work on, what they make, and what their steps share: the agreed proposal, NAT
// detection and keys (RFC 2409 §5, RFC 3947 §3).
import { Reader, u32, Writer } from "../../core/bytes.ts";
import { DecodeError, type Failure } from "../../core/errors.ts";
import { concat } from "../../core/text.ts";
import type { DhKey } from "../../ports/ports.ts";
import { authOf, type IkeProposal, P1_LIFE } from "../proposals.ts";
import { failure } from "../types.ts";
import { lifetimes, readAttributes, writeAttributes } from "../wire/attributes.ts";
import { EXCHANGE, FLAG, writeMessage } from "../wire/header.ts";
import type { IkeId } from "../wire/id.ts";
import { NOTIFY, type Notify, readNotify, writeNotify } from "../wire/notify.ts";
import { all, type Chain, one, PAYLOAD, type Payload, payload, writeChain } from "../wire/payloads.ts";
import { PROTOCOL, type Transform } from "../wire/sa.ts";
import { type Authentic, type AuthSa, certificateRequests, skeyidOf } from "./auth.ts";
import { type IkeKeys, lastBlock, type Phase1Keys, phase1Keys } from "./keys.ts";
import { isOnPort500, type Nat, NatDetection, type NattVersion, natDType, readVendorIds } from "./natt.ts";
import { Protection } from "./protection.ts";

/** Code of a responder's failure before message 3: the source address of message 1 may be forged. */
export const UNPROVED = "unproved";
export const NONCE_BYTES = 32;
const LEAST_LIFE_SECONDS = 60;
/** RFC 2407 §4.5: what is meant where no life is given. */
const DEFAULT_LIFE_SECONDS = 28_800;

export type Role = "initiator" | "responder";

/** What phase 1 makes: an ISAKMP SA. */
export interface Phase1 {
  readonly protection: Protection;
  readonly proposal: IkeProposal;
  readonly natt: NattVersion | null;
  readonly nat: Nat;
  /** ESP goes in UDP. */
  readonly udp: boolean;
  readonly peerDpd: boolean;
  readonly peerId: IkeId;
  /** The peer's certificates, while nobody has looked at their dates: our clock is not set. */
  readonly unchecked: readonly Uint8Array[] | null;
  readonly lifeSeconds: number;
  readonly initialContact: boolean;
}
/** The ISAKMP SA in the making. */
export interface Phase1Sa extends AuthSa {
  /** Zero until the responder has chosen it. */
  rcookie: Uint8Array;
  /** An initiator says INITIAL-CONTACT. */
  readonly first: boolean;
  /** The peer puts fragments together. */
  fragments: boolean;
  bad(counter: string, what: string): void;
}

/** After the proposals. */
export interface Agreed {
  /** Body of the initiator's SA payload, which the hashes cover. */
  readonly saBody: Uint8Array;
  readonly proposal: IkeProposal;
  /** Method of authentication (RFC 2409 appendix A). */
  readonly auth: number;
  readonly lifeSeconds: number;
  /** What the transform says. */
  readonly askedSeconds: number;
  readonly natt: NattVersion | null;
  readonly dpd: boolean;
}
interface Halves {
  readonly gxi: Uint8Array;
  readonly gxr: Uint8Array;
}
/** After the key exchange. */
export interface Keyed extends Agreed, Halves, Phase1Keys {
  readonly nat: NatSeen;
}
export interface NatSeen {
  readonly us: boolean;
  readonly peer: boolean;
}
/** The peer's half of the key exchange. */
interface PeerKe {
  readonly ke: Uint8Array;
  readonly nonce: Uint8Array;
  readonly nat: NatSeen;
}

export function agreed(x: Phase1Sa, c: Chain, saBody: Uint8Array, proposal: IkeProposal, t: Transform): Agreed {
  const theirs = lifetimes(t.attributes, ...P1_LIFE).seconds;
  const lifeSeconds = shorter(x.policy.ikeLifetimeSeconds, theirs);
  const askedSeconds = theirs || DEFAULT_LIFE_SECONDS;
  const { natt, dpd, fragments } = readVendorIds(all(c, PAYLOAD.vendorId));
  x.fragments = fragments;
  return { saBody, proposal, auth: authOf(t), lifeSeconds, askedSeconds, natt, dpd };
}
function shorter(ours: number, theirs: number | null): number {
  return theirs === null || theirs === 0 ? ours : Math.max(LEAST_LIFE_SECONDS, Math.min(ours, theirs));
}
/** RFC 2407 §4.6.3.1, RESPONDER-LIFETIME: the SA ends here before the initiator has asked for it to. */
export function ourLifetime(x: Phase1Sa, { lifeSeconds, askedSeconds }: Agreed): Payload[] {
  if (lifeSeconds >= askedSeconds) return [];
  const [lifeType, duration] = P1_LIFE;
  const w = new Writer();
  writeAttributes(w, [
    { type: lifeType, value: 1 },
    { type: duration, value: u32(lifeSeconds) },
  ]);
  const spi = concat([x.icookie, x.rcookie]);
  const notify = { protocol: PROTOCOL.isakmp, type: NOTIFY.responderLifetime, spi, data: w.done() };
  return [payload(PAYLOAD.notify, writeNotify(notify))];
}
/** The same from the responder. */
function toldLifetime(list: readonly Notify[]): number | null {
  const n = list.find((x) => x.type === NOTIFY.responderLifetime && x.protocol === PROTOCOL.isakmp);
  return n ? lifetimes(readAttributes(new Reader(n.data)), ...P1_LIFE).seconds : null;
}

/** KE, nonce, certificate requests, NAT-D. */
export function keyExchange(x: Phase1Sa, a: Agreed, dh: DhKey, nonce: Uint8Array): Payload[] {
  const ours: Payload[] = [
    payload(PAYLOAD.ke, dh.publicValue),
    payload(PAYLOAD.nonce, nonce),
    ...certificateRequests(x, a.auth),
  ];
  if (a.natt === null) return ours;
  return [...ours, ...detection(x, a).payloads(a.natt, x.local, x.remote, x.policy.encap === "udp")];
}
export function readKeyExchange(x: Phase1Sa, a: Agreed, c: Chain): PeerKe {
  const ke = one(c, PAYLOAD.ke, "ke").slice();
  const nonce = readNonce(c);
  const none = { us: false, peer: false };
  if (a.natt === null) return { ke, nonce, nat: none };
  return { ke, nonce, nat: detection(x, a).compare(all(c, natDType(a.natt)), x.local, x.remote) ?? none };
}
/** RFC 2409 §5: 8 to 256 bytes. */
export function readNonce(c: Chain): Uint8Array {
  const n = one(c, PAYLOAD.nonce, "nonce");
  if (n.length < 8 || n.length > 256) throw new DecodeError("bad-length", "nonce", 0);
  return n.slice();
}
export function detection(x: Phase1Sa, a: Agreed): NatDetection {
  return new NatDetection(x.env.crypto, a.proposal.hash, x.icookie, x.rcookie);
}
type NatResult = Pick<Keyed, "nat" | "natt">;
/** Whether ESP goes in UDP. */
export function natSeen(x: Phase1Sa, k: NatResult): boolean {
  return k.nat.us || k.nat.peer || (k.natt !== null && x.policy.encap === "udp");
}
export function natRefused(x: Phase1Sa, k: NatResult): Failure | null {
  const { encap } = x.policy;
  if (encap === "esp" && natSeen(x, k)) {
    return failure("nat", `there is a NAT between us and ${x.remote.address}, but encap = esp allows only raw ESP`);
  }
  if (isOnPort500(k.natt) && natSeen(x, k)) {
    const text = `${x.remote.address} knows NAT traversal only as drafts 00 and 01 had it: behind a NAT no ESP gets through`;
    return failure("no-natt", text);
  }
  if (encap === "udp" && k.natt === null) {
    return failure("no-natt", `${x.remote.address} does not support NAT traversal, but encap = udp requires it`);
  }
  return null;
}

/** Both halves of the key exchange and both nonces make the keys. */
export function keyed(x: Phase1Sa, a: Agreed, peer: PeerKe, own: Own): Keyed {
  const we = x.role === "initiator";
  const mine = own.dh.publicValue;
  const halves: Halves = we ? { gxi: mine, gxr: peer.ke } : { gxi: peer.ke, gxr: mine };
  const { gxy } = own;
  const nonces = we ? { ni: own.nonce, nr: peer.nonce } : { ni: peer.nonce, nr: own.nonce };
  const keys = phase1Keys(x.env.crypto, a.proposal, {
    skeyid: (prf) => skeyidOf(x, a.auth, prf, { ...nonces, gxy }),
    gxy,
    icookie: x.icookie,
    rcookie: x.rcookie,
    ...halves,
  });
  return { ...a, ...halves, nat: peer.nat, ...keys };
}
interface Own {
  readonly dh: DhKey;
  /** The shared secret. */
  readonly gxy: Uint8Array;
  readonly nonce: Uint8Array;
}

export function badDh(x: Phase1Sa): Failure {
  return failure("bad-key", `${x.remote.address} sent a Diffie-Hellman value that is not acceptable`);
}

/** The ISAKMP SA is up; `iv`: the last block of the last message. */
export function established(x: Phase1Sa, k: Keyed, iv: Uint8Array, auth: Authentic): Phase1 {
  k.keys.endPhase1(iv);
  const notifications = all(auth.chain, PAYLOAD.notify).map(readNotify);
  return {
    protection: new Protection(x, k.keys),
    proposal: k.proposal,
    natt: k.natt,
    udp: natSeen(x, k),
    nat: natName(k.nat),
    peerDpd: k.dpd,
    peerId: auth.peerId,
    unchecked: auth.unchecked,
    lifeSeconds: shorter(k.lifeSeconds, x.role === "initiator" ? toldLifetime(notifications) : null),
    initialContact: notifications.some((n) => n.type === NOTIFY.initialContact),
  };
}
function natName({ us, peer }: NatSeen): Nat {
  if (us) return peer ? "both" : "us";
  return peer ? "peer" : "none";
}

export function clearMessage(
  x: Phase1Sa,
  payloads: readonly Payload[],
  exchange: number = EXCHANGE.identity,
): Uint8Array {
  return writeMessage({ ...header(x, payloads, 0), exchange }, writeChain(payloads));
}
/** `iv`: where the next message starts from. */
export function sealedMessage(
  x: Phase1Sa,
  keys: IkeKeys,
  iv: Uint8Array,
  payloads: readonly Payload[],
  exchange: number = EXCHANGE.identity,
): { readonly message: Uint8Array; readonly iv: Uint8Array } {
  const sealed = keys.encrypt(iv, writeChain(payloads));
  const message = writeMessage({ ...header(x, payloads, FLAG.encrypted), exchange }, sealed);
  return { message, iv: lastBlock(sealed, keys.block) };
}
function header(x: Phase1Sa, payloads: readonly Payload[], flags: number) {
  const { icookie, rcookie } = x;
  return { icookie, rcookie, next: payloads[0]?.type ?? 0, exchange: EXCHANGE.identity, flags, messageId: 0 };
}
