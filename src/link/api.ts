// A link as the daemon has it: a client link, a serial line, or a server.
import type { LinkState } from "../core/events.ts";
import type { Failure } from "../core/failures.ts";
import type { L2tpRemote } from "../dataplane/dataplane.ts";
import type { TunnelAnswer } from "../l2tp/endpoint.ts";
import type { Stage, Status } from "./status.ts";

export interface StopOptions {
  /** Another of its name follows: what it blocks stays so. */
  readonly replaced?: boolean;
  /** Clock time, of a process that ends: a server's goodbyes take no longer. */
  readonly until?: number;
}
/** What a follower of a link hears. */
export type News = Stage | Failure | "up";

export interface AnyLink {
  readonly name: string;
  readonly state: LinkState;
  /** Up, or on its way, or waiting: not taken down by anybody, and not at the end of its attempts. */
  readonly wanted: boolean;
  /** Brings it up, at once even in a pause between attempts. */
  start(): void;
  /** Takes it down for good; `done` is called when nothing of it is left, within two seconds. */
  stop(text: string, done: () => void, o?: StopOptions): void;
  status(): Status;
  /** What doctor says of it as it is now. */
  stages(): readonly Stage[];

  // Of links that this side brings up.

  /** Follows what happens from now on: stages, then "up" or a failure. Returns its end. */
  watch?(f: (news: News) => void): () => void;
  /** There may be another way out now. */
  hurry?(): void;
  /** The netdev by which it reaches its peer, and our own address there, once that is known. */
  readonly path?: { readonly device: string; readonly local: string } | null | undefined;
  /** What it runs on is down: tries anew at once when that is back, rather than find out by silence. */
  lineDown?(text: string): void;

  // Of servers.

  /** How an SCCRQ from `remote` is answered; null: it is not this server's. */
  accept?(remote: L2tpRemote): TunnelAnswer | null;
  /** New sessions see new users at once; a session whose user is gone or changed ends. */
  usersChanged?(changed: ReadonlySet<string>): void;
  /** True when the session was one of its own. */
  disconnect?(session: number): boolean;
  /** Sessions, those that nobody has logged in to included. */
  readonly size?: number;
}
