import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isoTime } from "../../src/core/date.ts";
import { Backoff } from "../../src/link/backoff.ts";
import { AddressPool } from "../../src/link/pool.ts";

describe("address pool", () => {
  test("order, reserved addresses, exhaustion, the same address again", () => {
    const p = new AddressPool([{ first: "10.0.0.1", last: "10.0.0.4" }], new Set(["10.0.0.2"]));
    assert.deepEqual(
      [p.size, p.take("a"), p.take("b"), p.take("c"), p.take("d")],
      [3, "10.0.0.1", "10.0.0.3", "10.0.0.4", null],
    );
    p.release("10.0.0.3");
    p.release("10.0.0.1");
    assert.equal(p.take("b"), "10.0.0.3");
    assert.equal(p.take("x"), "10.0.0.1");
  });
  test("a fixed address is with one session, and the pool does not give it away meanwhile", () => {
    const p = new AddressPool([{ first: "10.0.0.1", last: "10.0.0.2" }], new Set());
    assert.deepEqual(
      [p.claim("10.0.0.1"), p.claim("10.0.0.1"), p.claim("10.9.9.9"), p.claim("10.9.9.9")],
      [true, false, true, false],
    );
    assert.deepEqual([p.take("a"), p.take("b"), p.used], ["10.0.0.2", null, 3]);
    p.release("10.0.0.1");
    assert.deepEqual([p.take("b"), p.claim("10.0.0.1"), p.claim("10.0.0.2")], ["10.0.0.1", false, false]);
  });
  test("whatever happens, no address is with two sessions", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(9))), (steps) => {
        const p = new AddressPool([{ first: "10.0.0.1", last: "10.0.0.6" }], new Set());
        const held: string[] = [];
        for (const [take, user] of steps) {
          if (take) {
            const ip = p.take(`u${user}`);
            if (ip === null) assert.equal(held.length, 6);
            else {
              assert.ok(!held.includes(ip));
              held.push(ip);
            }
          } else {
            const ip = held.splice(user % (held.length || 1), 1)[0];
            if (ip !== undefined) p.release(ip);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
test("back-off doubles to its maximum, within a quarter, for ever", () => {
  for (const byte of [0, 255]) {
    const b = new Backoff({ random: (n) => new Uint8Array(n).fill(byte) }, 2, 30);
    const want = [2, 4, 8, 16, 30, 30].map((s) => s * 1000 * (byte === 0 ? 0.75 : 1.25));
    assert.deepEqual(
      want.map(() => b.pause(false)),
      want.map(Math.round),
    );
    assert.equal(b.pause(true), Math.round(30_000 * (byte === 0 ? 0.75 : 1.25)));
    b.reset();
    assert.equal(b.pause(false), Math.round(2000 * (byte === 0 ? 0.75 : 1.25)));
  }
});
test("time for people equals Date's own text", () => {
  fc.assert(
    fc.property(fc.nat(4102444800), (s) => {
      assert.equal(isoTime(s * 1000), new Date(s * 1000).toISOString().replace(".000Z", "Z"));
    }),
  );
});
