// One peer, one flow: its ISAKMP SAs, its child SAs, and what keeps them alive. Both are replaced before they expire.
import { formatEndpoint } from "../../core/addr.ts";
import type { Failure } from "../../core/errors.ts";
import { faultEvent, internal } from "../../core/fault.ts";
import { uniform } from "../../core/rng.ts";
import { allOf, contain } from "../../core/scope.ts";
import type { FlowId } from "../../dataplane/dataplane.ts";
import type { DhGroupName, Endpoint } from "../../ports/ports.ts";
import type { Child, Ports } from "../child.ts";
import { Children, type LiveChild, MOST_CHILDREN, planeError } from "../children.ts";
import { type Told, tell } from "../told.ts";
import { failure, type IkeConnection, type IkeEnv, type IkeInfo, type IkeOwner, type IkePolicy } from "../types.ts";
import { NOTIFY } from "../wire/notify.ts";
import { PROTOCOL } from "../wire/sa.ts";
import { Dpd, NEVER } from "./dpd.ts";
import type { Path } from "./exchange.ts";
import { type IkeSa, type IkeSaUser, REPEATED_MS } from "./ikesa.ts";
import { type ConnectionOwner, infoOf } from "./owner.ts";
import { pfsAfter } from "./phase2.ts";
import type { QuickMode } from "./quickmode.ts";
import { CALM_MS, POLL_MS, Watch, type Watched } from "./watch.ts";

/** A replaced ISAKMP SA lives on this long: messages are under way. */
const OLD_SA_MS = 6000;
/** A server's ISAKMP SA outlives its lifetime by this much: its client may be late. */
const LATE_MS = 30_000;
/** ISAKMP SAs of one connection: the oldest goes. */
const MOST_SAS = 4;
/** A server's client begins quick mode within this time after phase 1. */
const QUICK_MS = 30_000;
/** Between two answers to packets under SPIs that are gone. */
const DELETE_MS = 5000;
/** Least time between two moves of a peer to another address or port, and between two log lines about them. */
const MOVE_MS = 1000;
const TELL_MOVE_MS = 60_000;
const RETRY_MS = 10_000;
/** Between two tries of a server to begin phase 1 with a client that may not answer such a thing. */
const SERVER_RETRY_MS = 60_000;

export interface ConnectionOptions {
  readonly env: IkeEnv;
  readonly flow: FlowId;
  readonly policy: IkePolicy;
  readonly owner: IkeOwner;
  readonly manager: ConnectionOwner<Connection>;
  readonly client: boolean;
  readonly ports: Ports;
}

export class Connection implements IkeConnection, IkeSaUser, Watched {
  readonly flow: FlowId;
  readonly policy: IkePolicy;
  readonly client: boolean;
  readonly ports: Ports;
  readonly #env: IkeEnv;
  readonly #owner: IkeOwner;
  readonly #manager: ConnectionOwner<Connection>;
  /** The newest first: we send under it. */
  readonly #sas: IkeSa[] = [];
  readonly #children: Children;
  readonly #dpd: Dpd;
  readonly #watch: Watch;
  #rekeySaAt = NEVER;
  #nextQuickAt = 0;
  #nextPhase1At = 0;
  /** What our quick modes ask for beyond what is configured, as the peer wants it. */
  #pfs: DhGroupName | null = null;
  readonly #begunAt: number;
  #pendingSa: IkeSa | null = null;
  /** The last peer of phase 1, for the sentence of a failure that leaves nothing else. */
  #tried: Endpoint | null = null;
  #quick: QuickMode | null = null;
  #announced = false;
  #deletedAt = -NEVER;
  #movedAt = -NEVER;
  #toldMoveAt = -NEVER;
  /** Where the peer was seen since its last move. */
  #seenAt: Path | null = null;
  #over = false;
  #peerId = "";

  constructor({ env, flow, policy, owner, manager, client, ports }: ConnectionOptions) {
    this.#env = env;
    this.flow = flow;
    this.policy = policy;
    this.client = client;
    this.ports = ports;
    this.#owner = owner;
    this.#manager = manager;
    this.#begunAt = env.clock.now();
    this.#children = new Children(env, flow, policy.link, client);
    this.#dpd = new Dpd(env.crypto, policy.dpdSeconds);
    this.#watch = new Watch(env.clock, this.#dpd, this);
  }
  get current(): IkeSa | null {
    return this.#sas.find((s) => s.up) ?? null;
  }
  get over(): boolean {
    return this.#over;
  }
  get remote(): Endpoint | null {
    return this.#sas[0]?.remote ?? this.#pendingSa?.remote ?? null;
  }
  /** Of its newest ISAKMP SA, be it gone. */
  get path(): Path | null {
    return this.#sas[0] ?? null;
  }
  get peer(): string {
    return (this.remote ?? this.#tried)?.address ?? "";
  }
  #now(): number {
    return this.#env.clock.now();
  }
  /** For sentences. */
  #name(): string {
    return this.remote?.address ?? "the peer";
  }
  get full(): boolean {
    return this.#sas.reduce((n, s) => n + s.asked, this.#children.size) >= MOST_CHILDREN;
  }
  /** It has had a child SA. */
  get announced(): boolean {
    return this.#announced;
  }
  get peerId(): string {
    return this.#peerId;
  }
  /** Of its newest ISAKMP SA. */
  get serial(): number {
    return this.#sas[0]?.serial ?? 0;
  }
  /** Whether a quick mode for the peer's UDP port `port` replaces a child SA of this connection. */
  serves(port: number): boolean {
    return this.#children.serves(port);
  }
  info(): IkeInfo | null {
    const [child, sa] = [this.#children.inUse(), this.#sas[0]];
    return child && sa && !this.#over ? infoOf(this, sa, child) : null;
  }
  stage(): string {
    if (this.#over) return "closed";
    if (this.#children.inUse()) return "up";
    if (this.#quick) return "phase 2: quick mode";
    if (this.current) return "phase 1 is up";
    return this.#pendingSa?.stage() ?? "idle";
  }
  close(why: string): void {
    this.#finish(why);
  }

  // Phase 1
  /** Phase 1 for this connection is under way. */
  pending(sa: IkeSa): void {
    this.#pendingSa = sa;
    this.#tried = sa.remote;
  }
  adopt(sa: IkeSa): void {
    const p = sa.up;
    if (!p) return;
    if (this.#pendingSa === sa) this.#pendingSa = null;
    if (!this.client && this.#peerId !== "" && p.peerId.text !== this.#peerId) return sa.close();
    sa.connection = this;
    const rekeyed = this.#sas.length > 0;
    const open = this.#sas.filter((s) => s.up);
    this.#sas.splice(0, this.#sas.length, sa, ...open);
    for (const old of this.#sas.splice(MOST_SAS)) old.close();
    this.#peerId = p.peerId.text;
    const now = this.#now();
    this.#rekeySaAt = this.client ? now + p.lifeSeconds * 1000 * (0.85 + 0.1 * uniform(this.#env.crypto)) : NEVER;
    if (rekeyed) this.#tell({ kind: "ike.rekeyed", what: "isakmp" });
    else this.#tell({ kind: "ike.up", peerId: this.#peerId, proposal: p.proposal.text, nat: p.nat });
    this.#dpd.start(p.peerDpd, now);
    this.#watch.lookSoon();
    if (p.nat === "us" || p.nat === "both") this.#watch.keepAlive();
    if (this.client && !this.#children.inUse()) this.#beginQuick();
  }
  phase1Failed(sa: IkeSa, why: Failure): void {
    if (this.#pendingSa === sa) this.#pendingSa = null;
    if (this.#children.inUse() && (this.current || !this.client)) {
      this.#rekeySaAt = this.#now() + RETRY_MS; // the old one still holds
      return;
    }
    this.down(why);
  }
  /** The peer deleted one of our ISAKMP SAs. Child SAs outlive it (RFC 2409 §3.3); a client begins a new one. */
  saDeleted(sa: IkeSa): void {
    const i = this.#sas.indexOf(sa);
    if (i < 0) return;
    if (this.#sas.length > 1) this.#sas.splice(i, 1);
    if (this.current) return;
    if (!this.#children.inUse()) this.down(failure("peer-deleted", `${sa.remote.address} closed the connection`));
    else if (!this.client) this.#manager.saLost(this);
    else if (!this.#pendingSa) this.#manager.beginPhase1(this);
  }

  // Child SAs
  childUp(c: Child): void {
    if (this.#over) {
      this.#children.remove(c);
      return;
    }
    if (this.#quick?.spiIn === c.spiIn) this.#quick = null;
    this.#children.add(c);
    this.#pfs = c.proposal.group;
    this.#watch.lookSoon();
    this.#tell({
      kind: "esp.up",
      proposal: c.proposal.text,
      encap: c.udp ? "udp" : "esp",
      spiIn: c.spiIn,
      spiOut: c.spiOut,
    });
    const info = this.info();
    if (!info) return;
    if (this.#announced) {
      this.#tell({ kind: "ike.rekeyed", what: "esp" });
      this.#owner.onRekeyed(this, info);
    } else {
      this.#announced = true;
      this.#owner.onUp(this, info);
    }
  }
  quickFailed(q: Pick<QuickMode, "role">, why: Failure): void {
    if (this.#quick === q) this.#quick = null;
    if (this.#over) return;
    if (q.role === "initiator") this.#pfs = pfsAfter(why, this.policy, this.current?.up ?? null, this.#pfs);
    if (q.role === "initiator" && this.#pfs && this.#beginQuick()) return;
    if (this.#children.inUse()) this.#nextQuickAt = this.#now() + RETRY_MS;
    else if (q.role === "initiator") this.down(why);
    else {
      this.#tell({ kind: "ike.failed", code: why.code, text: why.text });
      if (!this.client) this.#owner.onRefused?.(this.peer, why, true);
    }
  }
  /** `spis` in hexadecimal: the peer's inbound, our outbound ones. */
  peerDeleted(spis: readonly string[]): void {
    for (const s of spis) {
      const spi = Number.parseInt(s, 16);
      const child = this.#children.bySpiOut(spi);
      if (child) this.#forget(child, "deleted by the peer");
    }
    if (spis.length > 0 && this.#announced && !this.#over && this.#children.size === 0 && !this.#quick) {
      this.down(failure("peer-deleted", `${this.#name()} closed the connection`));
    }
  }
  /** Somebody removed SAs of ours from the data plane: a new pair takes their place at once. */
  lost(): void {
    if (this.#over || !this.#announced) return;
    this.#nextQuickAt = 0;
    if (this.current) this.#beginQuick();
    else if (!this.client) this.down(failure("expired", "the ESP SAs were removed, and there is no ISAKMP SA"));
    else if (!this.#pendingSa) this.#manager.beginPhase1(this);
  }
  /** The peer sends under an SPI that we no longer have. */
  unknownSpi(spi: number): void {
    const now = this.#now();
    if (this.#children.bySpiIn(spi) || this.#quick?.spiIn === spi || now - this.#deletedAt < DELETE_MS) return;
    this.#deletedAt = now;
    if (this.current) this.current.deleteEsp([spi]);
    else this.#beginPhase1(now);
  }

  // Liveness and addresses
  heard(): void {
    this.#dpd.heard(this.#now());
  }
  dpdAck(seq: Uint8Array): void {
    this.#dpd.ack(seq, this.#now());
  }
  /** The peer's NAT mapping changed, as an authentic message or ESP packet shows. */
  moved(local: Endpoint, to: Endpoint): void {
    const was = this.remote;
    const now = this.#now();
    this.#seenAt = null;
    if (this.#over || !was || (was.port === to.port && was.address === to.address)) return;
    if (now - this.#movedAt < MOVE_MS) {
      this.#seenAt = { local, remote: to };
      this.#env.counters.bump("ike.moves-held");
      this.#watch.lookSoon();
      return;
    }
    this.#movedAt = now;
    for (const s of this.#sas) {
      s.local = local;
      s.remote = to;
    }
    this.#manager.moved(this);
    if (now - this.#toldMoveAt >= TELL_MOVE_MS) {
      this.#toldMoveAt = now;
      this.#tell({ kind: "ike.mapping", was: formatEndpoint(was) });
    }
    this.#env.plane.move(this.flow, local, to).catch((e: unknown) => planeError(this.#env, this.policy.link, e));
  }
  mapping(from: Endpoint): void {
    const sa = this.#sas[0];
    if (sa && (sa.nat === "peer" || sa.nat === "both") && this.#children.inUse()?.udp) this.moved(sa.local, from);
  }

  /** Rule 7: whatever arrives for this connection; an unexpected error ends it. */
  run(f: () => void): void {
    contain(f, (e) => this.#fault(e));
  }
  /** Ends it and tells the owner. */
  down(why: Failure): void {
    if (this.#over) return;
    // a peer that leaves is not a failure: ike.down reports it
    if (why.code !== "peer-deleted") this.#tell({ kind: "ike.failed", code: why.code, text: why.text });
    this.#finish(why.text);
    contain(
      () => this.#owner.onDown(this, why),
      (e) => this.#log(e),
    );
  }
  #tell(e: Told): void {
    tell(this.#env, this.policy.link, this.remote ?? this.#tried ?? { address: "", port: 0 }, e);
  }
  #fault(e: unknown): void {
    this.#log(e);
    this.down(internal("ike", e));
  }
  #log(e: unknown): void {
    this.#env.log.emit(faultEvent(this.policy.link, "an IKE connection", e));
  }
  /** Ends it without deletes: the peer says that it has forgotten us (INITIAL-CONTACT). */
  superseded(): void {
    for (const s of this.#sas) s.drop();
    this.down(failure("superseded", `${this.#name()} started a new connection`));
  }

  #finish(why: string): void {
    if (this.#over) return;
    this.#over = true;
    allOf(
      (e) => this.#log(e),
      () => this.#watch.stop(),
      () => this.current?.deleteEsp(this.#children.all().map((c) => c.spiIn)),
      ...this.#children.all().map((c) => () => this.#forget(c, why)),
      () => this.#pendingSa?.drop(),
      ...[...this.#sas].map((s) => () => s.close()),
      ...[...this.#sas].map((s) => () => s.drop()),
      () => this.#tell({ kind: "ike.down", why }),
      () => this.#manager.gone(this),
    );
  }
  #beginQuick(): boolean {
    if (this.#quick || this.#over || this.#now() < this.#nextQuickAt) return false;
    const old = this.#children.inUse();
    const ports = old && !this.client ? { local: old.localPort, remote: old.remotePort } : this.ports;
    this.#quick = this.current?.startQuick(this, ports, this.#pfs) ?? null;
    return this.#quick !== null;
  }
  /** Milliseconds until there is something to be seen. */
  #pause(now: number): number {
    const sa = this.#sas[0];
    const calm = this.#sas.length === 1 && sa?.up && !this.#pendingSa && !this.#quick && !this.#seenAt && !sa.ids.many;
    if (!calm || !sa.up) return POLL_MS;
    const most = sa.settle(now) ? REPEATED_MS : CALM_MS;
    const next = Math.min(this.#children.lookAt(now), this.#rekeySaAt, sa.upAt + sa.up.lifeSeconds * 1000);
    return Math.max(POLL_MS, Math.min(most, next - now));
  }
  look(now: number): number {
    this.#look(now);
    return this.#pause(now);
  }
  #look(now: number): void {
    if (this.#seenAt) this.moved(this.#seenAt.local, this.#seenAt.remote);
    if (!this.client && !this.#announced && now - this.#begunAt >= QUICK_MS) {
      const text = `${this.#name()} finished phase 1 and began no phase 2 in ${QUICK_MS / 1000} s`;
      this.down(failure("no-quick-mode", text));
      return;
    }
    this.#pollPhase1(now);
    const distrusted = this.current?.recheck();
    if (distrusted) return this.down(distrusted);
    if (this.#children.heard()) this.#dpd.heard(now);
    const had = this.#children.size;
    for (const c of this.#children.due(now)) {
      this.current?.deleteEsp([c.spiIn]);
      this.#forget(c, now >= c.expiresAt ? "expired" : "replaced");
    }
    if (this.#over) return;
    if (had > 0 && this.#children.size === 0) {
      this.down(failure("expired", "the ESP SAs expired and could not be replaced"));
      return;
    }
    if (!this.#children.wantsRekey(now)) return;
    if (!this.current) this.#beginPhase1(now);
    this.#beginQuick();
  }
  sendKeepalive(): void {
    const sa = this.#sas[0];
    if (sa) this.#env.port.keepalive(sa.local, sa.remote);
  }
  askPeer(now: number): void {
    const seq = this.#dpd.fire(now, this.#children.heard());
    if (seq === null) return;
    const sa = this.current;
    if (seq === "dead") this.down(failure("dead-peer", `${this.#name()} stopped answering (dead peer detection)`));
    else if (sa) sa.notify(NOTIFY.rUThere, PROTOCOL.isakmp, sa.cookies(), seq);
    else {
      this.#dpd.heard(now); // without an ISAKMP SA we cannot ask: the child SAs live until they expire
      this.#beginPhase1(now);
    }
  }
  /** A server whose ISAKMP SA is gone needs one; not every client answers. */
  #beginPhase1(now: number): void {
    if (this.client || this.#pendingSa || !this.#announced || now < this.#nextPhase1At) return;
    this.#nextPhase1At = now + SERVER_RETRY_MS;
    this.#manager.beginPhase1(this);
  }
  #pollPhase1(now: number): void {
    for (const s of [...this.#sas]) {
      const p = s.up;
      if (!p) continue;
      const age = now - s.upAt;
      const replaced = s !== this.current && this.current !== null && now - this.current.upAt >= OLD_SA_MS;
      if (!replaced && !s.ids.full && age < p.lifeSeconds * 1000 + (this.client ? 0 : LATE_MS)) continue;
      s.close();
      if (this.#sas.length > 1) this.#sas.splice(this.#sas.indexOf(s), 1);
    }
    if (!this.client && !this.current) this.#manager.saLost(this);
    if (this.client && !this.#pendingSa && this.current?.ids.many && this.#rekeySaAt > now + RETRY_MS)
      this.#rekeySaAt = now;
    if (this.client && now >= this.#rekeySaAt && !this.#pendingSa) {
      this.#rekeySaAt = NEVER;
      this.#manager.beginPhase1(this);
    }
  }
  #forget(c: LiveChild, why: string): void {
    this.#children.remove(c);
    this.#tell({ kind: "esp.down", spiIn: c.spiIn, why });
  }
}
