// What we read of a certificate ourselves (RFC 5280 §4): the peer's names, its key's kind and size, and what it may be
// used for. Whether it can be believed is libcrypto's to say (pki.ts).
import { formatIp } from "../core/addr.ts";
import { DecodeError } from "../core/errors.ts";
import { fromUtf8, sameBytes } from "../core/text.ts";
import type { Identity, KeyKind } from "../ports/pki.ts";
import { context, Der, magnitude, oidText, TAG } from "./der.ts";
import { folded, nameText, sameName } from "./name.ts";
import { readTime } from "./time.ts";

/** Numbers of IKE's ID types (RFC 2407 §4.6.2.1, the same in RFC 7296 §3.5). */
const ID = { ip4: 1, fqdn: 2, userFqdn: 3, ip6: 5, dn: 9 } as const;
/** What one certificate may say of its owner; more is a fault. */
const MOST_NAMES = 256;

export interface Certificate {
  readonly der: Uint8Array;
  readonly serial: Uint8Array;
  readonly issuer: string;
  readonly subject: string;
  readonly subjectDer: Uint8Array;
  readonly selfIssued: boolean;
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo, whole. */
  readonly publicKeyInfo: Uint8Array;
  /** Null: a kind that we do not use. */
  readonly key: KeyKind | null;
  /** Of an RSA key; 0: another kind. */
  readonly rsaBits: number;
  readonly altNames: readonly Identity[];
  /** Bits as in RFC 5280 §4.2.1.3, the first is 0x80; null: the certificate does not say. */
  readonly keyUsage: number | null;
  /** Object identifiers of the extended key usage; null: the certificate does not say. */
  readonly extendedUsage: readonly string[] | null;
}

const KEYS: Readonly<Record<string, KeyKind>> = {
  "1.2.840.113549.1.1.1": "rsa",
  "1.2.840.10045.2.1 1.2.840.10045.3.1.7": "ecp256",
  "1.2.840.10045.2.1 1.3.132.0.34": "ecp384",
  "1.2.840.10045.2.1 1.3.132.0.35": "ecp521",
  "1.3.101.112": "ed25519",
  "1.3.101.113": "ed448",
};

/** Throws DecodeError. */
export function readCertificate(der: Uint8Array): Certificate {
  const file = new Der(der);
  const whole = file.inside(TAG.sequence, "certificate");
  file.end("certificate");
  const t = whole.inside(TAG.sequence, "certificate");
  whole.take(TAG.sequence, "signature algorithm");
  whole.take(TAG.bits, "signature");
  whole.end("certificate");
  t.optional(context(0), "version");
  const serial = t.take(TAG.integer, "serial number").body;
  t.take(TAG.sequence, "signature algorithm");
  const issuer = t.take(TAG.sequence, "issuer").whole;
  const validity = t.inside(TAG.sequence, "validity");
  const notBefore = readTime(validity);
  const notAfter = readTime(validity);
  const subject = t.take(TAG.sequence, "subject").whole;
  const info = t.take(TAG.sequence, "public key");
  t.optional(context(1, false), "issuer id");
  t.optional(context(2, false), "subject id");
  const more = t.optional(context(3), "extensions");
  t.end("certificate");
  return {
    der,
    serial,
    issuer: nameText(issuer),
    subject: nameText(subject),
    subjectDer: subject,
    selfIssued: sameBytes(issuer, subject),
    notBefore,
    notAfter,
    publicKeyInfo: info.whole,
    ...readKey(new Der(info.body)),
    ...readExtensions(more?.body ?? null),
  };
}

/** `info`: SubjectPublicKeyInfo. Throws DecodeError. */
export function keyOf(info: Uint8Array): KeyKind | null {
  return readKey(new Der(info).inside(TAG.sequence, "public key")).key;
}
function readKey(r: Der): { key: KeyKind | null; rsaBits: number } {
  const algorithm = r.inside(TAG.sequence, "key algorithm");
  const type = oidText(algorithm.take(TAG.oid, "key algorithm").body);
  const parameter = algorithm.more ? algorithm.next("key parameter") : null;
  const bits = r.take(TAG.bits, "public key").body;
  r.end("public key");
  const curve = parameter?.tag === TAG.oid ? ` ${oidText(parameter.body)}` : "";
  const key = KEYS[type + curve] ?? null;
  if (key !== "rsa") return { key, rsaBits: 0 };
  const numbers = new Der(bits.subarray(1)).inside(TAG.sequence, "rsa key");
  const modulus = magnitude(numbers.take(TAG.integer, "rsa modulus").body);
  const exponent = magnitude(numbers.take(TAG.integer, "rsa exponent").body);
  numbers.end("rsa key");
  // A longer exponent is nobody's, and as slow as a private operation.
  if (!modulus || !exponent || exponent.length > 8) throw new DecodeError("bad-value", "rsa key", 0);
  return { key, rsaBits: 8 * modulus.length - Math.clz32(modulus[0] ?? 0) + 24 };
}

type Extensions = Pick<Certificate, "altNames" | "keyUsage" | "extendedUsage">;
/** RFC 5280 §4.2: no extension comes twice. */
function readExtensions(body: Uint8Array | null): Extensions {
  let altNames: readonly Identity[] = [];
  let keyUsage: number | null = null;
  let extendedUsage: readonly string[] | null = null;
  const seen = new Set<string>();
  const all = body && new Der(body).inside(TAG.sequence, "extensions");
  while (all?.more) {
    const e = all.inside(TAG.sequence, "extension");
    const id = oidText(e.take(TAG.oid, "extension").body);
    e.optional(TAG.boolean, "critical");
    const value = new Der(e.take(TAG.octets, "extension").body);
    e.end("extension");
    if (seen.has(id)) throw new DecodeError("bad-value", "extension twice", 0);
    seen.add(id);
    if (id === "2.5.29.15") keyUsage = value.take(TAG.bits, "key usage").body[1] ?? 0;
    if (id === "2.5.29.17") altNames = readNames(value.inside(TAG.sequence, "alternative names"));
    if (id === "2.5.29.37") {
      const uses = value.inside(TAG.sequence, "extended key usage");
      const list: string[] = [];
      while (uses.more) list.push(oidText(uses.take(TAG.oid, "extended key usage").body));
      extendedUsage = list;
    }
  }
  return { altNames, keyUsage, extendedUsage };
}
/** RFC 5280 §4.2.1.6: rfc822Name, dNSName and iPAddress; the others name nothing that IKE knows. */
function readNames(r: Der): Identity[] {
  const out: Identity[] = [];
  for (let count = 0; r.more; count++) {
    if (count === MOST_NAMES) throw new DecodeError("bad-value", "alternative names", 0);
    const { tag, body } = r.next("alternative name");
    if (tag === context(1, false)) out.push({ type: ID.userFqdn, text: fromUtf8(body) });
    if (tag === context(2, false)) out.push({ type: ID.fqdn, text: fromUtf8(body) });
    if (tag === context(7, false) && body.length === 4) out.push({ type: ID.ip4, text: formatIp(body) });
    if (tag === context(7, false) && body.length === 16) out.push({ type: ID.ip6, text: formatIp(body) });
  }
  return out;
}

/** As CertificateInfo says. */
export function certificateNames(c: Pick<Certificate, "subject" | "altNames">, id: Identity): boolean {
  if (id.type === ID.dn) return c.subject !== "" && sameName(c.subject, id.text);
  return c.altNames.some((n) => n.type === id.type && folded(n.text) === folded(id.text));
}
