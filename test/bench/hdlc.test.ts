// What framing costs; at least 100 MB/s each way: node scripts/test.mjs test/bench/hdlc.test.ts
import assert from "node:assert/strict";
import { test } from "node:test";
import { HdlcDecoder } from "../../src/hdlc/decode.ts";
import { HdlcEncoder } from "../../src/hdlc/encode.ts";

test("framing, MB of frames a second", (t) => {
  const N = 200;
  const packet = Uint8Array.from({ length: 1500 }, (_, i) => (i * 7919 + (i >> 3)) & 0xff);
  let total = 0;
  const decoder = new HdlcDecoder(1500, (p) => {
    total += p.length;
  });
  const encoder = new HdlcEncoder();
  decoder.configure(0);
  encoder.configure(0);
  const out = new Uint8Array(N * encoder.bound(packet.length));
  let best = { tx: 0, rx: 0 };
  for (let round = 0; round < 60; round++) {
    const t0 = process.hrtime.bigint();
    let at = 0;
    for (let i = 0; i < N; i++) at = encoder.write(out, at, packet, false);
    const t1 = process.hrtime.bigint();
    for (let i = 0; i < at; i += 4096) decoder.push(out.subarray(i, Math.min(at, i + 4096)));
    const t2 = process.hrtime.bigint();
    const mb = (N * packet.length) / 1e6;
    best = { tx: Math.max(best.tx, mb / (Number(t1 - t0) / 1e9)), rx: Math.max(best.rx, mb / (Number(t2 - t1) / 1e9)) };
  }
  assert.equal(total, (60 * N - 1) * packet.length); // the first frame of all came without a flag in front
  t.diagnostic(`hdlc: tx ${best.tx.toFixed(0)} MB/s, rx ${best.rx.toFixed(0)} MB/s`);
  assert.ok(best.tx >= 100 && best.rx >= 100);
});
