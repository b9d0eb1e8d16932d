// One try of a client link, up the ladder: name, route, IKE and ESP, L2TP, PPP, netdev; and down again in the opposite
// order. It ends exactly once, whatever layer fails first.

import { deviceName, guarded, needsIpsec } from "../config/cross.ts";
import type { ClientConfig } from "../config/schema.ts";
import { isIp6, linkLocal } from "../core/addr.ts";
import type { Timer } from "../core/clock.ts";
import { SystemError } from "../core/errors.ts";
import type { LinkState } from "../core/events.ts";
import { type Failure, failure } from "../core/failures.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { giveBack } from "../core/give-back.ts";
import { allOf, Scope } from "../core/scope.ts";
import type { L2tpRemote, NetInterface } from "../dataplane/dataplane.ts";
import type { IkeManager } from "../ike/manager.ts";
import type { IkeConnection, IkeInfo } from "../ike/types.ts";
import type { Call } from "../l2tp/call.ts";
import type { Tunnel } from "../l2tp/tunnel.ts";
import type { PppUp } from "../ppp/api.ts";
import type { EapTlsCredentials } from "../ppp/auth/eap-tls.ts";
import { PppSession } from "../ppp/session.ts";
import { eapCredentials } from "./credentials.ts";
import { type LinkDeps, systemFailure } from "./deps.ts";
import { clientIke, clientRoutes, fittingMtu, pppClient, tunnelConfig } from "./settings.ts";
import type { Stage } from "./status.ts";

const DEFAULT_MTU = 1400; // fits every path seen in the field, and no peer objects
/** A teardown that the peer does not answer ends after this long; the daemon promises two seconds in all. */
const CLOSE_MS = 1500;
const STAGE_MS = 60_000; // every layer has its own, shorter patience; this one is for those that hang between layers

export interface AttemptOwner {
  onState(state: LinkState): void;
  onStage(stage: Stage): void;
  onUp(): void;
  /** Once, last: everything of this attempt is gone. */
  onEnd(why: Failure): void;
}

export class Attempt {
  /** Whatever comes in from outside; an unexpected error in it ends the attempt. */
  readonly #scope: Scope;
  readonly #deps: LinkDeps;
  readonly #cfg: ClientConfig;
  readonly #owner: AttemptOwner;
  readonly #guard: Timer;
  readonly #undo: (() => void | Promise<void>)[] = []; // in the order of building; run backwards
  #why: Failure | null = null;
  #ended = false;
  #detaching: Promise<void> = Promise.resolve();
  #path: { local: string; mtu: number; device: string } | null = null;
  server = "";
  ike: IkeConnection | null = null;
  ikeInfo: IkeInfo | null = null;
  tunnel: Tunnel | null = null;
  peerHost = "";
  call: Call | null = null;
  ppp: PppSession | null = null;
  pppInfo: PppUp | null = null;
  net: NetInterface | null = null;
  mtu: number | null = null;
  /** Our link-local address while IPv6 passes. */
  local6: string | null = null;
  #agreed6: string | null = null;

  #eapTls: EapTlsCredentials | null = null;

  constructor(deps: LinkDeps, cfg: ClientConfig, owner: AttemptOwner) {
    this.#scope = new Scope(deps.clock, (e) => this.#fault(e));
    this.#deps = { ...deps, clock: this.#scope };
    this.#cfg = cfg;
    this.#owner = owner;
    this.#guard = this.#scope.timer(`${cfg.name} stage`, () => this.#late());
  }

  /** `nth` attempts so far: a server with several addresses gets another one each time. */
  begin(nth: number): void {
    this.#scope.run(() => this.#begin(nth));
  }
  #begin(nth: number): void {
    this.#owner.onState("dialing");
    this.#stage({ name: "server", state: "busy", text: `looking up ${this.#cfg.server.host}` });
    this.#scope.settle(
      this.#resolve(),
      (all) =>
        this.#alive(() => {
          try {
            this.#eapTls = eapCredentials(this.#cfg, this.#deps.host);
          } catch (e) {
            return this.fail(systemFailure(e));
          }
          this.#resolved(all, nth);
        }),
      (e: unknown) =>
        this.#alive(() => {
          this.fail({
            ...systemFailure(e),
            code: "name",
            text: `the server's name ${this.#cfg.server.host} does not resolve: ${(e as Error).message}`,
          });
        }),
    );
  }

  /** While everything outside is blocked the machine's own resolver may have no way out. */
  #resolve(): Promise<string[]> {
    const { host } = this.#cfg.server;
    const own = this.#deps.host.resolve(host);
    if (!guarded(this.#cfg).includes("0.0.0.0/0")) return own;
    return Promise.any([own, this.#deps.plane.net.resolveOutside(host)]).catch((e: AggregateError) => {
      const [mine, outside] = e.errors as [unknown, unknown];
      if (!(mine instanceof SystemError)) throw mine;
      if (!(outside instanceof SystemError)) throw outside;
      throw new SystemError(mine.errno, mine.what, `${mine.advice}; ${outside.message}`);
    });
  }
  /** The netdev of the route to the server. */
  get via(): string | null {
    return this.#path?.device ?? null;
  }
  /** Our own address on that route. */
  get local(): string | null {
    return this.#path?.local ?? null;
  }
  /** Takes everything down, politely; onEnd follows within CLOSE_MS. Calling it again changes nothing. */
  fail(why: Failure): void {
    this.#scope.run(() => this.#fail(why));
  }
  #fail(why: Failure): void {
    if (this.#why) return;
    this.#why = why;
    this.#guard.disarm();
    const close = this.#scope.timer(`${this.#cfg.name} close`, () => this.#end());
    close.arm(CLOSE_MS);
    this.#undo.push(() => close.disarm());
    // First no more packets into a tunnel that goes; then the layers say goodbye, uppermost first.
    this.#dropNet();
    this.#scope.settle(
      this.#detaching,
      () => this.#sayGoodbye(why),
      () => {},
    );
  }
  /** Rule 7: it fails like any other; what goes wrong on its way down ends that without courtesy. */
  #fault(e: unknown): void {
    this.#log(e);
    if (this.#why) this.#end();
    else this.#fail(internal("system", e));
  }
  #log(e: unknown): void {
    this.#deps.log.emit(faultEvent(this.#cfg.name, "an attempt of the link", e));
  }

  #sayGoodbye(why: Failure): void {
    if (this.#ended) return;
    if (this.ppp)
      this.ppp.stop(why); // its onDown goes on with the tunnel
    else this.#closeTunnel(why);
  }
  #closeTunnel(why: Failure): void {
    if (this.#ended) return;
    if (this.tunnel)
      this.tunnel.close(why); // its onDown goes on
    else this.#end();
  }
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const why = this.#why as Failure;
    const { tunnel } = this;
    const undone: Promise<void>[] = [];
    allOf(
      (e) => this.#log(e),
      () => this.#guard.disarm(),
      () => this.ppp?.lowerDown(why),
      () => tunnel?.contain(() => tunnel.drop(why)),
      () => this.ike?.close(why.text),
      ...this.#undo.reverse().map((f) => () => void undone.push(giveBack(f, (e) => this.#log(e)))),
    );
    Promise.all([...undone, this.#detaching]).then(
      () => this.#owner.onEnd(why),
      (e: unknown) => this.#log(e),
    );
  }
  #alive(f: () => void): void {
    if (!this.#why) f();
  }
  /** Something of the host's is ours until the end, which may have been. */
  #took(undo: () => void | Promise<void>): void {
    if (this.#ended) void giveBack(undo, (e) => this.#log(e));
    else this.#undo.push(undo);
  }
  #stage(s: Stage): void {
    if (s.state === "busy") this.#guard.arm(STAGE_MS);
    this.#owner.onStage(s);
  }
  #late(): void {
    this.fail(failure("timeout", `nothing happened for ${STAGE_MS / 1000} seconds`));
  }

  #resolved(all: readonly string[], nth: number): void {
    const address = all[nth % all.length];
    if (address === undefined)
      return this.fail(failure("name", `the server's name ${this.#cfg.server.host} has no address`));
    this.server = address;
    this.#stage({
      name: "server",
      state: "ok",
      text: address === this.#cfg.server.host ? address : `${this.#cfg.server.host} is ${address}`,
    });
    this.#stage({ name: "route", state: "busy", text: `looking for a route to ${address}` });
    this.#scope.settle(
      this.#deps.plane.net.pathTo(address),
      (p) => this.#alive(() => this.#routed(p)),
      (e: unknown) =>
        this.#alive(() =>
          this.fail({
            ...systemFailure(e),
            code: "no-route",
            text: `there is no route to the server ${address}: ${(e as Error).message}`,
          }),
        ),
    );
  }

  #routed(path: { local: string; mtu: number; device: string }): void {
    this.#path = path;
    this.#stage({ name: "route", state: "ok", text: `from ${path.local} by ${path.device}, MTU ${path.mtu}` });
    // Before anything can route into the link: the server itself stays outside of it.
    this.#scope.settle(
      this.#deps.plane.net.pinHostRoute(this.server),
      (undo) => {
        this.#took(undo);
        this.#alive(() => this.#secure(path.local));
      },
      (e: unknown) => this.#alive(() => this.fail(systemFailure(e))),
    );
  }

  #secure(local: string): void {
    if (!needsIpsec(this.#cfg)) {
      this.#owner.onState("l2tp");
      this.#scope.settle(
        this.#deps.plane.l2tp.openClear({ address: isIp6(local) ? "::" : "0.0.0.0", port: this.#cfg.source_port }),
        (clear) => {
          this.#took(() => clear.close());
          this.#alive(() => this.#connect(clear.remote({ address: this.server, port: this.#cfg.server.port })));
        },
        (e: unknown) => this.#alive(() => this.fail(systemFailure(e))),
      );
      return;
    }
    this.#owner.onState("ike");
    this.#stage({ name: "ike", state: "busy", text: `main mode with ${this.server}` });
    const { port, release } = this.#deps.ports.take(this.server, this.#cfg.source_port);
    this.#undo.push(release);
    const manager = this.#manager();
    if (!manager) return;
    this.ike = manager.connect(clientIke(this.#cfg, local, this.server, port), {
      onUp: (_, info) =>
        this.#alive(() => {
          this.#ikeFacts(info);
          this.#owner.onState("l2tp");
          this.#connect(this.#deps.plane.l2tp.secureRemote(info.flow, port, this.#cfg.server.port));
        }),
      onRekeyed: (_, info) => this.#alive(() => this.#ikeFacts(info)),
      onDown: (_, why) =>
        this.#scope.run(() => {
          this.ike = null;
          this.#deps.l2tp.dropFlow(this.ikeInfo?.flow ?? 0, why);
          this.#alive(() => this.fail(why));
        }),
    });
  }
  #manager(): IkeManager | null {
    try {
      return this.#deps.ike();
    } catch (e) {
      this.fail(systemFailure(e));
      return null;
    }
  }
  #ikeFacts(info: IkeInfo): void {
    this.ikeInfo = info;
    const nat = info.nat === "none" ? "no NAT" : `NAT: ${info.nat}`;
    this.#stage({ name: "ike", state: "ok", text: `${info.proposal}, peer ${info.peerId}, ${nat}` });
    this.#stage({
      name: "esp",
      state: "ok",
      text: `${info.espProposal} in ${info.encap === "udp" ? "UDP 4500" : "IP protocol 50"}`,
    });
  }

  #connect(remote: L2tpRemote): void {
    const path = this.#path as { local: string; mtu: number; device: string };
    const fits = fittingMtu(path.mtu, isIp6(this.server), this.ikeInfo, this.#cfg.sequencing);
    const mtu = Math.min(this.#cfg.mtu ?? DEFAULT_MTU, fits);
    this.mtu = mtu;
    this.#stage({ name: "l2tp", state: "busy", text: "opening the control connection" });
    this.tunnel = this.#deps.l2tp.connect(remote, tunnelConfig(this.#cfg, this.#deps.host), {
      onUp: (t, info) =>
        this.#alive(() => {
          this.peerHost = info.peerHost;
          this.#stage({ name: "l2tp", state: "busy", text: "placing the call" });
          this.call = t.placeCall(
            this.#cfg.call,
            { mru: mtu, sequencing: this.#cfg.sequencing },
            {
              onUp: (call) => this.#alive(() => this.#dialUp(call, mtu)),
              onDown: (_, why) =>
                this.#scope.run(() => {
                  this.call = null;
                  this.ppp?.lowerDown(why);
                  this.#alive(() => this.fail(why));
                }),
            },
          );
        }),
      onDown: (_, why) =>
        this.#scope.run(() => {
          this.tunnel = null;
          this.ppp?.lowerDown(why);
          if (this.#why) this.#end();
          else this.fail(why);
        }),
      onCallRequest: () => ({ refuse: "this side places the calls" }),
    });
  }

  #dialUp(call: Call, mtu: number): void {
    this.#stage({ name: "l2tp", state: "ok", text: `tunnel ${call.tunnel.id}, call ${call.id}` });
    this.#owner.onState("ppp");
    this.#stage({ name: "ppp", state: "busy", text: "negotiating" });
    this.ppp = new PppSession(this.#deps, call.channel, pppClient(this.#cfg, this.#deps.host, mtu, this.#eapTls), {
      secretOf: () => null,
      admit: () => failure("role", "a client admits nobody"),
      onPhase: (phase) =>
        this.#alive(() => {
          // The peer negotiates anew: until PPP is up again no packet may pass.
          this.#dropNet();
          if (phase === "authenticate") this.#stage({ name: "ppp", state: "busy", text: "authenticating" });
          if (phase === "network") this.#stage({ name: "ppp", state: "busy", text: "asking for an address" });
        }),
      onUp: (info) => this.#alive(() => this.#addressed(call, info, mtu)),
      onIpv6: (ids) => {
        this.#agreed6 = ids && linkLocal(ids.local);
        this.#setIpv6();
      },
      onDown: (why) =>
        this.#scope.run(() => {
          this.ppp = null;
          if (this.#why) this.#closeTunnel(this.#why);
          else this.fail(why);
        }),
    });
    this.ppp.start();
  }

  #dropNet(): void {
    const net = this.net;
    this.net = null;
    this.local6 = null;
    if (net)
      this.#detaching = giveBack(
        () => net.detach(),
        (e) => this.#log(e),
      );
  }
  #addressed(call: Call, info: PppUp, mtu: number): void {
    this.pppInfo = info;
    this.#stage({
      name: "ppp",
      state: "ok",
      text: info.auth === "none" ? "no authentication asked" : `authenticated with ${info.auth}`,
    });
    this.#stage({ name: "ip", state: "busy", text: `setting up ${deviceName(this.#cfg)}` });
    this.mtu = Math.min(mtu, info.peerMru) - info.growth;
    this.#scope.settle(
      this.#detaching.then(() =>
        this.#deps.plane.net.attachClient(call.channel, {
          ifname: deviceName(this.#cfg),
          mtu: this.mtu ?? mtu,
          local4: info.local,
          peer4: info.remote,
          routes: clientRoutes(this.#cfg, this.#deps.routesElsewhere ?? false),
          clampMss: true,
        }),
      ),
      (net) => {
        if (this.#why)
          return void giveBack(
            () => net.detach(),
            (e) => this.#log(e),
          );
        this.net = net;
        this.#guard.disarm();
        this.#stage({
          name: "ip",
          state: "ok",
          text: `${info.local} to ${info.remote} on ${net.ifname}, MTU ${this.mtu}`,
        });
        this.#owner.onUp();
        this.#setIpv6();
      },
      (e: unknown) => this.#alive(() => this.fail(systemFailure(e))),
    );
  }
  /** IPv6 comes and goes by itself; a link without it is a link. */
  #setIpv6(): void {
    const { net } = this;
    const local = this.#agreed6;
    if (net === null || this.local6 === local) return;
    this.local6 = local;
    this.#scope.settle(
      net.setIpv6(local),
      () => {
        if (this.net === net) this.#deps.log.emit({ kind: "link.ipv6", link: this.#cfg.name, local: local ?? "" });
      },
      (e: unknown) => {
        if (this.net === net) this.local6 = null;
        this.#deps.log.emit({
          kind: "daemon.warning",
          link: this.#cfg.name,
          text: `no IPv6: ${systemFailure(e).text}`,
        });
      },
    );
  }
}
