// Serial numbers modulo 2^16 and 2^32. `d` is how far `a` is ahead of `b`, negative when behind (RFC 2661 §5.8, RFC
// 1982).

export function diff16(a: number, b: number): number {
  return ((a - b) << 16) >> 16;
}
export function add16(a: number, n: number): number {
  return (a + n) & 0xffff;
}
export function add32(a: number, n: number): number {
  return (a + n) >>> 0;
}
