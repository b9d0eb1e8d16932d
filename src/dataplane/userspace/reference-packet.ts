// Packet arithmetic of the reference fast path, without state. The native library's fptx.c and fprx.c do the same.

export function r16(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 8) | (b[at + 1] as number);
}
export function r32(b: Uint8Array, at: number): number {
  return ((r16(b, at) << 16) | r16(b, at + 2)) >>> 0;
}
export function w16(b: Uint8Array, at: number, v: number): void {
  b[at] = v >>> 8;
  b[at + 1] = v;
}

/** Length of the IPv4 packet at the start of `b`, 0 when it is none. */
export function ip4Length(b: Uint8Array): number {
  if (b.length < 20 || (b[0] as number) >> 4 !== 4) return 0;
  const header = ((b[0] as number) & 15) * 4;
  const total = r16(b, 2);
  return header >= 20 && total >= header && total <= b.length ? total : 0;
}

/** Length of the IPv6 packet at the start of `b`, 0 when it is none, or a jumbogram (RFC 2675). */
export function ip6Length(b: Uint8Array): number {
  if (b.length < 40 || (b[0] as number) >> 4 !== 6) return 0;
  const payload = r16(b, 4);
  if (payload === 0 && b[6] !== 59) return 0;
  return 40 + payload <= b.length ? 40 + payload : 0;
}

/** One's complement sum of 16-bit words, folded; an odd byte counts as the high half of a word. */
export function sum16(b: Uint8Array, start = 0): number {
  let s = start;
  for (let i = 0; i < b.length; i += 2) s += ((b[i] as number) << 8) | (b[i + 1] ?? 0);
  while (s > 0xffff) s = (s & 0xffff) + (s >>> 16);
  return s;
}

/** RFC 8200 §8.1: pseudo-header of the outer addresses, then the datagram (its checksum field 0). */
export function udp6Checksum(local: Uint8Array, remote: Uint8Array, udp: Uint8Array): number {
  const s = sum16(udp, sum16(local, sum16(remote, 17 + udp.length)));
  return s === 0xffff ? 0xffff : ~s & 0xffff;
}

/** Lowers the MSS of a TCP SYN in the IP packet `ip` (exactly the packet) and mends its checksum (RFC 1624); `mss` as for IPv4. */
export function clampMss(ip: Uint8Array, mss: number): void {
  if ((ip[0] as number) >> 4 === 6) {
    if (ip[6] === 6) clampTcp(ip.subarray(40), Math.max(0, mss - 20));
    return;
  }
  if (ip[9] === 6 && (r16(ip, 6) & 0x1fff) === 0) clampTcp(ip.subarray(((ip[0] as number) & 15) * 4), mss);
}
function clampTcp(tcp: Uint8Array, mss: number): void {
  if (tcp.length < 20 || ((tcp[13] as number) & 2) === 0) return;
  const end = ((tcp[12] as number) >> 4) * 4;
  if (end > tcp.length) return;
  for (let at = 20; at < end; ) {
    const kind = tcp[at] as number;
    if (kind === 0) return;
    if (kind === 1) {
      at++;
      continue;
    }
    const size = at + 2 > end ? 0 : (tcp[at + 1] as number);
    if (size < 2 || at + size > end) return;
    if (kind === 2 && size === 4 && r16(tcp, at + 2) > mss) {
      const words = tcp.subarray(at + 2 - (at & 1), at + 4 + (at & 1));
      const before = sum16(words);
      w16(tcp, at + 2, mss);
      let s = (~r16(tcp, 16) & 0xffff) + (~before & 0xffff) + sum16(words);
      s = (s & 0xffff) + (s >>> 16);
      s = (s & 0xffff) + (s >>> 16);
      w16(tcp, 16, ~s & 0xffff);
    }
    at += size;
  }
}

export type L2tp =
  | { readonly kind: "control" }
  | { readonly kind: "bad" }
  | { readonly kind: "data"; readonly tunnel: number; readonly call: number; readonly sequenced: boolean; readonly at: number; readonly end: number };

/** L2TP header of a datagram (RFC 2661 §3.1). */
export function parseL2tp(b: Uint8Array): L2tp {
  if (b.length < 2) return { kind: "bad" };
  const flags = r16(b, 0);
  if ((flags & 15) !== 2) return { kind: "bad" };
  if (flags & 0x8000) return { kind: "control" };
  const length = (flags & 0x4000) !== 0;
  const sequenced = (flags & 0x0800) !== 0;
  const offset = (flags & 0x0200) !== 0;
  let at = 6 + (length ? 2 : 0) + (sequenced ? 4 : 0) + (offset ? 2 : 0);
  let end = b.length;
  if (end < at) return { kind: "bad" };
  if (length) {
    if (r16(b, 2) < at || r16(b, 2) > end) return { kind: "bad" };
    end = r16(b, 2);
  }
  if (offset) at += r16(b, at - 2);
  if (end < at) return { kind: "bad" };
  const ids = length ? 4 : 2;
  return { kind: "data", tunnel: r16(b, ids), call: r16(b, ids + 2), sequenced, at, end };
}

/** What a PPP frame is: an IP packet that starts at `ip`, something for the control plane, or too short. */
export function parsePpp(b: Uint8Array): { readonly version: 4 | 6; readonly ip: number } | "other" | "short" {
  const at = b.length >= 2 && b[0] === 0xff && b[1] === 3 ? 2 : 0; // RFC 1661 §6.6
  if (b.length < at + 1) return "short";
  const first = b[at] as number;
  if ((first & 1) === 0 && b.length < at + 2) return "short";
  const number = first & 1 ? first : r16(b, at); // §6.5
  const ip = at + (first & 1 ? 1 : 2);
  if (number === 0x21) return { version: 4, ip };
  return number === 0x57 ? { version: 6, ip } : "other";
}
