import assert from "node:assert/strict";
import { test } from "node:test";
import { type Failure, type FailureCode, failureCodes } from "../../src/core/failures.ts";
import { Failures } from "../../src/link/failures.ts";

const why = (code: FailureCode, text: string = code): Failure => ({ layer: "ike", code, text });

test("the last failure of each peer and code, how often, and the latest first", () => {
  let now = 0;
  const f = new Failures(() => now);
  f.note("192.0.2.1", why("psk-mismatch"));
  now = 60_000;
  f.note("192.0.2.2", why("no-proposal", "they offer 3des"));
  f.note("192.0.2.1", why("psk-mismatch", "again"));
  assert.deepEqual(f.list(), [
    { peer: "192.0.2.1", at: "1970-01-01T00:01:00Z", count: 2, layer: "ike", code: "psk-mismatch", text: "again" },
    {
      peer: "192.0.2.2",
      at: "1970-01-01T00:01:00Z",
      count: 1,
      layer: "ike",
      code: "no-proposal",
      text: "they offer 3des",
    },
  ]);
});

test("bounded: a flood from foreign addresses, one peer, one network displace only their own entries", () => {
  const f = new Failures(() => 0);
  for (let i = 0; i < 8; i++) f.note(`10.0.${i}.1`, why("psk-mismatch"));
  for (let i = 0; i < 5000; i++) f.note(`198.51.${i >> 8}.${i & 255}`, why("no-proposal", "x".repeat(5000)), false);
  for (let i = 0; i < 100; i++) f.note("203.0.113.9", why(failureCodes()[i] as FailureCode));
  for (let i = 0; i < 100; i++) f.note(`203.0.113.${i}`, why("psk-mismatch"));
  const list = f.list();
  assert.ok(list.length <= 48);
  assert.equal(list.filter((x) => x.peer.startsWith("10.0.")).length, 8);
  assert.equal(list.filter((x) => x.peer.startsWith("203.0.113.")).length, 16);
  assert.ok(list.every((x) => x.text.length <= 1000));
});
