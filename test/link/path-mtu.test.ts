// RFC 8899 over a path that a test makes: which sizes pass, what is lost, when the path changes.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PathMtu } from "../../src/link/path-mtu.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

/** Probes of at most `passes` bytes are answered after `rtt`, but for those that `loses` takes. */
class Path {
  readonly clock = new VirtualClock();
  readonly found: number[] = [];
  readonly sizes: number[] = [];
  passes: number;
  rtt = 50;
  loses: (nth: number) => boolean = () => false;
  readonly mtu: PathMtu;
  constructor(passes: number, largest: number) {
    this.passes = passes;
    this.mtu = new PathMtu(this.clock, "hq", largest, {
      probe: (size, answered) => {
        this.sizes.push(size);
        if (size <= this.passes && !this.loses(this.sizes.length)) this.clock.timer("answer", answered).arm(this.rtt);
      },
      found: (mtu) => this.found.push(mtu),
    });
  }
  get now(): number {
    return this.found.at(-1) ?? 0;
  }
}

describe("the MTU of a path, by probing (RFC 8899)", () => {
  test("a path that carries the largest packets costs one probe, and one every ten minutes", () => {
    const p = new Path(1500, 1400);
    p.clock.advance(1000);
    assert.deepEqual([p.sizes, p.found], [[1400], []]);
    p.clock.advance(3_600_000);
    assert.deepEqual([p.sizes, p.found], [new Array(7).fill(1400), []]);
  });

  test("a black hole: 1280 after three lost probes, then the largest size that passes", () => {
    const p = new Path(1333, 1400);
    p.clock.advance(5900);
    assert.deepEqual([p.sizes, p.found], [[1400, 1400, 1400], []]);
    p.clock.advance(200);
    assert.deepEqual(p.found, [1280]);
    p.clock.advance(60_000);
    assert.deepEqual(p.found, [1280, 1332]);
    assert.ok(p.sizes.length <= 20, `${p.sizes.length} probes`);
  });

  test("every path from 576 on is found to four bytes, within a minute and 30 probes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 576, max: 1500 }), fc.integer({ min: 577, max: 1500 }), (passes, largest) => {
        const p = new Path(passes, largest);
        p.clock.advance(60_000);
        const mtu = p.found.at(-1) ?? largest;
        assert.ok(mtu <= Math.max(passes, 576));
        assert.ok(passes >= largest ? mtu === largest : mtu > passes - 4, `${mtu} of ${passes}`);
        assert.ok(p.sizes.length <= 30, `${p.sizes.length} probes`);
        assert.ok(p.sizes.every((s) => s <= largest));
      }),
    );
  });

  test("lost probes are tried again: a path that loses every second packet keeps its MTU", () => {
    const p = new Path(1500, 1400);
    p.loses = (n) => n % 2 === 1;
    p.clock.advance(3_600_000);
    assert.deepEqual(p.found, []);
  });

  test("a peer that answers no long Echo-Request, or nothing, changes nothing and has ten minutes of peace", () => {
    const p = new Path(100, 1400);
    p.clock.advance(600_000);
    assert.deepEqual([p.found, p.sizes.length], [[], 12]);
  });

  test("the path gets worse, and better: noticed within ten minutes", () => {
    const p = new Path(1500, 1400);
    p.clock.advance(10_000);
    p.passes = 1300;
    p.clock.advance(660_000);
    assert.equal(p.now, 1300);
    p.passes = 700;
    p.clock.advance(660_000);
    assert.ok(p.now > 696 && p.now <= 700, `${p.now}`);
    p.passes = 1500;
    p.clock.advance(660_000);
    assert.equal(p.now, 1400);
  });

  test("answers that are late, or come after the end, are of no account", () => {
    const p = new Path(1300, 1400);
    p.rtt = 3000;
    p.clock.advance(120_000);
    assert.equal(p.now, 1300);
    p.mtu.stop();
    const before = p.sizes.length;
    p.clock.advance(3_600_000);
    assert.equal(p.sizes.length, before);
    assert.equal(p.clock.size, 0);
  });
});
