// A link as the daemon sees it: a client link, a serial line, or a server.
import type { LinkState } from "../core/events.ts";
import type { Failure } from "../core/failures.ts";
import type { L2tpRemote } from "../dataplane/dataplane.ts";
import type { Findings } from "../ike/survey.ts";
import type { TunnelAnswer } from "../l2tp/endpoint.ts";
import type { Standing } from "./backup.ts";
import type { Page, Stage, Status } from "./status.ts";

export interface StopOptions {
  /** Another link of the same name replaces it: its blocks stay. */
  readonly replaced?: boolean;
  /** Clock time, set when the process ends: a server's goodbyes end by then. */
  readonly until?: number;
}
/** Callbacks of a follower of a link. */
export type News = Stage | Failure | "up";

export interface AnyLink {
  readonly name: string;
  readonly state: LinkState;
  /** Up, trying or waiting: neither taken down nor out of attempts. */
  readonly wanted: boolean;
  /** Brings the link up, cutting short any pause between attempts. `asked`: a backup does not wait for its turn. */
  start(asked?: boolean): void;
  /** Takes the link down for good; `done` is called when everything is released, within two seconds. */
  stop(text: string, done: () => void, o?: StopOptions): void;
  /** Of a server the sessions of `page`. */
  status(page?: Page): Status;
  /** Findings for `doctor`, in its present state. */
  stages(): readonly Stage[];

  /** Whether L2TP from and to `remote` is the link's. */
  owns?(remote: L2tpRemote): boolean;

  // For links that this side brings up.

  readonly standing?: Standing;
  /** Another link may stand otherwise now; "": any may. */
  changed?(name: string): void;

  /** Follows the link from now on: stages, then "up" or a failure. Returns a function that stops following. */
  watch?(f: (news: News) => void): () => void;
  /**
   * Asks the server of the last attempt, which accepted none of our proposals, what it takes. Returns what stops it;
   * null: there is nobody to ask.
   */
  survey?(done: (f: Findings) => void): (() => void) | null;
  /** The route to the peer may have changed. */
  hurry?(): void;
  /** Routes, addresses or netdevs of the host changed. */
  outsideChanged?(): void;
  /** The netdev towards its peer and our address on it, once known. */
  readonly path?: { readonly device: string; readonly local: string } | null | undefined;
  /** The link below is down: ends the attempt now, instead of by timeout, and retries as soon as that link is back. */
  lineDown?(text: string): void;

  // For servers.

  /** How to answer an SCCRQ from `remote`; null: not this server's. */
  accept?(remote: L2tpRemote): TunnelAnswer | null;
  /** Applies to new sessions at once; sessions of removed or changed users end. */
  usersChanged?(changed: ReadonlySet<string>): void;
  /** RADIUS sections changed: other servers are asked from now on. */
  radiusChanged?(): void;
  /** A reload: what files hold may have changed. */
  renewFiles?(): void;
  /** True when the session was this server's. */
  disconnect?(session: number): boolean;
  /** Sessions, unauthenticated ones included. */
  readonly size?: number;
}
