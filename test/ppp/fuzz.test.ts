// The fuzz target stays runnable: its seeds, and a little of what the runner does with them.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { target } from "../fuzz/ppp.fuzz.ts";
import { runs } from "../runs.ts";

test("seeds, cut and changed, find nothing", () => {
  assert.ok(target.seeds.length >= 7);
  for (const seed of target.seeds) {
    assert.ok(seed.length > 100, "a seed of real packets");
    target.run(seed);
  }
  const seed = fc.constantFrom(...target.seeds);
  fc.assert(
    fc.property(seed, fc.nat(), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }), (s, cut, changes) => {
      const b = s.slice(0, 1 + (cut % s.length));
      for (const [at, v] of changes) b[at % b.length] = v;
      target.run(b);
    }),
    { numRuns: runs(1000) },
  );
});
