// Two daemons in two namespaces, many client links to one server, both with the native library under the address and
// undefined-behaviour sanitizers, in real time: packets on every link, both phases rekeyed again and again. At the end
// every link carries packets, both daemons end by themselves, the sanitizers said nothing, and there are as many
// descriptors as at the start. scripts/soak-real.mjs starts it.
import { readdirSync, readFileSync } from "node:fs";
import { type Config, Daemon } from "./daemon.ts";
import { Lab, lacking, memory, type Ns, sleep, until } from "./harness.ts";
import { clientSection, serverConfig, two } from "./sites.ts";

const SECONDS = Number(process.env["SOAK_SECONDS"] ?? 600);
const LINKS = Number(process.env["SOAK_LINKS"] ?? 200);
const LIBRARY = process.env["SOAK_LIBRARY"] ?? "";
const PRELOAD = process.env["SOAK_PRELOAD"] ?? "";
const SAID = /AddressSanitizer|runtime error:|UndefinedBehavior/;
const SERVER = "10.99.0.1";
/** Of pings answered within 2 s. */
const LEAST = 0.99;
/** A small quarantine: what was freed is poisoned for a while, and the memory of the process still says something. */
const OPTIONS = "detect_leaks=0:quarantine_size_mb=16:abort_on_error=1";
const WRAP = [
  "env",
  `LD_PRELOAD=${PRELOAD}`,
  `L2TPSEC_NATIVE=${LIBRARY}`,
  `ASAN_OPTIONS=${OPTIONS}`,
  "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1",
];

interface Size {
  readonly rss: number;
  readonly fds: number;
}
function sizeOf(d: Daemon): Size {
  return { rss: memory(d.proc.pid, "Rss"), fds: readdirSync(`/proc/${d.proc.pid}/fd`).length };
}
function count(log: string, pattern: RegExp): number {
  return [...log.matchAll(pattern)].length;
}

const ups = (server: Daemon): number => count(server.log, /session\.up/g) - count(server.log, /session\.down/g);

/** Within a quarter of a minute: while hundreds of links renew their keys at once, one thread answers late. */
async function carries(a: Ns, i: number): Promise<boolean> {
  for (let tries = 0; tries < 5; tries++)
    if ((await a.ping(SERVER, 3, 0.2, ["-I", `t${i}`, "-s", "1200"])).received > 0) return true;
  return false;
}

/** Packets of all sizes on a few links at a time, until the time is over. */
async function traffic(a: Ns, end: number): Promise<{ sent: number; received: number }> {
  const sum = { sent: 0, received: 0 };
  const burst = (i: number) => a.ping(SERVER, 50, 0.02, ["-I", `t${i}`, "-s", String(16 + ((i * 97) % 1300))]);
  for (let at = 0; Date.now() < end; at += 8) {
    const all = await Promise.all(Array.from({ length: 8 }, (_, k) => burst(((at + k) % LINKS) + 1)));
    for (const p of all) {
      sum.sent += p.sent;
      sum.received += p.received;
    }
  }
  return sum;
}

async function soak(lab: Lab): Promise<string[]> {
  const { a, b } = await two(lab);
  const links: Config = {};
  const users: Config = {};
  for (let i = 1; i <= LINKS; i++) {
    users[`user u${i}`] = { password: `p${i}` };
    links[`interface l${i}`] = clientSection({
      username: `u${i}`,
      password: `p${i}`,
      ifname: `t${i}`,
      source_port: 0,
      ike_lifetime: 300,
      esp_lifetime: 90,
      encap: i % 2 ? "udp" : "auto",
    });
  }
  const pool = `10.99.1.1-10.99.${1 + Math.ceil(LINKS / 250)}.250`;
  const server = new Daemon(b, "server", { daemon: { log: "info" }, ...serverConfig({ pool }, users) });
  const client = new Daemon(a, "client", { daemon: { log: "info" }, ...links });
  for (const d of [server, client]) {
    d.launch(undefined, WRAP);
    await d.proc.line(/daemon\.ready/, 60_000);
    const maps = readFileSync(`/proc/${d.proc.pid}/maps`, "utf8");
    if (!maps.includes(PRELOAD) || !maps.includes(LIBRARY)) throw new Error(`${d.name} runs without the sanitizers`);
  }
  await until(`${LINKS} sessions`, 600_000, () => ups(server) >= LINKS);
  await sleep(3000);
  const before = [server, client].map(sizeOf);
  console.log(`soak: ${LINKS} links are up; ${SECONDS} s`);
  const sum = await traffic(a, Date.now() + SECONDS * 1000);
  const faults: string[] = [];
  const silent: number[] = [];
  const drops = [(await server.serverStatus("lns")).drops, (await client.status("l1")).drops];
  console.log(
    `soak: drops of the server and the client: ${JSON.stringify(drops)}; links that went down: ` +
      `${count(client.log, /link\.down/g)}`,
  );
  // what one link's SA carried for another one
  for (const d of drops)
    for (const name of ["l2tp.wrong-flow", "l2tp.wrong-remote", "udp.port"])
      if (d[name]) faults.push(`${name}: ${d[name]}`);
  for (let i = 1; i <= LINKS; i++) if (!(await carries(a, i))) silent.push(i);
  if (silent.length > 0) faults.push(`links that carry nothing: ${silent.join(" ")}`);
  if (sum.received < sum.sent * LEAST) faults.push(`${sum.received} of ${sum.sent} packets came back`);
  const rekeys = ["esp", "isakmp"].map((what) => count(client.log, new RegExp(`ike\\.rekeyed.*what="?${what}`, "g")));
  console.log(`soak: ${sum.received} of ${sum.sent} pings; rekeys: ${rekeys[0]} of ESP, ${rekeys[1]} of ISAKMP SAs`);
  for (const [i, d] of [server, client].entries()) {
    const [was, is] = [before[i] as Size, sizeOf(d)];
    const mb = (n: number): string => (n / 1e6).toFixed(1);
    console.log(
      `soak: ${d.name}: RSS ${mb(was.rss)} MB, then ${mb(is.rss)} MB; descriptors ${was.fds}, then ${is.fds}`,
    );
    if (is.fds > was.fds) faults.push(`${d.name} has ${is.fds - was.fds} descriptors more`);
    if (is.rss > was.rss * 1.3 + 16e6) faults.push(`${d.name} has grown to ${mb(is.rss)} MB`);
  }
  for (const d of [client, server]) {
    const end = await d.stop(60_000);
    if (end.code !== 0) faults.push(`${d.name} ended with ${end.code}`);
    const at = SAID.exec(d.log)?.index;
    if (at !== undefined) faults.push(`${d.name}: ${d.log.slice(at, at + 3000)}`);
  }
  return faults;
}

const why = lacking("daemon");
if (why !== undefined) {
  console.log(`soak: skipped: ${why}`);
  process.exit(0);
}
const lab = new Lab("node");
let faults: string[];
try {
  faults = await soak(lab);
} catch (e) {
  faults = [
    e instanceof Error ? (e.stack ?? e.message) : String(e),
    ...lab.daemons.map((d) => `--- ${d.name}:\n${d.log.slice(-3000)}`),
  ];
}
await lab.close();
for (const f of faults) console.log(`soak: FAIL: ${f}`);
console.log(faults.length === 0 ? "soak: the sanitizers have nothing to say, and nothing has grown" : "soak: failed");
process.exit(faults.length === 0 ? 0 : 1);
