// MPPE, stateless (RFC 3078), with keys from MS-CHAP (RFC 3079): for peers that insist on it. RC4 protects nothing from anybody who
// means it. The stateful mode is left out: it encrypts packets twice with the same key (§9), and is not done alike everywhere.
import { concat, utf8 } from "../../core/text.ts";
import type { Secret } from "../../core/secret.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { Expander, Squeezer } from "./method.ts";

export type MppeBits = 40 | 128;
/** What MS-CHAP leaves behind: the same for both directions after version 1, to be told apart after version 2. */
export interface MppeMaster {
  readonly version: 1 | 2;
  /** 16 bytes. */
  readonly key: Secret;
}

const FLUSHED = 0x80; // §3.1, bit A: stateless mode sets it in every packet
const ENCRYPTED = 0x10; // bit D
const HEADER = 2;
const COUNTS = 4096;
/** Packets lost in a row that are caught up with; a key change for each of them is work. */
const MAX_GAP = 256;

const PAD1 = new Uint8Array(40);
const PAD2 = new Uint8Array(40).fill(0xf2);
const CLIENT_SENDS = utf8("On the client side, this is the send key; on the server side, it is the receive key.");
const SERVER_SENDS = utf8("On the client side, this is the receive key; on the server side, it is the send key.");

/** RFC 3079 §3.4, GetAsymmetricStartKey; after version 1 the master key itself (§2.3). The server is who asked for the password. */
export function startKey(crypto: Crypto, m: MppeMaster, bits: MppeBits, serverSends: boolean): Uint8Array {
  const all = m.key.use((key) => (m.version === 1 ? key.slice() : crypto.hash("sha1", [key, PAD1, serverSends ? SERVER_SENDS : CLIENT_SENDS, PAD2])));
  return all.slice(0, bits / 8 === 16 ? 16 : 8);
}

export class Rc4 {
  readonly #s = Uint8Array.from({ length: 256 }, (_, i) => i);
  #i = 0;
  #j = 0;
  constructor(key: Uint8Array) {
    const s = this.#s;
    for (let i = 0, j = 0; i < 256; i++) {
      const t = s[i] as number;
      j = (j + t + (key[i % key.length] as number)) & 255;
      s[i] = s[j] as number;
      s[j] = t;
    }
  }
  /** In place. */
  crypt(data: Uint8Array): void {
    const s = this.#s;
    let i = this.#i;
    let j = this.#j;
    for (let n = 0; n < data.length; n++) {
      i = (i + 1) & 255;
      const t = s[i] as number;
      j = (j + t) & 255;
      const u = s[j] as number;
      s[i] = u;
      s[j] = t;
      data[n] = (data[n] as number) ^ (s[(t + u) & 255] as number);
    }
    this.#i = i;
    this.#j = j;
  }
}

/** Session keys of one direction, one after the other (§7.3). */
export class SessionKeys {
  readonly #crypto: Crypto;
  readonly #start: Uint8Array;
  readonly #bits: MppeBits;
  #key: Uint8Array;

  constructor(crypto: Crypto, start: Uint8Array, bits: MppeBits) {
    this.#crypto = crypto;
    this.#start = start;
    this.#bits = bits;
    this.#key = this.#weakened(this.#fromSha(start));
  }
  /** For tests: what is in use. */
  get key(): Uint8Array {
    return this.#key;
  }
  next(): void {
    const interim = this.#fromSha(this.#key);
    new Rc4(interim.slice()).crypt(interim);
    this.#key = this.#weakened(interim);
  }
  crypt(data: Uint8Array): void {
    new Rc4(this.#key).crypt(data);
  }
  wipe(): void {
    this.#start.fill(0);
    this.#key.fill(0);
  }
  #fromSha(key: Uint8Array): Uint8Array {
    return this.#crypto.hash("sha1", [this.#start, PAD1, key, PAD2]).slice(0, this.#start.length);
  }
  #weakened(key: Uint8Array): Uint8Array {
    if (this.#bits === 40) key.set([0xd1, 0x26, 0x9e]);
    return key;
  }
}

export class MppeEncryptor implements Squeezer {
  readonly always = true;
  readonly #keys: SessionKeys;
  #count = COUNTS - 1;

  constructor(keys: SessionKeys) {
    this.#keys = keys;
  }
  /** Never null, and four bytes longer: the protocol number goes in two bytes, which every peer can read. */
  compress(packet: Uint8Array): Uint8Array {
    this.#count = (this.#count + 1) % COUNTS;
    this.#keys.next();
    const out = concat([Uint8Array.of(FLUSHED | ENCRYPTED | (this.#count >> 8), this.#count, 0), packet]);
    this.#keys.crypt(out.subarray(HEADER));
    return out;
  }
  /** Nothing: every packet stands for itself. */
  reset(): void {}
  close(): void {
    this.#keys.wipe();
  }
}

const NOTHING = new Uint8Array(0);

export class MppeDecryptor implements Expander {
  readonly always = true;
  readonly #keys: SessionKeys;
  readonly #limit: number;
  #count = COUNTS - 1;

  constructor(keys: SessionKeys, limit: number) {
    this.#keys = keys;
    this.#limit = limit;
  }
  decompress(data: Uint8Array): Uint8Array | null {
    const [a = 0, b = 0] = data;
    if (data.length <= HEADER || data.length > HEADER + 2 + this.#limit || (a & ENCRYPTED) === 0 || (a & FLUSHED) === 0) return null;
    const gap = ((((a & 15) << 8) | b) - this.#count + COUNTS) % COUNTS;
    if (gap === 0 || gap >= COUNTS / 2) return NOTHING; // late, or twice
    if (gap > MAX_GAP) return null;
    for (let i = 0; i < gap; i++) this.#keys.next();
    this.#count = (this.#count + gap) % COUNTS;
    const out = data.slice(HEADER);
    this.#keys.crypt(out);
    return out;
  }
  incompressible(): void {}
  reset(): void {}
  close(): void {
    this.#keys.wipe();
  }
}
