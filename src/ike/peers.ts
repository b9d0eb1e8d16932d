// Connections by the addresses of their peers. A peer that has the key may have many, as an office behind one NAT does,
// but not all: once it has its share it is refused, and no other peer is affected.
import { originOf, type WaitingLimits } from "../core/waiting.ts";
import type { PeerConnection } from "./types.ts";

/**
 * Limits of a server's connections; links that we begin ourselves do not count. Sessions are 4096 at most; the rest is
 * for those who have not logged in yet, or whose last connection has not been missed.
 */
export const CONNECTIONS: WaitingLimits = { peer: 256, network: 1024, all: 5120 };

export class Peers {
  readonly #limits: WaitingLimits;
  /** Addresses. */
  readonly #places = new Map<PeerConnection, string>();
  readonly #at = new Map<string, readonly PeerConnection[]>();
  /** Servers' connections by peer and by network. */
  readonly #counts = new Map<string, number>();
  #served = 0;

  constructor(limits: WaitingLimits) {
    this.#limits = limits;
  }
  has(address: string): boolean {
    return this.#at.has(address);
  }
  at(address: string): readonly PeerConnection[] {
    return (this.#at.get(address) ?? []).filter((c) => !c.over);
  }
  /** Whether a server may have one more connection with this address. */
  room(address: string): boolean {
    const o = originOf(address);
    return (
      this.#served < this.#limits.all &&
      this.#count(o.peer) < this.#limits.peer &&
      this.#count(o.network) < this.#limits.network
    );
  }
  /** Its peer is now at `address`. */
  place(c: PeerConnection, address: string): void {
    if (this.#places.get(c) === address) return;
    this.delete(c);
    this.#places.set(c, address);
    this.#at.set(address, [...(this.#at.get(address) ?? []), c]);
    this.#add(c, address, 1);
  }
  delete(c: PeerConnection): void {
    const address = this.#places.get(c);
    if (address === undefined) return;
    this.#places.delete(c);
    const others = (this.#at.get(address) ?? []).filter((x) => x !== c);
    if (others.length > 0) this.#at.set(address, others);
    else this.#at.delete(address);
    this.#add(c, address, -1);
  }
  #add(c: PeerConnection, address: string, n: number): void {
    if (c.client) return;
    this.#served += n;
    const { peer, network } = originOf(address);
    for (const key of [peer, network]) {
      const left = this.#count(key) + n;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    }
  }
  #count(key: string): number {
    return this.#counts.get(key) ?? 0;
  }
}
