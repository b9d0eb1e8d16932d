// RFC 2661 §3.1: the header of control messages. Data messages have theirs in the data plane.
import type { Reader } from "../../core/bytes.ts";
import { DecodeError } from "../../core/errors.ts";

const T = 0x8000;
const L = 0x4000;
const S = 0x0800;
const O = 0x0200;
const VERSION = 0x000f;
const CONTROL_HEADER = 12;

export interface ControlHeader {
  readonly tunnelId: number;
  readonly callId: number;
  readonly Ns: number;
  readonly Nr: number;
}

/** Header and body of a control message; the body ends where Length says. Throws DecodeError. */
export function readControl(r: Reader): { header: ControlHeader; body: Reader } {
  const flags = r.u16("flags");
  if ((flags & VERSION) !== 2) throw new DecodeError("bad-value", "version", 0);
  // §3.1: T, L and S must be set, O and P clear; P is ignored here, as it says nothing in a control message.
  if ((flags & (T | L | S | O)) !== (T | L | S)) throw new DecodeError("bad-value", "control flags", 0);
  const length = r.u16("length");
  const body = r.sub(length - 4, "length"); // what follows Length is cut off, as by UDP padding
  const header = {
    tunnelId: body.u16("tunnel id"),
    callId: body.u16("call id"),
    Ns: body.u16("Ns"),
    Nr: body.u16("Nr"),
  };
  return { header, body };
}

/** `body` is the AVPs; empty for a ZLB acknowledgement. A new array. */
export function writeControl(h: ControlHeader, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(CONTROL_HEADER + body.length);
  const words = [T | L | S | 2, out.length, h.tunnelId, h.callId, h.Ns, h.Nr];
  for (const [i, w] of words.entries()) {
    out[2 * i] = w >>> 8;
    out[2 * i + 1] = w;
  }
  out.set(body, CONTROL_HEADER);
  return out;
}
