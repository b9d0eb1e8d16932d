// The bytecode's packing: pack.c against unpack.c, both built with sanitizers here.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { endianness, tmpdir } from "node:os";
import { after, test } from "node:test";
import fc from "fast-check";

const dir = mkdtempSync(`${tmpdir()}/l2tpsec-pack-`);
after(() => rmSync(dir, { recursive: true }));
const SOURCES = {
  pack: ["pack", "layout", "coder", "matches"],
  unpack: ["unpack", "layout"],
  split: ["split", "join", "layout"],
};
const engine = spawnSync("sh", ["scripts/quickjs"], { encoding: "utf8" });
const builds = Object.entries(SOURCES).map(([name, sources]) =>
  spawnSync(
    "cc",
    [
      "-O2",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-fsanitize=address,undefined",
      "-fno-sanitize-recover",
      "-isystem",
      engine.stdout.trim(),
      "-o",
      `${dir}/${name}`,
      `test/build/${name}-main.c`,
      ...sources.map((f) => `src/runtime/quickjs/${f}.c`),
    ],
    { encoding: "utf8" },
  ),
);
const missing = [
  ...(builds.some((b) => b.error) ? ["no C compiler"] : []),
  ...(engine.status === 0 ? [] : [engine.stderr.trim()]),
  ...(endianness() === "LE" ? [] : ["the test's own format is little-endian"]),
];
const skip = missing.length > 0 && missing.join("; ");

/** What a program makes of each block; null: no. */
function through(program: string, blocks: readonly Uint8Array[]): (Buffer | null)[] {
  for (const b of builds) assert.equal(b.status, 0, b.stderr);
  const length = (n: number): Buffer => {
    const b = Buffer.alloc(4);
    b.writeUInt32LE(n);
    return b;
  };
  const r = spawnSync(`${dir}/${program}`, {
    input: Buffer.concat(blocks.flatMap((b) => [length(b.length), b])),
    maxBuffer: 1 << 26,
  });
  assert.equal(r.status, 0, String(r.stderr));
  const out: (Buffer | null)[] = [];
  for (let at = 0; at < r.stdout.length; ) {
    const n = r.stdout.readUInt32LE(at);
    at += 4;
    out.push(n === 0xffff_ffff ? null : r.stdout.subarray(at, at + n));
    if (n !== 0xffff_ffff) at += n;
  }
  assert.equal(out.length, blocks.length);
  return out;
}
const unpacked = (blocks: readonly Uint8Array[]): (Buffer | null)[] => through("unpack", blocks);
const packed = (data: readonly Uint8Array[]): Buffer[] => through("pack", data).map((b) => b ?? Buffer.alloc(0));

/** Bytes with repetitions of every distance and length. */
const data = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((b) => [...b]),
      fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 700 })).map(([x, n]) => new Array<number>(n).fill(x)),
      fc.constant([1, 2, 3, 4, 5]),
      fc.constantFrom(300, 5000).map((n) => Array.from({ length: n }, (_, i) => (i * i) >> 7)),
    ),
    { minLength: 1, maxLength: 9 },
  )
  .map((parts) => Buffer.from(parts.flat()))
  .filter((b) => b.length > 0);

test("what was packed comes out again", { skip }, () => {
  const far = Buffer.from(
    fc.sample(fc.uint8Array({ minLength: 600, maxLength: 600 }), { numRuns: 1, seed: 9 })[0] ?? [],
  );
  const all = [
    ...Array.from({ length: 40 }, (_, n) => Buffer.alloc(n + 1, 7)),
    Buffer.concat([far, Buffer.alloc(70_000, "abcdefgh"), far, Buffer.alloc(1 << 17), far]),
    Buffer.alloc(3000, 0xff),
    ...fc.sample(data, { numRuns: 30, seed: 7 }),
    ...fc.sample(fc.uint8Array({ minLength: 1, maxLength: 9000, size: "max" }), { numRuns: 8, seed: 8 }),
  ];
  const blocks = packed(all);
  for (const [i, b] of unpacked(blocks).entries()) assert.ok(b?.equals(all[i] as Buffer), `block ${i}`);
  assert.ok((packed([Buffer.alloc(1 << 16, "abcdefgh")])[0]?.length ?? 1e9) < 200);
  for (const [i, b] of blocks.entries()) {
    const most = (all[i]?.length ?? 0) * 1.1 + 40;
    assert.ok(b.length <= most, `block ${i} takes ${b.length}, of ${most} at most`);
  }
});

test("what is cut, changed or any bytes is refused, and nothing outside is touched", { skip }, () => {
  const [whole = Buffer.alloc(0)] = packed([
    Buffer.from(
      "the quick brown fox jumps over the lazy dog, the quick brown fox jumps over the lazy dog, over and " +
        "over and over",
    ),
  ]);
  assert.ok(whole.length > 20);
  const cuts = Array.from({ length: whole.length }, (_, n) => whole.subarray(0, n));
  assert.ok(unpacked(cuts).every((b) => b === null));
  const changed = [...whole].flatMap((x, i) => [0, 1, 0x80, 0xff].map((by) => Buffer.from(whole.with(i, x ^ by))));
  const answers = unpacked(changed);
  assert.ok(answers.every((b, i) => (b === null) === i % 4 > 0));
  assert.deepEqual(unpacked([Buffer.concat([whole, Buffer.of(0)])]), [null]);
  const any = fc.sample(
    fc
      .tuple(fc.array(fc.nat(90), { minLength: 6, maxLength: 6 }), fc.uint8Array({ maxLength: 60 }))
      .map(([sizes, b]) => Uint8Array.of(...sizes.flatMap((n) => [0, 0, 0, n]), ...b)),
    { numRuns: 2000, seed: 3 },
  );
  assert.ok(unpacked(any).every((b) => b === null));
});

test("bytecode is taken apart and put together again; what is damaged in between touches nothing", {
  skip,
}, async () => {
  const { toBytecode } = (await import(`${process.cwd()}/src/runtime/quickjs/build.mjs`)) as {
    toBytecode(script: string, out: string, lines: string): Promise<void>;
  };
  const lines = [
    "const far = { a: 1.5, b: [2n, null, String.raw`x`], c: /[a-z]+/u, 7: 'ÿ\u0100' };",
    "class A extends Map { #x = -70000; static s = 300; get [`k`]() { return super.size + this.#x; } }",
    "function* g(a, b = 1, ...c) { try { yield a?.b ?? c; } catch { for (const k in far) g(k); } finally { a--; } }",
    "async function late(x) { await x; for await (const y of []) label: for (;;) break label; }",
    `switch (far.a) { ${Array.from({ length: 300 }, (_, i) => `case ${i * i}: far.p${i} = () => ${i};`).join("")} }`,
  ];
  await toBytecode(`${lines.join("\n")}\n`, `${dir}/bytecode`, "70\n3\n9000\n9001\n1\n");
  const r = spawnSync(`${dir}/split`, [`${dir}/bytecode`], { encoding: "utf8" });
  assert.equal(r.status, 0, r.stderr);
  assert.match(r.stdout, /^\d+ of 3000 damaged ones were refused$/m);
  writeFileSync(`${dir}/none`, Buffer.alloc(100, 7));
  assert.equal(spawnSync(`${dir}/split`, [`${dir}/none`]).status, 1);
});
