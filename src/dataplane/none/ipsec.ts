// Symbolic ESP: SPI, sequence number and a fingerprint of the keys in front of the inner UDP datagram.
import { formatEndpoint } from "../../core/addr.ts";
import { get16, get32 } from "../../core/bytes.ts";
import type { Clock } from "../../core/clock.ts";
import type { Counters as Drops } from "../../core/counters.ts";
import { SystemError } from "../../core/errors.ts";
import { Packet } from "../../core/packet.ts";
import type { Rng } from "../../core/rng.ts";
import { concat, hex } from "../../core/text.ts";
import { Spis } from "../../esp/spis.ts";
import type { Endpoint } from "../../ports/ports.ts";
import type { FlowId, IpsecPlane, SaSpec, Spi, TrafficCounters } from "../dataplane.ts";
import type { SimDatagram, SimNode } from "./sim.ts";

const ESP_HEAD = 16; // SPI, sequence number, tag of the keys
const UDP_HEAD = 8;
const WINDOW = 1024;

interface Sa {
  readonly flow: FlowId;
  spec: SaSpec;
  readonly tag: Uint8Array;
  packets: number;
  bytes: number;
  seq: number;
  readonly seen: Set<number>;
}
interface Flow {
  /** In the order of installation; the last one sends. */
  readonly out: Sa[];
  mapping: string;
}

function u32(v: number): Uint8Array {
  return Uint8Array.of(v >>> 24, v >>> 16, v >>> 8, v);
}
/**
 * A fingerprint of transform and keys (FNV-1a, two halves): no cryptography, but different keys never meet in a test.
 */
function tagOf(s: SaSpec): Uint8Array {
  const text = `${s.cipher} ${s.integ} ${hex(s.keys.encr)} ${hex(s.keys.integ)}`;
  const half = (h: number): Uint8Array => {
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
    return u32(h);
  };
  return concat([half(0x811c9dc5), half(0x1234567)]);
}
function udp(localPort: number, remotePort: number, body: Uint8Array): Uint8Array {
  const n = body.length + UDP_HEAD;
  return concat([Uint8Array.of(localPort >>> 8, localPort, remotePort >>> 8, remotePort, n >>> 8, n, 0, 0), body]);
}

export class NoneIpsec implements IpsecPlane {
  onMapping: IpsecPlane["onMapping"] = () => {};
  onUnknownSpi: IpsecPlane["onUnknownSpi"] = () => {};
  onLost: IpsecPlane["onLost"] = () => {};
  readonly #spis: Spis;
  readonly #in = new Map<Spi, Sa>();
  readonly #flows = new Map<FlowId, Flow>();
  readonly #clock: Clock;
  readonly #drops: Drops;
  readonly #net: SimNode;
  #nextUnknown = 0;

  constructor(clock: Clock, rng: Rng, drops: Drops, net: SimNode) {
    this.#clock = clock;
    this.#spis = new Spis(rng, (spi) => this.#in.has(spi));
    this.#drops = drops;
    this.#net = net;
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
    this.#spis.release(spec.spi);
    this.#in.set(spec.spi, this.#sa(flow, spec));
    this.#flow(flow);
  }
  async addOutbound(flow: FlowId, spec: SaSpec): Promise<void> {
    if (this.#find(flow, "out", spec.spi))
      throw new SystemError("EEXIST", `cannot install outbound SPI ${spec.spi}`, "it is in use");
    const sa = this.#sa(flow, spec);
    const f = this.#flow(flow);
    f.out.push(sa);
    f.mapping = formatEndpoint(spec.remote);
  }
  async remove(flow: FlowId, direction: "in" | "out", spi: Spi): Promise<void> {
    const sa = this.#find(flow, direction, spi);
    if (!sa) return;
    const { out } = this.#flow(flow);
    if (direction === "in") this.#in.delete(spi);
    else out.splice(out.indexOf(sa), 1);
    if (out.length === 0 && ![...this.#in.values()].some((s) => s.flow === flow)) this.#flows.delete(flow);
  }
  async move(flow: FlowId, local: Endpoint, to: Endpoint): Promise<void> {
    const f = this.#flows.get(flow);
    if (!f) return;
    for (const sa of f.out) sa.spec = { ...sa.spec, local, remote: to };
    for (const sa of this.#in.values()) if (sa.flow === flow) sa.spec = { ...sa.spec, local, remote: to };
    f.mapping = formatEndpoint(to);
  }
  counters(flow: FlowId, direction: "in" | "out", spi: Spi): TrafficCounters {
    const sa = this.#find(flow, direction, spi);
    const packets = sa?.packets ?? 0;
    const bytes = sa?.bytes ?? 0;
    return direction === "in"
      ? { rxPackets: packets, rxBytes: bytes, txPackets: 0, txBytes: 0 }
      : { rxPackets: 0, rxBytes: 0, txPackets: packets, txBytes: bytes };
  }
  sizes(): Record<string, number> {
    const out = [...this.#flows.values()].reduce((n, f) => n + f.out.length, 0);
    return { inbound: this.#in.size, outbound: out, flows: this.#flows.size, spis: this.#spis.size };
  }
  outer(flow: FlowId): { readonly local: Endpoint; readonly remote: Endpoint } | null {
    const sa = this.#flows.get(flow)?.out.at(-1) ?? [...this.#in.values()].find((s) => s.flow === flow);
    return sa ? { local: sa.spec.local, remote: sa.spec.remote } : null;
  }
  /** False: the flow has no SA; counted. */
  seal(flow: FlowId, localPort: number, remotePort: number, body: Uint8Array): boolean {
    const sa = this.#flows.get(flow)?.out.at(-1);
    if (!sa) return this.#no("tx.no-sa");
    if (over(sa)) return this.#no("esp.limit");
    const inner = udp(localPort, remotePort, body);
    sa.seq++;
    sa.packets++;
    sa.bytes += inner.length;
    const { local, remote, udpEncap, spi } = sa.spec;
    const bytes = concat([u32(spi), u32(sa.seq), sa.tag, inner]);
    this.#net.send({ proto: udpEncap ? "udp" : "esp", from: local, to: remote, bytes });
    return true;
  }
  open(d: SimDatagram, deliver: (flow: FlowId, localPort: number, remotePort: number, body: Packet) => void): void {
    if (d.bytes.length < ESP_HEAD + UDP_HEAD) {
      this.#no("esp.short");
      return;
    }
    const spi = get32(d.bytes, 0);
    const sa = this.#in.get(spi);
    if (!sa) {
      this.#no("esp.unknown-spi");
      if (this.#clock.now() < this.#nextUnknown) return;
      this.#nextUnknown = this.#clock.now() + 1000;
      this.onUnknownSpi(d.from, spi);
      return;
    }
    const mem = d.bytes.slice();
    const remotePort = get16(mem, ESP_HEAD);
    const localPort = get16(mem, ESP_HEAD + 2);
    const no = refusal(sa, d, localPort, remotePort);
    if (no !== null) {
      this.#no(no);
      return;
    }
    const seq = get32(mem, 4);
    sa.seen.add(seq);
    sa.seq = Math.max(sa.seq, seq);
    if (sa.seen.size > 2 * WINDOW) for (const old of sa.seen) if (old + WINDOW <= sa.seq) sa.seen.delete(old);
    sa.packets++;
    sa.bytes += mem.length - ESP_HEAD;
    const f = this.#flow(sa.flow);
    const from = formatEndpoint(d.from);
    if (sa.spec.udpEncap && from !== formatEndpoint(sa.spec.remote) && from !== f.mapping) {
      f.mapping = from; // told once
      this.onMapping(sa.flow, d.from);
    }
    deliver(sa.flow, localPort, remotePort, new Packet(mem, ESP_HEAD + UDP_HEAD, mem.length));
  }
  #find(flow: FlowId, direction: "in" | "out", spi: Spi): Sa | null {
    const sa = direction === "in" ? this.#in.get(spi) : this.#flows.get(flow)?.out.find((o) => o.spec.spi === spi);
    return sa?.flow === flow ? sa : null;
  }
  #sa(flow: FlowId, spec: SaSpec): Sa {
    return { flow, spec, tag: tagOf(spec), packets: 0, bytes: 0, seq: 0, seen: new Set() };
  }
  #flow(id: FlowId): Flow {
    let f = this.#flows.get(id);
    if (!f) {
      f = { out: [], mapping: "" };
      this.#flows.set(id, f);
    }
    return f;
  }
  #no(name: string): false {
    this.#drops.bump(name);
    return false;
  }
}

/** Why an inbound packet of a known SA is dropped, or null. */
function refusal(sa: Sa, d: SimDatagram, localPort: number, remotePort: number): string | null {
  const seq = get32(d.bytes, 4);
  const { spec } = sa;
  if (hex(sa.tag) !== hex(d.bytes.subarray(8, ESP_HEAD))) return "esp.auth";
  if (spec.udpEncap !== (d.proto === "udp")) return "esp.outer-mismatch";
  if (sa.seen.has(seq) || seq + WINDOW <= sa.seq) return "esp.replay";
  if (over(sa)) return "esp.limit";
  const fits = (selector: number, port: number): boolean => selector === 0 || selector === port;
  return fits(spec.localPort, localPort) && fits(spec.remotePort, remotePort) ? null : "udp.port";
}

function over(sa: Sa): boolean {
  const { hardBytes, hardPackets } = sa.spec;
  return (hardBytes > 0 && sa.bytes >= hardBytes) || (hardPackets > 0 && sa.packets >= hardPackets);
}
