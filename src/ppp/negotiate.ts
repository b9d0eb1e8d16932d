// What LCP and every NCP share around the automaton: identifiers, our Configure-Request and the answers to it, our
// judgement of the peer's, Terminate, Code-Reject (RFC 1661 §5). An OptionPolicy knows the options of one protocol.
import { NO_BYTES } from "../core/bytes.ts";
import type { Failure } from "../core/errors.ts";
import { sameBytes } from "../core/text.ts";
import { printable } from "../core/words.ts";
import { type Actions, Automaton, type AutomatonStart, type State } from "./automaton.ts";
import { CODE, type ControlPacket, type Option, readOptions, readPacket, writeOptions, writePacket } from "./cp.ts";
import { failure } from "./words.ts";

/** RFC 1661 §4.6: Naks without an Ack in between before Nak turns into Reject. */
const MAX_FAILURE = 5;
/** Naks and Rejects of our own request before we call it hopeless; any peer that converges needs a handful. */
const MAX_REFUSED = 20;

/** About one option of the peer's request. A nak carries what we would take instead. */
export type Verdict =
  | { readonly is: "ack" }
  | { readonly is: "nak"; readonly instead: Uint8Array }
  | { readonly is: "reject" }
  | { readonly is: "fail"; readonly why: Failure };
export const ACK: Verdict = { is: "ack" };
export const REJECT: Verdict = { is: "reject" };
export function nak(instead: Uint8Array): Verdict {
  return { is: "nak", instead };
}

export interface OptionPolicy {
  /** The one option that may come several times. */
  readonly repeats?: number;
  /** A fresh negotiation begins: forget what the last one agreed on. */
  reset(): void;
  /** These were sent as our Configure-Request; false: they cannot be ours. */
  adopt?(options: readonly Option[]): boolean;
  /** The options of our next Configure-Request, in a stable order. */
  request(): Option[];
  /** The peer Naks one of our options, or hints at one we did not send. A Failure ends the protocol. */
  naked(o: Option): Failure | null;
  rejected(type: number): Failure | null;
  /** No side effect but counting; `lastChance` when a nak would go out as a reject (Max-Failure). */
  judge(o: Option, lastChance: boolean): Verdict;
  /** What the peer left out and we want it to ask for; not consulted after Max-Failure. */
  missing(seen: ReadonlySet<number>): Option[];
  /** We acknowledge these: they hold as soon as the automaton opens. */
  accept(options: readonly Option[]): void;
}

export type Ignored = "illegal" | "crossed" | "stale-answer" | "wrong-answer" | "not-converging";

/**
 * What a protocol tells its owner, O: one table for all of them, as a closure for each of a thousand sessions would be
 * dear.
 */
export interface ProtocolEvents<O> {
  send(o: O, packet: Uint8Array): void;
  up(o: O): void;
  down(o: O): void;
  /** Nothing more will happen here: closed, given up, or ended by the peer. */
  finished(o: O): void;
  /** The policy or the peer made agreement impossible; the owner closes. */
  failed(o: O, why: Failure): void;
  /** A Terminate-Request came, with its words. */
  terminated(o: O, said: string): void;
  /** Echo and discard, codes 9 to 11, belong to LCP alone. */
  readonly lcp: boolean;
  /** Codes above 7; true when known. Codes 9 to 11 only arrive when opened. */
  extra(o: O, p: ControlPacket): boolean;
  /** The peer does not know a code that we can live without. */
  codeRejected(o: O, code: number): void;
  /** Harmless and ignored, by name. */
  ignored(o: O, name: Ignored): void;
  /** Largest packet the peer takes, for Code-Reject. */
  limit(o: O): number;
}

interface Input {
  readonly packet: ControlPacket;
  /** Our answer to a Configure-Request. */
  readonly reply?: { readonly code: number; readonly options: readonly Option[] };
}

export class ControlProtocol<O> {
  readonly #policy: OptionPolicy;
  readonly #owner: O;
  readonly #on: ProtocolEvents<O>;
  readonly #fsm: Automaton<ControlProtocol<unknown>, Input>;
  #nextId = 1;
  #requestId = -1;
  /**
   * Our request while it waits for its answer: a second answer to the same identifier is stale, not a crossed
   * connection.
   */
  #request: Uint8Array | null = null;
  #negotiating = false;
  /** In Stopping: because of the peer, whose Terminate-Request was acknowledged. */
  #acked = false;
  #naksSent = 0;
  #refusals = 0;
  #closingWords = NO_BYTES;

  static readonly #ACTIONS: Actions<ControlProtocol<unknown>, Input> = {
    tlu: (p) => {
      p.#negotiating = false;
      p.#on.up(p.#owner);
    },
    tld: (p) => p.#on.down(p.#owner),
    tls: () => {},
    tlf: (p) => p.#on.finished(p.#owner),
    scr: (p) => p.#sendRequest(),
    sca: (p, it) => p.#sendReply(it),
    scn: (p, it) => p.#sendReply(it),
    str: (p) => p.send(CODE.terminateRequest, p.#closingWords),
    sta: (p, it) => {
      // An answer copies the identifier; to anything but a Terminate-Request it is news of its own (RFC 1661 §5.5).
      const id = it?.packet.code === CODE.terminateRequest ? it.packet.id : p.#newId();
      p.#on.send(p.#owner, writePacket({ code: CODE.terminateAck, id, body: NO_BYTES }));
    },
    scj: (p, it) => it && p.#sendCodeReject(it.packet),
    ser: (p, it) => it && p.#on.extra(p.#owner, it.packet),
    illegal: (p) => p.#on.ignored(p.#owner, "illegal"),
    crossed: (p) => p.#on.ignored(p.#owner, "crossed"),
  };

  constructor(start: AutomatonStart, policy: OptionPolicy, owner: O, on: ProtocolEvents<O>) {
    this.#policy = policy;
    this.#owner = owner;
    this.#on = on;
    this.#fsm = new Automaton<ControlProtocol<unknown>, Input>(
      start,
      this as ControlProtocol<unknown>,
      ControlProtocol.#ACTIONS,
    );
  }

  get state(): State {
    return this.#fsm.state;
  }
  get opened(): boolean {
    return this.#fsm.state === "opened";
  }
  open(): void {
    this.#fsm.on("Open");
  }
  /** `words` go into the Terminate-Request, at most 100 bytes. */
  close(words = NO_BYTES): void {
    this.#closingWords = words.slice(0, 100);
    this.#fsm.on("Close");
  }
  lowerUp(): void {
    this.#fsm.on("Up");
  }
  /**
   * Up, and opened at once with what somebody else has agreed on in our place; false: that cannot be, and nothing has
   * changed.
   */
  takeOver(ours: readonly Option[], theirs: readonly Option[]): boolean {
    this.#begin();
    const types = new Set(theirs.map((o) => o.type));
    const fits =
      this.#policy.adopt?.(ours) === true &&
      types.size === theirs.length &&
      theirs.every((o) => this.#policy.judge(o, false).is === "ack");
    this.#negotiating = fits;
    if (!fits) return false;
    this.#policy.accept(theirs);
    this.#fsm.resume();
    return true;
  }
  lowerDown(): void {
    this.#negotiating = false;
    this.#fsm.on("Down");
  }
  stop(): void {
    this.#fsm.stop();
  }
  /** The peer rejected this very protocol (RFC 1661 §4.3, RXJ-). */
  protocolRejected(): void {
    this.#fsm.on("RXJ-");
  }
  /** Answers a packet under its own identifier. */
  reply(code: number, to: ControlPacket, body = NO_BYTES): void {
    this.#on.send(this.#owner, writePacket({ code, id: to.id, body }));
  }
  /** Sends a packet of ours under a fresh identifier. */
  send(code: number, body: Uint8Array): number {
    const id = this.#newId();
    this.#on.send(this.#owner, writePacket({ code, id, body }));
    return id;
  }

  /** One packet, without the PPP header. Throws DecodeError for what cannot be read: silence is the RFC's answer. */
  input(frame: Uint8Array): void {
    const packet = readPacket(frame);
    if (this.state === "initial" || this.state === "starting") {
      this.#on.ignored(this.#owner, "illegal");
      return;
    }
    switch (packet.code) {
      case CODE.configureRequest:
        this.#configureRequest(packet);
        return;
      case CODE.configureAck:
      case CODE.configureNak:
      case CODE.configureReject:
        this.#answer(packet);
        return;
      case CODE.terminateRequest:
        this.#on.terminated(this.#owner, printable(packet.body));
        this.#acked = this.state === "opened" || (this.state === "stopping" && this.#acked);
        this.#fsm.on("RTR", { packet });
        return;
      case CODE.terminateAck:
        this.#fsm.on("RTA", { packet });
        return;
      case CODE.codeReject: {
        const code = readRejectedCode(packet.body);
        // Codes 1 to 7 are what a control protocol is made of; without the rest it lives on.
        if (code >= CODE.configureRequest && code <= CODE.codeReject) {
          this.#fsm.on("RXJ-", { packet });
          return;
        }
        this.#on.codeRejected(this.#owner, code);
        this.#fsm.on("RXJ+", { packet });
        return;
      }
      case CODE.echoRequest:
      case CODE.echoReply:
      case CODE.discardRequest:
        this.#fsm.on(this.#on.lcp ? "RXR" : "RUC", { packet });
        return;
      default:
        if (!this.#on.extra(this.#owner, packet)) this.#fsm.on("RUC", { packet });
    }
  }

  #configureRequest(packet: ControlPacket): void {
    const options = readOptions(packet.body);
    const state = this.state;
    // RFC 1661 §5.5 has us wait so that the peer sees our Terminate-Ack: one that begins anew has seen it.
    if (state === "stopping" && this.#acked) {
      this.#fsm.on("TO-");
      return;
    }
    if (state === "closed" || state === "closing" || state === "stopping") {
      this.#fsm.on("RCR-", { packet });
      return;
    }
    // Before judging: our own side of the new negotiation starts now.
    if (state === "opened" || state === "stopped") this.#begin();
    const reply = this.#judge(options);
    if (reply) this.#fsm.on(reply.code === CODE.configureAck ? "RCR+" : "RCR-", { packet, reply });
  }

  #judge(options: readonly Option[]): { code: number; options: readonly Option[] } | null {
    const lastChance = this.#naksSent >= MAX_FAILURE;
    const rejects: Option[] = [];
    const naks: Option[] = [];
    const seen = new Set<number>();
    for (const o of options) {
      const v = seen.has(o.type) && o.type !== this.#policy.repeats ? REJECT : this.#policy.judge(o, lastChance);
      seen.add(o.type);
      switch (v.is) {
        case "ack":
          break;
        case "nak":
          if (lastChance) rejects.push(o);
          else naks.push({ type: o.type, data: v.instead });
          break;
        case "reject":
          rejects.push(o);
          break;
        case "fail":
          this.#on.failed(this.#owner, v.why);
          return null;
      }
    }
    if (!lastChance) naks.push(...this.#policy.missing(seen));
    else if (naks.length + rejects.length > 0) this.#on.ignored(this.#owner, "not-converging");
    // RFC 1661 §5.4: rejects go first, alone
    if (rejects.length > 0) return { code: CODE.configureReject, options: rejects };
    if (naks.length > 0) return { code: CODE.configureNak, options: naks };
    return { code: CODE.configureAck, options };
  }

  #sendReply(it: Input | undefined): void {
    if (!it?.reply) return;
    const { code, options } = it.reply;
    if (code === CODE.configureAck) {
      this.#naksSent = 0;
      this.#policy.accept(options);
      // The RFC wants the very same bytes back.
      this.#on.send(this.#owner, writePacket({ code, id: it.packet.id, body: it.packet.body }));
      return;
    }
    if (code === CODE.configureNak) this.#naksSent++;
    this.#on.send(this.#owner, writePacket({ code, id: it.packet.id, body: writeOptions(options) }));
  }

  #answer(packet: ControlPacket): void {
    const { state } = this;
    if (state === "closed" || state === "stopped" || state === "closing" || state === "stopping") {
      this.#fsm.on(packet.code === CODE.configureAck ? "RCA" : "RCN", { packet });
      return;
    }
    // RFC 1661 §4.3: what is out of sequence or otherwise invalid is silently discarded.
    const request = this.#request;
    if (!request || packet.id !== this.#requestId) {
      this.#on.ignored(this.#owner, "stale-answer");
      return;
    }
    if (packet.code === CODE.configureAck) {
      if (!sameBytes(packet.body, request)) {
        this.#on.ignored(this.#owner, "wrong-answer");
        return;
      }
      this.#request = null;
      this.#fsm.on("RCA", { packet });
      return;
    }
    const options = readOptions(packet.body);
    const rejects = packet.code === CODE.configureReject;
    if (rejects && !isSubset(options, readOptions(request))) {
      this.#on.ignored(this.#owner, "wrong-answer");
      return;
    }
    this.#request = null;
    if (++this.#refusals > MAX_REFUSED) {
      this.#on.failed(this.#owner, failure("not-converging", "the peer rejects every proposal"));
      return;
    }
    for (const o of options) {
      const why = rejects ? this.#policy.rejected(o.type) : this.#policy.naked(o);
      if (why) {
        this.#on.failed(this.#owner, why);
        return;
      }
    }
    this.#fsm.on("RCN", { packet });
  }

  #begin(): void {
    this.#negotiating = true;
    this.#naksSent = 0;
    this.#refusals = 0;
    this.#policy.reset();
  }

  #sendRequest(): void {
    if (!this.#negotiating) this.#begin();
    const body = writeOptions(this.#policy.request());
    // RFC 1661 §5.1: a new identifier for new content and after a valid answer; the same one for a retransmission.
    if (!this.#request || !sameBytes(body, this.#request)) this.#requestId = this.#newId();
    this.#request = body;
    this.#on.send(this.#owner, writePacket({ code: CODE.configureRequest, id: this.#requestId, body }));
  }

  #sendCodeReject(p: ControlPacket): void {
    const whole = writePacket(p);
    this.send(CODE.codeReject, whole.subarray(0, Math.max(4, this.#on.limit(this.#owner) - 4)));
  }

  #newId(): number {
    const id = this.#nextId;
    this.#nextId = (id + 1) & 0xff;
    return id;
  }
}

function readRejectedCode(body: Uint8Array): number {
  return body[0] ?? 0;
}

/** Configure-Reject holds options of ours, unchanged and in our order (RFC 1661 §5.4). */
function isSubset(some: readonly Option[], all: readonly Option[]): boolean {
  let at = 0;
  for (const o of some) {
    while (at < all.length && !same(o, all[at] as Option)) at++;
    if (at++ >= all.length) return false;
  }
  return some.length > 0;
}
function same(a: Option, b: Option): boolean {
  return a.type === b.type && sameBytes(a.data, b.data);
}
