// Who has which network: prefixes that may hold one another, and whether a new one would meet any of them.
import { type Prefix, parseIp, parsePrefix } from "../core/addr.ts";
import { masked, PrefixTable } from "../packet/prefixes.ts";

/** The bytes as text, which sorts as they do; IPv4 before IPv6. */
function keyOf(b: Uint8Array): string {
  return String.fromCharCode(b.length, ...b);
}
function bytesOf(p: Prefix): Uint8Array {
  return parseIp(p.address) ?? new Uint8Array(4);
}

export class Networks<T> {
  readonly #table = new PrefixTable<T>();
  /** First addresses, sorted: what is inside a prefix stands behind its own. */
  readonly #firsts: string[] = [];

  /** As text; what is none is not there. */
  get(prefix: string): T | undefined {
    const p = parsePrefix(prefix);
    return p ? this.#table.get(p) : undefined;
  }
  /** False, and nothing changes, when the prefix is there already. */
  add(prefix: string, value: T): boolean {
    const p = parsePrefix(prefix);
    if (!p || !this.#table.add(p, value)) return false;
    const key = keyOf(bytesOf(p));
    this.#firsts.splice(this.#at(key), 0, key);
    return true;
  }
  delete(prefix: string): void {
    const p = parsePrefix(prefix);
    if (!p || !this.#table.delete(p)) return;
    this.#firsts.splice(this.#at(keyOf(bytesOf(p))), 1);
  }
  /** Who has a network that holds this one, or a part of it. */
  meets(prefix: string): T | undefined {
    const p = parsePrefix(prefix);
    if (!p) return undefined;
    const b = bytesOf(p);
    const holds = this.#table.lookup(b);
    if (holds !== undefined) return holds;
    const next = this.#firsts[this.#at(keyOf(b))];
    if (next === undefined || next.charCodeAt(0) !== b.length) return undefined;
    const inside = Uint8Array.from(next.slice(1), (c) => c.charCodeAt(0));
    return keyOf(masked(inside, p.length)) === keyOf(b) ? this.#table.lookup(inside) : undefined;
  }
  /** Where `key` stands, or would. */
  #at(key: string): number {
    let low = 0;
    let high = this.#firsts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#firsts[middle] ?? "") < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Whether `whole` holds all of `part`, both canonical. */
export function holds(whole: string, part: string): boolean {
  const [w, p] = [parsePrefix(whole), parsePrefix(part)];
  if (!w || !p || p.length < w.length || p.address.includes(":") !== w.address.includes(":")) return false;
  return parsePrefix(`${p.address}/${w.length}`)?.address === w.address;
}
