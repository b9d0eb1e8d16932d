// RADIUS packets (RFC 2865 §3) and what proves them: Request and Response Authenticator (RFC 2865 §3, 2866 §3, 5176
// §2.3) and Message-Authenticator (RFC 3579 §3.2), which is in all that we send, first of all, and required in every
// answer to an Access-Request (CVE-2024-3596).
import { get8, get16, put16, Reader } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import type { Secret } from "../core/secret.ts";
import { concat, sameBytes } from "../core/text.ts";
import type { Crypto } from "../ports/ports.ts";
import { A, Attributes } from "./attributes.ts";

export const CODE = {
  accessRequest: 1,
  accessAccept: 2,
  accessReject: 3,
  accountingRequest: 4,
  accountingResponse: 5,
  accessChallenge: 11,
  statusServer: 12,
  disconnectRequest: 40,
  disconnectAck: 41,
  disconnectNak: 42,
  coaRequest: 43,
  coaAck: 44,
  coaNak: 45,
} as const;
export const HEADER = 20;
const AUTHENTICATOR = 4;
const SIZE = 16;
export const LONGEST_PACKET = 4096;

export interface RadiusPacket {
  readonly code: number;
  readonly id: number;
  readonly authenticator: Uint8Array;
  readonly attributes: Attributes;
  /** Without padding behind it. */
  readonly bytes: Uint8Array;
}
/** Views into `b`; what is behind the packet's own length is padding (RFC 2865 §3). Throws DecodeError. */
export function readRadius(b: Uint8Array): RadiusPacket {
  const r = new Reader(b);
  const code = r.u8("code");
  const id = r.u8("identifier");
  const length = r.u16("length");
  if (length < HEADER || length > LONGEST_PACKET) throw new DecodeError("bad-length", "packet", 2);
  const body = r.sub(length - AUTHENTICATOR, "packet");
  const authenticator = body.bytes(SIZE, "authenticator");
  return { code, id, authenticator, attributes: Attributes.read(body), bytes: b.subarray(0, length) };
}

function packet(code: number, id: number, authenticator: Uint8Array, attributes: Uint8Array): Uint8Array {
  const out = concat([Uint8Array.of(code, id, 0, 0), authenticator, attributes]);
  if (out.length > LONGEST_PACKET) throw new RangeError(`RADIUS packet of ${out.length} bytes`);
  put16(out, 2, out.length);
  return out;
}
const ZERO = new Uint8Array(SIZE);
/** Where Message-Authenticator's value is in what we write. */
const OWN_AT = HEADER + 2;

/** `authenticator`: what takes part in the HMAC in the place of the packet's own. */
function messageAuthenticator(
  crypto: Crypto,
  secret: Secret,
  bytes: Uint8Array,
  at: number,
  authenticator: Uint8Array,
): Uint8Array {
  const parts = [bytes.subarray(0, AUTHENTICATOR), authenticator, bytes.subarray(HEADER, at), ZERO];
  return secret.use((key) => crypto.hmac("md5", key, [...parts, bytes.subarray(at + SIZE)]));
}
function authenticatorOf(crypto: Crypto, secret: Secret, bytes: Uint8Array, authenticator: Uint8Array): Uint8Array {
  const parts = [bytes.subarray(0, AUTHENTICATOR), authenticator, bytes.subarray(HEADER)];
  return secret.use((s) => crypto.hash("md5", [...parts, s]));
}
interface Sealing {
  readonly code: number;
  readonly id: number;
  readonly secret: Secret;
  readonly attributes: Attributes;
}
function sealed(crypto: Crypto, { code, id, secret, attributes }: Sealing, authenticator: Uint8Array): Uint8Array {
  const first = new Attributes().add("Message-Authenticator", ZERO).addAll(attributes);
  const out = packet(code, id, authenticator, first.write());
  out.set(messageAuthenticator(crypto, secret, out, OWN_AT, authenticator), OWN_AT);
  return out;
}
/** Access-Request and Status-Server: `authenticator` is 16 fresh random bytes, which User-Password is hidden with. */
export function writeAccess(crypto: Crypto, s: Sealing, authenticator: Uint8Array): Uint8Array {
  return sealed(crypto, s, authenticator);
}
/** Accounting-Request, and a server's Disconnect- and CoA-Request: the authenticator proves the packet. */
export function writeSigned(crypto: Crypto, s: Sealing): Uint8Array {
  const out = sealed(crypto, s, ZERO);
  out.set(authenticatorOf(crypto, s.secret, out, ZERO), AUTHENTICATOR);
  return out;
}
/** The answer to the request that had `authenticator`. */
export function writeAnswer(crypto: Crypto, s: Sealing, authenticator: Uint8Array): Uint8Array {
  const out = sealed(crypto, s, authenticator);
  out.set(authenticatorOf(crypto, s.secret, out, authenticator), AUTHENTICATOR);
  return out;
}

export type Proved = "ok" | "authenticator" | "message-authenticator" | "no-message-authenticator";
function proved(crypto: Crypto, secret: Secret, p: RadiusPacket, authenticator: Uint8Array, required: boolean): Proved {
  if (!sameBytes(authenticatorOf(crypto, secret, p.bytes, authenticator), p.authenticator)) return "authenticator";
  const at = placeOf(p.bytes);
  if (at === null) return required ? "no-message-authenticator" : "ok";
  const wanted = messageAuthenticator(crypto, secret, p.bytes, at, authenticator);
  return sameBytes(wanted, p.bytes.subarray(at, at + SIZE)) ? "ok" : "message-authenticator";
}
/** Where the value of the first Message-Authenticator is. One of another length proves nothing: DecodeError. */
function placeOf(b: Uint8Array): number | null {
  for (let at = HEADER; at < b.length; at += get8(b, at + 1)) {
    if (get8(b, at) !== A["Message-Authenticator"].code) continue;
    if (get8(b, at + 1) !== SIZE + 2) throw new DecodeError("bad-length", "Message-Authenticator", at);
    return at + 2;
  }
  return null;
}
/** Whether `p` is the answer to our request that had `authenticator`. */
export function provesAnswer(crypto: Crypto, secret: Secret, p: RadiusPacket, authenticator: Uint8Array): Proved {
  return proved(crypto, secret, p, authenticator, p.code !== CODE.accountingResponse);
}
/** Whether a Disconnect-, CoA- or Accounting-Request is of somebody with the secret. */
export function provesRequest(crypto: Crypto, secret: Secret, p: RadiusPacket): Proved {
  return proved(crypto, secret, p, ZERO, false);
}
/** The id of what may be an answer; the packet is read when somebody waits for it. */
export function idOf(b: Uint8Array): number | null {
  return b.length >= HEADER && get16(b, 2) <= b.length ? get8(b, 1) : null;
}
