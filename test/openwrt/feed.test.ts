// The feed's Makefile, read by make over stand-ins for the SDK's: the same package as make ipk's, the same engine as
// scripts/quickjs.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
// @ts-expect-error: a script without types
import { daemonFiles, daemonPackage, tar } from "../../scripts/ipk.mjs";

const make = (work: string, ...args: string[]): string =>
  execFileSync(
    "make",
    ["-s", "-C", "openwrt/l2tpsec", `TOPDIR=${process.cwd()}/test/openwrt/standin/sdk`, `WORK=${work}`, ...args],
    { encoding: "utf8", env: { ...process.env, MAKEFLAGS: "" } },
  ).trim();

test("what it installs is what make ipk packs, with the same modes", () => {
  const work = mkdtempSync(`${tmpdir()}/feed-`);
  try {
    mkdirSync(`${work}/l2tpsec-0.1.0`);
    writeFileSync(`${work}/l2tpsec-0.1.0/l2tpsec`, "x");
    make(work, "install-l2tpsec");
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
  const p = daemonPackage("0.1.0") as { depends: string[]; recommends: string[] };
  const wanted = (names: readonly string[]): string => names.map((d) => `+${d}`).join(" ");
  const facts = (name: string): string => make("/nowhere", `facts-${name}`);
  assert.equal(facts("l2tpsec"), `net / Network / ${wanted(p.depends.slice(1))}`);
  assert.equal(facts("l2tpsec-kernel"), `net / Network / l2tpsec ${wanted(p.recommends)}`);
  assert.equal(make("/nowhere", "install-l2tpsec-kernel"), "", "it has no files");
  const script = readFileSync("scripts/quickjs", "utf8");
  const [version, hash] = [/^VERSION=(.*)$/m, /^SHA256=(.*)$/m].map((r) => r.exec(script)?.[1]);
  assert.match(make("/nowhere", "download-quickjs"), new RegExp(`/quickjs-${version}\\.tar\\.xz ${hash}$`));
});

test("the compile step: the SDK's compiler for the router, this machine's for bytecode, and no Node", () => {
  const steps = make(
    "/work",
    "compile",
    "MAKE=echo",
    "TARGET_CC=mips-openwrt-linux-musl-gcc",
    "TARGET_LDFLAGS=-Lsysroot",
  );
  const words = [
    "-j2 -C /work/l2tpsec-0.1.0 -f src/runtime/quickjs/Makefile",
    "QUICKJS_SRC=quickjs",
    "HOSTCC=cc",
    "CC=mips-openwrt-linux-musl-gcc",
    "CFLAGS=-I/work/include -Os -pipe",
    "LDFLAGS=-Lsysroot -Wl,--as-needed -Wl,-z,pack-relative-relocs -latomic",
  ];
  for (const w of words) assert.ok(steps.includes(w), w);
  assert.doesNotMatch(steps, /\b(node|npm)\b/);
  const prepare = make("/work", "-n", "prepare");
  assert.match(prepare, /tar -C \/work\/l2tpsec-0\.1\.0\/\.\. -xJf \/work\/dl\/l2tpsec-0\.1\.0\.tar\.xz$/m);
  assert.match(prepare, /--strip-components=1 -xJf \/work\/dl\/quickjs-/);
});

test("who maintains it and where it is from stand in package.json, and the fields in the feeds' order", () => {
  const { author, homepage, license, version } = JSON.parse(readFileSync("package.json", "utf8")) as {
    [key: string]: string;
  };
  assert.match(author ?? "", /^.+ <\S+@\S+>$/);
  for (const name of ["l2tpsec", "luci-app-l2tpsec", "luci-proto-l2tpsec"]) {
    const text = readFileSync(`openwrt/${name}/Makefile`, "utf8");
    assert.equal(/^PKG_MAINTAINER:=(.*)$/m.exec(text)?.[1], author, name);
    assert.equal(/^PKG_LICENSE:=(.*)$/m.exec(text)?.[1], license, name);
  }
  const text = readFileSync("openwrt/l2tpsec/Makefile", "utf8");
  assert.ok(text.includes(`  URL:=${homepage}\n`) && text.includes(`PKG_SOURCE_URL:=${homepage}releases/\n`));
  assert.deepEqual(
    [...text.matchAll(/^(PKG_\w+):=/gm)].map((m) => m[1]).filter((f) => !/PARALLEL|FORTIFY/.test(f ?? "")),
    [..."NAME VERSION RELEASE SOURCE SOURCE_URL HASH MAINTAINER LICENSE LICENSE_FILES CPE_ID".split(" ")].map(
      (f) => `PKG_${f}`,
    ),
  );
  assert.equal(make("/nowhere", "download"), `${homepage}releases/l2tpsec-${version}.tar.xz skip`);
});

test("a release: the same bytes twice, all that the feed needs, nothing of this machine", async () => {
  interface Dist {
    releaseFiles(): Promise<Map<string, { data: Buffer; mode: number }>>;
    feedMakefile(hash: string): string;
  }
  // Not bundled with this test: it finds its own folder.
  const { releaseFiles, feedMakefile } = (await import(`${process.cwd()}/scripts/dist.mjs`)) as Dist;
  const files = await releaseFiles();
  for (const f of [
    "LICENSE",
    "dist/l2tpsec.js",
    "dist/l2tpsec.lines",
    "dist/sources.txt",
    "src/runtime/quickjs/Makefile",
    "scripts/quickjs",
  ])
    assert.ok(files.has(f), f);
  assert.ok([...files.keys()].every((f) => !/^(test|\.ci|\.git|node_modules)\b/.test(f)));
  for (const f of ["dist/l2tpsec.js", "dist/sources.txt"]) assert.ok(!files.get(f)?.data.includes(process.cwd()), f);
  const again = await releaseFiles();
  const pack = (m: typeof files): Buffer => tar(m, "l2tpsec-0.1.0", 1_700_000_000) as Buffer;
  assert.deepEqual(
    createHash("sha256").update(pack(again)).digest(),
    createHash("sha256").update(pack(files)).digest(),
  );
  const hash = "ab".repeat(32);
  assert.match(feedMakefile(hash), new RegExp(`^PKG_HASH:=${hash}$`, "m"));
});
