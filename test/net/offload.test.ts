// Super-packets on the way through the userspace plane: what comes out is what went in, bit by bit, in few reads.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { type Ns, scenario, sh, until } from "./harness.ts";
import { clientConfig, PASSWORD, pair, serverConfig, two, without } from "./sites.ts";

const BULK = "test/net/bulk.mjs";
const BYTES = 12_000_000;

type Answer = Record<string, unknown>;
async function bulk(ns: Ns, what: "tcp" | "udp", address: string, amount: number, from = ""): Promise<Answer> {
  return JSON.parse(await ns.must(process.execPath, BULK, what, address, String(amount), from)) as Answer;
}
/** Packets that the kernel counts on a netdev: a super-packet is one. */
async function counted(ns: Ns, ifname: string): Promise<{ rx: number; tx: number }> {
  const [link] = JSON.parse(await ns.must("ip", "-s", "-j", "link", "show", "dev", ifname)) as [
    { stats64: { rx: { packets: number }; tx: { packets: number } } },
  ];
  return { rx: link.stats64.rx.packets, tx: link.stats64.tx.packets };
}

describe("bulk data", { concurrency: 2 }, () => {
  for (const [name, more] of [
    ["ESP in UDP", { encap: "udp" }],
    ["raw ESP", { encap: "esp" }],
    ["ESP in UDP, numbered data messages", { encap: "udp", sequencing: "yes" }],
    ["ESP in UDP, compressed", { encap: "udp", deflate: "yes" }],
    ["L2TP in the clear", { ipsec: "off" }],
  ] as const) {
    scenario(`${name}: TCP and UDP, IPv4 and IPv6, arrive as they were sent`, { timeout: 120_000 }, async (lab) => {
      const { a, b } = await two(lab);
      for (const ns of [a, b])
        await sh(
          `ip netns exec ${ns.name} sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0`,
        );
      await sh(`ip -n ${a.name} -6 addr add fd00:1::1/128 dev lo; ip -n ${b.name} -6 addr add fd00:2::1/128 dev lo`);
      const clear = "ipsec" in more;
      const section = clientConfig({ ...more, ipv6: "yes", routes: "fd00:2::/48" })["interface hq"] ?? {};
      const lns = serverConfig(
        { ipv6: "yes", ...(clear ? { ipsec: "off" } : {}), ...("deflate" in more ? { deflate: "yes" } : {}) },
        { "user branch1": { password: PASSWORD, ip: "10.99.0.10", routes: "fd00:1::/48" } },
      );
      const { client, server } = await pair(
        a,
        b,
        { "interface hq": clear ? without(section, "psk") : section },
        clear ? { ...lns, "server lns": without(lns["server lns"] ?? {}, "psk") } : lns,
      );
      await client.start();
      await client.waitUp("hq");
      const s = await client.statusWhere("hq", "has IPv6", 5000, (x) => x.local_ip6 !== null);
      const routed = async (): Promise<boolean> => (await server.serverStatus("lns")).sessions[0]?.ip6 === s.local_ip6;
      await until("the server's side of it", 5000, routed);
      const ways = [
        ["10.99.0.1", ""],
        ["fd00:2::1", "fd00:1::1"],
      ] as const;
      const before = { kernel: await counted(a, s.ifname), ours: await client.status("hq") };
      for (const [address, from] of ways) {
        const serve = b.spawn(process.execPath, BULK, "serve", address);
        await serve.line(/listening/, 5000);
        assert.deepEqual(await bulk(a, "tcp", address, BYTES, from), { sent: BYTES, same: true }, `TCP ${address}`);
        const udp = await bulk(a, "udp", address, 2000, from);
        assert.equal(udp["other"], 0, `UDP ${address}`);
        // Compression is slower than the sender: what the queue has no room for is lost.
        if (!("deflate" in more))
          assert.ok(Number(udp["same"]) >= 1990, `UDP ${address}: ${udp["same"]} of 2000 came back`);
        await serve.stop();
      }
      const after = { kernel: await counted(a, s.ifname), ours: await client.status("hq") };
      const packets = {
        sent: after.ours.tx_packets - before.ours.tx_packets,
        received: after.ours.rx_packets - before.ours.rx_packets,
        read: after.kernel.tx - before.kernel.tx,
        written: after.kernel.rx - before.kernel.rx,
      };
      console.log(`${name}: ${JSON.stringify(packets)}`);
      assert.ok(packets.sent > (2 * BYTES) / 1400, "each segment is counted");
      assert.ok(packets.read < packets.sent / 2, "super-packets are read");
      if (!("deflate" in more || "sequencing" in more))
        assert.ok(packets.written < packets.received / 2, "super-packets are written");
      for (const d of [client, server]) assert.doesNotMatch(d.log, /packets leave one by one/);
      await client.stop();
      await server.stop();
    });
  }
  scenario("over a path with a smaller MTU than the server's nothing is lost: long ones go alone", {}, async (lab) => {
    const { a, b } = await two(lab);
    const { client } = await pair(a, b, clientConfig({ encap: "udp", mtu: 1400 }), serverConfig({ mtu: 1400 }));
    await client.start();
    await client.waitUp("hq");
    for (const ns of [a, b]) await ns.must("ip", "link", "set", "wan", "mtu", "1300");
    const serve = b.spawn(process.execPath, BULK, "serve", "10.99.0.1");
    await serve.line(/listening/, 5000);
    assert.deepEqual(await bulk(a, "tcp", "10.99.0.1", 8_000_000), { sent: 8_000_000, same: true });
    assert.match(client.log, /daemon\.warning text="UDP .* does not cut long sends; packets leave one by one"/);
    assert.equal([...client.log.matchAll(/packets leave one by one/g)].length, 1, "said once");
  });
});
