// What a quick mode needs of the ISAKMP SA that protects it, what it says to its owner, and what it makes.
import type { Failure } from "../../core/errors.ts";
import type { Scope } from "../../core/scope.ts";
import type { FlowId } from "../../dataplane/dataplane.ts";
import type { Endpoint } from "../../ports/ports.ts";
import type { EspProposal } from "../proposals.ts";
import type { Chain, Payload } from "../wire/payloads.ts";
import type { Nat, NattVersion } from "./natt.ts";
import type { Role } from "./phase1.ts";

/** A pair of ESP SAs. */
export interface Child {
  readonly proposal: EspProposal;
  readonly spiIn: number;
  readonly spiOut: number;
  readonly localPort: number;
  readonly remotePort: number;
  readonly udp: boolean;
  readonly lifeSeconds: number;
  /** Soft limit, 0 for none. */
  readonly lifeBytes: number;
  readonly weAsked: boolean;
  /** Clock time when its quick mode began. */
  readonly begunAt: number;
}
export interface QuickModeOwner {
  readonly flow: FlowId;
  /** Both directions are in the plane. */
  childUp(child: Child): void;
  quickFailed(q: { readonly role: Role }, why: Failure): void;
}
/** What a quick mode needs of the ISAKMP SA that protects it. */
export interface QuickModeSa {
  readonly scope: Scope;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** ESP goes in UDP. */
  readonly udp: boolean;
  readonly natt: NattVersion | null;
  readonly nat: Nat;
  /** This side began the connection, so the L2TP server's port is the peer's. */
  readonly weAreClient: boolean;
  /** Whom the peer's quick mode is for; `port` is the peer's UDP port inside. Null: it is refused. */
  connectionFor(port: number): QuickModeOwner | null;
  phase2Iv(messageId: number): Uint8Array;
  hash(parts: readonly Uint8Array[]): Uint8Array;
  keymat(
    bytes: number,
    gxy: Uint8Array | null,
    protocol: number,
    spi: number,
    ni: Uint8Array,
    nr: Uint8Array,
  ): Uint8Array;
  /** Throws DecodeError. */
  open(iv: Uint8Array, first: number, cipherText: Uint8Array): { chain: Chain; iv: Uint8Array } | null;
  sealHashed(
    messageId: number,
    kind: "quick",
    iv: Uint8Array,
    prefix: readonly Uint8Array[],
    payloads: readonly Payload[],
  ): { message: Uint8Array; iv: Uint8Array };
  sealQuick(messageId: number, iv: Uint8Array, payloads: readonly Payload[]): { message: Uint8Array; iv: Uint8Array };
  transmit(message: Uint8Array): void;
  notify(type: number, protocol: number, spi: Uint8Array): void;
  bad(counter: string, what: string): void;
}
