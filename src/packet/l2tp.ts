// The L2TP data header (RFC 2661 §3.1). Data path: nothing here throws.
import { get16, put16 } from "../core/bytes.ts";

const T = 0x8000;
const L = 0x4000;
const S = 0x0800;
const O = 0x0200;
const VERSION = 2;
/** The message has no Ns and Nr. */
export const NO_NS = -1;

interface DataHeader {
  readonly tunnel: number;
  readonly call: number;
  /** 16 bits, or NO_NS. */
  readonly ns: number;
  /** Where the PPP frame begins and ends in the same memory. */
  readonly start: number;
  readonly end: number;
}

/** True for an L2TP control message (T bit). */
export function isControl(mem: Uint8Array, start: number, end: number): boolean {
  return end - start >= 2 && (get16(mem, start) & T) !== 0;
}

/** Null: no version 2 data header, or its length or offset does not fit. */
export function readData(mem: Uint8Array, start: number, end: number): DataHeader | null {
  if (end - start < 6) return null;
  const flags = get16(mem, start);
  if ((flags & T) !== 0 || (flags & 0xf) !== VERSION) return null;
  const l = (flags & L) !== 0 ? 2 : 0;
  const s = (flags & S) !== 0 ? 4 : 0;
  const o = (flags & O) !== 0 ? 2 : 0;
  const header = 6 + l + s + o;
  if (end - start < header) return null;
  if (l > 0) {
    const length = get16(mem, start + 2);
    if (length < header || length > end - start) return null;
    end = start + length;
  }
  const frame = start + header + (o > 0 ? get16(mem, start + header - 2) : 0);
  if (frame > end) return null;
  const ids = start + 2 + l;
  return {
    tunnel: get16(mem, ids),
    call: get16(mem, ids + 2),
    ns: s > 0 ? get16(mem, ids + 4) : NO_NS,
    start: frame,
    end,
  };
}

/** Bytes that writeData will take. */
export function dataLength(ns: number): number {
  return ns === NO_NS ? 6 : 10;
}

/** Writes the header at `at`; the length field is left out, as every peer must accept. */
export function writeData(mem: Uint8Array, at: number, tunnel: number, call: number, ns: number): void {
  put16(mem, at, ns === NO_NS ? VERSION : S | VERSION);
  put16(mem, at + 2, tunnel);
  put16(mem, at + 4, call);
  if (ns === NO_NS) return;
  put16(mem, at + 6, ns);
  put16(mem, at + 8, 0); // Nr is not used in data messages
}
