// A whole server whose users are with RADIUS, in memory: every order of the two, what RADIUS grants, and its silence.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Attributes } from "../../src/radius/attributes.ts";
import { CODE } from "../../src/radius/packet.ts";
import { type Asked, accept, type KnownUser, knowing, RadiusNet } from "../radius/double.ts";
import { packet } from "./pair.ts";
import { client, type Site, server, World } from "./world.ts";

const CONF = (more: string): string => `
[server lns]
listen = 198.51.100.2
psk = swordfish
pool = 10.99.0.10-10.99.0.12
pools = guests=10.98.0.10-10.98.0.12
local_ip = 10.99.0.1
framed_routes = 10.20.0.0/16
${more}

[radius one]
address = 192.0.2.1
secret = xyzzy5461
[radius two]
address = 192.0.2.2
secret = xyzzy5461

[user branch]
password = wonderland
ip = 10.99.0.100
routes = 192.168.10.0/24 10.20.9.0/24
`;
const CALLER = (user: string, password: string): string => `
[interface hq]
proto = l2tpsec
server = 198.51.100.2
username = ${user}
password = ${password}
psk = swordfish
refuse_pap = no
refuse_eap = no
reconnect_min = 1
reconnect_max = 2
`;
const USERS: Record<string, KnownUser> = { nemo: { password: "arctangent" } };

class Company {
  readonly w = new World();
  readonly radius = new RadiusNet(this.w.clock);
  readonly s: Site;
  #n = 0;
  constructor(more: string) {
    this.s = this.w.site(this.w.net.host("lns", ["198.51.100.2"]), CONF(more), { udp: this.radius });
  }
  serve(name: "192.0.2.1" | "192.0.2.2", f: ((q: Asked) => void) | null): void {
    for (const port of [1812, 1813])
      f ? this.radius.servers.set(`${name} ${port}`, f) : this.radius.servers.delete(`${name} ${port}`);
  }
  call(user: string, password: string): Site {
    const n = 10 + this.#n++;
    return this.w.site(this.w.net.host(`c${n}`, [`198.51.100.${n}`]), CALLER(user, password));
  }
  async up(c: Site, ms = 30_000): Promise<void> {
    await this.w.until(() => client(c).state === "up", ms, "the link", c, this.s);
  }
  async refused(c: Site, words: RegExp): Promise<void> {
    const said = (): boolean => this.s.lines.some((l) => words.test(l));
    await this.w.until(said, 40_000, `the server says ${words}`, c, this.s);
    assert.notEqual(client(c).state, "up");
  }
}
const access = (c: Company): Asked[] => c.radius.asked.filter((q) => q.packet.code === CODE.accessRequest);

describe("a Multilink bundle with RADIUS", () => {
  test("Port-Limit; a record for each link (RFC 2866 §5.11), whose packets add up; nobody joins another", async () => {
    const c = new Company("users = radius\nauth = mschapv2\nmrru = 1500\nbundle_links = 1");
    const grant = new Attributes().add("Port-Limit", 2);
    c.serve("192.0.2.1", knowing({ nemo: { password: "arctangent", grant }, other: { password: "secant", grant } }));
    const n = c.call("nemo", "arctangent\nmrru = 1500\nlinks = 3");
    await c.up(n);
    await c.w.until(() => server(c.s).failures.some((f) => f.code === "bundle"), 9000, "a third is refused", n, c.s);
    const [s] = server(c.s).sessions;
    assert.equal(s?.links?.length, 1);
    for (let k = 0; k < 40; k++) {
      n.plane.net.transmit(client(n).ifname, packet(s?.ip ?? "", "10.99.0.1", k));
      await c.w.run(10);
    }
    const o = c.call("other", "secant\nmrru = 1500\nlinks = 2");
    await c.w.until(() => server(c.s).sessions.some((x) => x.user === "other" && x.links), 20_000, "another", o, c.s);
    assert.equal(server(c.s).sessions.length, 2);
    n.daemon.stop("done", () => {});
    await c.w.run(5000);
    const of = (status: number): Attributes[] =>
      c.radius.asked
        .filter((q) => q.packet.code === CODE.accountingRequest)
        .map((q) => q.packet.attributes)
        .filter((a) => a.get("User-Name") === "nemo" && a.get("Acct-Status-Type") === status);
    const [starts, stops] = [of(1), of(2)];
    assert.deepEqual(
      starts.map((a) => [
        a.get("Acct-Link-Count"),
        a.get("Acct-Multi-Session-Id") === starts[0]?.get("Acct-Session-Id"),
      ]),
      [
        [1, true],
        [2, true],
      ],
    );
    assert.equal(new Set(stops.map((a) => a.get("Acct-Session-Id"))).size, 2);
    const packets = stops.map((a) => a.get("Acct-Input-Packets") ?? 0);
    assert.deepEqual(packets, [20, 20]);
  });
});

describe("a login by RADIUS", () => {
  for (const [method, auth] of [
    ["PAP", "pap"],
    ["CHAP-MD5", "chap"],
    ["MS-CHAP", "mschap"],
    ["MS-CHAPv2", "mschapv2"],
  ] as const) {
    test(`${method}: the right password, and a wrong one`, async () => {
      const c = new Company(`users = radius\nauth = ${auth}`);
      c.serve("192.0.2.1", knowing(USERS));
      const good = c.call("nemo", "arctangent");
      await c.up(good);
      const [s] = server(c.s).sessions;
      assert.deepEqual([s?.user, s?.auth, s?.ip], ["nemo", method, "10.99.0.10"]);
      const a = access(c)[0]?.packet.attributes ?? assert.fail();
      assert.deepEqual(
        [a.get("User-Name"), a.get("NAS-Identifier"), a.get("Calling-Station-Id"), a.get("NAS-IP-Address")],
        ["nemo", "lns", "198.51.100.10", "198.51.100.2"],
      );
      assert.deepEqual([a.get("Service-Type"), a.get("Framed-Protocol"), a.get("NAS-Port-Type")], [2, 1, 5]);
      assert.match(a.get("Acct-Session-Id") ?? "", /^[0-9a-f]{20}$/);
      const bad = c.call("nemo", "wrong");
      // After a first wrong password by PAP another may come.
      if (auth !== "pap") await c.refused(bad, /RADIUS server one refuses user \\?"nemo\\?": \\?"Go away/);
      await c.w.until(() => client(bad).error !== null, 20_000, "the refusal", bad, c.s);
      if (auth === "pap" || auth === "chap") assert.match(client(bad).error?.text ?? "", /Go away/);
      assert.match(client(bad).error?.code ?? "", /auth-failed/);
      assert.doesNotMatch([...c.s.lines, ...good.lines].join("\n"), /arctangent/);
    });
  }
  test("MPPE's keys come from RADIUS in every test of it with a real server; without them no session", async () => {
    const c = new Company("users = radius\nauth = mschapv2\nmppe = 128");
    c.serve("192.0.2.1", knowing(USERS));
    await c.refused(c.call("nemo", "arctangent"), /MPPE/);
  });
  test("an Access-Accept without MS-CHAP2-Success is none", async () => {
    const c = new Company("users = radius\nauth = mschapv2");
    c.serve("192.0.2.1", accept);
    await c.refused(c.call("nemo", "arctangent"), /cannot be used: no MS-CHAP2-Success/);
  });
  test("a refusal of RADIUS counts as a wrong password", async () => {
    const c = new Company("users = radius\nauth = chap");
    c.serve("192.0.2.1", knowing(USERS));
    c.call("nemo", "guess");
    await c.w.run(60_000);
    assert.ok(access(c).length > 1);
    assert.equal(server(c.s).drops["login.wrong"], access(c).length);
  });
});

describe("who decides", () => {
  const both = { ...USERS, branch: { password: "other" } };
  test("local radius: the section where there is one, RADIUS for the others", async () => {
    const c = new Company("users = local radius");
    c.serve("192.0.2.1", knowing(both));
    await c.up(c.call("branch", "wonderland"));
    assert.equal(access(c).length, 0);
    await c.up(c.call("nemo", "arctangent"));
    await c.refused(c.call("branch", "other"), /"branch\\?" is unknown or gave a wrong password/);
  });
  test("radius local: RADIUS; a section only while no server answers", async () => {
    const c = new Company("users = radius local");
    c.serve("192.0.2.1", knowing(both));
    await c.refused(c.call("branch", "wonderland"), /refuses user/);
    await c.up(c.call("branch", "other"));
    c.serve("192.0.2.1", null);
    const late = c.call("branch", "wonderland");
    await c.up(late);
    assert.equal(server(c.s).sessions.find((s) => s.ip === "10.99.0.100")?.user, "branch");
  });
  test("radius: sections are nobody, also while RADIUS is silent", async () => {
    const c = new Company("users = radius");
    const caller = c.call("branch", "wonderland");
    await c.refused(caller, /RADIUS server two \(192\.0\.2\.2\) does not answer/);
    await c.w.run(1000);
    assert.equal(
      server(c.s).failures.some((f) => f.code === "radius"),
      true,
    );
    assert.equal(server(c.s).drops["login.wrong"], undefined, "nobody gave a wrong password");
  });
  test("local: no RADIUS server is ever asked", async () => {
    const c = new Company("users = local");
    await c.up(c.call("branch", "wonderland"));
    assert.equal(c.radius.asked.length, 0);
  });
});

describe("what RADIUS grants", () => {
  const logs = async (grant: Attributes, more = ""): Promise<{ c: Company; caller: Site }> => {
    const c = new Company(`users = local radius\n${more}`);
    c.serve("192.0.2.1", knowing({ nemo: { password: "arctangent", grant } }));
    return { c, caller: c.call("nemo", "arctangent") };
  };
  const given = (): Attributes => new Attributes();
  for (const [name, grant, ip] of [
    ["an address", given().add("Framed-IP-Address", "10.97.0.7"), "10.97.0.7"],
    ["an address of our choice", given().add("Framed-IP-Address", "255.255.255.254"), "10.99.0.10"],
    ["an address of the user's choice is ours", given().add("Framed-IP-Address", "255.255.255.255"), "10.99.0.10"],
    ["a pool", given().add("Framed-Pool", "guests"), "10.98.0.10"],
  ] as const)
    test(name, async () => {
      const { c, caller } = await logs(grant);
      await c.up(caller);
      assert.equal(server(c.s).sessions[0]?.ip, ip);
      assert.equal(client(caller).local_ip, ip);
    });
  test("networks behind the user", async () => {
    const { c, caller } = await logs(given().add("Framed-Route", "10.20.1.0/24 0.0.0.0 1", "10.20.2.0/24"));
    await c.up(caller);
    const routes = [...c.s.plane.net.devices.values()].flatMap((d) => JSON.stringify(d));
    assert.ok(routes.length > 0);
  });
  for (const [name, grant, words] of [
    [
      "a route that framed_routes does not hold",
      given().add("Framed-Route", "10.21.0.0/16"),
      /10\.21\.0\.0\/16, which framed_routes does not allow/,
    ],
    ["the default route", given().add("Framed-Route", "0.0.0.0/0"), /0\.0\.0\.0\/0, which (belongs|holds)/],
    [
      "a network of a user of the configuration",
      given().add("Framed-Route", "10.20.9.128/25"),
      /belongs to user branch/,
    ],
    ["one that holds such a network", given().add("Framed-Route", "10.20.8.0/22"), /belongs to user branch/],
    ["the server's own address", given().add("Framed-IP-Address", "10.99.0.1"), /holds this server's own address/],
    [
      "the address of a user of the configuration",
      given().add("Framed-IP-Address", "10.99.0.100"),
      /belongs to user branch/,
    ],
    ["an address of no host", given().add("Framed-IP-Address", "224.0.0.1"), /the address 224/],
    ["a pool that is not there", given().add("Framed-Pool", "staff"), /the pool \\?"staff/],
    ["what is no PPP", given().add("Service-Type", 1), /is not PPP/],
    ["a route that is none", given().add("Framed-Route", "yesterday"), /Framed-Route/],
  ] as const)
    test(`${name}: refused`, async () => {
      const { c, caller } = await logs(grant);
      await c.refused(caller, words);
      assert.equal(server(c.s).sessions.length, 0);
    });
  test("a network that another user has, whole or in part: refused", async () => {
    const c = new Company("users = radius");
    const users: Record<string, KnownUser> = {};
    for (const [name, route] of [
      ["a", "10.20.4.0/23"],
      ["b", "10.20.5.0/24"],
      ["c", "10.20.0.0/21"],
      ["d", "10.20.6.0/24"],
    ] as const)
      users[name] = { password: "p", grant: given().add("Framed-Route", route) };
    users["e"] = { password: "p", grant: given().add("Framed-IP-Address", "10.20.4.7") };
    c.serve("192.0.2.1", knowing(users));
    await c.up(c.call("a", "p"));
    for (const name of ["b", "c", "e"])
      await c.refused(c.call(name, "p"), new RegExp(`of user ${name} already belongs to the session of user a`));
    await c.up(c.call("d", "p"));
  });
});

test("servers that change by a reload: the new ones are asked, sessions stay", async () => {
  const c = new Company("users = radius");
  c.serve("192.0.2.1", knowing(USERS));
  const caller = c.call("nemo", "arctangent");
  await c.up(caller);
  c.serve("192.0.2.9" as "192.0.2.1", knowing({ mopsy: { password: "x" } }));
  const text = CONF("users = radius").replace("192.0.2.1", "192.0.2.9");
  assert.match(c.s.reload(text), /radius one/);
  await c.up(c.call("mopsy", "x"));
  assert.equal(client(caller).state, "up");
  assert.equal(server(c.s).sessions.length, 2);
});
