// One value of the INI file: the text after "=". Anything but these three forms is a fault, because a truncated or
// altered secret could pass for the right one:
//
//   abc ; why     the text without surrounding blanks; a comment begins with a blank and ; or #; \; \# \\ mean ; # \
//   "a;b \"c\""   a JSON string
//   'a;b "c" \d'  the text between the quotes
import { unsafe } from "ini";
import type { Fault } from "./section.ts";

const QUOTED = /^(?:"((?:[^"\\]|\\.)*)"|'([^']*)')(?:[ \t]+[;#].*)?$/;
/** What RFC 8259 allows between the quotes; an engine's JSON.parse may be more lenient. */
const STRING = /^(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*$/;
const QUOTE = 'in double quotes, with \\" for a quote and \\\\ for a backslash: "..."';

/** `raw` is one line without surrounding blanks. A secret takes no comment, which could be the rest of the secret. */
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
