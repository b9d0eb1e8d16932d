// Whose turn it is: a backup and its main link, on the virtual clock.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Event } from "../../src/core/events.ts";
import { Backup, type Standing, TURNS } from "../../src/link/backup.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

const PHASES = Object.keys(TURNS);

function backup(main: Standing, more = {}) {
  const clock = new VirtualClock();
  const events: Event[] = [];
  const s = { main, turns: 0 };
  const cfg = { name: "spare", fallback_for: "hq", fallback_after: 30, fallback_hold: 60, ...more };
  const b = new Backup(
    { clock, log: { emit: (e) => void events.push(e) } },
    cfg,
    () => s.main,
    () => void s.turns++,
  );
  const is = (standing: Standing): void => {
    s.main = standing;
    b.look();
  };
  const texts = () => events.map((e) => ("text" in e ? e.text : ""));
  return { clock, b, s, is, texts };
}

describe("a backup", () => {
  test("waits while its main link is up; has it been down for 30 s, goes; up for 60 s, waits again", () => {
    const { clock, b, s, is, texts } = backup("up");
    assert.deepEqual([b.text, b.waits], [null, false], "nobody wants it");
    b.begin(false);
    assert.deepEqual([b.waits, b.text, b.left], [true, "waits: hq is up", null]);
    is(null);
    assert.deepEqual([b.waits, b.left], [true, 30_000]);
    clock.advance(29_999);
    assert.deepEqual([b.waits, b.left], [true, 1]);
    clock.advance(1);
    assert.deepEqual([b.waits, b.text, s.turns], [false, "stands in: hq is down", 2]);
    is("up");
    clock.advance(59_999);
    assert.deepEqual([b.waits, s.turns], [false, 2]);
    clock.advance(1);
    assert.deepEqual([b.waits, s.turns], [true, 3]);
    assert.match(b.reason.text, /^hq has been up for 60 s/);
    assert.deepEqual(texts(), [
      "waits: hq is up",
      "waits: hq is down, and has 30 s to come up",
      "stands in: hq is down",
      "stands in: hq is up again, and is to be for 60 s",
      "waits: hq is up",
    ]);
  });
  test("a main link that flaps does not make it flap", () => {
    const { clock, b, s, is } = backup(null);
    b.begin(false);
    for (let i = 0; i < 20; i++) {
      clock.advance(29_000);
      is("up");
      assert.equal(b.waits, true);
      clock.advance(1000);
      is(null);
    }
    clock.advance(30_000);
    assert.equal(b.waits, false);
    const { turns } = s;
    for (let i = 0; i < 20; i++) {
      is("up");
      clock.advance(59_000);
      is(null);
      clock.advance(1000);
      assert.equal(b.waits, false);
    }
    assert.equal(s.turns, turns);
  });
  test("asked for, it goes at once, and stays until its main link has been down and back", () => {
    const { clock, b, is } = backup("up");
    b.begin(false);
    b.ask();
    clock.advance(1_000_000);
    assert.deepEqual([b.waits, b.text], [false, "is wanted now: hq is up too"]);
    is(null);
    assert.equal(b.waits, false);
    is("up");
    clock.advance(60_000);
    assert.equal(b.waits, true);
    for (const main of ["up", null] as const) {
      const other = backup(main);
      other.b.begin(true);
      assert.equal(other.b.waits, false);
    }
    is(null);
    b.ask();
    assert.deepEqual([b.waits, b.text], [false, "stands in: hq is down"], "it need not wait for the 30 s");
  });
  test("its attempts over, it waits until the main link has been up, and goes again after that", () => {
    const { clock, b, is } = backup(null, { fallback_after: 0 });
    b.begin(false);
    clock.advance(0);
    b.spent();
    clock.advance(1_000_000);
    assert.deepEqual([b.waits, b.ready], [true, false]);
    is("up");
    is(null);
    clock.advance(0);
    assert.equal(b.waits, false);
  });
  test("no longer wanted, it has no timer and follows nobody", () => {
    for (const main of ["up", null] as const) {
      const { clock, b, s, is } = backup(main);
      b.begin(false);
      is(null);
      const { turns } = s;
      b.stop();
      for (const x of ["up", null] as const) is(x);
      clock.advance(1_000_000);
      assert.deepEqual([clock.size, s.turns, b.text], [0, turns, null]);
    }
  });
  test("one that is a backup itself and waits is as good as up", () => {
    const { b } = backup("waiting");
    b.begin(false);
    assert.deepEqual([b.waits, b.text], [true, "waits: hq is waiting"]);
  });
  test("each phase is left by what its main link does, or by its time", () => {
    for (const phase of PHASES) {
      if (phase === "off") continue;
      const out = TURNS[phase as keyof typeof TURNS];
      assert.ok(out.up ?? out.down, phase);
      for (const next of Object.values(out)) assert.ok(next !== "off" && PHASES.includes(next), phase);
    }
  });
});
