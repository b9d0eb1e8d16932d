// What ESP's transforms are called in the kernel's crypto API.
import type { XfrmTransform } from "../../linux/xfrm-wire.ts";
import type { EspCipher, EspInteg, SaSpec } from "../dataplane.ts";

const GCM = "rfc4106(gcm(aes))";
const AEAD: Partial<Record<EspCipher, readonly [name: string, icvBits: number]>> = {
  aes128gcm16: [GCM, 128],
  aes192gcm16: [GCM, 128],
  aes256gcm16: [GCM, 128],
  aes128gcm12: [GCM, 96],
  aes256gcm12: [GCM, 96],
  aes128gcm8: [GCM, 64],
  aes256gcm8: [GCM, 64],
  chacha20poly1305: ["rfc7539esp(chacha20,poly1305)", 128],
};
const CIPHER: Partial<Record<EspCipher, string>> = {
  aes128: "cbc(aes)",
  aes192: "cbc(aes)",
  aes256: "cbc(aes)",
  camellia128: "cbc(camellia)",
  camellia192: "cbc(camellia)",
  camellia256: "cbc(camellia)",
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
  if (aead !== undefined) return { aead: { name: aead[0], key: keys.encr, icvBits: aead[1] } };
  const crypt = CIPHER[cipher];
  const auth = INTEG[integ];
  if (crypt === undefined || auth === undefined) throw new RangeError(`no ESP transform: ${cipher} with ${integ}`);
  const [name, icvBits] = auth;
  return { crypt: { name: crypt, key: keys.encr }, auth: { name, key: keys.integ, icvBits } };
}
