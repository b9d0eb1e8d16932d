import type { EspCipher, EspInteg } from "../dataplane/dataplane.ts";
import type { CipherTransform, IntegTransform } from "./transforms.ts";
import { CIPHERS, INTEGS, icvLength } from "./transforms.ts";

/** One direction of one security association: transforms and keys. Sequence numbers and windows are the caller's. */
export interface EspSa {
  readonly spi: number;
  readonly cipher: CipherTransform;
  readonly integ: IntegTransform | null;
  readonly icv: number;
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
  readonly integKey: Uint8Array;
}

/**
 * Copies the keys. `encr` is the cipher key with the salt behind it (RFC 4106 §8.1). Throws RangeError when they do not
 * fit.
 */
export function espSa(spi: number, cipher: EspCipher, integ: EspInteg, encr: Uint8Array, integKey: Uint8Array): EspSa {
  const c = Object.hasOwn(CIPHERS, cipher) ? CIPHERS[cipher] : undefined;
  if (!c) throw new RangeError("cipher: not known");
  if (integ !== "none" && !Object.hasOwn(INTEGS, integ)) throw new RangeError("integ: not known");
  const icv = icvLength(cipher, integ);
  const i = integ === "none" ? null : INTEGS[integ];
  if (encr.length !== c.key + c.salt) throw new RangeError("encr: wrong length for this cipher");
  if (integKey.length !== (i ? i.key : 0)) throw new RangeError("integKey: wrong length for this integrity");
  return {
    spi,
    cipher: c,
    integ: i,
    icv,
    key: encr.slice(0, c.key),
    salt: encr.slice(c.key),
    integKey: integKey.slice(),
  };
}

export function wipeSa(sa: EspSa): void {
  sa.key.fill(0);
  sa.salt.fill(0);
  sa.integKey.fill(0);
}

/** AEAD nonce: salt, then the IV of the wire (RFC 4106 §4, RFC 7634 §2). */
export function nonce(sa: EspSa, iv: Uint8Array): Uint8Array {
  const out = new Uint8Array(12);
  out.set(sa.salt);
  out.set(iv, 4);
  return out;
}
