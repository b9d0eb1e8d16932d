// Why a session ends when nobody said it better: the peer's Terminate-Request, silence, and phases without an end.
import type { Failure, FailureCode } from "../core/failures.ts";
import { said } from "../core/words.ts";
import { failure } from "./words.ts";

export type Phase = "dead" | "establish" | "authenticate" | "network" | "terminate" | "over";

/** The peer's Terminate-Request; `turnedDown`: what of its authentication methods we refused, in words, or "". */
export function endedByPeer(phase: Phase, words: string, turnedDown: string): Failure {
  if (turnedDown !== "" && phase === "establish") return failure("no-common-auth", turnedDown);
  const during = phase === "authenticate" ? " during authentication" : "";
  return failure("peer-terminated", `the peer ended the PPP session${during}${said(words)}`);
}
/** What ends for no reason that is said better; `callback`: as in LcpOptions. */
export function explained(why: Failure, callback: boolean): Failure {
  if (!callback || !UNEXPLAINED.includes(why.code)) return why;
  return { ...why, text: `${why.text}; it has asked to be called back, which this side does not do` };
}
const UNEXPLAINED: readonly FailureCode[] = ["peer-terminated", "lcp-failed", "not-converging", "ipcp-failed"];

export function noAnswer(turnedDown: string): Failure {
  if (turnedDown !== "") return failure("no-common-auth", turnedDown);
  return failure("lcp-timeout", "the peer does not answer LCP Configure-Requests");
}
/** The phase took longer than `seconds`; `missing`: the protocol that the network phase waits for. */
export function tookTooLong(
  phase: "establish" | "authenticate" | "network",
  seconds: number,
  missing: string,
): Failure {
  switch (phase) {
    case "establish":
      return failure("lcp-failed", `LCP negotiation did not finish within ${seconds} s`);
    case "authenticate":
      return failure("auth-timeout", `authentication did not finish within ${seconds} s`);
    case "network":
      if (missing === "CCP")
        return failure("no-encryption", `MPPE negotiation did not finish within ${seconds} s`, false);
      return failure("ipcp-failed", `IPCP negotiation did not finish within ${seconds} s`, false);
  }
}
