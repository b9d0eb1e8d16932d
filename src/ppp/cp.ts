// Packets that every control protocol shares (RFC 1661 §5, §6): code, identifier, length, and options as
// type-length-value.
import { Reader, Writer } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";

export const CODE = {
  configureRequest: 1,
  configureAck: 2,
  configureNak: 3,
  configureReject: 4,
  terminateRequest: 5,
  terminateAck: 6,
  codeReject: 7,
  // LCP alone
  protocolReject: 8,
  echoRequest: 9,
  echoReply: 10,
  discardRequest: 11,
  identification: 12, // RFC 1570 §2.1
  timeRemaining: 13, // RFC 1570 §2.2
} as const;

export interface ControlPacket {
  readonly code: number;
  readonly id: number;
  /** What follows the four header bytes: a view into the frame. */
  readonly body: Uint8Array;
}

/** Reads one packet; bytes behind its Length are padding (RFC 1661 §5). Throws DecodeError. */
export function readPacket(frame: Uint8Array): ControlPacket {
  const r = new Reader(frame);
  const code = r.u8("code");
  const id = r.u8("identifier");
  const length = r.u16("length");
  if (length < 4) throw new DecodeError("bad-length", "length", 2);
  return { code, id, body: r.bytes(length - 4, "data") };
}

export function writePacket(p: ControlPacket): Uint8Array {
  const w = new Writer(new Uint8Array(4 + p.body.length));
  w.u8(p.code);
  w.u8(p.id);
  w.u16(4 + p.body.length);
  w.bytes(p.body);
  return w.done();
}

export interface Option {
  readonly type: number;
  /** A view into the frame where it was read from one. */
  readonly data: Uint8Array;
}

/**
 * Throws DecodeError when a length is below 2 or goes beyond the packet: such a packet is discarded whole (RFC 1661
 * §6).
 */
export function readOptions(body: Uint8Array): Option[] {
  const r = new Reader(body);
  const out: Option[] = [];
  while (r.left > 0) {
    const type = r.u8("option type");
    const length = r.u8("option length");
    if (length < 2) throw new DecodeError("bad-length", "option length", r.at - 1);
    out.push({ type, data: r.sub(length - 2, "option").rest() });
  }
  return out;
}

/** An option longer than 253 bytes of data is our own mistake: RangeError. */
export function writeOptions(options: readonly Option[]): Uint8Array {
  const w = new Writer();
  for (const o of options) {
    if (o.data.length > 253) throw new RangeError(`option ${o.type} of ${o.data.length} bytes`);
    w.u8(o.type);
    w.u8(o.data.length + 2);
    w.bytes(o.data);
  }
  return w.done().slice();
}

/** Option values in network order. */
export function be16(v: number): Uint8Array {
  return Uint8Array.of(v >>> 8, v);
}
export function be32(v: number): Uint8Array {
  return Uint8Array.of(v >>> 24, v >>> 16, v >>> 8, v);
}
