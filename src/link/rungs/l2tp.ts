// A tunnel to the server, and one call in it.
import type { ClientConfig } from "../../config/schema.ts";
import { isIp6 } from "../../core/addr.ts";
import type { Failure } from "../../core/failures.ts";
import type { TunnelInfo } from "../../l2tp/api.ts";
import type { Call, CallOwner } from "../../l2tp/call.ts";
import type { CallAnswer } from "../../l2tp/calls.ts";
import type { Tunnel, TunnelOwner } from "../../l2tp/tunnel.ts";
import type { LinkDeps } from "../deps.ts";
import type { Ladder, Rung } from "../ladder.ts";
import { DEFAULT_MTU, fittingMtu, tunnelConfig } from "../settings.ts";
import type { PeerRung, Way } from "./ike.ts";

export class L2tpRung implements Rung, TunnelOwner {
  readonly name = "l2tp";
  readonly #ladder: Ladder;
  readonly #deps: LinkDeps;
  readonly #cfg: ClientConfig;
  readonly #below: Way & { readonly peer: PeerRung };
  tunnel: Tunnel | null = null;
  call: Call | null = null;
  peerHost = "";
  /** The largest IP packet that a call carries. */
  mtu = DEFAULT_MTU;

  constructor(ladder: Ladder, deps: LinkDeps, cfg: ClientConfig, below: Way & { readonly peer: PeerRung }) {
    this.#ladder = ladder;
    this.#deps = deps;
    this.#cfg = cfg;
    this.#below = below;
  }
  up(): void {
    const { server, route, peer } = this.#below;
    if (!peer.remote || !route.path) throw new RangeError("L2TP asked for before the way to the peer is known");
    const fits = fittingMtu(route.path.mtu, isIp6(server.address), peer.info, this.#cfg.sequencing);
    this.mtu = Math.min(this.#cfg.mtu ?? DEFAULT_MTU, fits);
    this.#ladder.state("l2tp");
    this.#ladder.stage("l2tp", "busy", "opening the control connection");
    this.tunnel = this.#deps.l2tp.connect(peer.remote, tunnelConfig(this.#cfg, this.#deps.host), this);
  }
  onUp(tunnel: Tunnel, info: TunnelInfo): void {
    if (!this.#ladder.alive) return;
    this.peerHost = info.peerHost;
    this.#ladder.stage("l2tp", "busy", "placing the call");
    const owner: CallOwner = {
      onUp: (call) => {
        this.#ladder.stage("l2tp", "ok", `tunnel ${tunnel.id}, call ${call.id}`);
        this.#ladder.isUp(this);
      },
      onDown: (_, why) => {
        this.call = null;
        this.#ladder.lost(this, why);
      },
    };
    this.call = tunnel.placeCall(this.#cfg.call, { mru: this.mtu, sequencing: this.#cfg.sequencing }, owner);
  }
  onDown(_: Tunnel, why: Failure): void {
    this.tunnel = null;
    this.#ladder.lost(this, why);
    this.#ladder.isDown(this);
  }
  onCallRequest(): CallAnswer {
    return { refuse: "this side places the calls" };
  }
  down(why: Failure): void {
    if (this.tunnel) this.tunnel.close(why);
    else this.#ladder.isDown(this);
  }
  drop(why: Failure): void {
    const { tunnel } = this;
    tunnel?.contain(() => tunnel.drop(why));
  }
}
