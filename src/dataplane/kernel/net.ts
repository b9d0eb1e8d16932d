// Netdevs of calls whose packets never visit us: a PPP unit each, made by rtnetlink with its name, and connected to the
// call's channel. A server's users have one each, where the userspace plane has one for all.
//
// Left out: the MSS is not clamped (a firewall's work here), and users of a server have no IPv6, because the kernel
// would not check its source addresses.
import type { Native, Watcher } from "node-tuntap2";
import { isIp6 } from "../../core/addr.ts";
import { SystemError } from "../../core/errors.ts";
import { attempt } from "../../linux/errno.ts";
import type { Keeper } from "../../linux/keeper.ts";
import { MssClamp } from "../../linux/nft.ts";
import type { RouteSpec } from "../../linux/rtnl.ts";
import { PPP_IPV4, PPP_IPV6 } from "../../packet/ppp.ts";
import { mssFor } from "../../packet/tcp.ts";
import type {
  CallChannel,
  IpConfig,
  NetInterface,
  NetPlane,
  Route,
  ServerInterface,
  ServerNet,
  TrafficCounters,
  UserInterface,
} from "../dataplane.ts";
import { KernelCall } from "./call.ts";

const IFNAMSIZ = 15;
const TXQUEUELEN = 500; // a burst of one TCP window
const LINK_LOCAL = 64; // bits of fe80::/64
const NPMODE = { pass: 0, drop: 1 } as const;

/** What has nothing to do with where packets of calls move: the host's own routes, serial lines, name servers. */
export type HostNet = Pick<NetPlane, "attachLine" | "pinHostRoute" | "blockRoutes" | "resolveOutside" | "pathTo"> & {
  /** The routing table of routes that take the place of a block (Route.instead). */
  readonly insteadTable: number;
};
export interface NetDeps {
  readonly native: Native;
  readonly keeper: Keeper;
  readonly host: HostNet;
  /** Something is not as it should be, and things go on. */
  warn(e: unknown): void;
}
interface UnitSpec {
  readonly ifname: string;
  readonly mtu: number;
  readonly local4: string;
  readonly peer4: string | null;
  readonly routes: readonly Route[];
  readonly clampMss: boolean;
  /** Packets whose source does not route back here are dropped (RFC 3704 §2.2). */
  readonly checkSource: boolean;
}

function ours(channel: CallChannel): KernelCall {
  if (!(channel instanceof KernelCall)) throw new RangeError("a channel of another plane");
  return channel;
}
function six(r: Route): boolean {
  return isIp6(r.prefix);
}
function int32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

/** One PPP netdev. */
class Unit {
  readonly ifname: string;
  readonly call: KernelCall;
  readonly #deps: NetDeps;
  readonly #fd: number;
  readonly #index: number;
  readonly #watcher: Watcher;
  readonly #routes: readonly Route[];
  readonly #undo6: (() => void)[] = [];
  /** What ends with it. */
  atEnd: () => void = () => {};
  #open = true;

  /** Created, addressed, connected and up, or nothing is left of it. Throws SystemError. */
  constructor(deps: NetDeps, call: KernelCall, s: UnitSpec) {
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
      if (s.checkSource) keeper.rtnl.setLink(s.ifname, index, { reversePath: true });
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
    this.#index = index;
    this.#watcher = native.watch(this.#fd, () => this.#readable());
  }
  stats(): TrafficCounters {
    return this.#deps.keeper.rtnl.counters(this.#index);
  }
  /** The link-local address, with its network, and IPv6 routes; null: IPv6 packets are dropped. Throws SystemError. */
  setIpv6(local: string | null): void {
    if (!this.#open) return;
    const { keeper } = this.#deps;
    this.#mode(PPP_IPV6, NPMODE.drop);
    for (const undo of this.#undo6.splice(0).reverse()) undo();
    if (local === null) return;
    keeper.addAddress(this.#index, local, null, LINK_LOCAL);
    this.#undo6.push(() => keeper.removeAddress(this.#index, local));
    for (const r of this.#routes.filter(six)) {
      const spec = this.#route(r, this.#index);
      keeper.addRoute(spec);
      this.#undo6.push(() => keeper.deleteRoute(spec));
    }
    this.#mode(PPP_IPV6, NPMODE.pass);
  }
  /** The kernel takes the netdev, its addresses and its routes with the descriptor. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watcher.stop();
    this.atEnd();
    this.call.disconnect();
    this.#deps.keeper.forgetLink(this.#index);
    this.#deps.native.close(this.#fd);
  }

  #readable(): void {
    if (this.call.read(this.#fd)) return;
    this.close();
    this.call.lost(`the interface ${this.ifname} is gone`);
  }
  #route(r: Route, dev: number): RouteSpec {
    const table = r.instead === true ? { table: this.#deps.host.insteadTable } : {};
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

export class KernelNet implements NetPlane {
  readonly attachLine: NetPlane["attachLine"];
  readonly pinHostRoute: NetPlane["pinHostRoute"];
  readonly blockRoutes: NetPlane["blockRoutes"];
  readonly resolveOutside: NetPlane["resolveOutside"];
  readonly pathTo: NetPlane["pathTo"];
  readonly #deps: NetDeps;
  readonly #units = new Map<KernelCall, Unit>();
  /** Null before the first netdev that wants it, and where the kernel cannot. */
  #clamp: MssClamp | null = null;
  #clampTold = false;

  constructor(deps: NetDeps) {
    const { host } = deps;
    this.#deps = deps;
    this.attachLine = (line, cfg) => host.attachLine(line, cfg);
    this.pinHostRoute = (server) => host.pinHostRoute(server);
    this.blockRoutes = (prefixes) => host.blockRoutes(prefixes);
    this.resolveOutside = (name) => host.resolveOutside(name);
    this.pathTo = (remote) => host.pathTo(remote);
  }
  async attachClient(channel: CallChannel, cfg: IpConfig): Promise<NetInterface> {
    const peer4 = cfg.peer4 === cfg.local4 || cfg.peer4 === "0.0.0.0" || cfg.peer4 === "" ? null : cfg.peer4;
    const call = ours(channel);
    const unit = this.#attach(call, { ...cfg, peer4, checkSource: false });
    return {
      ifname: unit.ifname,
      counters: () => call.counters(),
      setIpv6: async (local) => unit.setIpv6(local),
      detach: async () => this.leave(call),
    };
  }
  async openServer(cfg: ServerNet): Promise<ServerInterface> {
    const users = new Set<KernelCall>();
    const taken = new Map<string, KernelCall>();
    return {
      ifname: cfg.ifname,
      attach: async (channel, ip, routes) => {
        const call = ours(channel);
        const prefixes = [`${ip}/32`, ...routes.map((r) => r.prefix)];
        const double = prefixes.find((p) => taken.has(p));
        if (double !== undefined)
          throw new SystemError("EEXIST", `cannot route ${double} to a second user`, "another session has it");
        const leave = (): void => {
          users.delete(call);
          for (const p of prefixes) if (taken.get(p) === call) taken.delete(p);
          this.leave(call);
        };
        const { mtu, local4, clampMss } = cfg;
        const unit = this.#attach(call, {
          ...{ ifname: this.#userName(cfg.ifname), mtu, local4, clampMss, peer4: ip, routes, checkSource: true },
        });
        users.add(call);
        for (const p of prefixes) taken.set(p, call);
        return this.#user(unit, leave);
      },
      close: async () => {
        for (const call of users) this.leave(call);
        users.clear();
        taken.clear();
      },
    };
  }
  /** A call ends: its netdev goes. */
  leave(call: KernelCall): void {
    const unit = this.#units.get(call);
    this.#units.delete(call);
    unit?.close();
  }
  close(): void {
    for (const call of [...this.#units.keys()]) this.leave(call);
    this.#clamp?.close();
    this.#deps.keeper.close();
  }

  #attach(call: KernelCall, spec: UnitSpec): Unit {
    if (this.#units.has(call)) throw new RangeError(`${call.name} is attached already`);
    const unit = new Unit(this.#deps, call, spec);
    this.#units.set(call, unit);
    if (spec.clampMss) unit.atEnd = this.#clampMss(unit.ifname, mssFor(spec.mtu));
    return unit;
  }
  /** Returns its undo. A kernel that cannot is no reason to have no link: fw4 clamps in zones that are told to. */
  #clampMss(ifname: string, mss: number): () => void {
    try {
      this.#clamp ??= new MssClamp(this.#deps.native);
      this.#clamp.add(ifname, mss);
      this.#clampTold = false;
    } catch (e) {
      if (!this.#clampTold) this.#deps.warn(e);
      this.#clampTold = true;
      return () => {};
    }
    return () => {
      try {
        this.#clamp?.remove(ifname);
      } catch (e) {
        this.#deps.warn(e);
      }
    };
  }
  #user(unit: Unit, leave: () => void): UserInterface {
    return {
      ifname: unit.ifname,
      counters: () => unit.call.counters(),
      setIpv6: async (peer) => {
        if (peer !== null)
          throw new SystemError(
            "EOPNOTSUPP",
            `no IPv6 on ${unit.ifname}`,
            "a server's users have none in the kernel plane",
          );
      },
      detach: async () => leave(),
    };
  }
  /** NAME-1, NAME-2 ... with as much of the name as fits. */
  #userName(base: string): string {
    const names = new Set([...this.#units.values()].map((u) => u.ifname));
    for (let n = 1; ; n++) {
      const name = `${base.slice(0, IFNAMSIZ - `-${n}`.length)}-${n}`;
      if (!names.has(name) && this.#deps.keeper.rtnl.indexOf(name) === 0) return name;
    }
  }
}

const PPP_ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "the kernel has no PPP: opkg install kmod-ppp",
  ENXIO: "the kernel has no PPP: opkg install kmod-ppp",
  ENODEV: "the kernel has no PPP: opkg install kmod-ppp",
  EPERM: "the daemon needs to be root, or to have CAP_NET_ADMIN",
  EEXIST: "an interface has that name",
};
