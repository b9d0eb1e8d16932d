// Addresses as canonical text (IPv4 dotted, IPv6 per RFC 5952) outside the data path, as bytes where they meet the
// wire.
import { get8, get16, get32, put16 } from "./bytes.ts";

/** 4 or 16 bytes, or null when `s` is no address. No zone, no brackets, no leading zeros in IPv4. */
export function parseIp(s: string): Uint8Array | null {
  return s.includes(":") ? parse6(s) : parse4(s);
}

function parse4(s: string): Uint8Array | null {
  const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(s);
  if (!m) return null;
  const out = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const part = m[i + 1] as string;
    if (Number(part) > 255 || (part.length > 1 && part.startsWith("0"))) return null;
    out[i] = Number(part);
  }
  return out;
}

function parse6(s: string): Uint8Array | null {
  const halves = s.split("::");
  if (halves.length > 2) return null;
  const words = (t: string): number[] | null => {
    if (t === "") return [];
    const out: number[] = [];
    const parts = t.split(":");
    for (const [i, p] of parts.entries()) {
      if (i === parts.length - 1 && p.includes(".")) {
        const v4 = parse4(p);
        if (!v4) return null;
        out.push(get16(v4, 0), get16(v4, 2));
      } else {
        if (!/^[0-9a-fA-F]{1,4}$/.test(p)) return null;
        out.push(Number.parseInt(p, 16));
      }
    }
    return out;
  };
  const head = words(halves[0] as string);
  const tail = halves.length === 2 ? words(halves[1] as string) : [];
  if (!head || !tail) return null;
  const gap = 8 - head.length - tail.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return null;
  const all = [...head, ...new Array<number>(halves.length === 2 ? gap : 0).fill(0), ...tail];
  const out = new Uint8Array(16);
  for (const [i, w] of all.entries()) {
    put16(out, 2 * i, w);
  }
  return out;
}

/** Canonical text of 4 or 16 bytes; anything else is a mistake of ours. */
export function formatIp(b: Uint8Array): string {
  if (b.length === 4) return b.join(".");
  if (b.length !== 16) throw new RangeError(`address of ${b.length} bytes`);
  const w: number[] = [];
  for (let i = 0; i < 16; i += 2) w.push(get16(b, i));
  let best = -1;
  let len = 1; // RFC 5952 §4.2.2: a single zero field is not shortened
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && w[i + n] === 0) n++;
    if (n > len) {
      best = i;
      len = n;
    }
    if (n > 0) i += n - 1;
  }
  const text = (a: number[]): string => a.map((x) => x.toString(16)).join(":");
  return best < 0 ? text(w) : `${text(w.slice(0, best))}::${text(w.slice(best + len))}`;
}

/** The same address in canonical text, or null. */
export function canonicalIp(s: string): string | null {
  const b = parseIp(s);
  return b && formatIp(b);
}

/** fe80:: and an interface identifier of 8 bytes (RFC 4291 §2.5.6). */
export function linkLocal(id: Uint8Array): string {
  return formatIp(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...id));
}

export function isIp6(s: string): boolean {
  return s.includes(":");
}

export interface Prefix {
  /** Network address, canonical, host bits zero. */
  readonly address: string;
  readonly length: number;
}

/** "10.2.0.0/16", or a bare address as a host prefix; null when it is neither. Host bits are cleared. */
export function parsePrefix(s: string): Prefix | null {
  const m = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(s);
  const b = m && parseIp(m[1] as string);
  if (!m || !b) return null;
  const length = m[2] === undefined ? b.length * 8 : Number(m[2]);
  if (length > b.length * 8) return null;
  for (let i = 0; i < b.length; i++) {
    const keep = Math.max(0, Math.min(8, length - 8 * i));
    b[i] = get8(b, i) & (0xff00 >> keep);
  }
  return { address: formatIp(b), length };
}

/** IPv4 as an unsigned 32-bit number; the caller has made sure that it is one. */
export function ip4ToNumber(s: string): number {
  const b = parse4(s);
  if (!b) throw new RangeError(`not an IPv4 address: ${s}`);
  return get32(b, 0);
}
export function numberToIp4(n: number): string {
  return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
}

/** "1.2.3.4:500" or "[2001:db8::1]:500". */
export function formatEndpoint(e: { readonly address: string; readonly port: number }): string {
  return isIp6(e.address) ? `[${e.address}]:${e.port}` : `${e.address}:${e.port}`;
}
