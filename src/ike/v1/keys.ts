// Keys of IKEv1: RFC 2409 §5 (SKEYID), §5.5 (KEYMAT), appendix B (phase 1 key, IV chaining).

import { u32 } from "../../core/bytes.ts";
import { concat } from "../../core/text.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { IkeProposal } from "../proposals.ts";

interface KeyInput {
  /** Of the method of authentication. */
  skeyid(prf: Prf): Uint8Array;
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

/** What the steps of phase 1 need besides the keys that live on. */
export interface Phase1Keys {
  readonly keys: IkeKeys;
  /** HASH_I and HASH_R are its prf. */
  readonly skeyid: Uint8Array;
  /** IV of the first encrypted phase 1 message. */
  readonly iv: Uint8Array;
}
/** RFC 2409 §5. */
export function phase1Keys(crypto: Crypto, p: IkeProposal, k: KeyInput): Phase1Keys {
  const prf: Prf = (key, parts) => crypto.hmac(p.hash, key, parts);
  const skeyid = k.skeyid(prf);
  const tail = [k.gxy, k.icookie, k.rcookie];
  const d = prf(skeyid, [...tail, Uint8Array.of(0)]);
  const a = prf(skeyid, [d, ...tail, Uint8Array.of(1)]);
  const e = prf(skeyid, [a, ...tail, Uint8Array.of(2)]);
  const block = p.cipher === "3des" ? 8 : 16;
  const key = cipherKey(prf, e, p.keyBits / 8);
  const iv = crypto.hash(p.hash, [k.gxi, k.gxr]).slice(0, block);
  return { keys: new IkeKeys(crypto, p, concat([new Uint8Array(block), d, a, key])), skeyid, iv };
}
export type Prf = (key: Uint8Array, parts: readonly Uint8Array[]) => Uint8Array;
/** Appendix B: Ka = K1 | K2 | ..., K1 = prf(SKEYID_e, 0), when SKEYID_e is too short for the cipher. */
function cipherKey(prf: Prf, e: Uint8Array, bytes: number): Uint8Array {
  return e.length >= bytes ? e.slice(0, bytes) : expand((k) => prf(e, [k]), Uint8Array.of(0), bytes);
}
/** `bytes` bytes of next(first) | next(next(first)) | ... */
function expand(next: (k: Uint8Array) => Uint8Array, first: Uint8Array, bytes: number): Uint8Array {
  const out: Uint8Array[] = [];
  for (let k = next(first), n = 0; ; k = next(k)) {
    out.push(k);
    n += k.length;
    if (n >= bytes) return concat(out).slice(0, bytes);
  }
}

/** SKEYID_d, SKEYID_a and the cipher of an ISAKMP SA. */
export class IkeKeys {
  readonly #c: Crypto;
  readonly #p: IkeProposal;
  /** Phase 1's last block, SKEYID_d, SKEYID_a, key: one array, as small engines take 400 bytes for each. */
  readonly #all: Uint8Array;
  readonly block: number;

  constructor(crypto: Crypto, p: IkeProposal, all: Uint8Array) {
    this.#c = crypto;
    this.#p = p;
    this.#all = all;
    this.block = p.cipher === "3des" ? 8 : 16;
  }
  /** Phase 1 is over; `last`: the last block of its last message. */
  endPhase1(last: Uint8Array): void {
    this.#all.set(last);
  }
  /** HASH(1), HASH(2), HASH(3) of phase 2: SKEYID_a over what the caller lists. */
  hash(parts: readonly Uint8Array[]): Uint8Array {
    return this.#c.hmac(this.#p.hash, this.#skeyid(1), parts);
  }
  /** Appendix B: a phase 2 exchange starts from the last block of phase 1 and its message id. */
  phase2Iv(messageId: number): Uint8Array {
    const last = this.#all.subarray(0, this.block);
    return this.#c.hash(this.#p.hash, [last, u32(messageId)]).slice(0, this.block);
  }
  /** Pads with zeros; the next IV is the last block of the result. */
  encrypt(iv: Uint8Array, plain: Uint8Array): Uint8Array {
    const padded = new Uint8Array(Math.ceil(plain.length / this.block) * this.block);
    padded.set(plain);
    return this.#c.cbcEncrypt(this.#p.cipher, this.#key(), iv, padded);
  }
  /** Null when it is no whole number of blocks. */
  decrypt(iv: Uint8Array, data: Uint8Array): Uint8Array | null {
    if (data.length === 0 || data.length % this.block !== 0) return null;
    return this.#c.cbcDecrypt(this.#p.cipher, this.#key(), iv, data);
  }
  /** RFC 2409 §5.5. */
  keymat(bytes: number, { gxy, protocol, spi, ni, nr }: KeymatSeed): Uint8Array {
    const seed = [...(gxy ? [gxy] : []), Uint8Array.of(protocol), u32(spi), ni, nr];
    const d = this.#skeyid(0);
    return expand((k) => this.#c.hmac(this.#p.hash, d, [k, ...seed]), new Uint8Array(0), bytes);
  }
  /** SKEYID_d is 0, SKEYID_a 1: each as long as the hash. */
  #skeyid(n: number): Uint8Array {
    const bytes = (this.#all.length - this.block - this.#p.keyBits / 8) / 2;
    return this.#all.subarray(this.block + n * bytes, this.block + (n + 1) * bytes);
  }
  #key(): Uint8Array {
    return this.#all.subarray(-this.#p.keyBits / 8);
  }
}

export function lastBlock(cipherText: Uint8Array, block: number): Uint8Array {
  return cipherText.slice(cipherText.length - block);
}
