// BSD Compress (RFC 1977): LZW whose dictionary lives across packets, and is cleared when it does not help any more. A
// packet that goes as it is runs through the very same steps on both sides, output aside, so that the dictionaries stay
// equal.
import { get8, get16 } from "../../core/bytes.ts";
import type { Expander, Squeezer } from "./method.ts";

const CLEAR = 256;
const FIRST = 257;
const MIN_BITS = 9;
const CHECK_GAP = 10_000; // bytes between two looks at the ratio
const RATIO_SCALE = 256;
const RATIO_MAX = 0x7fff_ff;

/** Strings by code, and codes by (prefix, byte). Codes above 256 are given in turn. */
class Dictionary {
  readonly #maxCode: number;
  readonly #prefix: Uint16Array;
  readonly #suffix: Uint8Array;
  readonly #lengths: Uint16Array;
  /** Open addressing: code at the hash of its pair, 0 for none. */
  readonly #table: Uint16Array;
  readonly #mask: number;
  readonly #shift: number;
  last = FIRST - 1;
  bits = MIN_BITS;
  #in = 0;
  #out = 0;
  #ratio = 0;
  #checkpoint = CHECK_GAP;

  constructor(bits: number) {
    if (bits < MIN_BITS || bits > 16) throw new RangeError("bits: 9 to 16");
    this.#maxCode = (1 << bits) - 1;
    this.#prefix = new Uint16Array(this.#maxCode + 1);
    this.#suffix = new Uint8Array(this.#maxCode + 1);
    this.#lengths = new Uint16Array(this.#maxCode + 1);
    this.#table = new Uint16Array(1 << (bits + 1));
    this.#mask = this.#table.length - 1;
    this.#shift = 31 - bits;
    for (let i = 0; i < CLEAR; i++) {
      this.#suffix[i] = i;
      this.#lengths[i] = 1;
    }
  }
  clear(): void {
    this.last = FIRST - 1;
    this.bits = MIN_BITS;
    this.#in = 0;
    this.#out = 0;
    this.#ratio = 0;
    this.#checkpoint = CHECK_GAP;
    this.#table.fill(0);
  }
  get full(): boolean {
    return this.last >= this.#maxCode;
  }
  /** The code of a string and one more byte, 0 when there is none. */
  find(prefix: number, byte: number): number {
    for (let at = this.#hash(prefix, byte); ; at = (at + 1) & this.#mask) {
      const code = this.#table[at] ?? 0;
      if (code === 0 || (this.#prefix[code] === prefix && this.#suffix[code] === byte)) return code;
    }
  }
  /** Gives the next code; the caller has looked that there is one. */
  add(prefix: number, byte: number): void {
    const code = ++this.last;
    this.#prefix[code] = prefix;
    this.#suffix[code] = byte;
    this.#lengths[code] = (this.#lengths[prefix] ?? 0) + 1;
    let at = this.#hash(prefix, byte);
    while (this.#table[at] !== 0) at = (at + 1) & this.#mask;
    this.#table[at] = code;
  }
  /** More bits when the next code needs them. */
  grow(): void {
    if (this.last >= (1 << this.bits) - 1 && !this.full) this.bits++;
  }
  lengthOf(code: number): number {
    return this.#lengths[code] ?? 0;
  }
  /** Writes the string of `code` so that it ends at `end`; returns its first byte. */
  write(code: number, into: Uint8Array, end: number): number {
    let at = end;
    let c = code;
    for (; c > CLEAR; c = this.#prefix[c] ?? 0) into[--at] = this.#suffix[c] ?? 0;
    into[--at] = c;
    return c;
  }
  /**
   * After a packet, `plain` bytes into `packed`: true when the dictionary is full, helps less than before, and has been
   * cleared.
   */
  check(plain: number, packed: number): boolean {
    this.#in += plain;
    this.#out += packed;
    if (this.#in < this.#checkpoint) return false;
    if (this.#in >= RATIO_MAX || this.#out >= RATIO_MAX) {
      this.#in -= this.#in >>> 2;
      this.#out -= this.#out >>> 2;
    }
    this.#checkpoint = this.#in + CHECK_GAP;
    if (!this.full) return false;
    const ratio = this.#out === 0 ? this.#in * RATIO_SCALE : Math.floor((this.#in * RATIO_SCALE) / this.#out);
    if (ratio < this.#ratio || ratio < RATIO_SCALE) {
      this.clear();
      return true;
    }
    this.#ratio = ratio;
    return false;
  }
  #hash(prefix: number, byte: number): number {
    return Math.imul((prefix << 8) | byte, 0x9e3779b1) >>> this.#shift;
  }
}

/** Codes into bits, most significant first; what does not fit is counted and not written. */
class Bits {
  into: Uint8Array = new Uint8Array(0);
  at = 0;
  #left = 0;
  #count = 0;
  begin(into: Uint8Array, at: number): void {
    this.into = into;
    this.at = at;
    this.#left = 0;
    this.#count = 0;
  }
  put(code: number, bits: number): void {
    this.#left = (this.#left << bits) | code;
    this.#count += bits;
    while (this.#count >= 8) {
      this.#count -= 8;
      // beyond the end it is lost, which the length tells
      if (this.at < this.into.length) this.into[this.at] = this.#left >>> this.#count;
      this.at++;
    }
    this.#left &= (1 << this.#count) - 1;
  }
  get dribble(): boolean {
    return this.#count > 0;
  }
  /** What is left of the last byte are ones. */
  end(): void {
    if (this.#count > 0) this.into[this.at++] = (this.#left << (8 - this.#count)) | (0xff >> this.#count);
  }
}

const NOWHERE = new Uint8Array(0);
const SEQUENCE = 2;

/** One packet through the dictionary; its codes go to `out`. */
function squeeze(d: Dictionary, packet: Uint8Array, out: Bits): void {
  const from = out.at;
  let code = get8(packet, 0);
  for (let i = 1; i < packet.length; i++) {
    const byte = packet[i] ?? 0;
    const longer = d.find(code, byte);
    if (longer !== 0) {
      code = longer;
      continue;
    }
    out.put(code, d.bits);
    if (!d.full) {
      d.grow();
      d.add(code, byte);
    }
    code = byte;
  }
  out.put(code, d.bits);
  const { bits } = d;
  if (d.check(packet.length, out.at - from + (out.dribble ? 1 : 0))) out.put(CLEAR, bits);
  else d.grow(); // as the other side does at the end of a packet
  out.end();
}

export class BsdCompressor implements Squeezer {
  readonly #d: Dictionary;
  readonly #bits = new Bits();
  #seq = 0;
  #into = new Uint8Array(2048);
  /** `bits`: of the longest code, 9 to 16. */
  constructor(bits: number) {
    this.#d = new Dictionary(bits);
  }
  compress(packet: Uint8Array): Uint8Array | null {
    const seq = this.#seq;
    this.#seq = (seq + 1) & 0xffff;
    if (this.#into.length < packet.length) this.#into = new Uint8Array(packet.length);
    const into = this.#into.subarray(0, packet.length);
    this.#bits.begin(into, SEQUENCE);
    squeeze(this.#d, packet, this.#bits);
    if (this.#bits.at >= packet.length) return null;
    into[0] = seq >>> 8;
    into[1] = seq;
    return into.subarray(0, this.#bits.at);
  }
  reset(): void {
    this.#d.clear();
    this.#seq = 0;
  }
}

export class BsdDecompressor implements Expander {
  readonly #d: Dictionary;
  readonly #maxCode: number;
  readonly #into: Uint8Array;
  readonly #bits = new Bits();
  #seq = 0;
  /** `limit`: most bytes that one packet may become. */
  constructor(bits: number, limit: number) {
    this.#d = new Dictionary(bits);
    this.#maxCode = (1 << bits) - 1;
    this.#into = new Uint8Array(limit);
  }
  decompress(data: Uint8Array): Uint8Array | null {
    if (data.length <= SEQUENCE || get16(data, 0) !== this.#seq) return null;
    this.#seq = (this.#seq + 1) & 0xffff;
    const d = this.#d;
    let old = CLEAR;
    let length = 0;
    let left = 0;
    let count = 0;
    for (let i = SEQUENCE; i < data.length; i++) {
      left = (left << 8) | (data[i] ?? 0);
      count += 8;
      if (count < d.bits) continue;
      count -= d.bits;
      const code = left >>> count;
      left &= (1 << count) - 1;
      if (code === CLEAR) {
        if (i !== data.length - 1) return null; // only at the end of a packet
        d.clear();
        return length === 0 ? null : this.#into.subarray(0, length);
      }
      const next = code > d.last; // the string that this very code completes
      if (next && (code !== d.last + 1 || old === CLEAR || code > this.#maxCode)) return null;
      const known = next ? old : code;
      const end = length + d.lengthOf(known) + (next ? 1 : 0);
      if (end > this.#into.length) return null;
      const first = d.write(known, this.#into, next ? end - 1 : end);
      if (next) this.#into[end - 1] = first;
      if (old !== CLEAR && !d.full) {
        d.add(old, first);
        d.grow();
      }
      length = end;
      old = code;
    }
    if (length === 0) return null;
    // a peer that does not clear now deviates from RFC 1977, and its next packet cannot be read
    d.check(length, data.length - SEQUENCE);
    return this.#into.subarray(0, length);
  }
  incompressible(packet: Uint8Array): void {
    if (packet.length === 0) return;
    this.#seq = (this.#seq + 1) & 0xffff;
    this.#bits.begin(NOWHERE, 0);
    squeeze(this.#d, packet, this.#bits);
  }
  reset(): void {
    this.#d.clear();
    this.#seq = 0;
  }
}
