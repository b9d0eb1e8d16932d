// Lazy maps and sets do what Map and Set do, whatever comes and goes.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LazyMap, LazySet } from "../../src/core/lazy.ts";

const KEYS = [0, "", null, undefined, "a", 1, false] as const;
const key = fc.constantFrom(...KEYS);
/** Mostly comings and goings: clear() is rare. */
const steps = fc.array(fc.record({ what: fc.nat(20), key, value: fc.option(fc.nat(3), { nil: undefined }) }));

test("a map is a Map, with its entries in the order in which they came", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const lazy = new LazyMap<unknown, number | undefined>();
      const map = new Map<unknown, number | undefined>();
      for (const { what, key, value } of all) {
        if (what === 0) {
          lazy.clear();
          map.clear();
        } else if (what <= 10) {
          lazy.set(key, value);
          map.set(key, value);
        } else assert.equal(lazy.delete(key), map.delete(key));
        assert.deepEqual([...lazy], [...map]);
        assert.deepEqual([...lazy.keys()], [...map.keys()]);
        assert.deepEqual([...lazy.values()], [...map.values()]);
        assert.equal(lazy.size, map.size);
        for (const k of KEYS) assert.deepEqual([lazy.has(k), lazy.get(k)], [map.has(k), map.get(k)]);
      }
    }),
  );
});

test("a set is a Set", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const lazy = new LazySet<unknown>();
      const set = new Set<unknown>();
      for (const { what, key } of all) {
        if (what === 0) {
          lazy.clear();
          set.clear();
        } else if (what <= 10) {
          lazy.add(key);
          set.add(key);
        } else assert.equal(lazy.delete(key), set.delete(key));
        assert.deepEqual([...lazy], [...set]);
        assert.equal(lazy.size, set.size);
        for (const k of KEYS) assert.equal(lazy.has(k), set.has(k));
      }
    }),
  );
});

test("what is iterated may be taken out meanwhile", () => {
  for (const n of [1, 2, 3]) {
    const map = new LazyMap<number, number>();
    const set = new LazySet<number>();
    for (let i = 0; i < n; i++) {
      map.set(i, i);
      set.add(i);
    }
    const seen: number[] = [];
    for (const k of map.keys()) {
      seen.push(k);
      for (let i = k; i < n; i++) map.delete(i);
    }
    for (const k of set) {
      seen.push(k);
      set.delete(k);
    }
    assert.deepEqual(seen, [0, ...Array(n).keys()], `of ${n} entries`);
    assert.deepEqual([map.size, set.size], [0, 0]);
  }
});
