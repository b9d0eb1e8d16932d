// What both versions of IKE share: connections by flow and by peer, servers, and who may begin.
import { Counters } from "../core/counters.ts";
import { faultEvent } from "../core/fault.ts";
import { Scope } from "../core/scope.ts";
import type { WaitingLimits } from "../core/waiting.ts";
import type { FlowId } from "../dataplane/dataplane.ts";
import type { Endpoint } from "../ports/ports.ts";
import { ADMISSION, Admission, type AdmissionLimits } from "./admission.ts";
import { CONNECTIONS, Peers } from "./peers.ts";
import { Refusals } from "./refusals.ts";
import {
  failure,
  type IkeConnectConfig,
  type IkeDeps,
  type IkeEnv,
  type IkeOwner,
  type IkePolicy,
  type IkeResponderConfig,
  NATT_PORT,
  type PeerConnection,
} from "./types.ts";

/** Most bytes of a first message, which is kept until the peer is authenticated. The longest known ones are a quarter. */
const LONGEST_FIRST = 4096;

export interface IkeLimits {
  readonly admission?: AdmissionLimits;
  /** Of servers' connections. */
  readonly connections?: WaitingLimits;
}
export interface Server {
  readonly cfg: IkeResponderConfig;
  readonly owner: IkeOwner;
}

/** Both ends of a connection's first messages. */
interface Ends {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}
/** Where ESP in UDP will pass, if it has to. */
export function natPath(cfg: Pick<IkeConnectConfig, "local" | "remote">): Ends {
  return { local: { address: cfg.local, port: NATT_PORT }, remote: { address: cfg.remote, port: NATT_PORT } };
}

export class House {
  readonly counters = new Counters();
  readonly env: IkeEnv;
  readonly peers: Peers;
  readonly refusals: Refusals;
  /** Exchanges that peers began and that are not authenticated yet. */
  readonly admission: Admission;
  readonly connections = new Map<FlowId, PeerConnection>();
  readonly servers = new Set<Server>();
  #serial = 1;
  #nextFlow = 1;

  constructor(deps: IkeDeps, limits: IkeLimits) {
    this.env = { ...deps, counters: this.counters };
    this.peers = new Peers(limits.connections ?? CONNECTIONS);
    this.refusals = new Refusals(this.env);
    const clock = new Scope(deps.clock, (e) => deps.log.emit(faultEvent("", "the admission of IKE's strangers", e)));
    this.admission = new Admission(
      clock,
      limits.admission ?? ADMISSION,
      (address) => this.peers.has(address),
      (address) => this.#busy(address),
      (name) => this.counters.bump(name),
    );
    deps.plane.onMapping = (flow, from) => {
      const c = this.connections.get(flow);
      c?.run(() => c.mapping(from));
    };
    deps.plane.onLost = (flow) => {
      const c = this.connections.get(flow);
      if (!c) return;
      this.env.log.emit({ kind: "esp.lost", link: c.policy.link, peer: c.peer });
      c.run(() => c.lost());
    };
    deps.plane.onUnknownSpi = (from, spi) => this.#unknownSpi(from, spi);
  }
  newFlow(): FlowId {
    return this.#nextFlow++;
  }
  newSerial(): number {
    return this.#serial++;
  }
  /** A server begins, or ends. */
  serve(r: Server, on: boolean): void {
    if (on) this.servers.add(r);
    else this.servers.delete(r);
    this.admission.expect(Math.max(0, ...[...this.servers].map((s) => s.cfg.crowd)));
  }
  /** The server that answers at an address in this version. */
  server(local: Endpoint, version: "v1" | "v2"): Server | null {
    for (const r of this.servers) {
      const other = r.cfg.versions !== "auto" && r.cfg.versions !== version;
      if (!other && (r.cfg.local === null || r.cfg.local === local.address)) return r;
    }
    return null;
  }
  ownerOf(policy: IkePolicy): IkeOwner | null {
    return [...this.servers].find((r) => r.cfg === policy)?.owner ?? null;
  }
  /** Before anything of a first message is read. An address that has a connection may renew it, whatever is full. */
  admits(bytes: number, remote: Endpoint): boolean {
    if (bytes > LONGEST_FIRST) this.counters.bump("ike.too-long");
    else if (this.admission.pauses(remote.address)) this.counters.bump("ike.pause");
    else if (this.peers.has(remote.address)) return true;
    else if (this.env.noRoom?.()) this.counters.bump("ike.no-memory");
    else if (!this.peers.room(remote.address)) this.counters.bump("ike.full");
    else return true;
    return false;
  }
  /** For one more connection of a peer: one that has no child SA yet makes room. */
  roomFor(address: string): boolean {
    if (this.peers.room(address)) return true;
    this.peers
      .at(address)
      .find((c) => !c.client && !c.announced)
      ?.down(failure("superseded", `${address} started a new connection`));
    return this.peers.room(address);
  }
  /** The peer has forgotten everything that it had before `serial`. */
  supersede(policy: IkePolicy, address: string, peerId: string, serial: number): void {
    for (const c of this.samePeer(policy, address, peerId)) if (!c.client && c.serial < serial) c.superseded();
  }
  samePeer(policy: IkePolicy, address: string, peerId: string): PeerConnection[] {
    return this.peers.at(address).filter((c) => c.policy.link === policy.link && c.peerId === peerId);
  }
  enter(c: PeerConnection, { local, remote }: Ends): void {
    this.connections.set(c.flow, c);
    this.peers.place(c, remote.address);
    this.env.plane.place?.(c.flow, c.policy.place?.(c.flow, local, remote) ?? "userspace");
  }
  moved(c: PeerConnection): void {
    if (c.remote) this.peers.place(c, c.remote.address);
  }
  gone(c: PeerConnection): void {
    this.connections.delete(c.flow);
    this.env.plane.place?.(c.flow, null);
    this.peers.delete(c);
  }
  /** Where it would go is known later: one server that has room is enough. */
  #busy(address: string): boolean {
    return this.servers.size > 0 && [...this.servers].every((s) => s.owner.busy?.(address) === true);
  }
  #unknownSpi(from: Endpoint, spi: number): void {
    this.counters.bump("ike.unknown-spi");
    for (const c of this.peers.at(from.address))
      if (from.port === 0 || c.remote?.port === from.port) c.run(() => c.unknownSpi(spi));
  }
}
