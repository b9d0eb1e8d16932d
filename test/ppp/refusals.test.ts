// What a server says when it accepts or refuses a client, and what the client makes of it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concat, hex, utf8 } from "../../src/core/text.ts";
import { readChapValue, writeChapValue } from "../../src/ppp/auth/chap.ts";
import { authenticatorResponse, ntPasswordHash, ntResponse } from "../../src/ppp/auth/mschapv2.ts";
import { be32, readOptions } from "../../src/ppp/cp.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { CLIENT, CODE, scripted } from "./pair.ts";
import { AUTH_OPTION, chap, client, h, ipcp, lcp, pap } from "./peers.ts";

describe("what a server tells a client", () => {
  const mschap = (reply: (right: Uint8Array) => readonly [number, Uint8Array]) => {
    const r = client(AUTH_OPTION.mschapv2);
    const challenge = new Uint8Array(16).fill(7);
    r.peer.say(chap, 1, 3, writeChapValue({ value: challenge, name: new Uint8Array(0) }));
    const { value } = readChapValue(r.peer.last(chap, 2)?.body ?? assert.fail("no response"));
    const hash = ntPasswordHash(utf8("wonderland"));
    const response = ntResponse(crypto, challenge, value.subarray(0, 16), "alice", hash);
    assert.equal(hex(value.subarray(24, 48)), hex(response));
    const [code, body] = reply(
      authenticatorResponse(crypto, challenge, value.subarray(0, 16), "alice", hash, response),
    );
    r.peer.say(chap, code, 3, body);
    r.clock.advance(5000);
    return r;
  };
  test("a Success without M= is enough (SoftEther)", () => {
    assert.equal(mschap((right) => [3, utf8(`S=${hex(right).toUpperCase()}`)]).side.session.status().phase, "network");
  });
  test("a Success with a wrong proof, or none, ends the session", () => {
    for (const body of [utf8(`S=${"0".repeat(40)} M=hi`), utf8("M=hi"), new Uint8Array(0)]) {
      const { clock, side } = mschap(() => [3, body]);
      clock.advance(10_000);
      assert.deepEqual([side.downs[0]?.code, side.downs[0]?.lasting], ["server-not-authentic", true]);
    }
  });
  test("E=648 and its sisters in words", () => {
    const { clock, side } = mschap(() => [
      4,
      utf8("E=648 R=0 C=00112233445566778899AABBCCDDEEFF V=3 M=call\u202e the\r\nhelp desk"),
    ]);
    clock.advance(10_000);
    assert.equal(side.downs[0]?.code, "password-expired");
    assert.equal(
      side.downs[0]?.text,
      'the server refuses user "alice" with MS-CHAPv2: the password has expired; set new_password to ' +
        'change it (E=648): "call the help desk"',
    );
    assert.deepEqual(
      side.events.filter((e) => e.kind === "ppp.auth").map((e) => e.ok),
      [false],
    );
  });
  test("PAP's words are bounded and printable", () => {
    const { clock, side, peer } = client(AUTH_OPTION.pap);
    const asked = peer.last(pap, 1) ?? assert.fail("no request");
    peer.say(pap, 3, asked.id, concat([h("ff"), utf8("<b>\u0000\n".repeat(51))]));
    clock.advance(10_000);
    const text = side.downs[0]?.text ?? "";
    assert.ok(text.length < 220 && !/\p{C}/u.test(text), text);
  });
  for (const [name, option] of [
    ["SPAP", "c027"],
    ["CHAP with algorithm 6", "c22306"],
  ] as const) {
    test(`${name} is Nak'd with our best; a server that insists is named`, () => {
      const r = scripted(CLIENT);
      r.peer.agree(lcp);
      r.side.session.start();
      for (let id = 1; id <= 6; id++) {
        r.peer.request(lcp, id, [{ type: 3, data: h(option) }]);
        if (id <= 5)
          assert.deepEqual(
            r.peer.options(lcp, CODE.configureNak).map((o) => hex(o.data)),
            ["c22381"],
          );
      }
      r.clock.advance(10_000);
      assert.deepEqual([r.side.downs[0]?.code, r.side.downs[0]?.lasting], ["no-common-auth", true]);
      assert.match(
        r.side.downs[0]?.text ?? "",
        new RegExp(`asks for ${name} and nothing else, this side answers to MS-CHAPv2, CHAP-MD5, MS-CHAP, EAP, PAP`),
      );
      assert.deepEqual(
        r.side.events.filter((e) => e.kind === "ppp.rejected").map((e) => e.what),
        [`LCP option: ${name}`],
      );
    });
  }
  test("EAP first, then MS-CHAPv2; ACCM rejected; the second DNS rejected (SoftEther)", () => {
    const { side, peer } = scripted({ ...CLIENT, refuse: ["eap"] });
    peer.react = (p) => {
      if (p.code !== 1) return;
      const options = readOptions(p.body);
      const reject = options.filter(
        (o) => (p.protocol === lcp && o.type === 2) || (p.protocol === ipcp && o.type === 131),
      );
      const zero = options.filter((o) => p.protocol === ipcp && hex(o.data) === "00000000");
      const write = (list: typeof options): Uint8Array =>
        concat(list.map((o) => concat([Uint8Array.of(o.type, o.data.length + 2), o.data])));
      if (reject.length > 0) peer.say(p.protocol, 4, p.id, write(reject));
      else if (zero.length > 0)
        peer.say(
          p.protocol,
          3,
          p.id,
          write(zero.map((o) => ({ type: o.type, data: o.type === 3 ? h("c0a81e0a") : h("c0a81e01") }))),
        );
      else peer.say(p.protocol, 2, p.id, p.body);
    };
    side.session.start();
    peer.request(lcp, 1, [{ type: 3, data: h("c227") }]);
    peer.request(lcp, 2, [
      { type: 3, data: h("c22381") },
      { type: 5, data: be32(5) },
    ]);
    assert.equal(side.session.status().phase, "authenticate");
    const challenge = new Uint8Array(16).fill(9);
    peer.say(chap, 1, 1, writeChapValue({ value: challenge, name: utf8("se") }));
    const { value } = readChapValue(peer.last(chap, 2)?.body ?? assert.fail("no response"));
    const proof = authenticatorResponse(
      crypto,
      challenge,
      value.subarray(0, 16),
      "alice",
      ntPasswordHash(utf8("wonderland")),
      value.subarray(24, 48),
    );
    peer.say(chap, 3, 1, utf8(`S=${hex(proof).toUpperCase()}`));
    peer.request(ipcp, 1, [{ type: 3, data: h("c0a81e01") }]);
    const info = side.ups[0] ?? assert.fail("not up");
    assert.deepEqual(
      [info.local, info.remote, info.dns, info.link.recvAccm],
      ["192.168.30.10", "192.168.30.1", ["192.168.30.1"], 0xffffffff],
    );
  });
});
