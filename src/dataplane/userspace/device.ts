// One TUN netdev and its calls: prefix lookup on the fast path and, for packets reordered here, in TypeScript.

import type { FastPath, Native, Ring, Watcher } from "node-tuntap2";
import { Kind } from "node-tuntap2";
import type { Prefix } from "../../core/addr.ts";
import { parsePrefix } from "../../core/addr.ts";
import type { Counters as Drops } from "../../core/counters.ts";
import { SystemError } from "../../core/errors.ts";
import type { Packet } from "../../core/packet.ts";
import { attempt } from "../../linux/errno.ts";
import type { Keeper } from "../../linux/keeper.ts";
import type { RouteSpec } from "../../linux/rtnl.ts";
import { ipLength, ipSource } from "../../packet/ip.ts";
import { PrefixTable } from "../../packet/prefixes.ts";
import { clampMss, mssFor } from "../../packet/tcp.ts";
import type { Route } from "../dataplane.ts";
import { fill, ipBytes } from "../ring.ts";
import type { CallNetdev, UserspaceCall } from "./call.ts";
import { TABLE } from "./routes.ts";

const IFNAMSIZ = 15;
const LINK_LOCAL = 64; // bits of fe80::/64
const TXQUEUELEN = 500; // as TUN's default: a burst of one TCP window

export interface DeviceSpec {
  readonly ifname: string;
  readonly mtu: number;
  readonly local4: string;
  readonly peer4: string | null;
  readonly clampMss: boolean;
  readonly lost?: (why: string) => void;
  /** Drop packets whose source does not route back to their call (a server's users). */
  readonly checkSource: boolean;
  /** The TUN reads and writes GSO super-packets. */
  readonly offload: boolean;
}
interface DeviceDeps {
  readonly native: Native;
  readonly fp: FastPath;
  readonly drops: Drops;
  readonly keeper: Keeper;
  readonly one: Ring;
  /** Calls back when the TUN is readable, after the fast path has sent what it could (Native.watchTransmitted). */
  watch(d: Device): Watcher;
}

export function routeTo(dev: Device, r: Route): RouteSpec {
  const table = r.instead === true ? { table: TABLE } : {};
  return {
    prefix: r.prefix,
    dev: dev.index,
    ...(r.metric === undefined ? {} : { metric: r.metric }),
    ...(r.mtu === undefined ? {} : { mtu: r.mtu }),
    ...table,
  };
}
export function network(text: string): Prefix {
  const p = parsePrefix(text);
  if (!p) throw new SystemError("EINVAL", `cannot route ${text} into the tunnel`, "it is no network");
  return p;
}

export class Device implements CallNetdev {
  readonly ifname: string;
  readonly dev: number;
  readonly fd: number;
  readonly index: number;
  clampMss: number;
  readonly checkSource: boolean;
  readonly lost: (why: string) => void;
  readonly #deps: DeviceDeps;
  readonly #watcher: Watcher;
  readonly #routes = new PrefixTable<UserspaceCall>();
  readonly #undo6: (() => void)[] = [];
  #open = true;

  /** Created, addressed and up. Throws SystemError, and then leaves no netdev behind. */
  constructor(deps: DeviceDeps, id: number, s: DeviceSpec) {
    if (s.ifname.length === 0 || s.ifname.length > IFNAMSIZ || /[%/\s]/.test(s.ifname)) {
      throw new SystemError(
        "EINVAL",
        `cannot create the interface "${s.ifname}"`,
        `a name has 1 to ${IFNAMSIZ} characters, no % / or space`,
      );
    }
    const tun = attempt(`cannot create the interface ${s.ifname}`, TUN_ADVICE, () =>
      deps.native.tunOpen(s.ifname, s.offload ? "offload" : "tun"),
    );
    this.#deps = deps;
    this.ifname = tun.name;
    this.dev = id;
    this.fd = tun.fd;
    this.clampMss = s.clampMss ? mssFor(s.mtu) : 0;
    this.checkSource = s.checkSource;
    this.lost = s.lost ?? ((): void => {});
    const { keeper } = deps;
    let index = 0;
    try {
      index = keeper.rtnl.indexOf(this.ifname);
      this.index = index;
      keeper.addLink({ ifname: this.ifname, index: this.index, mtu: s.mtu }, TXQUEUELEN);
      keeper.addAddress(this.index, s.local4, s.peer4);
      keeper.up(this.index);
    } catch (e) {
      deps.keeper.forgetLink(index);
      deps.native.close(tun.fd);
      throw e;
    }
    this.#watcher = deps.watch(this);
    deps.fp.setExit(Kind.tun, this.dev, this.fd);
  }
  /** Routes `p` to `call`. Throws SystemError when another call has this prefix. */
  route(p: Prefix, call: UserspaceCall): void {
    if (this.#routes.has(p))
      throw new SystemError(
        "EEXIST",
        `cannot route ${p.address}/${p.length} to a second user`,
        "another session has it",
      );
    this.#deps.fp.addRoute(this.dev, ipBytes(p.address), p.length, call.handle);
    this.#routes.add(p, call);
  }
  unroute(p: Prefix): void {
    if (this.#routes.delete(p)) this.#deps.fp.removeRoute(this.dev, ipBytes(p.address), p.length);
  }
  calls(): UserspaceCall[] {
    return [...new Set(this.#routes.values())];
  }
  receive(call: UserspaceCall, p: Packet): boolean {
    const length = ipLength(p.mem, p.start, p.end);
    if (length === 0) return this.#no("ip.bad");
    if (this.checkSource && this.#routes.lookup(ipSource(p.mem, p.start)) !== call) return this.#no("ip.spoofed");
    return this.deliver(p, length);
  }
  /** Clamps an IP packet of `length` bytes and writes it to the TUN; false: counted and dropped. */
  deliver(p: Packet, length: number): boolean {
    p.end = p.start + length;
    if (this.clampMss > 0) clampMss(p.mem, p.start, length, this.clampMss);
    if (!fill(this.#deps.one, 0, [p.view()], Kind.tun)) return this.#no("ip.too-big");
    this.#deps.one.meta[3] = this.dev;
    return this.#deps.native.writeTun(this.fd, this.#deps.one, 1, this.dev, this.#deps.fp) > 0;
  }
  /** Throws SystemError. */
  setMtu(mtu: number): void {
    this.#deps.keeper.setMtu(this.index, mtu);
    if (this.clampMss > 0) this.clampMss = mssFor(mtu);
  }
  /** Sets the link-local address with its prefix and `routes`; null: removes them. Throws SystemError. */
  setIpv6(local: string | null, routes: readonly Route[]): void {
    const { keeper } = this.#deps;
    for (const undo of this.#undo6.splice(0).reverse()) undo();
    if (local === null) return;
    keeper.addAddress(this.index, local, null, LINK_LOCAL);
    this.#undo6.push(() => keeper.removeAddress(this.index, local));
    for (const r of routes) {
      const spec = routeTo(this, r);
      keeper.addRoute(spec);
      this.#undo6.push(() => keeper.deleteRoute(spec));
    }
  }
  /** Stops reading; the keeper no longer restores the netdev. */
  stop(): void {
    this.#watcher.stop();
    this.#deps.fp.setExit(Kind.tun, this.dev, null);
    this.#deps.keeper.forgetLink(this.index);
  }
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watcher.stop();
    this.#deps.native.close(this.fd); // the kernel removes the netdev, its addresses and its routes
  }

  #no(name: string): false {
    this.#deps.drops.bump(name);
    return false;
  }
}

export const TUN_ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "/dev/net/tun is missing; load the tun module (kmod-tun on OpenWrt)",
  ENODEV: "/dev/net/tun has no driver; load the tun module (kmod-tun on OpenWrt)",
  ENXIO: "/dev/net/tun has no driver; load the tun module (kmod-tun on OpenWrt)",
  EPERM: "the daemon needs to be root, or to have CAP_NET_ADMIN",
  EACCES: "the daemon may not open /dev/net/tun",
  EBUSY: "another program uses an interface of that name",
  EINVAL: "an interface of another kind has that name",
};
