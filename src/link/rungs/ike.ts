// What carries L2TP to the server: an IPsec flow that IKE sets up, or with ipsec = off a socket in the clear.
import type { ClientConfig } from "../../config/schema.ts";
import { isIp6 } from "../../core/addr.ts";
import type { Failure } from "../../core/failures.ts";
import type { L2tpRemote } from "../../dataplane/dataplane.ts";
import type { IkeConnection, IkeInfo, IkeOwner } from "../../ike/types.ts";
import type { LinkDeps } from "../deps.ts";
import type { Ladder, Rung } from "../ladder.ts";
import { clientIke } from "../settings.ts";
import type { NameRung, RouteRung } from "./route.ts";

export interface Way {
  readonly server: NameRung;
  readonly route: RouteRung;
}
/** A rung that leads to an L2TP peer. */
export interface PeerRung extends Rung {
  readonly remote: L2tpRemote | null;
  /** Of the SAs in use; null in the clear. */
  readonly info: IkeInfo | null;
}

export class IkeRung implements PeerRung, IkeOwner {
  readonly name = "ike";
  readonly #ladder: Ladder;
  readonly #deps: LinkDeps;
  readonly #cfg: ClientConfig;
  readonly #way: Way;
  #connection: IkeConnection | null = null;
  #port = 0;
  remote: L2tpRemote | null = null;
  info: IkeInfo | null = null;

  constructor(ladder: Ladder, deps: LinkDeps, cfg: ClientConfig, way: Way) {
    this.#ladder = ladder;
    this.#deps = deps;
    this.#cfg = cfg;
    this.#way = way;
  }
  up(): void {
    const { address } = this.#way.server;
    this.#ladder.state("ike");
    this.#ladder.stage("ike", "busy", `main mode with ${address}`);
    const { port, release } = this.#deps.ports.take(address, this.#cfg.source_port);
    this.#ladder.took(release);
    this.#port = port;
    const local = this.#way.route.path?.local ?? "";
    this.#ladder.attempt(() => {
      this.#connection = this.#deps.ike().connect(clientIke(this.#cfg, local, address, port), this);
    });
  }
  onUp(_: IkeConnection, info: IkeInfo): void {
    if (!this.#ladder.alive) return;
    this.#told(info);
    this.remote = this.#deps.plane.l2tp.secureRemote(info.flow, this.#port, this.#cfg.server.port);
    this.#ladder.isUp(this);
  }
  onRekeyed(_: IkeConnection, info: IkeInfo): void {
    if (this.#ladder.alive) this.#told(info);
  }
  #told(info: IkeInfo): void {
    this.info = info;
    const nat = info.nat === "none" ? "no NAT" : `NAT: ${info.nat}`;
    const how = info.encap === "udp" ? "UDP 4500" : "IP protocol 50";
    this.#ladder.stage("ike", "ok", `${info.proposal}, peer ${info.peerId}, ${nat}`);
    this.#ladder.stage("esp", "ok", `${info.espProposal} in ${how}`);
  }
  onDown(_: IkeConnection, why: Failure): void {
    this.#connection = null;
    this.#ladder.scope.run(() => this.#deps.l2tp.dropFlow(this.info?.flow ?? 0, why));
    this.#ladder.lost(this, why);
  }
  down(_why: Failure): void {
    this.#ladder.isDown(this);
  }
  drop(why: Failure): void {
    this.#connection?.close(why.text);
    this.#connection = null;
  }
}

export class ClearRung implements PeerRung {
  readonly name = "clear";
  readonly #ladder: Ladder;
  readonly #deps: LinkDeps;
  readonly #cfg: ClientConfig;
  readonly #server: NameRung;
  readonly info = null;
  remote: L2tpRemote | null = null;

  constructor(ladder: Ladder, deps: LinkDeps, cfg: ClientConfig, server: NameRung) {
    this.#ladder = ladder;
    this.#deps = deps;
    this.#cfg = cfg;
    this.#server = server;
  }
  up(): void {
    const { address } = this.#server;
    const local = { address: isIp6(address) ? "::" : "0.0.0.0", port: this.#cfg.source_port };
    this.#ladder.take(
      this.#deps.plane.l2tp.openClear(local),
      (clear) => clear.close(),
      (clear) => {
        this.remote = clear.remote({ address, port: this.#cfg.server.port });
        this.#ladder.isUp(this);
      },
    );
  }
  down(_why: Failure): void {
    this.#ladder.isDown(this);
  }
  drop(_why: Failure): void {}
}
