// An L2TP tunnel of the kernel's: its UDP socket, which it takes the data of its calls from, and those calls.
import type { Native } from "node-tuntap2";
import type { Counters as Drops } from "../../core/counters.ts";
import { attempt } from "../../linux/errno.ts";
import type { Endpoint } from "../../ports/ports.ts";
import type { CallSpec, L2tpRemote, TunnelPath, TunnelSpec } from "../dataplane.ts";
import { ipBytes } from "../ring.ts";
import { type CallMark, KernelCall } from "./call.ts";
import type { Flow } from "./ipsec.ts";
import type { UdpSocket } from "./sockets.ts";

/** Where L2TP to one remote passes. */
export interface Path {
  readonly remote: L2tpRemote;
  /** Null: in the clear. */
  readonly flow: Flow | null;
  /** For control messages, and the first tunnel. */
  socket: UdpSocket | null;
  readonly tunnels: Set<Tunnel>;
}
/** What a tunnel needs of the plane. */
export interface TunnelDeps {
  readonly native: Native;
  readonly drops: Drops;
  readonly buffer: Uint8Array;
  silent(path: Path): string | null;
  socket(path: Path): UdpSocket | null;
  opened(call: KernelCall, tunnel: Tunnel): void;
  closed(call: KernelCall, tunnel: Tunnel): void;
  ended(tunnel: Tunnel): void;
  /** The call's data comes under the path's SAs alone from now on; returns the undo. Throws SystemError. */
  bind(path: Path, tunnel: number, call: number): () => void;
  /** The mark of what comes by the path, where a call has to see to it; null: the kernel does. */
  markOf(path: Path): CallMark | null;
  fault(e: unknown): void;
}

/** Where the path's packets go, as L2TP sees it; null while the flow has no addresses. */
export function ends(path: Path): { local: Endpoint; remote: Endpoint } | null {
  const { flow, remote } = path;
  const [local, peer] = flow ? [flow.local.address, flow.remote.address] : [remote.localAddress, remote.address];
  if (local === "" || peer === "") return null;
  return { local: { address: local, port: remote.localPort }, remote: { address: peer, port: remote.port } };
}

export class Tunnel implements TunnelPath {
  readonly path: Path;
  readonly localId: number;
  readonly calls = new Set<KernelCall>();
  readonly #deps: TunnelDeps;
  readonly #peerId: number;
  #kernel: { readonly socket: UdpSocket; readonly fd: number } | null = null;
  #open = true;

  constructor(deps: TunnelDeps, path: Path, spec: TunnelSpec) {
    this.#deps = deps;
    this.path = path;
    this.localId = spec.localId;
    this.#peerId = spec.peerId;
  }
  get socket(): UdpSocket | null {
    return this.#kernel?.socket ?? null;
  }
  openCall(spec: CallSpec): KernelCall {
    const release = this.#deps.bind(this.path, this.localId, spec.localId);
    try {
      return this.#openCall(spec, release);
    } catch (e) {
      release();
      throw e;
    }
  }
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const c of [...this.calls]) c.close();
    this.stop();
    this.#deps.ended(this);
  }
  /** The kernel's tunnel goes, and its socket; the next call that needs it makes it anew. */
  stop(): void {
    const k = this.#kernel;
    this.#kernel = null;
    if (!k) return;
    this.#deps.native.close(k.fd);
    k.socket.close(); // the tunnel ends with it
    if (this.path.socket === k.socket) this.path.socket = null;
  }

  #openCall(spec: CallSpec, release: () => void): KernelCall {
    const call: KernelCall = new KernelCall(this.#deps, spec, {
      name: `l2tp-${this.localId}`,
      mark: this.#deps.markOf(this.path),
      silent: () => this.#deps.silent(this.path),
      open: (ids) => this.#call(ids),
      fault: (e) => this.#deps.fault(e),
      closed: () => {
        this.calls.delete(call);
        this.#deps.closed(call, this);
        release();
      },
    });
    this.calls.add(call);
    this.#deps.opened(call, this);
    return call;
  }
  #call(ids: { localCall: number; peerCall: number }): number | null {
    const to = ends(this.path)?.remote;
    const kernel = to && this.#start(to);
    if (!kernel) return null;
    const all = { ...ids, localTunnel: this.localId, peerTunnel: this.#peerId };
    return attempt("cannot open an L2TP call in the kernel", L2TP_ADVICE, () =>
      this.#deps.native.l2tpCall(ipBytes(to.address), to.port, all),
    );
  }
  #start(to: Endpoint): { readonly socket: UdpSocket; readonly fd: number } | null {
    if (this.#kernel) return this.#kernel;
    const socket = this.#deps.socket(this.path);
    if (!socket) return null;
    try {
      const fd = attempt("cannot open an L2TP tunnel in the kernel", L2TP_ADVICE, () =>
        this.#deps.native.l2tpTunnel(socket.fd, ipBytes(to.address), to.port, this.localId, this.#peerId),
      );
      this.#kernel = { socket, fd };
      return this.#kernel;
    } catch (e) {
      if (this.path.socket !== socket) socket.close();
      throw e;
    }
  }
}

const L2TP_ADVICE: Readonly<Record<string, string>> = {
  EAFNOSUPPORT: "module l2tp_ppp is missing: opkg install kmod-pppol2tp",
  EPROTONOSUPPORT: "module l2tp_ppp is missing: opkg install kmod-pppol2tp",
  EEXIST: "another program has a tunnel or call of this number: ip l2tp show tunnel",
};
