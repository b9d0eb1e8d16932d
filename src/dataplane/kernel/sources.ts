// Which user of a server has which source addresses: its own and the networks behind it. As in the userspace plane,
// the longest prefix decides (packet/prefixes.ts): a user may not use another's address out of the middle of its own
// network.
import { parsePrefix } from "../../core/addr.ts";
import { SystemError } from "../../core/errors.ts";
import type { Source } from "../../linux/ppp-filter.ts";
import { masked } from "../../packet/prefixes.ts";
import { ipBytes } from "../ring.ts";

type Prefix = Omit<Source, "pass">;

function read(text: string): Prefix {
  const p = parsePrefix(text);
  if (!p) throw new RangeError(`not a prefix: ${text}`);
  return { address: ipBytes(p.address), length: p.length };
}
function keyOf(p: Prefix): string {
  return `${p.address} ${p.length}`;
}
function within(inner: Prefix, outer: Prefix): boolean {
  if (inner.address.length !== outer.address.length || inner.length < outer.length) return false;
  return masked(inner.address, outer.length).every((b, i) => b === outer.address[i]);
}
/** A host's address as a source that passes. */
export function host(address: string): Source {
  const bytes = ipBytes(address);
  return { address: bytes, length: 8 * bytes.length, pass: true };
}

export class Sources<T> {
  readonly #owners = new Map<string, { readonly prefix: Prefix; readonly owner: T }>();

  /** Throws SystemError when another has one of them. */
  add(owner: T, prefixes: readonly string[]): void {
    const all = prefixes.map((text) => ({ prefix: read(text), text }));
    const double = all.find((p) => this.#owners.has(keyOf(p.prefix)));
    if (double)
      throw new SystemError("EEXIST", `cannot route ${double.text} to a second user`, "another session has it");
    for (const { prefix } of all) this.#owners.set(keyOf(prefix), { prefix, owner });
  }
  remove(owner: T): void {
    for (const [key, o] of this.#owners) if (o.owner === owner) this.#owners.delete(key);
  }
  /** The owner's, and out of their middle those of others; the longest first. */
  of(owner: T): Source[] {
    const all = [...this.#owners.values()];
    const own = all.filter((o) => o.owner === owner);
    return all
      .filter((o) => own.some((mine) => within(o.prefix, mine.prefix)))
      .map((o) => ({ ...o.prefix, pass: o.owner === owner }))
      .sort((a, b) => b.length - a.length);
  }
  /** Others that have a network around a prefix of this owner's. */
  around(owner: T): Set<T> {
    const all = [...this.#owners.values()];
    const own = all.filter((o) => o.owner === owner);
    return new Set(
      all.filter((o) => o.owner !== owner && own.some((mine) => within(mine.prefix, o.prefix))).map((o) => o.owner),
    );
  }
}
