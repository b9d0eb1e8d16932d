// A router's configuration as rpcd has it: what is applied, and what waits to be.
import type { Bus } from "./router.ts";

type Value = string | readonly string[];
export type Section = Readonly<Record<string, Value>>;
type Files = Record<string, Record<string, Record<string, Value>>>;

export class UciDouble {
  files: Files;
  #applied: string;
  /** Every staged change: config, section. */
  staged: (readonly [config: string, section: string, what: string])[] = [];
  #added = 0;

  constructor(files: Readonly<Record<string, Readonly<Record<string, Section>>>>) {
    this.files = structuredClone(files) as Files;
    this.#applied = JSON.stringify(this.files);
  }
  apply(): void {
    this.#applied = JSON.stringify(this.files);
    this.staged = [];
  }
  #file(config: string): Record<string, Record<string, Value>> {
    this.files[config] ??= {};
    return this.files[config];
  }
  bus(): Bus {
    type Args = { config: string; section: string; type: string; name?: string } & Record<string, unknown>;
    const shown = (config: string): unknown =>
      Object.fromEntries(
        Object.entries(this.#file(config)).map(([name, s], i) => [name, { ...s, ".name": name, ".index": i }]),
      );
    const set = (a: Args): unknown => {
      Object.assign(this.#file(a.config)[a.section] ?? {}, a["values"]);
      this.staged.push([a.config, a.section, `set ${JSON.stringify(a["values"])}`]);
      return [0];
    };
    return {
      "uci get": (a: Args) => ({ values: shown(a.config) }),
      "uci add": (a: Args) => {
        const section = a.name ?? `cfg${this.#added++}`;
        this.#file(a.config)[section] = { ".type": a.type };
        this.staged.push([a.config, section, `add ${a.type}`]);
        if (a["values"]) set({ ...a, section });
        return { section };
      },
      "uci set": set,
      "uci delete": (a: Args) => {
        const s = this.#file(a.config)[a.section];
        const options = (a["options"] ?? (a["option"] === undefined ? [] : [a["option"]])) as string[];
        for (const o of options) delete s?.[o];
        if (options.length === 0) delete this.#file(a.config)[a.section];
        this.staged.push([a.config, a.section, `delete ${options}`]);
        return [0];
      },
      "uci order": () => [0],
      "uci revert": (a: Args) => {
        this.files[a.config] = (JSON.parse(this.#applied) as Files)[a.config] ?? {};
        this.staged = this.staged.filter(([c]) => c !== a.config);
        return [0];
      },
      "uci changes": (a: Partial<Args>) => {
        const of = (config: string): unknown =>
          this.staged.filter(([c]) => c === config).map(([, section, what]) => [what.split(" ")[0], section, what]);
        if (a.config !== undefined) return { changes: of(a.config) };
        return { changes: Object.fromEntries(this.staged.map(([c]) => [c, of(c)])) };
      },
    };
  }
}
