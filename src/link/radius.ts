// Users whom RADIUS knows: what its servers say about a caller, as PPP and a server's sessions want it.
import { radiusOf } from "../config/cross.ts";
import type { RadiusConfig, ServerConfig, UserConfig } from "../config/schema.ts";
import { u32 } from "../core/bytes.ts";
import { failure } from "../core/failures.ts";
import { faultEvent } from "../core/fault.ts";
import { Secret } from "../core/secret.ts";
import { hex } from "../core/text.ts";
import type { Crypto } from "../ports/ports.ts";
import { accountName } from "../ppp/auth/mschapv2.ts";
import { type Proof, refusal, type Verdict } from "../ppp/auth/proof.ts";
import { RadiusClient } from "../radius/client.ts";
import type { Grant } from "../radius/grant.ts";
import { type Caller, Login, type Nas, type Outcome } from "../radius/login.ts";
import type { LinkDeps } from "./deps.ts";

/** A user, from a section or from RADIUS. */
export type Account = Pick<UserConfig, "name" | "ip" | "routes"> & { readonly grant?: Grant };

/** The RADIUS servers of one server section, as long as the section stands. */
export class RadiusUsers {
  readonly #deps: Pick<LinkDeps, "clock" | "crypto" | "log" | "udp">;
  readonly #cfg: ServerConfig;
  readonly #all: () => readonly RadiusConfig[];
  readonly #local: (user: string) => boolean;
  readonly nas: Nas;
  /** Begins every Acct-Session-Id: unique over restarts. */
  readonly #run: string;
  client: RadiusClient;

  /** `local`: whether a section has this user. */
  constructor(
    deps: Pick<LinkDeps, "clock" | "crypto" | "host" | "log" | "udp">,
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
  }
  #make(): RadiusClient {
    const { clock, crypto, log, udp } = this.#deps;
    const fault = (e: unknown): void => log.emit(faultEvent(this.#cfg.name, "RADIUS", e));
    const servers = radiusOf(this.#cfg, this.#all()).map((r) => ({
      name: r.name,
      address: r.address,
      port: r.port,
      acctPort: 0,
      secret: r.secret,
      timeoutMs: r.timeout * 1000,
      deadMs: r.dead_time * 1000,
    }));
    return new RadiusClient({ clock, crypto, udp, fault }, servers);
  }
  /** Other servers from now on; what the old ones were asked is unanswered. */
  renew(): void {
    const before = this.client;
    this.client = this.#make();
    before.close("the RADIUS servers of the configuration changed");
  }
  close(): void {
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
          why: o.wrong ? failure("auth-failed", o.text) : failure("radius", o.text),
          said: true,
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
  return proof.method === "eap" ? new Uint8Array(0) : refusal(crypto, proof.method);
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
