// The usage text, from the table of commands.
import type { Command } from "./command.ts";
import type { Options } from "./parse.ts";

const COLUMN = 35;
const WIDTH = 110;

export const EXIT_CODES = "0 done, 1 failed, 2 wrong usage or configuration, 3 daemon not reachable";

/** "status [NAME] [--json] [--watch]". Without the options that all commands take. */
export function synopsis(c: Command, options: Options): string {
  const words = [c.name, ...c.operands.map((o) => o.word)];
  if (c.configuration) words.push("(--config FILE | --uci [DIR])");
  for (const name of c.options) {
    if (GLOBAL.includes(name) || (c.configuration && CONFIGURATION.includes(name))) continue;
    const value = options[name]?.value;
    words.push(`[${name}${value === undefined ? "" : ` ${value}`}]`);
  }
  return words.join(" ");
}
const GLOBAL: readonly string[] = ["--socket"];
const CONFIGURATION: readonly string[] = ["--config", "--uci"];

/** `left` in a column of its own, or on lines of its own when it is longer. */
function row(left: string, help: string): string {
  const first = `  ${left}`;
  const head = first.length < COLUMN - 1 ? first.padEnd(COLUMN) : `${first}\n${" ".repeat(COLUMN)}`;
  return head + wrapped(help);
}
function wrapped(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && COLUMN + last.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.join(`\n${" ".repeat(COLUMN)}`);
}

export function usage(commands: readonly Command[], options: Options): string {
  return [
    "usage: l2tpsec COMMAND",
    ...commands.map((c) => row(synopsis(c, options), c.help)),
    "options:",
    ...Object.entries(options).map(([name, o]) => row(o.value === undefined ? name : `${name} ${o.value}`, o.help)),
    `exit codes: ${EXIT_CODES}`,
    "",
  ].join("\n");
}
