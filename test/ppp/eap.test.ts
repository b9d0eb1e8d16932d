// EAP against peers written by hand, and what of MS-CHAP v1 differs from v2.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { concat, hex, unhex, utf8 } from "../../src/core/text.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import { readChapValue, writeChapValue } from "../../src/ppp/auth/chap.ts";
import { readMschapv2, writeMschapv2 } from "../../src/ppp/auth/eap.ts";
import type { AuthMethod } from "../../src/ppp/auth/methods.ts";
import { authenticatorResponse, challengeResponse, ntPasswordHash, ntResponse } from "../../src/ppp/auth/mschapv2.ts";
import { chapMd5 } from "../../src/ppp/auth/proof.ts";
import { be32 } from "../../src/ppp/cp.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { CLIENT, CODE, PROTOCOL, pair, type Script, SERVER, scripted } from "./pair.ts";

const h = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail("bad hex");
const { lcp, chap, eap, ipcp } = PROTOCOL;
const REQUEST = 1;
const RESPONSE = 2;
const SUCCESS = 3;
const FAILURE = 4;

function server(...require: AuthMethod[]) {
  const r = scripted({ ...SERVER, require });
  r.peer.agree(lcp);
  r.side.session.start();
  r.peer.request(lcp, 1, [{ type: 5, data: be32(0x11223344) }]);
  return r;
}
function client(option: string, cfg: Partial<PppConfig> = {}) {
  const r = scripted({ ...CLIENT, ...cfg });
  r.peer.agree(lcp);
  r.side.session.start();
  r.peer.request(lcp, 1, [
    { type: 3, data: h(option) },
    { type: 5, data: be32(0x11223344) },
  ]);
  assert.equal(r.side.session.status().phase, "authenticate");
  return r;
}
const typed = (type: number, data: Uint8Array): Uint8Array => concat([Uint8Array.of(type), data]);
const answer = (peer: Script): Uint8Array => peer.last(eap, RESPONSE)?.body ?? assert.fail("no response");
const asked = (peer: Script) => peer.last(eap, REQUEST) ?? assert.fail("no request");

describe("EAP: our client", () => {
  const CHALLENGE = new Uint8Array(16).fill(7);
  test("Identity, Notification, Nak of what it does not do, MD5-Challenge, Success", () => {
    const { side, peer } = client("c227");
    peer.say(eap, REQUEST, 1, Uint8Array.of(1));
    assert.equal(hex(answer(peer)), `01${hex(utf8("alice"))}`);
    peer.say(eap, REQUEST, 2, typed(2, utf8("your password expires")));
    assert.equal(hex(answer(peer)), "02");
    peer.say(eap, REQUEST, 3, typed(13, h("20")));
    assert.equal(hex(answer(peer)), "031a04");
    peer.say(eap, REQUEST, 4, typed(4, writeChapValue({ value: CHALLENGE, name: utf8("nas") })));
    assert.deepEqual(readChapValue(answer(peer).subarray(1)), {
      value: chapMd5(crypto, 4, utf8("wonderland"), CHALLENGE),
      name: utf8("alice"),
    });
    peer.say(eap, SUCCESS, 4);
    assert.equal(side.session.status().phase, "network");
  });
  test("MS-CHAPv2: the server proves itself, or there is no link", () => {
    for (const honest of [true, false]) {
      const { side, peer } = client("c227");
      peer.say(eap, REQUEST, 1, Uint8Array.of(1));
      peer.say(
        eap,
        REQUEST,
        2,
        typed(26, writeMschapv2({ op: 1, id: 9, data: writeChapValue({ value: CHALLENGE, name: utf8("nas") }) })),
      );
      const p = readMschapv2(answer(peer).subarray(1));
      assert.deepEqual([p.op, p.id], [2, 9]);
      const { value } = readChapValue(p.data);
      const hash = ntPasswordHash(utf8("wonderland"));
      const nt = ntResponse(crypto, CHALLENGE, value.subarray(0, 16), "alice", hash);
      assert.equal(hex(value.subarray(24, 48)), hex(nt));
      const proof = authenticatorResponse(crypto, CHALLENGE, value.subarray(0, 16), "alice", hash, nt);
      if (!honest) proof[3] = (proof[3] as number) ^ 1;
      peer.say(
        eap,
        REQUEST,
        3,
        typed(26, writeMschapv2({ op: 3, id: 9, data: utf8(`S=${hex(proof).toUpperCase()} M=hello`) })),
      );
      if (honest) {
        assert.equal(hex(answer(peer)), "1a03");
        peer.say(eap, SUCCESS, 3);
        assert.equal(side.session.status().phase, "network");
      } else {
        assert.equal(side.session.status().phase, "terminate");
        peer.say(lcp, CODE.terminateAck, peer.last(lcp, CODE.terminateRequest)?.id ?? 0);
        assert.equal(side.downs[0]?.code, "server-not-authentic");
      }
    }
  });
  test("a Success out of nowhere is no success: before, and in the middle of MS-CHAPv2", () => {
    const { side, peer } = client("c227");
    peer.say(eap, SUCCESS, 0);
    peer.say(eap, REQUEST, 1, Uint8Array.of(1));
    peer.say(eap, SUCCESS, 1);
    peer.say(
      eap,
      REQUEST,
      2,
      typed(26, writeMschapv2({ op: 1, id: 9, data: writeChapValue({ value: CHALLENGE, name: utf8("nas") }) })),
    );
    peer.say(eap, SUCCESS, 2);
    assert.equal(side.session.status().phase, "authenticate");
    assert.equal(side.session.drops()["ppp.unexpected-auth"], 3);
  });
  test("a refusal in MS-CHAPv2's words, and a plain Failure", () => {
    const { side, peer, clock } = client("c227");
    peer.say(
      eap,
      REQUEST,
      1,
      typed(26, writeMschapv2({ op: 1, id: 9, data: writeChapValue({ value: CHALLENGE, name: utf8("nas") }) })),
    );
    peer.say(
      eap,
      REQUEST,
      2,
      typed(26, writeMschapv2({ op: 4, id: 9, data: utf8("E=648 R=0 C=00112233445566778899AABBCCDDEEFF V=3 M=old") })),
    );
    assert.equal(hex(answer(peer)), "1a04");
    peer.say(eap, FAILURE, 2);
    clock.advance(10_000);
    assert.equal(side.downs[0]?.code, "password-expired");
    assert.match(side.downs[0]?.text ?? "", /"alice" with EAP-MSCHAPv2: .*E=648.*"old"/);
    const plain = client("c227");
    plain.peer.say(eap, FAILURE, 2);
    plain.clock.advance(10_000);
    assert.deepEqual([plain.side.downs[0]?.code, plain.side.downs[0]?.lasting], ["auth-failed", true]);
  });
  test("a repeated Request gets the very same Response; requests without end come to one", () => {
    const { side, peer, clock } = client("c227");
    const request = typed(
      26,
      writeMschapv2({ op: 1, id: 9, data: writeChapValue({ value: CHALLENGE, name: utf8("nas") }) }),
    );
    peer.say(eap, REQUEST, 1, request);
    const first = hex(answer(peer));
    peer.say(eap, REQUEST, 1, request);
    assert.equal(hex(answer(peer)), first);
    for (let i = 0; i < 100; i++) peer.say(eap, REQUEST, i & 255, typed(2, Uint8Array.of(i)));
    clock.advance(10_000);
    assert.equal(side.downs[0]?.code, "auth-timeout");
  });
  test("what is refused by its plain name is refused inside EAP too", () => {
    const { peer } = client("c227", { refuse: ["chap"] });
    peer.say(eap, REQUEST, 4, typed(4, writeChapValue({ value: CHALLENGE, name: utf8("nas") })));
    assert.equal(hex(answer(peer)), "031a");
    const none = client("c227", { refuse: ["chap", "mschapv2"] });
    none.peer.say(eap, REQUEST, 4, typed(4, writeChapValue({ value: CHALLENGE, name: utf8("nas") })));
    assert.equal(hex(answer(none.peer)), "0300");
  });
  test("our own challenge comes back: not answered", () => {
    const r = scripted({ ...CLIENT, require: ["eap"] });
    r.peer.agree(lcp);
    r.side.session.start();
    r.peer.request(lcp, 1, [{ type: 3, data: h("c227") }]);
    r.peer.say(eap, RESPONSE, asked(r.peer).id, typed(1, utf8("alice")));
    const { id, body } = asked(r.peer);
    r.peer.say(eap, REQUEST, id, body);
    r.clock.advance(10_000);
    assert.equal(r.side.downs[0]?.code, "auth-reflected");
  });
});

describe("EAP: our server", () => {
  const identify = (peer: Script, user = "alice"): void =>
    peer.say(eap, RESPONSE, asked(peer).id, typed(1, utf8(user)));
  function md5(peer: Script, password: string): void {
    peer.say(eap, RESPONSE, asked(peer).id, Uint8Array.of(3, 4));
    const q = asked(peer);
    assert.equal(q.body[0], 4);
    const { value } = readChapValue(q.body.subarray(1));
    peer.say(
      eap,
      RESPONSE,
      q.id,
      typed(4, writeChapValue({ value: chapMd5(crypto, q.id, utf8(password), value), name: utf8("whoever") })),
    );
  }
  test("a Nak for MD5 gets MD5; right, wrong, unknown", () => {
    for (const [user, password, ok] of [
      ["alice", "wonderland", true],
      ["alice", "wrong", false],
      ["nobody", "wonderland", false],
      ["CORP\\alice", "wonderland", true],
    ] as const) {
      const { side, peer } = server("eap", "mschapv2", "chap");
      identify(peer, user);
      assert.equal(asked(peer).body[0], 26);
      md5(peer, password);
      assert.ok(peer.last(eap, ok ? SUCCESS : FAILURE), `${user} ${password}`);
      assert.equal(side.session.status().phase, ok ? "network" : "terminate");
      assert.deepEqual(side.admitted, ok ? ["alice eap"] : []);
    }
  });
  test("inside EAP only what is listed: MD5 where chap is, MS-CHAPv2 where mschapv2 is or nothing else", () => {
    for (const [require, first, other] of [
      [["eap"], 26, 4],
      [["eap", "pap"], 26, 4],
      [["eap", "mschapv2"], 26, 4],
      [["eap", "mschap"], 26, 4],
      [["eap", "chap"], 4, 26],
    ] as [AuthMethod[], number, number][]) {
      const { side, peer, clock } = server(...require);
      identify(peer);
      assert.equal(asked(peer).body[0], first, require.join(" "));
      peer.say(eap, RESPONSE, asked(peer).id, Uint8Array.of(3, other));
      assert.ok(peer.last(eap, FAILURE), require.join(" "));
      clock.advance(20_000);
      assert.deepEqual([side.downs[0]?.code, side.admitted], ["no-common-auth", []]);
    }
  });
  test("a Nak for nothing we do, or without a word, is refused in the end", () => {
    for (const nak of [
      [3, 13],
      [3, 0],
    ]) {
      const { side, peer, clock } = server("eap");
      identify(peer);
      peer.say(eap, RESPONSE, asked(peer).id, Uint8Array.from(nak));
      assert.ok(peer.last(eap, FAILURE));
      clock.advance(20_000);
      assert.equal(side.downs[0]?.code, "no-common-auth");
    }
  });
  test("nobody gets in by answering out of order", () => {
    const tries: ((peer: Script) => void)[] = [
      (p) => p.say(eap, RESPONSE, asked(p).id, h("1a03")), // MS-CHAPv2 success before anything
      (p) => p.say(eap, SUCCESS, asked(p).id),
      (p) =>
        p.say(eap, RESPONSE, asked(p).id, typed(4, writeChapValue({ value: new Uint8Array(16), name: utf8("alice") }))),
      (p) => {
        identify(p);
        p.say(eap, RESPONSE, asked(p).id, h("1a03"));
      },
      (p) => {
        identify(p);
        p.say(
          eap,
          RESPONSE,
          asked(p).id,
          typed(
            26,
            writeMschapv2({ op: 2, id: 1, data: writeChapValue({ value: new Uint8Array(49), name: utf8("alice") }) }),
          ),
        );
        p.say(eap, RESPONSE, asked(p).id, h("1a03")); // "success", said to a failure
      },
    ];
    for (const [i, attempt] of tries.entries()) {
      const { side, peer } = server("eap");
      attempt(peer);
      peer.request(ipcp, 1, [{ type: 3, data: h("0a63000a") }]);
      assert.deepEqual([side.admitted, side.ups.length, peer.last(eap, SUCCESS)], [[], 0, undefined], `try ${i}`);
    }
  });
  test("a user who hashes another name than the one shown is refused", () => {
    const { side, peer } = server("eap");
    identify(peer, "alice");
    const { value: challenge } = readChapValue(readMschapv2(asked(peer).body.subarray(1)).data);
    const peerChallenge = new Uint8Array(16).fill(3);
    const nt = ntResponse(crypto, challenge, peerChallenge, "bob", ntPasswordHash(utf8("wonderland")));
    const value = concat([peerChallenge, new Uint8Array(8), nt, new Uint8Array(1)]);
    peer.say(
      eap,
      RESPONSE,
      asked(peer).id,
      typed(26, writeMschapv2({ op: 2, id: 1, data: writeChapValue({ value, name: utf8("bob") }) })),
    );
    peer.say(eap, RESPONSE, asked(peer).id, h("1a04"));
    assert.deepEqual(side.admitted, []);
  });
  test("silence ends after ten requests", () => {
    const { side, peer, clock } = server("eap");
    clock.advance(60_000);
    assert.equal(peer.seen.filter((p) => p.protocol === eap).length, 10);
    assert.equal(side.downs[0]?.code, "auth-timeout");
  });
});

test("EAP on a wire that loses three frames in ten comes up all the same", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const { clock, c, s } = pair({}, { require: ["eap"] }, { loss: 0.3, jitterMs: 20, seed });
    clock.advance(110_000);
    assert.equal(
      c.ups.length > 0 && s.ups.length > 0,
      true,
      `seed ${seed}: ` +
        `${JSON.stringify([c.downs, s.downs, c.session.status(), s.session.status(), c.ups.length, s.ups.length])}`,
    );
  }
});
test("type 26: golden, cut everywhere, any bytes", () => {
  const whole = h("01090009 0463616c6c".replace(/ /g, ""));
  assert.deepEqual(readMschapv2(whole), { op: 1, id: 9, data: h("0463616c6c") });
  assert.equal(hex(writeMschapv2({ op: 1, id: 9, data: h("0463616c6c") })), hex(whole));
  for (let n = 2; n < whole.length; n++)
    assert.throws(() => readMschapv2(whole.subarray(0, n)), DecodeError, `cut at ${n}`);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (b) => {
      try {
        readMschapv2(b);
      } catch (e) {
        assert.ok(e instanceof DecodeError, String(e));
      }
    }),
    { numRuns: 1000 },
  );
});

describe("MS-CHAP v1 (RFC 2433)", () => {
  test("our client answers the RFC's challenge with the RFC's response, and no LAN Manager response", () => {
    const rfc = readFileSync("test/rfc/rfc2433.txt", "utf8");
    const vector = (label: string, n: number): Uint8Array => {
      const at = rfc.indexOf(label);
      return h(
        [...rfc.slice(at + label.length, at + label.length + 400).matchAll(/\b[0-9A-F]{2}\b/g)]
          .map((m) => m[0])
          .slice(0, n)
          .join(""),
      );
    };

    const { peer } = client("c22380", { identity: { user: "alice", password: Secret.of("MyPw") } });
    peer.say(chap, 1, 5, writeChapValue({ value: vector("8-octet Challenge:", 8), name: utf8("nas") }));
    const { value } = readChapValue(peer.last(chap, 2)?.body ?? assert.fail("no response"));
    assert.equal(hex(value), `${"00".repeat(24)}${hex(vector("24-octet NtChallengeResponse:", 24))}01`);
  });
  test("a challenge of another size is no MS-CHAP", () => {
    const { peer, side } = client("c22380");
    peer.say(chap, 1, 5, writeChapValue({ value: new Uint8Array(16), name: utf8("nas") }));
    assert.equal(peer.last(chap, 2), undefined);
    assert.equal(side.session.drops()["ppp.malformed"], 1);
  });
  test("a refusal in words, a change of password that nobody asked for", () => {
    const { peer, side, clock } = client("c22380");
    peer.say(chap, 1, 5, writeChapValue({ value: new Uint8Array(8), name: utf8("nas") }));
    peer.say(chap, 4, 5, utf8("E=691 R=0 C=0011223344556677 V=2"));
    clock.advance(10_000);
    assert.match(side.downs[0]?.text ?? "", /refuses user "alice" with MS-CHAP: wrong user name or password/);
  });
  test("our server: the NT response counts, the LAN Manager response never does", () => {
    for (const [flag, password, ok] of [
      [1, "wonderland", true],
      [0, "wonderland", false],
      [1, "wrong", false],
    ] as const) {
      const { side, peer } = server("mschap");
      const q = peer.last(chap, 1) ?? assert.fail("no challenge");
      const { value: challenge } = readChapValue(q.body);
      assert.equal(challenge.length, 8);
      const nt = challengeResponse(crypto, challenge, ntPasswordHash(utf8(password)));
      peer.say(chap, 2, q.id, writeChapValue({ value: concat([nt, nt, Uint8Array.of(flag)]), name: utf8("alice") }));
      assert.equal(side.session.status().phase, ok ? "network" : "terminate");
      if (!ok) assert.match(String.fromCharCode(...(peer.last(chap, 4)?.body ?? [])), /^E=691 R=0 C=[0-9A-F]{16} V=2$/);
    }
  });
});
