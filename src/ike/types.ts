// The interface between IKE and the layers above.
import type { Clock } from "../core/clock.ts";
import type { Counters } from "../core/counters.ts";
import type { Failure } from "../core/errors.ts";
import type { EventLog } from "../core/events.ts";
import { failuresOf } from "../core/failures.ts";
import type { Secret } from "../core/secret.ts";
import type { EspCipher, EspInteg, FlowId, IkePort, IpsecPlane, PlaneKind } from "../dataplane/dataplane.ts";
import type { Certificates } from "../ports/pki.ts";
import type { Crypto, Endpoint } from "../ports/ports.ts";
import type { EspProposal, Ike2Proposal, IkeProposal } from "./proposals.ts";
import type { IkeId } from "./wire/id.ts";

export interface IkeDeps {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly log: EventLog;
  readonly port: IkePort;
  readonly plane: IpsecPlane;
  /** Milliseconds since 1970, for the dates of certificates; a router without a clock begins before 2020. */
  readonly wallClock: () => number;
  /** Memory is short: main modes of unknown peers are not answered. */
  readonly noRoom?: () => boolean;
  /** Our address towards another: a link moves with it (MOBIKE, RFC 4555). Rejects with SystemError without a route. */
  readonly localTo?: (remote: string) => Promise<string>;
  /** Longest IKEv2 message that is not fragmented, in bytes; without: what every path carries. */
  readonly fragmentBytes?: number;
}
export interface IkeEnv extends IkeDeps {
  readonly counters: Counters;
}

/** Which versions of IKE: an initiator tries IKEv2 first (auto), a responder answers both. */
export type IkeVersions = "auto" | "v1" | "v2";

/** What both roles are configured with. Proposals are in order of preference. */
export interface IkePolicy {
  readonly link: string;
  /** Null: certificates only. */
  readonly psk: Secret | null;
  /** Null: the pre-shared key only. A responder may have both; an initiator has one of them. */
  readonly certificates: Certificates | null;
  /** What the peer is, which its certificate must be for. */
  readonly peer: "server" | "client";
  readonly versions: IkeVersions;
  /** An initiator begins aggressive mode, by the pre-shared key; a responder answers it as well. */
  readonly aggressive?: boolean;
  readonly ikeProposals: readonly IkeProposal[];
  /** IKEv2's in their place, which may be more than IKEv1 has. */
  readonly v2Proposals?: readonly Ike2Proposal[];
  /** Post-quantum preshared key (RFC 8784), of IKEv2; who has one takes no peer without it. */
  readonly ppk?: { readonly id: string; readonly secret: Secret } | null;
  /** They are not the default ones: IKEv2 uses exactly these. */
  readonly ownProposals?: boolean;
  /** An initiator offers those that have the first one's group: a quick mode has one key exchange (RFC 2409 §5.5). */
  readonly espProposals: readonly EspProposal[];
  /** Null: our address, or with certificates the subject of ours. */
  readonly localId: IkeId | null;
  /** Null: any peer that has the key, or a certificate of our CA. */
  readonly remoteId: IkeId | null;
  /** In which of two data planes new connections' packets move as a rule; userspace without it. */
  readonly plane?: () => PlaneKind;
  /** And those of one connection, which may differ: asked at its beginning. */
  readonly place?: (flow: FlowId, local: Endpoint, remote: Endpoint) => PlaneKind;
  /** auto: UDP when a NAT is detected; udp: always; esp: raw protocol 50, a NAT is an error. */
  readonly encap: "auto" | "udp" | "esp";
  /** There is another server to be asked: the first message is given up sooner. */
  readonly hurried?: boolean;
  /** Seconds of silence before we ask the peer for a sign of life (RFC 3706); 0: never. */
  readonly dpdSeconds: number;
  readonly ikeLifetimeSeconds: number;
  readonly espLifetimeSeconds: number;
  /** Bytes through one SA before it is replaced; 0: only the cipher's own limit. */
  readonly espLifetimeBytes: number;
}
export interface IkeConnectConfig extends IkePolicy {
  /** Addresses. */
  readonly local: string;
  readonly remote: string;
  /** Inner UDP ports of the selectors: ours 1701 or 0 (any), the peer's 1701. */
  readonly localPort: number;
  readonly remotePort: number;
  /** Never IKEv1 with a peer that has spoken IKEv2. */
  readonly pinned?: boolean;
}
export interface IkeResponderConfig extends IkePolicy {
  /** How many may begin at once, at least (core/waiting.ts). */
  readonly crowd: number;
  /** The address to listen on; null: all. */
  readonly local: string | null;
}

export interface IkeInfo {
  readonly version: 1 | 2;
  readonly flow: FlowId;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** Peer-chosen text. */
  readonly peerId: string;
  readonly proposal: string;
  readonly espProposal: string;
  readonly nat: "none" | "us" | "peer" | "both";
  readonly encap: "udp" | "esp";
  readonly spiIn: number;
  readonly spiOut: number;
  readonly cipher: EspCipher;
  readonly integ: EspInteg;
  /** Inner UDP ports of the selectors, 0 for any. */
  readonly localPort: number;
  readonly remotePort: number;
}
export interface IkeConnection {
  readonly flow: FlowId;
  /** The peer's address, also after the end. */
  readonly peer: string;
  /** Null until the first child SA is up, and after the end. */
  info(): IkeInfo | null;
  /** Sends deletes to the peer and removes the SAs from the plane; onDown does not follow. */
  close(why: string): void;
  /** For status and doctor. */
  stage(): string;
  /** The way to the peer has changed. True: the connection moves there by itself (MOBIKE). */
  follow?(): boolean;
}
/** A connection as those that hold it see it, whatever its version. */
export interface PeerConnection extends IkeConnection {
  readonly policy: IkePolicy;
  readonly client: boolean;
  readonly over: boolean;
  /** It has had a child SA. */
  readonly announced: boolean;
  /** Peer-chosen text. */
  readonly peerId: string;
  /** Which of two began first. */
  readonly serial: number;
  /** Null while there is no IKE SA. */
  readonly remote: Endpoint | null;
  /** Rule 7: whatever arrives for it; an unexpected error ends it. */
  run(f: () => void): void;
  /** Ends it and tells the owner. */
  down(why: Failure): void;
  /** Ends it without deletes: the peer says that it has forgotten us. */
  superseded(): void;
  /** The data plane hears the peer from there. */
  mapping(from: Endpoint): void;
  /** Somebody removed SAs of ours from the data plane: a new pair takes their place at once. */
  lost(): void;
  /** The peer sends under an SPI that we no longer have. */
  unknownSpi(spi: number): void;
}
export interface IkeOwner {
  /** The flow's first pair of child SAs is up. */
  onUp(conn: IkeConnection, info: IkeInfo): void;
  onRekeyed(conn: IkeConnection, info: IkeInfo): void;
  /** The connection is over, and nothing of its flow is left. */
  onDown(conn: IkeConnection, why: Failure): void;
  /**
   * Responders: `peer`, an address, did not become a connection, or one of its quick modes failed. `proved` is false
   * when its source address may be forged.
   */
  onRefused?(peer: string, why: Failure, proved: boolean): void;
  /** Responders: whether a newcomer from this address would only be told to come later. */
  busy?(address: string): boolean;
}

export const ISAKMP_PORT = 500;
export const NATT_PORT = 4500;
/** Milliseconds to wait after each try of one message: five tries in 23 s. */
export const RETRY: readonly number[] = [1000, 2000, 4000, 6000, 10000];
/** Tries of the first message when there is another server to be asked. */
export const HURRIED_TRIES = 3;

export const failure = failuresOf("ike");
