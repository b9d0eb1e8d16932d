// All tunnels of this process. RFC 2661: L2TPv2 as LAC and as LNS, over an L2tpPlane. Left out: nothing of the control protocol;
// data messages are the plane's.
import type { Clock } from "../core/clock.ts";
import { Turns } from "../core/turns.ts";
import { Counters } from "../core/counters.ts";
import { DecodeError, type Failure } from "../core/errors.ts";
import type { EventLog } from "../core/events.ts";
import { Reader } from "../core/bytes.ts";
import type { Packet } from "../core/packet.ts";
import { randomId16 } from "../core/rng.ts";
import type { FlowId, L2tpPlane, L2tpRemote } from "../dataplane/dataplane.ts";
import type { Crypto } from "../ports/ports.ts";
import type { AcceptTunnel, EndpointConfig, TunnelAnswer, TunnelConfig, TunnelOwner } from "./api.ts";
import { Tunnel, type TunnelHost } from "./tunnel.ts";
import { decodeMessage, encodeMessage } from "./wire/avp.ts";
import type { Avps, Result } from "./wire/avps.ts";
import { type ControlHeader, readControl, writeControl } from "./wire/header.ts";
import { missingAvps } from "./wire/messages.ts";
import { ERR, failure, RESULT } from "./words.ts";

export type L2tpDrop =
  | "l2tp.unreadable" | "l2tp.unknown-tunnel" | "l2tp.wrong-remote" | "l2tp.not-sccrq" | "l2tp.refused" | "l2tp.unwanted" | "l2tp.too-many" | "l2tp.half-open" | "l2tp.unknown-call"
  | "l2tp.quiet";
const LINGERING = 256; // ended tunnels that still acknowledge
const UNWANTED = "nobody here serves L2TP for this peer";
const ODD_PER_SECOND = 10; // events about bad input; a peer chooses what they say, so the sum is what must be bounded

interface Deps {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly log: EventLog;
  readonly plane: L2tpPlane;
}

export class L2tpEndpoint {
  readonly counters = new Counters<L2tpDrop>();
  /** Asked for each new SCCRQ; null is silence. */
  acceptTunnel: AcceptTunnel = () => null;
  readonly #deps: Deps;
  readonly #cfg: Required<EndpointConfig>;
  readonly #tunnels = new Map<number, Tunnel>();
  /** By remote and the peer's tunnel id: a repeated SCCRQ is not a new one. */
  readonly #answered = new Map<string, Tunnel>();
  readonly #lingering = new Set<Tunnel>();
  readonly #host: TunnelHost;
  readonly #turns: Turns;
  #oddSecond = -1;
  #odds = 0;

  constructor(deps: Deps, cfg: EndpointConfig) {
    this.#deps = deps;
    this.#cfg = { maxTunnels: 4096, maxHalfOpen: 1000, maxHalfOpenPerRemote: 10, maxCalls: 1024, ...cfg };
    this.#turns = new Turns(deps.clock);
    this.#host = {
      // Timers of tunnels enter like datagrams do: owners are called when the machine has come to rest.
      clock: this.#turns,
      crypto: deps.crypto,
      log: deps.log,
      plane: deps.plane,
      vendorName: cfg.vendorName,
      maxCalls: this.#cfg.maxCalls,
      odd: (remote, link, what) => this.#odd(remote, link, what),
      later: (f) => this.#turns.run(f),
      ended: (t) => this.#ended(t),
      lingered: (t) => this.#forget(t),
      requeue: (remote, sccrq) => this.#serve(remote, { Nr: 0 }, sccrq, this.#ask(remote, sccrq)),
    };
    deps.plane.onControl = (remote, p) => this.#turns.run(() => this.#datagram(remote, p));
  }

  /** Opens a control connection as the one who calls. */
  connect(remote: L2tpRemote, cfg: TunnelConfig, owner: TunnelOwner): Tunnel {
    const t = new Tunnel(this.#host, this.#newId(), remote, true, cfg, owner);
    this.#tunnels.set(t.id, t);
    this.#turns.run(() => t.open());
    return t;
  }
  /** Live tunnels. */
  *tunnels(): Generator<Tunnel> {
    for (const t of this.#tunnels.values()) if (!t.over) yield t;
  }
  /** Tunnels in the tables, lingering ones included: bounded whatever peers do. */
  get size(): number {
    return this.#tunnels.size;
  }
  /** The flow's SAs are gone: its tunnels end without a packet. */
  dropFlow(flow: FlowId, why: Failure): void {
    if (flow === 0) return;
    this.#turns.run(() => {
      for (const t of [...this.#tunnels.values()]) {
        if (t.remote.flow !== flow) continue;
        t.drop(why);
        t.destroy();
        this.#forget(t);
      }
    });
  }
  /** StopCCN to every peer; each tunnel's onDown follows. */
  closeAll(why: Failure): void {
    this.#turns.run(() => {
      for (const t of [...this.#tunnels.values()]) t.close(why);
    });
  }

  #newId(): number {
    return randomId16(this.#deps.crypto, (id) => this.#tunnels.has(id));
  }

  #datagram(remote: L2tpRemote, p: Packet): void {
    try {
      // Data of a call that has just ended comes in numbers: no exception for it.
      if (p.length > 0 && ((p.mem[p.start] as number) & 0x80) === 0) return this.counters.bump("l2tp.unknown-call");
      const { header, body } = readControl(new Reader(p.view()));
      if (header.tunnelId === 0) this.#first(remote, header, body);
      else this.#known(remote, header, body);
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      this.#drop("l2tp.unreadable", remote, e.message);
    }
  }
  #known(remote: L2tpRemote, header: ControlHeader, body: Reader): void {
    const t = this.#tunnels.get(header.tunnelId);
    if (!t) return this.#drop("l2tp.unknown-tunnel", remote, "message for an unknown tunnel");
    // A tunnel belongs to one remote: ids can be guessed, an IPsec flow cannot.
    if (t.remote.key !== remote.key) return this.#drop("l2tp.wrong-remote", remote, "message for somebody else's tunnel");
    t.receive(header, body.rest());
  }
  #first(remote: L2tpRemote, header: ControlHeader, body: Reader): void {
    const bytes = body.rest();
    let m = decodeMessage(new Reader(bytes), { crypto: this.#deps.crypto, secret: null });
    // §5.8: Ns begins at 0.
    if (m.name !== "SCCRQ" || header.Ns !== 0) return this.#drop("l2tp.not-sccrq", remote, "tunnel id 0 in something else than a first SCCRQ");
    let answer: TunnelAnswer | null | undefined;
    if (m.opaque) {
      // Hidden AVPs: who is asked for decides on the secret. The Host Name is never hidden (§4.4.3).
      answer = this.#ask(remote, m.avps);
      if (answer === null) return this.#drop("l2tp.unwanted", remote, UNWANTED);
      if ("cfg" in answer) m = decodeMessage(new Reader(bytes), { crypto: this.#deps.crypto, secret: answer.cfg.secret });
    }
    if (missingAvps("SCCRQ", m.avps).fatal) return this.#drop("l2tp.unreadable", remote, m.opaque ? "SCCRQ with hidden AVPs that our tunnel_secret does not open" : "SCCRQ without an Assigned Tunnel ID");
    const before = this.#answered.get(this.#key(remote, m.avps));
    // A repeat is acknowledged again. One that ended answers no more: its peer has begun anew with the same id.
    if (before && !before.over) return before.receive(header, Uint8Array.of(0));
    const ours = [...this.#tunnels.values()].find((t) => t.initiator && t.state === "wait-ctl-reply" && t.remote.key === remote.key);
    if (ours && this.#tie(ours, m.avps)) return;
    answer ??= this.#ask(remote, m.avps);
    if (answer !== null && m.unknown) return this.#refuse(remote, m.avps, { result: RESULT.generalError, error: ERR.unknownMandatory, message: m.unknown.what });
    this.#serve(remote, header, m.avps, answer);
  }
  #ask(remote: L2tpRemote, sccrq: Avps): TunnelAnswer | null {
    return this.acceptTunnel(remote, { hostName: sccrq.hostName ?? "", vendorName: sccrq.vendorName ?? "", firmware: sccrq.firmwareRevision ?? 0 });
  }
  /** §4.4.3: true when the SCCRQ is dealt with: ours won, ours lost (it is queued again), or both lose. */
  #tie(ours: Tunnel, sccrq: Avps): boolean {
    const theirs = sccrq.tieBreaker;
    if (!theirs && !ours.tieBreaker) return false; // two tunnels then
    const order = compare(ours.tieBreaker, theirs ?? null);
    if (order < 0) return true; // ours is lower, or the only one: theirs is discarded in silence
    if (order > 0) {
      ours.lostTie(sccrq);
      return true;
    }
    ours.drop(failure("tie", "both sides opened a tunnel with the same tie breaker"));
    return true;
  }

  #serve(remote: L2tpRemote, header: Pick<ControlHeader, "Nr">, sccrq: Avps, answer: TunnelAnswer | null): void {
    if (answer === null) return this.#drop("l2tp.unwanted", remote, UNWANTED);
    if ("refuse" in answer) return this.#refuse(remote, sccrq, { result: RESULT.notAuthorized, error: 0, message: answer.refuse });
    let half = 0;
    let mine = 0;
    for (const t of this.#tunnels.values()) {
      if (t.state !== "wait-ctl-conn") continue;
      half++;
      if (t.remote.key === remote.key) mine++;
    }
    if (half >= this.#cfg.maxHalfOpen || mine >= this.#cfg.maxHalfOpenPerRemote) return this.#drop("l2tp.half-open", remote, "too many half-open tunnels");
    if (this.#tunnels.size - this.#lingering.size >= this.#cfg.maxTunnels) return this.#drop("l2tp.too-many", remote, "too many tunnels");
    const t = new Tunnel(this.#host, this.#newId(), remote, false, answer.cfg, answer.owner);
    this.#tunnels.set(t.id, t);
    this.#answered.set(this.#key(remote, sccrq), t);
    t.answer(header, sccrq);
  }
  /** One answer to one datagram, and no state: a lost one is asked for again by the peer's repeat. */
  #refuse(remote: L2tpRemote, sccrq: Avps, resultCode: Result): void {
    this.counters.bump("l2tp.refused");
    const body = encodeMessage("StopCCN", { assignedTunnelId: this.#newId(), resultCode });
    this.#deps.plane.sendControl(remote, writeControl({ tunnelId: sccrq.assignedTunnelId ?? 0, callId: 0, Ns: 0, Nr: 1 }, body));
  }
  #key(remote: L2tpRemote, sccrq: Avps): string {
    return `${remote.key} ${sccrq.assignedTunnelId ?? 0}`;
  }

  #ended(t: Tunnel): void {
    if (this.#tunnels.get(t.id) !== t) return;
    this.#lingering.add(t);
    const oldest = this.#lingering.values().next();
    if (this.#lingering.size > LINGERING && !oldest.done) {
      oldest.value.destroy();
      this.#forget(oldest.value);
    }
  }
  #forget(t: Tunnel): void {
    if (this.#tunnels.get(t.id) === t) this.#tunnels.delete(t.id);
    this.#lingering.delete(t);
    const key = `${t.remote.key} ${t.peerId}`;
    if (this.#answered.get(key) === t) this.#answered.delete(key);
  }
  #drop(name: L2tpDrop, remote: L2tpRemote, what: string): void {
    this.counters.bump(name);
    this.#odd(remote, "", what);
  }
  #odd(remote: L2tpRemote, link: string, what: string): void {
    const second = Math.floor(this.#deps.clock.now() / 1000);
    if (second !== this.#oddSecond) {
      this.#oddSecond = second;
      this.#odds = 0;
    }
    if (++this.#odds > ODD_PER_SECOND) return this.counters.bump("l2tp.quiet");
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
