// Certificate and certificate request payloads, RFC 2408 §3.9 and §3.10; IKEv2's are the same (RFC 7296 §3.6, §3.7).
import { Reader } from "../../core/bytes.ts";
import { concat } from "../../core/text.ts";
import { certificatesInPkcs7 } from "../../x509/pkcs7.ts";

/** Certificate encodings that we read: a PKCS #7 wrapped chain, and an X.509 certificate for signatures. */
export const CERT = { pkcs7: 1, signature: 4 } as const;

/** `data`: a certificate, or the name of a CA. */
export function writeCert(encoding: number, data: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(encoding), data]);
}
/** The certificates (DER) of one payload, views; none in an encoding that we do not read. Throws DecodeError. */
export function readCert(body: Uint8Array): readonly Uint8Array[] {
  const r = new Reader(body);
  switch (r.u8("certificate encoding")) {
    case CERT.signature:
      return [r.rest()];
    case CERT.pkcs7:
      return certificatesInPkcs7(r.rest());
    default:
      return [];
  }
}
