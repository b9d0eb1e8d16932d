// One session of a server, with a peer written by hand on its call.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { load } from "../../src/config/load.ts";
import { Challenges } from "../../src/core/challenges.ts";
import type { Event } from "../../src/core/events.ts";
import { utf8 } from "../../src/core/text.ts";
import type { ServerInterface } from "../../src/dataplane/dataplane.ts";
import type { Call } from "../../src/l2tp/call.ts";
import { Callers } from "../../src/link/callers.ts";
import type { LinkDeps } from "../../src/link/deps.ts";
import { Logins } from "../../src/link/logins.ts";
import { Session } from "../../src/link/session.ts";
import { pppAnswerer } from "../../src/link/settings.ts";
import { writePapRequest } from "../../src/ppp/auth/pap.ts";
import { be32 } from "../../src/ppp/cp.ts";
import { remote } from "../l2tp/pair.ts";
import { End, PROTOCOL, Script, testCrypto } from "../ppp/pair.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

const { lcp, pap, ipcp } = PROTOCOL;
const TEXT =
  "[server lns]\npsk = x\nlocal_ip = 10.99.0.1\npool = 10.99.0.10-10.99.0.20\nauth = pap\nkeepalive = 0\n" +
  "[user alice]\npassword = wonderland\n";

function called() {
  const loaded = load(TEXT);
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const cfg = loaded.config.servers[0] ?? assert.fail("no server");
  const clock = new VirtualClock();
  const events: Event[] = [];
  const said: string[] = [];
  const channel = new End();
  const peer = new Script(channel);
  peer.agree(lcp, ipcp);
  const server = {
    ifname: "test",
    attach: () => Promise.reject(new Error("not in this test")),
    close: () => Promise.resolve(),
  } as ServerInterface;
  const deps = {
    clock,
    crypto: testCrypto(),
    challenges: new Challenges(),
    logins: new Logins(clock),
    log: { emit: (e: Event) => void events.push(e) },
    host: { hostname: () => "lns", wallClock: () => 0 },
  } as unknown as LinkDeps;
  const session = new Session(
    {
      cfg,
      deps,
      callers: new Callers(() => loaded.config.users, deps.logins, cfg.name),
      ladder: { clock, log: deps.log, link: cfg.name, what: "a session", layer: "ppp", hurried: false },
      pppConfig: (mru) => pppAnswerer(cfg, deps.host, mru),
      sessions: {
        admit: () => "10.99.0.10",
        prefixesOf: () => ({ prefix: null, delegated: null }),
        release: () => void said.push("released"),
        bundleOf: () => null,
        joined: () => {},
        remove: () => void said.push("gone"),
        counters: { bump: () => {} },
      },
      addressOf: ({ address }) => address,
      failed: () => {},
    },
    { server, remote: remote("203.0.113.1"), mtu: 1400 },
  );
  const call = {
    channel,
    connected: {},
    setLinkInfo: () => {},
    contain: (f: () => void) => f(),
    close: (why: { code: string }) => {
      said.push(`closed ${why.code}`);
      session.callOwner.onDown(call, { layer: "l2tp", code: "closed", text: "closed" });
    },
  } as unknown as Call;
  session.callOwner.onCall(call);
  session.callOwner.onUp();
  const begin = (id: number): void => peer.request(lcp, id, [{ type: 5, data: be32(0x11223344) }]);
  const login = (password = "wonderland"): void =>
    peer.say(pap, 1, 1, writePapRequest({ user: utf8("alice"), password: utf8(password) }));
  return { clock, session, peer, said, begin, login };
}

describe("time to say who one is", () => {
  test("30 s from the call, whatever LCP is doing", () => {
    for (const talk of [false, true]) {
      const { clock, said, begin } = called();
      for (let s = 0; s < 29; s++) {
        if (talk) begin(s);
        clock.advance(1000);
      }
      assert.deepEqual(said, [], talk ? "talks" : "silent");
      clock.advance(8000);
      assert.deepEqual(said, ["closed auth-timeout", "gone"], talk ? "talks" : "silent");
      assert.deepEqual(clock.pending(), []);
    }
  });
  test("a slow one with two wrong passwords gets in, and has all the time then", () => {
    const { clock, session, said, begin, login } = called();
    clock.advance(8000);
    begin(1);
    for (const [ms, password] of [
      [6000, "wrong"],
      [6000, "again"],
      [9000, "wonderland"],
    ] as const) {
      clock.advance(ms);
      login(password);
    }
    assert.deepEqual([session.user, session.ip], ["alice", "10.99.0.10"]);
    clock.advance(40_000);
    assert.deepEqual(said, []);
  });
  test("who begins PPP anew has 30 s again, and keeps the address that long", () => {
    const { clock, session, said, begin, login } = called();
    begin(1);
    login();
    assert.equal(session.ip, "10.99.0.10");
    begin(2);
    clock.advance(29_000);
    assert.deepEqual([session.ip, said], ["10.99.0.10", []]);
    clock.advance(8000);
    assert.deepEqual(said, ["released", "closed auth-timeout", "gone"]);
    assert.deepEqual(clock.pending(), []);
  });
});
