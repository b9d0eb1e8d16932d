// IKE for one daemon, both versions: who may begin, which connections there are, and whom a datagram is for. IKEv1 is
// RFC 2407 (IPsec DOI), 2408 (ISAKMP), 2409, 3947/3948 (NAT traversal), 3706 (DPD); IKEv2 is in v2/.
// Main mode with pre-shared keys or certificates, and quick mode in transport mode for UDP 1701, both roles. Not here:
// aggressive mode, Mode Config, XAUTH.
import { formatEndpoint } from "../core/addr.ts";
import type { Counters } from "../core/counters.ts";
import { DecodeError, type Failure } from "../core/errors.ts";
import { faultEvent } from "../core/fault.ts";
import type { Packet } from "../core/packet.ts";
import { contain } from "../core/scope.ts";
import { hex } from "../core/text.ts";
import { originOf, Waiting, type WaitingLimits } from "../core/waiting.ts";
import type { Endpoint } from "../ports/ports.ts";
import { connect, Spoken } from "./auto.ts";
import { Buckets } from "./buckets.ts";
import { chooseIke } from "./choice.ts";
import { Complaints } from "./complaints.ts";
import { House, type IkeLimits, natPath, type Server } from "./house.ts";
import { type Findings, Surveys } from "./survey.ts";
import {
  failure,
  type IkeConnectConfig,
  type IkeConnection,
  type IkeDeps,
  type IkeEnv,
  type IkeOwner,
  type IkePolicy,
  type IkeResponderConfig,
  ISAKMP_PORT,
  type PeerConnection,
} from "./types.ts";
import { Connection, type ConnectionOptions } from "./v1/connection.ts";
import type { Message, Path } from "./v1/exchange.ts";
import { FRAGMENTED } from "./v1/fragments.ts";
import { IkeSa, type IkeSaOptions, type IkeSaOwner, type IkeSaUser } from "./v1/ikesa.ts";
import { UNPROVED } from "./v1/phase1.ts";
import { Ikev2 } from "./v2/sas.ts";
import { clearNotify } from "./wire/clear.ts";
import { EXCHANGE, FLAG, type IsakmpHeader, isIkev2, isZero, readMessage } from "./wire/header.ts";
import { NOTIFY } from "./wire/notify.ts";
import { one, PAYLOAD, readChain } from "./wire/payloads.ts";

/** Limits of ISAKMP SAs that do not serve a connection yet. */
const SPARE: WaitingLimits = { peer: 64, network: 256, all: 512 };
/** A server's UDP ports: the peer's may be any. */
const SERVED = { local: 1701, remote: 0 };
/** Exchange type of IKE_SA_INIT, RFC 7296 §3.1, and where it is in a message. */
const IKE_SA_INIT = 34;
const EXCHANGE_AT = 18;
function isFirstOfIkev2(datagram: Uint8Array): boolean {
  return datagram[EXCHANGE_AT] === IKE_SA_INIT;
}

/** A peer that answers IKEv2's first message in IKEv1, as with INVALID-MAJOR-VERSION. */
function notIkev2(remote: string): Failure {
  return failure("mode", `${remote} speaks IKEv1 only`);
}

interface Client {
  readonly cfg: IkeConnectConfig;
  readonly owner: IkeOwner;
}
/** A flood of first messages costs no more. */
const PARTICULARS = { burst: 20, everyMs: 50 } as const;
interface Served {
  readonly cfg: IkePolicy;
  /** Null: a client's. It only hears of the exchanges that it began. */
  readonly owner: IkeOwner | null;
}

export class IkeManager {
  readonly #house: House;
  readonly #env: IkeEnv;
  readonly #clients = new Map<Connection, Client>();
  readonly #v2: Ikev2;
  readonly #spoken: Spoken;
  /** All ISAKMP SAs by initiator cookie, in hexadecimal: the first answer has no other key. */
  readonly #sas = new Map<string, IkeSa>();
  readonly #complaints: Complaints;
  /** Refusals that say what is offered and accepted. */
  readonly #particulars: Buckets;
  /** SAs that keep fragments of a message, of unauthenticated peers and of the others. */
  readonly #fragmented = { strangers: new Waiting<IkeSa>(FRAGMENTED), known: new Waiting<IkeSa>(FRAGMENTED) };
  /** SAs of peers that already have a connection on the same path: their first quick mode says which one they serve. */
  readonly #spare = new Waiting<IkeSa>(SPARE);
  readonly #surveys: Surveys;
  #closed = false;

  constructor(deps: IkeDeps, limits: IkeLimits = {}) {
    this.#house = new House(deps, limits);
    this.#env = this.#house.env;
    this.#complaints = new Complaints(this.#env);
    this.#particulars = new Buckets(deps.clock, PARTICULARS);
    this.#spoken = new Spoken(deps.clock);
    this.#surveys = new Surveys(this.#env);
    this.#v2 = new Ikev2(this.#house);
    deps.port.onMessage = (packet, local, remote) => this.#receive(packet, local, remote);
  }

  get counters(): Counters {
    return this.#house.counters;
  }
  /** Makes IKE and ESP SAs, and rekeys until closed. Results go to `owner`, never before this returns. */
  connect(cfg: IkeConnectConfig, owner: IkeOwner): IkeConnection {
    if (this.#closed) throw new RangeError("ike: closed");
    this.#env.log.emit({ kind: "ike.started", link: cfg.link, peer: cfg.remote, role: "initiator" });
    return connect({
      env: this.#env,
      cfg,
      spoken: this.#spoken,
      owner,
      begin1: (o) => this.#connect1(cfg, o),
      begin2: (o, beginning) => this.#v2.connect(cfg, o, beginning),
    });
  }
  /** Main mode, then quick mode. */
  #connect1(cfg: IkeConnectConfig, owner: IkeOwner): IkeConnection {
    const ports = { local: cfg.localPort, remote: cfg.remotePort };
    const c = this.#newConnection({ policy: cfg, owner, client: true, ports }, natPath(cfg));
    this.#clients.set(c, { cfg, owner });
    try {
      this.#beginPhase1(c);
    } catch (e) {
      c.close("phase 1 could not begin");
      throw e;
    }
    return c;
  }
  /** Asks a server that accepts none of our proposals what it takes. Returns what stops it; `done` comes later or never. */
  survey(cfg: IkeConnectConfig, done: (f: Findings) => void): () => void {
    return this.#surveys.begin(cfg, (variant, owner) => this.#connect1(variant, owner), done);
  }
  /** Answers peers. Closing it closes its connections, with deletes to the peers; `until` as in close(). */
  addResponder(cfg: IkeResponderConfig, owner: IkeOwner): { close(until?: number): void } {
    const r: Server = { cfg, owner };
    this.#house.serve(r, true);
    return {
      close: (until) => {
        this.#house.serve(r, false);
        this.#closeAll((policy) => policy === cfg, "server stopped", until);
      },
    };
  }
  /**
   * Sends deletes to all peers, each once; then sends and receives nothing more. `until` (clock time): of thousands of
   * connections, those not closed by then are left as they are. The process ends, and their peers notice by DPD.
   */
  close(until?: number): void {
    if (this.#closed) return;
    this.#closeAll(() => true, "shutting down", until);
    this.#house.servers.clear();
    this.#surveys.close();
    this.#closed = true;
  }
  #closeAll(ours: (policy: IkePolicy) => boolean, why: string, until = Number.POSITIVE_INFINITY): void {
    const late = (): boolean => this.#env.clock.now() >= until;
    for (const c of [...this.#house.connections.values()]) if (ours(c.policy) && !late()) c.run(() => c.close(why));
    for (const s of [...this.#sas.values()]) if (ours(s.policy) && !late()) s.contain(() => s.close());
    this.#v2.close(ours);
  }
  /** For status. */
  sizes(): { readonly connections: number; readonly sas: number; readonly halfOpen: number } {
    return {
      connections: this.#house.connections.size,
      sas: this.#sas.size + this.#v2.size,
      halfOpen: this.#house.admission.size,
    };
  }

  /** ISAKMP SAs that keep fragments. */
  get fragmented(): number {
    return this.#fragmented.strangers.size + this.#fragmented.known.size;
  }

  // Datagrams
  #receive(packet: Packet, local: Endpoint, remote: Endpoint): void {
    if (this.#closed) return;
    const datagram = packet.view().slice();
    contain(
      () =>
        this.#decoding(remote, () => {
          if (isIkev2(datagram)) {
            this.#receive2(datagram, local, remote);
            return;
          }
          const { header, body } = readMessage(datagram);
          const m = { header, body, datagram, path: { local, remote } };
          if (this.#surveys.hear(m)) return;
          const sa = this.#find(header);
          if (sa) sa.contain(() => this.#decoding(remote, () => sa.receive(m), m));
          else if (!this.#v2.doubt(header.icookie, notIkev2, remote))
            this.#decoding(remote, () => this.#stranger(m), m);
        }),
      (e) => this.#env.log.emit(faultEvent("", "an IKE datagram", e)),
    );
  }
  /** Throws DecodeError. */
  #receive2(datagram: Uint8Array, local: Endpoint, remote: Endpoint): void {
    const served = this.#house.server(local, "v1");
    if (served?.cfg.versions === "v1" && isFirstOfIkev2(datagram)) {
      this.#house.refusals.unspoken(served.owner, served.cfg.link, remote, IKE_SA_INIT);
    } else this.#v2.receive(datagram, local, remote);
  }
  /** `m`: the message in question, when its header could be read. */
  #decoding(remote: Endpoint, f: () => void, m: Message | null = null): void {
    try {
      f();
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      this.#env.counters.bump(`ike.${e.code}`);
      this.#env.log.emit({ kind: "peer.bad", link: "", layer: "ike", peer: formatEndpoint(remote), what: e.message });
      if (m && !(m.header.flags & FLAG.encrypted)) this.#complaints.about(m, NOTIFY.malformed);
    }
  }
  #find(h: IsakmpHeader): IkeSa | null {
    const sa = this.#sas.get(hex(h.icookie));
    if (!sa) return null;
    if (isZero(sa.rcookie) || hex(sa.rcookie) === hex(h.rcookie)) return sa;
    // a repeated first message has no responder cookie, nor has an error notification to ours
    const begins = h.exchange === EXCHANGE.identity || h.exchange === EXCHANGE.aggressive;
    return isZero(h.rcookie) && (sa.role === "responder" ? begins : !sa.up) ? sa : null;
  }
  #stranger(m: Message): void {
    const { local, remote } = m.path;
    const h = m.header;
    const first = isZero(h.rcookie) && !(h.flags & FLAG.encrypted) && h.messageId === 0;
    if (
      !first ||
      h.exchange === EXCHANGE.informational ||
      h.exchange === EXCHANGE.quick ||
      h.exchange === EXCHANGE.newGroup
    ) {
      this.#env.counters.bump("ike.bad-cookie");
      if (!isZero(h.rcookie)) this.#complaints.about(m, NOTIFY.invalidCookie);
      return;
    }
    const served = this.#served(local, remote);
    if (!served) {
      this.#env.counters.bump("ike.no-policy");
      return;
    }
    const { cfg, owner } = served;
    const aggressive = h.exchange === EXCHANGE.aggressive && owner !== null && cfg.aggressive === true;
    if (h.exchange !== EXCHANGE.identity && !aggressive) {
      this.#house.refusals.unspoken(owner, cfg.link, remote, h.exchange);
      this.#complaints.about(m, NOTIFY.invalidExchange);
      return;
    }
    if (!this.#house.admits(m.datagram.length, remote)) return;
    const choice = chooseIke(
      aggressive ? { ...cfg, certificates: null } : cfg,
      one(readChain(h.next, m.body, false), PAYLOAD.sa, "sa"),
      !this.#particulars.spent(""),
    );
    if (typeof choice === "string") {
      this.#particulars.spend("");
      this.#house.refusals.tell(owner, cfg.link, remote, failure("no-proposal", choice), false);
      this.#env.port.send(local, remote, clearNotify(this.#env.crypto, NOTIFY.noProposalChosen, h.icookie, h.rcookie));
      return;
    }
    const sa = this.#newSa(cfg, { role: "responder", icookie: h.icookie.slice(), path: m.path, first: false });
    this.#house.admission.enter(sa);
    sa.contain(() => sa.accept(choice, m));
  }
  /** A client's server may begin main mode itself when it rekeys. */
  #served(local: Endpoint, remote: Endpoint): Served | null {
    for (const c of this.#house.peers.at(remote.address)) {
      if (!(c instanceof Connection)) continue;
      const cfg = this.#clients.get(c)?.cfg;
      if (cfg && c.current && cfg.local === local.address) return { cfg, owner: null };
    }
    return this.#house.server(local, "v1");
  }
  // Phase 1
  #beginPhase1(c: Connection): void {
    const cfg = this.#clients.get(c)?.cfg ?? null;
    // a rekey uses the established path: port 4500 behind a NAT
    const path = (cfg ? c.current : c.path) ?? (cfg && firstPath(cfg));
    if (!path) return;
    const { local, remote } = path;
    // INITIAL-CONTACT would end other links to the same peer
    const first = cfg !== null && c.info() === null && !this.#others(c, cfg.remote);
    const icookie = this.#cookie();
    const sa = this.#newSa(c.policy, { role: "initiator", icookie, path: { local, remote }, first });
    sa.connection = c;
    c.pending(sa);
    sa.begin();
  }
  #others(c: Connection, remote: string): boolean {
    const v1 = [...this.#clients].some(([x, y]) => x !== c && y.cfg.remote === remote);
    return v1 || this.#house.peers.at(remote).some((x) => x !== c && x.client && x.announced);
  }
  #newSa(policy: IkePolicy, o: Pick<IkeSaOptions, "role" | "icookie" | "path" | "first">): IkeSa {
    const sa = new IkeSa({ env: this.#env, owner: this.#saOwner, policy, ...o });
    sa.serial = this.#house.newSerial();
    this.#sas.set(hex(sa.icookie), sa);
    return sa;
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
      this.#house.admission.leave(sa);
      this.#spare.delete(sa);
      this.#fragmented.strangers.delete(sa);
      this.#fragmented.known.delete(sa);
      if (this.#sas.get(hex(sa.icookie)) === sa) this.#sas.delete(hex(sa.icookie));
    },
    connectionFor: (sa, port) => this.#connectionFor(sa, port),
    asksTurn: (sa) => this.#house.admission.ask(sa),
    fragments: (sa, some) => this.#fragments(sa, some),
    unspoken: (m) => this.#complaints.about(m, NOTIFY.invalidExchange),
  };
  #fragments(sa: IkeSa, some: boolean): void {
    const { strangers, known } = this.#fragmented;
    const table = sa.up || sa.role === "initiator" ? known : strangers;
    if (!some) for (const t of [strangers, known]) t.delete(sa);
    else if (!table.has(sa)) table.add(sa, originOf(sa.began.address))?.forgetFragments();
  }
  #established(sa: IkeSa, initialContact: boolean): void {
    this.#house.admission.leave(sa);
    const p = sa.up;
    if (!p) return;
    if (sa.role === "initiator") {
      sa.connection?.adopt(sa);
      return;
    }
    if (initialContact) this.#forgotten(sa, p.peerId.text);
    const found = this.#samePath(sa);
    const client = found.find((c) => c.client);
    if (client) client.adopt(sa);
    else if (found.length > 0) this.#keepSpare(sa);
    else if (!this.#newServerConnection(sa)) sa.close();
  }
  /** A renewed phase 1 and another link of the same peer look alike until a quick mode names a port. */
  #keepSpare(sa: IkeSa): void {
    for (const s of [...this.#spare.values()])
      if (this.#env.clock.now() - s.upAt >= (s.up?.lifeSeconds ?? 0) * 1000) s.close();
    this.#spare.add(sa, originOf(sa.remote.address))?.close();
  }
  /** The connection of a quick mode from the peer; `port` is the peer's L2TP port. */
  #connectionFor(sa: IkeSa, port: number): IkeSaUser | null {
    if (sa.connection && !sa.connection.over) return sa.connection;
    const known = this.#samePath(sa).find((c) => c.serves(port));
    if (!known) return this.#newServerConnection(sa);
    this.#spare.delete(sa);
    known.adopt(sa);
    return known;
  }
  /** Raw ESP has no ports to tell clients apart; IKE's own ports do. */
  #samePath(sa: IkeSa): Connection[] {
    const p = sa.up;
    const same = p ? this.#house.samePeer(sa.policy, sa.remote.address, p.peerId.text) : [];
    return same.filter((c) => c instanceof Connection).filter((c) => c.client || c.remote?.port === sa.remote.port);
  }
  /** The peer has forgotten everything that it had before this SA. */
  #forgotten(sa: IkeSa, peerId: string): void {
    this.#house.supersede(sa.policy, sa.remote.address, peerId, sa.serial);
    for (const s of [...this.#spare.values()])
      if (s.remote.address === sa.remote.address && s.serial < sa.serial && s.up?.peerId.text === peerId) s.drop();
  }
  #initialContact(sa: IkeSa): void {
    const p = sa.up;
    if (!p || sa.role !== "responder" || sa.connection?.client) return;
    this.#forgotten(sa, p.peerId.text);
    if (this.#spare.has(sa) && this.#samePath(sa).length === 0) this.#newServerConnection(sa);
  }
  #newServerConnection(sa: IkeSa): Connection | null {
    for (const { cfg, owner } of this.#house.servers) {
      if (cfg !== sa.policy) continue;
      if (!this.#house.roomFor(sa.remote.address)) {
        const text = `${sa.remote.address} already has the most connections that one peer may have`;
        this.#house.refusals.tell(owner, cfg.link, sa.remote, failure("full", text), true);
        return null;
      }
      const c = this.#newConnection({ policy: cfg, owner, client: false, ports: SERVED }, sa);
      this.#spare.delete(sa);
      this.#env.log.emit({ kind: "ike.started", link: cfg.link, peer: formatEndpoint(sa.remote), role: "responder" });
      c.adopt(sa);
      return c;
    }
    return null;
  }
  #newConnection(o: Pick<ConnectionOptions, "policy" | "owner" | "client" | "ports">, path: Path): Connection {
    const c = new Connection({ env: this.#env, flow: this.#house.newFlow(), manager: this.#connectionOwner, ...o });
    this.#house.enter(c, path);
    return c;
  }
  #failed(sa: IkeSa, why: Failure): void {
    if (sa.role === "initiator") sa.connection?.phase1Failed(sa, why);
    else if (why.code === UNPROVED) this.#env.counters.bump("ike.half-open-expired");
    else {
      if (why.code === "psk-mismatch") this.#house.admission.guessed(sa.began.address);
      this.#house.refusals.tell(this.#house.ownerOf(sa.policy), sa.policy.link, sa.remote, why, true);
    }
  }
  readonly #connectionOwner = {
    beginPhase1: (c: Connection): void => this.#beginPhase1(c),
    saLost: (c: Connection): void => {
      for (const s of this.#spare.values()) {
        const found = this.#samePath(s);
        if (found.length !== 1 || found[0] !== c) continue; // of several links a quick mode's port says which
        this.#spare.delete(s);
        c.adopt(s);
        return;
      }
    },
    moved: (c: PeerConnection): void => this.#house.moved(c),
    gone: (c: PeerConnection): void => {
      this.#house.gone(c);
      if (c instanceof Connection) this.#clients.delete(c);
    },
  };
}
function firstPath(cfg: IkeConnectConfig): Path {
  return {
    local: { address: cfg.local, port: ISAKMP_PORT },
    remote: { address: cfg.remote, port: ISAKMP_PORT },
  };
}
