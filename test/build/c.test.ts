// The C sources: no file includes itself by way of others.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const FOLDERS = ["src/node-tuntap2/native", "src/runtime/quickjs"];

/** What each module, a .c file with its header, includes of the others. */
function includes(): Map<string, Set<string>> {
  const files = FOLDERS.flatMap((d) => readdirSync(d).map((f) => ({ name: f, path: `${d}/${f}` })));
  const modules = new Map<string, Set<string>>();
  for (const { name, path } of files.filter((f) => /\.[ch]$/.test(f.name))) {
    const module = name.replace(/\.[ch]$/, "");
    const others = modules.get(module) ?? new Set();
    for (const [, other] of readFileSync(path, "utf8").matchAll(/^#include "(\w+)\.h"/gm))
      if (other !== undefined && other !== module) others.add(other);
    modules.set(module, others);
  }
  return modules;
}

/** The modules that are in a circle, each with the way back to itself. */
export function circles(modules: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const back = (from: string, to: string, seen: Set<string>): string[] | null => {
    for (const next of modules.get(from) ?? []) {
      if (next === to) return [from, to];
      if (seen.has(next)) continue;
      seen.add(next);
      const way = back(next, to, seen);
      if (way !== null) return [from, ...way];
    }
    return null;
  };
  return [...modules.keys()].flatMap((m) => back(m, m, new Set())?.join(" > ") ?? []);
}

test("no C file includes itself by way of others", () => {
  const found = new Map([
    ["a", new Set(["b"])],
    ["b", new Set(["c"])],
    ["c", new Set(["b"])],
  ]);
  assert.deepEqual(circles(found), ["b > c > b", "c > b > c"]);
  const modules = includes();
  assert.ok(modules.get("fprx")?.has("fastpath") && modules.get("main")?.has("host"));
  assert.deepEqual(circles(modules), []);
});
