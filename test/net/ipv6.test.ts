// Global IPv6 addresses for a server's users, with kernels and a DHCPv6 client that are not ours: the client's kernel
// makes its address and its default route of our advertisements, and wide-dhcpv6-client gets a prefix for its LAN.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { type Lab, type Ns, scenario, sh, until } from "./harness.ts";
import { clientConfig, PASSWORD, pair, serverConfig, two } from "./sites.ts";

const POOLS = {
  ipv6: "yes",
  ipv6_pool: "2001:db8:1::/48",
  ipv6_delegate: "2001:db8:8000::/33-56",
  ipv6_dns: "2001:db8::53",
};
const OUTSIDE = "2001:db8::1";
const FAST = { needs: ["daemon"] };

async function ipv6(ns: Ns, ...more: string[]): Promise<void> {
  const keys = ["all.disable_ipv6=0", "default.disable_ipv6=0", ...more].map((k) => `net.ipv6.conf.${k}`);
  await sh(`ip netns exec ${ns.name} sysctl -qw ${keys.join(" ")}`);
}
const outputOf = (ns: Ns, ...args: string[]): Promise<string> => ns.must("ip", "-6", ...args);
/** The first match in what `ip -6` says, as soon as there is one. */
async function seen(ns: Ns, what: RegExp, ...args: string[]): Promise<string> {
  const m = await until(`${what} in ip -6 ${args.join(" ")}`, 15_000, async () =>
    what.exec(await outputOf(ns, ...args)),
  );
  return m[1] ?? m[0];
}
const GLOBAL = /inet6 (2001:db8:1:[0-9a-f:]+)\/64 scope global/;

async function both(lab: Lab): Promise<Awaited<ReturnType<typeof two>>> {
  const at = await two(lab);
  await ipv6(at.a, "default.accept_ra=2");
  await ipv6(at.b, "all.forwarding=1");
  await sh(`ip -n ${at.b.name} addr add ${OUTSIDE}/128 dev lo`);
  return at;
}

describe("IPv6 for a server's users", () => {
  for (const [what, more] of [
    ["", {}],
    ["through MPPE, ", { mppe: "128" }],
  ] as const)
    scenario(`${what}the kernel makes an address and a default route, and is held to them`, FAST, async (lab) => {
      const { a, b } = await both(lab);
      const { client, server } = await pair(
        a,
        b,
        clientConfig({ ipv6: "yes", ...more }),
        serverConfig({ ...POOLS, ...more }),
      );
      await client.start();
      await client.waitUp("hq");
      const address = await seen(a, GLOBAL, "addr", "show", "dev", "l2tps-hq");
      assert.match(address, /^2001:db8:1:0?:/);
      await seen(a, /default via fe80::\S+ .*proto ra/, "route", "show", "dev", "l2tps-hq");
      assert.equal((await a.ping(OUTSIDE, 3, 0.2)).received, 3);
      assert.equal((await b.ping(address, 3, 0.2, ["-I", OUTSIDE])).received, 3);
      await sh(`ip -n ${a.name} addr add 2001:db8:1:77::7/128 dev l2tps-hq nodad`);
      assert.equal((await a.ping(OUTSIDE, 2, 0.2, ["-I", "2001:db8:1:77::7"])).received, 0, "another's address");
      const s = await server.serverStatus("lns");
      assert.deepEqual(
        [s.sessions[0]?.ipv6_prefix, s.sessions[0]?.ipv6_delegated_prefix],
        ["2001:db8:1::/64", "2001:db8:8000::/56"],
      );
      assert.ok((s.drops["ip.spoofed"] ?? 0) >= 2);
      assert.match((await server.cli("status")).stdout, /IPv6 2001:db8:1::\/64, delegated 2001:db8:8000::\/56/);
      assert.match(await outputOf(b, "route", "show"), /2001:db8:1::\/64 dev l2tps-lns/);
      await client.stop();
      await until(
        "the routes go",
        5000,
        async () => !/ dev l2tps-lns/.test(await outputOf(b, "route", "show", "root", "2001:db8::/32")),
      );
      assert.match(
        await outputOf(b, "route", "show"),
        /unreachable 2001:db8:1::\/48 .*unreachable 2001:db8:8000::\/33 /s,
      );
      await server.stop();
      assert.doesNotMatch(await outputOf(b, "route", "show"), /unreachable/);
    });

  scenario(
    "wide-dhcpv6-client gets its prefix and DNS server, and its LAN reaches what is outside",
    { needs: ["daemon", "dhcp6c"] },
    async (lab) => {
      const { a, b } = await both(lab);
      await ipv6(a, "all.forwarding=1");
      const host = await lab.ns("host", { ipv6: true });
      await a.link("lan", "10.1.0.1/24", host, "eth0", "10.1.0.2/24");
      const { client, server } = await pair(
        a,
        b,
        clientConfig({ ipv6: "yes", username: "branch2" }),
        serverConfig(POOLS, { "user branch2": { password: PASSWORD, ipv6_delegated_prefix: "2001:db8:f00::/48" } }),
      );
      await client.start();
      await client.waitUp("hq");
      await seen(a, /default via fe80::/, "route", "show", "dev", "l2tps-hq");
      const script = lab.write("dhcp6c.sh", `#!/bin/sh\necho "$new_domain_name_servers" >>${lab.dir}/names\n`);
      await sh(`chmod 755 ${script}`);
      const conf = lab.write(
        "dhcp6c.conf",
        `interface l2tps-hq { send ia-pd 0; send rapid-commit; request domain-name-servers; script "${script}"; };\n` +
          "id-assoc pd 0 { prefix-interface lan { sla-id 5; sla-len 16; ifid 1; }; };\n",
      );
      a.spawn("dhcp6c", "-f", "-D", "-c", conf, "-p", `${lab.dir}/dhcp6c.pid`, "l2tps-hq");
      await seen(a, /inet6 (2001:db8:f00:5::1\/64)/, "addr", "show", "dev", "lan");
      assert.equal(
        await until("names", 5000, async () => (await sh(`cat ${lab.dir}/names || true`)).trim()),
        "2001:db8::53",
      );
      await sh(`ip -n ${host.name} addr add 2001:db8:f00:5::2/64 dev eth0 nodad
        ip -n ${host.name} route add default via 2001:db8:f00:5::1`);
      await until("the LAN's host", 10_000, async () => (await host.ping(OUTSIDE, 2, 0.2)).received === 2);
      assert.equal((await b.ping("2001:db8:f00:5::2", 3, 0.2, ["-I", OUTSIDE])).received, 3);
      const s = await server.serverStatus("lns");
      assert.equal(s.drops["ipv6.too-often"], undefined);
      await client.stop();
      await server.stop();
    },
  );

  scenario(
    "odhcp6c, OpenWrt's own client, gets all of it: address, route, prefix, DNS server",
    { needs: ["daemon", "odhcp6c"] },
    async (lab) => {
      const { a, b } = await both(lab);
      const { client, server } = await pair(a, b, clientConfig({ ipv6: "yes" }), serverConfig(POOLS));
      await client.start();
      await client.waitUp("hq");
      // as netifd has it: the client reads the advertisements, not the kernel
      await ipv6(a, "l2tps-hq.accept_ra=0");
      await sh(`ip -n ${a.name} -6 addr flush dev l2tps-hq scope global; ip -n ${a.name} -6 route flush default`);
      const says = 'echo "$2 [$RA_ADDRESSES] [$RA_ROUTES] [$PREFIXES] [$RDNSS $RA_DNS]"';
      const script = lab.write("odhcp6c.sh", `#!/bin/sh\n${says} >>${lab.dir}/odhcp6c.log\n`);
      await sh(`chmod 755 ${script}`);
      const args = ["-e", "-s", script, "-P", "0", "-t", "120", "-p", `${lab.dir}/odhcp6c.pid`, "l2tps-hq"];
      const c = a.spawn("odhcp6c", ...args);
      const all = new RegExp(
        [
          /\[(2001:db8:1:0?:[0-9a-f:]+)\/64,\d+,\d+.*\]/,
          /\[(?:.* )?::\/0,(fe80::[0-9a-f:]+),.*\]/,
          /\[2001:db8:8000::\/56,\d+,\d+\b.*\]/,
          /\[.*2001:db8::53.*\]/,
        ]
          .map((r) => r.source)
          .join(" "),
      );
      const log = async (): Promise<string> => sh(`cat ${lab.dir}/odhcp6c.log || true`);
      const m = await until("what it was given", 15_000, async () => all.exec(await log())).catch(
        async (e: unknown) => {
          throw new Error(`${String(e)}\n${await log()}\n${c.output}`);
        },
      );
      await sh(`ip -n ${a.name} addr add ${m[1]}/64 dev l2tps-hq nodad
        ip -n ${a.name} addr add 2001:db8:8000::1/64 dev lo nodad
        ip -n ${a.name} route add default via ${m[2]} dev l2tps-hq`);
      assert.equal((await a.ping(OUTSIDE, 3, 0.2)).received, 3);
      assert.equal((await b.ping("2001:db8:8000::1", 3, 0.2, ["-I", OUTSIDE])).received, 3);
      await c.stop("SIGTERM");
      assert.match(await log(), /^stopped /m);
      await client.stop();
      await server.stop();
    },
  );
});
