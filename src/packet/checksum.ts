// The Internet checksum: RFC 1071, and its incremental update (RFC 1624).
import { get8, get16 } from "../core/bytes.ts";

/**
 * One's complement sum of `before` and the 16-bit words in [start, end), folded; an odd last byte counts as the high
 * half of a word.
 */
export function sum16(b: Uint8Array, before = 0, start = 0, end = b.length): number {
  let sum = before;
  let at = start;
  for (; at + 1 < end; at += 2) sum += get16(b, at);
  if (at < end) sum += get8(b, at) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** RFC 1624 eqn. 3, HC' = ~(~HC + ~m + m'): the checksum after words that summed to `before` now sum to `after`. */
export function updated(checksum: number, before: number, after: number): number {
  let sum = (~checksum & 0xffff) + (~before & 0xffff) + after;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
