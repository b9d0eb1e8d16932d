// `l2tpsec demo`: two sites in network namespaces of this machine, joined by real daemons; once with raw ESP, once
// through a NAT with UDP 4500. It leaves nothing behind.
//
//   host A ── router A ──────────── WAN ──────────── router B ── host B      first: raw ESP, IP protocol 50
//   .10.10    .10.1  203.0.113.1         203.0.113.2   .20.1     .20.10
//
//   host A ── router A ── NAT ───── WAN ──────────── router B ── host B      then: ESP in UDP 4500
//                100.64.0.2  203.0.113.1
import { get8 } from "../core/bytes.ts";
import type { ClientStatus, Stage } from "../link/status.ts";
import type { Process, Runtime } from "../ports/runtime.ts";
import { ControlClient } from "./client.ts";
import { bytes, renderDoctor } from "./render.ts";

const HOST_A = "192.168.10.10";
const HOST_B = "192.168.20.10";
const WAN_B = "203.0.113.2";

/** The demo's namespaces, veth pairs and daemons; clean() removes them all. */
export class Demo {
  readonly #rt: Runtime;
  readonly #id: string;
  readonly #namespaces: string[] = [];
  readonly #daemons: Process[] = [];
  readonly #dir: string;
  #cleaned: Promise<void> | null = null;

  constructor(rt: Runtime) {
    this.#rt = rt;
    this.#dir = rt.tempDir("l2tpsec-demo-");
    this.#id = `l2d${get8(rt.crypto.random(1), 0).toString(16)}`;
  }
  say(text: string): void {
    this.#rt.stdout(`${text}\n`);
  }
  /** Runs a command to completion; returns its output. A failure throws an Error with the command's message. */
  async run(...words: string[]): Promise<string> {
    const p = this.#rt.spawn(words);
    let out = "";
    p.onLine = (l) => {
      out += `${l}\n`;
    };
    const code = await p.exit;
    if (code === 127) throw new Error(`${words[0]} is not installed: scripts/setup installs what the demo needs`);
    if (code !== 0) throw new Error(`${words.join(" ")}: exit ${code}: ${out.trim()}`);
    return out;
  }
  /** Checks for TUN now, rather than when a daemon needs it. */
  async needTun(): Promise<void> {
    await this.run("test", "-r", "/dev/net/tun", "-a", "-w", "/dev/net/tun").catch(() => {
      throw new Error("/dev/net/tun is missing, or this user may not open it: run it as root, with the module tun");
    });
  }
  ns(name: string): string {
    return `${this.#id}-${name}`;
  }
  in(name: string, ...words: string[]): string[] {
    return ["ip", "netns", "exec", this.ns(name), ...words];
  }
  async namespace(name: string): Promise<void> {
    await this.run("ip", "netns", "add", this.ns(name));
    this.#namespaces.push(name);
    await this.run("ip", "-n", this.ns(name), "link", "set", "lo", "up");
    await this.run(...this.in(name, "sysctl", "-qw", "net.ipv4.ip_forward=1"));
  }
  /** A veth pair: `a`.`ifA` with an address, `b`.`ifB` with or without one. */
  async cable(a: string, ifA: string, ipA: string, b: string, ifB: string, ipB: string | null): Promise<void> {
    await this.run(
      "ip",
      "link",
      "add",
      ifA,
      "netns",
      this.ns(a),
      "type",
      "veth",
      "peer",
      "name",
      ifB,
      "netns",
      this.ns(b),
    );
    for (const [n, i, ip] of [
      [a, ifA, ipA],
      [b, ifB, ipB],
    ] as const) {
      if (ip !== null) await this.run("ip", "-n", this.ns(n), "addr", "add", ip, "dev", i);
      await this.run("ip", "-n", this.ns(n), "link", "set", i, "up");
    }
  }
  async route(name: string, to: string, via: string): Promise<void> {
    await this.run("ip", "-n", this.ns(name), "route", "replace", to, "via", via);
  }
  socket(name: string): string {
    return `${this.#dir}/${name}.sock`;
  }
  async daemon(name: string, config: string): Promise<ControlClient> {
    const file = `${this.#dir}/${name}.conf`;
    this.#rt.writeFile(file, `[daemon]\ncontrol = ${this.socket(name)}\n${config}`, 0o600);
    const p = this.#rt.spawn(this.in(name, ...this.#rt.self, "run", "--foreground", "--config", file));
    this.#daemons.push(p);
    let said = "";
    p.onLine = (l) => {
      said = l;
    };
    let ended = false;
    p.exit.then(
      () => {
        ended = true;
      },
      () => {},
    );
    for (let i = 0; i < 200; i++) {
      const client = await ControlClient.open(this.#rt.streams, this.socket(name)).catch(() => null);
      if (client) return client;
      if (ended) break;
      await this.pause(50);
    }
    throw new Error(`the daemon of ${name} did not start: ${said}`);
  }
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#rt.clock.timer("demo", () => resolve()).arm(ms));
  }
  async stopDaemons(): Promise<void> {
    for (const d of this.#daemons) d.signal("SIGTERM");
    const codes = await Promise.all(this.#daemons.map((d) => d.exit));
    this.#daemons.length = 0;
    if (codes.some((c) => c !== 0)) throw new Error(`a daemon ended with ${codes.join(", ")} after SIGTERM`);
  }
  /** Removes everything, in any state; further calls wait for the first. */
  clean(): Promise<void> {
    this.#cleaned ??= (async () => {
      for (const d of this.#daemons) d.signal("SIGKILL");
      for (const n of this.#namespaces) await this.run("ip", "netns", "del", this.ns(n)).catch(() => {});
      this.#rt.removeTree(this.#dir);
    })();
    return this.#cleaned;
  }
  async dropNamespaces(): Promise<void> {
    for (const n of this.#namespaces.splice(0)) await this.run("ip", "netns", "del", this.ns(n));
  }
}

const SERVER = `
[server lns]
listen   = ${WAN_B}
psk      = an example of a key, no more
pool     = 10.99.0.10-10.99.0.200
local_ip = 10.99.0.1
ifname   = l2tps-lns

[user branch]
password = wonderland
ip       = 10.99.0.10
routes   = 192.168.10.0/24
`;
const CLIENT = `
[interface hq]
proto    = l2tpsec
server   = ${WAN_B}
username = branch
password = wonderland
psk      = an example of a key, no more
routes   = 192.168.20.0/24
`;

/** Hosts, routers, and a bridge as the WAN; with `nat`, a masquerading router in front of router A. */
async function build(d: Demo, nat: boolean): Promise<void> {
  for (const n of ["hosta", "a", "wan", "b", "hostb", ...(nat ? ["nat"] : [])]) await d.namespace(n);
  await d.run("ip", "-n", d.ns("wan"), "link", "add", "br0", "type", "bridge");
  await d.run("ip", "-n", d.ns("wan"), "link", "set", "br0", "up");
  await d.cable("hosta", "eth0", `${HOST_A}/24`, "a", "lan0", "192.168.10.1/24");
  await d.cable("hostb", "eth0", `${HOST_B}/24`, "b", "lan0", "192.168.20.1/24");
  await d.route("hosta", "default", "192.168.10.1");
  await d.route("hostb", "default", "192.168.20.1");
  await d.cable("b", "wan0", `${WAN_B}/24`, "wan", "b0", null);
  await d.cable(nat ? "nat" : "a", nat ? "out0" : "wan0", "203.0.113.1/24", "wan", "a0", null);
  for (const i of ["a0", "b0"]) await d.run("ip", "-n", d.ns("wan"), "link", "set", i, "master", "br0");
  if (!nat) return;
  await d.cable("a", "wan0", "100.64.0.2/24", "nat", "in0", "100.64.0.1/24");
  await d.route("a", "default", "100.64.0.1");
  await d.run(...d.in("nat", "iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "out0", "-j", "MASQUERADE"));
}

/** Counts the packets on router B's WAN port by kind until the returned function is called. */
function watchWire(d: Demo, rt: Runtime): () => Promise<string> {
  const seen = { "ESP packets": 0, "UDP 4500 packets": 0, "L2TP packets in the clear": 0 };
  const p = rt.spawn(d.in("b", "tcpdump", "-nnlqt", "-i", "wan0", "esp or udp port 4500 or udp port 1701"));
  p.onLine = (l) => {
    if (/ ESP\(| ip-proto-50 /.test(l) && !l.includes(".4500")) seen["ESP packets"]++;
    else if (l.includes(".4500")) seen["UDP 4500 packets"]++;
    else if (l.includes(".1701")) seen["L2TP packets in the clear"]++;
  };
  return async () => {
    p.signal("SIGINT");
    if ((await p.exit) === 127) return "tcpdump is not installed: the traffic on the WAN was not checked";
    return Object.entries(seen)
      .map(([k, n]) => `${n} ${k}`)
      .join(", ");
  };
}

async function act(d: Demo, rt: Runtime, nat: boolean): Promise<boolean> {
  d.say(nat ? "\nTwo sites, router A behind a NAT: ESP in UDP 4500" : "Two sites, no NAT: raw ESP (IP protocol 50)");
  await d.needTun();
  await build(d, nat);
  const b = await d.daemon("b", SERVER);
  const endWire = watchWire(d, rt);
  await d.pause(300); // tcpdump starts
  const a = await d.daemon("a", CLIENT);
  const up = await a.call("doctor", { name: "hq" }, (s: Stage) => {
    if (s.state !== "busy") rt.stdout(`  ${renderDoctor(s, rt.terminal)}`);
  });
  if (up !== true) throw new Error("the tunnel did not come up");
  const ping = await d.run(...d.in("hosta", "ping", "-c", "5", "-i", "0.2", "-W", "2", HOST_B));
  for (const l of ping.split("\n")) if (/bytes from|packet loss|^rtt/.test(l)) d.say(`  host A: ${l}`);
  const speed = await throughput(d, rt);
  const status = ((await a.call("status", { name: "hq" })) as Record<string, ClientStatus>)["hq"];
  d.say(`  throughput host A to host B: ${speed}`);
  d.say(`  router A counts: in ${bytes(status?.rx_bytes ?? 0)}, out ${bytes(status?.tx_bytes ?? 0)}`);
  const onWire = await endWire();
  d.say(`  on the WAN: ${onWire}`);
  a.close();
  b.close();
  await d.stopDaemons();
  const left = await d.run("ip", "-n", d.ns("a"), "-o", "link");
  await d.dropNamespaces();
  if (/l2tps-/.test(left)) throw new Error("a netdev was left behind");
  return /, 0% packet loss/.test(ping) && !/[1-9]\d* L2TP packets in the clear/.test(onWire);
}

async function throughput(d: Demo, rt: Runtime): Promise<string> {
  const server = rt.spawn(d.in("hostb", "iperf3", "-s", "-1"));
  await d.pause(300);
  try {
    const out = JSON.parse(await d.run(...d.in("hosta", "iperf3", "-c", HOST_B, "-t", "2", "-J"))) as {
      end?: { sum_received?: { bits_per_second?: number } };
    };
    return `${((out.end?.sum_received?.bits_per_second ?? 0) / 1e6).toFixed(0)} Mbit/s of TCP (iperf3)`;
  } catch (e) {
    return `not measured: ${(e as Error).message}`;
  } finally {
    server.signal("SIGTERM");
  }
}

/** Returns the exit code. */
export async function runDemo(rt: Runtime): Promise<number> {
  if (!rt.isRoot) return unprivileged(rt, "l2tpsec demo", "Two sites", [...rt.self, "demo"]);
  const d = new Demo(rt);
  const offSignals = rt.onSignals({
    stop: () =>
      void d.clean().then(
        () => rt.exit(1),
        () => rt.exit(1),
      ),
    reload: () => {},
  });
  try {
    const plain = await act(d, rt, false);
    const nat = await act(d, rt, true);
    d.say(
      plain && nat
        ? "\nBoth tunnels carried every ping, and nothing left in the clear."
        : "\nSomething was lost: see above.",
    );
    return plain && nat ? 0 : 1;
  } catch (e) {
    rt.stderr(`l2tpsec demo: ${(e as Error).message}\n`);
    return 1;
  } finally {
    await d.clean();
    offSignals();
  }
}

/**
 * Not root: runs `words` again in a new user namespace, where the kernel allows that. `first`: the start of its
 * output.
 */
export async function unprivileged(
  rt: Runtime,
  name: string,
  first: string,
  words: readonly string[],
): Promise<number> {
  const again = rt.spawn([
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
    "--mount",
    "sh",
    "-c",
    'mount -t tmpfs none /run && exec "$0" "$@"',
    ...words,
  ]);
  let ran = false;
  again.onLine = (l) => {
    ran ||= l.startsWith(first);
    rt.stdout(`${l}\n`);
  };
  const code = await again.exit;
  if (!ran)
    rt.stderr(
      `${name}: it makes network namespaces: run it as root, or where the kernel lets users have ` +
        "namespaces of their own\n",
    );
  return code;
}
