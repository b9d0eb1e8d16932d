// Frame check sequences of RFC 1662 appendix C. The tables are computed; a test compares them with the RFC's text.

function table(polynomial: number): Uint32Array {
  const t = new Uint32Array(256);
  for (let b = 0; b < 256; b++) {
    let v = b;
    for (let bit = 0; bit < 8; bit++) v = v & 1 ? (v >>> 1) ^ polynomial : v >>> 1;
    t[b] = v;
  }
  return t;
}
/** x^16 + x^12 + x^5 + 1, reversed. */
export const FCS16_TABLE: Uint16Array = Uint16Array.from(table(0x8408));
/** x^32 + x^26 + ... + 1 as in IEEE 802.3, reversed. */
export const FCS32_TABLE: Uint32Array = table(0xedb88320);

export const FCS16_INIT = 0xffff;
/** What is left over a frame and its own FCS. */
export const FCS16_GOOD = 0xf0b8;
export const FCS32_INIT = 0xffff_ffff;
export const FCS32_GOOD = 0xdebb20e3;

/** The running FCS-16 over b[at, end); its complement goes out, low octet first. */
export function fcs16(fcs: number, b: Uint8Array, at: number, end: number): number {
  const t = FCS16_TABLE;
  for (let i = at; i < end; i++) fcs = (fcs >>> 8) ^ (t[(fcs ^ (b[i] ?? 0)) & 0xff] ?? 0);
  return fcs;
}
/** The running FCS-32, as fcs16. Unsigned. */
export function fcs32(fcs: number, b: Uint8Array, at: number, end: number): number {
  const t = FCS32_TABLE;
  for (let i = at; i < end; i++) fcs = (fcs >>> 8) ^ (t[(fcs ^ (b[i] ?? 0)) & 0xff] ?? 0);
  return fcs >>> 0;
}
