// Multilink (RFC 1990) between two of our daemons: packets of a LAN's length over a path that is shorter.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { type Ns, scenario, sh } from "./harness.ts";
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
});
