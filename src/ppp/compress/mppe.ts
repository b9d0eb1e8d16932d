// MPPE (RFC 3078) with keys from MS-CHAP (RFC 3079), MPPC (RFC 2118), or both: one header, one option of CCP, for peers
// that insist on them. RC4 protects nothing from anybody who means it.

import { get8 } from "../../core/bytes.ts";
import type { Secret } from "../../core/secret.ts";
import { concat, utf8 } from "../../core/text.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { Expander, Squeezer } from "./method.ts";
import { MppcCompressor, MppcDecompressor } from "./mppc.ts";

export type MppeBits = 40 | 56 | 128;
/**
 * What authentication leaves behind. Of MS-CHAP: the same for both directions after version 1, to be told apart after
 * version 2. Of an EAP method: its 64-byte MSK, one half for each direction (RFC 5216 §2.3).
 */
export interface MppeMaster {
  readonly version: 1 | 2 | "eap";
  /** 16 bytes, or 64. */
  readonly key: Secret;
}

/** What two ends agreed on, beside the bits of the keys. */
export interface MppeMode {
  /** One key for up to 256 packets, one key stream through all of them. */
  readonly stateful: boolean;
  readonly mppc: boolean;
}
export const STATELESS: MppeMode = { stateful: false, mppc: false };

// RFC 3078 §3.1, RFC 2118 §3.1
const FLUSHED = 0x80; // A: the history is empty and the key stream begins anew; in every packet of the stateless mode
const AT_FRONT = 0x40; // B: of the history
const COMPRESSED = 0x20;
const ENCRYPTED = 0x10;
/** Of the count's low byte: such a packet changes the key in the stateful mode (§7.2). */
const FLAG = 0xff;
const HEADER = 2;
const COUNTS = 4096;
/** Packets lost in a row that are caught up with; a key change for each of them is work. */
const MAX_GAP = 256;

const PAD1 = new Uint8Array(40);
const PAD2 = new Uint8Array(40).fill(0xf2);
const CLIENT_SENDS = utf8("On the client side, this is the send key; on the server side, it is the receive key.");
const SERVER_SENDS = utf8("On the client side, this is the receive key; on the server side, it is the send key.");

/**
 * RFC 3079 §3.4, GetAsymmetricStartKey; after version 1 the master key itself (§2.3), after EAP-TLS a part of it (§4).
 * The server is who asked.
 */
export function startKey(crypto: Crypto, m: MppeMaster, bits: MppeBits, serverSends: boolean): Uint8Array {
  if (m.version === "eap") return m.key.use((key) => key.slice(serverSends ? 32 : 0).slice(0, bits === 128 ? 16 : 8));
  const all = m.key.use((key) =>
    m.version === 1 ? key.slice() : crypto.hash("sha1", [key, PAD1, serverSends ? SERVER_SENDS : CLIENT_SENDS, PAD2]),
  );
  return all.slice(0, bits / 8 === 16 ? 16 : 8);
}

export class Rc4 {
  static readonly #ORDER = Uint8Array.from({ length: 256 }, (_, i) => i);
  readonly #s = Rc4.#ORDER.slice();
  #i = 0;
  #j = 0;
  constructor(key: Uint8Array) {
    const s = this.#s;
    for (let i = 0, j = 0; i < 256; i++) {
      const t = s[i] ?? 0;
      j = (j + t + (key[i % key.length] ?? 0)) & 255;
      s[i] = s[j] ?? 0;
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
      const t = s[i] ?? 0;
      j = (j + t) & 255;
      const u = s[j] ?? 0;
      s[i] = u;
      s[j] = t;
      data[n] = (data[n] ?? 0) ^ (s[(t + u) & 255] ?? 0);
    }
    this.#i = i;
    this.#j = j;
  }
}

/** Session keys of one direction, one after the other (§7.3), and the key stream of the one in use. */
export class SessionKeys {
  readonly #crypto: Crypto;
  readonly #start: Uint8Array;
  readonly #bits: MppeBits;
  #key: Uint8Array;
  #rc4: Rc4;

  constructor(crypto: Crypto, start: Uint8Array, bits: MppeBits) {
    this.#crypto = crypto;
    this.#start = start;
    this.#bits = bits;
    this.#key = this.#weakened(this.#fromSha(start));
    this.#rc4 = new Rc4(this.#key);
  }
  /** For tests: what is in use. */
  get key(): Uint8Array {
    return this.#key;
  }
  next(): void {
    const key = this.#fromSha(this.#key);
    new Rc4(key.slice()).crypt(key);
    this.use(this.#weakened(key));
  }
  /** The key stream begins anew, with `key` or the one in use. */
  use(key: Uint8Array = this.#key): void {
    this.#key = key;
    this.#rc4 = new Rc4(key);
  }
  /** In place, and on with the key stream. */
  crypt(data: Uint8Array): void {
    this.#rc4.crypt(data);
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
    if (this.#bits === 56) key[0] = 0xd1;
    return key;
  }
}

export class MppeEncryptor implements Squeezer {
  readonly always = true;
  readonly #keys: SessionKeys | null;
  readonly #stateful: boolean;
  readonly #mppc: MppcCompressor | null;
  #count = COUNTS - 1;
  #flush = false;

  /** `keys` null: compression alone. */
  constructor(keys: SessionKeys | null, mode: MppeMode = STATELESS) {
    this.#keys = keys;
    this.#stateful = mode.stateful;
    this.#mppc = mode.mppc ? new MppcCompressor() : null;
  }
  /** Never null, and four bytes longer at most: the protocol number goes in two bytes, which every peer can read. */
  compress(packet: Uint8Array): Uint8Array {
    let flags = this.#next();
    let data = concat([Uint8Array.of(0), packet]);
    const shorter = this.#mppc?.compress(data) ?? null;
    if (shorter) {
      flags |= COMPRESSED | (this.#mppc?.front ? AT_FRONT : 0);
      data = shorter;
    } else if (this.#mppc) this.reset(); // what goes as it is does not enter the other side's history
    const out = concat([Uint8Array.of(flags | (this.#count >> 8), this.#count), data]);
    if (this.#keys) {
      out[0] = get8(out, 0) | ENCRYPTED;
      this.#keys.crypt(out.subarray(HEADER));
    }
    return out;
  }
  /**
   * The count of the next packet, its key, and bit A. RFC 3078 §8.2 has the key stream begin anew with the same key
   * when bit A is sent, which gives the key away; others change the key there. In a packet that changes it anyway both
   * are the same: so it is one of those.
   */
  #next(): number {
    this.#count = (this.#count + 1) % COUNTS;
    if (!this.#stateful) {
      this.#keys?.next();
      this.#mppc?.clear();
      return FLUSHED;
    }
    const flush = this.#flush;
    this.#flush = false;
    if (flush) this.#mppc?.clear();
    if (!this.#keys) return flush ? FLUSHED : 0;
    if (flush) this.#count |= FLAG;
    if ((this.#count & FLAG) !== FLAG) return 0;
    this.#keys.next();
    this.#mppc?.clear(); // bit A says so too
    return FLUSHED;
  }
  reset(): void {
    this.#flush = this.#stateful;
  }
  close(): void {
    this.#keys?.wipe();
  }
}

const NOTHING = new Uint8Array(0);
/** Keys that are tried for a packet with bit A: the one in use, and those after it. */
const TRIES = 5;

export class MppeDecryptor implements Expander {
  readonly always = true;
  readonly findsItself: boolean;
  readonly #keys: SessionKeys | null;
  readonly #limit: number;
  readonly #stateful: boolean;
  readonly #mppc: MppcDecompressor | null;
  #count = COUNTS - 1;
  #lost = false;
  /** At bit A the peer changes the key (Linux does), instead of using it from its beginning. */
  #changes = false;
  #unjudged = 0;

  /** `keys` null: compression alone. */
  constructor(keys: SessionKeys | null, limit: number, mode: MppeMode = STATELESS) {
    this.#keys = keys;
    this.#limit = limit;
    this.#stateful = mode.stateful;
    this.findsItself = mode.stateful;
    this.#mppc = mode.mppc ? new MppcDecompressor() : null;
  }
  decompress(data: Uint8Array): Uint8Array | null {
    const [a = 0, b = 0] = data;
    if (data.length <= HEADER || data.length > HEADER + 2 + this.#limit) return null;
    if (((a & ENCRYPTED) !== 0) !== (this.#keys !== null) || ((a & COMPRESSED) !== 0 && !this.#mppc)) return null;
    const count = ((a & 15) << 8) | b;
    const gap = (count - this.#count + COUNTS) % COUNTS;
    const flushed = (a & FLUSHED) !== 0;
    const found = flushed && this.#lost; // however long it took
    if (gap === 0 || (gap >= COUNTS / 2 && !found)) return NOTHING; // late, or twice
    if (this.#stateful ? !flushed && (gap > 1 || this.#lost) : !flushed || gap > MAX_GAP) {
      this.#lost = true;
      return null;
    }
    if (this.#keys) this.#follow(this.#keys, count, gap);
    this.#count = count;
    this.#lost = false;
    const out = flushed && this.#stateful && (b & FLAG) !== FLAG ? this.#fromFlush(a, data) : this.#inside(a, data);
    if (out === null) this.#lost = this.#stateful;
    return out;
  }
  /** The changes of the key up to and with `count`. */
  #follow(keys: SessionKeys, count: number, gap: number): void {
    for (let n = gap - 1; n >= 0; n--) if (!this.#stateful || ((count - n) & FLAG) === FLAG) keys.next();
  }
  /**
   * The key may have changed for this packet, and for others of its kind that never came or could not be judged: the
   * one that makes sense of it is it. The way that was right is the first to be tried the next time.
   */
  #fromFlush(a: number, data: Uint8Array): Uint8Array | null {
    const keys = this.#keys;
    if (!keys) return this.#inside(a, data);
    const base = keys.key.slice();
    for (let i = 0; i < TRIES + this.#unjudged; i++) {
      const changes = i < 2 && this.#changes ? 1 - i : i;
      keys.use(base.slice());
      for (let n = 0; n < changes; n++) keys.next();
      const out = this.#inside(a, data);
      if (!out || !isWhole(out)) continue;
      this.#changes = changes > 0;
      this.#unjudged = 0;
      return out;
    }
    keys.use(base);
    this.#unjudged = Math.min(this.#unjudged + 1, MAX_GAP);
    return null;
  }
  #inside(a: number, data: Uint8Array): Uint8Array | null {
    if (a & FLUSHED) this.#mppc?.clear();
    const body = data.slice(HEADER);
    this.#keys?.crypt(body);
    return a & COMPRESSED ? (this.#mppc?.decompress(body, (a & AT_FRONT) !== 0, this.#limit + 2) ?? null) : body;
  }
  incompressible(): void {}
  /** Bit A says it. */
  reset(): void {}
  close(): void {
    this.#keys?.wipe();
  }
}

/** An IP packet of exactly this length: no wrong key makes one. */
function isWhole(packet: Uint8Array): boolean {
  const at = get8(packet, 0) & 1 ? 1 : 2;
  const protocol = packet[at - 1];
  const word = (i: number): number => ((packet[at + i] ?? 0) << 8) | (packet[at + i + 1] ?? 0);
  if (at === 2 && packet[0] !== 0) return false;
  const version = (packet[at] ?? 0) >> 4;
  if (protocol === 0x57) return version === 6 && word(4) + 40 === packet.length - at;
  return (protocol === 0x21 || protocol === 0x2f) && version === 4 && word(2) === packet.length - at;
}
