// A secret is the bytes that the user wrote, or a fault names its line.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { load } from "../../src/config/load.ts";
import { faultLine } from "../../src/config/section.ts";
import { loadUci } from "../../src/config/uci-load.ts";
import { runs } from "../runs.ts";
import { tunnel } from "./interfaces.ts";

const FILE = (raw: string): string => `[interface hq]\nproto = l2tpsec\nserver = a\npsk = ${raw}\n`;
/** The key as it was read, or its fault. */
function read(raw: string): string {
  const r = load(FILE(raw));
  return r.ok
    ? `=${tunnel(r.config).psk?.use((b) => Buffer.from(b).toString()) ?? ""}`
    : r.faults.map((f) => faultLine("f", f)).join("\n");
}

/** What the rules say of a value, its outer spaces gone. */
function body(t: string): string | undefined {
  if (t.startsWith('"')) return /^"((?:\\.|[^"\\])*)"/.exec(t)?.[1]?.replace(/\\(["\\])/g, "$1");
  if (t.startsWith("'")) return t.split("'")[1];
  const plain = /^(?:\\.|[^\\;#]|\\$)*/.exec(t)?.[0];
  return plain?.replace(/\\([\\;#])/g, "$1").replace(/ +$/, "");
}

describe("values of the INI file", () => {
  for (const [raw, want] of [
    ["'12345678901234567890'", "12345678901234567890"],
    ["'1.0'", "1.0"],
    ["'null'", "null"],
    ["null", "null"],
    ["'\"x\"'", '"x"'],
    ["'a\\nb'", "a\\nb"],
    ["'a;b # c'", "a;b # c"],
    ['"a;b # \\"c\\" \\\\ \\u00e9"', 'a;b # "c" \\ é'],
    ['" a "  ; why', " a "],
    ["'a' # it's", "a"],
    ["abc ; why", "abc"],
    ["abc\t# why", "abc"],
    ["a\\;b\\#c\\\\d\\e", "a;b#c\\d\\e"],
    ["a\\\\ ; why", "a\\"],
    ["a\\", "a\\"],
    ['a"b"', 'a"b"'],
    ["it's", "it's"],
    ["a=b=[c]", "a=b=[c]"],
  ] as const)
    test(`${raw} is ${want}`, () => assert.equal(read(raw), `=${want}`));

  for (const raw of [
    '"a\\d"',
    '"a',
    "'a",
    '"a"b',
    "'it's'",
    '"a" "b"',
    "'a'b'",
    "a;b",
    "a#b",
    "a\\\\;b",
    "abc #def",
    "abc ;",
    ";abc",
    "#abc",
    '"a\tb"',
    "abc\u00a0",
    "a\ufffdb",
    '"a\\ud800"',
  ]) {
    test(`${JSON.stringify(raw)} is a fault with its line, without the value`, () => {
      assert.match(read(raw), /^f:4 interface hq\.psk: /);
      assert.ok(!read(raw).includes(raw));
    });
  }

  test("any secret, by any of the rules that can hold it, is read back byte for byte", () => {
    const printable = fc
      .string({
        unit: fc.oneof(
          { weight: 3, arbitrary: fc.constantFrom(..."\"';#\\ =[]\tnu01") },
          { weight: 3, arbitrary: fc.string({ minLength: 1, maxLength: 1 }) },
          { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }) },
        ),
        minLength: 1,
        maxLength: 24,
      })
      .filter((s) => ![...s].some((c) => c < " " && c !== "\t") && !s.includes("\ufffd"));
    fc.assert(
      fc.property(printable, (s) => {
        if (!s.includes("\t")) assert.equal(read(`"${s.replace(/[\\"]/g, "\\$&")}"`), `=${s}`);
        if (!s.includes("'")) assert.equal(read(`'${s}'`), `=${s}`);
        if (s.trim() === s && !/^["']/.test(s)) assert.equal(read(s.replace(/[\\;#]/g, "\\$&")), `=${s}`);
      }),
      { numRuns: runs(2000) },
    );
  });
  test("any value at all: what the rules say, or a fault", () => {
    const raw = fc.string({ unit: fc.constantFrom(..."\"';#\\ a1"), maxLength: 10 });
    fc.assert(
      fc.property(raw, (s) => {
        const r = read(s);
        if (!r.startsWith("=")) return;
        const t = s.replace(/^ +| +$/g, "");
        assert.equal(r, `=${body(t)}`);
      }),
      { numRuns: runs(3000) },
    );
  });
});

describe("names that objects have by themselves", () => {
  for (const text of [
    "[constructor x]",
    "[__proto__ x]",
    "[__proto__]",
    "[toString]",
    "[interface __proto__]\nproto = l2tpsec\nserver = a\npsk = b",
    "[server __proto__]",
  ]) {
    test(`${text.split("\n")[0]}: a fault`, () => {
      const r = load(text);
      assert.ok(!r.ok && r.faults[0]?.line === 1, JSON.stringify(r));
    });
  }
  for (const key of [
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "toString",
    "psk[]",
    "routes[]",
    "psk.x",
    "__proto__.polluted",
  ]) {
    test(`the key ${key}: a fault`, () => {
      const r = load(`[interface hq]\nproto = l2tpsec\nserver = a\npsk = b\n${key} = x\n`);
      assert.ok(!r.ok);
      assert.deepEqual(
        r.faults.map((f) => [f.line, f.where]),
        [[5, `interface hq.${key}`]],
      );
      assert.match(r.faults[0]?.why ?? "", /^unknown option/);
      if (!/^\w+$/.test(key)) return;
      const u = loadUci([
        { name: "network", path: "network", text: "" },
        {
          name: "l2tpsec",
          path: "l2tpsec",
          text: `config server s\n option local_ip 10.1.1.1\n option psk x\n option ${key} x\n`,
        },
      ]);
      assert.deepEqual(
        u.faults.map((f) => [f.where, f.why]),
        [[`l2tpsec.s.${key}`, "unknown option"]],
      );
      const n = loadUci([
        {
          name: "network",
          path: "network",
          text: `config interface hq\n option proto l2tpsec\n option server a\n option psk x\n option ${key} x\n`,
        },
      ]);
      // One that looks like an option of ours is refused; what others may have put into this file is told.
      assert.deepEqual(
        [n.faults.length, n.warnings.length, n.config.interfaces.length],
        key === "__proto__" ? [1, 0, 0] : [0, 1, 1],
      );
    });
  }
  test("UCI: a section of such a kind or name", () => {
    const faults = (name: "network" | "l2tpsec", text: string): string[] =>
      loadUci([{ name, path: name, text }]).faults.map((f) => `${f.where}: ${f.why}`);
    assert.deepEqual(faults("l2tpsec", "config constructor 'x'\n"), [
      'l2tpsec.x: unknown kind of section "constructor"',
    ]);
    assert.deepEqual(
      faults("network", "config interface '__proto__'\n option proto l2tpsec\n option server a\n option psk x\n"),
      ["network.__proto__: invalid name"],
    );
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });
  test("a serial line has its own options, however its proto is written", () => {
    for (const proto of ["nasdial", "'nasdial'", '"nasdial"', "nasdial ; a modem"]) {
      const r = load(`[interface m]\nproto = ${proto}\ndevice = /dev/ttyUSB0\nphone = 1\n`);
      assert.ok(r.ok && r.config.interfaces[0]?.proto === "nasdial", `${proto}: ${JSON.stringify(r)}`);
    }
  });
});

test("UCI: any text is a configuration or faults; any secret in its quotes is read back", () => {
  const secret = fc.string({ unit: fc.constantFrom(..."\"'#;\\ a\t$"), minLength: 1, maxLength: 12 });
  const text = (word: string): string =>
    `config interface hq\n option proto l2tpsec\n option server a\n option psk ${word}\n`;
  fc.assert(
    fc.property(secret, (s) => {
      for (const word of [`"${s.replace(/[\\"]/g, "\\$&")}"`, `'${s.replaceAll("'", "'\\''")}'`]) {
        const r = loadUci([{ name: "network", path: "network", text: text(word) }]);
        assert.equal(
          tunnel(r.config).psk?.use((b) => Buffer.from(b).toString()),
          s,
        );
      }
    }),
    { numRuns: runs(1000) },
  );
  const word = fc.constantFrom(
    "config",
    "interface",
    "server",
    "option",
    "list",
    "proto",
    "l2tpsec",
    "nasdial",
    "psk",
    "routes",
    "__proto__",
    "constructor",
    "'",
    '"',
    "\n",
    "\\",
    "#",
    "x",
  );
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 40 }),
      (a) =>
        void loadUci([
          { name: "network", path: "n", text: a.join(" ") },
          { name: "l2tpsec", path: "l", text: a.join(" ") },
        ]),
    ),
    { numRuns: runs(2000) },
  );
});
