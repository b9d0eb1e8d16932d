import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { canonicalIp, formatIp, ip4ToNumber, numberToIp4, parseIp, parsePrefix } from "../../src/core/addr.ts";
import { Reader, Writer } from "../../src/core/bytes.ts";
import { Counters } from "../../src/core/counters.ts";
import { DecodeError } from "../../src/core/errors.ts";
import { line, quote } from "../../src/core/events.ts";
import { Machine } from "../../src/core/fsm.ts";
import { Packet } from "../../src/core/packet.ts";
import { randomId16 } from "../../src/core/rng.ts";
import { Secret } from "../../src/core/secret.ts";
import { add16, add32, diff16 } from "../../src/core/seq.ts";
import { concat, fromUtf8, hex, sameBytes, unhex, utf8, utf16le } from "../../src/core/text.ts";
import { inQuotes, listed } from "../../src/core/words.ts";

describe("text", () => {
  test("UTF-8 equals the host's, both ways, for any bytes and any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (s) => {
        assert.deepEqual(utf8(s), new Uint8Array(new TextEncoder().encode(s)));
        assert.equal(fromUtf8(utf8(s)), s);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (b) => {
        const mine = fromUtf8(b);
        const host = new TextDecoder("utf-8", { ignoreBOM: true }).decode(b);
        // Where the input is broken, the host may write one U+FFFD for several bytes; the rest must be the same.
        assert.equal(mine.replace(/\ufffd+/g, "?"), host.replace(/\ufffd+/g, "?"));
      }),
      { numRuns: 3000 },
    );
    assert.equal(fromUtf8(utf8("\ud800x")), "\ufffdx");
  });
  test("hex, UTF-16, concat, equality", () => {
    assert.deepEqual(unhex("00ff7F"), Uint8Array.of(0, 255, 127));
    assert.equal(hex(Uint8Array.of(0, 255, 127)), "00ff7f");
    for (const bad of ["0", "0g", " 00"]) assert.equal(unhex(bad), null);
    assert.equal(hex(utf16le("Aé")), "4100e900");
    assert.equal(hex(concat([Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)])), "010203");
    assert.ok(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)));
    for (const b of [[1, 3], [1], [1, 2, 3]]) assert.ok(!sameBytes(Uint8Array.of(1, 2), Uint8Array.from(b)));
  });
});

describe("addresses", () => {
  test("canonical text (RFC 5952 §4 and §5)", () => {
    const table = [
      ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
      ["2001:0DB8::0001", "2001:db8::1"],
      ["::", "::"],
      ["::1", "::1"],
      ["1::", "1::"],
      ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
      ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
      ["::ffff:1.2.3.4", "::ffff:102:304"],
      ["10.0.0.1", "10.0.0.1"],
    ];
    for (const [a, b] of table) assert.equal(canonicalIp(a as string), b);
    for (const bad of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "01.2.3.4",
      "256.1.1.1",
      "1:2",
      ":::",
      "1::2::3",
      "1:2:3:4:5:6:7:8:9",
      "12345::",
      "::1%eth0",
      "[::1]",
      "1.2.3.4/8",
      "1:2:3:4:5:6:7::8",
    ]) {
      assert.equal(canonicalIp(bad), null, bad);
    }
  });
  test("any bytes round trip, any text is an address or null", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })),
        (b) => assert.deepEqual(parseIp(formatIp(b)), b),
      ),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("1", "f", ":", ".", "0", "/") }), (s) => void parsePrefix(s)),
    );
    fc.assert(fc.property(fc.nat(0xffffffff), (n) => assert.equal(ip4ToNumber(numberToIp4(n)), n)));
  });
  test("prefixes", () => {
    assert.deepEqual(parsePrefix("10.2.3.4/15"), { address: "10.2.0.0", length: 15 });
    assert.deepEqual(parsePrefix("2001:db8::1/33"), { address: "2001:db8::", length: 33 });
    assert.deepEqual(parsePrefix("10.0.0.1"), { address: "10.0.0.1", length: 32 });
    for (const bad of ["10.0.0.0/33", "::/129", "10.0.0.0/", "/8", "10.0.0.0/-1"])
      assert.equal(parsePrefix(bad), null, bad);
  });
});

describe("bytes", () => {
  test("a reader never reads past its parent", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 30 }),
        fc.array(fc.tuple(fc.constantFrom("u8", "u16", "u32", "bytes", "sub"), fc.integer({ min: -3, max: 12 }))),
        (b, ops) => {
          const around = new Uint8Array(b.length + 40); // its neighbours' bytes are there to be read
          around.set(b, 20);
          const r = new Reader(around, 20, 20 + b.length);
          for (const [op, n] of ops) {
            const left = r.left;
            try {
              if (op === "bytes") r.bytes(n, "x");
              else if (op === "sub") assert.equal(r.sub(n, "x").left, n);
              else r[op as "u8" | "u16" | "u32"]("x");
              assert.ok(r.left <= left && r.left >= 0);
            } catch (e) {
              assert.ok(e instanceof DecodeError);
              assert.equal(r.left, left, "a failed read takes nothing");
            }
          }
        },
      ),
    );
  });
  test("writer: both kinds, patches, sizes", () => {
    const w = new Writer();
    for (let i = 0; i < 300; i++) w.u32(0xfffffff0 + (i & 15));
    assert.equal(w.done().length, 1200);
    assert.equal(new Reader(w.done(), 4 * 299).u32("x"), 0xfffffffb);
    const s = new Writer();
    s.sized16(0x8000, s.at, () => s.bytes(Uint8Array.of(1, 2, 3)));
    assert.equal(hex(s.done()), "8005010203");
    assert.throws(() => new Writer(new Uint8Array(1)).u16(0), RangeError);
    assert.throws(() => s.patch16(4, 0), RangeError);
  });
  test("packet: headroom and tailroom", () => {
    const p = Packet.of(Uint8Array.of(1, 2, 3));
    p.mem[p.push(1)] = 9;
    p.mem[p.put(1)] = 8;
    assert.deepEqual([...p.view()], [9, 1, 2, 3, 8]);
    assert.ok(p.pull(2));
    assert.ok(!p.pull(4));
    assert.throws(() => p.push(1000), RangeError);
    assert.throws(() => p.put(1000), RangeError);
    assert.throws(() => new Packet(new Uint8Array(4), 3, 2), RangeError);
  });
});

test("serial numbers wrap", () => {
  assert.deepEqual([diff16(1, 0xffff), diff16(0xffff, 1), diff16(0x8000, 0), add16(0xffff, 2)], [2, -2, -0x8000, 1]);
  assert.equal(add32(0xffffffff, 2), 1);
});
test("random ids are never zero and never taken", () => {
  const bytes = [0, 0, 0, 5, 0, 6];
  assert.equal(
    randomId16({ random: () => Uint8Array.from(bytes.splice(0, 2)) }, (id) => id === 5),
    6,
  );
});
test("events: one line whatever the peer called itself", () => {
  const s = line({
    kind: "l2tp.tunnel-up",
    link: "vpn0",
    tunnel: 7,
    peerTunnel: 8,
    peerHost: 'x\n<script>"\u202e',
    peerVendor: "",
  });
  assert.equal(s, 'info vpn0: l2tp.tunnel-up tunnel=7 peerTunnel=8 peerHost="x\\n<script>\\"\\u202e" peerVendor=""');
  fc.assert(fc.property(fc.string({ unit: "binary" }), (t) => assert.match(quote(t), /^[\x20-\x7e]*$/)));
});
test("events: what a peer chose is cut, our own sentence is not, and no line is endless", () => {
  const all = Array.from({ length: 40 }, (_, i) => `aes256-sha${i}-modp2048`).join(" ");
  assert.ok(
    line({
      kind: "ike.failed",
      link: "lns",
      peer: "192.0.2.1",
      code: "no-proposal",
      text: `the peer offers ${all}`,
    }).endsWith(`${all}"`),
  );
  const host = line({
    kind: "l2tp.tunnel-up",
    link: "a",
    tunnel: 7,
    peerTunnel: 8,
    peerHost: "h".repeat(10_000),
    peerVendor: "",
  });
  assert.ok(host.includes(`peerHost="${"h".repeat(128)}" `));
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 5000 }), (t) => {
      const s = line({ kind: "link.down", link: "a", layer: "ppp", code: "x", text: `${t}${t}${t}` });
      assert.ok(s.length <= 2000 && /^[\x20-\x7e]*$/.test(s), s);
    }),
  );
});
test("a peer's words in a sentence: cut, one line, and within their quotes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 400 }), (t) =>
      assert.match(inQuotes(t), /^"[^"\p{C}]{0,256}"$/u),
    ),
  );
  assert.equal(inQuotes(`a"\n\u202eb${"c".repeat(10_000)}`), `"a' b${"c".repeat(124)}"`);
  assert.equal(listed(["a", "b"]), "a b");
  assert.equal(listed(["aaaa", "bbbb", "cccc"], 11), "aaaa bbbb and 1 more");
  assert.ok(listed(Array.from({ length: 5000 }, () => "aes256-sha256-modp2048")).length < 850);
});
test("secrets do not print", () => {
  const s = Secret.of("hunter2");
  for (const t of [
    `${s}`,
    JSON.stringify({ s }),
    inspect({ s }),
    inspect(s, { showHidden: true, depth: 9 }),
    String(Object.values(s)),
  ])
    assert.doesNotMatch(t, /hunter2|104/);
  assert.ok(s.equals(Secret.of("hunter2")) && !s.equals(Secret.of("hunter3")));
  s.wipe();
  assert.ok(s.use((b) => b.every((x) => x === 0)));
});
test("a comparison of secrets looks at every byte, wherever the difference is", () => {
  const looked = (at: number): number => {
    let reads = 0;
    const a = new Proxy(new Uint8Array(32), {
      get: (t, k) => {
        if (k === "length") return t.length;
        reads++;
        return t[Number(k)];
      },
    });
    assert.equal(sameBytes(a, new Uint8Array(32).fill(1, at, at + 1)), at === 32);
    return reads;
  };
  assert.deepEqual([0, 1, 16, 31, 32].map(looked), [32, 32, 32, 32, 32]);
});
test("counters", () => {
  const c = new Counters<"a" | "b">();
  c.bump("b");
  c.bump("a", 2);
  assert.deepEqual(Object.entries(c.snapshot()), [
    ["a", 2],
    ["b", 1],
  ]);
});
test("machine: rows, run to completion, unlisted pairs, duplicate rows", () => {
  const log: string[] = [];
  const m: Machine<"x" | "y", "go" | "back", "say" | "raise", null, string[]> = new Machine(log, "x", {
    rules: [
      ["x", "go", ["raise", "say"], "y"],
      ["y", "back", ["say"], "x"],
    ],
    acts: { say: (l) => void l.push(m.state), raise: () => m.on("back", null) },
    unlisted: (l, s, e) => void l.push(`unlisted ${s} ${e}`),
  });
  m.on("go", null);
  m.on("back", null);
  assert.deepEqual(log, ["y", "x", "unlisted x back"]);
  assert.throws(
    () =>
      new Machine(null, "x", {
        rules: [
          ["x", "go", [], "x"],
          ["x", "go", [], "x"],
        ],
        acts: {},
        unlisted: () => {},
      }),
    /two rules/,
  );
});
