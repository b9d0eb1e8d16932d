// The ISAKMP header, RFC 2408 §3.1. Version 1.0 only; IKEv2 (2.0) has the same header and will have its own folder.
import { get16, Reader, Writer } from "../../core/bytes.ts";
import { DecodeError } from "../../core/errors.ts";

const HEADER_BYTES = 28;
const VERSION_1 = 0x10;

/** RFC 2408 §3.1, RFC 2409 §5. */
export const EXCHANGE = {
  base: 1,
  identity: 2,
  authOnly: 3,
  aggressive: 4,
  informational: 5,
  quick: 32,
  newGroup: 33,
} as const;
/** Bits of the flags field that we know. */
export const FLAG = { encrypted: 0x01, commit: 0x02 } as const;

export interface IsakmpHeader {
  /** 8 bytes each; the responder's is all zero in the first message. */
  readonly icookie: Uint8Array;
  readonly rcookie: Uint8Array;
  readonly next: number;
  readonly exchange: number;
  readonly flags: number;
  readonly messageId: number;
}

/** RFC 7296 §3.1 has the same header with major version 2. */
export function isIkev2(datagram: Uint8Array): boolean {
  return datagram.length >= HEADER_BYTES && (get16(datagram, 16) & 0xf0) === 0x20;
}

/** Reads one datagram. `body` is a view of what the length field covers; bytes behind it are ignored, as peers do. */
export function readMessage(datagram: Uint8Array): { readonly header: IsakmpHeader; readonly body: Uint8Array } {
  const r = new Reader(datagram);
  const icookie = r.bytes(8, "icookie");
  const rcookie = r.bytes(8, "rcookie");
  const next = r.u8("next payload");
  const version = r.u8("version");
  if (version >> 4 !== 1) throw new DecodeError("bad-value", "version", 17);
  const exchange = r.u8("exchange type");
  const flags = r.u8("flags");
  const messageId = r.u32("message id");
  const length = r.u32("length");
  if (isZero(icookie)) throw new DecodeError("bad-value", "icookie", 0);
  const body = r.bytes(length - HEADER_BYTES, "body");
  return { header: { icookie, rcookie, next, exchange, flags, messageId }, body };
}

export function writeMessage(h: IsakmpHeader, body: Uint8Array): Uint8Array {
  const w = new Writer(new Uint8Array(HEADER_BYTES + body.length));
  w.bytes(h.icookie);
  w.bytes(h.rcookie);
  w.u8(h.next);
  w.u8(VERSION_1);
  w.u8(h.exchange);
  w.u8(h.flags);
  w.u32(h.messageId);
  w.u32(HEADER_BYTES + body.length);
  w.bytes(body);
  return w.done();
}

export function isZero(b: Uint8Array): boolean {
  return b.every((x) => x === 0);
}
