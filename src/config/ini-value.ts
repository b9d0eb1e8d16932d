// One value of the INI file: what stands behind the "=". Whatever these three rules do not cover is a fault, as half a
// secret, or another one, would be taken for it:
//
// abc ; why the text without the blanks around it; a comment begins with a blank and ; or #; \; \# and \\ stand for ; #
// and \
//   "a;b \"c\""   a string as JSON has it
//   'a;b "c" \d'  the text between the quotes
import { unsafe } from "ini";
import type { Fault } from "./section.ts";

const QUOTED = /^(?:"((?:[^"\\]|\\.)*)"|'([^']*)')(?:[ \t]+[;#].*)?$/;
/** What RFC 8259 allows between the quotes; an engine's JSON.parse may be more lenient. */
const STRING = /^(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*$/;
const QUOTE = 'in double quotes, with \\" for a quote and \\\\ for a backslash: "..."';

/** `raw` is one line without the blanks around it. A secret has no comment behind it that could be the rest of it. */
export function readValue(raw: string, secret: boolean): string | Pick<Fault, "why" | "allowed"> {
  if (/^["']/.test(raw)) return quoted(raw);
  const kept = /^(?:[^\\;#]|\\.|\\$)*/.exec(raw)?.[0] ?? "";
  const comment = raw.slice(kept.length);
  const mistakable = comment !== "" && (!/[ \t]$/.test(kept) || (secret && !/^.[ \t]/.test(comment)));
  if (mistakable) return { why: "contains ; or #, which would end the value here", allowed: `such a value ${QUOTE}` };
  const text = kept.replace(/[ \t]+$/, "");
  if (text !== text.trim())
    return { why: "begins or ends with white space other than a blank", allowed: `such a value ${QUOTE}` };
  return unsafe(text);
}

function quoted(raw: string): string | Pick<Fault, "why" | "allowed"> {
  const m = QUOTED.exec(raw);
  if (!m) return { why: "begins with a quote, but does not end with it", allowed: `such a value ${QUOTE}` };
  if (m[2] !== undefined) return m[2];
  const string = m[1] ?? "";
  if (STRING.test(string) && ![...string].some((c) => c < " ")) return JSON.parse(`"${string}"`) as string;
  return {
    why: "contains a control character, or an escape that double quotes do not have",
    allowed: '\\\\ for a backslash, \\" for a quote; or the value in single quotes, where nothing has a meaning',
  };
}
