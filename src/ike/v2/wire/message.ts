// IKEv2 messages: the header and the chain of payloads behind it, RFC 7296 §3.1 and §3.2. Payload bodies are read by the
// files beside this one; payloads are written as in IKEv1 (wire/payloads.ts).
import { get8, get16, Reader, Writer } from "../../../core/bytes.ts";
import { DecodeError } from "../../../core/errors.ts";
import type { Endpoint } from "../../../ports/ports.ts";
import { isZero } from "../../wire/header.ts";
import type { Payload } from "../../wire/payloads.ts";

export const HEADER_BYTES = 28;
const VERSION_2 = 0x20;

/** RFC 7296 §3.1; 43 is RFC 9242, 44 is RFC 9370. */
export const EXCHANGE = {
  init: 34,
  auth: 35,
  createChild: 36,
  informational: 37,
  intermediate: 43,
  followup: 44,
} as const;
/** Bits of the flags field: the sender began the IKE SA; a newer version is spoken; this is a response. */
export const FLAG = { initiator: 0x08, version: 0x10, response: 0x20 } as const;
/** RFC 7296 §3.2; 53 is RFC 7383. */
export const PAYLOAD = {
  none: 0,
  sa: 33,
  ke: 34,
  idI: 35,
  idR: 36,
  cert: 37,
  certReq: 38,
  auth: 39,
  nonce: 40,
  notify: 41,
  delete: 42,
  vendorId: 43,
  tsI: 44,
  tsR: 45,
  sk: 46,
  cp: 47,
  eap: 48,
  skf: 53,
} as const;
const KNOWN = new Set<number>(Object.values(PAYLOAD));
const CRITICAL = 0x80;
/** No peer sends this many. */
const MOST = 96;

export interface Header {
  /** 8 bytes each; the responder's is all zero in a first message. */
  readonly spiI: Uint8Array;
  readonly spiR: Uint8Array;
  readonly next: number;
  readonly exchange: number;
  readonly flags: number;
  readonly messageId: number;
}
/** A message as it arrived. */
export interface Message {
  readonly header: Header;
  /** What follows the header: a view of `datagram`. */
  readonly body: Uint8Array;
  /** The whole message, without what may be behind it. */
  readonly datagram: Uint8Array;
  readonly path: Path;
}
/** Between which addresses and UDP ports messages go. */
export interface Path {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}
export interface Chain {
  readonly payloads: readonly Payload[];
  /** Type of an unknown payload that must not be skipped (RFC 7296 §2.5). */
  readonly critical: number | null;
}

/** Major version of a datagram that is long enough for a header, or 0. */
export function majorVersion(datagram: Uint8Array): number {
  return datagram.length < HEADER_BYTES ? 0 : (get16(datagram, 16) >>> 4) & 15;
}

/** Reads one datagram; bytes behind what the length field covers are ignored. Throws DecodeError. */
export function readMessage(bytes: Uint8Array, path: Path): Message {
  const r = new Reader(bytes);
  const spiI = r.bytes(8, "initiator's spi");
  const spiR = r.bytes(8, "responder's spi");
  const next = r.u8("next payload");
  const version = r.u8("version");
  if (version >> 4 !== 2) throw new DecodeError("bad-value", "version", 17);
  const exchange = r.u8("exchange type");
  const flags = r.u8("flags");
  const messageId = r.u32("message id");
  const length = r.u32("length");
  if (isZero(spiI)) throw new DecodeError("bad-value", "initiator's spi", 0);
  const body = r.bytes(length - HEADER_BYTES, "body");
  const header = { spiI, spiR, next, exchange, flags, messageId };
  return { header, body, datagram: bytes.subarray(0, length), path };
}

/** The header of a message with `bodyBytes` bytes behind it. */
export function writeHeader(h: Header, bodyBytes: number): Uint8Array {
  const w = new Writer(new Uint8Array(HEADER_BYTES));
  w.bytes(h.spiI);
  w.bytes(h.spiR);
  w.u8(h.next);
  w.u8(VERSION_2);
  w.u8(h.exchange);
  w.u8(h.flags);
  w.u32(h.messageId);
  w.u32(HEADER_BYTES + bodyBytes);
  return w.done();
}

/** RFC 7296 §2.5: unknown payloads are skipped unless they are critical; the reserved bits are ignored. */
export function readChain(first: number, body: Uint8Array): Chain {
  const r = new Reader(body);
  const payloads: Payload[] = [];
  let critical: number | null = null;
  for (let type = first, n = 0; type !== PAYLOAD.none; n++) {
    if (n === MOST) throw new DecodeError("bad-value", "payload count", r.at);
    const next = r.u8("next payload");
    const flags = r.u8("critical");
    const sub = r.sub(r.u16("payload length") - 4, "payload");
    if (KNOWN.has(type)) payloads.push({ type, body: sub.rest() });
    else if (flags & CRITICAL) critical ??= type;
    type = next;
  }
  r.end("payloads");
  return { payloads, critical };
}

/** An encrypted payload or fragment (RFC 7296 §3.14, RFC 7383 §2.5), which is the only payload of its message. */
export interface Encrypted {
  /** Of the first payload inside; 0 in fragments but the first. */
  readonly first: number;
  /** Which of how many fragments, from 1. */
  readonly number: number;
  readonly total: number;
  /** Whatever comes before initialization vector and ciphertext, from the header on: it is authenticated. A view. */
  readonly head: Uint8Array;
  /** Initialization vector, ciphertext and checksum. A view. */
  readonly sealed: Uint8Array;
}
/** Null when the message is not an encrypted one. Throws DecodeError. */
export function readEncrypted({ header, body, datagram }: Message): Encrypted | null {
  if (header.next !== PAYLOAD.sk && header.next !== PAYLOAD.skf) return null;
  const r = new Reader(body);
  const first = r.u8("next payload");
  r.u8("critical");
  const inner = r.sub(r.u16("payload length") - 4, "encrypted payload");
  r.end("payloads");
  const whole = header.next === PAYLOAD.sk;
  const number = whole ? 1 : inner.u16("fragment number");
  const total = whole ? 1 : inner.u16("total fragments");
  if (number === 0 || number > total) throw new DecodeError("bad-value", "fragment number", HEADER_BYTES + 4);
  const head = datagram.subarray(0, HEADER_BYTES + inner.at);
  return { first, number, total, head, sealed: inner.rest() };
}
/** The generic header of an encrypted payload with `bytes` bytes behind it, and of a fragment its numbers. */
export function encryptedHead(
  first: number,
  bytes: number,
  part?: readonly [number: number, total: number],
): Uint8Array {
  const w = new Writer(new Uint8Array(part ? 8 : 4));
  w.u8(first);
  w.u8(0);
  w.u16(w.at + 2 + (part ? 4 : 0) + bytes);
  for (const n of part ?? []) w.u16(n);
  return w.done();
}
/** RFC 7296 §3.14: what is behind the payloads: padding, and its length in the last byte. */
export function withoutPadding(plain: Uint8Array): Uint8Array {
  const r = plain.length === 0 ? 0 : get8(plain, plain.length - 1);
  if (plain.length < r + 1) throw new DecodeError("bad-length", "padding", plain.length);
  return plain.subarray(0, plain.length - 1 - r);
}
