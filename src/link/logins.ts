// Wrong passwords cost time: after some of them nothing more is looked at for a while, and for longer each time. What
// counts is who tries from where: an account is never closed to its owner elsewhere, and who has logged in here before
// waits for no neighbour.
import type { Clock } from "../core/clock.ts";
import { Counters } from "../core/counters.ts";
import { originOf } from "../core/waiting.ts";
import { accountName } from "../ppp/auth/mschapv2.ts";

interface Rule {
  /** Wrong ones that cost nothing. */
  readonly free: number;
  /** The longest pause, in milliseconds; the first is FIRST_MS, and each is twice the one before. */
  readonly most: number;
  /** One wrong password is forgotten after each of these, in milliseconds. */
  readonly forget: number;
}
const FIRST_MS = 2000;
const USER: Rule = { free: 3, most: 300_000, forget: 300_000 };
const PEER: Rule = { free: 20, most: 60_000, forget: 60_000 };
const NETWORK: Rule = { free: 100, most: 60_000, forget: 10_000 };
/** Tallies kept; beyond that the one that is longest without a change is forgotten. */
const MOST = 8192;

interface Tally {
  readonly wrong: number;
  readonly since: number;
  readonly until: number;
  /** This user has logged in from this place. */
  readonly known: boolean;
}
const NONE: Tally = { wrong: 0, since: 0, until: 0, known: false };

export class Logins {
  readonly counters = new Counters<"login.wrong" | "login.paused">();
  readonly #clock: Clock;
  readonly #tallies = new Map<string, Tally>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }
  /** Number of tallies kept. */
  get size(): number {
    return this.#tallies.size;
  }
  /**
   * Milliseconds until `user` may try again from `address`, 0: now. `address` may be any name of a place, as of a line.
   */
  pause(user: string, address: string): number {
    const { peer, network } = originOf(address);
    const own = this.#of(keyOf(user, peer));
    const until = own.known ? own.until : Math.max(own.until, this.#of(peer).until, this.#of(network).until);
    const left = Math.max(0, until - this.#clock.now());
    if (left > 0) this.counters.bump("login.paused");
    return left;
  }
  /** Records a wrong password, outside of a pause. `exists`: the user exists; invented names take up no memory. */
  wrong(user: string, address: string, exists: boolean): void {
    this.counters.bump("login.wrong");
    const { peer, network } = originOf(address);
    if (exists) this.#count(keyOf(user, peer), USER);
    this.#count(peer, PEER);
    if (network !== peer) this.#count(network, NETWORK);
  }
  right(user: string, address: string): void {
    this.#set(keyOf(user, originOf(address).peer), { ...NONE, known: true });
  }

  #of(key: string): Tally {
    return this.#tallies.get(key) ?? NONE;
  }
  #count(key: string, rule: Rule): void {
    const now = this.#clock.now();
    const was = this.#of(key);
    const wrong = Math.max(0, was.wrong - Math.floor((now - was.since) / rule.forget)) + 1;
    const pause = wrong < rule.free ? 0 : Math.min(FIRST_MS * 2 ** (wrong - rule.free), rule.most);
    this.#set(key, { wrong, since: now, until: now + pause, known: was.known });
  }
  #set(key: string, tally: Tally): void {
    this.#tallies.delete(key);
    this.#tallies.set(key, tally);
    if (this.#tallies.size <= MOST) return;
    for (const oldest of this.#tallies.keys()) {
      this.#tallies.delete(oldest);
      return;
    }
  }
}

/** Maps an account to one key, with or without a Windows domain, in any case. */
function keyOf(user: string, peer: string): string {
  return `${peer} ${accountName(user).toLowerCase()}`;
}
