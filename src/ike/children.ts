// The child SAs of one connection: pairs of ESP SAs in the data plane, which replace one another.
// RFC 2409 does not say what becomes of a pair that another has replaced, nor what happens when both sides replace it
// at the same moment: each side may go on sending under either pair, strongSwan under the one that it installed last.
// So we send under our newest pair, and receive under every pair until its own lifetime ends or the peer deletes it.

import type { Timer } from "../core/clock.ts";
import { SystemError } from "../core/errors.ts";
import { faultEvent } from "../core/fault.ts";
import { giveBack } from "../core/give-back.ts";
import { LazyMap } from "../core/lazy.ts";
import { uniform } from "../core/rng.ts";
import type { Scope } from "../core/scope.ts";
import type { FlowId, TrafficCounters } from "../dataplane/dataplane.ts";
import type { Child } from "./child.ts";
import type { IkeEnv } from "./types.ts";

/** Pairs of one flow, those being made included; a peer that goes on replacing them is refused until some are gone. */
export const MOST_CHILDREN = 8;
/** Replaced pairs that we keep receiving under; the oldest goes when there are more. */
const MOST_REPLACED = 3;
/** A replaced pair is kept this long at least: packets are under way. */
const OLD_LEAST_MS = 6000;
/** What came before the delete may be read behind it: ESP and IKE have sockets of their own. */
const LEAVING_MS = 500;
/** A server leaves rekeying to its client until only this share of the lifetime is left. */
const SERVER_SHARE = 0.03;
/** Shares of the soft byte limit at which each side rekeys; the plane's hard limit is beyond. */
const CLIENT_BYTES = 0.85;
const SERVER_BYTES = 1.5;
/** Of 2^32 sequence numbers. */
const MANY_PACKETS = 0xe000_0000;

export interface LiveChild extends Child {
  /** Clock times. */
  readonly rekeyAt: number;
  readonly expiresAt: number;
  /** When another took its place; null while in use. */
  replacedAt: number | null;
  /** Packets that had come in when they were last counted. */
  rxSeen: number;
}

export class Children {
  readonly #env: IkeEnv;
  readonly #flow: FlowId;
  readonly #client: boolean;
  readonly #link: string;
  /** Null: pairs go at once. */
  readonly #scope: Scope | null;
  /** The newest last. */
  readonly #all: LiveChild[] = [];
  /** Inbound SAs of deleted pairs, by SPI. */
  readonly #leaving = new LazyMap<number, Timer>();

  constructor(env: IkeEnv, flow: FlowId, link: string, client: boolean, scope: Scope | null = null) {
    this.#scope = scope;
    this.#env = env;
    this.#flow = flow;
    this.#client = client;
    this.#link = link;
  }
  get size(): number {
    return this.#all.length;
  }
  /** A copy. */
  all(): LiveChild[] {
    return [...this.#all];
  }
  /** The pair that we send under. */
  inUse(): LiveChild | null {
    return this.#all.at(-1) ?? null;
  }
  bySpiIn(spi: number): LiveChild | null {
    return this.#all.find((c) => c.spiIn === spi) ?? null;
  }
  bySpiOut(spi: number): LiveChild | null {
    return this.#all.find((c) => c.spiOut === spi) ?? null;
  }
  /** Whether one has the peer's UDP port `port` in its selectors. */
  serves(port: number): boolean {
    return this.#all.some((c) => c.remotePort === port);
  }
  /** It is in the plane, and takes the place of the others. */
  add(c: Child): void {
    const now = this.#env.clock.now();
    const life = c.lifeSeconds * 1000;
    // time for a quick mode with losses remains, even of a short life
    const margin = this.#client
      ? Math.min(life / 2, Math.max(20_000, life * (0.08 + 0.1 * uniform(this.#env.crypto))))
      : Math.min(life / 4, Math.max(10_000, life * SERVER_SHARE));
    for (const old of this.#all) old.replacedAt ??= now;
    this.#all.push({ ...c, rekeyAt: now + life - margin, expiresAt: now + life, replacedAt: null, rxSeen: 0 });
  }
  /** Out of the plane, both directions; where there is a successor, the inbound one a moment later. */
  remove(c: Child): void {
    const i = this.#all.findIndex((x) => x.spiIn === c.spiIn);
    if (i >= 0) this.#all.splice(i, 1);
    this.#giveBack("out", c.spiOut);
    if (!this.#scope || this.#all.length === 0) return this.#giveBack("in", c.spiIn);
    const timer = this.#scope.timer("ike old pair", () => this.#left(c.spiIn));
    this.#leaving.set(c.spiIn, timer);
    timer.arm(LEAVING_MS);
  }
  /** The end: what is leaving goes at once. */
  clear(): void {
    for (const spi of [...this.#leaving.keys()]) this.#left(spi);
  }
  #left(spi: number): void {
    this.#leaving.get(spi)?.disarm();
    this.#leaving.delete(spi);
    this.#giveBack("in", spi);
  }
  /** Whether packets have come in since this was last asked. */
  heard(): boolean {
    let news = false;
    for (const c of this.#all) {
      const { rxPackets } = this.#counters("in", c.spiIn);
      news ||= rxPackets > c.rxSeen;
      c.rxSeen = rxPackets;
    }
    return news;
  }
  /** Those that are to go: their lifetime is over, or there are too many. */
  due(now: number): LiveChild[] {
    const expired = this.#all.filter((c) => now >= c.expiresAt);
    const surplus = this.#all
      .slice(0, Math.max(0, this.#all.length - 1 - MOST_REPLACED))
      .filter((c) => now < c.expiresAt && now - (c.replacedAt ?? now) >= OLD_LEAST_MS);
    return [...expired, ...surplus];
  }
  /** When to look at them again, clock time; now while they are to be watched. */
  lookAt(now: number): number {
    const newest = this.inUse();
    if (!newest || newest.lifeBytes > 0 || this.#all.length > MOST_REPLACED + 1) return now;
    return Math.min(newest.rekeyAt, ...this.#all.map((c) => c.expiresAt));
  }
  wantsRekey(now: number): boolean {
    const c = this.inUse();
    if (!c) return false;
    if (now >= c.rekeyAt) return true;
    const i = this.#counters("in", c.spiIn);
    const o = this.#counters("out", c.spiOut);
    const most = c.lifeBytes * (this.#client ? CLIENT_BYTES : SERVER_BYTES);
    return (
      (c.lifeBytes > 0 && Math.max(i.rxBytes, o.txBytes) >= most) || Math.max(i.rxPackets, o.txPackets) > MANY_PACKETS
    );
  }
  #counters(direction: "in" | "out", spi: number): TrafficCounters {
    return this.#env.plane.counters(this.#flow, direction, spi);
  }
  #giveBack(direction: "in" | "out", spi: number): void {
    void giveBack(
      () => this.#env.plane.remove(this.#flow, direction, spi),
      (e) => planeError(this.#env, this.#link, e),
      () => this.#env.counters.bump("ike.plane-error"),
    );
  }
}
/** A call of the data plane failed; the log hears of it unless it is an error of the system. */
export function planeError(env: IkeEnv, link: string, e: unknown): void {
  env.counters.bump("ike.plane-error");
  if (!(e instanceof SystemError)) env.log.emit(faultEvent(link, "an IKE connection", e));
}
