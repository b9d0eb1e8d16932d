// Two and more whole daemons on one virtual clock: what a user would see, without a kernel.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatIp } from "../../src/core/addr.ts";
import { concat, hex } from "../../src/core/text.ts";
import { isUp, numberOf, packet, packet6, pair, SERVER_IP } from "./pair.ts";
import { SimNat } from "./simnet.ts";
import { client, clientConf, SERVER_CONF, type Site, server, World } from "./world.ts";

describe("two daemons", () => {
  test("up, packets both ways, status of both, down", async () => {
    const w = new World();
    const { a, b, clear } = pair(w);
    const ms = await w.until(() => isUp(a), 5000, "up", a, b);
    assert.ok(ms < 2000, `took ${ms} virtual ms`);
    await w.run(100);
    const s = client(a);
    assert.deepEqual(
      [s.local_ip, s.remote_ip, s.dns, s.esp?.encap, s.ike?.nat, s.ppp?.auth],
      ["10.99.0.100", "10.99.0.1", ["10.99.0.53"], "esp", "none", "MS-CHAPv2"],
    );
    assert.deepEqual(
      s.stages.map((x) => [x.name, x.state]),
      ["server", "route", "ike", "esp", "l2tp", "ppp", "ip"].map((n) => [n, "ok"]),
    );
    const [session] = server(b).sessions;
    assert.deepEqual([session?.user, session?.ip, session?.peer], ["branch", "10.99.0.100", "203.0.113.1"]);
    const got: string[] = [];
    a.plane.net.onPacket = (dev, p) => void got.push(`a ${dev} ${numberOf(p)}`);
    b.plane.net.onPacket = (dev, p) => void got.push(`b ${dev} ${numberOf(p)}`);
    a.plane.net.transmit("l2tps-hq", packet("192.168.10.5", "192.168.20.5", 1));
    b.plane.net.transmit("l2tps-lns", packet("192.168.20.5", "192.168.10.5", 2));
    a.plane.net.transmit("l2tps-hq", packet("172.16.0.1", "192.168.20.5", 3)); // not this user's address
    await w.run(100);
    assert.deepEqual(got.sort(), ["a l2tps-hq 2", "b l2tps-lns 1"]);
    let done = false;
    const at = w.clock.now();
    a.daemon.stop("test", () => {
      done = true;
    });
    await w.until(() => done, 2000, "stop", a);
    assert.ok(w.clock.now() - at < 500, "a goodbye that is answered takes no time-out");
    await w.run(200);
    assert.deepEqual([server(b).sessions.length, server(b).peers, a.plane.net.devices.size], [0, 0, 0]);
    assert.equal(clear(), 0);
    assert.ok(![...a.lines, ...b.lines].some((l) => /swordfish|wonderland/.test(l)));
  });

  test("IPv6 between two sites: link-local addresses, networks behind both, checked sources, two users", async () => {
    const w = new World();
    const conf = SERVER_CONF.replace("listen", "ipv6 = yes\nlisten").replace(
      "routes = 192.168.10.0/24",
      "routes = 192.168.10.0/24 fd00:1::/48",
    );
    const { a, b } = pair(w, "ipv6 = yes", conf);
    const c = w.site(w.net.host("c", ["203.0.113.9"]), clientConf("ipv6 = yes").replace("branch", "second"));
    await w.until(
      () => isUp(a) && isUp(c) && server(b).sessions.every((s) => s.ip6 !== null) && server(b).sessions.length === 2,
      5000,
      "up",
      a,
      b,
      c,
    );
    assert.deepEqual(
      [client(a).local_ip6, client(c).local_ip6].sort(),
      server(b)
        .sessions.map((s) => s.ip6)
        .sort(),
    );
    const got: string[] = [];
    for (const [s, n] of [
      [a, "a"],
      [b, "b"],
      [c, "c"],
    ] as const)
      s.plane.net.onPacket = (dev, p) =>
        void got.push(`${n} ${dev} ${formatIp(p.subarray(8, 24))} > ${formatIp(p.subarray(24, 40))}`);
    const send = (s: Site, dev: string, from: string, to: string): void => s.plane.net.transmit(dev, packet6(from, to));
    const ll = (s: Site): string => client(s).local_ip6 ?? assert.fail();
    send(a, "l2tps-hq", "fd00:1::5", "fd00:2::5");
    send(a, "l2tps-hq", "fd00:9::5", "fd00:2::5"); // not this user's
    send(c, "l2tps-hq", "fd00:1::5", "fd00:2::5"); // another user's
    send(c, "l2tps-hq", ll(c), "fe80::1");
    send(b, "l2tps-lns", "fd00:2::5", "fd00:1::5");
    send(b, "l2tps-lns", "fe80::1", ll(c));
    send(b, "l2tps-lns", "fd00:2::5", "fd00:3::5"); // nobody's
    await w.run(100);
    assert.deepEqual(
      got.sort(),
      [
        "a l2tps-hq fd00:2::5 > fd00:1::5",
        "b l2tps-lns fd00:1::5 > fd00:2::5",
        `b l2tps-lns ${ll(c)} > fe80::1`,
        `c l2tps-hq fe80::1 > ${ll(c)}`,
      ].sort(),
    );
    assert.equal(server(b).drops["ip.spoofed"], 2);
  });

  test("compression and MPPE inside the tunnel: packets come out unchanged, with loss and reordering too", async () => {
    const server = (more: string): string => SERVER_CONF.replace("listen", `${more}\nlisten`);
    for (const [options, said] of [
      ["deflate = yes", "Deflate 15"],
      ["bsdcomp = yes", "BSD-Compress 13"],
      ["mppe = 128", "MPPE 128"],
      ["mppc = yes", "MPPC"],
      ["mppe = 40\nmppc = yes", "MPPE 128 and MPPC"],
      ["vj = yes\nsequencing = yes", null],
      ["deflate = yes\nvj = yes", "Deflate 15"],
    ] as const) {
      const w = new World();
      const { a, b, clear } = pair(w, options, server(options));
      await w.until(
        () =>
          isUp(a) &&
          (said === null ||
            [a, b].every((s) =>
              s.events.some((e) => e.kind === "ppp.ccp-up" && e.sending === said && e.receiving === said),
            )),
        5000,
        `up with ${options}`,
        a,
        b,
      );
      const got: string[] = [];
      a.plane.net.onPacket = (dev, p) => void got.push(`a ${dev} ${hex(p)}`);
      b.plane.net.onPacket = (dev, p) => void got.push(`b ${dev} ${hex(p)}`);
      let wire = 0;
      const trace = w.net.onTrace;
      w.net.onTrace = (d, lost) => {
        trace(d, lost);
        wire += d.bytes.length;
      };
      const sent: string[] = [];
      const exchange = async (n: number): Promise<void> => {
        for (let i = 0; i < n; i++) {
          const out = concat([packet("192.168.10.5", "192.168.20.5", i), new Uint8Array(900).fill(i)]);
          const back = concat([packet("192.168.20.5", "192.168.10.5", i), new Uint8Array(900).fill(i)]);
          for (const p of [out, back]) p.set([p.length >> 8, p.length & 255], 2);
          sent.push(`b l2tps-lns ${hex(out)}`, `a l2tps-hq ${hex(back)}`);
          a.plane.net.transmit("l2tps-hq", out);
          b.plane.net.transmit("l2tps-lns", back);
          await w.run(20);
        }
        await w.run(200);
      };
      await exchange(30);
      assert.deepEqual(got.sort(), sent.sort(), options);
      if (/deflate|bsd|mppc/.test(options))
        assert.ok(wire < 30 * 2 * 940 * 0.5, `${options}: ${wire} bytes on the wire`);
      got.length = 0;
      sent.length = 0;
      w.net.conditions({ loss: 0.1, duplicate: 0.05, reorder: 0.1, jitter: 5 });
      await exchange(60);
      const right = new Set(sent);
      assert.ok(
        got.every((p) => right.has(p)),
        `${options}: nothing wrong is delivered`,
      );
      assert.ok(got.length > 20, `${options}: ${got.length} of ${sent.length} arrived`);
      w.net.conditions({ loss: 0, duplicate: 0, reorder: 0, jitter: 0 });
      await w.run(8000);
      got.length = 0;
      sent.length = 0;
      await exchange(5); // whatever was out of step is not any more
      got.length = 0;
      sent.length = 0;
      await exchange(5);
      assert.deepEqual(got.sort(), sent.sort(), `${options}: afterwards`);
      assert.equal(clear(), 0);
    }
  });

  test("with loss, reordering and duplication the link still comes up", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1e6 }), fc.constantFrom(0.05, 0.15, 0.25), async (seed, loss) => {
        const w = new World(seed);
        w.net.conditions({ loss, duplicate: 0.1, reorder: 0.2, jitter: 15 });
        const { a, b, clear } = pair(w, "reconnect_max = 5");
        await w.until(() => isUp(a), 180_000, `up with seed ${seed}`, a, b);
        assert.equal(clear(), 0);
      }),
      { numRuns: 8 },
    );
  });

  test("behind a NAT, and the mapping moves", async () => {
    const w = new World();
    const nat = new SimNat("203.0.113.77");
    const { a, b, clear } = pair(w, "", SERVER_CONF, nat);
    await w.until(() => isUp(a), 5000, "up", a, b);
    assert.deepEqual([client(a).esp?.encap, client(a).ike?.nat], ["udp", "us"]);
    let got = 0;
    b.plane.net.onPacket = () => void got++;
    a.plane.net.onPacket = () => void got++;
    nat.rebind("203.0.113.78");
    a.plane.net.transmit("l2tps-hq", packet("10.99.0.100", "192.168.20.5", 1));
    await w.run(1000);
    b.plane.net.transmit("l2tps-lns", packet("192.168.20.5", "10.99.0.100", 2));
    await w.run(1000);
    assert.equal(got, 2);
    assert.equal(client(a).state, "up");
    await w.run(300_000);
    assert.equal(client(a).state, "up", "DPD and keepalives follow the new mapping");
    assert.equal(clear(), 0);
  });

  test("two clients behind one NAT, same inner port", async () => {
    const w = new World();
    const nat = new SimNat("203.0.113.77");
    const b = w.site(w.net.host("b", [SERVER_IP]), SERVER_CONF);
    const one = w.site(w.net.host("one", ["192.168.1.5"], nat), clientConf());
    const two = w.site(
      w.net.host("two", ["192.168.1.6"], nat),
      clientConf().replace("username = branch", "username = second"),
    );
    await w.until(() => isUp(one) && isUp(two), 10_000, "both up", one, two, b);
    await w.run(100);
    assert.equal(server(b).sessions.length, 2);
    const got: string[] = [];
    one.plane.net.onPacket = (_, p) => void got.push(`one ${numberOf(p)}`);
    two.plane.net.onPacket = (_, p) => void got.push(`two ${numberOf(p)}`);
    b.plane.net.transmit("l2tps-lns", packet("192.168.20.5", "10.99.0.100", 1));
    b.plane.net.transmit("l2tps-lns", packet("192.168.20.5", client(two).local_ip ?? "", 2));
    await w.run(100);
    assert.deepEqual(got.sort(), ["one 1", "two 2"]);
  });

  test("rekeying both phases many times loses no packet", async () => {
    const w = new World(7);
    const { a, b, clear } = pair(w, "ike_lifetime = 130\nesp_lifetime = 60");
    await w.until(() => isUp(a), 5000, "up", a, b);
    await w.run(100);
    const got = new Set<number>();
    b.plane.net.onPacket = (_, p) => void got.add(numberOf(p));
    a.plane.net.onPacket = (_, p) => void got.add(numberOf(p));
    let sent = 0;
    for (let i = 0; i < 3000; i++) {
      a.plane.net.transmit("l2tps-hq", packet("10.99.0.100", "192.168.20.5", sent++));
      b.plane.net.transmit("l2tps-lns", packet("192.168.20.5", "10.99.0.100", sent++));
      await w.run(200);
    }
    const rekeys = a.events.filter((e) => e.kind === "ike.rekeyed");
    assert.ok(rekeys.filter((e) => e.what === "esp").length >= 8, `${rekeys.length} rekeys`);
    assert.ok(rekeys.filter((e) => e.what === "isakmp").length >= 3);
    assert.equal(got.size, sent);
    assert.equal(a.events.filter((e) => e.kind === "link.down").length, 0);
    assert.equal(server(b).peers, 1);
    assert.equal(clear(), 0);
  });
});

describe("links come back", () => {
  test("a dark WAN is noticed and survived", async () => {
    const w = new World(3);
    const { a, b } = pair(w, "keepalive = 3 5\ndpd = 10\nreconnect_max = 10");
    await w.until(() => isUp(a), 5000, "up", a, b);
    w.net.dark(a.host, b.host, true);
    await w.until(() => !isUp(a), 60_000, "noticing", a);
    await w.run(30_000);
    w.net.dark(a.host, b.host, false);
    await w.until(() => isUp(a), 60_000, "up again", a, b);
    await w.run(60_000);
    assert.equal(server(b).sessions.length, 1, "the dead session is gone, or was replaced");
  });
  test("a server that forgot everything", async () => {
    const w = new World(4);
    const { a, b } = pair(w, "keepalive = 3 5\ndpd = 10\nreconnect_max = 10");
    await w.until(() => isUp(a), 5000, "up", a, b);
    const reborn = w.site(b.host, SERVER_CONF); // takes over the host's datagrams, as after SIGKILL
    await w.until(() => !isUp(a), 60_000, "noticing", a);
    await w.until(() => isUp(a), 60_000, "up again", a, reborn);
  });
  test("stopping takes two seconds at most when the peer is gone", async () => {
    const w = new World();
    const { a, b } = pair(w);
    await w.until(() => isUp(a), 5000, "up", a, b);
    w.net.dark(a.host, b.host, true);
    for (const s of [a, b]) {
      let done = false;
      s.daemon.stop("test", () => {
        done = true;
      });
      await w.until(() => done, 2000, "stop", s);
      assert.equal(s.plane.net.devices.size, 0);
    }
  });
  test("down by hand stays down, up comes back", async () => {
    const w = new World();
    const { a, b } = pair(w);
    await w.until(() => isUp(a), 5000, "up", a, b);
    a.daemon.down("hq");
    await w.run(30_000);
    assert.deepEqual([client(a).state, client(a).error, client(a).retry_in], ["down", null, null]);
    a.daemon.up("hq");
    await w.until(() => isUp(a), 5000, "up again", a, b);
  });
});

describe("a server's users", () => {
  const other = (w: World, user: string, name: string, ip: string): Site =>
    w.site(w.net.host(name, [ip]), clientConf("reconnect_min = 30").replace("username = branch", `username = ${user}`));
  test("a second login replaces the first, or is refused", async () => {
    for (const policy of ["replace", "refuse"]) {
      const w = new World();
      const conf = SERVER_CONF.replace("psk =", `second_login = ${policy}\npsk =`);
      const b = w.site(w.net.host("b", [SERVER_IP]), conf);
      const one = other(w, "branch", "one", "203.0.113.1");
      await w.until(() => isUp(one), 5000, "up", one, b);
      const two = other(w, "branch", "two", "203.0.113.2");
      await w.run(6000);
      assert.equal(server(b).sessions.length, 1, policy);
      assert.deepEqual(
        [client(one).state === "up", client(two).state === "up"],
        policy === "replace" ? [false, true] : [true, false],
        policy,
      );
    }
  });
  test("a pool that is empty says so; an address that comes back is given again", async () => {
    const w = new World();
    const users = ["u1", "u2", "u3", "u4"];
    const conf = `${SERVER_CONF}${users.map((u) => `[user ${u}]\npassword = wonderland\n`).join("")}`;
    const b = w.site(w.net.host("b", [SERVER_IP]), conf);
    const sites = users.map((u, i) => other(w, u, u, `203.0.113.${i + 1}`));
    await w.run(8000);
    const up = sites.filter(isUp);
    assert.equal(up.length, 3);
    assert.equal(new Set(up.map((s) => client(s).local_ip)).size, 3);
    assert.ok(b.lines.some((l) => l.includes("the address pool is exhausted")));
    up[0]?.daemon.down("hq");
    await w.until(() => sites.filter(isUp).length === 3, 60_000, "the fourth", ...sites);
  });
  test("reload: only what changed restarts", async () => {
    const w = new World();
    const { a, b } = pair(w);
    await w.until(() => isUp(a), 5000, "up", a, b);
    assert.equal(a.reload(clientConf()), "nothing changed");
    const three =
      `${clientConf()}[interface more]\nproto = l2tpsec\nserver = ${SERVER_IP}\nusername = second\n` +
      "password = wonderland\npsk = swordfish\n";
    assert.equal(b.reload(`${SERVER_CONF}[user third]\npassword = x\n`), "user third");
    await w.run(1000);
    assert.equal(client(a).state, "up");
    assert.equal(a.reload(three), "interface more");
    await w.run(3000);
    assert.equal(client(a).state, "up");
    assert.equal(a.events.filter((e) => e.kind === "link.down").length, 0);
    assert.equal(a.reload(clientConf("keepalive = 3 7")), "interface hq, interface more");
    await w.run(5000);
    assert.equal(client(a).state, "up");
    assert.throws(() => client(a, "more"), /there is no interface/);
    assert.equal(b.reload(SERVER_CONF.replace("wonderland", "other")), "user branch, user third");
    await w.until(() => client(a).error?.code === "auth-failed", 30_000, "the changed password", a, b);
  });
});
