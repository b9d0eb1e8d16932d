// Text and bytes without the host's TextEncoder: the core runs on engines that have none.
import { get8 } from "./bytes.ts";

/** UTF-8 bytes of `s`; a lone surrogate becomes U+FFFD. */
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

/** Text of untrusted bytes; every byte that starts no valid sequence becomes U+FFFD. */
export function fromUtf8(b: Uint8Array): string {
  let s = "";
  for (let i = 0; i < b.length; ) {
    const c = get8(b, i);
    const n = sequenceLength(c);
    let v = n === 1 ? c : c & (0x7f >> n);
    let ok = n > 0 && i + n <= b.length;
    for (let j = 1; ok && j < n; j++) {
      const d = get8(b, i + j);
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

/** Lines, whichever way they end. */
export function linesOf(text: string): string[] {
  return text.replace(/\r\n?/g, "\n").split("\n");
}
/** What stands between white space. */
export function wordsOf(text: string): string[] {
  return text.match(/\S+/g) ?? [];
}

/** UTF-16LE, as MS-CHAP hashes passwords (RFC 2759 §8.2). */
export function utf16le(s: string): Uint8Array {
  const out = new Uint8Array(s.length * 2);
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    out[2 * i] = c;
    out[2 * i + 1] = c >>> 8;
  }
  return out;
}

export function hex(b: Uint8Array): string {
  let s = "";
  for (const x of b) s += (x < 16 ? "0" : "") + x.toString(16);
  return s;
}

/** Bytes of a hex string (even number of digits, nothing else), or null. */
export function unhex(s: string): Uint8Array | null {
  if (s.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(s)) return null;
  const out = new Uint8Array(s.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(s.slice(2 * i, 2 * i + 2), 16);
  return out;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let n = 0;
  for (const p of parts) n += p.length;
  const out = new Uint8Array(n);
  n = 0;
  for (const p of parts) {
    out.set(p, n);
    n += p.length;
  }
  return out;
}

/** Equality whose time does not depend on where the difference is; for MACs, hashes and responses. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let d = 0;
  for (let i = 0; i < a.length; i++) d |= get8(a, i) ^ get8(b, i);
  return d === 0;
}
