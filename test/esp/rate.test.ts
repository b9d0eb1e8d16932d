// A call held to a rate: what is within it passes, what is not is dropped and counted, either way.
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat } from "../../src/core/text.ts";
import { type End, end, get, pattern, put, wire } from "./fixture.ts";
import { drop, lib, library } from "./kinds.ts";

/** An IPv4 packet of `length` bytes. */
function packet(length: number): Uint8Array {
  const head = Uint8Array.of(0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2);
  return concat([head, pattern(length - 20)]);
}
/** How many of `n` PPP frames with a packet in them arrive at `r`. */
function arrive(l: End, r: End, n: number, length = 1000, header: readonly number[] = [0x21]): number {
  const [a, b] = [lib.ring(1), lib.ring(1)];
  let got = 0;
  for (let i = 0; i < n; i++) {
    put(a, 0, concat([Uint8Array.from(header), packet(length)]));
    assert.equal(l.fp.txFrames(l.call, a, 1), 1);
    wire(a, b, 1);
    r.fp.rx("udp1701", b, 1);
    if (get(b, 0).body.length > 0) got++;
  }
  return got;
}
const pair = (call: object = {}): [End, End] => [
  end(library(), true, { encap: "clear" }),
  end(library(), false, { encap: "clear", call: { ip: true, ...call } }),
];
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

test("from the peer: what is saved up passes at once, then as much as the rate has", async () => {
  const [l, r] = pair();
  assert.equal(arrive(l, r, 100), 100, "no rate: all");
  r.fp.setCallRate(r.call, 8000, 0); // 1,000 bytes in an eighth of a second, and 16,384 for a super-packet
  const first = arrive(l, r, 100);
  assert.ok(first >= 17 && first <= 20, `${first} at once`);
  assert.equal(drop(r.fp, "rate.in"), 100 - first);
  await pause(500);
  const later = arrive(l, r, 100);
  assert.ok(later >= 3 && later <= 17, `${later} after half a second`);
  r.fp.setCallRate(r.call, 0, 0);
  assert.equal(arrive(l, r, 100), 100);
  assert.equal(r.fp.callCounters(r.call)[0], 200 + first + later, "what was dropped is not counted as received");
  for (const e of [l, r]) e.fp.close();
});
test("frames that visit TypeScript are held to it as well, but for LCP and the like", () => {
  const [l, r] = pair({ allUp: true });
  r.fp.setCallRate(r.call, 1, 0);
  assert.equal(arrive(l, r, 100), 16);
  assert.equal(arrive(l, r, 20, 1000, [0xff, 3, 0xc0, 0x21]), 20);
  assert.equal(arrive(l, r, 20, 1000, [0x80, 0x21]), 20);
  assert.equal(arrive(l, r, 20, 1000, [0x00, 0xfd]), 0, "compressed");
  for (const e of [l, r]) e.fp.close();
});
test("to the peer", () => {
  const [l, r] = pair();
  const ring = lib.ring(1);
  l.fp.setCall(l.call, { ...l.callParams, ip: true, dev: 7 });
  l.fp.addRoute(7, new Uint8Array(4), 0, l.call);
  l.fp.setCallRate(l.call, 0, 1);
  let left = 0;
  for (let i = 0; i < 30; i++) {
    put(ring, 0, packet(1000));
    left += l.fp.tx(7, ring, 1);
  }
  assert.deepEqual([left, drop(l.fp, "rate.out")], [16, 14]);
  assert.throws(() => l.fp.setCallRate(l.call, -1, 0), RangeError);
  assert.throws(() => l.fp.setCallRate(99, 0, 0), RangeError);
  for (const e of [l, r]) e.fp.close();
});
