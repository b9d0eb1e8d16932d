// A data plane without an operating system: for simulations, in which whole daemons share one process and a virtual
// clock. ESP is symbolic: a packet says under which SPI and keys it was sealed, and is opened only by a peer that
// installed the same ones, so key agreement is really tested. The policy is that of the other planes: a flow without an
// SA sends nothing.
import { isIp6 } from "../core/addr.ts";
import { get32 } from "../core/bytes.ts";
import type { Clock } from "../core/clock.ts";
import { Counters as Drops } from "../core/counters.ts";
import { Packet } from "../core/packet.ts";
import type { Rng } from "../core/rng.ts";
import { concat } from "../core/text.ts";
import type { Endpoint } from "../ports/ports.ts";
import type { DataPlane, IkePort } from "./dataplane.ts";
import { NoneIpsec } from "./none/ipsec.ts";
import { NoneL2tp } from "./none/l2tp.ts";
import { NoneNet } from "./none/net.ts";
import type { SimDatagram, SimNode } from "./none/sim.ts";

const IKE = 500;
const NATT = 4500;

export class NonePlane implements DataPlane {
  readonly kind = "none";
  readonly ipsec: NoneIpsec;
  readonly l2tp: NoneL2tp;
  readonly net: NoneNet;
  readonly #ikePort: IkePort;
  readonly #drops = new Drops();
  readonly #node: SimNode;

  constructor(deps: { readonly clock: Clock; readonly rng: Rng; readonly net: SimNode }) {
    this.#node = deps.net;
    this.ipsec = new NoneIpsec(deps.clock, deps.rng, this.#drops, deps.net);
    this.l2tp = new NoneL2tp(this.ipsec, deps.net, deps.clock, this.#drops);
    this.net = new NoneNet(deps.net, this.#drops);
    this.#ikePort = {
      send: (local, remote, message) =>
        this.#ike(local, remote, local.port === IKE ? message : concat([new Uint8Array(4), message])),
      keepalive: (local, remote) => this.#ike(local, remote, Uint8Array.of(0xff)),
      onMessage: () => {},
    };
    deps.net.onDatagram = (d) => this.#receive(d);
  }
  ikePort(): IkePort {
    return this.#ikePort;
  }
  drops(): Record<string, number> {
    return this.#drops.snapshot();
  }
  /** How much of everything is open, for tests. */
  sizes(): Record<string, number> {
    return {
      ...this.ipsec.sizes(),
      ...this.l2tp.sizes(),
      devices: this.net.devices.size,
      pinned: this.net.pinned.length,
      blocked: this.net.blocked.length,
    };
  }
  async close(): Promise<void> {
    this.#node.onDatagram = () => {};
    this.net.devices.clear();
  }

  #ike(local: Endpoint, remote: Endpoint, bytes: Uint8Array): void {
    const any = local.address === "0.0.0.0" || local.address === "::";
    const address = any ? this.#node.addresses.find((a) => isIp6(a) === isIp6(remote.address)) : local.address;
    if (address === undefined) {
      this.#drops.bump("tx.error");
      return;
    }
    this.#node.send({ proto: "udp", from: { address, port: local.port }, to: remote, bytes: bytes.slice() });
  }
  #receive(d: SimDatagram): void {
    if (d.proto === "esp") {
      this.#esp(d);
      return;
    }
    if (d.to.port === IKE) {
      this.#ikePort.onMessage(Packet.of(d.bytes), d.to, d.from);
      return;
    }
    if (d.to.port !== NATT) {
      this.l2tp.clear(d);
      return;
    }
    if (d.bytes.length === 1 && d.bytes[0] === 0xff) {
      this.#drops.bump("nat.keepalive");
      return;
    }
    if (d.bytes.length < 4) {
      this.#drops.bump("udp.short");
      return;
    }
    if (get32(d.bytes, 0) === 0) {
      this.#ikePort.onMessage(Packet.of(d.bytes.subarray(4)), d.to, d.from);
      return;
    }
    this.#esp(d);
  }
  #esp(d: SimDatagram): void {
    this.ipsec.open(d, (flow, localPort, remotePort, body) =>
      this.l2tp.inner(this.l2tp.secureRemote(flow, localPort, remotePort), body),
    );
  }
}
