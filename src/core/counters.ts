import { LazyMap } from "./lazy.ts";

/**
 * Drops and other anomalies by name: `ike.bad-cookie`, `esp.replay`. Bounded: names come from our code, never from a
 * peer.
 */
export class Counters<N extends string = string> {
  readonly #n = new LazyMap<N, number>();
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

interface Traffic {
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
}
export function addTraffic(a: Traffic, b: Traffic): Traffic {
  return {
    rxPackets: a.rxPackets + b.rxPackets,
    rxBytes: a.rxBytes + b.rxBytes,
    txPackets: a.txPackets + b.txPackets,
    txBytes: a.txBytes + b.txBytes,
  };
}
/** What of `all` is not in `others`; never less than `least`, as parts are not counted quite as the whole is. */
export function restOfTraffic(all: Traffic, others: Traffic, least: Traffic): Traffic {
  return {
    rxPackets: Math.max(least.rxPackets, all.rxPackets - others.rxPackets),
    rxBytes: Math.max(least.rxBytes, all.rxBytes - others.rxBytes),
    txPackets: Math.max(least.txPackets, all.txPackets - others.txPackets),
    txBytes: Math.max(least.txBytes, all.txBytes - others.txBytes),
  };
}
