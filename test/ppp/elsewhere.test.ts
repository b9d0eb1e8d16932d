// Users who are known elsewhere: the verdict comes later, or never, and the peer repeats itself meanwhile.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failure } from "../../src/core/failures.ts";
import { Secret } from "../../src/core/secret.ts";
import { concat, utf8 } from "../../src/core/text.ts";
import type { PppConfig, PppOwner } from "../../src/ppp/api.ts";
import { judge, type Proof, type Verdict } from "../../src/ppp/auth/proof.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, CODE, End, join, PROTOCOL, SERVER, Side, scripted, testCrypto } from "./pair.ts";

interface Asked {
  readonly proof: Proof;
  readonly answer: (v: Verdict | null) => void;
  takenBack: boolean;
}
/** A server that asks elsewhere; `local`: the secret it has itself. */
function asking(local: string | null = null, over: Partial<PppOwner> = {}) {
  const asked: Asked[] = [];
  const wrong: string[] = [];
  const owner: Partial<PppOwner> = {
    secretOf: () => (local === null ? null : Secret.of(local)),
    ask: (proof, answer) => {
      const a: Asked = { proof, answer, takenBack: false };
      asked.push(a);
      return () => {
        a.takenBack = true;
      };
    },
    wrong: (user) => void wrong.push(user),
    ...over,
  };
  return { asked, wrong, owner };
}
function pair(method: PppConfig["require"][number], o: ReturnType<typeof asking>) {
  const clock = new VirtualClock();
  const c = new Side(clock, CLIENT, {}, new End(), testCrypto(2));
  const s = new Side(clock, { ...SERVER, require: [method] }, o.owner, new End(), testCrypto(3));
  join(clock, c.channel, s.channel);
  c.session.start();
  s.session.start();
  return { clock, c, s };
}
const verdictOn = (proof: Proof, password: string): Verdict =>
  proof.method === "eap" ? assert.fail() : judge(crypto, proof, () => Secret.of(password));
const NO: Verdict = {
  is: "refused",
  message: utf8("Away"),
  why: failure("auth-failed", "the RADIUS server says no"),
  wrong: true,
  said: true,
};

describe("a verdict that comes later", () => {
  for (const method of ["pap", "chap", "mschap", "mschapv2"] as const) {
    test(`${method}: yes, after the peer has repeated itself; asked once`, () => {
      const o = asking();
      const { clock, c, s } = pair(method, o);
      clock.advance(8000);
      assert.equal(o.asked.length, 1);
      assert.equal(s.ups.length, 0);
      const [a] = o.asked;
      assert.equal(a?.proof.method, method);
      if (a) a.answer(verdictOn(a.proof, "wonderland"));
      clock.advance(100);
      assert.equal(s.ups.length, 1);
      assert.equal(c.ups.length, 1);
      assert.deepEqual(o.wrong, []);
      if (a) a.answer(NO);
      clock.advance(100);
      assert.equal(s.downs.length, 0, "a second verdict is none");
    });
    test(`${method}: no`, () => {
      const o = asking();
      const { clock, c, s } = pair(method, o);
      clock.advance(100);
      for (let i = 0; i < 3; i++) {
        o.asked[i]?.answer(NO);
        clock.advance(4000);
      }
      assert.deepEqual(o.wrong[0], "alice");
      assert.equal(c.downs[0]?.code, "auth-failed");
      assert.equal(s.ups.length, 0);
    });
    test(`${method}: nobody elsewhere answers, and the secret here decides`, () => {
      for (const [local, ups] of [
        ["wonderland", 1],
        ["other", 0],
      ] as const) {
        const o = asking(local);
        const { clock, s } = pair(method, o);
        clock.advance(100);
        o.asked[0]?.answer(null);
        clock.advance(1000);
        assert.equal(s.ups.length, ups, local);
      }
    });
    test(`${method}: a session that ends takes the question back, and an answer then is nothing`, () => {
      const o = asking();
      const { clock, s } = pair(method, o);
      clock.advance(100);
      s.session.lowerDown(failure("lower-down", "gone"));
      assert.equal(o.asked[0]?.takenBack, true);
      const a = o.asked[0];
      if (a) a.answer(verdictOn(a.proof, "wonderland"));
      clock.advance(1000);
      assert.deepEqual([s.ups.length, s.downs.length], [0, 1]);
    });
  }
  test("in a pause nobody is asked, and the right password is wrong", () => {
    const o = asking("wonderland", { pause: () => 5000 });
    const { clock, s } = pair("chap", o);
    clock.advance(1000);
    assert.equal(o.asked.length, 0);
    assert.equal(s.downs[0]?.code, "login-paused");
    assert.deepEqual(o.wrong, []);
  });
  test("a peer that renegotiates while the question is open: it is taken back, and put again", () => {
    const o = asking();
    const { clock, side, peer } = scripted({ ...SERVER, require: ["pap"] }, o.owner);
    peer.agree(PROTOCOL.lcp);
    side.session.start();
    const begin = (id: number): void => {
      peer.request(PROTOCOL.lcp, id, []);
      clock.advance(10);
      peer.say(PROTOCOL.pap, 1, id, concat([Uint8Array.of(5), utf8("alice"), Uint8Array.of(1), utf8("x")]));
      clock.advance(10);
    };
    begin(1);
    begin(2);
    assert.deepEqual(
      o.asked.map((a) => a.takenBack),
      [true, false],
    );
    const [first, second] = o.asked;
    first?.answer({ is: "accepted", account: "mallory", message: new Uint8Array(0), master: null });
    clock.advance(10);
    assert.equal(peer.last(PROTOCOL.pap, 2), undefined, "what was taken back opens nothing");
    second?.answer({ is: "accepted", account: "alice", message: new Uint8Array(0), master: null });
    clock.advance(10);
    assert.equal(peer.last(PROTOCOL.pap, 2)?.id, 2);
    assert.deepEqual(side.admitted, ["alice pap"]);
  });
});

describe("EAP that somebody else speaks", () => {
  const eap = { ...SERVER, require: ["eap"] as const };
  function begun(local: string | null = null) {
    const o = asking(local);
    const { clock, side, peer } = scripted(eap, o.owner);
    peer.agree(PROTOCOL.lcp);
    side.session.start();
    peer.request(PROTOCOL.lcp, 1, []);
    clock.advance(10);
    const id = peer.last(PROTOCOL.eap, 1)?.id ?? assert.fail();
    const identity = concat([Uint8Array.of(1), utf8("alice")]);
    peer.say(PROTOCOL.eap, 2, id, identity);
    clock.advance(10);
    return { o, clock, side, peer, id, identity };
  }
  const packet = (code: number, id: number, body: Uint8Array): Uint8Array =>
    concat([Uint8Array.of(code, id, 0, 4 + body.length), body]);
  test("Requests and Responses pass as they are; repetitions are not", () => {
    const { o, clock, peer, id, identity, side } = begun();
    peer.say(PROTOCOL.eap, 2, id, identity);
    assert.equal(o.asked.length, 1);
    assert.deepEqual(o.asked[0]?.proof, { method: "eap", user: "alice", packet: packet(2, id, identity) });
    o.asked[0]?.answer({ is: "more", message: packet(1, 77, Uint8Array.of(13, 0x20)) });
    clock.advance(10);
    assert.deepEqual([peer.last(PROTOCOL.eap, 1)?.id, peer.last(PROTOCOL.eap, 1)?.body], [77, Uint8Array.of(13, 0x20)]);
    clock.advance(3000);
    assert.equal(peer.seen.filter((p) => p.protocol === PROTOCOL.eap && p.id === 77).length, 2, "sent again");
    peer.say(PROTOCOL.eap, 2, 76, Uint8Array.of(13));
    peer.say(PROTOCOL.eap, 2, 77, Uint8Array.of(13, 1, 2, 3));
    peer.say(PROTOCOL.eap, 2, 77, Uint8Array.of(13, 1, 2, 3));
    assert.equal(o.asked.length, 2);
    const done = packet(3, 77, new Uint8Array(0));
    o.asked[1]?.answer({ is: "accepted", account: "alice", message: done, master: null });
    clock.advance(10);
    assert.equal(peer.last(PROTOCOL.eap, 3)?.id, 77);
    assert.deepEqual(side.admitted, ["alice eap"]);
  });
  test("a refusal without a packet is an EAP Failure of ours", () => {
    const { o, clock, peer, side, id } = begun();
    o.asked[0]?.answer({ ...NO, message: new Uint8Array(0) });
    clock.advance(10);
    assert.equal(peer.last(PROTOCOL.eap, 4)?.id, id);
    assert.deepEqual(o.wrong, ["alice"]);
    peer.say(PROTOCOL.lcp, CODE.terminateAck, 1);
    clock.advance(10_000);
    assert.equal(side.downs[0]?.code, "auth-failed");
  });
  test("nobody answers: our own methods begin", () => {
    const { o, clock, peer } = begun("wonderland");
    o.asked[0]?.answer(null);
    clock.advance(10);
    assert.equal(peer.last(PROTOCOL.eap, 1)?.body[0], 26, "MS-CHAPv2");
  });
});
