// Netdevs, addresses and routes of links and servers.

import type { FastPath, Native, Watcher } from "node-tuntap2";
import { LEN, OFF } from "node-tuntap2";
import { formatIp } from "../../core/addr.ts";
import type { Clock } from "../../core/clock.ts";
import type { Counters as Drops } from "../../core/counters.ts";
import type { EventLog } from "../../core/events.ts";
import { faultEvent } from "../../core/fault.ts";
import { Packet } from "../../core/packet.ts";
import type { Rng } from "../../core/rng.ts";
import { allOf } from "../../core/scope.ts";
import { attempt, errnoOf } from "../../linux/errno.ts";
import { Keeper } from "../../linux/keeper.ts";
import { Leaving } from "../../linux/leaving.ts";
import type { RouteSpec } from "../../linux/rtnl.ts";
import { ipLength } from "../../packet/ip.ts";
import { clampMss } from "../../packet/tcp.ts";
import type {
  BridgeLine,
  BridgePort,
  CallChannel,
  ClientInterface,
  IpConfig,
  LineInterface,
  NetPlane,
  PacketLine,
  ServerInterface,
  ServerNet,
  Way,
  WayNow,
} from "../dataplane.ts";
import { ipBytes } from "../ring.ts";
import { UserspaceCall } from "./call.ts";
import { Carried } from "./carried.ts";
import type { DeviceSpec } from "./device.ts";
import { Device, network, routeTo } from "./device.ts";
import { Joined, type JoinedHost, type JoinedOptions, ofUser, six, UserNetdev } from "./joined.ts";
import type { Outbound } from "./outbound.ts";
import { OutsideResolver } from "./resolver.ts";
import { OuterRoutes, TABLE } from "./routes.ts";
import { Tap, type TapSpec } from "./tap.ts";

const LINE_TURN = 64;

interface NetDeps {
  readonly native: Native;
  readonly fp: FastPath;
  readonly clock: Clock;
  readonly drops: Drops;
  readonly log: EventLog;
  readonly out: Outbound;
  readonly crypto: Rng;
  readonly readFile: (path: string) => string;
}

function ours(channel: CallChannel): UserspaceCall {
  if (!(channel instanceof UserspaceCall)) throw new RangeError("a channel of another plane");
  return channel;
}

export class UserspaceNet implements NetPlane {
  readonly devices = new Map<number, Device>();
  readonly insteadTable = TABLE;
  readonly #deps: NetDeps;
  readonly #keeper: Keeper;
  readonly #routes: OuterRoutes;
  readonly #resolver: OutsideResolver;
  readonly #one;
  readonly #joined = new Map<UserspaceCall, Joined>();
  readonly #host: JoinedHost;
  /** Netdevs of serial lines: a tunnel may run over them. */
  readonly #lines = new WeakSet<Device>();
  readonly #leaving: Leaving;
  readonly #taps = new Set<Tap>();
  readonly #watchers = new Set<() => void>();
  #ids = 0;

  constructor(deps: NetDeps) {
    this.#deps = deps;
    this.#one = deps.native.ring(1);
    this.#keeper = new Keeper(deps.native, deps.clock, (what) =>
      deps.log.emit({ kind: "network.restored", link: "", what }),
    );
    this.#host = {
      addRoute: (dev, r) => this.#keeper.addRoute(routeTo(dev, r)),
      removeRoute: (dev, r) => {
        if (this.devices.has(dev.dev)) this.#unroute(routeTo(dev, r)); // else it goes with the netdev
      },
      leave: (call) => this.leave(call),
      fault: (e) => this.#fault(e),
    };
    this.#leaving = new Leaving(
      this.#keeper.rtnl,
      (e) => deps.drops.bump(`netdev.${errnoOf(e).toLowerCase()}`),
      (e) => this.#fault(e),
    );
    this.#keeper.onOutside = () => this.#outside();
    this.#resolver = new OutsideResolver({ ...deps, keeper: this.#keeper });
    this.#routes = new OuterRoutes(this.#keeper, deps.clock, deps.log, (index) =>
      [...this.devices.values()].some((d) => d.index === index && !this.#lines.has(d)),
    );
  }

  async attachClient(channel: CallChannel, cfg: IpConfig): Promise<ClientInterface> {
    const carried = new Carried(ours(channel));
    const peer4 = cfg.peer4 === cfg.local4 || cfg.peer4 === "0.0.0.0" || cfg.peer4 === "" ? null : cfg.peer4;
    const dev = this.#open({ ...cfg, peer4, checkSource: false, offload: true });
    const prefixes = [network("0.0.0.0/0"), network("::/0")];
    const ways = { prefixes, routes: cfg.routes.filter((r) => !six(r)) };
    try {
      this.#join(dev, carried.call, ways);
    } catch (e) {
      this.#close(dev);
      throw e;
    }
    return {
      ifname: dev.ifname,
      counters: () => carried.counters(),
      setIpv6: async (local) => {
        if (!this.devices.has(dev.dev)) return;
        carried.call.setIpv6(false);
        dev.setIpv6(local, cfg.routes.filter(six));
        if (local !== null) carried.call.setIpv6(true);
      },
      rebind: async (to) => {
        if (!this.devices.has(dev.dev)) return;
        this.leave(carried.call);
        carried.move(ours(to));
        this.#join(dev, carried.call, ways);
      },
      setMtu: async (mtu) => {
        if (!this.devices.has(dev.dev)) return;
        dev.setMtu(mtu);
        carried.call.setClamp();
      },
      detach: async () => {
        this.leave(carried.call);
        await this.#retire(dev);
      },
    };
  }
  async attachLine(line: PacketLine, cfg: IpConfig): Promise<LineInterface> {
    const peer4 = cfg.peer4 === cfg.local4 || cfg.peer4 === "0.0.0.0" || cfg.peer4 === "" ? null : cfg.peer4;
    const dev = this.#open({ ...cfg, peer4, checkSource: false, offload: false }, (d) => this.#lineReadable(d, line));
    this.#lines.add(dev);
    try {
      for (const r of cfg.routes) if (!six(r)) this.#keeper.addRoute(routeTo(dev, r));
    } catch (e) {
      this.#close(dev);
      throw e;
    }
    return {
      ifname: dev.ifname,
      counters: () => line.counters(),
      setIpv6: async (local) => {
        if (this.devices.has(dev.dev)) dev.setIpv6(local, cfg.routes.filter(six));
      },
      receive: (p) => {
        const length = ipLength(p.mem, p.start, p.end);
        if (length === 0) this.#deps.drops.bump("ip.bad");
        else dev.deliver(p, length);
      },
      detach: () => this.#retire(dev), // its routes go with the netdev
    };
  }
  async attachBridge(line: BridgeLine, cfg: TapSpec): Promise<BridgePort> {
    const { out, crypto } = this.#deps;
    const deps = { ...this.#deps, keeper: this.#keeper, one: this.#one, batch: out.batch };
    const tap: Tap = new Tap({ ...deps, random: (n) => crypto.random(n) }, ++this.#ids, cfg, {
      transmit: (frame) => line.transmit(frame),
      gone: (e) => {
        this.#taps.delete(tap);
        line.lost(this.#gone(tap, e));
      },
    });
    this.#taps.add(tap);
    return {
      ifname: tap.ifname,
      receive: (frame) => tap.receive(frame),
      detach: async () => {
        this.#taps.delete(tap);
        tap.close();
      },
    };
  }
  async openServer(cfg: ServerNet): Promise<ServerInterface> {
    const dev = this.#open({ ...cfg, peer4: null, checkSource: true, offload: true });
    try {
      dev.setIpv6(cfg.local6, []);
    } catch (e) {
      this.#close(dev);
      throw e;
    }
    return {
      ifname: dev.ifname,
      attach: async (channel, ip, routes, mtu, asked) => {
        const all = [{ prefix: ip }, ...routes].map((r) => (mtu === undefined ? r : { ...r, mtu }));
        const netdev = new UserNetdev(dev, mtu ?? null, asked ?? null);
        return this.#join(dev, ours(channel), ofUser(all, netdev));
      },
      close: () => this.#retire(dev),
    };
  }
  async pinHostRoute(server: string): Promise<() => Promise<void>> {
    const undo = this.#routes.pin(server);
    return async () => undo();
  }
  blockRoutes(prefixes: readonly string[]): () => Promise<void> {
    const undo = this.#routes.block(prefixes);
    return async () => undo();
  }
  resolveOutside(name: string): Promise<string[]> {
    return this.#resolver.resolve(name);
  }
  async pathTo(remote: string): ReturnType<NetPlane["pathTo"]> {
    const none = "is the Internet connection up?";
    const advice = { ENETUNREACH: none, EHOSTUNREACH: none, EADDRNOTAVAIL: none };
    const { rtnl } = this.#keeper;
    const undo = this.#routes.hides(remote) ? this.#routes.pin(remote) : (): void => {};
    try {
      const p = attempt(`no route to ${remote}`, advice, () => this.#deps.native.probePath(ipBytes(remote)));
      const [local, index] = [formatIp(p.local), p.ifindex || rtnl.pathTo(remote).dev];
      return { local, mtu: p.mtu, device: rtnl.nameOf(index), borrowed: !rtnl.addressesOf(index).includes(local) };
    } finally {
      undo();
    }
  }
  watchOutside(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }
  #outside(): void {
    this.#routes.review();
    allOf((e) => this.#fault(e), ...this.#watchers);
  }
  way(remote: string, was: Way): WayNow {
    const { rtnl } = this.#keeper;
    try {
      const { local, ifindex } = this.#deps.native.probePath(ipBytes(remote));
      const index = ifindex || rtnl.pathTo(remote).dev;
      if (rtnl.nameOf(index) !== was.device) return "moved";
      return formatIp(local) === was.local || rtnl.addressesOf(index).includes(was.local) ? "stands" : "moved";
    } catch {
      return "gone";
    }
  }
  /** A call ends: its routes go. */
  leave(call: UserspaceCall): void {
    const joined = this.#joined.get(call);
    this.#joined.delete(call);
    joined?.end();
  }
  #fault(e: unknown): void {
    this.#deps.log.emit(faultEvent("", "a netdev's routes and addresses", e));
  }
  close(): void {
    for (const d of [...this.devices.values()]) void this.#leaving.add(this.#part(d));
    this.#leaving.now();
    for (const t of this.#taps) t.close();
    this.#resolver.close();
    this.#routes.close();
    this.#keeper.close();
  }

  #open(s: DeviceSpec, line: ((d: Device) => void) | null = null): Device {
    const { native, fp, drops, out } = this.#deps;
    const watch = (d: Device): Watcher =>
      line
        ? native.watch(d.fd, () => line(d))
        : native.watchTransmitted(d.fd, d.dev, out.batch, fp, (sent) => this.#readable(d, sent));
    const deps = { native, fp, drops, keeper: this.#keeper, one: this.#one, watch };
    const dev = new Device(deps, ++this.#ids, s);
    this.devices.set(dev.dev, dev);
    return dev;
  }
  #close(dev: Device): void {
    this.#part(dev).close();
  }
  /** Stops packets, but leaves the netdev. */
  #part(dev: Device): Device {
    this.devices.delete(dev.dev);
    for (const call of dev.calls()) this.leave(call);
    dev.stop();
    return dev;
  }
  /** With all that go in this turn. */
  #retire(dev: Device): Promise<void> {
    return this.devices.get(dev.dev) === dev ? this.#leaving.add(this.#part(dev)) : this.#leaving.left();
  }
  /** Reads until the TUN is empty, one packet at a time: the line drops what it cannot carry. */
  #lineReadable(dev: Device, line: PacketLine): void {
    const ring = this.#one;
    try {
      for (let i = 0; i < LINE_TURN && this.#deps.native.readTun(dev.fd, ring) > 0; i++) {
        const at = ring.meta[OFF] ?? 0;
        const p = new Packet(ring.mem, at, at + (ring.meta[LEN] ?? 0));
        const length = ipLength(p.mem, p.start, p.end);
        if (length === 0) {
          this.#deps.drops.bump("ip.bad");
          continue;
        }
        if (dev.clampMss > 0) clampMss(p.mem, p.start, length, dev.clampMss);
        line.transmit(p);
      }
    } catch (e) {
      const why = this.#gone(dev, e);
      this.#close(dev);
      line.lost(why);
    }
  }
  #readable(dev: Device, sent: number): void {
    try {
      this.#deps.out.tun(dev.fd, dev.dev, sent);
    } catch (e) {
      const why = this.#gone(dev, e);
      const calls = dev.calls();
      this.#close(dev);
      for (const c of calls) c.lost(why);
      dev.lost(why);
    }
  }
  #gone(dev: { readonly ifname: string }, e: unknown): string {
    const why = `the interface ${dev.ifname} is gone`;
    this.#deps.log.emit({ kind: "daemon.warning", link: "", text: `${why}: ${e instanceof Error ? e.message : ""}` });
    if (!(e instanceof Error && "code" in e)) this.#fault(e);
    return why;
  }
  /** All of it, or nothing and a SystemError. */
  #join(dev: Device, call: UserspaceCall, how: JoinedOptions): Joined {
    if (this.#joined.has(call)) throw new RangeError(`${call.name} is attached already`);
    const joined = new Joined(this.#host, dev, call, how);
    this.#joined.set(call, joined);
    return joined;
  }
  #unroute(r: RouteSpec): void {
    try {
      this.#keeper.deleteRoute(r);
    } catch (e) {
      this.#deps.log.emit({ kind: "daemon.warning", link: "", text: e instanceof Error ? e.message : "" });
    }
  }
}
