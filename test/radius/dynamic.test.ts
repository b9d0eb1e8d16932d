// CoA and Disconnect (RFC 5176): who is heard, what is answered, and that nothing happens twice.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Secret } from "../../src/core/secret.ts";
import { hex } from "../../src/core/text.ts";
import { Attributes } from "../../src/radius/attributes.ts";
import { Dynamic, type Named } from "../../src/radius/dynamic.ts";
import { CODE, readRadius, writeSigned } from "../../src/radius/packet.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { SECRET } from "./double.ts";

const NOW = 1_800_000_000;
function world(allowed = true) {
  const done: string[] = [];
  let now = NOW;
  const server = { name: "a", address: "192.0.2.1", port: 1, acctPort: 1, secret: SECRET, timeoutMs: 1, deadMs: 1 };
  const dynamic = new Dynamic({
    crypto,
    wallClock: () => now * 1000,
    servers: () => [server],
    identifier: "nas",
    allowed,
    find: (n: Named) =>
      n.user === "alice" || n.session === "s1"
        ? { disconnect: () => void done.push("end"), change: (l) => void done.push(JSON.stringify(l)) }
        : null,
  });
  const request = (code: number, attributes: Attributes, secret = SECRET): Uint8Array =>
    writeSigned(crypto, { code, id: 7, secret, attributes });
  const ask = (code: number, attributes: Attributes) => {
    const out = dynamic.input(request(code, attributes), "192.0.2.1");
    if (!out) return null;
    const p = readRadius(out);
    return [p.code, p.attributes.get("Error-Cause")];
  };
  const later = (s: number): void => {
    now += s;
  };
  return { dynamic, done, ask, request, later, server };
}
const fresh = (at = NOW): Attributes => new Attributes().add("Event-Timestamp", at);

describe("a request", () => {
  test("ends a session, or changes what may change", () => {
    const { ask, done } = world();
    assert.deepEqual(ask(CODE.disconnectRequest, fresh().add("User-Name", "alice")), [CODE.disconnectAck, null]);
    const change = fresh().add("User-Name", "alice").add("Session-Timeout", 60).add("Mikrotik-Rate-Limit", "1M/1M");
    assert.deepEqual(ask(CODE.coaRequest, change), [CODE.coaAck, null]);
    assert.deepEqual(done, ["end", '{"sessionTimeout":60,"rate":{"from":1000000,"to":1000000,"text":"1M/1M"}}']);
  });
  for (const [name, code, attributes, cause] of [
    ["about nobody", CODE.disconnectRequest, fresh().add("User-Name", "bob"), 503],
    ["about no session", CODE.disconnectRequest, fresh(), 402],
    ["for another NAS", CODE.disconnectRequest, fresh().add("User-Name", "alice").add("NAS-Identifier", "x"), 403],
    ["that changes an address", CODE.coaRequest, fresh().add("User-Name", "alice").add("Framed-MTU", 1), 401],
    ["that changes nothing", CODE.coaRequest, fresh().add("User-Name", "alice"), 404],
    ["to authorize only", CODE.coaRequest, fresh().add("User-Name", "alice").add("Service-Type", 17), 405],
  ] as const)
    test(`${name}: ${cause}`, () => {
      const { ask, done } = world();
      assert.deepEqual(ask(code, attributes), [code + 2, cause]);
      assert.deepEqual(done, []);
    });
  test("a copy gets the same answer, and changes nothing", () => {
    const { dynamic, request, done } = world();
    const p = request(CODE.disconnectRequest, fresh().add("User-Name", "alice"));
    const first = dynamic.input(p, "192.0.2.1") ?? assert.fail();
    const second = dynamic.input(p, "192.0.2.1") ?? assert.fail();
    assert.equal(hex(first), hex(second));
    assert.deepEqual(done, ["end"]);
  });
  test("that is old, from the future or without a time is silence; by a session's own id it may end that", () => {
    const { ask, done, dynamic } = world();
    for (const at of [NOW - 301, NOW + 301])
      assert.equal(ask(CODE.disconnectRequest, fresh(at).add("User-Name", "alice")), null);
    assert.equal(ask(CODE.disconnectRequest, new Attributes().add("User-Name", "alice")), null);
    assert.equal(ask(CODE.coaRequest, new Attributes().add("Acct-Session-Id", "s1").add("Session-Timeout", 1)), null);
    assert.deepEqual(ask(CODE.disconnectRequest, new Attributes().add("Acct-Session-Id", "s1")), [41, null]);
    assert.deepEqual(done, ["end"]);
    assert.equal(dynamic.counters.get("radius.coa-stale"), 4);
  });
  test("replayed after its answer was forgotten it is old", () => {
    const { dynamic, request, done, later } = world();
    const p = request(CODE.disconnectRequest, fresh().add("User-Name", "alice"));
    dynamic.input(p, "192.0.2.1");
    for (let i = 0; i < 1100; i++)
      dynamic.input(request(CODE.disconnectRequest, fresh().add("User-Name", `x${i}`)), "192.0.2.1");
    later(301);
    assert.equal(dynamic.input(p, "192.0.2.1"), null);
    assert.deepEqual(done, ["end"]);
  });
  test("of a stranger, or of another secret, is silence", () => {
    const { dynamic, request, done } = world();
    const a = fresh().add("User-Name", "alice");
    assert.equal(dynamic.input(request(CODE.disconnectRequest, a), "192.0.2.66"), null);
    assert.equal(dynamic.input(request(CODE.disconnectRequest, a, Secret.of("other")), "192.0.2.1"), null);
    assert.equal(dynamic.input(request(CODE.accessRequest, a), "192.0.2.1"), null);
    assert.deepEqual(dynamic.counters.snapshot(), { "radius.coa-forged": 2, "radius.coa-stranger": 1 });
    assert.deepEqual(done, []);
  });
  test("over TLS needs no time; a server with TLS, whose secret all know, is not heard elsewhere", () => {
    const { dynamic, request, done, server } = world();
    const ends = request(CODE.disconnectRequest, new Attributes().add("User-Name", "alice"));
    assert.equal(dynamic.input(ends, "192.0.2.1"), null);
    assert.ok(dynamic.input(ends, "192.0.2.1", server));
    assert.deepEqual(done, ["end"]);
    Object.assign(server, { tls: () => "" });
    const fresh_ = request(CODE.disconnectRequest, fresh().add("User-Name", "alice"));
    assert.equal(dynamic.input(fresh_, "192.0.2.1"), null);
    assert.equal(dynamic.counters.get("radius.coa-stranger"), 1);
  });
  test("where none is allowed: 406 (RFC 6614 §2.5)", () => {
    const { ask, done } = world(false);
    assert.deepEqual(ask(CODE.disconnectRequest, fresh().add("User-Name", "alice")), [CODE.disconnectNak, 406]);
    assert.deepEqual(done, []);
  });
  test("with any bit changed, or of any bytes, is silence", () => {
    const { dynamic, request, done } = world();
    const p = request(CODE.disconnectRequest, fresh().add("User-Name", "alice"));
    for (let i = 0; i < p.length; i++) {
      const other = p.slice();
      other[i] = (other[i] ?? 0) ^ 4;
      assert.equal(dynamic.input(other, "192.0.2.1"), null, `byte ${i}`);
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (b) => dynamic.input(b, "192.0.2.1") === null));
    assert.deepEqual(done, []);
  });
});
