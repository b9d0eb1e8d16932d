// Netdevs of calls whose packets never visit us: a PPP unit each, made by rtnetlink with its name, and connected to the
// call's channel. A server's users have one each, where the userspace plane has one for all.
import type { Native } from "node-tuntap2";
import type { Keeper } from "../../linux/keeper.ts";
import { Leaving } from "../../linux/leaving.ts";
import { MssClamp } from "../../linux/nft-mss.ts";
import { mssFor } from "../../packet/tcp.ts";
import type { CallChannel, ClientInterface, IpConfig, NetPlane, ServerInterface, ServerNet } from "../dataplane.ts";
import { KernelCall } from "./call.ts";
import { IFNAMSIZ, Unit, type UnitSpec } from "./unit.ts";
import { Users } from "./users.ts";

/** What has nothing to do with where packets of calls move: the host's own routes, serial lines, name servers. */
export type HostNet = Pick<
  NetPlane,
  "attachLine" | "attachBridge" | "pinHostRoute" | "blockRoutes" | "resolveOutside" | "pathTo" | "watchOutside" | "way"
> & {
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

function ours(channel: CallChannel): KernelCall {
  if (!(channel instanceof KernelCall)) throw new RangeError("a channel of another plane");
  return channel;
}

export class KernelNet implements NetPlane {
  readonly attachLine: NetPlane["attachLine"];
  readonly attachBridge: NetPlane["attachBridge"];
  readonly pinHostRoute: NetPlane["pinHostRoute"];
  readonly blockRoutes: NetPlane["blockRoutes"];
  readonly resolveOutside: NetPlane["resolveOutside"];
  readonly pathTo: NetPlane["pathTo"];
  readonly watchOutside: NetPlane["watchOutside"];
  readonly way: NetPlane["way"];
  readonly #deps: NetDeps;
  readonly #units = new Map<KernelCall, Unit>();
  readonly #leaving: Leaving;
  /** Null before the first netdev that wants it, and where the kernel cannot. */
  #clamp: MssClamp | null = null;
  #clampTold = false;

  constructor(deps: NetDeps) {
    const { host } = deps;
    this.#deps = deps;
    this.#leaving = new Leaving(deps.keeper.rtnl, deps.warn, deps.warn);
    this.attachLine = (line, cfg) => host.attachLine(line, cfg);
    this.attachBridge = (line, cfg) => host.attachBridge(line, cfg);
    this.pinHostRoute = (server) => host.pinHostRoute(server);
    this.blockRoutes = (prefixes) => host.blockRoutes(prefixes);
    this.resolveOutside = (name) => host.resolveOutside(name);
    this.pathTo = (remote) => host.pathTo(remote);
    this.watchOutside = (changed) => host.watchOutside(changed);
    this.way = (remote, was) => host.way(remote, was);
  }
  async attachClient(channel: CallChannel, cfg: IpConfig): Promise<ClientInterface> {
    const peer4 = cfg.peer4 === cfg.local4 || cfg.peer4 === "0.0.0.0" || cfg.peer4 === "" ? null : cfg.peer4;
    const call = ours(channel);
    const unit = this.#attach(call, { ...cfg, peer4, sources: null });
    return {
      ifname: unit.ifname,
      counters: () => call.counters(),
      setIpv6: async (local) => unit.setIpv6(local),
      setMtu: async (mtu) => {
        if (!this.#units.has(call)) return;
        unit.setMtu(mtu);
        if (!cfg.clampMss) return;
        unit.atEnd();
        unit.atEnd = this.#clampMss(unit.ifname, mssFor(mtu));
      },
      detach: () => this.leave(call),
    };
  }
  async openServer(cfg: ServerNet): Promise<ServerInterface> {
    let unclamp: (() => void) | null = null;
    const users = new Users(cfg, {
      attach: (call, spec) => {
        if (cfg.clampMss) unclamp ??= this.#clampMss(`${cfg.ifname}-*`, mssFor(cfg.mtu));
        return this.#attach(call, { ...spec, ifname: this.#userName(cfg.ifname) });
      },
      leave: (call) => this.leave(call),
      warn: this.#deps.warn,
    });
    return {
      ifname: cfg.ifname,
      attach: async (channel, ip, routes) => users.attach(ours(channel), ip, routes),
      close: async () => {
        users.close();
        unclamp?.();
        await this.#leaving.left();
      },
    };
  }
  /** A call ends: its netdev goes, with all that go in this turn. */
  leave(call: KernelCall): Promise<void> {
    const unit = this.#units.get(call);
    this.#units.delete(call);
    return unit ? this.#leaving.add(unit.part()) : this.#leaving.left();
  }
  close(): void {
    for (const call of [...this.#units.keys()]) void this.leave(call);
    this.#leaving.now();
    this.#clamp?.close();
    this.#deps.keeper.close();
  }

  #attach(call: KernelCall, spec: UnitSpec): Unit {
    if (this.#units.has(call)) throw new RangeError(`${call.name} is attached already`);
    const { native, keeper, host } = this.#deps;
    const unit = new Unit({ native, keeper, insteadTable: host.insteadTable }, call, spec);
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
  /** NAME-1, NAME-2 ... with as much of the name as fits. */
  #userName(base: string): string {
    const names = new Set([...this.#units.values()].map((u) => u.ifname));
    for (let n = 1; ; n++) {
      const name = `${base.slice(0, IFNAMSIZ - `-${n}`.length)}-${n}`;
      if (!names.has(name) && this.#deps.keeper.rtnl.indexOf(name) === 0) return name;
    }
  }
}
