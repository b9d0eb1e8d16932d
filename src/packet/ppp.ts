// The PPP header: address, control and protocol field (RFC 1661 §2, §6.5, §6.6). Data path: nothing here throws.
import { get8, get16 } from "../core/bytes.ts";

export const PPP_IPV4 = 0x0021;
export const PPP_IPV6 = 0x0057;
export const PPP_LCP = 0xc021;

interface PppHeader {
  readonly protocol: number;
  /** Where the information field begins in the same memory. */
  readonly info: number;
}

/**
 * Null when the frame is too short. Both compressions are accepted whether or not they were negotiated: nothing else
 * can be meant (RFC 1661 §6.5, §6.6).
 */
export function readPpp(mem: Uint8Array, start: number, end: number): PppHeader | null {
  let at = start;
  if (end - at >= 2 && mem[at] === 0xff && mem[at + 1] === 0x03) at += 2;
  if (end - at < 1) return null;
  const first = get8(mem, at);
  if ((first & 1) === 1) return { protocol: first, info: at + 1 }; // §6.5
  if (end - at < 2) return null;
  return { protocol: get16(mem, at), info: at + 2 };
}

/** What goes in front of a packet of a protocol below 0x100, after what LCP agreed on. */
export function pppHeader(protocol: number, acfc: boolean, pfc: boolean): Uint8Array {
  return Uint8Array.from([...(acfc ? [] : [0xff, 0x03]), ...(pfc ? [] : [0x00]), protocol]);
}

/** The PPP protocol number for an IP version, 0 when it is neither 4 nor 6. */
export function pppProtocolOf(ipVersion: number): number {
  if (ipVersion === 4) return PPP_IPV4;
  return ipVersion === 6 ? PPP_IPV6 : 0;
}
