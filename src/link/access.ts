// What differs between kinds of links: rungs, pauses, and part of the status. The rest is in link.ts.
import type { DayTime } from "../core/daytime.ts";
import type { Failure } from "../core/failures.ts";
import type { L2tpRemote, WayNow } from "../dataplane/dataplane.ts";
import type { Findings } from "../ike/survey.ts";
import type { Backoff } from "./backoff.ts";
import type { BackupConfig } from "./backup.ts";
import type { DemandNet, DemandOwner } from "./demand.ts";
import type { Ladder, Rung } from "./ladder.ts";
import type { NetdevRung } from "./rungs/netdev.ts";
import type { PppRung } from "./rungs/ppp.ts";
import type { ClientStatus, LinkStatus, SerialStatus, Stage } from "./status.ts";

/** The rungs of one attempt, and what a link needs to know about them. */
export interface Climb {
  readonly rungs: readonly Rung[];
  readonly ppp: PppRung;
  readonly netdev: NetdevRung;
  /** The netdev towards the peer and our address on it, once known. */
  readonly path?: { readonly device: string; readonly local: string } | null;
  /** The L2TP peer, once there is a way to it. */
  readonly remote?: L2tpRemote | null;
}

export interface Access<C extends Climb = Climb> {
  readonly cfg: BackupConfig & {
    readonly auto: boolean;
    readonly reconnect_min: number;
    readonly reconnect_max: number;
  };
  readonly ifname: string;
  /** Daily periods in which the link stays down. */
  readonly hold: readonly DayTime[];
  /** Idle timeout in seconds; 0: none. */
  readonly idleSeconds: number;
  /** Networks that may be reached only through this link while it is wanted. */
  readonly guarded: readonly string[];
  /** Other links run over it and are notified when it goes up or down. */
  readonly wayOut: boolean;
  /** The stage shown while the link waits. */
  readonly first: Stage["name"];
  /** Why there are no more attempts, as a sentence. */
  readonly over: string;
  /** The netdev that exists between attempts. Called once. */
  standby?(owner: DemandOwner): DemandNet | null;
  /** As in AnyLink. */
  survey?(done: (f: Findings) => void): (() => void) | null;
  /** The link is wanted again. */
  begin?(): void;
  climb(ladder: Ladder): C;
  /** An attempt succeeded. */
  succeeded?(): void;
  /** What has become of the way of the last attempt that had one; null: none had. */
  way?(): WayNow | null;
  /** An attempt ended at `now`: milliseconds until the next one; null: there is none. */
  pause(why: Failure, backoff: Backoff, now: number): number | null;
  /** `standby`: the netdev's addresses while it waits for a packet. */
  status(link: LinkStatus, climb: C | null, standby: SerialStatus["standby"]): ClientStatus | SerialStatus;
}
