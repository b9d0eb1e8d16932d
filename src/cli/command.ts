// What a command of the program is. The table of them (commands.ts) is the only place that knows their names: parsing,
// the usage text, completion and the man page follow from it.
import type { Config } from "../config/schema.ts";
import type { ConfigSource } from "../config/source.ts";
import type { PkiMaker } from "../ports/pki.ts";
import type { Runtime } from "../ports/runtime.ts";

/** A wrong command line: the message, then the usage text; exit code 2. */
export class Usage extends Error {}

export type Completes = "name" | "file" | "dir" | readonly string[];

export interface Option {
  /** "FILE"; "[DIR]": may be left out; absent: a flag. */
  readonly value?: string;
  /** What `[DIR]` is when it is left out. */
  readonly without?: string;
  readonly completes?: Completes;
  readonly help: string;
}

interface Operand {
  /** "NAME"; "[NAME]": may be left out; "[NAME...]", the last one: any number. */
  readonly word: string;
  readonly completes?: Completes;
  /** "up needs the name of an interface or server". */
  readonly needed?: string;
}

export interface Command<O extends string = string> {
  /** One word, or two: "status", "cert ca". */
  readonly name: string;
  readonly operands: readonly Operand[];
  readonly options: readonly O[];
  /** It reads or writes a configuration: exactly one of --config and --uci is given. */
  readonly configuration?: true;
  readonly help: string;
  run(c: Call): void | Promise<void>;
}

/** What the daemon's composition gives: the commands know neither planes nor protocols. */
export interface Program {
  readonly rt: Runtime;
  daemon(source: ConfigSource, syslog: boolean): Promise<void>;
  probe(): void;
  /** What makes keys and certificates; null: no libcrypto. Throws SystemError. */
  maker(): PkiMaker | null;
  /** What is wrong with the files that a configuration names, a sentence each. */
  fileFaults(config: Config): readonly string[];
}

/** A command line as parsed. */
export interface Call extends Program {
  readonly command: string;
  /** Operands. */
  readonly words: readonly string[];
  readonly flags: ReadonlySet<string>;
  /** Of options with a value, by "--config". */
  readonly values: ReadonlyMap<string, string>;
}
