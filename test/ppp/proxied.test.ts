// LCP and authentication that a LAC has done in a server's place (RFC 2661 §4.4.5), as PPP takes them over.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { concat, hex, utf8 } from "../../src/core/text.ts";
import type { PppConfig, PppOwner } from "../../src/ppp/api.ts";
import { challengeResponse, ntPasswordHash } from "../../src/ppp/auth/mschapv2.ts";
import { chapMd5, type Proof } from "../../src/ppp/auth/proof.ts";
import type { Begun } from "../../src/ppp/auth/side.ts";
import { writeOptions } from "../../src/ppp/cp.ts";
import type { Proxied } from "../../src/ppp/proxied.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CODE, PROTOCOL, Script, SERVER, Side } from "./pair.ts";

const { lcp, chap, pap, ipcp } = PROTOCOL;
const o = (type: number, ...data: number[]) => ({ type, data: Uint8Array.from(data) });
const AUTH = { chap: o(3, 0xc2, 0x23, 5), mschap: o(3, 0xc2, 0x23, 0x80), pap: o(3, 0xc0, 0x23) };
const MAGIC = o(5, 1, 2, 3, 4);
const SENT = [o(1, 0x05, 0xd4), AUTH.chap, MAGIC]; // an MRU of 1492, as on PPPoE
const RECEIVED = [o(1, 0x05, 0xd4), o(5, 9, 9, 9, 9)];
const CHALLENGE = Uint8Array.from({ length: 16 }, (_, i) => 200 - i);
const ID = 77;

const answer = (password = "wonderland"): Begun => ({
  method: "chap",
  id: ID,
  name: utf8("alice"),
  challenge: CHALLENGE,
  value: chapMd5(crypto, ID, utf8(password), CHALLENGE),
});
const proxied = (over: Partial<Proxied> = {}): Proxied => ({
  sent: writeOptions(SENT),
  received: writeOptions(RECEIVED),
  auth: answer(),
  ...over,
});
function server(p: Proxied | string | null, cfg: Partial<PppConfig> = {}, over: Partial<PppOwner> = {}) {
  const clock = new VirtualClock();
  const side = new Side(clock, { ...SERVER, require: ["chap", "mschap", "pap"], ...cfg }, over);
  const peer = new Script(side.channel);
  side.session.start(p);
  const said = (): string[] => side.events.flatMap((e) => (e.kind === "ppp.proxied" ? [e.text] : []));
  return { clock, side, peer, said };
}
const requests = (peer: Script): number =>
  peer.seen.filter((p) => p.protocol === lcp && p.code === CODE.configureRequest).length;

describe("taken over", () => {
  test("CHAP: nothing of LCP is sent, the answer gets its Success, and IPCP begins", () => {
    const { clock, side, peer, said } = server(proxied());
    assert.deepEqual(peer.seen.map((p) => [p.protocol, p.code, p.id]).slice(0, 1), [[chap, 3, ID]]);
    assert.equal(requests(peer), 0);
    assert.deepEqual(side.admitted, ["alice chap"]);
    assert.ok(peer.last(ipcp, CODE.configureRequest));
    assert.deepEqual(said(), ["LCP is as the LAC has agreed on it"]);
    const { mru, peerMru } = side.session.status();
    assert.deepEqual([mru, peerMru], [1492, 1492]);
    // The magic number is the one that the LAC has shown.
    peer.say(lcp, CODE.echoRequest, 5, Uint8Array.of(9, 9, 9, 9));
    assert.equal(hex(peer.last(lcp, CODE.echoReply)?.body ?? new Uint8Array(0)), "01020304");
    peer.say(lcp, CODE.echoRequest, 6, Uint8Array.of(1, 2, 3, 4));
    assert.equal(peer.seen.filter((p) => p.code === CODE.echoReply).length, 1, "a loop is none the less one");
    clock.advance(3000);
    assert.equal(requests(peer), 0);
  });
  test("a Response that comes again has its Success again", () => {
    const { peer } = server(proxied());
    const a = answer();
    const value = "value" in a ? a.value : new Uint8Array(0);
    peer.say(chap, 2, ID, concat([Uint8Array.of(16), value, utf8("alice")]));
    assert.equal(peer.seen.filter((p) => p.protocol === chap && p.code === 3).length, 2);
  });
  test("PAP", () => {
    const auth: Begun = { method: "pap", id: 3, name: utf8("alice"), password: utf8("wonderland") };
    const { side, peer } = server(proxied({ auth, sent: writeOptions([AUTH.pap, MAGIC]) }));
    assert.deepEqual([peer.seen[0]?.protocol, peer.seen[0]?.code, peer.seen[0]?.id], [pap, 2, 3]);
    assert.deepEqual(side.admitted, ["alice pap"]);
  });
  test("MS-CHAP", () => {
    const challenge = CHALLENGE.slice(0, 8);
    const response = challengeResponse(crypto, challenge, ntPasswordHash(utf8("wonderland")));
    const value = concat([new Uint8Array(24), response, Uint8Array.of(1)]);
    const auth: Begun = { method: "mschap", id: 3, name: utf8("alice"), challenge, value };
    const { side } = server(proxied({ auth, sent: writeOptions([AUTH.mschap, MAGIC]) }));
    assert.deepEqual(side.admitted, ["alice mschap"]);
  });
  test("what is known elsewhere goes there as it is", () => {
    const asked: Proof[] = [];
    const { side } = server(
      proxied(),
      {},
      {
        ask: (p) => {
          asked.push(p);
          return () => {};
        },
      },
    );
    const { id, challenge, value } = answer() as Extract<Begun, { method: "chap" }>;
    assert.deepEqual(asked, [{ method: "chap", user: "alice", id, challenge, value }]);
    assert.deepEqual(side.admitted, []);
  });
  test("LCP alone: this side asks, by the method that was agreed on", () => {
    const { side, peer } = server(proxied({ auth: null }));
    assert.deepEqual([peer.seen[0]?.protocol, peer.seen[0]?.code], [chap, 1]);
    assert.equal(requests(peer), 0);
    const ch = peer.seen[0];
    const challenge = ch?.body.subarray(1, 17) ?? new Uint8Array(0);
    const value = chapMd5(crypto, ch?.id ?? 0, utf8("wonderland"), challenge);
    peer.say(chap, 2, ch?.id ?? 0, concat([Uint8Array.of(16), value, utf8("alice")]));
    assert.deepEqual(side.admitted, ["alice chap"]);
  });
  test("a peer that negotiates anew is asked anew, by this side", () => {
    const { side, peer } = server(proxied());
    peer.agree(lcp);
    peer.request(lcp, 1, [MAGIC]);
    assert.equal(requests(peer), 1);
    assert.deepEqual([peer.seen.at(-1)?.protocol, peer.seen.at(-1)?.code], [chap, 1]);
    assert.equal(side.ups.length, 0);
  });
});

describe("refused", () => {
  const wrong = [
    ["a wrong password", answer("guess"), SENT],
    ["another identifier", { ...answer(), id: ID + 1 }, SENT],
    ["another challenge", { ...answer(), challenge: CHALLENGE.slice(1) }, SENT],
    ["an unknown user", { ...answer(), name: utf8("mallory") }, SENT],
    ["PAP", { method: "pap", id: 1, name: utf8("alice"), password: utf8("guess") }, [AUTH.pap]],
  ] as const;
  for (const [name, auth, sent] of wrong)
    test(name, () => {
      const { clock, side, peer } = server(proxied({ auth: auth as Begun, sent: writeOptions(sent) }));
      clock.advance(100_000);
      assert.deepEqual(side.admitted, []);
      assert.equal(side.downs.length, 1);
      assert.ok(
        peer.seen.some((p) => p.protocol === (name === "PAP" ? pap : chap) && p.code === (name === "PAP" ? 3 : 4)),
      );
    });
  test("in a pause nothing is looked at", () => {
    const { clock, side } = server(proxied(), {}, { pause: () => 5000 });
    clock.advance(10_000);
    assert.deepEqual([side.admitted, side.downs[0]?.code], [[], "login-paused"]);
  });
});

describe("negotiated anew", () => {
  const cut = writeOptions(SENT).subarray(0, -1);
  const cases: readonly (readonly [string, Partial<Proxied>, Partial<PppConfig>?])[] = [
    ["what was sent does not parse", { sent: cut }],
    ["what was received does not parse", { received: Uint8Array.of(1, 1) }],
    ["a method that this side does not ask for", { auth: null }, { require: ["mschapv2"] }],
    ["no authentication was asked for", { auth: null, sent: writeOptions([MAGIC]) }],
    ["no authentication was asked for, but there is an answer", { sent: writeOptions([MAGIC]) }],
    ["an answer by another method", { sent: writeOptions([AUTH.pap]) }],
    ["a longer MRU than there is", { sent: writeOptions([o(1, 6, 0), AUTH.chap]) }],
    ["an MRU of nothing", { sent: writeOptions([o(1, 0, 64), AUTH.chap]) }],
    ["a magic number of 0", { sent: writeOptions([AUTH.chap, o(5, 0, 0, 0, 0)]) }],
    ["Multilink", { sent: writeOptions([AUTH.chap, o(17, 5, 0xdc)]) }],
    ["an option that nobody knows", { sent: writeOptions([AUTH.chap, o(99)]) }],
    ["an option twice", { sent: writeOptions([AUTH.chap, MAGIC, MAGIC]) }],
    ["the peer's magic number is ours", { received: writeOptions([MAGIC]) }],
    ["the peer asks for authentication", { received: writeOptions([AUTH.chap]) }],
    ["the peer wants to be called back", { received: writeOptions([o(13, 0)]) }],
    ["the peer's option twice", { received: writeOptions([o(1, 5, 0xd4), o(1, 5, 0xd4)]) }],
    ["the peer's MRU of nothing", { received: writeOptions([o(1, 0, 1)]) }],
  ];
  for (const [name, over, cfg] of cases)
    test(name, () => {
      const { side, peer, said } = server(proxied(over), cfg);
      assert.deepEqual(side.admitted, []);
      assert.match(said().join(), /^LCP is negotiated anew: /);
      assert.deepEqual(
        peer.seen.map((p) => [p.protocol, p.code]),
        [[lcp, CODE.configureRequest]],
      );
      // It goes on as if there were no LAC; what the peer said to it is worth nothing.
      peer.agree(lcp);
      peer.request(lcp, 1, [o(5, 9, 9, 9, 9)]);
      peer.say(lcp, CODE.configureAck, peer.last(lcp, CODE.configureRequest)?.id ?? 0, peer.last(lcp, 1)?.body);
      assert.deepEqual([peer.seen.at(-1)?.protocol, peer.seen.at(-1)?.code], [chap, 1]);
      assert.deepEqual(side.admitted, []);
    });
  test("a reason instead of it; and nothing at all is no news", () => {
    assert.deepEqual(server("the LAC's proof is incomplete").said(), [
      "LCP is negotiated anew: the LAC's proof is incomplete",
    ]);
    const { peer, said } = server(null);
    assert.deepEqual([requests(peer), said()], [1, []]);
  });
  test("any bytes: never an error, and nobody is let in", () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    const some = fc.subarray([...SENT, AUTH.pap, AUTH.mschap, o(7), o(8), o(2, 0, 0, 0, 0)]).map(writeOptions);
    const id = fc.nat(255);
    const auth: fc.Arbitrary<Begun | null> = fc.oneof(
      fc.constant(null),
      fc.record({ method: fc.constant("pap" as const), id, name: bytes, password: bytes }),
      fc.record({
        method: fc.constantFrom("chap" as const, "mschap"),
        id,
        name: bytes,
        challenge: bytes,
        value: bytes,
      }),
    );
    fc.assert(
      fc.property(fc.oneof(bytes, some), fc.oneof(bytes, some), auth, (sent, received, a) => {
        const { clock, side } = server({ sent, received, auth: a });
        clock.advance(5000);
        assert.deepEqual([side.admitted, side.ups.length], [[], 0]);
        assert.ok(!side.events.some((e) => e.kind === "daemon.fault"));
      }),
    );
  });
});
