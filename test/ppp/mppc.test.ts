// MPPC: tokens by hand, against a slow and obvious reader, what is hostile, and with and without a key around it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { hex, unhex, utf8 } from "../../src/core/text.ts";
import { MppcCompressor, MppcDecompressor } from "../../src/ppp/compress/mppc.ts";
import { MppeDecryptor, MppeEncryptor, SessionKeys } from "../../src/ppp/compress/mppe.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";

const h = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail(s);
const BELLS = utf8("for.whom.the.bell.tolls,.the.bell.tolls.for.thee!");
// RFC 2118 §4: literals, <16,15> "." <40,4> <19,3> "e!"
const TOLLED = "666f722e77686f6d2e7468652e62656c6c2e746f6c6c732cf4372efa23d3329080";

/** The tokens of RFC 2118 §4 as text: a bit a character. */
function slowly(data: Uint8Array, history: number[]): number[] {
  let bits = [...data].map((b) => b.toString(2).padStart(8, "0")).join("");
  const take = (n: number): number => {
    const x = Number.parseInt(bits.slice(0, n), 2);
    bits = bits.slice(n);
    return x;
  };
  const from = history.length;
  while (bits.length >= 8) {
    if (bits.startsWith("0")) history.push(take(8));
    else if (bits.startsWith("10")) history.push(0x80 | (take(9) & 0x7f));
    else {
      const far = bits.startsWith("1110") ? () => (take(12) & 255) + 64 : () => (take(16) & 0x1fff) + 320;
      const offset = bits.startsWith("1111") ? take(10) & 63 : far();
      const ones = bits.indexOf("0");
      take(ones + 1);
      const length = ones === 0 ? 3 : 2 ** (ones + 1) + take(ones + 1);
      for (let i = 0; i < length; i++) history.push(history[history.length - offset] ?? 0);
    }
  }
  return history.slice(from);
}
const words = fc
  .array(fc.constantFrom("the ", "bell ", "tolls\u00ff", "\0\0\0\0\0\0", "x", "for thee, ", "\u0080\u0081"), {
    maxLength: 120,
  })
  .map((w) => Uint8Array.from(w.join(""), (c) => c.charCodeAt(0)));
const packet = fc.oneof(
  words,
  fc.uint8Array({ maxLength: 300 }),
  fc.nat({ max: 3000 }).map((n) => new Uint8Array(n).fill(7)),
);

describe("MPPC", () => {
  test("RFC 2118 §4, both ways", () => {
    assert.equal(hex(new MppcCompressor().compress(BELLS) ?? h("")), TOLLED);
    assert.equal(hex(new MppcDecompressor().decompress(h(TOLLED), false, 1500) ?? h("")), hex(BELLS));
  });
  test("packets come out as they went in, and a slow reader agrees, through many laps of the history", () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 60 }), (packets) => {
        const [out, into] = [new MppcCompressor(), new MppcDecompressor()];
        let history: number[] = [];
        for (const p of packets) {
          const data = out.compress(p);
          if (data === null) {
            out.clear();
            into.clear();
            history = [];
            continue;
          }
          assert.ok(data.length < p.length);
          if (out.front) history = [];
          assert.equal(hex(into.decompress(data, out.front, 3000) ?? h("")), hex(p));
          assert.equal(hex(Uint8Array.from(slowly(data, history))), hex(p));
        }
      }),
      { numRuns: 60 },
    );
  });
  test("it does get smaller", () => {
    const text = utf8(
      Array.from({ length: 60 }, (_, i) => `line ${(i * 7919) % 100} of a text like others\n`).join(""),
    ).subarray(0, 1400);
    assert.ok((new MppcCompressor().compress(text)?.length ?? 9999) < 500);
  });
  test("cut anywhere and any bytes: never more than the limit, nothing thrown", () => {
    const into = new MppcDecompressor();
    const data = h(TOLLED);
    for (let n = 0; n < data.length; n++) {
      into.clear();
      const out = into.decompress(data.subarray(0, n), false, 1500);
      assert.ok(out === null || hex(BELLS).startsWith(hex(out)));
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), fc.nat({ max: 400 }), (b, front, limit) => {
        assert.ok((into.decompress(b, front, limit)?.length ?? 0) <= limit);
      }),
      { numRuns: 3000 },
    );
  });
  test("offsets and lengths of nothing, and beyond the history: broken", () => {
    for (const bits of ["f000", "c000", "f07fffff", "61f07fff80"])
      assert.equal(new MppcDecompressor().decompress(h(bits), false, 1500), null, bits);
  });
});

const start = h("8b7cdc149b993a1ba118cb153f56dccb");
describe("in its frames", () => {
  for (const [name, keyed, stateful] of [
    ["alone", false, true],
    ["encrypted, stateless", true, false],
    ["encrypted, stateful", true, true],
  ] as const) {
    test(`${name}: any packets, with losses and the resets they bring`, () => {
      fc.assert(
        fc.property(fc.array(fc.tuple(packet, fc.constantFrom(0, 0, 0, 1, 3)), { maxLength: 60 }), (packets) => {
          const key = (): SessionKeys | null => (keyed ? new SessionKeys(crypto, start.slice(), 128) : null);
          const out = new MppeEncryptor(key(), { stateful, mppc: true });
          const into = new MppeDecryptor(key(), 3000, { stateful, mppc: true });
          for (const [body, lost] of packets) {
            const p = Uint8Array.of(0x21, ...body);
            for (let i = 0; i < lost; i++) out.compress(p);
            const wire = out.compress(p);
            assert.ok(wire.length <= p.length + 3);
            let got = into.decompress(wire);
            if (got === null) {
              assert.ok(stateful && lost > 0);
              out.reset();
              got = into.decompress(out.compress(p));
            }
            assert.equal(hex(got ?? h("")), `00${hex(p)}`);
          }
        }),
        { numRuns: 60 },
      );
    });
  }
  test("alone: the bits of the header", () => {
    const out = new MppeEncryptor(null, { stateful: true, mppc: true });
    const header = (p: Uint8Array): string => hex(out.compress(p).subarray(0, 2));
    const noise = crypto.random(200);
    assert.deepEqual(
      [header(BELLS), header(noise), header(BELLS), header(BELLS)],
      ["2000", "0001", "a002", "2003"],
      "as it is, and then from an empty history",
    );
    for (let i = 0; i < 8192 / 50 - 3; i++) header(BELLS);
    assert.ok(true);
    let front = 0;
    for (let i = 0; i < 400; i++) front += Number.parseInt(header(BELLS).slice(0, 1), 16) & 4 ? 1 : 0;
    assert.ok(front === 2 || front === 3, `${front} times to the front in 400 packets of 50 bytes`);
  });
});
