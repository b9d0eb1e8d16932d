// RFC 2661 §4.1, §4.2, §4.4.1, §6: which control messages can be served, and what ends because of one that cannot.
import { Reader } from "../core/bytes.ts";
import { DecodeError, type Failure } from "../core/errors.ts";
import { type Decoded, decodeMessage, type Hiding } from "./wire/avp.ts";
import type { Avps, Result } from "./wire/avps.ts";
import { type MessageName, missingAvps } from "./wire/messages.ts";
import { ERR, failure, RESULT } from "./words.ts";

type Validated =
  | { readonly is: "message"; readonly name: MessageName; readonly avps: Avps }
  | { readonly is: "ignored" }
  | { readonly is: "tunnel-error"; readonly result: Result; readonly why: Failure }
  | CallError;
/** In a message of a call only the call ends. */
export interface CallError {
  readonly is: "call-error";
  readonly name: MessageName;
  readonly avps: Avps;
  readonly result: Result;
  readonly why: Failure;
}

const IGNORED: Validated = { is: "ignored" };
const OF_TUNNEL: ReadonlySet<MessageName> = new Set(["SCCRQ", "SCCRP", "SCCCN", "StopCCN", "HELLO"]);

/** Decodes and judges the AVPs of one message; `note` hears what is wrong with them, served or not. */
export function validate(body: Uint8Array, hiding: Hiding, note: (what: string) => void): Validated {
  let m: Decoded;
  try {
    m = decodeMessage(new Reader(body), hiding);
  } catch (e) {
    if (!(e instanceof DecodeError)) throw e;
    note(e.message);
    return {
      is: "tunnel-error",
      result: { result: RESULT.generalError, error: ERR.length },
      why: failure("unreadable", `the peer sent a control message that cannot be decoded: ${e.message}`),
    };
  }
  for (const n of m.misread) note(`${n}: wrong length, ignored`);
  const { name, avps } = m;
  if (name === undefined) return unknownType(m, note);
  if (m.unknown && name !== "StopCCN" && name !== "CDN") {
    note(m.unknown.message);
    return refused(name, avps, ERR.unknownMandatory, failure("unknown-mandatory", m.unknown.message));
  }
  const { missing, fatal } = missingAvps(name, avps);
  if (missing.length > 0) note(`${name} without ${missing.join(" ")}`);
  if (!fatal) return { is: "message", name, avps };
  const lacks = missing.join(" ") || `Assigned ${OF_TUNNEL.has(name) ? "Tunnel" : "Call"} ID but 0`;
  return refused(name, avps, ERR.range, failure("incomplete", `the peer's ${name} has no ${lacks}`));
}

/** §4.4.1: an unknown type with the M bit ends the tunnel, without it is ignored. */
function unknownType(m: Decoded, note: (what: string) => void): Validated {
  note(`unknown message type ${m.type}`);
  if (!m.mandatory) return IGNORED;
  return {
    is: "tunnel-error",
    result: { result: RESULT.generalError, error: ERR.unknownMandatory },
    why: failure("unknown-message", `the peer sent a mandatory message of unknown type ${m.type}`),
  };
}
function refused(name: MessageName, avps: Avps, error: number, why: Failure): Validated {
  if (OF_TUNNEL.has(name)) return { is: "tunnel-error", result: { result: RESULT.generalError, error }, why };
  return { is: "call-error", name, avps, result: { result: RESULT.callError, error }, why };
}
