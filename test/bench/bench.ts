// The figures the project is held to. Two namespaces, one core a side, TCP by iperf3 both ways; peers and both
// runtimes in the same run, since only ratios mean anything on another machine. About 40 min; `quick` as an argument
// has one round and no crowds; `throughput`, `ike` (how long starts and logins take), `spread` (what threads could
// bring), `sessions` (200), `crowd`, `server` (a storm of callers whom RADIUS knows), `kernel` (the kernel's data
// plane) each do nothing else; SESSIONS, STORM and RUNTIME bound them.
import { existsSync, statSync } from "node:fs";
import { certified } from "../net/certified.ts";
import { Daemon } from "../net/daemon.ts";
import { RADIUS_NEEDS } from "../net/freeradius.ts";
import { fileOf, lacking, memory, type RuntimeName, sleep } from "../net/harness.ts";
import { manySessions } from "../net/many.ts";
import { two } from "../net/sites.ts";
import { GUEST_NEEDS } from "../rig/harness.ts";
import { measureCrowd, measureLogins } from "./crowd.ts";
import { CLIENTS, TRANSFORMS as KERNEL, kernelPlane, kernelSessions, PLANES } from "./kernel.ts";
import { CORE } from "./rivals.ts";
import { measureStorm } from "./server.ts";
import { spreads } from "./spread.ts";
import { contest, inLab, median, ours } from "./throughput.ts";

const MB = 1e6;
/** Of certificates, and of IKEv2 by a pre-shared key. */
const KEYS = ["ecp256", "rsa2048", "ed25519"] as const;
const GROUPS = ["x25519", "ecp256"] as const;

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
/** Of throughput, each contestant in turn. */
const ROUNDS = 5;
/** Of the kernel's data plane, each in guests of its own. */
const GUESTS = 3;
/** Sessions on one server, in a guest. */
const IN_KERNEL = Number(process.env["SESSIONS"] ?? 500);
const keep = (runtime: string, what: string, value: number): void => void figures.set(`${runtime} ${what}`, value);

/** Milliseconds until a client is ready, and until it is up: medians of 7. */
async function start(client: Daemon): Promise<{ ready: number; up: number }> {
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
  return { ready: median(ready), up: median(up) };
}
async function starts(): Promise<void> {
  for (const runtime of RUNTIMES) {
    await inLab(runtime, async (lab) => {
      const { ready, up } = await start((await ours(lab, { esp: "aes128gcm16" })).client);
      keep(runtime, "ready", ready);
      keep(runtime, "up", up);
    });
    for (const kind of KEYS)
      await inLab(runtime, async (lab) => {
        const { client, server } = certified(kind, lab, { ike: "v2" });
        const { a, b } = await two(lab);
        await new Daemon(b, "server", server).start(CORE.b);
        keep(runtime, `up by ${kind}`, (await start(new Daemon(a, "client", client))).up);
      });
  }
}
const LOGINS = 400;
async function logins(): Promise<void> {
  for (const runtime of RUNTIMES) {
    for (const group of GROUPS)
      await inLab(runtime, async (lab) => {
        const options = ["ike = v2", `ike_proposals = aes256-sha256-${group}`];
        const x = await measureLogins(lab, LOGINS, options);
        keep(runtime, `logins ${group}`, x.loginsPerSecond);
        keep(runtime, `core ${group}`, 1000 / x.loginMs);
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

const STORM = Number(process.env["STORM"] ?? 1000);
async function storms(): Promise<void> {
  const gone = lacking(...RADIUS_NEEDS);
  if (gone !== undefined) return void notes.push(`no storm of callers: ${gone}`);
  for (const runtime of RUNTIMES)
    await inLab(runtime, async (lab) => {
      const s = await measureStorm(lab, STORM, STORM);
      keep(runtime, "storm", s.seconds);
      keep(runtime, "storm logins", s.loginsPerSecond);
      keep(runtime, "storm login", s.loginMs);
      keep(runtime, "storm busy", s.busy);
      keep(runtime, "storm crowded", s.crowded);
      keep(runtime, "storm lost", s.lost);
    });
}

const asked = (word: string): boolean => process.argv.includes(word);
const PARTS = ["throughput", "ike", "spread", "sessions", "crowd", "server", "kernel"];
const measured = (word: string): boolean => asked(word) || !PARTS.some(asked);
if (measured("throughput")) {
  const rounds = asked("quick") ? 1 : ROUNDS;
  const all = new Map<string, number[]>();
  const add = (who: string, what: string, value: number): void => {
    const key = `${who}: ${what}`;
    all.set(key, [...(all.get(key) ?? []), value]);
  };
  await contest({ rounds, runtimes: RUNTIMES, keep: add, note: (text) => void notes.push(text) });
  for (const [key, values] of all) figures.set(key, median(values));
}
if (measured("ike")) {
  await starts();
  if (!asked("quick")) await logins();
}
if (!asked("quick") && measured("spread") && RUNTIMES.includes("qjs")) {
  const sums = new Map<string, number[]>();
  await spreads(3, (who, _what, value) => void sums.set(who, [...(sums.get(who) ?? []), value]));
  for (const [who, values] of sums) figures.set(who, median(values));
}
if (!asked("quick") && measured("sessions")) await twoHundred();
if (!asked("quick") && measured("crowd")) await crowds();
if (!asked("quick") && measured("server")) await storms();
if (measured("kernel")) {
  const gone = lacking(...GUEST_NEEDS, "iperf3");
  const all = new Map<string, number[]>();
  const add = (who: string, what: string, value: number): void => {
    all.set(`${who}: ${what}`, [...(all.get(`${who}: ${what}`) ?? []), value]);
  };
  if (gone === undefined) {
    for (let i = 0; i < (asked("quick") ? 1 : GUESTS); i++) await kernelPlane(add);
    await kernelSessions(RUNTIMES.at(-1) ?? "node", IN_KERNEL, add);
  } else notes.push(`no figures of the kernel's data plane: ${gone}`);
  for (const [key, values] of all) figures.set(key, median(values));
}
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
/** QuickJS as a multiple of Node. */
function beside(title: string, what: string, good: (x: number) => boolean, target: string): void {
  if (RUNTIMES.length < 2 || Number.isNaN(of("qjs", what))) return;
  const x = of("qjs", what) / of("node", what);
  rows.push({ what: title, cells: ["1", x.toFixed(2)], target, ok: good(x) });
}

/** A figure of each runtime with one transform. */
function ofOurs(name: string, what: string): number[] {
  return RUNTIMES.map((r) => figures.get(`${r} ${name}: ${what}`) ?? Number.NaN);
}
function shown(title: string, values: readonly number[], unit: string, digits = 0): void {
  if (values.every(Number.isNaN)) return;
  rows.push({
    what: title,
    cells: values.map((v) => (Number.isNaN(v) ? "" : `${v.toFixed(digits)} ${unit}`)),
    target: "",
    ok: null,
  });
}
function against(name: string, rival: string, target: number, what = "TCP"): void {
  const theirs = figures.get(`${rival}: ${what}`);
  if (theirs === undefined) return;
  const values = ofOurs(name, what).map((v) => v / theirs);
  const cells = values.map((v) => v.toFixed(2));
  rows.push({ what: `  ${name} / ${rival}`, cells, target: `>= ${target}`, ok: values.every((v) => v >= target) });
}
/** QuickJS as a multiple of Node. */
function runtimes(name: string, what: string, good: (x: number) => boolean, target: string): void {
  const [node = Number.NaN, qjs = Number.NaN] = ofOurs(name, what);
  if (RUNTIMES.length < 2 || Number.isNaN(qjs)) return;
  rows.push({ what: `  ${name} / Node's`, cells: ["1", (qjs / node).toFixed(2)], target, ok: good(qjs / node) });
}
const TRANSFORMS = ["GCM", "GCM, raw ESP", "CBC-SHA1", "plain", "ChaCha20, old CPU"];
for (const name of TRANSFORMS) shown(`TCP, one core a side: ${name}`, ofOurs(name, "TCP"), "Mbit/s");
for (const name of ["openvpn", "openvpn, old CPU", "wireguard-go"])
  shown(`TCP, one core a side: ${name}`, [figures.get(`${name}: TCP`) ?? Number.NaN], "Mbit/s");
against("GCM", "wireguard-go", 1.2);
against("GCM", "openvpn", 4);
against("CBC-SHA1", "openvpn", 2.2);
against("GCM, raw ESP", "wireguard-go", 0.8);
against("plain", "wireguard-go", 1.5);
against("ChaCha20, old CPU", "openvpn, old CPU", 1.5);
for (const name of TRANSFORMS) runtimes(name, "TCP", (x) => x >= 0.95, ">= 0.95");
shown("UDP of 64 bytes, GCM: thousands a second", ofOurs("GCM", "64 bytes"), "");
shown("UDP of 64 bytes, wireguard-go", [figures.get("wireguard-go: 64 bytes") ?? Number.NaN], "");
against("GCM", "wireguard-go", 1, "64 bytes");
shown("ping under load, median: GCM", ofOurs("GCM", "ping under load"), "ms", 2);
shown("ping under load, median: wireguard-go", [figures.get("wireguard-go: ping under load") ?? Number.NaN], "ms", 2);
runtimes("GCM", "ping under load", (x) => x <= 1.3, "<= 1.3");
for (const [who, title] of [
  ["two flows, 1 server", "TCP, all cores: two flows of one server"],
  ["two flows, 2 servers", "  of two servers: the most that threads could bring"],
] as const)
  if (figures.has(who))
    shown(
      title,
      RUNTIMES.map((r) => (r === "qjs" ? (figures.get(who) ?? Number.NaN) : Number.NaN)),
      "Mbit/s",
    );
for (const [title, what, most, digits] of [
  ["idle memory, one tunnel up (RSS)", "idle RSS", { node: 52, qjs: 10 }, 1],
  ["  of it anonymous", "idle anonymous", { node: 12.6, qjs: 4 }, 1],
  ["memory under load (RSS)", "RSS under load", { node: 60, qjs: 12 }, 1],
] as const) {
  for (const r of RUNTIMES) keep(r, what, figures.get(`${r} GCM: ${what}`) ?? Number.NaN);
  both(title, what, "MB", most.node, most.qjs, digits);
}
both("ready after start (median of 7)", "ready", "ms", 150, 30);
both("client start to `up`, MODP2048 (median of 7)", "up", "ms", 400, null);
beside("  / Node's", "up", (x) => x <= 1.3, "<= 1.3");
for (const kind of KEYS) both(`  by IKEv2 and certificates, ${kind}`, `up by ${kind}`, "ms", null, 300);
for (const group of GROUPS) {
  const title = `logins a second by IKEv2, a key and ${group}`;
  const [seen, alone] = ["logins", "core"].map((what) => RUNTIMES.map((r) => of(r, `${what} ${group}`)));
  if (!seen || !alone || alone.every(Number.isNaN)) continue;
  shown(`${title}: clients on the other core`, seen, "");
  const cells = alone.map((v) => v.toFixed(0));
  rows.push({ what: "  the server's core alone", cells, target: ">= 100", ok: alone.every((v) => v >= 100) });
}
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
both(`${STORM} clients at once, users in RADIUS: all are in after`, "storm", "s", null, 60, 1);
both("  logins a second", "storm logins", "", null, null);
both("  processor time of a login, with those that began in vain", "storm login", "ms", null, 5, 1);
both("  told to come later, times", "storm busy", "", null, null);
both("  pushed out by another, times", "storm crowded", "", null, null);
both("  sessions lost", "storm lost", "", 0, 0);
both("program", "program", "KB", 768, 1126);
for (const { name } of KERNEL) {
  const [kernel, userspace, theirs] = CLIENTS.map((who) => figures.get(`${who} ${name}: TCP`) ?? Number.NaN);
  if (kernel === undefined || userspace === undefined || theirs === undefined || Number.isNaN(kernel)) continue;
  shown(`in a guest, kernel plane: ${name}`, [kernel], "Mbit/s", 1);
  const rival = name === "plain" ? "xl2tpd + pppd" : "strongSwan + xl2tpd + pppd";
  const share = kernel / theirs;
  rows.push({ what: `  / ${rival}`, cells: [share.toFixed(2)], target: ">= 0.98", ok: share >= 0.98 });
  rows.push({ what: "  / userspace plane", cells: [(kernel / userspace).toFixed(2)], target: "", ok: null });
  const busy = figures.get(`ours, kernel ${name}: daemon`) ?? Number.NaN;
  rows.push({ what: "  daemon, share of a core", cells: [`${busy.toFixed(2)} %`], target: "< 1", ok: busy < 1 });
}
for (const [title, what, unit, digits, holds] of [
  [`${IN_KERNEL} sessions in a guest, kernel / userspace: logins a second`, "logins", "", 1, (k, u) => k >= 0.95 * u],
  ["  processor time of a login", "login", "ms", 1, null],
  ["  memory of each, the daemon's", "daemon", "KB", 1, (k, u) => k <= 1.05 * u],
  ["  memory of each, the kernel's", "kernel", "KB", 1, null],
  ["  the end", "end", "ms", 0, (k) => k <= 2000],
] as readonly (readonly [string, string, string, number, ((k: number, u: number) => boolean) | null])[]) {
  const [kernel = Number.NaN, userspace = Number.NaN] = PLANES.map((p) => figures.get(`${p}, sessions: ${what}`));
  if (Number.isNaN(kernel)) continue;
  const cells = [`${[kernel, userspace].map((x) => x.toFixed(digits)).join(" / ")} ${unit}`.trim()];
  rows.push({ what: title, cells, target: "", ok: holds?.(kernel, userspace) ?? null });
}

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
  const word = verdict ? "ok" : "MISS";
  console.log(`${line}  ${verdict === undefined || verdict === null ? "" : word}`.trimEnd());
});
for (const n of notes) console.log(n);
process.exit(rows.some((r) => r.ok === false) ? 1 : 0);
