import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, hex, unhex } from "../../src/core/text.ts";
import { DNS_TYPE, decodeDnsAnswer, encodeDnsQuestion } from "../../src/packet/dns.ts";

const { A, AAAA } = DNS_TYPE;
/** "vpn.example" is an alias of "a.example", which has an address; as a name server writes it, names compressed. */
const ANSWER =
  unhex(
    (
      "1234 8180 0001 0003 0000 0000  0376706e 076578616d706c65 00 0001 0001" +
      " c00c 0005 0001 0000003c 0004 0161c010" +
      " 0161c010 0001 0001 0000003c 0004 cb007105" +
      " 016fc010 0001 0001 0000003c 0004 c0000201"
    ).replaceAll(" ", ""),
  ) ?? assert.fail();

test("a question, letter by letter; names that are none", () => {
  const q = encodeDnsQuestion(0x1234, "vpn.example.", A) ?? assert.fail();
  assert.equal(hex(q), "123401000001000000000000" + "0376706e076578616d706c6500" + "00010001");
  for (const bad of ["", "a..b", `${"x".repeat(64)}.org`, "a b", "x.".repeat(127) + "xyz", "ä.de"])
    assert.equal(encodeDnsQuestion(1, bad, A), null, bad);
});

test("addresses through an alias; those of another name do not count", () => {
  assert.deepEqual(decodeDnsAnswer(ANSWER, 0x1234, "VPN.example", A), ["203.0.113.5"]);
});

test("another id, name or type, and a question instead of an answer, are no answer", () => {
  assert.equal(decodeDnsAnswer(ANSWER, 0x1235, "vpn.example", A), null);
  assert.equal(decodeDnsAnswer(ANSWER, 0x1234, "vpn.example.org", A), null);
  assert.equal(decodeDnsAnswer(ANSWER, 0x1234, "vpn.example", AAAA), null);
  assert.equal(
    decodeDnsAnswer(encodeDnsQuestion(0x1234, "vpn.example", A) ?? assert.fail(), 0x1234, "vpn.example", A),
    null,
  );
});

test("cut at every byte: unreadable, never a part of it; any byte changed: no crash", () => {
  for (let n = 0; n < ANSWER.length; n++)
    assert.equal(decodeDnsAnswer(ANSWER.slice(0, n), 0x1234, "vpn.example", A), null, String(n));
  fc.assert(
    fc.property(fc.nat(ANSWER.length - 1), fc.integer({ min: 0, max: 255 }), (at, v) => {
      const b = ANSWER.slice();
      b[at] = v;
      decodeDnsAnswer(b, 0x1234, "vpn.example", A);
    }),
  );
});

test("a name that points at itself, and aliases in a circle, end", () => {
  const loop = concat([
    ANSWER.slice(0, 29),
    unhex("c01d 0001 0001 0000003c 0004 cb007105".replaceAll(" ", "")) ?? assert.fail(),
  ]);
  loop[7] = 1;
  assert.equal(decodeDnsAnswer(loop, 0x1234, "vpn.example", A), null);
  const circle = concat([ANSWER.slice(0, 29), unhex("c00c000500010000003c0002c00c") ?? assert.fail()]);
  circle[7] = 1;
  assert.deepEqual(decodeDnsAnswer(circle, 0x1234, "vpn.example", A), []);
});
