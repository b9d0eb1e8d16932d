// The chain of payloads behind the ISAKMP header, RFC 2408 §3.2. Bodies are read by the files beside this one.
import { Reader, Writer } from "../../core/bytes.ts";
import { DecodeError } from "../../core/errors.ts";

export const PAYLOAD = {
  none: 0,
  sa: 1,
  ke: 4,
  id: 5,
  cert: 6,
  certRequest: 7,
  hash: 8,
  signature: 9,
  nonce: 10,
  notify: 11,
  delete: 12,
  vendorId: 13,
  natD: 20,
  natOa: 21,
  natDDraft: 130,
  natOaDraft: 131,
  fragment: 132,
} as const;
/** Windows and macOS send about twenty vendor ids; no peer sends this many payloads. */
const MOST = 64;

export interface Payload {
  readonly type: number;
  /** Without the generic header; a view. */
  readonly body: Uint8Array;
}
export function payload(type: number, body: Uint8Array): Payload {
  return { type, body };
}
export interface Chain {
  readonly payloads: readonly Payload[];
  /** The bytes of all payloads but the first: what the HASH in front of them covers (RFC 2409 §5.5). A view. */
  readonly behindFirst: Uint8Array;
}

/**
 * A reserved field that is not zero refuses the message (RFC 2408 §5.3). Payloads of unknown types are kept in the list,
 * where nobody looks at them: IKEv1 has none that is critical, and what they hold is covered by the hashes. Nothing follows the chain except, in an encrypted message, less than 256 bytes of
 * padding.
 */
export function readChain(first: number, body: Uint8Array, encrypted: boolean): Chain {
  const r = new Reader(body);
  const payloads: Payload[] = [];
  let afterFirst = 0;
  for (let type = first; type !== PAYLOAD.none; ) {
    if (payloads.length === MOST) throw new DecodeError("bad-value", "payload count", r.at);
    const next = r.u8("next payload");
    const reserved = r.u8("reserved");
    if (reserved !== 0) throw new DecodeError("bad-value", "payload reserved", r.at - 1);
    const sub = r.sub(r.u16("payload length") - 4, "payload");
    payloads.push({ type, body: sub.rest() });
    if (payloads.length === 1) afterFirst = r.at;
    type = next;
  }
  const end = r.at;
  if (encrypted ? r.left >= 256 : r.left !== 0) throw new DecodeError("trailing", "payloads", end);
  return { payloads, behindFirst: body.subarray(afterFirst, end) };
}

/** The type of the first payload goes into the header in front of the chain. */
export function writeChain(payloads: readonly Payload[]): Uint8Array {
  const w = new Writer();
  for (const [i, p] of payloads.entries()) {
    w.u8(payloads[i + 1]?.type ?? PAYLOAD.none);
    w.u8(0);
    w.u16(p.body.length + 4);
    w.bytes(p.body);
  }
  return w.done().slice();
}

/** The body of the one payload of `type`; none or several refuse the message. */
export function one(c: Pick<Chain, "payloads">, type: number, what: string): Uint8Array {
  const p = optional(c, type, what);
  if (!p) throw new DecodeError("bad-value", `${what} missing`, 0);
  return p;
}
export function optional(c: Pick<Chain, "payloads">, type: number, what: string): Uint8Array | null {
  const found = c.payloads.filter((p) => p.type === type);
  if (found.length > 1) throw new DecodeError("bad-value", `${what} twice`, 0);
  return found[0]?.body ?? null;
}
export function all(c: Pick<Chain, "payloads">, ...types: number[]): Uint8Array[] {
  return c.payloads.filter((p) => types.includes(p.type)).map((p) => p.body);
}
