// The engine's allocator of small blocks, built with sanitizers, against a model that knows which bytes are in use.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import fc from "fast-check";

const dir = mkdtempSync(`${tmpdir()}/l2tpsec-slab-`);
after(() => rmSync(dir, { recursive: true }));
const WARN = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror"];
const FILES = ["test/build/slab-main.c", "src/runtime/quickjs/slab.c"];
const compile = (out: string, ...flags: string[]) =>
  spawnSync("cc", [...WARN, ...flags, "-o", `${dir}/${out}`, ...FILES], { encoding: "utf8" });
const build = compile("slab", "-fsanitize=address,undefined", "-fno-sanitize-recover");
const skip = build.error ? "no C compiler" : false;

const MOST = 256;
const PAGE = 4096;
const STEP = 64 * PAGE;
const REGION = 16 * STEP;
/** As slab.c rounds. */
const rounded = (size: number): number => Math.max(8, Math.ceil(size / 8) * 8);

interface Run {
  readonly answers: string[];
  readonly status: number | null;
  readonly signal: string | null;
}
function play(commands: readonly string[], { region = REGION, program = "slab", limit = [] as string[] } = {}): Run {
  assert.equal(build.status, 0, build.stderr);
  const r = spawnSync(`${dir}/${program}`, [String(region), ...limit], {
    input: commands.join("\n"),
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  return { answers: r.stdout.split("\n").slice(0, -1), status: r.status, signal: r.signal };
}

const alloc = (n: number, size: number): string => `a ${n} ${size}`;
const free = (n: number): string => `f ${n} 0`;
const many = (n: number, command: (i: number) => string): string[] => Array.from({ length: n }, (_, i) => command(i));
const pages = (n: number): string => `r 0 ${n}`;

/** Plays `steps` (block, size): a block that lives is freed, another is taken. All claims of slab.h are checked. */
function compare(steps: readonly (readonly [number, number])[]): void {
  const live = new Set<number>();
  const commands = steps.map(([n, size]) => {
    if (live.delete(n)) return free(n);
    live.add(n);
    return alloc(n, size);
  });
  const { answers, status } = play(commands);
  assert.equal(status, 0);
  assert.equal(answers.length, commands.length);
  const owner = new Map<number, number>(); // by units of 8 bytes
  const blocks = new Map<number, readonly [number, number]>();
  for (const [i, [n, size]] of steps.entries()) {
    const block = blocks.get(n);
    if (block !== undefined) {
      assert.equal(answers[i], "whole", `block ${n}`);
      for (let at = 0; at < block[1]; at += 8) owner.delete(block[0] + at);
      blocks.delete(n);
      continue;
    }
    const [at = Number.NaN, got = 0] = (answers[i] ?? "").split(" ").map(Number);
    assert.equal(got, rounded(size), `a block for ${size} bytes`);
    assert.equal(at % 8, 0);
    assert.ok((at % PAGE) + got <= PAGE, "across pages");
    for (let b = 0; b < got; b += 8) {
      assert.equal(owner.get(at + b), undefined, `block ${n} on block ${owner.get(at + b)}`);
      owner.set(at + b, n);
    }
    blocks.set(n, [at, got]);
  }
}

test("no two blocks share a byte, whatever is taken and freed", { skip }, () => {
  const steps = fc.array(fc.tuple(fc.nat(900), fc.integer({ min: 0, max: MOST })), {
    minLength: 3000,
    maxLength: 4000,
  });
  for (const s of fc.sample(steps, { numRuns: 6, seed: 5 })) compare(s);
  const few = fc.array(fc.tuple(fc.nat(600), fc.constantFrom(8, 24, 256)), { minLength: 4000, maxLength: 4000 });
  for (const s of fc.sample(few, { numRuns: 4, seed: 6 })) compare(s);
});

test("blocks of one size lie closely, and a place that is free is taken again", { skip }, () => {
  const n = Math.floor(PAGE / 24);
  const { answers } = play([...many(n, (i) => alloc(i, 20)), free(3), free(77), alloc(3, 24), alloc(77, 17)]);
  const at = answers.map((a) => Number.parseInt(a, 10));
  assert.deepEqual(at.slice(0, n), many(n, (i) => String(i * 24)).map(Number));
  assert.deepEqual(answers.slice(-2), [`${77 * 24} 24`, `${3 * 24} 24`]);
});

test("what fits stays, and what is too large or not ours is malloc's", { skip }, () => {
  const { answers } = play([
    alloc(0, 41),
    "? 0 48",
    "? 0 41",
    "? 0 49",
    "? 0 40",
    "? 0 257",
    "o 0 0",
    alloc(1, MOST),
    alloc(2, MOST + 1),
    alloc(3, 2 ** 31),
  ]);
  assert.deepEqual(answers.slice(1, 7), ["fits", "fits", "moves", "moves", "moves", "foreign"]);
  assert.match(answers[7] ?? "", /^\d+ 256$/);
  assert.deepEqual(answers.slice(8), ["none", "none"]);
});

test("a full region gives nothing, and again what is freed in it, for any size", { skip }, () => {
  const all = (REGION / PAGE) * (255 / 256) * (PAGE / MOST); // one page in 256 holds what is known of the others
  const { answers } = play([
    ...many(all, (i) => alloc(i, MOST)),
    alloc(all, 8),
    alloc(all, MOST),
    ...many(all, free),
    ...many(all, (i) => alloc(i, 200)),
  ]);
  assert.ok(answers.slice(0, all).every((a) => a !== "none"));
  assert.deepEqual(answers.slice(all, all + 2), ["none", "none"]);
  assert.ok(answers.slice(all + 2, 2 * all + 2).every((a) => a === "whole"));
  assert.ok(answers.slice(2 * all + 2).every((a) => a !== "none"));
});

test("more than one span of pages: their first page is no block's", { skip }, () => {
  const n = 600 * (PAGE / MOST);
  const { answers, status } = play([...many(n, (i) => alloc(i, MOST)), ...many(n, free)], { region: 700 * PAGE });
  assert.equal(status, 0);
  const at = answers.slice(0, n).map((a) => Number.parseInt(a, 10));
  assert.equal(new Set(at).size, n);
  assert.ok(
    at.every((a) => Math.floor(a / PAGE + 1) % 256 !== 0),
    "places are told from page 1 on",
  );
  assert.ok(answers.slice(n).every((a) => a === "whole"));
});

test("empty pages go back to the kernel, but for a few", { skip }, () => {
  const per = PAGE / 64;
  const n = 500;
  const { answers } = play(
    [
      ...many(n * per, (i) => alloc(i, 64)),
      pages(n),
      ...many((n - 10) * per, free),
      pages(n),
      "t 0 0",
      pages(n),
      ...many(per, (i) => alloc(i, 128)),
      pages(n),
    ],
    { region: 600 * PAGE },
  );
  const [all, kept, trimmed, again] = answers.filter((a) => /^\d+$/.test(a)).map(Number);
  assert.ok(all !== undefined && all >= n - 2, `${all} pages for ${n} of blocks`);
  assert.ok(kept !== undefined && kept > 60 && kept <= 10 + 64 + 2, `${kept} pages`);
  assert.ok(trimmed !== undefined && trimmed <= 12, `${trimmed} pages`);
  assert.ok(again !== undefined && again <= trimmed + 2, `${again} pages`);
});

test("without a region, or where none can be had, everything is malloc's", { skip }, () => {
  assert.deepEqual(play([alloc(0, 8), "o 0 0", "t 0 0"], { region: 0 }).answers, ["none", "foreign", "trimmed"]);
  // sanitizers need all of the address space for themselves
  assert.equal(compile("plain").status, 0);
  const limit = ["67108864"];
  const little = play([alloc(0, 8)], { program: "plain", region: 1 << 30, limit });
  assert.match(little.answers[0] ?? "", /^0 8$/, "less is better than none");
  const none = play([alloc(0, 8)], { program: "plain", region: 1 << 30, limit: ["4096"] });
  assert.deepEqual(none.answers, ["none"]);
});

test("a block freed twice, or written to when it was free, ends the process", { skip }, () => {
  const dies = (commands: string[]): void => assert.equal(play(commands, { program: "plain" }).signal, "SIGABRT");
  dies([alloc(0, 8), free(0), free(0)]);
  dies([alloc(0, 64), alloc(1, 64), alloc(2, 64), free(1), "w 1 170", alloc(3, 64), alloc(4, 64)]);
});
