// All tunnels of this process. RFC 2661: L2TPv2 as LAC and as LNS, over an L2tpPlane. Left out: nothing of the control
// protocol; data messages are the plane's.

import { get8, NO_BYTES, Reader } from "../core/bytes.ts";
import type { Clock } from "../core/clock.ts";
import { Counters } from "../core/counters.ts";
import { DecodeError, type Failure } from "../core/errors.ts";
import type { EventLog } from "../core/events.ts";
import { faultEvent } from "../core/fault.ts";
import { LazySet } from "../core/lazy.ts";
import type { Packet } from "../core/packet.ts";
import { randomId16 } from "../core/rng.ts";
import { Turns } from "../core/turns.ts";
import { Waiting } from "../core/waiting.ts";
import type { FlowId, L2tpPlane, L2tpRemote } from "../dataplane/dataplane.ts";
import type { Crypto } from "../ports/ports.ts";
import type { EndpointConfig, EndpointLimits, Refused, TunnelConfig, TunnelRequest } from "./api.ts";
import { answerTo, greeting, unacceptable } from "./greeting.ts";
import { type HalfOpen, HalfOpenTable, keyOf } from "./half-open.ts";
import { challengeOf } from "./handshake.ts";
import { originOfRemote } from "./origin.ts";
import { Tunnel, type TunnelHost, type TunnelOwner } from "./tunnel.ts";
import { decodeMessage, encodeMessage } from "./wire/avp.ts";
import type { Avps, Result } from "./wire/avps.ts";
import { type ControlHeader, readControl, writeControl } from "./wire/header.ts";
import { type MessageOf, missingAvps } from "./wire/messages.ts";
import { ERR, failure, RESULT } from "./words.ts";

type L2tpDrop =
  | "l2tp.unreadable"
  | "l2tp.unknown-tunnel"
  | "l2tp.wrong-remote"
  | "l2tp.not-sccrq"
  | "l2tp.refused"
  | "l2tp.unwanted"
  | "l2tp.too-many"
  | "l2tp.half-open"
  | "l2tp.unknown-call"
  | "l2tp.quiet"
  | "l2tp.early"
  | "l2tp.idle";
const LIMITS: EndpointLimits = {
  tunnels: 8192,
  flow: 8,
  address: 256,
  calls: 1024,
  idle: { peer: 64, network: 256, all: 1024 },
  halfOpen: { peer: 64, network: 512, all: 4096 },
};
const LINGERING = 256; // ended tunnels that still acknowledge
const UNWANTED = "nobody here serves L2TP for this peer";
const NO_ROOM = "so many tunnels of one peer";
const BAD_PER_SECOND = 10; // events about bad input; a peer chooses what they say, so the sum is what must be bounded

/** Serve it, refuse it with a sentence, or (null, from acceptTunnel) be silent. */
export type TunnelAnswer = { readonly cfg: TunnelConfig; readonly owner: TunnelOwner } | Refused;
type AcceptTunnel = (remote: L2tpRemote, request: TunnelRequest) => TunnelAnswer | null;

interface Deps {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly log: EventLog;
  readonly plane: L2tpPlane;
}

export class L2tpEndpoint {
  readonly counters = new Counters<L2tpDrop>();
  /** Called for each new SCCRQ; null: no answer. */
  acceptTunnel: AcceptTunnel = () => null;
  readonly #deps: Deps;
  readonly #vendorName: string;
  readonly #limits: EndpointLimits;
  readonly #tunnels = new Map<number, Tunnel>();
  readonly #flows = new Map<FlowId, LazySet<Tunnel>>();
  /** Tunnels that we opened. */
  readonly #opened = new Set<Tunnel>();
  /** Tunnels that peers opened, by remote and the peer's Tunnel ID. */
  readonly #answered = new Map<string, Tunnel>();
  readonly #halfOpen: HalfOpenTable;
  /** Of those that peers opened, the ones without a call. */
  readonly #idle: Waiting<Tunnel>;
  /** Number of tunnels per peer. */
  readonly #peers = new Map<string, number>();
  readonly #lingering = new Set<Tunnel>();
  readonly #host: TunnelHost;
  readonly #turns: Turns;
  #oddSecond = -1;
  #odds = 0;

  constructor(deps: Deps, cfg: EndpointConfig) {
    this.#deps = deps;
    this.#vendorName = cfg.vendorName;
    this.#limits = { ...LIMITS, ...cfg.limits };
    // What is no tunnel's own is one datagram's.
    this.#turns = new Turns(deps.clock, (e) => deps.log.emit(faultEvent("", "an L2TP datagram", e)));
    this.#halfOpen = new HalfOpenTable(this.#turns, this.#limits.halfOpen);
    this.#idle = new Waiting(this.#limits.idle);
    this.#host = {
      turns: this.#turns,
      crypto: deps.crypto,
      log: deps.log,
      plane: deps.plane,
      vendorName: cfg.vendorName,
      maxCalls: this.#limits.calls,
      noteBad: (remote, link, what) => this.#noteBad(remote, link, what),
      ended: (t) => this.#ended(t),
      lingered: (t) => this.#forget(t),
      requeue: (remote, sccrq) => this.#serve(remote, sccrq, this.#ask(remote, sccrq)),
      asked: (challenge) => this.#asking(challenge) || this.#halfOpen.asked(challenge),
      busy: (t, busy) => this.#busy(t, busy),
    };
    deps.plane.onControl = (remote, p) => this.#turns.run(() => this.#datagram(remote, p));
  }

  /** Opens a control connection as its initiator. */
  connect(remote: L2tpRemote, cfg: TunnelConfig, owner: TunnelOwner): Tunnel {
    const t = new Tunnel(this.#host, { id: this.#newId(), remote, cfg, owner, half: null });
    this.#enter(t);
    this.#opened.add(t);
    t.later(() => t.open());
    return t;
  }
  /** Live tunnels. */
  *tunnels(): Generator<Tunnel> {
    for (const t of this.#tunnels.values()) if (!t.over) yield t;
  }
  /** Tunnels in the tables, half-open and lingering ones included: bounded whatever peers do. */
  get size(): number {
    return this.#tunnels.size + this.#halfOpen.size;
  }
  /** The flow's SAs are gone: its tunnels end without a packet. */
  dropFlow(flow: FlowId, why: Failure): void {
    if (flow === 0) return;
    this.#turns.run(() => {
      this.#halfOpen.dropFlow(flow);
      for (const t of [...(this.#flows.get(flow) ?? [])]) {
        t.contain(() => t.drop(why));
        t.destroy();
        this.#forget(t);
      }
    });
  }
  /** StopCCN to every peer; each tunnel's onDown follows. */
  closeAll(why: Failure): void {
    this.#turns.run(() => {
      this.#halfOpen.clear();
      for (const t of [...this.#tunnels.values()]) t.contain(() => t.close(why));
    });
  }

  #newId(): number {
    return randomId16(this.#deps.crypto, (id) => this.#tunnels.has(id) || this.#halfOpen.find(id) !== undefined);
  }

  #datagram(remote: L2tpRemote, p: Packet): void {
    try {
      // Data of a call that has just ended comes in numbers: no exception for it.
      if (p.length > 0 && (get8(p.mem, p.start) & 0x80) === 0) return this.counters.bump("l2tp.unknown-call");
      const { header, body } = readControl(new Reader(p.view()));
      if (header.tunnelId === 0) this.#first(remote, header, body);
      else this.#known(remote, header, body);
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      this.#drop("l2tp.unreadable", remote, e.message);
    }
  }
  #known(remote: L2tpRemote, header: ControlHeader, body: Reader): void {
    const t = this.#tunnels.get(header.tunnelId) ?? this.#halfOpen.find(header.tunnelId);
    if (!t) return this.#drop("l2tp.unknown-tunnel", remote, "message for an unknown tunnel");
    // A tunnel belongs to one remote: ids can be guessed, an IPsec flow cannot.
    if (t.remote.key !== remote.key)
      return this.#drop("l2tp.wrong-remote", remote, "message for somebody else's tunnel");
    if (t instanceof Tunnel) t.contain(() => t.receive(header, body.rest()));
    else this.#second(t, header, body.rest());
  }
  /** To a half-open tunnel: only an SCCCN opens it. Whatever overtook that is repeated. */
  #second(half: HalfOpen, header: ControlHeader, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { remote, sccrq } = half;
    const m = decodeMessage(new Reader(bytes), { crypto: this.#deps.crypto, secret: null });
    // §5.8: both sides' first messages are number 0.
    const inOrder = header.Ns === 1 && header.Nr === 1;
    if (!inOrder || (m.name !== "SCCCN" && m.name !== "StopCCN")) return this.counters.bump("l2tp.early");
    this.#halfOpen.delete(half.id);
    if (m.name === "StopCCN") return this.#say(half, 1, NO_BYTES);
    const answer = this.#ask(remote, sccrq);
    if (answer === null) return this.#drop("l2tp.unwanted", remote, UNWANTED);
    if ("refuse" in answer) return this.#refuse(remote, sccrq, refusalOf(answer), half);
    if (!this.#room(remote)) {
      this.#drop("l2tp.too-many", remote, NO_ROOM);
      return this.#refuse(remote, sccrq, { result: RESULT.generalError, error: ERR.resources, message: NO_ROOM }, half);
    }
    const t = new Tunnel(this.#host, { id: half.id, remote, cfg: answer.cfg, owner: answer.owner, half });
    this.#enter(t);
    this.#answered.set(keyOf(remote, sccrq), t);
    const { peer } = originOfRemote(remote);
    this.#peers.set(peer, (this.#peers.get(peer) ?? 0) + 1);
    t.contain(() => t.receive(header, bytes));
  }
  /** Whether the peer may open one more; if need be its longest unused one goes for it. */
  #room(remote: L2tpRemote): boolean {
    if (this.#tunnels.size - this.#lingering.size >= this.#limits.tunnels) return false;
    const { peer } = originOfRemote(remote);
    const most = remote.flow === 0 ? this.#limits.address : this.#limits.flow;
    if ((this.#peers.get(peer) ?? 0) < most) return true;
    const unused = this.#idle.oldest(peer);
    if (unused) this.#unused(unused);
    return unused !== null;
  }
  #asking(challenge: Uint8Array): boolean {
    let found = false;
    for (const t of this.#opened) found = t.asked(challenge) || found;
    return found;
  }
  #busy(t: Tunnel, busy: boolean): void {
    if (busy) return void this.#idle.delete(t);
    const out = this.#idle.add(t, originOfRemote(t.remote));
    if (out) this.#unused(out);
  }
  #unused(t: Tunnel): void {
    this.#idle.delete(t);
    this.#drop("l2tp.idle", t.remote, "a tunnel without a call made room for another");
    t.contain(() => t.close(failure("no-call", "a tunnel without a call made room for another")));
  }
  #first(remote: L2tpRemote, header: ControlHeader, body: Reader): void {
    const bytes = body.rest();
    let m = decodeMessage(new Reader(bytes), { crypto: this.#deps.crypto, secret: null });
    // §5.8: Ns begins at 0.
    if (m.name !== "SCCRQ" || header.Ns !== 0)
      return this.#drop("l2tp.not-sccrq", remote, "tunnel id 0 in something else than a first SCCRQ");
    let answer: TunnelAnswer | null | undefined;
    if (m.opaque) {
      // Hidden AVPs: who is asked for decides on the secret. The Host Name is never hidden (§4.4.3).
      answer = this.#ask(remote, m.avps);
      if (answer === null) return this.#drop("l2tp.unwanted", remote, UNWANTED);
      if ("cfg" in answer)
        m = decodeMessage(new Reader(bytes), { crypto: this.#deps.crypto, secret: answer.cfg.secret });
    }
    if (missingAvps("SCCRQ", m.avps).fatal)
      return this.#drop(
        "l2tp.unreadable",
        remote,
        m.opaque
          ? "SCCRQ with hidden AVPs that our tunnel_secret does not open"
          : "SCCRQ without an Assigned Tunnel ID",
      );
    const before = this.#answered.get(keyOf(remote, m.avps));
    // A repeat is acknowledged again. One that ended answers no more: its peer has begun anew with the same id.
    if (before && !before.over) return before.contain(() => before.receive(header, Uint8Array.of(0)));
    const ours = [...this.#opened].find((t) => t.state === "wait-ctl-reply" && t.remote.key === remote.key);
    if (ours && this.#tie(ours, m.avps)) return;
    answer ??= this.#ask(remote, m.avps);
    if (answer !== null && m.unknown)
      return this.#refuse(remote, m.avps, {
        result: RESULT.generalError,
        error: ERR.unknownMandatory,
        message: m.unknown.what,
      });
    this.#serve(remote, m.avps, answer);
  }
  #ask(remote: L2tpRemote, sccrq: Avps): TunnelAnswer | null {
    return this.acceptTunnel(remote, {
      hostName: sccrq.hostName ?? "",
      vendorName: sccrq.vendorName ?? "",
      firmware: sccrq.firmwareRevision ?? 0,
    });
  }
  /** §4.4.3: true when the SCCRQ is dealt with: ours won, ours lost (it is queued again), or both lose. */
  #tie(ours: Tunnel, sccrq: Avps): boolean {
    const theirs = sccrq.tieBreaker;
    if (!theirs && !ours.tieBreaker) return false; // two tunnels then
    const order = compare(ours.tieBreaker, theirs ?? null);
    if (order < 0) return true; // ours is lower, or the only one: theirs is discarded in silence
    if (order > 0) {
      ours.contain(() => ours.lostTie(sccrq));
      return true;
    }
    ours.contain(() => ours.drop(failure("tie", "both sides opened a tunnel with the same tie breaker")));
    return true;
  }

  /** Answers an SCCRQ; the tunnel itself comes with the SCCCN. */
  #serve(remote: L2tpRemote, sccrq: Avps, answer: TunnelAnswer | null): void {
    if (answer === null) return this.#drop("l2tp.unwanted", remote, UNWANTED);
    if ("refuse" in answer) return this.#refuse(remote, sccrq, refusalOf(answer));
    const { cfg } = answer;
    // Those whom we call, not those who call: a flood of callers must not cost a comparison with each other.
    const bad = unacceptable(cfg, sccrq, (challenge) => this.#asking(challenge));
    if (bad) {
      this.#noteBad(remote, cfg.link, bad.why.text);
      return this.#refuse(remote, sccrq, bad.result);
    }
    const { crypto } = this.#deps;
    const { id, challenge } = this.#halfOpen.repeated(remote, sccrq) ?? {
      id: this.#newId(),
      challenge: challengeOf(crypto, cfg),
    };
    const half: HalfOpen = { id, remote, challenge, sccrq };
    if (this.#halfOpen.put(half, originOfRemote(remote))) this.counters.bump("l2tp.half-open");
    const hide =
      cfg.hideAvps === true && cfg.secret ? { hiding: { crypto, secret: cfg.secret }, rng: crypto } : undefined;
    const body = encodeMessage(
      "SCCRP",
      {
        ...greeting(cfg, this.#vendorName, id, challenge),
        ...answerTo(crypto, "SCCRP", cfg, sccrq),
      } as MessageOf<"SCCRP">,
      hide,
    );
    this.#say(half, 0, body);
  }
  /**
   * Our message number `Ns` of a control connection without a tunnel: the peer has sent one more, and each is sent
   * once.
   */
  #say({ remote, sccrq }: Pick<HalfOpen, "remote" | "sccrq">, Ns: number, body: Uint8Array): void {
    this.#deps.plane.sendControl(
      remote,
      writeControl({ tunnelId: sccrq.assignedTunnelId ?? 0, callId: 0, Ns, Nr: Ns + 1 }, body),
    );
  }
  /**
   * One answer to one datagram, and no state: a lost one is asked for again by the peer's repeat. After an SCCRP it is
   * the second.
   */
  #refuse(remote: L2tpRemote, sccrq: Avps, resultCode: Result, half: HalfOpen | null = null): void {
    this.counters.bump("l2tp.refused");
    const body = encodeMessage("StopCCN", { assignedTunnelId: half?.id ?? this.#newId(), resultCode });
    this.#say({ remote, sccrq }, half ? 1 : 0, body);
  }

  #ended(t: Tunnel): void {
    if (this.#tunnels.get(t.id) !== t) return;
    this.#leave(t);
    this.#lingering.add(t);
    const oldest = this.#lingering.values().next();
    if (this.#lingering.size > LINGERING && !oldest.done) {
      oldest.value.destroy();
      this.#forget(oldest.value);
    }
  }
  /** Removes it from its peer's count. */
  #leave(t: Tunnel): void {
    this.#idle.delete(t);
    if (this.#opened.delete(t) || this.#lingering.has(t)) return;
    const { peer } = originOfRemote(t.remote);
    const left = (this.#peers.get(peer) ?? 0) - 1;
    if (left > 0) this.#peers.set(peer, left);
    else this.#peers.delete(peer);
  }
  #enter(t: Tunnel): void {
    this.#tunnels.set(t.id, t);
    const all = this.#flows.get(t.remote.flow) ?? new LazySet();
    all.add(t);
    this.#flows.set(t.remote.flow, all);
  }
  #forget(t: Tunnel): void {
    if (this.#tunnels.get(t.id) !== t) return;
    const others = this.#flows.get(t.remote.flow);
    others?.delete(t);
    if (others?.size === 0) this.#flows.delete(t.remote.flow);
    this.#leave(t);
    this.#tunnels.delete(t.id);
    this.#lingering.delete(t);
    const key = `${t.remote.key} ${t.peerId}`;
    if (this.#answered.get(key) === t) this.#answered.delete(key);
  }
  #drop(name: L2tpDrop, remote: L2tpRemote, what: string): void {
    this.counters.bump(name);
    this.#noteBad(remote, "", what);
  }
  #noteBad(remote: L2tpRemote, link: string, what: string): void {
    const second = Math.floor(this.#deps.clock.now() / 1000);
    if (second !== this.#oddSecond) {
      this.#oddSecond = second;
      this.#odds = 0;
    }
    if (++this.#odds > BAD_PER_SECOND) return this.counters.bump("l2tp.quiet");
    this.#deps.log.emit({ kind: "peer.bad", link, layer: "l2tp", peer: remote.address, what });
  }
}

/** Below 0 when `a` wins: the lower value, or the only one. */
function compare(a: Uint8Array | null, b: Uint8Array | null): number {
  if (!a || !b) return a ? -1 : 1;
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const d = (a[i] ?? 0) - (b[i] ?? 0);
    if (d !== 0) return d;
  }
  return 0;
}

/** RFC 2661 §4.4.2: for want of resources now, or for good. */
function refusalOf({ refuse: message, busy }: Refused): Result {
  return busy
    ? { result: RESULT.generalError, error: ERR.resources, message }
    : { result: RESULT.notAuthorized, error: 0, message };
}
