// One control connection: RFC 2661 §7.2, over reliable.ts.

import type { Timer } from "../core/clock.ts";
import type { Failure } from "../core/errors.ts";
import type { Event, EventLog } from "../core/events.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { Machine, rules, type Table } from "../core/fsm.ts";
import { allOf, contain, Scope } from "../core/scope.ts";
import type { Turns } from "../core/turns.ts";
import type { CallChannel, CallSpec, L2tpPlane, L2tpRemote, TunnelPath } from "../dataplane/dataplane.ts";
import type { Crypto } from "../ports/ports.ts";
import type { CallConfig, CallKind, CallRequest, TunnelConfig, TunnelInfo } from "./api.ts";
import type { Call, CallOwner } from "./call.ts";
import { type CallAnswer, CallTable, type CallTableHost } from "./calls.ts";
import type { HalfOpen } from "./half-open.ts";
import { Handshake, type Refusal } from "./handshake.ts";
import { Reliable, type ReliableOwner } from "./reliable.ts";
import { TUNNEL, TUNNEL_MORE, type TunnelAction, type TunnelEvent, type TunnelState } from "./tables.ts";
import { validate } from "./validate.ts";
import { encodeMessage, type Hiding } from "./wire/avp.ts";
import type { Avps, Result } from "./wire/avps.ts";
import type { ControlHeader } from "./wire/header.ts";
import type { MessageName, MessageOf } from "./wire/messages.ts";
import { ERR, failure, RESULT, resultWords } from "./words.ts";

/** Longer than the retransmission of reliable.ts: this is for a peer that acknowledges and then says nothing. */
const ESTABLISH_MS = 40_000;
/** Patience for the acknowledgement of our StopCCN; the daemon has two seconds in all. */
const STOP_MS = 800;
/** §5.7: after the end, repeats of the peer are still acknowledged for a whole cycle of retransmission. */
const LINGER_MS = 31_000;
/** A peer that opens a tunnel has a call for it. */
const NO_CALL_MS = 60_000;
const CLEARED: Result = { result: RESULT.clear };

export interface TunnelOwner {
  onUp(t: Tunnel, info: TunnelInfo): void;
  /** Called once, last, after every call's onDown. */
  onDown(t: Tunnel, why: Failure): void;
  /** The peer announces a call (ICRQ: "incoming") or asks us to place one (OCRQ: "outgoing"). */
  onCallRequest(t: Tunnel, request: CallRequest): CallAnswer;
}
export interface TunnelHost {
  /** Timers of tunnels enter like datagrams do: owners are called when the machine has come to rest. */
  readonly turns: Turns;
  readonly crypto: Crypto;
  readonly log: EventLog;
  readonly plane: L2tpPlane;
  readonly vendorName: string;
  readonly maxCalls: number;
  /** What the peer did wrong, for an event. */
  noteBad(remote: L2tpRemote, link: string, what: string): void;
  /** onDown was said; acknowledgements go on. */
  ended(t: Tunnel): void;
  /** The tunnel is finished and may be forgotten. */
  lingered(t: Tunnel): void;
  /** The peer's SCCRQ won over ours: it is to be served now. */
  requeue(remote: L2tpRemote, sccrq: Avps): void;
  /** Whether a peer who has not answered yet was asked with this challenge. */
  asked(challenge: Uint8Array): boolean;
  /** Of a tunnel that the peer opened: it has its first call, or lost its last one. */
  busy(t: Tunnel, busy: boolean): void;
}
interface TunnelStart {
  readonly id: number;
  readonly remote: L2tpRemote;
  readonly cfg: TunnelConfig;
  readonly owner: TunnelOwner;
  /** What the peer began, null where we are the one who calls. */
  readonly half: HalfOpen | null;
}

export class Tunnel implements CallTableHost, ReliableOwner {
  readonly id: number;
  readonly remote: L2tpRemote;
  readonly initiator: boolean;
  readonly clock: Scope;
  readonly #host: TunnelHost;
  readonly #cfg: TunnelConfig;
  readonly #owner: TunnelOwner;
  readonly #reliable: Reliable;
  readonly #calls: CallTable;
  readonly #machine: Machine<TunnelState, TunnelEvent, TunnelAction, Avps, Tunnel>;
  readonly #hello: Timer;
  /** While the peer is to do something, and after the end: most tunnels are at rest for hours. */
  #guard: Timer | null = null;
  readonly #handshake: Handshake;
  #path: TunnelPath | null = null;
  #why: Failure | null = null;
  #result: Result = CLEARED;
  #stage: "live" | "stopping" | "over" = "live";

  static readonly #TABLE: Table<TunnelState, TunnelEvent, TunnelAction, Avps, Tunnel> = {
    rules: rules(TUNNEL, TUNNEL_MORE),
    acts: {
      sendSCCRQ: (t) => t.sendMessage("SCCRQ", 0, t.#handshake.sccrq(t.#host.vendorName, t.id)),
      sendSCCRP: () => {}, // sent before there was a tunnel: half-open.ts
      sendSCCCN: (t, a) => t.sendMessage("SCCCN", 0, t.#handshake.scccn(a)),
      sendStopCCN: (t) => t.#sendStop(),
      tunnelOpen: (t) => t.#opened(),
      cleanUp: (t) => t.#cleanUp(),
      requeueSCCRQ: (t, a) => t.#host.turns.run(() => t.#host.requeue(t.remote, a)),
    },
    unlisted: (t, state, event) => t.noteBad(`${event} in ${state}`),
  };

  constructor(host: TunnelHost, { id, remote, cfg, owner, half }: TunnelStart) {
    this.#host = host;
    this.clock = new Scope(host.turns, (e) => this.#fault(e), host.turns);
    this.id = id;
    this.remote = remote;
    this.initiator = half === null;
    this.#cfg = cfg;
    this.#owner = owner;
    this.#handshake = new Handshake(host.crypto, cfg, half);
    this.#calls = new CallTable(this, { rng: host.crypto, max: host.maxCalls });
    this.#reliable = new Reliable(this.clock, this);
    this.#hello = this.clock.timer(`l2tp hello ${id}`, () => this.#sayHello());
    this.#machine = new Machine<TunnelState, TunnelEvent, TunnelAction, Avps, Tunnel>(
      this,
      half ? "wait-ctl-conn" : "idle",
      Tunnel.#TABLE,
    );
    if (half) {
      this.#setPeer(half.sccrq);
      this.#reliable.resume();
      this.#reliable.setPeerWindow(half.sccrq.receiveWindowSize ?? 4);
      this.#wait(ESTABLISH_MS);
    }
  }

  get peerId(): number {
    return this.#handshake.peerId;
  }
  get tieBreaker(): Uint8Array | null {
    return this.#handshake.tieBreaker;
  }
  get state(): TunnelState {
    return this.#machine.state;
  }
  get established(): boolean {
    return this.state === "established";
  }
  get calls(): Pick<CallTable["byId"], "size" | "get" | "keys" | "values"> {
    return this.#calls.byId;
  }
  get over(): boolean {
    return this.#stage !== "live";
  }
  get link(): string {
    return this.#cfg.link;
  }
  /** Whether the peer was asked with this challenge, and has not answered. */
  asked(challenge: Uint8Array): boolean {
    return this.state === "wait-ctl-reply" && this.#handshake.asked(challenge);
  }

  /** Starts as the initiator. */
  open(): void {
    this.#wait(ESTABLISH_MS);
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
    this.#calls.close(why);
    this.#result = { result: RESULT.shutdown };
    if (this.state === "idle") this.#cleanUp();
    else this.#machine.on("admin-close", {});
  }
  /** The path to the peer is gone: ends without a message. */
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
  /** RangeError while the tunnel is not established. */
  placeCall(kind: CallKind, cfg: CallConfig, owner: CallOwner): Call {
    return this.#calls.place(kind, cfg, owner);
  }
  /** The peer has acknowledged everything. */
  get idle(): boolean {
    return this.#reliable.idle;
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
    this.#path ??= this.#host.plane.openTunnel({ localId: this.id, peerId: this.peerId, remote: this.remote });
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
    this.#calls.forget(call);
    const { code, text } = why;
    this.emit({ kind: "l2tp.call-down", link: this.link, tunnel: this.id, call: call.id, code, text });
  }
  emit(e: Event): void {
    this.#host.log.emit(e);
  }
  noteBad(what: string): void {
    this.#host.noteBad(this.remote, this.#cfg.link, what);
  }
  /** There is no call yet that an error could end: it refuses one. */
  answerCall(request: CallRequest): CallAnswer {
    try {
      return this.#owner.onCallRequest(this, request);
    } catch (e) {
      this.#log(e);
      return { refuse: "internal error" };
    }
  }
  /** A peer's tunnel without a call is not kept for long. */
  busy(busy: boolean): void {
    if (this.initiator || this.#stage !== "live") return;
    if (busy) this.#waitNoMore();
    else this.#wait(NO_CALL_MS);
    this.#host.busy(this, busy);
  }

  get #hiding(): Hiding {
    return { crypto: this.#host.crypto, secret: this.#cfg.secret };
  }
  #sayHello(): void {
    if (this.#calls.silent() && this.#reliable.idle) this.sendMessage("HELLO", 0, {}); // §5.5: data is life, too
    this.#hello.arm(this.#cfg.helloSeconds * 1000);
  }

  // Messages -------------------------------------------------------------------------------------
  transmit(message: Uint8Array): void {
    this.#host.plane.sendControl(this.remote, message);
  }
  deliver(callId: number, body: Uint8Array): void {
    if (this.#stage !== "live") return;
    const v = validate(body, this.#hiding, (what) => this.noteBad(what));
    const call = callId === 0 ? undefined : this.calls.get(callId);
    switch (v.is) {
      case "ignored":
        return;
      case "tunnel-error":
        return this.#refuse(v.result, v.why);
      case "call-error":
        return this.#calls.unserved(v, call);
      case "message":
        return this.#dispatch(v.name, v.avps, call);
    }
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
      default:
        return this.#calls.message(name, avps, call);
    }
  }
  #control(name: "SCCRQ" | "SCCRP" | "SCCCN" | "StopCCN", avps: Avps): void {
    switch (name) {
      case "SCCRQ":
      case "SCCRP": {
        if (name === "SCCRQ" || !this.initiator || this.state === "established") return this.#outOfOrder(name, avps);
        this.#setPeer(avps);
        const bad = this.#handshake.refusesSccrp(avps, (challenge) => this.#host.asked(challenge));
        if (bad) return this.#refused("SCCRP-bad", bad, avps);
        this.#reliable.setPeerWindow(avps.receiveWindowSize ?? 4);
        return this.#machine.on(name, avps);
      }
      case "SCCCN": {
        if (this.state !== "wait-ctl-conn") return this.#outOfOrder(name, avps);
        const bad = this.#handshake.refusesScccn(avps);
        return bad ? this.#refused("SCCCN-bad", bad, avps) : this.#machine.on(name, avps);
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
    }
  }
  #refused(event: "SCCRP-bad" | "SCCCN-bad", { result, why }: Refusal, avps: Avps): void {
    this.#result = result;
    this.#why = why;
    this.#machine.on(event, avps);
  }
  #outOfOrder(name: "SCCRQ" | "SCCRP" | "SCCCN", avps: Avps): void {
    this.#result = { result: RESULT.fsm, error: 0, message: `${name} in state ${this.state}` };
    this.#why ??= failure("order", `the peer sent ${name} out of order`);
    this.#machine.on(name, avps);
  }
  #setPeer(avps: Avps): void {
    this.#handshake.learn(avps);
    this.#reliable.peerId = this.peerId;
  }

  // Ends -----------------------------------------------------------------------------------------
  #opened(): void {
    this.#waitNoMore();
    this.busy(false);
    if (this.#cfg.helloSeconds > 0) this.#hello.arm(this.#cfg.helloSeconds * 1000);
    const { peerHost, peerVendor, peerId: peerTunnel } = this.#handshake;
    const { link } = this.#cfg;
    this.emit({ kind: "l2tp.tunnel-up", link, tunnel: this.id, peerTunnel, peerHost, peerVendor });
    this.later(() => {
      if (this.#stage === "live") this.#owner.onUp(this, { peerHost, peerVendor });
    });
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
    this.#calls.drop(why);
    this.#wait(STOP_MS);
    if (this.#reliable.idle) this.later(() => this.#finish());
  }
  #finish(): void {
    if (this.#stage === "over") return;
    this.#cleanUp();
    this.#stage = "over";
    this.#reliable.stopSending();
    this.#wait(LINGER_MS);
    const why = this.#reason();
    this.later(() => this.#tellDown(why));
  }
  #tellDown(why: Failure): void {
    const path = this.#path;
    this.#path = null;
    const { code, text } = why;
    allOf(
      (e) => this.#log(e),
      () => path?.close(),
      () => this.emit({ kind: "l2tp.tunnel-down", link: this.link, tunnel: this.id, code, text }),
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
      () => this.#calls.drop(why),
      () => this.#reliable.send(0, encodeMessage("StopCCN", { assignedTunnelId: this.id, resultCode: this.#result })),
      () => this.#hello.disarm(),
      () => this.destroy(),
      () => this.#host.lingered(this),
      () => this.later(() => this.#tellDown(why)),
    );
  }
  #log(e: unknown): void {
    this.#host.log.emit(faultEvent(this.#cfg.link, "an L2TP tunnel", e));
  }
  /** Releases it at once, without lingering. */
  destroy(): void {
    this.#waitNoMore();
    this.#reliable.close();
  }
  #reason(): Failure {
    return this.#why ?? failure("closed", "the tunnel was closed");
  }
  silent(): void {
    this.#why ??= failure("peer-silent", `the L2TP peer ${this.remote.address} does not answer`);
    this.#reliable.stopSending();
    this.#cleanUp();
    this.#finish();
  }
  #wait(ms: number): void {
    this.#guard ??= this.clock.timer(`l2tp tunnel ${this.id}`, () => this.#late());
    this.#guard.arm(ms);
  }
  #waitNoMore(): void {
    this.#guard?.disarm();
    this.#guard = null;
  }
  #late(): void {
    if (this.#stage === "over") {
      this.destroy();
      return this.#host.lingered(this);
    }
    if (this.#stage === "stopping") return this.#finish();
    if (this.state === "established")
      return this.close(failure("no-call", `the L2TP peer ${this.remote.address} keeps a tunnel without a call`));
    this.close(
      failure(
        "no-reply",
        `the L2TP peer ${this.remote.address} acknowledges, but does not complete the control connection`,
      ),
    );
  }
}
