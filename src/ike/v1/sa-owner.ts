// Who hears of an ISAKMP SA: the manager, which owns it, and the connection that it serves.
import type { Failure } from "../../core/errors.ts";
import type { Endpoint } from "../../ports/ports.ts";
import type { Message } from "./exchange.ts";
import type { QuickModeOwner } from "./phase2.ts";

/** The connection that an ISAKMP SA serves. */
export interface SaUser<Sa> extends QuickModeOwner {
  readonly client: boolean;
  readonly over: boolean;
  /** It has the most SAs that it may have. */
  readonly full: boolean;
  adopt(sa: Sa): void;
  phase1Failed(sa: Sa, why: Failure): void;
  saDeleted(sa: Sa): void;
  /** The peer deleted ESP SAs; SPIs in hexadecimal. */
  peerDeleted(spis: readonly string[]): void;
  dpdAck(seq: Uint8Array): void;
  /** An authentic message came. */
  heard(): void;
  moved(local: Endpoint, to: Endpoint): void;
  down(why: Failure): void;
}
export interface SaOwner<Sa> {
  established(sa: Sa, initialContact: boolean): void;
  /** Phase 1 failed; the SA is closed. */
  failed(sa: Sa, why: Failure): void;
  /** The connection that a quick mode from the peer belongs to; `port` is the peer's UDP port inside, 0 for any. */
  connectionFor(sa: Sa, port: number): SaUser<Sa> | null;
  /** RFC 2407 §4.6.3.3, in an informational exchange right after phase 1. */
  initialContact(sa: Sa): void;
  /** The peer deleted this SA; it is closed. */
  deleted(sa: Sa): void;
  /** It is closed, for whatever reason: remove it from the tables. */
  closed(sa: Sa): void;
  /** As in ExchangeOwner: exchangeKeys() or putOff() follows. */
  asksTurn(sa: Sa): void;
  /** It keeps fragments of a message, or does so no more. forgetFragments() may follow, now or later. */
  fragments(sa: Sa, some: boolean): void;
  /** A message of an exchange that we do not have. */
  unspoken(m: Message): void;
}
