import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ReplayWindow } from "../../src/core/replay.ts";

/** The obvious way: remember everything. */
class Model {
  readonly seen = new Set<number>();
  top = 0;
  readonly size: number;
  constructor(size: number) {
    this.size = size;
  }
  fresh(seq: number): boolean {
    return seq > 0 && (seq > this.top || (this.top - seq < this.size && !this.seen.has(seq)));
  }
  mark(seq: number): void {
    this.seen.add(seq);
    this.top = Math.max(this.top, seq);
  }
}

const JUMPS = [0, 1, 2, 31, 32, 33, 63, 64, 65, 1023, 1024, 1025, 1055, 1056, 1057, 2047, 2048, 2049, 5000];

for (const size of [32, 64, 1024, 4096]) {
  test(`replay: window of ${size} agrees with a set of everything seen`, () => {
    const step = fc.tuple(fc.constantFrom(...JUMPS), fc.boolean());
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 0x7fffff00, 0xffff0000), fc.array(step, { maxLength: 80 }), (start, steps) => {
        const w = new ReplayWindow(size);
        const m = new Model(size);
        let at: number = start;
        for (const [jump, back] of steps) {
          const seq = back ? Math.max(0, at - jump) : Math.min(0xffffffff, at + jump);
          assert.equal(w.fresh(seq), m.fresh(seq), `seq ${seq}, top ${m.top}`);
          if (m.fresh(seq)) {
            w.mark(seq);
            m.mark(seq);
          }
          assert.equal(w.top, m.top);
          at = Math.max(at, seq);
        }
      }),
      { numRuns: 300 },
    );
  });
}

test("replay: 0 never, each number once, the last 32-bit number too", () => {
  const w = new ReplayWindow();
  assert.equal(w.fresh(0), false);
  for (const seq of [1, 0xfffffffe, 0xffffffff]) {
    assert.equal(w.fresh(seq), true);
    w.mark(seq);
    assert.equal(w.fresh(seq), false);
  }
  assert.equal(w.fresh(0xffffffff - 1023), true);
  assert.equal(w.fresh(0xffffffff - 1024), false);
});

test("replay: a size that is no multiple of 32 is our mistake", () => {
  for (const size of [0, 31, 33, -32, 1.5, 65568]) assert.throws(() => new ReplayWindow(size), RangeError);
});
