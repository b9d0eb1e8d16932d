// A new password in the place of one that has expired: Change-Password of MS-CHAPv2 (RFC 2759 §7), and its version 2 of
// MS-CHAP (RFC 2433 §10). Left out: version 1, and the LAN Manager fields, which give the password away.
import { DecodeError } from "../../core/errors.ts";
import type { Secret } from "../../core/secret.ts";
import { concat, fromUtf8, utf16le } from "../../core/text.ts";
import type { Crypto } from "../../ports/ports.ts";
import { Rc4 } from "../compress/mppe.ts";
import { desKey, MSCHAP_ERROR, ntPasswordHash, readRefusal } from "./mschapv2.ts";

type ChangingMethod = "mschap" | "mschapv2";
/** A PWBLOCK: 256 UTF-16 units, and their length in bytes. */
const BLOCK = 516;
const HASH = 16;
/** Of the LAN Manager fields in version 1 of MS-CHAP; and of what follows in both: both responses' 48 bytes, flags. */
const LM = BLOCK + HASH;
const TAIL = 50;
const FORM = { mschap: { code: 6, lm: LM }, mschapv2: { code: 7, lm: 0 } } as const;

export function changeCode(m: ChangingMethod): number {
  return FORM[m].code;
}

/** What a Change-Password packet says. */
export interface Change {
  /** The new password under the hash of the old one, 516 bytes. */
  readonly password: Uint8Array;
  /** As RADIUS carries it behind code and identifier (RFC 2548 §2.1.7, §2.3.4): the old hash, responses, flags. */
  readonly rest: Uint8Array;
  /** The response with the new password, as a Response packet has it. */
  readonly value: Uint8Array;
}
/** `body` is copied. Throws DecodeError. */
export function readChange(m: ChangingMethod, body: Uint8Array): Change {
  const { lm } = FORM[m];
  if (body.length !== BLOCK + HASH + lm + TAIL) throw new DecodeError("bad-length", "Change-Password", body.length);
  const tail = body.slice(-TAIL);
  const [flags = 0] = tail.subarray(-1);
  if (lm > 0) tail[TAIL - 1] = flags & 1; // not the LAN Manager fields, which are not passed on
  const hash = body.subarray(BLOCK, BLOCK + HASH);
  return {
    password: body.slice(0, BLOCK),
    rest: concat([hash, new Uint8Array(lm > 0 ? HASH : 0), tail]),
    value: concat([tail.subarray(0, TAIL - 2), Uint8Array.of(lm > 0 ? flags & 1 : 0)]),
  };
}
/**
 * The challenge that the new password answers, where a Failure message asks for one in a form that we have; null: it
 * does not. `last`: the challenge that was answered.
 */
export function asksForChange(m: ChangingMethod, message: Uint8Array, last: Uint8Array): Uint8Array | null {
  const { error, challenge, version } = readRefusal(message);
  if (error !== MSCHAP_ERROR.expired) return null;
  if (m === "mschap") return version >= 2 ? last : null;
  return challenge?.length === 16 ? challenge : last;
}
/** The body of a packet that changes `old` to `next`; `respond`: the value of a Response with the hash of that. */
export function changedBy(
  crypto: Crypto,
  m: ChangingMethod,
  old: Secret,
  next: Secret,
  respond: (newHash: Uint8Array) => Uint8Array,
): Uint8Array {
  const oldHash = old.use(ntPasswordHash);
  const newHash = next.use(ntPasswordHash);
  const { lm } = FORM[m];
  const body = concat([
    next.use((password) => encryptedPassword(crypto, password, oldHash)),
    encryptedHash(crypto, oldHash, newHash),
    new Uint8Array(lm),
    respond(newHash).subarray(0, TAIL - 2),
    Uint8Array.of(0, lm > 0 ? 1 : 0),
  ]);
  oldHash.fill(0);
  newHash.fill(0);
  return body;
}

/** RFC 2759 §8.9. */
export function encryptedPassword(crypto: Crypto, password: Uint8Array, oldHash: Uint8Array): Uint8Array {
  const block = crypto.random(BLOCK);
  const text = utf16le(fromUtf8(password));
  block.set(text, BLOCK - 4 - text.length);
  block.set([text.length & 0xff, text.length >>> 8, 0, 0], BLOCK - 4);
  text.fill(0);
  new Rc4(oldHash).crypt(block);
  return block;
}
/** RFC 2759 §8.12. */
export function encryptedHash(crypto: Crypto, oldHash: Uint8Array, newHash: Uint8Array): Uint8Array {
  const half = (i: 0 | 1): Uint8Array =>
    crypto.desBlock(desKey(newHash.subarray(7 * i, 7 * i + 7)), oldHash.subarray(8 * i, 8 * i + 8));
  return concat([half(0), half(1)]);
}
