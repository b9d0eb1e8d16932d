// Users whom RADIUS knows: what its servers say about a caller, as PPP and a server's sessions want it.
import { radiusOf } from "../config/cross.ts";
import type { RadiusConfig, ServerConfig } from "../config/schema.ts";
import { u32 } from "../core/bytes.ts";
import { SystemError } from "../core/errors.ts";
import { failure } from "../core/failures.ts";
import { faultEvent } from "../core/fault.ts";
import { contain } from "../core/scope.ts";
import { Secret } from "../core/secret.ts";
import { hex } from "../core/text.ts";
import type { Crypto } from "../ports/ports.ts";
import { accountName } from "../ppp/auth/mschapv2.ts";
import { type Proof, refusal, type Verdict } from "../ppp/auth/proof.ts";
import { Accounting } from "../radius/accounting.ts";
import { Attributes } from "../radius/attributes.ts";
import { RadiusClient } from "../radius/client.ts";
import { Dynamic, type Named, type Target } from "../radius/dynamic.ts";
import { type Caller, Login, type Nas, type Outcome } from "../radius/login.ts";
import type { RadiusServer } from "../radius/peers.ts";
import type { Account, Books } from "./account.ts";
import type { LinkDeps } from "./deps.ts";
import { serverOf } from "./radius-server.ts";

type RadiusDeps = Pick<LinkDeps, "clock" | "crypto" | "host" | "log" | "udp" | "tcp" | "tls" | "journal">;
/** A server's sessions, for what RADIUS asks about them. */
interface Reachable {
  get(id: number): Sought | null;
  ofUser(name: string): Sought | null;
  ofAddress(ip: string): Sought | null;
}
interface Sought extends Target {
  readonly user: string | null;
  readonly ip: string | null;
}

/** The RADIUS servers of one server section, as long as the section stands. */
export class RadiusUsers {
  readonly #deps: RadiusDeps;
  readonly #cfg: ServerConfig;
  readonly #all: () => readonly RadiusConfig[];
  readonly #local: (user: string) => boolean;
  readonly nas: Nas;
  /** Begins every Acct-Session-Id: unique over restarts. */
  readonly #run: string;
  client: RadiusClient;
  readonly accounting: Accounting;
  readonly #dynamic: Dynamic;
  #sessions: Reachable | null = null;
  #listener: { close(): void } | null = null;

  /** `local`: whether a section has this user. */
  constructor(
    deps: RadiusDeps,
    cfg: ServerConfig,
    all: () => readonly RadiusConfig[],
    local: (user: string) => boolean,
  ) {
    this.#deps = deps;
    this.#cfg = cfg;
    this.#local = local;
    this.#all = all;
    this.nas = { identifier: cfg.nas_id ?? deps.host.hostname() };
    this.#run = hex(deps.crypto.random(6));
    this.client = this.#make();
    const wallClock = (): number => deps.host.wallClock();
    const journal = deps.journal?.(cfg.name) ?? null;
    this.accounting = new Accounting({ clock: deps.clock, wallClock, client: () => this.client, journal });
    this.#dynamic = new Dynamic({
      crypto: deps.crypto,
      wallClock,
      servers: () => this.#servers(),
      identifier: this.nas.identifier,
      allowed: cfg.coa_port !== 0,
      find: (n) => this.#find(n),
    });
  }
  get books(): Books {
    return { accounting: this.accounting, nas: this.nas, interim: this.#cfg.acct_interim };
  }
  /** The server begins. A port for CoA that is not free is told, and tried again by the next server. */
  open(sessions: Reachable): void {
    this.#sessions = sessions;
    this.accounting.on(new Attributes().add("NAS-Identifier", this.nas.identifier));
    const { udp, log } = this.#deps;
    const { coa_port, name } = this.#cfg;
    if (coa_port === 0 || this.#listener) return;
    try {
      this.#listener = udp.listen(coa_port, (data, from, answer) =>
        contain(
          () => {
            const out = this.#dynamic.input(data, from.address);
            if (out) answer(out);
          },
          (e) => log.emit(faultEvent(name, "CoA", e)),
        ),
      );
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      log.emit({ kind: "daemon.warning", link: name, text: `no CoA: ${e.message}` });
    }
  }
  /** The server ends, and all of its sessions have. */
  stop(): void {
    this.accounting.off(new Attributes().add("NAS-Identifier", this.nas.identifier));
    this.#listener?.close();
    this.#listener = null;
  }
  drops(): Record<string, number> {
    return {
      ...this.client.counters.snapshot(),
      ...this.accounting.counters.snapshot(),
      ...this.#dynamic.counters.snapshot(),
    };
  }
  /** All that it names must be the session's. */
  #find({ session, user, ip }: Named): Target | null {
    const s = this.#sessions;
    if (!s) return null;
    const id = session?.startsWith(this.#run) ? Number.parseInt(session.slice(this.#run.length), 16) : null;
    if (session !== null && (id === null || Number.isNaN(id))) return null;
    const byName = (): Sought | null => (user !== null ? s.ofUser(user) : s.ofAddress(ip ?? ""));
    const found = id !== null ? s.get(id) : byName();
    return found?.ip && (user ?? found.user) === found.user && (ip ?? found.ip) === found.ip ? found : null;
  }
  #make(): RadiusClient {
    const { clock, crypto, log, udp, tcp } = this.#deps;
    const fault = (e: unknown): void => log.emit(faultEvent(this.#cfg.name, "RADIUS", e));
    const asked = (server: RadiusServer, data: Uint8Array): Uint8Array | null =>
      this.#dynamic.input(data, server.address, server);
    return new RadiusClient({ clock, crypto, udp, tcp: tcp ?? null, fault, asked }, this.#servers());
  }
  #servers(): RadiusServer[] {
    return radiusOf(this.#cfg, this.#all()).map((r) => serverOf(r, this.#deps));
  }
  /** Other servers from now on; what the old ones were asked is unanswered. */
  renew(): void {
    const before = this.client;
    this.client = this.#make();
    before.close("the RADIUS servers of the configuration changed");
  }
  close(): void {
    this.accounting.close();
    this.client.close("the server stops");
  }
  seat(caller: Omit<Caller, "session">): RadiusSeat {
    return new RadiusSeat(this, { ...caller, session: `${this.#run}${hex(u32(caller.port))}` });
  }
  /** Whether a section decides about a user before RADIUS is asked. */
  decidesHere(user: string): boolean {
    return this.#cfg.users[0] === "local" && (this.#local(user) || this.#local(accountName(user)));
  }
  /** Null: a section decides, because no RADIUS server does. */
  verdict(proof: Proof, o: Outcome): Verdict | null {
    const { crypto } = this.#deps;
    switch (o.is) {
      case "accepted":
        return { is: "accepted", account: proof.user, message: o.message, master: masterOf(crypto, proof, o.keys) };
      case "more":
        return o;
      case "refused":
        return {
          is: "refused",
          message: o.message ?? words(crypto, proof),
          wrong: o.wrong,
          why: o.wrong ? failure("auth-failed", o.text) : failure(o.expired ? "password-expired" : "radius", o.text),
          said: true,
          ...(o.expired ? { expired: true } : {}),
        };
      case "unanswered": {
        if (!o.begun && this.#cfg.users[0] === "radius" && this.#cfg.users.includes("local")) return null;
        const why = failure("radius", o.text);
        return { is: "refused", message: words(crypto, proof), why, wrong: false, said: true };
      }
    }
  }
}
function words(crypto: Crypto, proof: Proof): Uint8Array {
  return proof.method === "eap" ? new Uint8Array(0) : refusal(crypto, proof.method, "change" in proof);
}
/** MS-CHAP's own master key is not told: after version 1 RADIUS has what it is made of, then what becomes of it. */
function masterOf(
  crypto: Crypto,
  proof: Proof,
  keys: Extract<Outcome, { is: "accepted" }>["keys"],
): Extract<Verdict, { is: "accepted" }>["master"] {
  if (!keys) return null;
  if (keys.version === "eap") return { version: "eap", key: new Secret(keys.bytes) };
  if (proof.method !== "mschap") return null;
  const { bytes } = keys;
  return { version: 1, key: new Secret(crypto.hash("sha1", [bytes, bytes, proof.challenge]).slice(0, 16)) };
}

/** One caller's way to RADIUS. */
export class RadiusSeat {
  readonly #users: RadiusUsers;
  readonly #login: Login;
  readonly caller: Caller;
  /** What RADIUS said last, where that was yes. */
  account: Account | null = null;

  constructor(users: RadiusUsers, caller: Caller) {
    this.#users = users;
    this.caller = caller;
    this.#login = new Login(() => users.client, users.nas, caller);
  }
  /** As PppOwner.ask(). */
  ask(proof: Proof, answer: (v: Verdict | null) => void): (() => void) | null {
    this.account = null;
    if (this.#users.decidesHere(proof.user)) return null;
    return this.#login.ask(proof, (o) => {
      if (o.is === "accepted") {
        const { grant } = o;
        this.account = { name: proof.user, ip: grant.ip, routes: grant.routes.length > 0 ? grant.routes : null, grant };
      }
      answer(this.#users.verdict(proof, o));
    });
  }
}
