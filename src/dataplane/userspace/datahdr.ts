// The L2TP data header (RFC 2661 §3.1) and the PPP header behind it, as the planes need them: data path, never throws.

const T = 0x8000;
const L = 0x4000;
const S = 0x0800;
const O = 0x0200;
export const NO_NS = -1;

export interface DataHeader {
  readonly tunnel: number;
  readonly call: number;
  /** 16 bits, or NO_NS. */
  readonly ns: number;
  /** Where the PPP frame begins and ends in the same memory. */
  readonly start: number;
  readonly end: number;
}

/** Null: no version 2 data header, or its length or offset does not fit. */
export function readData(mem: Uint8Array, start: number, end: number): DataHeader | null {
  const u16 = (at: number): number => ((mem[at] as number) << 8) | (mem[at + 1] as number);
  if (end - start < 6) return null;
  const flags = u16(start);
  if ((flags & T) !== 0 || (flags & 0xf) !== 2) return null;
  let at = start + 2;
  let need = 4 + ((flags & L) !== 0 ? 2 : 0) + ((flags & S) !== 0 ? 4 : 0) + ((flags & O) !== 0 ? 2 : 0);
  if (end - at < need) return null;
  if ((flags & L) !== 0) {
    const length = u16(at);
    need += 2;
    if (length < need || length > end - start) return null;
    end = start + length;
    at += 2;
  }
  const tunnel = u16(at);
  const call = u16(at + 2);
  at += 4;
  let ns = NO_NS;
  if ((flags & S) !== 0) {
    ns = u16(at);
    at += 4;
  }
  if ((flags & O) !== 0) {
    at += 2 + u16(at);
    if (at > end) return null;
  }
  return { tunnel, call, ns, start: at, end };
}

/** Bytes that writeData will take. */
export function dataLength(ns: number): number {
  return ns === NO_NS ? 6 : 10;
}

/** Writes the header at `at`; the length field is left out, as every peer must accept. */
export function writeData(mem: Uint8Array, at: number, tunnel: number, call: number, ns: number): void {
  const words = ns === NO_NS ? [2, tunnel, call] : [S | 2, tunnel, call, ns, 0];
  for (const w of words) {
    mem[at++] = w >>> 8;
    mem[at++] = w;
  }
}

/** True for an L2TP control message (T bit). */
export function isControl(mem: Uint8Array, start: number, end: number): boolean {
  return end - start >= 2 && ((mem[start] as number) & 0x80) !== 0;
}

/** The PPP protocol number and where the information field begins; null when the frame is too short. Takes ACFC and PFC. */
export function readPpp(mem: Uint8Array, start: number, end: number): { readonly protocol: number; readonly info: number } | null {
  let at = start;
  if (end - at >= 2 && mem[at] === 0xff && mem[at + 1] === 0x03) at += 2;
  if (end - at < 1) return null;
  const first = mem[at] as number;
  if ((first & 1) === 1) return { protocol: first, info: at + 1 }; // RFC 1661 §6.5
  if (end - at < 2) return null;
  return { protocol: (first << 8) | (mem[at + 1] as number), info: at + 2 };
}

/** What goes in front of a packet of a protocol below 0x100, after what LCP agreed on (RFC 1661 §6.5, §6.6). */
export function pppHeader(protocol: number, acfc: boolean, pfc: boolean): Uint8Array {
  return Uint8Array.from([...(acfc ? [] : [0xff, 0x03]), ...(pfc ? [] : [0x00]), protocol]);
}
export function pppIpv4Header(acfc: boolean, pfc: boolean): Uint8Array {
  return pppHeader(0x21, acfc, pfc);
}
