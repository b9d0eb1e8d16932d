// The plane's L2TP part: remotes, control messages, and calls on the fast path.
import type { CallParams, FastPath } from "node-tuntap2";
import type { Clock } from "../../core/clock.ts";
import type { Counters as Drops } from "../../core/counters.ts";
import { Packet } from "../../core/packet.ts";
import { contain, Scope } from "../../core/scope.ts";
import { concat } from "../../core/text.ts";
import { NO_NS, readData } from "../../packet/l2tp.ts";
import { PPP_IPV4, PPP_IPV6, pppHeader, pppProtocolOf, readPpp } from "../../packet/ppp.ts";
import type { DataCoding, Endpoint, FrameTap, LinkOptions, PacketSink } from "../../ports/ports.ts";
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
import { anyAddress, familyOf, ipBytes } from "../ring.ts";
import { Sequence } from "../sequence.ts";
import type { Flow, UserspaceIpsec } from "./ipsec.ts";
import type { Outbound } from "./outbound.ts";
import type { Sockets } from "./sockets.ts";

/** What carries a call on the fast path: an IPsec flow, or a remote in the clear. */
interface Carrier {
  readonly handle: number;
  release(): void;
}
/** Where a call's IP packets go once IPCP is open. */
export interface CallNetdev {
  readonly dev: number;
  readonly clampMss: number;
  readonly checkSource: boolean;
  /** An IP packet that was reordered or decoded in TypeScript; true when it was accepted. */
  receive(call: UserspaceCall, p: Packet): boolean;
}

interface CallHooks {
  closing(call: UserspaceCall): void;
  closed(): void;
  /** An unexpected error in a packet of the call; it ends the call. */
  fault(e: unknown): void;
}

const WHOLE_HEADER = { acfc: false, pfc: false };

export class UserspaceCall implements CallChannel {
  readonly name: string;
  readonly mru: number;
  readonly handle: number;
  onFrame: (frame: Packet) => void = () => {};
  onDown: (why: string) => void = () => {};
  readonly #fp: FastPath;
  readonly #out: Outbound;
  readonly #drops: Drops;
  readonly #sequence: Sequence;
  readonly #hooks: CallHooks;
  #params: CallParams;
  #netdev: CallNetdev | null = null;
  #coded: { readonly coding: DataCoding; readonly out: PacketSink; readonly in: (f: Packet) => void } | null = null;
  #tap: FrameTap | null = null;
  #link = { acfc: false, pfc: false };
  // packets handled in TypeScript; the fast path counts the others
  readonly #n = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
  #last: TrafficCounters | null = null;

  constructor(
    deps: { fp: FastPath; out: Outbound; drops: Drops; clock: Clock },
    spec: CallSpec,
    p: CallParams,
    hooks: CallHooks,
  ) {
    this.#fp = deps.fp;
    this.#out = deps.out;
    this.#drops = deps.drops;
    this.name = `l2tp-${p.localTunnel}-${p.localCall}`;
    this.mru = spec.mru;
    this.#params = p;
    this.#hooks = hooks;
    this.handle = deps.fp.addCall(p);
    this.#sequence = new Sequence(
      new Scope(deps.clock, (e) => this.#fault(e)),
      (f) => this.#deliver(f),
      (name) => deps.drops.bump(name),
      () => this.#coded?.coding.lost(),
    );
  }
  get open(): boolean {
    return this.#last === null;
  }
  setPeer(peerCallId: number): void {
    this.#set({ peerCall: peerCallId });
  }
  setSequencing(on: boolean): void {
    this.#set({ sequencing: on });
  }
  configure(link: LinkOptions): void {
    this.#link = link;
    this.#set({
      pppHeader: pppHeader(PPP_IPV4, link.acfc, link.pfc),
      echoMagic: link.echo?.magic ?? 0,
      echoLongest: link.echo?.longest ?? 0,
    });
  }
  setCoding(coding: DataCoding | null): void {
    if (!this.open) return;
    this.#coded = coding && {
      coding,
      out: (protocol, p) => this.sendCoded(protocol, p),
      in: (frame) => this.#read(frame),
    };
    this.#visit();
  }
  setTap(tap: FrameTap | null): void {
    if (!this.open) return;
    this.#tap = tap;
    this.#visit();
  }
  /** Which IP packets visit TypeScript, in both directions. */
  #visit(): void {
    const passes = this.#tap ? 0 : (this.#coded?.coding.passes ?? 0);
    const visit = this.#coded !== null || this.#tap !== null;
    this.#set({ allUp: visit && passes === 0, passes });
    if (visit)
      this.#out.coded.set(this.handle, (p) =>
        contain(
          () => this.sendPacket(pppProtocolOf((p.mem[p.start] ?? 0) >> 4), p),
          (e) => this.#fault(e),
        ),
      );
    else this.#out.coded.delete(this.handle);
  }
  send(frame: Packet): void {
    this.#tap?.("out", frame.view());
    this.#send(frame);
  }
  #send(frame: Packet): void {
    if (this.open) this.#out.frame(this.handle, frame);
    else this.#drops.bump("l2tp.unknown-call");
  }
  counters(): TrafficCounters {
    if (this.#last) return this.#last;
    const [rxPackets, rxBytes, txPackets, txBytes] = this.#fp.callCounters(this.handle);
    const n = this.#n;
    return {
      rxPackets: rxPackets + n.rxPackets,
      rxBytes: rxBytes + n.rxBytes,
      txPackets: txPackets + n.txPackets,
      txBytes: txBytes + n.txBytes,
    };
  }
  received(): number {
    return this.counters().rxPackets;
  }
  echoes(): { readonly answered: number; readonly agoMs: number } {
    return this.open ? this.#fp.callEchoes(this.handle) : { answered: 0, agoMs: 0 };
  }
  setRate(from: number, to: number): void {
    if (this.open) this.#fp.setCallRate(this.handle, from, to);
  }
  close(): void {
    if (!this.open) return;
    this.setCoding(null);
    this.setTap(null);
    this.#sequence.close();
    this.#hooks.closing(this); // detaches it from its netdev: the fast path removes only calls without routes
    this.#last = this.counters();
    this.#fp.removeCall(this.handle);
    this.#hooks.closed();
  }
  /** Lets IP packets pass through `netdev`; null: stops them. */
  attach(netdev: CallNetdev | null): void {
    if (netdev && this.#netdev) throw new RangeError(`${this.name} is attached already`);
    this.#netdev = netdev;
    this.#set({
      ip: netdev !== null,
      ip6: false,
      dev: netdev?.dev ?? 0,
      clampMss: netdev?.clampMss ?? 0,
      checkSource: netdev?.checkSource ?? false,
    });
  }
  /** IPV6CP opened or closed: IPv6 packets pass while it is open and the call has a netdev. */
  setIpv6(on: boolean): void {
    this.#set({ ip6: on && this.#netdev !== null });
  }
  /** The netdev's MTU, and so its MSS, changed. */
  setClamp(): void {
    this.#set({ clampMss: this.#netdev?.clampMss ?? 0 });
  }
  /** Tells the owner that the netdev disappeared. */
  lost(why: string): void {
    this.onDown(why);
  }
  #fault(e: unknown): void {
    this.#hooks.fault(e);
    this.lost("an error of this program (daemon.fault in the log says where)");
  }
  /** A received PPP frame that carries no IP packet. */
  frame(p: Packet): void {
    contain(
      () => this.#deliver(p),
      (e) => this.#fault(e),
    );
  }
  /** A received L2TP data message, from its header on. */
  data(p: Packet): void {
    contain(
      () => this.#data(p),
      (e) => this.#fault(e),
    );
  }
  #data(p: Packet): void {
    const h = readData(p.mem, p.start, p.end);
    if (!h) return this.#drops.bump("l2tp.bad-header");
    const frame = new Packet(p.mem, h.start, h.end);
    if (h.ns === NO_NS) this.#deliver(frame);
    else this.#sequence.push(h.ns, frame);
  }
  sendPacket(protocol: number, p: Packet): void {
    this.#n.txPackets++;
    this.#n.txBytes += p.length;
    this.#tap?.("out", concat([pppHeader(protocol, false, false), p.view()]));
    if (this.#coded) this.#coded.coding.encode(protocol, p, this.#coded.out);
    else this.#send(frameOf(protocol, p, this.#link));
  }
  sendCoded(protocol: number, p: Packet): void {
    this.#send(frameOf(protocol, p, this.#link));
  }
  receiveDecoded(protocol: number, p: Packet): void {
    this.#read(frameOf(protocol, p, WHOLE_HEADER));
  }
  #deliver(whole: Packet): void {
    if (!this.open) return;
    if (this.#coded) decodeFrame(this.#coded.coding, whole, this.#coded.in);
    else this.#read(whole);
  }
  #read(frame: Packet): void {
    if (!this.open) return;
    this.#tap?.("in", frame.view());
    const ppp = readPpp(frame.mem, frame.start, frame.end);
    if (!ppp) {
      this.#drops.bump("ppp.short");
    } else if (ppp.protocol !== PPP_IPV4 && !(ppp.protocol === PPP_IPV6 && this.#params.ip6)) {
      this.onFrame(frame);
    } else if (!this.#netdev) {
      this.#drops.bump("ip.not-open");
    } else {
      const p = new Packet(frame.mem, ppp.info, frame.end);
      if (!this.#netdev.receive(this, p)) return;
      this.#n.rxPackets++;
      this.#n.rxBytes += p.length;
    }
  }
  #set(change: Partial<CallParams>): void {
    if (!this.open) return;
    this.#params = { ...this.#params, ...change };
    this.#fp.setCall(this.handle, this.#params);
  }
}

export class UserspaceL2tp implements L2tpPlane {
  onControl: L2tpPlane["onControl"] = () => {};
  /** Set by UserspaceNet, which holds routes to calls. */
  onCallClosed: (call: UserspaceCall) => void = () => {};
  readonly #fp: FastPath;
  readonly #clock: Clock;
  readonly #drops: Drops;
  readonly #sockets: Sockets;
  readonly #ipsec: UserspaceIpsec;
  readonly #out: Outbound;
  readonly #localTowards: (remote: string) => string;
  readonly #fault: (e: unknown) => void;
  readonly #calls = new Map<number, UserspaceCall>();
  readonly #carriers = new Map<string, { readonly handle: number; calls: number }>();

  constructor(deps: {
    fp: FastPath;
    clock: Clock;
    drops: Drops;
    sockets: Sockets;
    ipsec: UserspaceIpsec;
    out: Outbound;
    localTowards(remote: string): string;
    fault(e: unknown): void;
  }) {
    this.#fp = deps.fp;
    this.#clock = deps.clock;
    this.#drops = deps.drops;
    this.#sockets = deps.sockets;
    this.#ipsec = deps.ipsec;
    this.#out = deps.out;
    this.#localTowards = deps.localTowards;
    this.#fault = deps.fault;
  }

  secureRemote(flow: FlowId, localPort: number, remotePort: number): L2tpRemote {
    if (flow === 0) throw new RangeError("flow 0 is in the clear");
    const f = this.#ipsec.find(flow);
    return {
      key: `flow ${flow} ${localPort} ${remotePort}`,
      flow,
      address: f?.remote.address ?? "",
      port: remotePort,
      localAddress: f?.local.address ?? "",
      localPort,
    };
  }
  async openClear(local: Endpoint): ReturnType<L2tpPlane["openClear"]> {
    const s = this.#sockets.openClear(local);
    let open = true;
    return {
      local: { address: local.address, port: s.local.port },
      remote: (to) => {
        const address =
          local.address === anyAddress(familyOf(local.address)) ? this.#localTowards(to.address) : local.address;
        return clearRemote({ address, port: s.local.port }, to);
      },
      close: () => {
        if (open) this.#sockets.closeClear(s);
        open = false;
      },
    };
  }
  sendControl(remote: L2tpRemote, message: Uint8Array): boolean {
    if (remote.flow !== 0)
      return this.#out.control(this.#ipsec.find(remote.flow), remote.localPort, remote.port, message);
    return this.#out.clear(localOf(remote), { address: remote.address, port: remote.port }, message);
  }
  openTunnel(spec: TunnelSpec): TunnelPath {
    const calls = new Set<UserspaceCall>();
    return {
      openCall: (c) => {
        const call = this.#openCall(spec, c, () => calls.delete(call));
        calls.add(call);
        return call;
      },
      close: () => {
        for (const c of [...calls]) c.close();
      },
    };
  }

  /** A control message received inside a flow. */
  secure(flow: Flow | null, localPort: number, remotePort: number, p: Packet): void {
    if (!flow) return;
    if (!this.#ipsec.selects(flow, localPort, remotePort)) return this.#drops.bump("udp.port");
    const remote = this.secureRemote(flow.id, localPort, remotePort);
    if (flow.told) return this.onControl(remote, p);
    // The peer's last quick mode message and its first of L2TP came in one batch: IKE's owner does not know yet that
    // the flow is up.
    const copy = Packet.of(p.view());
    void Promise.resolve().then(() => this.onControl(remote, copy));
  }
  /** A control message received in the clear. */
  clear(local: Endpoint, remote: Endpoint, p: Packet): void {
    this.onControl(clearRemote(local, remote), p);
  }
  call(handle: number): UserspaceCall | null {
    return this.#calls.get(handle) ?? null;
  }
  close(): void {
    for (const c of [...this.#calls.values()]) c.close();
  }

  #openCall(spec: TunnelSpec, c: CallSpec, forget: () => void): UserspaceCall {
    const carrier = spec.remote.flow === 0 ? this.#clearCarrier(spec.remote) : this.#flowCarrier(spec.remote.flow);
    const params: CallParams = {
      flow: carrier.handle,
      dev: 0,
      localTunnel: spec.localId,
      localCall: c.localId,
      peerTunnel: spec.peerId,
      peerCall: c.peerId,
      innerLocalPort: spec.remote.localPort,
      innerRemotePort: spec.remote.port,
      pppHeader: pppHeader(PPP_IPV4, false, false),
      ip: false,
      ip6: false,
      sequencing: c.sequencing,
      allUp: false,
      passes: 0,
      clampMss: 0,
      checkSource: false,
      echoMagic: 0,
      echoLongest: 0,
    };
    const deps = { fp: this.#fp, out: this.#out, drops: this.#drops, clock: this.#clock };
    try {
      const closing = (gone: UserspaceCall): void => {
        this.onCallClosed(gone);
        this.#calls.delete(gone.handle);
        forget();
      };
      const call = new UserspaceCall(deps, c, params, { closing, closed: () => carrier.release(), fault: this.#fault });
      this.#calls.set(call.handle, call);
      return call;
    } catch (e) {
      carrier.release();
      throw e;
    }
  }
  #flowCarrier(id: FlowId): Carrier {
    const f = this.#ipsec.hold(id);
    f.calls++;
    return {
      handle: f.handle,
      release: () => {
        f.calls--;
        this.#ipsec.release(f);
      },
    };
  }
  #clearCarrier(remote: L2tpRemote): Carrier {
    const key = `${remote.localAddress} ${remote.key}`;
    let c = this.#carriers.get(key);
    if (!c) {
      const handle = this.#fp.addFlow({
        local: ipBytes(remote.localAddress),
        remote: ipBytes(remote.address),
        localPort: remote.localPort,
        remotePort: remote.port,
        encap: "clear",
      });
      c = { handle, calls: 0 };
      this.#carriers.set(key, c);
    }
    const mine = c;
    mine.calls++;
    return {
      handle: mine.handle,
      release: () => {
        if (--mine.calls > 0) return;
        this.#carriers.delete(key);
        this.#fp.removeFlow(mine.handle);
      },
    };
  }
}

function localOf(r: L2tpRemote): Endpoint {
  return { address: r.localAddress, port: r.localPort };
}
