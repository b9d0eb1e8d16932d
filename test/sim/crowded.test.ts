// Servers between users and those who are none: what strangers do must not be felt.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeMessage } from "../../src/l2tp/wire/avp.ts";
import { writeControl } from "../../src/l2tp/wire/header.ts";
import type { SimDatagram } from "../../src/dataplane/none/sim.ts";
import { client, clientConf, SERVER_CONF, server, type Site, World } from "./world.ts";

const SERVER_IP = "198.51.100.2";
const inClear = (text: string): string => text.replaceAll("psk = swordfish", "ipsec = off");
const isUp = (s: Site): boolean => client(s).state === "up";

describe("in the clear", () => {
  test("3,000 forged SCCRQs a second: a newcomer gets in, what runs goes on, and nobody is sent more than was sent in his name", async () => {
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
        const body = encodeMessage("SCCRQ", { protocolVersion: 0x100, hostName: "x", framingCapabilities: 3, assignedTunnelId: (n % 65_535) + 1 });
        const from = { address: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, port: 1701 };
        const d: SimDatagram = { proto: "udp", from, to: { address: SERVER_IP, port: 1701 }, bytes: writeControl({ tunnelId: 0, callId: 0, Ns: 0, Nr: 0 }, body) };
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
    assert.deepEqual(server(b).sessions.map((s) => s.user), ["branch", "second"]);
    flood.disarm();
    await w.run(60_000, 200);
    assert.ok(forged > 4500 && answers <= forged, `${answers} answers to ${forged}`);
  });
  test("without listen both families are served", async () => {
    const w = new World();
    const b = w.site(w.net.host("b", [SERVER_IP, "2001:db8::2"]), inClear(SERVER_CONF.replace(/listen.*/, "")));
    const four = w.site(w.net.host("four", ["203.0.113.1"]), inClear(clientConf()));
    const six = w.site(w.net.host("six", ["2001:db8:1::1"]), inClear(clientConf("", "2001:db8::2").replace("username = branch", "username = second")));
    await w.until(() => isUp(four) && isUp(six), 5000, "both", four, six, b);
  });
});

describe("two servers", () => {
  for (const [title, how] of [["with IPsec", (s: string) => s], ["in the clear", inClear]] as const) {
    test(`${title}: each serves its own callers and its own users`, async () => {
      const w = new World();
      const one = SERVER_CONF.replace("[server lns]", "[server one]").replace(/\[user[\s\S]*/, "");
      const two = one.replace("[server one]", "[server two]").replace(SERVER_IP, "198.51.100.3").replaceAll("10.99.", "10.98.");
      const users = ["one", "two"].map((s) => `[user for-${s}]\npassword = wonderland\nserver = ${s}\n`).join("");
      const b = w.site(w.net.host("b", [SERVER_IP, "198.51.100.3"]), how(one + two + users));
      const caller = (name: string, user: string, at: string): Site =>
        w.site(w.net.host(name, [`203.0.113.${name.charCodeAt(0)}`]), how(clientConf("", at).replace("username = branch", `username = ${user}`)));
      const second = caller("b2", "for-two", "198.51.100.3");
      const first = caller("a1", "for-one", SERVER_IP);
      await w.until(() => isUp(first) && isUp(second), 10_000, "both", first, second, b);
      assert.deepEqual([server(b, "one").sessions.map((s) => s.user), server(b, "two").sessions.map((s) => s.user)], [["for-one"], ["for-two"]]);
      const wrong = caller("c3", "for-one", "198.51.100.3");
      await w.until(() => client(wrong).error?.code === "auth-failed", 10_000, "a refusal", wrong, b);
      assert.ok(isUp(first));
    });
  }
});
