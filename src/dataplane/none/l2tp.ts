// L2TP's side of the simulated plane: real data headers, calls that split IP from the other PPP frames.
import { isIp6 } from "../../core/addr.ts";
import type { Clock } from "../../core/clock.ts";
import type { Counters as Drops } from "../../core/counters.ts";
import { Packet } from "../../core/packet.ts";
import { concat } from "../../core/text.ts";
import { ipVersion } from "../../packet/ip.ts";
import { dataLength, isControl, NO_NS, readData, writeData } from "../../packet/l2tp.ts";
import { PPP_IPV4, PPP_IPV6, pppProtocolOf, readPpp } from "../../packet/ppp.ts";
import type { DataCoding, Endpoint, LinkOptions } from "../../ports/ports.ts";
import { clearRemote } from "../clear.ts";
import { decodeFrame, frameOf } from "../coded.ts";
import type {
  CallChannel,
  CallSpec,
  FlowId,
  L2tpPlane,
  L2tpRemote,
  TrafficCounters,
  TunnelPath,
  TunnelSpec,
} from "../dataplane.ts";
import { Sequence } from "../sequence.ts";
import type { NoneIpsec } from "./ipsec.ts";
import type { SimDatagram, SimNode } from "./sim.ts";

export class NoneCall implements CallChannel {
  readonly name: string;
  readonly mru: number;
  readonly tunnel: TunnelSpec;
  readonly localId: number;
  onFrame: (frame: Packet) => void = () => {};
  onDown: (why: string) => void = () => {};
  /** Set while IPCP is open: the interface that takes its IP packets. */
  onIp: ((p: Packet) => void) | null = null;
  /** IPV6CP is open as well. */
  ip6 = false;
  readonly #l2tp: NoneL2tp;
  readonly #sequence: Sequence;
  readonly #n = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
  #heard = 0;
  #peer: number;
  #sequencing: boolean;
  #ns = 0;
  #link = { acfc: false, pfc: false };
  #coding: DataCoding | null = null;
  #closed = false;

  constructor(l2tp: NoneL2tp, tunnel: TunnelSpec, spec: CallSpec, clock: Clock) {
    this.#l2tp = l2tp;
    this.tunnel = tunnel;
    this.localId = spec.localId;
    this.name = `l2tp-${tunnel.localId}-${spec.localId}`;
    this.mru = spec.mru;
    this.#peer = spec.peerId;
    this.#sequencing = spec.sequencing;
    this.#sequence = new Sequence(
      clock,
      (p) => this.#deliver(p),
      (name) => l2tp.drops.bump(name),
      () => this.#coding?.lost(),
    );
  }
  setPeer(peerCallId: number): void {
    this.#peer = peerCallId;
  }
  setSequencing(on: boolean): void {
    this.#sequencing = on;
  }
  counters(): TrafficCounters {
    return { ...this.#n };
  }
  configure(link: LinkOptions): void {
    this.#link = link;
  }
  setCoding(coding: DataCoding | null): void {
    this.#coding = coding;
  }
  send(frame: Packet): void {
    if (this.#closed || this.#peer === 0) {
      this.#l2tp.drops.bump(this.#closed ? "l2tp.unknown-call" : "tx.no-peer");
      return;
    }
    const ns = this.#sequencing ? this.#ns : NO_NS;
    const head = new Uint8Array(dataLength(ns));
    writeData(head, 0, this.tunnel.peerId, this.#peer, ns);
    if (this.#l2tp.transmit(this.tunnel.remote, concat([head, frame.view()])) && ns !== NO_NS)
      this.#ns = (ns + 1) & 0xffff;
  }
  sendIp(packet: Uint8Array): void {
    this.#n.txPackets++;
    this.#n.txBytes += packet.length;
    this.sendPacket(pppProtocolOf(ipVersion(packet, 0)), Packet.of(packet));
  }
  sendPacket(protocol: number, packet: Packet): void {
    const out = (number: number, p: Packet): void => this.send(frameOf(number, p, this.#link));
    if (this.#coding) this.#coding.encode(protocol, packet, out);
    else out(protocol, packet);
  }
  sendCoded(protocol: number, p: Packet): void {
    this.send(frameOf(protocol, p, this.#link));
  }
  receiveDecoded(protocol: number, p: Packet): void {
    this.#read(frameOf(protocol, p, { acfc: false, pfc: false }));
  }
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sequence.close();
    this.#l2tp.forget(this);
  }
  heard(): number {
    return this.#heard;
  }
  receive(ns: number, frame: Packet): void {
    this.#heard++;
    if (ns === NO_NS) this.#deliver(frame);
    else this.#sequence.push(ns, frame);
  }
  #deliver(whole: Packet): void {
    if (this.#closed) return;
    if (this.#coding) decodeFrame(this.#coding, whole, (frame) => this.#read(frame));
    else this.#read(whole);
  }
  #read(frame: Packet): void {
    const ppp = readPpp(frame.mem, frame.start, frame.end);
    if (!ppp) {
      this.#l2tp.drops.bump("ppp.short");
      return;
    }
    if (ppp.protocol !== PPP_IPV4 && !(ppp.protocol === PPP_IPV6 && this.ip6)) {
      this.onFrame(frame);
      return;
    }
    if (!this.onIp) {
      this.#l2tp.drops.bump("ip.not-open");
      return;
    }
    this.#n.rxPackets++;
    this.#n.rxBytes += frame.end - ppp.info;
    this.onIp(new Packet(frame.mem, ppp.info, frame.end));
  }
}

export class NoneL2tp implements L2tpPlane {
  onControl: L2tpPlane["onControl"] = () => {};
  readonly drops: Drops;
  readonly #ipsec: NoneIpsec;
  readonly #net: SimNode;
  readonly #clock: Clock;
  readonly #clear = new Map<string, number>(); // family and port -> users
  readonly #calls = new Map<number, NoneCall>();
  #ephemeral = 49152;

  constructor(ipsec: NoneIpsec, net: SimNode, clock: Clock, drops: Drops) {
    this.#ipsec = ipsec;
    this.#net = net;
    this.#clock = clock;
    this.drops = drops;
  }
  secureRemote(flow: FlowId, localPort: number, remotePort: number): L2tpRemote {
    if (flow === 0) throw new RangeError("flow 0 is in the clear");
    const outer = this.#ipsec.outer(flow);
    return {
      key: `flow ${flow} ${localPort} ${remotePort}`,
      flow,
      address: outer?.remote.address ?? "",
      port: remotePort,
      localAddress: outer?.local.address ?? "",
      localPort,
    };
  }
  async openClear(local: Endpoint): ReturnType<L2tpPlane["openClear"]> {
    const port = local.port === 0 ? this.#ephemeral++ : local.port;
    const socket = socketOf({ address: local.address, port });
    this.#clear.set(socket, (this.#clear.get(socket) ?? 0) + 1);
    let open = true;
    return {
      local: { address: local.address, port },
      remote: (to) => clearRemote({ address: this.#net.pathTo(to.address)?.local ?? local.address, port }, to),
      close: () => {
        if (!open) return;
        open = false;
        const users = (this.#clear.get(socket) ?? 1) - 1;
        if (users > 0) this.#clear.set(socket, users);
        else this.#clear.delete(socket);
      },
    };
  }
  sendControl(remote: L2tpRemote, message: Uint8Array): boolean {
    return this.transmit(remote, message);
  }
  openTunnel(spec: TunnelSpec): TunnelPath {
    const calls = new Set<NoneCall>();
    return {
      openCall: (c) => {
        const key = spec.localId * 0x10000 + c.localId;
        if (this.#calls.has(key)) throw new RangeError(`call ${spec.localId}/${c.localId} is open already`);
        const call = new NoneCall(this, spec, c, this.#clock);
        this.#calls.set(key, call);
        calls.add(call);
        return call;
      },
      close: () => {
        for (const c of calls) c.close();
      },
    };
  }
  sizes(): Record<string, number> {
    return { calls: this.#calls.size, clear: this.#clear.size };
  }
  forget(call: NoneCall): void {
    this.#calls.delete(call.tunnel.localId * 0x10000 + call.localId);
  }
  transmit(remote: L2tpRemote, message: Uint8Array): boolean {
    if (remote.flow !== 0) return this.#ipsec.seal(remote.flow, remote.localPort, remote.port, message);
    if (!this.#clear.has(socketOf({ address: remote.localAddress, port: remote.localPort }))) {
      this.drops.bump("tx.no-socket");
      return false;
    }
    const from = { address: remote.localAddress, port: remote.localPort };
    this.#net.send({ proto: "udp", from, to: { address: remote.address, port: remote.port }, bytes: message.slice() });
    return true;
  }
  /** A UDP datagram in the clear that is not IKE's. */
  clear(d: SimDatagram): void {
    if (!this.#clear.has(socketOf(d.to))) {
      this.drops.bump("udp.no-socket");
      return;
    }
    this.inner(clearRemote(d.to, d.from), Packet.of(d.bytes));
  }
  inner(remote: L2tpRemote, p: Packet): void {
    if (isControl(p.mem, p.start, p.end)) {
      this.onControl(remote, p);
      return;
    }
    const h = readData(p.mem, p.start, p.end);
    if (!h) {
      this.drops.bump("l2tp.bad-header");
      return;
    }
    const call = this.#calls.get(h.tunnel * 0x10000 + h.call);
    if (!call) {
      this.drops.bump("l2tp.unknown-call");
      return;
    }
    if (call.tunnel.remote.key !== remote.key) {
      this.drops.bump("l2tp.wrong-flow");
      return;
    }
    call.receive(h.ns, new Packet(p.mem, h.start, h.end));
  }
}

function socketOf(local: Endpoint): string {
  return `${isIp6(local.address) ? 6 : 4} ${local.port}`;
}
