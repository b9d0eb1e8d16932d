// The plane's L2TP part: remotes, control messages, and calls on the fast path.
import type { CallParams, FastPath } from "node-tuntap2";
import type { Clock } from "../../core/clock.ts";
import type { Counters as Drops } from "../../core/counters.ts";
import { LazySet } from "../../core/lazy.ts";
import { Packet } from "../../core/packet.ts";
import { PPP_IPV4, pppHeader } from "../../packet/ppp.ts";
import type { Endpoint } from "../../ports/ports.ts";
import { clearRemote } from "../clear.ts";
import type { CallSpec, FlowId, L2tpPlane, L2tpRemote, TunnelPath, TunnelSpec } from "../dataplane.ts";
import { anyAddress, familyOf, ipBytes } from "../ring.ts";
import { type CallHost, type Carrier, type ClearCarrier, UserspaceCall } from "./call.ts";
import type { Flow, UserspaceIpsec } from "./ipsec.ts";
import type { Outbound } from "./outbound.ts";
import type { Sockets } from "./sockets.ts";

/** Opens a call of a tunnel. */
type OpenCall = (tunnel: UserspaceTunnel, spec: TunnelSpec, c: CallSpec) => UserspaceCall;

class UserspaceTunnel implements TunnelPath {
  readonly #open: OpenCall;
  readonly #spec: TunnelSpec;
  readonly #calls = new LazySet<UserspaceCall>();

  constructor(open: OpenCall, spec: TunnelSpec) {
    this.#open = open;
    this.#spec = spec;
  }
  openCall(c: CallSpec): UserspaceCall {
    const call = this.#open(this, this.#spec, c);
    this.#calls.add(call);
    return call;
  }
  forget(call: UserspaceCall): void {
    this.#calls.delete(call);
  }
  close(): void {
    for (const c of [...this.#calls]) c.close();
  }
}

export class UserspaceL2tp implements L2tpPlane {
  onControl: L2tpPlane["onControl"] = () => {};
  /** Set by UserspaceNet, which holds routes to calls. */
  onCallClosed: (call: UserspaceCall) => void = () => {};
  readonly #fp: FastPath;
  readonly #drops: Drops;
  readonly #sockets: Sockets;
  readonly #ipsec: UserspaceIpsec;
  readonly #out: Outbound;
  readonly #localTowards: (remote: string) => string;
  readonly #calls = new Map<number, UserspaceCall>();
  readonly #carriers = new Map<string, ClearCarrier>();
  readonly #open: OpenCall = (tunnel, spec, c) => this.#openCall(tunnel, spec, c);
  readonly #host: CallHost;

  constructor(deps: {
    fp: FastPath;
    clock: Clock;
    drops: Drops;
    sockets: Sockets;
    ipsec: UserspaceIpsec;
    out: Outbound;
    localTowards(remote: string): string;
    fault(e: unknown): void;
  }) {
    this.#fp = deps.fp;
    this.#drops = deps.drops;
    this.#sockets = deps.sockets;
    this.#ipsec = deps.ipsec;
    this.#out = deps.out;
    this.#localTowards = deps.localTowards;
    const { fp, out, drops, clock, fault } = deps;
    this.#host = {
      ...{ fp, out, drops, clock, fault },
      closing: (call) => {
        this.onCallClosed(call);
        this.#calls.delete(call.handle);
      },
      release: (carrier) => this.#release(carrier),
    };
  }

  secureRemote(flow: FlowId, localPort: number, remotePort: number): L2tpRemote {
    if (flow === 0) throw new RangeError("flow 0 is in the clear");
    const f = this.#ipsec.find(flow);
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
    const s = this.#sockets.openClear(local);
    let open = true;
    return {
      local: { address: local.address, port: s.local.port },
      remote: (to) => {
        const address =
          local.address === anyAddress(familyOf(local.address)) ? this.#localTowards(to.address) : local.address;
        return clearRemote({ address, port: s.local.port }, to);
      },
      close: () => {
        if (open) this.#sockets.closeClear(s);
        open = false;
      },
    };
  }
  sendControl(remote: L2tpRemote, message: Uint8Array): boolean {
    if (remote.flow !== 0)
      return this.#out.control(this.#ipsec.find(remote.flow), remote.localPort, remote.port, message);
    return this.#out.clear(localOf(remote), { address: remote.address, port: remote.port }, message);
  }
  openTunnel(spec: TunnelSpec): TunnelPath {
    return new UserspaceTunnel(this.#open, spec);
  }

  /** A control message received inside a flow. */
  secure(flow: Flow | null, localPort: number, remotePort: number, p: Packet): void {
    if (!flow) return;
    if (!this.#ipsec.selects(flow, localPort, remotePort)) return this.#drops.bump("udp.port");
    const remote = this.secureRemote(flow.id, localPort, remotePort);
    if (flow.told) return this.onControl(remote, p);
    // The peer's last quick mode message and its first of L2TP came in one batch: IKE's owner does not know yet that
    // the flow is up.
    const copy = Packet.of(p.view());
    void Promise.resolve().then(() => this.onControl(remote, copy));
  }
  /** A control message received in the clear. */
  clear(local: Endpoint, remote: Endpoint, p: Packet): void {
    this.onControl(clearRemote(local, remote), p);
  }
  call(handle: number): UserspaceCall | null {
    return this.#calls.get(handle) ?? null;
  }
  close(): void {
    for (const c of [...this.#calls.values()]) c.close();
  }

  #openCall(tunnel: UserspaceTunnel, spec: TunnelSpec, c: CallSpec): UserspaceCall {
    const carrier = spec.remote.flow === 0 ? this.#clearCarrier(spec.remote) : this.#ipsec.hold(spec.remote.flow);
    carrier.calls++;
    const params: CallParams = {
      flow: carrier.handle,
      dev: 0,
      localTunnel: spec.localId,
      localCall: c.localId,
      peerTunnel: spec.peerId,
      peerCall: c.peerId,
      innerLocalPort: spec.remote.localPort,
      innerRemotePort: spec.remote.port,
      pppHeader: pppHeader(PPP_IPV4, false, false),
      ip: false,
      ip6: false,
      sequencing: c.sequencing,
      allUp: false,
      passes: 0,
      clampMss: 0,
      checkSource: false,
      echoMagic: 0,
      echoLongest: 0,
    };
    try {
      const call = new UserspaceCall(this.#host, params, { tunnel, carrier, mru: c.mru });
      this.#calls.set(call.handle, call);
      return call;
    } catch (e) {
      this.#release(carrier);
      throw e;
    }
  }
  #clearCarrier(remote: L2tpRemote): ClearCarrier {
    const key = `${remote.localAddress} ${remote.key}`;
    let c = this.#carriers.get(key);
    if (!c) {
      const handle = this.#fp.addFlow({
        local: ipBytes(remote.localAddress),
        remote: ipBytes(remote.address),
        localPort: remote.localPort,
        remotePort: remote.port,
        encap: "clear",
      });
      c = { key, handle, calls: 0 };
      this.#carriers.set(key, c);
    }
    return c;
  }
  #release(carrier: Carrier): void {
    carrier.calls--;
    if (!("key" in carrier)) return this.#ipsec.release(carrier);
    if (carrier.calls > 0) return;
    this.#carriers.delete(carrier.key);
    this.#fp.removeFlow(carrier.handle);
  }
}

function localOf(r: L2tpRemote): Endpoint {
  return { address: r.localAddress, port: r.localPort };
}
