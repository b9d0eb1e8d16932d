// One exchange (RFC 2408 §4.1): messages in a fixed order, each read by a named step. Everything that exchanges have in
// common is here: they retransmit until the peer answers, answer the peer's retransmissions, give up at a deadline, and
// wait for the data plane or for a turn to compute a Diffie-Hellman secret.
import type { Timer } from "../../core/clock.ts";
import type { Failure } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import { sameBytes } from "../../core/text.ts";
import type { Endpoint } from "../../ports/ports.ts";
import { HURRIED_TRIES } from "../types.ts";
import { FLAG, type IsakmpHeader } from "../wire/header.ts";

/** Between which addresses and UDP ports an exchange runs. */
export interface Path {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}
/** A message as it arrived. */
export interface Message {
  readonly header: IsakmpHeader;
  /** What follows the header: a view of `datagram`. */
  readonly body: Uint8Array;
  /** The whole message; the exchange keeps it. */
  readonly datagram: Uint8Array;
  readonly path: Path;
}

/** The message is accepted: the next step's state, and our answer. */
export interface Next<To> {
  readonly kind: "next";
  readonly state: To;
  /** A whole message; null when the step sends none. */
  readonly say: Uint8Array | null;
  /** Where the exchange goes on, if not where it was. */
  readonly path: Path | null;
}
/** The message is accepted, and the exchange is over. */
interface Refused {
  readonly kind: "refused";
  /** Null: nobody is to hear of it. */
  readonly why: Failure | null;
  /** Type of the notification that tells the peer; 0: none. */
  readonly notify: number;
}
/** The message is accepted, and the data plane has work to do first. */
interface Waits<To> {
  readonly kind: "waits";
  readonly until: Promise<void>;
  after(): Verdict<To>;
  /** What a rejection means; throws what it does not know. */
  failed(e: unknown): Failure;
}
export type Verdict<To> = Next<To> | Refused | Waits<To>;
/** The message is not accepted: nothing has changed, and the exchange goes on waiting. */
interface Ignored {
  readonly kind: "ignored";
  readonly counter: string;
  readonly what: string;
  /** Why the exchange may be about to fail: said when time runs out. */
  readonly hint: Failure | null;
  /** It may be a guess at the key: tells the peer, once. Null: it is none. */
  readonly guess: Uint8Array | null;
}
/** The message is good and asks for a Diffie-Hellman computation: `after` when it is this peer's turn. */
interface Turn<To> {
  readonly kind: "turn";
  after(): Verdict<To>;
}
export type Outcome<To> = Verdict<To> | Ignored | Turn<To>;

export function next<To>(state: To, say: Uint8Array | null, path: Path | null = null): Next<To> {
  return { kind: "next", state, say, path };
}
export function refused(why: Failure | null, notify = 0): Refused {
  return { kind: "refused", why, notify };
}
export function waits<To>(until: Promise<void>, after: () => Verdict<To>, failed: (e: unknown) => Failure): Waits<To> {
  return { kind: "waits", until, after, failed };
}
export function ignored(
  counter: string,
  what: string,
  hint: Failure | null = null,
  guess: Uint8Array | null = null,
): Ignored {
  return { kind: "ignored", counter, what, hint, guess };
}

/** One message read and, mostly, one sent. `X` is what the exchange works on; no step keeps anything but its state. */
export interface Step<X, From, To> {
  /** What the exchange waits for, as status shows it. */
  readonly name: string;
  /** Number of the message that it reads, as the RFC's figure counts them. */
  readonly reads: number;
  /** Number of the message that it sends; 0: none. */
  readonly sends: number;
  readonly encrypted: boolean;
  /** Throws DecodeError for what cannot be read; nothing has changed then. */
  take(x: X, from: From, m: Message): Outcome<To>;
  /** Why the exchange failed when the message never came; `asked`: it came, and its turn did not. */
  silence(x: X, path: Path, asked: boolean): Failure;
  /** What a notification that anybody may have sent hints at; null: an encrypted message that our keys cannot read. */
  hint?(x: X, notify: number | null): Failure | null;
}

/** Steps in order. Made by inOrder(), which checks that each step takes the state that the one before it makes. */
export interface Steps<X, First, Done> {
  readonly first: Step<X, First, unknown>;
  readonly last: Step<X, unknown, Done>;
  readonly all: readonly Step<X, unknown, unknown>[];
}
export function inOrder<X, A, B>(a: Step<X, A, B>): Steps<X, A, B>;
export function inOrder<X, A, B, C>(a: Step<X, A, B>, b: Step<X, B, C>): Steps<X, A, C>;
export function inOrder<X, A, B, C, D>(a: Step<X, A, B>, b: Step<X, B, C>, c: Step<X, C, D>): Steps<X, A, D>;
export function inOrder<X>(
  first: Step<X, unknown, unknown>,
  ...more: readonly Step<X, unknown, unknown>[]
): Steps<X, unknown, unknown> {
  return { first, last: more.at(-1) ?? first, all: [first, ...more] };
}

/** An exchange to be: its steps, and what the first of them starts from. */
export interface Script<X, Done> {
  readonly steps: readonly Step<X, unknown, unknown>[];
  readonly last: Step<X, unknown, Done>;
  first(): Next<unknown>;
}
/** `first`: an initiator's first message. A responder says nothing. */
export function script<X, First, Done>(steps: Steps<X, First, Done>, first: () => Next<First>): Script<X, Done> {
  return { steps: steps.all, last: steps.last, first };
}

/** What differs between the exchanges, and between their roles. */
export interface Rules {
  /** "main mode", for people. */
  readonly name: string;
  /** Milliseconds to wait after each try of one message; one entry: it is sent once. */
  readonly waits: readonly number[];
  /** How often our last message answers the same message of the peer (CVE-2016-5361). */
  readonly replays: number;
  /** Messages that do not authenticate until the exchange is over. */
  readonly guesses: number;
}
export interface ExchangeOwner<Done> {
  send(message: Uint8Array, path: Path): void;
  done(result: Done, path: Path): void;
  /** As in Refused. */
  failed(why: Failure | null, notify: number): void;
  bad(counter: string, what: string): void;
  /** A step waits for its turn: takeTurn() or putOff() follows, at once or later. */
  asksTurn(): void;
}
interface ExchangeOptions<X, Done> {
  readonly rules: Rules;
  readonly script: Script<X, Done>;
  readonly x: X;
  readonly scope: Scope;
  readonly messageId: number;
  readonly path: Path;
  readonly owner: ExchangeOwner<Done>;
  /** As IkePolicy has it. */
  readonly hurried?: boolean | undefined;
}

export class Exchange<X, Done> {
  readonly #messageId: number;
  readonly #rules: Rules;
  readonly #script: Script<X, unknown>;
  readonly #x: X;
  readonly #scope: Scope;
  readonly #timer: Timer;
  readonly #owner: ExchangeOwner<unknown>;
  #path: Path;
  /** Index of the step whose message is awaited. */
  #at = 0;
  /** What that step starts from. */
  #state: unknown = null;
  /** A step waits for the data plane. */
  #busy = false;
  /** A step waits for its turn, with the message that asks for it. */
  #turn: { readonly m: Message; readonly outcome: Turn<unknown> } | null = null;
  #over = false;
  #lastIn: Uint8Array | null = null;
  /** Our answer to `#lastIn`; null while it is being made. */
  #said: Uint8Array | null = null;
  readonly #hurried: boolean;
  #tries = 0;
  #replays = 0;
  #guesses = 0;
  #hint: Failure | null = null;

  constructor(o: ExchangeOptions<X, Done>) {
    this.#messageId = o.messageId;
    this.#rules = o.rules;
    this.#script = o.script;
    this.#x = o.x;
    this.#scope = o.scope;
    this.#hurried = o.hurried ?? false;
    this.#path = o.path;
    this.#owner = o.owner;
    this.#timer = o.scope.timer(`ike ${o.rules.name}`, () => this.#timeout());
  }
  /** It is neither done nor has it failed. */
  get pending(): boolean {
    return !this.#over;
  }
  /** The step whose message is awaited; null while the data plane works, and after the end. */
  get step(): Step<X, unknown, unknown> | null {
    return this.#over || this.#busy ? null : (this.#script.steps[this.#at] ?? null);
  }
  /** For status: what is awaited, and what seems to be wrong so far. */
  stage(): string {
    const hint = this.#hint === null ? "" : ` (so far: ${this.#hint.text})`;
    return `${this.#script.steps[this.#at]?.name ?? "done"}${hint}`;
  }
  /** An initiator sends its first message, a responder waits for it. */
  begin(): void {
    const first = this.#script.first();
    this.#state = first.state;
    if (first.say) this.#say(first.say);
  }
  /** Throws DecodeError; nothing has changed then. True when the message is accepted. */
  receive(m: Message): boolean {
    if (this.#lastIn && sameBytes(this.#lastIn, m.datagram)) {
      this.#repeat();
      return false;
    }
    const { step } = this;
    const encrypted = (m.header.flags & FLAG.encrypted) !== 0;
    if (!step || encrypted !== step.encrypted || m.header.messageId !== this.#messageId) {
      this.#owner.bad("ike.unexpected", `${this.#rules.name} message out of order`);
      return false;
    }
    if (this.#turn) return false;
    const o = step.take(this.#x, this.#state, m);
    switch (o.kind) {
      case "ignored":
        this.#ignore(o);
        return false;
      case "turn":
        this.#turn = { m, outcome: o };
        // a responder that has not said anything yet does not wait for ever
        if (!this.#timer.armed) this.#timer.arm(this.#rules.waits[0] ?? 0);
        this.#owner.asksTurn();
        return false;
      default:
        this.#accept(m, o);
        return true;
    }
  }
  /** A step that asked for its turn has it. */
  takeTurn(): void {
    const turn = this.#turn;
    this.#turn = null;
    if (turn && !this.#over) this.#accept(turn.m, turn.outcome.after());
  }
  /** Too many wait for their turn: the peer's next try asks again. */
  putOff(): void {
    this.#turn = null;
  }
  /** The peer may lack the last message, which is ours. */
  sayAgain(): void {
    if (this.#over && this.#said) this.#owner.send(this.#said, this.#path);
  }
  /** As in Step. When all tries are used up, the hint is the reason. */
  hint(notify: number | null): void {
    this.#hint = this.step?.hint?.(this.#x, notify) ?? this.#hint;
  }
  /** Ends it, and tells the owner. */
  fail(why: Failure | null, notify = 0): void {
    if (this.#over) return;
    this.close();
    this.#owner.failed(why, notify);
  }
  close(): void {
    this.#timer.disarm();
    this.#over = true;
    this.#state = null;
    this.#turn = null;
  }

  #accept(m: Message, v: Verdict<unknown>): void {
    this.#lastIn = m.datagram;
    this.#said = null;
    this.#hint = null;
    this.#follow(v);
  }
  #follow(v: Verdict<unknown>): void {
    switch (v.kind) {
      case "next":
        this.#proceed(v);
        return;
      case "refused":
        this.fail(v.why, v.notify);
        return;
      case "waits":
        this.#busy = true;
        this.#timer.disarm();
        this.#scope.settle(
          v.until,
          () => {
            if (!this.#over) this.#follow(v.after());
          },
          (e) => this.fail(v.failed(e)),
        );
    }
  }
  #proceed(v: Next<unknown>): void {
    if ((v.say === null) !== (this.#script.steps[this.#at]?.sends === 0))
      throw new RangeError("exchange: a step does not send what it says");
    this.#busy = false;
    this.#path = v.path ?? this.#path;
    this.#state = v.state;
    this.#at++;
    if (v.say) this.#say(v.say);
    if (this.#at < this.#script.steps.length) return;
    this.close();
    if (this.#rules.replays === 0) this.#said = null;
    this.#owner.done(v.state, this.#path);
  }
  #say(message: Uint8Array): void {
    this.#said = message;
    this.#replays = 0;
    this.#tries = 0;
    this.#send(message);
  }
  /** Sends it once more, and waits; false: it was sent as often as it may be. */
  #send(message: Uint8Array): boolean {
    const wait = this.#rules.waits[this.#tries];
    const over = this.#hurried && this.#at === 0 && this.#tries === HURRIED_TRIES;
    if (wait === undefined || over) return false;
    this.#tries++;
    this.#timer.arm(wait);
    this.#owner.send(message, this.#path);
    return true;
  }
  #repeat(): void {
    if (!this.#said || this.#rules.replays === 0) return;
    if (this.#replays++ < this.#rules.replays) this.#owner.send(this.#said, this.#path);
    else this.#owner.bad("ike.replays", "too many repetitions of one message");
  }
  #ignore({ counter, what, hint, guess }: Ignored): void {
    this.#owner.bad(counter, what);
    if (guess && !this.#hint) this.#owner.send(guess, this.#path);
    this.#hint = hint ?? this.#hint;
    if (guess && ++this.#guesses === this.#rules.guesses) this.fail(this.#hint);
  }
  #timeout(): void {
    const { step } = this;
    if (!step || (this.#said && this.#send(this.#said))) return;
    this.fail(this.#hint ?? step.silence(this.#x, this.#path, this.#turn !== null));
  }
}
