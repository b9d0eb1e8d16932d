// A call on the fast path: its frames, and the packets that visit TypeScript.
import type { CallParams, FastPath } from "node-tuntap2";
import type { Clock } from "../../core/clock.ts";
import type { Counters as Drops } from "../../core/counters.ts";
import { Packet } from "../../core/packet.ts";
import { contain, Scope } from "../../core/scope.ts";
import { concat } from "../../core/text.ts";
import { NO_NS, readData } from "../../packet/l2tp.ts";
import { PPP_IPV4, PPP_IPV6, pppHeader, pppProtocolOf, readPpp } from "../../packet/ppp.ts";
import type { DataCoding, FrameTap, LinkOptions, PacketSink } from "../../ports/ports.ts";
import { decodeFrame, frameOf } from "../coded.ts";
import type { CallChannel, TrafficCounters } from "../dataplane.ts";
import { Sequence } from "../sequence.ts";
import type { Flow } from "./ipsec.ts";
import type { Outbound } from "./outbound.ts";

/** A remote in the clear on the fast path. */
export interface ClearCarrier {
  readonly key: string;
  readonly handle: number;
  calls: number;
}
/** What carries a call on the fast path. */
export type Carrier = Flow | ClearCarrier;
/** Where a call's IP packets go once IPCP is open. */
export interface CallNetdev {
  readonly dev: number;
  readonly clampMss: number;
  readonly checkSource: boolean;
  /** An IP packet that was reordered or decoded in TypeScript; true when it was accepted. */
  receive(call: UserspaceCall, p: Packet): boolean;
}

interface CallPlace {
  readonly tunnel: { forget(call: UserspaceCall): void };
  readonly carrier: Carrier;
  /** Bytes. */
  readonly mru: number;
}
/** What all calls have in common. */
export interface CallHost {
  readonly fp: FastPath;
  readonly out: Outbound;
  readonly drops: Drops;
  readonly clock: Clock;
  /** Takes it off its netdev. */
  closing(call: UserspaceCall): void;
  release(carrier: Carrier): void;
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
  readonly #host: CallHost;
  readonly #tunnel: CallPlace["tunnel"];
  readonly #carrier: Carrier;
  #sequence: Sequence | null = null; // once a packet came with Ns
  #params: CallParams;
  #netdev: CallNetdev | null = null;
  #coded: { readonly coding: DataCoding; readonly out: PacketSink; readonly in: (f: Packet) => void } | null = null;
  #tap: FrameTap | null = null;
  #link: Pick<LinkOptions, "acfc" | "pfc"> = WHOLE_HEADER;
  // packets handled in TypeScript; the fast path counts the others
  #rxPackets = 0;
  #rxBytes = 0;
  #txPackets = 0;
  #txBytes = 0;
  #frames = 0; // that came up
  #last: TrafficCounters | null = null;

  constructor(host: CallHost, params: CallParams, { tunnel, carrier, mru }: CallPlace) {
    this.#host = host;
    this.#tunnel = tunnel;
    this.#carrier = carrier;
    this.name = `l2tp-${params.localTunnel}-${params.localCall}`;
    this.mru = mru;
    this.#params = params;
    this.handle = host.fp.addCall(params);
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
      this.#host.out.coded.set(this.handle, (p) =>
        contain(
          () => this.sendPacket(pppProtocolOf((p.mem[p.start] ?? 0) >> 4), p),
          (e) => this.#fault(e),
        ),
      );
    else this.#host.out.coded.delete(this.handle);
  }
  send(frame: Packet): void {
    this.#tap?.("out", frame.view());
    this.#send(frame);
  }
  #send(frame: Packet): void {
    if (this.open) this.#host.out.frame(this.handle, frame);
    else this.#host.drops.bump("l2tp.unknown-call");
  }
  counters(): TrafficCounters {
    if (this.#last) return this.#last;
    const [rxPackets, rxBytes, txPackets, txBytes] = this.#host.fp.callCounters(this.handle);
    return {
      rxPackets: rxPackets + this.#rxPackets,
      rxBytes: rxBytes + this.#rxBytes,
      txPackets: txPackets + this.#txPackets,
      txBytes: txBytes + this.#txBytes,
    };
  }
  received(): number {
    return this.#last ? this.#last.rxPackets : this.#host.fp.callCounters(this.handle)[0] + this.#rxPackets;
  }
  heard(): number {
    return this.received() + this.echoes().answered + this.#frames;
  }
  echoes(): { readonly answered: number; readonly agoMs: number } {
    return this.open ? this.#host.fp.callEchoes(this.handle) : { answered: 0, agoMs: 0 };
  }
  setRate(from: number, to: number): void {
    if (this.open) this.#host.fp.setCallRate(this.handle, from, to);
  }
  close(): void {
    if (!this.open) return;
    this.setCoding(null);
    this.setTap(null);
    this.#sequence?.close();
    this.#host.closing(this); // the fast path removes only calls without routes
    this.#tunnel.forget(this);
    this.#last = this.counters();
    this.#host.fp.removeCall(this.handle);
    this.#host.release(this.#carrier);
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
    this.#host.fault(e);
    this.lost("an error of this program (daemon.fault in the log says where)");
  }
  /** A received PPP frame that carries no IP packet. */
  frame(p: Packet): void {
    this.#frames++;
    contain(
      () => this.#deliver(p),
      (e) => this.#fault(e),
    );
  }
  /** A received L2TP data message, from its header on. */
  data(p: Packet): void {
    this.#frames++;
    contain(
      () => this.#data(p),
      (e) => this.#fault(e),
    );
  }
  #data(p: Packet): void {
    const h = readData(p.mem, p.start, p.end);
    if (!h) return this.#host.drops.bump("l2tp.bad-header");
    const frame = new Packet(p.mem, h.start, h.end);
    if (h.ns === NO_NS) this.#deliver(frame);
    else this.#sequenced().push(h.ns, frame);
  }
  #sequenced(): Sequence {
    this.#sequence ??= new Sequence(
      new Scope(this.#host.clock, (e) => this.#fault(e)),
      (f) => this.#deliver(f),
      (name) => this.#host.drops.bump(name),
      () => this.#coded?.coding.lost(),
    );
    return this.#sequence;
  }
  sendPacket(protocol: number, p: Packet): void {
    this.#txPackets++;
    this.#txBytes += p.length;
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
      this.#host.drops.bump("ppp.short");
    } else if (ppp.protocol !== PPP_IPV4 && !(ppp.protocol === PPP_IPV6 && this.#params.ip6)) {
      this.onFrame(frame);
    } else if (!this.#netdev) {
      this.#host.drops.bump("ip.not-open");
    } else {
      const p = new Packet(frame.mem, ppp.info, frame.end);
      if (!this.#netdev.receive(this, p)) return;
      this.#rxPackets++;
      this.#rxBytes += p.length;
    }
  }
  #set(change: Partial<CallParams>): void {
    if (!this.open) return;
    this.#params = { ...this.#params, ...change };
    this.#host.fp.setCall(this.handle, this.#params);
  }
}
