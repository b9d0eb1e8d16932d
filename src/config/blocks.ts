// A configuration's text cut into its sections, comments included: what is not changed stays as it was written.
import { readValue } from "./ini-value.ts";
import { statements } from "./uci.ts";
import { iniValue, SECRETS, shellWord } from "./write.ts";

interface Item {
  readonly key: string;
  /** UCI: "option" or "list". */
  readonly word: string;
  /** With the comments before it, and its newline. */
  readonly text: string;
  /** How much of `text` are comments before it. */
  readonly lead: number;
  /** INI: as written. */
  readonly value: string;
}
/** One section. The pieces of all blocks, put together, are the text. */
export interface Block {
  /** "" and "": what is before the first section. */
  readonly type: string;
  readonly name: string;
  /** UCI: the package that a line "package NAME" above says; "" without one. */
  readonly file: string;
  /** The header, with the comments right above it. */
  readonly head: string;
  readonly items: readonly Item[];
  /** Comments after its last option. */
  readonly tail: string;
}
export function blockText(b: Block): string {
  return b.head + b.items.map((i) => i.text).join("") + b.tail;
}
export function optionOf(b: Block, key: string): string | null {
  return b.items.find((i) => i.key === key)?.value ?? null;
}

/** A piece of text with a meaning, and what is before it. */
interface Token {
  readonly kind: "section" | "option" | "file";
  readonly type: string;
  readonly name: string;
  readonly value: string;
  readonly from: number;
  readonly to: number;
}

function iniTokens(text: string): Token[] {
  const out: Token[] = [];
  let to = 0;
  for (const whole of text.match(/[^\r\n]*(?:\r\n|\r|\n|$)/g) ?? []) {
    const from = to;
    to += whole.length;
    const line = whole.trim();
    if (line === "" || /^[;#]/.test(line)) continue;
    const at = { from, to };
    const head = /^\[\s*(\S+?)(?:\s+"?([^"\]]*?)"?)?\s*\]/.exec(line);
    const eq = line.indexOf("=");
    const key = (eq < 0 ? line : line.slice(0, eq)).trim();
    if (head) out.push({ kind: "section", type: head[1] ?? "", name: (head[2] ?? "").trim(), value: "", ...at });
    else out.push({ kind: "option", type: "", name: key, value: eq < 0 ? "" : line.slice(eq + 1).trim(), ...at });
  }
  return out;
}
function uciTokens(text: string): Token[] {
  return statements(text).map(({ words: [command = "", a = "", b = ""], from, to }) => {
    if (command.startsWith("p")) return { kind: "file", type: "", name: a, value: "", from, to };
    if (command.startsWith("c")) return { kind: "section", type: a, name: b, value: "", from, to };
    return { kind: "option", type: command.startsWith("l") ? "list" : "option", name: a, value: b, from, to };
  });
}

/** Where the comment lines right above `to` begin. */
function above(text: string, from: number, to: number): number {
  const blank = /^(?:[\s\S]*\n)?[ \t]*\r?\n/.exec(text.slice(from, to))?.[0].length ?? 0;
  return from + blank;
}

/** Throws UciSyntaxError for UCI text that cannot be read. */
export function blocks(text: string, format: "ini" | "uci"): Block[] {
  const out: { -readonly [K in keyof Block]: Block[K] }[] = [];
  let file = "";
  let at = 0;
  let block = { type: "", name: "", file, head: "", items: [] as Item[], tail: "" };
  for (const t of format === "ini" ? iniTokens(text) : uciTokens(text)) {
    if (t.kind === "option") {
      const items = [
        ...block.items,
        { key: t.name, text: text.slice(at, t.to), lead: t.from - at, word: t.type, value: t.value },
      ];
      block.items = items;
    } else {
      const cut = above(text, at, t.from);
      block.tail = text.slice(at, cut);
      out.push(block);
      if (t.kind === "file") file = t.name;
      const { type, name } = t.kind === "file" ? { type: "", name: "" } : t;
      block = { type, name, file, head: text.slice(cut, t.to), items: [], tail: "" };
    }
    at = t.to;
  }
  block.tail = text.slice(at);
  return [...out, block].filter((b) => blockText(b) !== "");
}

const LEFT_OUT = "left out";
function namesSecret(text: string): boolean {
  return (text.match(/\w+/g) ?? []).some((w) => SECRETS.has(w.toLowerCase()));
}

/** Comments that name such an option may be an old one, or tell about it. */
function discreet(comments: string): string {
  return comments.replace(/^([ \t]*)[;#].*$/gm, (line, indent: string) =>
    namesSecret(line) ? `${indent}# ${LEFT_OUT}` : line,
  );
}
/** An option's own line. */
function withoutSecret(i: Item, own: string, format: "ini" | "uci"): string {
  const indent = /^[ \t]*/.exec(own)?.[0] ?? "";
  if (SECRETS.has(i.key)) return `${indent}# ${i.key}: ${LEFT_OUT}\n`;
  const comment = /[;#][^\n]*$/.exec(own.trimEnd())?.[0];
  if (comment === undefined || !namesSecret(comment)) return own;
  if (format === "uci") return `${indent}${i.word} ${i.key} ${shellWord(i.value)}\n`;
  const value = readValue(i.value, false);
  return typeof value === "string" ? `${indent}${i.key} = ${iniValue(value)}\n` : `${indent}# ${i.key}: ${LEFT_OUT}\n`;
}
/** The block with a comment in place of each option that is or may hold a secret, and of comments about them. */
export function withoutSecrets(b: Block, format: "ini" | "uci"): Block {
  const items = b.items.map((i) => {
    const lead = discreet(i.text.slice(0, i.lead));
    return { ...i, text: lead + withoutSecret(i, i.text.slice(i.lead), format), lead: lead.length };
  });
  const head = discreet(b.head).replace(/^(.*\S[ \t]*)[;#].*$/gm, (l, a: string) => (namesSecret(l) ? a.trimEnd() : l));
  return { ...b, head, tail: discreet(b.tail), items };
}
