// The last failures of a server's peers, for `status`, `doctor` and the server page. Bounded and fair: one peer's
// failures evict no more of another's than core/waiting.ts allows, and failures that one datagram with a spoofed source
// address can cause have a separate table.
import { isoTime } from "../core/date.ts";
import type { Failure } from "../core/errors.ts";
import { originOf, Waiting } from "../core/waiting.ts";
import type { PeerFailure } from "./status.ts";

const PROVED = { peer: 4, network: 16, all: 32 } as const;
const UNPROVED = { peer: 2, network: 8, all: 16 } as const;
/** Of a text: both sides' proposals fit. */
const LONGEST = 1000;

interface Entry {
  readonly peer: string;
  readonly proved: boolean;
  count: number;
  /** Wall clock milliseconds. */
  at: number;
  why: Failure;
}

export class Failures {
  readonly #wallClock: () => number;
  /** By peer and code, the latest last. */
  readonly #entries = new Map<string, Entry>();
  readonly #proved = new Waiting<string>(PROVED);
  readonly #unproved = new Waiting<string>(UNPROVED);
  constructor(wallClock: () => number) {
    this.#wallClock = wallClock;
  }
  /** `peer` is an address; `proved`: it has shown that it hears us there. */
  note(peer: string, why: Failure, proved = true): void {
    const key = `${proved} ${peer} ${why.code}`;
    const e = this.#entries.get(key) ?? { peer, proved, count: 0, at: 0, why };
    e.count++;
    e.at = this.#wallClock();
    e.why = { ...why, text: why.text.slice(0, LONGEST) };
    this.#entries.delete(key);
    this.#entries.set(key, e);
    const out = (proved ? this.#proved : this.#unproved).add(key, originOf(peer));
    if (out !== null) this.#entries.delete(out);
  }
  /** The latest first. */
  list(): PeerFailure[] {
    return [...this.#entries.values()].reverse().map(({ peer, count, at, why }) => ({
      peer,
      at: isoTime(at),
      count,
      layer: why.layer,
      code: why.code,
      text: why.text,
    }));
  }
}
