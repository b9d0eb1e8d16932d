// A server's sessions: those of its users, and callers who have not said who they are. Callers are few, and make room
// for one another alone; users have an address, and networks, that are with nobody else.

import type { ServerConfig, UserConfig } from "../config/schema.ts";
import { parsePrefix } from "../core/addr.ts";
import { Counters } from "../core/counters.ts";
import { type Failure, failure } from "../core/failures.ts";
import { crowdOf, type Origin, Waiting, type WaitingLimits } from "../core/waiting.ts";
import { inQuotes, printable } from "../core/words.ts";
import type { Account } from "./account.ts";
import { holds, Networks } from "./networks.ts";
import { AddressPool } from "./pool.ts";
import { NO_PREFIXES, type Prefixes, PrefixPools, poolsOf, SLAAC_BITS } from "./prefixes.ts";
import type { Session } from "./session.ts";
import type { EndedStatus, Page, SessionStatus, Traffic } from "./status.ts";

/**
 * A network may be a provider that has thousands behind one address: it gives way to others, and is not limited by
 * itself.
 */
function callersOf(sessions: number): WaitingLimits {
  const all = crowdOf(sessions);
  return { peer: 16, network: all, all };
}
/** A caller has so long before another may take its place, that one of thousands gets in at all. */
const PATIENCE_MS = 10_000;
const CROWDED: Failure = failure("crowded", "an unauthenticated caller made room for another");

/** Of one bundle, whatever RADIUS says. */
const MOST_LINKS = 16;

const NO_TRAFFIC: Traffic = { rx_bytes: 0, tx_bytes: 0, rx_packets: 0, tx_packets: 0 };

/** Of all of these together. */
function trafficOf(all: Iterable<Traffic>): Traffic {
  let t = NO_TRAFFIC;
  for (const x of all)
    t = {
      rx_bytes: t.rx_bytes + x.rx_bytes,
      tx_bytes: t.tx_bytes + x.tx_bytes,
      rx_packets: t.rx_packets + x.rx_packets,
      tx_packets: t.tx_packets + x.tx_packets,
    };
  return t;
}

type Rules = Pick<
  ServerConfig,
  | "local_ip"
  | "pool"
  | "pools"
  | "framed_routes"
  | "max_sessions"
  | "second_login"
  | "bundle_links"
  | "ipv6"
  | "ipv6_pool"
  | "ipv6_delegate"
>;

export class Sessions {
  readonly #cfg: Rules;
  readonly #all = new Map<number, Session>();
  readonly #callers: Waiting<Session>;
  /** Each user has one: a second login ends the first, or is refused. */
  readonly #users = new Map<string, Session>();
  /** Who has a network, or an address. */
  readonly #networks = new Networks<Session>();
  readonly #prefixes = new Map<Session, Prefixes>();
  readonly #pools6: PrefixPools;
  #admitted = 0;
  /** Of those that are gone: counters of a server do not go back when one ends. */
  #ended: EndedStatus = { sessions: 0, ...NO_TRAFFIC };
  /** "": the server's own one. */
  #pools: ReadonlyMap<string, AddressPool>;
  /** Networks and addresses that the configuration gives to somebody, connected or not. */
  #given: Networks<string>;
  readonly counters = new Counters<
    "server.crowded" | "server.full" | "server.busy" | "ipv6.too-often" | "ipv6.malformed"
  >();

  constructor(cfg: Rules, users: readonly UserConfig[]) {
    this.#cfg = cfg;
    this.#callers = new Waiting(callersOf(cfg.max_sessions));
    this.#pools = this.#makePools(users);
    this.#pools6 = new PrefixPools(cfg);
    this.#given = this.#makeGiven(users);
  }
  #makePools(users: readonly UserConfig[]): Map<string, AddressPool> {
    const reserved = new Set([this.#cfg.local_ip, ...users.flatMap((u) => (u.ip === null ? [] : [u.ip]))]);
    const all = new Map([["", this.#cfg.pool ?? []]]);
    for (const { name, range } of this.#cfg.pools ?? []) all.set(name, [...(all.get(name) ?? []), range]);
    return new Map([...all].map(([name, ranges]) => [name, new AddressPool(ranges, reserved)]));
  }
  #makeGiven(users: readonly UserConfig[]): Networks<string> {
    const given = new Networks<string>();
    given.add(this.#cfg.local_ip, "");
    for (const u of users)
      for (const n of [u.ip, ...(u.routes ?? []), u.ipv6_prefix, u.ipv6_delegated_prefix])
        if (n !== null) given.add(n, u.name);
    return given;
  }
  /** All sessions, closing ones included. */
  all(): Iterable<Session> {
    return this.#all.values();
  }
  get size(): number {
    return this.#all.size;
  }
  some(test: (s: Session) => boolean): boolean {
    for (const s of this.#all.values()) if (test(s)) return true;
    return false;
  }
  get(id: number): Session | null {
    return this.#all.get(id) ?? null;
  }
  ofUser(name: string): Session | null {
    return this.#users.get(name) ?? null;
  }
  ofAddress(ip: string): Session | null {
    return this.#networks.get(ip) ?? null;
  }
  /** Users with an address. */
  get admitted(): number {
    return this.#admitted;
  }

  /** Whether a caller from there has to come later: another that has hardly begun would have to go for it. */
  busy(from: Origin, now: number): boolean {
    const rival = this.#callers.rival(from);
    if (rival === null || now - rival.since >= PATIENCE_MS) return false;
    this.counters.bump("server.busy");
    return true;
  }
  /** A call begins; it may evict another caller. */
  add(s: Session, from: Origin): void {
    this.#all.set(s.id, s);
    const out = this.#callers.add(s, from);
    if (!out) return;
    this.counters.bump("server.crowded");
    out.drop(CROWDED);
  }
  /** Of users with an address; `traffic`: of all of them. */
  page({ from, count, user }: Page): { sessions: SessionStatus[]; left: number; traffic: Traffic } {
    const users = [...this.#users.values()];
    const wanted = user === null ? users : users.filter((s) => s.user === user);
    const sessions = wanted.slice(from, from + count).map((s) => s.status());
    return { sessions, left: wanted.length - sessions.length, traffic: trafficOf(users.map((s) => s.traffic)) };
  }
  get ended(): EndedStatus {
    return this.#ended;
  }
  /** The call or session has ended. */
  remove(s: Session): void {
    this.#all.delete(s.id);
    this.#callers.delete(s);
  }
  /**
   * The address of a user who has authenticated himself, or why there is none; applies the policy for a second login.
   */
  admit(s: Session, user: Account): string | Failure {
    const refused = user.grant ? this.#refusal(user) : null;
    if (refused !== null)
      return failure("grant", `RADIUS gives user ${printable(user.name)} what this server cannot give: ${refused}`);
    const other = this.#users.get(user.name);
    if (other && this.#cfg.second_login === "refuse") {
      return failure("second-login", `user ${user.name} is already connected, and second_login = refuse`);
    }
    other?.end(failure("replaced", `user ${user.name} called again`));
    const most = this.#cfg.max_sessions;
    if (this.#admitted >= most) {
      this.counters.bump("server.full");
      return failure("server-full", `the server has reached its limit of sessions (${most})`);
    }
    const ip = this.#address(user);
    if (typeof ip !== "string") return ip;
    const free = (p: string): boolean => this.#networks.meets(p) === undefined && this.#given.meets(p) === undefined;
    const prefixes = this.#pools6.of(user, free);
    const networks = networksOf(ip, user, prefixes);
    const taken = networks.find((n) => (user.grant ? this.#networks.meets(n) : this.#networks.get(n)) !== undefined);
    if (taken !== undefined) {
      this.#release(ip);
      const owner = this.#networks.meets(taken)?.user ?? "another user";
      return failure("network-taken", `${taken} of user ${user.name} already belongs to the session of user ${owner}`);
    }
    for (const n of networks) this.#networks.add(n, s);
    if (prefixes !== NO_PREFIXES) this.#prefixes.set(s, prefixes);
    this.#admitted++;
    this.#callers.delete(s);
    this.#users.set(user.name, s);
    return ip;
  }
  /**
   * The user's session whose bundle a call of the same system joins (RFC 1990 §5.1.3), or why it may not; null: it is
   * no link of one.
   */
  bundleOf(s: Session, user: Account): Session | Failure | null {
    const head = this.#users.get(user.name);
    const most = Math.min(user.grant?.ports ?? this.#cfg.bundle_links, MOST_LINKS);
    if (!head || most < 2 || !head.sameSystem(s)) return null;
    if (head.links < most) return head;
    return failure("bundle", `user ${printable(user.name)} has as many links as allowed (${most})`);
  }
  /** A call is a link of another's session now. */
  joined(s: Session): void {
    this.#callers.delete(s);
  }
  /** What admit() gave of IPv6. */
  prefixesOf(s: Session): Prefixes {
    return this.#prefixes.get(s) ?? NO_PREFIXES;
  }
  /** What RADIUS may not give away, in words: what is somebody else's, and what the configuration does not allow. */
  #refusal({ name, ip, routes, grant }: Account): string | null {
    const { framed_routes, pool, pools, ipv6 } = this.#cfg;
    const [prefix, delegated] = ipv6 && grant ? [grant.prefixes6[0], grant.delegated6[0]] : [];
    const six = [prefix, delegated].filter((p) => p !== undefined);
    if (grant?.pool && !this.#pools.has(grant.pool))
      return `the pool ${inQuotes(grant.pool)}, which pools does not have`;
    if (ip !== null && /^(0|127|22[4-9]|2[345]\d)\./.test(ip)) return `the address ${ip}`;
    for (const n of [...(ip === null ? [] : [ip]), ...(routes ?? []), ...six]) {
      const owner = this.#given.meets(n);
      if (owner === "") return `${n}, which holds this server's own address`;
      if (owner !== undefined && owner !== name) return `${n}, which belongs to user ${owner}`;
    }
    if (prefix !== undefined && !prefix.endsWith(`/${SLAAC_BITS}`)) return `the prefix ${prefix}, which is not a /64`;
    const pools6 = poolsOf(this.#cfg);
    const strange = six.find((p) => ![...(framed_routes ?? []), ...pools6].some((whole) => holds(whole, p)));
    if (strange !== undefined) return `the prefix ${strange}, which framed_routes does not allow`;
    for (const n of routes ?? []) {
      if (!framed_routes?.some((whole) => holds(whole, n))) return `the route ${n}, which framed_routes does not allow`;
      const ranges = [...(pool ?? []), ...(pools ?? []).map((p) => p.range)];
      const met = ranges.find((r) => holds(n, r.first) || holds(n, r.last));
      if (met || pools6.some((p) => holds(n, p))) return `the route ${n}, which holds addresses of a pool`;
    }
    return null;
  }
  #address(user: Account): string | Failure {
    if (user.ip === null) {
      const pool = this.#pools.get(user.grant?.pool ?? "");
      return pool?.take(user.name) ?? failure("pool-empty", `the address pool is exhausted (${pool?.size ?? 0})`);
    }
    return this.#claim(user.ip) ? user.ip : failure("address-taken", `another session still uses ${user.ip}`);
  }
  /** What admit() gave is free again: the same user may be calling anew, and must not wait for our goodbye. */
  release(s: Session, ip: string, user: Account): void {
    this.#ended = { sessions: this.#ended.sessions + 1, ...trafficOf([this.#ended, s.traffic]) };
    this.#release(ip);
    for (const n of networksOf(ip, user, this.prefixesOf(s))) if (this.#networks.get(n) === s) this.#networks.delete(n);
    this.#prefixes.delete(s);
    this.#admitted--;
    if (this.#users.get(user.name) === s) this.#users.delete(user.name);
  }

  /** Sessions of users who are gone or changed end; the pool is what is free for the new ones. */
  usersChanged(changed: ReadonlySet<string>, users: readonly UserConfig[]): void {
    for (const name of changed) {
      this.#users.get(name)?.end(failure("user-changed", `the configuration of user ${name} changed`));
    }
    this.#pools = this.#makePools(users);
    this.#given = this.#makeGiven(users);
    for (const s of this.#all.values()) if (s.ip !== null) this.#claim(s.ip);
  }
  /** In every pool: ranges may meet. */
  #claim(ip: string): boolean {
    return [...this.#pools.values()].map((p) => p.claim(ip)).every((free) => free);
  }
  #release(ip: string): void {
    for (const p of this.#pools.values()) p.release(ip);
  }
}

function networksOf(ip: string, user: Account, { prefix, delegated }: Prefixes): string[] {
  return [
    ...new Set(
      [ip, ...(user.routes ?? []), prefix, delegated].flatMap((n) => {
        if (n === null) return [];
        const p = parsePrefix(n);
        return p ? `${p.address}/${p.length}` : n;
      }),
    ),
  ];
}
