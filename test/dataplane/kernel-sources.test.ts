// Users' sources in the kernel plane, against the look-up that the userspace plane decides by.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { numberToIp4, parsePrefix } from "../../src/core/addr.ts";
import { host, Sources } from "../../src/dataplane/kernel/sources.ts";
import { ipBytes } from "../../src/dataplane/ring.ts";
import { encodeFilter } from "../../src/linux/ppp-filter.ts";
import { PrefixTable } from "../../src/packet/prefixes.ts";
import { inbound, passes } from "../linux/bpf.ts";

test("the longest prefix says whose a source is, as in userspace", () => {
  // few bits, so that prefixes meet
  const prefix = fc.tuple(fc.constantFrom(0, 8, 14, 15, 16, 31, 32), fc.integer({ min: 0, max: 7 }), fc.boolean());
  fc.assert(
    fc.property(fc.array(fc.tuple(prefix, fc.integer({ min: 0, max: 2 })), { maxLength: 12 }), (all) => {
      const sources = new Sources<number>();
      const table = new PrefixTable<number>();
      for (const [[length, bits, low], owner] of all) {
        const text = `${numberToIp4(((10 << 24) | (bits << 15) | Number(low)) >>> 0)}/${length}`;
        const p = parsePrefix(text) ?? assert.fail();
        if (table.has(p)) assert.throws(() => sources.add(owner, [text]), /another session has it/);
        else {
          sources.add(owner, [text]);
          table.add(p, owner);
        }
      }
      for (let bits = 0; bits < 16; bits++) {
        const address = numberToIp4(((10 << 24) | ((bits >> 1) << 15) | (bits & 1)) >>> 0);
        for (const owner of [0, 1, 2]) {
          const program = encodeFilter({ mark: null, sources: sources.of(owner) }) ?? assert.fail();
          assert.equal(passes(program, inbound(address)), table.lookup(ipBytes(address)) === owner, address);
        }
      }
    }),
  );
});

test("who has a network around another's is told apart again when that one comes and goes", () => {
  const s = new Sources<string>();
  s.add("site", ["10.99.0.2", "10.2.0.0/16", "fd00:2::/48"]);
  assert.deepEqual([...s.around("site")], []);
  s.add("guest", ["10.2.3.4", "fd00:2::9"]);
  assert.deepEqual([...s.around("guest")], ["site"]);
  assert.deepEqual([...s.around("site")], []);
  assert.deepEqual(
    s.of("site").map((x) => [x.length, x.pass]),
    [
      [128, false],
      [48, true],
      [32, true],
      [32, false],
      [16, true],
    ],
  );
  s.remove("guest");
  assert.equal(
    s.of("site").every((x) => x.pass),
    true,
  );
  s.add("guest", ["10.2.3.4"]);
  assert.throws(() => s.add("third", ["10.7.0.1", "10.2.3.4/32"]), /10\.2\.3\.4\/32 to a second user/);
  s.add("third", ["10.7.0.1"]);
  assert.deepEqual(host("fe80::1"), { address: ipBytes("fe80::1"), length: 128, pass: true });
});
