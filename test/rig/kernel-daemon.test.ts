// Our daemon in the kernel plane against peers that we did not write, all in one User-mode Linux guest: strongSwan,
// xl2tpd and pppd in its own namespace, the daemon in `ours`. And against itself behind NATs that forget.
import assert from "node:assert/strict";
import type { ClientStatus } from "../../src/link/status.ts";
import { scenario } from "../net/harness.ts";
import type { Guest } from "./harness.ts";
import { bed, CLIENT, clean, HQ, NEEDS, OURS, Ours, pings, reached } from "./ours.ts";
import { ipsec, lac, lns } from "./peers.ts";

for (const encap of ["esp", "udp"] as const) {
  scenario(
    `kernel plane, our client to strongSwan and xl2tpd, ${encap}: up, killed, back, down`,
    NEEDS,
    async (lab) => {
      const { guest, ours } = await bed(lab);
      await guest.sh(ipsec({ forceUdp: encap === "udp" }) + lns("mschap-v2"));
      await ours.start(HQ, { ...CLIENT, encap });
      const { ifname } = await ours.up("hq");
      await pings(guest, "10.99.0.1");
      assert.match(await guest.sh(`ip -n ours -d link show ${ifname}`), /mtu 1400.*\n.*\n +ppp /);
      await ours.end("KILL");
      // nothing that speaks for our port leaves now
      assert.match(await guest.sh("ip -n ours xfrm policy"), /sport 1701\b[\s\S]*action block/);
      const lost = await guest.sh("ip netns exec ours ping -c 1 -W 1 10.99.0.1 2>&1 || :");
      assert.match(lost, /100% packet loss|unreachable/);
      // xl2tpd keeps the dead tunnel's socket for a minute, and its kernel gives it what is for the next one between
      // the same ends
      await guest.sh(`pkill xl2tpd; rm -f /run/xl2tpd/c; sleep 0.5\n${lns("mschap-v2")}`);
      await ours.again();
      await ours.up("hq");
      await pings(guest, "10.99.0.1");
      await ours.end("TERM");
      await clean(guest);
    },
  );
}

scenario("kernel plane, strongSwan and xl2tpd as client to our server", NEEDS, async (lab) => {
  const { guest, ours } = await bed(lab);
  await ours.serve({});
  await guest.sh(ipsec({ peer: OURS }));
  await guest.sh(lac(OURS));
  const [user] = (await ours.users("lns")).sessions;
  assert.equal(user?.ifname, "l2tps-lns-1");
  await pings(guest, "10.99.0.10");
  assert.match(await guest.sh("ip -n ours link show type ppp"), /l2tps-lns-1/);
  await ours.end("TERM");
  await clean(guest);
});

scenario("kernel plane, over rekeys of both phases that either side starts: nothing is lost", NEEDS, async (lab) => {
  const { guest, ours } = await bed(lab);
  await guest.sh(ipsec({ ikeRekey: 20, espRekey: 12 }) + lns("mschap-v2"));
  await ours.start(HQ, { ...CLIENT, esp_lifetime: 30, ike_lifetime: 60 });
  await ours.up("hq");
  await pings(guest, "10.99.0.1", { count: 350 });
  assert.match(ours.log, /ike\.rekeyed .*what="?esp/);
  assert.doesNotMatch(ours.log, /link\.down/);
  await ours.end("TERM");
  await clean(guest);
});

scenario("kernel plane, plain L2TP to xl2tpd", NEEDS, async (lab) => {
  const { guest, ours } = await bed(lab);
  await guest.sh(lns("mschap-v2"));
  const { psk: _, ...plain } = CLIENT;
  await ours.start(HQ, { ...plain, ipsec: "off" });
  await ours.up("hq");
  await pings(guest, "10.99.0.1");
  await ours.end("TERM");
  const left = await guest.sh(`ip -n ours xfrm policy; ip -n ours link show type ppp
    ip netns exec ours grep sess/ /proc/net/pppol2tp || :`);
  assert.equal(left, "");
});

// site 192.168.20.2 -- 192.168.20.1 NAT 10.77.0.1 -- ours 10.77.0.9, and site2 192.168.21.2 in the same way
async function behindNat(guest: Guest, ...sites: readonly string[]): Promise<void> {
  await guest.sh("modprobe -a iptable_nat xt_MASQUERADE");
  for (const [i, site] of sites.entries()) {
    const net = `192.168.${20 + i}`;
    await guest.sh(`ip netns add ${site}
      ip link add in-${site} type veth peer name wan netns ${site}
      ip addr add ${net}.1/24 dev in-${site}
      ip link set in-${site} up
      ip -n ${site} addr add ${net}.2/24 dev wan
      ip -n ${site} link set wan up
      ip -n ${site} link set lo up
      ip -n ${site} route add default via ${net}.1`);
  }
}
/** The NAT has these ports from now on, and forgets what it had. */
const nat = (ports: string): string => `iptables-legacy -t nat -F POSTROUTING
iptables-legacy -t nat -A POSTROUTING -o peer -p udp -j MASQUERADE --to-ports ${ports}
ip link set peer down
ip link set peer up
`;
for (const [client, server] of [
  ["userspace", "kernel"],
  ["kernel", "userspace"],
  ["kernel", "kernel"],
] as const) {
  scenario(`two daemons, ${client} to a server in ${server}, behind a NAT that forgets`, NEEDS, async (lab) => {
    const { guest, ours } = await bed(lab);
    await behindNat(guest, "site");
    await guest.sh(nat("20000-20099"));
    const site = new Ours(guest, "site");
    await ours.serve({ dataplane: server, ipv6: "yes" });
    await site.start(HQ, { ...CLIENT, server: OURS, dataplane: client, ipv6: "yes" });
    const { dataplane } = await site.where<ClientStatus>("hq", "has IPv6", (s) => s.local_ip6 !== null);
    assert.equal(dataplane, client);
    const own = await ours.users("lns");
    const [user] = own.sessions;
    assert.deepEqual([own.dataplane, user?.ifname], [server, server === "kernel" ? "l2tps-lns-1" : "l2tps-lns"]);
    await pings(guest, "10.99.0.1", { from: "site" });
    await pings(guest, `${user?.ip6}%${user?.ifname}`);
    await guest.sh(nat("21000-21099"));
    await reached(guest, "10.99.0.1", 20_000, "site");
    await pings(guest, "10.99.0.1", { count: 20, from: "site" });
    await pings(guest, "10.99.0.10", { count: 20 });
    assert.doesNotMatch(site.log, /link\.down/);
    await site.end("TERM");
    await ours.end("TERM");
    await clean(guest);
  });
}

scenario(
  "two clients behind one NAT that an old kernel cannot tell apart: the second is in userspace, the first not touched",
  NEEDS,
  async (lab) => {
    const { guest, ours } = await bed(lab);
    await behindNat(guest, "site", "site2");
    await guest.sh(nat("20000-20099"));
    const [first, second] = [new Ours(guest, "site"), new Ours(guest, "site2")];
    await ours.serve({ dataplane: "auto" }, ["alice", "bob"]);
    const client = { ...CLIENT, server: OURS, dataplane: "auto" };
    await first.start(HQ, client);
    await first.up("hq");
    await Promise.all([
      pings(guest, "10.99.0.1", { count: 100, from: "site" }),
      second.start(HQ, { ...client, username: "bob" }).then(() => second.up("hq")),
    ]);
    const { sessions } = await ours.users("lns", 2);
    assert.deepEqual(sessions.map((s) => [s.user, s.ifname]).sort(), [
      ["alice", "l2tps-lns-1"],
      ["bob", "l2tps-lns"],
    ]);
    await Promise.all(["site", "site2"].map((from) => pings(guest, "10.99.0.1", { count: 20, from })));
    // and both planes of the server follow when the NAT forgets
    await guest.sh(nat("21000-21099"));
    for (const from of ["site", "site2"]) await reached(guest, "10.99.0.1", 20_000, from);
    await Promise.all(["site", "site2"].map((from) => pings(guest, "10.99.0.1", { count: 20, from })));
    for (const d of [first, second]) assert.doesNotMatch(d.log, /link\.down/);
    for (const d of [first, second, ours]) await d.end("TERM");
    await clean(guest);
  },
);
