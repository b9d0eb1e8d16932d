// The definition of an option: kind of value, default, help text, and its place in a router's form.
import { joinerOf, type Kind } from "./options.ts";

/**
 * The tabs of a form: what everybody needs; keys and who proves what to whom; what is changed for a reason; what
 * hardly anybody changes.
 */
export type Tab = "general" | "security" | "advanced" | "expert";

/** The texts of an option. None may hold < > or &: LuCI renders them as HTML. */
export interface Words {
  /** The tab of LuCI's form; null: in no form. */
  readonly tab: Tab | null;
  /** Its name on the form. */
  readonly title: string;
  readonly help: string;
  /** Additional help, shown only in the form. */
  readonly form?: string;
  /** The name in /etc/config/network, where netifd and LuCI reserve the schema's name. */
  readonly uci?: string;
  /** The form shows it only while these options have these values. */
  readonly when?: Readonly<Record<string, string>>;
  /** The values in words, for the form; a yes or no with these (by "1" and "0") becomes a choice there. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What the form offers to choose from: serial devices, uploaded files, server sections, interfaces, or our own. */
  readonly offer?: "serial" | "upload" | "server" | "interface" | "link";
  /** The form refuses `value` while the option `other` has any. */
  readonly against?: { readonly value: string; readonly other: string; readonly why: string };
  /** Not passed to netifd, which puts its options on its handler's command line. */
  readonly mayHoldSecret?: true;
  /** Former names; for a list: former names of its further items, in this order. */
  readonly formerly?: readonly string[];
}
export interface Option<T> extends Words {
  readonly kind: Kind<T>;
  /** As written in the file. Without a default the option is required, or null when `optional`. */
  readonly def?: string;
  readonly optional?: true;
}
export const required = <T>(kind: Kind<T>, words: Words): Option<T> => ({ kind, ...words });
export const optional = <T>(kind: Kind<T>, words: Words): Option<T | null> => ({
  kind: kind as Kind<T | null>,
  optional: true,
  ...words,
});
export const withDefault = <T>(kind: Kind<T>, def: string, words: Words): Option<T> => ({ kind, def, ...words });

export type Options = Readonly<Record<string, Option<unknown>>>;
export type ValuesOf<S> = { readonly [K in keyof S]: S[K] extends Option<infer T> ? T : never };
export type Named<T> = T & { readonly name: string };

/** The names in /etc/config/network that differ from the schema's. */
export function uciNames(options: Options): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, o]) => (o.uci === undefined ? [] : [[name, o.uci]])),
  );
}

/** One value as written in a file. */
export interface Given {
  /** 0: the option's own name; 1 and up: its former names. */
  readonly nth: number;
  readonly text: string;
  readonly line: number;
}
/** The option that a name in a file refers to, and which of its names that is; null: unknown. */
export function optionNamed(
  options: Options,
  key: string,
): { readonly name: string; readonly option: Option<unknown>; readonly nth: number } | null {
  for (const [name, option] of Object.entries(options)) {
    const nth = [name, ...(option.formerly ?? [])].indexOf(key);
    if (nth >= 0) return { name, option, nth };
  }
  return null;
}
/** Whether the option may be given more than once in an INI file. */
export function repeats(o: Option<unknown>): boolean {
  return joinerOf(o.kind) === "\n";
}
/**
 * The values of one option as one text. Former names of a list were its further items, so its default precedes them.
 */
export function joined(o: Option<unknown>, given: readonly Given[]): string {
  const sorted = [...given].sort((a, b) => a.nth - b.nth);
  const texts = sorted.map((g) => g.text);
  const first = sorted[0]?.nth !== 0 && o.formerly && o.def !== undefined ? [o.def] : [];
  return [...first, ...texts].join(joinerOf(o.kind));
}
