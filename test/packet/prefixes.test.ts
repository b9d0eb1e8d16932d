import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatIp, type Prefix, parseIp, parsePrefix } from "../../src/core/addr.ts";
import { PrefixTable } from "../../src/packet/prefixes.ts";

const net = (s: string): Prefix => parsePrefix(s) ?? assert.fail(s);
const ip = (s: string): Uint8Array => parseIp(s) ?? assert.fail(s);

const covers = (p: Prefix, a: Uint8Array): boolean => parsePrefix(`${formatIp(a)}/${p.length}`)?.address === p.address;

describe("prefix table", () => {
  test("the longest prefix wins; IPv4 and IPv6 never meet", () => {
    const t = new PrefixTable<string>();
    for (const p of ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "::/0", "a00::/8"])
      assert.ok(t.add(net(p), p));
    assert.deepEqual(
      ["10.1.2.3", "10.1.2.4", "10.2.0.1", "192.0.2.1", "a00::1", "b00::1"].map((a) => t.lookup(ip(a))),
      ["10.1.2.3", "10.1.0.0/16", "10.0.0.0/8", "0.0.0.0/0", "a00::/8", "::/0"],
    );
  });
  test("the same prefix twice is refused, and the first one stays", () => {
    const t = new PrefixTable<number>();
    assert.equal(t.add(net("10.0.0.0/8"), 1), true);
    assert.equal(t.add(net("10.9.9.9/8"), 2), false);
    assert.deepEqual([t.get(net("10.0.0.0/8")), t.lookup(ip("10.1.1.1"))], [1, 1]);
    assert.deepEqual(
      [t.delete(net("10.0.0.0/9")), t.delete(net("10.0.0.0/8")), t.delete(net("10.0.0.0/8"))],
      [false, true, false],
    );
    assert.equal(t.lookup(ip("10.1.1.1")), undefined);
  });
  test("no address of other sizes", () => {
    assert.throws(() => new PrefixTable<number>().lookup(new Uint8Array(5)), RangeError);
  });
  test("any prefixes, added and removed: the answer of a plain walk", () => {
    const address = fc
      .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
      .map((b) => b.map((x) => x & 0x81));
    const prefix = fc.tuple(address, fc.nat()).map(([b, n]) => net(`${formatIp(b)}/${n % (b.length * 8 + 1)}`));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(prefix, fc.boolean()), { maxLength: 24 }),
        fc.array(address, { minLength: 1, maxLength: 8 }),
        (steps, asked) => {
          const t = new PrefixTable<string>();
          const model = new Map<string, Prefix>();
          for (const [p, add] of steps) {
            const key = `${p.address}/${p.length}`;
            assert.equal(add ? t.add(p, key) : t.delete(p), add !== model.has(key));
            if (add) model.set(key, p);
            else model.delete(key);
          }
          assert.deepEqual([...t.values()].sort(), [...model.keys()].sort());
          for (const a of asked) {
            let best: string | undefined;
            let length = -1;
            for (const [key, p] of model) if (p.length > length && covers(p, a)) [best, length] = [key, p.length];
            assert.equal(t.lookup(a), best);
          }
        },
      ),
    );
  });
});
