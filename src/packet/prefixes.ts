// Longest-prefix look-up, IPv4 and IPv6 in one table.
import { type Prefix, parseIp } from "../core/addr.ts";

/** Host bits are zero, as in Prefix. */
function keyOf(address: Uint8Array, length: number): string {
  return `${length}/${String.fromCharCode(...address)}`;
}
/** A copy with the bits behind `length` zero. */
export function masked(address: Uint8Array, length: number): Uint8Array {
  return address.map((b, i) => b & (0xff00 >> Math.max(0, Math.min(8, length - 8 * i))));
}
function bytesOf(p: Prefix): Uint8Array {
  const b = parseIp(p.address);
  if (!b) throw new RangeError(`not an address: ${p.address}`);
  return b;
}

export class PrefixTable<T> {
  readonly #entries = new Map<string, T>();
  /** How many prefixes have each length, IPv4 and IPv6 apart; only these lengths are tried. */
  readonly #lengths = new Map<number, Map<number, number>>([
    [4, new Map()],
    [16, new Map()],
  ]);

  has(p: Prefix): boolean {
    return this.get(p) !== undefined;
  }
  /** Of exactly this prefix. */
  get(p: Prefix): T | undefined {
    return this.#entries.get(keyOf(bytesOf(p), p.length));
  }
  /** False, and nothing changes, when the prefix is there already. Throws RangeError for what is no address. */
  add(p: Prefix, value: T): boolean {
    const b = bytesOf(p);
    const key = keyOf(b, p.length);
    if (this.#entries.has(key)) return false;
    this.#entries.set(key, value);
    const lengths = this.#of(b);
    lengths.set(p.length, (lengths.get(p.length) ?? 0) + 1);
    return true;
  }
  /** False when it was not there. */
  delete(p: Prefix): boolean {
    const b = bytesOf(p);
    if (!this.#entries.delete(keyOf(b, p.length))) return false;
    const lengths = this.#of(b);
    const left = (lengths.get(p.length) ?? 1) - 1;
    if (left > 0) lengths.set(p.length, left);
    else lengths.delete(p.length);
    return true;
  }
  /** The value of the longest prefix that holds `address` (4 or 16 bytes), or undefined. */
  lookup(address: Uint8Array): T | undefined {
    let best = -1;
    let found: T | undefined;
    for (const length of this.#of(address).keys()) {
      if (length <= best) continue;
      const value = this.#entries.get(keyOf(masked(address, length), length));
      if (value !== undefined) [best, found] = [length, value];
    }
    return found;
  }
  values(): IterableIterator<T> {
    return this.#entries.values();
  }
  #of(address: Uint8Array): Map<number, number> {
    const lengths = this.#lengths.get(address.length);
    if (!lengths) throw new RangeError(`address of ${address.length} bytes`);
    return lengths;
  }
}
