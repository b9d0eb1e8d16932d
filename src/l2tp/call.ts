// One call in a tunnel: RFC 2661 §7.4 and §7.5, in the four roles.
import type { Clock, Timer } from "../core/clock.ts";
import type { Failure } from "../core/errors.ts";
import type { Event } from "../core/events.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { type Acts, Machine, rules, type Table } from "../core/fsm.ts";
import { allOf, contain } from "../core/scope.ts";
import { inQuotes } from "../core/words.ts";
import type { CallChannel, CallSpec } from "../dataplane/dataplane.ts";
import type { CallConfig, CallKind } from "./api.ts";
import {
  type CallAction,
  type CallEvent,
  type CallRows,
  type CallState,
  LAC_INCOMING,
  LAC_OUTGOING,
  LNS_INCOMING,
  LNS_OUTGOING,
} from "./tables.ts";
import type { Accm, Avps, CallErrors, Result } from "./wire/avps.ts";
import type { MessageName } from "./wire/messages.ts";
import { ERR, errorWords, failure, RESULT, resultWords } from "./words.ts";

export type CallRole = "lac-incoming" | "lns-incoming" | "lac-outgoing" | "lns-outgoing";
const MESSAGES: ReadonlySet<MessageName> = new Set(["ICRQ", "ICRP", "ICCN", "OCRQ", "OCRP", "OCCN"]);
/** The other side has acknowledged but does not answer: give up after this long. */
const ESTABLISH_MS = 30_000;
/** Between two events about errors of the line. */
const WEN_MS = 60_000;
const SPEED = 100_000_000; // bit/s; what a tunnel over the Internet can say of its bearer
const SYNC = 1; // framing type and capability bits, §4.4.3 and §4.4.4
const DIGITAL = 1;
/** Unless there is more to say. */
const ENDED: Result = { result: RESULT.admin };
const CLOSED = failure("call-closed", "the call ended");

export interface CallOwner {
  /** The call that was asked for exists, and is not established yet. */
  onCall?(call: Call): void;
  /** Established: PPP may start over `call.channel`. */
  onUp(call: Call): void;
  /** Called once, last. */
  onDown(call: Call, why: Failure): void;
  /** Set-Link-Info (§6.14) from the peer. */
  onLinkInfo?(call: Call, accm: Accm): void;
}
/** What a call needs of the tunnel that it is in. */
export interface CallHost {
  readonly id: number;
  /** For events. */
  readonly link: string;
  readonly clock: Clock;
  openChannel(spec: CallSpec): CallChannel;
  sendMessage(name: MessageName, callId: number, avps: Avps): void;
  /** After the present datagram is done with. */
  later(f: () => void): void;
  /** The call has ended: its id may be reused. */
  forget(call: Call, why: Failure): void;
  emit(e: Event): void;
  /** What the peer did wrong, for an event. */
  noteBad(what: string): void;
}

interface CallStart {
  readonly id: number;
  readonly serial: number;
  /** Ours. */
  readonly role: CallRole;
  readonly cfg: CallConfig;
  readonly owner: CallOwner;
}

export class Call {
  readonly tunnel: CallHost;
  readonly id: number;
  readonly #role: CallRole;
  readonly #cfg: CallConfig;
  readonly #owner: CallOwner;
  readonly #serial: number;
  readonly #machine: Machine<CallState, CallEvent, CallAction, Avps, Call>;
  /** Until the call is established. */
  #timer: Timer | null = null;
  #channel: CallChannel | null = null;
  #peerId = 0;
  #connected: Avps = {};
  #why: Failure | null = null;
  #result: Result = ENDED;
  #fallback = CLOSED;
  #gone = false;
  #lineErrors = "";
  #loggedAt = Number.NEGATIVE_INFINITY;

  static readonly #ACTS: Acts<CallAction, Call, Avps> = {
    openTunnel: () => {}, // there is one already: a call is placed in an established tunnel
    sendICRQ: (c) => c.#send("ICRQ", { assignedCallId: c.id, callSerialNumber: c.#serial }),
    sendICRP: (c) => c.#send("ICRP", { assignedCallId: c.id }),
    sendICCN: (c) => c.#send("ICCN", c.#connection()),
    sendOCRQ: (c) =>
      c.#send("OCRQ", {
        assignedCallId: c.id,
        callSerialNumber: c.#serial,
        minimumBps: 300,
        maximumBps: SPEED,
        bearerType: DIGITAL,
        framingType: SYNC,
        calledNumber: c.#cfg.calledNumber ?? "",
      }),
    sendOCRP: (c) => c.#send("OCRP", { assignedCallId: c.id }),
    sendOCCN: (c) => c.#send("OCCN", c.#connection()),
    openBearer: (c) => c.#machine.on("bearer-answer", {}), // PPP ends here, so the bearer is there at once
    sendCDN: (c) => c.#send("CDN", { resultCode: c.#result, assignedCallId: c.id }),
    cleanUp: (c) => c.#cleanUp(),
    up: (c, avps) => c.#up(avps),
  };

  static readonly #TABLES = {
    "lac-incoming": Call.#table(LAC_INCOMING),
    "lns-incoming": Call.#table(LNS_INCOMING),
    "lac-outgoing": Call.#table(LAC_OUTGOING),
    "lns-outgoing": Call.#table(LNS_OUTGOING),
  } as const;
  static #table(rows: CallRows): Table<CallState, CallEvent, CallAction, Avps, Call> {
    return {
      rules: rules(rows),
      acts: Call.#ACTS,
      unlisted: (c, state, event) => {
        if (event !== "local-close") c.tunnel.noteBad(`${event} in ${state}`);
      },
    };
  }

  /** For an answering role message() follows, for an asking one open(). */
  constructor(tunnel: CallHost, { id, serial, role, cfg, owner }: CallStart) {
    this.tunnel = tunnel;
    this.id = id;
    this.#serial = serial;
    this.#role = role;
    this.#cfg = cfg;
    this.#owner = owner;
    this.#machine = new Machine<CallState, CallEvent, CallAction, Avps, Call>(this, "idle", Call.#TABLES[role]);
  }
  /** From open() or the first message() on. */
  get channel(): CallChannel {
    if (!this.#channel) throw new RangeError("call: no channel yet");
    return this.#channel;
  }
  /** As of CallChannel. */
  get heard(): number {
    return this.#channel?.heard?.() ?? 0;
  }
  /**
   * Opens the channel before the message that establishes the call: the peer's first LCP frame may overtake our
   * acknowledgement.
   */
  #openChannel(): void {
    const { sequencing, mru } = this.#cfg;
    this.#channel ??= this.tunnel.openChannel({ localId: this.id, peerId: 0, sequencing, mru });
  }
  #connection(): Avps {
    return { txConnectSpeed: SPEED, framingType: SYNC, ...(this.#cfg.sequencing ? { sequencingRequired: true } : {}) };
  }
  get peerId(): number {
    return this.#peerId;
  }
  get kind(): CallKind {
    return this.#role.endsWith("incoming") ? "incoming" : "outgoing";
  }
  get state(): CallState {
    return this.#machine.state;
  }
  /** What the ICCN or OCCN that the peer sent says: speeds, Private Group ID, proxy LCP and authentication (§4.4.5). */
  get connected(): Avps {
    return this.#connected;
  }
  /** What the peer has counted on the line of this call so far (WEN), in words; "": nothing. */
  get lineErrors(): string {
    return this.#lineErrors;
  }
  get serial(): number {
    return this.#serial;
  }

  /** Runs now: an unexpected error ends this call only. */
  contain(f: () => void): void {
    contain(f, (e) => this.#fault(e));
  }
  /** Asks the peer: ICRQ or OCRQ. */
  open(): void {
    this.#hurry();
    this.#openChannel();
    this.#machine.on("local-open", {});
    this.#machine.on("tunnel-open", {});
  }
  /** CDN to the peer, then onDown. */
  close(why: Failure): void {
    if (this.#gone) return;
    this.#why ??= why;
    if (why.code === "call-timeout") this.#result = { result: 10 }; // not established within time allotted by the LAC
    this.#machine.on(this.state === "wait-cs-answer" ? "bearer-failure" : "local-close", {});
    this.#cleanUp();
  }
  /** What the peer sent cannot be served: CDN with `result`, then onDown. */
  refuse(name: MessageName, result: Result, why: Failure): void {
    if (this.#gone) return;
    this.#why ??= why;
    this.#result = result;
    if ((name === "ICRP" || name === "OCRP") && this.state === "wait-reply") this.#machine.on(`${name}-bad`, {});
    else if (name === "ICCN" && this.state === "wait-connect") this.#machine.on("ICCN-bad", {});
    else this.close(why);
  }
  /** The tunnel is gone: ends without a message. */
  drop(why: Failure): void {
    this.#why ??= why;
    this.#cleanUp();
  }
  /** Set-Link-Info (§6.14): the ACCMs that LCP agreed on. */
  setLinkInfo(send: number, receive: number): void {
    if (this.state === "established") this.#send("SLI", { accm: { send, receive } });
  }
  /** WAN-Error-Notify (§6.13). */
  sendWanErrors(errors: CallErrors): void {
    if (this.state === "established") this.#send("WEN", { callErrors: errors });
  }

  /** A message for this call came from the peer. */
  message(name: MessageName, avps: Avps): void {
    if (this.#gone) return;
    if (avps.assignedCallId !== undefined && avps.assignedCallId !== 0 && this.#peerId === 0) {
      this.#peerId = avps.assignedCallId;
      this.#openChannel();
      this.channel.setPeer(this.#peerId);
    }
    switch (name) {
      case "CDN": {
        const words = avps.resultCode ? resultWords("CDN", avps.resultCode) : "no reason given";
        const cause = avps.q931Cause
          ? `, Q.931 cause ${avps.q931Cause.cause}` +
            `${avps.q931Cause.advisory === "" ? "" : ` ${inQuotes(avps.q931Cause.advisory)}`}`
          : "";
        this.#why ??= failure(
          "call-refused",
          `the peer ${this.state === "established" ? "ended" : "refused"} the call: ${words}${cause}`,
        );
        this.#machine.on("CDN", avps);
        return;
      }
      case "SLI":
        if (avps.accm) this.#owner.onLinkInfo?.(this, avps.accm);
        return;
      case "WEN":
        if (avps.callErrors) this.#counted(errorWords(avps.callErrors));
        return;
      default:
        if (!MESSAGES.has(name)) return this.tunnel.noteBad(`${name} for a call`);
        this.#fallback = failure("call-order", `the peer sent ${name} out of order`);
        this.#result = { result: RESULT.callError, error: 1, message: `${name} in state ${this.state}` };
        if (this.#answers(name)) this.#hurry();
        this.#machine.on(name as CallEvent, avps);
        this.#result = ENDED;
    }
  }
  /** A peer that counts more often than it may (§6.13) is heard, and not logged. */
  #counted(errors: string): void {
    const now = this.tunnel.clock.now();
    const old = errors === "" || errors === this.#lineErrors || now - this.#loggedAt < WEN_MS;
    this.#lineErrors = errors;
    if (old) return;
    this.#loggedAt = now;
    this.tunnel.emit({ kind: "l2tp.wen", link: this.tunnel.link, call: this.id, errors });
  }
  #answers(name: MessageName): boolean {
    return name === "ICRQ" || name === "OCRQ" || name === "ICRP" || name === "OCRP";
  }

  #send(name: MessageName, avps: Avps): void {
    this.tunnel.sendMessage(name, this.#peerId, avps);
  }
  #hurry(): void {
    this.#timer ??= this.tunnel.clock.timer(`l2tp call ${this.id}`, () =>
      this.contain(() => this.close(failure("call-timeout", "the peer did not complete the call in time"))),
    );
    this.#timer.arm(ESTABLISH_MS);
  }
  #settled(): void {
    this.#timer?.disarm();
    this.#timer = null;
  }
  #up(avps: Avps): void {
    this.#settled();
    if (avps.sequencingRequired) this.channel.setSequencing(true); // §4.4.4: both sides send Ns from now on
    this.#connected = avps;
    this.tunnel.emit({
      kind: "l2tp.call-up",
      link: this.tunnel.link,
      tunnel: this.tunnel.id,
      call: this.id,
      peerCall: this.#peerId,
    });
    this.tunnel.later(() =>
      this.contain(() => {
        if (!this.#gone) this.#owner.onUp(this);
      }),
    );
  }
  #cleanUp(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#settled();
    const why = this.#why ?? this.#fallback;
    this.tunnel.later(() =>
      allOf(
        (e) => this.#log(e),
        () => this.#channel?.close(),
        () => this.tunnel.forget(this, why),
        () => this.#owner.onDown(this, why),
      ),
    );
  }
  /** Rule 7: a CDN, if it can be sent, and the end. */
  #fault(e: unknown): void {
    this.#log(e);
    if (this.#gone) return;
    this.#why ??= internal("l2tp", e);
    this.#cleanUp();
    this.#send("CDN", { resultCode: { result: RESULT.callError, error: ERR.vendor }, assignedCallId: this.id });
  }
  #log(e: unknown): void {
    this.tunnel.emit(faultEvent(this.tunnel.link, "an L2TP call", e));
  }
}
