// Global IPv6 addresses and delegated prefixes for a server's users: whole daemons in memory.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatIp } from "../../src/core/addr.ts";
import { concat, hex } from "../../src/core/text.ts";
import { readPacket6, UDP, writePacket6 } from "../../src/ipv6/packet.ts";
import { Attributes } from "../../src/radius/attributes.ts";
import { CODE } from "../../src/radius/packet.ts";
import { address, CLIENT, h, iaPd, iaPrefix, message } from "../ipv6/wire.ts";
import { knowing, RadiusNet } from "../radius/double.ts";
import { client, clientConf, SERVER_CONF, type Site, server, World } from "./world.ts";

const POOLS = "ipv6 = yes\nipv6_pool = 2001:db8:1::/48\nipv6_delegate = 2001:db8:8000::/33-56\nipv6_dns = 2001:db8::53";
const conf = (more: string): string => SERVER_CONF.replace("listen", `${more}\nlisten`);
const as = (user: string): string => clientConf("ipv6 = yes\nreconnect_min = 1").replace("branch", user);

class Company {
  readonly w = new World();
  readonly s: Site;
  readonly got = new Map<Site, Uint8Array[]>();
  #n = 10;
  constructor(text: string, radius?: RadiusNet) {
    this.s = this.w.site(this.w.net.host("b", ["198.51.100.2"]), text, radius ? { udp: radius } : {});
    this.#listen(this.s);
  }
  #listen(s: Site): void {
    const got: Uint8Array[] = [];
    this.got.set(s, got);
    s.plane.net.onPacket = (_dev, p) => void got.push(p);
  }
  async call(user: string, text = as(user)): Promise<Site> {
    const c = this.w.site(this.w.net.host(user, [`203.0.113.${this.#n++}`]), text);
    this.#listen(c);
    const up = (): boolean => client(c).local_ip6 !== null && this.of(user)?.ip6 !== null;
    await this.w.until(up, 20_000, "IPv6", c, this.s);
    return c;
  }
  of(user: string): ReturnType<typeof server>["sessions"][number] | undefined {
    return server(this.s).sessions.find((s) => s.user === user);
  }
  prefixes(user: string): (string | undefined)[] {
    const s = this.of(user);
    return [s?.ipv6_prefix, s?.ipv6_delegated_prefix];
  }
  /** What the site gets within a second after `c` has sent this. */
  async after(c: Site, packet: Uint8Array | null, at = c): Promise<Uint8Array[]> {
    const list = this.got.get(at) ?? assert.fail();
    list.length = 0;
    if (packet) c.plane.net.transmit("l2tps-hq", packet);
    await this.w.run(200);
    return list;
  }
}
const ip6 = (from: string, to: string, payload: Uint8Array, next = 59, at = 0): Uint8Array =>
  writePacket6({ next, hopLimit: 255, source: address(from), destination: address(to), payload }, at);
const probe = (from: string, to: string): Uint8Array => ip6(from, to, new Uint8Array(8));
const solicitation = (from: string): Uint8Array => ip6(from, "ff02::2", Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0), 58, 2);
const dhcp = (from: string, m: Uint8Array): Uint8Array =>
  ip6(from, "ff02::1:2", concat([h("02220223"), Uint8Array.of(0, 8 + m.length, 0, 0), m]), UDP, 6);
const ll = (c: Site): string => client(c).local_ip6 ?? assert.fail("no IPv6");
const says = (list: readonly Uint8Array[], bytes: Uint8Array): boolean => list.some((p) => hex(p).includes(hex(bytes)));

describe("a server's users with IPv6", () => {
  test("addresses are advertised, prefixes delegated, both are routed, and nobody sends from another's", async () => {
    const c = new Company(conf(POOLS));
    const a = await c.call("branch");
    const b = await c.call("second");
    assert.deepEqual(c.prefixes("branch"), ["2001:db8:1::/64", "2001:db8:8000::/56"]);
    assert.deepEqual(c.prefixes("second"), ["2001:db8:1:1::/64", "2001:db8:8000:100::/56"]);
    for (const [site, prefix, delegated] of [
      [a, "2001:db8:1::", "2001:db8:8000::/56"],
      [b, "2001:db8:1:1::", "2001:db8:8000:100::/56"],
    ] as const) {
      const ra = await c.after(site, solicitation(ll(site)));
      assert.equal(ra.length, 1);
      assert.ok(says(ra, address(prefix)) && says(ra, address("2001:db8::53")));
      assert.equal(formatIp(readPacket6(ra[0] ?? h(""))?.destination ?? h("")), "ff02::1");
      const answer = await c.after(site, dhcp(ll(site), message(1, CLIENT, iaPd(7))));
      assert.ok(says(answer, iaPrefix(delegated, 3600, 7200)));
      assert.ok(says(answer, concat([h("0002000c0003001b")])), "our DUID");
    }
    const host = c.got.get(c.s) ?? assert.fail();
    assert.ok(!host.some((p) => p[0] === 0x60 && p[24] === 0xff), "the host saw none of it");
    for (const [from, passes] of [
      ["2001:db8:1::5", true],
      ["2001:db8:8000:42::5", true],
      ["2001:db8:1:1::5", false],
      ["2001:db8:8000:142::5", false],
      ["2001:db8:9::5", false],
      ["::", false],
    ] as const)
      assert.equal((await c.after(a, probe(from, "2001:db8::1"), c.s)).length, passes ? 1 : 0, from);
    for (const [to, site] of [
      ["2001:db8:1:0:1::", a],
      ["2001:db8:8000:ff::1", a],
      ["2001:db8:1:1::9", b],
      ["2001:db8:8000:100::1", b],
    ] as const) {
      c.s.plane.net.transmit("l2tps-lns", probe("2001:db8::1", to));
      await c.w.run(100);
      const got = (c.got.get(site) ?? []).filter((p) => formatIp(p.subarray(24, 40)) === to);
      assert.equal(got.length, 1, to);
      (c.got.get(a) ?? []).length = (c.got.get(b) ?? []).length = 0;
    }
  });
  test("what is told to a user goes through MPPE like all that he gets", async () => {
    const c = new Company(conf(`${POOLS}\nmppe = 128`));
    const a = await c.call("branch", `${as("branch")}\nmppe = 128`);
    assert.ok(says(await c.after(a, solicitation(ll(a))), address("2001:db8:1::")));
    await c.w.run(1000);
    assert.ok(
      says(await c.after(a, dhcp(ll(a), message(1, CLIENT, iaPd(7)))), iaPrefix("2001:db8:8000::/56", 3600, 7200)),
    );
  });
  test("advertised again every ten minutes until the session ends; a million questions cost nothing more", async () => {
    const c = new Company(conf(POOLS));
    const a = await c.call("branch");
    await c.w.run(2000);
    const list = c.got.get(a) ?? assert.fail();
    assert.equal(list.length, 1, "unasked");
    await c.w.run(600_000);
    assert.equal(list.length, 2);
    list.length = 0;
    for (let i = 0; i < 500; i++) a.plane.net.transmit("l2tps-hq", solicitation(ll(a)));
    await c.w.run(100);
    assert.equal(list.length, 8);
    assert.equal(server(c.s).drops["ipv6.too-often"], 492);
    await c.after(a, ip6(ll(a), "ff02::2", new Uint8Array(8)));
    assert.equal(server(c.s).drops["ipv6.too-often"], 493);
    const { size } = c.w.clock;
    a.daemon.down("hq", () => {});
    await c.w.until(() => c.of("branch") === undefined, 5000, "the end", a, c.s);
    await c.w.run(5000);
    assert.ok(c.w.clock.size < size);
  });
  test("who calls again has the same prefixes, and others never get them meanwhile", async () => {
    const c = new Company(conf(POOLS));
    const a = await c.call("branch");
    const before = c.prefixes("branch");
    a.daemon.down("hq", () => {});
    await c.w.until(() => c.of("branch") === undefined, 5000, "the end", a, c.s);
    await c.call("second");
    assert.deepEqual(c.prefixes("second"), ["2001:db8:1:1::/64", "2001:db8:8000:100::/56"]);
    a.daemon.up("hq");
    await c.w.until(() => c.of("branch")?.ip6 != null, 10_000, "again", a, c.s);
    assert.deepEqual(c.prefixes("branch"), before);
  });
  test("a user's own prefixes; a pool that is empty keeps nobody out", async () => {
    const own = "ipv6_prefix = 2001:db8:1::/64\nipv6_delegated_prefix = 2001:db8:77::/48";
    const text = conf(POOLS.replace("1::/48", "1::/63")).replace("ip = 10.99.0.100", `ip = 10.99.0.100\n${own}`);
    const c = new Company(`${text}\n[user third]\npassword = wonderland\n`);
    await c.call("second");
    const third = await c.call("third");
    await c.call("branch");
    assert.deepEqual(c.prefixes("branch"), ["2001:db8:1::/64", "2001:db8:77::/48"]);
    assert.deepEqual(c.prefixes("second"), ["2001:db8:1:1::/64", "2001:db8:8000::/56"], "not what is branch's");
    assert.deepEqual(c.prefixes("third"), [undefined, "2001:db8:8000:100::/56"]);
    const ra = await c.after(third, solicitation(ll(third)));
    assert.ok(ra.length === 1 && !says(ra, h("0304")), "a router, but no prefix");
  });
  test("what no user has goes nowhere, while the server is there", async () => {
    const c = new Company(conf(POOLS));
    await c.call("branch");
    assert.deepEqual(c.s.plane.net.blocked, ["2001:db8:1::/48", "2001:db8:8000::/33"]);
    c.s.daemon.down("lns", () => {});
    await c.w.until(() => c.s.plane.net.blocked.length === 0, 5000, "no block", c.s);
  });
  test("without prefixes the host gets what is for a router, as before", async () => {
    const c = new Company(conf("ipv6 = yes"));
    const a = await c.call("branch");
    assert.deepEqual(c.prefixes("branch"), [undefined, undefined]);
    assert.equal((await c.after(a, solicitation(ll(a)), c.s)).length, 1);
    assert.equal((await c.after(a, solicitation(ll(a)))).length, 0);
  });
});

describe("prefixes from RADIUS", () => {
  const RADIUS = "\n[radius one]\naddress = 192.0.2.1\nsecret = xyzzy5461\n";
  const company = (grant: Attributes, more = POOLS): { c: Company; radius: RadiusNet } => {
    const made: { radius?: RadiusNet } = {};
    const lazy = {
      connect: (...a: Parameters<RadiusNet["connect"]>) => (made.radius ?? assert.fail()).connect(...a),
      listen: (...a: Parameters<RadiusNet["listen"]>) => (made.radius ?? assert.fail()).listen(...a),
    } as RadiusNet;
    const c = new Company(conf(`${more}\nusers = radius\nframed_routes = fd00::/16`) + RADIUS, lazy);
    const radius = new RadiusNet(c.w.clock);
    made.radius = radius;
    const known = knowing({ nemo: { password: "wonderland", grant } });
    for (const port of [1812, 1813]) radius.servers.set(`192.0.2.1 ${port}`, known);
    return { c, radius };
  };
  const accounted = ({ asked }: RadiusNet): Attributes =>
    asked.find((q) => q.packet.code === CODE.accountingRequest && q.packet.attributes.get("User-Name") === "nemo")
      ?.packet.attributes ?? assert.fail("no accounting");
  test("are the user's, and accounting has them; else it has those of the pools", async () => {
    for (const [grant, want] of [
      [
        new Attributes().add("Framed-IPv6-Prefix", "fd00:7::/64").add("Delegated-IPv6-Prefix", "2001:db8:9000::/56"),
        ["fd00:7::/64", "2001:db8:9000::/56"],
      ],
      [new Attributes(), ["2001:db8:1::/64", "2001:db8:8000::/56"]],
    ] as const) {
      const { c, radius } = company(grant);
      const a = await c.call("nemo");
      assert.deepEqual(c.prefixes("nemo"), want);
      assert.ok(says(await c.after(a, solicitation(ll(a))), address(want[0].replace("/64", ""))));
      const about = accounted(radius);
      assert.deepEqual([about.get("Framed-IPv6-Prefix"), about.get("Delegated-IPv6-Prefix")], want);
    }
  });
  for (const [name, grant, words] of [
    [
      "a prefix that nobody allows",
      new Attributes().add("Delegated-IPv6-Prefix", "2001:db8:7::/48"),
      /the prefix 2001:db8:7::\/48, which framed_routes does not allow/,
    ],
    ["addresses of less than a /64", new Attributes().add("Framed-IPv6-Prefix", "fd00:7::/80"), /which is not a \/64/],
    [
      "a route with a pool in it",
      new Attributes().add("Framed-Route", "2001:db8::/32"),
      /the route 2001:db8::\/32, which framed_routes does not allow/,
    ],
    ["a route that is allowed", new Attributes().add("Framed-Route", "fd00:5::/32"), null],
  ] as const)
    test(`${name}: ${words ? "refused" : "allowed"}`, async () => {
      const { c } = company(grant);
      const site = c.w.site(c.w.net.host("nemo", ["203.0.113.77"]), as("nemo"));
      const done = (): boolean => (words ? c.s.lines.some((l) => words.test(l)) : c.of("nemo") !== undefined);
      await c.w.until(done, 20_000, name, site, c.s);
    });
});
