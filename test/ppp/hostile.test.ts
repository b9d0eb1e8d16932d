// Peers that misbehave, and peers that are merely peculiar.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { concat, fromUtf8, hex, utf8 } from "../../src/core/text.ts";
import { readChapValue, writeChapValue } from "../../src/ppp/auth/chap.ts";
import { writePapRequest } from "../../src/ppp/auth/pap.ts";
import { chapMd5 } from "../../src/ppp/auth/proof.ts";
import { be32 } from "../../src/ppp/cp.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, CODE, PROTOCOL, SERVER, Side, scripted } from "./pair.ts";
import { AUTH_OPTION, chap, client, h, ipcp, lcp, loggedIn, login, pap, server, up } from "./peers.ts";

describe("authentication cannot be walked around", () => {
  test("IPCP, data and unknown protocols before authentication: silence", () => {
    for (const method of ["pap", "chap", "mschapv2"] as const) {
      const { side, peer } = server(method);
      const before = peer.seen.length;
      peer.request(ipcp, 1, [{ type: 3, data: h("0a63000a") }]);
      peer.say(PROTOCOL.ip, 0x45, 0);
      peer.say(PROTOCOL.ipv6cp, 1, 1);
      peer.say(ipcp, CODE.configureAck, 1);
      assert.equal(peer.seen.length, before);
      assert.deepEqual([side.admitted, side.ups, side.session.drops()["ppp.before-auth"]], [[], [], 4]);
    }
  });
  test("nothing but LCP is heard before LCP is open", () => {
    const { side, peer } = scripted({ ...SERVER, require: ["pap"] });
    side.session.start();
    const before = peer.seen.length;
    peer.say(pap, 1, 1, writePapRequest({ user: utf8("alice"), password: utf8("wonderland") }));
    peer.request(ipcp, 1, [{ type: 3, data: h("0a63000a") }]);
    assert.deepEqual([peer.seen.length, side.admitted, side.session.status().phase], [before, [], "establish"]);
  });
  test("an Ack or Success that nobody asked for opens nothing at a server", () => {
    for (const method of ["pap", "chap", "mschapv2"] as const) {
      const { side, peer } = server(method);
      for (let id = 0; id < 256; id++) {
        peer.say(pap, 2, id, h("00"));
        peer.say(chap, 3, id, utf8("S=0000000000000000000000000000000000000000"));
      }
      assert.deepEqual([side.session.status().phase, side.admitted], ["authenticate", []]);
    }
  });
  test("CHAP Success without a challenge opens nothing at a client", () => {
    const { side, peer } = client(AUTH_OPTION.mschapv2);
    for (let id = 0; id < 256; id++) peer.say(chap, 3, id, utf8("welcome"));
    assert.equal(side.session.status().phase, "authenticate");
    assert.ok((side.session.drops()["ppp.unexpected-auth"] ?? 0) >= 256);
  });
  test("a PAP answer to a request that was never sent is ignored", () => {
    const { side, peer } = client(AUTH_OPTION.pap);
    const asked = peer.last(pap, 1) ?? assert.fail("no request");
    peer.say(pap, 2, (asked.id + 1) & 255, h("00"));
    peer.say(pap, 2, (asked.id + 200) & 255, h("00"));
    assert.equal(side.session.status().phase, "authenticate");
    peer.say(pap, 2, asked.id, h("00"));
    assert.equal(side.session.status().phase, "network");
  });
  test("the other protocol does not count: PAP where CHAP was agreed on", () => {
    const { side, peer } = server("chap");
    peer.say(pap, 1, 1, writePapRequest({ user: utf8("alice"), password: utf8("wonderland") }));
    assert.deepEqual([peer.last(pap, 2), side.admitted], [undefined, []]);
  });
  test("a response to an old identifier, or to no challenge of ours, is no response", () => {
    const { side, peer } = server("chap");
    const asked = peer.last(chap, 1) ?? assert.fail("no challenge");
    const { value } = readChapValue(asked.body);
    const other = (asked.id + 1) & 255;
    peer.say(
      chap,
      2,
      other,
      writeChapValue({ value: chapMd5(crypto, other, utf8("wonderland"), value), name: utf8("alice") }),
    );
    assert.deepEqual([side.admitted, peer.last(chap, 4)], [[], undefined]);
    login(peer);
    assert.deepEqual(side.admitted, ["alice chap"]);
  });
  test("a peer that rejects authentication is turned away", () => {
    const { clock, side, peer } = scripted({ ...SERVER, require: ["chap"] });
    peer.react = (p) => {
      if (p.protocol !== lcp || p.code !== 1) return;
      peer.say(lcp, CODE.configureReject, p.id, h("0305c22305"));
    };
    side.session.start();
    clock.advance(10_000);
    assert.deepEqual([side.downs[0]?.code, side.ups, side.admitted], ["auth-refused", [], []]);
  });
  test("LCP renegotiated in the network phase: authentication again, and only the same user gets in", () => {
    for (const [user, password, admitted] of [
      ["alice", "wonderland", true],
      ["bob", "clientPass", false],
    ] as const) {
      const { clock, side, peer } = up();
      peer.request(lcp, 9, [{ type: 5, data: be32(0x55667788) }]);
      assert.equal(side.session.status().phase, "authenticate");
      peer.request(ipcp, 8, [{ type: 3, data: h("0a63000a") }]);
      assert.equal(side.session.status().phase, "authenticate", "no short cut");
      login(peer, password, user);
      peer.request(ipcp, 9, [{ type: 3, data: h("0a63000a") }]);
      assert.deepEqual(side.admitted, ["alice chap"], "admitted once");
      assert.equal(side.ups.length, admitted ? 2 : 1);
      if (admitted)
        assert.deepEqual(side.phases, ["establish", "authenticate", "network", "establish", "authenticate", "network"]);
      clock.advance(10_000);
      assert.equal(side.downs.length, admitted ? 0 : 1);
    }
  });
  test("our own challenge, sent back to us, is not answered", () => {
    const { clock, side, peer } = scripted({ ...SERVER, require: ["chap"], identity: CLIENT.identity });
    peer.agree(lcp);
    side.session.start();
    peer.request(lcp, 1, [{ type: 3, data: AUTH_OPTION.chap }]);
    const asked = peer.last(chap, 1) ?? assert.fail("no challenge");
    peer.say(chap, 1, asked.id, asked.body);
    clock.advance(10_000);
    assert.deepEqual([peer.last(chap, 2), side.downs[0]?.code], [undefined, "auth-reflected"]);
  });
  test("PAP: three attempts, then out", () => {
    const { clock, side, peer } = server("pap");
    for (let id = 1; id <= 10; id++)
      peer.say(pap, 1, id, writePapRequest({ user: utf8("alice"), password: utf8(`guess${id}`) }));
    assert.equal(peer.seen.filter((p) => p.protocol === pap && p.code === 3).length, 3);
    peer.say(pap, 1, 11, writePapRequest({ user: utf8("alice"), password: utf8("wonderland") }));
    clock.advance(10_000);
    assert.deepEqual([side.downs[0]?.code, side.admitted], ["auth-failed", []]);
  });
  test("CHAP: one wrong answer, then out; the right one afterwards is too late", () => {
    const { clock, side, peer } = server("chap");
    login(peer, "guess");
    login(peer);
    clock.advance(10_000);
    assert.deepEqual([side.downs[0]?.code, side.admitted, peer.last(chap, 3)], ["auth-failed", [], undefined]);
  });
  test("names, values and lengths that lie are ignored before authentication, with a counter", () => {
    const { side, peer } = server("chap");
    const asked = peer.last(chap, 1) ?? assert.fail("no challenge");
    const before = peer.seen.length;
    for (const body of [
      h(""),
      h("00"),
      h("ff"),
      h("10 0001"),
      concat([h("01 00"), new Uint8Array(257)]),
      concat([h("10"), new Uint8Array(1200)]),
    ]) {
      peer.say(chap, 2, asked.id, body);
    }
    assert.deepEqual([peer.seen.length, side.session.drops()["ppp.malformed"]], [before, 6]);
    assert.equal(side.events.filter((e) => e.kind === "peer.bad").length, 1, "one line a second");
    login(peer);
    assert.deepEqual(side.admitted, ["alice chap"], "and the exchange goes on");
  });
  test("MS-CHAPv2: a response of any other size than 49 is a wrong one", () => {
    for (const size of [1, 16, 24, 48, 50, 255]) {
      const { side, peer } = server("mschapv2");
      const asked = peer.last(chap, 1) ?? assert.fail("no challenge");
      peer.say(chap, 2, asked.id, writeChapValue({ value: new Uint8Array(size), name: utf8("alice") }));
      assert.match(fromUtf8(peer.last(chap, 4)?.body ?? new Uint8Array(0)), /^E=691 R=0 C=[0-9A-F]{32} V=3 M=/);
      assert.deepEqual(side.admitted, []);
    }
  });
});

describe("answers that were lost are given again", () => {
  test("CHAP: a repeated Response gets the same Success in the network phase, unchecked", () => {
    const { side, peer } = loggedIn();
    const first = peer.last(chap, 3) ?? assert.fail("no success");
    const seen = peer.seen.length;
    login(peer, "whatever");
    const again = peer.seen.at(-1);
    assert.deepEqual(
      [peer.seen.length, again?.code, again?.id, again && hex(again.body)],
      [seen + 1, 3, first.id, hex(first.body)],
    );
    assert.deepEqual(side.admitted, ["alice chap"]);
  });
  test("PAP: a repeated request gets its Ack in the network phase", () => {
    const { side, peer } = server("pap");
    for (const id of [1, 2, 3])
      peer.say(pap, 1, id, writePapRequest({ user: utf8("alice"), password: utf8("wonderland") }));
    assert.deepEqual(
      peer.seen.filter((p) => p.protocol === pap).map((p) => [p.code, p.id]),
      [
        [2, 1],
        [2, 2],
        [2, 3],
      ],
    );
    assert.deepEqual(side.admitted, ["alice pap"]);
  });
  test("client: a repeated challenge gets the same response, a new one in the network phase is answered too", () => {
    const { clock, side, peer } = client(AUTH_OPTION.chap);
    const ask = (id: number, fill: number): void =>
      peer.say(chap, 1, id, writeChapValue({ value: new Uint8Array(16).fill(fill), name: utf8("x") }));
    ask(5, 1);
    ask(5, 1);
    clock.advance(3000);
    const responses = peer.seen.filter((p) => p.protocol === chap && p.code === 2).map((p) => hex(p.body));
    assert.deepEqual([responses.length, new Set(responses).size], [3, 1]);
    peer.say(chap, 3, 5);
    assert.equal(side.session.status().phase, "network");
    ask(6, 2);
    assert.equal(peer.last(chap, 2)?.id, 6);
    peer.say(chap, 4, 6, utf8("changed my mind"));
    clock.advance(10_000);
    assert.deepEqual([side.downs[0]?.code, /changed my mind/.test(side.downs[0]?.text ?? "")], ["auth-failed", true]);
  });
});

test("a server that asks again and again gets its answers and one log line", () => {
  const { side, peer } = client(AUTH_OPTION.chap);
  for (let id = 1; id <= 50; id++) {
    peer.say(chap, 1, id, writeChapValue({ value: new Uint8Array(16).fill(id), name: utf8("x") }));
    peer.say(chap, 3, id);
  }
  assert.equal(peer.seen.filter((p) => p.protocol === chap && p.code === 2).length, 50);
  assert.equal(side.events.filter((e) => e.kind === "ppp.auth").length, 1);
});

describe("any frames at any phase", () => {
  const control = fc.record({
    protocol: fc.constantFrom<number>(lcp, pap, chap, ipcp, PROTOCOL.ip, PROTOCOL.ccp, PROTOCOL.eap),
    code: fc.integer({ min: 0, max: 14 }),
    id: fc.integer({ min: 0, max: 8 }),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(h(""), h("0304c023"), h("0506 00000001"), h("0306 0a63000a"), h("0304c027"), h("00")),
    ),
  });
  const step = fc.oneof(
    { weight: 6, arbitrary: control },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
    { weight: 1, arbitrary: fc.nat(20_000) },
    { weight: 1, arbitrary: fc.constantFrom("echo-back", "ack") },
  );
  const roads = {
    start: () => scripted({ ...SERVER, require: ["chap"], identity: CLIENT.identity }),
    pap: () => server("pap"),
    mschapv2: () => server("mschapv2"),
    client: () => client(AUTH_OPTION.mschapv2, { require: ["chap"] }),
  } as const;
  test("nothing throws, nobody gets in without a password, and the end comes once", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(roads) as (keyof typeof roads)[])),
        fc.array(step, { maxLength: 25 }),
        (road, steps) => {
          const { clock, side, peer } = roads[road]();
          if (road === "start") side.session.start();
          for (const s of steps) {
            const last = peer.seen.at(-1);
            if (typeof s === "number") clock.advance(s);
            else if (s instanceof Uint8Array) side.channel.deliver(s);
            else if (s === "echo-back") last && peer.say(last.protocol, last.code, last.id, last.body);
            else if (s === "ack") last && peer.say(last.protocol, 2, last.id, last.body);
            else peer.say(s.protocol, s.code, s.id, s.body);
          }
          assert.deepEqual([side.ups.length, side.admitted.length], [0, 0]);
          assert.ok(peer.seen.length < 200 + 60 * steps.length);
          assert.ok(side.events.length < 40 + steps.length);
          side.session.stop({ layer: "config", code: "stopped", text: "" });
          clock.advance(120_000);
          assert.deepEqual([side.downs.length, clock.pending()], [1, []]);
        },
      ),
      { numRuns: 1500 },
    );
  });
  test("an open link survives any packet that is not a reason to close it", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), (frames) => {
        const { side } = up();
        for (const f of frames) side.channel.deliver(f);
        assert.equal(side.downs.length, 0);
      }),
      { numRuns: 300 },
    );
  });
  test("an owner may stop the session from inside every callback", () => {
    for (const where of ["onPhase", "onUp", "admit"] as const) {
      const clock = new VirtualClock();
      const why = { layer: "config", code: "stopped", text: "" } as const;
      let side: Side | null = null;
      const assigned = { local: "10.0.0.1", remote: "10.0.0.2", dns: [], wins: [] };
      side = new Side(clock, SERVER, {
        onPhase: () => where === "onPhase" && side?.session.stop(why),
        onUp: () => where === "onUp" && side?.session.lowerDown(why),
        admit: () => {
          if (where === "admit") side?.session.stop(why);
          return assigned;
        },
      });
      const other = new Side(clock, CLIENT);
      side.channel.out = (f) => other.channel.deliver(f); // synchronous: every answer comes while we still send
      other.channel.out = (f) => side?.channel.deliver(f);
      other.session.start();
      side.session.start();
      clock.advance(60_000);
      assert.deepEqual(
        side.downs.map((d) => d.code),
        ["stopped"],
        where,
      );
      assert.equal(other.downs.length, where === "onUp" ? 0 : 1, where);
    }
  });
});
