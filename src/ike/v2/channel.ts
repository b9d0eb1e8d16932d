// How messages of one IKE SA get across: RFC 7296 §2.1 to §2.3, with windows of one. A request is sent again, byte by
// byte the same, until its response comes; the last response answers each copy of its request.
import type { Timer } from "../../core/clock.ts";
import { DecodeError } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import { hex } from "../../core/text.ts";
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
const NONE: readonly never[] = [];

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
  readonly scope: Scope;
  readonly spiI: Uint8Array;
  readonly spiR: Uint8Array;
  /** We began the IKE SA. */
  readonly weBegan: boolean;
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

export interface TriesOwner {
  send(datagram: Uint8Array): void;
  /** No answer came to any of the tries. */
  silent(): void;
}
/** Sends a message until it is answered. */
export class Tries {
  readonly #owner: TriesOwner;
  readonly #timer: Timer;
  #datagrams: readonly Uint8Array[] = NONE;
  #waits: readonly number[] = NONE;
  #n = 0;

  constructor(scope: Scope, name: string, owner: TriesOwner) {
    this.#owner = owner;
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
    this.#datagrams = NONE;
  }
  /** How often it was sent. */
  get tries(): number {
    return this.#n;
  }
  #again(): void {
    const wait = this.#waits[this.#n++];
    if (wait === undefined) {
      this.stop();
      this.#owner.silent();
      return;
    }
    this.#timer.arm(wait);
    for (const d of this.#datagrams) this.#owner.send(d);
  }
}

interface Opened {
  readonly first: number;
  readonly plain: Uint8Array;
}
function received(m: Message, o: Opened): Received {
  return { ...o, exchange: m.header.exchange, chain: readChain(o.first, o.plain), header: m.header, path: m.path };
}

/** What authenticates a message: with the same end it is the same one, or garbage that gets an old answer. */
function endOf(datagram: Uint8Array): string {
  return hex(datagram.subarray(-12));
}

/** A request of the peer that we have not answered yet; `end`: of its first datagram. */
interface Asked {
  readonly end: string;
  readonly path: Path;
  readonly exchange: number;
}
/** One that we have, and how often copies of it were. */
interface Answered {
  readonly end: string;
  readonly datagrams: readonly Uint8Array[];
  replays: number;
}

/** What one side alone needs, or for a moment, is made with its first use: a server has thousands of these. */
export class Channel implements TriesOwner {
  readonly #owner: ChannelOwner;
  #out: Sealing;
  #into: Sealing;
  #tries: Tries | null = null;
  /** Requests to be made once the one before is answered; null: it is not needed any more. */
  #queue: readonly (() => Request | null)[] = NONE;
  #request: Request | null = null;
  #nextOut: number;
  #nextIn: number;
  #asked: Asked | null = null;
  #answered: Answered | null = null;
  #requestParts: Assembly | null = null;
  #responseParts: Assembly | null = null;
  #closed = false;

  /** `firstId`: message id of the first request of who began: 1 behind IKE_SA_INIT. The other side's is 0 (§2.2). */
  constructor(owner: ChannelOwner, firstId: number, out: Sealing, into: Sealing) {
    this.#owner = owner;
    this.#out = out;
    this.#into = into;
    this.#nextOut = owner.weBegan ? firstId : 0;
    this.#nextIn = owner.weBegan ? 0 : firstId;
  }
  /** A request of ours is under way or waits. */
  get busy(): boolean {
    return this.#request !== null || this.#queue.length > 0;
  }
  /** How often the request under way was sent. */
  get tries(): number {
    return this.#request ? (this.#tries?.tries ?? 0) : 0;
  }
  /** `make` is called when its turn comes. */
  ask(make: () => Request | null): void {
    if (this.#closed) return;
    this.#queue = [...this.#queue, make];
    this.#next();
  }
  /** Our answer to the request that asked() told of. */
  answer(payloads: readonly Payload[]): void {
    const asked = this.#asked;
    if (!asked || this.#closed) return;
    const datagrams = this.#seal(asked.exchange, FLAG.response, this.#nextIn - 1, payloads);
    this.#asked = null;
    this.#answered = { end: asked.end, datagrams, replays: 0 };
    for (const d of datagrams) this.#owner.send(d, asked.path);
  }
  /** What is sent and heard from now on is under other keys (RFC 9242 §3.3.1); copies of the last answer are not. */
  rekey(out: Sealing, into: Sealing): void {
    this.#out = out;
    this.#into = into;
  }
  /** The path has changed: what waits for an answer goes the new way at once. */
  moved(): void {
    this.#tries?.afresh();
  }
  /** One last message that nobody waits for, whatever is under way. */
  close(last: readonly Payload[] | null): void {
    if (this.#closed) return;
    this.#closed = true;
    const pending = this.#request;
    if (last && pending) this.#tries?.afresh(); // or the peer's window would keep out what follows
    this.#tries?.stop();
    this.#request = null;
    this.#queue = NONE;
    try {
      const datagrams = last ? this.#seal(EXCHANGE.informational, 0, this.#nextOut++, last) : [];
      for (const d of datagrams) this.#owner.send(d, this.#owner);
    } finally {
      pending?.dropped?.();
    }
  }

  /** Throws DecodeError; nothing has changed then. */
  receive(m: Message): void {
    const { flags, messageId } = m.header;
    if (this.#closed) return;
    if (((flags & FLAG.initiator) !== 0) === this.#owner.weBegan)
      this.#owner.bad("ike.reflected", "a message of our own");
    else if (flags & FLAG.response) this.#response(m);
    else if (messageId === this.#nextIn && !this.#asked) this.#newRequest(m);
    else if (messageId === this.#nextIn - 1) this.#repeated(m);
    else this.#owner.bad("ike.message-id", "message id outside the window");
  }
  #response(m: Message): void {
    const request = this.#request;
    if (!request || m.header.messageId !== this.#nextOut - 1 || m.header.exchange !== request.exchange) {
      this.#owner.bad("ike.unexpected", "response that nobody asked for");
      return;
    }
    const whole = this.#open(m, () => (this.#responseParts ??= new Assembly()));
    if (!whole) return;
    this.#tries?.stop();
    this.#request = null;
    this.#responseParts = null;
    this.#owner.authentic(m);
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
    const whole = this.#open(m, () => (this.#requestParts ??= new Assembly()));
    if (!whole) return;
    this.#requestParts = null;
    this.#nextIn++;
    const asked = { end: endOf(m.datagram), path: m.path, exchange: m.header.exchange };
    this.#asked = asked;
    this.#answered = null;
    this.#owner.authentic(m);
    try {
      this.#owner.asked(received(m, whole));
    } catch (e) {
      // RFC 7296 §2.21.3
      if (e instanceof DecodeError && this.#asked === asked) this.answer([notification(NOTIFY.invalidSyntax)]);
      throw e;
    }
  }
  /** RFC 7296 §2.1; of a fragmented request the last fragment that came asks for the answer (RFC 7383 §2.6.1). */
  #repeated(m: Message): void {
    const last = this.#answered;
    if (!last || last.end !== endOf(m.datagram)) return;
    if (last.replays++ < REPLAYS) for (const d of last.datagrams) this.#owner.send(d, m.path);
    else this.#owner.bad("ike.replays", "too many repetitions of one message");
  }
  #open(m: Message, parts: () => Assembly): Opened | null {
    const e = readEncrypted(m);
    const plain = e && this.#into.open(e);
    if (!e || !plain) {
      this.#owner.bad("ike.bad-hash", "message does not authenticate");
      return null;
    }
    return e.total === 1 ? { first: e.first, plain } : parts().add(e, plain);
  }
  #next(): void {
    while (!this.#request && !this.#closed) {
      const [make, ...later] = this.#queue;
      if (!make) return;
      this.#queue = later.length > 0 ? later : NONE;
      this.#request = make();
      if (!this.#request) continue;
      const { exchange, payloads, waits = RETRY } = this.#request;
      this.#tries ??= new Tries(this.#owner.scope, "ike request", this);
      this.#tries.start(this.#seal(exchange, 0, this.#nextOut++, payloads), waits);
    }
  }
  /** Of its request, again. */
  send(datagram: Uint8Array): void {
    this.#owner.send(datagram, this.#owner);
  }
  silent(): void {
    this.#request?.silent();
  }
  #seal(exchange: number, response: number, messageId: number, payloads: readonly Payload[]): Uint8Array[] {
    const { spiI, spiR, weBegan, mostBytes } = this.#owner;
    const flags = response | (weBegan ? FLAG.initiator : 0);
    return this.#out.seal({ spiI, spiR, exchange, flags, messageId }, payloads, mostBytes);
  }
}
