// `status --json`: an object keyed by the name of the interface or server. Part of the public contract.

import type { LinkState } from "../core/events.ts";
import type { Failure, FailureCode, Layer } from "../core/failures.ts";
import type { Advice } from "../ike/survey.ts";
import type { ServerState } from "../radius/client.ts";

interface IkeStatus {
  readonly version: 1 | 2;
  readonly proposal: string;
  readonly nat: string;
  readonly peer_id: string;
}
interface EspStatus {
  readonly proposal: string;
  readonly encap: "udp" | "esp";
  readonly spi_in: string;
  readonly spi_out: string;
}
interface L2tpStatus {
  readonly tunnel: number;
  readonly peer_tunnel: number;
  readonly call: number;
  readonly peer_call: number;
  readonly peer_host: string;
  /** What the peer has counted on the line of this call (WEN), in words; "": nothing. */
  readonly line_errors: string;
  /** Calls of its Multilink bundle, where there are more than one. */
  readonly links?: number;
}
interface PppStatus {
  readonly auth: string;
  readonly mru: number;
  readonly peer_mru: number;
  /** With Multilink, the longest packet that the peer puts together. */
  readonly peer_mrru: number | null;
}
export interface Traffic {
  readonly rx_bytes: number;
  readonly tx_bytes: number;
  readonly rx_packets: number;
  readonly tx_packets: number;
}
/** Progress of one stage of the current attempt, as `status` and `doctor` show it. */
export interface Stage {
  /** Of a server that was asked: what to write into the configuration. */
  readonly advice?: Advice;
  readonly name: "plane" | "line" | "modem" | "server" | "route" | "ike" | "esp" | "l2tp" | "ppp" | "ip";
  readonly state: "ok" | "busy" | "failed";
  readonly text: string;
}
/**
 * What keeps the MTU from being larger: the option, what is usual inside IPsec, the path's MTU as the route has it, the
 * peer's MRU, or that larger packets were tried and lost.
 */
export type MtuSource = "option" | "default" | "path" | "peer" | "probe";
/** Common to all links that this side brings up. */
export interface LinkStatus extends Traffic {
  readonly state: LinkState;
  /** Wall clock, ISO 8601, when `state` was entered. */
  readonly since: string;
  readonly ifname: string;
  readonly mtu: number | null;
  readonly mtu_source: MtuSource | null;
  readonly local_ip: string | null;
  readonly remote_ip: string | null;
  /** Link-local, while IPv6 passes. */
  readonly local_ip6: string | null;
  readonly dns: readonly string[];
  readonly ppp: PppStatus | null;
  readonly stages: readonly Stage[];
  readonly error: Failure | null;
  /** Seconds until the next attempt, or null. */
  readonly retry_in: number | null;
  /** Why nothing is tried, in words; null while the link is wanted. */
  readonly stopped: string | null;
  /** A backup's turn (fallback_for), in words; null: it is none, or not wanted. */
  readonly backup: { readonly waits: boolean; readonly text: string } | null;
}
export interface ClientStatus extends LinkStatus {
  readonly kind: "client";
  readonly server: string;
  /** The netdev that leads to the server, once that is known. */
  readonly via: string | null;
  readonly wins: readonly string[];
  readonly dataplane: string;
  /** Why the kernel does not carry the packets, with what to do; "": it does, or was not asked. */
  readonly dataplane_why: string;
  readonly ipsec: "required" | "off";
  readonly ike: IkeStatus | null;
  readonly esp: EspStatus | null;
  readonly l2tp: L2tpStatus | null;
  /** The bridge that the peer's frames come out of (BCP). */
  readonly bridge: string | null;
  readonly drops: Readonly<Record<string, number>>;
}
/** A further call of a Multilink bundle. */
export interface MemberStatus {
  readonly session: number;
  readonly since: string;
  readonly peer: string;
  readonly tunnel: number;
  readonly call: number;
}
export interface SessionStatus extends Traffic {
  readonly session: number;
  readonly user: string;
  readonly ip: string;
  /** The user's own, or the one that all share. */
  readonly ifname: string;
  /** The user's link-local address while IPv6 passes. */
  readonly ip6: string | null;
  /** The bridge that the user's frames come out of (BCP). */
  readonly bridge: string | null;
  readonly since: string;
  readonly peer: string;
  readonly auth: string;
  /** 0: its first call is gone, others of its bundle carry on. */
  readonly tunnel: number;
  readonly call: number;
  /** Further calls of its Multilink bundle. */
  readonly links?: readonly MemberStatus[];
  /** The /64 of the user's addresses, and the prefix for the networks behind. */
  readonly ipv6_prefix?: string;
  readonly ipv6_delegated_prefix?: string;
  /** What the peer has counted on the line of this call (WEN), in words. */
  readonly line_errors?: string;
  /** As RADIUS said; the filter is not enforced, and the rate in userspace alone. */
  readonly filter?: string;
  readonly rate?: string;
  readonly rate_enforced?: boolean;
}
/** Of sessions that have ended since the server was made; its counters are those of its sessions, and these. */
export interface EndedStatus extends Traffic {
  readonly sessions: number;
}
/** Refused peers: for each code the last time, and how often. */
export interface PeerFailure {
  readonly peer: string;
  /** Wall clock, ISO 8601. */
  readonly at: string;
  readonly count: number;
  readonly layer: Layer;
  readonly code: FailureCode;
  readonly text: string;
}
/** Of the lists of sessions, one behind the other, `count` behind the first `from`; of this user's alone; null: all. */
export interface Page {
  readonly from: number;
  readonly count: number;
  readonly user: string | null;
}
export const WHOLE: Page = { from: 0, count: Number.POSITIVE_INFINITY, user: null };
export interface ServerStatus extends Traffic {
  readonly kind: "server";
  readonly state: LinkState;
  readonly since: string;
  readonly listen: string;
  readonly ifname: string;
  readonly local_ip: string;
  readonly dns: readonly string[];
  readonly dataplane: string;
  /** Why the kernel does not carry the packets, with what to do; "": it does, or was not asked. */
  readonly dataplane_why: string;
  readonly ipsec: "required" | "off";
  readonly peers: number;
  readonly sessions: readonly SessionStatus[];
  /** Those that were asked for and are on another page. */
  readonly sessions_left_out?: number;
  readonly ended: EndedStatus;
  /** The latest first, a few dozen at most. */
  readonly failures: readonly PeerFailure[];
  readonly drops: Readonly<Record<string, number>>;
  readonly error: Failure | null;
  /** Servers of RADIUS, where it asks any. */
  readonly radius?: readonly ServerState[];
}
export interface SerialStatus extends LinkStatus {
  readonly kind: "nas";
  readonly role: "dial" | "answer";
  readonly device: string;
  readonly baud: number;
  /** The number of this attempt, "" where none is dialled. */
  readonly phone: string;
  /** As CONNECT told, in bits per second; 0: it did not. */
  readonly speed: number;
  /** Of a mobile modem before it dialled: dBm, and the operator in the modem's words. */
  readonly signal: number | null;
  readonly operator: string | null;
  /** Who is on the line, role = answer. */
  readonly user: string | null;
  /** The netdev's addresses while it waits for a packet (demand), else null. */
  readonly standby: { readonly local_ip: string; readonly remote_ip: string } | null;
  readonly drops: Readonly<Record<string, number>>;
}

/** What a RADIUS server says about a user. */
export interface RadiusFinding {
  readonly server: string;
  readonly address: string;
  readonly accepted: boolean;
  /** A sentence. */
  readonly text: string;
}

/** A section that is configured but does not run: disabled by an option of its own, or with a fault (`error`). */
export interface UnusedStatus {
  readonly kind: "disabled" | "invalid";
  readonly section: "interface" | "server";
  readonly state: "down";
  readonly error: Failure | null;
}

export type Status = ClientStatus | ServerStatus | SerialStatus | UnusedStatus;

export function spiText(spi: number): string {
  return `0x${spi.toString(16).padStart(8, "0")}`;
}
