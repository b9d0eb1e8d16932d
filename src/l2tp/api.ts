// What the link layer tells L2TP, and what L2TP tells it of a peer. What is called back stands beside the caller:
// CallOwner, TunnelOwner.
import type { Secret } from "../core/secret.ts";
import type { WaitingLimits } from "../core/waiting.ts";

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
export interface CallRequest {
  readonly kind: CallKind;
  readonly serial: number;
  readonly calledNumber: string;
  readonly callingNumber: string;
}

/** What an SCCRQ said of its sender. */
export interface TunnelRequest {
  readonly hostName: string;
  readonly vendorName: string;
  readonly firmware: number;
}
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

/** A tunnel or a call is refused with a sentence. `busy`: for now, the peer may come later. */
export interface Refused {
  readonly refuse: string;
  readonly busy?: true;
}
