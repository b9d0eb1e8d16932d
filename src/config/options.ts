// The kinds of option values: a grammar, the type it parses to, and the text of the error message ("allowed: ...").
// Shared by the schema of sections, the reference, and a router's forms.
import * as v from "valibot";
import type { DayTime } from "../core/daytime.ts";
import { Secret } from "../core/secret.ts";
import type { EspProposal, Ike2Proposal } from "../ike/proposals.ts";
import type { IkeId } from "../ike/wire/id.ts";
import {
  type Delegation,
  type Grammar,
  type Keepalive,
  type NamedPool,
  type Range4,
  read,
  type ServerName,
} from "./grammar.ts";

export interface Kind<T> {
  readonly grammar: Grammar;
  readonly schema: v.GenericSchema<string, T>;
  /** What is allowed, for people: "576 to 1500". */
  readonly allowed: string;
}

/** `T`: the type the grammar parses to. */
function kind<T>(grammar: Grammar, allowed: string, why = "is not allowed", to = (x: unknown): T => x as T): Kind<T> {
  const schema = v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const out = read(grammar, dataset.value);
      if (out !== undefined) return to(out);
      addIssue({ message: why });
      return NEVER;
    }),
  );
  return { grammar, schema, allowed };
}

/** Its value is never shown. */
export function isSecret(k: Kind<unknown>): boolean {
  return k.grammar.form === "secret";
}
/** A UCI list may give the items one by one. */
export function isList(k: Kind<unknown>): boolean {
  return k.grammar.form === "list" || (k.grammar.form === "datatype" && k.grammar.name === "pool");
}
/** The separator of a list's items in one text. */
export function joinerOf(k: Kind<unknown>): " " | "\n" {
  return k.grammar.form === "list" && k.grammar.separator === "line" ? "\n" : " ";
}

export const yesNo: Kind<boolean> = kind({ form: "flag" }, "yes | no");

export function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  return kind({ form: "choice", words }, words.join(" | "));
}
export function someOf<const T extends string>(...words: readonly T[]): Kind<readonly T[]> {
  const item: Grammar = { form: "choice", words };
  return kind(
    { form: "list", item, separator: "space", unique: true },
    `one or more of ${words.join(" ")}, space separated`,
  );
}
export function integer(min: number, max: number, unit = ""): Kind<number> {
  const grammar: Grammar = unit === "" ? { form: "integer", min, max } : { form: "integer", min, max, unit };
  return kind(grammar, `a whole number from ${min} to ${max}${unit === "" ? "" : ` ${unit}`}`);
}
export function text(max = 255): Kind<string> {
  return kind({ form: "text", max }, `1 to ${max} characters`, "is empty or too long, or holds control characters");
}
/** Texts that may hold spaces: one per item of a UCI list, or the option repeated. */
export function lines(max: number): Kind<readonly string[]> {
  const item: Grammar = { form: "text", max };
  const allowed = `1 to ${max} characters; several: the option once for each`;
  return kind({ form: "list", item, separator: "line" }, allowed, "is empty or too long, or holds control characters");
}
/** The message never repeats the value. */
export const secret: Kind<Secret> = kind(
  { form: "secret", max: 255 },
  "1 to 255 characters",
  "is empty or too long",
  (x) => Secret.of(x as string),
);

export const address: Kind<string> = kind(
  { form: "datatype", name: "address" },
  "an IPv4 or IPv6 address",
  "is not an address",
);
export const address4: Kind<string> = kind(
  { form: "datatype", name: "address4" },
  "an IPv4 address",
  "is not an IPv4 address",
);
export const addresses4: Kind<readonly string[]> = kind(
  { form: "list", item: address4.grammar, separator: "space" },
  "IPv4 addresses, space separated",
  "is not a list of IPv4 addresses",
);
export const servers: Kind<readonly ServerName[]> = kind(
  { form: "list", item: { form: "datatype", name: "server" }, separator: "space", most: 8 },
  "a host name or address, optionally :port (IPv6 with a port in brackets); up to 8, space separated",
  "is neither a host name nor an address, nor a list of these",
);
export const networks: Kind<readonly string[]> = kind(
  { form: "list", item: { form: "datatype", name: "network" }, separator: "space" },
  "networks such as 10.2.0.0/16 or fd00:2::/48, space separated",
  "is not a list of networks (host bits must be zero)",
);
export const pool: Kind<readonly Range4[]> = kind(
  { form: "datatype", name: "pool" },
  "IPv4 ranges FIRST-LAST, space separated, 65,536 addresses at most",
  "is not an address range",
);
export const addresses6: Kind<readonly string[]> = kind(
  { form: "list", item: { form: "datatype", name: "address6" }, separator: "space", most: 3 },
  "IPv6 addresses, space separated, 3 at most",
  "is not a list of IPv6 addresses",
);
export const network6: Kind<string> = kind(
  { form: "datatype", name: "network6" },
  "a network such as 2001:db8:1::/48",
  "is not an IPv6 network (host bits must be zero)",
);
export const delegation: Kind<Delegation> = kind(
  { form: "datatype", name: "delegation" },
  "NETWORK/LENGTH-LENGTH such as 2001:db8:8000::/33-56, /64 and 32 bits at most",
  "is not a network with the length of its parts",
);
/** Pools by name. */
export const pools: Kind<readonly NamedPool[]> = kind(
  { form: "list", item: { form: "datatype", name: "named_pool" }, separator: "space", most: 64 },
  "NAME=FIRST-LAST, space separated, a name as often as it has ranges; 65,536 addresses at most in each",
  "is not a named address range",
);
/** Of sections. */
export const names: Kind<readonly string[]> = kind(
  {
    form: "list",
    item: { form: "datatype", name: "section" },
    separator: "space",
    most: 8,
    unique: true,
  },
  "names of sections, space separated, 8 at most",
  "is not a list of names",
);
export const ubus: Kind<string> = kind(
  { form: "datatype", name: "ubus" },
  "auto | off | a path such as /var/run/ubus/ubus.sock",
);
/** A device file. */
export const device: Kind<string> = kind(
  { form: "datatype", name: "device" },
  "a path such as /dev/ttyUSB0",
  "is not a path",
);
export const logPath: Kind<string> = kind(
  { form: "datatype", name: "path" },
  "a path such as /tmp/l2tpsec-sessions.log",
  "is not a path",
);
/** Telephone numbers as modems accept them; no character that would end the command or begin another. */
export const phones: Kind<readonly string[]> = kind(
  { form: "list", item: { form: "datatype", name: "phone" }, separator: "space" },
  "numbers of 1 to 60 digits and * # + , ( ) - . W @ ! P T, space separated",
  "is not a list of telephone numbers",
);
/** A section of /etc/config/network. */
export const interfaceName: Kind<string> = kind(
  { form: "datatype", name: "interface" },
  "the name of an interface: letters, digits and _",
  "is not the name of an interface",
);
/** An interface section of ours. */
export const linkName: Kind<string> = kind(
  { form: "datatype", name: "section" },
  "the name of an interface: letters, digits, _ and -",
  "is not the name of an interface",
);
export const apn: Kind<string> = kind(
  { form: "datatype", name: "apn" },
  "1 to 100 letters, digits, - and .",
  "is not an access point name",
);
export const dayTimes: Kind<readonly DayTime[]> = kind(
  { form: "list", item: { form: "datatype", name: "day_time" }, separator: "space", most: 16 },
  "daily times such as 22:00-06:00, space separated",
  "is not a list of daily times",
);
/** A netdev name as the kernel accepts it (IFNAMSIZ). */
export const ifname: Kind<string> = kind(
  { form: "datatype", name: "netdev" },
  "a device name: 1 to 15 letters, digits, - _ .",
  "is not a device name",
);

/** "default": the list used when the option is absent. */
export const ikeProposals: Kind<readonly (Ike2Proposal | "default")[]> = kind(
  { form: "list", item: { form: "datatype", name: "ike_proposal" }, separator: "comma" },
  "CIPHER-HASH-GROUP such as aes256-sha256-modp2048, space separated; ciphers aes128 aes192 aes256 camellia128 " +
    "camellia192 camellia256 3des, and for IKEv2 aes128gcm16 aes192gcm16 aes256gcm16 chacha20poly1305; hashes md5 " +
    "sha1 sha256 sha384 sha512; groups modp1024 modp1536 modp2048 modp3072 modp4096 modp6144 modp8192 modp2048s256 " +
    "ecp256 ecp384 ecp521 x25519 x448; for IKEv2 with -mlkem768, -mlkem1024 or -mlkem512 behind it; default: the " +
    "default list",
  "contains something that is not a proposal",
);
export const espProposals: Kind<readonly (EspProposal | "default")[]> = kind(
  { form: "list", item: { form: "datatype", name: "esp_proposal" }, separator: "comma" },
  "CIPHER-HASH or aes128gcm16 aes192gcm16 aes256gcm16 aes128gcm12 aes256gcm12 aes128gcm8 aes256gcm8 " +
    "chacha20poly1305, each with -GROUP behind it for perfect forward secrecy, and for IKEv2 -GROUP-mlkem768 and the " +
    "like, space separated; ciphers aes128 aes192 aes256 camellia128 camellia192 camellia256 3des null; default: the " +
    "default list",
  "contains something that is not a proposal",
);
export const ikeId: Kind<IkeId> = kind(
  { form: "datatype", name: "ike_id" },
  "an address, a host name, user@name, a distinguished name, keyid:HEX or keyid:NAME",
  "is not an identity",
);
export const keepalive: Kind<Keepalive | null> = kind(
  { form: "datatype", name: "keepalive" },
  "FAILURES SECONDS, such as 5 10, or 0 for none",
);
