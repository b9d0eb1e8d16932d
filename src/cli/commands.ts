// Every command and every option of the command line, once.
import { SYSTEM_NAMES } from "../config/peer.ts";
import { runDemo } from "../control/demo.ts";
import { capture } from "./capture.ts";
import { CERT_DIR, certCa, certImport, certRevoke, certServer, certUser } from "./cert.ts";
import type { Command } from "./command.ts";
import { completion, SHELLS } from "./completion.ts";
import { init } from "./init.ts";
import { check, sourceOf } from "./local.ts";
import type { Options } from "./parse.ts";
import { peer } from "./peer.ts";
import { radiusTest } from "./radius.ts";
import { DEFAULT_SOCKET, disconnect, doctor, events, metrics, reload, status, upOrDown } from "./remote.ts";
import { exportAll, importFile } from "./transfer.ts";

const DEFAULT_UCI = "/etc/config";

export const OPTIONS = {
  "--config": { value: "FILE", completes: "file", help: "the configuration is this INI file" },
  "--uci": {
    value: "[DIR]",
    without: DEFAULT_UCI,
    completes: "dir",
    help: `the configuration is a router's files network and l2tpsec in DIR (default ${DEFAULT_UCI})`,
  },
  "--socket": { value: "PATH", completes: "file", help: `control socket of the daemon (default ${DEFAULT_SOCKET})` },
  "--syslog": { help: "log to syslog (/dev/log) with each line's severity; what it does not take goes to stderr" },
  "--foreground": { help: "stay in the foreground, which is what run always does" },
  "--secrets": { help: "with keys and passwords" },
  "--output": { value: "FILE", completes: "file", help: "write this file, which only its owner may read" },
  "--dry-run": { help: "only show what would be written" },
  "--merge": { help: "keep the sections that FILE does not have" },
  "-w": { value: "FILE", completes: "file", help: "write this file, which must not be there" },
  "--seconds": { value: "N", help: "end after so many seconds (default 60)" },
  "--packets": { value: "N", help: "end after so many packets (default 10000)" },
  "--bytes": { value: "N", help: "end when the file is so long (default 10000000)" },
  "--dir": { value: "DIR", completes: "dir", help: `certificates and keys are in this folder (default ${CERT_DIR})` },
  "--days": { value: "N", help: "the certificate is valid so long (default 820; a CA's 3650)" },
  "--ecdsa": { help: "a P-256 key; without, RSA with 2048 bits, which every system takes" },
  "--server": {
    value: "NAME",
    help: "cert: with a profile for iOS and macOS that dials this host; else a server section",
  },
  "--for": { value: "SYSTEM", completes: SYSTEM_NAMES, help: `the other side: ${SYSTEM_NAMES.join(", ")}` },
  "--address": { value: "HOST", help: "how the other side reaches the server" },
  "--routes": {
    value: "NETS",
    help: "networks on this side, for the other side to route here; without, a client sends all",
  },
  "--password": { value: "FILE", completes: "file", help: "the password is in this file; without, it is asked for" },
  "--json": { help: "JSON instead of text" },
  "--from": { value: "N", help: "leave out the first N sessions" },
  "--count": { value: "N", help: "so many sessions at the most" },
  "--user": { value: "NAME", help: "the session of this user alone" },
  "--users": { help: "with a series for each user, of 2000 at most" },
  "--watch": { help: "show it again whenever something happens" },
} as const satisfies Options;

const link = { word: "NAME", completes: "name", needed: "the name of an interface or server" } as const;

const configuration = { configuration: true, options: ["--config", "--uci", "--socket"] } as const;

export const COMMANDS: readonly Command<keyof typeof OPTIONS>[] = [
  {
    name: "run",
    operands: [],
    configuration: true,
    options: ["--config", "--uci", "--foreground", "--syslog", "--socket"],
    help: "the daemon; logs to stderr, one line per event",
    run(c) {
      c.rt.noDumps(); // before there are secrets in memory
      return c.daemon(sourceOf(c), c.flags.has("--syslog"));
    },
  },
  {
    name: "init",
    operands: [],
    ...configuration,
    help: "write a first configuration by asking: client or server, names, keys (which it can generate)",
    run: init,
  },
  { name: "check", operands: [], ...configuration, help: "check the configuration only", run: check },
  {
    name: "export",
    operands: [],
    configuration: true,
    options: ["--config", "--uci", "--secrets", "--output", "--socket"],
    help: "the whole configuration as one text, comments included; keys and passwords only with --secrets",
    run: exportAll,
  },
  {
    name: "import",
    operands: [{ word: "FILE", completes: "file" }],
    configuration: true,
    options: ["--config", "--uci", "--merge", "--dry-run", "--socket"],
    help:
      "check FILE, of either format, and put it in place of the configuration; a .mobileconfig of iOS or macOS " +
      "or uci commands beside it",
    run: importFile,
  },
  {
    name: "status",
    operands: [{ word: "[NAME]", completes: "name" }],
    options: ["--json", "--watch", "--from", "--count", "--user", "--socket"],
    help: "state of each layer, with counters",
    run: status,
  },
  { name: "up", operands: [link], options: ["--socket"], help: "bring a link up", run: upOrDown },
  { name: "down", operands: [link], options: ["--socket"], help: "bring a link down", run: upOrDown },
  {
    name: "reload",
    operands: [],
    options: ["--socket"],
    help: "read the configuration again; links that did not change are not touched",
    run: reload,
  },
  {
    name: "disconnect",
    operands: [{ word: "SESSION", needed: "the number of a session" }],
    options: ["--socket"],
    help: "end one session of a server",
    run: disconnect,
  },
  { name: "events", operands: [], options: ["--json", "--socket"], help: "follow what happens", run: events },
  {
    name: "metrics",
    operands: [],
    options: ["--users", "--socket"],
    help: "counters and gauges for Prometheus, as [daemon] metrics serves them by HTTP",
    run: metrics,
  },
  {
    name: "doctor",
    operands: [link],
    options: ["--json", "--socket"],
    help: "why a link does not come up, stage by stage",
    run: doctor,
  },
  {
    name: "radius test",
    operands: [{ word: "NAME", needed: "the name of a radius or server section" }, { word: "USER" }],
    options: ["--socket"],
    help: "what each RADIUS server of a section says about a user; the password is read from stdin",
    run: radiusTest,
  },
  {
    name: "capture",
    operands: [link],
    options: ["-w", "--seconds", "--packets", "--bytes", "--socket"],
    help: "write PPP frames and L2TP control messages of a link as pcapng, without names, keys and passwords",
    run: capture,
  },
  {
    name: "peer-config",
    operands: [{ word: "NAME", needed: "a user of a server, or an interface" }],
    options: ["--for", "--server", "--address", "--routes", "--output", "--socket"],
    help: "what to type on the other side, with the pre-shared key and the password",
    run: peer,
  },
  {
    name: "cert ca",
    operands: [{ word: "NAME" }],
    options: ["--dir", "--days", "--ecdsa", "--socket"],
    help: "make a small CA: ca.pem, ca.key, and crl.pem, its list of revoked certificates",
    run: certCa,
  },
  {
    name: "cert server",
    operands: [{ word: "HOST" }, { word: "[HOST...]" }],
    options: ["--dir", "--days", "--ecdsa", "--socket"],
    help: "a server's certificate for these names and addresses: HOST.pem, HOST.key",
    run: certServer,
  },
  {
    name: "cert user",
    operands: [{ word: "NAME" }],
    options: ["--server", "--dir", "--days", "--ecdsa", "--socket"],
    help: "a user's certificate: NAME.pem, NAME.key, NAME.p12 with its password, and NAME.mobileconfig",
    run: certUser,
  },
  {
    name: "cert revoke",
    operands: [{ word: "NAME" }],
    options: ["--dir", "--socket"],
    help: "put NAME.pem on the list crl.pem, which a server with option crl reads at a reload",
    run: certRevoke,
  },
  {
    name: "cert import",
    operands: [{ word: "FILE", completes: "file", needed: "a file in PKCS #12 (.p12, .pfx)" }, { word: "NAME" }],
    options: ["--password", "--dir", "--socket"],
    help: "NAME.pem, NAME.key and NAME-ca.pem from PKCS #12 (.p12, .pfx)",
    run: certImport,
  },
  {
    name: "probe",
    operands: [],
    options: ["--socket"],
    help: "check this machine: exit 0, its best cipher and its data planes, or 1 and why not",
    run: (c) => c.probe(),
  },
  {
    name: "demo",
    operands: [],
    options: ["--socket"],
    help: "a real tunnel between two sites in network namespaces",
    run: async ({ rt }) => rt.exit(await runDemo(rt)),
  },
  {
    name: "completion",
    operands: [{ word: "SHELL", completes: SHELLS, needed: `a shell: ${SHELLS.join(" or ")}` }],
    options: ["--socket"],
    help: `print the script that completes these commands in ${SHELLS.join(" or ")}; source it`,
    run: (c) => completion(c, COMMANDS, OPTIONS),
  },
];
