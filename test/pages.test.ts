// The pages about the tree name files and folders that are there.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

/** Whatever has a slash in it, or one of our endings. */
const PATH = /(?<![\w.*/:<-])(?:(?:[\w-]+\/)*[\w.-]+\.(?:ts|mjs|cjs|c|h|S|json|sh|md|txt)\b|(?:[\w-]+\/)+[\w.-]*)/g;
const below = (d: string): string[] => [d, ...readdirSync(d, { recursive: true }).map((f) => `${d}/${f}`)];
const tree = [...["src", "test", "scripts", "openwrt"].flatMap(below), ...readdirSync(".")];

/** Paths named in a page that are not in the tree; `inside`: the end of a path will do. */
function missing(page: string, inside: boolean): string[] {
  const named = [...readFileSync(page, "utf8").matchAll(PATH)].map(([p]) => p.replace(/[./]+$/, ""));
  const paths = named.filter((p) => !p.startsWith("dist/"));
  assert.ok(paths.length > 20);
  return [...new Set(paths)].filter((p) => !tree.some((t) => t === p || (inside && t.endsWith(`/${p}`))));
}

test("SECURITY.md: every path exists, and every make target", () => {
  assert.deepEqual(missing("SECURITY.md", false), []);
  const makefile = readFileSync("Makefile", "utf8");
  for (const [, target] of readFileSync("SECURITY.md", "utf8").matchAll(/`make ([\w-]+)/g)) {
    assert.match(makefile, new RegExp(`^${target}:`, "m"));
  }
});
test("src/ARCHITECTURE.md: every path exists", () => {
  assert.deepEqual(missing("src/ARCHITECTURE.md", true), []);
});
