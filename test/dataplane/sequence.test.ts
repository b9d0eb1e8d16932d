import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Packet } from "../../src/core/packet.ts";
import { add16 } from "../../src/core/seq.ts";
import { Sequence } from "../../src/dataplane/sequence.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

function rig(): { clock: VirtualClock; seq: Sequence; got: number[]; drops: string[]; push: (n: number) => void } {
  const clock = new VirtualClock();
  const got: number[] = [];
  const drops: string[] = [];
  const seq = new Sequence(
    clock,
    (p) => got.push(((p.view()[0] as number) << 8) | (p.view()[1] as number)),
    (d) => drops.push(d),
  );
  const scratch = Packet.of(new Uint8Array(2));
  const push = (n: number): void => {
    scratch.view().set([n >>> 8, n & 0xff]); // the same memory again and again: what is held must be a copy
    seq.push(n & 0xffff, scratch);
  };
  return { clock, seq, got, drops, push };
}

test("in order goes straight through", () => {
  const { push, got, clock } = rig();
  for (let i = 0; i < 5; i++) push(i);
  assert.deepEqual(got, [0, 1, 2, 3, 4]);
  assert.deepEqual(clock.pending(), []);
});

test("a swapped pair is put in order without waiting", () => {
  const { push, got, clock } = rig();
  for (const i of [0, 2, 1, 3]) push(i);
  assert.deepEqual(got, [0, 1, 2, 3]);
  assert.deepEqual(clock.pending(), []);
});

test("a lost packet delays the next ones by 100 ms at most, and is dropped by name when it comes after all", () => {
  const { push, got, drops, clock } = rig();
  for (const i of [0, 2, 3]) push(i);
  clock.advance(99);
  assert.deepEqual(got, [0]);
  clock.advance(1);
  assert.deepEqual(got, [0, 2, 3]);
  push(1);
  assert.deepEqual(drops, ["l2tp.late"]);
  assert.deepEqual(got, [0, 2, 3]);
});

test("no more than 32 packets are held", () => {
  const { push, got } = rig();
  for (let i = 1; i <= 32; i++) push(i);
  assert.deepEqual(got, []);
  push(33);
  assert.equal(got.length, 33);
});

test("duplicates, held or delivered, are dropped", () => {
  const { push, got, drops } = rig();
  for (const i of [0, 0, 2, 2, 1]) push(i);
  assert.deepEqual(got, [0, 1, 2]);
  assert.deepEqual(drops, ["l2tp.late", "l2tp.duplicate"]);
});

test("a peer that starts its counter again is followed after eight packets in a row", () => {
  const { push, got } = rig();
  for (let i = 0; i < 1000; i++) push(i);
  for (let i = 0; i < 20; i++) push(i);
  assert.deepEqual(got.slice(1000), [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
});

test("a burst of old duplicates does not move the window back", () => {
  const { push, got } = rig();
  for (let i = 0; i < 100; i++) push(i);
  for (let i = 0; i < 100; i++) push(i);
  push(100);
  assert.equal(got.length, 101);
});

test("whatever the network does: no packet twice, none out of order, all when none is later than the bound", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ shift: fc.integer({ min: 0, max: 12 }), copies: fc.integer({ min: 0, max: 2 }) }), {
        maxLength: 120,
      }),
      (plan) => {
        const { push, got, clock } = rig();
        const sent = plan.flatMap((p, i) =>
          Array.from({ length: p.copies }, (_, c) => ({ n: i, at: i + p.shift + c })),
        );
        sent.sort((a, b) => a.at - b.at);
        for (const s of sent) push(s.n);
        clock.advance(1000);
        const expected = new Set(sent.map((s) => s.n));
        assert.deepEqual(
          [...got].sort((a, b) => a - b),
          got,
        );
        assert.equal(new Set(got).size, got.length);
        // With copies 0 nothing forces a give-up before the timer unless 32 are held; a shift of 12 never reaches that.
        assert.deepEqual(new Set(got), expected);
      },
    ),
    { numRuns: 300 },
  );
});

test("the counter wraps", () => {
  const { push, got } = rig();
  let n = 0;
  for (let i = 0; i < 0x10000 + 10; i++, n = add16(n, 1)) push(n);
  assert.equal(got.length, 0x10000 + 10);
  push(n + 1);
  push(n);
  assert.deepEqual(got.slice(-2), [n, n + 1]);
});

test("closing forgets what is held and leaves no timer", () => {
  const { push, got, seq, clock } = rig();
  push(5);
  seq.close();
  clock.advance(1000);
  assert.deepEqual(got, []);
  assert.deepEqual(clock.pending(), []);
});
