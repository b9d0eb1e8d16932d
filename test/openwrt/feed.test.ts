// The feed's Makefile, read by make over stand-ins for the SDK's: the same package as make ipk's, the same engine as
// scripts/quickjs.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
// @ts-expect-error: a script without types
import { daemonFiles, daemonPackage } from "../../scripts/ipk.mjs";

const make = (work: string, ...args: string[]): string =>
  execFileSync(
    "make",
    ["-s", "-C", "openwrt/l2tpsec", `TOPDIR=${process.cwd()}/test/openwrt/standin/sdk`, `WORK=${work}`, ...args],
    { encoding: "utf8", env: { ...process.env, MAKEFLAGS: "" } },
  ).trim();

test("what it installs is what make ipk packs, with the same modes", () => {
  const work = mkdtempSync(`${tmpdir()}/feed-`);
  try {
    mkdirSync(`${work}/build`);
    writeFileSync(`${work}/build/l2tpsec`, "x");
    make(work, "install");
    const found = readdirSync(`${work}/root`, { recursive: true })
      .map(String)
      .filter((f) => statSync(`${work}/root/${f}`).isFile())
      .sort();
    const ours = daemonFiles(Buffer.from("x")) as Map<string, { data: Uint8Array; mode: number }>;
    assert.deepEqual(found, [...ours.keys()].sort());
    for (const f of found) {
      assert.equal(statSync(`${work}/root/${f}`).mode & 0o777, ours.get(f)?.mode, f);
      assert.deepEqual(readFileSync(`${work}/root/${f}`), Buffer.from(ours.get(f)?.data ?? []), f);
    }
  } finally {
    rmSync(work, { recursive: true });
  }
});

test("dependencies and the engine's release are those of the rest", () => {
  const p = daemonPackage("0.1.0") as { depends: string[] };
  assert.equal(
    make("/nowhere", "facts"),
    `net / Network / ${p.depends
      .slice(1)
      .map((d) => `+${d}`)
      .join(" ")}`,
  );
  const script = readFileSync("scripts/quickjs", "utf8");
  const [version, hash] = [/^VERSION=(.*)$/m, /^SHA256=(.*)$/m].map((r) => r.exec(script)?.[1]);
  assert.match(make("/nowhere", "download-quickjs"), new RegExp(`/quickjs-${version}\\.tar\\.xz ${hash}$`));
});

test("the compile step: the SDK's compiler for the router, Node for the bytecode only", () => {
  const steps = make("/work", "-n", "compile", "TARGET_CC=mips-openwrt-linux-musl-gcc", "TARGET_LDFLAGS=-Lsysroot");
  assert.match(
    steps,
    new RegExp(
      '^cd /work/build && npm ci .*&& CC="mips-openwrt-linux-musl-gcc" CFLAGS="-I/work/include -Os -pipe" ' +
        'LDFLAGS="-Lsysroot -Wl,--as-needed -Wl,-z,pack-relative-relocs -latomic" HOSTCC="cc" ' +
        "QUICKJS_SRC=/work/build/quickjs node ",
    ),
  );
  assert.match(
    make("/work", "-n", "prepare"),
    /tar -C \/work\/build\/quickjs --strip-components=1 -xJf \/work\/dl\/quickjs-/,
  );
});
