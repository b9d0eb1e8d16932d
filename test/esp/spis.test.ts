import assert from "node:assert/strict";
import { test } from "node:test";
import { KERNEL_SPIS, Spis } from "../../src/esp/spis.ts";

/** Hands out these numbers, in network order. */
function dice(...rolls: number[]): { random(n: number): Uint8Array; left(): number } {
  return {
    random: (n) => {
      assert.equal(n, 4);
      const v = rolls.shift();
      if (v === undefined) throw new Error("one number too many");
      return Uint8Array.of(v >>> 24, v >>> 16, v >>> 8, v);
    },
    left: () => rolls.length,
  };
}

test("reserved SPIs, promised ones and those in use are passed over", () => {
  const rng = dice(0, 1, 255, 256, 256, 0x7fff_ffff, 0xffff_ffff, 7000, 256, 0x8000_0100, 257);
  const spis = new Spis(rng, (spi) => spi === 7000);
  assert.equal(spis.allocate(), 256);
  assert.equal(spis.allocate(), 0x7fff_ffff);
  assert.equal(spis.allocate(), 257);
  assert.equal(rng.left(), 0);
});

test("the top bit says whose an SPI is", () => {
  const kernel = new Spis(dice(0, 1, 0xffff_ffff), () => false, KERNEL_SPIS);
  assert.deepEqual([kernel.allocate(), kernel.allocate(), kernel.allocate()], [0x8000_0000, 0x8000_0001, 0xffff_ffff]);
});

test("a released SPI may come again, unless an SA has it", () => {
  const used = new Set<number>();
  const spis = new Spis(dice(300, 300, 300, 301), (spi) => used.has(spi));
  assert.equal(spis.allocate(), 300);
  spis.release(300);
  assert.equal(spis.allocate(), 300);
  used.add(300);
  spis.release(300);
  assert.equal(spis.allocate(), 301);
});
