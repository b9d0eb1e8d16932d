// What a peer shows to prove who it is, and the verdict on it: here, where the secret is known, or elsewhere.

import { NO_BYTES } from "../../core/bytes.ts";
import type { Failure } from "../../core/failures.ts";
import type { Secret } from "../../core/secret.ts";
import { sameBytes, utf8 } from "../../core/text.ts";
import { printable } from "../../core/words.ts";
import type { Crypto } from "../../ports/ports.ts";
import type { MppeMaster } from "../compress/mppe.ts";
import { failure } from "../words.ts";
import { methodTitle } from "./methods.ts";
import {
  accountName,
  authenticatorResponse,
  challengeResponse,
  failureMessage,
  failureMessageV1,
  MSCHAP_ERROR,
  mppeMaster,
  mppeMasterV1,
  ntPasswordHash,
  ntResponse,
  successMessage,
} from "./mschapv2.ts";
import type { Change } from "./new-password.ts";

interface ChapProof {
  readonly method: "chap" | "mschap" | "mschapv2";
  readonly user: string;
  readonly id: number;
  readonly challenge: Uint8Array;
  /** As CHAP's Response has it, of any length. */
  readonly value: Uint8Array;
  /** The name in the Response, where the user was named before (EAP): MS-CHAPv2 hashes it. */
  readonly name?: string;
  /** `value` is made with a new password, which only who knows the old one can take: nobody here. */
  readonly change?: Omit<Change, "value">;
}
export type Proof =
  | { readonly method: "pap"; readonly user: string; readonly password: Uint8Array }
  | ChapProof
  /** An EAP Response, whole; the first one of a conversation is its Identity. Never judged here. */
  | { readonly method: "eap"; readonly user: string; readonly packet: Uint8Array };

export type Verdict =
  | {
      readonly is: "accepted";
      /** The name under which the user was found. */
      readonly account: string;
      /** What the peer is told: text, MS-CHAP's Success message, or an EAP packet. */
      readonly message: Uint8Array;
      readonly master: MppeMaster | null;
    }
  | {
      readonly is: "refused";
      readonly message: Uint8Array;
      readonly why: Failure;
      /** The user is unknown, or the password wrong: another attempt may come. */
      readonly wrong: boolean;
      /** `why` has more to say than that. */
      readonly said?: true;
      /** Of MS-CHAP: the password was right and has expired, and the peer may change it. */
      readonly expired?: true;
    }
  /** EAP goes on with this Request. */
  | { readonly is: "more"; readonly message: Uint8Array };

/** RFC 1994 §4.1: over identifier, secret and challenge. */
export function chapMd5(crypto: Crypto, id: number, secret: Uint8Array, challenge: Uint8Array): Uint8Array {
  return crypto.hash("md5", [Uint8Array.of(id), secret, challenge]);
}

/** Of MS-CHAP v2: peer challenge 16, reserved 8, NT response 24, flags 1; of v1: LM response 24, NT 24, "use NT" 1. */
const MSCHAP_SIZE = 49;
const MSCHAP_CHALLENGE = 8;
const CHALLENGE_SIZE = 16;
interface Judged {
  readonly message: Uint8Array;
  readonly master: MppeMaster | null;
}

/** An unknown user costs the same work as a known one. */
export function judge(
  crypto: Crypto,
  proof: Exclude<Proof, { method: "eap" }>,
  secretOf: (user: string) => Secret | null,
): Verdict {
  const { user, method } = proof;
  let account = user;
  let secret = secretOf(user);
  // As given, or without its Windows domain.
  if (!secret && method !== "pap") {
    account = accountName(user);
    secret = account === user ? null : secretOf(account);
  }
  const good = method === "pap" ? pap(crypto, proof.password, secret) : JUDGES[method](crypto, proof, secret);
  if (good && secret) return { is: "accepted", account, ...good };
  const text = `user "${printable(user)}" is unknown or gave a wrong password (${methodTitle(method)})`;
  return { is: "refused", message: refusal(crypto, method), why: failure("auth-failed", text), wrong: true };
}
/** What a refused peer is told: one sentence for every reason, so that a stranger learns no user names. */
export function refusal(crypto: Crypto, method: Proof["method"], changing = false): Uint8Array {
  const error = changing ? MSCHAP_ERROR.notChanged : MSCHAP_ERROR.denied;
  if (method === "mschap") return failureMessageV1(crypto.random(MSCHAP_CHALLENGE), error);
  return method === "mschapv2" ? failureMessage(crypto.random(CHALLENGE_SIZE), error) : utf8("Access denied");
}

/** Digests are compared, so that neither time nor length tells anything about the secret or the user's existence. */
function pap(crypto: Crypto, password: Uint8Array, secret: Secret | null): Judged | null {
  const given = crypto.hash("sha256", [password]);
  const wanted = secret ? secret.use((s) => crypto.hash("sha256", [s])) : crypto.hash("sha256", [given]);
  return sameBytes(given, wanted) ? { message: NO_BYTES, master: null } : null;
}
const JUDGES: Readonly<
  Record<ChapProof["method"], (crypto: Crypto, p: ChapProof, secret: Secret | null) => Judged | null>
> = {
  chap: (crypto, { id, challenge, value }, secret) => {
    const dummy = crypto.random(16);
    const compute = (s: Uint8Array): Uint8Array => chapMd5(crypto, id, s, challenge);
    const wanted = secret ? secret.use(compute) : compute(dummy);
    return sameBytes(value, wanted) ? { message: utf8("Access granted"), master: null } : null;
  },
  mschap: (crypto, { challenge, value }, secret) => {
    const fits = value.length === MSCHAP_SIZE && value[48] === 1; // a LAN Manager response is not looked at
    const v = fits ? value : new Uint8Array(MSCHAP_SIZE);
    const hash = hashOf(crypto, secret);
    const wanted = challengeResponse(crypto, challenge, hash);
    const master = mppeMasterV1(crypto, hash, challenge);
    hash.fill(0);
    return sameBytes(v.subarray(24, 48), wanted) && fits ? { message: utf8("Access granted"), master } : null;
  },
  mschapv2: (crypto, { challenge, value, user, name = user }, secret) => {
    const fits = value.length === MSCHAP_SIZE;
    const v = fits ? value : new Uint8Array(MSCHAP_SIZE);
    const peerChallenge = v.subarray(0, 16);
    const hash = hashOf(crypto, secret);
    const wanted = ntResponse(crypto, challenge, peerChallenge, name, hash);
    const proof = authenticatorResponse(crypto, challenge, peerChallenge, name, hash, wanted);
    const master = mppeMaster(crypto, hash, wanted);
    hash.fill(0);
    // The hashed name must be the one that identified itself, whatever its domain.
    const same = accountName(name) === accountName(user);
    return sameBytes(v.subarray(24, 48), wanted) && fits && same ? { message: successMessage(proof), master } : null;
  },
};
function hashOf(crypto: Crypto, secret: Secret | null): Uint8Array {
  return secret ? secret.use(ntPasswordHash) : ntPasswordHash(crypto.random(8));
}
