// RFC 2661 §4.4.2: result and error codes as sentences.
import { failuresOf } from "../core/failures.ts";
import { inQuotes } from "../core/words.ts";
import type { CallErrors, Result } from "./wire/avps.ts";

const STOPCCN: readonly string[] = [
  "",
  "general request to clear the control connection",
  "general error",
  "a control channel exists already",
  "the requester is not authorized to establish a control channel",
  "the protocol version is not supported",
  "the requester is being shut down",
  "finite state machine error",
];
const CDN: readonly string[] = [
  "",
  "carrier lost",
  "general error",
  "disconnected for administrative reasons",
  "no facilities available, for now",
  "no facilities available, for good",
  "invalid destination",
  "no carrier detected",
  "busy signal",
  "no dial tone",
  "the call was not established in time",
  "no appropriate framing detected",
];
const ERROR: readonly string[] = [
  "no general error",
  "no control connection exists yet",
  "a length is wrong",
  "a field value is out of range",
  "not enough resources",
  "an invalid session id",
  "a vendor-specific error",
  "try another LNS",
  "an AVP with the M bit is not known",
];

/** One sentence of what the peer gave as reason; its message is quoted and bounded. */
export function resultWords(message: "StopCCN" | "CDN", r: Result): string {
  const table = message === "StopCCN" ? STOPCCN : CDN;
  const parts = [`result ${r.result}: ${table[r.result] ?? "a code that RFC 2661 does not know"}`];
  if (r.error !== undefined && r.error !== 0)
    parts.push(`error ${r.error}: ${ERROR[r.error] ?? "a code that RFC 2661 does not know"}`);
  if (r.message !== undefined && r.message !== "") parts.push(inQuotes(r.message));
  return parts.join(", ");
}
const COUNTED: Readonly<Record<keyof CallErrors, string>> = {
  crc: "CRC errors",
  framing: "framing errors",
  hardwareOverruns: "hardware overruns",
  bufferOverruns: "buffer overruns",
  timeouts: "time-outs",
  alignment: "alignment errors",
};
/** §4.4.6: what a line has counted, "" when that is nothing. */
export function errorWords(e: CallErrors): string {
  const some = Object.entries(COUNTED).map(([k, words]) => [e[k as keyof CallErrors], words] as const);
  return some.flatMap(([n, words]) => (n > 0 ? [`${n} ${words}`] : [])).join(", ");
}
export const failure = failuresOf("l2tp");

export const RESULT = {
  clear: 1,
  generalError: 2,
  exists: 3,
  notAuthorized: 4,
  badVersion: 5,
  shutdown: 6,
  fsm: 7, // StopCCN
  callError: 2,
  admin: 3,
  noResources: 4, // CDN
} as const;
export const ERR = {
  noConnection: 1,
  length: 2,
  range: 3,
  resources: 4,
  badSession: 5,
  vendor: 6,
  tryAnother: 7,
  unknownMandatory: 8,
} as const;
