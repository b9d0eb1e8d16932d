// The access method of proto = l2tpsec: name, route, IKE and ESP (or in the clear), L2TP, PPP, netdev.

import { deviceName, guarded, needsIpsec } from "../config/cross.ts";
import type { ClientConfig, InterfaceConfig, ServerConfig } from "../config/schema.ts";
import type { Failure, FailureCode } from "../core/failures.ts";
import type { ClientInterface, L2tpRemote, NetPlane, WayNow } from "../dataplane/dataplane.ts";
import type { Findings } from "../ike/survey.ts";
import type { Call } from "../l2tp/call.ts";
import type { FrameChannel } from "../ports/ports.ts";
import type { PppConfig, PppUp } from "../ppp/api.ts";
import { ENDPOINT } from "../ppp/wants.ts";
import type { Access, Climb } from "./access.ts";
import type { Backoff } from "./backoff.ts";
import type { LinkDeps } from "./deps.ts";
import { gone, type Ladder, type Rung } from "./ladder.ts";
import { MoreLinks } from "./more-links.ts";
import { Passwords } from "./passwords.ts";
import { type Placement, place } from "./placing.ts";
import { BridgeRung, type BridgeUser, portName } from "./rungs/bridge.ts";
import { NetdevRung, type NetdevUser } from "./rungs/netdev.ts";
import { PlaneRung } from "./rungs/plane.ts";
import { PppRung, type PppUser } from "./rungs/ppp.ts";
import { ClearRung, type Client, IkeRung, L2tpRung, NameRung, RouteRung } from "./rungs/tunnel.ts";
import { netdevOf, pppCaller } from "./settings.ts";
import { type ClientStatus, type LinkStatus, type MtuSource, spiText } from "./status.ts";

export class ClientAccess implements Access<ClientClimb> {
  readonly cfg: ClientConfig;
  readonly #deps: LinkDeps;
  readonly #all: () => readonly (InterfaceConfig | ServerConfig)[];
  readonly ifname: string;
  readonly hold = [];
  readonly idleSeconds = 0;
  readonly guarded: readonly string[];
  readonly wayOut = false;
  readonly first = "server";
  readonly over = "";
  readonly #passwords: Passwords;
  #attempts = 0;
  #last: ClientClimb | null = null;
  /** Why the kernel was given up, "": it was not. */
  #fallback = "";
  /** The last attempt came up. */
  #worked = false;
  /** The address of the last attempt, which another one goes before. */
  #avoid = "";
  /** Of the last attempt. */
  #placed: Placement | null = null;

  /** `all`: every section, this one among them. */
  constructor(deps: LinkDeps, cfg: ClientConfig, all: () => readonly (InterfaceConfig | ServerConfig)[]) {
    this.#deps = deps;
    this.#all = all;
    this.cfg = cfg;
    this.#passwords = new Passwords(cfg);
    this.ifname = deviceName(cfg);
    this.guarded = guarded(cfg);
  }
  climb(ladder: Ladder): ClientClimb {
    const climb = new ClientClimb(ladder, this.#deps, this.cfg, {
      passwords: this.#passwords,
      nth: this.#attempts++,
      avoid: this.#avoid,
      choose: () => this.#place(),
    });
    this.#last = climb;
    this.#worked = false;
    return climb;
  }
  /** Of several servers the first one is the first again, unless it falls silent. */
  succeeded(): void {
    this.#worked = true;
    if (this.cfg.server.length > 1) this.#attempts = 0;
  }
  way(): WayNow | null {
    const { path = null, server } = this.#last ?? {};
    const now = path && server ? this.#deps.plane.net.way(server.address, path) : null;
    return now === "moved" && this.#last?.follow() ? "stands" : now;
  }
  survey(done: (f: Findings) => void): (() => void) | null {
    const asked = this.#last?.peer.asked ?? null;
    return asked && asked.versions !== "v2" ? this.#deps.ike().survey(asked, done) : null;
  }
  #place(): Placement | Failure {
    const { kernel, faster } = this.#deps;
    const choice = place(this.cfg, { all: this.#all(), kernel, faster, fallback: this.#fallback });
    this.#placed = "at" in choice ? choice : null;
    return choice;
  }
  pause(why: Failure, backoff: Backoff): number {
    this.#passwords.failed(why);
    const { at, why: userspaceFor } = this.#placed ?? { at: "userspace", why: "" };
    // lower-down: the kernel refused the call; of one that stood, somebody took its netdev or its tunnel
    const blame = blamed(why) || (why.code === "lower-down" && !this.#worked);
    if (at === "kernel") this.#fallback = blame ? why.text : "";
    // With userspace it is no better: it was not the kernel.
    else if (userspaceFor !== "" && SILENT.includes(why.code)) this.#fallback = "";
    this.#avoid = why.code === "moved" ? "" : (this.#last?.server.address ?? "");
    if (this.#worked && gone(why)) this.#attempts = (this.#last?.nth ?? 0) + 1;
    return why.code === "moved" ? 0 : backoff.pause(why.lasting === true);
  }
  status(link: LinkStatus, c: ClientClimb | null): ClientStatus {
    const ike = c?.peer.info ?? null;
    return {
      kind: "client",
      ...link,
      server: c?.server.address || this.cfg.server.map((s) => s.host).join(" "),
      via: c?.path?.device ?? null,
      wins: link.state === "up" ? (c?.ppp.info?.wins ?? []) : [],
      dataplane: this.#deps.kernel && this.#placed ? this.#placed.at : this.#deps.plane.kind,
      dataplane_why: this.#placed?.why ?? "",
      ipsec: needsIpsec(this.cfg) ? "required" : "off",
      ike: ike && { version: ike.version, proposal: ike.proposal, nat: ike.nat, peer_id: ike.peerId },
      esp: ike && {
        proposal: ike.espProposal,
        encap: ike.encap,
        spi_in: spiText(ike.spiIn),
        spi_out: spiText(ike.spiOut),
      },
      l2tp: c?.l2tpStatus() ?? null,
      bridge: c?.bridged.joined ?? null,
      drops: this.#deps.plane.drops(),
    };
  }
}

/** What may be the kernel's fault, and goes well in userspace. */
function blamed(why: Failure): boolean {
  if (why.code === "plane-silent" || why.code === "no-proposal") return true;
  return why.layer === "system" && !OUTSIDE.includes(why.code);
}
const OUTSIDE: readonly FailureCode[] = ["name", "no-route", "line-down", "moved", "netdev", "timeout"];
const SILENT: readonly FailureCode[] = ["no-reply", "peer-silent", "no-proposal"];

interface Attempt {
  readonly passwords: Passwords;
  readonly nth: number;
  readonly avoid: string;
  choose(): Placement | Failure;
}
class ClientClimb implements Climb, Client, PppUser, NetdevUser, BridgeUser {
  readonly ladder: Ladder;
  readonly deps: LinkDeps;
  readonly cfg: ClientConfig;
  readonly passwords: Passwords;
  readonly nth: number;
  readonly avoid: string;
  readonly ifname: string;
  readonly plane: PlaneRung;
  readonly server = new NameRung(this);
  readonly route = new RouteRung(this);
  readonly peer: IkeRung | ClearRung;
  readonly #l2tp = new L2tpRung(this);
  readonly #more: MoreLinks;
  /** What all calls have in common (RFC 1990 §5.1.3), and those of no other attempt. */
  #endpoint: Uint8Array | null = null;
  readonly ppp: PppRung;
  readonly bridged: BridgeRung;
  readonly netdev: NetdevRung;
  readonly rungs: readonly Rung[];

  constructor(ladder: Ladder, deps: LinkDeps, cfg: ClientConfig, { passwords, nth, avoid, choose }: Attempt) {
    this.ladder = ladder;
    this.deps = deps;
    this.cfg = cfg;
    this.passwords = passwords;
    this.nth = nth;
    this.avoid = avoid;
    this.ifname = deviceName(cfg);
    this.plane = new PlaneRung(ladder, choose, deps.kernel !== null);
    this.peer = needsIpsec(cfg) ? new IkeRung(this) : new ClearRung(this);
    this.ppp = new PppRung(ladder, deps, this);
    this.bridged = new BridgeRung(ladder, this.ppp, this);
    this.netdev = new NetdevRung(ladder, this.ppp, this);
    const links: MoreLinks = new MoreLinks({
      ladder,
      deps,
      links: cfg.links,
      pppConfig: () => this.pppConfig(),
      placeCall: (owner) => this.#l2tp.placeCall(owner),
      joinable: () => this.ppp.joinable,
      watched: (channel, runs) => this.watched(channel, runs),
      first: () => this.#l2tp.call !== null,
    });
    this.#more = links;
    if (cfg.links > 1) ladder.took(() => links.stop());
    this.rungs = [this.plane, this.server, this.route, this.peer, this.#l2tp, this.ppp, this.bridged, this.netdev];
  }
  /** The way to the server has changed. True: what is up follows by itself. */
  follow(): boolean {
    return this.ladder.alive && this.peer.follow();
  }
  moved(): void {
    this.route.look();
    this.#l2tp.probe();
  }
  get placement(): Placement {
    if (!this.plane.placement) throw new RangeError("a peer without a data plane");
    return this.plane.placement;
  }
  get path(): RouteRung["path"] {
    return this.route.path;
  }
  get mtu(): number {
    return this.#l2tp.mtu;
  }
  get mtuSource(): MtuSource {
    return this.#l2tp.mtuSource;
  }
  get probes(): boolean {
    return this.cfg.mtu_probe;
  }
  get channel(): FrameChannel {
    return this.#call.channel;
  }
  /** The call that network packets go by. */
  get #call(): Call {
    const by = this.ppp.joinable?.channel;
    const calls = [this.#l2tp.call, ...this.#more.calls].filter((c) => c !== null);
    const call = calls.find((c) => c.channel === by) ?? this.#l2tp.call;
    if (!call) throw new RangeError("PPP without a call");
    return call;
  }
  /** The first call is gone. */
  carriesOn(why: Failure): boolean {
    if (!this.ppp.carriesOn(why)) return false;
    this.#more.later();
    return true;
  }
  onLinkDown(why: Failure): void {
    const { call } = this.#l2tp;
    call?.contain(() => call.close(why));
  }
  rebind(net: ClientInterface): Promise<void> | undefined {
    return net.rebind?.(this.#call.channel);
  }
  watched(channel: FrameChannel, runs: boolean): void {
    this.deps.captures.channel(this.cfg.name, channel, runs);
  }
  get remote(): L2tpRemote | null {
    return this.peer.remote;
  }
  pppConfig(): PppConfig {
    const { passwords } = this;
    const config = pppCaller(this.cfg, this.deps.host, this.mtu, { passwords, eapTls: this.server.eapTls });
    if (this.cfg.links === 1) return config;
    this.#endpoint ??= this.deps.crypto.random(ENDPOINT);
    return { ...config, endpoint: this.#endpoint };
  }
  get net(): NetPlane {
    return this.deps.plane.net;
  }
  bridge(): ReturnType<BridgeUser["bridge"]> {
    const { bridge } = this.cfg;
    return bridge === null ? null : { name: bridge, port: portName(this.ifname) };
  }
  attach(info: PppUp, mtu: number): Promise<ClientInterface> {
    if (info.mrru !== null) this.#more.fill();
    const to = { mtu, local4: info.local, peer4: info.remote };
    const cfg = netdevOf(this.cfg, to, this.deps.routesElsewhere ?? false);
    return this.deps.plane.net.attachClient(this.#call.channel, cfg);
  }
  l2tpStatus(): ClientStatus["l2tp"] {
    const { tunnel, call, peerHost } = this.#l2tp;
    return (
      tunnel && {
        tunnel: tunnel.id,
        peer_tunnel: tunnel.peerId,
        call: call?.id ?? 0,
        peer_call: call?.peerId ?? 0,
        peer_host: peerHost,
        line_errors: call?.lineErrors ?? "",
        ...(this.#more.size > 0 && { links: this.#more.size + (call ? 1 : 0) }),
      }
    );
  }
}
