import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { holds } from "../../src/link/networks.ts";
import { PrefixPool } from "../../src/link/prefixes.ts";

const free = (): boolean => true;

test("prefixes come in order, the longest unused first, and a user's own again", () => {
  const p = new PrefixPool("2001:db8::/62", 64);
  const used = new Set<string>();
  const take = (user: string): string | null => {
    const got = p.take(user, (x) => !used.has(x));
    if (got !== null) used.add(got);
    return got;
  };
  assert.deepEqual(["a", "b", "c"].map(take), ["2001:db8::/64", "2001:db8:0:1::/64", "2001:db8:0:2::/64"]);
  used.delete("2001:db8::/64");
  assert.equal(take("d"), "2001:db8:0:3::/64");
  used.delete("2001:db8:0:1::/64");
  assert.equal(take("b"), "2001:db8:0:1::/64");
  assert.deepEqual([take("e"), take("f")], ["2001:db8::/64", null]);
  assert.equal(take("b"), null, "his own is taken, and so are all others");
});
test("every prefix is inside, of the length asked for, and another one", () => {
  const any = fc
    .integer({ min: 1, max: 63 })
    .chain((from) => fc.tuple(fc.constant(from), fc.integer({ min: from, max: 64 })));
  fc.assert(
    fc.property(any, ([from, to]) => {
      const whole = `8000::/${from}`;
      const p = new PrefixPool(whole, to);
      const got = Array.from({ length: Math.min(300, 2 ** (to - from)) }, (_, i) => p.take(`u${i}`, free) ?? "");
      assert.ok(got.every((x) => x.endsWith(`/${to}`) && holds(whole, x)));
      assert.equal(new Set(got).size, got.length);
    }),
    { numRuns: 50 },
  );
});
test("the memory of users, and the search, are bounded", () => {
  const p = new PrefixPool("2001:db8::/32", 64);
  const first = p.take("first", free);
  for (let i = 0; i < 4096; i++) p.take(`u${i}`, free);
  assert.notEqual(p.take("first", free), first);
  let asked = 0;
  assert.equal(
    p.take("x", () => ++asked < 0),
    null,
  );
  assert.equal(asked, 8192);
});
