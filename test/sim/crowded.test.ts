// Servers between users and those who are none: what strangers do must not be felt.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SimDatagram } from "../../src/dataplane/none/sim.ts";
import { encodeMessage } from "../../src/l2tp/wire/avp.ts";
import { writeControl } from "../../src/l2tp/wire/header.ts";
import { client, clientConf, SERVER_CONF, type Site, server, World } from "./world.ts";

const SERVER_IP = "198.51.100.2";
const inClear = (text: string): string => text.replaceAll("psk = swordfish", "ipsec = off");
const isUp = (s: Site): boolean => client(s).state === "up";

describe("in the clear", () => {
  test("3,000 forged SCCRQs a second: newcomers get in, tunnels stay, and nobody gets more than he sent", async () => {
    const w = new World();
    const b = w.site(w.net.host("b", [SERVER_IP]), inClear(SERVER_CONF));
    const old = w.site(w.net.host("old", ["203.0.113.1"]), inClear(clientConf()));
    await w.until(() => isUp(old), 5000, "the first", old, b);
    const evil = w.net.host("evil", []);
    let forged = 0;
    let answers = 0;
    w.net.onTrace = (d) => {
      if (d.to.address.startsWith("10.")) answers++;
    };
    const flood = w.clock.timer("flood", () => {
      for (let i = 0; i < 60; i++) {
        const n = forged++;
        const body = encodeMessage("SCCRQ", {
          protocolVersion: 0x100,
          hostName: "x",
          framingCapabilities: 3,
          assignedTunnelId: (n % 65_535) + 1,
        });
        const from = { address: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, port: 1701 };
        const d: SimDatagram = {
          proto: "udp",
          from,
          to: { address: SERVER_IP, port: 1701 },
          bytes: writeControl({ tunnelId: 0, callId: 0, Ns: 0, Nr: 0 }, body),
        };
        evil.send(d);
      }
      flood.arm(20);
    });
    flood.arm(0);
    await w.run(1500);
    const second = inClear(clientConf().replace("username = branch", "username = second"));
    const newcomer = w.site(w.net.host("new", ["203.0.113.2"]), second);
    await w.until(() => isUp(newcomer), 10_000, "the newcomer", newcomer, b);
    assert.equal(old.events.filter((e) => e.kind === "link.down").length, 0);
    assert.deepEqual(
      server(b).sessions.map((s) => s.user),
      ["branch", "second"],
    );
    flood.disarm();
    await w.run(60_000);
    assert.ok(forged > 4500 && answers <= forged, `${answers} answers to ${forged}`);
  });
  test("without listen both families are served", async () => {
    const w = new World();
    const b = w.site(w.net.host("b", [SERVER_IP, "2001:db8::2"]), inClear(SERVER_CONF.replace(/listen.*/, "")));
    const four = w.site(w.net.host("four", ["203.0.113.1"]), inClear(clientConf()));
    const six = w.site(
      w.net.host("six", ["2001:db8:1::1"]),
      inClear(clientConf("", "2001:db8::2").replace("username = branch", "username = second")),
    );
    await w.until(() => isUp(four) && isUp(six), 5000, "both", four, six, b);
  });
});

describe("two servers", () => {
  for (const [title, how] of [
    ["with IPsec", (s: string) => s],
    ["in the clear", inClear],
  ] as const) {
    test(`${title}: each serves its own callers and its own users`, async () => {
      const w = new World();
      const one = SERVER_CONF.replace("[server lns]", "[server one]").replace(/\[user[\s\S]*/, "");
      const two = one
        .replace("[server one]", "[server two]")
        .replace(SERVER_IP, "198.51.100.3")
        .replaceAll("10.99.", "10.98.");
      const users = ["one", "two"].map((s) => `[user for-${s}]\npassword = wonderland\nserver = ${s}\n`).join("");
      const b = w.site(w.net.host("b", [SERVER_IP, "198.51.100.3"]), how(one + two + users));
      const caller = (name: string, user: string, at: string): Site =>
        w.site(
          w.net.host(name, [`203.0.113.${name.charCodeAt(0)}`]),
          how(clientConf("", at).replace("username = branch", `username = ${user}`)),
        );
      const second = caller("b2", "for-two", "198.51.100.3");
      const first = caller("a1", "for-one", SERVER_IP);
      await w.until(() => isUp(first) && isUp(second), 10_000, "both", first, second, b);
      assert.deepEqual(
        [server(b, "one").sessions.map((s) => s.user), server(b, "two").sessions.map((s) => s.user)],
        [["for-one"], ["for-two"]],
      );
      const wrong = caller("c3", "for-one", "198.51.100.3");
      await w.until(() => client(wrong).error?.code === "auth-failed", 10_000, "a refusal", wrong, b);
      assert.ok(isUp(first));
    });
  }
});

/** A daemon whose links call, and whose PPP is never heard. */
function mute(w: World, name: string, ip: string, links: number, more = ""): Site {
  const host = w.net.host(name, [ip]);
  const send = host.send.bind(host);
  host.send = (d) => {
    if (((d.bytes[0] ?? 0) & 0x80) !== 0) send(d);
  };
  const section = inClear(clientConf(`source_port = 0\n${more}`)).replace("routes = 192.168.20.0/24", "");
  return w.site(
    host,
    Array.from({ length: links }, (_, i) => section.replace("[interface hq]", `[interface l${i}]`)).join(""),
  );
}

describe("callers who never say who they are", () => {
  test("sixty of them take no user's place, and are gone after 30 s", async () => {
    const w = new World();
    const b = w.site(w.net.host("b", [SERVER_IP]), inClear(SERVER_CONF.replace("psk", "max_sessions = 1\npsk")));
    const evil = mute(w, "evil", "203.0.113.66", 60, "reconnect_min = 3600\nreconnect_max = 3600");
    await w.run(2000);
    const calls = (kind: string): number => b.events.filter((e) => e.kind === kind).length;
    const { drops } = server(b);
    assert.deepEqual([calls("l2tp.tunnel-up"), calls("l2tp.call-up"), drops["server.busy"]], [16, 16, 44]);
    assert.equal(drops["server.crowded"], undefined, "who has hardly begun is not pushed out");
    const told = evil.events.filter((e) => e.kind === "link.down").map((e) => e.text);
    assert.equal(told.length, 44);
    assert.match(told[0] ?? "", /many callers are at it now: try again in a few seconds/);
    const user = w.site(w.net.host("a", ["203.0.113.1"]), inClear(clientConf()));
    await w.until(() => isUp(user), 5000, "the user", user, b);
    await w.run(40_000);
    assert.deepEqual([server(b).sessions.map((s) => s.user), calls("l2tp.call-down")], [["branch"], 16]);
    assert.equal(user.events.filter((e) => e.kind === "link.down").length, 0);
    evil.daemon.stop("done", () => {});
    const second = w.site(
      w.net.host("c", ["203.0.113.2"]),
      inClear(clientConf().replace("username = branch", "username = second")),
    );
    await w.run(5000);
    assert.equal(isUp(second), false);
    assert.ok(b.lines.some((l) => l.includes("the server has reached its limit of sessions (1)")));
  });
});

test("eighty users of one provider, all at once: nobody makes room for another", async () => {
  const w = new World();
  const users = Array.from({ length: 80 }, (_, i) => `[user u${i}]\npassword = wonderland\n`).join("");
  const b = w.site(w.net.host("b", [SERVER_IP]), inClear(SERVER_CONF.replace("10.99.0.12", "10.99.0.99") + users));
  const sites = Array.from({ length: 80 }, (_, i) => {
    const conf = clientConf().replace("username = branch", `username = u${i}`).replace("routes = 192.168.20.0/24", "");
    return w.site(w.net.host(`n${i}`, [`203.0.113.${i + 1}`]), inClear(conf));
  });
  await w.until(() => sites.every(isUp), 10_000, "all", b);
  assert.deepEqual([server(b).sessions.length, server(b).drops["server.crowded"]], [80, undefined]);
});

test("a caller that gets nowhere makes room after 10 s, and not before", async () => {
  const w = new World();
  const b = w.site(w.net.host("b", [SERVER_IP]), inClear(SERVER_CONF));
  mute(w, "evil", "203.0.113.66", 17, "reconnect_min = 16\nreconnect_max = 16"); // a quarter up or down
  await w.run(9000);
  assert.deepEqual([server(b).drops["server.busy"], server(b).drops["server.crowded"]], [1, undefined]);
  await w.run(12_000);
  assert.deepEqual([server(b).drops["server.busy"], server(b).drops["server.crowded"]], [1, 1]);
  assert.equal(b.events.filter((e) => e.kind === "l2tp.call-down").length, 1, "it is told to go");
});

describe("what is with one user is with nobody else", () => {
  const conf = `${SERVER_CONF}[user third]\npassword = wonderland\nroutes = 192.168.10.0/24 172.16.0.0/12\n`;
  const caller = (w: World, user: string, n: number): Site =>
    w.site(
      w.net.host(user, [`203.0.113.${n}`]),
      clientConf("reconnect_min = 5\nreconnect_max = 5").replace("username = branch", `username = ${user}`),
    );
  test("a network that two users have goes to the first, and the second hears why until it is free", async () => {
    const w = new World();
    const b = w.site(w.net.host("b", [SERVER_IP]), conf);
    const first = caller(w, "branch", 1);
    await w.until(() => isUp(first), 5000, "the first", first, b);
    const third = caller(w, "third", 3);
    await w.run(5000);
    assert.deepEqual(
      server(b).sessions.map((s) => s.user),
      ["branch"],
    );
    assert.ok(
      b.lines.some((l) => l.includes("192.168.10.0/24 of user third already belongs to the session of user branch")),
      b.lines.join("\n"),
    );
    first.daemon.down("hq");
    await w.until(() => isUp(third), 20_000, "the third", third, b);
  });
  test("an address that becomes another user's fixed one stays with who has it", async () => {
    const w = new World();
    const b = w.site(w.net.host("b", [SERVER_IP]), conf);
    const second = caller(w, "second", 2);
    await w.until(() => isUp(second), 5000, "the second", second, b);
    assert.equal(client(second).local_ip, "10.99.0.10");
    b.reload(conf.replace("10.99.0.100", "10.99.0.10"));
    const branch = caller(w, "branch", 1);
    await w.run(4000);
    assert.deepEqual(
      server(b).sessions.map((s) => [s.user, s.ip]),
      [["second", "10.99.0.10"]],
    );
    assert.ok(b.lines.some((l) => l.includes("another session still uses 10.99.0.10")));
    second.daemon.down("hq");
    await w.until(() => isUp(branch), 20_000, "the owner", branch, b);
    assert.equal(client(branch).local_ip, "10.99.0.10");
  });
});

describe("who proves what to whom", () => {
  test("a client link does not answer what this daemon's own server asks, whoever is in between", async () => {
    for (const oneDaemon of [true, false]) {
      const w = new World();
      const evil = w.net.host("evil", ["198.51.100.9"]);
      let caller = { address: "", port: 0 };
      evil.onDatagram = (d) => {
        const answer = d.from.address === SERVER_IP && d.from.port === 1701;
        if (!answer) caller = d.from;
        evil.send({
          ...d,
          from: { address: "198.51.100.9", port: 1701 },
          to: answer ? caller : { address: SERVER_IP, port: 1701 },
        });
      };
      const link = inClear(clientConf("source_port = 0", "198.51.100.9"));
      const b = w.site(w.net.host("b", [SERVER_IP]), inClear(SERVER_CONF) + (oneDaemon ? link : ""));
      const a = oneDaemon ? b : w.site(w.net.host("a", ["203.0.113.1"]), link);
      if (oneDaemon) await w.until(() => client(a).error !== null, 10_000, "a failure", a, b);
      else await w.until(() => isUp(a), 10_000, "up", a, b);
      assert.equal(client(a).error?.code, oneDaemon ? "auth-reflected" : undefined);
      assert.equal(server(b).sessions.length, oneDaemon ? 0 : 1);
    }
  });
  test("guessing a user's password from one place does not keep him out elsewhere, and there it is slow", async () => {
    const w = new World();
    const b = w.site(w.net.host("b", [SERVER_IP]), SERVER_CONF);
    const guesser = w.site(
      w.net.host("evil", ["203.0.113.66"]),
      clientConf("reconnect_min = 1\nreconnect_max = 1").replace("password = wonderland", "password = guess"),
    );
    const again = w.clock.timer("again", () => {
      if (client(guesser).state === "down") guesser.daemon.up("hq");
      again.arm(1000);
    });
    again.arm(1000);
    await w.run(60_000);
    again.disarm();
    const drops = server(b).drops;
    assert.ok((drops["login.wrong"] ?? 0) >= 3 && (drops["login.wrong"] ?? 0) <= 8, JSON.stringify(drops));
    const user = w.site(w.net.host("a", ["203.0.113.1"]), clientConf());
    await w.until(() => isUp(user), 5000, "the user", user, b);
  });
});
