// One server and very many sessions: what each costs in memory and in the processor's time, at login and at rest, and
// how long status and the end take. Server and clients have a core each; the server's own processor time says what it
// could do alone.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { build } from "esbuild";
import { type Config, Daemon, type Section } from "../net/daemon.ts";
import { type Lab, memory, type Ns, type Proc, sleep, until } from "../net/harness.ts";
import { B, PSK, serverConfig, two, without } from "../net/sites.ts";
import type { Told } from "./callers.ts";
import { CORE } from "./rivals.ts";

const CLIENTS = "10.48.0.0/12";
/** Of the server's addresses: each client has one of them. */
const SERVERS = "10.40";
const BASE = "10.50"; // of the clients' addresses, one of these
const HERTZ = 100; // USER_HZ: what /proc counts in
const SETTLE_MS = 35_000; // repetitions that were kept for lost answers are forgotten by then
const REST_MS = 30_000;

/** Seconds of processor time, user and system, of a process so far. */
export function processorSeconds(pid: number): number {
  const after = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(after[11]) + Number(after[12])) / HERTZ;
}

/** What the control socket answers, and the milliseconds from the question to the last byte. */
export function askStatus(socket: string): Promise<{ ms: number; text: string }> {
  return new Promise((done, failed) => {
    const start = performance.now();
    const parts: Buffer[] = [];
    const s = connect(socket, () => s.write(`${JSON.stringify({ id: 1, method: "status" })}\n`));
    s.on("error", failed);
    s.on("data", (chunk: Buffer) => {
      parts.push(chunk);
      if (chunk.at(-1) !== 10) return;
      s.destroy();
      done({ ms: performance.now() - start, text: Buffer.concat(parts).toString() });
    });
  });
}

/** Real clients in a namespace, without netdevs. */
export class Callers {
  readonly #proc: Proc;
  private constructor(proc: Proc) {
    this.#proc = proc;
  }
  /** `options`: lines of configuration for each link. */
  static async start(
    ns: Ns,
    count: number,
    atOnce: number,
    base = BASE,
    options: readonly string[] = [],
    server = SERVERS,
  ): Promise<Callers> {
    await ns.must("ip", "route", "replace", "local", `${base}.0.0/16`, "dev", "lo");
    const program = `${ns.lab.dir}/callers.mjs`;
    await build({
      entryPoints: ["test/bench/callers.ts"],
      outfile: program,
      bundle: true,
      platform: "node",
      target: "node20",
      format: "esm",
      sourcemap: "inline",
      logLevel: "warning",
      alias: { "node-tuntap2": "./src/node-tuntap2/index.ts", "ubus-client": "./src/ubus-client/index.ts" },
      // the ini package is CommonJS
      banner: {
        js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
      },
    });
    const words = [
      process.execPath,
      "--enable-source-maps",
      program,
      server,
      String(count),
      String(atOnce),
      base,
      `psk = ${PSK}`,
      ...options,
    ];
    const callers = new Callers(ns.spawn("taskset", "-c", CORE.a, ...words));
    await until("callers", 60_000, () => callers.told).catch((e: unknown) => {
      throw new Error(`${String(e)}: ${callers.output}`);
    });
    return callers;
  }
  get told(): Told | null {
    const lines = this.#proc.stdout
      .trimEnd()
      .split("\n")
      .filter((l) => l.endsWith("}"));
    const last = lines.at(-1);
    return last === undefined ? null : (JSON.parse(last) as Told);
  }
  get pid(): number {
    return this.#proc.pid;
  }
  get output(): string {
    return this.#proc.output;
  }
  async stop(): Promise<void> {
    await this.#proc.stop("SIGTERM", 10_000);
  }
}

/** Ways between very many clients in `a`, and a server in `b` with an address for each of them. */
export async function ways(lab: Lab): Promise<{ a: Ns; b: Ns }> {
  const { a, b } = await two(lab);
  await b.route(CLIENTS, "203.0.113.2");
  await a.route(`${SERVERS}.0.0/16`, B);
  await b.must("ip", "route", "replace", "local", `${SERVERS}.0.0/16`, "dev", "lo");
  return { a, b };
}
/** A server that listens on all of its addresses. */
export function everywhere(more: Section, users: Config = {}): Config {
  const all = serverConfig({ pool: "10.100.0.1-10.100.19.255", max_sessions: 4096, ...more }, users);
  return { ...all, "server lns": without(all["server lns"] ?? {}, "listen") };
}
/** A server in `b` for this many users; their addresses are by the thousand, and all lead to `a`. */
export async function crowdOf(
  lab: Lab,
  sessions: number,
  more: Config = {},
): Promise<{ a: Ns; b: Ns; server: Daemon }> {
  const { a, b } = await ways(lab);
  const users: Config = {};
  for (let i = 1; i <= sessions; i++) users[`user u${i}`] = { password: `p${i}` };
  const server = everywhere({}, users);
  return { a, b, server: new Daemon(b, "server", { ...server, ...more, daemon: { log: "info" } }) };
}

export interface Crowd {
  /** KB each: the growth of the server since it had none, after a rest. */
  readonly each: number;
  readonly rss: number;
  /** As it was with a server and clients on a core each, and by the server's processor time alone. */
  readonly loginsPerSecond: number;
  readonly loginMs: number;
  /** What a login costs the client's core. */
  readonly clientMs: number;
  /** Share of a core at rest. */
  readonly idle: number;
  readonly statusMs: number;
  readonly stopMs: number;
}

export type Logins = Pick<Crowd, "loginsPerSecond" | "loginMs" | "clientMs">;
interface LoggedIn extends Logins {
  readonly server: Daemon;
  readonly callers: Callers;
  /** Bytes of the server, before the first. */
  readonly before: number;
}
/** `options`: lines of configuration for each link. */
async function logIn(lab: Lab, sessions: number, atOnce: number, options: readonly string[]): Promise<LoggedIn> {
  const { a, server } = await crowdOf(lab, sessions);
  await server.start(CORE.b);
  const { pid } = server.proc;
  await sleep(1000);
  const before = memory(pid, "Rss");
  const callers = await Callers.start(a, sessions, atOnce, BASE, options);
  const [start, spent] = [Date.now(), processorSeconds(pid)];
  await until(`${sessions} sessions`, 600_000, () => {
    const t = callers.told;
    if (!server.proc.running) throw new Error(`the server ended with ${t?.up} sessions: ${server.log.slice(-500)}`);
    if (process.env["VERBOSE"] !== undefined)
      console.error(JSON.stringify(t), memory(pid, "Rss"), processorSeconds(pid));
    return (t?.up ?? 0) >= sessions;
  }).catch((e: unknown) => {
    throw new Error(`${String(e)}: ${JSON.stringify(callers.told)}`);
  });
  const seconds = (Date.now() - start) / 1000;
  const loginMs = ((processorSeconds(pid) - spent) / sessions) * 1000;
  const clientMs = (processorSeconds(callers.pid) / sessions) * 1000;
  return { server, callers, before, loginsPerSecond: sessions / seconds, loginMs, clientMs };
}
export async function measureLogins(lab: Lab, sessions: number, options: readonly string[]): Promise<Logins> {
  const x = await logIn(lab, sessions, 48, options);
  await x.callers.stop();
  await x.server.stop(20_000);
  return x;
}

export async function measureCrowd(lab: Lab, sessions: number, atOnce = 48): Promise<Crowd> {
  const { server, callers, before, ...logins } = await logIn(lab, sessions, atOnce, []);
  const { pid } = server.proc;
  await sleep(SETTLE_MS);
  const rss = memory(pid, "Rss");
  const rest = processorSeconds(pid);
  await sleep(REST_MS);
  const idle = (processorSeconds(pid) - rest) / (REST_MS / 1000);
  const { ms: statusMs, text } = await askStatus(server.socket);
  const told = [...text.matchAll(/"session":/g)].length;
  if (told !== sessions) throw new Error(`${told} of ${sessions} sessions in the status: ${text.slice(0, 200)}`);
  const ended = await server.stop(20_000);
  if (ended.code !== 0) throw new Error(`the server ended with ${ended.code}`);
  await callers.stop();
  return {
    each: (rss - before) / sessions / 1024,
    rss,
    ...logins,
    idle,
    statusMs,
    stopMs: ended.ms,
  };
}
