// Control connections whose SCCRQ was answered with an SCCRP, and whose SCCCN has not come: in the clear anybody's
// address may be in them. So they are small, there is always room for the next one, and nothing is sent but one SCCRP
// for each SCCRQ: the peer's own repeats replace a lost one (RFC 2661 §5.8), and a forged address is no amplifier.
import type { Clock, Timer } from "../core/clock.ts";
import { sameBytes } from "../core/text.ts";
import { type Origin, Waiting, type WaitingLimits } from "../core/waiting.ts";
import type { FlowId, L2tpRemote } from "../dataplane/dataplane.ts";
import type { Avps } from "./wire/avps.ts";

/** A peer's whole cycle of retransmission, 31 s, and some more. */
const LIFE_MS = 40_000;

export interface HalfOpen {
  /** The Tunnel ID that we assigned: who shows it from the same remote has got our SCCRP. */
  readonly id: number;
  readonly remote: L2tpRemote;
  /** Ours, sent where the tunnel has a secret. */
  readonly challenge: Uint8Array;
  /** The peer's latest: what it asks with is what is answered. */
  readonly sccrq: Avps;
}

export class HalfOpenTable {
  readonly #clock: Clock;
  readonly #expiry: Timer;
  readonly #waiting: Waiting<number>;
  readonly #byId = new Map<number, { readonly half: HalfOpen; readonly until: number }>();
  /** By remote and the peer's Tunnel ID. */
  readonly #ids = new Map<string, number>();

  constructor(clock: Clock, limits: WaitingLimits) {
    this.#clock = clock;
    this.#waiting = new Waiting(limits);
    this.#expiry = clock.timer("l2tp half-open", () => this.#expire());
  }
  get size(): number {
    return this.#byId.size;
  }
  find(id: number): HalfOpen | undefined {
    return this.#byId.get(id)?.half;
  }
  /** Of an SCCRQ that was answered already. */
  repeated(remote: L2tpRemote, sccrq: Avps): HalfOpen | undefined {
    const id = this.#ids.get(keyOf(remote, sccrq));
    return id === undefined ? undefined : this.find(id);
  }
  /** Whether a peer was asked with these bytes. */
  asked(challenge: Uint8Array): boolean {
    let found = false;
    for (const { half } of this.#byId.values()) found = sameBytes(half.challenge, challenge) || found;
    return found;
  }
  /** Adds or renews; true when another had to go. */
  put(half: HalfOpen, origin: Origin): boolean {
    const gone = this.#waiting.add(half.id, origin);
    if (gone !== null) this.delete(gone);
    this.#byId.set(half.id, { half, until: this.#clock.now() + LIFE_MS });
    this.#ids.set(keyOf(half.remote, half.sccrq), half.id);
    if (!this.#expiry.armed) this.#expiry.arm(LIFE_MS);
    return gone !== null;
  }
  delete(id: number): void {
    const half = this.find(id);
    if (!half) return;
    this.#waiting.delete(id);
    this.#byId.delete(id);
    this.#ids.delete(keyOf(half.remote, half.sccrq));
    if (this.size === 0) this.#expiry.disarm();
  }
  dropFlow(flow: FlowId): void {
    for (const { half } of [...this.#byId.values()]) if (half.remote.flow === flow) this.delete(half.id);
  }
  clear(): void {
    for (const id of [...this.#byId.keys()]) this.delete(id);
  }
  #expire(): void {
    const now = this.#clock.now();
    for (const id of [...this.#waiting.values()]) {
      const left = (this.#byId.get(id)?.until ?? now) - now;
      if (left > 0) return this.#expiry.arm(left);
      this.delete(id);
    }
  }
}

/** A repeated SCCRQ is not a new one. */
export function keyOf(remote: L2tpRemote, sccrq: Avps): string {
  return `${remote.key} ${sccrq.assignedTunnelId ?? 0}`;
}
