// The play of `make demo-modem`: a road warrior's router dials its ISP by modem, and its tunnel to the office rides on
// the call.
//
//   host A ── router A ── modem 111 ~~ exchange ~~ modem 222 ── NAS (the ISP) ── router B (the office) ── host B
//   .10.10    .10.1       10.64.0.2                  10.64.0.1  203.0.113.1      203.0.113.2    .20.1     .20.10
import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import type { ControlClient } from "../../src/control/client.ts";
import { Demo, unprivileged } from "../../src/control/demo.ts";
import { renderDoctor } from "../../src/control/render.ts";
import type { ClientStatus, SerialStatus } from "../../src/link/status.ts";
import { nodeRuntime } from "../../src/runtime/node/runtime.ts";
import { anatomy, LineTap } from "./anatomy.ts";
import { Exchange } from "./modem.ts";

const NAME = "make demo-modem";
const FIRST = "A modem, an ISP, and a tunnel";
const HOST_B = "192.168.20.10";
const OFFICE = "203.0.113.2";
const SPEED = 33600;

const executable = resolve("dist/l2tpsec");
const self = existsSync(executable) ? [executable] : [process.execPath, resolve("dist/l2tpsec.cjs")];
const rt = { ...nodeRuntime, self };

const ROUTER_A = (device: string): string => `
[interface isp]
proto    = nasdial
device   = ${device}
phone    = 5550100 222
init     = ATZ
init2    = ATE1Q0V1
username = branch
password = wonderland
login    = none
flow     = none
redial_pause  = 1
reconnect_min = 1
reconnect_max = 2
routes   = ${OFFICE}/32

[interface hq]
proto    = l2tpsec
server   = ${OFFICE}
username = branch
password = wonderland
psk      = an example of a key, no more
routes   = 192.168.20.0/24
reconnect_min = 1
`;
const NAS = (device: string): string => `
[interface line]
proto     = nasdial
device    = ${device}
role      = answer
flow      = none
local_ip  = 10.64.0.1
remote_ip = 10.64.0.2

[user branch]
password = wonderland
`;
const ROUTER_B = `
[server lns]
listen   = ${OFFICE}
psk      = an example of a key, no more
pool     = 10.99.0.10-10.99.0.200
local_ip = 10.99.0.1

[user branch]
password = wonderland
ip       = 10.99.0.10
routes   = 192.168.10.0/24
`;

function heading(d: Demo, text: string): void {
  d.say(`\n${text}`);
}
/** Shows each stage as it is reached, or fails, until the link is up. */
async function climb(d: Demo, client: ControlClient, name: string): Promise<void> {
  const shown = new Set<string>();
  await waitFor(d, `${name} is up`, 40, async () => {
    const s = ((await client.call("status", { name })) as Record<string, ClientStatus | SerialStatus>)[name];
    for (const stage of s?.stages ?? []) {
      const text = renderDoctor(stage, rt.terminal);
      if (stage.state === "busy" || shown.has(text)) continue;
      shown.add(text);
      rt.stdout(`  ${text}`);
    }
    return s?.state === "up";
  });
}
/** Pings host B from host A: how many came back. */
async function ping(d: Demo, count: number, ...more: string[]): Promise<number> {
  const out = await d.run(...d.in("hosta", "sh", "-c", `ping -n -c ${count} -W 5 ${more.join(" ")} ${HOST_B} || true`));
  return Number(/(\d+) received/.exec(out)?.[1] ?? 0);
}
async function waitFor(d: Demo, what: string, seconds: number, is: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < seconds * 20; i++) {
    if (await is()) return;
    await d.pause(50);
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

async function play(d: Demo, exchange: Exchange): Promise<void> {
  d.say(`${FIRST}: the path of Figure 9.13, over a line of ${SPEED} bit/s`);
  await d.needTun();
  const [modemA, modemB] = [exchange.modem("111", SPEED), exchange.modem("222", SPEED)];
  exchange.ends.set("5550100", "BUSY");
  exchange.ringMs = 1000;
  for (const n of ["hosta", "a", "isp", "b", "hostb"]) await d.namespace(n);
  await d.cable("hosta", "eth0", "192.168.10.10/24", "a", "lan0", "192.168.10.1/24");
  await d.cable("isp", "wan0", "203.0.113.1/24", "b", "wan0", `${OFFICE}/24`);
  await d.cable("hostb", "eth0", `${HOST_B}/24`, "b", "lan0", "192.168.20.1/24");
  await d.route("hosta", "default", "192.168.10.1");
  await d.route("hostb", "default", "192.168.20.1");
  await d.route("b", "10.64.0.0/24", "203.0.113.1");
  const b = await d.daemon("b", ROUTER_B);
  const isp = await d.daemon("isp", NAS(modemB.device));
  await waitFor(d, "the NAS's modem waits for a call", 10, () => Promise.resolve(modemB.commands.includes("ATS0=0")));

  heading(d, "Dialling the ISP");
  exchange.onTalk = (m, who, line) => {
    const [name, arrow] = [m === modemA ? "modem A" : "modem B", who === "computer" ? "<" : ">"];
    d.say(`    ${m === modemB ? "                                " : ""}${name} ${arrow} ${line}`);
  };
  const a = await d.daemon("a", ROUTER_A(modemA.device));
  await climb(d, a, "isp");
  exchange.onTalk = () => {};
  const ispStatus = ((await a.call("status", { name: "isp" })) as Record<string, SerialStatus>)["isp"];
  heading(d, "The tunnel to the office, over that call");
  await climb(d, a, "hq");
  const hq = ((await a.call("status", { name: "hq" })) as Record<string, ClientStatus>)["hq"];
  if (!ispStatus || !hq) throw new Error("no status");

  heading(d, "One packet on its way: an echo request of 84 bytes from host A to host B");
  const tap = new LineTap();
  exchange.onBytes = (m, data) => {
    if (m === modemA) tap.input(data);
  };
  if ((await ping(d, 1)) !== 1) throw new Error("the echo request was not answered");
  const frame = tap.frames.find((f) => f.carries === "ESP");
  if (!frame) throw new Error("no ESP packet was seen on the line");
  exchange.onBytes = () => {};
  for (const l of anatomy(84, hq.esp?.proposal ?? "", frame, {
    netdev: hq.ifname,
    line: ispStatus.ifname,
    speed: SPEED,
  }))
    d.say(`  ${l}`);
  const clear = tap.frames.filter((f) => f.carries === "L2TP in the clear").length;
  if (clear > 0) throw new Error(`${clear} L2TP packets were in the clear on the line`);

  heading(d, "Noise on the line: two of ten thousand bytes are spoiled");
  exchange.noise = 0.2;
  const came = await ping(d, 30, "-i", "0.3", "-s", "100");
  exchange.noise = 0;
  const spoiled = async (c: ControlClient, name: string): Promise<number> =>
    ((await c.call("status", { name })) as Record<string, SerialStatus>)[name]?.drops["hdlc.fcs"] ?? 0;
  d.say(
    `  30 pings sent, ${came} answered; spoiled frames dropped: ${await spoiled(a, "isp")} by router A, ` +
      `${await spoiled(isp, "line")} by the NAS; both links are still up`,
  );

  heading(d, "The carrier is lost in the midst of the call");
  exchange.onTalk = (m, who, line) => {
    if (m === modemA) d.say(`    modem A ${who === "computer" ? "<" : ">"} ${line}`);
  };
  exchange.loseCarrier();
  const state = async (name: string): Promise<string | undefined> =>
    ((await a.call("status", { name })) as Record<string, ClientStatus>)[name]?.state;
  await waitFor(d, "router A notices", 10, async () => (await state("isp")) !== "up");
  d.say("  router A has noticed; it dials again");
  await waitFor(
    d,
    "both links are up again",
    45,
    async () => (await state("isp")) === "up" && (await state("hq")) === "up",
  );
  exchange.onTalk = () => {};
  if ((await ping(d, 3, "-i", "0.5")) !== 3) throw new Error("after redialling not every ping was answered");
  d.say("  call and tunnel are up again, 3 of 3 pings answered");

  heading(d, "The end");
  for (const c of [a, isp, b]) c.close();
  await d.stopDaemons();
  await waitFor(d, "the modems are free", 5, () => Promise.resolve(!modemA.held && !modemB.held && !modemA.online));
  if (/(l2tps|nas)-/.test(await d.run("ip", "-n", d.ns("a"), "-o", "link")))
    throw new Error("a netdev was left behind");
  const locks = existsSync("/var/lock")
    ? readdirSync("/var/lock").filter((f) => f.startsWith("LCK..") && f.endsWith(modemA.device.slice(9)))
    : [];
  if (locks.length > 0) throw new Error(`a lock file was left behind: ${locks.join(" ")}`);
  d.say("  daemons ended, line hung up, no netdev and no lock file left.");
}

async function run(): Promise<number> {
  if (!rt.isRoot) return unprivileged(rt, NAME, FIRST, [process.execPath, resolve(process.argv[1] ?? "")]);
  const d = new Demo(rt);
  const exchange = new Exchange();
  const offSignals = rt.onSignals({
    stop: () =>
      void d.clean().then(
        () => rt.exit(1),
        () => rt.exit(1),
      ),
    reload: () => {},
  });
  try {
    await play(d, exchange);
    return 0;
  } catch (e) {
    rt.stderr(`${NAME}: ${(e as Error).message}\n`);
    return 1;
  } finally {
    exchange.onTalk = () => {};
    await d.clean();
    exchange.close();
    offSignals();
  }
}
run().then(
  (code) => rt.exit(code),
  (e: unknown) => {
    rt.stderr(`${NAME}: ${String(e)}\n`);
    rt.exit(1);
  },
);
