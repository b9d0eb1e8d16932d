// What ESP's transforms are called in the kernel's crypto API.
import type { XfrmTransform } from "../../linux/xfrm-wire.ts";
import type { EspCipher, EspInteg, SaSpec } from "../dataplane.ts";

const AEAD: Partial<Record<EspCipher, string>> = {
  aes128gcm16: "rfc4106(gcm(aes))",
  aes192gcm16: "rfc4106(gcm(aes))",
  aes256gcm16: "rfc4106(gcm(aes))",
  chacha20poly1305: "rfc7539esp(chacha20,poly1305)",
};
const AEAD_ICV = 128; // bits
const CIPHER: Partial<Record<EspCipher, string>> = {
  aes128: "cbc(aes)",
  aes192: "cbc(aes)",
  aes256: "cbc(aes)",
  "3des": "cbc(des3_ede)",
  null: "ecb(cipher_null)",
};
const INTEG: Partial<Record<EspInteg, readonly [name: string, icvBits: number]>> = {
  md5: ["hmac(md5)", 96],
  sha1: ["hmac(sha1)", 96],
  sha256: ["hmac(sha256)", 128],
  sha384: ["hmac(sha384)", 192],
  sha512: ["hmac(sha512)", 256],
  sha256_96: ["hmac(sha256)", 96],
};

/** Throws RangeError for a combination that no proposal has. */
export function transformOf(cipher: EspCipher, integ: EspInteg, keys: SaSpec["keys"]): XfrmTransform {
  const aead = AEAD[cipher];
  if (aead !== undefined) return { aead: { name: aead, key: keys.encr, icvBits: AEAD_ICV } };
  const crypt = CIPHER[cipher];
  const auth = INTEG[integ];
  if (crypt === undefined || auth === undefined) throw new RangeError(`no ESP transform: ${cipher} with ${integ}`);
  const [name, icvBits] = auth;
  return { crypt: { name: crypt, key: keys.encr }, auth: { name, key: keys.integ, icvBits } };
}
