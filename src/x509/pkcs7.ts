// Certificates in a PKCS #7 SignedData that signs nothing (RFC 2315 §9), as some peers wrap a chain.
import { context, Der, oidText, TAG } from "./der.ts";

const SIGNED_DATA = "1.2.840.113549.1.7.2";

/** DER of each. Throws DecodeError. */
export function certificatesInPkcs7(der: Uint8Array): Uint8Array[] {
  const info = new Der(der).inside(TAG.sequence, "pkcs7");
  if (oidText(info.take(TAG.oid, "pkcs7 type").body) !== SIGNED_DATA) return [];
  const data = info.inside(context(0), "pkcs7").inside(TAG.sequence, "signed data");
  data.take(TAG.integer, "version");
  data.take(TAG.set, "digest algorithms");
  data.take(TAG.sequence, "content");
  const all = new Der(data.optional(context(0), "certificates")?.body ?? new Uint8Array(0));
  const out: Uint8Array[] = [];
  while (all.more) out.push(all.take(TAG.sequence, "certificate").whole);
  return out;
}
