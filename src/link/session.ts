// One user's session at a server: a call, PPP in it, an address and routes on the server's netdev.

import type { ServerConfig, UserConfig } from "../config/schema.ts";
import { linkLocal } from "../core/addr.ts";
import type { Timer } from "../core/clock.ts";
import { type Failure, failure, failureOf } from "../core/failures.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { giveBack } from "../core/give-back.ts";
import { allOf, Scope } from "../core/scope.ts";
import type { L2tpRemote, ServerInterface, UserInterface } from "../dataplane/dataplane.ts";
import type { Call, CallOwner } from "../l2tp/call.ts";
import type { PppUp } from "../ppp/api.ts";
import { accountName } from "../ppp/auth/mschapv2.ts";
import type { SharedIds } from "../ppp/ipv6cp.ts";
import { PppSession } from "../ppp/session.ts";
import { type LinkDeps, systemFailure } from "./deps.ts";
import { pppServer } from "./settings.ts";
import { isoTime, type SessionStatus } from "./status.ts";

/** The server of a session, one for all of them. */
export interface SessionHost {
  readonly cfg: ServerConfig;
  /** Of the netdev, where it has IPv6. */
  readonly ids: SharedIds | null;
  user(name: string): UserConfig | null;
  /** An address for a user who has authenticated himself, or why there is none. */
  admit(s: Session, user: UserConfig): string | Failure;
  /** What admit() gave is not needed any more. */
  release(s: Session, ip: string, user: UserConfig): void;
  /** Once, last. */
  gone(s: Session): void;
  /** A call from `peer` ended before it was a session. */
  failed(peer: string, why: Failure): void;
}
/** Time to say who one is: from the call to the first address, and again whenever PPP begins anew. */
const AUTHENTICATE_MS = 30_000;
const ASYNC = 2; // framing type, RFC 2661 §4.4.4
let lastId = 0; // for people and the control API; not a secret, never on the wire

export class Session {
  readonly id = ++lastId;
  readonly callOwner: CallOwner;
  /** What comes in but not by the call: an unexpected error in it ends the session. */
  readonly #scope: Scope;
  readonly #deps: LinkDeps;
  readonly #host: SessionHost;
  readonly #cfg: ServerConfig;
  readonly #server: ServerInterface;
  readonly #remote: L2tpRemote;
  readonly #mtu: number;
  /** While the caller has to say who it is. */
  #deadline: Timer | null = null;
  #call: Call | null = null;
  #ppp: PppSession | null = null;
  #info: PppUp | null = null;
  #net: UserInterface | null = null;
  /** The peer's, agreed on with IPV6CP; and as the netdev has it. */
  #id6: Uint8Array | null = null;
  #ip6: string | null = null;
  #config: UserConfig | null = null;
  #ip: string | null = null;
  #since = 0;
  #announced = false;
  /** It has been a session, or its failure was told. */
  #told = false;
  #gone = false;
  #detaching: Promise<void> = Promise.resolve();

  constructor(
    deps: LinkDeps,
    host: SessionHost,
    at: { readonly server: ServerInterface; readonly remote: L2tpRemote; readonly mtu: number },
  ) {
    this.#scope = new Scope(deps.clock, (e) => this.#fault(e));
    this.#deps = { ...deps, clock: this.#scope };
    this.#host = host;
    this.#cfg = host.cfg;
    this.#server = at.server;
    this.#remote = at.remote;
    this.#mtu = at.mtu;
    this.callOwner = {
      onCall: (call) => {
        this.#call = call;
      },
      onUp: (call) => this.#start(call),
      onDown: (_, why) => this.#callDown(why),
    };
  }
  get user(): string | null {
    return this.#config?.name ?? null;
  }
  get ip(): string | null {
    return this.#ip;
  }
  /** The peer's interface identifier while IPV6CP is open. */
  get id6(): Uint8Array | null {
    return this.#id6;
  }

  #start(call: Call): void {
    this.#arm();
    this.#ppp = new PppSession(
      this.#deps,
      call.channel,
      pppServer(this.#cfg, this.#deps.host, this.#mtu, this.#host.ids),
      {
        secretOf: (name) => this.#host.user(name)?.password ?? null,
        pause: (name) => this.#deps.logins.pause(name, this.#remote.address),
        wrong: (name) =>
          this.#deps.logins.wrong(
            name,
            this.#remote.address,
            (this.#host.user(name) ?? this.#host.user(accountName(name))) !== null,
          ),
        admit: (name) => {
          const user = this.#host.user(name);
          if (!user) return failure("unknown-user", "there is no such user");
          this.#deps.logins.right(name, this.#remote.address);
          const ip = this.#host.admit(this, user);
          if (typeof ip !== "string") return ip;
          this.#config = user;
          this.#ip = ip;
          return { local: this.#cfg.local_ip, remote: ip, dns: this.#cfg.dns ?? [], wins: this.#cfg.wins ?? [] };
        },
        onPhase: (phase) => {
          this.#dropNet(); // the peer negotiates anew: until PPP is up again no packet may pass
          if (phase === "network") this.#disarm();
          else if (!this.#deadline) this.#arm();
        },
        onUp: (info) => this.#up(call, info),
        onIpv6: (ids) => {
          this.#id6 = ids?.remote ?? null;
          this.#setIpv6();
        },
        onDown: (why) =>
          this.#scope.run(() => {
            this.#ppp = null;
            this.#leave(why);
            this.#closeCall(why);
          }),
      },
    );
    this.#ppp.start();
  }

  #up(call: Call, info: PppUp): void {
    this.#info = info;
    // A LAC with an asynchronous line does the framing: it must know what LCP agreed on (RFC 2661 §6.14).
    if (((call.connected.framingType ?? 0) & ASYNC) !== 0) call.setLinkInfo(info.link.sendAccm, info.link.recvAccm);
    const ip = this.#ip;
    const user = this.#config;
    if (ip === null || user === null)
      return this.end(failureOf("ppp", "no-address", "PPP came up without an admitted user", false));
    this.#scope.settle(
      this.#detaching.then(() =>
        this.#server.attach(
          call.channel,
          ip,
          (user.routes ?? []).map((prefix) => ({ prefix })),
        ),
      ),
      (net) => {
        if (this.#gone || this.#ip !== ip)
          return void giveBack(
            () => net.detach(),
            (e) => this.#log(e),
          );
        this.#net = net;
        this.#since = this.#deps.host.wallClock();
        this.#announced = this.#told = true;
        this.#deps.log.emit({
          kind: "session.up",
          link: this.#cfg.name,
          user: user.name,
          ip,
          peer: this.#remote.address,
          session: this.id,
        });
        this.#setIpv6();
      },
      (e: unknown) => this.end(systemFailure(e)),
    );
  }

  /** IPv6 comes and goes by itself; a session without it is a session. */
  #setIpv6(): void {
    const net = this.#net;
    const peer = this.#id6 && linkLocal(this.#id6);
    if (!net || this.#ip6 === peer) return;
    this.#ip6 = peer;
    this.#scope.settle(
      net.setIpv6(peer),
      () => {},
      (e) => {
        if (this.#net === net) this.#ip6 = null;
        this.#deps.log.emit({
          kind: "daemon.warning",
          link: this.#cfg.name,
          text: `no IPv6 for user ${this.user ?? ""}: ${systemFailure(e).text}`,
        });
      },
    );
  }

  /** Ends the session politely: PPP, then the call. */
  end(why: Failure): void {
    // The address is free from now on: the same user may be calling again, and must not wait for our goodbye.
    this.#scope.run(() => {
      this.#leave(why);
      if (this.#ppp) this.#ppp.stop(why);
      else this.#closeCall(why);
    });
  }
  #closeCall(why: Failure): void {
    const call = this.#call;
    call?.contain(() => call.close(why));
  }
  /** Rule 7. */
  #fault(e: unknown): void {
    this.#log(e);
    const why = internal("ppp", e);
    this.#leave(why);
    this.#ppp?.lowerDown(why);
    this.#closeCall(why);
  }
  #log(e: unknown): void {
    this.#deps.log.emit(faultEvent(this.#cfg.name, "a session", e));
  }

  /** Ends the session at once: the call, and no goodbye in PPP. */
  drop(why: Failure): void {
    this.#scope.run(() => {
      this.#leave(why);
      this.#closeCall(why);
    });
  }

  #arm(): void {
    this.#deadline = this.#deps.clock.timer("session", () => {
      this.end(failure("auth-timeout", `the caller did not say who it is within ${AUTHENTICATE_MS / 1000} s`));
    });
    this.#deadline.arm(AUTHENTICATE_MS);
  }
  #disarm(): void {
    this.#deadline?.disarm();
    this.#deadline = null;
  }

  #callDown(why: Failure): void {
    this.#call = null;
    if (this.#gone) return;
    this.#gone = true;
    allOf(
      (e) => this.#log(e),
      () => this.#ppp?.lowerDown(why),
      () => this.#leave(why),
      () => this.#host.gone(this),
    );
  }
  #leave(why: Failure): void {
    if (!this.#told && why.layer !== "config") this.#host.failed(this.#remote.address, why);
    this.#told = true;
    const announced = this.#announced;
    this.#announced = false;
    allOf(
      (e) => this.#log(e),
      () => this.#disarm(),
      () => this.#dropNet(),
      () => announced && this.#tellDown(why),
      () => this.#releaseIp(),
    );
  }
  #tellDown(why: Failure): void {
    this.#deps.log.emit({
      kind: "session.down",
      link: this.#cfg.name,
      user: this.user ?? "",
      ip: this.#ip ?? "",
      session: this.id,
      code: why.code,
      text: why.text,
    });
  }
  #dropNet(): void {
    const net = this.#net;
    this.#net = null;
    this.#ip6 = null;
    if (net)
      this.#detaching = giveBack(
        () => net.detach(),
        (e) => this.#log(e),
      );
  }
  #releaseIp(): void {
    const ip = this.#ip;
    this.#ip = null;
    if (ip !== null && this.#config) this.#host.release(this, ip, this.#config);
  }

  status(): SessionStatus {
    const t = this.#net?.counters() ?? { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
    return {
      session: this.id,
      user: this.user ?? "",
      ip: this.#ip ?? "",
      ip6: this.#ip6,
      since: isoTime(this.#since),
      peer: this.#remote.address,
      auth: this.#info?.auth ?? "",
      tunnel: this.#call?.tunnel.id ?? 0,
      call: this.#call?.id ?? 0,
      rx_bytes: t.rxBytes,
      tx_bytes: t.txBytes,
      rx_packets: t.rxPackets,
      tx_packets: t.txPackets,
    };
  }
}
