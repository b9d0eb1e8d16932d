// What goes wrong: the far side dies, the WAN goes dark, secrets or proposals differ. And nothing ever leaves in the
// clear.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { Daemon } from "./daemon.ts";
import { scenario, sleep } from "./harness.ts";
import { B, CLEAR_L2TP, clientConfig, NOT_PROTECTED, pair, serverConfig, three, two } from "./sites.ts";

const QUICK = { dpd: 2, hello: 5, keepalive: "3 2" };

describe("faults", { concurrency: 4 }, () => {
  scenario("the server is killed and comes back: the tunnel too, by itself", { timeout: 150_000 }, async (lab) => {
    const { a, b } = await two(lab);
    const wire = await b.capture("wan");
    const { client, server } = await pair(a, b, clientConfig(QUICK));
    await client.start();
    await client.waitUp("hq");
    const mark = client.mark;
    await server.kill();
    await client.event("hq", "link.down", 40_000, mark);
    assert.equal(await a.hasDevice("l2tps-hq"), false, "no netdev while down: nothing is routed into nowhere");
    const down = await client.status("hq");
    assert.notEqual(down.error, null, "the status says why");
    await server.start();
    await client.waitUp("hq", 30_000, mark);
    const p = await a.ping("10.99.0.1", 3);
    assert.equal(p.received, 3);
    await client.kill(); // and now the client: the kernel must not send anything in its place
    await wire.stop();
    assert.deepEqual(await wire.lines(NOT_PROTECTED), [], "boot, SIGKILL of either side, reconnect");
  });

  scenario(
    "the server is killed and back at once: the client notices and returns",
    { timeout: 150_000 },
    async (lab) => {
      const { a, b } = await two(lab);
      const { client, server } = await pair(a, b, clientConfig(QUICK));
      await client.start();
      await client.waitUp("hq");
      const mark = client.mark;
      await server.kill();
      await server.start();
      await client.waitUp("hq", 45_000, mark);
      assert.equal((await a.ping("10.99.0.1", 3)).received, 3);
    },
  );

  scenario("the client is killed and comes back: the server takes it in again", {}, async (lab) => {
    const { a, b } = await two(lab);
    const { client, server } = await pair(a, b);
    await client.start();
    await client.waitUp("hq");
    await client.kill();
    await client.start();
    const s = await client.waitUp("hq", 30_000);
    assert.equal(s.local_ip, "10.99.0.10", "the fixed address again");
    assert.equal((await a.ping("10.99.0.1", 3)).received, 3);
    assert.equal((await server.serverStatus("lns")).sessions.length, 1, "one session, not two");
  });

  scenario("the WAN is dark for 30 s", { timeout: 150_000 }, async (lab) => {
    const { a, mid, b } = await three(lab);
    const { client } = await pair(a, b, clientConfig(QUICK));
    await client.start();
    await client.waitUp("hq");
    const mark = client.mark;
    await mid.iptables("-I", "FORWARD", "-j", "DROP");
    await sleep(30_000);
    await mid.iptables("-D", "FORWARD", "-j", "DROP");
    assert.match(client.log.slice(mark), /link\.down/, "noticed");
    await client.waitUp("hq", 20_000, mark);
    assert.equal((await a.ping("10.99.0.1", 3)).received, 3);
  });

  scenario("a NAT forgets its mapping: the client's new port is followed", { timeout: 120_000 }, async (lab) => {
    const { a, mid, b } = await three(lab);
    const nat = (range: string) => ["POSTROUTING", "-o", "right", "-p", "udp", "-j", "MASQUERADE", "--to-ports", range];
    await mid.iptables("-t", "nat", "-A", ...nat("20000-20999"));
    const { client, server } = await pair(a, b, clientConfig({ dpd: 5 }));
    await client.start();
    await client.waitUp("hq");
    const mark = client.mark;
    await mid.iptables("-t", "nat", "-D", ...nat("20000-20999"));
    await mid.iptables("-t", "nat", "-A", ...nat("30000-30999"));
    // connection tracking keeps the old mapping until its entry is gone; new addresses of the NAT box flush it
    await mid.must("ip", "addr", "del", "203.0.113.254/24", "dev", "right");
    await mid.must("ip", "addr", "add", "203.0.113.253/24", "dev", "right");
    await b.must("ip", "route", "replace", "default", "via", "203.0.113.253");
    const p = await a.ping("10.99.0.1", 50, 0.2);
    assert.ok(p.received >= 40, `${p.received} of 50 came back`);
    assert.doesNotMatch(client.log.slice(mark), /link\.down/, "without a new tunnel");
    assert.match(server.log, /ike\.mapping/, "the server says that it followed");
  });

  const wrong: [string, string, Record<string, string>, Record<string, string>, string, RegExp][] = [
    ["wrong PSK", "ike", { psk: "not-the-key-1" }, {}, "psk|pre-shared|key", /not-the-key-1|swordfish-4711/],
    [
      "wrong password",
      "ppp",
      { password: "not-the-password-2" },
      {},
      "password|authentication|refused|credential",
      /not-the-password-2|correct horse/,
    ],
    ["unknown user", "ppp", { username: "nobody" }, {}, "user|password|authentication|refused", /correct horse/],
    [
      "no common IKE proposal",
      "ike",
      { ike_proposals: "3des-sha1-modp1536" },
      { ike_proposals: "aes256-sha256-modp2048" },
      "proposal",
      /swordfish/,
    ],
    [
      "no common ESP proposal",
      "ike",
      { esp_proposals: "aes128-sha1" },
      { esp_proposals: "aes256-sha256" },
      "proposal",
      /swordfish/,
    ],
    ["the server's identity is another", "ike", { remote_id: "vpn.example.com" }, {}, "identi|\\bid\\b", /swordfish/],
  ];
  for (const [name, layer, client, server, words, secret] of wrong) {
    scenario(name, { timeout: 120_000 }, async (lab) => {
      const { a, b } = await two(lab);
      const d = await pair(a, b, clientConfig(client), serverConfig(server));
      await d.client.start();
      const s = await d.client.statusWhere("hq", "has failed", 45_000, (x) => x.error !== null);
      assert.equal(s.error?.layer, layer, JSON.stringify(s.error));
      assert.match(s.error?.text ?? "", new RegExp(words, "i"));
      assert.match(s.error?.code ?? "", /^[a-z0-9-]+$/);
      assert.notEqual(s.state, "up");
      assert.equal(d.client.proc.running, true, "it tries again, for ever");
      for (const x of [d.client, d.server]) assert.doesNotMatch(x.log, secret, `${x.name}: a secret in the log`);
      const up = await d.client.cli("up", "hq");
      assert.notEqual(up.code, 2, "up is no usage error");
      assert.equal((await d.client.stop()).code, 0);
      assert.equal((await d.server.stop()).code, 0);
    });
  }

  scenario("no answer on UDP 500 is said so, and SIGTERM ends the daemon within 2 s all the same", {}, async (lab) => {
    const { a } = await two(lab);
    const client = new Daemon(a, "client", clientConfig());
    await client.start();
    await client.statusWhere("hq", "connects", 10_000, (s) => s.state === "ike" || s.error !== null);
    const end = await client.stop();
    assert.equal(end.code, 0);
    assert.ok(end.ms < 2200, `${end.ms} ms`);
  });

  scenario("SIGTERM with the peer gone: a clean end within 2 s", {}, async (lab) => {
    const { a, b } = await two(lab);
    const { client, server } = await pair(a, b);
    await client.start();
    await client.waitUp("hq");
    await server.kill();
    const end = await client.stop();
    assert.equal(end.code, 0);
    assert.ok(end.ms < 2200, `${end.ms} ms`);
    assert.equal(await a.hasDevice("l2tps-hq"), false);
    assert.equal((await a.routes()).includes("l2tps-hq"), false);
  });

  scenario("SIGTERM tells the peer: the session ends there at once", {}, async (lab) => {
    const { a, b } = await two(lab);
    const { client, server } = await pair(a, b);
    await client.start();
    await client.waitUp("hq");
    const mark = server.mark;
    assert.equal((await client.stop()).code, 0);
    await server.event("lns", "session.down", 2000, mark);
    await server.event("lns", "ike.down", 2000, mark);
    assert.equal((await server.serverStatus("lns")).sessions.length, 0);
  });

  scenario("clear L2TP is refused where IPsec is required, by server and client", { timeout: 120_000 }, async (lab) => {
    const { a, b } = await two(lab);
    const wire = await b.capture("wan");
    const config = clientConfig({ ipsec: "off" });
    delete config["interface hq"]?.["psk"];
    const { client, server } = await pair(a, b, config);
    await client.start();
    await sleep(8000);
    assert.notEqual((await client.status("hq")).state, "up");
    assert.deepEqual((await server.serverStatus("lns")).sessions, []);
    await client.stop();
    // the other way round: a server in the clear, a client that insists
    await server.stop();
    const open = serverConfig({ ipsec: "off" });
    delete open["server lns"]?.["psk"];
    server.configure(open);
    await server.start();
    client.configure(clientConfig());
    await client.start();
    await sleep(5000);
    assert.notEqual((await client.status("hq")).state, "up");
    await wire.stop();
    assert.deepEqual(
      await wire.lines(`src host ${B} and ${CLEAR_L2TP}`),
      [],
      "the server that requires IPsec answered in the clear",
    );
  });

  scenario("rekey of both phases under ping: nothing lost, nothing in the clear", { timeout: 150_000 }, async (lab) => {
    const { a, b } = await two(lab);
    const wire = await b.capture("wan");
    const { client, server } = await pair(a, b, clientConfig({ ike_lifetime: 60, esp_lifetime: 30 }));
    await client.start();
    await client.waitUp("hq");
    const [out, back] = await Promise.all([a.ping("10.99.0.1", 1400, 0.05), b.ping("10.99.0.10", 700, 0.1)]);
    assert.deepEqual([out.received, back.received], [out.sent, back.sent], "answers");
    assert.ok([...client.log.matchAll(/ike\.rekeyed .*what="?esp/g)].length >= 2, "ESP rekeyed twice");
    assert.match(client.log, /ike\.rekeyed .*what="?isakmp/);
    assert.doesNotMatch(client.log, /link\.down/);
    const s = await client.status("hq");
    assert.equal(s.state, "up");
    await client.stop();
    await server.stop();
    await wire.stop();
    assert.deepEqual(await wire.lines(NOT_PROTECTED), [], "boot, rekey, teardown");
  });

  scenario("rekey by the server, too", { timeout: 120_000 }, async (lab) => {
    const { a, b } = await two(lab);
    const { client, server } = await pair(a, b, clientConfig(), serverConfig({ ike_lifetime: 60, esp_lifetime: 30 }));
    await client.start();
    await client.waitUp("hq");
    const out = await a.ping("10.99.0.1", 1300, 0.05);
    assert.equal(out.received, out.sent, "answers");
    assert.match(client.log + server.log, /ike\.rekeyed .*what="?esp/);
    assert.doesNotMatch(client.log, /link\.down/);
  });
});
