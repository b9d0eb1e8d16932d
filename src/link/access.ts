// What a kind of link brings along: its rungs, its pauses, and its part of the status. Everything else is link.ts.
import type { DayTime } from "../core/daytime.ts";
import type { Failure } from "../core/failures.ts";
import type { Counters } from "../dataplane/dataplane.ts";
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
  /** Of the netdev while PPP is up. */
  readonly mtu: number;
  /** The netdev that leads to the peer, and our address there; null: unknown yet, or not over a network. */
  readonly via: string | null;
  readonly local: string | null;
  counters(): Counters | null;
}

/** How long a link waits between attempts, in milliseconds. */
export interface Pauses {
  /** It is wanted, after nobody wanted it. */
  begin(): void;
  /** A person wants it at once, in spite of a pause. */
  ask(): void;
  /** An attempt came through, at `now`; again when PPP has begun anew. */
  up(now: number): void;
  /** An attempt has ended, at `now`. Null: there is none after it. */
  after(why: Failure, now: number): number | null;
  /** Why there is none, in words. */
  readonly over: string;
  /** Something failed outside of an attempt. */
  outside(): number;
  /** The way out may be another one: what is left of the pause after `why`, `since` having passed; null: as it was. */
  hurry(why: Failure | null, since: number): number | null;
}

export interface Access<C extends Climb = Climb> {
  readonly cfg: { readonly name: string; readonly auto: boolean };
  readonly ifname: string;
  readonly pauses: Pauses;
  /** Daily times in which it stays down. */
  readonly hold: readonly DayTime[];
  /** Seconds without a packet that end it; 0: none do. */
  readonly idleSeconds: number;
  /** May leave by this link alone, while it is wanted. */
  readonly guarded: readonly string[];
  /** Other links run over it: they are told when it comes and goes. */
  readonly wayOut: boolean;
  /** A stage that hangs ends the attempt: nothing in it waits for somebody to call. */
  readonly hurried: boolean;
  /** The stage that says what a link waits for. */
  readonly first: Stage["name"];
  /** The netdev that is there before an attempt, and after it; null: there is none. Called once. */
  standby(owner: DemandOwner): DemandNet | null;
  climb(ladder: Ladder): C;
  /** `standby`: the netdev's addresses while it waits for a packet. */
  status(link: LinkStatus, climb: C | null, standby: SerialStatus["standby"]): ClientStatus | SerialStatus;
}
