// PEM (RFC 7468): certificates in a text that may hold anything else beside them.
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** DER of every element with this label, in order; null: one of them is no base64. */
export function fromPem(label: string, text: string): Uint8Array[] | null {
  const out: Uint8Array[] = [];
  for (const element of text.split(`-----BEGIN ${label}-----`).slice(1)) {
    const end = element.indexOf("-");
    if (end < 0 || !element.startsWith(`-----END ${label}-----`, end)) continue;
    const der = fromBase64(element.slice(0, end));
    if (!der) return null;
    out.push(der);
  }
  return out;
}
/** White space does not count. */
export function fromBase64(text: string): Uint8Array | null {
  const s = text.replace(/\s+/g, "");
  if (s.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(s)) return null;
  const out = new Uint8Array((s.length / 4) * 3);
  for (let i = 0; i < s.length; i += 4) {
    let v = 0;
    for (let j = 0; j < 4; j++) v = v * 64 + Math.max(0, ALPHABET.indexOf(s.charAt(i + j)));
    out.set([v >> 16, v >> 8, v], (i / 4) * 3);
  }
  return out.slice(0, out.length - (s.match(/=/g)?.length ?? 0));
}
export function base64(der: Uint8Array): string {
  let text = "";
  for (let i = 0; i < der.length; i += 3) {
    const [a = 0, b = 0, c = 0] = der.subarray(i, i + 3);
    const v = (a << 16) | (b << 8) | c;
    for (let j = 0; j < 4; j++) text += j > der.length - i ? "=" : ALPHABET.charAt((v >> (18 - 6 * j)) & 63);
  }
  return text;
}
export function toPem(label: string, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${base64(der).replace(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`;
}
