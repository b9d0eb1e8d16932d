// How messages of one IKE SA get across: RFC 7296 §2.1 to §2.3, with windows of one. A request is sent again, byte by
// byte the same, until its response comes; the last response answers each copy of its request.
import type { Timer } from "../../core/clock.ts";
import { DecodeError } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import { sameBytes } from "../../core/text.ts";
import { RETRY } from "../types.ts";
import type { Payload } from "../wire/payloads.ts";
import { Assembly, type Sealing } from "./sealing.ts";
import { NOTIFY, notification } from "./wire/bodies.ts";
import {
  type Chain,
  EXCHANGE,
  FLAG,
  type Header,
  type Message,
  type Path,
  readChain,
  readEncrypted,
} from "./wire/message.ts";

/** One repeated request is answered this many times (compare CVE-2016-5361). */
const REPLAYS = 10;

/** An authentic message. */
export interface Received {
  readonly exchange: number;
  readonly chain: Chain;
  readonly header: Header;
  /** Type of its first payload, and its payloads as they were sealed. */
  readonly first: number;
  readonly plain: Uint8Array;
  readonly path: Path;
}
export interface Request {
  readonly exchange: number;
  readonly payloads: readonly Payload[];
  /** Throws DecodeError: the peer's mistake. */
  answered(r: Received): void;
  silent(): void;
  /** The response is authentic, and answered() threw this. */
  unreadable(e: DecodeError): void;
  /** It is over without an answer: the SA has ended. */
  dropped?(): void;
  /** Milliseconds to wait after each try; without: RETRY. */
  readonly waits?: readonly number[];
}
export interface ChannelOwner {
  /** Where messages go. */
  readonly local: Path["local"];
  readonly remote: Path["remote"];
  /** Datagrams longer than this are fragmented; 0: never. */
  readonly mostBytes: number;
  send(message: Uint8Array, path: Path): void;
  /** A new request of the peer; answer() follows, at once or later. */
  asked(r: Received): void;
  /** A new authentic message came. */
  authentic(m: Message): void;
  bad(counter: string, what: string): void;
}

/** Sends a message until it is answered. */
export class Tries {
  readonly #send: (message: Uint8Array) => void;
  readonly #silent: () => void;
  readonly #timer: Timer;
  #datagrams: readonly Uint8Array[] = [];
  #waits: readonly number[] = [];
  #n = 0;

  constructor(scope: Scope, name: string, send: (message: Uint8Array) => void, silent: () => void) {
    this.#send = send;
    this.#silent = silent;
    this.#timer = scope.timer(name, () => this.#again());
  }
  start(datagrams: readonly Uint8Array[], waits: readonly number[]): void {
    this.#datagrams = datagrams;
    this.#waits = waits;
    this.#n = 0;
    this.#again();
  }
  /** Not sent again; silence is told after `ms` milliseconds at most. */
  hurry(ms: number): void {
    if (!this.#timer.armed) return;
    this.#n = this.#waits.length;
    this.#timer.arm(ms);
  }
  /** Sends it at once, and counts its tries anew: it goes another way now. */
  afresh(): void {
    if (this.#timer.armed) this.start(this.#datagrams, this.#waits);
  }
  stop(): void {
    this.#timer.disarm();
    this.#datagrams = [];
  }
  /** How often it was sent. */
  get tries(): number {
    return this.#n;
  }
  #again(): void {
    const wait = this.#waits[this.#n++];
    if (wait === undefined) {
      this.stop();
      this.#silent();
      return;
    }
    this.#timer.arm(wait);
    for (const d of this.#datagrams) this.#send(d);
  }
}

interface Opened {
  readonly first: number;
  readonly plain: Uint8Array;
}
function received(m: Message, o: Opened): Received {
  return { ...o, exchange: m.header.exchange, chain: readChain(o.first, o.plain), header: m.header, path: m.path };
}

interface ChannelOptions {
  readonly scope: Scope;
  readonly owner: ChannelOwner;
  readonly spiI: Uint8Array;
  readonly spiR: Uint8Array;
  /** We began the IKE SA. */
  readonly weBegan: boolean;
  readonly out: Sealing;
  readonly into: Sealing;
  /** Message id of the first request of who began: 1 behind IKE_SA_INIT. The other side's is 0 (RFC 7296 §2.2). */
  readonly firstId: number;
}

/** What authenticates a message: with the same end it is the same one, or garbage that gets an old answer. */
function endOf(datagram: Uint8Array): Uint8Array {
  return datagram.slice(-12);
}

export class Channel {
  readonly #o: ChannelOptions;
  #out: Sealing;
  #into: Sealing;
  readonly #tries: Tries;
  /** Requests to be made once the one before is answered; null: it is not needed any more. */
  readonly #queue: (() => Request | null)[] = [];
  #request: Request | null = null;
  #nextOut: number;
  #nextIn: number;
  /** Of the request that we answer: the end of its first datagram, and its copies answered; our answer once there is one. */
  #asked: { readonly end: Uint8Array; readonly path: Path; readonly exchange: number; replays: number } | null = null;
  #answer: readonly Uint8Array[] | null = null;
  #requestParts = new Assembly();
  #responseParts = new Assembly();
  #closed = false;

  constructor(o: ChannelOptions) {
    this.#o = o;
    this.#out = o.out;
    this.#into = o.into;
    this.#nextOut = o.weBegan ? o.firstId : 0;
    this.#nextIn = o.weBegan ? 0 : o.firstId;
    const send = (d: Uint8Array): void => o.owner.send(d, o.owner);
    this.#tries = new Tries(o.scope, "ike request", send, () => this.#silent());
  }
  /** A request of ours is under way or waits. */
  get busy(): boolean {
    return this.#request !== null || this.#queue.length > 0;
  }
  /** How often the request under way was sent. */
  get tries(): number {
    return this.#request ? this.#tries.tries : 0;
  }
  /** `make` is called when its turn comes. */
  ask(make: () => Request | null): void {
    if (this.#closed) return;
    this.#queue.push(make);
    this.#next();
  }
  /** Our answer to the request that asked() told of. */
  answer(payloads: readonly Payload[]): void {
    const asked = this.#asked;
    if (!asked || this.#closed) return;
    this.#answer = this.#seal(asked.exchange, FLAG.response, this.#nextIn - 1, payloads);
    for (const d of this.#answer) this.#o.owner.send(d, asked.path);
  }
  /** What is sent and heard from now on is under other keys (RFC 9242 §3.3.1); copies of the last answer are not. */
  rekey(out: Sealing, into: Sealing): void {
    this.#out = out;
    this.#into = into;
  }
  /** The path has changed: what waits for an answer goes the new way at once. */
  moved(): void {
    this.#tries.afresh();
  }
  /** One last message that nobody waits for, whatever is under way. */
  close(last: readonly Payload[] | null): void {
    if (this.#closed) return;
    this.#closed = true;
    const pending = this.#request;
    if (last && pending) this.#tries.afresh(); // or the peer's window would keep out what follows
    this.#tries.stop();
    this.#request = null;
    this.#queue.length = 0;
    try {
      const datagrams = last ? this.#seal(EXCHANGE.informational, 0, this.#nextOut++, last) : [];
      for (const d of datagrams) this.#o.owner.send(d, this.#o.owner);
    } finally {
      pending?.dropped?.();
    }
  }

  /** Throws DecodeError; nothing has changed then. */
  receive(m: Message): void {
    const { flags, messageId } = m.header;
    if (this.#closed) return;
    if (((flags & FLAG.initiator) !== 0) === this.#o.weBegan)
      this.#o.owner.bad("ike.reflected", "a message of our own");
    else if (flags & FLAG.response) this.#response(m);
    else if (messageId === this.#nextIn && (!this.#asked || this.#answer)) this.#newRequest(m);
    else if (messageId === this.#nextIn - 1) this.#repeated(m);
    else this.#o.owner.bad("ike.message-id", "message id outside the window");
  }
  #response(m: Message): void {
    const request = this.#request;
    if (!request || m.header.messageId !== this.#nextOut - 1 || m.header.exchange !== request.exchange) {
      this.#o.owner.bad("ike.unexpected", "response that nobody asked for");
      return;
    }
    const whole = this.#open(m, this.#responseParts);
    if (!whole) return;
    this.#tries.stop();
    this.#request = null;
    this.#responseParts = new Assembly();
    this.#o.owner.authentic(m);
    try {
      request.answered(received(m, whole));
    } catch (e) {
      if (e instanceof DecodeError) request.unreadable(e);
      throw e;
    } finally {
      this.#next();
    }
  }
  #newRequest(m: Message): void {
    const whole = this.#open(m, this.#requestParts);
    if (!whole) return;
    this.#requestParts = new Assembly();
    this.#nextIn++;
    this.#asked = { end: endOf(m.datagram), path: m.path, exchange: m.header.exchange, replays: 0 };
    this.#answer = null;
    this.#o.owner.authentic(m);
    try {
      this.#o.owner.asked(received(m, whole));
    } catch (e) {
      // RFC 7296 §2.21.3
      if (e instanceof DecodeError && !this.#answer) this.answer([notification(NOTIFY.invalidSyntax)]);
      throw e;
    }
  }
  /** RFC 7296 §2.1; of a fragmented request the last fragment that came asks for the answer (RFC 7383 §2.6.1). */
  #repeated(m: Message): void {
    const asked = this.#asked;
    if (!asked || !this.#answer || !sameBytes(asked.end, endOf(m.datagram))) return;
    if (asked.replays++ < REPLAYS) for (const d of this.#answer) this.#o.owner.send(d, m.path);
    else this.#o.owner.bad("ike.replays", "too many repetitions of one message");
  }
  #open(m: Message, parts: Assembly): Opened | null {
    const e = readEncrypted(m);
    const plain = e && this.#into.open(e);
    if (!e || !plain) {
      this.#o.owner.bad("ike.bad-hash", "message does not authenticate");
      return null;
    }
    return e.total === 1 ? { first: e.first, plain } : parts.add(e, plain);
  }
  #next(): void {
    while (!this.#request && !this.#closed) {
      const make = this.#queue.shift();
      if (!make) return;
      this.#request = make();
      if (!this.#request) continue;
      const { exchange, payloads, waits = RETRY } = this.#request;
      this.#tries.start(this.#seal(exchange, 0, this.#nextOut++, payloads), waits);
    }
  }
  #silent(): void {
    this.#request?.silent();
  }
  #seal(exchange: number, response: number, messageId: number, payloads: readonly Payload[]): Uint8Array[] {
    const { spiI, spiR, weBegan, owner } = this.#o;
    const flags = response | (weBegan ? FLAG.initiator : 0);
    return this.#out.seal({ spiI, spiR, exchange, flags, messageId }, payloads, owner.mostBytes);
  }
}
