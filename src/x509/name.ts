// Distinguished names (RFC 5280 §4.1.2.4) as text: "C=CH, O=Example, CN=gate", in the certificate's order, with commas
// and the like behind a backslash as in RFC 4514.
import { get16 } from "../core/bytes.ts";
import { fromUtf8, hex, utf8 } from "../core/text.ts";
import { Der, der, oid, oidText, TAG } from "./der.ts";

const ATTRIBUTES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.4": "SN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.12": "title",
  "2.5.4.42": "GN",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "emailAddress",
};
/** What people write, in lower case. */
const ALIASES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(ATTRIBUTES).map(([id, name]) => [name.toLowerCase(), id])),
  e: "1.2.840.113549.1.9.1",
  email: "1.2.840.113549.1.9.1",
  s: "2.5.4.8",
};
/** Those that are a PrintableString. */
const PRINTABLE = new Set(["C", "serialNumber"]);

/** `name`: DER. Throws DecodeError. */
export function nameText(name: Uint8Array): string {
  const names = new Der(name).inside(TAG.sequence, "name");
  const out: string[] = [];
  while (names.more) {
    const set = names.inside(TAG.set, "name");
    const parts: string[] = [];
    while (set.more) {
      const pair = set.inside(TAG.sequence, "name");
      const type = oidText(pair.take(TAG.oid, "name attribute").body);
      const value = pair.next("name value");
      pair.end("name attribute");
      parts.push(`${ATTRIBUTES[type] ?? type}=${escaped(valueText(value.tag, value.body))}`);
    }
    out.push(parts.join("+"));
  }
  return out.join(", ");
}
function valueText(tag: number, body: Uint8Array): string {
  switch (tag) {
    case 0x0c: // UTF8String
      return fromUtf8(body);
    case 0x12: // NumericString
    case 0x13: // PrintableString
    case 0x14: // T61String, Latin-1 in practice
    case 0x16: // IA5String
      return String.fromCharCode(...body.subarray(0, 1024));
    case 0x1e: // BMPString
      return Array.from({ length: body.length >> 1 }, (_, i) => String.fromCharCode(get16(body, 2 * i))).join("");
    default:
      return `#${hex(body)}`;
  }
}
function escaped(value: string): string {
  return value.replace(/[,+\\=]/g, "\\$&");
}

/** What a person wrote, in the same form; also "/C=CH/O=Example", as openssl once wrote it. Null: no such name. */
export function parseName(text: string): string | null {
  const all = attributes(text);
  return all?.map(([type, value]) => `${ATTRIBUTES[type]}=${value}`).join(", ") ?? null;
}
/** Object identifiers and values, as they are written. */
function attributes(text: string): (readonly [type: string, value: string])[] | null {
  const t = text.trim();
  const parts = t.startsWith("/") ? t.slice(1).split("/") : pieces(t);
  const out: (readonly [string, string])[] = [];
  for (const part of parts) {
    const m = /^\s*([A-Za-z]+)\s*=\s*([^\s].*)$/s.exec(part);
    const type = m && ALIASES[(m[1] as string).toLowerCase()];
    if (!m || type === null || type === undefined) return null;
    out.push([type, (m[2] as string).trim()]);
  }
  return out.length === 0 ? null : out;
}
/** The Name (DER) of a text, with one attribute in each set. Throws RangeError: our own mistake. */
export function nameDer(text: string): Uint8Array {
  const all = attributes(text);
  if (!all) throw new RangeError(`not a distinguished name: ${text}`);
  const sets = all.map(([type, value]) => {
    const plain = value.replace(/\\(.)/gs, "$1");
    const tag = PRINTABLE.has(ATTRIBUTES[type] ?? "") ? TAG.printable : TAG.utf8;
    return der(TAG.set, der(TAG.sequence, oid(type), der(tag, utf8(plain))));
  });
  return der(TAG.sequence, ...sets);
}
/** Between commas that have no backslash in front. */
function pieces(t: string): string[] {
  return t.match(/(?:\\.|[^,\\])+/gs) ?? [];
}
/** Equal but for case and runs of spaces (RFC 5280 §7.1). */
export function sameName(a: string, b: string): boolean {
  return folded(a).replace(/ +/g, " ") === folded(b).replace(/ +/g, " ");
}
/** Without the case of ASCII letters; other letters keep theirs, as some of them fold into ASCII. */
export function folded(s: string): string {
  return s.replace(/[A-Z]+/g, (x) => x.toLowerCase());
}
