// The UDP header inside ESP: RFC 768. Received checksums are ignored (RFC 3948 §3.1.2). Data path: nothing here throws.
import { get16, put16 } from "../core/bytes.ts";
import { sum16 } from "./checksum.ts";

export const UDP = 17;
export const UDP_HEADER = 8;

interface UdpHeader {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Where the payload ends in the same memory; padding may follow (RFC 4303 §2.7). */
  readonly end: number;
}

/** Null: shorter than its header, or than its length field says. The payload begins UDP_HEADER bytes behind `start`. */
export function readUdp(mem: Uint8Array, start: number, end: number): UdpHeader | null {
  if (end - start < UDP_HEADER) return null;
  const length = get16(mem, start + 4);
  if (length < UDP_HEADER || length > end - start) return null;
  return { sourcePort: get16(mem, start), destinationPort: get16(mem, start + 2), end: start + length };
}

/** Writes the header of a datagram of `length` bytes, header included; the checksum is 0 (none, which IPv4 allows). */
export function writeUdp(
  mem: Uint8Array,
  at: number,
  sourcePort: number,
  destinationPort: number,
  length: number,
): void {
  put16(mem, at, sourcePort);
  put16(mem, at + 2, destinationPort);
  put16(mem, at + 4, length);
  put16(mem, at + 6, 0);
}

/** RFC 8200 §8.1: over the pseudo-header of the outer addresses and the datagram `udp`, whose checksum field is 0. */
export function udp6Checksum(local: Uint8Array, remote: Uint8Array, udp: Uint8Array): number {
  const sum = sum16(udp, sum16(local, sum16(remote, UDP + udp.length)));
  return sum === 0xffff ? 0xffff : ~sum & 0xffff;
}
