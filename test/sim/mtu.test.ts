// A path that loses long packets without a word (RFC 8899 calls it a black hole): the link finds out what passes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { IpConfig } from "../../src/dataplane/dataplane.ts";
import { client, clientConf, SERVER_CONF, type Site, World } from "./world.ts";

const SIX = SERVER_CONF.replace("dns =", "ipv6 = yes\ndns =");

/** `longest`: of what a datagram holds. */
async function joined(longest: number, more = ""): Promise<{ w: World; a: Site; b: Site }> {
  const w = new World();
  const b = w.site(w.net.host("lns", ["198.51.100.2"]), SIX);
  const a = w.site(w.net.host("hq", ["203.0.113.2"]), clientConf(more));
  w.net.conditions({ longest });
  await w.until(() => client(a).state === "up", 10_000, "up", a);
  return { w, a, b };
}
const device = (s: Site): { mtu: IpConfig["mtu"] } => s.plane.net.devices.get("l2tps-hq") ?? { mtu: 0 };
const told = (s: Site): string[] => s.events.flatMap((e) => (e.kind === "link.mtu" ? [`${e.mtu} ${e.source}`] : []));

test("where all passes the MTU stays, and status says what it is from", async () => {
  const { w, a } = await joined(1500);
  await w.run(1_300_000);
  assert.deepEqual([client(a).mtu, client(a).mtu_source, told(a)], [1400, "default", []]);
});

test("a black hole: the MTU becomes what passes, which status says, and is raised when the hole is gone", async () => {
  const { w, a } = await joined(1300);
  await w.run(60_000);
  const mtu = client(a).mtu ?? 0;
  assert.ok(mtu > 1200 && mtu < 1300, `${mtu}`);
  assert.equal(client(a).mtu_source, "probe");
  assert.equal(device(a).mtu, mtu);
  assert.match(client(a).stages.at(-1)?.text ?? "", new RegExp(`MTU ${mtu}$`));
  w.net.conditions({});
  await w.run(610_000);
  assert.deepEqual([client(a).mtu, client(a).mtu_source, device(a).mtu], [1400, "default", 1400]);
  assert.equal(told(a).at(-1), "1400 default");
  assert.equal(a.events.filter((e) => e.kind === "link.up").length, 1);
});

test("below 1280 bytes IPv6 is gone from the link, and comes back with them", async () => {
  const { w, a } = await joined(1200, "ipv6 = yes");
  await w.run(1000);
  assert.ok(client(a).local_ip6 !== null);
  await w.run(60_000);
  assert.ok((client(a).mtu ?? 0) < 1200);
  assert.equal(client(a).local_ip6, null);
  w.net.conditions({});
  await w.run(610_000);
  assert.equal(client(a).mtu, 1400);
  assert.ok(client(a).local_ip6 !== null);
});

test("loss is no black hole", async () => {
  const { w, a } = await joined(1500);
  w.net.conditions({ loss: 0.2 });
  await w.run(3_600_000);
  w.net.conditions({});
  await w.run(1_300_000);
  assert.equal(client(a).mtu, 1400);
});

test("mtu_probe = no sends no probe", async () => {
  const { w, a } = await joined(1300, "mtu_probe = no");
  await w.run(700_000);
  assert.deepEqual([client(a).mtu, client(a).mtu_source, told(a)], [1400, "default", []]);
});
