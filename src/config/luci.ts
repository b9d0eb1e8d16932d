// The option tables of LuCI's forms, from the schema, and the titles of failures. scripts/generate.mjs writes them,
// with the grammar parser compiled in.
import { failureCodes, TITLES } from "../core/failures.ts";
import { NASDIAL } from "./nasdial.ts";
import type { Option, Options } from "./option.ts";
import type { Kind } from "./options.ts";
import { SECTIONS } from "./schema.ts";

/** By their names in the forms. */
const TABLES: Readonly<Record<string, Options>> = {
  daemon: SECTIONS.daemon,
  interface: SECTIONS.interface,
  nasdial: NASDIAL,
  server: SECTIONS.server,
  user: SECTIONS.user,
  radius: SECTIONS.radius,
};

const quoted = (s: string): string => `'${s.replace(/[\\']/g, "\\$&")}'`;
const translated = (s: string): string => `_(${quoted(s)})`;

/** A JavaScript expression for the text after "Allowed:", translated. */
function allowed({ grammar: g, allowed: text }: Kind<unknown>): string {
  switch (g.form) {
    case "flag":
      return translated("yes or no");
    case "choice":
      return quoted(g.words.join(", "));
    case "integer":
      return g.unit === undefined
        ? `${translated("a whole number from %d to %d")}.format(${g.min}, ${g.max})`
        : `${translated("a whole number from %d to %d %s")}.format(${g.min}, ${g.max}, ${translated(g.unit)})`;
    case "text":
    case "secret":
      return `${translated("1 to %d characters")}.format(${g.max})`;
    default:
      return translated(text);
  }
}

function against(a: NonNullable<Option<unknown>["against"]>): string {
  return `against: { value: ${quoted(a.value)}, other: ${quoted(a.other)}, why: ${translated(a.why)} }`;
}

function labels(all: Readonly<Record<string, string>>): string {
  const each = Object.entries(all).map(([value, text]) => `${quoted(value)}: ${translated(text)}`);
  return `labels: { ${each.join(", ")} }`;
}

function entry(name: string, o: Option<unknown>): string {
  const help = o.form === undefined ? o.help : `${o.help} ${o.form}`;
  const fields = [
    `name: ${quoted(name)}`,
    `tab: ${quoted(o.tab ?? "")}`,
    `title: ${translated(o.title)}`,
    ...(o.def === undefined ? [] : [`def: ${quoted(o.def)}`]),
    ...(o.def === undefined && !o.optional ? ["required: true"] : []),
    ...(o.uci === undefined ? [] : [`uci: ${quoted(o.uci)}`]),
    ...(o.labels === undefined ? [] : [labels(o.labels)]),
    ...(o.offer === undefined ? [] : [`offer: ${quoted(o.offer)}`]),
    ...(o.mayHoldSecret ? ["private: true"] : []),
    ...(o.against === undefined ? [] : [against(o.against)]),
    ...(o.when === undefined ? [] : [`depends: ${JSON.stringify(o.when)}`]),
  ];
  return [
    `\t\t{ ${fields.join(", ")},`,
    `\t\t  grammar: ${JSON.stringify(o.kind.grammar)},`,
    `\t\t  allowed: ${allowed(o.kind)},`,
    `\t\t  help: ${translated(help)} },`,
  ].join("\n");
}

/** The whole file. `reader`: grammar.ts compiled to a script that sets `grammar`. */
export function luciOptions(reader: string): string {
  const tables = Object.entries(TABLES).map(([name, options]) => {
    const entries = Object.entries(options)
      .filter(([, o]) => o.tab !== null)
      .map(([n, o]) => entry(n, o));
    return `\t${name}: [\n${entries.join("\n")}\n\t],`;
  });
  return `'use strict';
'require baseclass';

/* Written by \`make generate\` from src/config, as a test checks: do not edit. Every option of the daemon with its
   title, help, default and grammar, and the daemon's own reader of grammars. */

${reader.trim()}

const SECTIONS = {
${tables.join("\n")}
};

return baseclass.extend({
	SECTIONS: SECTIONS,

	/* What the text stands for; undefined when the grammar does not allow it. */
	read: grammar.read
});
`;
}

/** The file with the title of every failure code. */
export function luciErrors(): string {
  const entries = failureCodes().map((c) => `\t${quoted(c)}: ${translated(TITLES[c])}`);
  return `'use strict';
'require baseclass';

/* Written by \`make generate\` from src/core/failures.ts, as a test checks: do not edit. The daemon's failure codes. */

const ERRORS = {
${entries.join(",\n")}
};

return baseclass.extend({
	ERRORS: ERRORS
});
`;
}
