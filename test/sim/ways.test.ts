// More than one way to a server: another WAN, another address, another server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, clientConf, SERVER_CONF, type Site, server, World } from "./world.ts";

const WAN = "203.0.113.2";
const OTHER = "192.0.2.2";

async function joined(more = ""): Promise<{ w: World; a: Site; b: Site }> {
  const w = new World();
  const b = w.site(w.net.host("lns", ["198.51.100.2"]), SERVER_CONF);
  const a = w.site(w.net.host("hq", [WAN, OTHER]), clientConf(more));
  await w.until(() => client(a).state === "up", 5000, "the first way", a);
  return { w, a, b };
}
const ups = (s: Site): number => s.events.filter((e) => e.kind === "link.up").length;

test("the way to the server changes: with IKEv1 the link moves within 3 s, and says so", async () => {
  const { w, a } = await joined("ike = v1");
  a.host.addresses = [OTHER];
  a.host.device = "wan1";
  a.plane.net.outsideChanged();
  await w.until(() => client(a).state === "up" && client(a).via === "wan1", 3000, "the other way", a);
  const downs = a.events.filter((e) => e.kind === "link.down");
  assert.deepEqual(
    downs.map((e) => e.code),
    ["moved"],
  );
});

test("with IKEv2 the link goes on where the way has moved to, and comes back", async () => {
  const { w, a, b } = await joined("ike = v2");
  for (const [address, device] of [
    [OTHER, "wan1"],
    [WAN, "wan0"],
  ] as const) {
    a.host.addresses = [address];
    a.host.device = device;
    a.plane.net.outsideChanged();
    await w.run(8000);
    assert.deepEqual([client(a).state, client(a).via, ups(a)], ["up", device, 1]);
    assert.equal(client(a).ike?.version, 2);
    assert.deepEqual(
      server(b).sessions.map((s) => s.peer),
      [address],
    );
  }
  await w.run(120_000);
  assert.deepEqual([client(a).state, ups(a), a.events.filter((e) => e.kind === "link.down").length], ["up", 1, 0]);
});

test("changes beside the way, and a WAN without a route, leave the link alone", async () => {
  const { w, a } = await joined();
  for (let i = 0; i < 20; i++) {
    a.plane.net.outsideChanged();
    await w.run(100);
  }
  a.host.routed = false;
  a.plane.net.outsideChanged();
  await w.run(500);
  a.host.routed = true; // as after a renewal by DHCP
  a.plane.net.outsideChanged();
  await w.run(3000);
  assert.deepEqual([client(a).state, ups(a)], ["up", 1]);
});

test("a WAN that comes ends a pause; one that does not change shortens none", async () => {
  const w = new World();
  w.site(w.net.host("lns", ["198.51.100.2"]), SERVER_CONF);
  const host = w.net.host("hq", [WAN]);
  host.routed = false;
  const a = w.site(host, clientConf("reconnect_min = 100\nreconnect_max = 100"));
  await w.run(1000);
  assert.equal(client(a).error?.code, "no-route");
  host.routed = true;
  a.plane.net.outsideChanged();
  await w.until(() => client(a).state === "up", 3000, "the WAN that came", a);

  const refused = new World();
  refused.site(refused.net.host("lns", ["198.51.100.2"]), SERVER_CONF.replaceAll("swordfish", "other"));
  const c = refused.site(refused.net.host("hq", [WAN]), clientConf("reconnect_min = 100\nreconnect_max = 100"));
  await refused.until(() => client(c).retry_in !== null, 60_000, "the wrong key", c);
  const before = client(c).retry_in ?? 0;
  for (let i = 0; i < 5; i++) c.plane.net.outsideChanged();
  await refused.run(1000);
  assert.ok((client(c).retry_in ?? 0) >= before - 2, "its pause goes on");
});

for (const ike of ["auto", "v1", "v2"])
  test(`several servers, ike = ${ike}: the next one 12 s after a silent one, and the first first again`, async () => {
    const w = new World();
    const first = w.net.host("first", ["198.51.100.1"]);
    const b = w.site(w.net.host("lns", ["198.51.100.2"]), SERVER_CONF);
    const a = w.site(w.net.host("hq", [WAN]), clientConf(`ike = ${ike}`, "198.51.100.1 198.51.100.2"));
    await w.until(() => client(a).state === "up", 12_000, "the second server", a);
    assert.equal(client(a).server, "198.51.100.2");
    w.site(first, SERVER_CONF.replaceAll("198.51.100.2", "198.51.100.1"));
    b.daemon.down("lns");
    await w.until(() => client(a).state === "up" && client(a).server === "198.51.100.1", 10_000, "the first server", a);
  });

for (const [what, servers] of [
  ["two servers", "198.51.100.1 198.51.100.2"],
  ["a name of two, in another order each time", "vpn.example"],
] as const)
  test(`${what}, of which one dies: with keepalive = 3 2 a client is at the other within 15 s`, async () => {
    for (let i = 0; i < 6; i++) {
      const w = new World(i);
      const all = ["198.51.100.1", "198.51.100.2"];
      w.names.set("vpn.example", all);
      const sites = all.map((at) => w.site(w.net.host(at, [at]), SERVER_CONF.replaceAll("198.51.100.2", at)));
      const a = w.site(w.net.host("hq", [WAN]), clientConf("keepalive = 3 2", servers));
      await w.until(() => client(a).state === "up", 5000, "the first server", a);
      await w.run(10_000 + i * 370);
      for (const [dead, other] of [
        [0, 1],
        [1, 0],
      ] as const) {
        w.names.set("vpn.example", i % 2 === 0 ? [...all].reverse() : all);
        for (const [n, s] of sites.entries()) s.host.routed = n !== dead;
        const back = (): boolean => client(a).state === "up" && client(a).server === all[other];
        await w.until(back, 15_000, `the other server, ${i}`, a);
        await w.run(15_000);
      }
    }
  });

test("server_order = random: clients spread", async () => {
  const w = new World();
  const servers = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];
  for (const s of servers) w.site(w.net.host(s, [s]), SERVER_CONF.replaceAll("198.51.100.2", s));
  const seen = new Set<string>();
  for (let i = 0; i < 12; i++) {
    const a = w.site(
      w.net.host(`c${i}`, [`203.0.113.${i + 10}`]),
      clientConf("server_order = random", servers.join(" ")),
    );
    await w.until(() => client(a).state === "up", 5000, `client ${i}`, a);
    seen.add(client(a).server);
  }
  assert.ok(seen.size > 1, [...seen].join(" "));
});
