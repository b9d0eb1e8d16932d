// MD4 (RFC 1320): broken as a hash, and what MS-CHAP hashes passwords with. For nothing else.

/** The 16-byte digest. */
export function md4(message: Uint8Array): Uint8Array {
  const length = message.length;
  const padded = new Uint8Array(((length + 8) >>> 6) * 64 + 64);
  padded.set(message);
  padded[length] = 0x80;
  put32(padded, padded.length - 8, (length << 3) >>> 0);
  put32(padded, padded.length - 4, length >>> 29);

  let a = 0x67452301;
  let b = 0xefcdab89 | 0;
  let c = 0x98badcfe | 0;
  let d = 0x10325476;
  const x = new Int32Array(16);
  for (let at = 0; at < padded.length; at += 64) {
    for (let i = 0; i < 16; i++) x[i] = get32(padded, at + 4 * i);
    const [aa, bb, cc, dd] = [a, b, c, d];
    for (const round of ROUNDS) {
      for (let i = 0; i < 16; i++) {
        const t = (a + round.f(b, c, d) + (x[round.order[i] ?? 0] ?? 0) + round.add) | 0;
        const s = round.shift[i & 3] ?? 0;
        a = d;
        d = c;
        c = b;
        b = (t << s) | (t >>> (32 - s));
      }
    }
    a = (a + aa) | 0;
    b = (b + bb) | 0;
    c = (c + cc) | 0;
    d = (d + dd) | 0;
  }
  const out = new Uint8Array(16);
  for (const [i, v] of [a, b, c, d].entries()) put32(out, 4 * i, v);
  return out;
}

// RFC 1320 §3.4
const ROUNDS = [
  {
    f: (x: number, y: number, z: number) => (x & y) | (~x & z),
    add: 0,
    shift: [3, 7, 11, 19],
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  },
  {
    f: (x: number, y: number, z: number) => (x & y) | (x & z) | (y & z),
    add: 0x5a827999,
    shift: [3, 5, 9, 13],
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
  },
  {
    f: (x: number, y: number, z: number) => x ^ y ^ z,
    add: 0x6ed9eba1,
    shift: [3, 9, 11, 15],
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
  },
] as const;

function get32(b: Uint8Array, at: number): number {
  return (b[at] ?? 0) | ((b[at + 1] ?? 0) << 8) | ((b[at + 2] ?? 0) << 16) | ((b[at + 3] ?? 0) << 24);
}
function put32(b: Uint8Array, at: number, v: number): void {
  b[at] = v;
  b[at + 1] = v >>> 8;
  b[at + 2] = v >>> 16;
  b[at + 3] = v >>> 24;
}
