// What a peer says, made fit for a sentence that people read. Quoting for the log is events.ts's business.
import { fromUtf8 } from "./text.ts";

/** One line, no control or formatting characters, at most 128 characters. */
export function printable(said: Uint8Array | string): string {
  const text = typeof said === "string" ? said : fromUtf8(said.subarray(0, 512));
  return [...text.replace(/[\p{C}\p{Z}]+/gu, " ").trim()].slice(0, 128).join("");
}

/** `: "what the peer said"`, or nothing when it said nothing. */
export function said(text: string): string {
  return text === "" ? "" : `: "${text.replaceAll('"', "'")}"`;
}
