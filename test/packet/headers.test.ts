import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { unhex } from "../../src/core/text.ts";
import { dataLength, NO_NS, readData, writeData } from "../../src/packet/l2tp.ts";
import { PPP_IPV4, pppHeader, readPpp } from "../../src/packet/ppp.ts";

function bytes(s: string): Uint8Array {
  const b = unhex(s.replaceAll(" ", ""));
  assert.ok(b);
  return b;
}

test("RFC 2661 §3.1: every combination of length, sequence and offset", () => {
  const cases: readonly [string, number, number, number][] = [
    ["0002 1234 5678 ff03", NO_NS, 6, 8],
    ["4002 000a 1234 5678 ff03", NO_NS, 8, 10],
    ["0802 1234 5678 0007 0000 ff03", 7, 10, 12],
    ["0202 1234 5678 0002 0000 ff03", NO_NS, 10, 12],
    ["4a02 0010 1234 5678 ffff 0000 0000 ff03", 0xffff, 14, 16],
    ["4002 000a 1234 5678 ff03 dead", NO_NS, 8, 10], // what is behind the length does not count
    ["0102 1234 5678 ff03", NO_NS, 6, 8], // priority bit
  ];
  for (const [text, ns, start, end] of cases) {
    const b = bytes(text);
    assert.deepEqual(readData(b, 0, b.length), { tunnel: 0x1234, call: 0x5678, ns, start, end }, text);
  }
});

test("cut anywhere: null, or the frame ends where the datagram does", () => {
  const b = bytes("4a02 0010 1234 5678 ffff 0000 0000 ff03");
  for (let n = 0; n < b.length; n++) assert.equal(readData(b, 0, n), null, String(n));
});

test("control messages, other versions and lengths or offsets outside the datagram are refused", () => {
  for (const s of [
    "8002 1234 5678 ff03",
    "0003 1234 5678 ff03",
    "4002 0007 1234 5678",
    "4002 000b 1234 5678 ff03",
    "0202 1234 5678 0003 0000",
  ]) {
    const b = bytes(s);
    assert.equal(readData(b, 0, b.length), null, s);
  }
});

test("any bytes: null or bounds inside the datagram", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (b) => {
      const h = readData(b, 0, b.length);
      if (h) assert.ok(h.start >= 6 && h.start <= h.end && h.end <= b.length);
      const p = readPpp(b, 0, b.length);
      if (p) assert.ok(p.info >= 1 && p.info <= b.length);
    }),
    { numRuns: 2000 },
  );
});

test("written and read again", () => {
  for (const ns of [NO_NS, 0, 65535]) {
    const b = new Uint8Array(dataLength(ns) + 3);
    writeData(b, 0, 1, 65535, ns);
    assert.deepEqual(readData(b, 0, b.length), { tunnel: 1, call: 65535, ns, start: dataLength(ns), end: b.length });
  }
});

test("PPP headers in all four shapes", () => {
  for (const acfc of [false, true]) {
    for (const pfc of [false, true]) {
      const h = pppHeader(PPP_IPV4, acfc, pfc);
      assert.deepEqual(readPpp(h, 0, h.length), { protocol: 0x21, info: h.length });
    }
  }
  assert.equal(readPpp(bytes("ff03 c0"), 0, 3), null);
  assert.deepEqual(readPpp(bytes("c021"), 0, 2), { protocol: 0xc021, info: 2 });
});
