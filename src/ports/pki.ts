// Certificates (X.509, RFC 5280) and signatures, as IKE needs them. Types only.
import type { HashName } from "./ports.ts";

export type KeyKind = "rsa" | "ecp256" | "ecp384" | "ecp521" | "ed25519" | "ed448";

/**
 * How a signature is made and written. `hash`: what `data` is hashed with first; null: `data` is signed as it is, as it
 * is a digest already (IKEv1) or the algorithm has its own hash (EdDSA).
 * - pkcs1: RSASSA-PKCS1-v1_5; with hash null without DigestInfo (RFC 2409 §5.1).
 * - pss: RSASSA-PSS, MGF1 with the same hash, a salt as long as the hash (RFC 7427 §A.4.1). `hash` is not null.
 * - ecdsa: r | s, each as long as the curve's order (RFC 4754 §7).
 * - ecdsa-der: the SEQUENCE of RFC 3279 §2.2.3 (RFC 7427 §A.3).
 * - eddsa: Ed25519 and Ed448 (RFC 8420). `hash` is null.
 */
export interface SignatureScheme {
  readonly form: "pkcs1" | "pss" | "ecdsa" | "ecdsa-der" | "eddsa";
  readonly hash: HashName | null;
}

/** An identity: number and text of an IKE ID (ike/wire/id.ts). */
export interface Identity {
  readonly type: number;
  /** Address, host name, user@name, or a distinguished name as text ("C=CH, O=Example, CN=gate"). */
  readonly text: string;
}

/** What a certificate says of its owner. Texts are chosen by whoever asked for it: quote before showing. */
export interface CertificateInfo {
  readonly key: KeyKind;
  /** The subject as text, in the certificate's order: "C=CH, O=Example, CN=gate"; "" when it has none. */
  readonly subject: string;
  /** The subject's DER, as it goes into ID_DER_ASN1_DN. */
  readonly subjectDer: Uint8Array;
  /** subjectAltName: host names, user@name and addresses, as identities. */
  readonly altNames: readonly Identity[];
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /**
   * Whether the certificate is for `id`: its subject (DN), or one of its subjectAltNames. Names compare without case,
   * whole, and "*" is a character like others (RFC 4945 §3.1). A host name or user name in the subject's CN does not
   * count.
   */
  names(id: Identity): boolean;
}

/** Our certificate and its private key, which lives inside. */
export interface Credentials extends CertificateInfo {
  /** DER: our own certificate, then those between it and its CA. */
  readonly chain: readonly Uint8Array[];
  /** Throws RangeError for a scheme that the key does not fit: our own mistake. */
  sign(scheme: SignatureScheme, data: Uint8Array): Uint8Array;
  /** Wipes the key; sign() throws RangeError from now on. */
  close(): void;
}

/** The peer's certificate, which a CA of ours vouches for. */
export interface PeerCertificate extends CertificateInfo {
  readonly trusted: true;
  /** False: our clock was not set, so nobody has looked at validity and CRL dates. Validate again once it is. */
  readonly timeChecked: boolean;
  /** False also for a scheme that the key does not fit. */
  verify(scheme: SignatureScheme, data: Uint8Array, signature: Uint8Array): boolean;
}
/** Why a certificate is not accepted. */
export interface CertFault {
  readonly trusted: false;
  readonly code:
    | "cert-malformed"
    | "cert-expired"
    | "cert-not-yet-valid"
    | "cert-revoked"
    | "cert-crl"
    | "cert-untrusted"
    | "cert-usage"
    | "cert-weak";
  /** What is wrong, without a subject: "was revoked by its CA on 2026-03-01". Peer-chosen text in it is quoted. */
  readonly text: string;
}

/** The CAs that peers' certificates must come from, and their CRLs. */
export interface Trust {
  /** DER of the CAs' subjects: one CERTREQ each (RFC 2408 §3.10). */
  readonly issuers: readonly Uint8Array[];
  /** SHA-1 of the CAs' SubjectPublicKeyInfo, 20 bytes each: a CERTREQ holds them all (RFC 7296 §3.7). */
  readonly keyHashes: readonly Uint8Array[];
  /**
   * Checks signatures, validity, CRLs, basic constraints, name constraints, key usage (RFC 4945 §5.1.3) and key sizes
   * of the peer's own certificate and everything up to a CA. `chain`: DER as the peer sent it, its own first, others
   * in any order; more than 8, or one longer than 16 KiB, is a fault. `now`: milliseconds since 1970; before 2020 the
   * clock is not set, and no date is looked at. `use`: what the peer is; a certificate with Extended Key Usage must
   * allow IKE, or TLS in that role. Does not look at names.
   */
  validate(chain: readonly Uint8Array[], now: number, use: "server" | "client"): PeerCertificate | CertFault;
  close(): void;
}

/** Texts are PEM. A string is the sentence why not, which begins with the option ("key: is not ..."). */
export interface Pki {
  /** `cert`: our certificate, then those between it and its CA. `key`: its private key, without a passphrase. */
  credentials(o: { readonly cert: string; readonly key: Uint8Array }): Credentials | string;
  /** `ca`: one or more CAs. `crl`: CRLs, null: none. `leastRsaBits`: default 2048. */
  trust(o: { readonly ca: string; readonly crl: string | null; readonly leastRsaBits?: number }): Trust | string;
}

/** What one side of IKE authenticates with, when it does so by certificates. */
export interface Certificates {
  readonly credentials: Credentials;
  readonly trust: Trust;
}
/** Our clock is not set before this time (2020-01-01), in milliseconds since 1970: a router without a battery. */
export const CLOCK_SET = 1_577_836_800_000;

/** libcrypto's part of it; the words are those of node-tuntap2. */
export interface PkiLibrary {
  key(
    pem: Uint8Array,
    cert: Uint8Array,
  ): { sign(form: PkiForm, hash: string, data: Uint8Array): Uint8Array | null; close(): void } | string;
  verify(cert: Uint8Array, form: PkiForm, hash: string, data: Uint8Array, signature: Uint8Array): boolean;
  store(): PkiStore | null;
}
export type PkiForm = "pkcs1" | "pss" | "ecdsa" | "eddsa";
export interface PkiStore {
  add(cert: Uint8Array): boolean;
  addCrls(pem: Uint8Array): number;
  validate(
    chain: readonly Uint8Array[],
    seconds: number,
    level: number,
  ): { readonly error: number; readonly depth: number } | null;
  close(): void;
}
/** For who has no CA: makes keys and files. */
export interface PkiMaker extends PkiLibrary {
  generate(kind: string): Uint8Array | null;
  publicKey(pem: Uint8Array): Uint8Array | null;
  pkcs12(password: string, name: string, pem: Uint8Array, certs: readonly Uint8Array[]): Uint8Array | null;
  fromPkcs12(file: Uint8Array, password: string): Uint8Array | null;
}
