// Multilink (RFC 1990) between two of our daemons: packets of a LAN's length over a path that is shorter.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { type Ns, scenario, sh, until } from "./harness.ts";
import { clientConfig, pair, serverConfig, two } from "./sites.ts";

/** Mbit/s that a TCP flow gets. */
async function tcp(from: Ns, to: string, ...more: string[]): Promise<number> {
  const r = await from.run("iperf3", "-c", to, "-t", "2", "-J", ...more);
  const all = JSON.parse(r.stdout) as { end?: { sum_received?: { bits_per_second: number } } };
  return (all.end?.sum_received?.bits_per_second ?? 0) / 1e6;
}

describe("Multilink", () => {
  scenario(
    "packets of 1500 bytes cross a path of 1400; a user without it has the MTU of his call",
    { needs: ["daemon", "iperf3"] },
    async (lab) => {
      const { a, b } = await two(lab);
      for (const ns of [a, b]) await sh(`ip -n ${ns.name} link set wan mtu 1400`);
      const { client, server } = await pair(a, b, clientConfig({ mrru: 1500 }), serverConfig({ mrru: 1500 }));
      await client.start();
      const s = await client.waitUp("hq");
      assert.deepEqual([s.mtu, s.ppp?.peer_mrru, (s.ppp?.mru ?? 0) < 1400], [1500, 1500, true]);
      for (const [from, to] of [
        [a, "10.99.0.1"],
        [b, "10.99.0.10"],
      ] as const)
        for (const size of ["100", "1472"]) {
          const p = await from.ping(to, 5, 0.1, ["-M", "do", "-s", size]);
          assert.equal(p.received, 5, `${to} ${size}`);
        }
      const listener = b.spawn("iperf3", "-s", "--forceflush");
      await listener.line(/listening/, 5000);
      for (const way of [[], ["-R"]]) {
        const rate = await tcp(a, "10.99.0.1", ...way);
        console.log(`# TCP in fragments ${way.join("")}: ${rate.toFixed(1)} Mbit/s`);
        assert.ok(rate > 5, `${rate} Mbit/s`);
      }
      const { drops } = await client.status("hq");
      assert.deepEqual(
        Object.keys(drops).filter((d) => d.startsWith("mp.")),
        [],
      );
      await client.stop();
      client.configure(clientConfig({}));
      await client.start();
      const plain = await client.waitUp("hq");
      assert.deepEqual([plain.ppp?.peer_mrru, plain.mtu === plain.ppp?.mru], [null, true]);
      assert.match(await b.must("ip", "route", "show", "10.99.0.10"), new RegExp(`mtu ${plain.mtu}`));
      assert.equal((await b.ping("10.99.0.10", 3, 0.1, ["-s", "1472"])).received, 3);
      const listener2 = a.spawn("iperf3", "-s", "--forceflush");
      await listener2.line(/listening/, 5000);
      assert.ok((await tcp(b, "10.99.0.10")) > 5);
      await server.stop();
    },
  );

  scenario(
    "two calls are one session; the first falls silent: the netdev and its routes stay, packets go by the other",
    { needs: ["daemon", "iperf3", "nft"] },
    async (lab) => {
      const { a, b } = await two(lab);
      const on = ["all", "default"].map((x) => `net.ipv6.conf.${x}.disable_ipv6=0`).join(" ");
      for (const ns of [a, b]) await sh(`ip netns exec ${ns.name} sysctl -qw ${on}`);
      const both = { ipsec: "off", mrru: 1500, mtu: 1380, ipv6: "yes", keepalive: "2 1" };
      const caller = clientConfig({ ...both, links: 2, routes: "10.1.0.0/16" });
      const open = serverConfig({ ...both, bundle_links: 2 });
      for (const c of [caller["interface hq"], open["server lns"]]) delete c?.["psk"];
      const { client, server } = await pair(a, b, caller, open);
      await client.start();
      await client.waitUp("hq");
      await until(
        "both calls",
        10_000,
        async () => (await server.serverStatus("lns")).sessions[0]?.links?.length === 1,
      );
      const before = await client.status("hq");
      const carries = async (): Promise<void> => {
        const six = before.local_ip6 === null ? "" : ((await server.serverStatus("lns")).sessions[0]?.ip6 ?? "");
        assert.notEqual(six, "");
        for (const [from, to] of [
          [a, "10.99.0.1"],
          [b, "10.99.0.10"],
          [b, `${six}%${(await server.serverStatus("lns")).ifname}`],
        ] as const) {
          const p = await from.ping(to, 10, 0.02, ["-s", "1440"]);
          assert.equal(p.received, 10, to);
        }
      };
      await carries();
      const device = await a.must("ip", "-o", "link", "show", "dev", before.ifname);
      const routes = await a.must("ip", "route", "show", "dev", before.ifname);
      const listener = b.spawn("iperf3", "-s", "--forceflush");
      await listener.line(/listening/, 5000);
      console.log(`# TCP over two links: ${(await tcp(a, "10.99.0.1")).toFixed(1)} Mbit/s`);
      // data of the first call is lost, both ways: L2TP's Call ID behind flags and Tunnel ID
      const drop = "udp dport 1701 @th,96,16";
      await a.must("nft", "add table inet cut; add chain inet cut in { type filter hook input priority 0; }");
      await b.must("nft", "add table inet cut; add chain inet cut in { type filter hook input priority 0; }");
      await a.must("nft", `add rule inet cut in ${drop} ${before.l2tp?.call} drop`);
      await b.must("nft", `add rule inet cut in ${drop} ${before.l2tp?.peer_call} drop`);
      await until("the first call is gone", 15_000, async () => (await client.status("hq")).l2tp?.links === 1);
      await until("for the server too", 5000, async () => (await server.serverStatus("lns")).sessions[0]?.call === 0);
      await until("IPv6 is back", 5000, async () => (await client.status("hq")).local_ip6 !== null);
      await carries();
      assert.equal(await a.must("ip", "-o", "link", "show", "dev", before.ifname), device);
      assert.equal(await a.must("ip", "route", "show", "dev", before.ifname), routes);
      assert.doesNotMatch(client.log + server.log, /link\.down|session\.down|daemon\.fault/);
      await client.stop();
      await server.stop();
    },
  );
});
