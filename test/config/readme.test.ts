import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { load } from "../../src/config/load.ts";
import { reference } from "../../src/config/reference.ts";
import { utf8 } from "../../src/core/text.ts";
import { VERSION } from "../../src/version.ts";

const read = (file: string): string => readFileSync(file, "utf8");

test("the reference of options is the schema's (make generate)", () => {
  const m = /<!-- reference -->\n([\s\S]*?)\n<!-- \/reference -->/.exec(read("src/config/OPTIONS.md"));
  assert.equal(m?.[1], reference());
});
test("every example configuration is valid", () => {
  const examples = ["README.md", "src/config/OPTIONS.md"].flatMap((f) =>
    [...read(f).matchAll(/```ini\n([\s\S]*?)```/g)].map((m) => m[1] as string),
  );
  assert.ok(examples.length >= 3);
  for (const e of examples) {
    const r = load(e);
    assert.ok(r.ok, JSON.stringify(r));
  }
});
test("the README stays a door: 10 KB at most", () => {
  assert.ok(utf8(read("README.md")).length <= 10 * 1024);
});
test("one version", () => {
  assert.equal((JSON.parse(readFileSync("package.json", "utf8")) as { version: string }).version, VERSION);
});
