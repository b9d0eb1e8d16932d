// L2TP's side of the kernel plane. Each remote that something is sent to has a UDP socket, connected and under its
// flow's policy; a tunnel is the kernel's own on that socket, which takes the data of its calls and leaves control
// messages to us. Peers that we do not know yet are heard on one socket a port, where a packet's mark says by whose SA
// it came.
//
// Two flows between the same ends (two clients behind one NAT, both from port 1701) have sockets that the kernel does
// not tell apart: what arrives on one may be the other's. Where the kernel finds calls by their ids (BoundCalls), a
// socket takes packets of any SA, a call's data is bound to its flow's mark, and control messages go by their mark.
// Older kernels find a call by its socket, and a socket takes its own flow's packets alone (KernelIpsec.refusal).
import type { Native } from "node-tuntap2";
import { formatEndpoint } from "../../core/addr.ts";
import type { Counters as Drops } from "../../core/counters.ts";
import { SystemError } from "../../core/errors.ts";
import { Packet } from "../../core/packet.ts";
import { contain } from "../../core/scope.ts";
import { errnoOf } from "../../linux/errno.ts";
import type { BoundCalls } from "../../linux/nft-calls.ts";
import { isControl, readData } from "../../packet/l2tp.ts";
import type { Endpoint } from "../../ports/ports.ts";
import type { FlowId, L2tpPlane, L2tpRemote, TunnelPath, TunnelSpec } from "../dataplane.ts";
import { anyAddress, familyOf } from "../ring.ts";
import { callBuffer, type KernelCall } from "./call.ts";
import { type Flow, type KernelIpsec, markOf } from "./ipsec.ts";
import { reqidOf } from "./policies.ts";
import { type Protection, type Received, type SocketDeps, UdpSocket } from "./sockets.ts";
import { ends, type Path, Tunnel, type TunnelDeps } from "./tunnel.ts";

const IN_THE_CLEAR: Protection = { kind: "none" };
const ANY = 0; // reqid

interface ClearSocket {
  readonly socket: UdpSocket;
  users: number;
}
interface L2tpDeps {
  readonly native: Native;
  readonly drops: Drops;
  readonly sockets: SocketDeps;
  readonly ipsec: KernelIpsec;
  /** Where the kernel finds calls by their ids alone; null: it finds them by their sockets. */
  readonly bound: BoundCalls | null;
  /** UDP ports on which peers inside IPsec are heard. */
  readonly ports: readonly number[];
  localTowards(remote: string): string;
  fault(e: unknown): void;
}
export class KernelL2tp implements L2tpPlane {
  onControl: L2tpPlane["onControl"] = () => {};
  /** Set by the network side, which holds netdevs of calls. */
  onCallClosed: (call: KernelCall) => void = () => {};
  readonly #deps: L2tpDeps;
  readonly #tunnelDeps: TunnelDeps;
  readonly #paths = new Map<string, Path>();
  readonly #clear: ClearSocket[] = [];
  readonly #calls = new Map<string, { readonly call: KernelCall; readonly tunnel: Tunnel }>();
  #heard: UdpSocket[] | null = null;

  constructor(deps: L2tpDeps) {
    this.#deps = deps;
    this.#tunnelDeps = {
      native: deps.native,
      drops: deps.drops,
      buffer: callBuffer(),
      silent: (path) => this.#silent(path),
      socket: (path) => this.#tunnelSocket(path),
      opened: (call, tunnel) => this.#calls.set(`${tunnel.localId} ${call.localId}`, { call, tunnel }),
      closed: (call, tunnel) => {
        this.onCallClosed(call);
        this.#calls.delete(`${tunnel.localId} ${call.localId}`);
      },
      ended: (tunnel) => this.#ended(tunnel),
      bind: (path, tunnel, call) => this.#bind(path, tunnel, call),
      markOf: (path) => (deps.bound && path.flow ? markOf(path.flow) : null),
      fault: deps.fault,
    };
  }

  secureRemote(flow: FlowId, localPort: number, remotePort: number): L2tpRemote {
    if (flow === 0) throw new RangeError("flow 0 is in the clear");
    const f = this.#deps.ipsec.find(flow);
    return {
      key: `flow ${flow} ${localPort} ${remotePort}`,
      flow,
      address: f?.remote.address ?? "",
      port: remotePort,
      localAddress: f?.local.address ?? "",
      localPort,
    };
  }
  async openClear(local: Endpoint): ReturnType<L2tpPlane["openClear"]> {
    const clear = this.#openClear(local);
    let open = true;
    return {
      local: { address: local.address, port: clear.socket.local.port },
      remote: (to) => {
        const any = local.address === anyAddress(familyOf(local.address));
        const address = any ? this.#deps.localTowards(to.address) : local.address;
        return clearRemote({ address, port: clear.socket.local.port }, to);
      },
      close: () => {
        if (open) this.#closeClear(clear);
        open = false;
      },
    };
  }
  sendControl(remote: L2tpRemote, message: Uint8Array): boolean {
    const flow = remote.flow === 0 ? null : this.#deps.ipsec.find(remote.flow);
    if (remote.flow === 0) return this.#sendClear(remote, message);
    const silent = this.#deps.ipsec.silent(flow);
    if (!flow || silent !== null) return this.#no(silent ?? "tx.no-sa");
    try {
      return this.#pathSocket(this.#path(remote, flow))?.send(message) ?? this.#no("tx.no-sa");
    } catch (e) {
      return this.#no(`tx.${errnoOf(e).toLowerCase()}`);
    }
  }
  openTunnel(spec: TunnelSpec): TunnelPath {
    const flow = spec.remote.flow === 0 ? null : this.#deps.ipsec.hold(spec.remote.flow);
    if (flow) flow.users++;
    const path = this.#path(spec.remote, flow);
    const tunnel = new Tunnel(this.#tunnelDeps, path, spec);
    path.tunnels.add(tunnel);
    return tunnel;
  }

  /** What the kernel has refused of calls that are open, by our names. */
  refused(): [name: string, count: number][] {
    const others: [string, number] = ["l2tp.wrong-flow", this.#deps.bound?.refused() ?? 0];
    return [...[...this.#calls.values()].flatMap((c) => c.call.refused()), ...(others[1] > 0 ? [others] : [])];
  }
  /** Peers inside IPsec are heard from now on. Throws SystemError. */
  listen(): void {
    if (this.#heard) return;
    const heard: UdpSocket[] = [];
    try {
      for (const port of this.#deps.ports) {
        for (const family of [4, 6] as const) {
          const s = this.#hear({ address: anyAddress(family), port });
          if (s) heard.push(s);
        }
      }
    } catch (e) {
      for (const s of heard) s.close();
      throw e;
    }
    this.#heard = heard;
  }
  /** The flow has new addresses: its sockets follow. */
  moved(flow: Flow): void {
    for (const path of this.#paths.values()) {
      const to = path.flow === flow ? ends(path) : null;
      if (!to) continue;
      const sockets = new Set([path.socket, ...[...path.tunnels].map((t) => t.socket)]);
      for (const s of sockets) {
        if (s && s.local.address === to.local.address) s.connect(to.remote);
        else if (s) this.#stop(path);
      }
      for (const t of path.tunnels) for (const c of t.calls) c.resume();
    }
  }
  released(flow: Flow): void {
    for (const [key, path] of this.#paths) {
      if (path.flow !== flow) continue;
      path.socket?.close();
      this.#paths.delete(key);
    }
  }
  close(): void {
    for (const path of [...this.#paths.values()]) {
      for (const t of [...path.tunnels]) t.close();
      path.socket?.close();
    }
    this.#paths.clear();
    for (const s of this.#heard ?? []) s.close();
    this.#heard = null;
    for (const c of this.#clear.splice(0)) c.socket.close();
  }

  #hear(local: Endpoint): UdpSocket | null {
    let s: UdpSocket;
    try {
      s = new UdpSocket(this.#deps.sockets, local, { kind: "sa", in: ANY, out: ANY }, (p, from) => {
        this.#marked(local.port, from, p);
      });
    } catch (e) {
      if (familyOf(local.address) === 6 && ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(errnoOf(e))) return null;
      throw e;
    }
    if (s.withMarks()) return s;
    s.close(); // whose a packet is could only be guessed: before Linux 5.19 we speak first
    return null;
  }
  #path(remote: L2tpRemote, flow: Flow | null): Path {
    const key = `${remote.key} ${flow ? "" : remote.localAddress}`;
    const known = this.#paths.get(key);
    if (known && known.flow === flow) return known;
    const path: Path = { remote, flow, socket: null, tunnels: new Set() };
    this.#paths.set(key, path);
    return path;
  }
  #pathSocket(path: Path): UdpSocket | null {
    path.socket ??= this.#open(path);
    return path.socket;
  }
  /** The path's own socket, or another one between the same ends when a tunnel has that. */
  #tunnelSocket(path: Path): UdpSocket | null {
    const taken = [...path.tunnels].some((t) => t.socket !== null && t.socket === path.socket);
    return taken ? this.#open(path) : this.#pathSocket(path);
  }
  #open(path: Path): UdpSocket | null {
    const { flow } = path;
    const where = ends(path);
    if (!where || (!flow && !this.#clearOn(path.remote))) return null;
    const { bound } = this.#deps;
    const s = new UdpSocket(this.#deps.sockets, where.local, this.#protection(flow), (p, from) => {
      if (!flow) return this.#received(path.remote, flow, p);
      if (bound) return this.#marked(path.remote.localPort, from, p);
      this.#received(this.secureRemote(flow.id, path.remote.localPort, path.remote.port), flow, p);
    });
    try {
      if (bound && flow && !s.withMarks()) throw new SystemError("ENOPROTOOPT", "cannot tell IPsec peers apart", "");
      s.connect(where.remote);
      return s;
    } catch (e) {
      s.close();
      throw e;
    }
  }
  #protection(flow: Flow | null): Protection {
    if (!flow) return IN_THE_CLEAR;
    const reqid = reqidOf(flow.number);
    return { kind: "sa", in: this.#deps.bound ? ANY : reqid, out: reqid };
  }
  #bind(path: Path, tunnel: number, call: number): () => void {
    const { bound, fault } = this.#deps;
    if (!bound || !path.flow) return () => {};
    const mark = markOf(path.flow).value;
    bound.bind(tunnel, call, mark);
    return () => contain(() => bound.release(tunnel, call, mark), fault);
  }
  #silent(path: Path): string | null {
    if (path.flow) return this.#deps.ipsec.silent(path.flow);
    return this.#clearOn(path.remote) ? null : "tx.no-socket";
  }
  /** Its mark says by whose SA a packet came. */
  #marked(localPort: number, from: Received, p: Packet): void {
    const flow = this.#deps.ipsec.byMark(from.mark);
    if (!flow) return this.#deps.drops.bump("l2tp.wrong-flow");
    this.#received(this.secureRemote(flow.id, localPort, from.remote.port), flow, p);
  }
  #received(remote: L2tpRemote, flow: Flow | null, p: Packet): void {
    if (!isControl(p.mem, p.start, p.end)) return this.#data(remote, flow, p);
    if (!flow || flow.told) return this.onControl(remote, p);
    // The peer's last words of quick mode and its first of L2TP came at once: IKE's owner has not heard yet that the
    // flow is up.
    const copy = Packet.of(p.view());
    void Promise.resolve().then(() => this.onControl(remote, copy));
  }
  /** Data that the kernel knew no call for: it came before the call was opened there, or is not for it. */
  #data(remote: L2tpRemote, flow: Flow | null, p: Packet): void {
    const h = readData(p.mem, p.start, p.end);
    if (!h) return this.#deps.drops.bump("l2tp.bad-header");
    const known = this.#calls.get(`${h.tunnel} ${h.call}`);
    if (!known) return this.onControl(remote, p);
    if (known.tunnel.path.flow !== flow || (!flow && known.tunnel.path.remote.key !== remote.key))
      return this.#deps.drops.bump("l2tp.wrong-flow");
    known.call.early(new Packet(p.mem, h.start, h.end));
  }
  #ended(tunnel: Tunnel): void {
    const { path } = tunnel;
    path.tunnels.delete(tunnel);
    if (path.flow) {
      path.flow.users--;
      this.#deps.ipsec.release(path.flow);
      this.#reopen(path);
    } else if (path.tunnels.size === 0) {
      path.socket?.close();
      path.socket = null;
      for (const [key, p] of this.#paths) if (p === path) this.#paths.delete(key);
    }
  }
  /** The tunnel took the socket with it, and the peer's last control messages are still to come. */
  #reopen(path: Path): void {
    if (this.#silent(path) !== null) return;
    try {
      this.#pathSocket(path);
    } catch (e) {
      this.#deps.drops.bump(`rx.${errnoOf(e).toLowerCase()}`);
    }
  }
  #stop(path: Path): void {
    for (const t of path.tunnels) {
      for (const c of t.calls) c.pause();
      t.stop();
    }
    path.socket?.close();
    path.socket = null;
  }

  #openClear(local: Endpoint): ClearSocket {
    const any = anyAddress(familyOf(local.address));
    const shared = this.#clear.find(
      ({ socket: s }) =>
        local.port !== 0 && s.local.port === local.port && [local.address, any].includes(s.local.address),
    );
    if (shared) {
      shared.users++;
      return shared;
    }
    const socket: UdpSocket = new UdpSocket(this.#deps.sockets, local, IN_THE_CLEAR, (p, from) => {
      const address = from.local.address;
      this.#received(clearRemote({ address, port: socket.local.port }, from.remote), null, p);
    });
    const clear = { socket, users: 1 };
    this.#clear.push(clear);
    return clear;
  }
  #closeClear(clear: ClearSocket): void {
    if (--clear.users > 0) return;
    clear.socket.close();
    this.#clear.splice(this.#clear.indexOf(clear), 1);
    for (const path of this.#paths.values())
      if (!path.flow && path.remote.localPort === clear.socket.local.port) this.#stop(path);
  }
  #clearOn(remote: L2tpRemote): ClearSocket | null {
    return this.#clear.find((c) => c.socket.local.port === remote.localPort) ?? null;
  }
  #sendClear(remote: L2tpRemote, message: Uint8Array): boolean {
    const clear = this.#clearOn(remote);
    if (!clear) return this.#no("tx.no-socket");
    const own = this.#paths.get(`${remote.key} ${remote.localAddress}`)?.socket;
    if (own) return own.send(message);
    const local = { address: remote.localAddress, port: remote.localPort };
    return clear.socket.sendTo(local, { address: remote.address, port: remote.port }, [message]);
  }
  #no(name: string): false {
    this.#deps.drops.bump(name);
    return false;
  }
}

function clearRemote(local: Endpoint, to: Endpoint): L2tpRemote {
  return {
    key: `clear ${local.port} ${formatEndpoint(to)}`,
    flow: 0,
    address: to.address,
    port: to.port,
    localAddress: local.address,
    localPort: local.port,
  };
}
