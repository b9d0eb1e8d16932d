// Network namespaces and processes for the system tests. A Lab owns everything a scenario makes and takes all of it
// away again: when the scenario ends, however it ends; when this process is told to end; and, for a run that was
// killed, when the next one starts. Namespaces carry the process id, so that runs side by side do not meet.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";

const PREFIX = "l2tpsec";
export const CACHE = `${process.cwd()}/.cache`;
export type RuntimeName = "node" | "qjs";
/** RUNTIME=qjs: the router's executable; otherwise the bundle on this Node. */
export const RUNTIME: RuntimeName = process.env["RUNTIME"] === "qjs" ? "qjs" : "node";
/** The file of our program: both kinds can be started as they are. */
export function fileOf(runtime: RuntimeName): string {
  return `${process.cwd()}/dist/l2tpsec${runtime === "qjs" ? "" : ".cjs"}`;
}
export const DAEMON = fileOf(RUNTIME);
/** The words that start it. */
export const PROGRAM: readonly [string, ...string[]] = RUNTIME === "qjs" ? [DAEMON] : [process.execPath, DAEMON];

export interface Done {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** So many times as long as elsewhere a busy machine may take. */
const SLOW = Number(process.env["SLOW"] ?? 1);

/** Waits until `probe` gives something true, asking every 100 ms; the sentence of a failure names `what`. */
export async function until<T>(what: string, ms: number, probe: () => T | Promise<T>): Promise<NonNullable<T>> {
  const end = Date.now() + ms * SLOW;
  for (;;) {
    const got = await probe();
    if (got) return got;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(100);
  }
}

function onPath(program: string): boolean {
  for (const dir of `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`.split(":")) {
    try {
      accessSync(`${dir}/${program}`, constants.X_OK);
      return true;
    } catch {
      // not in this one
    }
  }
  return false;
}

/**
 * Why a scenario cannot run here, or undefined. Names beginning with "/" are files, others programs; "daemon" is ours.
 */
export function lacking(...needs: string[]): string | undefined {
  if (process.getuid?.() !== 0) return "needs root (network namespaces)";
  if (!existsSync("/dev/net/tun")) return "needs /dev/net/tun";
  const gone = ["ip", "iptables", "tcpdump", "ping", ...needs.filter((n) => n !== "daemon")].filter((n) =>
    n.startsWith("/") ? !existsSync(n) : !onPath(n),
  );
  if (gone.length > 0) return `not installed: ${gone.join(", ")} (sh scripts/setup --peers)`;
  if (needs.includes("daemon") && !existsSync(DAEMON))
    return `${DAEMON.slice(DAEMON.indexOf("dist/"))} is not built (make build)`;
  return undefined;
}

// ---- processes ------------------------------------------------------------------------------------------------------

/** A process that runs beside the test. Its output is kept; `line` waits for a part of it. */
export class Proc {
  readonly child: ChildProcess;
  readonly name: string;
  output = "";
  stdout = "";
  readonly exited: Promise<number | null>;
  #ended: { code: number | null } | null = null;
  #exitAt = 0;
  #wake: (() => void)[] = [];

  constructor(name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv, group: boolean) {
    this.name = name;
    this.child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: group });
    const take = (chunk: Buffer): void => {
      this.output += chunk.toString();
      this.#notify();
    };
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.stdout += chunk.toString();
      take(chunk);
    });
    this.child.stderr?.on("data", take);
    this.exited = new Promise((done) => {
      const end = (code: number | null): void => {
        this.#ended ??= { code };
        this.#notify();
        done(this.#ended.code);
      };
      this.child.on("exit", () => (this.#exitAt = Date.now()));
      this.child.on("error", (e) => {
        this.output += `${e.message}\n`;
        end(127);
      });
      this.child.on("close", (code) => end(code));
      // what it leaves running may hold its output open: the last words have 200 ms
      this.child.on("exit", (code) => setTimeout(() => end(code), 200));
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }
  get running(): boolean {
    return this.#ended === null;
  }
  #notify(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const w of waiting) w();
  }

  /** The first match of `pattern` in the output after character `from`. */
  async line(pattern: RegExp, ms: number, from = 0): Promise<RegExpMatchArray> {
    const end = Date.now() + ms;
    for (;;) {
      const m = this.output.slice(from).match(pattern);
      if (m !== null) return m;
      const left = end - Date.now();
      if (left <= 0) throw new Error(`${this.name}: no ${pattern} within ${ms} ms`);
      if (!this.running) throw new Error(`${this.name}: ended before ${pattern}`);
      await new Promise<void>((done) => {
        const timer = setTimeout(done, left);
        this.#wake.push(() => {
          clearTimeout(timer);
          done();
        });
      });
    }
  }

  signal(name: NodeJS.Signals): void {
    if (this.running) this.child.kill(name);
  }
  /** Lets go of its output, so that nothing it left behind keeps this process waiting. */
  detach(): void {
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
  }

  /** Ends it; SIGKILL when it is still there after `ms`. Milliseconds it took. */
  async stop(name: NodeJS.Signals = "SIGTERM", ms = 3000): Promise<number> {
    const start = Date.now();
    this.signal(name);
    const timer = setTimeout(() => this.signal("SIGKILL"), ms);
    await this.exited;
    clearTimeout(timer);
    return this.#exitAt - start;
  }
}

// ---- namespaces -----------------------------------------------------------------------------------------------------

export class Ns {
  readonly lab: Lab;
  readonly name: string;
  constructor(lab: Lab, name: string) {
    this.lab = lab;
    this.name = name;
  }

  /** Runs to its end inside the namespace; a failure throws unless `code` says which exit code is expected. */
  run(command: string, ...args: string[]): Promise<Done> {
    return run("ip", ["netns", "exec", this.name, command, ...args]);
  }
  async must(command: string, ...args: string[]): Promise<string> {
    const r = await this.run(command, ...args);
    if (r.code !== 0) throw new Error(`${command} ${args.join(" ")}: exit ${r.code}: ${r.stderr}${r.stdout}`);
    return r.stdout;
  }
  spawn(command: string, ...args: string[]): Proc {
    return this.lab.spawn(command, "ip", ["netns", "exec", this.name, command, ...args]);
  }

  /** An interface's address; `peer` has it on the other end of a new veth pair. */
  async link(ifname: string, address: string, peer: Ns, peerIfname: string, peerAddress: string): Promise<void> {
    const six = address.includes(":") ? "nodad" : "";
    await sh(`
      ip -n ${this.name} link add name ${ifname} type veth peer name ${peerIfname} netns ${peer.name}
      ip -n ${this.name} addr add ${address} dev ${ifname} ${six}
      ip -n ${peer.name} addr add ${peerAddress} dev ${peerIfname} ${six}
      ip -n ${this.name} link set dev ${ifname} up
      ip -n ${peer.name} link set dev ${peerIfname} up`);
  }
  async route(to: string, via: string): Promise<void> {
    await sh(`ip -n ${this.name} route replace ${to} via ${via}`);
  }
  async iptables(...rule: string[]): Promise<void> {
    await this.must("iptables", "-w", ...rule);
  }
  /** Everything that leaves by `ifname` gets its address. */
  async masquerade(ifname: string): Promise<void> {
    await this.iptables("-t", "nat", "-A", "POSTROUTING", "-o", ifname, "-j", "MASQUERADE");
  }
  async hasDevice(ifname: string): Promise<boolean> {
    return (await run("ip", ["-n", this.name, "link", "show", ifname])).code === 0;
  }
  async routes(): Promise<string> {
    return (await run("ip", ["-n", this.name, "route", "show"])).stdout;
  }

  /** Pings; the packets sent and received, and the round-trip times in ms (empty when none came back). */
  async ping(
    to: string,
    count = 3,
    interval = 0.2,
    more: string[] = [],
  ): Promise<{ sent: number; received: number; rtt: number[] }> {
    const r = await this.run("ping", "-n", "-c", String(count), "-i", String(interval), "-W", "2", ...more, to);
    const m = r.stdout.match(/(\d+) packets transmitted, (\d+) received/);
    const rtt = [...r.stdout.matchAll(/time=([\d.]+) ms/g)].map((x) => Number(x[1]));
    return { sent: Number(m?.[1] ?? 0), received: Number(m?.[2] ?? 0), rtt };
  }

  async capture(ifname: string, filter = ""): Promise<Capture> {
    const file = `${this.lab.dir}/${this.name}-${ifname}-${this.lab.serial()}.pcap`;
    const proc = this.spawn(
      "tcpdump",
      "-i",
      ifname,
      "-w",
      file,
      "-U",
      "-n",
      "-s",
      "0",
      "-Z",
      "root",
      "--immediate-mode",
      filter,
    );
    await proc.line(/listening on/, 5000);
    return new Capture(file, proc);
  }
}

/** What went over an interface, in a pcap file that lives as long as its Lab. */
export class Capture {
  readonly file: string;
  readonly #proc: Proc;
  constructor(file: string, proc: Proc) {
    this.file = file;
    this.#proc = proc;
  }
  async stop(): Promise<void> {
    await sleep(100); // the last packets are on their way through the ring
    await this.#proc.stop("SIGINT");
  }
  async lines(filter: string): Promise<string[]> {
    const r = await run("tcpdump", ["-nn", "-r", this.file, filter]);
    if (r.code !== 0) throw new Error(`tcpdump -r: ${r.stderr}`);
    return r.stdout.split("\n").filter((l) => l !== "");
  }
  async count(filter: string): Promise<number> {
    return (await this.lines(filter)).length;
  }
}

export function run(command: string, args: readonly string[], input?: string): Promise<Done> {
  return new Promise((done) => {
    const child = spawn(command, args, { stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (c: Buffer) => (stdout += c.toString()));
    child.stderr?.on("data", (c: Buffer) => (stderr += c.toString()));
    child.on("error", (e) => done({ code: 127, stdout, stderr: `${stderr}${e.message}` }));
    child.on("close", (code) => done({ code, stdout, stderr }));
    if (input !== undefined) child.stdin?.end(input);
  });
}
export async function sh(script: string): Promise<string> {
  const r = await run("sh", ["-e"], script);
  if (r.code !== 0) throw new Error(`${r.stderr}${r.stdout} in: ${script}`);
  return r.stdout;
}

// ---- the lab --------------------------------------------------------------------------------------------------------

const open = new Set<Lab>();
let serials = 0;
let swept = false;

export class Lab {
  readonly dir: string;
  readonly daemons: { readonly name: string; readonly log: string }[] = [];
  /** What our daemons run on. */
  readonly runtime: RuntimeName;
  readonly #id: number;
  readonly #spaces: string[] = [];
  readonly #procs: Proc[] = [];
  readonly #groups = new Set<number>();
  readonly #atEnd: (() => Promise<void>)[] = [];

  constructor(runtime: RuntimeName = RUNTIME) {
    this.runtime = runtime;
    if (!swept) sweep();
    swept = true;
    this.#id = ++serials;
    this.dir = `${CACHE}/${PREFIX}-${process.pid}-${this.#id}`;
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    open.add(this);
  }
  serial(): number {
    return ++serials;
  }

  /** A namespace that forwards, with IPv6 quiet unless asked for. */
  async ns(name: string, options: { ipv6?: boolean } = {}): Promise<Ns> {
    const full = `${PREFIX}-${process.pid}-${this.#id}-${name}`;
    this.#spaces.push(full);
    await sh(`
      ip netns add ${full}
      ip -n ${full} link set lo up
      ip netns exec ${full} sysctl -qw net.ipv4.ip_forward=1 \
        net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
        net.ipv6.conf.all.disable_ipv6=${options.ipv6 ? 0 : 1} \
        net.ipv6.conf.default.disable_ipv6=${options.ipv6 ? 0 : 1}`);
    return new Ns(this, full);
  }
  /** With `group`, it leads a process group which ends with it. */
  spawn(
    name: string,
    command: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; group?: boolean } = {},
  ): Proc {
    const p = new Proc(name, command, args, { ...process.env, ...options.env }, options.group === true);
    this.#procs.push(p);
    if (options.group === true) this.#groups.add(p.pid);
    return p;
  }
  write(name: string, text: string): string {
    const path = `${this.dir}/${name}`;
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }
  atEnd(what: () => Promise<void>): void {
    this.#atEnd.unshift(what);
  }

  async close(): Promise<void> {
    for (const what of this.#atEnd) await what().catch(() => {});
    for (const p of this.#procs) if (p.running) p.signal("SIGTERM");
    await Promise.all(this.#procs.map((p) => p.stop("SIGTERM", 2500)));
    this.closeNow();
  }
  /** The synchronous end, for a process that is going away. */
  closeNow(): void {
    for (const p of this.#procs) {
      if (p.running) p.child.kill("SIGKILL");
      p.detach();
    }
    for (const g of this.#groups) killGroup(g);
    for (const s of this.#spaces) {
      endProcesses(s);
      spawnSync("ip", ["netns", "del", s]);
    }
    this.#spaces.length = 0;
    if (process.env["KEEP"] === undefined) rmSync(this.dir, { recursive: true, force: true });
    open.delete(this);
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // gone already
  }
}
/** Whatever a scenario's processes left running in a namespace of ours. */
function endProcesses(space: string): void {
  const pids = spawnSync("ip", ["netns", "pids", space]).stdout?.toString().split("\n") ?? [];
  for (const pid of pids.map(Number)) {
    if (pid <= 1) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // gone already
    }
  }
}
/** Takes away what runs left behind whose process is gone: only names with our prefix and a dead process id. */
function sweep(): void {
  const list = spawnSync("ip", ["netns", "list"]).stdout?.toString() ?? "";
  for (const m of list.matchAll(/^(l2tpsec-(\d+)-\S+)/gm)) {
    if (existsSync(`/proc/${m[2]}`)) continue;
    endProcesses(m[1] ?? "");
    spawnSync("ip", ["netns", "del", m[1] ?? ""]);
  }
}
process.on("exit", () => {
  for (const lab of open) lab.closeNow();
});
for (const s of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(s, () => process.exit(130));

// ---- scenarios ------------------------------------------------------------------------------------------------------

const skips = new Map<string, number>();
process.on("exit", () => {
  for (const [why, n] of skips) console.log(`skipped ${n}: ${why}`);
});

export interface Needs {
  readonly needs?: readonly string[];
  readonly timeout?: number;
}
/** One test with a Lab of its own. A failure carries the end of every daemon's log. */
export function scenario(name: string, options: Needs, body: (lab: Lab, t: TestContext) => Promise<void>): void {
  const why = lacking(...(options.needs ?? ["daemon"]));
  if (why !== undefined) skips.set(why, (skips.get(why) ?? 0) + 1);
  void test(name, { skip: why ?? false, timeout: (options.timeout ?? 90_000) * SLOW }, async (t) => {
    const lab = new Lab();
    try {
      await body(lab, t);
    } catch (e) {
      const logs = lab.daemons.map((d) => `--- ${d.name}:\n${d.log.split("\n").slice(-40).join("\n")}`);
      if (e instanceof Error) e.message += `\n${logs.join("\n")}`;
      throw e;
    } finally {
      await lab.close();
    }
  });
}

/** A field of /proc/PID/smaps_rollup, in bytes: "Rss", "Anonymous". */
export function memory(pid: number, field: "Rss" | "Anonymous"): number {
  const m = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8").match(new RegExp(`^${field}:\\s+(\\d+) kB`, "m"));
  return Number(m?.[1] ?? 0) * 1024;
}
