// The Pki port: form, names, key kinds and usage are checked here; signatures, dates, CRLs, constraints by libcrypto.
import { DecodeError } from "../core/errors.ts";
import { quote } from "../core/events.ts";
import {
  type CertFault,
  type CertificateInfo,
  CLOCK_SET,
  type Credentials,
  type KeyKind,
  type PeerCertificate,
  type Pki,
  type PkiLibrary,
  type PkiStore,
  type SignatureScheme,
  type Trust,
} from "../ports/pki.ts";
import { type Certificate, certificateNames, readCertificate } from "./certificate.ts";
import { Der, der, magnitude, TAG, unsigned } from "./der.ts";
import { faultOfError } from "./faults.ts";
import { fromPem } from "./pem.ts";

/** Of one chain. */
const MOST_CERTS = 8;
const LONGEST_CERT = 16_384;
const MOST_CAS = 64;
const RSA_BITS = { least: 2048, most: 8192 } as const;
/** OpenSSL's security levels: 2 asks for 2048 bits and SHA-2, 0 for nothing. */
const LEVEL = { usual: 2, any: 0 } as const;
const DIGITAL_SIGNATURE = 0x80;
const NON_REPUDIATION = 0x40;
/** RFC 4945 §5.1.3.12 and its forerunners: any, IKE, IPsec end system, and IKE intermediate. */
const IKE_USES: readonly string[] = ["2.5.29.37.0", "1.3.6.1.5.5.7.3.17", "1.3.6.1.5.5.7.3.5", "1.3.6.1.5.5.8.2.2"];
/** TLS in the same role, as Windows and macOS issue them. */
const TLS_USE = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;

const FORMS: Readonly<Record<SignatureScheme["form"], "rsa" | "ec" | "ed">> = {
  pkcs1: "rsa",
  pss: "rsa",
  ecdsa: "ec",
  "ecdsa-der": "ec",
  eddsa: "ed",
};
/** Bytes of a curve's order. */
const ORDER: Readonly<Partial<Record<KeyKind, number>>> = { ecp256: 32, ecp384: 48, ecp521: 66 };

interface PkiDeps {
  readonly library: PkiLibrary;
  sha1(data: Uint8Array): Uint8Array;
}
export function openPki(deps: PkiDeps): Pki {
  return {
    credentials: (o) => openCredentials(deps.library, o.cert, o.key),
    trust: (o) => openTrust(deps, o.ca, o.crl, o.leastRsaBits ?? RSA_BITS.least),
  };
}

function info(c: Certificate, key: KeyKind): CertificateInfo {
  return {
    key,
    subject: c.subject,
    subjectDer: c.subjectDer,
    altNames: c.altNames,
    notBefore: c.notBefore,
    notAfter: c.notAfter,
    names: (id) => certificateNames(c, id),
  };
}
function fits(key: KeyKind, s: SignatureScheme): boolean {
  const kind = FORMS[s.form];
  if (kind === "ec") return ORDER[key] !== undefined;
  return kind === "rsa"
    ? key === "rsa" && (s.form === "pkcs1" || s.hash !== null)
    : key === "ed25519" || key === "ed448";
}
function libraryForm(s: SignatureScheme): "pkcs1" | "pss" | "ecdsa" | "eddsa" {
  return s.form === "ecdsa-der" ? "ecdsa" : s.form;
}

/** The certificates of one option's PEM text, or a sentence. */
function chainOf(option: string, pem: string, most: number): readonly Certificate[] | string {
  const all = fromPem("CERTIFICATE", pem);
  if (all === null) return `${option}: is not PEM`;
  if (all.length === 0) return `${option}: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)`;
  if (all.length > most) return `${option}: holds ${all.length} certificates, more than ${most}`;
  try {
    return all.map(readCertificate);
  } catch (e) {
    if (!(e instanceof DecodeError)) throw e;
    return `${option}: cannot be read: ${e.message}`;
  }
}

function openCredentials(library: PkiLibrary, cert: string, pem: Uint8Array): Credentials | string {
  const chain = chainOf("cert", cert, MOST_CERTS);
  if (typeof chain === "string") return chain;
  const [own] = chain;
  if (!own) throw new RangeError("a chain of none");
  if (own.key === null) return `cert: ${UNSUPPORTED}`;
  const kind = own.key;
  const key = library.key(pem, own.der);
  if (typeof key === "string") return key;
  let open = true;
  return {
    ...info(own, kind),
    chain: chain.map((c) => c.der),
    sign(s, data) {
      const signed = open && fits(kind, s) ? key.sign(libraryForm(s), s.hash ?? "", data) : null;
      if (!signed) throw new RangeError(`${kind}: cannot sign by ${s.form} ${s.hash}`);
      return s.form === "ecdsa" ? flatSignature(signed, ORDER[kind] ?? 0) : signed;
    },
    close() {
      if (open) key.close();
      open = false;
    },
  };
}

/** r | s of ECDSA's DER. */
function flatSignature(signature: Uint8Array, order: number): Uint8Array {
  const r = new Der(signature).inside(TAG.sequence, "signature");
  const out = new Uint8Array(2 * order);
  for (const end of [order, 2 * order]) {
    const n = magnitude(r.take(TAG.integer, "signature").body) ?? new Uint8Array(0);
    out.set(n, end - n.length);
  }
  return out;
}
/** DER of r | s; null: wrong length. */
function derSignature(flat: Uint8Array, order: number): Uint8Array | null {
  if (flat.length !== 2 * order) return null;
  return der(TAG.sequence, unsigned(flat.subarray(0, order)), unsigned(flat.subarray(order)));
}

function openTrust(deps: PkiDeps, ca: string, crl: string | null, leastRsaBits: number): Trust | string {
  const cas = chainOf("ca", ca, MOST_CAS);
  if (typeof cas === "string") return cas;
  const store = deps.library.store();
  if (!store) return "ca: no memory";
  const why = fill(store, cas, crl);
  if (why !== null) {
    store.close();
    return why;
  }
  let open = true;
  return {
    issuers: cas.map((c) => c.subjectDer),
    keyHashes: cas.map((c) => deps.sha1(c.publicKeyInfo)),
    validate(chain, now, use) {
      if (!open) throw new RangeError("trust: closed");
      return validate({ library: deps.library, store, leastRsaBits }, chain, now, use);
    },
    close() {
      if (open) store.close();
      open = false;
    },
  };
}
function fill(store: PkiStore, cas: readonly Certificate[], crl: string | null): string | null {
  if (!cas.every((c) => store.add(c.der))) return "ca: libcrypto cannot read one of the certificates";
  if (crl === null) return null;
  const count = store.addCrls(Uint8Array.from(crl, (c) => c.charCodeAt(0))); // PEM is ASCII
  if (count < 0) return "crl: one of the CRLs cannot be read";
  return count === 0 ? "crl: holds no CRL in PEM (-----BEGIN X509 CRL-----)" : null;
}

const UNSUPPORTED = "has a key of a kind that is not supported (RSA, ECDSA on P-256, P-384 or P-521, Ed25519, Ed448)";

function fault(code: CertFault["code"], text: string): CertFault {
  return { trusted: false, code, text };
}
interface Checks {
  readonly library: PkiLibrary;
  readonly store: PkiStore;
  readonly leastRsaBits: number;
}
function validate(
  x: Checks,
  chain: readonly Uint8Array[],
  now: number,
  use: "server" | "client",
): PeerCertificate | CertFault {
  const read = readChain(chain);
  if (!Array.isArray(read)) return read as CertFault;
  const all: readonly Certificate[] = read;
  const [own] = all;
  if (!own) return fault("cert-malformed", "is missing");
  const timeChecked = now >= CLOCK_SET;
  const weak = all.map((c) => weakness(c, x.leastRsaBits)).find((w) => w !== null);
  if (weak) return fault("cert-weak", weak);
  const seconds = timeChecked ? Math.floor(now / 1000) : -1;
  const level = x.leastRsaBits >= RSA_BITS.least ? LEVEL.usual : LEVEL.any;
  const error = x.store.validate(chain, seconds, level);
  if (error) return faultOfError(error.error, error.depth, all);
  const unfit = usageFault(own, use);
  if (unfit !== null || own.key === null) return fault("cert-usage", unfit ?? UNSUPPORTED);
  const kind = own.key;
  return {
    ...info(own, kind),
    trusted: true,
    timeChecked,
    verify(s, data, signature) {
      if (!fits(kind, s)) return false;
      const whole = s.form === "ecdsa" ? derSignature(signature, ORDER[kind] ?? 0) : signature;
      return whole !== null && x.library.verify(own.der, libraryForm(s), s.hash ?? "", data, whole);
    },
  };
}
function readChain(chain: readonly Uint8Array[]): Certificate[] | CertFault {
  if (chain.length > MOST_CERTS) return fault("cert-malformed", `came with ${chain.length - 1} others, more than 7`);
  if (chain.some((c) => c.length > LONGEST_CERT)) return fault("cert-malformed", "is longer than 16 KiB");
  try {
    return chain.map(readCertificate);
  } catch (e) {
    if (!(e instanceof DecodeError)) throw e;
    return fault("cert-malformed", `cannot be read: ${e.message}`);
  }
}
/** Also keeps what is slow from libcrypto. */
function weakness(c: Certificate, leastRsaBits: number): string | null {
  if (c.key === null) return UNSUPPORTED;
  if (c.key !== "rsa") return null;
  if (c.rsaBits < leastRsaBits) return `has an RSA key of ${c.rsaBits} bits, fewer than ${leastRsaBits}`;
  return c.rsaBits > RSA_BITS.most ? `has an RSA key of ${c.rsaBits} bits, more than ${RSA_BITS.most}` : null;
}
/** RFC 4945 §5.1.3.2 and §5.1.3.12. */
function usageFault(c: Certificate, use: "server" | "client"): string | null {
  if (c.keyUsage !== null && (c.keyUsage & (DIGITAL_SIGNATURE | NON_REPUDIATION)) === 0)
    return "is not for signatures (key usage)";
  if (c.extendedUsage === null) return null;
  if (c.extendedUsage.some((u) => u === TLS_USE[use] || IKE_USES.includes(u))) return null;
  return `is not for a ${use} (extended key usage ${quote(c.extendedUsage.join(" "))})`;
}
