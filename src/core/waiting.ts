// A bounded table of unauthenticated peers. It always admits a newcomer and evicts the oldest entry: first of the same
// peer, then of the same network, and of another network only when that has more entries than the newcomer's.
import { isIp6, parsePrefix } from "./addr.ts";

/** Whose an entry is. `peer` shares one line, house or NAT; `network` one site or provider. */
export interface Origin {
  readonly peer: string;
  readonly network: string;
}
/** Entries of one peer, of one network, and in all; each 1 or more. */
export interface WaitingLimits {
  readonly peer: number;
  readonly network: number;
  readonly all: number;
}
const [FEWEST, MOST] = [256, 1024];
/** How many may be under way at once where so many may be connected: a power cut ends, and all of them come. */
export function crowdOf(sessions: number): number {
  return Math.min(MOST, Math.max(FEWEST, Math.ceil(sessions / 4)));
}

/**
 * Peer: the IPv4 address or the IPv6 /64; network: the /24 or the /48. Whatever is no address is its own peer and
 * network.
 */
export function originOf(address: string): Origin {
  const [near, far] = isIp6(address) ? [64, 48] : [32, 24];
  const at = (length: number): string => {
    const p = parsePrefix(`${address}/${length}`);
    return p ? `${p.address}/${p.length}` : address;
  };
  return { peer: at(near), network: at(far) };
}

export class Waiting<T> {
  /** Lower ones hold as entries come. */
  limits: WaitingLimits;
  /** Oldest first, as are the sets. */
  readonly #entries = new Map<T, Origin>();
  readonly #peers = new Map<string, Set<T>>();
  readonly #networks = new Map<string, Set<T>>();

  constructor(limits: WaitingLimits) {
    this.limits = limits;
  }
  get size(): number {
    return this.#entries.size;
  }
  has(item: T): boolean {
    return this.#entries.has(item);
  }
  /** Oldest first. */
  values(): IterableIterator<T> {
    return this.#entries.keys();
  }
  /** The oldest entry of the peer, or null. */
  oldest(peer: string): T | null {
    const set = this.#peers.get(peer);
    return set ? first(set) : null;
  }
  /**
   * The entry that add() would evict for a newcomer from there, when its network has no more entries than the
   * newcomer's would have; null: it evicts nobody, or one of many.
   */
  rival(origin: Origin): T | null {
    const out = this.#surplus(origin);
    const its = out === null ? undefined : this.#entries.get(out);
    const size = (network: string): number => this.#networks.get(network)?.size ?? 0;
    return its && (its.network === origin.network || size(its.network) <= size(origin.network) + 1) ? out : null;
  }
  /** Adds `item`. Returns the entry evicted for it, or null. */
  add(item: T, origin: Origin): T | null {
    this.delete(item);
    const out = this.#surplus(origin);
    if (out !== null) this.delete(out);
    this.#entries.set(item, origin);
    join(this.#peers, origin.peer, item);
    join(this.#networks, origin.network, item);
    return out;
  }
  /** False when it was not in the table. */
  delete(item: T): boolean {
    const origin = this.#entries.get(item);
    if (!origin) return false;
    this.#entries.delete(item);
    leave(this.#peers, origin.peer, item);
    leave(this.#networks, origin.network, item);
    return true;
  }
  #surplus(origin: Origin): T | null {
    const peer = this.#peers.get(origin.peer);
    const network = this.#networks.get(origin.network);
    if (peer && peer.size >= this.limits.peer) return first(peer);
    if (network && network.size >= this.limits.network) return first(network);
    if (this.#entries.size < this.limits.all) return null;
    for (const [oldest, its] of this.#entries) {
      const theirs = this.#networks.get(its.network)?.size ?? 0;
      return network && network.size >= theirs ? first(network) : oldest;
    }
    return null;
  }
}

function first<T>(set: Set<T>): T | null {
  for (const x of set) return x;
  return null;
}
function join<T>(map: Map<string, Set<T>>, key: string, item: T): void {
  const set = map.get(key);
  if (set) set.add(item);
  else map.set(key, new Set([item]));
}
function leave<T>(map: Map<string, Set<T>>, key: string, item: T): void {
  const set = map.get(key);
  set?.delete(item);
  if (set?.size === 0) map.delete(key);
}
