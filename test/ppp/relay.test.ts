// A process that is client and server: what it asks callers must not be answered by its own client link (RFC 1994
// §2.3), and what a caller may not try is not looked at.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Challenges } from "../../src/core/challenges.ts";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import type { AuthMethod } from "../../src/ppp/auth/methods.ts";
import { pullProtocol } from "../../src/ppp/frame.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, End, join, PROTOCOL, SERVER, Side, testCrypto, USERS } from "./pair.ts";

/** A caller of our server, who is a server to our client, and hands each what the other says. */
function relayed(method: AuthMethod, ours: Challenges, its: Challenges) {
  const clock = new VirtualClock();
  const require = method === "eap" ? (["eap", "mschapv2"] as const) : ([method] as const);
  const server = new Side(clock, { ...SERVER, require }, {}, new End(), testCrypto(2), ours);
  const client = new Side(clock, { ...CLIENT }, {}, new End(), testCrypto(4), its);
  join(clock, client.channel, server.channel);
  client.session.start();
  server.session.start();
  clock.advance(30_000);
  return { server, client, clock };
}

describe("a relay between our client and our server", () => {
  for (const method of ["chap", "mschap", "mschapv2", "eap"] as const satisfies readonly AuthMethod[]) {
    test(`${method}: works with two processes, and not with one`, () => {
      const other = relayed(method, new Challenges(), new Challenges());
      assert.deepEqual(other.server.admitted, [`alice ${method}`]);
      const both = new Challenges();
      const { server, client } = relayed(method, both, both);
      assert.deepEqual([server.admitted, server.ups.length, client.ups.length], [[], 0, 0]);
      assert.equal(client.downs[0]?.code, "auth-reflected");
      assert.match(client.downs[0]?.text ?? "", /this daemon's own challenge/);
      assert.equal(both.size, 0, "nothing is left open");
    });
  }
  test("a challenge is open no longer than somebody may answer it", () => {
    const both = new Challenges();
    const clock = new VirtualClock();
    const [s, c] = [
      new Side(clock, { ...SERVER, require: ["chap"] }, {}, new End(), testCrypto(2), both),
      new Side(clock, CLIENT, {}, new End(), testCrypto(4)),
    ];
    join(clock, c.channel, s.channel);
    let open = 0;
    const deliver = c.channel.deliver.bind(c.channel);
    c.channel.deliver = (frame) => {
      if (pullProtocol(Packet.of(frame)) === PROTOCOL.chap) open = Math.max(open, both.size);
      deliver(frame);
    };
    c.session.start();
    s.session.start();
    clock.advance(1000);
    assert.deepEqual([s.ups.length, open, both.size], [1, 1, 0]);
    const silent = new Side(clock, { ...SERVER, require: ["chap"] }, {}, new End(), testCrypto(2), both);
    const mute = new Side(clock, CLIENT, {}, new End(), testCrypto(4));
    join(clock, mute.channel, silent.channel);
    const out = mute.channel.out;
    mute.channel.out = (frame) => {
      if (pullProtocol(Packet.of(frame)) !== PROTOCOL.chap) out(frame);
    };
    mute.session.start();
    silent.session.start();
    clock.advance(1000);
    assert.equal(both.size, 1);
    clock.advance(60_000);
    assert.equal(both.size, 0);
  });
});

describe("a pause after wrong passwords", () => {
  for (const method of ["pap", "chap", "mschap", "mschapv2", "eap"] as const satisfies readonly AuthMethod[]) {
    test(`${method}: not even the right password is checked, and each attempt counts once`, () => {
      const clock = new VirtualClock();
      let pause = 5000;
      const wrong: string[] = [];
      const call = (password: string): [string[], string | undefined] => {
        const s = new Side(
          clock,
          { ...SERVER, require: [method] },
          {
            pause: () => pause,
            wrong: (user) => void wrong.push(user),
            secretOf: (user) => (pause > 0 ? assert.fail("looked at") : Secret.of(USERS[user] ?? "")),
          },
        );
        const c = new Side(clock, { ...CLIENT, identity: { user: "alice", password: Secret.of(password) } });
        join(clock, c.channel, s.channel);
        c.session.start();
        s.session.start();
        clock.advance(60_000);
        const auth = s.events.find((e) => e.kind === "ppp.auth");
        if (pause > 0)
          assert.match(JSON.stringify(auth ?? ""), method === "pap" ? /""/ : /must wait 5 s after wrong passwords/);
        return [s.admitted, s.downs[0]?.code];
      };
      // With PAP the peer says when it has had enough; it ends the session itself.
      assert.deepEqual(call("wonderland"), [[], method === "pap" ? "peer-terminated" : "login-paused"]);
      assert.deepEqual(wrong, []);
      pause = 0;
      assert.deepEqual(call("looking-glass")[0], []);
      assert.deepEqual(wrong, ["alice"]);
      assert.deepEqual(call("wonderland")[0], [`alice ${method}`]);
      assert.deepEqual(wrong, ["alice"]);
    });
  }
});
