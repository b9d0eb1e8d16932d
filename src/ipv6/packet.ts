// IPv6 packets without extension headers (RFC 8200), and the checksums of what is in them.
import { parseIp } from "../core/addr.ts";
import { get8, get16, put16 } from "../core/bytes.ts";
import { concat } from "../core/text.ts";
import { sum16 } from "../packet/checksum.ts";
import { ip6Length } from "../packet/ip.ts";

export const ICMPV6 = 58;
export const UDP = 17;
const HEADER = 40;

/** Views of what was read. */
export interface Packet6 {
  readonly next: number;
  readonly hopLimit: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly payload: Uint8Array;
}

/** Null: no IPv6 packet. What is behind its length is padding. */
export function readPacket6(b: Uint8Array): Packet6 | null {
  const length = ip6Length(b);
  if (length === 0) return null;
  return {
    next: get8(b, 6),
    hopLimit: get8(b, 7),
    source: b.subarray(8, 24),
    destination: b.subarray(24, 40),
    payload: b.subarray(HEADER, length),
  };
}

/** A new array. `checksumAt`: where in the payload its checksum is, which is 0 until now. */
export function writePacket6(p: Packet6, checksumAt: number): Uint8Array {
  const { length } = p.payload;
  const rest = Uint8Array.of(length >> 8, length, p.next, p.hopLimit);
  const out = concat([Uint8Array.of(0x60, 0, 0, 0), rest, p.source, p.destination, p.payload]);
  const sum = sumOf(p);
  put16(out, HEADER + checksumAt, sum === 0xffff ? 0xffff : ~sum);
  return out;
}

/** The pseudo-header of RFC 8200 §8.1 is summed too. An intact packet's words sum to 0xffff. */
export function intact(p: Packet6): boolean {
  return sumOf(p) === 0xffff;
}
function sumOf({ source, destination, payload, next }: Packet6): number {
  return sum16(payload, sum16(source, sum16(destination, payload.length + next)));
}

/** fe80::/10 (RFC 4291 §2.5.6). */
export function isLinkLocal(address: Uint8Array): boolean {
  return (get16(address, 0) & 0xffc0) === 0xfe80;
}
/** 16 bytes of an address that the configuration has checked. */
export function addressBytes(text: string): Uint8Array {
  return parseIp(text) ?? new Uint8Array(16);
}
