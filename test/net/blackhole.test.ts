// A path that loses long packets and tells nobody: probes find out what passes, and TCP works.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { type Lab, type Ns, scenario, sh, until } from "./harness.ts";
import { clientConfig, lan, PASSWORD, pair, serverConfig } from "./sites.ts";

const SIX = "2001:db8:2::1";

/** Over IPv6, whose routers cut nothing: the way between takes 1300 bytes, and its word about that is lost. */
async function blackHole(lab: Lab): Promise<{ a: Ns; mid: Ns; b: Ns }> {
  const [a, mid, b] = await Promise.all(["a", "mid", "b"].map((n) => lab.ns(n, { ipv6: true })));
  if (!a || !mid || !b) throw new Error("no namespaces");
  await a.link("wan", "2001:db8:1::2/64", mid, "left", "2001:db8:1::1/64");
  await b.link("wan", `${SIX}/64`, mid, "right", "2001:db8:2::2/64");
  await mid.must("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1");
  await mid.must("ip6tables", "-w", "-A", "OUTPUT", "-p", "icmpv6", "--icmpv6-type", "packet-too-big", "-j", "DROP");
  await sh(`
    ip -n ${a.name} -6 route add default via 2001:db8:1::1
    ip -n ${b.name} -6 route add default via 2001:db8:2::2`);
  return { a, mid, b };
}
async function narrow(mid: Ns, mtu: number): Promise<void> {
  for (const dev of ["left", "right"]) await mid.must("ip", "link", "set", dev, "mtu", String(mtu));
}
/** Bytes that arrive in a second, one way and the other. */
async function tcp(from: Ns, to: string, ...more: string[]): Promise<number> {
  const r = await from.run("iperf3", "-c", to, "-t", "1", "-J", ...more);
  const json = JSON.parse(r.stdout) as { end?: { sum_received?: { bytes: number } } };
  return json.end?.sum_received?.bytes ?? 0;
}

describe("a black hole", () => {
  for (const encap of ["udp", "esp"])
    scenario(
      `IPv6, a path of 1300 bytes without ICMP, encap ${encap}: the MTU is found, and TCP works`,
      { needs: ["daemon", "iperf3", "ip6tables", "sysctl"] },
      async (lab) => {
        const { a, mid, b } = await blackHole(lab);
        await narrow(mid, 1300);
        const [hostA, hostB] = [await lan(lab, a, 1), await lan(lab, b, 2)];
        const { client, server } = await pair(
          a,
          b,
          clientConfig({ server: SIX, encap, routes: "10.2.0.0/16" }),
          serverConfig({ listen: SIX }, { "user branch1": { password: PASSWORD, routes: "10.1.0.0/16" } }),
        );
        await client.start();
        await client.waitUp("hq");
        const s = await client.statusWhere("hq", "has probed", 60_000, (x) => x.mtu_source === "probe");
        const found = await until("the end of the search", 30_000, async () => {
          const { mtu } = await client.status("hq");
          return mtu !== 1000 && mtu !== 1280 ? mtu : null;
        });
        assert.ok(found > 1180 && found < 1260, `MTU ${found}, at first ${s.mtu}`);
        assert.match(await a.must("ip", "link", "show", "l2tps-hq"), new RegExp(`mtu ${found} `));
        assert.match(client.log, /link\.mtu mtu=\d+ source="probe"/);
        assert.doesNotMatch(client.log, /network\.restored/);
        const listener = hostB.spawn("iperf3", "-s", "--forceflush");
        await listener.line(/listening/, 5000);
        assert.ok((await tcp(hostA, "10.2.0.2")) > 1e6, "up the tunnel");
        assert.ok((await tcp(hostA, "10.2.0.2", "-R")) > 1e6, "down the tunnel");
        await client.stop();
        await server.stop();
      },
    );
});
