// ESP transforms as data: what each cipher and integrity algorithm costs on the wire, and their RFCs.
// ESP itself is RFC 4303 in transport mode. Left out: extended sequence numbers, tunnel mode, compression.
import type { EspCipher, EspInteg } from "../dataplane/dataplane.ts";
import type { BlockCipherName, HashName } from "../ports/ports.ts";

export interface CipherTransform {
  readonly kind: "aes-cbc" | "camellia-cbc" | "3des-cbc" | "null" | "aes-gcm" | "chacha20-poly1305";
  /** Bytes of key, of salt behind it, and of IV in every packet. */
  readonly key: number;
  readonly salt: number;
  readonly iv: number;
  /** Plaintext with its trailer is padded to a multiple of this. */
  readonly align: number;
  /** Bytes of ICV that the cipher itself adds; 0: an integrity algorithm must. */
  readonly icv: number;
}
export interface IntegTransform {
  readonly hash: HashName;
  readonly key: number;
  readonly icv: number;
}

const cbc = (key: number): CipherTransform => ({ kind: "aes-cbc", key, salt: 0, iv: 16, align: 16, icv: 0 });
const camellia = (key: number): CipherTransform => ({ ...cbc(key), kind: "camellia-cbc" });
const gcm = (key: number, icv = 16): CipherTransform => ({ kind: "aes-gcm", key, salt: 4, iv: 8, align: 4, icv });

export const CIPHERS: Readonly<Record<EspCipher, CipherTransform>> = {
  aes128: cbc(16), // RFC 3602
  aes192: cbc(24),
  aes256: cbc(32),
  camellia128: camellia(16), // RFC 4312
  camellia192: camellia(24),
  camellia256: camellia(32),
  "3des": { kind: "3des-cbc", key: 24, salt: 0, iv: 8, align: 8, icv: 0 }, // RFC 2451
  null: { kind: "null", key: 0, salt: 0, iv: 0, align: 4, icv: 0 }, // RFC 2410
  aes128gcm16: gcm(16), // RFC 4106
  aes192gcm16: gcm(24),
  aes256gcm16: gcm(32),
  aes128gcm12: gcm(16, 12),
  aes256gcm12: gcm(32, 12),
  aes128gcm8: gcm(16, 8),
  aes256gcm8: gcm(32, 8),
  chacha20poly1305: { kind: "chacha20-poly1305", key: 32, salt: 4, iv: 8, align: 4, icv: 16 }, // RFC 7634
};

export const INTEGS: Readonly<Record<Exclude<EspInteg, "none">, IntegTransform>> = {
  md5: { hash: "md5", key: 16, icv: 12 }, // RFC 2403
  sha1: { hash: "sha1", key: 20, icv: 12 }, // RFC 2404
  sha256: { hash: "sha256", key: 32, icv: 16 }, // RFC 4868
  sha384: { hash: "sha384", key: 48, icv: 24 },
  sha512: { hash: "sha512", key: 64, icv: 32 },
  sha256_96: { hash: "sha256", key: 32, icv: 12 }, // a draft of RFC 4868, as Android 6 and 7 still do it
};

/** What the crypto port calls a cipher in CBC mode. */
export function blockCipher(kind: "aes-cbc" | "camellia-cbc" | "3des-cbc"): BlockCipherName {
  return ({ "aes-cbc": "aes", "camellia-cbc": "camellia", "3des-cbc": "3des" } as const)[kind];
}
/** Bytes of ICV of a pair. RangeError when an AEAD cipher comes with an integrity algorithm, or another without. */
export function icvLength(cipher: EspCipher, integ: EspInteg): number {
  const own = CIPHERS[cipher].icv;
  if (own > 0 !== (integ === "none")) throw new RangeError("integ: none exactly with AEAD ciphers");
  return integ === "none" ? own : INTEGS[integ].icv;
}
