import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalPorts } from "../../src/link/local-ports.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";

test("two links to one server never have the same port; a port comes back with its link", () => {
  const ports = new LocalPorts(nodeCrypto);
  const first = ports.take("192.0.2.1", 1701);
  assert.equal(first.port, 1701);
  assert.equal(ports.take("192.0.2.2", 1701).port, 1701, "another server");
  const seen = new Set([1701]);
  for (let i = 0; i < 1000; i++) seen.add(ports.take("192.0.2.1", i % 2 === 0 ? 0 : 1701).port);
  assert.equal(seen.size, 1001);
  for (const p of seen) assert.ok(p === 1701 || (p >= 49152 && p <= 65535), String(p));
  first.release();
  assert.equal(ports.take("192.0.2.1", 1701).port, 1701);
});
