// Computations and message texts of MS-CHAP, v2 (RFC 2759 §5, §6, §8) and v1 (RFC 2433). The exchange itself is CHAP's
// (chap.ts).

import { get8 } from "../../core/bytes.ts";
import type { Failure, FixedCode } from "../../core/failures.ts";
import { Secret } from "../../core/secret.ts";
import { concat, fromUtf8, hex, sameBytes, unhex, utf8, utf16le } from "../../core/text.ts";
import { printable, said } from "../../core/words.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { MppeMaster } from "../compress/mppe.ts";
import { failure } from "../words.ts";
import { md4 } from "./md4.ts";

/** RFC 2759 §8.3; `password` is UTF-8. */
export function ntPasswordHash(password: Uint8Array): Uint8Array {
  return md4(utf16le(fromUtf8(password)));
}

/** The account name that is hashed: without a Windows domain in front (RFC 2759 §4). */
export function accountName(name: string): string {
  return name.slice(name.lastIndexOf("\\") + 1);
}

/** RFC 2759 §8.2: 8 bytes. `user` is the name as sent; its domain is taken off here. */
export function challengeHash(
  crypto: Crypto,
  peerChallenge: Uint8Array,
  challenge: Uint8Array,
  user: string,
): Uint8Array {
  return crypto.hash("sha1", [peerChallenge, challenge, utf8(accountName(user))]).slice(0, 8);
}

/** RFC 2759 §8.5, and NtChallengeResponse of RFC 2433 §A.5: 24 bytes of three DES blocks. */
export function challengeResponse(crypto: Crypto, challenge: Uint8Array, passwordHash: Uint8Array): Uint8Array {
  const z = new Uint8Array(21);
  z.set(passwordHash);
  return concat([0, 7, 14].map((at) => crypto.desBlock(desKey(z.subarray(at, at + 7)), challenge)));
}

/** Seven bytes spread over eight, the low bit of each set for odd parity (RFC 2759 §9.3). */
export function desKey(k: Uint8Array): Uint8Array {
  const out = new Uint8Array(8);
  for (let i = 0; i < 8; i++) {
    const high = i === 0 ? 0 : get8(k, i - 1) << (8 - i);
    const low = i === 7 ? 0 : get8(k, i) >>> i;
    const seven = (high | low) & 0xfe;
    let ones = seven;
    ones ^= ones >>> 4;
    ones ^= ones >>> 2;
    ones ^= ones >>> 1;
    out[i] = seven | (~ones & 1);
  }
  return out;
}

/** RFC 2759 §8.1. */
export function ntResponse(
  crypto: Crypto,
  challenge: Uint8Array,
  peerChallenge: Uint8Array,
  user: string,
  passwordHash: Uint8Array,
): Uint8Array {
  return challengeResponse(crypto, challengeHash(crypto, peerChallenge, challenge, user), passwordHash);
}

/** RFC 3079 §3.4, GetMasterKey: what MPPE's keys come from. */
export function mppeMaster(crypto: Crypto, passwordHash: Uint8Array, response: Uint8Array): MppeMaster {
  return { version: 2, key: new Secret(crypto.hash("sha1", [md4(passwordHash), response, MASTER]).slice(0, 16)) };
}
/** RFC 3079 §2.4, Get_Start_Key: the same after MS-CHAP v1, for 128 bits. */
export function mppeMasterV1(crypto: Crypto, passwordHash: Uint8Array, challenge: Uint8Array): MppeMaster {
  const twice = md4(passwordHash);
  return { version: 1, key: new Secret(crypto.hash("sha1", [twice, twice, challenge]).slice(0, 16)) };
}
const MASTER = utf8("This is the MPPE Master Key");

/** What shows a server who we are, with MS-CHAPv2. */
interface Shown {
  /** Of a Response. */
  readonly value: Uint8Array;
  /** What a server that knows the password puts into its Success. */
  readonly proof: Uint8Array;
  readonly master: MppeMaster;
}
export function answerTo(crypto: Crypto, challenge: Uint8Array, user: string, passwordHash: Uint8Array): Shown {
  const peerChallenge = crypto.random(16);
  const response = ntResponse(crypto, challenge, peerChallenge, user, passwordHash);
  return {
    value: concat([peerChallenge, new Uint8Array(8), response, new Uint8Array(1)]),
    proof: authenticatorResponse(crypto, challenge, peerChallenge, user, passwordHash, response),
    master: mppeMaster(crypto, passwordHash, response),
  };
}

const MAGIC1 = utf8("Magic server to client signing constant");
const MAGIC2 = utf8("Pad to make it do more than one iteration");

/** RFC 2759 §8.7: the 20 bytes behind "S=". */
export function authenticatorResponse(
  crypto: Crypto,
  challenge: Uint8Array,
  peerChallenge: Uint8Array,
  user: string,
  passwordHash: Uint8Array,
  response: Uint8Array,
): Uint8Array {
  const digest = crypto.hash("sha1", [md4(passwordHash), response, MAGIC1]);
  return crypto.hash("sha1", [digest, challengeHash(crypto, peerChallenge, challenge, user), MAGIC2]);
}

export function successMessage(proof: Uint8Array): Uint8Array {
  return utf8(`S=${hex(proof).toUpperCase()} M=Access granted`);
}
/**
 * Whether a Success message carries `proof` (RFC 2759 §8.8). What follows the 42 characters is free text, or missing.
 */
export function provesItself(message: Uint8Array, proof: Uint8Array): boolean {
  const text = fromUtf8(message.subarray(0, 42));
  const theirs = text.startsWith("S=") ? unhex(text.slice(2)) : null;
  return theirs !== null && sameBytes(theirs, proof);
}

export const MSCHAP_ERROR = { expired: 648, denied: 691, notChanged: 709 } as const;
/** E=691: one sentence for every reason, so that a stranger learns no user names. */
export function failureMessage(freshChallenge: Uint8Array, error: number = MSCHAP_ERROR.denied): Uint8Array {
  return utf8(`E=${error} R=0 C=${hex(freshChallenge).toUpperCase()} V=3 M=Access denied`);
}
/** The same of MS-CHAP v1 (RFC 2433 §8): a challenge of 8 bytes, and no text. */
export function failureMessageV1(freshChallenge: Uint8Array, error: number = MSCHAP_ERROR.denied): Uint8Array {
  return utf8(`E=${error} R=0 C=${hex(freshChallenge).toUpperCase()} V=2`);
}
/**
 * E=648: the peer answers the challenge with its new password. Of version 1 that is the one it has answered already
 * (RFC 2433 §10): `challenge` is null.
 */
export function expiredMessage(challenge: Uint8Array | null): Uint8Array {
  return utf8(`E=648 R=0 ${challenge ? `C=${hex(challenge).toUpperCase()} V=3 M=Password expired` : "V=2"}`);
}

interface Reason {
  readonly code: FixedCode<"ppp">;
  readonly words: string;
}
// RFC 2759 §6
const REASONS: ReadonlyMap<number, Reason> = new Map([
  [646, { code: "restricted-hours", words: "this user may not log in at this hour" }],
  [647, { code: "account-disabled", words: "the account is disabled" }],
  [648, { code: "password-expired", words: "the password has expired; set new_password to change it" }],
  [649, { code: "no-dialin-permission", words: "this user has no dial-in permission" }],
  [691, { code: "auth-failed", words: "wrong user name or password" }],
  [709, { code: "password-change-failed", words: "the server does not take new_password" }],
]);

export interface Refusal {
  /** 0 when the message has none. */
  readonly error: number;
  readonly retry: boolean;
  readonly challenge: Uint8Array | null;
  readonly version: number;
  readonly message: string;
}

/** A Failure message of any shape; fields that are missing or malformed are left empty (RFC 2759 §6, RFC 2433 §6). */
export function readRefusal(message: Uint8Array): Refusal {
  const text = printable(message.subarray(0, 512));
  const m = /(?:^| )M=(.*)$/.exec(text);
  const fields = m ? text.slice(0, m.index) : text;
  const field = (name: string): string => {
    const word = fields.split(" ").find((w) => w.startsWith(`${name}=`) && /^.=[0-9A-Fa-f]{1,32}$/.test(w));
    return word?.slice(2) ?? "";
  };
  const c = field("C");
  return {
    error: decimal(field("E")),
    retry: field("R") === "1",
    challenge: c.length === 32 || c.length === 16 ? unhex(c) : null,
    version: decimal(field("V")),
    message: m?.[1] ?? (field("E") === "" ? text : ""),
  };
}
function decimal(s: string): number {
  return /^\d{1,10}$/.test(s) ? Number(s) : 0;
}

/** A Failure message in words: who was refused, why, and what the server added. */
export function refusalInWords(user: string, message: Uint8Array, method = "MS-CHAPv2"): Failure {
  const r = readRefusal(message);
  const reason = REASONS.get(r.error);
  const why = reason?.words ?? (r.error === 0 ? "no reason given" : `error ${r.error}`);
  const text =
    `the server refuses user "${user}" with ${method}: ` +
    `${why}${r.error === 0 ? "" : ` (E=${r.error})`}${said(r.message)}`;
  return failure(reason?.code ?? "auth-failed", text);
}
