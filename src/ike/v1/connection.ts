// One peer, one flow: its ISAKMP SAs, its child SAs, and what keeps them alive. Both phases are replaced before they
// expire.
import { formatEndpoint } from "../../core/addr.ts";
import type { Timer } from "../../core/clock.ts";
import { type Failure, SystemError } from "../../core/errors.ts";
import { faultEvent, internal } from "../../core/fault.ts";
import { giveBack } from "../../core/give-back.ts";
import { uniform } from "../../core/rng.ts";
import { allOf, contain, Scope } from "../../core/scope.ts";
import type { FlowId, Counters as SaCounters } from "../../dataplane/dataplane.ts";
import type { Endpoint } from "../../ports/ports.ts";
import { failure, type IkeConnection, type IkeEnv, type IkeInfo, type IkeOwner, type IkePolicy } from "../types.ts";
import { NOTIFY } from "../wire/notify.ts";
import { PROTOCOL } from "../wire/sa.ts";
import { Dpd } from "./dpd.ts";
import { type IkeSa, type IkeSaUser, REPEATED_MS } from "./ikesa.ts";
import type { Child } from "./phase2.ts";
import type { QuickMode } from "./quickmode.ts";

/** How often a connection is looked at while something of it is on its way. */
const POLL_MS = 2000;
/**
 * And while all of it stands: sooner when a lifetime says so. Before the next look no SA comes near its last packet.
 */
const CALM_MS = 60_000;
/** RFC 3948 §4. */
const KEEPALIVE_MS = 20_000;
/** A replaced SA receives this long at least (packets under way), and at most until somebody speaks on the new one. */
const OLD_LEAST_MS = 6000;
const OLD_MOST_MS = 30_000;
/** A server leaves rekeying to its client until only this share of the lifetime is left. */
const SERVER_SHARE = 0.03;
/** Of the soft byte limit; the plane's hard one is beyond. */
const SERVER_BYTES = 1.5;
/**
 * SA pairs of one flow, those being made included; a peer that goes on replacing them is refused until some are gone.
 */
const MOST_CHILDREN = 8;
/** ISAKMP SAs of one connection: the oldest goes. */
const MOST_SAS = 4;
/** A server's client begins quick mode within this time after phase 1. */
const QUICK_MS = 30_000;
/** Between two answers to packets under SPIs that are gone. */
const DELETE_MS = 5000;
/** A peer is followed to another address or port so often, and the log says so so often. */
const MOVE_MS = 1000;
const TELL_MOVE_MS = 60_000;
const RETRY_MS = 10_000;

interface LiveChild extends Child {
  readonly upAt: number;
  readonly rekeyAt: number;
  readonly expiresAt: number;
  /** Clock time when another took its place; null while in use. */
  retiredAt: number | null;
}

export interface ConnectionOwner {
  /** Starts a main mode for a client connection; the result comes by adopt() or phase1Failed(). */
  beginPhase1(c: Connection): void;
  /** Its peer may be at another address now. */
  moved(c: Connection): void;
  /** A server's connection has lost its ISAKMP SA: another of the peer's may serve it. */
  bereft(c: Connection): void;
  gone(c: Connection): void;
}

export class Connection implements IkeConnection, IkeSaUser {
  readonly flow: FlowId;
  readonly policy: IkePolicy;
  readonly client: boolean;
  readonly ports: { readonly local: number; readonly remote: number };
  readonly #env: IkeEnv;
  readonly #owner: IkeOwner;
  readonly #manager: ConnectionOwner;
  /** The newest first: it carries what we say. */
  readonly #sas: IkeSa[] = [];
  readonly #children: LiveChild[] = [];
  readonly #poll: Timer;
  readonly #keepalive: Timer;
  readonly #dpd: Dpd;
  #pendingSa: IkeSa | null = null;
  /** Whom phase 1 was last tried with: a failure says so when nothing else is left of it. */
  #tried: Endpoint | null = null;
  #quick: QuickMode | null = null;
  #announced = false;
  readonly #begunAt: number;
  #deletedAt = Number.NEGATIVE_INFINITY;
  #movedAt = Number.NEGATIVE_INFINITY;
  #toldMoveAt = Number.NEGATIVE_INFINITY;
  /** Where the peer was seen since it was last followed. */
  #seenAt: { local: Endpoint; remote: Endpoint } | null = null;
  #over = false;
  #rekeySaAt = Number.POSITIVE_INFINITY;
  #nextQuickAt = 0;
  #rxSeen = -1;
  #peerId = "";

  constructor(
    env: IkeEnv,
    flow: FlowId,
    policy: IkePolicy,
    owner: IkeOwner,
    manager: ConnectionOwner,
    client: boolean,
    ports: { local: number; remote: number },
  ) {
    const clock = new Scope(env.clock, (e) => this.#fault(e));
    this.#env = env;
    this.flow = flow;
    this.policy = policy;
    this.client = client;
    this.ports = ports;
    this.#owner = owner;
    this.#manager = manager;
    this.#begunAt = clock.now();
    this.#poll = clock.timer("ike poll", () => this.#tick());
    this.#keepalive = clock.timer("ike keepalive", () => this.#sendKeepalive());
    this.#dpd = new Dpd(clock, env.crypto, policy.dpdSeconds, {
      ask: (seq) => {
        const sa = this.current;
        if (sa) sa.notify(NOTIFY.rUThere, PROTOCOL.isakmp, sa.cookies(), seq);
        else this.#dpd.heard(); // nobody can be asked: the child SAs live until they expire
      },
      alive: () => this.#receives(),
      dead: () =>
        this.down(
          failure("dead-peer", `${this.remote?.address ?? "the peer"} has fallen silent (dead peer detection)`),
        ),
    });
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
  get peer(): string {
    return (this.remote ?? this.#tried)?.address ?? "";
  }
  #peer(): string {
    return formatEndpoint(this.remote ?? this.#tried ?? { address: "", port: 0 });
  }
  get full(): boolean {
    return this.#sas.reduce((n, s) => n + s.asked, this.#children.length) >= MOST_CHILDREN;
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
  /**
   * Whether a quick mode for the peer's UDP port `port` replaces a child SA of this one: the selectors are the same.
   */
  serves(port: number): boolean {
    return this.#children.some((c) => c.remotePort === port);
  }
  info(): IkeInfo | null {
    const child = this.#inUse();
    const sa = this.#sas[0];
    const p = sa?.up ?? null;
    if (!child || !sa || this.#over) return null;
    return {
      flow: this.flow,
      remote: sa.remote,
      local: sa.local,
      peerId: this.#peerId,
      proposal: p?.proposal.text ?? "",
      espProposal: child.proposal.text,
      nat: sa.nat,
      encap: child.udp ? "udp" : "esp",
      spiIn: child.spiIn,
      spiOut: child.spiOut,
      cipher: child.proposal.cipher,
      integ: child.proposal.integ,
      // a server that begins a quick mode itself may ask for any port: a client's own are the configured ones
      localPort: this.client ? this.ports.local : child.localPort,
      remotePort: this.client ? this.ports.remote : child.remotePort,
    };
  }
  stage(): string {
    if (this.#over) return "closed";
    if (this.#inUse()) return "up";
    if (this.#quick) return "phase 2: quick mode";
    if (this.current) return "phase 1 is up";
    return this.#pendingSa?.stage() ?? "idle";
  }
  close(why: string): void {
    this.#finish(why);
  }

  // Phase 1
  /** A main mode that is to serve this connection is under way. */
  pending(sa: IkeSa): void {
    this.#pendingSa = sa;
    this.#tried = sa.remote;
  }
  adopt(sa: IkeSa): void {
    const p = sa.up;
    if (!p) return;
    if (this.#pendingSa === sa) this.#pendingSa = null;
    sa.connection = this;
    const rekeyed = this.#sas.length > 0;
    const open = this.#sas.filter((s) => s.up);
    this.#sas.splice(0, this.#sas.length, sa, ...open);
    for (const old of this.#sas.splice(MOST_SAS)) old.close();
    this.#peerId = p.peerId.text;
    const now = this.#env.clock.now();
    this.#rekeySaAt = this.client
      ? now + p.lifeSeconds * 1000 * (0.85 + 0.1 * uniform(this.#env.crypto))
      : Number.POSITIVE_INFINITY;
    const peer = formatEndpoint(sa.remote);
    if (rekeyed) this.#env.log.emit({ kind: "ike.rekeyed", link: this.policy.link, peer, what: "isakmp" });
    else
      this.#env.log.emit({
        kind: "ike.up",
        link: this.policy.link,
        peer,
        peerId: this.#peerId,
        proposal: p.proposal.text,
        nat: p.nat,
      });
    this.#poll.arm(POLL_MS);
    if (p.nat === "us" || p.nat === "both") this.#keepalive.arm(KEEPALIVE_MS);
    this.#dpd.start(p.peerDpd);
    if (this.client && !this.#inUse()) this.#beginQuick();
  }
  phase1Failed(sa: IkeSa, why: Failure): void {
    if (this.#pendingSa === sa) this.#pendingSa = null;
    if (this.current && this.#inUse()) {
      this.#rekeySaAt = this.#env.clock.now() + RETRY_MS; // the old one still holds
      return;
    }
    this.down(why);
  }
  /** The peer deleted one of our ISAKMP SAs. Child SAs outlive it (RFC 2409 §3.3); a client gets itself a new one. */
  saDeleted(sa: IkeSa): void {
    const i = this.#sas.indexOf(sa);
    if (i < 0) return;
    if (this.#sas.length > 1) this.#sas.splice(i, 1);
    if (this.current) return;
    if (!this.#inUse()) this.down(failure("peer-deleted", `${sa.remote.address} closed the connection`));
    else if (!this.client) this.#manager.bereft(this);
    else if (!this.#pendingSa) this.#manager.beginPhase1(this);
  }

  // Child SAs
  childUp(c: Child): void {
    const now = this.#env.clock.now();
    if (this.#over) {
      this.#removeFromPlane(c, "both");
      return;
    }
    if (this.#quick?.spiIn === c.spiIn) this.#quick = null;
    const life = c.lifeSeconds * 1000;
    // time for a quick mode with losses remains, also of a short life
    const margin = this.client
      ? Math.min(life / 2, Math.max(20_000, life * (0.08 + 0.1 * uniform(this.#env.crypto))))
      : Math.min(life / 4, Math.max(10_000, life * SERVER_SHARE));
    const child: LiveChild = { ...c, upAt: now, rekeyAt: now + life - margin, expiresAt: now + life, retiredAt: null };
    const others = this.#children.filter((x) => x.retiredAt === null);
    this.#children.push(child);
    for (const old of others) {
      // Both sides began at once: both pairs live, and both sides drop the one with the lower SPI.
      const collision = old.weAsked !== child.weAsked && child.begunAt < old.upAt;
      const loser = collision && lowest(old) > lowest(child) ? child : old;
      loser.retiredAt ??= now;
    }
    this.#rxSeen = -1;
    this.#poll.arm(POLL_MS);
    const peer = this.#peer();
    this.#env.log.emit({
      kind: "esp.up",
      link: this.policy.link,
      peer,
      proposal: c.proposal.text,
      encap: c.udp ? "udp" : "esp",
      spiIn: c.spiIn,
      spiOut: c.spiOut,
    });
    const info = this.info();
    if (!info) return;
    if (this.#announced) {
      this.#env.log.emit({ kind: "ike.rekeyed", link: this.policy.link, peer, what: "esp" });
      this.#owner.onRekeyed(this, info);
    } else {
      this.#announced = true;
      this.#owner.onUp(this, info);
    }
  }
  quickFailed(q: Pick<QuickMode, "role">, why: Failure): void {
    if (this.#quick === q) this.#quick = null;
    if (this.#over) return;
    if (this.#inUse()) this.#nextQuickAt = this.#env.clock.now() + RETRY_MS;
    else if (q.role === "initiator") this.down(why);
    else {
      this.#env.log.emit({
        kind: "ike.failed",
        link: this.policy.link,
        peer: this.#peer(),
        code: why.code,
        text: why.text,
      });
      if (!this.client) this.#owner.onRefused?.(this.peer, why, true);
    }
  }
  /** `spis` in hex: the peer's inbound ones, our outbound. */
  peerDeleted(spis: readonly string[]): void {
    for (const s of spis) {
      const spi = Number.parseInt(s, 16);
      const child = this.#children.find((c) => c.spiOut === spi);
      if (child) this.#forget(child, "deleted by the peer");
    }
    if (spis.length > 0 && this.#announced && !this.#over && this.#children.length === 0 && !this.#quick) {
      this.down(failure("peer-deleted", `${this.remote?.address ?? "the peer"} closed the connection`));
    }
  }
  ownsSpiIn(spi: number): boolean {
    return this.#children.some((c) => c.spiIn === spi) || this.#quick?.spiIn === spi;
  }
  /** The peer sends under an SPI that is gone here. */
  unknownSpi(spi: number): void {
    const now = this.#env.clock.now();
    if (this.ownsSpiIn(spi) || now - this.#deletedAt < DELETE_MS) return;
    this.#deletedAt = now;
    this.current?.deleteEsp([spi]);
  }

  // Liveness and addresses
  heard(): void {
    this.#dpd.heard();
  }
  dpdAck(seq: Uint8Array): void {
    this.#dpd.ack(seq);
  }
  /** The peer's NAT mapping moved, as an authentic message or ESP packet showed. */
  moved(local: Endpoint, to: Endpoint): void {
    const was = this.remote;
    const now = this.#env.clock.now();
    this.#seenAt = null;
    if (this.#over || !was || (was.port === to.port && was.address === to.address)) return;
    if (now - this.#movedAt < MOVE_MS) {
      this.#seenAt = { local, remote: to };
      this.#env.counters.bump("ike.moves-held");
      this.#poll.arm(POLL_MS);
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
      this.#env.log.emit({
        kind: "ike.mapping",
        link: this.policy.link,
        peer: formatEndpoint(to),
        was: formatEndpoint(was),
      });
    }
    this.#env.plane.move(this.flow, local, to).catch((e: unknown) => this.#planeError(e));
  }
  mapping(from: Endpoint): void {
    const sa = this.#sas[0];
    if (sa && (sa.nat === "peer" || sa.nat === "both") && this.#inUse()?.udp) this.moved(sa.local, from);
  }

  /** What comes for this connection: an unexpected error in it ends the connection. */
  contain(f: () => void): void {
    contain(f, (e) => this.#fault(e));
  }
  /** The end by itself: tells the owner. */
  down(why: Failure): void {
    if (this.#over) return;
    const peer = this.#peer();
    // a peer that leaves is no failure: ike.down says it
    if (why.code !== "peer-deleted")
      this.#env.log.emit({ kind: "ike.failed", link: this.policy.link, peer, code: why.code, text: why.text });
    this.#finish(why.text);
    contain(
      () => this.#owner.onDown(this, why),
      (e) => this.#log(e),
    );
  }
  #fault(e: unknown): void {
    this.#log(e);
    this.down(internal("ike", e));
  }
  #log(e: unknown): void {
    this.#env.log.emit(faultEvent(this.policy.link, "an IKE connection", e));
  }
  /** Gone without deletes to the peer, who says it has forgotten us already (INITIAL-CONTACT). */
  superseded(): void {
    for (const s of this.#sas) s.drop();
    this.down(failure("superseded", `${this.remote?.address ?? "the peer"} started anew`));
  }

  #finish(why: string): void {
    if (this.#over) return;
    const peer = this.#peer();
    this.#over = true;
    allOf(
      (e) => this.#log(e),
      () => this.#poll.disarm(),
      () => this.#keepalive.disarm(),
      () => this.#dpd.stop(),
      () => this.current?.deleteEsp(this.#children.map((c) => c.spiIn)),
      ...[...this.#children].map((c) => () => this.#forget(c, why)),
      () => this.#pendingSa?.drop(),
      ...[...this.#sas].map((s) => () => s.close()),
      ...[...this.#sas].map((s) => () => s.drop()),
      () => this.#env.log.emit({ kind: "ike.down", link: this.policy.link, peer, why }),
      () => this.#manager.gone(this),
    );
  }
  #beginQuick(): void {
    if (this.#quick || this.#over || this.#env.clock.now() < this.#nextQuickAt) return;
    const old = this.#inUse();
    const ports = old && !this.client ? { local: old.localPort, remote: old.remotePort } : this.ports;
    this.#quick = this.current?.startQuick(this, ports) ?? null;
  }
  #inUse(): LiveChild | null {
    let best: LiveChild | null = null;
    for (const c of this.#children) if (c.retiredAt === null) best = c;
    return best ?? this.#children.at(-1) ?? null;
  }
  /** Whether packets came in since the last time that anybody asked. */
  #receives(): boolean {
    const child = this.#inUse();
    const rx = child ? this.#counters("in", child.spiIn).rxPackets : 0;
    const news = child !== null && rx !== this.#rxSeen && (this.#rxSeen >= 0 || rx > 0);
    this.#rxSeen = rx;
    return news;
  }
  /** Thousands of connections stand still most of the time: each is looked at when there is something to be seen. */
  #pause(): number {
    const now = this.#env.clock.now();
    const [sa, child] = [this.#sas[0], this.#children[0]];
    const calm =
      this.#sas.length === 1 &&
      this.#children.length === 1 &&
      sa?.up &&
      child?.retiredAt === null &&
      child.lifeBytes === 0 &&
      !this.#pendingSa &&
      !this.#quick &&
      !this.#seenAt &&
      !sa.ids.many;
    if (!calm || !sa.up) return POLL_MS;
    const most = sa.settle(now) ? REPEATED_MS : CALM_MS;
    const next = Math.min(child.rekeyAt, this.#rekeySaAt, sa.upAt + sa.up.lifeSeconds * 1000);
    return Math.max(POLL_MS, Math.min(most, next - now));
  }
  #tick(): void {
    this.#look();
    if (!this.#over) this.#poll.arm(this.#pause());
  }
  #look(): void {
    const now = this.#env.clock.now();
    if (this.#seenAt) this.moved(this.#seenAt.local, this.#seenAt.remote);
    if (!this.client && !this.#announced && now - this.#begunAt >= QUICK_MS) {
      this.down(
        failure(
          "no-quick-mode",
          `${this.remote?.address ?? "the peer"} finished phase 1 and began no phase 2 in ${QUICK_MS / 1000} s`,
        ),
      );
      return;
    }
    this.#pollPhase1(now);
    const newest = this.#inUse();
    if (this.#receives()) this.#dpd.heard();
    const rx = this.#rxSeen;
    for (const c of [...this.#children]) {
      const usedUp = now >= c.expiresAt;
      const retired =
        c.retiredAt !== null && (now - c.retiredAt >= OLD_MOST_MS || (rx > 0 && now - c.retiredAt >= OLD_LEAST_MS));
      if (!usedUp && !retired) continue;
      this.current?.deleteEsp([c.spiIn]);
      this.#forget(c, retired ? "replaced" : "expired");
    }
    if (this.#over) return;
    if (newest && !this.#inUse()) {
      this.down(failure("expired", "the ESP SAs expired and could not be replaced"));
      return;
    }
    if (newest && newest.retiredAt === null && this.#wantsRekey(newest, now)) this.#beginQuick();
  }
  #wantsRekey(c: LiveChild, now: number): boolean {
    if (now >= c.rekeyAt) return true;
    const i = this.#counters("in", c.spiIn);
    const o = this.#counters("out", c.spiOut);
    const bytes = Math.max(i.rxBytes, o.txBytes);
    return (
      (c.lifeBytes > 0 && bytes >= c.lifeBytes * (this.client ? 0.85 : SERVER_BYTES)) ||
      Math.max(i.rxPackets, o.txPackets) > 0xe000_0000
    );
  }
  #pollPhase1(now: number): void {
    for (const s of [...this.#sas]) {
      const p = s.up;
      if (!p) continue;
      const age = now - s.upAt;
      const replaced = s !== this.current && this.current !== null && now - this.current.upAt >= OLD_LEAST_MS;
      if (!replaced && !s.ids.full && age < p.lifeSeconds * 1000 + (this.client ? 0 : OLD_MOST_MS)) continue;
      s.close();
      if (this.#sas.length > 1) this.#sas.splice(this.#sas.indexOf(s), 1);
    }
    if (!this.client && !this.current) this.#manager.bereft(this);
    if (this.client && !this.#pendingSa && this.current?.ids.many && this.#rekeySaAt > now + RETRY_MS)
      this.#rekeySaAt = now;
    if (this.client && now >= this.#rekeySaAt && !this.#pendingSa) {
      this.#rekeySaAt = Number.POSITIVE_INFINITY;
      this.#manager.beginPhase1(this);
    }
  }
  #counters(direction: "in" | "out", spi: number): SaCounters {
    return this.#env.plane.counters(this.flow, direction, spi);
  }
  #sendKeepalive(): void {
    const sa = this.#sas[0];
    if (sa && !this.#over) this.#env.port.keepalive(sa.local, sa.remote);
    this.#keepalive.arm(KEEPALIVE_MS);
  }
  #forget(c: LiveChild, why: string): void {
    const i = this.#children.indexOf(c);
    if (i >= 0) this.#children.splice(i, 1);
    this.#removeFromPlane(c, "both");
    const peer = this.#peer();
    this.#env.log.emit({ kind: "esp.down", link: this.policy.link, peer, spiIn: c.spiIn, why });
  }
  #planeError(e: unknown): void {
    this.#env.counters.bump("ike.plane-error");
    if (!(e instanceof SystemError)) this.#log(e);
  }
  #removeFromPlane(c: Child, what: "out" | "both"): void {
    const remove = (direction: "in" | "out", spi: number): void => {
      void giveBack(
        () => this.#env.plane.remove(this.flow, direction, spi),
        (e) => this.#planeError(e),
        () => this.#env.counters.bump("ike.plane-error"),
      );
    };
    remove("out", c.spiOut);
    if (what === "both") remove("in", c.spiIn);
  }
}

/** The same number on both sides. */
function lowest(c: Child): number {
  return Math.min(c.spiIn, c.spiOut);
}
