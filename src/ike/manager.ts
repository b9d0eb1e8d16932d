// IKE for one daemon: RFC 2407 (IPsec DOI), 2408 (ISAKMP), 2409 (IKEv1), 3947/3948 (NAT traversal), 3706 (DPD).
// Main mode with pre-shared keys and quick mode in transport mode for UDP 1701, both roles. Left out: aggressive mode,
// certificates, Mode Config and XAUTH, IKEv2 (its folder would be v2/, beside v1/).
import { formatEndpoint } from "../core/addr.ts";
import { Counters } from "../core/counters.ts";
import { DecodeError, type Failure } from "../core/errors.ts";
import { faultEvent } from "../core/fault.ts";
import type { Packet } from "../core/packet.ts";
import { contain } from "../core/scope.ts";
import { random32 } from "../core/rng.ts";
import { hex } from "../core/text.ts";
import type { FlowId } from "../dataplane/dataplane.ts";
import type { Endpoint } from "../ports/ports.ts";
import {
  ISAKMP_PORT, type IkeConnectConfig, type IkeConnection, type IkeDeps, type IkeEnv, type IkeOwner, type IkePolicy,
  type IkeResponderConfig,
} from "./types.ts";
import { Connection } from "./v1/connection.ts";
import { IkeSa, type IkeSaOwner } from "./v1/ikesa.ts";
import { chooseIke } from "./v1/mainmode.ts";
import { EXCHANGE, FLAG, isZero, readMessage, writeMessage, type IsakmpHeader } from "./wire/header.ts";
import { NOTIFY, writeNotify } from "./wire/notify.ts";
import { one, PAYLOAD, readChain, writeChain } from "./wire/payloads.ts";
import { PROTOCOL } from "./wire/sa.ts";

export interface IkeLimits {
  /** Main modes of strangers under way, all together and per address. */
  readonly halfOpen?: number;
  readonly halfOpenPerAddress?: number;
  /** Peers at a time. */
  readonly connections?: number;
}
/** ISAKMP SAs that serve no connection yet. */
const SPARE = 512;

interface Responder {
  readonly cfg: IkeResponderConfig;
  readonly owner: IkeOwner;
}
interface Client {
  readonly cfg: IkeConnectConfig;
  readonly owner: IkeOwner;
}

export class IkeManager {
  readonly counters = new Counters();
  readonly #env: IkeEnv;
  readonly #halfOpen: number;
  readonly #halfOpenPerAddress: number;
  readonly #most: number;
  readonly #responders = new Set<Responder>();
  readonly #clients = new Map<Connection, Client>();
  readonly #connections = new Map<FlowId, Connection>();
  /** All ISAKMP SAs by initiator cookie (what the first answer can be found by) and our side. */
  readonly #sas = new Map<string, IkeSa>();
  /** Strangers' main modes, oldest first. */
  readonly #strangers = new Set<IkeSa>();
  /** SAs of peers that have a connection by the same road already: whom they serve, their first quick mode says. */
  readonly #spare = new Set<IkeSa>();
  #serial = 1;
  #nextFlow = 1;
  #closed = false;

  constructor(deps: IkeDeps, limits: IkeLimits = {}) {
    this.#env = { ...deps, counters: this.counters };
    this.#halfOpen = limits.halfOpen ?? 256;
    this.#halfOpenPerAddress = limits.halfOpenPerAddress ?? 64;
    this.#most = limits.connections ?? 4096;
    deps.port.onMessage = (p, local, remote) => this.#receive(p, local, remote);
    deps.plane.onMapping = (flow, from) => {
      const c = this.#connections.get(flow);
      c?.contain(() => c.mapping(from));
    };
    deps.plane.onUnknownSpi = (from, spi) => this.#unknownSpi(from, spi);
  }

  /** Main mode, then quick mode; rekeys until closed. Results come to `owner`, never before this returns. */
  connect(cfg: IkeConnectConfig, owner: IkeOwner): IkeConnection {
    if (this.#closed) throw new RangeError("ike: closed");
    const c = new Connection(this.#env, this.#nextFlow++, cfg, owner, this.#connectionOwner, true, { local: cfg.localPort, remote: cfg.remotePort });
    this.#connections.set(c.flow, c);
    this.#clients.set(c, { cfg, owner });
    this.#env.log.emit({ kind: "ike.started", link: cfg.link, peer: cfg.remote, role: "initiator" });
    try {
      this.#beginPhase1(c);
    } catch (e) {
      c.close("phase 1 could not begin");
      throw e;
    }
    return c;
  }
  /** Answers peers; closing it closes its connections. */
  addResponder(cfg: IkeResponderConfig, owner: IkeOwner): { close(): void } {
    const r: Responder = { cfg, owner };
    this.#responders.add(r);
    return {
      close: () => {
        this.#responders.delete(r);
        for (const c of [...this.#connections.values()]) if (c.policy === cfg) c.contain(() => c.close("server stopped"));
        for (const s of [...this.#sas.values()]) if (s.policy === cfg) s.contain(() => s.close());
      },
    };
  }
  /** Deletes to all peers, each sent once, then nothing more is sent or heard. */
  close(): void {
    if (this.#closed) return;
    for (const c of [...this.#connections.values()]) c.contain(() => c.close("shutting down"));
    for (const s of [...this.#sas.values()]) s.contain(() => s.close());
    this.#responders.clear();
    this.#closed = true;
  }
  /** For status: what is being set up, and what stands. */
  sizes(): { readonly connections: number; readonly sas: number; readonly halfOpen: number } {
    return { connections: this.#connections.size, sas: this.#sas.size, halfOpen: this.#strangers.size };
  }

  // Datagrams
  #receive(p: Packet, local: Endpoint, remote: Endpoint): void {
    if (this.#closed) return;
    const datagram = p.view().slice();
    contain(() => this.#decoding(remote, () => {
      const { header, body } = readMessage(datagram);
      const sa = this.#find(header);
      if (sa) sa.contain(() => this.#decoding(remote, () => sa.receive(header, body, datagram, local, remote)));
      else this.#stranger(header, body, datagram, local, remote);
    }), (e) => this.#env.log.emit(faultEvent("", "an IKE datagram", e)));
  }
  #decoding(remote: Endpoint, f: () => void): void {
    try {
      f();
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      this.counters.bump(`ike.${e.code}`);
      this.#env.log.emit({ kind: "peer.bad", link: "", layer: "ike", peer: formatEndpoint(remote), what: e.message });
    }
  }
  #find(h: IsakmpHeader): IkeSa | null {
    const sa = this.#sas.get(hex(h.icookie));
    if (!sa) return null;
    if (isZero(sa.rcookie) || hex(sa.rcookie) === hex(h.rcookie)) return sa;
    // a repeated first message, or an error notify to ours, has no responder cookie
    return isZero(h.rcookie) && (sa.role === "responder" ? h.exchange === EXCHANGE.identity : !sa.up) ? sa : null;
  }
  #stranger(h: IsakmpHeader, body: Uint8Array, datagram: Uint8Array, local: Endpoint, remote: Endpoint): void {
    if (h.exchange !== EXCHANGE.identity || !isZero(h.rcookie) || (h.flags & FLAG.encrypted) || h.messageId !== 0) {
      this.counters.bump(h.exchange === EXCHANGE.aggressive ? "ike.aggressive" : "ike.bad-cookie");
      return;
    }
    const policy = this.#policyFor(local, remote);
    if (!policy) {
      this.counters.bump("ike.no-policy");
      return;
    }
    if (!this.#admit(remote)) return;
    const chain = readChain(h.next, body, false);
    const choice = chooseIke(policy, one(chain, PAYLOAD.sa, "sa"));
    if (typeof choice === "string") {
      this.counters.bump("ike.no-proposal");
      this.#env.log.emit({ kind: "ike.failed", link: policy.link, peer: formatEndpoint(remote), code: "no-proposal", text: choice });
      this.#refuse(h, local, remote);
      return;
    }
    const sa = new IkeSa(this.#env, policy, "responder", h.icookie.slice(), local, remote, false, this.#saOwner);
    this.#enter(sa);
    this.#strangers.add(sa);
    sa.contain(() => sa.mainMode.accept(chain, choice, datagram));
  }
  /** RFC 2408 §5.4: one small notify, smaller than what asked for it. */
  #refuse(h: IsakmpHeader, local: Endpoint, remote: Endpoint): void {
    const spi = new Uint8Array(16);
    spi.set(h.icookie);
    const body = writeNotify({ protocol: PROTOCOL.isakmp, type: NOTIFY.noProposalChosen, spi, data: new Uint8Array(0) });
    const header = {
      icookie: h.icookie, rcookie: new Uint8Array(8), next: PAYLOAD.notify, exchange: EXCHANGE.informational, flags: 0,
      messageId: (random32(this.#env.crypto) | 1) >>> 0,
    };
    this.#env.port.send(local, remote, writeMessage(header, writeChain([{ type: PAYLOAD.notify, body }])));
  }
  /** Before any work: a flood pushes out the oldest main modes that have cost no Diffie-Hellman, never those that have. */
  #admit(remote: Endpoint): boolean {
    if (this.#env.noRoom?.()) {
      this.counters.bump("ike.no-memory");
      return false;
    }
    if (this.#connections.size >= this.#most) {
      this.counters.bump("ike.full");
      return false;
    }
    let same = 0;
    for (const s of this.#strangers) if (s.began.address === remote.address) same++;
    if (same >= this.#halfOpenPerAddress) {
      this.counters.bump("ike.half-open-address");
      return false;
    }
    if (this.#strangers.size < this.#halfOpen) return true;
    for (const s of this.#strangers) {
      if (!s.mainMode.cheap) continue;
      this.counters.bump("ike.half-open-evicted");
      s.drop();
      return true;
    }
    this.counters.bump("ike.half-open");
    return false;
  }
  /** A client's server may start a main mode itself when it rekeys. */
  #policyFor(local: Endpoint, remote: Endpoint): IkePolicy | null {
    for (const [c, { cfg }] of this.#clients) {
      if (c.current && cfg.remote === remote.address && cfg.local === local.address) return cfg;
    }
    for (const { cfg } of this.#responders) if (cfg.local === null || cfg.local === local.address) return cfg;
    return null;
  }
  #unknownSpi(from: Endpoint, spi: number): void {
    this.counters.bump("ike.unknown-spi");
    for (const c of this.#connections.values()) {
      const r = c.remote;
      if (r && r.address === from.address && (from.port === 0 || r.port === from.port)) c.contain(() => c.unknownSpi(spi));
    }
  }

  // Phase 1
  #beginPhase1(c: Connection): void {
    const client = this.#clients.get(c);
    if (!client) return;
    const { cfg } = client;
    const now = c.current; // a rekey goes the road that stands, on 4500 behind a NAT
    const local = now?.local ?? { address: cfg.local, port: ISAKMP_PORT };
    const remote = now?.remote ?? { address: cfg.remote, port: ISAKMP_PORT };
    // beside other links to the same peer it would end them
    const first = c.info() === null && ![...this.#clients].some(([x, y]) => x !== c && y.cfg.remote === cfg.remote);
    const sa = new IkeSa(this.#env, cfg, "initiator", this.#cookie(), local, remote, first, this.#saOwner);
    sa.connection = c;
    this.#enter(sa);
    c.pending(sa);
    sa.mainMode.begin();
  }
  #enter(sa: IkeSa): void {
    sa.serial = this.#serial++;
    this.#sas.set(hex(sa.icookie), sa);
  }
  #cookie(): Uint8Array {
    for (;;) {
      const c = this.#env.crypto.random(8);
      if (!isZero(c) && !this.#sas.has(hex(c))) return c;
    }
  }
  readonly #saOwner: IkeSaOwner = {
    established: (sa, initialContact) => this.#established(sa, initialContact),
    failed: (sa, why) => this.#failed(sa, why),
    initialContact: (sa) => this.#initialContact(sa),
    deleted: (sa) => sa.connection?.saDeleted(sa),
    closed: (sa) => {
      this.#strangers.delete(sa);
      this.#spare.delete(sa);
      if (this.#sas.get(hex(sa.icookie)) === sa) this.#sas.delete(hex(sa.icookie));
    },
    connectionFor: (sa, port) => this.#connectionFor(sa, port),
  };
  #established(sa: IkeSa, initialContact: boolean): void {
    this.#strangers.delete(sa);
    const p = sa.up;
    if (!p) return;
    if (sa.role === "initiator") {
      sa.connection?.adopt(sa);
      return;
    }
    if (initialContact) this.#supersede(sa, p.peerId.text);
    const roads = this.#sameRoad(sa);
    const client = roads.find((c) => c.client);
    if (client) client.adopt(sa);
    else if (roads.length === 0) this.#newServerConnection(sa);
    else this.#keepSpare(sa);
  }
  /** A renewed phase 1, or another link of the same peer: both look alike until a quick mode names a port. */
  #keepSpare(sa: IkeSa): void {
    for (const s of [...this.#spare]) {
      if (this.#spare.size >= SPARE || this.#env.clock.now() - s.upAt >= (s.up?.lifeSeconds ?? 0) * 1000) s.close();
    }
    this.#spare.add(sa);
  }
  /** What a quick mode from the peer belongs to; `port` is the peer's L2TP port. */
  #connectionFor(sa: IkeSa, port: number): Connection | null {
    if (sa.connection && !sa.connection.over) return sa.connection;
    const known = this.#sameRoad(sa).find((c) => c.serves(port));
    if (!known) return this.#newServerConnection(sa);
    this.#spare.delete(sa);
    known.adopt(sa);
    return known;
  }
  /** Raw ESP has no ports to tell clients apart by; IKE's own always do. */
  #sameRoad(sa: IkeSa): Connection[] {
    const p = sa.up;
    return p ? this.#samePeer(sa, p.peerId.text).filter((c) => c.client || c.remote?.port === sa.remote.port) : [];
  }
  /** The peer had forgotten what it had before it began this SA. */
  #supersede(sa: IkeSa, peerId: string): void {
    for (const c of this.#samePeer(sa, peerId)) if (!c.client && c.serial < sa.serial) c.superseded();
    for (const s of [...this.#spare]) if (s.remote.address === sa.remote.address && s.serial < sa.serial && s.up?.peerId.text === peerId) s.drop();
  }
  #samePeer(sa: IkeSa, peerId: string): Connection[] {
    return [...this.#connections.values()].filter((c) => !c.over && c.policy.link === sa.policy.link &&
      c.remote?.address === sa.remote.address && c.peerId === peerId);
  }
  #initialContact(sa: IkeSa): void {
    const p = sa.up;
    if (!p || sa.role !== "responder" || sa.connection?.client) return;
    this.#supersede(sa, p.peerId.text);
    if (this.#spare.has(sa) && this.#sameRoad(sa).length === 0) this.#newServerConnection(sa);
  }
  #newServerConnection(sa: IkeSa): Connection | null {
    for (const { cfg, owner } of this.#responders) {
      if (cfg !== sa.policy) continue;
      const c = new Connection(this.#env, this.#nextFlow++, cfg, owner, this.#connectionOwner, false, { local: 1701, remote: 0 });
      this.#spare.delete(sa);
      this.#connections.set(c.flow, c);
      this.#env.log.emit({ kind: "ike.started", link: cfg.link, peer: formatEndpoint(sa.remote), role: "responder" });
      c.adopt(sa);
      return c;
    }
    return null;
  }
  #failed(sa: IkeSa, why: Failure): void {
    if (sa.role === "initiator") sa.connection?.phase1Failed(sa, why);
    else {
      this.counters.bump(`ike.failed-${why.code}`);
      this.#env.log.emit({ kind: "ike.failed", link: sa.policy.link, peer: formatEndpoint(sa.remote), code: why.code, text: why.text });
    }
  }
  readonly #connectionOwner = {
    beginPhase1: (c: Connection): void => this.#beginPhase1(c),
    bereft: (c: Connection): void => {
      for (const s of this.#spare) {
        if (!this.#sameRoad(s).includes(c)) continue;
        this.#spare.delete(s);
        c.adopt(s);
        return;
      }
    },
    gone: (c: Connection): void => {
      this.#connections.delete(c.flow);
      this.#clients.delete(c);
      for (const s of [...this.#sas.values()]) if (s.connection === c) s.drop();
    },
  };
}
