/**
 * Drops and other anomalies by name: `ike.bad-cookie`, `esp.replay`. Bounded: names come from our code, never from a
 * peer.
 */
export class Counters<N extends string = string> {
  readonly #n = new Map<N, number>();
  bump(name: N, by = 1): void {
    this.#n.set(name, (this.#n.get(name) ?? 0) + by);
  }
  get(name: N): number {
    return this.#n.get(name) ?? 0;
  }
  snapshot(): Record<string, number> {
    return Object.fromEntries([...this.#n].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
