// IP packets that visit TypeScript: those of calls with sequence numbers, after they were put in order, and those of lines.

/** Length of the IPv4 packet in [start, end), 0 when it is none. */
export function ip4Length(mem: Uint8Array, start: number, end: number): number {
  if (end - start < 20 || (mem[start] as number) >> 4 !== 4) return 0;
  const header = ((mem[start] as number) & 15) * 4;
  const total = read16(mem, start + 2);
  return header >= 20 && total >= header && total <= end - start ? total : 0;
}

/** Length of the IPv6 packet in [start, end), 0 when it is none, or a jumbogram (RFC 2675). */
export function ip6Length(mem: Uint8Array, start: number, end: number): number {
  if (end - start < 40 || (mem[start] as number) >> 4 !== 6) return 0;
  const payload = read16(mem, start + 4);
  if (payload === 0 && mem[start + 6] !== 59) return 0;
  return 40 + payload <= end - start ? 40 + payload : 0;
}

export function read16(mem: Uint8Array, at: number): number {
  return ((mem[at] as number) << 8) | (mem[at + 1] as number);
}
export function read32(mem: Uint8Array, at: number): number {
  return read16(mem, at) * 0x10000 + read16(mem, at + 2);
}
function write16(mem: Uint8Array, at: number, v: number): void {
  mem[at] = v >>> 8;
  mem[at + 1] = v;
}

/** The largest TCP segment that fits an MTU: without IPv4 and TCP headers (RFC 9293 §3.7.1). */
export function mssFor(mtu: number): number {
  return mtu - 40;
}

/**
 * Lowers the MSS of a TCP SYN and mends its checksum (RFC 1624). `mss` is the one for IPv4 in both versions. The caller has
 * checked the packet with ip4Length or ip6Length.
 */
export function clampMss(mem: Uint8Array, start: number, length: number, mss: number): void {
  if ((mem[start] as number) >> 4 === 6) {
    if (mem[start + 6] === 6) clampTcp(mem, start + 40, start + length, Math.max(0, mss - 20));
    return;
  }
  if (mem[start + 9] !== 6 || (read16(mem, start + 6) & 0x1fff) !== 0) return;
  clampTcp(mem, start + ((mem[start] as number) & 15) * 4, start + length, mss);
}
function clampTcp(mem: Uint8Array, tcp: number, end: number, mss: number): void {
  if (end - tcp < 20 || ((mem[tcp + 13] as number) & 2) === 0) return;
  const options = tcp + ((mem[tcp + 12] as number) >> 4) * 4;
  if (options > end) return;
  for (let at = tcp + 20; at < options; ) {
    const kind = mem[at] as number;
    if (kind === 0) return;
    if (kind === 1) {
      at++;
      continue;
    }
    const size = at + 1 < options ? (mem[at + 1] as number) : 0;
    if (size < 2 || at + size > options) return;
    if (kind === 2 && size === 4 && read16(mem, at + 2) > mss) setMss(mem, tcp, at + 2, mss);
    at += size;
  }
}

/** At an odd offset the two bytes belong to two words of the checksum, so whole words are taken out and put back. */
function setMss(mem: Uint8Array, tcp: number, at: number, mss: number): void {
  const first = at - ((at - tcp) & 1);
  const last = at + ((at - tcp) & 1);
  let sum = ~read16(mem, tcp + 16) & 0xffff;
  for (let w = first; w <= last; w += 2) sum += ~read16(mem, w) & 0xffff; // RFC 1624 eqn. 3: HC' = ~(~HC + ~m + m')
  write16(mem, at, mss);
  for (let w = first; w <= last; w += 2) sum += read16(mem, w);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  write16(mem, tcp + 16, ~sum);
}
