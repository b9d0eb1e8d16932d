// Flows and their SAs in the kernel. A flow is a reqid: the policies of its sockets name it, and the kernel sends under
// the newest SA that has it. What an inbound SA opened carries the flow in its mark.
//
// The kernel does not tell of unknown SPIs: onUnknownSpi is never called, they are counted alone.
import { SystemError } from "../../core/errors.ts";
import type { Rng } from "../../core/rng.ts";
import { KERNEL_SPIS, Spis } from "../../esp/spis.ts";
import type { Xfrm } from "../../linux/xfrm.ts";
import type { FoundSa, XfrmEvent, XfrmSa } from "../../linux/xfrm-wire.ts";
import type { Endpoint } from "../../ports/ports.ts";
import type { FlowId, IpsecPlane, SaSpec, Spi, TrafficCounters } from "../dataplane.ts";
import { familyOf } from "../ring.ts";
import { transformOf } from "./algorithms.ts";
import { reqidOf } from "./policies.ts";

const WINDOW = 1024; // packets
const FLOWS = 0xffff;
/** Of a packet's mark; the lower half is left to others. */
export const MARK_MASK = 0xffff_0000;

type Direction = "in" | "out";
interface Sa {
  readonly spi: Spi;
  readonly flow: Flow;
  readonly direction: Direction;
  /** Where its packets go: with the SPI, the kernel's name for it. */
  destination: string;
  /** What it had counted, once the kernel has removed it by itself or for somebody else. */
  gone: FoundSa | null;
  seen: FoundSa | null;
  readonly limited: boolean;
}
export interface Flow {
  readonly id: FlowId;
  /** 1 to 65535; the reqid's lower half and the mark's upper one. */
  readonly number: number;
  local: Endpoint;
  remote: Endpoint;
  udpEncap: boolean;
  /** In the order of installation. */
  readonly out: Sa[];
  readonly in: Map<Spi, Sa>;
  /** Tunnels and the like that need it. */
  users: number;
  /** The caller that installed the outbound SA has been notified; false until the turn after its installation. */
  told: boolean;
  /** Where the peer was said to be last, by a packet that came from elsewhere. */
  mapped: string;
}

/** What packets of the flow are marked with once they are opened. */
export function markOf(flow: Flow): { readonly value: number; readonly mask: number } {
  return { value: flow.number * 0x1_0000, mask: MARK_MASK };
}

const NOWHERE: Endpoint = { address: "", port: 0 };
const NOTHING: TrafficCounters = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };

interface IpsecDeps {
  readonly xfrm: Xfrm;
  readonly rng: Rng;
  /** Why two flows between the same addresses cannot be told apart; null: they can. */
  sharing(): string | null;
  bump(name: string, by?: number): void;
  /** Opens IKE's sockets, which ESP in UDP arrives on. */
  needSockets(): void;
  /** ESP in UDP of the flow will come from there. Throws SystemError. */
  receive(flow: Flow, local: Endpoint, remote: Endpoint): void;
  /** Its sockets need the new addresses. */
  moved(flow: Flow): void;
  /** Nobody needs it any more. */
  released(flow: Flow): void;
  /** Policies may have been removed: what has to be blocked is, before anything else. */
  guard(): void;
}

export class KernelIpsec implements IpsecPlane {
  onMapping: IpsecPlane["onMapping"] = () => {};
  onUnknownSpi: IpsecPlane["onUnknownSpi"] = () => {};
  onLost: IpsecPlane["onLost"] = () => {};
  readonly #deps: IpsecDeps;
  readonly #spis: Spis;
  readonly #in = new Map<Spi, Sa>();
  readonly #flows = new Map<FlowId, Flow>();
  readonly #byNumber = new Map<number, Flow>();
  readonly #watcher: { stop(): void };
  #last = 0;

  /** Throws SystemError. */
  constructor(deps: IpsecDeps) {
    this.#deps = deps;
    this.#spis = new Spis(deps.rng, (spi) => this.#in.has(spi), KERNEL_SPIS);
    this.#watcher = deps.xfrm.watch((e) => this.#happened(e));
  }

  allocateSpi(): Spi {
    return this.#spis.allocate();
  }
  releaseSpi(spi: Spi): void {
    this.#spis.release(spi);
  }
  refusal(id: FlowId, local: Endpoint, remote: Endpoint): string | null {
    // From the same port of a NAT too it is one client that returned: its old flow has nobody any more.
    const shares = (f: Flow): boolean =>
      f.local.address === local.address && f.remote.address === remote.address && f.remote.port !== remote.port;
    const other = [...this.#flows.values()].some((f) => f.id !== id && shares(f));
    const why = other ? this.#deps.sharing() : null;
    return why === null ? null : `another client is behind the same NAT, ${remote.address}, and ${why}`;
  }
  async addInbound(id: FlowId, spec: SaSpec): Promise<void> {
    if (this.#in.has(spec.spi))
      throw new SystemError("EEXIST", `cannot install inbound SPI ${spec.spi}`, "it is in use");
    this.#admit(id, spec);
    this.#deps.needSockets();
    const flow = this.hold(id);
    try {
      if (spec.udpEncap) this.#deps.receive(flow, spec.local, spec.remote);
      this.#deps.xfrm.addSa({
        ...this.#common(flow, spec),
        source: spec.remote.address,
        destination: spec.local.address,
        encap: spec.udpEncap ? { sourcePort: spec.remote.port, destinationPort: spec.local.port } : null,
        sourcePort: spec.remotePort,
        destinationPort: spec.localPort,
        window: WINDOW,
        mark: markOf(flow),
      });
    } catch (e) {
      this.release(flow);
      throw e;
    }
    if (flow.out.length === 0) this.#lead(flow, spec);
    const sa = this.#sa(flow, "in", spec);
    flow.in.set(spec.spi, sa);
    this.#in.set(spec.spi, sa);
    this.#spis.release(spec.spi);
  }
  async addOutbound(id: FlowId, spec: SaSpec): Promise<void> {
    if (this.#find(id, "out", spec.spi))
      throw new SystemError("EEXIST", `cannot install outbound SPI ${spec.spi}`, "it is in use");
    this.#admit(id, spec);
    this.#deps.needSockets();
    const flow = this.hold(id);
    try {
      if (spec.udpEncap) this.#deps.receive(flow, spec.local, spec.remote);
      this.#deps.xfrm.addSa({
        ...this.#common(flow, spec),
        source: spec.local.address,
        destination: spec.remote.address,
        encap: spec.udpEncap ? { sourcePort: spec.local.port, destinationPort: spec.remote.port } : null,
        sourcePort: 0, // the sockets' ports are the selector
        destinationPort: 0,
        window: 0,
        mark: null,
      });
    } catch (e) {
      this.release(flow);
      throw e;
    }
    this.#lead(flow, spec);
    flow.out.push(this.#sa(flow, "out", spec));
    flow.told = false;
    void Promise.resolve().then(() => {
      flow.told = true;
    });
  }
  async remove(id: FlowId, direction: Direction, spi: Spi): Promise<void> {
    const sa = this.#find(id, direction, spi);
    if (sa) this.#remove(sa);
  }
  async move(id: FlowId, local: Endpoint, to: Endpoint): Promise<void> {
    const flow = this.#flows.get(id);
    if (!flow) return;
    for (const sa of [...flow.in.values(), ...flow.out]) {
      const [from, dest] = sa.direction === "in" ? [to, local] : [local, to];
      if (sa.gone) continue;
      this.#deps.xfrm.moveSa(sa.destination, sa.spi, {
        source: from.address,
        destination: dest.address,
        encap: flow.udpEncap ? { sourcePort: from.port, destinationPort: dest.port } : null,
      });
      sa.destination = dest.address;
    }
    flow.local = local;
    flow.remote = to;
    flow.mapped = "";
    if (flow.udpEncap) this.#deps.receive(flow, local, to);
    this.#deps.moved(flow);
  }
  counters(id: FlowId, direction: Direction, spi: Spi): TrafficCounters {
    const sa = this.#find(id, direction, spi);
    const found = sa && this.#ask(sa);
    if (!found) return NOTHING;
    return direction === "in"
      ? { ...NOTHING, rxPackets: found.packets, rxBytes: found.bytes }
      : { ...NOTHING, txPackets: found.packets, txBytes: found.bytes };
  }

  /** The flow, made when it is new: without an SA, so that nothing can leave by it. */
  hold(id: FlowId): Flow {
    if (id === 0) throw new RangeError("flow 0 is in the clear");
    const known = this.#flows.get(id);
    if (known) return known;
    const flow: Flow = {
      id,
      number: this.#number(),
      local: NOWHERE,
      remote: NOWHERE,
      udpEncap: false,
      out: [],
      in: new Map(),
      users: 0,
      told: true,
      mapped: "",
    };
    this.#flows.set(id, flow);
    this.#byNumber.set(flow.number, flow);
    return flow;
  }
  /** Forgets a flow that nobody needs any more. */
  release(flow: Flow): void {
    if (flow.in.size > 0 || flow.out.length > 0 || flow.users > 0 || this.#flows.get(flow.id) !== flow) return;
    this.#flows.delete(flow.id);
    this.#byNumber.delete(flow.number);
    this.#deps.released(flow);
  }
  /** The flow of an inbound SA. */
  bySpi(spi: Spi): Flow | null {
    return this.#in.get(spi)?.flow ?? null;
  }
  find(id: FlowId): Flow | null {
    return this.#flows.get(id) ?? null;
  }
  /** Of a packet with this mark. */
  byMark(mark: number): Flow | null {
    return this.#byNumber.get(mark >>> 16) ?? null;
  }
  /** Why nothing can leave by the flow, by name; null: it can. */
  silent(flow: Flow | null): string | null {
    const sa = flow?.out.at(-1);
    if (!flow || !sa) return "tx.no-sa";
    if (flow.out.some((o) => !o.gone)) return null;
    return sa.limited ? "esp.limit" : "tx.no-sa";
  }
  /** What SAs that are there still have refused, by our names. */
  refused(): [name: string, count: number][] {
    return [...this.#flows.values()]
      .flatMap((f) => [...f.in.values()])
      .flatMap((sa) => {
        const found = sa.gone ? null : this.#ask(sa);
        return found ? counted(found) : [];
      });
  }
  /** Removes every SA of ours. */
  close(): void {
    this.#watcher.stop();
    for (const flow of [...this.#flows.values()]) {
      flow.users = 0;
      for (const sa of [...flow.in.values(), ...flow.out]) this.#remove(sa);
    }
  }

  #admit(id: FlowId, s: SaSpec): void {
    const why = this.refusal(id, s.local, s.remote);
    if (why !== null) throw new SystemError("EOPNOTSUPP", "the kernel cannot carry this peer's packets", why);
  }
  #common(flow: Flow, s: SaSpec): Pick<XfrmSa, "spi" | "reqid" | "transform" | "hardBytes" | "hardPackets"> {
    if (familyOf(s.local.address) !== familyOf(s.remote.address)) throw new RangeError("an SA between IPv4 and IPv6");
    const transform = transformOf(s.cipher, s.integ, s.keys);
    return { spi: s.spi, reqid: reqidOf(flow.number), transform, hardBytes: s.hardBytes, hardPackets: s.hardPackets };
  }
  #sa(flow: Flow, direction: Direction, s: SaSpec): Sa {
    const destination = direction === "in" ? s.local.address : s.remote.address;
    return {
      spi: s.spi,
      flow,
      direction,
      destination,
      gone: null,
      seen: null,
      limited: s.hardBytes > 0 || s.hardPackets > 0,
    };
  }
  #lead(flow: Flow, s: SaSpec): void {
    const moved = flow.local.address !== s.local.address || flow.remote.address !== s.remote.address;
    flow.local = s.local;
    flow.remote = s.remote;
    flow.udpEncap = s.udpEncap;
    if (moved) this.#deps.moved(flow);
  }
  #find(id: FlowId, direction: Direction, spi: Spi): Sa | null {
    const flow = this.#flows.get(id);
    return (direction === "in" ? flow?.in.get(spi) : flow?.out.find((o) => o.spi === spi)) ?? null;
  }
  #ask(sa: Sa): FoundSa | null {
    if (sa.gone) return sa.gone;
    const found = this.#deps.xfrm.sa(sa.destination, sa.spi);
    if (found) sa.seen = found;
    return found;
  }
  #remove(sa: Sa): void {
    const { flow } = sa;
    if (sa.direction === "in") {
      const last = sa.gone ? null : this.#ask(sa);
      if (last) for (const [name, n] of counted(last)) this.#deps.bump(name, n);
      flow.in.delete(sa.spi);
      this.#in.delete(sa.spi);
    } else flow.out.splice(flow.out.indexOf(sa), 1);
    if (!sa.gone) this.#deps.xfrm.deleteSa(sa.destination, sa.spi);
    this.release(flow);
  }
  #number(): number {
    for (let i = 0; i < FLOWS; i++) {
      this.#last = (this.#last % FLOWS) + 1;
      if (!this.#byNumber.has(this.#last)) return this.#last;
    }
    throw new SystemError("EMFILE", "cannot add a flow", "there are too many");
  }
  #happened(e: XfrmEvent): void {
    switch (e.kind) {
      case "expired": {
        const sa = this.#of(e.sa);
        if (!sa || !e.hard) return;
        sa.gone = e.sa;
        this.#deps.bump("esp.limit");
        return;
      }
      case "mapping": {
        const flow = this.#byNumber.get(e.reqid & FLOWS);
        const at = `${e.address} ${e.port}`;
        if (!flow?.in.has(e.spi) || flow.mapped === at) return;
        flow.mapped = at;
        this.onMapping(flow.id, { address: e.address, port: e.port });
        return;
      }
      case "deleted": {
        const sa = this.#of(e);
        if (sa) this.#look([sa]); // it may have moved
        return;
      }
      case "policies":
        return this.#deps.guard();
      case "lost":
        this.#deps.guard();
        return this.#lookAtAll();
      case "flushed":
        return this.#lookAtAll();
    }
  }
  #lookAtAll(): void {
    this.#look([...this.#flows.values()].flatMap((f) => [...f.in.values(), ...f.out]));
  }
  /** Which of them somebody else has removed. */
  #look(all: readonly Sa[]): void {
    const flows = new Set<Flow>();
    for (const sa of all) {
      if (sa.gone || this.#ask(sa)) continue;
      this.#vanished(sa);
      flows.add(sa.flow);
    }
    for (const f of flows) this.onLost(f.id);
  }
  #of(e: { readonly destination: string; readonly spi: Spi }): Sa | null {
    const match = (sa: Sa): boolean => sa.spi === e.spi && sa.destination === e.destination;
    for (const f of this.#flows.values()) {
      const sa = [...f.in.values(), ...f.out].find(match);
      if (sa) return sa;
    }
    return null;
  }
  /** Somebody else removed it: nothing leaves under it any more, and its flow says so. */
  #vanished(sa: Sa): void {
    const { spi, destination } = sa;
    const nothing = { bytes: 0, packets: 0, replays: 0, integrityFailures: 0 };
    sa.gone = sa.seen ?? { ...nothing, spi, destination, source: "", protocol: 0, reqid: 0 };
    this.#deps.bump("esp.removed");
  }
}

function counted(sa: FoundSa): [name: string, count: number][] {
  const all: [string, number][] = [
    ["esp.replay", sa.replays],
    ["esp.auth", sa.integrityFailures],
  ];
  return all.filter(([, n]) => n > 0);
}
