// One ISAKMP SA: main mode until it is up, then quick modes and informational exchanges under its keys (RFC 2409 §5.5,
// §5.7).

import { formatEndpoint } from "../../core/addr.ts";
import { DecodeError, type Failure } from "../../core/errors.ts";
import { faultEvent, internal } from "../../core/fault.ts";
import { allOf, contain, Scope } from "../../core/scope.ts";
import { hex, sameBytes } from "../../core/text.ts";
import type { Endpoint } from "../../ports/ports.ts";
import { failure, type IkeEnv, type IkePolicy } from "../types.ts";
import { EXCHANGE, FLAG, type IsakmpHeader, writeMessage } from "../wire/header.ts";
import {
  isError,
  NOTIFY,
  type Notify,
  notifyName,
  readDelete,
  readNotify,
  writeDelete,
  writeNotify,
} from "../wire/notify.ts";
import { all, type Chain, PAYLOAD, type Payload, readChain, writeChain } from "../wire/payloads.ts";
import { PROTOCOL } from "../wire/sa.ts";
import { MessageIds } from "./ids.ts";
import { lastBlock, u32 } from "./keys.ts";
import { MainMode } from "./mainmode.ts";
import type { Nat, NattVersion } from "./natt.ts";
import type { Phase1, Role } from "./phase1.ts";
import type { QuickModeOwner, QuickModeSa } from "./phase2.ts";
import { QuickMode } from "./quickmode.ts";

/** Quick modes known at a time, finished ones (they answer repetitions) included. */
const EXCHANGES = 32;
/** After this time nobody repeats the last message of an exchange: what answers repetitions goes. */
export const REPEATED_MS = 30_000;

/** What an ISAKMP SA needs of the connection that it serves. */
export interface IkeSaUser extends QuickModeOwner {
  readonly client: boolean;
  readonly over: boolean;
  /** It has as many SAs as it may. */
  readonly full: boolean;
  adopt(sa: IkeSa): void;
  phase1Failed(sa: IkeSa, why: Failure): void;
  saDeleted(sa: IkeSa): void;
  /** The peer deleted ESP SAs; SPIs in hexadecimal. */
  peerDeleted(spis: readonly string[]): void;
  dpdAck(seq: Uint8Array): void;
  /** An authentic message came. */
  heard(): void;
  moved(local: Endpoint, to: Endpoint): void;
  down(why: Failure): void;
}
export interface IkeSaOwner {
  established(sa: IkeSa, initialContact: boolean): void;
  /** Phase 1 came to nothing; the SA is closed. */
  failed(sa: IkeSa, why: Failure): void;
  /** The connection that a quick mode from the peer belongs to; `port` is the peer's UDP port inside, 0 for any. */
  connectionFor(sa: IkeSa, port: number): IkeSaUser | null;
  /** RFC 2407 §4.6.3.3, in an informational exchange right after phase 1. */
  initialContact(sa: IkeSa): void;
  /** The peer deleted this SA; it is closed. */
  deleted(sa: IkeSa): void;
  /** Closed for whatever reason: out of the tables. */
  closed(sa: IkeSa): void;
  /** As in MainModeOwner. */
  asksTurn(sa: IkeSa): void;
}

export class IkeSa implements QuickModeSa {
  readonly env: IkeEnv;
  readonly scope: Scope;
  readonly policy: IkePolicy;
  readonly role: Role;
  readonly icookie: Uint8Array;
  rcookie: Uint8Array = new Uint8Array(8);
  local: Endpoint;
  remote: Endpoint;
  readonly began: Endpoint;
  /** Null some time after it is done. */
  mainMode: MainMode | null;
  connection: IkeSaUser | null = null;
  /** Which of two SAs began first. */
  serial = 0;
  /** Clock time of the end of phase 1. */
  upAt = 0;
  readonly #own: IkeSaOwner;
  #up: Phase1 | null = null;
  #closed = false;
  readonly #quick = new Map<number, QuickMode>();
  readonly ids: MessageIds;

  constructor(
    env: IkeEnv,
    policy: IkePolicy,
    role: Role,
    icookie: Uint8Array,
    local: Endpoint,
    remote: Endpoint,
    initialContact: boolean,
    owner: IkeSaOwner,
  ) {
    this.scope = new Scope(env.clock, (e) => this.#fault(e));
    this.env = { ...env, clock: this.scope };
    this.policy = policy;
    this.role = role;
    this.icookie = icookie;
    this.local = local;
    this.remote = remote;
    this.began = remote;
    this.#own = owner;
    this.ids = new MessageIds(env.crypto);
    const mainMode: MainMode = new MainMode(
      this.env,
      { role, policy, icookie, local, remote, initialContact },
      {
        send: (m) => env.port.send(mainMode.local, mainMode.remote, m),
        rcookie: (c) => {
          this.rcookie = c;
        },
        done: (p) => {
          this.#up = p;
          this.upAt = env.clock.now();
          this.local = mainMode.local;
          this.remote = mainMode.remote;
          owner.established(this, p.initialContact);
        },
        failed: (why) => {
          if (this.#closed) return;
          this.drop();
          owner.failed(this, why);
        },
        bad: (counter, what) => this.bad(counter, what),
        asksTurn: () => owner.asksTurn(this),
      },
    );
    this.mainMode = mainMode;
  }
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
  /** This side began the connection, so the L2TP server's port is the peer's. */
  get weAreClient(): boolean {
    return this.connection?.client ?? this.role === "initiator";
  }

  exchangeKeys(): void {
    this.contain(() => this.mainMode?.exchangeKeys());
  }
  putOff(): void {
    this.contain(() => this.mainMode?.putOff());
  }
  /** What comes for this SA: an unexpected error in it ends the SA, or the connection that it serves. */
  contain(f: () => void): void {
    contain(f, (e) => this.#fault(e));
  }
  /** Throws DecodeError. `datagram` is the whole message, ours to keep. */
  receive(h: IsakmpHeader, body: Uint8Array, datagram: Uint8Array, local: Endpoint, remote: Endpoint): void {
    if (this.#closed) return;
    if (!this.#up && !this.mainMode?.comesFrom(local, remote)) {
      this.env.counters.bump("ike.other-address");
      return;
    }
    switch (h.exchange) {
      case EXCHANGE.identity:
        if (this.mainMode) this.mainMode.receive(h, body, datagram, local, remote);
        else this.bad("ike.unexpected", "main mode message long after its end");
        return;
      case EXCHANGE.quick:
        // CVE-2014-2338: nothing of phase 2 before phase 1 is authenticated
        if (!this.#up || !(h.flags & FLAG.encrypted) || h.messageId === 0)
          this.bad("ike.early-quick", "quick mode before phase 1 is done");
        else this.#quickMode(h, body, local, remote);
        return;
      case EXCHANGE.informational:
        this.#informational(h, body, local, remote);
        return;
      default:
        this.bad("ike.exchange", `exchange type ${h.exchange} is not served`);
    }
  }

  #quickMode(h: IsakmpHeader, body: Uint8Array, local: Endpoint, remote: Endpoint): void {
    let q = this.#quick.get(h.messageId);
    if (!q) {
      if (!this.#fresh(h.messageId)) return;
      if (!this.#room()) {
        this.bad("ike.exchanges", "too many quick modes at a time");
        return;
      }
      q = new QuickMode(this.env, this, "responder", h.messageId, this.policy, null);
      let fresh = false;
      try {
        fresh = q.receive(h.next, body);
      } finally {
        if (fresh) {
          this.#quick.set(q.messageId, q);
          this.ids.heard(q.messageId);
          this.#authentic(local, remote);
        } else q.close();
      }
      return;
    }
    if (q.receive(h.next, body)) this.#authentic(local, remote);
  }
  /** A new quick mode of ours, or null while too many are under way. */
  startQuick(connection: IkeSaUser, localPort: number, remotePort: number): QuickMode | null {
    if (!this.up || !this.#room()) return null;
    const q = new QuickMode(this.env, this, "initiator", this.ids.next(), this.policy, connection);
    this.#quick.set(q.messageId, q);
    q.begin({ local: localPort, remote: remotePort });
    return q;
  }
  /** Whom the peer's quick mode is for, or null when that connection has as many SAs as it may. */
  connectionFor(port: number): IkeSaUser | null {
    const connection = this.#own.connectionFor(this, port);
    if (connection && !connection.full) return connection;
    this.bad("ike.exchanges", "too many quick modes at a time");
    return null;
  }
  /** Quick modes under way that the peer began. */
  get asked(): number {
    let n = 0;
    for (const q of this.#quick.values()) if (q.role === "responder" && q.pending) n++;
    return n;
  }
  /** The oldest finished exchange makes room. */
  #room(): boolean {
    if (this.#quick.size < EXCHANGES) return true;
    for (const [id, q] of this.#quick) {
      if (q.pending) continue;
      this.#quick.delete(id);
      return true;
    }
    return false;
  }
  /** Whether the peer may begin an exchange with `id`. */
  #fresh(id: number): boolean {
    if (this.ids.used(id)) this.bad("ike.replay", "message id used before");
    else if (this.ids.full) this.bad("ike.ids-used-up", "the ISAKMP SA has served as many exchanges as it may");
    else return true;
    return false;
  }

  #informational(h: IsakmpHeader, body: Uint8Array, local: Endpoint, remote: Endpoint): void {
    const up = this.#up;
    if (!up) {
      if (h.flags & FLAG.encrypted) this.mainMode?.hintGarbled();
      else for (const n of all(readChain(h.next, body, false), PAYLOAD.notify)) this.mainMode?.hint(readNotify(n).type);
      this.env.counters.bump("ike.unauthenticated-notify");
      return;
    }
    if (!(h.flags & FLAG.encrypted) || h.messageId === 0) {
      this.bad("ike.unauthenticated-notify", "informational message in the clear");
      return;
    }
    if (!this.#fresh(h.messageId)) return;
    const opened = this.open(this.phase2Iv(h.messageId), h.next, body);
    if (!opened) return;
    const c = opened.chain;
    const first = c.payloads[0];
    if (first?.type !== PAYLOAD.hash || !sameBytes(first.body, this.hash([u32(h.messageId), c.behindFirst]))) {
      this.bad("ike.bad-hash", "informational message does not authenticate");
      return;
    }
    const notifies = all(c, PAYLOAD.notify).map(readNotify);
    const deletes = all(c, PAYLOAD.delete).map(readDelete);
    this.ids.heard(h.messageId);
    this.#authentic(local, remote);
    for (const n of notifies) this.#notified(n);
    for (const d of deletes) {
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
      case NOTIFY.initialContact: // macOS says it here, not in message 5; once a quick mode has been it could only do harm
        if (this.#quick.size === 0) this.#own.initialContact(this);
        return;
      default:
        if (!isError(n.type)) return;
        this.bad("ike.error-notify", notifyName(n.type));
        for (const q of this.#quick.values()) {
          if (q.role === "initiator" && q.pending) q.fail(this.#quickRefused(n.type));
        }
    }
  }
  #quickRefused(type: number): Failure {
    const esp = this.policy.espProposals.map((p) => p.text).join(" ");
    if (type === NOTIFY.noProposalChosen)
      return failure(
        "no-proposal",
        `${this.remote.address} accepts none of our ESP proposals (${esp}): ${notifyName(type)}`,
      );
    if (type === NOTIFY.invalidId)
      return failure(
        "bad-selectors",
        `${this.remote.address} does not serve L2TP (UDP 1701) to us: ${notifyName(type)}`,
      );
    return failure("refused", `${this.remote.address} refuses quick mode: ${notifyName(type)}`);
  }

  /** RFC 3947 §4 and RFC 3948: a fresh authentic message shows where the peer is now. */
  #authentic(local: Endpoint, remote: Endpoint): void {
    this.connection?.heard();
    if (local.port !== this.local.port || (remote.port === this.remote.port && remote.address === this.remote.address))
      return;
    if (this.nat === "peer" || this.nat === "both") this.connection?.moved(local, remote);
  }

  // What quick mode and the connection need of the SA.
  phase2Iv(messageId: number): Uint8Array {
    const up = this.#phase1();
    return up.keys.phase2Iv(up.lastBlock, messageId);
  }
  hash(parts: readonly Uint8Array[]): Uint8Array {
    return this.#phase1().keys.hash(parts);
  }
  keymat(
    bytes: number,
    gxy: Uint8Array | null,
    protocol: number,
    spi: number,
    ni: Uint8Array,
    nr: Uint8Array,
  ): Uint8Array {
    return this.#phase1().keys.keymat(bytes, gxy, protocol, spi, ni, nr);
  }
  open(iv: Uint8Array, first: number, cipherText: Uint8Array): { chain: Chain; iv: Uint8Array } | null {
    const { keys } = this.#phase1();
    const plain = keys.decrypt(iv, cipherText);
    if (!plain) throw new DecodeError("bad-length", "ciphertext", 28);
    return { chain: readChain(first, plain, true), iv: lastBlock(cipherText, keys.block) };
  }
  sealHashed(
    messageId: number,
    kind: "quick" | "informational",
    iv: Uint8Array,
    prefix: readonly Uint8Array[],
    payloads: readonly Payload[],
  ): { message: Uint8Array; iv: Uint8Array } {
    const size = this.hash([]).length;
    const plain = writeChain([{ type: PAYLOAD.hash, body: new Uint8Array(size) }, ...payloads]);
    plain.set(this.hash([...prefix, plain.subarray(4 + size)]), 4);
    return this.#seal(messageId, EXCHANGE[kind], iv, PAYLOAD.hash, plain);
  }
  sealQuick(messageId: number, iv: Uint8Array, payloads: readonly Payload[]): { message: Uint8Array; iv: Uint8Array } {
    return this.#seal(messageId, EXCHANGE.quick, iv, payloads[0]?.type ?? 0, writeChain(payloads));
  }
  transmit(message: Uint8Array): void {
    if (!this.#closed) this.env.port.send(this.local, this.remote, message);
  }
  notify(type: number, protocol: number, spi: Uint8Array, data: Uint8Array = new Uint8Array(0)): void {
    this.#inform({ type: PAYLOAD.notify, body: writeNotify({ protocol, type, spi, data }) });
  }
  deleteEsp(spis: readonly number[]): void {
    if (spis.length > 0)
      this.#inform({ type: PAYLOAD.delete, body: writeDelete({ protocol: PROTOCOL.esp, spis: spis.map(u32) }) });
  }
  cookies(): Uint8Array {
    const b = new Uint8Array(16);
    b.set(this.icookie);
    b.set(this.rcookie, 8);
    return b;
  }
  /** Tells the peer when there is somebody to tell. */
  close(): void {
    if (this.up)
      this.#inform({ type: PAYLOAD.delete, body: writeDelete({ protocol: PROTOCOL.isakmp, spis: [this.cookies()] }) });
    this.drop();
  }
  /** Without a word to the peer. */
  drop(): void {
    if (this.#closed) return;
    this.#closed = true;
    const all = [...this.#quick.values()];
    this.#quick.clear();
    allOf(
      (e) => this.#log(e),
      () => this.#own.closed(this),
      () => this.mainMode?.close(),
      ...all.map((q) => () => q.close()),
    );
  }
  /** Rule 7. A renewal that fails leaves the connection what it has. */
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
  /** Fails the quick modes that still wait. */
  failQuick(why: Failure): void {
    for (const q of this.#quick.values()) if (q.pending) q.fail(why);
  }
  /** Lets go of finished exchanges that nobody repeats any more; whether some are left. */
  settle(now: number): boolean {
    if (this.#up && now - this.upAt >= REPEATED_MS) this.mainMode = null;
    for (const [id, q] of this.#quick) if (!q.pending && now - q.begunAt >= REPEATED_MS) this.#quick.delete(id);
    return this.mainMode !== null || this.#quick.size > 0;
  }
  bad(counter: string, what: string): void {
    this.env.counters.bump(counter);
    this.env.log.emit({
      kind: "peer.bad",
      link: this.policy.link,
      layer: "ike",
      peer: formatEndpoint(this.remote),
      what,
    });
  }

  #inform(p: Payload): void {
    if (!this.up) return;
    const id = this.ids.next();
    this.transmit(this.sealHashed(id, "informational", this.phase2Iv(id), [u32(id)], [p]).message);
  }
  #seal(
    messageId: number,
    exchange: number,
    iv: Uint8Array,
    next: number,
    plain: Uint8Array,
  ): { message: Uint8Array; iv: Uint8Array } {
    const { keys } = this.#phase1();
    const sealed = keys.encrypt(iv, plain);
    const h = { icookie: this.icookie, rcookie: this.rcookie, next, exchange, flags: FLAG.encrypted, messageId };
    return { message: writeMessage(h, sealed), iv: lastBlock(sealed, keys.block) };
  }
  #phase1(): Phase1 {
    if (!this.#up) throw new RangeError("ike sa: phase 1 is not done");
    return this.#up;
  }
}
