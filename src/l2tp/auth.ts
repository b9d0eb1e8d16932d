// RFC 2661 §5.1.1: tunnel authentication, as CHAP with the Message Type as identifier.
import type { Secret } from "../core/secret.ts";
import { sameBytes } from "../core/text.ts";
import type { Crypto } from "../ports/ports.ts";

export const CHALLENGE_LENGTH = 16;
const SCCRP = 2;
const SCCCN = 3;

/** The response that goes into an SCCRP or SCCCN. */
export function response(
  crypto: Pick<Crypto, "hash">,
  message: "SCCRP" | "SCCCN",
  secret: Secret,
  challenge: Uint8Array,
): Uint8Array {
  return secret.use((s) => crypto.hash("md5", [Uint8Array.of(message === "SCCRP" ? SCCRP : SCCCN), s, challenge]));
}
export function verify(
  crypto: Pick<Crypto, "hash">,
  message: "SCCRP" | "SCCCN",
  secret: Secret,
  challenge: Uint8Array,
  given: Uint8Array | undefined,
): boolean {
  return given !== undefined && sameBytes(response(crypto, message, secret, challenge), given);
}
