// The tunnel over each kind of path: no NAT, NAT on either side, two clients behind one NAT, IPv6, loss.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { Daemon } from "./daemon.ts";
import { type Ns, scenario, sh, until } from "./harness.ts";
import { B, CLEAR_L2TP, clientConfig, lan, NOT_PROTECTED, PASSWORD, pair, serverConfig, three, two } from "./sites.ts";

async function pingsAll(from: Ns, to: string, count = 5, ...more: string[]): Promise<void> {
  const p = await from.ping(to, count, 0.1, more);
  assert.deepEqual([p.sent, p.received], [count, count], `ping ${to}`);
}

describe("paths", { concurrency: 3 }, () => {
  scenario(
    "site to site without NAT: only protocol 50 on the wire, LAN host to LAN host",
    { needs: ["daemon", "iperf3"] },
    async (lab) => {
      const { a, b } = await two(lab);
      const [hostA, hostB] = [await lan(lab, a, 1), await lan(lab, b, 2)];
      const wire = await b.capture("wan");
      const { client, server } = await pair(
        a,
        b,
        clientConfig({ routes: "10.2.0.0/16 10.3.0.0/16" }),
        serverConfig({}, { "user branch1": { password: "correct horse 99", ip: "10.99.0.10", routes: "10.1.0.0/16" } }),
      );
      await client.start();
      const s = await client.waitUp("hq");
      assert.equal(s.state, "up");
      assert.equal(s.local_ip, "10.99.0.10");
      assert.equal(s.remote_ip, "10.99.0.1");
      assert.equal(s.dns.join(" "), "10.99.0.1");
      assert.equal(s.ifname, "l2tps-hq");
      assert.equal(s.esp?.encap, "esp");
      assert.equal(s.error, null);
      await pingsAll(a, "10.99.0.1");
      await pingsAll(hostA, "10.2.0.2");
      await pingsAll(hostB, "10.1.0.2");
      // what does not fit one packet on the WAN goes through in pieces
      const big = await hostA.ping("10.2.0.2", 2, 0.2, ["-s", "3000"]);
      assert.equal(big.received, 2, "ping with 3000 bytes");
      // TCP between hosts that know nothing of the tunnel's MTU
      const listener = hostB.spawn("iperf3", "-s", "--forceflush");
      await listener.line(/listening/, 5000);
      const tcp = await hostA.run("iperf3", "-c", "10.2.0.2", "-t", "1", "-J");
      const bits =
        (JSON.parse(tcp.stdout) as { end?: { sum_received?: { bits_per_second: number } } }).end?.sum_received
          ?.bits_per_second ?? 0;
      assert.ok(bits > 20e6, `TCP: ${bits} bit/s`);
      const session = (await server.serverStatus("lns")).sessions[0];
      assert.deepEqual([session?.user, session?.ip], ["branch1", "10.99.0.10"]);
      const after = await client.status("hq");
      assert.ok(after.rx_packets >= 10 && after.tx_packets >= 10, "counters count");

      const down = await client.stop();
      assert.equal(down.code, 0, "client: exit code");
      assert.equal((await server.stop()).code, 0, "server: exit code");
      await wire.stop();
      assert.ok((await wire.count("ip proto 50")) > 20, "raw ESP was seen");
      assert.equal(await wire.count("udp port 4500"), 0, "no UDP 4500 without a NAT");
      assert.deepEqual(await wire.lines(NOT_PROTECTED), []);
      for (const ns of [a, b]) {
        assert.equal((await ns.run("ip", "-o", "link")).stdout.includes("l2tps-"), false, "the netdev is gone");
        assert.equal((await ns.routes()).includes("l2tps-"), false, "its routes are gone");
      }
      assert.equal((await a.routes()).includes("10.2.0.0/16"), false);
    },
  );

  for (const more of [{}, { deflate: "yes" }, { sequencing: "yes" }]) {
    scenario(
      `IPv6 between two sites${Object.keys(more)
        .map((k) => `, with ${k}`)
        .join("")}: our client, our server, and nothing in the clear`,
      {},
      async (lab) => {
        const { a, b } = await two(lab);
        for (const ns of [a, b])
          await sh(
            `ip netns exec ${ns.name} sysctl -qw net.ipv6.conf.all.disable_ipv6=0 ` +
              "net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.all.forwarding=1",
          );
        await sh(`ip -n ${a.name} -6 addr add fd00:1::1/128 dev lo; ip -n ${b.name} -6 addr add fd00:2::1/128 dev lo`);
        const wire = await b.capture("wan");
        const users = { "user branch1": { password: PASSWORD, ip: "10.99.0.10", routes: "10.1.0.0/16 fd00:1::/48" } };
        const { client, server } = await pair(
          a,
          b,
          clientConfig({ routes: "10.2.0.0/16 fd00:2::/48", ipv6: "yes", ...more }),
          serverConfig({ ipv6: "yes", ...more }, users),
        );
        await client.start();
        await client.waitUp("hq");
        const s = await client.statusWhere("hq", "has IPv6", 5000, (x) => x.local_ip6 !== null);
        await until(
          "the server's side of it",
          5000,
          async () => (await server.serverStatus("lns")).sessions[0]?.ip6 === s.local_ip6,
        );
        await pingsAll(b, `${s.local_ip6}%l2tps-lns`);
        await pingsAll(a, "fd00:2::1", 5, "-I", "fd00:1::1");
        await pingsAll(b, "fd00:1::1", 5, "-I", "fd00:2::1");
        const listener = b.spawn("iperf3", "-s", "--forceflush");
        await listener.line(/listening/, 5000);
        const tcp = await a.run("iperf3", "-c", "fd00:2::1", "-B", "fd00:1::1", "-t", "1", "-J");
        const bits =
          (JSON.parse(tcp.stdout) as { end?: { sum_received?: { bits_per_second: number } } }).end?.sum_received
            ?.bits_per_second ?? 0;
        assert.ok(bits > 2e6, `TCP: ${bits} bit/s`);
        assert.equal((await client.stop()).code, 0);
        await until("the session is gone", 5000, async () => (await server.serverStatus("lns")).sessions.length === 0);
        assert.doesNotMatch((await b.run("ip", "-6", "route")).stdout, /fd00:1::/, "its route is gone");
        assert.equal((await server.stop()).code, 0);
        await wire.stop();
        assert.deepEqual(await wire.lines(`(${NOT_PROTECTED}) or ip6 net fd00::/16`), []);
      },
    );
  }

  for (const options of [{ deflate: "yes", vj: "yes", sequencing: "yes" }, { bsdcomp: "yes" }, { mppe: "128" }]) {
    scenario(`compression and encryption inside the tunnel: ${Object.keys(options).join(" and ")}`, {}, async (lab) => {
      const { a, b } = await two(lab);
      const hostA = await lan(lab, a, 1);
      const hostB = await lan(lab, b, 2);
      const users = { "user branch1": { password: PASSWORD, ip: "10.99.0.10", routes: "10.1.0.0/16" } };
      const wire = await b.capture("wan");
      const { client, server } = await pair(
        a,
        b,
        clientConfig({ routes: "10.2.0.0/16", ...options }),
        serverConfig(options, users),
      );
      await client.start();
      await client.waitUp("hq");
      for (const d of [client, server]) await d.event(d === client ? "hq" : "lns", "ppp.ccp-up", 5000);
      await pingsAll(hostA, "10.2.0.2");
      await pingsAll(hostB, "10.1.0.2");
      const listener = hostB.spawn("iperf3", "-s", "--forceflush");
      await listener.line(/listening/, 5000);
      for (const way of [[], ["-R"]]) {
        const tcp = await hostA.run("iperf3", "-c", "10.2.0.2", "-t", "1", "-J", ...way);
        const bits =
          (JSON.parse(tcp.stdout) as { end?: { sum_received?: { bits_per_second: number } } }).end?.sum_received
            ?.bits_per_second ?? 0;
        console.log(`# ${JSON.stringify(options)} ${way.join("")}: ${(bits / 1e6).toFixed(0)} Mbit/s`);
        assert.ok(bits > 0.3e6, `TCP: ${bits} bit/s`);
      }
      const s = await client.status("hq");
      assert.ok(s.rx_packets > 100 && s.tx_packets > 100, "counters count");
      for (const bad of ["ccp.broken", "ccp.out-of-step", "ccp.in-clear", "vj.tossed", "vj.not-open"])
        assert.equal(s.drops[bad] ?? 0, 0, JSON.stringify(s.drops));
      await client.stop();
      await wire.stop();
      assert.deepEqual(await wire.lines(NOT_PROTECTED), []);
    });
  }

  scenario("client behind a NAT: UDP 4500", {}, async (lab) => {
    const { a, mid, b } = await three(lab);
    await mid.masquerade("right");
    const wire = await b.capture("wan");
    const { client } = await pair(a, b);
    await client.start();
    const s = await client.waitUp("hq");
    assert.equal(s.esp?.encap, "udp");
    await pingsAll(a, "10.99.0.1");
    await client.stop();
    await wire.stop();
    assert.ok((await wire.count("udp port 4500")) > 10, "UDP 4500 was seen");
    assert.equal(await wire.count("ip proto 50"), 0, "no raw ESP through a NAT");
    assert.deepEqual(await wire.lines(NOT_PROTECTED), []);
  });

  scenario("server behind a NAT: ports 500 and 4500 forwarded", {}, async (lab) => {
    const { a, mid, b } = await three(lab);
    for (const port of ["500", "4500"]) {
      await mid.iptables(
        "-t",
        "nat",
        "-A",
        "PREROUTING",
        "-i",
        "left",
        "-p",
        "udp",
        "--dport",
        port,
        "-j",
        "DNAT",
        "--to-destination",
        B,
      );
    }
    await mid.masquerade("left");
    const wire = await a.capture("wan");
    const { client } = await pair(a, b, clientConfig({ server: "198.51.100.1" }));
    await client.start();
    const s = await client.waitUp("hq");
    assert.equal(s.esp?.encap, "udp");
    await pingsAll(a, "10.99.0.1");
    await client.stop();
    await wire.stop();
    assert.deepEqual(await wire.lines(NOT_PROTECTED), []);
  });

  scenario("two clients behind one NAT", {}, async (lab) => {
    const { a, mid, b } = await three(lab);
    const second = await lab.ns("a2");
    await second.link("wan", "192.0.2.2/24", mid, "left2", "192.0.2.1/24");
    await second.route("default", "192.0.2.1");
    await mid.masquerade("right");
    const { client, server } = await pair(
      a,
      b,
      clientConfig({ routes: "10.99.0.0/24" }),
      serverConfig({}, { "user branch2": { password: "other", ip: "10.99.0.11" } }),
    );
    const other = new Daemon(
      second,
      "client2",
      clientConfig({ username: "branch2", password: "other", routes: "10.99.0.0/24" }),
    );
    await Promise.all([client.start(), other.start()]);
    const [one, two] = await Promise.all([client.waitUp("hq"), other.waitUp("hq")]);
    assert.deepEqual([one.local_ip, two.local_ip], ["10.99.0.10", "10.99.0.11"]);
    await Promise.all([pingsAll(a, "10.99.0.1", 10), pingsAll(second, "10.99.0.1", 10)]);
    await pingsAll(b, "10.99.0.10");
    await pingsAll(b, "10.99.0.11");
    await pingsAll(a, "10.99.0.11");
    // one leaves, the other does not notice
    await other.stop();
    await pingsAll(a, "10.99.0.1");
    const left = (await server.serverStatus("lns")).sessions.map((s) => s.user);
    assert.deepEqual(left, ["branch1"]);
  });

  for (const encap of ["auto", "udp"]) {
    scenario(`IPv6 outside, encap ${encap}`, {}, async (lab) => {
      const [a, b] = await Promise.all([lab.ns("a", { ipv6: true }), lab.ns("b", { ipv6: true })]);
      await a.link("wan", "2001:db8::2/64", b, "wan", "2001:db8::1/64");
      const wire = await b.capture("wan");
      const { client } = await pair(
        a,
        b,
        clientConfig({ server: "2001:db8::1", encap }),
        serverConfig({ listen: "2001:db8::1" }),
      );
      await client.start();
      const s = await client.waitUp("hq");
      assert.equal(s.esp?.encap, encap === "auto" ? "esp" : "udp");
      await pingsAll(a, "10.99.0.1");
      const big = await a.ping("10.99.0.1", 2, 0.2, ["-s", "3000"]);
      assert.equal(big.received, 2, "ping with 3000 bytes");
      await client.stop();
      await wire.stop();
      assert.ok((await wire.count(encap === "auto" ? "ip6 proto 50" : "udp port 4500")) > 10);
      assert.equal(await wire.count(CLEAR_L2TP), 0);
    });
  }

  scenario("1 % loss each way: the tunnel comes up, rekeys and carries", { timeout: 150_000 }, async (lab) => {
    const { a, mid, b } = await three(lab);
    await mid.iptables("-A", "FORWARD", "-m", "statistic", "--mode", "random", "--probability", "0.01", "-j", "DROP");
    const { client } = await pair(a, b, clientConfig({ esp_lifetime: 30 }));
    await client.start();
    await client.waitUp("hq", 30_000);
    const p = await a.ping("10.99.0.1", 450, 0.1);
    assert.ok(p.received >= 400, `${p.received} of 450 came back`);
    assert.match(client.log, /ike\.rekeyed .*esp/, "rekeyed meanwhile");
    assert.doesNotMatch(client.log, /link\.down/, "never went down");
  });

  scenario("heavy loss while connecting: 25 % each way", {}, async (lab) => {
    const { a, mid, b } = await three(lab);
    await mid.iptables("-A", "FORWARD", "-m", "statistic", "--mode", "random", "--probability", "0.25", "-j", "DROP");
    const { client } = await pair(a, b);
    await client.start();
    await client.waitUp("hq", 60_000);
  });

  scenario(
    "everything into the tunnel, but the server's own address outside; and all of it taken back",
    {},
    async (lab) => {
      const { a, b } = await three(lab);
      const before = await a.routes();
      const { client } = await pair(a, b, clientConfig({ defaultroute: "yes" }));
      await client.start();
      await client.waitUp("hq");
      await pingsAll(a, "10.99.0.1");
      assert.match((await a.must("ip", "route", "get", "192.0.2.200")).trim(), /dev l2tps-hq/);
      assert.match((await a.must("ip", "route", "get", B)).trim(), /dev wan/);
      assert.equal((await client.stop()).code, 0);
      assert.equal(await a.routes(), before);
    },
  );

  scenario("source_port 0 and sequencing: an ephemeral L2TP port, numbered data", {}, async (lab) => {
    const { a, b } = await two(lab);
    const { client } = await pair(a, b, clientConfig({ source_port: 0, sequencing: "yes" }));
    await client.start();
    await client.waitUp("hq");
    await pingsAll(a, "10.99.0.1", 20);
  });

  scenario("L2TP in the clear with ipsec = off, warned about", {}, async (lab) => {
    const { a, b } = await two(lab);
    const wire = await b.capture("wan");
    const config = clientConfig({ ipsec: "off" });
    const server = serverConfig({ ipsec: "off" });
    for (const section of [config["interface hq"], server["server lns"]]) delete section?.["psk"];
    const d = await pair(a, b, config, server);
    await d.client.start();
    const s = await d.client.waitUp("hq");
    assert.equal(s.ipsec, "off");
    assert.equal(s.esp, null);
    await pingsAll(a, "10.99.0.1");
    for (const x of [d.client, d.server]) assert.match(x.log, /daemon\.warning/, `${x.name} warns`);
    await wire.stop();
    assert.ok((await wire.count(CLEAR_L2TP)) > 10);
    assert.equal(await wire.count("udp port 500"), 0);
  });
});
