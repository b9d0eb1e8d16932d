import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { originOf, Waiting } from "../../src/core/waiting.ts";

describe("those who have proved nothing yet", () => {
  const at = (peer: string, network = peer): { peer: string; network: string } => ({ peer, network });
  test("an address is its own peer, a /64 is one, and so is what is no address", () => {
    assert.deepEqual(originOf("192.0.2.9"), { peer: "192.0.2.9/32", network: "192.0.2.0/24" });
    assert.deepEqual(originOf("2001:db8:1:2:3::4"), { peer: "2001:db8:1:2::/64", network: "2001:db8:1::/48" });
    assert.deepEqual(originOf("line modem"), { peer: "line modem", network: "line modem" });
  });
  test("the oldest goes: of the peer, of the network, of all", () => {
    const w = new Waiting<string>({ peer: 2, network: 3, all: 5 });
    assert.deepEqual(
      ["a1", "a2", "b1"].map((x) => w.add(x, at(x.slice(0, 1), "n"))),
      [null, null, null],
    );
    assert.equal(w.add("a3", at("a", "n")), "a1");
    assert.equal(w.add("c1", at("c", "n")), "a2");
    assert.deepEqual([w.add("x", at("x")), w.add("y", at("y"))], [null, null]);
    assert.equal(w.add("z", at("z")), "b1");
    assert.deepEqual([...w.values()], ["a3", "c1", "x", "y", "z"]);
    assert.deepEqual(
      [w.oldest("a"), w.oldest("b"), w.delete("a3"), w.delete("a3"), w.oldest("a"), w.size],
      ["a3", null, true, false, null, 4],
    );
  });
  test("who has many here does not push out who has few", () => {
    const w = new Waiting<string>({ peer: 50, network: 50, all: 10 });
    w.add("honest", at("h"));
    for (let i = 0; i < 100; i++) w.add(`evil ${i}`, at("e"));
    assert.ok(w.has("honest"));
    assert.equal(w.add("newcomer", at("n")), "honest", "one each: the oldest");
    for (let i = 0; i < 100; i++) w.add(`evil again ${i}`, at("e"));
    assert.ok(w.has("newcomer"));
  });
  test("who would have to go for a newcomer: nobody, one of its own or of no more, or one of many", () => {
    const w = new Waiting<string>({ peer: 2, network: 3, all: 4 });
    assert.equal(w.rival(at("a")), null);
    for (const x of ["a1", "a2"]) w.add(x, at("a", "n"));
    assert.equal(w.rival(at("a", "n")), "a1", "of the same peer");
    assert.equal(w.rival(at("b", "n")), null);
    w.add("b1", at("b", "n"));
    assert.equal(w.rival(at("c", "n")), "a1", "of the same network");
    w.add("x", at("x"));
    assert.equal(w.rival(at("y")), null, "one of three goes at once");
    for (const x of ["a1", "a2"]) w.delete(x);
    w.delete("b1");
    for (const x of ["p", "q", "r"]) w.add(x, at(x));
    assert.equal(w.rival(at("y")), "x", "one each: the oldest");
    assert.equal(w.size, 4, "nobody went");
  });
  test("whatever happens, the limits hold, and what was added last is there", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(40), fc.nat(6), fc.nat(2), fc.boolean()), { maxLength: 200, size: "max" }),
        (steps) => {
          const limits = { peer: 3, network: 6, all: 9 };
          const w = new Waiting<number>(limits);
          const where = new Map<number, string>();
          for (const [item, peer, network, drop] of steps) {
            if (drop) {
              assert.equal(w.delete(item), where.delete(item));
              continue;
            }
            const origin = at(`${network}.${peer}`, `${network}`);
            where.delete(item);
            const out = w.add(item, origin);
            if (out !== null) assert.ok(where.delete(out));
            where.set(item, `${network}.${peer}`);
            assert.deepEqual(new Set(w.values()), new Set(where.keys()));
            const of = (f: (p: string) => boolean): number => [...where.values()].filter(f).length;
            assert.ok(
              w.size <= limits.all &&
                of((p) => p === origin.peer) <= limits.peer &&
                of((p) => p.startsWith(`${network}.`)) <= limits.network,
            );
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
