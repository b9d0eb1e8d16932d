// Notification and Delete payloads, RFC 2408 §3.14, §3.15, RFC 2407 §4.6.3; DPD's notifies are RFC 3706 §5.3.
import { Reader, Writer } from "../../core/bytes.ts";
import { DecodeError } from "../../core/errors.ts";

const DOI_IPSEC = 1;

/** 1 to 30. */
const ERRORS = (
  "INVALID-PAYLOAD-TYPE DOI-NOT-SUPPORTED SITUATION-NOT-SUPPORTED INVALID-COOKIE INVALID-MAJOR-VERSION " +
  "INVALID-MINOR-VERSION INVALID-EXCHANGE-TYPE INVALID-FLAGS INVALID-MESSAGE-ID INVALID-PROTOCOL-ID INVALID-SPI " +
  "INVALID-TRANSFORM-ID ATTRIBUTES-NOT-SUPPORTED NO-PROPOSAL-CHOSEN BAD-PROPOSAL-SYNTAX PAYLOAD-MALFORMED " +
  "INVALID-KEY-INFORMATION INVALID-ID-INFORMATION INVALID-CERT-ENCODING INVALID-CERTIFICATE " +
  "CERT-TYPE-UNSUPPORTED INVALID-CERT-AUTHORITY INVALID-HASH-INFORMATION AUTHENTICATION-FAILED " +
  "INVALID-SIGNATURE ADDRESS-NOTIFICATION NOTIFY-SA-LIFETIME CERTIFICATE-UNAVAILABLE UNSUPPORTED-EXCHANGE-TYPE " +
  "UNEQUAL-PAYLOAD-LENGTHS"
).split(" ");
const STATUS: Readonly<Record<number, string>> = {
  16384: "CONNECTED",
  24576: "RESPONDER-LIFETIME",
  24577: "REPLAY-STATUS",
  24578: "INITIAL-CONTACT",
  36136: "R-U-THERE",
  36137: "R-U-THERE-ACK",
};
export const NOTIFY = {
  invalidCookie: 4,
  invalidExchange: 7,
  noProposalChosen: 14,
  malformed: 16,
  invalidKey: 17,
  invalidId: 18,
  authenticationFailed: 24,
  connected: 16384,
  responderLifetime: 24576,
  initialContact: 24578,
  rUThere: 36136,
  rUThereAck: 36137,
} as const;

/** The RFC's name of a notification type, or its number. */
export function notifyName(type: number): string {
  return ERRORS[type - 1] ?? STATUS[type] ?? `notify ${type}`;
}
/** RFC 2408 §3.14.1: 1 to 8191 and 8192 to 16383 (private) are errors, the rest is status. */
export function isError(type: number): boolean {
  return type < 16384;
}

export interface Notify {
  readonly protocol: number;
  readonly type: number;
  readonly spi: Uint8Array;
  readonly data: Uint8Array;
}
export function readNotify(body: Uint8Array): Notify {
  const r = new Reader(body);
  r.u32("doi");
  const protocol = r.u8("protocol");
  const spiSize = r.u8("spi size");
  const type = r.u16("notify type");
  return { protocol, type, spi: r.bytes(spiSize, "spi"), data: r.rest() };
}
export function writeNotify(n: Notify): Uint8Array {
  const w = new Writer();
  w.u32(DOI_IPSEC);
  w.u8(n.protocol);
  w.u8(n.spi.length);
  w.u16(n.type);
  w.bytes(n.spi);
  w.bytes(n.data);
  return w.done().slice();
}

export interface Delete {
  readonly protocol: number;
  /** 16 bytes (both cookies) each for ISAKMP, 4 for ESP. */
  readonly spis: readonly Uint8Array[];
}
export function readDelete(body: Uint8Array): Delete {
  const r = new Reader(body);
  r.u32("doi");
  const protocol = r.u8("protocol");
  const size = r.u8("spi size");
  const count = r.u16("spi count");
  if (size === 0 && count > 0) throw new DecodeError("bad-value", "spi size", 5);
  const spis: Uint8Array[] = [];
  for (let i = 0; i < count; i++) spis.push(r.bytes(size, "spi"));
  r.end("delete");
  return { protocol, spis };
}
export function writeDelete(d: Delete): Uint8Array {
  const w = new Writer();
  w.u32(DOI_IPSEC);
  w.u8(d.protocol);
  w.u8(d.spis[0]?.length ?? 0);
  w.u16(d.spis.length);
  for (const s of d.spis) w.bytes(s);
  return w.done().slice();
}
