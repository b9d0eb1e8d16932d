// LuCI's modules as far as an option table and a form need them, to run the sources in Node.
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Grammar } from "../../src/config/grammar.ts";

export interface Widget {
  name: string;
  tab: string | null;
  type: string;
  title: string;
  help: string;
  values: string[];
  /** Shown with these values of others only. */
  on: Readonly<Record<string, string>>;
  default?: string;
  placeholder?: string;
  password?: boolean;
  validate?: (sectionId: string, value: string) => true | string;
  onchange?: (event: unknown, sectionId: string, value: string) => void;
  /** The value that a browser would have in the field. */
  entered?: string;
  judged: number;
  triggerValidation(sectionId: string): boolean;
}
export interface LuciOption {
  readonly name: string;
  readonly help: string;
  readonly title: string;
  readonly def?: string;
  readonly required?: boolean;
  readonly uci?: string;
  readonly grammar: Grammar;
  readonly allowed: string;
}
export interface OptionTable {
  readonly SECTIONS: Readonly<Record<string, readonly LuciOption[]>>;
  read(g: Grammar, s: string): unknown;
}
export interface Forms {
  check(o: LuciOption, value: string): true | string;
  add(s: FormSection, list: readonly LuciOption[], tabs: boolean, generate?: boolean): void;
  secret(): string;
}

export class FormSection {
  readonly widgets: Widget[] = [];
  readonly tabs: string[] = ["general", "advanced"];
  readonly map = {};
  tab(name: string, _title?: string, _help?: string): void {
    if (this.tabs.includes(name)) throw new Error("Tab already declared");
    this.tabs.push(name);
  }
  taboption(
    tab: string | null,
    type: string,
    name: string,
    title: string,
    help: string,
  ): Widget & { value(v: string): void; depends(on: Widget["on"]): void } {
    if (tab !== null && !this.tabs.includes(tab)) throw new ReferenceError(`no tab ${tab}`);
    const values: string[] = [];
    const w = {
      name,
      tab,
      type,
      title,
      help,
      values,
      on: {} as Widget["on"],
      judged: 0,
      triggerValidation(): boolean {
        this.judged++;
        return true;
      },
      value: (v: string): void => void values.push(v),
      depends(on: Widget["on"]): void {
        w.on = on;
      },
    };
    this.widgets.push(w);
    return w;
  }
  getOption(name: string): Widget | null {
    return this.widgets.find((w) => w.name === name) ?? null;
  }
  formvalue(_: string, name: string): string | null {
    return this.getOption(name)?.entered ?? null;
  }
  option(type: string, name: string, title: string, help: string): Widget {
    return this.taboption(null, type, name, title, help);
  }
}

const format = (s: string, args: readonly unknown[]): string => {
  let i = 0;
  return s.replace(/%[ds]/g, () => String(args[i++]));
};

/** Runs one LuCI source file: `require` lines become its arguments, as LuCI's loader does it. */
export function load(file: string, modules: Readonly<Record<string, unknown>>): unknown {
  const source = readFileSync(file, "utf8");
  const needs = [...source.matchAll(/^'require ([\w.-]+)(?: as (\w+))?';$/gm)].map((m) => ({
    module: m[1] as string,
    as: m[2] ?? (m[1] as string),
  }));
  for (const n of needs) if (!(n.module in modules)) throw new Error(`${file} requires ${n.module}`);
  Object.defineProperty(String.prototype, "format", {
    value(this: string, ...args: unknown[]) {
      return format(this, args);
    },
    configurable: true,
  });
  return new Function("_", "window", ...needs.map((n) => n.as), source)(
    (s: string) => s,
    { crypto: webcrypto },
    ...needs.map((n) => modules[n.module]),
  );
}

const PROTO = "openwrt/luci-proto-l2tpsec/htdocs/luci-static/resources";
const form = {
  Flag: "Flag",
  ListValue: "ListValue",
  DynamicList: "DynamicList",
  Value: "Value",
  FileUpload: "FileUpload",
};

const baseclass = { extend: (x: unknown): unknown => x };

export function loadOptions(): OptionTable {
  return load(`${PROTO}/l2tpsec/options.js`, { baseclass }) as OptionTable;
}
export function loadForms(): Forms {
  const modules = { baseclass, form, fs: {}, uci: {}, "l2tpsec.options": loadOptions() };
  return load(`${PROTO}/l2tpsec/forms.js`, modules) as Forms;
}
export function loadWords(): { state(s: object): string; step(state: string): string } {
  return load(`${PROTO}/l2tpsec/words.js`, { baseclass }) as ReturnType<typeof loadWords>;
}

export interface Protocol {
  renderFormOptions(s: FormSection): void;
  getI18n(): string;
  getErrors(): string[] | null;
}
export function loadProtocol(): {
  protocol: Protocol;
  nasdial: Protocol;
  errors: Map<string, string>;
  virtual: RegExp[];
} {
  const errors = new Map<string, string>();
  const virtual: RegExp[] = [];
  const protocols = new Map<string, Protocol>();
  const network = {
    registerPatternVirtual: (r: RegExp): void => void virtual.push(r),
    registerErrorCode: (code: string, text: string): void => void errors.set(code, text),
    registerProtocol: (name: string, p: Protocol): unknown => protocols.set(name, p) && p,
  };
  load(`${PROTO}/protocol/l2tpsec.js`, {
    network,
    "l2tpsec.errors": load(`${PROTO}/l2tpsec/errors.js`, { baseclass }),
    "l2tpsec.options": loadOptions(),
    "l2tpsec.forms": loadForms(),
    "l2tpsec.words": loadWords(),
    form,
    uci: {},
    ui: {},
    rpc: { declare: () => () => {} },
  });
  const [protocol, nasdial] = [protocols.get("l2tpsec"), protocols.get("nasdial")];
  if (!protocol || !nasdial) throw new Error("a protocol is not registered");
  return { protocol, nasdial, errors, virtual };
}
