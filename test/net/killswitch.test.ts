// "Nothing leaves in the clear": packets for the networks behind a link, and with killswitch = all for the whole
// Internet, are sent all the time, by the router and by a host of its LAN, while somebody looks at the WAN.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { scenario, sh, sleep, until } from "./harness.ts";
import { INTERNET, NAMESERVER, Roads, serverSections, TO_BEHIND, TO_INTERNET } from "./killswitch.ts";
import { B, clientSection } from "./sites.ts";

const QUICK = { dpd: 2, hello: 5, keepalive: "3 2" };
const ALL = { defaultroute: "yes", killswitch: "all", ...QUICK };
const EITHER = `(${TO_BEHIND}) or (${TO_INTERNET})`;
/** What may be seen on the WAN beside the tunnel: neighbours, and routers that introduce themselves. */
const FOREIGN =
  `not (host ${B} and (ip proto 50 or udp port 500 or udp port 4500)) and not arp and not icmp6 and not (ip6 ` +
  "and ip6[6] == 0) and not dst net 198.51.100.0/24";

describe("nothing leaves in the clear", { concurrency: 3 }, () => {
  scenario(
    "from boot, before the first attempt and while the server is not there; then both families in the tunnel",
    {},
    async (lab) => {
      const r = await Roads.make(lab, ALL);
      await r.server.stop();
      await r.start(false);
      await sleep(2500);
      assert.equal((await r.a.ping("198.51.100.1", 2)).received, 2, "WAN's own network is there");
      assert.equal((await r.host.ping("10.10.0.1", 2)).received, 2, "and the LAN");
      await r.server.start();
      await r.client.waitUp("hq", 30_000);
      await r.throughTunnel();
      await r.leaked(`(${EITHER}) or (${FOREIGN})`, "boot");
    },
  );

  scenario(
    "rekey of both phases, and what the server's user asks for goes in the tunnel alone",
    { timeout: 120_000 },
    async (lab) => {
      const r = await Roads.make(lab, { ...ALL, esp_lifetime: 30, ike_lifetime: 60 });
      await r.start();
      const at = r.client.mark;
      await r.client.event("hq", "ike.rekeyed", 40_000, at);
      await r.throughTunnel();
      assert.doesNotMatch(r.client.log, /link\.down/);
      await r.leaked(`(${EITHER}) or (${FOREIGN})`, "rekey");
    },
  );

  scenario(
    "redial: the server dies, the WAN goes and comes back with another way out",
    { timeout: 120_000 },
    async (lab) => {
      const r = await Roads.make(lab, ALL);
      await r.start();
      let mark = r.client.mark;
      await r.server.kill();
      await r.client.event("hq", "link.down", 30_000, mark);
      await r.a.must("ip", "link", "set", "wan", "down");
      await sleep(500);
      await sh(`ip -n ${r.a.name} link set wan up; ip -n ${r.a.name} route add default via 198.51.100.1
      ip -n ${r.a.name} -6 addr add 2001:db8:1::2/64 dev wan nodad
      ip -n ${r.a.name} -6 route add default via 2001:db8:1::1`);
      mark = r.client.mark;
      await r.server.start();
      await r.client.waitUp("hq", 30_000, mark);
      await r.throughTunnel();
      await r.leaked(`(${EITHER}) or (${FOREIGN})`, "redial");
    },
  );

  scenario(
    "SIGKILL: the block stays, the next daemon takes over; down takes it away",
    { timeout: 120_000 },
    async (lab) => {
      const r = await Roads.make(lab, ALL);
      await r.start();
      await r.client.kill();
      await sleep(1500);
      assert.match(await r.a.must("ip", "rule"), /^202:.*lookup 27698 proto 76/m);
      await r.start();
      await r.throughTunnel();
      await sleep(500);
      await r.leaked(`(${EITHER}) or (${FOREIGN})`, "SIGKILL and start");
      const free = await r.a.capture("wan", TO_INTERNET);
      assert.equal((await r.client.cli("down", "hq")).code, 0);
      await until(
        "a person said down",
        5000,
        async () => (await free.count(`host ${INTERNET[0]}`)) > 5 && (await free.count(`host ${INTERNET[1]}`)) > 5,
      );
      assert.doesNotMatch(await r.a.must("ip", "rule"), /proto 76/);
      assert.doesNotMatch(await r.a.must("ip", "-6", "rule"), /proto 76/);
    },
  );

  scenario("SIGKILL, and a configuration that no longer asks for it: gone within ten seconds", {}, async (lab) => {
    const r = await Roads.make(lab, ALL);
    await r.start();
    await r.client.kill();
    r.client.configure({
      "interface hq": clientSection({
        routes: "10.20.0.0/24 fd00:20::/64",
        ipv6: "yes",
        killswitch: "off",
        auto: "no",
      }),
    });
    await r.client.start();
    const free = await r.a.capture("wan", TO_INTERNET);
    await until(
      "nobody claims it",
      15_000,
      async () => (await free.count(`host ${INTERNET[0]}`)) > 5 && (await free.count(`host ${INTERNET[1]}`)) > 5,
    );
    assert.doesNotMatch(await r.a.must("ip", "rule"), /proto 76/);
  });

  scenario("reload with a changed section", {}, async (lab) => {
    const r = await Roads.make(lab, ALL);
    await r.start();
    const mark = r.client.mark;
    r.client.configure({
      "interface hq": clientSection({ routes: "10.20.0.0/24 fd00:20::/64", ipv6: "yes", ...ALL, mtu: 1300 }),
    });
    assert.equal((await r.client.cli("reload")).code, 0);
    await r.client.waitUp("hq", 20_000, mark);
    await r.throughTunnel();
    await r.leaked(`(${EITHER}) or (${FOREIGN})`, "reload");
  });

  scenario(
    "a changed server name: of all that asks, the daemon's own question leaves, and nothing else",
    { timeout: 120_000 },
    async (lab) => {
      const r = await Roads.make(lab, { ...ALL, server: "vpn.test" });
      const file = await r.names(B);
      await r.start();
      await r.throughTunnel();
      // The server moves.
      await sh(`ip -n ${r.b.name} addr add 203.0.113.9/24 dev wan; echo 203.0.113.9 > ${file}`);
      const mark = r.client.mark;
      await r.mid.iptables("-I", "FORWARD", "-d", B, "-j", "DROP");
      const other = "203.0.113.9";
      await r.server.stop();
      r.server.configure(serverSections({ listen: other }));
      await r.server.start();
      await r.client.waitUp("hq", 40_000, mark);
      assert.equal((await r.client.status("hq")).server, other);
      await r.throughTunnel();
      const asked = `udp port 53 and host ${NAMESERVER}`;
      await r.leaked(
        `((${EITHER}) or (${FOREIGN.replaceAll(B, `(${B} or ${other})`)})) and not (${asked})`,
        "a changed name",
      );
    },
  );

  scenario(
    "killswitch = routes, the default: networks behind the link, of IPv4 and IPv6; the Internet goes on",
    { timeout: 120_000 },
    async (lab) => {
      const r = await Roads.make(lab, QUICK);
      await r.start();
      await r.throughTunnel();
      const mark = r.client.mark;
      await r.server.kill();
      await r.client.event("hq", "link.down", 30_000, mark);
      const free = await r.a.capture("wan", TO_INTERNET);
      await until(
        "the Internet",
        3000,
        async () => (await free.count(`host ${INTERNET[0]}`)) > 5 && (await free.count(`host ${INTERNET[1]}`)) > 5,
      );
      await r.client.kill();
      await sleep(500);
      await r.leaked(TO_BEHIND, "down, and killed");
    },
  );

  scenario("IPv6 stays refused in a link that does not carry it", {}, async (lab) => {
    const r = await Roads.make(lab, { ...ALL, routes: "10.20.0.0/24", ipv6: "no" });
    await r.start();
    await sleep(1500);
    assert.match((await r.a.run("ip", "-6", "route", "get", INTERNET[1])).stderr, /unreachable|No route/i);
    await r.leaked(`host ${INTERNET[1]}`, "IPv6");
  });
});
