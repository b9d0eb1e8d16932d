// zlib's streams, compared with node:zlib.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { constants, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { loadFlat, loadNative } from "../../runtime/node/native.ts";

const native = loadNative();
const flat = loadFlat();
const skip = native.inflater(15) === null ? "no libz.so.1" : false;
const TAIL = [0, 0, 0xff, 0xff];

function pair(window = 15) {
  const [d, i] = [native.deflater(window), native.inflater(window)];
  assert.ok(d && i);
  return { d, i };
}
const word = fc.constantFrom("the quick brown fox ", "jumps over ", "10.99.0.1 ", "\0\0\0\0\0\0", "x");
const packet = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 300 }),
  fc.array(word, { minLength: 1, maxLength: 60 }).map((w) => new Uint8Array(Buffer.from(w.join("")))),
);

describe("deflate", { skip }, () => {
  test("packets come out as they went in, some of them past the compression, and zlib itself reads the stream", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(packet, fc.boolean()), { maxLength: 30 }),
        fc.integer({ min: 9, max: 15 }),
        (packets, window) => {
          const { d, i } = pair(window);
          const [into, back] = [new Uint8Array(2000), new Uint8Array(2000)];
          const stream: number[] = [];
          const all: number[] = [];
          for (const [p, plain] of packets) {
            const n = d.deflate(p, into);
            assert.ok(n > 0);
            stream.push(...into.subarray(0, n), ...TAIL);
            all.push(...p);
            if (plain) assert.equal(i.take(p), true);
            else assert.deepEqual(back.subarray(0, i.inflate(into.subarray(0, n), back)), p);
          }
          assert.deepEqual([...inflateRawSync(Uint8Array.from(stream), { finishFlush: constants.Z_SYNC_FLUSH })], all);
          d.close();
          i.close();
        },
      ),
      { numRuns: 60 },
    );
  });
  test("what does not fit is in the history all the same", () => {
    const { d, i } = pair();
    const noises = [1, 2, 3].map((k) =>
      Uint8Array.from({ length: 1400 }, (_, n) => (Math.imul(n * n + k, 2654435761) * (n + k)) >>> 13),
    );
    const noise = noises[2] as Uint8Array;
    const [into, back] = [new Uint8Array(1500), new Uint8Array(1500)];
    for (const [k, room] of [3, 100, 1399].entries())
      assert.equal(d.deflate(noises[k] as Uint8Array, into.subarray(0, room)), -1);
    for (const p of noises) assert.equal(i.take(p), true);
    const n = d.deflate(noise, into);
    assert.ok(n > 0 && n < 60, `${n} bytes for what was seen before`);
    assert.deepEqual(back.subarray(0, i.inflate(into.subarray(0, n), back)), noise);
    i.reset();
    assert.equal(i.inflate(into.subarray(0, n), back), -1, "a history that is not there");
    d.reset();
    i.reset();
    assert.ok(d.deflate(noise, into) > 1000);
  });
  test("a bomb, any bytes and an end of stream are refused", () => {
    const { d } = pair();
    const into = new Uint8Array(200);
    const n = d.deflate(new Uint8Array(60_000), into);
    assert.ok(n > 0);
    for (const room of [1, 1500, 60_000]) assert.equal(pair().i.inflate(into.subarray(0, n), new Uint8Array(room)), -1);
    assert.equal(pair().i.inflate(into.subarray(0, n), new Uint8Array(60_001)), 60_000);
    assert.equal(pair().i.inflate(Uint8Array.of(3, 0), into), -1, "the last block");
    const { i } = pair();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), (b) => {
        assert.ok(i.inflate(b, into) <= 200);
        i.reset();
      }),
      { numRuns: 400 },
    );
  });
  test("wrong arguments are a RangeError", () => {
    const z = flat.zNew(true, 15);
    const y = flat.zNew(false, 9);
    const b = new Uint8Array(4);
    for (const f of [
      () => flat.zNew(false, 8),
      () => flat.zNew(2 as unknown as boolean, 15),
      () => flat.zNew(false, 16),
      () => flat.zRun(99, b, b),
      () => flat.zRun(z, new Uint8Array(65536), b),
      () => flat.zTake(y, b),
      () => flat.zRun(z, b, new Uint8Array(65536)),
      () => flat.zRun(z, 5 as unknown as Uint8Array, b),
    ])
      assert.throws(f, RangeError);
    flat.zClose(z);
    for (const f of [() => flat.zClose(z), () => flat.zReset(z), () => flat.zRun(z, b, b)])
      assert.throws(f, RangeError);
    flat.zClose(y);
  });
});
