// A router's configuration: interfaces of proto l2tpsec and nasdial in /etc/config/network; servers, users and the
// daemon in /etc/config/l2tpsec. A fault in one section affects only that section.

import { parsePrefix } from "../core/addr.ts";
import { wordsOf } from "../core/text.ts";
import { crossCheck } from "./cross.ts";
import { asWritten, byLogin, goodName, typed, unknownOption, values } from "./load.ts";
import { NASDIAL } from "./nasdial.ts";
import { type Given, joined, type Option, type Options, optionNamed, uciNames } from "./option.ts";
import { isList } from "./options.ts";
import {
  type Broken,
  type Config,
  type DaemonConfig,
  type InterfaceConfig,
  type RadiusConfig,
  SECTIONS,
  type ServerConfig,
  type UserConfig,
} from "./schema.ts";
import { type Fault, faultOf, isSerial, type Section, type Type, title } from "./section.ts";
import { parseUci, type UciSection, UciSyntaxError } from "./uci.ts";

interface UciFile {
  readonly name: "network" | "l2tpsec";
  readonly path: string;
  readonly text: string;
}
interface UciLoaded {
  readonly config: Config;
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
  /** Every file parsed as UCI; otherwise its sections are missing from `config`. */
  readonly whole: boolean;
}

/** Options of `config interface` that netifd itself uses, whatever the protocol. */
const NETIFD = new Set([
  "disabled",
  "device",
  "type",
  "zone",
  "jail",
  "jail_device",
  "jail_ifname",
  "host_device",
  "dns",
  "dns_search",
  "dns_metric",
  "renew",
  "interface",
  "ip6assign",
  "ip6hint",
  "ip4table",
  "ip6table",
  "ip6class",
  "delegate",
  "ip6ifaceid",
  "force_link",
  "ip6weight",
  "tags",
  "carrier_loss_delay",
  "checkup_interval",
  "multipath",
  "network",
]);
const TRUE = ["1", "true", "yes", "on"];

export function loadUci(files: readonly UciFile[]): UciLoaded {
  const faults: Fault[] = [];
  const warnings: string[] = [];
  const { sections, disabled, whole } = uciSections(files, faults, warnings);
  return { ...assemble({ sections, disabled }, faults, warnings), faults, warnings, whole };
}

/** Our sections as written, but for disabled ones: their names. */
export function uciSections(
  files: readonly UciFile[],
  faults: Fault[],
  warnings: string[],
): { readonly sections: Section[]; readonly disabled: string[]; readonly whole: boolean } {
  const sections: Section[] = [];
  const disabled: string[] = [];
  let whole = true;
  for (const file of files) {
    try {
      for (const s of parseUci(file.text)) {
        if (isDisabled(file, s)) {
          disabled.push(s.id);
          continue;
        }
        const section =
          file.name === "network" ? networkSection(file, s, faults, warnings) : ownSection(file, s, faults);
        if (section) sections.push(section);
      }
    } catch (e) {
      if (!(e instanceof UciSyntaxError)) throw e;
      whole = false;
      faults.push({ line: e.line, where: file.name, file: file.path, why: `${e.message}: UCI rejects the whole file` });
    }
  }
  return { sections, disabled, whole };
}

function isOurs(s: UciSection): boolean {
  const proto = s.options.get("proto")?.values[0];
  return s.type === "interface" && (proto === "l2tpsec" || proto === "nasdial");
}
/** As netifd reads it. */
function isDisabled(file: UciFile, s: UciSection): boolean {
  return file.name === "network" && isOurs(s) && TRUE.includes(s.options.get("disabled")?.values[0] ?? "");
}

function networkSection(file: UciFile, s: UciSection, faults: Fault[], warnings: string[]): Section | null {
  if (!isOurs(s)) return null;
  const one = (option: string): string => s.options.get(option)?.values[0] ?? "";
  const options: Options = one("proto") === "nasdial" ? NASDIAL : SECTIONS.interface;
  const section = checked(
    file,
    s,
    { type: "interface", options, called: uciNames(options) },
    faults,
    (option, names) => {
      if (NETIFD.has(option)) return true;
      // We share this file: an option that others may have put there is a warning, and only one that resembles
      // ours is a fault.
      const { why, near } = unknownOption("interface", option, names);
      if (!near) warnings.push(`network.${s.id}.${option}: ${why}; it is ignored`);
      return !near;
    },
  );
  // On by default, as for all netifd protocols and in LuCI's own field. An answering line carries no default route.
  if (!section.values.has("defaultroute") && one("role") !== "answer")
    section.values.set("defaultroute", { text: "1", line: s.line });
  return section;
}

function ownSection(file: UciFile, s: UciSection, faults: Fault[]): Section | null {
  const type = (["daemon", "server", "user", "radius"] as const).find((t) => t === s.type);
  if (type !== undefined) return checked(file, s, { type, options: SECTIONS[type], called: {} }, faults, () => false);
  faults.push({
    line: s.line,
    where: `l2tpsec.${s.id}`,
    file: file.path,
    why: `unknown kind of section ${JSON.stringify(s.type.slice(0, 40))}`,
    allowed: "daemon | server | user | radius",
  });
  return null;
}

interface Shape {
  readonly type: Type;
  readonly options: Options;
  readonly called: Readonly<Record<string, string>>;
}
type Values = Map<string, { text: string; line: number }>;

/** The section with its values as text. `foreign`: whether an option unknown to the schema is acceptable. */
function checked(
  file: UciFile,
  s: UciSection,
  { type, options, called }: Shape,
  faults: Fault[],
  foreign: (option: string, names: Options) => boolean,
): Section & { readonly values: Values } {
  const out: Values = new Map();
  const all = new Map<string, Given[]>();
  const name = type === "daemon" ? "" : s.id;
  const section = { type, name, line: s.line, values: out, path: `${file.name}.${s.id}`, file: file.path, called };
  if (type !== "daemon" && s.anonymous && !(type === "user" && s.options.has("username")))
    faults.push(faultOf(section, "", "the section has no name", `config ${s.type} 'NAME'`));
  else if (type !== "daemon" && type !== "user" && !goodName(name)) faults.push(faultOf(section, "", "invalid name"));
  const names: Options = Object.fromEntries(Object.entries(options).map(([n, o]) => [called[n] ?? n, o]));
  for (const [key, { values: list, line }] of s.options) {
    const known = optionNamed(names, key);
    if (!known) {
      const meant = NETIFD.has(key) || !Object.hasOwn(called, key) ? undefined : called[key];
      if (meant === undefined && foreign(key, names)) continue;
      const { why, allowed } =
        meant === undefined
          ? unknownOption(type, key, names)
          : { why: `is netifd's old name for device: use ${meant}`, allowed: undefined };
      faults.push({ ...faultOf({ ...section, called: {} }, key, why, allowed), line });
      continue;
    }
    const { option, nth } = known;
    const at = Object.keys(options).find((n) => options[n] === option) ?? key;
    if (list.length > 1 && !isList(option.kind)) {
      faults.push({ ...faultOf(section, at, "takes one value, not a list", option.kind.allowed), line });
      continue;
    }
    const given = list.map((text) => ({ nth, text, line }));
    if (given.some((g) => g.text !== "") || !(option.optional || option.def !== undefined))
      all.set(at, [...(all.get(at) ?? []), ...given]);
  }
  for (const [at, given] of all)
    out.set(at, { text: joined(options[at] as Option<unknown>, given), line: given[0]?.line ?? s.line });
  return section;
}

interface Read {
  readonly sections: readonly Section[];
  readonly disabled: readonly string[];
}
function assemble({ sections: all, disabled }: Read, faults: Fault[], warnings: string[]): { config: Config } {
  let good = byLogin(all, faults);
  for (const s of good) if (s.type !== "daemon") values(s, faults);
  const daemon = daemonOptions(good, faults);
  for (;;) {
    const bad = new Set(faults.map((f) => f.section));
    good = good.filter((s) => !bad.has(title(s)));
    const of = <T>(type: Type): T[] => good.filter((s) => s.type === type).map((s) => typed<T>(s, []));
    const config: Config = {
      daemon,
      interfaces: of<InterfaceConfig>("interface"),
      servers: of<ServerConfig>("server"),
      users: of<UserConfig>("user"),
      radius: of<RadiusConfig>("radius"),
      broken: broken(faults, all, good),
      disabled,
      raw: new Map(good.map((s) => [title(s), asWritten(s)])),
    };
    const found: Fault[] = [];
    const told: string[] = [];
    crossCheck(config, good, found, told);
    if (found.length > 0) {
      faults.push(...found);
      continue; // again without the invalid sections: others may depend on them
    }
    warnings.push(...told);
    faults.sort(byPlace);
    return { config: Object.freeze(config) };
  }
}

function byPlace(a: Fault, b: Fault): number {
  if (a.file === b.file) return a.line - b.line;
  return (a.file ?? "") < (b.file ?? "") ? -1 : 1;
}

/** The daemon always runs: an invalid daemon option keeps its default. */
function daemonOptions(sections: readonly Section[], faults: Fault[]): DaemonConfig {
  const none: Section = { type: "daemon", name: "", line: 1, values: new Map() };
  const given = sections.find((s) => s.type === "daemon") ?? none;
  const found: Fault[] = [];
  const out = values(given, found);
  const defaults = values(none, []);
  for (const [k, x] of Object.entries(out)) if (x === null) out[k] = defaults[k];
  for (const [k] of given.values) if (found.some((f) => f.where.endsWith(`.${k}`))) out[k] = defaults[k];
  faults.push(...found.map((f) => ({ ...f, section: "" })));
  return out as unknown as DaemonConfig;
}

function broken(faults: readonly Fault[], all: readonly Section[], good: readonly Section[]): Map<string, Broken> {
  const runs = new Set(good.filter((s) => s.type === "interface" || s.type === "server").map((s) => s.name));
  const out = new Map<string, Broken>();
  for (const f of faults) {
    const [, kind, name] = /^(interface|server) (.*)$/.exec(f.section ?? "") ?? [];
    if (name === undefined || runs.has(name)) continue;
    const text = `${f.where}: ${f.why}${f.allowed === undefined ? "" : ` (allowed: ${f.allowed})`}`;
    const known = out.get(name);
    out.set(
      name,
      known
        ? { ...known, why: `${known.why}; ${text}` }
        : {
            section: kind === "server" ? kind : "interface",
            why: text,
            guarded: readable(all.find((s) => title(s) === `interface ${name}`)),
          },
    );
  }
  return out;
}
/** The networks that a faulty section intends to guard. */
function readable(s: Section | undefined): readonly string[] {
  const killswitch = s?.values.get("killswitch")?.text;
  if (!s || isSerial(s) || s.values.get("ipsec")?.text === "off" || killswitch === "off") return [];
  const routes = wordsOf(s.values.get("routes")?.text ?? "").filter((r) => (parsePrefix(r)?.length ?? 0) > 0);
  return killswitch === "all" ? [...routes, "0.0.0.0/0", "::/0"] : routes;
}
