// Where a host sends its packets, by what the configuration says: before, while and after the link is up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { guarded } from "../../src/config/cross.ts";
import { load } from "../../src/config/load.ts";
import { faultLine } from "../../src/config/section.ts";
import { client, clientConf, SERVER_CONF, World } from "./world.ts";

const BEHIND = "192.168.20.5";
const INTERNET = ["192.0.2.1", "2001:db8::1"] as const;
const SERVER = "198.51.100.2";

test("killswitch: where packets go, down, up, down again, and after a person's down", async () => {
  //                                            while down               while up                      after down
  const cases: [string, (string | null)[], (string | null)[], (string | null)[]][] = [
    ["", [null, "wan", "wan"], ["l2tps-hq", "wan", "wan"], ["wan", "wan", "wan"]],
    ["killswitch = off", ["wan", "wan", "wan"], ["l2tps-hq", "wan", "wan"], ["wan", "wan", "wan"]],
    ["defaultroute = yes", [null, "wan", "wan"], ["l2tps-hq", "l2tps-hq", "wan"], ["wan", "wan", "wan"]],
    ["defaultroute = yes\nkillswitch = all", [null, null, null], ["l2tps-hq", "l2tps-hq", null], ["wan", "wan", "wan"]],
    [
      "defaultroute = yes\nkillswitch = all\nmetric = 7",
      [null, null, null],
      ["l2tps-hq", "l2tps-hq", null],
      ["wan", "wan", "wan"],
    ],
  ];
  for (const [more, down, up, after] of cases) {
    const w = new World();
    const a = w.site(w.net.host("a", ["203.0.113.1"]), clientConf(`reconnect_max = 2\n${more}`));
    const where = (): (string | null)[] => [BEHIND, ...INTERNET].map((ip) => a.plane.net.leaves(ip));
    assert.deepEqual(where(), down, `${more}: from the first moment`);
    await w.run(3000);
    assert.deepEqual(where(), down, `${more}: no server`);
    const b = w.site(w.net.host("b", [SERVER]), SERVER_CONF);
    await w.until(() => client(a).state === "up", 60_000, "up", a, b);
    assert.deepEqual(where(), up, `${more}: up`);
    assert.equal(a.plane.net.leaves(SERVER), "wan", "the server itself is outside");
    let stopped = false;
    b.daemon.stop("test", () => (stopped = true));
    await w.until(() => stopped && client(a).state !== "up", 60_000, "down", a);
    assert.deepEqual(where(), down, `${more}: down again`);
    let gone = false;
    a.daemon.down("hq", () => (gone = true));
    await w.until(() => gone, 5000, "gone", a);
    assert.deepEqual(where(), after, `${more}: a person said down`);
  }
});

test("killswitch = all: the server's name is resolved outside when the machine's resolver has no route", async () => {
  const w = new World();
  const b = w.site(w.net.host("b", [SERVER]), SERVER_CONF);
  const text = clientConf("defaultroute = yes\nkillswitch = all").replace(SERVER, "vpn.example.org");
  const a = w.site(w.net.host("a", ["203.0.113.1"]), text);
  await w.run(1000);
  assert.match(client(a).error?.text ?? "", /vpn\.example\.org does not resolve: .*ENOTFOUND.*; no name server knows/);
  a.plane.net.outside = (name) => Promise.resolve(name === "vpn.example.org" ? [SERVER] : []);
  await w.until(() => client(a).state === "up", 60_000, "up", a, b);
});

test("0.0.0.0/0 and ::/0 among the routes are the default route; what cannot be meant is a fault", () => {
  const conf = (more: string): ReturnType<typeof load> => load(clientConf("").replace(/^routes = .*$/m, more));
  const section = (more: string) => {
    const r = conf(more);
    assert.ok(r.ok, JSON.stringify(r));
    const c = r.config.interfaces[0] ?? assert.fail();
    return { routes: c.routes, defaultroute: c.defaultroute, guarded: guarded(c) };
  };
  const all = { routes: null, defaultroute: true, guarded: [] };
  assert.deepEqual(section("routes = 0.0.0.0/0"), all);
  assert.deepEqual(section("routes = ::/0\nipv6 = yes"), all);
  assert.deepEqual(section("defaultroute = yes"), all);
  assert.deepEqual(section("routes = 10.2.0.0/16 0.0.0.0/0 ::/0\nipv6 = yes\nkillswitch = all"), {
    routes: ["10.2.0.0/16"],
    defaultroute: true,
    guarded: ["10.2.0.0/16", "0.0.0.0/0", "::/0"],
  });
  assert.deepEqual(section("routes = 10.2.0.0/16\nkillswitch = off").guarded, []);
  const fault = (more: string): string => {
    const r = conf(more);
    return r.ok ? "" : r.faults.map((f) => faultLine("f", f)).join("\n");
  };
  assert.match(fault("killswitch = all"), /interface hq\.killswitch: is all, but the link has no default route/);
  assert.match(fault("routes = ::/0"), /::\/0 is an IPv6 network, and ipv6 is no/);
});
