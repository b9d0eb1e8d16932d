// One PPP netdev of the kernel's, made by rtnetlink with its name and connected to a call's channel.
//
// Where packets come from is checked by the unit's own filter (linux/ppp-filter.ts): it depends on no firewall and no
// routing rule, and knows both versions of IP.
import type { Native, Watcher } from "node-tuntap2";
import { isIp6 } from "../../core/addr.ts";
import { SystemError } from "../../core/errors.ts";
import { attempt } from "../../linux/errno.ts";
import type { Keeper } from "../../linux/keeper.ts";
import { encodeFilter, type Source } from "../../linux/ppp-filter.ts";
import type { RouteSpec } from "../../linux/rtnl.ts";
import { PPP_IPV4, PPP_IPV6 } from "../../packet/ppp.ts";
import type { Route, TrafficCounters } from "../dataplane.ts";
import type { KernelCall } from "./call.ts";

/** Characters of a netdev's name. */
export const IFNAMSIZ = 15;
const TXQUEUELEN = 500; // a burst of one TCP window
const LINK_LOCAL = 64; // bits of fe80::/64
const NPMODE = { pass: 0, drop: 1 } as const;

interface UnitDeps {
  readonly native: Native;
  readonly keeper: Keeper;
  /** The routing table of routes that take the place of a block (Route.instead). */
  readonly insteadTable: number;
}
export interface UnitSpec {
  readonly ifname: string;
  readonly mtu: number;
  readonly local4: string;
  readonly peer4: string | null;
  readonly routes: readonly Route[];
  readonly clampMss: boolean;
  /** What the peer may send from; null: anything. */
  readonly sources: readonly Source[] | null;
}

function six(r: Route): boolean {
  return isIp6(r.prefix);
}
function int32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

export class Unit {
  readonly ifname: string;
  readonly call: KernelCall;
  readonly #deps: UnitDeps;
  readonly #fd: number;
  readonly index: number;
  readonly #watcher: Watcher;
  readonly #routes: readonly Route[];
  readonly #undo6: (() => void)[] = [];
  /** What ends with it. */
  atEnd: () => void = () => {};
  #open = true;
  #closed = false;

  /** Created, addressed, connected and up, or nothing is left of it. Throws SystemError. */
  constructor(deps: UnitDeps, call: KernelCall, s: UnitSpec) {
    if (s.ifname.length === 0 || s.ifname.length > IFNAMSIZ || /[%/\s]/.test(s.ifname)) {
      const advice = `a name has 1 to ${IFNAMSIZ} characters, no % / or space`;
      throw new SystemError("EINVAL", `cannot create the interface "${s.ifname}"`, advice);
    }
    const { native, keeper } = deps;
    this.#deps = deps;
    this.ifname = s.ifname;
    this.call = call;
    this.#routes = s.routes;
    this.#fd = attempt(`cannot create the interface ${s.ifname}`, PPP_ADVICE, () => native.pppOpen());
    let index = 0;
    try {
      keeper.rtnl.addPpp(s.ifname, this.#fd);
      index = keeper.rtnl.indexOf(s.ifname);
      this.#mode(PPP_IPV6, NPMODE.drop);
      keeper.addLink({ ifname: s.ifname, index, mtu: s.mtu }, TXQUEUELEN);
      this.filter(s.sources);
      const unit = int32(0);
      this.#ioctl("PPPIOCGUNIT", unit);
      call.connect(this.#fd, unit, () => this.stats());
      this.#mode(PPP_IPV4, NPMODE.pass);
      keeper.addAddress(index, s.local4, s.peer4);
      keeper.up(index);
      for (const r of s.routes) if (!six(r)) keeper.addRoute(this.#route(r, index));
    } catch (e) {
      call.disconnect();
      keeper.forgetLink(index);
      native.close(this.#fd);
      throw e;
    }
    this.index = index;
    this.#watcher = native.watch(this.#fd, () => this.#readable());
  }
  /** What the peer may send from, from now on. Throws SystemError when the kernel cannot see to it. */
  filter(sources: readonly Source[] | null): void {
    const program = encodeFilter({ mark: this.call.mark, sources });
    if (!program) return;
    const what = `cannot check the sources of what comes by ${this.ifname}`;
    attempt(what, FILTER_ADVICE, () => this.#deps.native.pppFilter(this.#fd, program));
  }
  stats(): TrafficCounters {
    return this.#deps.keeper.rtnl.counters(this.index);
  }
  /** Throws SystemError. */
  setMtu(mtu: number): void {
    if (this.#open) this.#deps.keeper.setMtu(this.index, mtu);
  }
  /** The link-local address, with its network, and IPv6 routes; null: IPv6 packets are dropped. Throws SystemError. */
  setIpv6(local: string | null): void {
    if (!this.#open) return;
    const { keeper } = this.#deps;
    this.#mode(PPP_IPV6, NPMODE.drop);
    for (const undo of this.#undo6.splice(0).reverse()) undo();
    if (local === null) return;
    keeper.addAddress(this.index, local, null, LINK_LOCAL);
    this.#undo6.push(() => keeper.removeAddress(this.index, local));
    for (const r of this.#routes.filter(six)) {
      const spec = this.#route(r, this.index);
      keeper.addRoute(spec);
      this.#undo6.push(() => keeper.deleteRoute(spec));
    }
    this.#mode(PPP_IPV6, NPMODE.pass);
  }
  /** No packet passes any more, but the netdev is still there. */
  part(): this {
    if (!this.#open) return this;
    this.#open = false;
    this.#watcher.stop();
    this.atEnd();
    this.call.disconnect();
    this.#deps.keeper.forgetLink(this.index);
    return this;
  }
  /** The kernel takes the netdev, its addresses and its routes with the descriptor. */
  close(): void {
    this.part();
    if (this.#closed) return;
    this.#closed = true;
    this.#deps.native.close(this.#fd);
  }

  #readable(): void {
    if (this.call.read(this.#fd)) return;
    this.close();
    this.call.lost(`the interface ${this.ifname} is gone`);
  }
  #route(r: Route, dev: number): RouteSpec {
    const table = r.instead === true ? { table: this.#deps.insteadTable } : {};
    return { prefix: r.prefix, dev, ...(r.metric === undefined ? {} : { metric: r.metric }), ...table };
  }
  #mode(protocol: number, mode: number): void {
    this.#ioctl("PPPIOCSNPMODE", int32(protocol, mode)); // struct npioctl
  }
  #ioctl(name: string, data: Uint8Array): void {
    const { native } = this.#deps;
    attempt(`cannot set up ${this.ifname}`, PPP_ADVICE, () =>
      native.ioctl(this.#fd, native.constants[name] ?? 0, data),
    );
  }
}

const FILTER_ADVICE: Readonly<Record<string, string>> = {
  EINVAL: "there are too many networks",
  ENOTTY: "the kernel has no filter of PPP packets (CONFIG_PPP_FILTER)",
};
const PPP_ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "the kernel has no PPP: opkg install kmod-ppp",
  ENXIO: "the kernel has no PPP: opkg install kmod-ppp",
  ENODEV: "the kernel has no PPP: opkg install kmod-ppp",
  EPERM: "the daemon needs to be root, or to have CAP_NET_ADMIN",
  EEXIST: "an interface has that name",
};
