// Sections as text of either format: what the readers of both (ini-value.ts, uci.ts) read back as the same values.
import { wordsOf } from "../core/text.ts";
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
  return joinerOf(o.kind) === "\n" ? text.split("\n") : wordsOf(text);
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

/** A section of a router's files. */
interface UciWritten {
  readonly type: string;
  /** "": it has none. */
  readonly name: string;
  readonly options: Readonly<Record<string, string | readonly string[]>>;
}
export function uciWritten(s: Section): UciWritten {
  const schema = optionsOf(s);
  const called = (key: string): string => (s.type === "interface" ? (schema[key]?.uci ?? key) : key);
  const options: Record<string, string | readonly string[]> = {};
  if (s.type === "user" && !s.values.has("username") && !UCI_NAME.test(s.name)) options["username"] = s.name;
  for (const [key, { text }] of s.values) {
    const o = schema[key];
    options[called(key)] = o && isList(o.kind) ? items(o, text) : text;
  }
  // On a router a default route is on unless the section says no.
  if (s.type === "interface" && !s.values.has("defaultroute") && s.values.get("role")?.text !== "answer")
    options["defaultroute"] = "0";
  const unnamed = s.type === "daemon" || (s.type === "user" && !UCI_NAME.test(s.name));
  return { type: s.type, name: unnamed ? "" : s.name, options };
}
function uciSection(s: Section): string {
  const { type, name, options } = uciWritten(s);
  const body = Object.entries(options).flatMap(([key, value]) =>
    typeof value === "string"
      ? [`\toption ${key} ${shellWord(value)}\n`]
      : value.map((v) => `\tlist ${key} ${shellWord(v)}\n`),
  );
  return `config ${type}${name === "" ? "" : ` ${shellWord(name)}`}\n${body.join("")}`;
}

/** The section with asterisks for its secrets. */
export function hidden(s: Section): Section {
  const shown = (key: string, v: { text: string; line: number }) => (SECRETS.has(key) ? { ...v, text: "***" } : v);
  return { ...s, values: new Map([...s.values].map(([k, v]) => [k, shown(k, v)])) };
}

/** One section, ending with a newline. A name that the format cannot hold is the reader's to refuse. */
export function writeSection(s: Section, format: Format): string {
  return format === "ini" ? iniSection(s) : uciSection(s);
}
