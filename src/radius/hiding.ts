// What RADIUS hides inside a packet with the secret and MD5: User-Password (RFC 2865 §5.2), and Microsoft's keys (RFC
// 2548 §2.4). IPsec or a network of its own protects the rest.
import { get8 } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import type { Secret } from "../core/secret.ts";
import { concat } from "../core/text.ts";
import type { Crypto } from "../ports/ports.ts";

export interface Sealer {
  readonly crypto: Crypto;
  readonly secret: Secret;
  /** The Request Authenticator. */
  readonly authenticator: Uint8Array;
}
const BLOCK = 16;
export const LONGEST_PASSWORD = 128;

/** Blocks xored with MD5(secret, what was hidden last); `data`: a multiple of 16 bytes. */
function mask(s: Sealer, seed: Uint8Array, data: Uint8Array, hides: boolean): Uint8Array {
  const out = new Uint8Array(data.length);
  let last = seed;
  for (let at = 0; at < data.length; at += BLOCK) {
    const pad = s.secret.use((secret) => s.crypto.hash("md5", [secret, last]));
    for (let i = 0; i < BLOCK; i++) out[at + i] = get8(data, at + i) ^ get8(pad, i);
    last = (hides ? out : data).subarray(at, at + BLOCK);
  }
  return out;
}
/** 0 to 128 bytes. */
export function hidePassword(s: Sealer, password: Uint8Array): Uint8Array {
  if (password.length > LONGEST_PASSWORD) throw new RangeError("password longer than User-Password can carry");
  const padded = new Uint8Array(Math.max(BLOCK, Math.ceil(password.length / BLOCK) * BLOCK));
  padded.set(password);
  return mask(s, s.authenticator, padded, true);
}
/** What hidePassword() hid, with the zeros behind it. Throws DecodeError. */
export function showPassword(s: Sealer, hidden: Uint8Array): Uint8Array {
  return mask(s, s.authenticator, whole(hidden), false);
}
function whole(hidden: Uint8Array): Uint8Array {
  if (hidden.length === 0 || hidden.length % BLOCK !== 0) throw new DecodeError("bad-length", "hidden value", 0);
  return hidden;
}
/** MS-MPPE-Send-Key and -Recv-Key (RFC 2548 §2.4.2): a salt of two bytes, then length, key and padding, hidden. */
export function showKey(s: Sealer, value: Uint8Array): Uint8Array {
  const salt = value.subarray(0, 2);
  const plain = mask(s, concat([s.authenticator, salt]), whole(value.subarray(2)), false);
  const length = get8(plain, 0);
  if (length === 0 || length >= plain.length) throw new DecodeError("bad-length", "key", 2);
  return plain.slice(1, 1 + length);
}
