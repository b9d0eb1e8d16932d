// One ISAKMP SA: main mode until it is up, then quick modes and informational exchanges under its keys (RFC 2409 §5.5,
// §5.7).
import { formatEndpoint } from "../../core/addr.ts";
import { u32 } from "../../core/bytes.ts";
import type { Failure } from "../../core/errors.ts";
import { faultEvent, internal } from "../../core/fault.ts";
import { allOf, contain, Scope } from "../../core/scope.ts";
import { hex, sameBytes } from "../../core/text.ts";
import { CLOCK_SET } from "../../ports/pki.ts";
import type { DhGroupName, Endpoint } from "../../ports/ports.ts";
import type { Ports } from "../child.ts";
import type { IkeChoice } from "../choice.ts";
import type { IkeEnv, IkePolicy } from "../types.ts";
import { clearNotify } from "../wire/clear.ts";
import { MOST_UNCUT } from "../wire/fragment.ts";
import { EXCHANGE, FLAG } from "../wire/header.ts";
import { isError, NOTIFY, type Notify, notifyName, writeDelete, writeNotify } from "../wire/notify.ts";
import { PAYLOAD, type Payload, payload } from "../wire/payloads.ts";
import { PROTOCOL } from "../wire/sa.ts";
import * as aggressive from "./aggressive.ts";
import { recheck } from "./auth.ts";
import { Exchange, type ExchangeOwner, type Message, type Path, type Rules, type Script } from "./exchange.ts";
import { Fragmentation } from "./fragments.ts";
import { MessageIds } from "./ids.ts";
import { clearNotifications, quickRefused, readInformational } from "./informational.ts";
import * as main from "./mainmode.ts";
import type { Nat, NattVersion } from "./natt.ts";
import type { Phase1, Phase1Sa, Role } from "./phase1.ts";
import type { QuickModeSa } from "./phase2.ts";
import type { Protection } from "./protection.ts";
import { QuickMode } from "./quickmode.ts";
import type { SaOwner, SaUser } from "./sa-owner.ts";

/** Most quick modes at a time, finished ones included: they answer repetitions. */
const EXCHANGES = 32;
/** After this time no peer repeats the last message of an exchange, and the exchange is dropped. */
export const REPEATED_MS = 30_000;

export type IkeSaUser = SaUser<IkeSa>;
export type IkeSaOwner = SaOwner<IkeSa>;

export interface IkeSaOptions {
  readonly env: IkeEnv;
  readonly policy: IkePolicy;
  readonly role: Role;
  readonly icookie: Uint8Array;
  readonly path: Path;
  /** An initiator says INITIAL-CONTACT. */
  readonly first: boolean;
  readonly owner: IkeSaOwner;
}

export class IkeSa implements Phase1Sa, QuickModeSa, ExchangeOwner<Phase1> {
  readonly env: IkeEnv;
  readonly policy: IkePolicy;
  readonly role: Role;
  local: Endpoint;
  remote: Endpoint;
  readonly began: Endpoint;
  readonly first: boolean;
  connection: IkeSaUser | null = null;
  /** Which of two SAs began first. */
  serial = 0;
  /** Clock time of the end of phase 1. */
  upAt = 0;
  readonly ids: MessageIds;
  /** The peer puts fragments together. */
  fragments = false;
  /** Null until a message is too long. */
  #cutting: Fragmentation | null = null;
  readonly #own: IkeSaOwner;
  /** Both, the initiator's first: one array, as small engines take 400 bytes for each. */
  readonly #cookies = new Uint8Array(16);
  /** Phase 1 ended with a message of ours, and nothing shows that the peer has it. */
  #unheard = false;
  #mode: number = EXCHANGE.identity;
  /** Phase 1; null some time after it is done. */
  #phase1: Exchange<Phase1Sa, Phase1> | null = null;
  #up: Phase1 | null = null;
  #closed = false;
  /** The oldest first. */
  readonly #quick: QuickMode[] = [];

  constructor({ env, policy, role, icookie, path, first, owner }: IkeSaOptions) {
    this.env = env;
    this.policy = policy;
    this.role = role;
    this.#cookies.set(icookie);
    this.local = path.local;
    this.remote = path.remote;
    this.began = path.remote;
    this.first = first;
    this.#own = owner;
    this.ids = new MessageIds(env.crypto);
  }
  get icookie(): Uint8Array {
    return this.#cookies.subarray(0, 8);
  }
  get rcookie(): Uint8Array {
    return this.#cookies.subarray(8);
  }
  set rcookie(c: Uint8Array) {
    this.#cookies.set(c, 8);
  }
  /** A new one for each exchange: it goes with it. */
  get scope(): Scope {
    return new Scope(this.env.clock, (e) => this.#fault(e));
  }
  /** What phase 1 made; null before, and once the SA is closed. */
  get up(): Phase1 | null {
    return this.#closed ? null : this.#up;
  }
  get closed(): boolean {
    return this.#closed;
  }
  get udp(): boolean {
    return this.#up?.udp ?? false;
  }
  get natt(): NattVersion | null {
    return this.#up?.natt ?? null;
  }
  get nat(): Nat {
    return this.#up?.nat ?? "none";
  }
  get protection(): Protection {
    if (!this.#up) throw new RangeError("ike sa: phase 1 is not done");
    return this.#up.protection;
  }
  /** This side began the connection, so the L2TP server's port is the peer's. */
  get weAreClient(): boolean {
    return this.connection?.client ?? this.role === "initiator";
  }
  stage(): string {
    return `phase 1: ${this.#phase1?.stage() ?? "done"}`;
  }

  // Phase 1
  /** Initiator: message 1. */
  begin(): void {
    this.#mode = this.policy.aggressive ? EXCHANGE.aggressive : EXCHANGE.identity;
    if (this.policy.aggressive) this.#begin(aggressive.initiator(this), aggressive.INITIATOR_RULES).begin();
    else this.#begin(main.initiator(this), main.INITIATOR_RULES).begin();
  }
  /** Responder: message 1, of which the manager made the choice. Throws DecodeError. */
  accept(choice: IkeChoice, m: Message): void {
    this.#mode = m.header.exchange;
    const mode = this.#mode === EXCHANGE.aggressive ? aggressive : main;
    const exchange = this.#begin(mode.responder(choice), mode.RESPONDER_RULES);
    exchange.begin();
    exchange.receive(m);
  }
  #begin(steps: Script<Phase1Sa, Phase1>, rules: Rules): Exchange<Phase1Sa, Phase1> {
    const { scope, local, remote, policy } = this;
    const about = { x: this, scope, messageId: 0, path: { local, remote }, owner: this, hurried: policy.hurried };
    const exchange = new Exchange({ rules, script: steps, ...about });
    this.#phase1 = exchange;
    return exchange;
  }
  exchangeKeys(): void {
    this.contain(() => this.#phase1?.takeTurn());
  }
  putOff(): void {
    this.contain(() => this.#phase1?.putOff());
  }
  /**
   * Before the peer is authenticated only its own address counts; and its port, until it may move to 4500 (RFC 3947
   * §4).
   */
  #comesFrom({ local, remote }: Path): boolean {
    return (
      remote.address === this.began.address &&
      local.address === this.local.address &&
      (remote.port === this.began.port || this.#phase1?.step?.encrypted === true)
    );
  }

  // The owner of main mode
  send(message: Uint8Array, { local, remote }: Path): void {
    const cut = this.fragments && message.length > MOST_UNCUT;
    for (const m of cut ? this.#fragmentation().cut(message) : [message]) this.env.port.send(local, remote, m);
  }
  #fragmentation(): Fragmentation {
    this.#cutting ??= new Fragmentation(this, (some) => this.#own.fragments(this, some));
    return this.#cutting;
  }
  done(p: Phase1, { local, remote }: Path): void {
    this.#up = p;
    this.#unheard = this.role === "initiator" && this.#mode === EXCHANGE.aggressive;
    this.upAt = this.env.clock.now();
    this.local = local;
    this.remote = remote;
    this.#own.established(this, p.initialContact);
  }
  failed(why: Failure | null, notify: number): void {
    if (this.#closed || !why) return;
    if (notify !== 0) {
      const { local, began: remote, icookie, rcookie } = this;
      this.send(clearNotify(this.env.crypto, notify, icookie, rcookie), { local, remote });
    }
    this.drop();
    this.#own.failed(this, why);
  }
  asksTurn(): void {
    this.#own.asksTurn(this);
  }
  bad(counter: string, what: string): void {
    const peer = formatEndpoint(this.remote);
    this.env.counters.bump(counter);
    this.env.log.emit({ kind: "peer.bad", link: this.policy.link, layer: "ike", peer, what });
  }

  /** Rule 7: whatever arrives for this SA; an unexpected error ends the SA, or the connection that it serves. */
  contain(f: () => void): void {
    contain(f, (e) => this.#fault(e));
  }
  /** Throws DecodeError. */
  receive(m: Message): void {
    if (this.#closed) return;
    if (!this.#up && !this.#comesFrom(m.path)) {
      this.env.counters.bump("ike.other-address");
      return;
    }
    const h = m.header;
    if (h.next === PAYLOAD.fragment && !(h.flags & FLAG.encrypted)) {
      const whole = this.#fragmentation().take(m);
      if (whole) this.receive(whole);
      return;
    }
    switch (h.exchange) {
      case EXCHANGE.identity:
      case EXCHANGE.aggressive:
        if (h.exchange === this.#mode && this.#phase1) this.#phase1.receive(m);
        else this.bad("ike.unexpected", "late phase 1 message");
        return;
      case EXCHANGE.quick:
        // CVE-2014-2338: nothing of phase 2 before phase 1 is authenticated
        if (!this.#up || !(h.flags & FLAG.encrypted) || h.messageId === 0)
          this.bad("ike.early-quick", "quick mode before phase 1 is done");
        else this.#quickMode(m);
        return;
      case EXCHANGE.informational:
        this.#informational(m);
        return;
      default:
        this.bad("ike.exchange", `exchange type ${h.exchange} is not supported`);
        this.#own.unspoken(m);
    }
  }
  /** Others need the memory; the peer sends them again. */
  forgetFragments(): void {
    this.#cutting?.forget();
    this.env.counters.bump("ike.fragments-evicted");
  }

  // Quick modes
  #quickMode(m: Message): void {
    const { messageId } = m.header;
    const known = this.#quick.find((q) => q.messageId === messageId);
    if (known) {
      if (known.receive(m)) this.#authentic(m.path);
      return;
    }
    if (!this.#fresh(messageId)) return;
    if (!this.#room()) {
      this.bad("ike.exchanges", "too many quick modes at once");
      return;
    }
    const { env, policy } = this;
    const q = new QuickMode({ env, sa: this, policy, messageId });
    let fresh = false;
    try {
      fresh = q.receive(m);
    } finally {
      if (fresh) {
        this.#quick.push(q);
        this.ids.heard(q.messageId);
        this.#authentic(m.path);
      } else q.close();
    }
  }
  /** A new quick mode of ours, or null while too many are under way. */
  startQuick(owner: IkeSaUser, ports: Ports, pfs: DhGroupName | null): QuickMode | null {
    if (!this.up || !this.#room()) return null;
    const { env, policy } = this;
    const q = new QuickMode({ env, sa: this, policy, messageId: this.ids.next(), begins: { owner, ports, pfs } });
    this.#quick.push(q);
    q.begin();
    return q;
  }
  /** The connection of the peer's quick mode; null when it has the most SAs that it may have. */
  connectionFor(port: number): IkeSaUser | null {
    const connection = this.#own.connectionFor(this, port);
    if (connection && !connection.full) return connection;
    this.bad("ike.exchanges", "too many quick modes at once");
    return null;
  }
  /** Quick modes under way that the peer began. */
  get asked(): number {
    return this.#quick.filter((q) => q.role === "responder" && q.pending).length;
  }
  /** The oldest finished exchange makes room. */
  #room(): boolean {
    if (this.#quick.length < EXCHANGES) return true;
    const i = this.#quick.findIndex((q) => !q.pending);
    if (i >= 0) this.#quick.splice(i, 1);
    return i >= 0;
  }
  /** Whether the peer may begin an exchange with `id`. */
  #fresh(id: number): boolean {
    if (this.ids.used(id)) this.bad("ike.replay", "message id used before");
    else if (this.ids.full) this.bad("ike.ids-used-up", "the ISAKMP SA has reached its limit of exchanges");
    else return true;
    return false;
  }

  // Informational exchanges
  #informational(m: Message): void {
    const { messageId, flags } = m.header;
    if (!this.#up) {
      if (flags & FLAG.encrypted) this.#phase1?.hint(null);
      else for (const type of clearNotifications(m)) this.#phase1?.hint(type);
      this.env.counters.bump("ike.unauthenticated-notify");
      return;
    }
    if (!(flags & FLAG.encrypted) || messageId === 0) {
      this.bad("ike.unauthenticated-notify", "informational message in the clear");
      return;
    }
    if (this.#quick.some((q) => q.messageId === messageId && q.connected(m))) return this.#authentic(m.path);
    if (!this.#fresh(messageId)) return;
    const said = readInformational(this.protection, m);
    if (!said) {
      this.bad("ike.bad-hash", "informational message fails authentication");
      return;
    }
    this.ids.heard(messageId);
    this.#authentic(m.path);
    for (const n of said.notifications) this.#notified(n);
    for (const d of said.deletes) {
      if (d.protocol === PROTOCOL.esp) this.connection?.peerDeleted(d.spis.filter((s) => s.length === 4).map(hex));
      else if (d.protocol === PROTOCOL.isakmp && d.spis.some((s) => sameBytes(s, this.cookies()))) {
        this.drop();
        this.#own.deleted(this);
        return;
      }
    }
  }
  #notified(n: Notify): void {
    switch (n.type) {
      case NOTIFY.rUThere:
        if (n.data.length === 4 && sameBytes(n.spi, this.cookies()))
          this.notify(NOTIFY.rUThereAck, PROTOCOL.isakmp, n.spi, n.data);
        return;
      case NOTIFY.rUThereAck:
        if (n.data.length === 4) this.connection?.dpdAck(n.data);
        return;
      case NOTIFY.initialContact: // macOS says it here, not in message 5; after a quick mode it could only do harm
        if (this.#quick.length === 0) this.#own.initialContact(this);
        return;
      default:
        if (!isError(n.type)) return;
        this.bad("ike.error-notify", notifyName(n.type));
        for (const q of [...this.#quick])
          if (q.role === "initiator" && q.pending) q.fail(quickRefused(this.policy, this.remote.address, n.type));
    }
  }
  /** RFC 3947 §4 and RFC 3948: a fresh authentic message shows where the peer is now. */
  #authentic({ local, remote }: Path): void {
    this.#unheard = false;
    this.connection?.heard();
    if (local.port !== this.local.port || (remote.port === this.remote.port && remote.address === this.remote.address))
      return;
    if (this.nat === "peer" || this.nat === "both") this.connection?.moved(local, remote);
  }

  transmit(message: Uint8Array): void {
    if (this.#closed) return;
    if (this.#unheard && this.env.clock.now() > this.upAt) this.#phase1?.sayAgain();
    this.send(message, this);
  }
  notify(type: number, protocol: number, spi: Uint8Array, data: Uint8Array = new Uint8Array(0)): void {
    this.#inform(payload(PAYLOAD.notify, writeNotify({ protocol, type, spi, data })));
  }
  deleteEsp(spis: readonly number[]): void {
    if (spis.length > 0)
      this.#inform(payload(PAYLOAD.delete, writeDelete({ protocol: PROTOCOL.esp, spis: spis.map(u32) })));
  }
  #inform(payload: Payload): void {
    if (!this.up) return;
    const messageId = this.ids.next();
    const { protection } = this;
    const iv = protection.firstIv(messageId);
    const prefix = [u32(messageId)];
    this.transmit(protection.sealHashed({ messageId, kind: "informational", iv, prefix, payloads: [payload] }).message);
  }
  /** A view. */
  cookies(): Uint8Array {
    return this.#cookies;
  }

  /** Drops finished exchanges that no peer repeats any more. True when some are left. */
  settle(now: number): boolean {
    if (this.#up && now - this.upAt >= REPEATED_MS) {
      this.#phase1 = null;
      this.#cutting?.settle();
    }
    const left = this.#quick.filter((q) => q.pending || now - q.begunAt < REPEATED_MS);
    this.#quick.splice(0, this.#quick.length, ...left);
    return this.#phase1 !== null || left.length > 0;
  }
  /** What is wrong with certificates whose dates nobody could look at, as our clock was not set: once it is. */
  recheck(): Failure | null {
    const up = this.#up;
    if (!up?.unchecked || this.env.wallClock() < CLOCK_SET) return null;
    this.#up = { ...up, unchecked: null };
    return recheck(this, up.unchecked);
  }
  /** With a delete to the peer, if phase 1 is done. */
  close(): void {
    if (this.up)
      this.#inform(payload(PAYLOAD.delete, writeDelete({ protocol: PROTOCOL.isakmp, spis: [this.cookies()] })));
    this.drop();
  }
  /** Without a delete. */
  drop(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cutting = null;
    const quick = this.#quick.splice(0);
    allOf(
      (e) => this.#log(e),
      () => this.#own.closed(this),
      () => this.#phase1?.close(),
      ...quick.map((q) => () => q.close()),
    );
  }
  /** A failed renewal does not end the connection. */
  #fault(e: unknown): void {
    this.#log(e);
    const why = internal("ike", e);
    const renewal = this.role === "initiator" && !this.up;
    if (!renewal) this.connection?.down(why);
    if (this.#closed) return;
    this.drop();
    if (renewal || !this.connection) this.#own.failed(this, why);
  }
  #log(e: unknown): void {
    this.env.log.emit(faultEvent(this.policy.link, "an ISAKMP SA", e));
  }
}
