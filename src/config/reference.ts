// The reference of options (OPTIONS.md), from the schema, and every failure.
import { FAILURES, failureCodes, TITLES } from "../core/failures.ts";
import { NASDIAL } from "./nasdial.ts";
import type { Options } from "./option.ts";
import { SECTIONS } from "./schema.ts";

export const SECTION_TITLES = {
  daemon: "`[daemon]`: the process",
  interface: "`[interface NAME]`: a client link (LAC)",
  nasdial: "`[interface NAME]` with `proto = nasdial`: a serial line, with a modem or a null-modem cable",
  server: "`[server NAME]`: a server (LNS)",
  user: "`[user NAME]`: someone who may call a server",
  radius: "`[radius NAME]`: a RADIUS server, which knows users",
} as const;

const cell = (s: string): string => s.replaceAll("|", "\\|");

const LASTING = new Map<boolean | null, string>([
  [true, "yes"],
  [false, "no"],
  [null, "depends"],
]);

/** Markdown: every code of a failure. */
function failureTable(): string {
  return [
    "### Failures: why a link is down",
    "",
    "`status`, `doctor` and the log show these codes with a sentence of their own; netifd has them in capitals, with",
    "`_` for `-`. After a lasting failure a link waits longer before it tries again.",
    "",
    "| code | layer | lasting | meaning |",
    "|---|---|---|---|",
    ...failureCodes().map((c) => {
      const { layers, lasting } = FAILURES[c];
      return `| \`${c}\` | ${layers.join(", ")} | ${LASTING.get(lasting)} | ${cell(TITLES[c])} |`;
    }),
  ].join("\n");
}

/** Markdown: one table for each kind of section, and the failures. */
export function reference(): string {
  const out: string[] = [];
  for (const [type, intro] of Object.entries(SECTION_TITLES)) {
    out.push(`### ${intro}`, "", "| option | default | allowed | meaning |", "|---|---|---|---|");
    for (const [name, o] of Object.entries(
      { ...SECTIONS, nasdial: NASDIAL }[type as keyof typeof SECTION_TITLES] as Options,
    )) {
      const def = o.def ?? (o.optional ? "" : "*required*");
      out.push(`| \`${name}\` | ${cell(def)} | ${cell(o.kind.allowed)} | ${cell(o.help)} |`);
    }
    out.push("");
  }
  return [...out, failureTable()].join("\n");
}

/** The text with the tables between its markers regenerated. */
export function withReference(text: string): string {
  return text.replace(
    /(<!-- reference -->\n)[\s\S]*?(\n<!-- \/reference -->)/,
    (_, start: string, end: string) => `${start}${reference()}${end}`,
  );
}
