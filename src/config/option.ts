// What is known of an option, once: kind of value, default, help, and where a router's form shows it.
import { joinerOf, type Kind } from "./options.ts";

/** The words of an option. None of them holds < > or &: LuCI draws them as HTML. */
export interface Words {
  /** The tab of LuCI's form; null: no form has it. */
  readonly tab: string | null;
  /** Its name on the form. */
  readonly title: string;
  readonly help: string;
  /** What the form says besides. */
  readonly form?: string;
  /** The name in /etc/config/network, where netifd and LuCI take this one for their own. */
  readonly uci?: string;
  /** The form shows it only while these options have these values. */
  readonly when?: Readonly<Record<string, string>>;
  /** The form refuses `value` while the option `other` has any. */
  readonly against?: { readonly value: string; readonly other: string; readonly why: string };
  /** Not handed to netifd, which writes what it knows into its handler's arguments. */
  readonly mayHoldSecret?: true;
  /** Names that older configurations have for it; of a list: for its further items, in this order. */
  readonly formerly?: readonly string[];
}
export interface Option<T> extends Words {
  readonly kind: Kind<T>;
  /** As it would be written in the file. Without one the option is required, or null when `optional`. */
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

/** What options are called in /etc/config/network, where that is another name. */
export function uciNames(options: Options): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, o]) => (o.uci === undefined ? [] : [[name, o.uci]])),
  );
}

/** One value as it stands in a file. */
export interface Given {
  /** 0 for the option's own name, 1 and so on for its former ones. */
  readonly nth: number;
  readonly text: string;
  readonly line: number;
}
/** The option that a name in a file means, and by which of its names; null: none. */
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
 * The values of one option as one text. Former names of a list stood for its further items, so its default comes before
 * them.
 */
export function joined(o: Option<unknown>, given: readonly Given[]): string {
  const sorted = [...given].sort((a, b) => a.nth - b.nth);
  const texts = sorted.map((g) => g.text);
  const first = sorted[0]?.nth !== 0 && o.formerly && o.def !== undefined ? [o.def] : [];
  return [...first, ...texts].join(joinerOf(o.kind));
}
