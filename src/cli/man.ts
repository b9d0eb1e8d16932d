// The manual page l2tpsec(8), from the tables of commands and options and the schema. Written by make generate, and no
// part of the program.
import { NASDIAL } from "../config/nasdial.ts";
import type { Options as SectionOptions } from "../config/option.ts";
import { SECTION_TITLES } from "../config/reference.ts";
import { SECTIONS } from "../config/schema.ts";
import { COMMANDS, OPTIONS } from "./commands.ts";
import type { Options } from "./parse.ts";
import { EXIT_CODES, synopsis } from "./usage.ts";

/** Text that roff shows as it is: no escapes, and no request at the beginning of a line. */
export function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("`", "\\(ga")
    .replaceAll("'", "\\(aq")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replace(/^\./gm, "\\&.");
}
/** The words of the reference, without its Markdown. */
const plain = (text: string): string => roff(text.replaceAll("`", "").replaceAll("\n", " "));

const item = (head: string, text: string): string => `.TP\n.B ${head}\n${text}`;

const PAGE = {
  description: `\
l2tpsec carries PPP over L2TPv2 inside IPsec ESP, as client (LAC) and as server (LNS), in one process. It also dials
over a modem. A configuration is one INI file, or the files network and l2tpsec of a router.`,
  files: [
    ["/etc/config/network", "interfaces of proto l2tpsec and nasdial on a router"],
    ["/etc/config/l2tpsec", "servers, users and the daemon's options on a router"],
    ["/etc/l2tpsec/", "certificates and keys"],
    ["/var/run/l2tpsec.sock", "the control socket; root only"],
  ],
  example: `\
[interface hq]
proto    = l2tpsec
server   = vpn.example.com
username = branch1
password = "a long password"
psk      = "a long pre-shared key"
routes   = 10.2.0.0/16`,
} as const;

function section(title: string, options: SectionOptions): string {
  const items = Object.entries(options).map(([name, o]) => {
    const def = o.def ?? (o.optional ? "" : "required");
    return item(
      roff(name),
      `${plain(o.help)}\n.br\nAllowed: ${plain(o.kind.allowed)}.${def === "" ? "" : ` Default: ${plain(def)}.`}`,
    );
  });
  return [`.SS "${plain(title).replaceAll('"', "\\(dq")}"`, ...items].join("\n");
}

/** The whole page. */
export function manual(): string {
  const all = { ...SECTIONS, nasdial: NASDIAL };
  const options = Object.entries(OPTIONS as Options);
  return [
    '.\\" Written by make generate: change src/cli/man.ts, src/cli/commands.ts or src/config.',
    ".TH L2TPSEC 8 l2tpsec l2tpsec",
    ".SH NAME",
    "l2tpsec \\- L2TP over IPsec, as client and as server",
    ".SH SYNOPSIS",
    ...COMMANDS.map((c) => `.B l2tpsec\n${roff(synopsis(c, OPTIONS))}\n.br`),
    ".SH DESCRIPTION",
    roff(PAGE.description),
    ".SH COMMANDS",
    ...COMMANDS.map((c) => item(roff(c.name), plain(c.help))),
    ".SH OPTIONS",
    ...options.map(([name, o]) => item(roff(o.value ? `${name} ${o.value}` : name), plain(o.help))),
    ".SH EXIT STATUS",
    plain(EXIT_CODES),
    ".SH CONFIGURATION",
    "A value with ; # or blanks at its ends is written in quotes. A router's files have the same options; where the",
    "name differs there, it is that of netifd.",
    ...Object.entries(SECTION_TITLES).map(([type, title]) => section(title, all[type as keyof typeof all])),
    ".SH FILES",
    ...PAGE.files.map(([file, text]) => item(roff(file), roff(text))),
    ".SH EXAMPLES",
    ".nf",
    roff(PAGE.example),
    ".fi",
    "",
  ].join("\n");
}
