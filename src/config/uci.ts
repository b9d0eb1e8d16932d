// UCI's text format, as libuci reads it: package, config, option and list, with its quoting; syntax only.

interface UciOption {
  /** One value, or the items of a list in order. */
  readonly values: readonly string[];
  readonly list: boolean;
  readonly line: number;
}
export interface UciSection {
  readonly type: string;
  /** "hq", or "@interface[0]" where the section has no name. */
  readonly id: string;
  readonly anonymous: boolean;
  readonly line: number;
  readonly options: ReadonlyMap<string, UciOption>;
}

/** The file is refused as a whole, as libuci does. */
export class UciSyntaxError extends Error {
  override readonly name = "UciSyntaxError";
  readonly line: number;
  constructor(line: number, why: string) {
    super(why);
    this.line = line;
  }
}

const NAME = /^[A-Za-z0-9_]+$/;
const TYPE = /^[\x21-\x7e]+$/;
const SPACE = /[ \t\r\v\f]/;

interface Statement {
  readonly words: readonly string[];
  readonly line: number;
  /** Where it is in the text, with the comment and the newline behind it. */
  readonly from: number;
  readonly to: number;
}
/** Every statement of the text. Throws UciSyntaxError. */
export function statements(text: string): readonly Statement[] {
  const out: Statement[] = [];
  const input = new Words(text);
  for (let s = input.next(); s !== null; s = input.next()) out.push(s);
  return out;
}

/** Splits text into statements of words; quotes may span lines, and may begin inside a word. */
class Words {
  readonly #text: string;
  #at = 0;
  line = 1;
  constructor(text: string) {
    this.#text = text;
  }
  /** The next non-empty statement; null at the end. */
  next(): Statement | null {
    while (this.#at < this.#text.length) {
      const from = this.#at;
      const line = this.line;
      const words = this.#statement();
      if (words.length > 0) return { words, line, from, to: this.#at };
    }
    return null;
  }
  #statement(): string[] {
    const words: string[] = [];
    for (;;) {
      const c = this.#peek();
      if (c === "" || c === "\n" || c === ";") {
        this.#take();
        return words;
      }
      if (c === "#") this.#comment();
      else if (SPACE.test(c)) this.#take();
      else words.push(this.#word());
    }
  }
  #word(): string {
    let out = "";
    for (;;) {
      const c = this.#peek();
      if (c === "" || c === "\n" || c === ";" || c === "#" || SPACE.test(c)) return out;
      this.#take();
      if (c === "'" || c === '"') out += this.#quoted(c);
      else out += c === "\\" ? this.#escaped() : c;
    }
  }
  #quoted(quote: string): string {
    const opened = this.line;
    for (let out = ""; ; ) {
      const c = this.#take();
      if (c === "") throw new UciSyntaxError(opened, `a quote ${quote} is opened here and not closed`);
      if (c === quote) return out;
      out += c === "\\" && quote === '"' ? this.#escaped() : c;
    }
  }
  /** The character after a backslash; a backslash at the end of a line continues it. */
  #escaped(): string {
    if (this.#peek() === "\r" && this.#text[this.#at + 1] === "\n") this.#take();
    const c = this.#take();
    return c === "\n" ? "" : c;
  }
  #comment(): void {
    while (this.#peek() !== "" && this.#peek() !== "\n") this.#take();
  }
  #peek(): string {
    return this.#text[this.#at] ?? "";
  }
  #take(): string {
    const c = this.#peek();
    if (c === "\n") this.line++;
    if (c !== "") this.#at++;
    return c;
  }
}

interface Open {
  type: string;
  readonly id: string;
  readonly anonymous: boolean;
  readonly line: number;
  readonly options: Map<string, UciOption>;
}

/** The sections of one file, in order. A repeated name continues its section. Throws UciSyntaxError. */
export function parseUci(text: string): UciSection[] {
  const out: Open[] = [];
  const counts = new Map<string, number>();
  let section: Open | null = null;
  for (const { words, line } of statements(text)) {
    const [command = "", a, b = ""] = words;
    // The file's text is not repeated: after a misplaced quote it may be a secret.
    const named = (what: string, rule: RegExp): string => {
      if (a === undefined || a === "") throw new UciSyntaxError(line, `${command} without ${what}`);
      if (!rule.test(a)) throw new UciSyntaxError(line, `${command}: invalid ${what}`);
      return a;
    };
    switch (command) {
      case "package":
      case "p":
        named("name", NAME);
        break;
      case "config":
      case "c": {
        const type = named("type", TYPE);
        if (b !== "" && !NAME.test(b))
          throw new UciSyntaxError(line, "config: invalid name (letters, digits and _ only)");
        const nth = counts.get(type) ?? 0;
        counts.set(type, nth + 1);
        const known = b === "" ? undefined : out.find((x) => x.id === b);
        if (known) known.type = type;
        section = known ?? {
          type,
          id: b === "" ? `@${type}[${nth}]` : b,
          anonymous: b === "",
          line,
          options: new Map(),
        };
        if (!known) out.push(section);
        break;
      }
      case "option":
      case "o":
      case "list":
      case "l": {
        const name = named("name", NAME);
        if (section === null) throw new UciSyntaxError(line, `${command} before the first section`);
        if (!command.startsWith("l")) section.options.set(name, { values: [b], list: false, line });
        else if (b !== "")
          section.options.set(name, { values: [...(section.options.get(name)?.values ?? []), b], list: true, line });
        break;
      }
      default:
        throw new UciSyntaxError(line, "expected config, option or list");
    }
  }
  return out;
}
