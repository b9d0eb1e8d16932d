import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DAY, type DayTime, endOf, someFree, timeOfDay } from "../../src/core/daytime.ts";

const at = (h: number, m = 0): number => h * 60 + m;

test("when a time of the day ends, over midnight too, and when one follows the other", () => {
  const night: DayTime[] = [{ from: at(22), to: at(6) }];
  assert.deepEqual(
    [21, 22, 23, 0, 5, 6].map((h) => endOf(night, at(h))),
    [null, 360, 360, 360, 360, null],
  );
  const row: DayTime[] = [
    { from: at(1), to: at(2) },
    { from: at(2), to: at(3) },
    { from: at(20), to: DAY },
  ];
  assert.deepEqual(
    [0, 1, 2, 3, 20].map((h) => endOf(row, at(h))),
    [null, 180, 180, null, 0],
  );
  assert.equal(
    endOf(
      [
        { from: 0, to: at(12) },
        { from: at(12), to: DAY },
      ],
      at(5),
    ),
    -1,
  );
  assert.deepEqual([timeOfDay(0), timeOfDay(at(22, 5))], ["00:00", "22:05"]);
});
test("as a list of all minutes has it", () => {
  const time = fc
    .tuple(fc.nat(DAY - 1), fc.integer({ min: 0, max: DAY }))
    .filter(([a, b]) => a !== b)
    .map(([from, to]) => ({ from, to }));
  fc.assert(
    fc.property(fc.array(time, { maxLength: 4 }), fc.nat(DAY - 1), (times, minute) => {
      const held = new Uint8Array(DAY);
      for (const t of times) for (let m = t.from; m !== t.to % DAY || m === t.from; m = (m + 1) % DAY) held[m] = 1;
      let expect: number | null = null;
      if (held[minute]) {
        expect = -1;
        for (let i = 1; i < DAY && expect < 0; i++) if (!held[(minute + i) % DAY]) expect = (minute + i) % DAY;
      }
      assert.equal(endOf(times, minute), expect);
      assert.equal(someFree(times), held.includes(0));
    }),
    { numRuns: 200 },
  );
});
