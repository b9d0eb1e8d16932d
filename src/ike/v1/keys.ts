// Keys of IKEv1: RFC 2409 §5 (SKEYID), §5.5 (KEYMAT), appendix B (phase 1 key, IV chaining).

import type { Secret } from "../../core/secret.ts";
import { concat } from "../../core/text.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { IkeProposal } from "../proposals.ts";

export interface KeyInput {
  readonly psk: Secret;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  readonly gxy: Uint8Array;
  readonly gxi: Uint8Array;
  readonly gxr: Uint8Array;
  readonly icookie: Uint8Array;
  readonly rcookie: Uint8Array;
}

/** What the keys of one ESP SA are made of, RFC 2409 §5.5. */
export interface KeymatSeed {
  /** The quick mode's own Diffie-Hellman secret (PFS), or null. */
  readonly gxy: Uint8Array | null;
  readonly protocol: number;
  readonly spi: number;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
}

/** SKEYID and its children, and the phase 1 cipher. */
export class IkeKeys {
  readonly #c: Crypto;
  readonly #p: IkeProposal;
  readonly #skeyid: Uint8Array;
  readonly #d: Uint8Array;
  readonly #a: Uint8Array;
  readonly #key: Uint8Array;
  readonly block: number;
  /** IV of the first encrypted phase 1 message. */
  readonly firstIv: Uint8Array;

  constructor(crypto: Crypto, p: IkeProposal, k: KeyInput) {
    this.#c = crypto;
    this.#p = p;
    this.block = p.cipher === "aes" ? 16 : 8;
    this.#skeyid = k.psk.use((psk) => this.prf(psk, [k.ni, k.nr]));
    const tail = [k.gxy, k.icookie, k.rcookie];
    this.#d = this.prf(this.#skeyid, [...tail, Uint8Array.of(0)]);
    this.#a = this.prf(this.#skeyid, [this.#d, ...tail, Uint8Array.of(1)]);
    const e = this.prf(this.#skeyid, [this.#a, ...tail, Uint8Array.of(2)]);
    this.#key = this.#cipherKey(e);
    this.firstIv = this.#c.hash(p.hash, [k.gxi, k.gxr]).slice(0, this.block);
  }
  prf(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
    return this.#c.hmac(this.#p.hash, key, parts);
  }
  /** HASH_I and HASH_R: SKEYID over what the caller lists. */
  auth(parts: readonly Uint8Array[]): Uint8Array {
    return this.prf(this.#skeyid, parts);
  }
  /** HASH(1), HASH(2), HASH(3) of phase 2: SKEYID_a over what the caller lists. */
  hash(parts: readonly Uint8Array[]): Uint8Array {
    return this.prf(this.#a, parts);
  }
  /** Appendix B: a phase 2 exchange starts from the last block of phase 1 and its message id. */
  phase2Iv(lastBlock: Uint8Array, messageId: number): Uint8Array {
    return this.#c.hash(this.#p.hash, [lastBlock, u32(messageId)]).slice(0, this.block);
  }
  /** Pads with zeros; the next IV is the last block of the result. */
  encrypt(iv: Uint8Array, plain: Uint8Array): Uint8Array {
    const padded = new Uint8Array(Math.ceil(plain.length / this.block) * this.block);
    padded.set(plain);
    return this.#c.cbcEncrypt(this.#p.cipher, this.#key, iv, padded);
  }
  /** Null when it is no whole number of blocks. */
  decrypt(iv: Uint8Array, data: Uint8Array): Uint8Array | null {
    if (data.length === 0 || data.length % this.block !== 0) return null;
    return this.#c.cbcDecrypt(this.#p.cipher, this.#key, iv, data);
  }
  keymat(bytes: number, { gxy, protocol, spi, ni, nr }: KeymatSeed): Uint8Array {
    const seed = [...(gxy ? [gxy] : []), Uint8Array.of(protocol), u32(spi), ni, nr];
    let k = this.prf(this.#d, seed);
    const out = [k];
    for (let n = k.length; n < bytes; n += k.length) {
      k = this.prf(this.#d, [k, ...seed]);
      out.push(k);
    }
    return concat(out).slice(0, bytes);
  }
  /** Appendix B: Ka = K1 | K2 | ..., K1 = prf(SKEYID_e, 0), when SKEYID_e is too short for the cipher. */
  #cipherKey(e: Uint8Array): Uint8Array {
    const want = this.#p.keyBits / 8;
    if (e.length >= want) return e.slice(0, want);
    let k = this.prf(e, [Uint8Array.of(0)]);
    const out = [k];
    for (let n = k.length; n < want; n += k.length) {
      k = this.prf(e, [k]);
      out.push(k);
    }
    return concat(out).slice(0, want);
  }
}

export function u32(n: number): Uint8Array {
  return Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
}
export function lastBlock(cipherText: Uint8Array, block: number): Uint8Array {
  return cipherText.slice(cipherText.length - block);
}
