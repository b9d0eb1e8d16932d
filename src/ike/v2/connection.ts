// One peer, one flow, under IKEv2: its IKE SAs, its child SAs, and what keeps them alive.
import { formatEndpoint } from "../../core/addr.ts";
import type { Timer } from "../../core/clock.ts";
import type { Failure } from "../../core/errors.ts";
import { faultEvent, internal } from "../../core/fault.ts";
import { LazyMap } from "../../core/lazy.ts";
import { uniform } from "../../core/rng.ts";
import { allOf, contain, Scope } from "../../core/scope.ts";
import type { FlowId } from "../../dataplane/dataplane.ts";
import { CLOCK_SET } from "../../ports/pki.ts";
import type { Endpoint } from "../../ports/ports.ts";
import { type Child, type Ports, planeFailure } from "../child.ts";
import { Children, type LiveChild, planeError } from "../children.ts";
import { type Told, tell } from "../told.ts";
import { failure, type IkeConnection, type IkeEnv, type IkeInfo, type IkeOwner, type IkePolicy } from "../types.ts";
import { recheck } from "../v1/auth.ts";
import type { Peer } from "./authentication.ts";
import type { Received } from "./channel.ts";
import type { Agreed } from "./childsa.ts";
import { DELETE_IKE } from "./deletes.ts";
import { Exchanges, type ExchangesOwner } from "./exchanges.ts";
import { type IkeSa, natName, type SaUser } from "./ikesa.ts";
import { espPath, infoOf } from "./info.ts";
import type { Initiator } from "./initiator.ts";
import { Roaming } from "./roaming.ts";
import type { Message } from "./wire/message.ts";

/** Between two looks: while something is under way, and while everything stands. */
const POLL_MS = 2000;
const CALM_MS = 60_000;
/** Between two looks at our own address. */
const PATH_MS = 5000;
/** RFC 3948 §4. */
const KEEPALIVE_MS = 20_000;
/** A replaced IKE SA waits this long for the peer's delete. */
const OLD_SA_MS = 30_000;
/** A server's client makes its first pair of ESP SAs within this time (RFC 6023). */
const CHILD_MS = 30_000;
/** Between two deletes of SPIs that are gone. */
const DELETE_MS = 5000;
/** Least time between two moves of a peer to another address or port, and between two log lines about them. */
const MOVE_MS = 1000;
const TELL_MOVE_MS = 60_000;
/** Until a replaced pair's successor is sent under, if nothing shows before that the peer has it. */
const LATE_MS = 1500;

export interface ConnectionOwner {
  /** A new SPI of ours that no IKE SA has. */
  newSpi(): Uint8Array;
  /** It is to be found by its SPI from now on. */
  made(sa: IkeSa): void;
  closed(sa: IkeSa): void;
  /** Its peer may have another address now. */
  moved(c: Connection): void;
  gone(c: Connection): void;
}
export interface ConnectionOptions {
  readonly env: IkeEnv;
  readonly flow: FlowId;
  readonly serial: number;
  readonly policy: IkePolicy;
  readonly owner: IkeOwner;
  readonly manager: ConnectionOwner;
  readonly client: boolean;
  readonly ports: Ports;
  /** The peer's address at the beginning. */
  readonly address: string;
}

export class Connection implements IkeConnection, SaUser, ExchangesOwner {
  readonly env: IkeEnv;
  readonly flow: FlowId;
  readonly policy: IkePolicy;
  readonly client: boolean;
  readonly ports: Ports;
  /** Which of two connections began first. */
  readonly serial: number;
  readonly children: Children;
  readonly scope: Scope;
  readonly #owner: IkeOwner;
  readonly manager: ConnectionOwner;
  readonly #exchanges: Exchanges;
  readonly #timer: Timer;
  #roaming: Roaming | null = null;
  readonly #begunAt: number;
  /** The one in use first. */
  readonly #sas: IkeSa[] = [];
  /** Pairs that we do not send under yet: a replaced one still serves. */
  readonly #late = new LazyMap<Child["spiIn"], { readonly agreed: Agreed; readonly since: number }>();
  /** It is over. */
  onEnd: () => void = () => {};
  #initiator: Initiator | null = null;
  #address: string;
  #peerId = "";
  #unchecked: Peer["unchecked"] = null;
  #announced = false;
  #over = false;
  #rekeyAt = Number.POSITIVE_INFINITY;
  #heardAt: number;
  #keepaliveAt = 0;
  #deletedAt = Number.NEGATIVE_INFINITY;
  #movedAt = Number.NEGATIVE_INFINITY;
  #toldMoveAt = Number.NEGATIVE_INFINITY;

  constructor({ env, flow, serial, policy, owner, manager, client, ports, address }: ConnectionOptions) {
    this.env = env;
    this.flow = flow;
    this.serial = serial;
    this.policy = policy;
    this.client = client;
    this.ports = ports;
    this.manager = manager;
    this.#owner = owner;
    this.#address = address;
    this.#begunAt = env.clock.now();
    this.#heardAt = this.#begunAt;
    this.scope = new Scope(env.clock, (e) => this.#fault(e));
    this.children = new Children(env, flow, policy.link, client, this.scope);
    this.#exchanges = new Exchanges(this);
    this.#timer = this.scope.timer("ikev2 connection", () => this.#tick());
  }
  get over(): boolean {
    return this.#over;
  }
  get announced(): boolean {
    return this.#announced;
  }
  get peerId(): string {
    return this.#peerId;
  }
  /** The IKE SA in use. */
  get current(): IkeSa | null {
    return this.#sas[0] ?? null;
  }
  get remote(): Endpoint | null {
    return this.current?.remote ?? null;
  }
  get peer(): string {
    return this.#address;
  }
  #now(): number {
    return this.env.clock.now();
  }
  info(): IkeInfo | null {
    const child = this.children.inUse();
    const sa = this.current;
    if (!child || !sa || this.#over) return null;
    return infoOf(this, sa, child, this.#peerId);
  }
  stage(): string {
    if (this.#over) return "closed";
    if (this.children.inUse()) return "up";
    return this.current ? "IKEv2: making ESP SAs" : `IKEv2: ${this.#initiator?.stage() ?? "idle"}`;
  }
  follow(): boolean {
    if (!this.client || !this.env.localTo || !this.current?.mobike) return false;
    this.#roaming ??= new Roaming(this.env, this.scope, ({ local, remote }) => {
      this.moved(local, remote, true);
      this.current?.channel.moved();
      this.#exchanges.updateAddresses();
    });
    this.#roaming.look(() => this.current);
    return true;
  }
  close(why: string): void {
    this.#finish(why);
  }

  // The first IKE SA
  begin(initiator: Initiator): void {
    this.#initiator = initiator;
    initiator.begin();
  }
  /** The IKE SA is up. */
  authenticated(sa: IkeSa, { peerId, unchecked }: Peer): void {
    this.#initiator = null;
    this.#peerId = peerId.text;
    this.#unchecked = unchecked;
    this.adopt(sa);
    const now = this.#now();
    this.#keepaliveAt = now + KEEPALIVE_MS;
    this.tell({ kind: "ike.up", peerId: this.#peerId, proposal: sa.text, nat: natName(sa.nat) });
    this.#timer.arm(POLL_MS);
  }
  /** The first pair, of IKE_AUTH; null: it is to be made. */
  firstChild(agreed: Agreed | null): void {
    if (agreed)
      this.install(
        agreed,
        "now",
        () => this.childUp(agreed.child),
        (why) => this.down(why),
      );
    else if (this.client) this.#exchanges.makeChild(null);
  }
  /** `sa` is in use from now on; those before it wait for their end. */
  adopt(sa: IkeSa): void {
    const rekeyed = this.#sas.length > 0;
    sa.user = this;
    if (rekeyed) sa.mobike = this.current?.mobike ?? false;
    this.#sas.splice(0, 0, ...(this.#sas.includes(sa) ? [] : [sa]));
    this.#address = sa.remote.address;
    const life = this.policy.ikeLifetimeSeconds * 1000;
    // a server leaves it to its client, if that has as short a lifetime
    const share = this.client ? 0.85 + 0.1 * uniform(this.env.crypto) : 0.97;
    this.#rekeyAt = this.#now() + life * share;
    if (rekeyed) this.tell({ kind: "ike.rekeyed", what: "isakmp" });
  }

  // SaUser
  asked(sa: IkeSa, r: Received): void {
    this.#exchanges.asked(sa, r);
  }
  heard(sa: IkeSa, m: Message): void {
    this.#heardAt = this.#now();
    const { local, remote } = m.path;
    if (sa !== this.current || (sa.remote.address === remote.address && sa.remote.port === remote.port)) return;
    if (sa.nat.peer && local.port === sa.local.port) this.moved(local, remote);
  }
  fault(_: IkeSa, e: unknown): void {
    this.#fault(e);
  }
  /** An IKE SA of ours has ended by the peer's word. */
  saDeleted(sa: IkeSa): void {
    const i = this.#sas.indexOf(sa);
    if (i > 0) return; // a replaced one stays a while: our answer may be lost
    sa.close(null);
    if (i === 0) this.down(failure("peer-deleted", `${this.#address} closed the connection`));
  }
  /** It is not used any more, and nobody has to be told. */
  forgetSa(sa: IkeSa, last: Parameters<IkeSa["close"]>[0] = null): void {
    const i = this.#sas.indexOf(sa);
    if (i > 0) this.#sas.splice(i, 1);
    if (i !== 0) sa.close(last);
  }

  // Child SAs
  /** Into the plane; `out`: whether we send under it now, or once the peer shows that it has it. */
  install(a: Agreed, out: "now" | "late", ready: () => void, failed: (why: Failure) => void): void {
    const rejected = (e: unknown): void => {
      a.pair.release();
      failed(planeFailure(e));
    };
    const kept = (): void => {
      if (this.#over) a.pair.release();
      else a.pair.handOver(ready, () => this.#over || this.children.bySpiIn(a.child.spiIn) !== null);
    };
    this.scope.settle(
      a.pair.addInbound(this.flow, a.into),
      () => {
        if (out === "late") this.#late.set(a.child.spiIn, { agreed: a, since: this.#now() });
        if (out === "late") kept();
        else this.scope.settle(a.pair.addOutbound(this.flow, a.out), kept, rejected);
      },
      rejected,
    );
  }
  childUp(c: Child): void {
    if (this.#over) return;
    this.children.add(c);
    this.lookSoon();
    const { proposal, udp, spiIn, spiOut } = c;
    this.tell({ kind: "esp.up", proposal: proposal.text, encap: udp ? "udp" : "esp", spiIn, spiOut });
    const info = this.info();
    if (!info) return;
    if (this.#announced) {
      this.tell({ kind: "ike.rekeyed", what: "esp" });
      this.#owner.onRekeyed(this, info);
    } else {
      this.#announced = true;
      this.#owner.onUp(this, info);
    }
  }
  /** We send under the newest pairs now. */
  sendUnderNew(): void {
    for (const { agreed } of this.#late.values()) {
      this.scope.settle(
        agreed.pair.addOutbound(this.flow, agreed.out),
        () => {},
        (e) => planeError(this.env, this.policy.link, e),
      );
    }
    this.#late.clear();
  }
  /** Out of the plane. */
  forget(c: LiveChild | Child, why: string): void {
    this.#late.delete(c.spiIn);
    this.children.remove(c);
    this.tell({ kind: "esp.down", spiIn: c.spiIn, why });
  }
  /** After a pair has gone by the peer's word. */
  childGone(): void {
    if (this.#announced && !this.#over && this.children.size === 0 && !this.#exchanges.busy)
      this.down(failure("peer-deleted", `${this.#address} closed the connection`));
  }
  lost(): void {
    if (!this.#over) this.#exchanges.makeChild(this.children.inUse());
  }
  /** The peer sends under an SPI that we no longer have. */
  unknownSpi(spi: number): void {
    const now = this.#now();
    if (this.children.bySpiIn(spi) || now - this.#deletedAt < DELETE_MS) return;
    this.#deletedAt = now;
    this.#exchanges.deleteEsp([spi], null);
  }
  /** A pair could not be made; `first`: there is none. */
  childFailed(why: Failure): void {
    if (this.#over) return;
    if (!this.children.inUse() && this.client) this.down(why);
    else {
      this.tell({ kind: "ike.failed", code: why.code, text: why.text });
      if (!this.client) this.#owner.onRefused?.(this.peer, why, true);
    }
  }

  // Addresses
  /** The peer's NAT mapping changed, or it says that it has moved. */
  moved(local: Endpoint, to: Endpoint, always = false): void {
    const sa = this.current;
    const now = this.#now();
    if (this.#over || !sa) return;
    if (!always && now - this.#movedAt < MOVE_MS) {
      this.env.counters.bump("ike.moves-held");
      return;
    }
    const was = sa.remote;
    this.#movedAt = now;
    this.#address = to.address;
    for (const s of this.#sas) {
      s.local = local;
      s.remote = to;
    }
    this.manager.moved(this);
    if (now - this.#toldMoveAt >= TELL_MOVE_MS) {
      this.#toldMoveAt = now;
      this.tell({ kind: "ike.mapping", was: formatEndpoint(was) });
    }
    this.env.plane
      .move(this.flow, ...espPath(sa, this.children.inUse()?.udp !== false))
      .catch((e: unknown) => planeError(this.env, this.policy.link, e));
  }
  changed(): void {
    const info = this.info();
    if (info && this.#announced) this.#owner.onRekeyed(this, info);
  }
  mapping(from: Endpoint): void {
    const sa = this.current;
    if (sa?.nat.peer && this.children.inUse()?.udp) this.moved(sa.local, from);
  }

  // The end
  /** Rule 7: whatever arrives for this connection; an unexpected error ends it. */
  run(f: () => void): void {
    contain(f, (e) => this.#fault(e));
  }
  down(why: Failure): void {
    if (this.#over) return;
    if (why.code !== "peer-deleted") this.tell({ kind: "ike.failed", code: why.code, text: why.text });
    this.#finish(why.text);
    contain(
      () => this.#owner.onDown(this, why),
      (e) => this.#log(e),
    );
  }
  /** Ends it without deletes: the peer says that it has forgotten us (INITIAL_CONTACT). */
  superseded(): void {
    for (const s of this.#sas.splice(0)) s.close(null);
    this.down(failure("superseded", `${this.#address} started a new connection`));
  }
  tell(e: Told): void {
    tell(this.env, this.policy.link, this.remote ?? { address: this.#address, port: 0 }, e);
  }
  #fault(e: unknown): void {
    this.#log(e);
    this.down(internal("ike", e));
  }
  #log(e: unknown): void {
    this.env.log.emit(faultEvent(this.policy.link, "an IKEv2 connection", e));
  }
  #finish(why: string): void {
    if (this.#over) return;
    this.#over = true;
    const sas = this.#sas.splice(0);
    allOf(
      (e) => this.#log(e),
      () => this.#timer.disarm(),
      () => this.#initiator?.drop(),
      () => this.#exchanges.close(),
      ...this.children.all().map((c) => () => this.forget(c, why)),
      () => this.children.clear(),
      ...sas.map((s) => () => s.close([DELETE_IKE])),
      () => this.tell({ kind: "ike.down", why }),
      () => this.manager.gone(this),
      () => this.onEnd(),
    );
  }

  // Time
  lookSoon(): void {
    if (!this.#over) this.#timer.arm(POLL_MS);
  }
  #tick(): void {
    this.#look(this.#now());
    if (!this.#over) this.#timer.arm(this.#pause(this.#now()));
  }
  #pause(now: number): number {
    const { dpdSeconds } = this.policy;
    const calm = this.#sas.length === 1 && !this.#exchanges.busy && this.#late.size === 0 && this.children.size > 0;
    const next = Math.min(
      calm ? this.children.lookAt(now) : now,
      this.#rekeyAt,
      dpdSeconds > 0 ? this.#heardAt + dpdSeconds * 1000 : CALM_MS + now,
      this.env.localTo && this.client ? now + PATH_MS : CALM_MS + now,
      this.current?.nat.us ? this.#keepaliveAt : CALM_MS + now,
    );
    return Math.max(POLL_MS, Math.min(CALM_MS, next - now));
  }
  /** Once our clock is set: what is wrong with the peer's certificates after all. */
  #recheck(): Failure | null {
    const list = this.#unchecked;
    if (!list || !this.current || this.env.wallClock() < CLOCK_SET) return null;
    this.#unchecked = null;
    return recheck({ env: this.env, policy: this.policy, remote: this.current.remote }, list);
  }
  #look(now: number): void {
    if (!this.client && !this.#announced && now - this.#begunAt >= CHILD_MS) {
      const text = `${this.#address} finished IKE_AUTH and made no ESP SAs in ${CHILD_MS / 1000} s`;
      return this.down(failure("no-quick-mode", text));
    }
    const distrusted = this.#recheck();
    if (distrusted) return this.down(distrusted);
    for (const s of this.#sas.slice(1)) if (now - (this.current?.upAt ?? now) >= OLD_SA_MS) this.forgetSa(s);
    this.follow();
    if (this.children.heard()) this.#heardAt = now;
    if ([...this.#late.values()].some(({ since }) => now - since >= LATE_MS)) this.sendUnderNew();
    const due = this.children.due(now);
    if (due.length > 0) this.#exchanges.deleteChildren(due, "expired");
    if (this.#over) return;
    if (due.length > 0 && due.length === this.children.size)
      return this.down(failure("expired", "the ESP SAs expired and could not be replaced"));
    const old = this.children.inUse();
    if (old && this.children.wantsRekey(now)) this.#exchanges.makeChild(old);
    if (now >= this.#rekeyAt) this.#exchanges.rekeyIke();
    if (this.policy.dpdSeconds > 0 && now - this.#heardAt >= this.policy.dpdSeconds * 1000) this.#exchanges.askPeer();
    if (this.current?.nat.us && now >= this.#keepaliveAt) {
      this.#keepaliveAt = now + KEEPALIVE_MS;
      this.env.port.keepalive(this.current.local, this.current.remote);
    }
  }
}
