// Two L2TP endpoints over an in-memory plane on one virtual clock.

import type { Failure } from "../../src/core/errors.ts";
import type { Event } from "../../src/core/events.ts";
import { Packet } from "../../src/core/packet.ts";
import type { Secret } from "../../src/core/secret.ts";
import type { CallChannel, CallSpec, L2tpPlane, L2tpRemote, TunnelPath } from "../../src/dataplane/dataplane.ts";
import type { TunnelConfig } from "../../src/l2tp/api.ts";
import type { Call, CallOwner } from "../../src/l2tp/call.ts";
import { L2tpEndpoint } from "../../src/l2tp/endpoint.ts";
import type { Tunnel, TunnelOwner } from "../../src/l2tp/tunnel.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { seededRng } from "../sim/simnet.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

export const remote = (key: string, flow = 1): L2tpRemote => ({
  key,
  flow,
  address: key,
  port: 1701,
  localAddress: "192.0.2.1",
  localPort: 1701,
});

export interface Channel extends CallChannel {
  readonly spec: CallSpec;
  peer: number;
  sequenced: boolean;
  closed: boolean;
}
export class Side {
  readonly endpoint: L2tpEndpoint;
  readonly events: Event[] = [];
  readonly said: string[] = [];
  readonly calls: Call[] = [];
  readonly channels: Channel[] = [];
  readonly tunnels: Tunnel[] = [];
  plane: L2tpPlane;
  send: (message: Uint8Array, to: L2tpRemote) => void = () => {};
  onCall: "accept" | "refuse" = "accept";

  constructor(clock: VirtualClock, rng = seededRng(5)) {
    this.plane = {
      secureRemote: (flow) => remote(`flow ${flow}`, flow),
      openClear: () => Promise.reject(new Error("not here")),
      sendControl: (to, m) => {
        this.send(m, to);
        return true;
      },
      onControl: () => {},
      openTunnel: () => this.#path(),
    };
    this.endpoint = new L2tpEndpoint(
      {
        clock,
        crypto: { ...nodeCrypto, random: (n) => rng.random(n) },
        log: { emit: (e) => void this.events.push(e) },
        plane: this.plane,
      },
      { vendorName: "test" },
    );
  }
  #path(): TunnelPath {
    return {
      openCall: (spec) => {
        const c: Channel = {
          spec,
          name: "test",
          mru: spec.mru,
          peer: spec.peerId,
          sequenced: spec.sequencing,
          closed: false,
          send: () => {},
          onFrame: () => {},
          onDown: () => {},
          configure: () => {},
          close: () => {
            c.closed = true;
          },
          setPeer: (id) => {
            c.peer = id;
          },
          setSequencing: (on) => {
            c.sequenced = on;
          },
          counters: () => ({ rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 }),
        };
        this.channels.push(c);
        return c;
      },
      close: () => {},
    };
  }
  callOwner(): CallOwner {
    return {
      onUp: (c) => {
        this.calls.push(c);
        this.said.push(`call up ${c.kind}`);
      },
      onDown: (_, why) => void this.said.push(`call down ${why.code}: ${why.text}`),
      onLinkInfo: (_, a) => void this.said.push(`sli ${a.send} ${a.receive}`),
    };
  }
  owner(): TunnelOwner {
    return {
      onUp: (t, info) => {
        this.tunnels.push(t);
        this.said.push(`up ${info.peerHost} ${info.peerVendor}`);
      },
      onDown: (_, why: Failure) => void this.said.push(`down ${why.code}: ${why.text}`),
      onCallRequest: () =>
        this.onCall === "refuse"
          ? { refuse: "not today" }
          : { cfg: { mru: 1400, sequencing: false }, owner: this.callOwner() },
    };
  }
}
export function config(host: string, secret: Secret | null = null, more: Partial<TunnelConfig> = {}): TunnelConfig {
  return { link: "test", secret, hostName: host, helloSeconds: 60, ...more };
}
export interface Weather {
  readonly loss: number;
  readonly duplicate: number;
  readonly jitter: number;
}
/** a calls, b answers; b's acceptTunnel takes everybody. */
export class Pair {
  readonly clock = new VirtualClock();
  readonly a = new Side(this.clock, seededRng(11));
  readonly b = new Side(this.clock, seededRng(22));
  weather: Weather = { loss: 0, duplicate: 0, jitter: 0 };
  dark = false;
  readonly log: { from: "a" | "b"; message: Uint8Array }[] = [];
  readonly #rng: ReturnType<typeof seededRng>;

  constructor(bConfig = config("lns"), seed = 1) {
    this.#rng = seededRng(seed);
    this.a.send = (m) => this.#carry("a", m);
    this.b.send = (m) => this.#carry("b", m);
    this.b.endpoint.acceptTunnel = () => ({ cfg: bConfig, owner: this.b.owner() });
  }
  #carry(from: "a" | "b", message: Uint8Array): void {
    this.log.push({ from, message: message.slice() });
    const copies = this.#rng.uniform() < this.weather.duplicate ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.dark || this.#rng.uniform() < this.weather.loss) continue;
      this.clock
        .timer("wire", () => this.inject(from === "a" ? "b" : "a", message))
        .arm(10 + this.#rng.uniform() * this.weather.jitter);
    }
  }
  inject(to: "a" | "b", message: Uint8Array, from = "peer"): void {
    (to === "a" ? this.a : this.b).plane.onControl(remote(from), Packet.of(message));
  }
  connect(aConfig = config("lac")): Tunnel {
    return this.a.endpoint.connect(remote("peer"), aConfig, this.a.owner());
  }
  run(ms: number): void {
    this.clock.advance(ms);
  }
}
