// Connections by the addresses of their peers. Whoever has the key may have many, as a company behind one NAT does, but
// not all that there are: a peer that has its share is refused, and nobody else is touched.
import { type Origin, originOf, type WaitingLimits } from "../core/waiting.ts";
import type { Connection } from "./v1/connection.ts";

/** A server's connections; the links that we begin ourselves are not counted. */
export const CONNECTIONS: WaitingLimits = { peer: 256, network: 1024, all: 4096 };

interface Place {
  readonly address: string;
  readonly origin: Origin;
}

export class Peers {
  readonly #limits: WaitingLimits;
  readonly #places = new Map<Connection, Place>();
  readonly #at = new Map<string, Set<Connection>>();
  /** Of servers' connections, by peer and by network. */
  readonly #counts = new Map<string, number>();
  #served = 0;

  constructor(limits: WaitingLimits) {
    this.#limits = limits;
  }
  has(address: string): boolean {
    return this.#at.has(address);
  }
  at(address: string): readonly Connection[] {
    return [...(this.#at.get(address) ?? [])].filter((c) => !c.over);
  }
  /** Whether a server may have one more with this address. */
  room(address: string): boolean {
    const o = originOf(address);
    return (
      this.#served < this.#limits.all &&
      this.#count(o.peer) < this.#limits.peer &&
      this.#count(o.network) < this.#limits.network
    );
  }
  /** Its peer is at `address` from now on. */
  place(c: Connection, address: string): void {
    if (this.#places.get(c)?.address === address) return;
    this.delete(c);
    const place = { address, origin: originOf(address) };
    this.#places.set(c, place);
    const here = this.#at.get(address) ?? new Set();
    this.#at.set(address, here.add(c));
    this.#add(c, place, 1);
  }
  delete(c: Connection): void {
    const place = this.#places.get(c);
    if (!place) return;
    this.#places.delete(c);
    const here = this.#at.get(place.address);
    here?.delete(c);
    if (here?.size === 0) this.#at.delete(place.address);
    this.#add(c, place, -1);
  }
  #add(c: Connection, { origin }: Place, n: number): void {
    if (c.client) return;
    this.#served += n;
    for (const key of [origin.peer, origin.network]) {
      const left = this.#count(key) + n;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    }
  }
  #count(key: string): number {
    return this.#counts.get(key) ?? 0;
  }
}
