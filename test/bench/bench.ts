// The figures the project is held to. Two namespaces, one core a side, TCP by iperf3 both ways; peers in the same run, since
// only ratios mean anything on another machine. About 80 s; `quick` as an argument leaves out the 200 sessions.
import { statSync } from "node:fs";
import { Daemon } from "../net/daemon.ts";
import { DAEMON, Lab, lacking, memory, type Ns, sleep } from "../net/harness.ts";
import { manySessions } from "../net/many.ts";
import { clientConfig, serverConfig, two, without } from "../net/sites.ts";
import { CORE, openvpn, wireguard } from "./rivals.ts";

const SECONDS = 4;

const why = lacking("daemon", "iperf3", "taskset");
if (why !== undefined) {
  console.error(`bench: ${why}`);
  process.exit(1);
}

interface Row {
  readonly what: string;
  readonly value: string;
  readonly target: string;
  readonly ok: boolean | null;
}
const rows: Row[] = [];
function row(what: string, value: string, target = "", ok: boolean | null = null): void {
  rows.push({ what, value, target, ok });
}
const median = (xs: number[]): number => xs.toSorted((x, y) => x - y)[Math.floor(xs.length / 2)] ?? Number.NaN;

async function inLab<T>(body: (lab: Lab) => Promise<T>): Promise<T> {
  const lab = new Lab();
  try {
    return await body(lab);
  } catch (e) {
    for (const d of lab.daemons) console.error(`--- ${d.name}\n${d.log.split("\n").slice(-20).join("\n")}`);
    throw e;
  } finally {
    await lab.close();
  }
}

/** Mbit/s, the mean of both directions. */
async function throughput(a: Ns, b: Ns, address: string): Promise<number> {
  const server = b.spawn("taskset", "-c", CORE.b, "iperf3", "-s", "--forceflush", "-B", address);
  await server.line(/listening/, 5000);
  const ways: number[] = [];
  for (const way of [[], ["-R"]]) {
    const r = await a.must("taskset", "-c", CORE.a, "iperf3", "-c", address, "-t", String(SECONDS), "-O", "1", "-J", ...way);
    const end = (JSON.parse(r) as { end: { sum_received: { bits_per_second: number } } }).end;
    ways.push(end.sum_received.bits_per_second / 1e6);
  }
  await server.stop();
  return ways.reduce((x, y) => x + y) / ways.length;
}

async function ours(lab: Lab, esp: string | null): Promise<{ a: Ns; b: Ns; client: Daemon; server: Daemon }> {
  const { a, b } = await two(lab);
  const off = { ipsec: "off" };
  const client = esp === null
    ? { "interface hq": without(clientConfig(off)["interface hq"] ?? {}, "psk") }
    : clientConfig({ esp_proposals: esp, ike_proposals: "aes128-sha256-modp2048" });
  const config = serverConfig(esp === null ? off : { esp_proposals: esp });
  if (esp === null) config["server lns"] = without(config["server lns"] ?? {}, "psk");
  const d = { client: new Daemon(a, "client", client), server: new Daemon(b, "server", config) };
  await d.server.start(CORE.b);
  return { a, b, ...d };
}

const measured = new Map<string, number>();
for (const [name, esp] of [["aes128gcm16", "aes128gcm16"], ["aes128-sha1", "aes128-sha1"], ["plain", null]] as const) {
  await inLab(async (lab) => {
    const { a, b, client } = await ours(lab, esp);
    await client.start(CORE.a);
    await client.waitUp("hq");
    if (esp === "aes128gcm16") {
      await sleep(1500);
      const [rss, anonymous] = [memory(client.proc.pid, "Rss") / 2 ** 20, memory(client.proc.pid, "Anonymous") / 2 ** 20];
      row("idle memory, one tunnel up (RSS)", `${rss.toFixed(1)} MB`, "<= 50 MB", rss <= 50);
      row("  of it anonymous", `${anonymous.toFixed(1)} MB`, "<= 12 MB", anonymous <= 12);
    }
    const ping = esp === "aes128gcm16" ? a.ping("10.99.0.1", 80, 0.1) : null;
    measured.set(name, await throughput(a, b, "10.99.0.1"));
    if (ping !== null) {
      const { rtt, sent, received } = await ping;
      row("ping under load", `median ${median(rtt).toFixed(2)} ms, worst ${Math.max(...rtt).toFixed(1)} ms, ${sent - received} of ${sent} lost`);
      const s = await client.status("hq");
      row("  drops under load", Object.entries(s.drops).map(([k, v]) => `${k} ${v}`).join(", ") || "none");
    }
  });
}
for (const [name, needs, start] of [
  ["openvpn", ["openvpn", "openssl"], openvpn],
  ["wireguard-go", ["wireguard-go", "wg"], wireguard],
] as const) {
  const gone = lacking(...needs);
  if (gone !== undefined) {
    console.error(`bench: no ${name}: ${gone}`);
    continue;
  }
  await inLab(async (lab) => {
    const { a, b } = await two(lab);
    measured.set(name, await throughput(a, b, await start(a, b)));
  });
}
const mbit = (name: string): string => `${(measured.get(name) ?? Number.NaN).toFixed(0)} Mbit/s`;
function ratio(ourName: string, rival: string, target: number): void {
  const [x, y] = [measured.get(ourName), measured.get(rival)];
  if (x === undefined || y === undefined) return row(`  ${ourName} / ${rival}`, "not measured", `>= ${target}`);
  row(`  ${ourName} / ${rival}`, (x / y).toFixed(2), `>= ${target}`, x / y >= target);
}
for (const name of ["plain", "aes128gcm16", "aes128-sha1"]) row(`TCP, one core a side: l2tpsec ${name}`, mbit(name));
if (measured.has("openvpn")) row("TCP, one core a side: openvpn AES-256-GCM", mbit("openvpn"));
if (measured.has("wireguard-go")) row("TCP, one core a side: wireguard-go", mbit("wireguard-go"));
ratio("aes128gcm16", "openvpn", 1.2);
ratio("aes128gcm16", "wireguard-go", 1.5);
ratio("aes128-sha1", "openvpn", 1.0);

await inLab(async (lab) => {
  const { client } = await ours(lab, "aes128gcm16");
  const [ready, up]: [number[], number[]] = [[], []];
  for (let i = 0; i < 7; i++) {
    const start = performance.now();
    const p = client.launch();
    await p.line(/daemon\.ready/, 5000);
    ready.push(performance.now() - start);
    await p.line(/link\.up/, 5000);
    up.push(performance.now() - start);
    await client.stop();
  }
  row("ready after start (median of 7)", `${median(ready).toFixed(0)} ms`, "<= 150 ms", median(ready) <= 150);
  row("client start to `up`, MODP2048 (median of 7)", `${median(up).toFixed(0)} ms`, "<= 400 ms", median(up) <= 400);
});

if (!process.argv.includes("quick")) {
  await inLab(async (lab) => {
    const { each, seconds } = await manySessions(lab, 200);
    row("memory of a session, 200 on one server", `${each.toFixed(1)} KB`, "<= 60 KB", each <= 60);
    row("  all of them up after", `${seconds.toFixed(1)} s`);
  });
}
const bundle = statSync(DAEMON).size;
row("bundle, minified", `${(bundle / 1024).toFixed(0)} KB`, "<= 400 KB", bundle <= 400 * 1024);

const width = (pick: (r: Row) => string): number => Math.max(...rows.map((r) => pick(r).length));
const [w1, w2, w3] = [width((r) => r.what), width((r) => r.value), width((r) => r.target)];
console.log();
for (const r of rows) {
  const verdict = r.ok === null ? "" : r.ok ? "ok" : "MISS";
  console.log(`${r.what.padEnd(w1)}  ${r.value.padStart(w2)}  ${r.target.padEnd(w3)}  ${verdict}`.trimEnd());
}
process.exit(rows.some((r) => r.ok === false) ? 1 : 0);
