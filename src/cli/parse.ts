// A command line by the tables of commands and options.
import { type Call, type Command, type Option, type Program, Usage } from "./command.ts";

export type Options = Readonly<Record<string, Option>>;

/** Throws Usage. */
export function parse(
  argv: readonly string[],
  commands: readonly Command[],
  options: Options,
  program: Program,
): { readonly command: Command; readonly call: Call } {
  const words: string[] = [];
  const flags = new Set<string>();
  const values = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const a = argv[i] as string;
    if (!a.startsWith("-") || a === "-") {
      words.push(a);
      continue;
    }
    const [, name = a, given] = /^(--?[a-z-]+)=(.*)$/s.exec(a) ?? [];
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (option?.value === undefined) {
      if (given !== undefined && option) throw new Usage(`${name} takes no value`);
      flags.add(a);
      continue;
    }
    const next = argv[i + 1];
    const absent = option.without !== undefined && (next === undefined || next.startsWith("-"));
    const value = given ?? (absent ? option.without : argv[++i]);
    if (value === undefined || value === "") throw new Usage(`${name} needs a value: ${option.value}`);
    values.set(name, value);
  }
  const command = commands.find((c) => c.name.split(" ").every((w, i) => w === words[i]));
  if (!command) throw new Usage(unknown(words, commands));
  const rest = words.slice(command.name.split(" ").length);
  for (const o of [...flags, ...values.keys()])
    if (!command.options.includes(o)) throw new Usage(`${command.name} does not know ${o}`);
  const missing = command.operands[rest.length];
  if (missing && !missing.word.startsWith("["))
    throw new Usage(`${command.name} needs ${missing.needed ?? missing.word}`);
  const many = command.operands.at(-1)?.word.endsWith("...]") === true;
  if (rest.length > command.operands.length && !many)
    throw new Usage(`${command.name}: too many words: ${rest.join(" ")}`);
  if (command.configuration && values.has("--config") === values.has("--uci"))
    throw new Usage(`${command.name} needs either --config FILE or --uci [DIR]`);
  return { command, call: { ...program, command: command.name, words: rest, flags, values } };
}
function unknown(words: readonly string[], commands: readonly Command[]): string {
  const [first = "", second] = words;
  const seconds = commands.flatMap(({ name }) => (name.startsWith(`${first} `) ? [name.slice(first.length + 1)] : []));
  if (seconds.length > 0 && second === undefined) return `${first} needs one of: ${seconds.join(", ")}`;
  return `unknown command ${JSON.stringify(seconds.length > 0 ? `${first} ${second}` : first)}`;
}
