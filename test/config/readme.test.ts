import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { load } from "../../src/config/load.ts";
import { reference } from "../../src/config/reference.ts";
import { VERSION } from "../../src/version.ts";

const readme = readFileSync("README.md", "utf8");

test("the README's reference is the schema's (make generate)", () => {
  const m = /<!-- reference -->\n([\s\S]*?)\n<!-- \/reference -->/.exec(readme);
  assert.equal(m?.[1], reference());
});
test("every example configuration of the README is valid", () => {
  const examples = [...readme.matchAll(/```ini\n([\s\S]*?)```/g)].map((m) => m[1] as string);
  assert.ok(examples.length >= 2);
  for (const e of examples) {
    const r = load(e);
    assert.ok(r.ok, JSON.stringify(r));
  }
});
test("one version", () => {
  assert.equal((JSON.parse(readFileSync("package.json", "utf8")) as { version: string }).version, VERSION);
});
