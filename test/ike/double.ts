// Two IkeManagers in memory: a network with NATs, loss and duplication, and a plane that only remembers what it was
// told.

import { type Failure, SystemError } from "../../src/core/errors.ts";
import type { Event } from "../../src/core/events.ts";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import { hex } from "../../src/core/text.ts";
import type { FlowId, IkePort, IpsecPlane, SaSpec, Spi, TrafficCounters } from "../../src/dataplane/dataplane.ts";
import type { IkeLimits } from "../../src/ike/house.ts";
import { IkeManager } from "../../src/ike/manager.ts";
import { parseEspProposal, parseIkeProposal } from "../../src/ike/proposals.ts";
import type {
  IkeConnectConfig,
  IkeConnection,
  IkeDeps,
  IkeInfo,
  IkeOwner,
  IkeResponderConfig,
} from "../../src/ike/types.ts";
import type { Endpoint } from "../../src/ports/ports.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

interface Datagram {
  from: Endpoint;
  to: Endpoint;
  bytes: Uint8Array;
}
const key = (e: Endpoint): string => `${e.address} ${e.port}`;

export class Net {
  readonly clock = new VirtualClock();
  readonly hosts = new Map<string, Host>();
  readonly nats: Nat[] = [];
  readonly seen: Datagram[] = [];
  keepalives = 0;
  /** Of every host, milliseconds since 1970: it stands still. */
  wallClock = Date.UTC(2026, 5, 1);
  /** What happens to one datagram: how many copies arrive, after how many milliseconds each. */
  fate: (d: Datagram, n: number) => readonly number[] = () => [5];
  /** What a man in the middle makes of it. */
  tamper: (bytes: Uint8Array, n: number) => void = () => {};
  #n = 0;

  send(d: Datagram): void {
    const bytes = d.bytes.slice();
    this.tamper(bytes, this.#n);
    for (const delay of this.fate(d, this.#n++)) {
      const copy = { ...d, bytes: bytes.slice() };
      this.clock.timer("net", () => this.#arrive(copy)).arm(delay);
    }
    this.seen.push({ ...d, bytes });
  }
  #arrive(d: Datagram): void {
    let { from, to } = d;
    for (const nat of this.nats) {
      if (nat.inside.has(from.address)) from = nat.out(from);
      else if (to.address === nat.address) {
        const inner = nat.in(to);
        if (!inner) return;
        to = inner;
      }
    }
    this.hosts.get(to.address)?.port.onMessage(Packet.of(d.bytes), to, from);
  }
  /** Time passes; promises of the planes settle in between. */
  async run(ms: number, step = 5): Promise<void> {
    for (let t = 0; t < ms; t += step) {
      this.clock.advance(Math.min(step, ms - t));
      for (let i = 0; i < 6; i++) await Promise.resolve();
    }
  }
}

export class Nat {
  readonly inside: Set<string>;
  readonly address: string;
  #map = new Map<string, Endpoint>();
  #back = new Map<string, Endpoint>();
  #next: number;
  constructor(address: string, inside: string[], next = 20000) {
    this.address = address;
    this.inside = new Set(inside);
    this.#next = next;
  }
  out(e: Endpoint): Endpoint {
    let m = this.#map.get(key(e));
    if (!m) {
      m = { address: this.address, port: this.#next++ };
      this.#map.set(key(e), m);
      this.#back.set(key(m), e);
    }
    return m;
  }
  in(e: Endpoint): Endpoint | undefined {
    return this.#back.get(key(e));
  }
  /** All mappings are forgotten: the next packet gets another port. */
  rebind(): void {
    this.#map.clear();
  }
}

export class Plane implements IpsecPlane {
  readonly inbound = new Map<Spi, { flow: FlowId; spec: SaSpec; n: TrafficCounters }>();
  readonly outbound = new Map<string, { flow: FlowId; spec: SaSpec; n: TrafficCounters }>();
  readonly reserved = new Set<Spi>();
  readonly moves: Endpoint[] = [];
  fail = false;
  onMapping: (flow: FlowId, from: Endpoint) => void = () => {};
  onUnknownSpi: (from: Endpoint, spi: Spi) => void = () => {};
  onLost: (flow: FlowId) => void = () => {};
  allocateSpi(): Spi {
    const spi = (0x1000_0000 + new DataView(nodeCrypto.random(4).buffer).getUint32(0) / 2) >>> 0;
    this.reserved.add(spi);
    return spi;
  }
  releaseSpi(spi: Spi): void {
    this.reserved.delete(spi);
  }
  async addInbound(flow: FlowId, spec: SaSpec): Promise<void> {
    if (this.fail) throw new SystemError("EINVAL", "no ESP here");
    this.reserved.delete(spec.spi);
    this.inbound.set(spec.spi, { flow, spec, n: zero() });
  }
  async addOutbound(flow: FlowId, spec: SaSpec): Promise<void> {
    this.outbound.set(`${flow}/${spec.spi}`, { flow, spec, n: zero() });
  }
  async remove(flow: FlowId, direction: "in" | "out", spi: Spi): Promise<void> {
    if (direction === "in") this.inbound.delete(spi);
    else this.outbound.delete(`${flow}/${spi}`);
  }
  async move(flow: FlowId, _local: Endpoint, to: Endpoint): Promise<void> {
    this.moves.push(to);
    for (const o of this.outbound.values()) if (o.flow === flow) o.spec = { ...o.spec, remote: to };
  }
  counters(flow: FlowId, direction: "in" | "out", spi: Spi): TrafficCounters {
    return (direction === "in" ? this.inbound.get(spi) : this.outbound.get(`${flow}/${spi}`))?.n ?? zero();
  }
  /** The SA that a flow's packets leave under: the newest. */
  current(flow: FlowId): SaSpec | undefined {
    return [...this.outbound.values()].filter((o) => o.flow === flow).at(-1)?.spec;
  }
}
const zero = (): { -readonly [K in keyof TrafficCounters]: number } => ({
  rxPackets: 0,
  rxBytes: 0,
  txPackets: 0,
  txBytes: 0,
});

/** One packet through the newest SA; whether the other plane takes it. */
export function pass(from: Host, flow: FlowId, to: Host, bytes = 100): boolean {
  const spec = from.plane.current(flow);
  const there = spec && to.plane.inbound.get(spec.spi);
  if (!spec || !there) return false;
  const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(Buffer.from(b));
  if (!same(spec.keys.encr, there.spec.keys.encr) || !same(spec.keys.integ, there.spec.keys.integ)) return false;
  const out = from.plane.outbound.get(`${flow}/${spec.spi}`);
  if (out) out.n = { ...out.n, txPackets: out.n.txPackets + 1, txBytes: out.n.txBytes + bytes };
  there.n = { ...there.n, rxPackets: there.n.rxPackets + 1, rxBytes: there.n.rxBytes + bytes };
  return true;
}

export class Host implements IkeOwner {
  readonly address: string;
  readonly net: Net;
  readonly plane = new Plane();
  readonly events: Event[] = [];
  readonly ups: { conn: IkeConnection; info: IkeInfo }[] = [];
  readonly rekeys: IkeInfo[] = [];
  readonly downs: Failure[] = [];
  readonly port: IkePort;
  readonly ike: IkeManager;
  constructor(net: Net, address: string, limits?: IkeLimits, more: Partial<IkeDeps> = {}) {
    this.net = net;
    this.address = address;
    this.port = {
      send: (from, to, bytes) => net.send({ from, to, bytes }),
      keepalive: () => {
        net.keepalives++;
      },
      onMessage: () => {},
    };
    net.hosts.set(address, this);
    this.ike = new IkeManager(
      {
        clock: net.clock,
        crypto: nodeCrypto,
        log: { emit: (e) => this.events.push(e) },
        port: this.port,
        plane: this.plane,
        wallClock: () => net.wallClock,
        ...more,
      },
      limits,
    );
  }
  onUp(conn: IkeConnection, info: IkeInfo): void {
    this.ups.push({ conn, info });
  }
  onRekeyed(_conn: IkeConnection, info: IkeInfo): void {
    this.rekeys.push(info);
  }
  onDown(_conn: IkeConnection, why: Failure): void {
    this.downs.push(why);
  }
  kinds(kind: Event["kind"]): Event[] {
    return this.events.filter((e) => e.kind === kind);
  }
}

const base = {
  psk: Secret.of("s3cret"),
  certificates: null,
  versions: "v1",
  ikeProposals: [parseIkeProposal("aes256-sha256-x25519")],
  espProposals: [parseEspProposal("aes256-sha256")],
  localId: null,
  remoteId: null,
  encap: "auto",
  dpdSeconds: 30,
  ikeLifetimeSeconds: 28800,
  espLifetimeSeconds: 3600,
  espLifetimeBytes: 0,
} as const;
export function client(remote: string, local: string, more: Partial<IkeConnectConfig> = {}): IkeConnectConfig {
  return { link: "c", peer: "server", ...base, local, remote, localPort: 1701, remotePort: 1701, ...more };
}
export function server(more: Partial<IkeResponderConfig> = {}): IkeResponderConfig {
  return { link: "s", peer: "client", ...base, local: null, crowd: 1, ...more };
}
/** A man in the middle: the last two of `bytes` (hexadecimal) become what nobody knows. */
export function blank(bytes: string): Net["tamper"] {
  return (b) => {
    const end = (hex(b).indexOf(bytes) + bytes.length) / 2;
    if (end >= bytes.length / 2) b.fill(0x55, end - 2, end);
  };
}
/** A client at 10.0.0.1 and a server at 10.0.0.2, not yet connected. */
export function pair(limits?: IkeLimits): { net: Net; a: Host; b: Host } {
  const net = new Net();
  return { net, a: new Host(net, "10.0.0.1"), b: new Host(net, "10.0.0.2", limits) };
}
