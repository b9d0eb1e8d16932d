// One session's limits, of its user's section or as RADIUS set them, and its accounting there.
import type { UserConfig } from "../config/schema.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { type Failure, type FailureCode, failure } from "../core/failures.ts";
import type { Accounting, Usage } from "../radius/accounting.ts";
import { Attributes } from "../radius/attributes.ts";
import type { Grant, Limits } from "../radius/grant.ts";
import { about, type Caller, type Nas } from "../radius/login.ts";
import type { Prefixes } from "./prefixes.ts";

/** A user, from a section or from RADIUS. */
export type Account = Pick<UserConfig, "name" | "ip" | "routes"> &
  Partial<Pick<UserConfig, "bridge" | "ipv6_prefix" | "ipv6_delegated_prefix" | "session_timeout" | "idle_timeout">> & {
    readonly grant?: Grant;
  };

export interface Books {
  readonly accounting: Accounting;
  readonly nas: Nas;
  /** Seconds between interim updates where RADIUS does not say; 0: none. */
  readonly interim: number;
}
interface Accounted {
  readonly ip: string;
  readonly prefixes: Prefixes;
  usage(): Usage;
  /** Of a session with Multilink: RFC 2866 §5.11 and §5.12, by now. */
  readonly multi?: () => { readonly id: string; readonly links: number } | null;
  /** Holds the session to this from now on; null: to nothing. */
  slow(rate: Limits["rate"]): void;
  end(why: Failure): void;
}
const NO_LIMITS: Limits = { sessionTimeout: null, idleTimeout: null, interim: null, filter: null, rate: null };
/** RFC 2866 §5.6. */
const AUTHENTIC = { radius: 1, local: 2 } as const;
/** RFC 2866 §5.10; what is not here is the request of this side (10). */
const CAUSE: Readonly<Partial<Record<FailureCode, number>>> = {
  "peer-terminated": 1,
  "peer-closed": 1,
  "call-closed": 1,
  "call-refused": 1,
  "echo-timeout": 2,
  "peer-silent": 2,
  "dead-peer": 2,
  "lower-down": 2,
  idle: 4,
  "session-timeout": 5,
  disconnected: 6,
  "user-changed": 6,
  stopped: 7,
  internal: 9,
  system: 9,
  netdev: 9,
  replaced: 13,
};
const NAS_REQUEST = 10;
/** How often an idle session is looked at: a quarter of its time. */
const LOOKS = 4;

export class SessionAccount {
  readonly #clock: Clock;
  /** Null: nobody keeps accounts of it. */
  readonly #at: (Books & { readonly id: string; readonly whole: Attributes }) | null;
  readonly #owner: Accounted;
  readonly #since: number;
  readonly #timers: Readonly<Record<"time" | "idle" | "interim", Timer>>;
  #usage: Usage = { rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0 };
  #moved: number;
  limits: Limits;

  constructor(clock: Clock, user: Account, at: { books: Books; caller: Caller } | null, owner: Accounted) {
    this.#clock = clock;
    this.#owner = owner;
    this.#since = this.#moved = clock.now();
    this.limits = limitsOf(user);
    this.#at = at && { ...at.books, id: at.caller.session, whole: aboutUser(at.books.nas, at.caller, user, owner) };
    this.#timers = {
      time: clock.timer("session time", () => owner.end(failure("session-timeout", "the user's time is over"))),
      idle: clock.timer("session idle", () => this.#look()),
      interim: clock.timer("accounting interim", () => this.#update()),
    };
    if (this.#at) this.#at.accounting.start(this.#at.id, this.#about(this.#at));
    this.#arm();
  }
  /** In the place of those that are given. */
  change(limits: Partial<Limits>): void {
    this.limits = { ...this.limits, ...limits };
    this.#arm();
  }
  stop(why: Failure): void {
    for (const t of Object.values(this.#timers)) t.disarm();
    const cause = CAUSE[why.code] ?? NAS_REQUEST;
    const at = this.#at;
    at?.accounting.stop(at.id, this.#about(at), this.#seconds, this.#read(), cause);
  }
  #about({ whole }: { readonly whole: Attributes }): Attributes {
    const multi = this.#owner.multi?.() ?? null;
    if (!multi) return whole;
    const more = new Attributes().addAll(whole);
    return more.add("Acct-Multi-Session-Id", multi.id).add("Acct-Link-Count", multi.links);
  }
  get #seconds(): number {
    return Math.round((this.#clock.now() - this.#since) / 1000);
  }
  /** Seconds between interim updates; 0: none. */
  get #every(): number {
    return this.#at ? (this.limits.interim ?? this.#at.interim) : 0;
  }
  #arm(): void {
    const { time, idle, interim } = this.#timers;
    const { sessionTimeout, idleTimeout } = this.limits;
    const every = this.#every;
    this.#owner.slow(this.limits.rate);
    if (sessionTimeout) time.arm(Math.max(0, this.#since + sessionTimeout * 1000 - this.#clock.now()));
    if (idleTimeout) idle.arm((idleTimeout * 1000) / LOOKS);
    if (every > 0) interim.arm(every * 1000);
  }
  #read(): Usage {
    const now = this.#owner.usage();
    if (now.rxPackets !== this.#usage.rxPackets || now.txPackets !== this.#usage.txPackets)
      this.#moved = this.#clock.now();
    this.#usage = now;
    return now;
  }
  #look(): void {
    const ms = (this.limits.idleTimeout ?? 0) * 1000;
    this.#read();
    if (this.#clock.now() - this.#moved < ms) this.#timers.idle.arm(ms / LOOKS);
    else this.#owner.end(failure("idle", `no packet for ${ms / 1000} s, the idle time-out of the user`));
  }
  #update(): void {
    const at = this.#at;
    at?.accounting.interim(at.id, this.#about(at), this.#seconds, this.#read());
    const every = this.#every;
    if (every > 0) this.#timers.interim.arm(every * 1000);
  }
}

function limitsOf({ grant, session_timeout = 0, idle_timeout = 0 }: Account): Limits {
  return grant ?? { ...NO_LIMITS, sessionTimeout: session_timeout || null, idleTimeout: idle_timeout || null };
}
function aboutUser(
  nas: Nas,
  caller: Caller,
  { name, grant }: Account,
  { ip, prefixes: { prefix, delegated } }: Pick<Accounted, "ip" | "prefixes">,
): Attributes {
  const given: Pick<Grant, "user" | "classes" | "prefixes6" | "delegated6"> | undefined = grant;
  return about(nas, caller)
    .add("User-Name", given?.user ?? name)
    .add("Framed-IP-Address", ip)
    .add("Acct-Authentic", given ? AUTHENTIC.radius : AUTHENTIC.local)
    .add("Framed-IPv6-Prefix", ...(prefix === null ? (given?.prefixes6 ?? []) : [prefix]))
    .add("Delegated-IPv6-Prefix", ...(delegated === null ? (given?.delegated6 ?? []) : [delegated]))
    .add("Class", ...(given?.classes ?? []));
}
