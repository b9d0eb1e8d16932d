// A server's sessions: those of its users, and callers who have not said who they are. Callers are few, and make room
// for one another alone; users have an address, and networks, that are with nobody else.

import type { ServerConfig, UserConfig } from "../config/schema.ts";
import { parsePrefix } from "../core/addr.ts";
import { Counters } from "../core/counters.ts";
import { type Failure, failure } from "../core/failures.ts";
import { type Origin, Waiting, type WaitingLimits } from "../core/waiting.ts";
import { AddressPool } from "./pool.ts";
import type { Session } from "./session.ts";

/**
 * A network may be a provider that has thousands behind one address: it gives way to others, and is not limited by
 * itself.
 */
const CALLERS: WaitingLimits = { peer: 16, network: 256, all: 256 };
const CROWDED: Failure = failure("crowded", "an unauthenticated caller made room for another");

type Rules = Pick<ServerConfig, "local_ip" | "pool" | "max_sessions" | "second_login">;

export class Sessions {
  readonly #cfg: Rules;
  readonly #all = new Map<number, Session>();
  readonly #callers = new Waiting<Session>(CALLERS);
  /** Each user has one: a second login ends the first, or is refused. */
  readonly #users = new Map<string, Session>();
  /** Who has a network, or an address, as a prefix in canonical text. */
  readonly #networks = new Map<string, Session>();
  #admitted = 0;
  #pool: AddressPool;
  readonly counters = new Counters<"server.crowded" | "server.full">();

  constructor(cfg: Rules, users: readonly UserConfig[]) {
    this.#cfg = cfg;
    this.#pool = this.#makePool(users);
  }
  #makePool(users: readonly UserConfig[]): AddressPool {
    const reserved = new Set([this.#cfg.local_ip, ...users.flatMap((u) => (u.ip === null ? [] : [u.ip]))]);
    return new AddressPool(this.#cfg.pool ?? [], reserved);
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
  /** Users with an address. */
  get admitted(): number {
    return this.#admitted;
  }

  /** A call begins; it may evict another caller. */
  add(s: Session, from: Origin): void {
    this.#all.set(s.id, s);
    const out = this.#callers.add(s, from);
    if (!out) return;
    this.counters.bump("server.crowded");
    out.drop(CROWDED);
  }
  /** The call or session has ended. */
  remove(s: Session): void {
    this.#all.delete(s.id);
    this.#callers.delete(s);
  }
  /**
   * The address of a user who has authenticated himself, or why there is none; applies the policy for a second login.
   */
  admit(s: Session, user: UserConfig): string | Failure {
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
    const networks = networksOf(ip, user);
    const taken = networks.find((n) => this.#networks.has(n));
    if (taken !== undefined) {
      this.#pool.release(ip);
      const owner = this.#networks.get(taken)?.user ?? "another user";
      return failure("network-taken", `${taken} of user ${user.name} already belongs to the session of user ${owner}`);
    }
    for (const n of networks) this.#networks.set(n, s);
    this.#admitted++;
    this.#callers.delete(s);
    this.#users.set(user.name, s);
    return ip;
  }
  #address(user: UserConfig): string | Failure {
    if (user.ip === null) {
      return this.#pool.take(user.name) ?? failure("pool-empty", `the address pool is exhausted (${this.#pool.size})`);
    }
    return this.#pool.claim(user.ip) ? user.ip : failure("address-taken", `another session still uses ${user.ip}`);
  }
  /** What admit() gave is free again: the same user may be calling anew, and must not wait for our goodbye. */
  release(s: Session, ip: string, user: UserConfig): void {
    this.#pool.release(ip);
    for (const n of networksOf(ip, user)) if (this.#networks.get(n) === s) this.#networks.delete(n);
    this.#admitted--;
    if (this.#users.get(user.name) === s) this.#users.delete(user.name);
  }

  /** Sessions of users who are gone or changed end; the pool is what is free for the new ones. */
  usersChanged(changed: ReadonlySet<string>, users: readonly UserConfig[]): void {
    for (const name of changed) {
      this.#users.get(name)?.end(failure("user-changed", `the configuration of user ${name} changed`));
    }
    this.#pool = this.#makePool(users);
    for (const s of this.#all.values()) if (s.ip !== null) this.#pool.claim(s.ip);
  }
}

function networksOf(ip: string, user: UserConfig): string[] {
  return [
    ...new Set(
      [ip, ...(user.routes ?? [])].map((n) => {
        const p = parsePrefix(n);
        return p ? `${p.address}/${p.length}` : n;
      }),
    ),
  ];
}
