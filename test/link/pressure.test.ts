// Memory that runs short, and what is said of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../../src/core/events.ts";
import { Pressure } from "../../src/link/pressure.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

test("above nine tenths what is new is refused, counted, and said once a minute; below again not", () => {
  const clock = new VirtualClock();
  const events: Event[] = [];
  const memory = { used: 90_000_000, limit: 100_000_000 };
  const p = new Pressure(clock, { emit: (e) => void events.push(e) }, () => memory);
  assert.equal(p.refuses(), false);
  assert.deepEqual(p.drops(), {});
  memory.used = 90_000_001;
  for (let i = 0; i < 5; i++) assert.equal(p.refuses(), true);
  assert.deepEqual(p.drops(), { "memory.refused": 5 });
  assert.equal(events.length, 1);
  assert.match(JSON.stringify(events[0]), /memory is short: 90 MB of 100 MB are in use/);
  clock.advance(60_000);
  assert.equal(p.refuses(), true);
  assert.equal(events.length, 2);
  memory.used = 80_000_000;
  assert.equal(p.refuses(), false);
  assert.equal(new Pressure(clock, { emit: () => {} }, null).refuses(), false);
});
