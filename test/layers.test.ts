// The rules of the house that the linter cannot say by itself.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { build } from "esbuild";

const sources = readdirSync("src", { recursive: true })
  .map(String)
  .filter((f) => f.endsWith(".ts"))
  .map((f) => `src/${f}`);

test("everything outside runtime/node bundles for an engine that is not Node", async () => {
  const r = await build({
    entryPoints: ["src/main.ts"],
    bundle: true,
    platform: "neutral",
    mainFields: ["module", "main"],
    write: false,
    format: "esm",
    target: "es2023",
    logLevel: "silent",
    metafile: true,
  });
  const inputs = Object.keys(r.metafile.inputs);
  assert.ok(inputs.length > 50);
  assert.deepEqual(
    inputs.filter((f) => f.includes("runtime/node")),
    [],
  );
});
test("no Math.random, no source file over 600 lines", () => {
  for (const f of sources) {
    const text = readFileSync(f, "utf8");
    assert.ok(!text.includes("Math.random"), f);
    assert.ok(text.split("\n").length <= 601, `${f} is ${text.split("\n").length} lines long`);
  }
});
test("the linter refuses what the rules forbid", () => {
  const top = mkdtempSync(`${tmpdir()}/l2tpsec-lint-`); // the linter finds no cycles below a .cache
  const dir = `${top}/src`;
  const files: Record<string, [text: string, rule: string]> = {
    "core/a.ts": ['import { x } from "../ppp/x.ts";\nexport const y = x;\n', "rule 1"],
    "packet/a.ts": ['import { x } from "../esp/x.ts";\nexport const y = x;\n', "rule 1"],
    "ppp/a.ts": ['import { x } from "../l2tp/x.ts";\nexport const y = x;\n', "rule 2"],
    "l2tp/a.ts": ['import { x } from "../linux/x.ts";\nexport const y = x;\n', "rules 2 and 4"],
    "link/a.ts": ['import { x } from "../dataplane/userspace/x.ts";\nexport const y = x;\n', "rule 4"],
    "dataplane/userspace/a.ts": ['import { x } from "../../ike/x.ts";\nexport const y = x;\n', "rule 3"],
    "dataplane/kernel/a.ts": ['import { x } from "../userspace/x.ts";\nexport const y = x;\n', "rule 3"],
    "esp/a.ts": ["export const y = (): unknown => setTimeout;\n", "noRestrictedGlobals"],
    "config/a.ts": ['import { x } from "../link/x.ts";\nexport const y = x;\n', "rule 10"],
    "config/b.ts": ['import { x } from "../ike/manager.ts";\nexport const y = x;\n', "rule 10"],
    "control/a.ts": ['import { x } from "../link/client.ts";\nexport const y = x;\n', "rule 10"],
    "openwrt/a.ts": ['import { x } from "../runtime/x.ts";\nexport const y = x;\n', "rule 10"],
    "hdlc/a.ts": ['import type { Y } from "./b.ts";\nexport interface X { readonly y: Y }\n', "noImportCycles"],
    "hdlc/b.ts": ['import type { X } from "./a.ts";\nexport interface Y { readonly x: X }\n', "noImportCycles"],
    "ike/a.ts": ['import { x } from "node:crypto";\nexport const y = x;\n', "rules 2 and 4"],
  };
  try {
    const config = readFileSync("scripts/lint.json", "utf8");
    for (const [name, [text]] of Object.entries(files)) {
      mkdirSync(`${dir}/${name.replace(/\/[^/]*$/, "")}`, { recursive: true });
      writeFileSync(`${dir}/${name}`, text);
    }
    writeFileSync(`${top}/lint.json`, config);
    let out = "";
    try {
      execFileSync(
        `${process.cwd()}/node_modules/.bin/biome`,
        ["lint", "--config-path=lint.json", "--colors=off", "src"],
        { cwd: top, encoding: "utf8", stdio: "pipe" },
      );
    } catch (e) {
      const x = e as { stdout: string; stderr: string };
      out = x.stdout + x.stderr;
    }
    for (const [name, [, rule]] of Object.entries(files)) {
      const at = out.indexOf(`src/${name}`);
      assert.ok(at >= 0, `${name} was let through`);
      assert.ok(out.slice(at, at + 900).includes(rule), `${name}: not by ${rule}:\n${out.slice(at, at + 900)}`);
    }
  } finally {
    rmSync(top, { recursive: true, force: true });
  }
});
