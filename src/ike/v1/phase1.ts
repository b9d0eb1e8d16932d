// What a phase 1 exchange is told, what it says to its owner, and what it makes.
import type { Failure } from "../../core/errors.ts";
import type { Endpoint } from "../../ports/ports.ts";
import type { IkeProposal } from "../proposals.ts";
import type { IkePolicy } from "../types.ts";
import type { IkeId } from "../wire/id.ts";
import type { IkeKeys } from "./keys.ts";
import type { Nat, NattVersion } from "./natt.ts";

/** Code of the failure of a responder that never heard of message 3: the address of message 1 may be anybody's. */
export const UNPROVED = "unproved";

export type Role = "initiator" | "responder";
export interface Phase1 {
  readonly keys: IkeKeys;
  readonly lastBlock: Uint8Array;
  readonly proposal: IkeProposal;
  readonly natt: NattVersion | null;
  readonly nat: Nat;
  /** ESP goes in UDP. */
  readonly udp: boolean;
  readonly peerDpd: boolean;
  readonly peerId: IkeId;
  readonly lifeSeconds: number;
  readonly initialContact: boolean;
}
export interface MainModeOwner {
  send(message: Uint8Array): void;
  rcookie(rcookie: Uint8Array): void;
  done(p: Phase1): void;
  failed(why: Failure): void;
  bad(counter: string, what: string): void;
  /** Responder: message 3 came. exchangeKeys() or putOff() is called, at once or later. */
  asksTurn(): void;
}
export interface MainModeStart {
  readonly role: Role;
  readonly policy: IkePolicy;
  readonly icookie: Uint8Array;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly initialContact: boolean;
}
