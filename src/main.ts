// argv and exit codes. 0 done, 1 failed, 2 wrong usage or configuration, 3 daemon not reachable.
import { type DataEngine, kernelProbe, runDaemon } from "./build.ts";
import { type ConfigSource, iniSource, uciSource } from "./config/source.ts";
import { ControlClient } from "./control/client.ts";
import { runDemo } from "./control/demo.ts";
import { renderDoctor, renderEvent, renderStatus } from "./control/render.ts";
import { SystemError } from "./core/errors.ts";
import { describeSpeeds, measureCiphers } from "./esp/speed.ts";
import type { Stage, Status } from "./link/status.ts";
import type { Runtime } from "./ports/runtime.ts";
import { VERSION } from "./version.ts";

const DEFAULT_SOCKET = "/var/run/l2tpsec.sock";
const DEFAULT_UCI = "/etc/config";
const USAGE = `usage: l2tpsec COMMAND
  run --config FILE [--foreground]   the daemon; logs to stderr, one line per event
  check --config FILE                check the configuration only
  run --uci [DIR] | check --uci [DIR]   the same with a router's files network and l2tpsec (default ${DEFAULT_UCI})
  status [NAME] [--json] [--watch]   state of each layer, with counters
  up NAME | down NAME | reload       bring a link up or down; read the configuration again
  disconnect SESSION                 end one session of a server
  events [--json]                    follow what happens
  doctor NAME                        why a link does not come up, stage by stage
  probe                              check this machine: exit 0, its best cipher and its data planes, or 1 and why not
  demo                               a real tunnel between two sites in network namespaces
  --version | --help
options: --socket PATH               control socket of the daemon (default ${DEFAULT_SOCKET})
exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 daemon not reachable
`;

class Usage extends Error {}

interface Args {
  readonly words: readonly string[];
  readonly config: string | null;
  readonly uci: string | null;
  readonly socket: string;
  readonly flags: ReadonlySet<string>;
}
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  run: ["--foreground"],
  check: [],
  status: ["--json", "--watch"],
  up: [],
  down: [],
  reload: [],
  disconnect: [],
  events: ["--json"],
  doctor: ["--json"],
  probe: [],
  demo: [],
};

function parseArgs(argv: readonly string[]): Args {
  const words: string[] = [];
  const flags = new Set<string>();
  let config: string | null = null;
  let uci: string | null = null;
  let socket = DEFAULT_SOCKET;
  for (let i = 0; i < argv.length; i++) {
    const a = argv[i] as string;
    const dir = /^--uci(?:=(.+))?$/.exec(a);
    if (dir) {
      const next = argv[i + 1];
      uci = dir[1] ?? (next === undefined || next.startsWith("-") ? DEFAULT_UCI : (argv[++i] as string));
      continue;
    }
    const m = /^(--config|--socket)(?:=(.*))?$/.exec(a);
    if (m) {
      const value = m[2] ?? argv[++i];
      if (value === undefined || value === "") throw new Usage(`${m[1]} needs a path`);
      if (m[1] === "--config") config = value;
      else socket = value;
    } else if (a.startsWith("-")) flags.add(a);
    else words.push(a);
  }
  const allowed = FLAGS[words[0] ?? ""];
  for (const f of flags) if (allowed && !allowed.includes(f)) throw new Usage(`${words[0]} does not know ${f}`);
  return { words, config, uci, socket, flags };
}

/** `openEngine` loads the native library; only the daemon needs it. Throws SystemError with what to do. */
export async function main(rt: Runtime, openEngine: () => DataEngine): Promise<void> {
  if (rt.argv.includes("--version")) return rt.stdout(`l2tpsec ${VERSION} (${rt.name})\n`);
  if (rt.argv.length === 0 || rt.argv.includes("--help") || rt.argv.includes("-h")) {
    rt.stdout(USAGE);
    return rt.exit(rt.argv.length === 0 ? 2 : 0);
  }
  try {
    const args = parseArgs(rt.argv);
    const [command, ...rest] = args.words;
    if (command === undefined || !Object.hasOwn(FLAGS, command))
      throw new Usage(`unknown command ${JSON.stringify(command ?? "")}`);
    const want = command === "up" || command === "down" || command === "doctor" || command === "disconnect" ? 1 : 0;
    if (rest.length < want)
      throw new Usage(
        `${command} needs ` +
          `${command === "disconnect" ? "the number of a session" : "the name of an interface or server"}`,
      );
    if (rest.length > Math.max(want, command === "status" ? 1 : 0))
      throw new Usage(`${command}: too many words: ${rest.join(" ")}`);
    if (command === "run" || command === "check") {
      if ((args.config === null) === (args.uci === null))
        throw new Usage(`${command} needs either --config FILE or --uci [DIR]`);
      rt.noDumps(); // before there are secrets in memory
      const source = args.uci !== null ? uciSource(rt.host, args.uci) : iniSource(rt.host, args.config as string);
      return command === "check" ? check(rt, source) : await runDaemon(rt, source, openEngine);
    }
    if (command === "probe") return probe(rt, openEngine);
    if (command === "demo") return rt.exit(await runDemo(rt));
    await remote(rt, command, rest[0] ?? null, args);
  } catch (e) {
    if (!(e instanceof Usage)) throw e;
    rt.stderr(`l2tpsec: ${e.message}\n${USAGE}`);
    rt.exit(2);
  }
}

function probe(rt: Runtime, openEngine: () => DataEngine): void {
  try {
    const { native } = openEngine();
    const why = kernelProbe(rt, native).why();
    rt.stdout(`${describeSpeeds(measureCiphers(rt.crypto, () => rt.clock.now()))}\n`);
    rt.stdout(`userspace: yes\nkernel: ${why === null ? "yes" : `no, ${why}`}\n`);
    rt.exit(0);
  } catch (e) {
    if (!(e instanceof SystemError)) throw e;
    rt.stderr(`l2tpsec: ${e.message}\n`);
    rt.exit(1);
  }
}

function check(rt: Runtime, source: ConfigSource): void {
  const { config, faults, warnings } = source.read();
  for (const f of faults) rt.stderr(`${f}\n`);
  if (config === null || faults.length > 0) return rt.exit(2);
  for (const w of warnings) rt.stderr(`${source.name}: warning: ${w}\n`);
  rt.stdout(
    `${source.name}: good: ${config.interfaces.length} interfaces, ` +
      `${config.servers.length} servers, ${config.users.length} users\n`,
  );
  rt.exit(0);
}

async function remote(rt: Runtime, command: string, name: string | null, args: Args): Promise<void> {
  let client: ControlClient;
  try {
    client = await ControlClient.open(rt.streams, args.socket);
  } catch (e) {
    if (!(e instanceof SystemError)) throw e;
    const why = e.errno === "EACCES" ? "permission denied (run as root?)" : "no daemon listens there";
    rt.stderr(`l2tpsec: ${args.socket}: ${why}: ${e.errno}\n`);
    return rt.exit(3);
  }
  try {
    rt.exit(await ask(rt, client, command, name, args));
  } catch (e) {
    rt.stderr(`l2tpsec: ${(e as Error).message}\n`);
    rt.exit(1);
  }
}

async function ask(
  rt: Runtime,
  client: ControlClient,
  command: string,
  name: string | null,
  args: Args,
): Promise<number> {
  const json = args.flags.has("--json");
  switch (command) {
    case "status": {
      const status = (await client.call("status", name === null ? {} : { name })) as Record<string, Status>;
      rt.stdout(json ? `${JSON.stringify(status, null, 2)}\n` : renderStatus(status, rt.terminal));
      if (!args.flags.has("--watch")) return 0;
      client.onEvent = () => {
        client.call("status", name === null ? {} : { name }).then(
          (s) => rt.stdout(`\x1b[H\x1b[2J${renderStatus(s as Record<string, Status>, rt.terminal)}`),
          () => {},
        );
      };
      await client.call("events");
      return await new Promise((resolve) => {
        client.onClose = () => resolve(0);
      });
    }
    case "up":
    case "down":
      await client.call(command, { name: name ?? "" });
      return 0;
    case "reload":
      rt.stdout(`${String(await client.call("reload"))}\n`);
      return 0;
    case "disconnect":
      if (!/^\d{1,9}$/.test(name ?? "")) throw new Error("a session is a number: see status");
      await client.call("disconnect", { session: Number(name) });
      return 0;
    case "events":
      client.onEvent = (e) => rt.stdout(json ? `${JSON.stringify(e)}\n` : `${renderEvent(e)}\n`);
      await client.call("events");
      return await new Promise((resolve) => {
        client.onClose = () => resolve(0);
      });
    default: {
      const ok = await client.call("doctor", { name: name ?? "" }, (s: Stage) =>
        rt.stdout(json ? `${JSON.stringify(s)}\n` : renderDoctor(s, rt.terminal)),
      );
      return ok === true ? 0 : 1;
    }
  }
}
