import assert from "node:assert/strict";
import { test } from "node:test";
import { Challenges } from "../../src/core/challenges.ts";

test("open challenges are known by their bytes until they are settled, and are bounded", () => {
  const c = new Challenges();
  const ours = Uint8Array.of(1, 2, 3);
  const same = Uint8Array.of(1, 2, 3);
  c.issue(ours);
  c.issue(Uint8Array.of(4));
  assert.deepEqual(
    [c.has(same), c.has(Uint8Array.of(4)), c.has(Uint8Array.of(1, 2)), c.has(new Uint8Array(0))],
    [true, true, false, false],
  );
  c.settle(same); // another array: not the one that was issued
  assert.equal(c.has(same), true);
  c.settle(ours);
  assert.deepEqual([c.has(same), c.size], [false, 1]);
  for (let i = 0; i < 20_000; i++) c.issue(Uint8Array.of(i >> 8, i));
  assert.equal(c.size, 8192);
  assert.equal(c.has(Uint8Array.of(19_999 >> 8, 19_999)), true);
});
