// The executable's engine: which of JavaScript's functions are left out, and what the program must therefore not do.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";

test("named.awk keeps what the program or the engine names, and every line in its place", (t) => {
  const dir = mkdtempSync(`${tmpdir()}/l2tpsec-named-`);
  t.after(() => rmSync(dir, { recursive: true }));
  const source = [
    "static const JSCFunctionListEntry list[] = {",
    '    JS_CFUNC_DEF("map", 1, js_map ),',
    '    JS_CFUNC_MAGIC_DEF("flatMap", 1, js_map, MAP | FLAT ),',
    '\tJS_CFUNC_DEF("join", 1, js_join ), ',
    '    JS_CFUNC_DEF("valueOf", 0, js_value ),',
    '    JS_CFUNC_DEF("[Symbol.iterator]", 0, js_iterator ),',
    '    JS_PROP_DOUBLE_DEF("EPSILON", 2.2e-16, 0 ), /* ES6 */',
    '    JS_PROP_DOUBLE_DEF("LN10", 2.3, 0 )',
    "};",
    '    use("flatMap");',
  ];
  writeFileSync(`${dir}/script`, 'a.map(b); c = "join";\nlet flatMa, apFlat;\n');
  writeFileSync(`${dir}/atoms`, 'DEF(valueOf, "valueOf")\n');
  writeFileSync(`${dir}/source`, `${source.join("\n")}\n`);
  const r = spawnSync(
    "awk",
    ["-f", "src/runtime/quickjs/named.awk", `${dir}/script`, `${dir}/atoms`, `${dir}/source`],
    { encoding: "utf8" },
  );
  const left = new Set([2, 7]);
  assert.equal(r.stdout, `${source.map((l, i) => (left.has(i) ? "" : l)).join("\n")}\n`, r.stderr);
});

test("no expression is compiled while the program runs", () => {
  const places = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((f) => f.endsWith(".ts") && !/^runtime\/node\/|\/test\//.test(f))
    .flatMap((f) =>
      readFileSync(`src/${f}`, "utf8")
        .split("\n")
        .map((line, i) => ({ at: `${f}:${i + 1}`, line })),
    )
    // split() and matchAll() make an expression of their own; match() and search() of a text, too.
    .filter(({ line }) => /\bRegExp\(|\.matchAll\(|\.search\(|\.split\((?!["`])|\.match\((?!\/)/.test(line));
  assert.deepEqual(
    places.map((p) => p.at),
    [],
  );
});

test("a class with private methods stands in a function of its own, and does the same", async (t) => {
  const dir = mkdtempSync(`${tmpdir()}/l2tpsec-apart-`);
  t.after(() => rmSync(dir, { recursive: true }));
  const { bundle, inFunctions } = (await import(`${process.cwd()}/src/runtime/quickjs/build.mjs`)) as {
    bundle(entry: string): Promise<{ script: string }>;
    inFunctions(script: string): string;
  };
  writeFileSync(
    `${dir}/entry.ts`,
    `class Plain { constructor(readonly v: number) {} }
     class Base { #n = 1; #add(n: number): number { return this.#n + n; } next(): number { return this.#add(1); } }
     class More extends Base { static async *#all() { yield "}"; }
       static async first() { for await (const x of More.#all()) return x; }
       get #two() { return "2"; }
       two() { return this.#two; } }
     const table = { a: new Plain(3) };
     class Last { set #x(v: number) { table.a = new Plain(v); } put(v: number): void { this.#x = v; } }
     new Last().put(9);
     Object.assign(globalThis, { apart: [new More().next(), new More().two(), table.a.v, await More.first()] });`,
  );
  const script = inFunctions((await bundle(`${dir}/entry.ts`)).script);
  assert.equal(script.split("(() => class").length - 1, 3, script);
  await import(`data:text/javascript,${encodeURIComponent(script)}`);
  assert.deepEqual((globalThis as { apart?: unknown }).apart, [2, "2", 9, "}"]);
});
