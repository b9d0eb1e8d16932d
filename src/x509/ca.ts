// A small CA's key at work: what signs certificates and CRLs.
import type { KeyKind, PkiMaker } from "../ports/pki.ts";
import { keyOf } from "./certificate.ts";
import { Der, TAG } from "./der.ts";
import type { Issuer } from "./issue.ts";

type Sha1 = (data: Uint8Array) => Uint8Array;
const HASH: Readonly<Partial<Record<KeyKind, string>>> = {
  rsa: "sha256",
  ecp256: "sha256",
  ecp384: "sha384",
  ecp521: "sha512",
};

/** RFC 5280 §4.2.1.2: SHA-1 of the key's bits. `info`: SubjectPublicKeyInfo. */
export function certificateKeyId(info: Uint8Array, sha1: Sha1): Uint8Array {
  const r = new Der(info).inside(TAG.sequence, "public key");
  r.take(TAG.sequence, "key algorithm");
  return sha1(r.take(TAG.bits, "public key").body.subarray(1));
}
/** `pem`: the private key that belongs to `info`; each signature opens it and wipes it. */
export function openIssuer(maker: PkiMaker, pem: Uint8Array, name: string, info: Uint8Array, sha1: Sha1): Issuer {
  const kind = keyOf(info);
  if (kind === null) throw new RangeError("a CA's key of a kind that is not supported");
  const form = formOf(kind);
  return {
    name,
    key: kind,
    keyId: certificateKeyId(info, sha1),
    sign(data) {
      const key = maker.key(pem, new Uint8Array(0));
      const signature = typeof key === "string" ? null : key.sign(form, HASH[kind] ?? "", data);
      if (typeof key !== "string") key.close();
      if (!signature) throw new RangeError("the CA's key cannot sign");
      return signature;
    },
  };
}
function formOf(kind: KeyKind): "pkcs1" | "ecdsa" | "eddsa" {
  if (kind === "rsa") return "pkcs1";
  return HASH[kind] === undefined ? "eddsa" : "ecdsa";
}
