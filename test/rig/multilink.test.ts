// Multilink against Linux: pppd and its kernel in a User-mode Linux guest, over plain L2TP (xl2tpd), with one call and
// with two, as caller and as server.
//
// ours 192.168.55.1 -- tap -- 192.168.55.2 xl2tpd, pppd
import assert from "node:assert/strict";
import { describe } from "node:test";
import { Daemon } from "../net/daemon.ts";
import { type Lab, lacking, type Ns, scenario, until } from "../net/harness.ts";
import { GUEST_NEEDS, Guest } from "./harness.ts";
import { lac, lns, PASSWORD, USER } from "./peers.ts";

const skip = lacking(...GUEST_NEEDS, "iperf3");
const NEEDS = { needs: GUEST_NEEDS, timeout: 90_000 };
const [OURS, PEER] = ["192.168.55.1", "192.168.55.2"];

async function site(lab: Lab): Promise<{ ns: Ns; guest: Guest }> {
  const ns = await lab.ns("a");
  return { ns, guest: await Guest.boot(ns, "tap0", `${OURS}/24`, `${PEER}/24`) };
}
/** Pings of every size, and bytes both ways. */
async function carries(ns: Ns, guest: Guest, to: string): Promise<void> {
  await until(`${to} answers`, 10_000, async () => (await ns.ping(to, 1)).received === 1);
  for (const size of ["56", "1390", "1472"]) {
    const p = await ns.ping(to, 10, 0.05, ["-M", "do", "-s", size]);
    assert.equal(p.received, p.sent, `${size} bytes\n${guest.logs()}`);
  }
  await guest.sh("pgrep iperf3 >/dev/null || iperf3 -s -D >/dev/null 2>&1");
  for (const way of [[], ["-R"]]) {
    const r = await ns.run("iperf3", "-c", to, "-n", "1M", "--connect-timeout", "8000", "-J", ...way);
    assert.equal(r.code, 0, r.stdout.slice(-300) + r.stderr);
  }
}
const MULTILINK = "multilink\nmrru 1500\nendpoint local:0a.0b.0c.0d.0e.0f";

describe("Multilink with pppd", { skip: skip ?? false }, () => {
  scenario("it calls us: one call, two calls in two tunnels, and one again", NEEDS, async (lab) => {
    const { ns, guest } = await site(lab);
    const d = new Daemon(ns, "lns", {
      "server lns": {
        ...{ listen: OURS, ipsec: "off", mrru: 1500, bundle_links: 4, mtu: 1400 },
        ...{ pool: "10.99.0.10-10.99.0.20", local_ip: "10.99.0.1", auth: "mschapv2" },
      },
      [`user ${USER}`]: { password: PASSWORD },
    });
    await d.start();
    // In its own hands: between two addresses the kernel (6.1) finds the sessions of one tunnel only.
    const own = "port = 1701\nforce userspace = yes";
    const two = `[lac two]\nlns = ${OURS}\nlength bit = yes\npppoptfile = /etc/ppp/options.rig\n[lac rig]`;
    const both = lac(OURS, 1400, `noccp\n${MULTILINK}`).replace("port = 1701", own).replace("[lac rig]", two);
    await guest.sh(both);
    const peer = "10.99.0.10";
    const session = async () => (await d.serverStatus("lns")).sessions[0];
    await carries(ns, guest, peer);
    assert.equal((await session())?.links, undefined);
    await guest.sh("echo 'c two' >/run/xl2tpd/c");
    await until("the second call joins", 15_000, async () => (await session())?.links?.length === 1);
    assert.equal((await d.serverStatus("lns")).sessions.length, 1);
    await carries(ns, guest, peer);
    const counted = await session();
    assert.notEqual(counted?.links?.[0]?.tunnel, counted?.tunnel);
    // One goes, and takes nothing with it. (With pppd's own first one all others would: its bundle's master.)
    await guest.sh("echo 'd two' >/run/xl2tpd/c");
    await until("the second call is gone", 15_000, async () => (await session())?.links === undefined);
    await carries(ns, guest, peer);
    await guest.sh("echo 'd rig' >/run/xl2tpd/c");
    await until("the session is over", 15_000, async () => (await session()) === undefined);
    for (const bad of ["mp.broken", "mp.too-long", "mp.full"])
      assert.equal((await d.serverStatus("lns")).drops[bad] ?? 0, 0);
    await d.stop();
  });
  scenario("we call it, with two calls in one tunnel", NEEDS, async (lab) => {
    const { ns, guest } = await site(lab);
    await guest.sh(lns("mschap-v2", 1400, MULTILINK));
    const d = new Daemon(ns, "lac", {
      "interface hq": {
        ...{ proto: "l2tpsec", server: PEER, ipsec: "off", mrru: 1500, links: 2, mtu: 1400 },
        ...{ username: USER, password: PASSWORD },
      },
    });
    await d.start();
    await d.event("hq", "link.up", 20_000);
    await d.event("hq", "ppp.bundle", 20_000);
    await carries(ns, guest, "10.99.0.1");
    assert.equal((await d.status("hq")).l2tp?.links, 2, guest.logs());
    assert.equal((await guest.sh("ls /sys/class/net | grep -c ppp")).trim(), "1");
    await d.stop();
  });
});
