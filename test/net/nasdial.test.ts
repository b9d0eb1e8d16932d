// A serial line with real daemons, netdevs and serial lines (ptys with socat between them), and a tunnel that rides on
// it.
//
//   a: nas-modem 10.7.0.2 ==== pty, HDLC, PPP ==== b: nas-nas 10.7.0.1       and nothing else between the two
//   a: l2tps-hq 10.99.0.10 --- L2TP in ESP over that --- b: l2tps-lns 10.99.0.1
import assert from "node:assert/strict";
import type { SerialStatus } from "../../src/link/status.ts";
import { Daemon } from "./daemon.ts";
import { type Lab, run, scenario, until } from "./harness.ts";
import { clientSection, PASSWORD, PSK } from "./sites.ts";

async function cable(lab: Lab): Promise<{ a: string; b: string }> {
  // a lock file goes by the last part of the name
  const ends = { a: `${lab.dir}/ttyA${process.pid}`, b: `${lab.dir}/ttyB${process.pid}` };
  lab.spawn("cable", "socat", [`pty,raw,echo=0,link=${ends.a}`, `pty,raw,echo=0,link=${ends.b}`]);
  await until(
    "both ends of the cable",
    5000,
    async () => (await run("test", ["-e", ends.b])).code === 0 && (await run("test", ["-e", ends.a])).code === 0,
  );
  return ends;
}
async function serialStatus(d: Daemon, name: string): Promise<SerialStatus> {
  const s = (JSON.parse((await d.cli("status", name, "--json")).stdout) as Record<string, SerialStatus>)[name];
  return s ?? assert.fail(`no status of ${name}`);
}

scenario("a null-modem cable carries PPP, and a tunnel on top of it", { needs: ["daemon", "socat"] }, async (lab) => {
  const [a, b] = [await lab.ns("a"), await lab.ns("b")];
  const tty = await cable(lab);
  const nas = new Daemon(b, "nas", {
    "interface nas": {
      proto: "nasdial",
      device: tty.b,
      line: "direct",
      role: "answer",
      local_ip: "10.7.0.1",
      remote_ip: "10.7.0.2",
    },
    "server lns": { listen: "10.7.0.1", psk: PSK, pool: "10.99.0.100-10.99.0.200", local_ip: "10.99.0.1" },
    "user branch1": { password: PASSWORD, ip: "10.99.0.10", server: "lns" },
    "user dialin": { password: PASSWORD },
  });
  const caller = new Daemon(a, "caller", {
    "interface modem": {
      proto: "nasdial",
      device: tty.a,
      line: "direct",
      username: "dialin",
      password: PASSWORD,
      reconnect_min: 1,
    },
    "interface hq": clientSection({ server: "10.7.0.1" }),
  });
  await nas.start();
  await caller.start();
  await caller.event("modem", "link.up", 15_000);
  const up = await serialStatus(caller, "modem");
  assert.deepEqual([up.local_ip, up.remote_ip, up.mtu, up.ppp?.auth], ["10.7.0.2", "10.7.0.1", 1500, "MS-CHAPv2"]);
  await a.must("ping", "-c", "2", "-i", "0.2", "-W", "2", "-s", "1400", "10.7.0.1");

  const tunnel = await caller.waitUp("hq", 20_000);
  assert.equal(tunnel.local_ip, "10.99.0.10");
  await a.must("ping", "-c", "2", "-i", "0.2", "-W", "2", "-s", "1300", "10.99.0.1");
  const carried = await serialStatus(caller, "modem");
  assert.ok(carried.tx_packets > up.tx_packets && (carried.drops["hdlc.fcs"] ?? 0) === 0);
  assert.match((await caller.cli("status")).stdout, /modem: up since .*\n {2}✓ line /);

  // The other end goes away in the midst of it, and comes back.
  const mark = caller.mark;
  await nas.kill();
  await nas.start();
  await caller.event("modem", "link.up", 60_000, mark);
  await a.must("ping", "-c", "2", "-i", "0.2", "-W", "2", "10.7.0.1");

  for (const d of [caller, nas]) {
    const { code, ms } = await d.stop();
    assert.equal(code, 0);
    assert.ok(ms < 2500, `${ms} ms`);
  }
  assert.ok(!caller.log.includes(PASSWORD));
});
