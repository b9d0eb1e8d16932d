// The figures the project is held to. Two namespaces, one core a side, TCP by iperf3 both ways; peers and both runtimes
// in the same run, since only ratios mean anything on another machine. About 9 min; `quick` as an argument leaves out
// the many sessions, `crowd` all the rest; SESSIONS and RUNTIME bound that part.
import { existsSync, statSync } from "node:fs";
import { Daemon } from "../net/daemon.ts";
import { fileOf, Lab, lacking, memory, type Ns, type RuntimeName, sleep } from "../net/harness.ts";
import { manySessions } from "../net/many.ts";
import { clientConfig, serverConfig, two, without } from "../net/sites.ts";
import { measureCrowd } from "./crowd.ts";
import { CORE, openvpn, wireguard } from "./rivals.ts";

const SECONDS = 4;
const MB = 1e6;

const why = lacking("daemon", "iperf3", "taskset");
if (why !== undefined) {
  console.error(`bench: ${why}`);
  process.exit(1);
}
const BOTH: readonly RuntimeName[] = existsSync(fileOf("qjs")) ? ["node", "qjs"] : ["node"];
const RUNTIMES = BOTH.filter((r) => (process.env["RUNTIME"] ?? r) === r);
if (BOTH.length === 1) console.error("bench: no dist/l2tpsec: figures for Node alone");

const figures = new Map<string, number>(); // "node idle RSS"
const notes: string[] = [];
const keep = (runtime: string, what: string, value: number): void => void figures.set(`${runtime} ${what}`, value);
const median = (xs: number[]): number => xs.toSorted((x, y) => x - y)[Math.floor(xs.length / 2)] ?? Number.NaN;

async function inLab(runtime: RuntimeName, body: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = new Lab(runtime);
  try {
    await body(lab);
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
    const r = await a.must(
      "taskset",
      "-c",
      CORE.a,
      "iperf3",
      "-c",
      address,
      "-t",
      String(SECONDS),
      "-O",
      "1",
      "-J",
      ...way,
    );
    const end = (JSON.parse(r) as { end: { sum_received: { bits_per_second: number } } }).end;
    ways.push(end.sum_received.bits_per_second / 1e6);
  }
  await server.stop();
  return ways.reduce((x, y) => x + y) / ways.length;
}

async function ours(lab: Lab, esp: string | null): Promise<{ a: Ns; b: Ns; client: Daemon; server: Daemon }> {
  const { a, b } = await two(lab);
  const off = { ipsec: "off" };
  const client =
    esp === null
      ? { "interface hq": without(clientConfig(off)["interface hq"] ?? {}, "psk") }
      : clientConfig({ esp_proposals: esp, ike_proposals: "aes128-sha256-modp2048" });
  const config = serverConfig(esp === null ? off : { esp_proposals: esp });
  if (esp === null) config["server lns"] = without(config["server lns"] ?? {}, "psk");
  const d = { client: new Daemon(a, "client", client), server: new Daemon(b, "server", config) };
  await d.server.start(CORE.b);
  return { a, b, ...d };
}

async function throughputs(): Promise<void> {
  for (const [name, esp] of [
    ["GCM", "aes128gcm16"],
    ["CBC-SHA1", "aes128-sha1"],
    ["plain", null],
  ] as const) {
    for (const runtime of RUNTIMES) {
      await inLab(runtime, async (lab) => {
        const { a, b, client } = await ours(lab, esp);
        await client.start(CORE.a);
        await client.waitUp("hq");
        if (esp === "aes128gcm16") {
          await sleep(1500);
          keep(runtime, "idle RSS", memory(client.proc.pid, "Rss") / MB);
          keep(runtime, "idle anonymous", memory(client.proc.pid, "Anonymous") / MB);
        }
        const ping = esp === "aes128gcm16" ? a.ping("10.99.0.1", 80, 0.1) : null;
        keep(runtime, name, await throughput(a, b, "10.99.0.1"));
        if (ping === null) return;
        const { rtt, sent, received } = await ping;
        keep(runtime, "ping under load", median(rtt));
        const drops =
          Object.entries((await client.status("hq")).drops)
            .map(([k, v]) => `${k} ${v}`)
            .join(", ") || "none";
        notes.push(
          `${runtime}, under load: worst ping ${Math.max(...rtt).toFixed(1)} ms, ${sent - received} of ${sent} lost; drops: ${drops}`,
        );
      });
    }
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
    await inLab("node", async (lab) => {
      const { a, b } = await two(lab);
      figures.set(name, await throughput(a, b, await start(a, b)));
    });
  }
}

async function starts(): Promise<void> {
  for (const runtime of RUNTIMES) {
    await inLab(runtime, async (lab) => {
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
      keep(runtime, "ready", median(ready));
      keep(runtime, "up", median(up));
    });
  }
}

async function twoHundred(): Promise<void> {
  for (const runtime of RUNTIMES) {
    await inLab(runtime, async (lab) => {
      const { a, server, each, seconds } = await manySessions(lab, 200);
      keep(runtime, "session", each);
      keep(runtime, "200 sessions", memory(server.proc.pid, "Rss") / MB);
      notes.push(`${runtime}: 200 sessions were up after ${seconds.toFixed(1)} s`);
      const ping = a.ping("10.99.0.1", 400, 0.01, ["-I", "t1"]);
      for (let i = 0; i < 5; i++) {
        await server.serverStatus("lns"); // the longest answer there is
        await sleep(500);
      }
      keep(runtime, "pause", Math.max(...(await ping).rtt));
    });
  }
}

const SESSIONS = Number(process.env["SESSIONS"] ?? 4000);
async function crowds(): Promise<void> {
  for (const runtime of RUNTIMES) {
    await inLab(runtime, async (lab) => {
      const c = await measureCrowd(lab, SESSIONS);
      keep(runtime, "crowd each", c.each);
      keep(runtime, "crowd RSS", c.rss / MB);
      keep(runtime, "crowd logins", c.loginsPerSecond);
      keep(runtime, "crowd login", c.loginMs);
      keep(runtime, "crowd client", c.clientMs);
      keep(runtime, "crowd idle", c.idle * 100);
      keep(runtime, "crowd status", c.statusMs);
      keep(runtime, "crowd stop", c.stopMs);
    });
  }
}

const asked = (word: string): boolean => process.argv.includes(word);
if (!asked("crowd")) {
  await throughputs();
  await starts();
}
if (!asked("quick") && !asked("crowd")) await twoHundred();
if (!asked("quick")) await crowds();
for (const runtime of RUNTIMES) keep(runtime, "program", statSync(fileOf(runtime)).size / 1024);

// ---- the table ------------------------------------------------------------------------------------------------------

interface Row {
  readonly what: string;
  readonly cells: readonly string[];
  readonly target: string;
  readonly ok: boolean | null;
}
const rows: Row[] = [];
const of = (runtime: string, what: string): number => figures.get(`${runtime} ${what}`) ?? Number.NaN;

/** A figure of both runtimes, each held to its own bound; null: to none. */
function both(title: string, what: string, unit: string, node: number | null, qjs: number | null, digits = 0): void {
  const values = RUNTIMES.map((r) => of(r, what));
  if (values.every(Number.isNaN)) return;
  const bounds = RUNTIMES.map((r) => (r === "node" ? node : qjs));
  const held = bounds.flatMap((b, i) => (b === null ? [] : [(values[i] as number) <= b]));
  rows.push({
    what: title,
    cells: values.map((v) => `${v.toFixed(digits)} ${unit}`),
    target: held.length === 0 ? "" : `<= ${bounds.map((b) => (b === null ? "-" : String(b))).join(" / ")}`,
    ok: held.length === 0 ? null : held.every(Boolean),
  });
}
/** What a runtime does as a part of what a rival does. */
function ratio(title: string, rival: number | undefined, what: string, target: number): void {
  if (rival === undefined) return;
  const values = RUNTIMES.map((r) => of(r, what) / rival);
  rows.push({
    what: title,
    cells: values.map((v) => v.toFixed(2)),
    target: `>= ${target}`,
    ok: values.every((v) => v >= target),
  });
}
/** QuickJS as a multiple of Node. */
function beside(title: string, what: string, good: (x: number) => boolean, target: string): void {
  if (RUNTIMES.length < 2 || Number.isNaN(of("qjs", what))) return;
  const x = of("qjs", what) / of("node", what);
  rows.push({ what: title, cells: ["1", x.toFixed(2)], target, ok: good(x) });
}

for (const name of ["plain", "GCM", "CBC-SHA1"]) both(`TCP, one core a side: ${name}`, name, "Mbit/s", null, null);
for (const name of ["openvpn", "wireguard-go"]) {
  const v = figures.get(name);
  if (v !== undefined)
    rows.push({ what: `TCP, one core a side: ${name}`, cells: [`${v.toFixed(0)} Mbit/s`], target: "", ok: null });
}
ratio("  GCM / openvpn AES-256-GCM", figures.get("openvpn"), "GCM", 1.2);
ratio("  GCM / wireguard-go", figures.get("wireguard-go"), "GCM", 1.5);
ratio("  CBC-SHA1 / openvpn AES-256-GCM", figures.get("openvpn"), "CBC-SHA1", 1);
for (const name of ["GCM", "CBC-SHA1"]) beside(`  ${name} / Node's`, name, (x) => x >= 0.95, ">= 0.95");
both("ping under load, median", "ping under load", "ms", null, null, 2);
beside("  / Node's", "ping under load", (x) => x <= 1.3, "<= 1.3");
both("idle memory, one tunnel up (RSS)", "idle RSS", "MB", 52, 10, 1);
both("  of it anonymous", "idle anonymous", "MB", 12.6, 4, 1);
both("ready after start (median of 7)", "ready", "ms", 150, 30);
both("client start to `up`, MODP2048 (median of 7)", "up", "ms", 400, null);
beside("  / Node's", "up", (x) => x <= 1.3, "<= 1.3");
both("memory of a session, 200 on one server", "session", "KB", 60, null, 1);
both("  all of that server (RSS)", "200 sessions", "MB", null, 24, 1);
both("  longest pause, by ping", "pause", "ms", null, 10, 1);
both(`${SESSIONS} sessions: memory of each`, "crowd each", "KB", null, 45, 1);
both("  all of that server (RSS)", "crowd RSS", "MB", null, null, 0);
both("  processor time of a login", "crowd login", "ms", 10, 10, 1);
both("    of its client (Node)", "crowd client", "ms", null, null, 1);
both("  logins a second, clients on the other core", "crowd logins", "", null, null);
both("  idle, share of a core", "crowd idle", "%", 2, 2, 2);
both("  status", "crowd status", "ms", 300, 300);
both("  the end", "crowd stop", "ms", 2000, 2000);
both("program", "program", "KB", 400, 1024);

const head = ["", ...RUNTIMES.map((r) => (r === "node" ? "Node" : "QuickJS")), "target"];
const table = [
  head,
  ...rows.map((r) => [r.what, r.cells[0] ?? "", ...(RUNTIMES.length > 1 ? [r.cells[1] ?? ""] : []), r.target]),
];
const widths = head.map((_, i) => Math.max(...table.map((t) => (t[i] ?? "").length)));
console.log();
table.forEach((cells, i) => {
  const verdict = rows[i - 1]?.ok;
  const line = cells
    .map((c, k) => (k === 0 || k === head.length - 1 ? c.padEnd(widths[k] ?? 0) : c.padStart(widths[k] ?? 0)))
    .join("  ");
  console.log(`${line}  ${verdict === true ? "ok" : verdict === false ? "MISS" : ""}`.trimEnd());
});
for (const n of notes) console.log(n);
process.exit(rows.some((r) => r.ok === false) ? 1 : 0);
