// IKEv2 between two of our daemons, on a wire: how long it takes, and a WAN whose address changes under a link.
import assert from "node:assert/strict";
import { scenario, until } from "./harness.ts";
import { clientConfig, pair, serverConfig, two } from "./sites.ts";

for (const ike of ["v2", "auto", "v1"]) {
  scenario(`a link by ike = ${ike}: up, and how long from IKE's first message`, { timeout: 60_000 }, async (lab) => {
    const { a, b } = await two(lab);
    const { client } = await pair(a, b, clientConfig({ ike }), serverConfig());
    await client.start();
    const s = await client.waitUp("hq", 15_000);
    assert.equal(s.ike?.version, ike === "v1" ? 1 : 2);
    assert.equal((await a.ping("10.99.0.1", 5, 0.1)).received, 5);
    const took: number[] = [];
    for (let i = 0; i < 3; i++) {
      await client.cli("down", "hq");
      const { mark } = client;
      const began = performance.now();
      await client.cli("up", "hq");
      await client.event("hq", "link.up", 10_000, mark);
      took.push(Math.round(performance.now() - began));
    }
    console.log(`up by ike = ${ike}: ${took.join(", ")} ms`);
  });
}
scenario("the WAN's address changes: a link by IKEv2 goes on", { timeout: 60_000 }, async (lab) => {
  const { a, b } = await two(lab);
  const { client } = await pair(a, b, clientConfig({ ike: "v2" }), serverConfig());
  await client.start();
  await client.waitUp("hq", 15_000);
  // for a while the WAN has no address at all
  await a.run("ip", "addr", "del", "203.0.113.2/24", "dev", "wan");
  await new Promise((done) => setTimeout(done, 2500));
  await a.run("ip", "addr", "add", "203.0.113.77/24", "dev", "wan");
  await until("packets pass again", 20_000, async () => (await a.ping("10.99.0.1", 1)).received === 1);
  assert.equal((await a.ping("10.99.0.1", 20, 0.1)).received, 20);
  assert.doesNotMatch(client.log, /link\.down/);
  assert.match(client.log, /ike\.mapping/);
});
