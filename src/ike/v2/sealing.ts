// The encrypted payload and its fragments: RFC 7296 §3.14, RFC 5282 (AEAD), RFC 7383 (fragmentation).
import { DecodeError } from "../../core/errors.ts";
import { concat, sameBytes } from "../../core/text.ts";
import type { Crypto } from "../../ports/ports.ts";
import { type Payload, writeChain } from "../wire/payloads.ts";
import type { SideKeys } from "./keys.ts";
import { icvBytes, isAead, type Suite } from "./suite.ts";
import {
  type Encrypted,
  encryptedHead,
  HEADER_BYTES,
  type Header,
  PAYLOAD,
  withoutPadding,
  writeHeader,
} from "./wire/message.ts";

/** Of a message that is put together, bytes and fragments: a chain of certificates takes half of it. */
const MOST_BYTES = 48 * 1024;
const MOST_FRAGMENTS = 128;
const AEAD_IV = 8;

/** One direction of an IKE SA. */
export class Sealing {
  readonly #c: Crypto;
  readonly #s: Suite;
  readonly #k: SideKeys;
  /** RFC 5282 §3: initialization vectors of AEAD ciphers never repeat. */
  #sent = 0;

  constructor(crypto: Crypto, suite: Suite, keys: SideKeys) {
    this.#c = crypto;
    this.#s = suite;
    this.#k = keys;
  }
  /** Whole datagrams: one, or as many fragments as it takes when the message is longer than `most` bytes (0: no limit). */
  seal(h: Omit<Header, "next">, payloads: readonly Payload[], most: number): Uint8Array[] {
    const plain = writeChain(payloads);
    const first = payloads[0]?.type ?? PAYLOAD.none;
    const whole = HEADER_BYTES + 4 + this.#sealedBytes(plain.length);
    if (most === 0 || whole <= most) return [this.#seal({ ...h, next: PAYLOAD.sk }, first, plain, null)];
    const room = most - HEADER_BYTES - 8 - this.#sealedBytes(0);
    const total = Math.ceil(plain.length / room);
    return Array.from({ length: total }, (_, i) => {
      const part = plain.subarray(i * room, (i + 1) * room);
      return this.#seal({ ...h, next: PAYLOAD.skf }, i === 0 ? first : 0, part, [i + 1, total]);
    });
  }
  #seal(h: Header, first: number, plain: Uint8Array, part: readonly [number, number] | null): Uint8Array {
    const n = this.#sealedBytes(plain.length);
    const head = part ? encryptedHead(first, n, part) : encryptedHead(first, n);
    const all = concat([writeHeader(h, head.length + n), head, new Uint8Array(n)]);
    const at = HEADER_BYTES + head.length;
    const { cipher, integ } = this.#s;
    const padded = new Uint8Array(this.#paddedBytes(plain.length));
    padded.set(plain);
    padded[padded.length - 1] = padded.length - plain.length - 1;
    if (isAead(cipher)) {
      const [key, salt] = this.#aeadKeys();
      const iv = this.#nextIv();
      all.set(iv, at);
      all.set(this.#c.aeadSeal(cipher, key, concat([salt, iv]), all.subarray(0, at), padded), at + AEAD_IV);
    } else if (integ) {
      const iv = this.#c.random(this.#block());
      all.set(iv, at);
      all.set(this.#c.cbcEncrypt(cipher, this.#k.encr, iv, padded), at + iv.length);
      const icv = icvBytes(integ);
      const mac = this.#c.hmac(integ, this.#k.integ, [all.subarray(0, all.length - icv)]);
      all.set(mac.subarray(0, icv), all.length - icv);
    }
    return all;
  }
  /** What is inside; null when it does not authenticate. Throws DecodeError for what does, and cannot be read. */
  open({ head, sealed }: Encrypted): Uint8Array | null {
    const { cipher, integ } = this.#s;
    const iv = this.#block();
    if (sealed.length < this.#sealedBytes(0)) return null;
    if (isAead(cipher)) {
      const [key, salt] = this.#aeadKeys();
      const nonce = concat([salt, sealed.subarray(0, iv)]);
      const plain = this.#c.aeadOpen(cipher, key, nonce, head, sealed.subarray(iv));
      return plain && withoutPadding(plain);
    }
    if (!integ) return null;
    const end = sealed.length - icvBytes(integ);
    const mac = this.#c.hmac(integ, this.#k.integ, [head, sealed.subarray(0, end)]);
    if (!sameBytes(mac.subarray(0, icvBytes(integ)), sealed.subarray(end))) return null;
    const body = sealed.subarray(iv, end);
    if (body.length % iv !== 0) throw new DecodeError("bad-length", "ciphertext", HEADER_BYTES);
    return withoutPadding(this.#c.cbcDecrypt(cipher, this.#k.encr, sealed.subarray(0, iv), body));
  }
  #nextIv(): Uint8Array {
    const iv = new Uint8Array(AEAD_IV);
    new DataView(iv.buffer).setUint32(4, ++this.#sent);
    return iv;
  }
  #aeadKeys(): readonly [key: Uint8Array, salt: Uint8Array] {
    const at = this.#k.encr.length - 4;
    return [this.#k.encr.subarray(0, at), this.#k.encr.subarray(at)];
  }
  #block(): number {
    if (isAead(this.#s.cipher)) return AEAD_IV;
    return this.#s.cipher === "3des" ? 8 : 16;
  }
  #paddedBytes(plain: number): number {
    return isAead(this.#s.cipher) ? plain + 1 : Math.ceil((plain + 1) / this.#block()) * this.#block();
  }
  #sealedBytes(plain: number): number {
    return this.#block() + this.#paddedBytes(plain) + (this.#s.integ ? icvBytes(this.#s.integ) : 16);
  }
}

/** One message of the peer in fragments, each of which is authentic (RFC 7383 §2.6). */
export class Assembly {
  #parts: (Uint8Array | undefined)[] = [];
  #total = 0;
  #first = 0;
  #bytes = 0;

  /** The type of the first payload and the chain, once all are there; null before. `plain` may be a view. */
  add(e: Encrypted, plain: Uint8Array): { readonly first: number; readonly plain: Uint8Array } | null {
    if (e.total > MOST_FRAGMENTS) throw new DecodeError("bad-value", "total fragments", HEADER_BYTES + 6);
    if (e.total < this.#total) return null;
    if (e.total > this.#total) {
      this.#parts = [];
      this.#bytes = 0;
      this.#total = e.total;
    }
    if (this.#parts[e.number - 1]) return null;
    this.#bytes += plain.length;
    if (this.#bytes > MOST_BYTES) throw new DecodeError("bad-length", "fragments", 0);
    this.#parts[e.number - 1] = plain.slice();
    if (e.number === 1) this.#first = e.first;
    const parts = Array.from({ length: this.#total }, (_, i) => this.#parts[i]).filter((p) => p !== undefined);
    return parts.length === this.#total ? { first: this.#first, plain: concat(parts) } : null;
  }
}
