// Keys and passwords that the program makes up.
import type { Rng } from "../core/rng.ts";

/** Without characters that look alike; 32 of them: five bits each. */
const ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789";
const KEY_LENGTH = 26; // 130 bits

/** A key that people can type: 130 bits, letters and digits. */
export function generatedKey(rng: Rng): string {
  return [...rng.random(KEY_LENGTH)].map((b) => ALPHABET[b & 31]).join("");
}
