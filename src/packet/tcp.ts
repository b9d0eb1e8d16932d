// The MSS option of a TCP SYN (RFC 9293 §3.7.1): lowered to what the tunnel carries. Data path: nothing here throws.
import { get8, get16, put16 } from "../core/bytes.ts";
import { sum16, updated } from "./checksum.ts";
import { ip4HeaderLength, ipVersion } from "./ip.ts";

const TCP = 6;
const SYN = 0x02;
const OPTION = { end: 0, nop: 1, mss: 2 } as const;

/** The largest TCP segment that fits an MTU: without IPv4 and TCP headers (RFC 9293 §3.7.1). */
export function mssFor(mtu: number): number {
  return mtu - 40;
}

/**
 * Lowers the MSS of a TCP SYN to `mss`, and updates its checksum (RFC 1624). `mss` is meant for IPv4; over IPv6 it is
 * 20 less. The packet is `length` bytes from `start` on, as ipLength found it.
 */
export function clampMss(mem: Uint8Array, start: number, length: number, mss: number): void {
  const end = start + length;
  if (ipVersion(mem, start) === 6) {
    if (mem[start + 6] === TCP) clampSegment(mem, start + 40, end, Math.max(0, mss - 20));
    return;
  }
  const laterFragment = (get16(mem, start + 6) & 0x1fff) !== 0;
  if (mem[start + 9] === TCP && !laterFragment) clampSegment(mem, start + ip4HeaderLength(mem, start), end, mss);
}

function clampSegment(mem: Uint8Array, tcp: number, end: number, mss: number): void {
  if (end - tcp < 20 || (get8(mem, tcp + 13) & SYN) === 0) return;
  const options = tcp + (get8(mem, tcp + 12) >> 4) * 4;
  if (options > end) return;
  for (let at = tcp + 20; at < options; ) {
    const kind = get8(mem, at);
    if (kind === OPTION.end) return;
    if (kind === OPTION.nop) {
      at++;
      continue;
    }
    const size = at + 1 < options ? get8(mem, at + 1) : 0;
    if (size < 2 || at + size > options) return;
    if (kind === OPTION.mss && size === 4 && get16(mem, at + 2) > mss) setMss(mem, tcp, at + 2, mss);
    at += size;
  }
}

/** At an odd offset the two bytes belong to two words of the checksum, so whole words are taken out and put back. */
function setMss(mem: Uint8Array, tcp: number, at: number, mss: number): void {
  const odd = (at - tcp) & 1;
  const before = sum16(mem, 0, at - odd, at + 2 + odd);
  put16(mem, at, mss);
  put16(mem, tcp + 16, updated(get16(mem, tcp + 16), before, sum16(mem, 0, at - odd, at + 2 + odd)));
}
