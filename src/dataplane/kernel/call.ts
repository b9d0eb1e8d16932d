// One L2TP call whose data messages the kernel carries: a PPPoX socket, and the PPP channel on it. LCP and
// authentication come by the channel's descriptor, other control protocols by the unit's once there is one; IP packets
// pass beside us.
//
// It has no setCoding(): compression and MPPE are never offered on such a call.
import type { L2tpIds, Native, Watcher } from "node-tuntap2";
import { get16 } from "../../core/bytes.ts";
import type { Counters as Drops } from "../../core/counters.ts";
import { HEADROOM, Packet } from "../../core/packet.ts";
import { contain } from "../../core/scope.ts";
import { errnoOf } from "../../linux/errno.ts";
import { get64 } from "../../linux/netlink.ts";
import { PPP_IPV4, PPP_IPV6 } from "../../packet/ppp.ts";
import type { LinkOptions } from "../../ports/ports.ts";
import type { CallChannel, CallSpec, TrafficCounters } from "../dataplane.ts";

const TURN = 64; // frames
const FRAME = 4096; // bytes: the longest that is read
const REORDER_MS = 100; // what is missing then counts as lost
const ADDRESS_CONTROL = 0xff03; // RFC 1661 §3.1: the kernel writes and strips it
const STATS = 72; // struct pppol2tp_ioc_stats: tx_errors at 24, rx_seq_discards at 48
const NOTHING: TrafficCounters = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };

export interface CallMark {
  readonly value: number;
  readonly mask: number;
}
/** What a call needs of its tunnel. */
interface CallPath {
  readonly name: string;
  /** What its network packets have to be marked with, where the kernel does not see to it that they are the peer's. */
  readonly mark: CallMark | null;
  /** Why nothing can leave now, by name; null: it can. */
  silent(): string | null;
  /**
   * The call's PPPoX socket, in the tunnel's socket; null while the peer's address is not known. Throws SystemError.
   */
  open(ids: Pick<L2tpIds, "localCall" | "peerCall">): number | null;
  /** An unexpected error with a frame of the call, which it ends. */
  fault(e: unknown): void;
  closed(): void;
}

interface CallDeps {
  readonly native: Native;
  readonly drops: Drops;
  /** HEADROOM and FRAME bytes: one for all calls, of which only one at a time has its turn. */
  readonly buffer: Uint8Array;
}
export function callBuffer(): Uint8Array {
  return new Uint8Array(HEADROOM + FRAME);
}

export class KernelCall implements CallChannel {
  readonly name: string;
  readonly mru: number;
  readonly localId: number;
  readonly mark: CallMark | null;
  onFrame: (frame: Packet) => void = () => {};
  onDown: (why: string) => void = () => {};
  readonly #native: Native;
  readonly #drops: Drops;
  readonly #path: CallPath;
  readonly #buffer: Uint8Array;
  #peer: number;
  #sequencing: boolean;
  #pfc = false;
  #session: { readonly call: number; readonly channel: number; readonly watcher: Watcher } | null = null;
  #stats: (() => TrafficCounters) | null = null;
  #unit: { readonly fd: number; readonly number: Uint8Array } | null = null;
  #frames = 0;
  #last: TrafficCounters | null = null;

  /** Throws SystemError when the kernel has no L2TP, or other ids are in its way. */
  constructor(deps: CallDeps, spec: CallSpec, path: CallPath) {
    this.#native = deps.native;
    this.#drops = deps.drops;
    this.#buffer = deps.buffer;
    this.#path = path;
    this.name = `${path.name}-${spec.localId}`;
    this.mru = spec.mru;
    this.localId = spec.localId;
    this.mark = path.mark;
    this.#peer = spec.peerId;
    this.#sequencing = spec.sequencing;
    this.#start();
  }
  get open(): boolean {
    return this.#last === null;
  }
  setPeer(peerCallId: number): void {
    if (!this.open || peerCallId === this.#peer) return;
    this.#stop();
    this.#peer = peerCallId;
    this.#begin();
  }
  setSequencing(on: boolean): void {
    this.#sequencing = on;
    contain(
      () => this.#sequence(),
      (e) => this.#drops.bump(`tx.${errnoOf(e).toLowerCase()}`),
    );
  }
  configure(link: LinkOptions): void {
    this.#pfc = link.pfc;
  }
  send(frame: Packet): void {
    if (!this.open) return this.#drops.bump("l2tp.unknown-call");
    if (this.#peer === 0) return this.#drops.bump("tx.no-peer");
    const silent = this.#path.silent();
    if (silent !== null) return this.#drops.bump(silent);
    if (!this.#session) this.#begin();
    if (!this.#session) return this.#drops.bump("tx.no-socket");
    if (frame.length >= 2 && get16(frame.mem, frame.start) === ADDRESS_CONTROL) frame.pull(2);
    try {
      this.#native.pppWrite(this.#session.channel, frame.view());
    } catch {
      this.#drops.bump("tx.error");
    }
  }
  counters(): TrafficCounters {
    return this.#last ?? this.#stats?.() ?? NOTHING;
  }
  received(): number {
    return this.counters().rxPackets + this.#frames;
  }
  heard(): number {
    return this.received();
  }
  close(): void {
    if (!this.open) return;
    this.#last = this.counters();
    this.#stop();
    this.#path.closed();
  }
  lost(why: string): void {
    this.onDown(why);
  }
  /** The tunnel's socket goes. */
  pause(): void {
    this.#stop();
  }
  /** There may be a socket again: the flow has other addresses, or its first. */
  resume(): void {
    if (this.open) this.#begin();
  }

  /** What the kernel has refused of this call, by our names. It tells nobody else when a packet finds no SA. */
  refused(): [name: string, count: number][] {
    if (!this.#session) return [];
    const stats = new Uint8Array(STATS);
    try {
      this.#ioctl(this.#session.call, "PPPIOCGL2TPSTATS", stats);
    } catch {
      return []; // it is going
    }
    const all: [string, number][] = [
      ["tx.error", get64(stats, 24)],
      ["l2tp.late", get64(stats, 48)],
    ];
    return all.filter(([, n]) => n > 0);
  }

  /** `unit`: a PPP unit, by its descriptor and number, takes this call's network packets. Throws SystemError. */
  connect(unit: number, number: Uint8Array, stats: () => TrafficCounters): void {
    if (!this.#session) throw new RangeError(`${this.name} has no channel`);
    this.#ioctl(this.#session.channel, "PPPIOCCONNECT", number);
    this.#unit = { fd: unit, number };
    this.#stats = stats;
    if (!this.#pfc) return;
    const flags = new Int32Array(1);
    this.#ioctl(unit, "PPPIOCGFLAGS", new Uint8Array(flags.buffer));
    flags[0] = (flags[0] ?? 0) | (this.#native.constants["SC_COMP_PROT"] ?? 0);
    this.#ioctl(unit, "PPPIOCSFLAGS", new Uint8Array(flags.buffer));
  }
  disconnect(): void {
    this.#unit = null;
    this.#stats = null;
  }
  /** Frames that wait at a channel's or unit's descriptor. False: what it was attached to is gone. */
  read(fd: number): boolean {
    try {
      for (let i = 0; i < TURN; i++) {
        const n = this.#native.pppRead(fd, this.#buffer.subarray(HEADROOM));
        if (n < 0) return true;
        if (n === 0) return false;
        this.#deliver(n);
      }
      return true;
    } catch (e) {
      if (!(e instanceof Error && "code" in e)) this.#fault(e);
      return false;
    }
  }
  /** A frame that came by the tunnel's socket: the kernel did not know the call yet. */
  early(frame: Packet): void {
    if (!this.open) return;
    if (frame.length >= 2 && get16(frame.mem, frame.start) === ADDRESS_CONTROL) frame.pull(2);
    if (frame.length > FRAME) return this.#drops.bump("ip.too-big");
    this.#buffer.set(frame.view(), HEADROOM);
    this.#deliver(frame.length);
  }

  #deliver(n: number): void {
    if (n < 2) return this.#drops.bump("ppp.short");
    const protocol = get16(this.#buffer, HEADROOM);
    if (protocol === PPP_IPV4 || (protocol === PPP_IPV6 && this.#unit !== null)) return this.#drops.bump("ip.not-open");
    this.#frames++;
    const frame = new Packet(this.#buffer, HEADROOM, HEADROOM + n);
    frame.push(2);
    this.#buffer[frame.start] = ADDRESS_CONTROL >>> 8;
    this.#buffer[frame.start + 1] = ADDRESS_CONTROL & 0xff;
    contain(
      () => this.onFrame(frame),
      (e) => this.#fault(e),
    );
  }
  #fault(e: unknown): void {
    this.#path.fault(e);
    this.lost("an error of this program (daemon.fault in the log says where)");
  }
  /** Later than the constructor: a failure ends the call. */
  #begin(): void {
    try {
      this.#start();
    } catch (e) {
      this.lost(e instanceof Error ? e.message : errnoOf(e));
    }
  }
  #start(): void {
    if (this.#session || this.#peer === 0) return;
    const call = this.#path.open({ localCall: this.localId, peerCall: this.#peer });
    if (call === null) return;
    try {
      const channel = this.#native.pppChannel(call);
      this.#session = { call, channel, watcher: this.#native.watch(channel, () => this.#readable(channel)) };
      this.#option(call, "PPPOL2TP_SO_REORDERTO", REORDER_MS);
      if (this.#unit) this.#ioctl(channel, "PPPIOCCONNECT", this.#unit.number);
      this.#sequence();
    } catch (e) {
      if (this.#session) this.#stop();
      else this.#native.close(call);
      throw e;
    }
  }
  #stop(): void {
    for (const [name, n] of this.refused()) this.#drops.bump(name, n);
    const s = this.#session;
    this.#session = null;
    if (!s) return;
    s.watcher.stop();
    this.#native.close(s.channel);
    this.#native.close(s.call);
  }
  #readable(channel: number): void {
    if (this.read(channel)) return;
    this.#stop();
    this.lost("the kernel's L2TP tunnel is gone");
  }
  /** As LNS the kernel keeps to what it is told; as LAC it follows the peer (RFC 2661 §5.4). */
  #sequence(): void {
    const call = this.#session?.call;
    if (call === undefined) return;
    this.#option(call, "PPPOL2TP_SO_LNSMODE", Number(this.#sequencing));
    this.#option(call, "PPPOL2TP_SO_SENDSEQ", Number(this.#sequencing));
  }
  #option(call: number, name: string, value: number): void {
    const { constants } = this.#native;
    const data = new Uint8Array(Int32Array.of(value).buffer);
    this.#native.setsockopt(call, constants["SOL_PPPOL2TP"] ?? 0, constants[name] ?? 0, data);
  }
  #ioctl(fd: number, name: string, data: Uint8Array): void {
    this.#native.ioctl(fd, this.#native.constants[name] ?? 0, data);
  }
}
