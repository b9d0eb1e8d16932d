// Export and import of a configuration as text: sections are moved whole, as they were written, comments included.
import { linesOf } from "../core/text.ts";
import { type Block, blocks, blockText, optionOf, withoutSecrets } from "./blocks.ts";
import { byLogin, sectionsOf } from "./load.ts";
import { PlistError } from "./plist.ts";
import { profileSections } from "./profile.ts";
import { faultLine, type Section, title } from "./section.ts";
import { type Files, loadText } from "./source.ts";
import { UciSyntaxError } from "./uci.ts";
import { fromCommands, isCommands } from "./uci-commands.ts";
import { uciSections } from "./uci-load.ts";
import { type Format, hidden, writeSection } from "./write.ts";

/** The text of a file that somebody gave us: INI, UCI, commands of `uci`, or a .mobileconfig. */
export interface Given {
  readonly path: string;
  readonly text: string;
}
/** What to write, or every fault: FILE:LINE section.option: why. */
export type Change =
  | {
      readonly files: readonly { readonly path: string; readonly text: string }[];
      /** What was given, without secrets. */
      readonly sections: readonly string[];
    }
  | { readonly faults: readonly string[] };

const PROTOS: readonly (string | null)[] = ["l2tpsec", "nasdial"];

/** Whether a section of a router's files is ours. In other formats all are. */
function ours(b: Block, file: string): boolean {
  return file !== "network" || (b.type === "interface" && PROTOS.includes(bare(optionOf(b, "proto"))));
}
/** INI values keep their quotes. */
function bare(text: string | null): string | null {
  return text === null ? null : text.replace(/^(["'])(.*)\1$/, "$2");
}

/** The whole configuration as one text. Throws UciSyntaxError. */
export function exported(from: Files, secrets: boolean): string {
  const { format } = from;
  const out: string[] = [];
  for (const [file, { text }] of from.texts) {
    const mine = blocks(text, format).filter((b) => ours(b, file) && !(format === "uci" && isPackage(b)));
    const body = mine.map((b) => ended(blockText(secrets ? b : withoutSecrets(b, format)))).join("");
    out.push(format === "ini" ? body : `package ${file}\n\n${body.trim()}\n\n`);
  }
  return out.join("");
}
/** A line "package NAME": ours say it anew. */
function isPackage(b: Block): boolean {
  return b.type === "" && /^\s*p/m.test(b.head) && b.items.length === 0;
}
function ended(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

/** What kind of text it is, by its first statement. */
function formatOf(text: string): Format | "commands" | "plist" | "signed" {
  const first = linesOf(text.replace(/^\ufeff/, "")).find((l) => !/^\s*(?:[#;]|$)/.test(l)) ?? "";
  if (/^\s*</.test(first)) return "plist";
  if (text.includes("<plist")) return "signed";
  if (isCommands(first)) return "commands";
  return /^\s*(?:package|config|p|c)\s/.test(first) ? "uci" : "ini";
}

/** Sections of a router's text by file: what stands under no "package" is told apart by its kind. */
function fileOf(b: Block): string {
  return b.file === "" ? fileFor(b) : b.file;
}
/** The text of one file alone, with every line where it was. */
function alone(all: readonly Block[], file: string): string {
  return all
    .map((b) => (fileOf(b) === file || b.type === "" ? blockText(b) : blockText(b).replace(/[^\n]/g, "")))
    .join("");
}

interface Got {
  readonly sections: readonly Section[];
  /** As written, in `format`; null: written anew. */
  readonly blocks: readonly Block[] | null;
  readonly format: Format;
}
const NOTHING: Got = { sections: [], blocks: null, format: "ini" };

/** The sections in `given`, or its faults. */
function read(given: Given, faults: string[]): Got {
  const format = formatOf(given.text);
  try {
    switch (format) {
      case "ini":
        faults.push(...loadText({ format, texts: new Map([["", given]]) }).faults);
        return { sections: sectionsOf(given.text, []), blocks: blocks(given.text, "ini"), format };
      case "uci":
        return readUci(given, faults);
      case "commands": {
        const { text, lines } = fromCommands(given.text);
        const found: string[] = [];
        const got = readUci({ path: given.path, text }, found);
        const { length } = given.path;
        faults.push(
          ...found.map((f) => f.slice(0, length) + f.slice(length).replace(/\d+/, (n) => `${lines[+n - 1]}`)),
        );
        return { ...got, blocks: null };
      }
      case "plist":
        return { ...NOTHING, sections: profileSections(given.text) };
      case "signed":
        throw new PlistError("it is signed: openssl smime -verify -noverify -inform der -in FILE takes it out");
    }
  } catch (e) {
    if (e instanceof PlistError) faults.push(`${given.path}: ${e.message}`);
    else if (e instanceof UciSyntaxError)
      faults.push(faultLine(given.path, { line: e.line, where: "uci", why: e.message }));
    else throw e;
    return NOTHING;
  }
}
/** A router's file is checked file by file, with the lines of the whole. Throws UciSyntaxError. */
function readUci(given: Given, faults: string[]): Got {
  const all = blocks(given.text, "uci");
  const foreign = all.find(
    (b) => b.type !== "" && (!["network", "l2tpsec"].includes(fileOf(b)) || !ours(b, fileOf(b))),
  );
  if (foreign) {
    const line = given.text.slice(0, given.text.indexOf(blockText(foreign))).split("\n").length;
    const why = "is no section of l2tpsec's (an interface of proto l2tpsec or nasdial, a daemon, server or user)";
    faults.push(`${given.path}:${line} ${fileOf(foreign)}.${foreign.name}: ${why}`);
  }
  const texts = new Map(["network", "l2tpsec"].map((f) => [f, { path: given.path, text: alone(all, f) }]));
  faults.push(...loadText({ format: "uci", texts }).faults);
  const files = [...texts].map(([name, x]) => ({ name: name as "network" | "l2tpsec", ...x }));
  return { sections: byLogin(uciSections(files, [], []).sections, []), blocks: all, format: "uci" };
}

/** The sections in a text of any kind, or its faults. */
export function sectionsIn(given: Given): readonly Section[] | { readonly faults: readonly string[] } {
  const faults: string[] = [];
  const { sections } = read(given, faults);
  return faults.length > 0 ? { faults } : sections;
}

/**
 * `given` in place of our part of `to`; with `merge`, and for what is no whole configuration, in place of those
 * sections alone that it has. All of it is checked, before and after; nothing is written here.
 */
export function imported(given: Given, to: Files, merge: boolean): Change {
  const faults: string[] = [];
  const from = read(given, faults);
  if (faults.length > 0) return { faults };
  const as = from.format === to.format ? from.blocks : null;
  return replaced(to, merge || from.blocks === null, from.sections, as);
}

/** Sections as written, for one file: what they are called, and their text. */
type Texts = readonly (readonly [key: string, text: string])[];

/** `sections` in place of those of `to`, or beside them. `as`: their blocks as written, null: they are written anew. */
export function replaced(to: Files, merge: boolean, sections: readonly Section[], as: readonly Block[] | null): Change {
  const files: { path: string; text: string }[] = [];
  try {
    for (const [file, { path, text }] of to.texts) {
      const uci = to.format === "uci";
      const news: Texts = as
        ? as.flatMap((b) => (isPackage(b) || (uci && fileOf(b) !== file) ? [] : [[key(b), blockText(b)] as const]))
        : sections.flatMap((s) =>
            uci && fileFor(s) !== file ? [] : [[title(s), `\n${writeSection(s, to.format)}`] as const],
          );
      const old = blocks(text, to.format);
      const foreign = old.find((b) => b.type !== "" && !ours(b, file) && news.some(([k]) => k === key(b)));
      if (foreign) return { faults: [`${path}: ${key(foreign)} is there already, and is not l2tpsec's`] };
      files.push({ path, text: file !== "network" && !merge ? joined(news) : withBlocks(old, file, news, merge) });
    }
  } catch (e) {
    if (!(e instanceof UciSyntaxError)) throw e;
    return { faults: [`${[...to.texts.values()].map((t) => t.path).join(", ")}: line ${e.line}: ${e.message}`] };
  }
  const texts = new Map([...to.texts.keys()].map((k, i) => [k, files[i] ?? { path: "", text: "" }]));
  const { faults } = loadText({ format: to.format, texts });
  if (faults.length > 0) return { faults: ["after the import there would be these faults:", ...faults] };
  return {
    files: files.filter((f, i) => f.text !== [...to.texts.values()][i]?.text),
    sections: sections.map((x) => writeSection(hidden(x), to.format)),
  };
}
function joined(news: Texts): string {
  return news
    .map(([, text]) => ended(text))
    .join("")
    .replace(/^\n+/, "");
}
function fileFor(s: { readonly type: string }): string {
  return s.type === "interface" ? "network" : "l2tpsec";
}
/** "interface hq", as `title` names a section: a user by the login. */
function key(b: Block): string {
  const login = b.type === "user" ? bare(optionOf(b, "username")) : null;
  return title({ type: b.type, name: login ?? b.name });
}

/** `news` where sections of the same names were, the others behind; without `merge` all others of ours are gone. */
function withBlocks(old: readonly Block[], file: string, news: Texts, merge: boolean): string {
  const waiting = new Map(news.filter(([k]) => k !== ""));
  let out = "";
  const put = (text: string): void => {
    out = ended(out) + text;
  };
  for (const b of old) {
    const own = b.type !== "" && ours(b, file);
    const text = own ? waiting.get(key(b)) : undefined;
    if (text !== undefined) {
      put(ended(text).replace(/^\n+/, ""));
      waiting.delete(key(b));
    } else if (!own || merge) put(blockText(b));
  }
  for (const text of waiting.values()) {
    const between = out === "" || /\n\s*\n$/.test(ended(out)) ? "" : "\n";
    out = `${ended(out)}${between}${text.trim()}\n`;
  }
  return out;
}
