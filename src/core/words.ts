// Makes peer-chosen text safe to embed in a sentence. events.ts quotes it for the log.
import { fromUtf8 } from "./text.ts";

/** One line, no control or formatting characters, at most 128 characters. */
export function printable(said: Uint8Array | string): string {
  const text = typeof said === "string" ? said : fromUtf8(said.subarray(0, 512));
  return [...text.replace(/[\p{C}\p{Z}]+/gu, " ").trim()].slice(0, 128).join("");
}

/** A peer's words inside a sentence of ours: printable, cut, and in quotes that they cannot end. */
export function inQuotes(text: string): string {
  return `"${printable(text).replaceAll('"', "'")}"`;
}
/** `: "what the peer said"`, or nothing when it said nothing. */
export function said(text: string): string {
  return text === "" ? "" : `: ${inQuotes(text)}`;
}
/** A list whose length is a peer's choice, as far as it fits into `room` characters, and how much more there is. */
export function listed(words: readonly string[], room = 800): string {
  let length = 0;
  const end = words.findIndex((w) => {
    length += w.length + 1;
    return length > room;
  });
  return end < 0 ? words.join(" ") : `${words.slice(0, end).join(" ")} and ${words.length - end} more`;
}
