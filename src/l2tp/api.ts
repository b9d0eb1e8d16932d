// What the link layer sees of L2TP: configuration in, callbacks out.
import type { Failure } from "../core/errors.ts";
import type { Secret } from "../core/secret.ts";
import type { WaitingLimits } from "../core/waiting.ts";
import type { L2tpRemote } from "../dataplane/dataplane.ts";
import type { Call } from "./call.ts";
import type { Tunnel } from "./tunnel.ts";
import type { Accm, CallErrors } from "./wire/avps.ts";

export interface TunnelConfig {
  /** For events. */
  readonly link: string;
  /** Shared secret of tunnel authentication (RFC 2661 §5.1.1), or null. */
  readonly secret: Secret | null;
  /** Hide AVP values with the secret (§4.3). */
  readonly hideAvps?: boolean;
  readonly hostName: string;
  /** Seconds of silence before a HELLO; 0: none. */
  readonly helloSeconds: number;
  /** Put a Tie Breaker into our SCCRQ (§4.4.3): of two tunnels opened towards each other one remains. */
  readonly tieBreaker?: boolean;
}
export interface CallConfig {
  /** Largest PPP information field that fits the path, in bytes. */
  readonly mru: number;
  /** Sequence numbers on data messages. */
  readonly sequencing: boolean;
  /** Outgoing calls: the number to dial, for the peer to make sense of. */
  readonly calledNumber?: string;
}
export type CallKind = "incoming" | "outgoing";

export interface TunnelInfo {
  readonly peerHost: string;
  readonly peerVendor: string;
}
export interface TunnelOwner {
  onUp(t: Tunnel, info: TunnelInfo): void;
  /** Once, last; every call has had its own onDown before. */
  onDown(t: Tunnel, why: Failure): void;
  /** The peer announces a call (ICRQ: "incoming") or asks us to place one (OCRQ: "outgoing"). */
  onCallRequest(t: Tunnel, request: CallRequest): CallAnswer;
}
export interface CallRequest {
  readonly kind: CallKind;
  readonly serial: number;
  readonly calledNumber: string;
  readonly callingNumber: string;
}
export type CallAnswer = { readonly cfg: CallConfig; readonly owner: CallOwner } | { readonly refuse: string };
export interface CallOwner {
  /** The call that was asked for exists, and is not established yet. */
  onCall?(call: Call): void;
  /** Established: PPP may start over `call.channel`. */
  onUp(call: Call): void;
  /** Once, last. */
  onDown(call: Call, why: Failure): void;
  /** Set-Link-Info (§6.14) and WAN-Error-Notify (§6.13) from the peer. */
  onLinkInfo?(call: Call, accm: Accm): void;
  onWanErrors?(call: Call, errors: CallErrors): void;
}

/** What an SCCRQ said of its sender. */
export interface TunnelRequest {
  readonly hostName: string;
  readonly vendorName: string;
  readonly firmware: number;
}
/** Serve it, refuse it with a sentence, or (null, from acceptTunnel) be silent. */
export type TunnelAnswer = { readonly cfg: TunnelConfig; readonly owner: TunnelOwner } | { readonly refuse: string };

export interface EndpointConfig {
  readonly vendorName: string;
  readonly limits?: Partial<EndpointLimits>;
}
/** A peer is an IPsec flow; in the clear an IPv4 address or an IPv6 /64. */
export interface EndpointLimits {
  /** Tunnels in all, those that we opened included. */
  readonly tunnels: number;
  /** Tunnels that one peer opened, inside a flow and in the clear (where many may be behind one address). */
  readonly flow: number;
  readonly address: number;
  /** Tunnels that peers opened and that have no call. */
  readonly idle: WaitingLimits;
  /** Control connections before their SCCCN. */
  readonly halfOpen: WaitingLimits;
  /** Calls in one tunnel. */
  readonly calls: number;
}
export type AcceptTunnel = (remote: L2tpRemote, request: TunnelRequest) => TunnelAnswer | null;
