import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { get16 } from "../../src/core/bytes.ts";
import { ip4Length } from "../../src/packet/ip.ts";
import { clampMss, mssFor } from "../../src/packet/tcp.ts";

/**
 * A TCP SYN with these options, padded, and a right checksum over its own bytes (the pseudo-header is constant, and
 * left out).
 */
function syn(options: readonly number[]): Uint8Array {
  const padded = [...options, ...new Array<number>((4 - (options.length % 4)) % 4).fill(0)];
  const p = new Uint8Array(40 + padded.length);
  p.set([0x45, 0, 0, p.length, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
  p.set(
    [0x12, 0x34, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0, (5 + padded.length / 4) << 4, 2, 0xff, 0xff, 0, 0, 0, 0, ...padded],
    20,
  );
  const sum = ~words(p) & 0xffff;
  p[36] = sum >>> 8;
  p[37] = sum;
  return p;
}
function words(p: Uint8Array): number {
  let sum = 0;
  for (let at = 20; at < p.length; at += 2) sum += get16(p, at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

test("the MSS of a SYN is lowered, at even and odd offsets, and the checksum stays right", () => {
  for (const before of [[], [1], [1, 1], [3, 3, 7], [4, 2, 1]]) {
    const p = syn([...before, 2, 4, 0x05, 0xb4, 1, 3, 3, 7]);
    clampMss(p, 0, p.length, mssFor(1400));
    assert.equal(get16(p, 40 + before.length + 2), 1360);
    assert.equal(words(p), 0xffff);
  }
});

test("what is small already, no SYN, a later fragment, or no TCP is left alone", () => {
  const same = (change: (p: Uint8Array) => void, mss = 1360): void => {
    const p = syn([2, 4, 0x05, 0xb4]);
    change(p);
    const was = p.slice();
    clampMss(p, 0, p.length, mss);
    assert.deepEqual(p, was);
  };
  same(() => {}, 1460);
  same((p) => p.set([0x10], 33));
  same((p) => p.set([1], 7));
  same((p) => p.set([17], 9));
});

test("any options: only MSS and checksum change, nothing outside, no endless loop", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (options) => {
      const p = syn([...options]);
      const length = ip4Length(p, 0, p.length);
      assert.equal(length, p.length);
      clampMss(p, 0, length, 1000);
      assert.equal(words(p) % 0xffff, 0);
    }),
    { numRuns: 1000 },
  );
});

test("lengths of IPv4 packets", () => {
  const p = syn([]);
  assert.equal(ip4Length(p, 0, 40), 40);
  assert.equal(ip4Length(p, 0, 39), 0);
  assert.equal(ip4Length(Uint8Array.from([...p, 0, 0]), 0, 42), 40, "padding does not count");
  p[0] = 0x44;
  assert.equal(ip4Length(p, 0, 40), 0);
  p[0] = 0x65;
  assert.equal(ip4Length(p, 0, 40), 0);
});
