// A server and its users for days of virtual time, on a bad network: loss, jitter, duplicates, NATs that forget,
// renewals of both phases, users who redial, reloads at either end, and a server that dies every hour. What may not
// grow is measured every hour, when everybody is up: tables, timers, descriptors, and the heap. The same SOAK_SEED is
// the same story.
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { SimNat, seededRng } from "../sim/simnet.ts";
import { client, server, World } from "../sim/world.ts";
import { Process } from "./process.ts";

const number = (name: string, def: number): number => Number(process.env[name] ?? def);
const HOURS = number("SOAK_HOURS", 72);
const SEED = number("SOAK_SEED", 1);
const USERS = number("SOAK_USERS", 50);

const MINUTE = 60_000;
/** Of each hour: nobody is taken down from CALM on, tables are looked at, and the server dies. */
const [CALM, LOOK, DEATH] = [44, 50, 52];
/** Hours until everything has its size. */
const WARM = 2;
const SERVER_IP = "198.51.100.2";
const BOTH =
  "ike_proposals = aes128-sha1-x25519\nesp_proposals = aes128gcm16\nike_lifetime = 2400\n" +
  "esp_lifetime = 900\nkeepalive = 5 60";

const rng = seededRng(SEED);
const chance = (p: number): boolean => rng.uniform() < p;
const pick = <T>(all: readonly T[]): T => all[Math.floor(rng.uniform() * all.length)] as T;

const userName = (i: number): string => `user${i}`;
const QUIET = "[daemon]\nlog = error\n";
const serverConf = (more: number): string => `${QUIET}
[server lns]
listen = ${SERVER_IP}
psk = swordfish
pool = 10.99.0.10-10.99.${Math.ceil(USERS / 200) + 1}.200
local_ip = 10.99.0.1
max_sessions = ${2 * USERS}
${BOTH}
${Array.from({ length: USERS }, (_, i) => `[user ${userName(i)}]\npassword = wonderland`).join("\n")}
[user spare]
password = number${more}
`;
const clientConf = (i: number, more: number): string => `${QUIET}
[interface hq]
proto = l2tpsec
server = ${SERVER_IP}
username = ${userName(i)}
password = wonderland
psk = swordfish
routes = 192.168.20.0/24
reconnect_min = 1
reconnect_max = 30
hello = ${60 + more}
${BOTH}
`;

interface Look {
  readonly hour: number;
  readonly heap: number;
  readonly descriptors: number;
  readonly tables: Record<string, number>;
}

class Soak {
  readonly #w = new World(SEED);
  readonly #server: Process;
  readonly #clients: Process[] = [];
  readonly #nats: SimNat[] = [];
  readonly #versions: number[] = [];
  readonly #looks: Look[] = [];
  readonly counts = { packets: 0, lost: 0, redials: 0, rebindings: 0, reloads: 0, deaths: 0 };
  #version = 0;

  constructor() {
    this.#w.net.conditions({ loss: 0.01, duplicate: 0.002, reorder: 0.01, latency: 20, jitter: 15 });
    const options = { crypto: { ...nodeCrypto, random: seededRng(SEED + 1).random }, forget: true };
    this.#server = new Process(this.#w, this.#w.net.host("lns", [SERVER_IP]), serverConf(0), options);
    for (let i = 0; i < USERS; i++) {
      // Two of three are behind a NAT of their own.
      const nat = i % 3 === 0 ? null : new SimNat(`203.0.113.${i + 1}`);
      if (nat) this.#nats.push(nat);
      const host = this.#w.net.host(`c${i}`, [nat ? "192.168.1.5" : `203.0.113.${i + 1}`], nat);
      this.#clients.push(new Process(this.#w, host, clientConf(i, 0), options));
      this.#versions.push(0);
    }
  }
  async run(): Promise<readonly Look[]> {
    for (let minute = 1; minute <= HOURS * 60; minute++) {
      await this.#w.run(MINUTE);
      this.#noFault();
      const at = minute % 60;
      if (at < CALM) this.#trouble(at);
      if (at === LOOK) await this.#look(minute / 60);
      if (at === DEATH) {
        this.#server.die();
        this.counts.deaths++;
      }
      await this.#traffic();
    }
    return this.#looks;
  }
  /** The state of the network and of every daemon, in one word: equal runs have equal words. */
  digest(): string {
    const states = this.#clients.map((c) => client(c.site)).map((s) => [s.state, s.local_ip, s.rx_packets]);
    return createHash("sha256")
      .update(JSON.stringify([this.#w.net.counts, this.counts, this.renewals(), states]))
      .digest("hex")
      .slice(0, 16);
  }
  /** At the server's end. */
  renewals(): { readonly isakmp: number; readonly esp: number } {
    return this.#server.renewed;
  }
  get datagrams(): number {
    return this.#w.net.counts.sent;
  }

  #trouble(at: number): void {
    if (chance(0.4)) {
      const c = pick(this.#clients);
      this.counts.redials++;
      c.site.daemon.down("hq", () => {});
      c.site.daemon.up("hq");
    }
    if (this.#nats.length > 0 && chance(0.2)) {
      pick(this.#nats).rebind();
      this.counts.rebindings++;
    }
    if (at % 10 === 5) {
      this.counts.reloads++;
      this.#server.reload(serverConf(++this.#version));
      const i = Math.floor(rng.uniform() * USERS);
      const version = ((this.#versions[i] as number) + 1) % 2;
      this.#versions[i] = version;
      this.#clients[i]?.reload(clientConf(i, version));
    }
    // A client may die as well.
    if (chance(0.02)) pick(this.#clients).die();
  }
  async #traffic(): Promise<void> {
    const c = pick(this.#clients);
    const s = c.site.daemon.status(null)["hq"]; // none while it is made anew
    const ip = s?.kind === "client" ? s.local_ip : null;
    if (ip === null) return;
    const { net } = c.site.plane;
    let back = false;
    net.onPacket = () => {
      back = true;
    };
    const p = new Uint8Array(28);
    p.set([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 99, 0, 1, ...ip.split(".").map(Number)]);
    this.#server.site.plane.net.transmit("l2tps-lns", p);
    await this.#w.run(500);
    net.onPacket = () => {};
    this.counts.packets++;
    if (!back) this.counts.lost++;
  }
  async #look(hour: number): Promise<void> {
    const everybody = (): boolean =>
      this.#clients.every((c) => client(c.site).state === "up") && server(this.#server.site).sessions.length === USERS;
    await this.#w.until(everybody, 2 * MINUTE, `${USERS} users up in hour ${Math.floor(hour)}`);
    const tables: Record<string, number> = {};
    const add = (prefix: string, t: Record<string, number>): void => {
      for (const [k, n] of Object.entries(t)) tables[`${prefix} ${k}`] = (tables[`${prefix} ${k}`] ?? 0) + n;
    };
    add("server", this.#server.tables());
    for (const c of this.#clients) add("clients", c.tables());
    tables["timers of the network and all daemons"] = this.#w.clock.size;
    const { gc } = globalThis as { gc?: () => void };
    if (!gc) throw new Error("run with --expose-gc: scripts/soak.mjs does");
    for (let i = 0; i < 3; i++) {
      await new Promise((r) => setImmediate(r));
      gc();
    }
    const look = {
      hour: Math.floor(hour),
      heap: process.memoryUsage().heapUsed,
      descriptors: readdirSync("/proc/self/fd").length,
      tables,
    };
    this.#looks.push(look);
    const t = (k: string): number => tables[k] ?? 0;
    console.log(
      `hour ${look.hour}: heap ${(look.heap / 1e6).toFixed(1)} MB, ${look.descriptors} descriptors, ` +
        `${this.#w.clock.size} timers, server: ` +
        `${t("server connections")} connections, ${t("server sas")} ISAKMP SAs, ${t("server tunnels")} ` +
        `tunnels, ${t("server inbound")}+${t("server outbound")} ESP SAs`,
    );
  }
  #noFault(): void {
    for (const p of [this.#server, ...this.#clients]) {
      const fault = p.site.lines.find((l) => l.includes("daemon.fault"));
      if (fault !== undefined) throw new Error(`${p.host.name}: ${fault}`);
    }
  }
}

/** What grew after the warm-up, in words; tables breathe with renewals under way, the heap with the collector. */
function grown(looks: readonly Look[]): string[] {
  const later = looks.filter((l) => l.hour >= WARM);
  const half = Math.ceil(later.length / 2);
  const [first, last] = [later.slice(0, half), later.slice(half)];
  if (last.length === 0) return [];
  const out: string[] = [];
  const check = (name: string, of: (l: Look) => number, factor: number, more: number): void => {
    const was = Math.max(...first.map(of));
    const is = Math.min(...last.map(of));
    if (is > was * factor + more) out.push(`${name}: at most ${was} in the first half, at least ${is} in the second`);
    const most = Math.max(...last.map(of));
    if (most > was * 1.5 + more + USERS) out.push(`${name}: at most ${was} in the first half, ${most} in the second`);
  };
  for (const name of Object.keys(looks.at(-1)?.tables ?? {})) check(name, (l) => l.tables[name] ?? 0, 1.02, 1);
  check("descriptors", (l) => l.descriptors, 1, 0);
  check("heap", (l) => l.heap, 1.03, 500_000);
  return out;
}

const began = process.cpuUsage();
const soak = new Soak();
const looks = await soak.run();
const cpu = process.cpuUsage(began);
console.log(
  `${HOURS} hours of ${USERS} users: ${soak.datagrams} datagrams, ` +
    `${JSON.stringify({ ...soak.counts, renewed: soak.renewals() })}, ` +
    `${((cpu.user + cpu.system) / 1e6).toFixed(1)} s of CPU, seed ${SEED}: ${soak.digest()}`,
);
const bad = grown(looks);
for (const b of bad) console.error(`grown: ${b}`);
if (looks.length < Math.floor(HOURS)) bad.push("not every hour was looked at");
process.exit(bad.length > 0 ? 1 : 0);
