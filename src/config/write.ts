// Sections as text of either format: what the readers of both (ini-value.ts, uci.ts) read back as the same values.
import { NASDIAL } from "./nasdial.ts";
import type { Option, Options } from "./option.ts";
import { isList, isSecret, joinerOf } from "./options.ts";
import { SECTIONS } from "./schema.ts";
import { isSerial, type Section } from "./section.ts";

export type Format = "ini" | "uci";

function optionsOf(s: Section): Options {
  return isSerial(s) ? NASDIAL : SECTIONS[s.type];
}

/** Names of options whose value is, or may hold, a secret, under every name that they have or had. */
export const SECRETS: ReadonlySet<string> = new Set(
  [...Object.values(SECTIONS), NASDIAL].flatMap((options) =>
    Object.entries(options as Options).flatMap(([name, o]) =>
      isSecret(o.kind) || o.mayHoldSecret ? [name, ...(o.formerly ?? []), ...(o.uci === undefined ? [] : [o.uci])] : [],
    ),
  ),
);

/** A value of the INI file: as it is where nothing in it has a meaning, otherwise a JSON string. */
export function iniValue(text: string): string {
  return /^[A-Za-z0-9_@.:/,+-](?:[A-Za-z0-9_@.:/,+ -]*[A-Za-z0-9_@.:/,+-])?$/.test(text) ? text : JSON.stringify(text);
}
/** A value of UCI or of a POSIX shell, as `uci export` quotes it. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The values of one option: the items of a list. */
function items(o: Option<unknown> | undefined, text: string): readonly string[] {
  if (!o || !isList(o.kind)) return [text];
  return joinerOf(o.kind) === "\n" ? text.split("\n") : text.split(/\s+/).filter((x) => x !== "");
}

function iniSection(s: Section): string {
  const options = optionsOf(s);
  const name = s.name === "" ? "" : ` ${s.name}`;
  const body = [...s.values].flatMap(([key, { text }]) => {
    const o = options[key];
    const values = o && joinerOf(o.kind) === "\n" ? text.split("\n") : [text];
    return values.map((v) => `${key} = ${iniValue(v)}\n`);
  });
  return `[${s.type}${name}]\n${body.join("")}`;
}

/** UCI's names of sections hold letters, digits and _ only; a user's login name may be an option instead. */
const UCI_NAME = /^[A-Za-z0-9_]+$/;

function uciSection(s: Section): string {
  const options = optionsOf(s);
  const called = (key: string): string => (s.type === "interface" ? (options[key]?.uci ?? key) : key);
  const login = s.type === "user" && !s.values.has("username") && !UCI_NAME.test(s.name);
  const name = s.type === "daemon" || (s.type === "user" && !UCI_NAME.test(s.name)) ? "" : ` ${shellWord(s.name)}`;
  const body = [...s.values].flatMap(([key, { text }]) => {
    const o = options[key];
    const word = o && isList(o.kind) ? "list" : "option";
    return items(o, text).map((v) => `\t${word} ${called(key)} ${shellWord(v)}\n`);
  });
  if (login) body.unshift(`\toption username ${shellWord(s.name)}\n`);
  // On a router a default route is on unless the section says no.
  if (s.type === "interface" && !s.values.has("defaultroute") && s.values.get("role")?.text !== "answer")
    body.push("\toption defaultroute '0'\n");
  return `config ${s.type}${name}\n${body.join("")}`;
}

/** One section, ending with a newline. A name that the format cannot hold is the reader's to refuse. */
export function writeSection(s: Section, format: Format): string {
  return format === "ini" ? iniSection(s) : uciSection(s);
}
