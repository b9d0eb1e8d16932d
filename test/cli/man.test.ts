// The manual page: from the tables, whole, and without a word that roff takes for a request.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { COMMANDS, OPTIONS } from "../../src/cli/commands.ts";
import { manual, roff } from "../../src/cli/man.ts";
import { SECTIONS } from "../../src/config/schema.ts";

test("the manual page is the tables' (make generate)", () => {
  assert.equal(readFileSync("src/cli/l2tpsec.8", "utf8"), manual());
});
test("nothing that the tables say becomes a request or an escape", () => {
  assert.equal(roff(".so /etc/shadow\n'x -\\n"), "\\&.so /etc/shadow\n\\(aqx \\-\\en");
});
const skip = spawnSync("groff", ["--version"]).status !== 0 && "no groff";
test("groff reads it without a warning, and every command and option is on the page", { skip }, () => {
  const r = spawnSync("groff", ["-man", "-ww", "-Tutf8", "-P-c", "-P-b", "-P-u", "src/cli/l2tpsec.8"], {
    encoding: "utf8",
  });
  assert.equal(r.stderr, "");
  const page = execFileSync("col", ["-bx"], { input: r.stdout, encoding: "utf8" })
    .replaceAll("‐", "-")
    .replaceAll("−", "-");
  for (const c of COMMANDS) assert.match(page, new RegExp(`^ +${c.name}\\b`, "m"));
  for (const o of [...Object.keys(OPTIONS), ...Object.values(SECTIONS).flatMap((s) => Object.keys(s))])
    assert.match(page, new RegExp(`^ +${o}\\b`, "m"), o);
});
