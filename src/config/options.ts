// The kinds of values that options take: one valibot schema each, from the text of the file to a typed value, with the
// words that an error message ends in ("allowed: ..."). Shared by the schema of sections, the README's reference, and the
// forms of a router.
import * as v from "valibot";
import { canonicalIp, ip4ToNumber, parsePrefix } from "../core/addr.ts";
import { DAY, type DayTime } from "../core/daytime.ts";
import { ConfigError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";
import { type EspProposal, type IkeProposal, parseEspProposal, parseIkeProposal } from "../ike/proposals.ts";
import { type IkeId, parseIkeId } from "../ike/wire/id.ts";

export interface Kind<T> {
  readonly schema: v.GenericSchema<string, T>;
  /** What is allowed, for people: "576 to 1500". */
  readonly allowed: string;
  readonly secret?: true;
  /** Words with spaces between: a list of UCI may give them one by one. */
  readonly many?: true;
}

function kind<T>(allowed: string, parse: (s: string) => T | undefined, why = "is not allowed"): Kind<T> {
  const schema = v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const out = parse(dataset.value);
      if (out !== undefined) return out;
      addIssue({ message: why });
      return NEVER;
    }),
  );
  return { schema, allowed };
}

function many<T>(k: Kind<T>): Kind<T> {
  return { ...k, many: true };
}

export const yesNo: Kind<boolean> = kind("yes | no", (s) =>
  ["yes", "1", "on", "true"].includes(s) ? true : ["no", "0", "off", "false"].includes(s) ? false : undefined,
);

export function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  return kind(words.join(" | "), (s) => words.find((w) => w === s));
}

export function someOf<const T extends string>(...words: readonly T[]): Kind<readonly T[]> {
  return many(kind(`one or more of ${words.join(" ")}, space separated`, (s) => {
    const out: T[] = [];
    for (const x of s.split(/\s+/)) {
      const w = words.find((y) => y === x);
      if (w === undefined) return undefined;
      if (!out.includes(w)) out.push(w);
    }
    return out;
  }));
}

export function integer(min: number, max: number, unit = ""): Kind<number> {
  return kind(`a whole number from ${min} to ${max}${unit === "" ? "" : ` ${unit}`}`, (s) => {
    if (!/^\d{1,15}$/.test(s)) return undefined;
    const n = Number(s);
    return n >= min && n <= max ? n : undefined;
  });
}

/** Text of at most `max` characters, never empty, without control characters. */
export function text(max = 255): Kind<string> {
  return kind(
    `1 to ${max} characters`,
    (s) => (s.length >= 1 && s.length <= max && [...s].every((c) => c >= " " && c !== "\x7f") ? s : undefined),
    "is empty or too long, or holds control characters",
  );
}

/** A secret. The message never repeats the value. */
export const secret: Kind<Secret> = {
  ...kind("1 to 255 characters", (s) => (s.length >= 1 && s.length <= 255 ? Secret.of(s) : undefined), "is empty or too long"),
  secret: true,
};

const ip4 = (s: string): string | null => (s.includes(":") ? null : canonicalIp(s));

export const address: Kind<string> = kind("an IPv4 or IPv6 address", (s) => canonicalIp(s) ?? undefined, "is no address");
export const address4: Kind<string> = kind("an IPv4 address", (s) => ip4(s) ?? undefined, "is no IPv4 address");
export const addresses4: Kind<readonly string[]> = many(kind("IPv4 addresses, space separated", (s) => {
  const out = s.split(/\s+/).map(ip4);
  return out.every((x) => x !== null) ? out : undefined;
}, "is no list of IPv4 addresses"));

/** "name", "address", "[v6]:port", "name:port". */
export interface ServerName {
  readonly host: string;
  readonly port: number;
}
const LABEL = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/;
export const server: Kind<ServerName> = kind("a host name or address, optionally :port (IPv6 with a port in brackets)", (s) => {
  const m = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(s) ?? (s.split(":").length === 2 ? /^([^:]+):(\d{1,5})$/.exec(s) : /^([^[\]]+)$/.exec(s));
  if (!m) return undefined;
  const port = m[2] === undefined ? 1701 : Number(m[2]);
  const host = m[1] as string;
  if (port < 1 || port > 65535) return undefined;
  const ip = canonicalIp(host);
  if (ip !== null) return { host: ip, port };
  if (/^[\d.]+$/.test(host) || host.includes(":") || host.length > 253) return undefined;
  return host.replace(/\.$/, "").split(".").every((l) => LABEL.test(l)) ? { host, port } : undefined;
}, "is neither a host name nor an address");

/** Canonical prefixes; undefined when one is none, or has host bits. */
function readPrefixes(s: string): readonly string[] | undefined {
  const list: string[] = [];
  for (const x of s.split(/\s+/)) {
    const p = parsePrefix(x);
    const written = canonicalIp(x.replace(/\/\d+$/, ""));
    if (!p || p.address !== written) return undefined;
    list.push(`${p.address}/${p.length}`);
  }
  return list;
}
const NO_PREFIXES = "is no list of networks (host bits must be zero)";
export const networks: Kind<readonly string[]> = many(
  kind("networks such as 10.2.0.0/16 or fd00:2::/48, space separated", readPrefixes, NO_PREFIXES),
);

export const ubus: Kind<string> = kind(
  "auto | off | a path such as /var/run/ubus/ubus.sock",
  (s) => (s === "auto" || s === "off" || /^\/[\x21-\x7e]{1,106}$/.test(s) ? s : undefined),
);

/** A device file. */
export const device: Kind<string> = kind("a path such as /dev/ttyUSB0", (s) => (/^\/[\x21-\x7e]{1,106}$/.test(s) ? s : undefined), "is no path");

/** Telephone numbers as modems take them; never what would end the command or begin another. */
export const phones: Kind<readonly string[]> = many(kind("numbers of 1 to 60 digits and * # + , ( ) - . W @ ! P T, space separated", (s) => {
  const out = s.split(/\s+/);
  return out.every((x) => /^[0-9*#+,().\-W@!PTwpt]{1,60}$/.test(x)) ? out : undefined;
}, "is no list of telephone numbers"));
export const apn: Kind<string> = kind("1 to 100 letters, digits, - and .", (s) => (/^[A-Za-z0-9.-]{1,100}$/.test(s) ? s : undefined), "is no access point name");

export const dayTimes: Kind<readonly DayTime[]> = many(kind("daily times such as 22:00-06:00, space separated", (s) => {
  const out: DayTime[] = [];
  for (const part of s.split(/\s+/)) {
    const m = /^(\d\d):([0-5]\d)-(\d\d):([0-5]\d)$/.exec(part);
    if (!m) return undefined;
    const from = Number(m[1]) * 60 + Number(m[2]);
    const to = Number(m[3]) * 60 + Number(m[4]);
    if (from >= DAY || to > DAY || from === to) return undefined;
    out.push({ from, to });
  }
  return out.length <= 16 ? out : undefined;
}, "is no list of daily times"));

/** A netdev name as the kernel takes it (IFNAMSIZ). */
export const ifname: Kind<string> = kind(
  "a device name: 1 to 15 letters, digits, - _ .",
  (s) => (/^[A-Za-z0-9_.-]{1,15}$/.test(s) && s !== "." && s !== ".." ? s : undefined),
  "is no device name",
);

export interface Range4 {
  readonly first: string;
  readonly last: string;
}
export const pool: Kind<readonly Range4[]> = many(kind("IPv4 ranges FIRST-LAST, space separated, 65,536 addresses at most", (s) => {
  const out: Range4[] = [];
  let size = 0;
  for (const part of s.split(/\s+/)) {
    const [a, b, extra] = part.split("-");
    const first = ip4(a ?? "");
    const last = ip4(b ?? a ?? "");
    if (extra !== undefined || first === null || last === null) return undefined;
    const n = ip4ToNumber(last) - ip4ToNumber(first) + 1;
    if (n < 1) return undefined;
    size += n;
    out.push({ first, last });
  }
  return size <= 65536 ? out : undefined;
}, "is no address range"));

/** "default" stands for the list that holds without the option. */
function proposals<T>(allowed: string, parse: (s: string) => T): Kind<readonly (T | "default")[]> {
  return many(kind(allowed, (s) => {
    try {
      return s.split(/[\s,]+/).map((x) => (x.toLowerCase() === "default" ? "default" : parse(x)));
    } catch (e) {
      if (!(e instanceof ConfigError)) throw e;
      return undefined;
    }
  }, "holds something that is no proposal"));
}
export const ikeProposals: Kind<readonly (IkeProposal | "default")[]> = proposals(
  "CIPHER-HASH-GROUP such as aes256-sha256-modp2048, space separated; ciphers aes128 aes192 aes256 3des; hashes md5 sha1 sha256 sha384 sha512; groups modp1024 modp1536 modp2048 modp3072 modp4096 ecp256 ecp384 x25519; default: the default list",
  parseIkeProposal,
);
export const espProposals: Kind<readonly (EspProposal | "default")[]> = proposals(
  "CIPHER-HASH or aes128gcm16 aes192gcm16 aes256gcm16 chacha20poly1305, each with -GROUP behind it for perfect forward secrecy, space separated; ciphers aes128 aes192 aes256 3des null; default: the default list",
  parseEspProposal,
);
export const ikeId: Kind<IkeId> = kind("an address, a host name, user@name or keyid:HEX", (s) => (s.length <= 255 ? (parseIkeId(s) ?? undefined) : undefined), "is no identity");

export interface Keepalive {
  readonly failures: number;
  readonly intervalSeconds: number;
}
export const keepalive: Kind<Keepalive | null> = kind("FAILURES SECONDS, such as 5 10, or 0 for none", (s) => {
  if (s === "0") return null;
  const m = /^(\d{1,3})(?:[\s,]+(\d{1,4}))?$/.exec(s);
  if (!m) return undefined;
  const failures = Number(m[1]);
  const intervalSeconds = Number(m[2] ?? "5");
  return failures >= 1 && failures <= 100 && intervalSeconds >= 1 && intervalSeconds <= 3600 ? { failures, intervalSeconds } : undefined;
});
