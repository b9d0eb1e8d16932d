// RFC 2661 §4.4: every AVP, in the RFC's order. Types of messages derive from this table, so that reader, writer and
// type agree.
import type { Reader, Writer } from "../../core/bytes.ts";
import { fromUtf8, utf8 } from "../../core/text.ts";

export interface Value<T> {
  read(r: Reader, what: string): T;
  write(w: Writer, v: T): void;
}
const u16: Value<number> = { read: (r, what) => r.u16(what), write: (w, v) => w.u16(v) };
const u32: Value<number> = { read: (r, what) => r.u32(what), write: (w, v) => w.u32(v) };
const text: Value<string> = { read: (r) => fromUtf8(r.rest()), write: (w, v) => w.bytes(utf8(v)) };
const octets: Value<Uint8Array> = { read: (r) => r.rest().slice(), write: (w, v) => w.bytes(v) };
const flag: Value<true> = { read: () => true, write: () => {} };

export interface Result {
  readonly result: number;
  readonly error?: number;
  readonly message?: string;
}
const resultCode: Value<Result> = {
  read: (r, what) => {
    const result = r.u16(what);
    if (r.left < 2) return { result };
    const error = r.u16(what);
    return r.left === 0 ? { result, error } : { result, error, message: fromUtf8(r.rest()) };
  },
  write: (w, v) => {
    w.u16(v.result);
    if (v.error === undefined && v.message === undefined) return;
    w.u16(v.error ?? 0);
    if (v.message !== undefined) w.bytes(utf8(v.message));
  },
};
interface Q931 {
  readonly cause: number;
  readonly message: number;
  readonly advisory: string;
}
const q931: Value<Q931> = {
  read: (r, what) => ({ cause: r.u16(what), message: r.u8(what), advisory: fromUtf8(r.rest()) }),
  write: (w, v) => {
    w.u16(v.cause);
    w.u8(v.message);
    w.bytes(utf8(v.advisory));
  },
};
export interface CallErrors {
  readonly crc: number;
  readonly framing: number;
  readonly hardwareOverruns: number;
  readonly bufferOverruns: number;
  readonly timeouts: number;
  readonly alignment: number;
}
const callErrors: Value<CallErrors> = {
  read: (r, what) => {
    r.u16(what); // reserved
    return {
      crc: r.u32(what),
      framing: r.u32(what),
      hardwareOverruns: r.u32(what),
      bufferOverruns: r.u32(what),
      timeouts: r.u32(what),
      alignment: r.u32(what),
    };
  },
  write: (w, v) => {
    w.u16(0);
    for (const n of [v.crc, v.framing, v.hardwareOverruns, v.bufferOverruns, v.timeouts, v.alignment]) w.u32(n);
  },
};
export interface Accm {
  readonly send: number;
  readonly receive: number;
}
const accm: Value<Accm> = {
  read: (r, what) => {
    r.u16(what); // reserved
    return { send: r.u32(what), receive: r.u32(what) };
  },
  write: (w, v) => {
    w.u16(0);
    w.u32(v.send);
    w.u32(v.receive);
  },
};

export interface Avp<T> {
  readonly type: number;
  /** The M bit as we send it. */
  readonly m: boolean;
  /** May be hidden (the H bit), §4.4. */
  readonly hide: boolean;
  readonly value: Value<T>;
}
const avp = <T>(type: number, m: 0 | 1, hide: 0 | 1, value: Value<T>): Avp<T> => ({
  type,
  m: m === 1,
  hide: hide === 1,
  value,
});

// biome-ignore format: columns
export const AVP = {
  // §4.4.1 all messages            type M  H
  messageType:             avp(0,  1, 0, u16),
  randomVector:            avp(36, 1, 0, octets),
  // §4.4.2 result and error codes
  resultCode:              avp(1,  1, 0, resultCode),
  // §4.4.3 control connection management
  protocolVersion:         avp(2,  1, 0, u16),
  framingCapabilities:     avp(3,  1, 1, u32),
  bearerCapabilities:      avp(4,  1, 1, u32),
  tieBreaker:              avp(5,  0, 0, octets),
  firmwareRevision:        avp(6,  0, 1, u16),
  hostName:                avp(7,  1, 0, text),
  vendorName:              avp(8,  0, 1, text),
  assignedTunnelId:        avp(9,  1, 1, u16),
  receiveWindowSize:       avp(10, 1, 0, u16),
  challenge:               avp(11, 1, 1, octets),
  challengeResponse:       avp(13, 1, 1, octets),
  // §4.4.4 call management
  q931Cause:               avp(12, 1, 0, q931),
  assignedCallId:          avp(14, 1, 1, u16),
  callSerialNumber:        avp(15, 1, 1, u32),
  minimumBps:              avp(16, 1, 1, u32),
  maximumBps:              avp(17, 1, 1, u32),
  bearerType:              avp(18, 1, 1, u32),
  framingType:             avp(19, 1, 1, u32),
  calledNumber:            avp(21, 1, 1, text),
  callingNumber:           avp(22, 1, 1, text),
  subAddress:              avp(23, 1, 1, text),
  txConnectSpeed:          avp(24, 1, 1, u32),
  rxConnectSpeed:          avp(38, 0, 1, u32),
  physicalChannelId:       avp(25, 0, 1, u32),
  privateGroupId:          avp(37, 0, 1, octets),
  sequencingRequired:      avp(39, 1, 0, flag),
  // §4.4.5 proxy LCP and authentication
  initialReceivedConfreq:  avp(26, 0, 1, octets),
  lastSentConfreq:         avp(27, 0, 1, octets),
  lastReceivedConfreq:     avp(28, 0, 1, octets),
  proxyAuthenType:         avp(29, 0, 1, u16),
  proxyAuthenName:         avp(30, 0, 1, octets),
  proxyAuthenChallenge:    avp(31, 0, 1, octets),
  proxyAuthenId:           avp(32, 0, 1, u16),
  proxyAuthenResponse:     avp(33, 0, 1, octets),
  // §4.4.6 call status
  callErrors:              avp(34, 1, 1, callErrors),
  accm:                    avp(35, 1, 1, accm),
} as const;
export type AvpName = keyof typeof AVP;
export type ValueOf<N extends AvpName> = (typeof AVP)[N] extends Avp<infer T> ? T : never;
export type Avps = { readonly [N in AvpName]?: ValueOf<N> };
