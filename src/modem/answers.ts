// What modems say instead of CONNECT, and what it means.
import { type Failure, type FixedCode, failuresOf } from "../core/failures.ts";
import type { Outcome } from "./conversation.ts";

interface Meaning {
  readonly code: FixedCode<"modem">;
  readonly text: string;
}
/** Longer words stand before their own beginnings. */
const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  ["BUSY", { code: "busy", text: "the number is busy" }],
  ["NO CARRIER", { code: "no-carrier", text: "no modem answered, or the modems did not agree" }],
  ["NO DIALTONE", { code: "no-dialtone", text: "there is no dial tone: is the telephone line plugged in?" }],
  ["NO DIAL TONE", { code: "no-dialtone", text: "there is no dial tone: is the telephone line plugged in?" }],
  ["NO ANSWER", { code: "no-answer", text: "nobody answers" }],
  ["VOICE", { code: "voice", text: "a person or a fax answered, no modem" }],
  ["DELAYED", { code: "delayed", text: "the modem refuses to dial this number again so soon" }],
  ["BLACKLISTED", { code: "blacklisted", text: "the modem has put this number on its black list" }],
  ["+CME ERROR", { code: "modem-error", text: "the mobile network or the SIM card refuses" }],
  ["+CMS ERROR", { code: "modem-error", text: "the mobile network refuses" }],
  ["ERROR", { code: "modem-error", text: "the modem does not take the command" }],
]);
export const ABORTS: readonly string[] = [...MEANINGS.keys()];
/** Before anything is dialled only these can be meant: the rest may be left over from an earlier call. */
export const COMMAND_ABORTS: readonly string[] = ["+CME ERROR", "+CMS ERROR", "ERROR"];

export const failure = failuresOf("modem");
const words = (text: string): string => `"${text.replaceAll('"', "'")}"`;

/** A step that did not end well, as a sentence with the step, what was sent and what came back. */
export function stepFailure(step: string, o: Outcome, wanted: string, seconds: number): Failure {
  const sent = o.sent === "" ? "sent nothing" : `sent ${words(o.sent)}`;
  if (o.is === "silence") {
    if (o.received === "") return failure("modem-silent", `${step}: ${sent}, no answer within ${seconds} s`);
    return failure(
      "modem-timeout",
      `${step}: ${sent}, within ${seconds} s came back ${words(o.received)}, but not ${words(wanted)}`,
    );
  }
  const m = MEANINGS.get(o.what.toUpperCase());
  const text = `${step}: ${sent}, came back ${words(o.answer)}`;
  return m ? failure(m.code, `${text}: ${m.text}`) : failure("modem-abort", text);
}

/** Bits per second of "CONNECT 33600/ARQ/V34", 0 where it names none. */
export function connectSpeed(line: string): number {
  const m = /^CONNECT\b.*?\b(\d{3,9})\b/i.exec(line);
  return m ? Number(m[1]) : 0;
}
