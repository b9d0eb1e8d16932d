// The rungs below PPP of a client link: the server's address, the route there, IPsec (or a socket in the clear), and a
// call in an L2TP tunnel.
import { guarded } from "../../config/cross.ts";
import type { ServerName } from "../../config/grammar.ts";
import type { ClientConfig } from "../../config/schema.ts";
import { isIp6 } from "../../core/addr.ts";
import type { Timer } from "../../core/clock.ts";
import { SystemError } from "../../core/errors.ts";
import { type Failure, failure } from "../../core/failures.ts";
import { uniform } from "../../core/rng.ts";
import type { L2tpRemote } from "../../dataplane/dataplane.ts";
import type { IkeConnectConfig, IkeConnection, IkeInfo, IkeOwner } from "../../ike/types.ts";
import type { TunnelInfo } from "../../l2tp/api.ts";
import type { Call, CallOwner } from "../../l2tp/call.ts";
import type { CallAnswer } from "../../l2tp/calls.ts";
import type { Tunnel, TunnelOwner } from "../../l2tp/tunnel.ts";
import type { EapTlsCredentials } from "../../ppp/auth/eap-tls.ts";
import { CertificateFiles } from "../certificates.ts";
import { eapCredentials } from "../credentials.ts";
import { type LinkDeps, systemFailure } from "../deps.ts";
import type { Ladder, Rung } from "../ladder.ts";
import type { Placement } from "../placing.ts";
import { clientIke, DEFAULT_MTU, fittingMtu, largestMtu, tunnelConfig } from "../settings.ts";
import type { MtuSource } from "../status.ts";

/** Milliseconds: an SCCRQ and three of its repeats (RFC 2661 §5.8). */
const ANSWER_MS = 8000;
/** So long may L2TP's first answer take after a move. */
const MOVED_MS = 5000;

/** One attempt, as each of its rungs sees it. */
export interface Client {
  readonly ladder: Ladder;
  readonly deps: LinkDeps;
  readonly cfg: ClientConfig;
  /** So many attempts came before this one. */
  readonly nth: number;
  /** The address of the last attempt; "": there was none. */
  readonly avoid: string;
  /** Where its packets move, once that is chosen. */
  readonly placement: Placement;
  readonly server: NameRung;
  readonly route: RouteRung;
  readonly peer: PeerRung;
  /** Its connection goes on from another address of ours. */
  moved(): void;
  /** The first call is gone: whether others of its bundle carry on. */
  carriesOn(why: Failure): boolean;
}
/** A rung that leads to an L2TP peer. */
interface PeerRung extends Rung {
  readonly remote: L2tpRemote | null;
  /** Of the SAs in use; null in the clear. */
  readonly info: IkeInfo | null;
  /** The way to the server has changed. True: it follows by itself. */
  follow(): boolean;
  /** What IKE was asked for; null in the clear, and before. */
  readonly asked: IkeConnectConfig | null;
}

export class NameRung implements Rung {
  readonly name = "name";
  readonly #c: Client;
  /** Of the server as it is configured; its address is "" until it is known. */
  host = "";
  address = "";
  port = 0;
  /** There are other servers, or other addresses of this one. */
  others = false;
  eapTls: EapTlsCredentials | null = null;

  constructor(client: Client) {
    this.#c = client;
  }
  up(): void {
    const { ladder } = this.#c;
    const { host, port } = this.#choose();
    this.host = host;
    this.port = port;
    ladder.state("dialing");
    ladder.stage("server", "busy", `looking up ${host}`);
    ladder.settle(
      this.#resolve(host),
      (all) => this.#resolved(host, all),
      (e) => {
        const text = `the server's name ${host} does not resolve: ${(e as Error).message}`;
        return { ...systemFailure(e), code: "name", text };
      },
    );
  }
  /** Every attempt goes to the next server. */
  #choose(): ServerName {
    const { cfg, deps, nth } = this.#c;
    const all = cfg.server;
    const at = cfg.server_order === "random" ? Math.floor(uniform(deps.crypto) * all.length) : nth % all.length;
    const [first] = all;
    if (!first) throw new RangeError(`${cfg.name}: no server`);
    return all[at] ?? first;
  }
  /** And after all of them, to the next address of a server that has several, whose order may change each time. */
  #resolved(host: string, all: readonly string[]): void {
    const { ladder, cfg, deps, nth, avoid } = this.#c;
    const read = ladder.attempt(() => {
      this.eapTls = eapCredentials(cfg, deps.host);
    });
    const at = Math.floor(nth / cfg.server.length);
    const address = all[(at + (all[at % all.length] === avoid ? 1 : 0)) % all.length];
    if (!read) return;
    if (address === undefined) return ladder.fail(failure("name", `the server's name ${host} has no address`));
    this.address = address;
    this.others = cfg.server.length > 1 || all.length > 1;
    ladder.stage("server", "ok", address === host ? address : `${host} is ${address}`);
    ladder.isUp(this);
  }
  /** While everything outside is blocked the machine's own resolver may have no way out. */
  #resolve(host: string): Promise<string[]> {
    const { cfg, deps } = this.#c;
    const own = deps.host.resolve(host);
    if (!guarded(cfg).includes("0.0.0.0/0")) return own;
    return Promise.any([own, deps.plane.net.resolveOutside(host)]).catch((e: AggregateError) => {
      const [mine, outside] = e.errors as [unknown, unknown];
      if (!(mine instanceof SystemError)) throw mine;
      if (!(outside instanceof SystemError)) throw outside;
      throw new SystemError(mine.errno, mine.what, `${mine.advice}; ${outside.message}`);
    });
  }
}

export class RouteRung implements Rung {
  readonly name = "route";
  readonly #c: Client;
  /** Our address on the way to the server, its MTU and netdev. */
  path: { readonly local: string; readonly mtu: number; readonly device: string } | null = null;

  constructor(client: Client) {
    this.#c = client;
  }
  #is(path: NonNullable<RouteRung["path"]>): void {
    this.path = path;
    this.#c.ladder.stage("route", "ok", `from ${path.local} by ${path.device}, MTU ${path.mtu}`);
  }
  /** What is above it has moved: it is where the way leads now. */
  look(): void {
    const { ladder, deps, server } = this.#c;
    ladder.scope.settle(
      deps.plane.net.pathTo(server.address),
      (path) => {
        if (ladder.alive) this.#is(path);
      },
      (e) => {
        if (!(e instanceof SystemError)) throw e;
      },
    );
  }
  up(): void {
    const { ladder } = this.#c;
    const { net } = this.#c.deps.plane;
    const { address } = this.#c.server;
    ladder.stage("route", "busy", `looking for a route to ${address}`);
    ladder.settle(
      net.pathTo(address),
      (path) => {
        this.#is(path);
        // Before anything can route into the link: the server itself stays outside of it.
        const pinned = net.pinHostRoute(address);
        ladder.take(
          pinned,
          (unpin) => unpin(),
          () => ladder.isUp(this),
        );
      },
      (e) => {
        const text = `there is no route to the server ${address}: ${(e as Error).message}`;
        return { ...systemFailure(e), code: "no-route", text };
      },
    );
  }
}

export class IkeRung implements PeerRung, IkeOwner {
  readonly name = "ike";
  readonly #c: Client;
  #connection: IkeConnection | null = null;
  #port = 0;
  remote: L2tpRemote | null = null;
  info: IkeInfo | null = null;
  asked: IkeConnectConfig | null = null;

  constructor(client: Client) {
    this.#c = client;
  }
  up(): void {
    const { ladder, deps, cfg } = this.#c;
    const { address } = this.#c.server;
    ladder.state("ike");
    ladder.stage("ike", "busy", `IKE with ${address}`);
    const { port, release } = deps.ports.take(address, cfg.source_port);
    ladder.took(release);
    this.#port = port;
    const certificates = CertificateFiles.open(cfg, deps);
    if (certificates && "code" in certificates) return ladder.fail(certificates);
    ladder.took(() => certificates?.close());
    const text = certificates?.warning ?? null;
    if (text !== null) deps.log.emit({ kind: "daemon.warning", link: cfg.name, text });
    const local = this.#c.route.path?.local ?? "";
    ladder.attempt(() => {
      const { placement, server } = this.#c;
      const own = { local, localPort: port, placement, certificates, hurried: server.others };
      this.asked = clientIke(cfg, this.#c.server, own);
      this.#connection = deps.ike().connect(this.asked, this);
    });
  }
  onUp(_: IkeConnection, info: IkeInfo): void {
    const { ladder, deps } = this.#c;
    if (!ladder.alive) return;
    this.#told(info);
    this.remote = deps.plane.l2tp.secureRemote(info.flow, this.#port, this.#c.server.port);
    ladder.isUp(this);
  }
  follow(): boolean {
    return this.#connection?.follow?.() ?? false;
  }
  onRekeyed(_: IkeConnection, info: IkeInfo): void {
    if (!this.#c.ladder.alive) return;
    const moved = this.info?.local.address !== info.local.address;
    this.#told(info);
    if (moved) this.#c.moved();
  }
  #told(info: IkeInfo): void {
    this.info = info;
    const nat = info.nat === "none" ? "no NAT" : `NAT: ${info.nat}`;
    const how = info.encap === "udp" ? "UDP 4500" : "IP protocol 50";
    this.#c.ladder.stage("ike", "ok", `${info.proposal}, peer ${info.peerId}, ${nat}`);
    this.#c.ladder.stage("esp", "ok", `${info.espProposal} in ${how}`);
  }
  onDown(_: IkeConnection, why: Failure): void {
    const { ladder, deps } = this.#c;
    this.#connection = null;
    ladder.scope.run(() => deps.l2tp.dropFlow(this.info?.flow ?? 0, why));
    ladder.lost(this, why);
  }
  drop(why: Failure): void {
    this.#connection?.close(why.text);
    this.#connection = null;
  }
}

/** With ipsec = off. */
export class ClearRung implements PeerRung {
  readonly name = "clear";
  readonly #c: Client;
  readonly info = null;
  readonly asked = null;
  remote: L2tpRemote | null = null;

  constructor(client: Client) {
    this.#c = client;
  }
  follow(): boolean {
    return false;
  }
  up(): void {
    const { ladder, deps, cfg } = this.#c;
    const { address } = this.#c.server;
    const local = { address: isIp6(address) ? "::" : "0.0.0.0", port: cfg.source_port };
    ladder.take(
      deps.plane.l2tp.openClear(local, this.#c.placement.at),
      (clear) => clear.close(),
      (clear) => {
        this.remote = clear.remote({ address, port: this.#c.server.port });
        ladder.isUp(this);
      },
    );
  }
}

export class L2tpRung implements Rung, TunnelOwner {
  readonly name = "l2tp";
  readonly #c: Client;
  tunnel: Tunnel | null = null;
  call: Call | null = null;
  peerHost = "";
  /** Runs until the tunnel is up, in the kernel; and after a move. */
  #silence: Timer | null = null;
  /** The largest IP packet that a call carries, and why no larger one. */
  mtu = DEFAULT_MTU;
  mtuSource: MtuSource = "default";

  constructor(client: Client) {
    this.#c = client;
  }
  up(): void {
    const { ladder, deps, cfg, server, route, peer } = this.#c;
    if (!peer.remote || !route.path) throw new RangeError("L2TP without a peer");
    const fits = fittingMtu(route.path.mtu, isIp6(server.address), peer.info, cfg.sequencing);
    this.mtu = Math.min(cfg.mtu ?? largestMtu(cfg), fits);
    this.mtuSource = cfg.mtu === null ? "default" : "option";
    if (this.mtu === fits) this.mtuSource = "path";
    ladder.state("l2tp");
    ladder.stage("l2tp", "busy", "opening the control connection");
    if (this.#c.placement.at === "kernel") this.#await(server.address);
    this.tunnel = deps.l2tp.connect(peer.remote, tunnelConfig(cfg, deps.host), this);
  }
  /** Crypto hardware may lose packets in silence: without an answer the kernel gets no second chance. */
  #await(address: string): void {
    const text = `no answer of ${address} came through the kernel in ${ANSWER_MS / 1000} s`;
    this.#within(ANSWER_MS, failure("plane-silent", text));
  }
  #within(ms: number, why: Failure): void {
    const { ladder } = this.#c;
    this.#silence?.disarm();
    this.#silence = ladder.scope.timer("l2tp answer", () => {
      if (this.tunnel?.idle === false) ladder.lost(this, why);
    });
    this.#silence.arm(ms);
  }
  /** Our address has changed under it (MOBIKE): a server whose L2TP knows only the old one would never answer. */
  probe(): void {
    if (!this.tunnel || this.peerHost === "") return;
    if (this.tunnel.idle) this.tunnel.sendMessage("HELLO", 0, {});
    this.#within(
      MOVED_MS,
      failure("moved", "IKE has moved to our new address, and the server's L2TP does not answer there"),
    );
  }
  onUp(tunnel: Tunnel, info: TunnelInfo): void {
    const { ladder } = this.#c;
    this.#silence?.disarm();
    if (!ladder.alive) return;
    this.peerHost = info.peerHost;
    ladder.stage("l2tp", "busy", "placing the call");
    const owner: CallOwner = {
      onUp: (call) => {
        ladder.stage("l2tp", "ok", `tunnel ${tunnel.id}, call ${call.id}`);
        ladder.isUp(this);
      },
      onDown: (_, why) => {
        this.call = null;
        if (!this.#c.carriesOn(why)) ladder.lost(this, why);
      },
    };
    this.call = this.placeCall(owner);
  }
  /** Null: the tunnel is gone. */
  placeCall(owner: CallOwner): Call | null {
    const { call, sequencing } = this.#c.cfg;
    return this.peerHost === "" ? null : (this.tunnel?.placeCall(call, { mru: this.mtu, sequencing }, owner) ?? null);
  }
  onDown(_: Tunnel, why: Failure): void {
    this.tunnel = null;
    this.#c.ladder.lost(this, this.peerHost === "" ? this.#explained(why) : why);
    this.#c.ladder.isDown(this);
  }
  /** Silence behind IPsec has other causes than silence of IKE, and raw ESP one more. */
  #explained(why: Failure): Failure {
    const { info } = this.#c.peer;
    if (why.code !== "peer-silent" || info === null) return why;
    const causes =
      info.encap === "esp"
        ? "IKE works, so a firewall or a provider may block ESP (IP protocol 50): encap = udp goes around that"
        : "IPsec works, so L2TP is not running there, or the firewall there drops UDP 1701 from IPsec";
    return { ...why, text: `${why.text}: ${causes}` };
  }
  onCallRequest(): CallAnswer {
    return { refuse: "this side places the calls" };
  }
  down(why: Failure): void {
    if (this.tunnel) this.tunnel.close(why);
    else this.#c.ladder.isDown(this);
  }
  drop(why: Failure): void {
    const { tunnel } = this;
    this.#silence?.disarm();
    tunnel?.contain(() => tunnel.drop(why));
  }
}
