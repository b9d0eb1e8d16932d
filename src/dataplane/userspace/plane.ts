// The userspace data plane: everything between the netdevs and the Internet happens in this process, in batches, on the
// native library's fast path. RFC 4303, 3948 (ESP), RFC 2661 §5 (L2TP data), RFC 1661 §2 (PPP framing). The path of a
// packet is outbound.ts and inbound.ts; what they look things up in is ipsec.ts, l2tp.ts and net.ts.

import type { FastPath, Native } from "node-tuntap2";
import { DROPS } from "node-tuntap2";
import { formatEndpoint, formatIp } from "../../core/addr.ts";
import type { Clock } from "../../core/clock.ts";
import { Counters } from "../../core/counters.ts";
import { SystemError } from "../../core/errors.ts";
import type { EventLog } from "../../core/events.ts";
import { faultEvent } from "../../core/fault.ts";
import type { Rng } from "../../core/rng.ts";
import { allOf, contain, Scope } from "../../core/scope.ts";
import { errnoOf } from "../../linux/errno.ts";
import type { DataPlane, IkePort } from "../dataplane.ts";
import { anyAddress, familyOf, ipBytes } from "../ring.ts";
import { Inbound, type InboundTakers } from "./inbound.ts";
import { UserspaceIpsec } from "./ipsec.ts";
import { UserspaceL2tp } from "./l2tp.ts";
import { UserspaceNet } from "./net.ts";
import { Outbound } from "./outbound.ts";
import { Sockets } from "./sockets.ts";

interface PlaneDeps {
  readonly native: Native;
  /** The plane owns it from now on and closes it. */
  readonly fastPath: FastPath;
  readonly clock: Clock;
  readonly crypto: Rng;
  readonly log: EventLog;
  /** For the name servers of this machine. */
  readonly readFile?: (path: string) => string;
  /** Our UDP ports, 500 and 4500 by default. */
  readonly options?: { readonly ikePort?: number; readonly natPort?: number };
}

function noFile(path: string): string {
  throw new SystemError("ENOENT", path);
}
const BATCH = 128; // packets per call: several super-packets

/** Throws SystemError without netlink; sockets and netdevs are opened when needed. */
export async function openUserspacePlane(deps: PlaneDeps): Promise<UserspacePlane> {
  return new UserspacePlane(deps);
}

export class UserspacePlane implements DataPlane {
  readonly kind = "userspace";
  readonly ipsec: UserspaceIpsec;
  readonly l2tp: UserspaceL2tp;
  readonly net: UserspaceNet;
  readonly #log: EventLog;
  readonly #fp: FastPath;
  readonly #drops = new Counters();
  readonly #sockets: Sockets;
  readonly #ike: IkePort;
  #closed = false;

  constructor(deps: PlaneDeps) {
    const { native, fastPath: fp, log } = deps;
    const fault = (e: unknown): void => log.emit(faultEvent("", "a packet in the data plane", e));
    const clock = new Scope(deps.clock, fault);
    const ports = { ike: deps.options?.ikePort ?? 500, nat: deps.options?.natPort ?? 4500 };
    this.#log = log;
    this.#fp = fp;
    const parts = { native, fp, drops: this.#drops };
    // One ring for both directions: a wake serves one of them, and each ring costs a router 270 KB.
    const batch = native.ring(BATCH);
    const sockets = new Sockets(parts, ports, batch, {
      readable: (s, first) => contain(() => inbound.readable(s, first), fault),
      refused: (s) => {
        const where = `UDP ${formatEndpoint(s.local)}`;
        const text = `${where}: the kernel or the network card does not cut long sends; packets leave one by one`;
        log.emit({ kind: "daemon.warning", link: "", text });
      },
    });
    const out = new Outbound(parts, sockets, batch);
    const localTowards = (remote: string): string => {
      try {
        return formatIp(native.probePath(ipBytes(remote)).local);
      } catch (e) {
        this.#drops.bump(`path.${errnoOf(e).toLowerCase()}`);
        return anyAddress(familyOf(remote)); // the kernel will choose, once there is a route
      }
    };
    this.#sockets = sockets;
    this.ipsec = new UserspaceIpsec(fp, deps.crypto, clock, () => sockets.openIpsec());
    this.l2tp = new UserspaceL2tp({
      fp,
      clock,
      drops: this.#drops,
      sockets,
      ipsec: this.ipsec,
      out,
      localTowards,
      fault,
    });
    this.net = new UserspaceNet({
      native,
      fp,
      clock,
      drops: this.#drops,
      log,
      out,
      crypto: deps.crypto,
      readFile: deps.readFile ?? noFile,
    });
    this.l2tp.onCallClosed = (call) => this.net.leave(call);
    this.#ike = {
      send: (local, remote, message) => out.ike(local, remote, message),
      keepalive: (local, remote) => out.keepalive(local, remote),
      onMessage: () => {},
    };
    const takers: InboundTakers = {
      ike: (p, local, remote) => this.#ike.onMessage(p, local, remote),
      secure: (flow, localPort, remotePort, p) => this.l2tp.secure(this.ipsec.byHandle(flow), localPort, remotePort, p),
      clear: (local, remote, p) => this.l2tp.clear(local, remote, p),
      frame: (call, p) => this.l2tp.call(call)?.frame(p),
      data: (call, p) => this.l2tp.call(call)?.data(p),
      done: () => contain(() => this.ipsec.poll(), fault),
      fault,
    };
    const inbound = new Inbound(parts, { ports: sockets.ports, batch, takers });
  }
  /** Opens UDP 500 and 4500 and protocol 50 unless they are open. Throws SystemError with a remedy in its text. */
  ikePort(): IkePort {
    this.#sockets.openIpsec();
    return this.#ike;
  }
  /**
   * The kernel is a plane beside this one: ESP under its SPIs is not heard here from now on. Throws SystemError.
   */
  besideKernel(): void {
    this.#sockets.besideKernel();
  }
  /** Lets UDP 4500 be bound a second time while `bind` runs. Throws what `bind` throws. */
  lend(bind: () => void): void {
    this.#sockets.lend(bind);
  }
  drops(): Record<string, number> {
    const counts = this.#fp.drops();
    const all = new Counters();
    for (const [i, name] of DROPS.entries()) if (counts[i]) all.bump(name, counts[i]);
    for (const [name, n] of Object.entries(this.#drops.snapshot())) all.bump(name, n);
    return all.snapshot();
  }
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    allOf(
      (e) => this.#log.emit(faultEvent("", "the end of the data plane", e)),
      () => this.l2tp.close(),
      () => this.net.close(),
      () => this.ipsec.close(),
      () => this.#sockets.close(),
      () => this.#fp.close(),
    );
  }
}
