// Netdevs that exist only as names: a test sends packets in and sees packets come out.

import type { Prefix } from "../../core/addr.ts";
import { isIp6, parseIp, parsePrefix } from "../../core/addr.ts";
import { addTraffic, type Counters as Drops } from "../../core/counters.ts";
import { SystemError } from "../../core/errors.ts";
import { Packet } from "../../core/packet.ts";
import { asksRouter, ipDestination, ipSource, ipVersion } from "../../packet/ip.ts";
import { PrefixTable } from "../../packet/prefixes.ts";
import type {
  BridgeLine,
  BridgePort,
  CallChannel,
  ClientInterface,
  IpConfig,
  LineInterface,
  NetPlane,
  PacketLine,
  Route,
  ServerInterface,
  ServerNet,
  TrafficCounters,
  UserInterface,
  Way,
  WayNow,
} from "../dataplane.ts";
import { NoneCall } from "./l2tp.ts";
import type { SimNode } from "./sim.ts";

interface Session {
  readonly call: { sendIp(packet: Uint8Array): void };
  prefixes: readonly Prefix[];
}
interface Netdev {
  readonly ifname: string;
  readonly sessions: Set<Session>;
  /** The link-local address while IPv6 passes: at a netdev of one session. */
  local6: string | null;
  routes: readonly Route[];
  mtu: number;
}

const REFUSED = "";

function prefixOf(text: string): Prefix {
  const p = parsePrefix(text);
  if (!p) throw new RangeError(`not a prefix: ${text}`);
  return p;
}
function prefixes(list: readonly string[]): Prefix[] {
  return list.map(prefixOf);
}
function ipBytes(address: string): Uint8Array {
  const b = parseIp(address);
  if (!b) throw new RangeError(`not an address: ${address}`);
  return b;
}

export class NoneNet implements NetPlane {
  readonly pinned: string[] = [];
  readonly blocked: string[] = [];
  readonly devices = new Map<string, Netdev>();
  /** What this machine's name servers say. */
  outside: (name: string) => Promise<string[]> = (name) =>
    Promise.reject(new SystemError("ENOTFOUND", `no name server knows ${name}`));
  onPacket: (ifname: string, packet: Uint8Array) => void = () => {};
  /** The bridges of this machine, and their ports. */
  readonly bridges = new Map<string, Map<string, BridgeLine>>();
  onFrame: (ifname: string, frame: Uint8Array) => void = () => {};
  readonly #watchers = new Set<() => void>();
  readonly #net: SimNode;
  readonly #drops: Drops;
  constructor(net: SimNode, drops: Drops) {
    this.#net = net;
    this.#drops = drops;
  }
  async attachClient(channel: CallChannel, cfg: IpConfig): Promise<ClientInterface> {
    const dev = this.#open(cfg.ifname, cfg.routes, cfg.mtu);
    let i = this.#join(dev, channel, ["0.0.0.0/0"], ["::/0"], false);
    let before: TrafficCounters = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
    return {
      ifname: i.ifname,
      counters: () => addTraffic(before, i.counters()),
      rebind: async (to) => {
        before = addTraffic(before, i.counters());
        await i.detach();
        i = this.#join(dev, to, ["0.0.0.0/0"], ["::/0"], false);
      },
      setIpv6: async (local) => {
        await i.setIpv6(local);
        dev.local6 = local;
      },
      setMtu: async (mtu) => {
        dev.mtu = mtu;
      },
      detach: async () => {
        await i.detach();
        this.devices.delete(cfg.ifname);
      },
    };
  }
  async attachLine(line: PacketLine, cfg: IpConfig): Promise<LineInterface> {
    const dev = this.#open(cfg.ifname, cfg.routes);
    dev.sessions.add({
      call: { sendIp: (p) => line.transmit(Packet.of(p)) },
      prefixes: prefixes(["0.0.0.0/0", "::/0"]),
    });
    return {
      ifname: dev.ifname,
      counters: () => line.counters(),
      setIpv6: async (local) => {
        dev.local6 = local;
      },
      receive: (p) => this.onPacket(dev.ifname, p.view().slice()),
      detach: async () => void this.devices.delete(cfg.ifname),
    };
  }
  async attachBridge(line: BridgeLine, cfg: Parameters<NetPlane["attachBridge"]>[1]): Promise<BridgePort> {
    const port = (this.bridges.get(cfg.bridge) ?? new Map()).set(cfg.ifname, line);
    if (this.bridges.get(cfg.bridge) !== port)
      throw new SystemError("ENODEV", `cannot make ${cfg.ifname} a port of ${cfg.bridge}`, "there is no such bridge");
    return {
      ifname: cfg.ifname,
      receive: (p) => this.onFrame(cfg.ifname, p.view().slice()),
      detach: async () => void port.delete(cfg.ifname),
    };
  }
  async openServer(cfg: ServerNet): Promise<ServerInterface> {
    const dev = this.#open(cfg.ifname);
    dev.local6 = cfg.local6;
    return {
      ifname: cfg.ifname,
      attach: async (channel, ip, routes: readonly Route[], _mtu, asked) => {
        const all = routes.map((r) => r.prefix);
        const i = this.#join(dev, channel, [ip, ...all.filter((p) => !isIp6(p))], all.filter(isIp6), true, asked);
        return { ...i, setIpv6: (peer) => i.setIpv6(peer, peer) };
      },
      close: async () => void this.devices.delete(cfg.ifname),
    };
  }
  async pinHostRoute(server: string): Promise<() => Promise<void>> {
    this.pinned.push(server);
    return async () => {
      const at = this.pinned.indexOf(server);
      if (at >= 0) this.pinned.splice(at, 1);
    };
  }
  blockRoutes(networks: readonly string[]): () => Promise<void> {
    const list = [...networks];
    this.blocked.push(...list);
    return async () => {
      for (const p of list.splice(0)) this.blocked.splice(this.blocked.indexOf(p), 1);
    };
  }
  resolveOutside(name: string): Promise<string[]> {
    return this.outside(name);
  }
  /** The netdev that the host would send a packet to `address` into; "wan": by its own default route; null: refused. */
  leaves(address: string): string | null {
    const whole = isIp6(address) ? "::/0" : "0.0.0.0/0";
    if (this.pinned.includes(address)) return "wan";
    const table = new PrefixTable<string>();
    const devices = [...this.devices.values()].filter((d) => !isIp6(address) || d.local6 !== null);
    for (const d of devices)
      for (const r of d.routes) if (!r.prefix.endsWith("/0")) table.add(prefixOf(r.prefix), d.ifname);
    for (const b of this.blocked) if (!b.endsWith("/0")) table.add(prefixOf(b), REFUSED);
    const found = table.lookup(ipBytes(address));
    if (found !== undefined) return found === REFUSED ? null : found;
    const blocked = this.blocked.includes(whole);
    const into = devices.find((d) => d.routes.some((r) => r.prefix === whole && (r.instead === true) === blocked));
    return into?.ifname ?? (blocked ? null : "wan");
  }
  watchOutside(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }
  /** As if somebody had changed the host's routes. */
  outsideChanged(): void {
    for (const w of this.#watchers) w();
  }
  way(remote: string, was: Way): WayNow {
    const p = this.#net.pathTo(remote);
    if (!p) return "gone";
    return p.device === was.device && p.local === was.local ? "stands" : "moved";
  }
  async pathTo(remote: string): ReturnType<NetPlane["pathTo"]> {
    const p = this.#net.pathTo(remote);
    if (!p) throw new SystemError("ENETUNREACH", `no route to ${remote}`);
    return p;
  }
  /** As if the host sent `packet` into `ifname`. */
  transmit(ifname: string, packet: Uint8Array): void {
    const dev = this.devices.get(ifname);
    const six = ipVersion(packet, 0) === 6;
    const table = new PrefixTable<Session>();
    for (const s of dev?.sessions ?? []) for (const p of s.prefixes) table.add(p, s);
    const best = six && dev?.local6 == null ? undefined : table.lookup(ipDestination(packet));
    if (!best) {
      this.#drops.bump("ip.no-session");
      return;
    }
    best.call.sendIp(packet);
  }
  #open(ifname: string, routes: readonly Route[] = [], mtu = 1500): Netdev {
    if (this.devices.has(ifname))
      throw new SystemError("EBUSY", `cannot create ${ifname}`, "an interface of that name exists");
    const dev: Netdev = { ifname, sessions: new Set(), local6: null, routes, mtu };
    this.devices.set(ifname, dev);
    return dev;
  }
  #join(
    dev: Netdev,
    channel: CallChannel,
    list: readonly string[],
    six: readonly string[],
    checkSource: boolean,
    asked?: (packet: Packet) => void,
  ): Omit<UserInterface, "setIpv6"> & { setIpv6(on: string | null, peer?: string | null): Promise<void> } {
    if (!(channel instanceof NoneCall)) throw new RangeError("a channel of another plane");
    const session: Session = { call: channel, prefixes: prefixes(list) };
    dev.sessions.add(session);
    channel.onIp = (p) => {
      if (asked && asksRouter(p.mem, p.start, p.end)) return asked(p);
      const packet = p.view().slice();
      const own = new PrefixTable<Session>();
      for (const x of session.prefixes) own.add(x, session);
      if (checkSource && !own.lookup(ipSource(packet))) return this.#drops.bump("ip.spoofed");
      this.onPacket(dev.ifname, packet);
    };
    return {
      ifname: dev.ifname,
      counters: () => channel.counters(),
      setIpv6: async (on, peer = null) => {
        channel.ip6 = on !== null;
        session.prefixes = prefixes([...list, ...(on === null ? [] : [...six, ...(peer === null ? [] : [peer])])]);
      },
      detach: async () => {
        dev.sessions.delete(session);
        channel.onIp = null;
        channel.ip6 = false;
      },
    };
  }
}
