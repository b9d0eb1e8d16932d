// What a RADIUS server asks of us (RFC 5176): to end a session, or to change its limits. Only from configured servers,
// proved by their secret, once: an Event-Timestamp says that a request is fresh. Without one a session may be ended by
// its Acct-Session-Id alone, which never comes again. Over TLS (RFC 6614 §2.5) the connection proves all that.
import { Counters } from "../core/counters.ts";
import { DecodeError } from "../core/errors.ts";
import { hex } from "../core/text.ts";
import type { Crypto } from "../ports/ports.ts";
import { type AttributeName, Attributes } from "./attributes.ts";
import { type Limits, limitsOf } from "./grant.ts";
import { CODE, provesRequest, type RadiusPacket, readRadius, writeAnswer } from "./packet.ts";
import type { RadiusServer } from "./peers.ts";

/** A session that it found. */
export interface Target {
  disconnect(server: string): void;
  change(limits: Partial<Limits>): void;
}
export interface Named {
  readonly session: string | null;
  readonly user: string | null;
  readonly ip: string | null;
}
interface DynamicDeps {
  readonly crypto: Crypto;
  /** Milliseconds since 1970. */
  wallClock(): number;
  servers(): readonly RadiusServer[];
  readonly identifier: string;
  /** Whether servers may ask at all. */
  readonly allowed: boolean;
  /** The session that all of these name; null: there is none. */
  find(n: Named): Target | null;
}
// RFC 5176 §3.5
const ERROR = { unsupported: 401, missing: 402, nas: 403, invalid: 404, service: 405, off: 406, unknown: 503 } as const;
const WINDOW_MS = 300_000;
const REMEMBERED = 1024;
const IDENTIFYING: readonly AttributeName[] = [
  "User-Name",
  "NAS-IP-Address",
  "NAS-Port",
  "Framed-IP-Address",
  "Called-Station-Id",
  "Calling-Station-Id",
  "NAS-Identifier",
  "Proxy-State",
  "Acct-Session-Id",
  "Acct-Terminate-Cause",
  "Event-Timestamp",
  "NAS-Port-Type",
  "Message-Authenticator",
  "NAS-IPv6-Address",
];
const CHANGING: readonly AttributeName[] = [
  ...IDENTIFYING,
  "Session-Timeout",
  "Idle-Timeout",
  "Acct-Interim-Interval",
  "Filter-Id",
  "Mikrotik-Rate-Limit",
  "WISPr-Bandwidth-Max-Up",
  "WISPr-Bandwidth-Max-Down",
];

export class Dynamic {
  readonly #deps: DynamicDeps;
  readonly counters = new Counters<"radius.coa-stranger" | "radius.coa-forged" | "radius.coa-stale" | "radius.coa">();
  /** Answers by what they answer: a copy of a request changes nothing, and gets the same. */
  readonly #answers = new Map<string, Uint8Array>();

  constructor(deps: DynamicDeps) {
    this.#deps = deps;
  }
  /** The answer; null: none. `over`: the server whose TLS it came by; elsewhere the secret of TLS proves nothing. */
  input(data: Uint8Array, from: string, over: RadiusServer | null = null): Uint8Array | null {
    const { crypto } = this.#deps;
    const servers = over ? [over] : this.#deps.servers().filter((s) => s.address === from && !s.tls);
    if (servers.length === 0) return this.#drop("radius.coa-stranger");
    try {
      const p = readRadius(data);
      const known = p.code === CODE.disconnectRequest || p.code === CODE.coaRequest;
      const server = known && servers.find((s) => provesRequest(crypto, s.secret, p) === "ok");
      if (!server) return this.#drop("radius.coa-forged");
      const key = `${from} ${p.id} ${hex(p.authenticator)}`;
      const before = this.#answers.get(key);
      if (before) return before;
      if (!over && !this.#fresh(p)) return this.#drop("radius.coa-stale");
      this.counters.bump("radius.coa");
      const error = this.#obey(p, server.name);
      const attributes = new Attributes().add("Proxy-State", ...p.attributes.all("Proxy-State"));
      if (error !== null) attributes.add("Error-Cause", error);
      const code = p.code + (error === null ? 1 : 2);
      const answer = writeAnswer(crypto, { code, id: p.id, secret: server.secret, attributes }, p.authenticator);
      this.#answers.set(key, answer);
      const oldest = this.#answers.keys().next();
      if (this.#answers.size > REMEMBERED && !oldest.done) this.#answers.delete(oldest.value);
      return answer;
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      return this.#drop("radius.coa-forged");
    }
  }
  #drop(name: "radius.coa-stranger" | "radius.coa-forged" | "radius.coa-stale"): null {
    this.counters.bump(name);
    return null;
  }
  #fresh({ code, attributes: a }: RadiusPacket): boolean {
    const stamp = a.get("Event-Timestamp");
    if (stamp === null) return code === CODE.disconnectRequest && a.get("Acct-Session-Id") !== null;
    return Math.abs(stamp * 1000 - this.#deps.wallClock()) <= WINDOW_MS;
  }
  /** An Error-Cause; null: done. */
  #obey({ code, attributes: a }: RadiusPacket, server: string): number | null {
    if (!this.#deps.allowed) return ERROR.off;
    const nas = a.get("NAS-Identifier");
    if (nas !== null && nas !== this.#deps.identifier) return ERROR.nas;
    if (a.get("Service-Type") !== null) return ERROR.service; // "Authorize Only"
    const ends = code === CODE.disconnectRequest;
    if (a.others(ends ? IDENTIFYING : CHANGING)) return ERROR.unsupported;
    const named = { session: a.get("Acct-Session-Id"), user: a.get("User-Name"), ip: a.get("Framed-IP-Address") };
    if (named.session === null && named.user === null && named.ip === null) return ERROR.missing;
    const target = this.#deps.find(named);
    if (!target) return ERROR.unknown;
    if (ends) target.disconnect(server);
    else {
      const limits = Object.entries(readable(a) ?? {}).filter(([, v]) => v !== null);
      if (limits.length === 0) return ERROR.invalid;
      target.change(Object.fromEntries(limits));
    }
    return null;
  }
}

/** Null: they hold what is not understood. */
function readable(a: Attributes): Limits | null {
  try {
    return limitsOf(a);
  } catch (e) {
    if (!(e instanceof DecodeError)) throw e;
    return null;
  }
}
