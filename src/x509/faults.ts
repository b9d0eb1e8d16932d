// What libcrypto's answer means: a code and a sentence. Numbers are X509_V_ERR_*, the same in OpenSSL 1.1.1 and 3.
import { quote } from "../core/events.ts";
import type { CertFault } from "../ports/pki.ts";
import type { Certificate } from "./certificate.ts";
import { day } from "./time.ts";

/** pki.h: an issuer is not marked as a CA. */
const NOT_CA = 65_536;

type Row = readonly [code: CertFault["code"], text: string];
const CRL_UNREADABLE: Row = ["cert-crl", "cannot be checked: a CRL of its CA cannot be read"];
const UNTRUSTED: Row = ["cert-untrusted", "does not come from any of our CAs (ca)"];
const CONSTRAINT: Row = ["cert-usage", "has a name that its CA is not allowed to vouch for (name constraints)"];
const NOT_A_CA: Row = ["cert-usage", "was issued by a certificate that is not a CA's (basic constraints)"];
const UNREADABLE: Row = ["cert-malformed", "has a date that cannot be read"];

const ROWS: Readonly<Record<number, Row>> = {
  2: UNTRUSTED,
  3: ["cert-crl", "cannot be checked: there is no CRL of its CA (crl)"],
  4: ["cert-malformed", "has a signature that cannot be read"],
  5: CRL_UNREADABLE,
  6: ["cert-malformed", "has a public key that cannot be read"],
  7: ["cert-untrusted", "has a wrong signature: it was changed, or another CA of the same name issued it"],
  8: ["cert-crl", "cannot be checked: the CRL of its CA has a wrong signature"],
  11: ["cert-crl", "cannot be checked: the CRL of its CA is not valid yet"],
  12: ["cert-crl", "cannot be checked: the CRL of its CA has expired, and a newer one is needed"],
  13: UNREADABLE,
  14: UNREADABLE,
  15: CRL_UNREADABLE,
  16: CRL_UNREADABLE,
  18: UNTRUSTED,
  19: UNTRUSTED,
  20: UNTRUSTED,
  21: UNTRUSTED,
  22: ["cert-untrusted", "has more than 8 certificates between it and a CA"],
  23: ["cert-revoked", "was revoked by its CA"],
  24: NOT_A_CA,
  25: ["cert-usage", "has more CAs above it than one of them allows (path length)"],
  26: ["cert-usage", "is not for this purpose"],
  32: ["cert-usage", "was issued by a CA that may not issue certificates (key usage)"],
  33: ["cert-crl", "cannot be checked: there is no CRL of the CA that signed the CRL"],
  34: ["cert-usage", "has a critical extension that is not understood"],
  35: ["cert-crl", "cannot be checked: the CA that signed the CRL may not sign CRLs (key usage)"],
  36: ["cert-crl", "cannot be checked: the CRL of its CA has a critical extension that is not understood"],
  41: ["cert-malformed", "has a bad extension"],
  44: ["cert-crl", "cannot be checked: the CRL covers other certificates (distribution point)"],
  47: CONSTRAINT,
  48: CONSTRAINT,
  49: CONSTRAINT,
  50: CONSTRAINT,
  51: CONSTRAINT,
  52: CONSTRAINT,
  53: CONSTRAINT,
  54: ["cert-crl", "cannot be checked: the CRL's signer cannot be validated"],
  66: ["cert-weak", "has a key that is too weak"],
  67: ["cert-weak", "was issued by a CA whose key is too weak"],
  68: ["cert-weak", "was signed with a hash that is too weak (SHA-1 or MD5)"],
  [NOT_CA]: NOT_A_CA,
  79: NOT_A_CA,
};

/** `depth`: which certificate of the chain libcrypto means; `all`: as the peer sent it, its own first. */
export function faultOfError(error: number, depth: number, all: readonly Certificate[]): CertFault {
  const own = all[0];
  const [code, text] =
    error === 9 || error === 10
      ? dates(error, depth, own)
      : (ROWS[error] ?? ["cert-untrusted", `is refused (${error})`]);
  const issuer =
    own && (code === "cert-untrusted" || code === "cert-crl") ? `; its issuer is ${quote(own.issuer)}` : "";
  return { trusted: false, code, text: text + issuer };
}
function dates(error: number, depth: number, own: Certificate | undefined): Row {
  if (depth > 0 || !own)
    return error === 10
      ? ["cert-expired", "was issued by a CA whose certificate has expired"]
      : ["cert-not-yet-valid", "was issued by a CA whose certificate is not valid yet"];
  return error === 10
    ? ["cert-expired", `expired on ${day(own.notAfter)}`]
    : ["cert-not-yet-valid", `is not valid before ${day(own.notBefore)}: is this machine's clock right?`];
}
