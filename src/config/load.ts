// The configuration file: INI text to a frozen Config, or every fault at once.
import * as v from "valibot";
import { linesOf } from "../core/text.ts";
import { crossCheck } from "./cross.ts";
import { readValue } from "./ini-value.ts";
import { NASDIAL } from "./nasdial.ts";
import { type Given, joined, type Option, type Options, optionNamed, repeats } from "./option.ts";
import { isSecret } from "./options.ts";
import type { Config } from "./schema.ts";
import {
  type DaemonConfig,
  type InterfaceConfig,
  type RadiusConfig,
  SECTIONS,
  type ServerConfig,
  type UserConfig,
} from "./schema.ts";
import { type Fault, faultOf, isSerial, type Section, type Type, title } from "./section.ts";

type Loaded =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** Of interfaces and servers; __proto__ cannot be a key in an object of the control API. */
const NAME = /^(?!__proto__$)[A-Za-z0-9_-]{1,64}$/;
/** U+FFFD, which decoding puts for invalid UTF-8, or a lone surrogate. */
const NOT_UTF8 = /[\ufffd\ud800-\udfff]/u;
export function goodName(name: string): boolean {
  return NAME.test(name);
}

export function load(text: string): Loaded {
  const faults: Fault[] = [];
  const sections = sectionsOf(text, faults);
  const raw = new Map<string, string>();
  let daemon = sections.find((s) => s.type === "daemon");
  daemon ??= { type: "daemon", name: "", line: 1, values: new Map() };
  const of = <T>(type: Type): T[] => sections.filter((s) => s.type === type).map((s) => typed<T>(s, faults));
  const config: Config = {
    daemon: values(daemon, faults) as unknown as DaemonConfig,
    interfaces: of<InterfaceConfig>("interface"),
    servers: of<ServerConfig>("server"),
    users: of<UserConfig>("user"),
    radius: of<RadiusConfig>("radius"),
    broken: new Map(),
    disabled: [],
    raw,
  };
  for (const s of sections) raw.set(title(s), asWritten(s));
  const warnings: string[] = [];
  for (const s of sections)
    if (s.type === "interface" && s.values.has("tunlink"))
      faults.push(faultOf(s, "tunlink", "is for OpenWrt's netifd alone: here the routes of the system decide"));
  if (faults.length === 0) crossCheck(config, sections, faults, warnings);
  if (faults.length > 0) return { ok: false, faults: faults.sort((a, b) => a.line - b.line) };
  return { ok: true, config: Object.freeze(config), warnings };
}

/**
 * A user's section is named by its login name, if it gives one: UCI section names hold only letters, digits and _.
 */
export function byLogin(sections: readonly Section[], faults: Fault[]): Section[] {
  const out = new Map<string, Section>();
  for (const s of sections) {
    const login = s.type === "user" ? s.values.get("username")?.text : undefined;
    const named = login === undefined ? s : { ...s, name: login };
    const first = out.get(title(named));
    if (first)
      faults.push({
        ...faultOf(
          s,
          login === undefined ? "" : "username",
          `the section appears twice; the first one, in line ${first.line}, is used`,
        ),
        section: "",
      });
    else out.set(title(named), named);
  }
  return [...out.values()];
}
/** Options in a fixed order, to detect changes. Holds secrets. */
export function asWritten(s: Section): string {
  return JSON.stringify([...s.values].map(([k, x]) => [k, x.text]).sort());
}
/** The fault text for an unknown option, with the closest known name. */
export function unknownOption(
  type: Type,
  key: string,
  options: Options = SECTIONS[type],
): { readonly why: string; readonly near: boolean; readonly allowed?: string } {
  const names = Object.keys(options);
  const near = names.find((o) => o.replaceAll("_", "") === key.toLowerCase().replace(/[_-]/g, ""));
  return near === undefined
    ? { why: "unknown option", near: false, allowed: names.join(" ") }
    : { why: `unknown option, did you mean ${near}?`, near: true };
}

/** The sections of a text, users by their login. */
export function sectionsOf(text: string, faults: Fault[]): Section[] {
  return byLogin(split(text, faults), faults);
}
/** Splits the text into sections, and these into values with their line numbers. */
function split(text: string, faults: Fault[]): Section[] {
  const out: Section[] = [];
  const seen = new Set<string>();
  let body: { type: Type; name: string; line: number; lines: { key: string; raw: string; line: number }[] } | null =
    null;
  const close = (): void => {
    if (body) out.push({ type: body.type, name: body.name, line: body.line, values: read(body, faults) });
    body = null;
  };
  let skipping = false;
  for (const [i, rawLine] of linesOf(text.replace(/^\ufeff/, "")).entries()) {
    const line = i + 1;
    const t = trimmed(rawLine);
    if (t === "" || t.startsWith(";") || t.startsWith("#")) continue;
    const head = /^\[\s*(\S+?)(?:\s+"?([^"\]]*?)"?)?\s*\]\s*(?:[;#].*)?$/.exec(t);
    if (head) {
      close();
      const type = head[1] as string;
      const name = (head[2] ?? "").trim();
      const where = name === "" ? type : `${type} ${name}`;
      skipping = true;
      if (!Object.hasOwn(SECTIONS, type)) {
        faults.push({
          line,
          where,
          why: "unknown kind of section",
          allowed: "[daemon] [interface NAME] [server NAME] [user NAME] [radius NAME]",
        });
      } else if (type === "daemon" ? name !== "" : name === "") {
        faults.push({
          line,
          where,
          why: type === "daemon" ? "the daemon section has no name" : "the section has no name",
          allowed: type === "daemon" ? "[daemon]" : `[${type} NAME]`,
        });
      } else if (type !== "daemon" && type !== "user" && !goodName(name)) {
        faults.push({ line, where, why: "invalid name", allowed: "1 to 64 letters, digits, _ and -" });
      } else if (name.length > 255 || NOT_UTF8.test(name)) {
        faults.push({ line, where: type, why: "the name is too long, or not UTF-8", allowed: "255 characters" });
      } else if (seen.has(where)) {
        faults.push({ line, where, why: "the section appears twice" });
      } else {
        seen.add(where);
        skipping = false;
        body = { type: type as Type, name, line, lines: [] };
      }
      continue;
    }
    if (t.startsWith("[")) {
      close();
      skipping = true;
      faults.push({
        line,
        where: t.slice(0, 40),
        why: "not a section header",
        allowed: "[KIND NAME] alone on its line",
      });
      continue;
    }
    const eq = t.indexOf("=");
    const key = trimmed(eq < 0 ? t : t.slice(0, eq));
    if (body) body.lines.push({ key, raw: eq < 0 ? "" : trimmed(t.slice(eq + 1)), line });
    else if (!skipping) faults.push({ line, where: key.slice(0, 40), why: "appears before the first section" });
  }
  close();
  return out;
}

function trimmed(s: string): string {
  return s.replace(/^[ \t]+|[ \t]+$/g, "");
}

function read(
  body: { type: Type; name: string; lines: readonly { key: string; raw: string; line: number }[] },
  faults: Fault[],
): Section["values"] {
  const all = new Map<string, Given[]>();
  const serial =
    body.type === "interface" && body.lines.some((l) => l.key === "proto" && readValue(l.raw, false) === "nasdial");
  const options: Options = serial ? NASDIAL : SECTIONS[body.type];
  for (const { key, raw, line } of body.lines) {
    const where = `${title(body)}.${key.slice(0, 40)}`;
    const known = optionNamed(options, key);
    if (!known) {
      const { why, allowed } = unknownOption(body.type, key, options);
      faults.push({ line, where, why, ...(allowed === undefined ? {} : { allowed }) });
      continue;
    }
    const { name, option, nth } = known;
    const before = all.get(name)?.find((g) => g.nth === nth);
    if (before && !(nth === 0 && repeats(option))) {
      faults.push({ line, where, why: `set twice, first in line ${before.line}` });
      continue;
    }
    const text = readValue(raw, isSecret(option.kind));
    if (typeof text !== "string") {
      faults.push({ line, where, ...text });
      continue;
    }
    if (text === "" && (option.optional || nth > 0)) continue; // "option =" is the same as leaving it out
    all.set(name, [...(all.get(name) ?? []), { nth, text, line }]);
  }
  return new Map(
    [...all].map(([name, given]) => [
      name,
      { text: joined(options[name] as Option<unknown>, given), line: given[0]?.line ?? 0 },
    ]),
  );
}

/** Parses a section's options by the schema; an invalid one adds a fault and becomes null. */
export function typed<T>(s: Section, faults: Fault[]): T {
  const v = values(s, faults);
  return Object.freeze({ ...v, ...(s.type === "interface" ? wholeNetworks(v) : {}), name: s.name }) as unknown as T;
}
/** 0.0.0.0/0 and ::/0 in an interface's routes are its default route. (crossCheck handles ::/0 without ipv6.) */
function wholeNetworks(v: Record<string, unknown>): Record<string, unknown> {
  const routes = (v["routes"] as readonly string[] | null) ?? [];
  const rest = routes.filter((r) => r !== "0.0.0.0/0" && (r !== "::/0" || v["ipv6"] === "no"));
  return rest.length === routes.length ? {} : { routes: rest.length === 0 ? null : rest, defaultroute: true };
}
export function values(s: Section, faults: Fault[]): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, o] of Object.entries(isSerial(s) ? (NASDIAL as Options) : (SECTIONS[s.type] as Options))) {
    const given = s.values.get(key);
    const text = given?.text ?? o.def;
    if (text === undefined) {
      out[key] = null;
      if (!o.optional) faults.push(faultOf(s, key, "is missing", o.kind.allowed));
      continue;
    }
    if (NOT_UTF8.test(text)) {
      out[key] = null;
      faults.push(faultOf(s, key, "contains bytes that are not UTF-8"));
      continue;
    }
    const r = v.safeParse(o.kind.schema, text);
    if (r.success) {
      out[key] = r.output;
      continue;
    }
    const shown = isSecret(o.kind) ? "the value" : JSON.stringify(text.slice(0, 60));
    faults.push(faultOf(s, key, `${shown} ${r.issues[0].message}`, o.kind.allowed));
  }
  return out;
}
