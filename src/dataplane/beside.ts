// The userspace plane and the kernel's side by side, as one data plane. Each flow, socket and call is one plane's from
// its beginning to its end. What they share:
//
//   UDP 500, 4500   the userspace plane's; for each of its peers the kernel has a connected socket, which goes before
//                   those. A peer's NAT that moves is noticed as an unknown SPI here, and gets another such socket.
//   protocol 50     both hear all of it; the top bit of an SPI says whose it is, and a filter keeps the kernel's away.
//   netdevs         a server's users are on its netdev, or have one each in the kernel.
//
// Routes, serial lines and name servers are the userspace plane's alone. A UDP port that one plane has in the clear is
// not the other's too (link/placing.ts).
import { SystemError } from "../core/errors.ts";
import type { Packet } from "../core/packet.ts";
import type { Endpoint } from "../ports/ports.ts";
import type {
  CallChannel,
  DataPlane,
  FlowId,
  IkePort,
  IpsecPlane,
  KernelBeside,
  L2tpPlane,
  L2tpRemote,
  NetPlane,
  PlaneKind,
  ServerInterface,
  ServerNet,
  TrafficCounters,
  TunnelPath,
  TunnelSpec,
  UserInterface,
} from "./dataplane.ts";

/** Both planes; the kernel's is null until it is opened. */
interface Both {
  readonly userspace: DataPlane;
  kernel(): KernelBeside | null;
}

class IpsecBeside implements IpsecPlane {
  onMapping: IpsecPlane["onMapping"] = () => {};
  onUnknownSpi: IpsecPlane["onUnknownSpi"] = () => {};
  onLost: IpsecPlane["onLost"] = () => {};
  readonly #both: Both;
  /** Flows that are the kernel's. */
  readonly #kernels = new Set<FlowId>();

  constructor(both: Both) {
    this.#both = both;
    const { ipsec } = both.userspace;
    this.#follow(ipsec);
    ipsec.onUnknownSpi = (from, spi) => {
      if (!both.kernel()?.strayed(spi, from)) this.onUnknownSpi(from, spi);
    };
  }
  #follow(ipsec: IpsecPlane): void {
    ipsec.onMapping = (flow, from) => this.onMapping(flow, from);
    ipsec.onLost = (flow) => this.onLost(flow);
  }
  opened(kernel: KernelBeside): void {
    this.#follow(kernel.ipsec);
  }
  /** Whose the flow is. */
  of(flow: FlowId): DataPlane {
    const { userspace } = this.#both;
    return this.#kernels.has(flow) ? (this.#both.kernel() ?? userspace) : userspace;
  }

  place(flow: FlowId, at: PlaneKind | null): void {
    if (at === "kernel") this.#kernels.add(flow);
    else this.#kernels.delete(flow);
  }
  refusal(flow: FlowId, local: Endpoint, remote: Endpoint): string | null {
    return this.#both.kernel()?.ipsec.refusal?.(flow, local, remote) ?? null;
  }
  allocateSpi(at: PlaneKind = "userspace"): number {
    const { userspace } = this.#both;
    return (at === "kernel" ? (this.#both.kernel() ?? userspace) : userspace).ipsec.allocateSpi();
  }
  releaseSpi(spi: number): void {
    for (const p of this.#all()) p.ipsec.releaseSpi(spi);
  }
  async addInbound(...[flow, spec]: Parameters<IpsecPlane["addInbound"]>): Promise<void> {
    await this.of(flow).ipsec.addInbound(flow, spec);
  }
  async addOutbound(...[flow, spec]: Parameters<IpsecPlane["addOutbound"]>): Promise<void> {
    await this.of(flow).ipsec.addOutbound(flow, spec);
  }
  /** Of both: the flow's end may have been told before. */
  async remove(...args: Parameters<IpsecPlane["remove"]>): Promise<void> {
    await Promise.all(this.#all().map((p) => p.ipsec.remove(...args)));
  }
  async move(...[flow, local, to]: Parameters<IpsecPlane["move"]>): Promise<void> {
    await this.of(flow).ipsec.move(flow, local, to);
  }
  counters(...[flow, direction, spi]: Parameters<IpsecPlane["counters"]>): ReturnType<IpsecPlane["counters"]> {
    return this.of(flow).ipsec.counters(flow, direction, spi);
  }
  #all(): DataPlane[] {
    const kernel = this.#both.kernel();
    return kernel ? [this.#both.userspace, kernel] : [this.#both.userspace];
  }
}

class L2tpBeside implements L2tpPlane {
  onControl: L2tpPlane["onControl"] = () => {};
  readonly #both: Both;
  readonly #ipsec: IpsecBeside;
  /** Remotes in the clear that are the kernel's, by key, with their users. */
  readonly #clear = new Map<number, number>();
  readonly #calls = new WeakSet<CallChannel>();

  constructor(both: Both, ipsec: IpsecBeside) {
    this.#both = both;
    this.#ipsec = ipsec;
    this.#follow(both.userspace);
  }
  #follow(plane: DataPlane): void {
    plane.l2tp.onControl = (remote: L2tpRemote, p: Packet) => this.onControl(remote, p);
  }
  opened(kernel: KernelBeside): void {
    this.#follow(kernel);
  }
  /** Whether the kernel has the call. */
  has(channel: CallChannel): boolean {
    return this.#calls.has(channel);
  }
  #of(remote: L2tpRemote): DataPlane {
    if (remote.flow !== 0) return this.#ipsec.of(remote.flow);
    const { userspace } = this.#both;
    return this.#clear.has(remote.localPort) ? (this.#both.kernel() ?? userspace) : userspace;
  }

  secureRemote(flow: FlowId, localPort: number, remotePort: number): L2tpRemote {
    return this.#ipsec.of(flow).l2tp.secureRemote(flow, localPort, remotePort);
  }
  async openClear(local: Endpoint, at?: PlaneKind): ReturnType<L2tpPlane["openClear"]> {
    const kernel = at === "kernel" ? this.#both.kernel() : null;
    if (!kernel) return await this.#both.userspace.l2tp.openClear(local);
    const clear = await kernel.l2tp.openClear(local);
    const { port } = clear.local;
    this.#clear.set(port, (this.#clear.get(port) ?? 0) + 1);
    return {
      ...clear,
      close: () => {
        clear.close();
        const left = (this.#clear.get(port) ?? 0) - 1;
        if (left > 0) this.#clear.set(port, left);
        else this.#clear.delete(port);
      },
    };
  }
  sendControl(remote: L2tpRemote, message: Uint8Array): boolean {
    return this.#of(remote).l2tp.sendControl(remote, message);
  }
  openTunnel(spec: TunnelSpec): TunnelPath {
    const plane = this.#of(spec.remote);
    const tunnel = plane.l2tp.openTunnel(spec);
    if (plane === this.#both.userspace) return tunnel;
    return {
      openCall: (call) => {
        const channel = tunnel.openCall(call);
        this.#calls.add(channel);
        return channel;
      },
      close: () => tunnel.close(),
    };
  }
}

class NetBeside implements NetPlane {
  readonly attachLine: NetPlane["attachLine"];
  readonly attachBridge: NetPlane["attachBridge"];
  readonly pinHostRoute: NetPlane["pinHostRoute"];
  readonly blockRoutes: NetPlane["blockRoutes"];
  readonly resolveOutside: NetPlane["resolveOutside"];
  readonly pathTo: NetPlane["pathTo"];
  readonly watchOutside: NetPlane["watchOutside"];
  readonly way: NetPlane["way"];
  readonly #both: Both;
  readonly #l2tp: L2tpBeside;

  constructor(both: Both, l2tp: L2tpBeside) {
    const { net } = both.userspace;
    this.#both = both;
    this.#l2tp = l2tp;
    this.attachLine = (line, cfg) => net.attachLine(line, cfg);
    this.attachBridge = (line, cfg) => net.attachBridge(line, cfg);
    this.pinHostRoute = (server) => net.pinHostRoute(server);
    this.blockRoutes = (prefixes) => net.blockRoutes(prefixes);
    this.resolveOutside = (name) => net.resolveOutside(name);
    this.pathTo = (remote) => net.pathTo(remote);
    this.watchOutside = (changed) => net.watchOutside(changed);
    this.way = (remote, was) => net.way(remote, was);
  }
  attachClient(...[channel, cfg]: Parameters<NetPlane["attachClient"]>): ReturnType<NetPlane["attachClient"]> {
    return this.#net(channel).attachClient(channel, cfg);
  }
  /** The shared netdev is there even while all users are the kernel's: it keeps the pool's routes. */
  async openServer(cfg: ServerNet): Promise<ServerInterface> {
    const shared = await this.#both.userspace.net.openServer(cfg);
    const inKernel = this.#both.kernel();
    const own = inKernel && (await inKernel.net.openServer(cfg));
    const taken = new Set<string>();
    return {
      ifname: shared.ifname,
      attach: async (channel, ip, routes, mtu, asked) => {
        const prefixes = [`${ip}/32`, ...routes.map((r) => r.prefix)];
        const double = prefixes.find((p) => taken.has(p));
        if (double !== undefined)
          throw new SystemError("EEXIST", `cannot route ${double} to a second user`, "another session has it");
        const to = own && this.#l2tp.has(channel) ? own : shared;
        const user = await to.attach(channel, ip, routes, mtu, asked);
        for (const p of prefixes) taken.add(p);
        return new UserBeside(user, prefixes, taken);
      },
      close: async () => {
        await Promise.all([shared.close(), own?.close()]);
      },
    };
  }
  #net(channel: CallChannel): NetPlane {
    const { userspace } = this.#both;
    return (this.#l2tp.has(channel) ? (this.#both.kernel() ?? userspace) : userspace).net;
  }
}

/** A user of either plane, and the prefixes that no other one may have meanwhile. */
class UserBeside implements UserInterface {
  readonly #user: UserInterface;
  readonly #prefixes: readonly string[];
  readonly #taken: Set<string>;

  constructor(user: UserInterface, prefixes: readonly string[], taken: Set<string>) {
    this.#user = user;
    this.#prefixes = prefixes;
    this.#taken = taken;
  }
  get ifname(): string {
    return this.#user.ifname;
  }
  counters(): TrafficCounters {
    return this.#user.counters();
  }
  setIpv6(peer: string | null): Promise<void> {
    return this.#user.setIpv6(peer);
  }
  async detach(): Promise<void> {
    await this.#user.detach();
    for (const p of this.#prefixes) this.#taken.delete(p);
  }
}

export class PlanesBeside implements DataPlane {
  readonly kind = "userspace";
  readonly ipsec: IpsecBeside;
  readonly l2tp: L2tpBeside;
  readonly net: NetBeside;
  readonly #userspace: DataPlane;
  readonly #openKernel: () => KernelBeside;
  #kernel: KernelBeside | null = null;
  #ike: IkePort | null = null;
  #closed = false;

  /** `openKernel` throws SystemError. */
  constructor(userspace: DataPlane, openKernel: () => KernelBeside) {
    const both: Both = { userspace, kernel: () => this.#kernel };
    this.#userspace = userspace;
    this.#openKernel = openKernel;
    this.ipsec = new IpsecBeside(both);
    this.l2tp = new L2tpBeside(both, this.ipsec);
    this.net = new NetBeside(both, this.l2tp);
  }
  /** From now on flows and sockets can be the kernel's. Throws SystemError. */
  openKernel(): void {
    if (this.#kernel || this.#closed) return;
    const kernel = this.#openKernel();
    this.#kernel = kernel;
    this.ipsec.opened(kernel);
    this.l2tp.opened(kernel);
    if (this.#ike) this.#join(kernel, this.#ike);
  }
  ikePort(): IkePort {
    const port = this.#userspace.ikePort();
    if (this.#ike) return this.#ike;
    const ike: IkePort = {
      send: (local, remote, message) => port.send(local, remote, message),
      keepalive: (local, remote) => port.keepalive(local, remote),
      onMessage: () => {},
    };
    port.onMessage = (p, local, remote) => ike.onMessage(p, local, remote);
    this.#ike = ike;
    if (this.#kernel) this.#join(this.#kernel, ike);
    return ike;
  }
  #join(kernel: KernelBeside, ike: IkePort): void {
    kernel.ikePort().onMessage = (p, local, remote) => ike.onMessage(p, local, remote);
  }
  drops(): Record<string, number> {
    const all: Record<string, number> = { ...this.#userspace.drops() };
    for (const [name, n] of Object.entries(this.#kernel?.drops() ?? {})) all[name] = (all[name] ?? 0) + n;
    return all;
  }
  async close(): Promise<void> {
    this.#closed = true;
    await this.#kernel?.close();
    await this.#userspace.close();
  }
}
