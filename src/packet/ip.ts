// IP headers as the planes need them: RFC 791, RFC 8200. Data path: nothing here throws.
import { get8, get16 } from "../core/bytes.ts";

const NO_NEXT_HEADER = 59;

/** The version nibble: 4 or 6; anything else is not an IP packet. Bounds are not checked. */
export function ipVersion(mem: Uint8Array, start: number): number {
  return get8(mem, start) >> 4;
}

/** Length of the IPv4 packet in [start, end), 0 when it is not one. Bytes after it are padding. */
export function ip4Length(mem: Uint8Array, start = 0, end = mem.length): number {
  if (end - start < 20 || ipVersion(mem, start) !== 4) return 0;
  const header = ip4HeaderLength(mem, start);
  const total = get16(mem, start + 2);
  return header >= 20 && total >= header && total <= end - start ? total : 0;
}
/** Bytes of the IPv4 header, options included. */
export function ip4HeaderLength(mem: Uint8Array, start: number): number {
  return (get8(mem, start) & 15) * 4;
}

/** Length of the IPv6 packet in [start, end), 0 when it is not one, or is a jumbogram (RFC 2675). */
export function ip6Length(mem: Uint8Array, start = 0, end = mem.length): number {
  if (end - start < 40 || ipVersion(mem, start) !== 6) return 0;
  const payload = get16(mem, start + 4);
  if (payload === 0 && mem[start + 6] !== NO_NEXT_HEADER) return 0;
  return 40 + payload <= end - start ? 40 + payload : 0;
}

/** Length of the IP packet of either version, 0 when it is not one. */
export function ipLength(mem: Uint8Array, start = 0, end = mem.length): number {
  if (end <= start) return 0;
  return ipVersion(mem, start) === 6 ? ip6Length(mem, start, end) : ip4Length(mem, start, end);
}

/** Whether it is IPv6 to all routers, or all DHCPv6 servers, of the link: ff02::2, ff02::1:2. */
export function asksRouter(mem: Uint8Array, start = 0, end = mem.length): boolean {
  if (end - start < 40 || ipVersion(mem, start) !== 6) return false;
  const [first, last] = [get16(mem, start + 24), get16(mem, start + 38)];
  if (first !== 0xff02 || last !== 2 || get16(mem, start + 36) > 1) return false;
  for (let at = start + 26; at < start + 36; at++) if (mem[at] !== 0) return false;
  return true;
}

/** The source address, a view of 4 or 16 bytes. The caller has checked the packet with ipLength. */
export function ipSource(mem: Uint8Array, start = 0): Uint8Array {
  return ipVersion(mem, start) === 6 ? mem.subarray(start + 8, start + 24) : mem.subarray(start + 12, start + 16);
}
/** The destination address, likewise. */
export function ipDestination(mem: Uint8Array, start = 0): Uint8Array {
  return ipVersion(mem, start) === 6 ? mem.subarray(start + 24, start + 40) : mem.subarray(start + 16, start + 20);
}
