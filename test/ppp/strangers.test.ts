// Who does not know the password does not come in, whichever method it is, however near the answer is.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Secret } from "../../src/core/secret.ts";
import { concat, hex, utf8 } from "../../src/core/text.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import { readChapValue, writeChapValue } from "../../src/ppp/auth/chap.ts";
import { writeMschapv2 } from "../../src/ppp/auth/eap.ts";
import type { AuthMethod } from "../../src/ppp/auth/methods.ts";
import { challengeResponse, ntPasswordHash, ntResponse } from "../../src/ppp/auth/mschapv2.ts";
import { writePapRequest } from "../../src/ppp/auth/pap.ts";
import { chapMd5 } from "../../src/ppp/auth/proof.ts";
import { be32 } from "../../src/ppp/cp.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, End, PROTOCOL, pair, type Script, SERVER, Side, scripted, testCrypto } from "./pair.ts";

const { lcp, pap, chap, eap } = PROTOCOL;

/** A server that asks for the first of these, and the hand that answers. */
function asked(...require: AuthMethod[]): { side: Side; peer: Script } {
  const { side, peer } = scripted({ ...SERVER, require });
  peer.agree(lcp);
  side.session.start();
  peer.request(lcp, 1, [{ type: 5, data: be32(0x11223344) }]);
  assert.equal(side.session.status().phase, "authenticate");
  return { side, peer };
}
/** The value of a CHAP Response of `method` to `challenge`. */
function value(method: AuthMethod, id: number, challenge: Uint8Array, user: string, password: string): Uint8Array {
  const p = utf8(password);
  if (method === "chap") return chapMd5(crypto, id, p, challenge);
  if (method === "mschap") {
    return concat([new Uint8Array(24), challengeResponse(crypto, challenge, ntPasswordHash(p)), Uint8Array.of(1)]);
  }
  const mine = new Uint8Array(16).fill(9);
  const response = ntResponse(crypto, challenge, mine, user, ntPasswordHash(p));
  return concat([mine, new Uint8Array(8), response, new Uint8Array(1)]);
}
const inside = (side: Side): boolean => side.session.status().phase === "network" || side.admitted.length > 0;
/** Where the response proper is inside the value. */
const RESPONSE = { chap: [0, 16], mschap: [24, 48], mschapv2: [24, 48] } as const;

for (const method of ["chap", "mschap", "mschapv2"] as const) {
  describe(method, () => {
    const answer = (user: string, password: string, twist = (v: Uint8Array): Uint8Array => v): Side => {
      const { side, peer } = asked(method);
      const { id, body } = peer.last(chap, 1) ?? assert.fail("no challenge");
      const v = twist(value(method, id, readChapValue(body).value, user, password));
      peer.say(chap, 2, id, writeChapValue({ value: v, name: utf8(user) }));
      return side;
    };
    test("the right password comes in, another does not, nor does somebody else's or an empty one", () => {
      assert.ok(inside(answer("alice", "wonderland")));
      for (const [user, password] of [
        ["alice", "wonderlane"],
        ["alice", "clientPass"],
        ["alice", ""],
        ["nobody", "wonderland"],
        ["nobody", ""],
        ["", ""],
      ] as const) {
        assert.ok(!inside(answer(user, password)), `${user} ${password}`);
      }
    });
    test("a response with one bit changed, wherever, cut, or with more behind it, does not come in", () => {
      const [from, to] = RESPONSE[method];
      for (let i = from; i < to; i++) {
        assert.ok(!inside(answer("alice", "wonderland", (v) => v.with(i, (v[i] as number) ^ 0x40))), `byte ${i}`);
      }
      assert.ok(!inside(answer("alice", "wonderland", (v) => v.subarray(0, v.length - 1))));
      assert.ok(!inside(answer("alice", "wonderland", (v) => concat([v, new Uint8Array(1)]))));
      assert.ok(!inside(answer("alice", "wonderland", (v) => v.map(() => 0))));
    });
    test("a challenge never comes again", () => {
      const seen = new Set<string>();
      for (let seed = 0; seed < 20; seed++) {
        const cfg = { ...SERVER, require: [method] };
        const side = new Side(new VirtualClock(), cfg, {}, new End(), testCrypto(seed + 1));
        const { channel } = side;
        const challenges: string[] = [];
        channel.out = (f) => {
          const head = hex(f.subarray(0, 5));
          if (head === "ff03c22301") challenges.push(hex(f.subarray(9)));
          if (head === "ff03c02101") channel.deliver(f.with(4, 2)); // an acknowledgement
        };
        side.session.start();
        channel.deliver(Uint8Array.of(0xff, 3, 0xc0, 0x21, 1, 1, 0, 4));
        assert.equal(challenges.length, 1);
        seen.add(challenges[0] ?? "");
      }
      assert.equal(seen.size, 20);
    });
  });
}

test("PAP: the right password comes in, nothing else does, and after three there is no fourth", () => {
  const request = (user: string, password: string): Uint8Array =>
    writePapRequest({ user: utf8(user), password: utf8(password) });
  const good = asked("pap");
  good.peer.say(pap, 1, 1, request("alice", "wonderland"));
  assert.ok(inside(good.side));
  for (const [user, password] of [
    ["alice", "wonderlane"],
    ["alice", ""],
    ["alice", "wonderland\0"],
    ["nobody", "wonderland"],
    ["nobody", ""],
    ["", ""],
  ] as const) {
    const { side, peer } = asked("pap");
    for (let id = 1; id < 4; id++) peer.say(pap, 1, id, request(user, password));
    peer.say(pap, 1, 4, request("alice", "wonderland"));
    assert.ok(!inside(side), `${user} ${password}`);
  }
});

test("EAP: a wrong password, an unknown user, and a name that is not the one that identified itself", () => {
  const answer = (method: 4 | 26, who: string, user: string, password: string, flip = -1): Side => {
    const { side, peer } = asked("eap", method === 4 ? "chap" : "mschapv2");
    const last = (): { id: number; body: Uint8Array } => peer.last(eap, 1) ?? assert.fail("no request");
    peer.say(eap, 2, last().id, concat([Uint8Array.of(1), utf8(who)]));
    const { id, body } = last();
    assert.equal(body[0], method);
    const challenge = readChapValue(body.subarray(method === 4 ? 1 : 5)).value;
    const v = value(method === 4 ? "chap" : "mschapv2", id, challenge, user, password);
    if (flip >= 0) v[flip] = (v[flip] as number) ^ 1;
    const reply = writeChapValue({ value: v, name: utf8(user) });
    const data = method === 4 ? reply : writeMschapv2({ op: 2, id: body[2] as number, data: reply });
    peer.say(eap, 2, id, concat([Uint8Array.of(method), data]));
    if (method === 26) peer.say(eap, 2, last().id, Uint8Array.of(26, 3));
    return side;
  };
  for (const method of [4, 26] as const) {
    assert.ok(inside(answer(method, "alice", "alice", "wonderland")));
    for (const [who, user, password] of [
      ["alice", "alice", "wrong"],
      ["alice", "alice", ""],
      ["nobody", "nobody", ""],
      ["alice", "bob", "clientPass"],
      ["nobody", "alice", "wonderland"],
    ] as const) {
      assert.ok(!inside(answer(method, who, user, password)), `${method}: ${who} ${user} ${password}`);
    }
    const [from, to] = method === 4 ? [0, 16] : [24, 48];
    for (let i = from; i < to; i++) assert.ok(!inside(answer(method, "alice", "alice", "wonderland", i)), `byte ${i}`);
  }
  assert.ok(!inside(answer(26, "alice", "bob", "wonderland")), "another name is hashed");
});

test("a server that says Success to EAP-MSCHAPv2 without having asked anything is nobody", () => {
  const { side, peer, clock } = scripted({ ...CLIENT, refuse: [] });
  peer.agree(lcp);
  side.session.start();
  peer.request(lcp, 1, [{ type: 3, data: Uint8Array.of(0xc2, 0x27) }]);
  peer.say(eap, 1, 1, Uint8Array.of(1));
  const data = utf8(`S=${"0".repeat(40)} M=hello`);
  peer.say(eap, 1, 2, concat([Uint8Array.of(26), writeMschapv2({ op: 3, id: 1, data })]));
  peer.say(eap, 3, 2);
  assert.notEqual(side.session.status().phase, "network");
  clock.advance(10_000);
  assert.equal(side.downs[0]?.code, "server-not-authentic");
});

test("both sides ask: neither is in before both have answered", () => {
  for (const wrong of ["client", "server"] as const) {
    const identity = (who: string): NonNullable<PppConfig["identity"]> => ({
      user: wrong === who ? "bob" : "alice",
      password: Secret.of("wonderland"),
    });
    const both = (who: string): Partial<PppConfig> => ({ identity: identity(who), require: ["chap"] });
    const { clock, c, s } = pair(both("client"), both("server"));
    clock.advance(30_000);
    assert.deepEqual([c.ups.length, s.ups.length, s.admitted.length], [0, 0, 0], wrong);
  }
});

test("an acknowledgement of something else than what was asked is none", () => {
  const { side, peer } = scripted(SERVER);
  side.session.start();
  const { id, body } = peer.last(lcp, 1) ?? assert.fail("nothing asked");
  peer.request(lcp, 1, []);
  peer.say(lcp, 2, id, body.with(body.length - 1, (body[body.length - 1] as number) ^ 1));
  assert.deepEqual([side.session.status().phase, side.session.drops()["ppp.wrong-answer"]], ["establish", 1]);
  peer.say(lcp, 2, id, body);
  assert.equal(side.session.status().phase, "authenticate");
});
