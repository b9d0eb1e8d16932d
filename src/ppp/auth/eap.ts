// EAP (RFC 3748) inside PPP: codes, types, and the packets of MS-CHAPv2 as type 26 (draft-kamath-pppext-eap-mschapv2).
// The two sides are eap-authenticatee.ts and eap-authenticator.ts.
import { Reader, Writer } from "../../core/bytes.ts";
import { DecodeError } from "../../core/errors.ts";
import { concat } from "../../core/text.ts";

export const EAP_CODE = { request: 1, response: 2, success: 3, failure: 4 } as const;
export const EAP_TYPE = { identity: 1, notification: 2, nak: 3, md5: 4, tls: 13, mschapv2: 26 } as const;
export type EapMethod = "mschapv2" | "md5";
export const TYPE_OF: Readonly<Record<EapMethod, number>> = { mschapv2: EAP_TYPE.mschapv2, md5: EAP_TYPE.md5 };
/** MS-CHAPv2 inside EAP. */
export const OP = { challenge: 1, response: 2, success: 3, failure: 4, changePassword: 7 } as const;
export const CHALLENGE_SIZE = 16;

interface Mschapv2Packet {
  readonly op: number;
  readonly id: number;
  readonly data: Uint8Array;
}
/** The data of type 26. Success and Failure as responses are one octet alone. Throws DecodeError. */
export function readMschapv2(data: Uint8Array): Mschapv2Packet {
  const r = new Reader(data);
  const op = r.u8("opcode");
  if (r.left === 0) return { op, id: 0, data: r.rest() };
  const id = r.u8("MS-CHAPv2 identifier");
  const length = r.u16("MS-length");
  if (length < 4) throw new DecodeError("bad-length", "MS-length", 2);
  return { op, id, data: r.bytes(length - 4, "MS-CHAPv2 data") };
}
export function writeMschapv2(p: Mschapv2Packet): Uint8Array {
  const w = new Writer();
  w.u8(p.op);
  w.u8(p.id);
  w.u16(4 + p.data.length);
  w.bytes(p.data);
  return w.done().slice();
}
/** The body of a Request or Response: its type, and the type's data. */
export const typed = (type: number, data: Uint8Array): Uint8Array => concat([Uint8Array.of(type), data]);
