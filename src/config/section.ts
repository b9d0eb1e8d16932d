// A section as written, and the faults found in it.
import type { SECTIONS } from "./schema.ts";

/** One fault of the configuration: where, why, and what is allowed. */
export interface Fault {
  readonly line: number;
  /** "interface hq.mtu". */
  readonly where: string;
  readonly why: string;
  readonly allowed?: string;
  /** The file, when there are several. */
  readonly file?: string;
  /** The unusable section, as `title` names it. */
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
  /** UCI: option names that differ from the schema's. */
  readonly called?: Readonly<Record<string, string>>;
}

/** Whether it is an interface of proto nasdial, which has its own options. */
export function isSerial(s: Section): boolean {
  return s.type === "interface" && s.values.get("proto")?.text === "nasdial";
}
export function title(s: { readonly type: string; readonly name: string }): string {
  return s.name === "" ? s.type : `${s.type} ${s.name}`;
}
/** A fault of `s`, or of one of its options, at the option's line where it has one. */
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
