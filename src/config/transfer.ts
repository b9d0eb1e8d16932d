// Export and import of a configuration as text: sections are moved whole, as they were written, comments included.
import { type Block, blocks, blockText, optionOf, withoutSecrets } from "./blocks.ts";
import { byLogin, sectionsOf } from "./load.ts";
import { type Fault, faultLine, type Section, title } from "./section.ts";
import { type Files, loadText } from "./source.ts";
import { UciSyntaxError } from "./uci.ts";
import { uciSections } from "./uci-load.ts";
import { type Format, writeSection } from "./write.ts";

/** The text of a file that somebody gave us, in whichever format. */
export interface Given {
  readonly path: string;
  readonly text: string;
}
/** What to write, or every fault: FILE:LINE section.option: why. */
export type Change =
  | { readonly files: readonly { readonly path: string; readonly text: string }[]; readonly sections: number }
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
function formatOf(text: string): Format {
  const first = text
    .replace(/^\ufeff/, "")
    .split(/\r\n|\r|\n/)
    .find((l) => !/^\s*(?:[#;]|$)/.test(l));
  return /^\s*(?:package|config|p|c)\s/.test(first ?? "") ? "uci" : "ini";
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

/** The sections in `given`, or its faults. A router's file is checked file by file, with the lines of the whole. */
function read(given: Given, faults: string[]): { sections: Section[]; blocks: Block[]; format: Format } {
  const format = formatOf(given.text);
  const found: Fault[] = [];
  const done = (sections: Section[], all: Block[]): { sections: Section[]; blocks: Block[]; format: Format } => {
    faults.push(...found.map((f) => faultLine(given.path, f)));
    return { sections, blocks: all, format };
  };
  if (format === "ini") {
    const checked = loadText({ format, texts: new Map([["", given]]) });
    faults.push(...checked.faults);
    return { sections: sectionsOf(given.text, []), blocks: blocks(given.text, "ini"), format };
  }
  try {
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
    const checked = loadText({ format, texts });
    faults.push(...checked.faults);
    const files = [...texts].map(([name, x]) => ({ name: name as "network" | "l2tpsec", ...x }));
    return done(byLogin(uciSections(files, [], []).sections, []), all);
  } catch (e) {
    if (!(e instanceof UciSyntaxError)) throw e;
    found.push({ line: e.line, where: "uci", why: e.message });
    return done([], []);
  }
}

/**
 * `given` in place of our part of `to`; with `merge`, in place of those sections alone that it has. All of it is
 * checked, before and after; nothing is written here.
 */
export function imported(given: Given, to: Files, merge: boolean): Change {
  const faults: string[] = [];
  const from = read(given, faults);
  if (faults.length > 0) return { faults };
  return replaced(to, merge, from.sections, from.format === to.format ? from.blocks : null);
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
  return { files: files.filter((f, i) => f.text !== [...to.texts.values()][i]?.text), sections: sections.length };
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
