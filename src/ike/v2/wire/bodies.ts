// Bodies of small IKEv2 payloads, RFC 7296 §3.4 to §3.13.
import { formatIp, parseIp } from "../../../core/addr.ts";
import { Reader, u32, Writer } from "../../../core/bytes.ts";
import { DecodeError } from "../../../core/errors.ts";
import { concat } from "../../../core/text.ts";
import type { Payload } from "../../wire/payloads.ts";
import { PAYLOAD } from "./message.ts";

/** Protocol identifiers of proposals, notifications and deletes, RFC 7296 §3.3.1. */
export const PROTOCOL = { none: 0, ike: 1, esp: 3 } as const;

// Notify, §3.10
/** RFC 7296 §3.10.1, RFC 4555, 6023, 7383, 7427, 8784, 9242 and 9370. */
export const NOTIFY = {
  unsupportedCriticalPayload: 1,
  invalidIkeSpi: 4,
  invalidMajorVersion: 5,
  invalidSyntax: 7,
  invalidMessageId: 9,
  invalidSpi: 11,
  noProposalChosen: 14,
  invalidKePayload: 17,
  authenticationFailed: 24,
  singlePairRequired: 34,
  noAdditionalSas: 35,
  internalAddressFailure: 36,
  failedCpRequired: 37,
  tsUnacceptable: 38,
  invalidSelectors: 39,
  unacceptableAddresses: 40,
  unexpectedNatDetected: 41,
  useAssignedHoa: 42,
  temporaryFailure: 43,
  childSaNotFound: 44,
  invalidGroupId: 45,
  authorizationFailed: 46,
  stateNotFound: 47,
  initialContact: 16384,
  natSource: 16388,
  natDestination: 16389,
  cookie: 16390,
  useTransportMode: 16391,
  rekeySa: 16393,
  tfcPaddingNotSupported: 16394,
  mobikeSupported: 16396,
  updateSaAddresses: 16400,
  cookie2: 16401,
  noNatsAllowed: 16402,
  childlessSupported: 16418,
  fragmentationSupported: 16430,
  signatureHashes: 16431,
  usePpk: 16435,
  ppkIdentity: 16436,
  noPpkAuth: 16437,
  intermediateSupported: 16438,
  additionalKeyExchange: 16441,
} as const;
const NAMES = new Map<number, string>(
  Object.entries(NOTIFY).map(([name, n]) => [n, name.replace(/[A-Z]/g, (c) => `_${c}`).toUpperCase()]),
);
/** The RFC's name of a notification type, or its number. */
export function notifyName(type: number): string {
  return NAMES.get(type) ?? `notify ${type}`;
}
/** RFC 7296 §3.10.1. */
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
  const protocol = r.u8("protocol");
  const size = r.u8("spi size");
  const type = r.u16("notify type");
  return { protocol, type, spi: r.bytes(size, "spi"), data: r.rest() };
}
export function writeNotify(n: Notify): Uint8Array {
  return concat([Uint8Array.of(n.protocol, n.spi.length, n.type >>> 8, n.type), n.spi, n.data]);
}
const EMPTY = new Uint8Array(0);
/** The payload of a notification about the IKE SA, or, with an SPI, about an ESP SA. */
export function notification(type: number, data: Uint8Array = EMPTY, spi: Uint8Array = EMPTY): Payload {
  const protocol = spi.length > 0 ? PROTOCOL.esp : PROTOCOL.none;
  return { type: PAYLOAD.notify, body: writeNotify({ protocol, type, spi, data }) };
}

// Delete, §3.11
export interface Delete {
  readonly protocol: number;
  /** None for IKE: the SA that carries it. */
  readonly spis: readonly number[];
}
export function readDelete(body: Uint8Array): Delete {
  const r = new Reader(body);
  const protocol = r.u8("protocol");
  const size = r.u8("spi size");
  const count = r.u16("spi count");
  const wanted = protocol === PROTOCOL.ike ? 0 : 4;
  if (size !== wanted || (size === 0 && count > 0)) throw new DecodeError("bad-value", "spi size", 1);
  const spis: number[] = [];
  for (let i = 0; i < count; i++) spis.push(r.u32("spi"));
  r.end("delete");
  return { protocol, spis };
}
export function writeDelete(d: Delete): Uint8Array {
  const n = d.spis.length;
  return concat([Uint8Array.of(d.protocol, n > 0 ? 4 : 0, n >>> 8, n), ...d.spis.map(u32)]);
}

// Key exchange, §3.4
export interface KeyExchange {
  readonly group: number;
  /** A view. */
  readonly value: Uint8Array;
}
export function readKe(body: Uint8Array): KeyExchange {
  const r = new Reader(body);
  const group = r.u16("group");
  r.u16("reserved");
  return { group, value: r.rest() };
}
export function writeKe({ group, value }: KeyExchange): Uint8Array {
  return concat([Uint8Array.of(group >>> 8, group, 0, 0), value]);
}

// Authentication, §3.8
export interface Auth {
  readonly method: number;
  /** A view. */
  readonly data: Uint8Array;
}
export function readAuth(body: Uint8Array): Auth {
  const r = new Reader(body);
  const method = r.u8("auth method");
  r.bytes(3, "reserved");
  return { method, data: r.rest() };
}
export function writeAuth({ method, data }: Auth): Uint8Array {
  return concat([Uint8Array.of(method, 0, 0, 0), data]);
}

// Traffic selectors, §3.13
const TS_IP4 = 7;
const TS_IP6 = 8;
/** Addresses in one family's range, both ends included, and so with the ports. */
export interface Selector {
  /** 0 for any. */
  readonly protocol: number;
  readonly ports: readonly [first: number, last: number];
  readonly addresses: readonly [first: Uint8Array, last: Uint8Array];
}
/** Those of types that we do not know are left out. Throws DecodeError. */
export function readSelectors(body: Uint8Array): Selector[] {
  const r = new Reader(body);
  const count = r.u8("selector count");
  r.bytes(3, "reserved");
  const out: Selector[] = [];
  for (let i = 0; i < count; i++) {
    const type = r.u8("selector type");
    const protocol = r.u8("selector protocol");
    const s = r.sub(r.u16("selector length") - 4, "selector");
    if (type !== TS_IP4 && type !== TS_IP6) continue;
    const ports = [s.u16("first port"), s.u16("last port")] as const;
    const n = type === TS_IP4 ? 4 : 16;
    const addresses = [s.bytes(n, "first address"), s.bytes(n, "last address")] as const;
    s.end("selector");
    out.push({ protocol, ports, addresses });
  }
  r.end("selectors");
  return out;
}
export function writeSelectors(list: readonly Selector[]): Uint8Array {
  const w = new Writer();
  w.u32(list.length * 0x100_0000);
  for (const { protocol, ports, addresses } of list) {
    const [first, last] = addresses;
    w.u8(first.length === 4 ? TS_IP4 : TS_IP6);
    w.u8(protocol);
    w.u16(8 + 2 * first.length);
    for (const p of ports) w.u16(p);
    w.bytes(first);
    w.bytes(last);
  }
  return w.done().slice();
}
/** UDP between one port of a host, or all of its ports. */
export function hostSelector(address: string, protocol: number, port: number): Selector {
  const b = parseIp(address);
  if (!b) throw new RangeError(`not an address: ${address}`);
  return { protocol, ports: port === 0 ? [0, 65535] : [port, port], addresses: [b, b] };
}
/** "192.0.2.1[udp/1701]", for people. */
export function describeSelector({ protocol, ports, addresses }: Selector): string {
  const range = (a: string | number, b: string | number): string => (a === b ? `${a}` : `${a}-${b}`);
  const [from, to] = addresses;
  const of = protocol === 17 ? "udp" : `${protocol || "any"}`;
  return `${range(formatIp(from), formatIp(to))}[${of}/${range(...ports)}]`;
}
