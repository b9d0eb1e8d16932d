// A section as it was written, and what is said of one that is wrong.
import type { SECTIONS } from "./schema.ts";

/** One thing wrong with the configuration: where, why, and what would be right. */
export interface Fault {
  readonly line: number;
  /** "interface hq.mtu". */
  readonly where: string;
  readonly why: string;
  readonly allowed?: string;
  /** Of several files, the one it stands in. */
  readonly file?: string;
  /** The section that cannot be used, as `title` names it. */
  readonly section?: string;
}

/** `FILE:LINE section.option: why (allowed: ...)`. */
export function faultLine(file: string, f: Fault): string {
  return `${f.file ?? file}:${f.line} ${f.where}: ${f.why}${f.allowed === undefined ? "" : ` (allowed: ${f.allowed})`}`;
}

export type Type = keyof typeof SECTIONS;
/** One section as written. */
export interface Section {
  readonly type: Type;
  readonly name: string;
  readonly line: number;
  readonly values: ReadonlyMap<string, { readonly text: string; readonly line: number }>;
  /** UCI: "network.hq", and the file. */
  readonly path?: string;
  readonly file?: string;
  /** UCI: what an option is called there, where that is not the schema's name. */
  readonly called?: Readonly<Record<string, string>>;
}

/** An interface of proto nasdial has options of its own. */
export function isSerial(s: Section): boolean {
  return s.type === "interface" && s.values.get("proto")?.text === "nasdial";
}
export function title(s: { readonly type: string; readonly name: string }): string {
  return s.name === "" ? s.type : `${s.type} ${s.name}`;
}
/** One thing wrong with `s`; with an option, at its line where it has one. */
export function faultOf(s: Section, option: string, why: string, allowed?: string): Fault {
  const called = s.called && Object.hasOwn(s.called, option) ? s.called[option] : option;
  const behind = option === "" && s.path !== undefined ? "" : `.${called}`;
  return {
    line: s.values.get(option)?.line ?? s.line,
    where: `${s.path ?? title(s)}${behind}`,
    why,
    section: title(s),
    ...(allowed === undefined ? {} : { allowed }),
    ...(s.file === undefined ? {} : { file: s.file }),
  };
}
