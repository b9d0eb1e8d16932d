// Our daemon as a black box: a configuration file in, status, events, log and exit code out.
import { readFileSync } from "node:fs";
import type { ClientStatus, SerialStatus, ServerStatus, Status } from "../../src/link/status.ts";
import { type Done, fileOf, type Lab, type Ns, PROGRAM, type Proc, run, until } from "./harness.ts";

export type Section = Record<string, string | number>;
export type Config = Record<string, Section>;

/** INI text; a value with one of the format's own characters goes into double quotes. */
export function ini(config: Config): string {
  return Object.entries(config)
    .map(([name, section]) => {
      const lines = Object.entries(section).map(([k, v]) => {
        const text = String(v);
        return `${k} = ${/[;#="]|^\s|\s$/.test(text) ? JSON.stringify(text) : text}`;
      });
      return [`[${name}]`, ...lines, ""].join("\n");
    })
    .join("\n");
}

export class Daemon {
  readonly name: string;
  readonly ns: Ns;
  readonly socket: string;
  readonly #lab: Lab;
  readonly #file: string;
  #proc: Proc | null = null;
  #older = "";

  constructor(ns: Ns, name: string, config: Config) {
    this.name = name;
    this.ns = ns;
    this.#lab = ns.lab;
    this.socket = `${ns.lab.dir}/${name}.sock`;
    this.#file = `${ns.lab.dir}/${name}.conf`;
    this.configure(config);
    ns.lab.daemons.push(this);
  }
  get file(): string {
    return this.#file;
  }
  /** Tunnels are in userspace unless they say otherwise, whatever the machine's kernel has. */
  configure(config: Config): void {
    const { daemon, ...rest } = config;
    const sections = Object.entries(rest).map(([title, s]): [string, Section] => {
      const tunnel = s["proto"] === "l2tpsec" || title.startsWith("server ");
      return [title, tunnel ? { dataplane: "userspace", ...s } : s];
    });
    const own = { control: this.socket, log: "debug", ...daemon };
    this.#lab.write(`${this.name}.conf`, ini({ daemon: own, ...Object.fromEntries(sections) }));
  }

  /** Starts it and returns once it is ready; `cpus` pins it. */
  async start(cpus?: string, wrap: readonly string[] = []): Promise<void> {
    this.launch(cpus, wrap);
    await this.proc.line(/daemon\.ready/, 10_000);
  }
  /** `wrap`: a program and its arguments that start ours. */
  launch(cpus?: string, wrap: readonly string[] = []): Proc {
    this.#older += this.#proc?.output ?? "";
    const pin = cpus === undefined ? [] : ["taskset", "-c", cpus];
    const args = [...pin, ...wrap, fileOf(this.#lab.runtime), "run", "--config", this.#file, "--foreground"];
    this.#proc = this.#lab.spawn(this.name, "ip", ["netns", "exec", this.ns.name, ...args], {
      env: { NODE: process.execPath },
    });
    return this.#proc;
  }
  get proc(): Proc {
    if (this.#proc === null) throw new Error(`${this.name}: not started`);
    return this.#proc;
  }
  get log(): string {
    return this.#older + (this.#proc?.output ?? "");
  }
  /** How much of the log is there now: `event` with it waits for what comes later. */
  get mark(): number {
    return this.proc.output.length;
  }

  /** Waits for an event of a link on the log, e.g. event("hq", "link.up"). */
  event(link: string, kind: string, ms: number, from = 0): Promise<RegExpMatchArray> {
    return this.proc.line(new RegExp(`\\b${link}: ${kind.replace(".", "\\.")}\\b.*`), ms, from);
  }
  /** Ends with the status of a link that is up. */
  async waitUp(link: string, ms = 15_000, from = 0): Promise<ClientStatus> {
    await this.event(link, "link.up", ms, from);
    return this.status(link);
  }

  cli(...args: string[]): Promise<Done> {
    return run(PROGRAM[0], [...PROGRAM.slice(1), ...args, "--socket", this.socket]);
  }
  async #status(name: string): Promise<Status> {
    const r = await this.cli("status", name, "--json");
    if (r.code !== 0) throw new Error(`${this.name}: status ${name}: exit ${r.code}: ${r.stderr}`);
    const s = (JSON.parse(r.stdout) as Record<string, Status>)[name];
    if (s === undefined) throw new Error(`${this.name}: status ${name} --json has no "${name}": ${r.stdout}`);
    return s;
  }
  async status(link: string): Promise<ClientStatus> {
    const s = await this.#status(link);
    if (s.kind !== "client") throw new Error(`${this.name}: ${link} is a ${s.kind}`);
    return s;
  }
  async nasStatus(name: string): Promise<SerialStatus> {
    const s = await this.#status(name);
    if (s.kind !== "nas") throw new Error(`${this.name}: ${name} is a ${s.kind}`);
    return s;
  }
  async serverStatus(name: string): Promise<ServerStatus> {
    const s = await this.#status(name);
    if (s.kind !== "server") throw new Error(`${this.name}: ${name} is a ${s.kind}`);
    return s;
  }
  /** Waits until status says so. */
  async statusWhere(link: string, what: string, ms: number, is: (s: ClientStatus) => boolean): Promise<ClientStatus> {
    let last: ClientStatus | null = null;
    try {
      return await until(`${this.name}: ${link} ${what}`, ms, async () => {
        last = await this.status(link);
        return is(last) ? last : null;
      });
    } catch (e) {
      if (e instanceof Error) e.message += `; status: ${JSON.stringify(last)}`;
      throw e;
    }
  }
  /** SIGTERM; the exit code and how long it took, in ms. */
  async stop(patience = 5000): Promise<{ code: number | null; ms: number }> {
    const ms = await this.proc.stop("SIGTERM", patience);
    return { code: await this.proc.exited, ms };
  }
  /** Ended at once, as a power cut would. */
  async kill(): Promise<void> {
    await this.proc.stop("SIGKILL");
  }
  /** The daemon's arguments as everybody on the machine can read them. */
  cmdline(): string {
    return readFileSync(`/proc/${this.proc.pid}/cmdline`, "utf8");
  }
}
