// The NAS leg: PPP over a serial line between two routers, and the tunnel that runs on it.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe } from "node:test";
import { Daemon } from "./daemon.ts";
import { type Lab, type Ns, scenario, sleep, until } from "./harness.ts";
import { SerialLine } from "./line.ts";
import { clientSection, lan, PASSWORD, serverConfig } from "./sites.ts";

const B = "203.0.113.1";

interface Site {
  readonly a: Ns;
  readonly b: Ns;
  readonly line: SerialLine;
  readonly caller: Daemon;
  readonly nas: Daemon;
}

/** Router a calls router b over a null-modem cable; b is NAS and LNS, with its address on no wire but this one. */
async function legs(lab: Lab, baud: number, more: Record<string, string | number> = {}): Promise<Site> {
  const [a, b] = await Promise.all([lab.ns("a"), lab.ns("b")]);
  await b.must("ip", "addr", "add", `${B}/32`, "dev", "lo");
  const line = new SerialLine(lab, baud);
  const common = { proto: "nasdial", line: "direct", baud: baud || 115200, flow: "none", reconnect_min: 1, reconnect_max: 2, ...more };
  const caller = new Daemon(a, "caller", {
    "interface isp": { ...common, device: line.devices[0], username: "line1", password: "over the wire", routes: `${B}/32` },
    "interface hq": clientSection({ routes: "10.20.0.0/24" }),
  });
  const nas = new Daemon(b, "nas", {
    ...serverConfig({}, { "user branch1": { password: PASSWORD, ip: "10.99.0.10", routes: "10.10.0.0/24" }, "user line1": { password: "over the wire", ip: "10.7.0.2" } }),
    "interface line": { ...common, device: line.devices[1], role: "answer", local_ip: "10.7.0.1", remote_ip: "10.7.0.2", auth: "mschapv2" },
  });
  return { a, b, line, caller, nas };
}

describe("over a serial line", () => {
  scenario("LAN to LAN: ESP over PPP over HDLC at 115200 baud", { needs: ["daemon"], timeout: 90_000 }, async (lab) => {
    const { a, b, caller, nas } = await legs(lab, 115200);
    const [left, right] = await Promise.all([lan(lab, a, 10), lan(lab, b, 20)]);
    await nas.start();
    await caller.start();
    await caller.event("isp", "link.up", 15_000);
    await caller.event("hq", "link.up", 15_000);
    const s = await caller.nasStatus("isp");
    assert.deepEqual([s.state, s.local_ip, s.remote_ip, s.ppp?.auth, s.stages.map((x) => `${x.name} ${x.state}`)],
      ["up", "10.7.0.2", "10.7.0.1", "MS-CHAPv2", ["line ok", "modem ok", "ppp ok", "ip ok"]]);
    assert.equal((await nas.nasStatus("line")).user, "line1");
    const hq = await caller.status("hq");
    assert.equal(hq.ipsec, "required");
    const { sent, received } = await left.ping("10.20.0.2", 10, 0.2);
    assert.ok(received >= sent - 1, `${received} of ${sent}`);
    assert.equal((await right.ping("10.10.0.2", 5)).received, 5);
  });

  scenario("the cable is cut: the tunnel on the line ends with it, and both come back", { needs: ["daemon"], timeout: 120_000 }, async (lab) => {
    const { caller, nas, line } = await legs(lab, 0, { keepalive: "2 1" });
    await nas.start();
    await caller.start();
    await caller.event("hq", "link.up", 20_000);
    const mark = caller.mark;
    line.cut = true;
    await caller.event("isp", "link.down", 15_000, mark);
    const down = await caller.event("hq", "link.down", 5_000, mark);
    assert.match(down[0], /the line isp that it ran on is down/);
    line.cut = false;
    await caller.event("isp", "link.up", 30_000, mark);
    await caller.event("hq", "link.up", 15_000, mark);
  });

  scenario("noise: what is spoiled is dropped and counted, and the link stays", { needs: ["daemon"], timeout: 120_000 }, async (lab) => {
    const { a, b, caller, nas, line } = await legs(lab, 0, { keepalive: "10 2" });
    const [left] = await Promise.all([lan(lab, a, 10), lan(lab, b, 20)]);
    await nas.start();
    await caller.start();
    await caller.event("hq", "link.up", 20_000);
    const mark = caller.mark;
    line.noise = 0.2; // of a thousand bytes: about 5 % of the frames of 250
    const { sent, received } = await left.ping("10.20.0.2", 150, 0.05, ["-s", "100"]);
    line.noise = 0;
    assert.ok(received > sent * 0.75 && received < sent, `${received} of ${sent}`);
    const drops = (await caller.nasStatus("isp")).drops;
    assert.ok(Object.entries(drops).some(([k, n]) => /fcs/i.test(k) && n > 0), JSON.stringify(drops));
    assert.equal((await caller.status("hq")).state, "up");
    assert.doesNotMatch(caller.proc.output.slice(mark), /link\.down/);
  });

  scenario("a device that is missing, and one that somebody holds: one sentence, and no lock stays", { needs: ["daemon"], timeout: 60_000 }, async (lab) => {
    const a = await lab.ns("a");
    const d = new Daemon(a, "caller", {
      "interface isp": { proto: "nasdial", device: "/dev/ttyNONE7", phone: "5551234", username: "u", password: "p", reconnect_min: 1 },
    });
    await d.start();
    const m = await d.event("isp", "link.down", 5000);
    assert.match(m[0], /open \/dev\/ttyNONE7 at 115200 baud.*no such device/);
    await sleep(200);
    assert.equal(existsSync("/var/lock/LCK..ttyNONE7"), false);
    await until("status says so", 3000, async () => (await d.nasStatus("isp")).retry_in !== null);
  });
});
