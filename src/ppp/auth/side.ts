// What an authentication exchange tells its session, and the packet format that PAP and CHAP share with LCP.
import type { Challenges } from "../../core/challenges.ts";
import type { Clock } from "../../core/clock.ts";
import type { Failure } from "../../core/errors.ts";
import type { Secret } from "../../core/secret.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { MppeMaster } from "../compress/mppe.ts";
import type { Proof, Verdict } from "./proof.ts";

/** RFC 1994 §4.1 leaves the number of tries open; the same patience as LCP. */
export const RETRY_MS = 3000;
export const MAX_TRIES = 10;

/** We show who we are. */
export interface AuthenticateeEvents {
  send(packet: Uint8Array): void;
  /** `master`: of MS-CHAP. */
  done(master?: MppeMaster | null): void;
  /** The server has taken the new password; done() follows. */
  renewed?(): void;
  failed(why: Failure): void;
  ignored(name: "stale-answer"): void;
}

/** The peer shows who it is. */
export interface AuthenticatorEvents {
  send(packet: Uint8Array): void;
  /**
   * One attempt with an unknown user or a wrong password; what follows from it is told by failed(), or another attempt
   * may come.
   */
  wrong(user: string): void;
  /** The password was right and has expired: the peer has so many milliseconds to change it. */
  expired(user: string, why: Failure, ms: number): void;
  done(user: string, master?: MppeMaster | null): void;
  /** `user` as far as it is known. */
  failed(user: string, why: Failure): void;
  ignored(name: "stale-answer"): void;
}

/** Who we are. */
export interface Identity {
  readonly user: string;
  readonly password: Secret;
  /** Takes the place of one that has expired. */
  readonly newPassword?: Secret | null;
}
export interface AuthenticateeDeps {
  readonly clock: Clock;
  readonly crypto: Crypto;
  /** Recognises challenges that this process sent. */
  readonly isOurs: (challenge: Uint8Array) => boolean;
}
export interface AuthenticatorNeeds {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly hostName: string;
  /** The verdict on what the peer shows: `answer` is called once, now or later, but never after the side's stop(). */
  readonly check: (proof: Exclude<Proof, { method: "eap" }>, answer: (v: Verdict) => void) => void;
  /**
   * Of EAP: whether somebody else speaks it with this peer, and what he says to this Response of it; null: nobody, or
   * no longer. False: nobody, at once.
   */
  readonly relay: (proof: Extract<Proof, { method: "eap" }>, answer: (v: Verdict | null) => void) => boolean;
  /** Challenges that are issued are noted here. */
  readonly challenges: Challenges;
}
/** What a peer has answered to somebody else, who asked it in our place (RFC 2661 §4.4.5). */
export type Begun =
  | { readonly method: "pap"; readonly id: number; readonly name: Uint8Array; readonly password: Uint8Array }
  | {
      readonly method: "chap" | "mschap";
      readonly id: number;
      readonly name: Uint8Array;
      readonly challenge: Uint8Array;
      readonly value: Uint8Array;
    };
/** Either side of PAP or CHAP. Codes that belong to the other side are ignored. */
export interface AuthSide {
  start(): void;
  /** An authenticator's, in the place of start(). */
  goOn?(begun: Begun): void;
  /** Without the PPP header. Throws DecodeError. */
  input(packet: Uint8Array): void;
  stop(): void;
}
