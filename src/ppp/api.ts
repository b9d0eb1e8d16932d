// What the link layer sees of PPP: configuration in, callbacks out. The session itself is session.ts.
import type { Challenges } from "../core/challenges.ts";
import type { Clock } from "../core/clock.ts";
import type { Failure } from "../core/errors.ts";
import type { EventLog } from "../core/events.ts";
import type { Packet } from "../core/packet.ts";
import type { Secret } from "../core/secret.ts";
import type { Crypto, LinkOptions, TlsClients, Zlib } from "../ports/ports.ts";
import type { EapTlsCredentials } from "./auth/eap-tls.ts";
import type { AuthMethod } from "./auth/methods.ts";
import type { Proof, Verdict } from "./auth/proof.ts";
import type { Identity } from "./auth/side.ts";
import type { BridgedDrop } from "./bridged.ts";
import type { Link, Seat } from "./bundle.ts";
import type { CodingDrop } from "./coding.ts";
import type { MppeBits } from "./compress/mppe.ts";
import type { Assignment } from "./ipcp.ts";
import type { Ipv6Ids, SharedIds } from "./ipv6cp.ts";
import type { EchoPolicy } from "./lcp.ts";
import type { BundleDrop } from "./reassembly.ts";

export interface PppConfig {
  /** For events. */
  readonly link: string;
  /** A server assigns addresses through `admit`; a client takes what it gets. */
  readonly role: "client" | "server";
  /** What we ask for, in bytes; never more than the channel carries. */
  readonly mru: number;
  /** Our CHAP name as authenticator. */
  readonly hostName: string;
  /** Who we are, when the peer asks. */
  readonly identity: Identity | null;
  /** EAP is EAP-TLS then, and nothing else. */
  readonly eapTls?: EapTlsCredentials | null;
  /** Methods we do not answer to. */
  readonly refuse: readonly AuthMethod[];
  /** For a person whose peer insists on PAP, which is refused: what would allow it. */
  readonly papAdvice?: string;
  /** What we ask the peer for, best first; empty: no authentication of the peer. */
  readonly require: readonly AuthMethod[];
  readonly echo: EchoPolicy | null;
  /** Offered: 0, true, true unless given. */
  readonly accm?: number;
  readonly pfc?: boolean;
  readonly acfc?: boolean;
  /** Client only; at a server `admit` says it all. */
  readonly ipcp: {
    readonly local: string | null;
    readonly remote: string | null;
    readonly requestDns: boolean;
    readonly requestWins?: boolean;
  };
  /** Offered and taken where the channel can do it (FrameChannel.setCoding); nothing unless given. */
  readonly compression?: {
    readonly vj: boolean;
    readonly deflate: boolean;
    readonly bsd: boolean;
    readonly mppc?: boolean;
  };
  /** MPPE with so many key bits at least, where the channel can do it: without it the session fails. Needs MS-CHAP. */
  readonly mppe?: MppeBits | null;
  /** Multilink (RFC 1990), where the channel can do it: the longest packet that we reassemble. */
  readonly mrru?: number | null;
  /** With mrru, what all links of one system have in common; without it, it is this call's alone. */
  readonly endpoint?: Uint8Array | null;
  /** BCP too (RFC 3518), where the peer has it; client only. */
  readonly bridge?: boolean;
  /** IPV6CP too, where the peer has it; false unless given: it is rejected. */
  readonly ipv6?: boolean;
  /** With ipv6, at a server: without them the identifiers are this session's own. */
  readonly ipv6Ids?: SharedIds;
}

/** What MPPE or MPPC adds to a packet, in bytes: its header, and a protocol number of two bytes. */
export const MPPE_GROWTH = 4;

export interface PppUp extends Assignment {
  readonly mru: number;
  readonly peerMru: number;
  /** Method in words, "none" without authentication. */
  readonly auth: string;
  readonly user: string;
  readonly link: LinkOptions;
  /** What encryption, or compression that does not help, adds to an IP packet, in bytes: the MTU is so much smaller. */
  readonly growth: number;
  /** With Multilink, the longest packet that the peer puts together, in bytes; else null. */
  readonly mrru: number | null;
}

/** A session that other links may join. */
export interface Joinable {
  join(link: Link): Seat | Failure;
}

/** Callbacks, all synchronous. None of them is called from inside another. */
export interface PppOwner {
  /** Server: the secret of a user, or null. */
  secretOf(user: string): Secret | null;
  /**
   * Server: asks about a user who is known elsewhere. The answer comes later; null: nobody there answers, and
   * secretOf() decides. Returns what takes the question back; null: secretOf() decides at once. An EAP Response that
   * begins a conversation is an Identity; those that follow one that had "more" belong to it.
   */
  ask?(proof: Proof, answer: (v: Verdict | null) => void): (() => void) | null;
  /** Server: milliseconds until this user may try again, 0: now. Until then nothing that it says is looked at. */
  pause?(user: string): number;
  /** Server: a wrong password, or no such user; once for each attempt outside of a pause. */
  wrong?(user: string): void;
  /** Server: the user's password has expired, and changing it may take so many milliseconds. */
  onExpired?(ms: number): void;
  /** Client: the server has the new password of the identity in the place of the old one. */
  onRenewed?(): void;
  /** Server: after authentication, before IPCP; once per session. */
  admit(user: string, method: AuthMethod | "none"): Assignment | Failure;
  /**
   * The peer of a link with Multilink is who it says, and has this endpoint discriminator (class and address; null:
   * none): the session whose bundle the link is to be in, or why it may not be; null: it is a session itself.
   */
  bundle?(user: string, endpoint: Uint8Array | null): Joinable | Failure | null;
  /** Other links of the bundle carry on without the session's own call. */
  onLinkDown?(why: Failure): void;
  /** Network packets go by another channel from now on: the session's `channel`. */
  onMoved?(): void;
  /** Also when the peer renegotiates: from here to the next onUp no packet may pass. */
  onPhase(phase: "establish" | "authenticate" | "network"): void;
  onUp(info: PppUp): void;
  /** IPV6CP is open, before or after onUp, or no longer (null). Without it a session is a session. */
  onIpv6?(ids: Ipv6Ids | null): void;
  /** BCP is open, with the largest payload of an Ethernet frame in bytes; or no longer (null). */
  onBridge?(mtu: number | null): void;
  /** An Ethernet frame of the peer, without FCS; valid only during the call. */
  onBridged?(frame: Packet): void;
  /** Exactly once, last. */
  onDown(why: Failure): void;
}

export interface PppDeps {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly log: EventLog;
  /** For Deflate; where it gives null, BSD-Compress is all there is. */
  readonly zlib?: Zlib | null;
  /** For EAP-TLS. */
  readonly tls?: TlsClients | null;
  /** Open ones of the whole process: none of them is answered. */
  readonly challenges: Challenges;
}

/** What the session and its data path ignored, by name. */
export type PppDrop =
  | CodingDrop
  | BundleDrop
  | BridgedDrop
  | "ppp.malformed"
  | "ppp.no-protocol"
  | "ppp.before-start"
  | "ppp.before-auth"
  | "ppp.after-end"
  | "ppp.data"
  | "ppp.unknown-protocol"
  | "ppp.illegal"
  | "ppp.crossed"
  | "ppp.stale-answer"
  | "ppp.wrong-answer"
  | "ppp.not-converging"
  | "ppp.unexpected-auth";
