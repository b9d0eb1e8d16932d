// What a server gives its users of IPv6: a /64 for their addresses, and a prefix for the networks behind them.
import type { ServerConfig, UserConfig } from "../config/schema.ts";
import { formatIp, type Prefix, parseIp, parsePrefix } from "../core/addr.ts";
import { get8 } from "../core/bytes.ts";
import type { Grant } from "../radius/grant.ts";

/** Canonical; null: none. */
export interface Prefixes {
  readonly prefix: string | null;
  readonly delegated: string | null;
}
export const NO_PREFIXES: Prefixes = { prefix: null, delegated: null };
/** Of a user's addresses (RFC 4862). */
export const SLAAC_BITS = 64;

const REMEMBERED = 4096; // users whose last prefix is remembered
/** More than there are sessions, so that a free one is found where there is one. */
const TRIES = 8192;

/** Prefixes of one length out of a network. A returning user gets the previous one while it is free. */
export class PrefixPool {
  readonly #whole: Prefix;
  readonly #length: number;
  readonly #size: number;
  readonly #last = new Map<string, string>();
  #next = 0;

  constructor(network: string, length: number) {
    this.#whole = parsePrefix(network) ?? { address: "::", length: 128 };
    this.#length = length;
    this.#size = 2 ** Math.min(32, Math.max(0, length - this.#whole.length));
  }
  /** Null when all are taken. The longest unused ones come first. */
  take(user: string, free: (prefix: string) => boolean): string | null {
    const last = this.#last.get(user);
    if (last !== undefined && free(last)) return this.#give(user, last);
    for (let i = 0; i < Math.min(this.#size, TRIES); i++) {
      const prefix = this.#nth(this.#next);
      this.#next = (this.#next + 1) % this.#size;
      if (free(prefix)) return this.#give(user, prefix);
    }
    return null;
  }
  #nth(n: number): string {
    const b = parseIp(this.#whole.address) ?? new Uint8Array(16);
    for (let bit = this.#length - 1, left = n; left > 0; bit--, left = Math.floor(left / 2))
      if (left % 2 === 1) b[bit >> 3] = get8(b, bit >> 3) | (0x80 >> (bit & 7));
    return `${formatIp(b)}/${this.#length}`;
  }
  #give(user: string, prefix: string): string {
    this.#last.delete(user);
    this.#last.set(user, prefix);
    const oldest = this.#last.keys().next();
    if (this.#last.size > REMEMBERED && !oldest.done) this.#last.delete(oldest.value);
    return prefix;
  }
}

type Rules = Pick<ServerConfig, "ipv6" | "ipv6_pool" | "ipv6_delegate">;
/** As an Account. */
type Who = Pick<UserConfig, "name"> &
  Partial<Pick<UserConfig, "ipv6_prefix" | "ipv6_delegated_prefix">> & {
    readonly grant?: Pick<Grant, "prefixes6" | "delegated6">;
  };

/** The networks of a server's pools. */
export function poolsOf({ ipv6_pool, ipv6_delegate }: Rules): readonly string[] {
  return [ipv6_pool, ipv6_delegate?.network ?? null].filter((p) => p !== null);
}

/** A server's two pools, and who gets something else. */
export class PrefixPools {
  readonly #on: boolean;
  readonly #own: PrefixPool | null;
  readonly #delegated: PrefixPool | null;

  constructor({ ipv6, ipv6_pool, ipv6_delegate }: Rules) {
    this.#on = ipv6;
    this.#own = ipv6_pool === null ? null : new PrefixPool(ipv6_pool, SLAAC_BITS);
    this.#delegated = ipv6_delegate === null ? null : new PrefixPool(ipv6_delegate.network, ipv6_delegate.length);
  }
  /** The user's own ones, else what RADIUS says, else of the pools; a pool that is empty keeps nobody out. */
  of({ name, grant, ipv6_prefix, ipv6_delegated_prefix }: Who, free: (prefix: string) => boolean): Prefixes {
    if (!this.#on) return NO_PREFIXES;
    const prefix = ipv6_prefix ?? grant?.prefixes6[0] ?? this.#own?.take(name, free) ?? null;
    const apart = (p: string): boolean => free(p) && p !== prefix;
    const delegated = ipv6_delegated_prefix ?? grant?.delegated6[0] ?? this.#delegated?.take(name, apart) ?? null;
    return { prefix, delegated };
  }
}
