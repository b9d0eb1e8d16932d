// MPPC (RFC 2118): tokens of literals and copies over a history of 8192 bytes, without the header, which mppe.ts has
// for both.

const SIZE = 8192;
const MIN_MATCH = 3;
const HASH_BITS = 12;

/** Bits, most significant first. */
class Bits {
  readonly #into: Uint8Array;
  #at = 0;
  #left = 0;
  #count = 0;
  constructor(into: Uint8Array) {
    this.#into = into;
  }
  /** At most 24 bits. What does not fit is counted and not written. */
  put(value: number, bits: number): void {
    this.#left = (this.#left << bits) | value;
    this.#count += bits;
    while (this.#count >= 8) {
      this.#count -= 8;
      if (this.#at < this.#into.length) this.#into[this.#at] = this.#left >>> this.#count;
      this.#at++;
    }
    this.#left &= (1 << this.#count) - 1;
  }
  /** The bytes, padded with zeros; null when they did not fit. */
  end(): Uint8Array | null {
    if (this.#count > 0) this.put(0, 8 - this.#count);
    return this.#at <= this.#into.length ? this.#into.subarray(0, this.#at) : null;
  }
}

function literal(out: Bits, byte: number): void {
  if (byte < 0x80) out.put(byte, 8);
  else out.put(0x100 | (byte & 0x7f), 9); // 10, and seven bits
}
/** RFC 2118 §4.2. */
function copy(out: Bits, offset: number, length: number): void {
  if (offset < 64) out.put(0x3c0 | offset, 10);
  else if (offset < 320) out.put(0xe00 | (offset - 64), 12);
  else out.put(0xc000 | (offset - 320), 16);
  if (length === MIN_MATCH) return out.put(0, 1);
  const bits = 31 - Math.clz32(length); // of 2^bits <= length
  out.put((1 << bits) - 2, bits); // bits - 1 ones and a zero
  out.put(length - (1 << bits), bits);
}

export class MppcCompressor {
  readonly #history = new Uint8Array(SIZE);
  /** Where three bytes of that hash were last, plus one. */
  readonly #seen = new Uint16Array(1 << HASH_BITS);
  #at = 0;
  #into = new Uint8Array(2048);
  /** The last packet is at the front of the history (bit B). */
  front = false;

  clear(): void {
    this.#history.fill(0);
    this.#seen.fill(0);
    this.#at = 0;
  }
  /**
   * Null: it does not get shorter, or is longer than the history; then the history is not as the other side's. Valid
   * until the next call.
   */
  compress(packet: Uint8Array): Uint8Array | null {
    this.front = false;
    if (packet.length === 0 || packet.length > SIZE) return null;
    if (this.#at + packet.length > SIZE) {
      this.front = true;
      this.#at = 0;
      this.#seen.fill(0);
    }
    if (this.#into.length < packet.length) this.#into = new Uint8Array(packet.length);
    const out = new Bits(this.#into.subarray(0, Math.max(0, packet.length - 1)));
    const h = this.#history;
    const end = this.#at + packet.length;
    h.set(packet, this.#at);
    for (let at = this.#at; at < end; ) {
      const match = at + MIN_MATCH <= end ? this.#find(at) : -1;
      let length = 0;
      if (match >= 0) while (at + length < end && h[match + length] === h[at + length]) length++;
      if (length < MIN_MATCH) {
        literal(out, h[at++] ?? 0);
        continue;
      }
      copy(out, at - match, length);
      const to = at + length;
      for (at++; at < to; at++) if (at + MIN_MATCH <= end) this.#enter(at);
    }
    this.#at = end;
    return out.end();
  }
  #hash(at: number): number {
    const h = this.#history;
    return (
      Math.imul(((h[at] ?? 0) << 16) | ((h[at + 1] ?? 0) << 8) | (h[at + 2] ?? 0), 0x9e3779b1) >>> (32 - HASH_BITS)
    );
  }
  #enter(at: number): void {
    this.#seen[this.#hash(at)] = at + 1;
  }
  #find(at: number): number {
    const hash = this.#hash(at);
    const match = (this.#seen[hash] ?? 0) - 1;
    this.#seen[hash] = at + 1;
    return match;
  }
}

export class MppcDecompressor {
  readonly #history = new Uint8Array(SIZE);
  #at = 0;

  clear(): void {
    this.#history.fill(0);
    this.#at = 0;
  }
  /** `front`: bit B. Null: broken, or longer than `limit` or than the history. Valid until the next call. */
  decompress(data: Uint8Array, front: boolean, limit: number): Uint8Array | null {
    if (front) this.#at = 0;
    const h = this.#history;
    const from = this.#at;
    const most = Math.min(SIZE, from + limit);
    const total = data.length * 8;
    let bit = 0;
    /** 16 bits from here on, zeros behind the end. */
    const peek = (): number => {
      const i = bit >> 3;
      const word = ((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0);
      return (word >>> (8 - (bit & 7))) & 0xffff;
    };
    let at = from;
    while (total - bit >= 8) {
      // what is shorter is padding: no token has less
      const next = peek();
      if (next < 0xc000) {
        const size = next < 0x8000 ? 8 : 9;
        bit += size;
        if (bit > total || at >= most) return null;
        h[at++] = next < 0x8000 ? next >>> 8 : 0x80 | ((next >>> 7) & 0x7f);
        continue;
      }
      let offset: number;
      if (next >= 0xf000) [offset, bit] = [(next >>> 6) & 0x3f, bit + 10];
      else if (next >= 0xe000) [offset, bit] = [((next >>> 4) & 0xff) + 64, bit + 12];
      else [offset, bit] = [(next & 0x1fff) + 320, bit + 16];
      const ones = Math.clz32(~(peek() << 16));
      let length = MIN_MATCH;
      if (ones > 11) return null;
      bit += ones + 1;
      if (ones > 0) {
        length = (1 << (ones + 1)) + (peek() >>> (15 - ones));
        bit += ones + 1;
      }
      if (bit > total || offset === 0 || offset >= SIZE || at + length > most) return null;
      for (const end = at + length; at < end; at++) h[at] = h[(at - offset) & (SIZE - 1)] ?? 0;
    }
    this.#at = at;
    return at === from ? null : h.subarray(from, at);
  }
}
