// scripts/quickjs: every way in which there is no engine is one sentence with what to do. apt-get is a stand-in.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type TestContext, test } from "node:test";

function rig(t: TestContext): {
  dir: string;
  run(env?: Record<string, string>): { code: number | null; out: string; said: string };
  program(name: string, text: string): void;
} {
  const dir = mkdtempSync(`${tmpdir()}/l2tpsec-engine-`);
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(`${dir}/bin`);
  return {
    dir,
    run(env = {}) {
      const r = spawnSync("sh", ["scripts/quickjs"], {
        encoding: "utf8",
        env: { PATH: `${dir}/bin:${process.env["PATH"] ?? ""}`, QUICKJS_CACHE: `${dir}/cache`, ...env },
      });
      return { code: r.status, out: r.stdout.trim(), said: r.stderr.trim() };
    },
    program(name, text) {
      writeFileSync(`${dir}/bin/${name}`, `#!/bin/sh\n${text}\n`);
      chmodSync(`${dir}/bin/${name}`, 0o755);
    },
  };
}
function release(dir: string, version: string): void {
  mkdirSync(dir, { recursive: true });
  for (const [f, text] of [
    ["quickjs.c", ""],
    ["quickjs.h", ""],
    ["VERSION", `${version}\n`],
  ] as const)
    writeFileSync(`${dir}/${f}`, text);
}
const APT = (download: string): string => `case "$*" in
indextargets*) echo http://mirror.example/debian/ ;;
*update*) ${download === "no-list" ? "echo 'E: no route to the mirror'; exit 100" : ":"} ;;
*source*) ${download} ;;
esac`;

test("QUICKJS_SRC: a release of the right age, or a sentence", (t) => {
  const { dir, run } = rig(t);
  release(`${dir}/good`, "2025-04-26");
  release(`${dir}/newer`, "2026-01-01");
  release(`${dir}/old`, "2024-01-13");
  release(`${dir}/odd`, "1.2.3");
  assert.deepEqual(run({ QUICKJS_SRC: `${dir}/good` }), { code: 0, out: `${dir}/good`, said: "" });
  assert.equal(run({ QUICKJS_SRC: `${dir}/newer` }).code, 0);
  for (const [name, why] of [
    ["old", /is of 2024-01-13, too old: 2025-04-26 or newer is needed$/],
    ["odd", /is no release of QuickJS/],
    ["none", /holds no quickjs\.c/],
  ] as const) {
    const r = run({ QUICKJS_SRC: `${dir}/${name}` });
    assert.equal(r.code, 1);
    assert.match(r.said, why);
    assert.equal(r.said.split("\n").length, 1);
  }
});

for (const [what, download, why] of [
  ["no list", "no-list", /apt cannot read Debian 13's list \(E: no route to the mirror\): set QUICKJS_SRC/],
  [
    "no package",
    "echo 'E: Unable to find a source package'; exit 100",
    /apt cannot fetch .* \(E: Unable to find a source package\): set QUICKJS_SRC/,
  ],
  ["nothing downloaded", ":", /holds no release any more: set QUICKJS_SRC/],
  [
    "a wrong checksum",
    "echo something else > quickjs_2025.04.26.orig.tar.xz",
    /has SHA-256 [0-9a-f]{64}, not [0-9a-f]{64}: it is not release 2025-04-26; set QUICKJS_SRC/,
  ],
] as const) {
  test(`by apt: ${what} is one sentence, and nothing stays behind`, (t) => {
    const { dir, run, program } = rig(t);
    program("apt-get", APT(download));
    const r = run();
    assert.equal(r.code, 1);
    assert.match(r.said, why);
    assert.equal(r.said.split("\n").length, 1);
    assert.deepEqual(existsSync(`${dir}/cache`) ? readdirSync(`${dir}/cache`) : [], []);
  });
}
