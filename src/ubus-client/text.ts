// UTF-8 without the host's TextEncoder, which small engines lack.

/** A lone surrogate becomes U+FFFD. */
export function utf8(s: string): Uint8Array {
  const out: number[] = [];
  for (const ch of s) {
    let c = ch.codePointAt(0) ?? 0xfffd;
    if (c >= 0xd800 && c <= 0xdfff) c = 0xfffd;
    if (c < 0x80) out.push(c);
    else if (c < 0x800) out.push(0xc0 | (c >> 6), 0x80 | (c & 63));
    else if (c < 0x10000) out.push(0xe0 | (c >> 12), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63));
    else out.push(0xf0 | (c >> 18), 0x80 | ((c >> 12) & 63), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63));
  }
  return Uint8Array.from(out);
}

const MIN = [0, 0, 0x80, 0x800, 0x10000];

/** Every byte that starts no valid sequence becomes U+FFFD; a NUL ends the text, as it does for C. */
export function fromUtf8(b: Uint8Array): string {
  let s = "";
  for (let i = 0; i < b.length; ) {
    const c = b[i] ?? 0;
    if (c === 0) break;
    const n = sequenceLength(c);
    let v = n === 1 ? c : c & (0x7f >> n);
    let ok = n > 0 && i + n <= b.length;
    for (let j = 1; ok && j < n; j++) {
      const d = b[i + j] ?? 0;
      if ((d & 0xc0) !== 0x80) ok = false;
      v = (v << 6) | (d & 63);
    }
    if (ok && (v < (MIN[n] ?? 0) || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))) ok = false;
    s += ok ? String.fromCodePoint(v) : "\ufffd";
    i += ok ? n : 1;
  }
  return s;
}
/** By its first byte; 0: no sequence begins with it. */
function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}
