// LZ4's block format, packing only: half the size for bytecode, and undone in a millisecond (unpack.c). At build time.

const MIN_MATCH = 4;
const MAX_DISTANCE = 65535;
/**
 * The format's own rules: the last match begins 12 bytes before the end at the latest, and the last 5 bytes are
 * literals.
 */
const LAST_MATCH = 12;
const LAST_LITERALS = 5;
const TRIES = 256;

/** Candidates of a match by the four bytes it begins with, the newest first. */
class Chains {
  constructor(data) {
    this.data = data;
    this.heads = new Map();
    this.before = new Int32Array(data.length);
    this.next = 0;
  }
  #key(at) {
    const d = this.data;
    return d[at] | (d[at + 1] << 8) | (d[at + 2] << 16) | (d[at + 3] << 24);
  }
  /** Makes known what begins before `at`. */
  upTo(at) {
    for (; this.next < at && this.next + MIN_MATCH <= this.data.length; this.next++) {
      const key = this.#key(this.next);
      this.before[this.next] = this.heads.get(key) ?? -1;
      this.heads.set(key, this.next);
    }
  }
  /** The longest match at `at`, ending before `limit`: [length, distance]. */
  best(at, limit) {
    this.upTo(at);
    let [length, distance] = [0, 0];
    let from = this.heads.get(this.#key(at)) ?? -1;
    for (let i = 0; i < TRIES && from >= 0 && at - from <= MAX_DISTANCE; i++, from = this.before[from]) {
      if (this.data[from + length] !== this.data[at + length]) continue;
      let n = 0;
      while (at + n < limit && this.data[from + n] === this.data[at + n]) n++;
      if (n > length) [length, distance] = [n, at - from];
    }
    return length >= MIN_MATCH ? [length, distance] : [0, 0];
  }
}

/** `data` (a Uint8Array) as one block, behind its length (4 bytes, most significant first). */
export function pack(data) {
  const chains = new Chains(data);
  const out = [data.length >>> 24, (data.length >>> 16) & 255, (data.length >>> 8) & 255, data.length & 255];
  const more = (n) => {
    for (; n >= 255; n -= 255) out.push(255);
    out.push(n);
  };
  /** Literals from `from` to `to`, then a match unless `length` is 0. */
  const sequence = (from, to, length, distance) => {
    const literals = to - from;
    const rest = Math.max(0, length - MIN_MATCH);
    out.push((Math.min(15, literals) << 4) | Math.min(15, rest));
    if (literals >= 15) more(literals - 15);
    for (let i = from; i < to; i++) out.push(data[i]);
    if (length === 0) return;
    out.push(distance & 255, distance >> 8);
    if (rest >= 15) more(rest - 15);
  };
  let from = 0;
  for (let at = 0; at + LAST_MATCH <= data.length; ) {
    const limit = data.length - LAST_LITERALS;
    const [length, distance] = chains.best(at, limit);
    // A longer one that begins a byte later is worth the literal.
    if (length === 0 || (at + 1 + LAST_MATCH <= data.length && chains.best(at + 1, limit)[0] > length + 1)) {
      at++;
      continue;
    }
    sequence(from, at, length, distance);
    at += length;
    from = at;
  }
  sequence(from, data.length, 0, 0);
  return Uint8Array.from(out);
}
