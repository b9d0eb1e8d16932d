// The access method of proto = l2tpsec: name, route, IKE and ESP (or in the clear), L2TP, PPP, netdev.

import { deviceName, guarded, needsIpsec } from "../config/cross.ts";
import type { ClientConfig } from "../config/schema.ts";
import { linkLocal } from "../core/addr.ts";
import { type Failure, failure } from "../core/failures.ts";
import type { Counters, NetInterface } from "../dataplane/dataplane.ts";
import type { FrameChannel } from "../ports/ports.ts";
import type { PppConfig, PppUp } from "../ppp/api.ts";
import type { Ipv6Ids } from "../ppp/ipv6cp.ts";
import type { Access, Climb, Pauses } from "./access.ts";
import { Backoff, LASTING_FIRST } from "./backoff.ts";
import type { LinkDeps } from "./deps.ts";
import type { Ladder, Rung } from "./ladder.ts";
import { ClearRung, IkeRung, type PeerRung } from "./rungs/ike.ts";
import { L2tpRung } from "./rungs/l2tp.ts";
import { NetdevRung, type NetdevUser } from "./rungs/netdev.ts";
import { PppRung, type PppUser } from "./rungs/ppp.ts";
import { NameRung, RouteRung } from "./rungs/route.ts";
import { netdevOf, pppCaller } from "./settings.ts";
import { type ClientStatus, type LinkStatus, spiText } from "./status.ts";

const STABLE_MS = 60_000; // a link that was up this long starts its back-off anew

export class ClientAccess implements Access<ClientClimb> {
  readonly cfg: ClientConfig;
  readonly #deps: LinkDeps;
  readonly ifname: string;
  readonly pauses: Pauses;
  readonly hold = [];
  readonly idleSeconds = 0;
  readonly guarded: readonly string[];
  readonly wayOut = false;
  readonly hurried = true;
  readonly first = "server";
  #attempts = 0;

  constructor(deps: LinkDeps, cfg: ClientConfig) {
    this.#deps = deps;
    this.cfg = cfg;
    this.ifname = deviceName(cfg);
    this.guarded = guarded(cfg);
    this.pauses = new ClientPauses(deps, cfg);
  }
  standby(): null {
    return null;
  }
  climb(ladder: Ladder): ClientClimb {
    return new ClientClimb(ladder, this.#deps, this.cfg, this.#attempts++);
  }
  status(link: LinkStatus, c: ClientClimb | null): ClientStatus {
    const ike = c?.peer.info ?? null;
    const tunnel = c?.l2tp.tunnel;
    return {
      kind: "client",
      ...link,
      server: c?.server.address || this.cfg.server.host,
      via: c?.via ?? null,
      wins: link.state === "up" ? (c?.ppp.info?.wins ?? []) : [],
      dataplane: this.#deps.plane.kind,
      ipsec: needsIpsec(this.cfg) ? "required" : "off",
      ike: ike && { version: 1, proposal: ike.proposal, nat: ike.nat, peer_id: ike.peerId },
      esp: ike && {
        proposal: ike.espProposal,
        encap: ike.encap,
        spi_in: spiText(ike.spiIn),
        spi_out: spiText(ike.spiOut),
      },
      l2tp:
        c && tunnel
          ? {
              tunnel: tunnel.id,
              peer_tunnel: tunnel.peerId,
              call: c.l2tp.call?.id ?? 0,
              peer_call: c.l2tp.call?.peerId ?? 0,
              peer_host: c.l2tp.peerHost,
            }
          : null,
      drops: this.#deps.plane.drops(),
    };
  }
}

class ClientClimb implements Climb, PppUser, NetdevUser {
  readonly #deps: LinkDeps;
  readonly #cfg: ClientConfig;
  readonly server: NameRung;
  readonly route: RouteRung;
  readonly peer: PeerRung;
  readonly l2tp: L2tpRung;
  readonly ppp: PppRung;
  readonly netdev: NetdevRung;
  readonly rungs: readonly Rung[];
  readonly callers = null;
  readonly place = "";
  readonly ifname: string;

  constructor(ladder: Ladder, deps: LinkDeps, cfg: ClientConfig, nth: number) {
    this.#deps = deps;
    this.#cfg = cfg;
    this.ifname = deviceName(cfg);
    this.server = new NameRung(ladder, deps, cfg, nth);
    this.route = new RouteRung(ladder, deps, this.server);
    this.peer = needsIpsec(cfg)
      ? new IkeRung(ladder, deps, cfg, { server: this.server, route: this.route })
      : new ClearRung(ladder, deps, cfg, this.server);
    this.l2tp = new L2tpRung(ladder, deps, cfg, this);
    this.ppp = new PppRung(ladder, deps, this);
    this.netdev = new NetdevRung(ladder, this);
    this.rungs = [this.server, this.route, this.peer, this.l2tp, this.ppp, this.netdev];
  }
  get via(): string | null {
    return this.route.path?.device ?? null;
  }
  get local(): string | null {
    return this.route.path?.local ?? null;
  }
  get mtu(): number {
    const { info } = this.ppp;
    return info ? Math.min(this.l2tp.mtu, info.peerMru) - info.growth : this.l2tp.mtu;
  }
  counters(): Counters | null {
    return this.netdev.net?.counters() ?? null;
  }

  get channel(): FrameChannel {
    return this.#call.channel;
  }
  get #call(): NonNullable<L2tpRung["call"]> {
    if (!this.l2tp.call) throw new RangeError("PPP without a call");
    return this.l2tp.call;
  }
  pppConfig(): PppConfig {
    return pppCaller(this.#cfg, this.#deps.host, this.l2tp.mtu, this.server.eapTls);
  }
  assign(): Failure {
    return failure("role", "a client admits nobody");
  }
  onIpv6(): void {
    this.netdev.setIpv6();
  }

  attach(info: PppUp): Promise<NetInterface> {
    const to = { mtu: this.mtu, local4: info.local, peer4: info.remote };
    const cfg = netdevOf(this.#cfg, to, this.#deps.routesElsewhere ?? false);
    return this.#deps.plane.net.attachClient(this.#call.channel, cfg);
  }
  ip6Of(ids: Ipv6Ids): string {
    return linkLocal(ids.local);
  }
  onIpv6Set(ip6: string | null): void {
    this.#deps.log.emit({ kind: "link.ipv6", link: this.#cfg.name, local: ip6 ?? "" });
  }
  noIpv6(why: Failure): void {
    this.#deps.log.emit({ kind: "daemon.warning", link: this.#cfg.name, text: `no IPv6: ${why.text}` });
  }
}

class ClientPauses implements Pauses {
  readonly #backoff: Backoff;
  #upAt: number | null = null;
  readonly over = "";

  constructor(deps: Pick<LinkDeps, "crypto">, cfg: ClientConfig) {
    this.#backoff = new Backoff(deps.crypto, cfg.reconnect_min, cfg.reconnect_max);
  }
  begin(): void {
    this.#backoff.reset();
  }
  ask(): void {
    this.#backoff.reset();
  }
  up(now: number): void {
    this.#upAt ??= now;
  }
  after(why: Failure, now: number): number {
    if (this.#upAt !== null && now - this.#upAt >= STABLE_MS) this.#backoff.reset();
    this.#upAt = null;
    return this.#backoff.pause(why.lasting === true);
  }
  outside(): number {
    return this.#backoff.pause(false);
  }
  hurry(why: Failure | null, since: number): number {
    this.#backoff.anew();
    return why?.lasting === true ? Math.max(0, LASTING_FIRST * 1000 - since) : 0;
  }
}
