// The kernel as the data plane: XFRM for ESP (RFC 4303, 3948), PPPoX for L2TP (RFC 2661 §5), /dev/ppp for PPP (RFC
// 1661). IKE, L2TP control and PPP control stay where they are; packets do not visit this process.
//
// Not in a clear packet's way are the blocks of policies.ts, which stand before IKE's first packet and outlive this
// process.
//
// From Linux 6.11 on the kernel finds a call by its ids alone, whatever SA its data came under, so that one
// authenticated peer could send into the call of another. There a call is bound to its flow's mark: by nftables, which
// keep others' packets away from it (BoundCalls), and for network packets by the filter of its PPP unit as well.
// openKernelPlane refuses such a kernel where it has no nftables.
import type { Native } from "node-tuntap2";
import { formatIp } from "../../core/addr.ts";
import type { Clock } from "../../core/clock.ts";
import { Counters } from "../../core/counters.ts";
import type { EventLog } from "../../core/events.ts";
import { faultEvent } from "../../core/fault.ts";
import type { Packet } from "../../core/packet.ts";
import type { Rng } from "../../core/rng.ts";
import { allOf, contain, Scope } from "../../core/scope.ts";
import { errnoOf } from "../../linux/errno.ts";
import { Keeper } from "../../linux/keeper.ts";
import { BoundCalls } from "../../linux/nft-calls.ts";
import { Xfrm } from "../../linux/xfrm.ts";
import type { Endpoint } from "../../ports/ports.ts";
import type { DataPlane, IkePort, KernelBeside } from "../dataplane.ts";
import { anyAddress, familyOf, ipBytes } from "../ring.ts";
import { EspSockets } from "./esp-sockets.ts";
import { KernelIpsec, MARK_MASK } from "./ipsec.ts";
import { KernelL2tp } from "./l2tp.ts";
import { type HostNet, KernelNet } from "./net.ts";
import { Policies } from "./policies.ts";
import { findsCallsByIdAlone } from "./probe.ts";
import { newRoom, type Received, type SocketDeps, UdpSocket } from "./sockets.ts";
import { dropsSince, parseXfrmStat, type XfrmStat } from "./stats.ts";

const XFRM_STAT = "/proc/net/xfrm_stat";
const MODULES = "/proc/modules";
const OS_RELEASE = "/proc/sys/kernel/osrelease";
const FAMILIES = [4, 6] as const;
const MARKER = new Uint8Array(4); // RFC 3948 §2.2
const KEEPALIVE = Uint8Array.of(0xff); // §2.3

export interface KernelPlaneDeps {
  readonly native: Native;
  readonly clock: Clock;
  readonly crypto: Rng;
  readonly log: EventLog;
  readonly host: HostNet;
  readonly readFile: (path: string) => string;
  readonly options?: {
    readonly ikePort?: number;
    readonly natPort?: number;
    /** Every UDP port that L2TP inside IPsec has with us; 1701 unless told. */
    readonly l2tpPorts?: readonly number[];
  };
  /**
   * Another plane has IKE's sockets, and lets port 4500 be bound a second time while `bind` runs: this one has a socket
   * for each peer, and sends no IKE message.
   */
  readonly lend?: (bind: () => void) => void;
}

/**
 * Throws SystemError when the kernel cannot, or must not. What is missing of L2TP and PPP shows with the first call.
 */
export async function openKernelPlane(deps: KernelPlaneDeps): Promise<DataPlane> {
  return kernelPlane(deps);
}
/** The same at once. */
export function kernelPlane(deps: KernelPlaneDeps): KernelPlane {
  return new KernelPlane(deps, deps.readFile(OS_RELEASE).trim());
}

class KernelPlane implements KernelBeside {
  readonly kind = "kernel";
  readonly ipsec: KernelIpsec;
  readonly l2tp: KernelL2tp;
  readonly net: KernelNet;
  readonly #deps: KernelPlaneDeps;
  readonly #drops = new Counters();
  readonly #before: XfrmStat;
  readonly #xfrm: Xfrm;
  readonly #policies: Policies;
  readonly #sockets: SocketDeps;
  readonly #ports: { readonly ike: number; readonly nat: number };
  readonly #ike: IkePort;
  readonly #bound: BoundCalls | null;
  /** Null: IKE's sockets are ours. */
  readonly #esp: EspSockets | null;
  #open: UdpSocket[] | null = null;
  #closed = false;

  constructor(deps: KernelPlaneDeps, release: string) {
    const { native, log, crypto } = deps;
    const drops = this.#drops;
    const fault = (e: unknown): void => log.emit(faultEvent("", "a packet in the data plane", e));
    const l2tpPorts = deps.options?.l2tpPorts ?? [1701];
    native.manyFiles(); // a call has six
    this.#deps = deps;
    this.#ports = { ike: deps.options?.ikePort ?? 500, nat: deps.options?.natPort ?? 4500 };
    this.#before = this.#stat();
    this.#bound = findsCallsByIdAlone(release) ? new BoundCalls(native, MARK_MASK) : null;
    try {
      this.#xfrm = new Xfrm(native);
      this.#policies = new Policies(this.#xfrm, l2tpPorts); // before any socket of L2TP
    } catch (e) {
      this.#bound?.close();
      throw e;
    }
    this.#sockets = { native, drops, room: newRoom(native), align: this.#xfrm.align, fault };
    this.#esp = deps.lend ? new EspSockets(this.#sockets, deps.lend, (p, from) => this.#received(p, from)) : null;
    this.ipsec = new KernelIpsec({
      xfrm: this.#xfrm,
      rng: crypto,
      sharing: () => this.#sharing(release),
      bump: (name, by) => drops.bump(name, by),
      needSockets: () => this.#openSockets(),
      receive: (flow, local, remote) => this.#esp?.follow(flow, local, remote),
      guard: () => this.#guard(),
      moved: (flow) => this.l2tp.moved(flow),
      released: (flow) => {
        this.#esp?.forget(flow);
        this.l2tp.released(flow);
      },
    });
    const localTowards = (remote: string): string => {
      try {
        return formatIp(native.probePath(ipBytes(remote)).local);
      } catch (e) {
        drops.bump(`path.${errnoOf(e).toLowerCase()}`);
        return anyAddress(familyOf(remote)); // the kernel will choose, once there is a route
      }
    };
    const { ipsec } = this;
    this.l2tp = new KernelL2tp({
      native,
      drops,
      sockets: this.#sockets,
      ipsec,
      bound: this.#bound,
      ports: l2tpPorts,
      localTowards,
      fault,
    });
    const keeper = new Keeper(native, new Scope(deps.clock, fault), (what) =>
      log.emit({ kind: "network.restored", link: "", what }),
    );
    this.net = new KernelNet({ native, keeper, host: deps.host, warn: (e) => this.#warn(e) });
    this.l2tp.onCallClosed = (call) => void this.net.leave(call);
    this.#ike = {
      send: (local, remote, message) => this.#sendIke(local, remote, message),
      keepalive: (local, remote) => this.#from(local, remote)?.sendTo(local, remote, [KEEPALIVE]),
      onMessage: () => {},
    };
  }
  /** Opens UDP 500 and 4500, and L2TP's ports, unless they are open. Throws SystemError with what to do. */
  ikePort(): IkePort {
    this.#openSockets();
    return this.#ike;
  }
  strayed(spi: number, from: Endpoint): boolean {
    const flow = this.ipsec.bySpi(spi);
    if (!flow) return false;
    contain(
      () => this.#esp?.stray(flow, flow.local, from),
      (e) => this.#drops.bump(`rx.${errnoOf(e).toLowerCase()}`),
    );
    return true;
  }
  drops(): Record<string, number> {
    const all = new Counters();
    const add = (list: readonly [string, number][]): void => {
      for (const [name, n] of list) all.bump(name, n);
    };
    add(Object.entries(this.#drops.snapshot()));
    add(this.ipsec.refused());
    add(this.l2tp.refused());
    // Of unknown SPIs the other plane hears too.
    add(dropsSince(this.#before, this.#stat()).filter(([name]) => !this.#esp || name !== "esp.unknown-spi"));
    return all.snapshot();
  }
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    allOf(
      (e) => this.#deps.log.emit(faultEvent("", "the end of the data plane", e)),
      () => this.l2tp.close(),
      () => this.net.close(),
      () => this.ipsec.close(),
      () => {
        for (const s of this.#open ?? []) s.close();
        this.#esp?.close();
      },
      () => this.#bound?.close(),
      () => this.#policies.close(), // last: nothing of ours can send any more
      () => this.#xfrm.close(),
    );
  }

  /** Somebody may have removed our blocks. */
  #guard(): void {
    contain(
      () => {
        const n = this.#policies.restore();
        const what = `${n} IPsec policies that refuse L2TP in the clear`;
        if (n > 0) this.#deps.log.emit({ kind: "network.restored", link: "", what });
      },
      (e) => this.#warn(e),
    );
  }
  #warn(e: unknown): void {
    const text = e instanceof Error ? e.message : errnoOf(e);
    this.#deps.log.emit({ kind: "daemon.warning", link: "", text });
  }
  #openSockets(): void {
    if (this.#open) return;
    const open: UdpSocket[] = [];
    try {
      for (const family of this.#esp ? [] : FAMILIES) {
        for (const port of [this.#ports.ike, this.#ports.nat]) {
          const s = this.#openIke({ address: anyAddress(family), port });
          if (s) open.push(s);
        }
      }
      this.l2tp.listen();
    } catch (e) {
      for (const s of open) s.close();
      throw e;
    }
    this.#open = open;
  }
  #openIke(local: Endpoint): UdpSocket | null {
    const six = familyOf(local.address) === 6;
    try {
      const s = new UdpSocket(this.#sockets, local, { kind: "none" }, (p, from) => this.#received(p, from));
      try {
        if (local.port === this.#ports.nat) s.takeEsp();
      } catch (e) {
        s.close();
        throw e;
      }
      return s;
    } catch (e) {
      // A kernel without IPv6, or without ESP in UDP over it (before 5.8).
      if (six && ["EAFNOSUPPORT", "EADDRNOTAVAIL", "ENOPROTOOPT"].includes(errnoOf(e))) return null;
      throw e;
    }
  }
  #received(p: Packet, from: Received): void {
    if (from.local.port === this.#ports.nat) {
      if (p.length <= MARKER.length || MARKER.some((b, i) => b !== p.mem[p.start + i]))
        return this.#drops.bump("ike.no-marker");
      p.pull(MARKER.length);
    }
    this.#ike.onMessage(p, from.local, from.remote);
  }
  #sendIke(local: Endpoint, remote: Endpoint, message: Uint8Array): void {
    const parts = local.port === this.#ports.nat ? [MARKER, message] : [message];
    this.#from(local, remote)?.sendTo(local, remote, parts);
  }
  #from(local: Endpoint, remote: Endpoint): UdpSocket | null {
    const address = anyAddress(familyOf(remote.address));
    const s = this.#open?.find((o) => o.local.port === local.port && o.local.address === address);
    if (!s) this.#drops.bump("tx.no-socket");
    return s ?? null;
  }
  /**
   * Why two clients behind one NAT cannot be told apart. Where ESP is opened before GRO, GRO may join a packet of the
   * one and a packet of the other, which then have one mark.
   */
  #sharing(release: string): string | null {
    if (!this.#bound) return `Linux ${release} cannot tell them apart: 6.11 and newer can`;
    const offload = /^esp[46]_offload /m.test(this.#read(MODULES));
    return offload ? "the module esp4_offload or esp6_offload is loaded" : null;
  }
  #read(path: string): string {
    try {
      return this.#deps.readFile(path);
    } catch {
      return "";
    }
  }
  #stat(): XfrmStat {
    return parseXfrmStat(this.#read(XFRM_STAT)); // which some kernels lack
  }
}
