// The syntax of option values. A grammar is plain data, so that it can be exported (to LuCI's forms, the shell's lists,
// the reference), and `read` is the only parser: LuCI runs this file, compiled.
import { canonicalIp, ip4ToNumber, parsePrefix } from "../core/addr.ts";
import { DAY, type DayTime } from "../core/daytime.ts";
import { ConfigError } from "../core/errors.ts";
import { parseEspProposal, parseIke2Proposal } from "../ike/proposals.ts";
import { parseIkeId } from "../ike/wire/id.ts";

export type Grammar =
  | { readonly form: "flag" }
  | { readonly form: "choice"; readonly words: readonly string[] }
  | { readonly form: "integer"; readonly min: number; readonly max: number; readonly unit?: string }
  /** 1 to `max` characters, no control characters. */
  | { readonly form: "text"; readonly max: number }
  /** As text, but any characters; never shown. */
  | { readonly form: "secret"; readonly max: number }
  | { readonly form: "datatype"; readonly name: keyof typeof DATATYPES }
  | {
      readonly form: "list";
      readonly item: Grammar;
      /** Items are separated by white space; by white space or commas; or one per line, where they may hold spaces. */
      readonly separator: "space" | "comma" | "line";
      readonly most?: number;
      /** Duplicates count once. */
      readonly unique?: true;
    };

const SEPARATOR = { space: /\s+/g, comma: /[\s,]+/g, line: /\n/g } as const;
const YES: readonly string[] = ["yes", "1", "on", "true"];
const NO: readonly string[] = ["no", "0", "off", "false"];

/** The parsed value of `s`, or undefined when the grammar does not allow it. */
export function read(g: Grammar, s: string): unknown {
  switch (g.form) {
    case "flag":
      if (YES.includes(s)) return true;
      return NO.includes(s) ? false : undefined;
    case "choice":
      return g.words.includes(s) ? s : undefined;
    case "integer":
      return /^\d{1,15}$/.test(s) && Number(s) >= g.min && Number(s) <= g.max ? Number(s) : undefined;
    case "text":
      return s.length >= 1 && s.length <= g.max && [...s].every((c) => c >= " " && c !== "\x7f") ? s : undefined;
    case "secret":
      return s.length >= 1 && s.length <= g.max ? s : undefined;
    case "datatype":
      return DATATYPES[g.name](s);
    case "list":
      return readList(g, s);
  }
}
function readList(g: Extract<Grammar, { form: "list" }>, s: string): readonly unknown[] | undefined {
  const out: unknown[] = [];
  for (const part of split(g.separator, s)) {
    const item = read(g.item, part);
    if (item === undefined) return undefined;
    if (!g.unique || !out.includes(item)) out.push(item);
  }
  return g.most === undefined || out.length <= g.most ? out : undefined;
}

function split(by: keyof typeof SEPARATOR, s: string): string[] {
  return s.replace(SEPARATOR[by], "\n").split("\n");
}
const like =
  (pattern: RegExp) =>
  (s: string): string | undefined =>
    pattern.test(s) ? s : undefined;

/** Values of any other form. Each parser returns the value, or undefined. */
const DATATYPES = {
  section: like(/^[A-Za-z0-9_-]{1,64}$/),
  interface: like(/^[A-Za-z0-9_]{1,32}$/),
  ubus: like(/^(?:auto|off|\/[\x21-\x7e]{1,106})$/),
  device: like(/^\/[\x21-\x7e]{1,106}$/),
  path: like(/^\/[\x21-\x7e]{1,250}$/),
  phone: like(/^[0-9*#+,().\-W@!PTwpt]{1,60}$/),
  apn: like(/^[A-Za-z0-9.-]{1,100}$/),
  netdev: like(/^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,15}$/),
  address: (s: string): string | undefined => canonicalIp(s) ?? undefined,
  address4,
  server,
  network,
  address6: (s: string) => (s.includes(":") ? (canonicalIp(s) ?? undefined) : undefined),
  network6: (s: string) => (s.includes(":") && s.includes("/") ? network(s) : undefined),
  delegation,
  range4,
  pool,
  named_pool: namedPool,
  day_time: dayTime,
  keepalive,
  ike_id: (s: string) => (s.length <= 255 ? (parseIkeId(s) ?? undefined) : undefined),
  ike_proposal: (s: string) => proposal(s, parseIke2Proposal),
  esp_proposal: (s: string) => proposal(s, parseEspProposal),
} as const;

function address4(s: string): string | undefined {
  return s.includes(":") ? undefined : (canonicalIp(s) ?? undefined);
}

/** "name", "address", "[v6]:port", "name:port". */
export interface ServerName {
  readonly host: string;
  readonly port: number;
}
const LABEL = /^(?!-)[A-Za-z0-9_-]{1,63}$/;
function server(s: string): ServerName | undefined {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(s);
  const plain = s.split(":").length === 2 ? /^([^:]+):(\d{1,5})$/ : /^([^[\]]+)$/;
  const m = bracketed ?? plain.exec(s);
  if (!m) return undefined;
  const port = m[2] === undefined ? 1701 : Number(m[2]);
  const host = m[1] as string;
  if (port < 1 || port > 65535) return undefined;
  const ip = canonicalIp(host);
  if (ip !== null) return { host: ip, port };
  if (/^[\d.]+$/.test(host) || host.includes(":") || host.length > 253) return undefined;
  const labels = host.replace(/\.$/, "").split(".");
  return labels.every((l) => LABEL.test(l) && !l.endsWith("-")) ? { host, port } : undefined;
}

/** Canonical text of a prefix without host bits. */
function network(s: string): string | undefined {
  const p = parsePrefix(s);
  const written = canonicalIp(s.replace(/\/\d+$/, ""));
  return p && p.address === written ? `${p.address}/${p.length}` : undefined;
}

/** "2001:db8::/40-56": prefixes of 56 bits out of a network. */
export interface Delegation {
  readonly network: string;
  readonly length: number;
}
/** Bits of a number of a prefix in it: numbers are exact. */
const DELEGATION_BITS = 32;
function delegation(s: string): Delegation | undefined {
  const [, from = "", to] = /^(.+:.*\/\d{1,3})-(\d{1,2})$/.exec(s) ?? [];
  const whole = network(from);
  const bits = Number(to) - Number(whole?.split("/")[1]);
  return whole !== undefined && bits >= 0 && bits <= DELEGATION_BITS && Number(to) <= 64
    ? { network: whole, length: Number(to) }
    : undefined;
}

/** Inclusive. */
export interface Range4 {
  readonly first: string;
  readonly last: string;
}
function range4(s: string): Range4 | undefined {
  const [a = "", b = a, ...more] = s.split("-");
  const first = address4(a);
  const last = address4(b);
  if (more.length > 0 || first === undefined || last === undefined) return undefined;
  return ip4ToNumber(last) >= ip4ToNumber(first) ? { first, last } : undefined;
}
const POOL_MOST = 65_536;
function pool(s: string): readonly Range4[] | undefined {
  const ranges = split("space", s).map(range4);
  const good = ranges.filter((r) => r !== undefined);
  const size = good.reduce((n, r) => n + ip4ToNumber(r.last) - ip4ToNumber(r.first) + 1, 0);
  return good.length === ranges.length && size <= POOL_MOST ? good : undefined;
}

export interface NamedPool {
  readonly name: string;
  readonly range: Range4;
}
function namedPool(s: string): NamedPool | undefined {
  const [, name = "", text = ""] = /^([^=\s]{1,64})=(.+)$/.exec(s) ?? [];
  const range = pool(text)?.[0];
  return range && { name, range };
}

function dayTime(s: string): DayTime | undefined {
  const m = /^(\d\d):([0-5]\d)-(\d\d):([0-5]\d)$/.exec(s);
  if (!m) return undefined;
  const from = Number(m[1]) * 60 + Number(m[2]);
  const to = Number(m[3]) * 60 + Number(m[4]);
  return from < DAY && to <= DAY && from !== to ? { from, to } : undefined;
}

export interface Keepalive {
  readonly failures: number;
  readonly intervalSeconds: number;
}
function keepalive(s: string): Keepalive | null | undefined {
  if (s === "0") return null;
  const m = /^(\d{1,3})(?:[\s,]+(\d{1,4}))?$/.exec(s);
  if (!m) return undefined;
  const failures = Number(m[1]);
  const intervalSeconds = Number(m[2] ?? "5");
  const good = failures >= 1 && failures <= 100 && intervalSeconds >= 1 && intervalSeconds <= 3600;
  return good ? { failures, intervalSeconds } : undefined;
}

/** "default": the list used when the option is absent. */
function proposal<T>(s: string, parse: (s: string) => T): T | "default" | undefined {
  if (s.toLowerCase() === "default") return "default";
  try {
    return parse(s);
  } catch (e) {
    if (!(e instanceof ConfigError)) throw e;
    return undefined;
  }
}
