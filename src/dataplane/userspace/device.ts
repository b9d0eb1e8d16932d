// One TUN netdev and the calls behind it: prefix lookup on the fast path and, for packets put in order here, in TypeScript.
import { Kind } from "node-tuntap2";
import type { FastPath, Native, Ring, Watcher } from "node-tuntap2";
import { ip4ToNumber, isIp6, parseIp, parsePrefix } from "../../core/addr.ts";
import type { Prefix } from "../../core/addr.ts";
import type { Counters as Drops } from "../../core/counters.ts";
import { SystemError } from "../../core/errors.ts";
import type { Packet } from "../../core/packet.ts";
import { attempt } from "../../linux/errno.ts";
import type { RouteSpec, Rtnl } from "../../linux/rtnl.ts";
import type { Route } from "../dataplane.ts";
import { ipBytes } from "./address.ts";
import { clampMss, ip4Length, ip6Length, mssFor, read32 } from "./inner.ts";
import type { Door, UserspaceCall } from "./l2tp.ts";
import { fill } from "./sockets.ts";

const IFNAMSIZ = 15;
const LINK_LOCAL = 64; // bits of fe80::/64
const TXQUEUELEN = 500; // as TUN's default: a burst of one TCP window

export interface DeviceSpec {
  readonly ifname: string;
  readonly mtu: number;
  readonly local4: string;
  readonly peer4: string | null;
  readonly clampMss: boolean;
  /** Sources must route back to the call they come from: a server's users. */
  readonly checkSource: boolean;
}
export interface DeviceDeps {
  readonly native: Native;
  readonly fp: FastPath;
  readonly drops: Drops;
  readonly rtnl: Rtnl;
  readonly one: Ring;
  /** The TUN has packets. */
  readable(d: Device): void;
}

export function routeTo(dev: Device, r: Route): RouteSpec {
  return { prefix: r.prefix, dev: dev.index, ...(r.metric === undefined ? {} : { metric: r.metric }) };
}
export function network(text: string): Prefix {
  const p = parsePrefix(text);
  if (!p) throw new SystemError("EINVAL", `cannot route ${text} into the tunnel`, "it is no network");
  return p;
}

export class Device implements Door {
  readonly ifname: string;
  readonly dev: number;
  readonly fd: number;
  readonly index: number;
  readonly clampMss: number;
  readonly checkSource: boolean;
  readonly #deps: DeviceDeps;
  readonly #watcher: Watcher;
  readonly #routes = new Map<number, UserspaceCall>(); // by length * 2^32 + network
  readonly #lengths = new Map<number, number>();
  readonly #routes6 = new Map<string, UserspaceCall>();
  readonly #undo6: (() => void)[] = [];
  #open = true;

  /** Created, addressed and up, or nothing is left of it. Throws SystemError. */
  constructor(deps: DeviceDeps, id: number, s: DeviceSpec) {
    if (s.ifname.length === 0 || s.ifname.length > IFNAMSIZ || /[%/\s]/.test(s.ifname)) {
      throw new SystemError("EINVAL", `cannot create the interface "${s.ifname}"`, `a name has 1 to ${IFNAMSIZ} characters, no % / or space`);
    }
    const tun = attempt(`cannot create the interface ${s.ifname}`, TUN_ADVICE, () => deps.native.tunOpen(s.ifname, "tun"));
    this.#deps = deps;
    this.ifname = tun.name;
    this.dev = id;
    this.fd = tun.fd;
    this.clampMss = s.clampMss ? mssFor(s.mtu) : 0;
    this.checkSource = s.checkSource;
    try {
      this.index = deps.rtnl.indexOf(this.ifname);
      quiet(deps.rtnl, this.ifname, this.index);
      deps.rtnl.setLink(this.ifname, this.index, { mtu: s.mtu, txqueuelen: TXQUEUELEN });
      deps.rtnl.addAddress(this.ifname, this.index, s.local4, s.peer4);
      deps.rtnl.setLink(this.ifname, this.index, { up: true });
    } catch (e) {
      deps.native.close(tun.fd);
      throw e;
    }
    this.#watcher = deps.native.watch(this.fd, () => deps.readable(this));
  }
  /** Packets to `p` go to `call`. Throws SystemError when another call has this prefix. */
  route(p: Prefix, call: UserspaceCall): void {
    const six = isIp6(p.address);
    const key = six ? 0 : keyOf(p);
    if (six ? this.#routes6.has(key6(p)) : this.#routes.has(key)) throw new SystemError("EEXIST", `cannot route ${p.address}/${p.length} to a second user`, "another session has it");
    this.#deps.fp.addRoute(this.dev, ipBytes(p.address), p.length, call.handle);
    if (six) {
      this.#routes6.set(key6(p), call);
      return;
    }
    this.#routes.set(key, call);
    this.#lengths.set(p.length, (this.#lengths.get(p.length) ?? 0) + 1);
  }
  unroute(p: Prefix): void {
    if (isIp6(p.address)) {
      if (this.#routes6.delete(key6(p))) this.#deps.fp.removeRoute(this.dev, ipBytes(p.address), p.length);
      return;
    }
    if (!this.#routes.delete(keyOf(p))) return;
    this.#deps.fp.removeRoute(this.dev, ipBytes(p.address), p.length);
    const left = (this.#lengths.get(p.length) ?? 1) - 1;
    if (left > 0) this.#lengths.set(p.length, left);
    else this.#lengths.delete(p.length);
  }
  calls(): UserspaceCall[] {
    return [...new Set([...this.#routes.values(), ...this.#routes6.values()])];
  }
  receive(call: UserspaceCall, p: Packet): boolean {
    const six = (p.mem[p.start] as number) >> 4 === 6;
    const length = ipLength(p);
    if (length === 0) return this.#no("ip.bad");
    const from = (): UserspaceCall | null => (six ? this.#lookup6(p.mem.subarray(p.start + 8, p.start + 24)) : this.#lookup(read32(p.mem, p.start + 12)));
    if (this.checkSource && from() !== call) return this.#no("ip.spoofed");
    return this.deliver(p, length);
  }
  /** An IP packet of `length` bytes for the host. */
  deliver(p: Packet, length: number): boolean {
    p.end = p.start + length;
    if (this.clampMss > 0) clampMss(p.mem, p.start, length, this.clampMss);
    if (!fill(this.#deps.one, 0, [p.view()], Kind.tun)) return this.#no("ip.too-big");
    this.#deps.one.meta[3] = this.dev;
    return this.#deps.native.writeTun(this.fd, this.#deps.one, 1, this.dev, this.#deps.fp) > 0;
  }
  /** The link-local address, with its network and the groups of the link, and `routes`; null: no IPv6 any more. Throws SystemError. */
  setIpv6(local: string | null, routes: readonly Route[]): void {
    const { rtnl } = this.#deps;
    for (const undo of this.#undo6.splice(0).reverse()) undo();
    if (local === null) return;
    rtnl.addAddress(this.ifname, this.index, local, null, LINK_LOCAL);
    this.#undo6.push(() => rtnl.removeAddress(this.ifname, this.index, local, LINK_LOCAL));
    for (const r of routes) {
      const spec = routeTo(this, r);
      rtnl.addRoute(spec);
      this.#undo6.push(() => rtnl.deleteRoute(spec));
    }
  }
  /** Nothing is read any more. */
  stop(): void {
    this.#watcher.stop();
  }
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watcher.stop();
    this.#deps.native.close(this.fd); // the kernel takes the netdev, its addresses and its routes with it
  }

  #lookup(ip: number): UserspaceCall | null {
    let best = -1;
    let found: UserspaceCall | null = null;
    for (const length of this.#lengths.keys()) {
      const call = length > best ? this.#routes.get(length * 0x1_0000_0000 + masked(ip, length)) : undefined;
      if (call) [best, found] = [length, call];
    }
    return found;
  }
  /** Rare enough for a plain walk: packets that were put in order, or decompressed, here. */
  #lookup6(ip: Uint8Array): UserspaceCall | null {
    let best = -1;
    let found: UserspaceCall | null = null;
    for (const [key, call] of this.#routes6) {
      const [address = "", length = ""] = key.split("/");
      if (Number(length) > best && within(ip, parseIp(address), Number(length))) [best, found] = [Number(length), call];
    }
    return found;
  }
  #no(name: string): false {
    this.#deps.drops.bump(name);
    return false;
  }
}

const TUN_ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "/dev/net/tun is missing; load the tun module (kmod-tun on OpenWrt)",
  ENODEV: "/dev/net/tun has no driver; load the tun module (kmod-tun on OpenWrt)",
  ENXIO: "/dev/net/tun has no driver; load the tun module (kmod-tun on OpenWrt)",
  EPERM: "the daemon needs to be root, or to have CAP_NET_ADMIN",
  EACCES: "the daemon may not open /dev/net/tun",
  EBUSY: "another program uses an interface of that name",
  EINVAL: "an interface of another kind has that name",
};

/** Length of the IP packet, of either version; 0 when it is none. */
export function ipLength(p: Packet): number {
  return (p.mem[p.start] as number) >> 4 === 6 ? ip6Length(p.mem, p.start, p.end) : ip4Length(p.mem, p.start, p.end);
}
function masked(ip: number, length: number): number {
  return length === 0 ? 0 : (ip & (0xffff_ffff << (32 - length))) >>> 0;
}
function keyOf(p: Prefix): number {
  return p.length * 0x1_0000_0000 + ip4ToNumber(p.address);
}
function key6(p: Prefix): string {
  return `${p.address}/${p.length}`;
}
function within(ip: Uint8Array, net: Uint8Array | null, length: number): boolean {
  return net?.every((b, i) => ((b ^ (ip[i] as number)) & (0xff00 >> Math.max(0, Math.min(8, length - 8 * i))) & 0xff) === 0) ?? false;
}
/** No IPv6 of its own. A kernel without IPv6 needs no such thing. */
function quiet(rtnl: Rtnl, name: string, index: number): void {
  try {
    rtnl.setLink(name, index, { quiet: true });
  } catch {
    // EAFNOSUPPORT and the like.
  }
}
