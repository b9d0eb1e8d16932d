// A network in memory on a virtual clock: hosts, NATs, and paths that lose, delay, reorder and duplicate.

import { formatEndpoint, isIp6 } from "../../src/core/addr.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Rng } from "../../src/core/rng.ts";
import type { SimDatagram, SimNode } from "../../src/dataplane/none/sim.ts";
import type { Endpoint } from "../../src/ports/ports.ts";

/** Repeatable randomness for tests (xorshift128); never for keys of a real daemon. */
export function seededRng(seed: number): Rng & { uniform(): number } {
  let [a, b, c, d] = [seed | 0 || 1, 0x9e3779b9 | 0, 0x243f6a88 | 0, 0xb7e15162 | 0];
  const next = (): number => {
    const t = a ^ (a << 11);
    [a, b, c] = [b, c, d];
    d = d ^ (d >>> 19) ^ t ^ (t >>> 8);
    return d >>> 0;
  };
  for (let i = 0; i < 16; i++) next();
  return {
    random: (n) => Uint8Array.from({ length: n }, () => next() >>> 13),
    uniform: () => next() / 0x1_0000_0000,
  };
}

/** How one direction behaves. Chances are 0 to 1, times in milliseconds. */
export interface Conditions {
  readonly loss: number;
  readonly duplicate: number;
  /** Chance that a datagram is held back by `reorderBy` more. */
  readonly reorder: number;
  readonly reorderBy: number;
  readonly latency: number;
  readonly jitter: number;
  readonly dark: boolean;
  /** Longer datagrams, without their headers, are lost. */
  readonly longest: number;
}
export const PERFECT: Conditions = {
  loss: 0,
  duplicate: 0,
  reorder: 0,
  reorderBy: 30,
  latency: 10,
  jitter: 0,
  dark: false,
  longest: Number.POSITIVE_INFINITY,
};

export type Verdict = "sent" | "lost" | "dark" | "no-host" | "nat";

export class SimHost implements SimNode {
  readonly name: string;
  addresses: readonly string[];
  device = "wan0";
  mtu = 1500;
  /** False: no route anywhere, as with an unplugged WAN. */
  routed = true;
  onDatagram: (d: SimDatagram) => void = () => {};
  readonly #net: SimNet;
  constructor(net: SimNet, name: string, addresses: readonly string[]) {
    this.#net = net;
    this.name = name;
    this.addresses = addresses;
  }
  send(d: SimDatagram): void {
    if (this.routed) this.#net.forward(this, d);
  }
  pathTo(remote: string): { local: string; mtu: number; device: string } | null {
    const local = this.addresses.find((a) => isIp6(a) === isIp6(remote));
    return this.routed && local !== undefined ? { local, mtu: this.mtu, device: this.device } : null;
  }
}

interface Mapping {
  readonly inside: Endpoint;
  readonly port: number;
  readonly asked: Set<string>; // who was sent to, and may answer
}

/** Endpoint-independent mapping, address-and-port-dependent filtering: the usual home router. Knows no ESP. */
export class SimNat {
  publicAddress: string;
  readonly #out = new Map<string, Mapping>();
  readonly #in = new Map<number, Mapping>();
  readonly #forward = new Map<number, Endpoint>();
  #port: number;
  constructor(publicAddress: string, firstPort = 20000) {
    this.publicAddress = publicAddress;
    this.#port = firstPort;
  }
  /** A static port forward, as in front of a server. */
  forward(port: number, inside: Endpoint): void {
    this.#forward.set(port, inside);
  }
  /**
   * Every mapping is lost, as when the router restarts; new ones get other ports, and another address when one is
   * given.
   */
  rebind(publicAddress = this.publicAddress): void {
    this.publicAddress = publicAddress;
    this.#out.clear();
    this.#in.clear();
  }
  outbound(d: SimDatagram): SimDatagram | null {
    if (d.proto !== "udp") return null;
    for (const [port, inside] of this.#forward) {
      if (formatEndpoint(inside) === formatEndpoint(d.from))
        return { ...d, from: { address: this.publicAddress, port } };
    }
    const key = formatEndpoint(d.from);
    let m = this.#out.get(key);
    if (!m) {
      m = { inside: d.from, port: this.#port++, asked: new Set() };
      this.#out.set(key, m);
      this.#in.set(m.port, m);
    }
    m.asked.add(formatEndpoint(d.to));
    return { ...d, from: { address: this.publicAddress, port: m.port } };
  }
  inbound(d: SimDatagram): SimDatagram | null {
    const fixed = this.#forward.get(d.to.port);
    if (d.proto === "udp" && fixed) return { ...d, to: fixed };
    const m = this.#in.get(d.to.port);
    return d.proto === "udp" && m?.asked.has(formatEndpoint(d.from)) ? { ...d, to: m.inside } : null;
  }
}

export class SimNet {
  /** Every datagram as it passes the middle of the network (outside the NATs). */
  onTrace: (d: SimDatagram, verdict: Verdict) => void = () => {};
  readonly counts: Record<Verdict, number> = { sent: 0, lost: 0, dark: 0, "no-host": 0, nat: 0 };
  readonly #clock: Clock;
  readonly #rng: ReturnType<typeof seededRng>;
  readonly #hosts: { readonly host: SimHost; readonly nat: SimNat | null }[] = [];
  readonly #paths = new Map<string, Conditions>();
  #all: Conditions = PERFECT;

  constructor(clock: Clock, seed = 1) {
    this.#clock = clock;
    this.#rng = seededRng(seed);
  }
  host(name: string, addresses: readonly string[], nat: SimNat | null = null): SimHost {
    const host = new SimHost(this, name, addresses);
    this.#hosts.push({ host, nat });
    return host;
  }
  /** Conditions for everybody, on top of perfect ones. */
  conditions(c: Partial<Conditions>): void {
    this.#all = { ...PERFECT, ...c };
  }
  /** Conditions of one direction, on top of everybody's; null: as everybody's again. */
  path(from: SimHost, to: SimHost, c: Partial<Conditions> | null): void {
    const key = `${from.name} ${to.name}`;
    if (c) this.#paths.set(key, { ...this.#all, ...c });
    else this.#paths.delete(key);
  }
  /** Both directions between two hosts dark, or light again. */
  dark(a: SimHost, b: SimHost, dark: boolean): void {
    this.path(a, b, dark ? { dark } : null);
    this.path(b, a, dark ? { dark } : null);
  }
  forward(from: SimHost, d: SimDatagram): void {
    const nat = this.#hosts.find((h) => h.host === from)?.nat ?? null;
    const out = nat ? nat.outbound(d) : d;
    if (!out) {
      this.#say(d, "nat");
      return;
    }
    const target = this.#target(out);
    if (target === "nat" || target === null) {
      this.#say(out, target ?? "no-host");
      return;
    }
    const c = this.#paths.get(`${from.name} ${target.host.name}`) ?? this.#all;
    if (c.dark) {
      this.#say(out, "dark");
      return;
    }
    if (this.#rng.uniform() < c.loss || out.bytes.length > c.longest) {
      this.#say(out, "lost");
      return;
    }
    this.#say(out, "sent");
    const copies = this.#rng.uniform() < c.duplicate ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const late = this.#rng.uniform() < c.reorder ? c.reorderBy : 0;
      const wait = c.latency + late + this.#rng.uniform() * c.jitter;
      this.#clock
        .timer("simnet", () => target.host.onDatagram({ ...target.d, bytes: target.d.bytes.slice() }))
        .arm(wait);
    }
  }
  #target(d: SimDatagram): { host: SimHost; d: SimDatagram } | "nat" | null {
    const direct = this.#hosts.find((h) => h.nat === null && h.host.addresses.includes(d.to.address));
    if (direct) return { host: direct.host, d };
    const nats = new Set(this.#hosts.flatMap((h) => (h.nat?.publicAddress === d.to.address ? [h.nat] : [])));
    for (const nat of nats) {
      const inner = nat.inbound(d);
      const behind = inner && this.#hosts.find((h) => h.nat === nat && h.host.addresses.includes(inner.to.address));
      if (behind && inner) return { host: behind.host, d: inner };
    }
    return nats.size > 0 ? "nat" : null;
  }
  #say(d: SimDatagram, verdict: Verdict): void {
    this.counts[verdict]++;
    this.onTrace(d, verdict);
  }
}
