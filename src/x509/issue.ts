// Certificates and CRLs that a small CA of our own signs (RFC 5280 §4 and §5).
import { parseIp } from "../core/addr.ts";
import { isoTime } from "../core/date.ts";
import { utf8 } from "../core/text.ts";
import type { Identity, KeyKind } from "../ports/pki.ts";
import { context, Der, der, oid, TAG, unsigned } from "./der.ts";
import { nameDer } from "./name.ts";
import { readTime } from "./time.ts";

/** Who signs: a name, a key, and what names the key (RFC 5280 §4.2.1.2: SHA-1 of its bits). */
export interface Issuer {
  readonly name: string;
  readonly key: KeyKind;
  readonly keyId: Uint8Array;
  /** PKCS #1 with SHA-256, ECDSA in DER with the curve's hash, EdDSA. */
  sign(data: Uint8Array): Uint8Array;
}
export interface Wish {
  readonly subject: string;
  readonly serial: Uint8Array;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKeyInfo: Uint8Array;
  readonly keyId: Uint8Array;
  /** Null: not a CA; otherwise how many CAs may be below it. */
  readonly ca: number | null;
  readonly altNames: readonly Identity[];
  /** Extended key usage, object identifiers; none: the certificate does not say. */
  readonly uses: readonly string[];
  /** Whole elements, behind ours. */
  readonly extensions?: readonly Uint8Array[];
}

const SIGNATURES: Readonly<Record<KeyKind, string>> = {
  rsa: "1.2.840.113549.1.1.11",
  ecp256: "1.2.840.10045.4.3.2",
  ecp384: "1.2.840.10045.4.3.3",
  ecp521: "1.2.840.10045.4.3.4",
  ed25519: "1.3.101.112",
  ed448: "1.3.101.113",
};
const TRUE = der(TAG.boolean, Uint8Array.of(0xff));

function algorithm(key: KeyKind): Uint8Array {
  return der(TAG.sequence, oid(SIGNATURES[key]), ...(key === "rsa" ? [der(TAG.null)] : []));
}
function signed(by: Issuer, body: Uint8Array): Uint8Array {
  return der(TAG.sequence, body, algorithm(by.key), der(TAG.bits, Uint8Array.of(0), by.sign(body)));
}
/** RFC 5280 §4.1.2.5: two digits of the year up to 2049, then four. */
function time(ms: number): Uint8Array {
  const text = `${isoTime(ms).replace(/[-:TZ]/g, "")}Z`;
  return text < "2050" ? der(TAG.utcTime, utf8(text.slice(2))) : der(TAG.time, utf8(text));
}
export function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return der(TAG.sequence, oid(id), ...(critical ? [TRUE] : []), der(TAG.octets, value));
}
function altName(id: Identity): Uint8Array {
  const ip = parseIp(id.text);
  if (ip) return der(context(7, false), ip);
  return der(context(id.text.includes("@") ? 1 : 2, false), utf8(id.text));
}
function extensions(w: Wish, by: Issuer): Uint8Array[] {
  const basic = w.ca === null ? der(TAG.sequence) : der(TAG.sequence, TRUE, unsigned(Uint8Array.of(w.ca)));
  // keyCertSign and cRLSign, or digitalSignature: bits with how many at the end do not count.
  const usage = w.ca === null ? Uint8Array.of(7, 0x80) : Uint8Array.of(1, 0x06);
  return [
    extension("2.5.29.19", true, basic),
    extension("2.5.29.15", true, der(TAG.bits, usage)),
    extension("2.5.29.14", false, der(TAG.octets, w.keyId)),
    extension("2.5.29.35", false, der(TAG.sequence, der(context(0, false), by.keyId))),
    ...(w.uses.length > 0 ? [extension("2.5.29.37", false, der(TAG.sequence, ...w.uses.map(oid)))] : []),
    ...(w.altNames.length > 0 ? [extension("2.5.29.17", false, der(TAG.sequence, ...w.altNames.map(altName)))] : []),
    ...(w.extensions ?? []),
  ];
}
/** DER. */
export function issue(w: Wish, by: Issuer): Uint8Array {
  const body = der(
    TAG.sequence,
    der(context(0), unsigned(Uint8Array.of(2))),
    unsigned(w.serial),
    algorithm(by.key),
    nameDer(by.name),
    der(TAG.sequence, time(w.notBefore), time(w.notAfter)),
    nameDer(w.subject),
    w.publicKeyInfo,
    der(context(3), der(TAG.sequence, ...extensions(w, by))),
  );
  return signed(by, body);
}

/** A CRL of version 2 (RFC 5280 §5.1): DER. `revoked`: serial numbers, and when. */
export function issueCrl(
  by: Issuer,
  o: {
    readonly number: number;
    readonly now: number;
    readonly nextUpdate: number;
    readonly revoked: readonly { readonly serial: Uint8Array; readonly at: number }[];
  },
): Uint8Array {
  const entries = o.revoked.map((r) => der(TAG.sequence, unsigned(r.serial), time(r.at)));
  const number = [24, 16, 8, 0].map((bits) => (o.number >>> bits) & 255);
  const body = der(
    TAG.sequence,
    unsigned(Uint8Array.of(1)),
    algorithm(by.key),
    nameDer(by.name),
    time(o.now),
    time(o.nextUpdate),
    ...(entries.length > 0 ? [der(TAG.sequence, ...entries)] : []),
    der(
      context(0),
      der(
        TAG.sequence,
        extension("2.5.29.35", false, der(TAG.sequence, der(context(0, false), by.keyId))),
        extension("2.5.29.20", false, unsigned(Uint8Array.from(number))),
      ),
    ),
  );
  return signed(by, body);
}
/** Serial numbers that a CRL (DER) of ours revokes. Throws DecodeError. */
export function revokedBy(crl: Uint8Array): { readonly serial: Uint8Array; readonly at: number }[] {
  const list = new Der(crl).inside(TAG.sequence, "crl").inside(TAG.sequence, "crl");
  list.optional(TAG.integer, "version");
  list.take(TAG.sequence, "algorithm");
  list.take(TAG.sequence, "issuer");
  readTime(list);
  readTime(list);
  const entries = list.optional(TAG.sequence, "entries");
  const out: { serial: Uint8Array; at: number }[] = [];
  for (const all = new Der(entries?.body ?? new Uint8Array(0)); all.more; ) {
    const e = all.inside(TAG.sequence, "entry");
    out.push({ serial: e.take(TAG.integer, "serial").body, at: readTime(e) });
  }
  return out;
}
