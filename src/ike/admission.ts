// Main modes that peers begin here, until they are authenticated. Three things hold whatever arrives:
// - The tables never refuse a newcomer. When one is full, its oldest entry makes room: first one of the same peer (an
//   IPv4 address, an IPv6 /64), then one of the same network (/24, /48), then one of a network that has more entries
//   than the newcomer's (core/waiting.ts). Addresses that have a connection have tables of their own: strangers cannot
//   disturb a renewal of phase 1. Only what was answered within seconds stays: in a crowd of equals the newcomer is put
//   off, or nobody would ever get through.
// - A peer that has not shown that it receives at its address (message 3 brings our cookie back) costs a table entry,
//   but no Diffie-Hellman computation; one that has shown it waits for its turn (turns.ts).
// - Guesses at the key: an exchange takes three (exchange.ts), and each peer and network may end only so many exchanges
//   that way. The pause that follows does not affect an address that has a connection.
import type { Clock } from "../core/clock.ts";
import { type Origin, originOf, Waiting, type WaitingLimits } from "../core/waiting.ts";
import { Buckets } from "./buckets.ts";
import { type TurnLimits, Turns } from "./turns.ts";

export interface AdmissionLimits {
  /** Message 2 has gone out, message 3 has not come. */
  readonly asked: WaitingLimits;
  /** Message 4 has gone out, message 5 has not come. */
  readonly answered: WaitingLimits;
  readonly turns: TurnLimits;
}
/** All hosts behind one address may begin at the same time, and all of a network. */
export const ADMISSION: AdmissionLimits = {
  asked: { peer: 64, network: 256, all: 512 },
  answered: { peer: 64, network: 256, all: 256 },
  turns: { share: 0.5, leastMs: 2, burstMs: 1000, waiting: { peer: 32, network: 256, all: 256 } },
};

export interface HalfOpen {
  /** Where message 1 came from. */
  readonly began: { readonly address: string };
  /** Its turn has come. */
  exchangeKeys(): void;
  /** Not now: the peer's next message 3 asks again. */
  putOff(): void;
  /** Ends it without a word; leave() follows. */
  drop(): void;
}

/** Exchanges that may end in wrong guesses: a burst, then one in every `everyMs` milliseconds. */
const PEER_GUESSES = { burst: 8, everyMs: 5000 } as const;
const NETWORK_GUESSES = { burst: 32, everyMs: 1000 } as const;
/** A peer has so long to go on before another may take its place, that one of thousands gets through at all. */
const PATIENCE_MS = 5000;
interface Entry {
  readonly origin: Origin;
  readonly known: boolean;
  /** When its keys were exchanged; -Infinity: not yet. */
  readonly answered: number;
}
interface Tables {
  readonly asked: Waiting<HalfOpen>;
  readonly answered: Waiting<HalfOpen>;
}

export class Admission {
  readonly #clock: Clock;
  readonly #limits: AdmissionLimits;
  readonly #entries = new Map<HalfOpen, Entry>();
  readonly #known: Tables;
  readonly #strangers: Tables;
  readonly #turns: Turns<HalfOpen>;
  readonly #peers: Buckets;
  readonly #networks: Buckets;
  readonly #isKnown: (address: string) => boolean;
  readonly #isBusy: (address: string) => boolean;
  readonly #count: (counter: string) => void;

  /**
   * `isKnown`: whether an address has a connection; `isBusy`: whether a newcomer would be told to come later by what
   * follows. `count` bumps a counter.
   */
  constructor(
    clock: Clock,
    limits: AdmissionLimits,
    isKnown: (address: string) => boolean,
    isBusy: (address: string) => boolean,
    count: (counter: string) => void,
  ) {
    this.#clock = clock;
    this.#limits = limits;
    const tables = (): Tables => ({ asked: new Waiting(limits.asked), answered: new Waiting(limits.answered) });
    this.#known = tables();
    this.#strangers = tables();
    this.#turns = new Turns(clock, limits.turns, (x) => this.#exchangeKeys(x));
    this.#peers = new Buckets(clock, PEER_GUESSES);
    this.#networks = new Buckets(clock, NETWORK_GUESSES);
    this.#isKnown = isKnown;
    this.#isBusy = isBusy;
    this.#count = count;
  }
  get size(): number {
    return this.#entries.size;
  }
  /** Whether `address` must wait, after too many guesses at the key, before it may begin again. */
  pauses(address: string): boolean {
    if (this.#isKnown(address)) return false;
    const origin = originOf(address);
    return this.#peers.spent(origin.peer) || this.#networks.spent(origin.network);
  }
  /** So many may be under way at once; never less than the limits say. */
  expect(crowd: number): void {
    const { asked, answered, turns } = this.#limits;
    const wider = (l: WaitingLimits, n: number): WaitingLimits =>
      n <= l.all ? l : { ...l, network: Math.max(l.network, crowd), all: n };
    for (const t of [this.#known, this.#strangers]) {
      t.asked.limits = wider(asked, 2 * crowd);
      t.answered.limits = wider(answered, crowd);
    }
    this.#turns.limit(wider(turns.waiting, crowd));
  }
  /** Message 1 arrived and will be answered. */
  enter(x: HalfOpen): void {
    const { address } = x.began;
    const entry = { origin: originOf(address), known: this.#isKnown(address), answered: Number.NEGATIVE_INFINITY };
    this.#entries.set(x, entry);
    this.#evict(this.#tables(entry).asked.add(x, entry.origin));
  }
  /** Message 3 arrived: exchangeKeys() follows, at once or when its turn comes, or putOff(). */
  ask(x: HalfOpen): void {
    const entry = this.#entries.get(x);
    if (!entry) return;
    const out = this.#turns.ask(x, entry.origin, entry.known);
    if (out) this.#putOff(out);
  }
  /** It is over, or authenticated. */
  leave(x: HalfOpen): void {
    const entry = this.#entries.get(x);
    if (!entry) return;
    this.#entries.delete(x);
    const t = this.#tables(entry);
    t.asked.delete(x);
    t.answered.delete(x);
    this.#turns.cancel(x);
  }
  /** An exchange of this address ended with wrong guesses. */
  guessed(address: string): void {
    const origin = originOf(address);
    this.#peers.spend(origin.peer);
    this.#networks.spend(origin.network);
  }

  #exchangeKeys(x: HalfOpen): void {
    const entry = this.#entries.get(x);
    if (!entry) return;
    const t = this.#tables(entry);
    if (!entry.known && this.#isBusy(x.began.address)) return this.#putOff(x);
    const now = this.#clock.now();
    // what has just been computed for others would be for nothing, and so would this, for the next
    const rival = this.#entries.get(t.answered.rival(entry.origin) ?? x);
    if (now - (rival?.answered ?? Number.NEGATIVE_INFINITY) < PATIENCE_MS) return this.#putOff(x);
    t.asked.delete(x);
    this.#evict(t.answered.add(x, entry.origin));
    this.#entries.set(x, { ...entry, answered: now });
    x.exchangeKeys();
  }
  #putOff(x: HalfOpen): void {
    this.#count("ike.put-off");
    x.putOff();
  }
  #tables(entry: Entry): Tables {
    return entry.known ? this.#known : this.#strangers;
  }
  #evict(x: HalfOpen | null): void {
    if (!x) return;
    this.#count("ike.half-open-evicted");
    x.drop();
  }
}
