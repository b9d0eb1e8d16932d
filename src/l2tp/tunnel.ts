// One control connection: RFC 2661 §7.2, over reliable.ts.

import { Reader } from "../core/bytes.ts";
import type { Timer } from "../core/clock.ts";
import { DecodeError, type Failure } from "../core/errors.ts";
import type { Event, EventLog } from "../core/events.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { type Acts, Machine } from "../core/fsm.ts";
import { allOf, contain, Scope } from "../core/scope.ts";
import { sameBytes } from "../core/text.ts";
import type { Turns } from "../core/turns.ts";
import type { CallChannel, CallSpec, L2tpPlane, L2tpRemote, TunnelPath } from "../dataplane/dataplane.ts";
import type { Crypto } from "../ports/ports.ts";
import type { CallConfig, CallKind, CallRequest, TunnelConfig, TunnelInfo } from "./api.ts";
import { CHALLENGE_LENGTH, verify } from "./auth.ts";
import { Call, type CallHost, type CallOwner, type CallRole } from "./call.ts";
import { answerTo, greeting, unacceptable } from "./greeting.ts";
import type { HalfOpen } from "./half-open.ts";
import { Reliable } from "./reliable.ts";
import { rules, TUNNEL, TUNNEL_MORE, type TunnelAction, type TunnelEvent, type TunnelState } from "./tables.ts";
import { type Decoded, decodeMessage, encodeMessage, type Hiding } from "./wire/avp.ts";
import type { Avps, Result } from "./wire/avps.ts";
import type { ControlHeader } from "./wire/header.ts";
import { type MessageName, type MessageOf, missingAvps } from "./wire/messages.ts";
import { ERR, failure, RESULT, resultWords } from "./words.ts";

const RULES = rules(TUNNEL, TUNNEL_MORE);
/** Longer than the retransmission of reliable.ts: this is for a peer that acknowledges and then says nothing. */
const ESTABLISH_MS = 40_000;
/** Patience for the acknowledgement of our StopCCN; the daemon has two seconds in all. */
const STOP_MS = 800;
/** §5.7: after the end, repeats of the peer are still acknowledged for a whole cycle of retransmission. */
const LINGER_MS = 31_000;
/** A peer that opens a tunnel has a call for it. */
const NO_CALL_MS = 60_000;

export interface TunnelOwner {
  onUp(t: Tunnel, info: TunnelInfo): void;
  /** Once, last; every call has had its own onDown before. */
  onDown(t: Tunnel, why: Failure): void;
  /** The peer announces a call (ICRQ: "incoming") or asks us to place one (OCRQ: "outgoing"). */
  onCallRequest(t: Tunnel, request: CallRequest): CallAnswer;
}
export type CallAnswer = { readonly cfg: CallConfig; readonly owner: CallOwner } | { readonly refuse: string };
export interface TunnelHost {
  /** Timers of tunnels enter like datagrams do: owners are called when the machine has come to rest. */
  readonly turns: Turns;
  readonly crypto: Crypto;
  readonly log: EventLog;
  readonly plane: L2tpPlane;
  readonly vendorName: string;
  readonly maxCalls: number;
  odd(remote: L2tpRemote, link: string, what: string): void;
  /** onDown was said; acknowledgements go on. */
  ended(t: Tunnel): void;
  /** Nothing more will come of it. */
  lingered(t: Tunnel): void;
  /** The peer's SCCRQ won over ours: it is to be served now. */
  requeue(remote: L2tpRemote, sccrq: Avps): void;
  /** Whether a peer who has not answered yet was asked with this challenge. */
  asked(challenge: Uint8Array): boolean;
  /** Of a tunnel that the peer opened: it has its first call, or lost its last one. */
  busy(t: Tunnel, busy: boolean): void;
}
export interface TunnelStart {
  readonly id: number;
  readonly remote: L2tpRemote;
  readonly cfg: TunnelConfig;
  readonly owner: TunnelOwner;
  /** What the peer began, null where we are the one who calls. */
  readonly half: HalfOpen | null;
}

export class Tunnel implements CallHost {
  readonly id: number;
  readonly remote: L2tpRemote;
  readonly initiator: boolean;
  readonly clock: Scope;
  readonly calls = new Map<number, Call>();
  readonly #host: TunnelHost;
  readonly #cfg: TunnelConfig;
  readonly #owner: TunnelOwner;
  readonly #reliable: Reliable;
  readonly #machine: Machine<TunnelState, TunnelEvent, TunnelAction, Avps, Tunnel>;
  readonly #hello: Timer;
  readonly #guard: Timer;
  readonly #linger: Timer;
  readonly #hiding: Hiding;
  readonly #challenge: Uint8Array;
  readonly tieBreaker: Uint8Array | null;
  #path: TunnelPath | null = null;
  #peerId = 0;
  #peerHost = "";
  #peerVendor = "";
  #why: Failure | null = null;
  #result: Result = { result: RESULT.clear };
  #stage: "live" | "stopping" | "over" = "live";
  #serial: number;

  static readonly #ACTS: Acts<TunnelAction, Tunnel, Avps> = {
    sendSCCRQ: (t) =>
      t.sendMessage("SCCRQ", 0, {
        ...greeting(t.#cfg, t.#host.vendorName, t.id, t.#challenge),
        ...(t.tieBreaker ? { tieBreaker: t.tieBreaker } : {}),
      }),
    sendSCCRP: () => {}, // sent before there was a tunnel: half-open.ts
    sendSCCCN: (t, a) => t.sendMessage("SCCCN", 0, answerTo(t.#host.crypto, "SCCCN", t.#cfg, a)),
    sendStopCCN: (t) => t.#sendStop(),
    tunnelOpen: (t) => t.#opened(),
    cleanUp: (t) => t.#cleanUp(),
    requeueSCCRQ: (t, a) => t.#host.turns.run(() => t.#host.requeue(t.remote, a)),
  };

  constructor(host: TunnelHost, { id, remote, cfg, owner, half }: TunnelStart) {
    this.#host = host;
    this.clock = new Scope(host.turns, (e) => this.#fault(e), host.turns);
    this.id = id;
    this.remote = remote;
    this.initiator = half === null;
    this.#cfg = cfg;
    this.#owner = owner;
    this.#hiding = { crypto: host.crypto, secret: cfg.secret };
    this.#challenge = half?.challenge ?? host.crypto.random(cfg.secret ? CHALLENGE_LENGTH : 0);
    this.tieBreaker = cfg.tieBreaker === true && half === null ? host.crypto.random(8) : null;
    this.#serial = (host.crypto.random(1)[0] as number) << 8;
    this.#reliable = new Reliable(this.clock, {
      transmit: (m) => void host.plane.sendControl(remote, m),
      deliver: (callId, body) => this.#deliver(callId, body),
      silent: () => this.#silent(),
    });
    this.#hello = this.clock.timer(`l2tp hello ${id}`, () => {
      if (this.#reliable.idle) this.sendMessage("HELLO", 0, {});
      this.#hello.arm(cfg.helloSeconds * 1000);
    });
    this.#guard = this.clock.timer(`l2tp tunnel ${id}`, () => this.#late());
    this.#linger = this.clock.timer(`l2tp linger ${id}`, () => {
      this.#reliable.close();
      host.lingered(this);
    });
    this.#machine = new Machine<TunnelState, TunnelEvent, TunnelAction, Avps, Tunnel>(
      this,
      half ? "wait-ctl-conn" : "idle",
      RULES,
      Tunnel.#ACTS,
      (t, state, event) => t.odd(`${event} in ${state}`),
    );
    if (half) {
      this.#setPeer(half.sccrq);
      this.#reliable.resume();
      this.#reliable.setPeerWindow(half.sccrq.receiveWindowSize ?? 4);
      this.#guard.arm(ESTABLISH_MS);
    }
  }

  get peerId(): number {
    return this.#peerId;
  }
  get peerHost(): string {
    return this.#peerHost;
  }
  get state(): TunnelState {
    return this.#machine.state;
  }
  get over(): boolean {
    return this.#stage !== "live";
  }
  get link(): string {
    return this.#cfg.link;
  }
  /** Whether the peer was asked with this challenge, and has not answered. */
  asked(challenge: Uint8Array): boolean {
    return this.state === "wait-ctl-reply" && sameBytes(this.#challenge, challenge);
  }
  /** Control messages that wait for an acknowledgement, and how often any was repeated. */
  get transport(): { readonly unacknowledged: number; readonly retransmitted: number; readonly window: number } {
    return {
      unacknowledged: this.#reliable.unacknowledged,
      retransmitted: this.#reliable.retransmitted,
      window: this.#reliable.window,
    };
  }

  /** Begins as the one who calls. */
  open(): void {
    this.#guard.arm(ESTABLISH_MS);
    this.#machine.on("local-open", {});
  }
  /** §4.4.3: the peer opened a tunnel towards us at the same time, and its tie breaker wins. */
  lostTie(sccrq: Avps): void {
    this.#why = failure("lost-tie", "the peer opened a tunnel at the same time, and its tie breaker won");
    this.#reliable.stopSending(); // discarded in silence
    this.#machine.on("SCCRQ-lost-tie", sccrq);
  }
  /** CDN for every call, then StopCCN; onDown follows when all is acknowledged, or after 0.8 s. */
  close(why: Failure): void {
    if (this.#stage !== "live") return;
    this.#why ??= why;
    for (const c of [...this.calls.values()]) c.contain(() => c.close(why));
    this.#result = { result: RESULT.shutdown };
    if (this.state === "idle") this.#cleanUp();
    else this.#machine.on("admin-close", {});
  }
  /** The road to the peer is gone: no packet is sent. */
  drop(why: Failure): void {
    if (this.#stage === "over") return;
    this.#why ??= why;
    this.#reliable.stopSending();
    this.#cleanUp();
    this.#finish();
  }

  /** Now, in this turn: an unexpected error in it ends this tunnel. */
  contain(f: () => void): void {
    contain(f, (e) => this.#fault(e));
  }
  placeCall(kind: CallKind, cfg: CallConfig, owner: CallOwner): Call {
    if (this.state !== "established") throw new RangeError("placeCall: the tunnel is not established");
    const call = this.#newCall(kind === "incoming" ? "lac-incoming" : "lns-outgoing", cfg, owner);
    call.contain(() => call.open());
    return call;
  }
  #newCall(role: CallRole, cfg: CallConfig, owner: CallOwner): Call {
    const taken = (id: number): boolean => id === 0 || this.calls.has(id);
    let id = 0;
    while (taken(id)) {
      const b = this.#host.crypto.random(2);
      id = ((b[0] as number) << 8) | (b[1] as number);
    }
    const call = new Call(this, id, this.#serial++, role, cfg, owner);
    this.calls.set(id, call);
    if (!this.initiator && this.calls.size === 1) this.#idle(false);
    return call;
  }

  /** A datagram for this tunnel, already bound to its remote by the endpoint. */
  receive(header: ControlHeader, body: Uint8Array): void {
    if (this.#stage === "live" && this.#cfg.helloSeconds > 0 && this.state === "established")
      this.#hello.arm(this.#cfg.helloSeconds * 1000);
    this.#reliable.receive(header, body);
    if (this.#stage === "stopping" && this.#reliable.idle) this.#finish();
  }

  // For calls ------------------------------------------------------------------------------------
  openChannel(spec: CallSpec): CallChannel {
    this.#path ??= this.#host.plane.openTunnel({ localId: this.id, peerId: this.#peerId, remote: this.remote });
    return this.#path.openCall(spec);
  }
  sendMessage(name: MessageName, callId: number, avps: Avps): void {
    if (this.#stage !== "live") return;
    const hide =
      this.#cfg.hideAvps === true && this.#cfg.secret ? { hide: { hiding: this.#hiding, rng: this.#host.crypto } } : {};
    this.#reliable.send(callId, encodeMessage(name, avps as MessageOf<typeof name>, hide.hide));
  }
  /** After the present datagram is done with: owners are never called from within a machine. */
  later(f: () => void): void {
    this.clock.run(f);
  }
  forget(call: Call, why: Failure): void {
    if (this.calls.delete(call.id) && !this.initiator && this.calls.size === 0) this.#idle(true);
    this.#host.log.emit({
      kind: "l2tp.call-down",
      link: this.#cfg.link,
      tunnel: this.id,
      call: call.id,
      code: why.code,
      text: why.text,
    });
  }
  emit(e: Event): void {
    this.#host.log.emit(e);
  }
  odd(what: string): void {
    this.#host.odd(this.remote, this.#cfg.link, what);
  }

  // Messages -------------------------------------------------------------------------------------
  #deliver(callId: number, body: Uint8Array): void {
    if (this.#stage !== "live") return;
    let m: Decoded;
    try {
      m = decodeMessage(new Reader(body), this.#hiding);
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      this.odd(e.message);
      return this.#refuse(
        { result: RESULT.generalError, error: ERR.length },
        failure("unreadable", `the peer sent a control message that cannot be read: ${e.message}`),
      );
    }
    for (const n of m.misread) this.odd(`${n}: wrong length, ignored`);
    const call = callId === 0 ? undefined : this.calls.get(callId);
    if (m.name === undefined) {
      // §4.4.1: an unknown type with the M bit ends the tunnel, without it is ignored.
      this.odd(`unknown message type ${m.type}`);
      if (m.mandatory)
        this.#refuse(
          { result: RESULT.generalError, error: ERR.unknownMandatory },
          failure("unknown-message", `the peer sent message type ${m.type}, which is not known, and insists on it`),
        );
      return;
    }
    if (m.unknown && m.name !== "StopCCN" && m.name !== "CDN") {
      // §4.1: in a message of a call only the call ends.
      this.odd(m.unknown.message);
      const why = failure("unknown-mandatory", m.unknown.message);
      const { name } = m;
      if (call)
        return call.contain(() => call.refuse(name, { result: RESULT.callError, error: ERR.unknownMandatory }, why));
      if (m.name !== "ICRQ" && m.name !== "OCRQ")
        return this.#refuse({ result: RESULT.generalError, error: ERR.unknownMandatory }, why);
      return this.#refuseCall(m.avps, { result: RESULT.callError, error: ERR.unknownMandatory });
    }
    const { missing, fatal } = missingAvps(m.name, m.avps);
    if (missing.length > 0) this.odd(`${m.name} without ${missing.join(" ")}`);
    if (fatal && m.name.startsWith("S"))
      return this.#refuse(
        { result: RESULT.generalError, error: ERR.range },
        failure("incomplete", `the peer's ${m.name} has no ${missing.join(" ") || "Assigned Tunnel ID but 0"}`),
      );
    if (fatal) {
      const result = { result: RESULT.callError, error: ERR.range };
      if (!call) return this.#refuseCall(m.avps, result);
      const { name } = m;
      return call.contain(() =>
        call.refuse(
          name,
          result,
          failure("incomplete", `the peer's ${m.name} has no ${missing.join(" ") || "Assigned Call ID but 0"}`),
        ),
      );
    }
    this.#dispatch(m.name, m.avps, call);
  }

  #dispatch(name: MessageName, avps: Avps, call: Call | undefined): void {
    switch (name) {
      case "SCCRQ":
      case "SCCRP":
      case "SCCCN":
      case "StopCCN":
        return this.#control(name, avps);
      case "HELLO":
        return;
      case "ICRQ":
      case "OCRQ":
        return call ? call.contain(() => call.message(name, avps)) : this.#callRequest(name, avps);
      case "CDN": {
        // §4.4.4: the header's Call ID is 0 when the sender never learnt ours; then its own id tells.
        const which = call ?? [...this.calls.values()].find((c) => c.peerId !== 0 && c.peerId === avps.assignedCallId);
        return which ? which.contain(() => which.message(name, avps)) : this.odd("CDN for an unknown call");
      }
      default:
        if (call) call.contain(() => call.message(name, avps));
        else this.odd(`${name} for an unknown call`);
    }
  }

  #callRequest(name: "ICRQ" | "OCRQ", avps: Avps): void {
    if (this.state !== "established") return this.odd(`${name} before the tunnel is established`);
    if (this.calls.size >= this.#host.maxCalls)
      return this.#refuseCall(avps, { result: RESULT.noResources, error: ERR.resources, message: "too many calls" });
    const kind: CallKind = name === "ICRQ" ? "incoming" : "outgoing";
    const answer = this.#ask({
      kind,
      serial: avps.callSerialNumber ?? 0,
      calledNumber: avps.calledNumber ?? "",
      callingNumber: avps.callingNumber ?? "",
    });
    if ("refuse" in answer) return this.#refuseCall(avps, { result: RESULT.admin, error: 0, message: answer.refuse });
    const call = this.#newCall(kind === "incoming" ? "lns-incoming" : "lac-outgoing", answer.cfg, answer.owner);
    call.contain(() => {
      answer.owner.onCall?.(call);
      call.message(name, avps);
    });
  }
  /** There is no call yet that an error could end: it refuses one. */
  #ask(request: CallRequest): CallAnswer {
    try {
      return this.#owner.onCallRequest(this, request);
    } catch (e) {
      this.#log(e);
      return { refuse: "internal error" };
    }
  }
  #refuseCall(avps: Avps, resultCode: Result): void {
    this.sendMessage("CDN", avps.assignedCallId ?? 0, { resultCode, assignedCallId: 0 });
  }

  #control(name: "SCCRQ" | "SCCRP" | "SCCCN" | "StopCCN" | MessageName, avps: Avps): void {
    switch (name) {
      case "SCCRQ":
      case "SCCRP": {
        if (name === "SCCRQ" || !this.initiator || this.state === "established") {
          this.#outOfOrder(name);
          return this.#machine.on(name, avps);
        }
        this.#setPeer(avps);
        if (this.#unacceptable(avps)) return this.#machine.on("SCCRP-bad", avps);
        this.#reliable.setPeerWindow(avps.receiveWindowSize ?? 4);
        return this.#machine.on(name, avps);
      }
      case "SCCCN": {
        const ok = this.#authentic("SCCCN", avps);
        if (this.state !== "wait-ctl-conn") this.#outOfOrder(name);
        return this.#machine.on(ok || this.state !== "wait-ctl-conn" ? "SCCCN" : "SCCCN-bad", avps);
      }
      case "StopCCN": {
        this.#setPeer(avps); // a refusal names the tunnel that our acknowledgement must be sent to
        const words = avps.resultCode ? resultWords("StopCCN", avps.resultCode) : "no reason given";
        this.#why ??= failure(
          this.state === "established" ? "peer-closed" : "refused",
          `the peer ${this.state === "established" ? "closed" : "refused"} the control connection: ${words}`,
        );
        this.#machine.on("StopCCN", avps);
        return this.#finish();
      }
      default:
    }
  }
  #outOfOrder(name: string): void {
    this.#result = { result: RESULT.fsm, error: 0, message: `${name} in state ${this.state}` };
    this.#why ??= failure("order", `the peer sent ${name} out of order`);
  }
  #setPeer(avps: Avps): void {
    if (this.#peerId !== 0) return;
    this.#peerId = avps.assignedTunnelId ?? 0;
    this.#reliable.peerId = this.#peerId;
    this.#peerHost = avps.hostName ?? "";
    this.#peerVendor = avps.vendorName ?? "";
  }

  /** Whether an SCCRP cannot be served; sets result and reason then. */
  #unacceptable(avps: Avps): boolean {
    const bad = unacceptable(this.#cfg, avps, (challenge) => this.#host.asked(challenge));
    if (!bad) return !this.#authentic("SCCRP", avps);
    this.#result = bad.result;
    this.#why = bad.why;
    return true;
  }
  #authentic(name: "SCCRP" | "SCCCN", avps: Avps): boolean {
    if (!this.#cfg.secret || verify(this.#host.crypto, name, this.#cfg.secret, this.#challenge, avps.challengeResponse))
      return true;
    this.#result = { result: RESULT.notAuthorized };
    this.#why = failure(
      "tunnel-auth",
      avps.challengeResponse
        ? "tunnel authentication failed: the two tunnel_secrets differ"
        : "tunnel authentication failed: the peer does not answer our challenge",
    );
    return false;
  }

  // Ends -----------------------------------------------------------------------------------------
  #opened(): void {
    this.#guard.disarm();
    if (!this.initiator) this.#idle(true);
    if (this.#cfg.helloSeconds > 0) this.#hello.arm(this.#cfg.helloSeconds * 1000);
    this.#host.log.emit({
      kind: "l2tp.tunnel-up",
      link: this.#cfg.link,
      tunnel: this.id,
      peerTunnel: this.#peerId,
      peerHost: this.#peerHost,
      peerVendor: this.#peerVendor,
    });
    this.later(() => {
      if (this.#stage === "live") this.#owner.onUp(this, { peerHost: this.#peerHost, peerVendor: this.#peerVendor });
    });
  }
  /** A peer's tunnel without a call is not kept for long. */
  #idle(idle: boolean): void {
    if (this.#stage !== "live") return;
    if (idle) this.#guard.arm(NO_CALL_MS);
    else this.#guard.disarm();
    this.#host.busy(this, !idle);
  }
  #refuse(result: Result, why: Failure): void {
    this.#result = result;
    this.#why ??= why;
    if (this.state === "idle") this.#sendStop();
    this.#machine.on("admin-close", {});
    this.#cleanUp();
  }
  #sendStop(): void {
    this.sendMessage("StopCCN", 0, { assignedTunnelId: this.id, resultCode: this.#result });
  }
  /** Calls and timers end; the connection waits for the acknowledgement of a StopCCN when one was sent. */
  #cleanUp(): void {
    if (this.#stage !== "live") return;
    this.#stage = "stopping";
    this.#hello.disarm();
    const why = this.#reason();
    for (const c of [...this.calls.values()]) c.contain(() => c.drop(why));
    this.#guard.arm(STOP_MS);
    if (this.#reliable.idle) this.later(() => this.#finish());
  }
  #finish(): void {
    if (this.#stage === "over") return;
    this.#cleanUp();
    this.#stage = "over";
    this.#guard.disarm();
    this.#reliable.stopSending();
    this.#linger.arm(LINGER_MS);
    const why = this.#reason();
    this.later(() => this.#tellDown(why));
  }
  #tellDown(why: Failure): void {
    const path = this.#path;
    this.#path = null;
    allOf(
      (e) => this.#log(e),
      () => path?.close(),
      () =>
        this.#host.log.emit({
          kind: "l2tp.tunnel-down",
          link: this.#cfg.link,
          tunnel: this.id,
          code: why.code,
          text: why.text,
        }),
      () => this.#host.ended(this),
      () => this.#owner.onDown(this, why),
    );
  }
  /** Rule 7. In a state that nobody knows one StopCCN is all that is said, and nothing is heard any more. */
  #fault(e: unknown): void {
    this.#log(e);
    const told = this.#stage === "over";
    this.#why ??= internal("l2tp", e);
    this.#result = { result: RESULT.generalError, error: ERR.vendor };
    this.#stage = "over";
    if (told)
      return allOf(
        (again) => this.#log(again),
        () => this.destroy(),
        () => this.#host.lingered(this),
      );
    const why = this.#reason();
    allOf(
      (again) => this.#log(again),
      () => {
        for (const c of [...this.calls.values()]) c.contain(() => c.drop(why));
      },
      () => this.#reliable.send(0, encodeMessage("StopCCN", { assignedTunnelId: this.id, resultCode: this.#result })),
      () => this.#hello.disarm(),
      () => this.#guard.disarm(),
      () => this.destroy(),
      () => this.#host.lingered(this),
      () => this.later(() => this.#tellDown(why)),
    );
  }
  #log(e: unknown): void {
    this.#host.log.emit(faultEvent(this.#cfg.link, "an L2TP tunnel", e));
  }
  /** Forgets at once, lingering included. */
  destroy(): void {
    this.#linger.disarm();
    this.#reliable.close();
  }
  #reason(): Failure {
    return this.#why ?? failure("closed", "the tunnel was closed");
  }
  #silent(): void {
    this.#why ??= failure("peer-silent", `the L2TP peer ${this.remote.address} does not answer`);
    this.#reliable.stopSending();
    this.#cleanUp();
    this.#finish();
  }
  #late(): void {
    if (this.#stage === "stopping") return this.#finish();
    if (this.state === "established")
      return this.close(failure("no-call", `the L2TP peer ${this.remote.address} has a tunnel and no call in it`));
    this.close(
      failure(
        "no-reply",
        `the L2TP peer ${this.remote.address} acknowledges, but does not go on with the control connection`,
      ),
    );
  }
}
