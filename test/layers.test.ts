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

/** Every file of TypeScript and of scripts. */
const code = ["src", "test", "scripts"]
  .flatMap((d) => readdirSync(d, { recursive: true }).map((f) => `${d}/${String(f)}`))
  .filter((f) => /\.(ts|mjs)$/.test(f) && !/\.cache|^test\/out|node_modules/.test(f));
const texts = new Map<string, string>();
function read(f: string): string {
  const text = texts.get(f) ?? readFileSync(f, "utf8");
  texts.set(f, text);
  return text;
}
const EXPORT = /^export (?:async )?(function\*?|const|let|class|interface|type) (\w+)/gm;

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
test("no Math.random in the sources", () => {
  for (const f of sources) assert.ok(!read(f).includes("Math.random"), f);
});
test("no file over 450 lines, no line over 120 characters", () => {
  /** Files that are being taken apart, with the length that they may not outgrow. */
  const LONG: Readonly<Record<string, number>> = {
    "test/ike/life.test.ts": 520,
  };
  /** The RFC's table of states, as wide as the RFC has it. */
  const WIDE = "src/ppp/automaton.ts";
  const LATER = /^src\/ike\/|^test\/ike\//;
  for (const f of code) {
    const lines = read(f).split("\n");
    if (f.endsWith(".ts")) assert.ok(lines.length <= (LONG[f] ?? 451), `${f} is ${lines.length - 1} lines long`);
    if (f === WIDE || LATER.test(f)) continue;
    for (const [i, line] of lines.entries())
      assert.ok([...line].length <= 120, `${f}:${i + 1} is ${[...line].length} characters wide`);
  }
});
test("a constructor takes four arguments at most: more of them are one object with names", () => {
  const LATER = /^src\/ike\//;
  for (const f of sources.filter((s) => !LATER.test(s)))
    for (const m of read(f).matchAll(/^ {2}constructor\(([\s\S]*?)\) \{$/gm)) {
      const n = parameters(m[1] ?? "");
      assert.ok(n <= 4, `${f}: a constructor of ${n} arguments`);
    }
});
/** Commas outside of brackets separate parameters. */
function parameters(list: string): number {
  let flat = list.replace(/=>/g, "");
  for (let before = ""; before !== flat; ) {
    before = flat;
    flat = flat.replace(/\([^()]*\)|\{[^{}]*\}|<[^<>]*>|\[[^[\]]*\]/g, "");
  }
  return flat.split(",").filter((p) => p.trim() !== "").length;
}
test("every export is used by another file, and by another one than a test", () => {
  const words = new Map(code.map((f) => [f, new Set(read(f).match(/\w+/g))]));
  const LATER = /^src\/(ike|linux\/xfrm|node-tuntap2\/)/;
  const idle: string[] = [];
  for (const f of sources.filter((s) => !LATER.test(s) && !s.includes("/test/"))) {
    const text = read(f);
    for (const [, kind = "", name = ""] of text.matchAll(EXPORT)) {
      const users = code.filter((g) => g !== f && words.get(g)?.has(name));
      const own = text.match(new RegExp(`\\b${name}\\b`, "g"))?.length ?? 0;
      const type = kind === "interface" || kind === "type";
      if (users.length === 0) idle.push(`${f}: ${name}`);
      else if (!type && own === 1 && f !== "src/dataplane/none.ts" && users.every((g) => /^test\/|\/test\//.test(g)))
        idle.push(`${f}: ${name}, by tests alone`);
    }
  }
  assert.deepEqual(idle, []);
});
test("the linter refuses what the rules forbid", () => {
  const top = mkdtempSync(`${tmpdir()}/l2tpsec-lint-`); // the linter finds no cycles below a .cache
  const dir = `${top}/src`;
  const files: Record<string, [text: string, rule: string]> = {
    "core/a.ts": ['import { x } from "../ppp/x.ts";\nexport const y = x;\n', "rule 1"],
    "packet/a.ts": ['import { x } from "../esp/x.ts";\nexport const y = x;\n', "rule 1"],
    "x509/a.ts": ['import { x } from "../ike/x.ts";\nexport const y = x;\n', "rule 1"],
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
