// What a kind of link brings along: its rungs, its pauses, and its part of the status. Everything else is link.ts.
import type { DayTime } from "../core/daytime.ts";
import type { Failure } from "../core/failures.ts";
import type { Backoff } from "./backoff.ts";
import type { DemandNet, DemandOwner } from "./demand.ts";
import type { Ladder, Rung } from "./ladder.ts";
import type { NetdevRung } from "./rungs/netdev.ts";
import type { PppRung } from "./rungs/ppp.ts";
import type { ClientStatus, LinkStatus, SerialStatus, Stage } from "./status.ts";

/** The rungs of one attempt, and what a link must know of them. */
export interface Climb {
  readonly rungs: readonly Rung[];
  readonly ppp: PppRung;
  readonly netdev: NetdevRung;
  /** The netdev that leads to the peer, and our address there, once they are known. */
  readonly path?: { readonly device: string; readonly local: string } | null;
}

export interface Access<C extends Climb = Climb> {
  readonly cfg: {
    readonly name: string;
    readonly auto: boolean;
    readonly reconnect_min: number;
    readonly reconnect_max: number;
  };
  readonly ifname: string;
  /** Daily times in which it stays down. */
  readonly hold: readonly DayTime[];
  /** Seconds without a packet that end it; 0: none do. */
  readonly idleSeconds: number;
  /** May leave by this link alone, while it is wanted. */
  readonly guarded: readonly string[];
  /** Other links run over it, and are told when it comes and goes; it waits for none of them, but may for a caller. */
  readonly wayOut: boolean;
  /** The stage that says what a link waits for. */
  readonly first: Stage["name"];
  /** Why there is no attempt after the last one, in words. */
  readonly over: string;
  /** The netdev that is there before an attempt, and after it. Called once. */
  standby?(owner: DemandOwner): DemandNet | null;
  /** It is wanted, after nobody wanted it. */
  begin?(): void;
  climb(ladder: Ladder): C;
  /** An attempt came through. */
  succeeded?(): void;
  /** An attempt has ended, at `now`: milliseconds until the next one, or null: it was the last. */
  pause(why: Failure, backoff: Backoff, now: number): number | null;
  /** `standby`: the netdev's addresses while it waits for a packet. */
  status(link: LinkStatus, climb: C | null, standby: SerialStatus["standby"]): ClientStatus | SerialStatus;
}
