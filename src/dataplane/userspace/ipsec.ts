// Flows and their SAs on the fast path. A flow sends under the SA installed last; without one its packets are dropped.

import type { FastPath, SaParams } from "node-tuntap2";
import { ADDR } from "node-tuntap2";
import type { Clock } from "../../core/clock.ts";
import { SystemError } from "../../core/errors.ts";
import { LazySet } from "../../core/lazy.ts";
import type { Rng } from "../../core/rng.ts";
import { Spis } from "../../esp/spis.ts";
import type { Endpoint } from "../../ports/ports.ts";
import type { FlowId, IpsecPlane, SaSpec, Spi, TrafficCounters } from "../dataplane.ts";
import { familyOf, ipBytes, readRemote } from "../ring.ts";

const TELL_MS = 1000; // between reports of unknown SPIs

interface Sa {
  readonly spi: Spi;
  readonly handle: number;
  readonly flow: Flow;
  readonly localPort: number;
  readonly remotePort: number;
}
export interface Flow {
  readonly id: FlowId;
  readonly handle: number;
  local: Endpoint;
  remote: Endpoint;
  encap: "udp" | "esp";
  /** In order of installation; the last one is used. */
  readonly out: Sa[];
  readonly in: LazySet<Sa>;
  calls: number;
  /** The caller that installed the outbound SA has been notified; false until the turn after its installation. */
  told: boolean;
}

const NOWHERE: Endpoint = { address: "0.0.0.0", port: 0 };
const NOTHING: TrafficCounters = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };

export class UserspaceIpsec implements IpsecPlane {
  onMapping: IpsecPlane["onMapping"] = () => {};
  onUnknownSpi: IpsecPlane["onUnknownSpi"] = () => {};
  onLost: IpsecPlane["onLost"] = () => {};
  readonly #fp: FastPath;
  readonly #clock: Clock;
  readonly #needSockets: () => void;
  readonly #spis: Spis;
  readonly #in = new Map<Spi, Sa>();
  readonly #flows = new Map<FlowId, Flow>();
  readonly #byHandle = new Map<number, Flow>();
  readonly #addr = new Uint8Array(ADDR);
  #quietUntil = 0;

  constructor(fp: FastPath, rng: Rng, clock: Clock, needSockets: () => void) {
    this.#fp = fp;
    this.#spis = new Spis(rng, (spi) => this.#in.has(spi));
    this.#clock = clock;
    this.#needSockets = needSockets;
  }

  allocateSpi(): Spi {
    return this.#spis.allocate();
  }
  releaseSpi(spi: Spi): void {
    this.#spis.release(spi);
  }
  async addInbound(flow: FlowId, spec: SaSpec): Promise<void> {
    if (this.#in.has(spec.spi))
      throw new SystemError("EEXIST", `cannot install inbound SPI ${spec.spi}`, "it is in use");
    this.#needSockets();
    const f = this.hold(flow);
    if (f.out.length === 0) this.#lead(f, spec);
    const sa = this.#sa(f, spec, this.#fp.addSaIn(params(f, spec)));
    f.in.add(sa);
    this.#in.set(spec.spi, sa);
    this.#spis.release(spec.spi);
  }
  async addOutbound(flow: FlowId, spec: SaSpec): Promise<void> {
    if (this.#find(flow, "out", spec.spi))
      throw new SystemError("EEXIST", `cannot install outbound SPI ${spec.spi}`, "it is in use");
    this.#needSockets();
    const f = this.hold(flow);
    this.#lead(f, spec);
    const sa = this.#sa(f, spec, this.#fp.addSaOut(params(f, spec)));
    f.out.push(sa);
    this.#fp.setFlowSa(f.handle, sa.handle);
    f.told = false;
    void Promise.resolve().then(() => {
      f.told = true;
    });
  }
  async remove(flow: FlowId, direction: "in" | "out", spi: Spi): Promise<void> {
    const sa = this.#find(flow, direction, spi);
    if (!sa) return;
    const f = sa.flow;
    if (direction === "in") {
      this.#in.delete(spi);
      f.in.delete(sa);
    } else {
      f.out.splice(f.out.indexOf(sa), 1);
      this.#fp.setFlowSa(f.handle, f.out.at(-1)?.handle ?? 0);
    }
    this.#fp.removeSa(sa.handle);
    this.release(f);
  }
  async move(flow: FlowId, local: Endpoint, to: Endpoint): Promise<void> {
    const f = this.#flows.get(flow);
    if (f) this.#point(f, local, to, f.encap);
  }
  counters(flow: FlowId, direction: "in" | "out", spi: Spi): TrafficCounters {
    const sa = this.#find(flow, direction, spi);
    if (!sa) return NOTHING;
    const { packets, bytes } = this.#fp.saCounters(sa.handle);
    return direction === "in"
      ? { ...NOTHING, rxPackets: packets, rxBytes: bytes }
      : { ...NOTHING, txPackets: packets, txBytes: bytes };
  }

  /** The flow, created when it is new: without an SA, so that nothing can be sent in it. */
  hold(id: FlowId): Flow {
    if (id === 0) throw new RangeError("flow 0 is in the clear");
    let f = this.#flows.get(id);
    if (!f) {
      const handle = this.#fp.addFlow({
        local: new Uint8Array(4),
        remote: new Uint8Array(4),
        localPort: 0,
        remotePort: 0,
        encap: "udp",
      });
      f = {
        id,
        handle,
        local: NOWHERE,
        remote: NOWHERE,
        encap: "udp",
        out: [],
        in: new LazySet(),
        calls: 0,
        told: true,
      };
      this.#flows.set(id, f);
      this.#byHandle.set(handle, f);
    }
    return f;
  }
  /** Removes a flow that has neither SAs nor calls. */
  release(f: Flow): void {
    if (f.in.size > 0 || f.out.length > 0 || f.calls > 0 || this.#flows.get(f.id) !== f) return;
    this.#flows.delete(f.id);
    this.#byHandle.delete(f.handle);
    this.#fp.removeFlow(f.handle);
  }
  find(id: FlowId): Flow | null {
    return this.#flows.get(id) ?? null;
  }
  byHandle(handle: number): Flow | null {
    return this.#byHandle.get(handle) ?? null;
  }
  /** Whether a datagram between these inner ports is what the flow's SAs were negotiated for. */
  selects(f: Flow, localPort: number, remotePort: number): boolean {
    for (const sa of f.in) {
      if ((sa.localPort || localPort) === localPort && (sa.remotePort || remotePort) === remotePort) return true;
    }
    return false;
  }
  /** Called after every batch read from the network. */
  poll(): void {
    for (let h = this.#fp.nextMapping(); h !== 0; h = this.#fp.nextMapping()) {
      if (!this.#fp.mapping(h, this.#addr)) break;
      const f = this.#byHandle.get(h);
      if (f) this.onMapping(f.id, readRemote(this.#addr, 0));
    }
    const spi = this.#fp.nextUnknownSpi(this.#addr);
    if (spi === 0 || this.#clock.now() < this.#quietUntil) return;
    this.#quietUntil = this.#clock.now() + TELL_MS;
    this.onUnknownSpi(readRemote(this.#addr, 0), spi);
  }
  /** Wipes every key. */
  close(): void {
    this.#in.clear();
    for (const f of [...this.#flows.values()]) {
      for (const sa of [...f.in, ...f.out]) this.#fp.removeSa(sa.handle);
      f.in.clear();
      f.out.length = 0;
      this.release(f);
    }
  }

  #find(flow: FlowId, direction: "in" | "out", spi: Spi): Sa | null {
    const sa = direction === "in" ? this.#in.get(spi) : this.#flows.get(flow)?.out.find((o) => o.spi === spi);
    return sa?.flow.id === flow ? sa : null;
  }
  #sa(flow: Flow, spec: SaSpec, handle: number): Sa {
    return { spi: spec.spi, handle, flow, localPort: spec.localPort, remotePort: spec.remotePort };
  }
  #lead(f: Flow, s: SaSpec): void {
    this.#point(f, s.local, s.remote, s.udpEncap ? "udp" : "esp");
  }
  #point(f: Flow, local: Endpoint, remote: Endpoint, encap: "udp" | "esp"): void {
    f.local = local;
    f.remote = remote;
    f.encap = encap;
    this.#fp.setFlow(f.handle, {
      local: ipBytes(local.address),
      remote: ipBytes(remote.address),
      localPort: local.port,
      remotePort: remote.port,
      encap,
    });
  }
}

function params(f: Flow, s: SaSpec): SaParams {
  if (familyOf(s.local.address) !== familyOf(s.remote.address)) throw new RangeError("an SA between IPv4 and IPv6");
  const { spi, cipher, integ, keys, hardBytes, hardPackets } = s;
  return {
    spi,
    cipher,
    integ,
    encr: keys.encr,
    integKey: keys.integ,
    flow: f.handle,
    hardBytes,
    hardPackets,
    window: 1024,
  };
}
