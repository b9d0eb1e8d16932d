// Commands of OpenWrt's `uci`, as people send one another, or what `uci show` prints: as a text of UCI.
import { statements, UciSyntaxError } from "./uci.ts";
import { shellWord } from "./write.ts";

interface Lines {
  readonly text: string;
  /** The line of the commands, by that of the text less one. */
  readonly lines: readonly number[];
}
const PATH = /^(network|l2tpsec)\.(@?[A-Za-z0-9_]+(?:\[-?\d+\])?)(?:\.([A-Za-z0-9_]+))?=([\s\S]*)$/;
/** Commands that say nothing about how it should be. */
const IDLE = ["batch", "commit", "delete", "del", "changes", "revert", "END"];

/** Whether its first line is such a command. */
export function isCommands(first: string): boolean {
  return /^\s*(?:(?:uci|set|add|add_list)\s|(?:network|l2tpsec)\.)/.test(first);
}

/** Throws UciSyntaxError. */
export function fromCommands(text: string): Lines {
  const sections = new Map<string, { type: string; named: boolean; options: [text: string, line: number][] }>();
  const put = (file: string, name: string, type: string | null, named = true) => {
    const key = `${file} ${name}`;
    const s = sections.get(key) ?? { type: file === "network" ? "interface" : "", named, options: [] };
    sections.set(key, { ...s, type: type ?? s.type });
    return s.options;
  };
  for (const { words, line } of statements(text)) {
    const rest = words[0] === "uci" ? words.slice(1).filter((w) => !/^-[a-z]$/i.test(w)) : words;
    const [command = "", a = "", b = ""] = rest;
    if (IDLE.includes(command)) continue;
    if (command === "add" && ["network", "l2tpsec"].includes(a)) {
      put(a, `new${sections.size}`, b, false);
      continue;
    }
    const direct = !["set", "add_list"].includes(command);
    const [first = "", ...more] = direct ? rest : [a];
    const [, file = "", at = "", option, value = ""] = PATH.exec(first) ?? [];
    const last = [...sections].filter(([k, s]) => k.startsWith(`${file} `) && at === `@${s.type}[-1]`).at(-1)?.[0];
    const name = last?.slice(file.length + 1) ?? at;
    if (file === "" || name.startsWith("@")) throw new UciSyntaxError(line, "is no uci command that says what to set");
    const options = put(file, name, option === undefined ? value : null);
    const word = command === "add_list" || more.length > 0 ? "list" : "option";
    for (const v of option === undefined ? [] : [value, ...more])
      options.push([`\t${word} ${option} ${shellWord(v)}\n`, line]);
  }
  let out = "";
  const lines: number[] = [];
  const add = (more: string, line: number): void => {
    out += more;
    while (lines.length < out.split("\n").length - 1) lines.push(line);
  };
  for (const [key, { type, named, options }] of sections) {
    const [file, name = ""] = key.split(" ");
    const at = options[0]?.[1] ?? 1;
    add(`package ${file}\nconfig ${shellWord(type)}${named ? ` ${shellWord(name)}` : ""}\n`, at);
    for (const [t, line] of options) add(t, line);
  }
  return { text: out, lines };
}
