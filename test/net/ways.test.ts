// A router with two WANs: the link follows the routes, and nothing else moves it.
import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Daemon } from "./daemon.ts";
import { type Lab, type Ns, scenario, sleep, until } from "./harness.ts";
import { B, clientConfig, pair, serverConfig } from "./sites.ts";

/** a has wan0 (198.51.100.2, preferred) and wan1 (192.0.2.2) to mid, which leads to b. */
async function wans(lab: Lab): Promise<{ a: Ns; b: Ns }> {
  const [a, mid, b] = await Promise.all([lab.ns("a"), lab.ns("mid"), lab.ns("b")]);
  await a.link("wan0", "198.51.100.2/24", mid, "left0", "198.51.100.1/24");
  await a.link("wan1", "192.0.2.2/24", mid, "left1", "192.0.2.1/24");
  await b.link("wan", `${B}/24`, mid, "right", "203.0.113.254/24");
  await a.must("ip", "route", "add", "default", "via", "198.51.100.1", "metric", "10");
  await a.must("ip", "route", "add", "default", "via", "192.0.2.1", "metric", "20");
  await b.route("default", "203.0.113.254");
  return { a, b };
}
/** Up, and for the nth time. */
async function upBy(client: Daemon, nth: number, via: string, within: number, what: string): Promise<void> {
  const end = Date.now() + within;
  for (;;) {
    const s = await client.status("hq");
    const ups = client.log.match(/link\.up /g)?.length ?? 0;
    if (s.state === "up" && s.via === via && ups >= nth) return;
    assert.ok(Date.now() < end, `${what}: ${s.state} via ${s.via}: ${s.error?.text ?? ""}\n${client.log.slice(-1500)}`);
    await sleep(50);
  }
}
const MOVE = 3000;

describe("two WANs", { concurrency: 2 }, () => {
  scenario(
    "by IKEv1 the link moves within 3 s when a WAN goes, comes back, or changes its address",
    { needs: ["daemon"] },
    async (lab) => {
      const { a, b } = await wans(lab);
      const { client } = await pair(a, b, clientConfig({ routes: "10.2.0.0/16", ike: "v1" }), serverConfig());
      await client.start();
      await upBy(client, 1, "wan0", 8000, "the preferred WAN");

      await a.must("ip", "link", "set", "wan0", "down");
      await upBy(client, 2, "wan1", MOVE, "a WAN that goes");
      const p = await a.ping("10.99.0.1", 3, 0.1);
      assert.equal(p.received, 3);

      await a.must("ip", "link", "set", "wan0", "up");
      await a.must("ip", "route", "add", "default", "via", "198.51.100.1", "metric", "10");
      await upBy(client, 3, "wan0", MOVE, "a WAN that comes back");

      await a.must("ip", "addr", "del", "198.51.100.2/24", "dev", "wan0");
      await a.must("ip", "addr", "add", "198.51.100.77/24", "dev", "wan0");
      await a.must("ip", "route", "replace", "default", "via", "198.51.100.1", "metric", "10");
      await upBy(client, 4, "wan0", MOVE, "another address");
      assert.equal((await a.ping("10.99.0.1", 3, 0.1)).received, 3);
      assert.match(client.log, /the way to the server has changed/);
    },
  );

  scenario(
    "by IKEv2 the tunnel itself moves, in the same cases, and never ends",
    { needs: ["daemon"] },
    async (lab) => {
      const { a, b } = await wans(lab);
      const { client, server } = await pair(a, b, clientConfig({ routes: "10.2.0.0/16" }), serverConfig());
      await client.start();
      await upBy(client, 1, "wan0", 8000, "the preferred WAN");
      const { since } = await client.status("hq");
      /** The server, too, has it at that address within the time; and packets pass. */
      const moves = async (what: string, via: string, address: string, change: readonly string[]): Promise<void> => {
        for (const command of change) await a.must("ip", ...command.split(" "));
        await until(what, MOVE, async () => {
          const [session] = (await server.serverStatus("lns")).sessions;
          return session?.peer.startsWith(address) === true || null;
        });
        await upBy(client, 1, via, MOVE, what);
        assert.equal((await a.ping("10.99.0.1", 3, 0.1)).received, 3, what);
      };
      const route = "default via 198.51.100.1 metric 10";
      await moves("a WAN that goes", "wan1", "192.0.2.2", ["link set wan0 down"]);
      await moves("a WAN that comes back", "wan0", "198.51.100.2", ["link set wan0 up", `route add ${route}`]);
      await moves("another address", "wan0", "198.51.100.77", [
        "addr del 198.51.100.2/24 dev wan0",
        "addr add 198.51.100.77/24 dev wan0",
        `route replace ${route}`,
      ]);
      const s = await client.status("hq");
      assert.deepEqual([s.ike?.version, s.since], [2, since]);
      assert.doesNotMatch(client.log, /link\.down/);
    },
  );

  scenario("what does not concern the way to the server leaves the link alone", { needs: ["daemon"] }, async (lab) => {
    const { a, b } = await wans(lab);
    const { client } = await pair(a, b, clientConfig({ routes: "10.2.0.0/16" }), serverConfig());
    await client.start();
    await upBy(client, 1, "wan0", 8000, "the preferred WAN");
    const since = (await client.status("hq")).since;
    const ping = a.ping("10.99.0.1", 60, 0.05);
    await a.must("ip", "link", "add", "lan7", "type", "veth", "peer", "name", "lan8");
    await a.must("ip", "addr", "add", "10.77.0.1/24", "dev", "lan7");
    await a.must("ip", "link", "set", "lan7", "up");
    await a.must("ip", "route", "add", "10.78.0.0/16", "via", "192.0.2.1");
    await a.must("ip", "addr", "add", "198.51.100.99/24", "dev", "wan0");
    await a.must("ip", "route", "del", "default", "via", "192.0.2.1");
    await a.must("ip", "link", "set", "wan1", "down");
    await sleep(1500);
    const { sent, received } = await ping;
    assert.ok(received >= sent - 1, `${sent - received} pings lost`);
    const s = await client.status("hq");
    assert.deepEqual([s.state, s.since], ["up", since]);
  });
});
