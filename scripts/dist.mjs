// make dist: a release as an archive of sources, with what is generated and the bundle that the SDK of a feed compiles
// without Node; and that feed's folder with the archive's hash. The same sources and the same SOURCE_DATE_EPOCH (else
// the time of the last commit) give the same bytes.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { bundleInto } from "../src/runtime/quickjs/build.mjs";
import { MTIME, tar } from "./ipk.mjs";

/** Tests and what runs them stay in the repository. */
const LEFT_OUT = /^(test|\.ci)\/|\/test\/|^\.git/;
const FEED = "openwrt/l2tpsec";

function git(...args) {
  const r = spawnSync("git", args, { encoding: "utf8" });
  if (r.status !== 0) throw new Error(`git ${args[0]}: ${r.stderr}`);
  return r.stdout;
}

/** path -> { data, mode } of the archive. */
export async function releaseFiles() {
  const files = new Map();
  for (const f of git("ls-files", "-z").split("\0")) {
    if (f === "" || LEFT_OUT.test(f)) continue;
    files.set(f, { data: readFileSync(f), mode: statSync(f).mode & 0o100 ? 0o755 : 0o644 });
  }
  const dir = mkdtempSync(`${tmpdir()}/dist-`);
  try {
    await bundleInto(dir);
    for (const f of ["l2tpsec.js", "l2tpsec.lines", "sources.txt"])
      files.set(`dist/${f}`, { data: readFileSync(`${dir}/${f}`), mode: 0o644 });
  } finally {
    rmSync(dir, { recursive: true });
  }
  return files;
}

function xz(data) {
  const r = spawnSync("xz", ["-9e", "-T1", "-c"], { input: data, maxBuffer: 1 << 28 });
  if (r.error || r.status !== 0) throw new Error(`xz is needed (Debian: apt-get install xz-utils) ${r.stderr ?? ""}`);
  return r.stdout;
}

/** The archive's bytes. epoch: seconds. */
export async function release(version, epoch) {
  return xz(tar(await releaseFiles(), `l2tpsec-${version}`, Math.max(epoch, MTIME)));
}

/** The feed's Makefile for an archive of this hash. */
export function feedMakefile(hash) {
  const text = readFileSync(`${FEED}/Makefile`, "utf8");
  const filled = text.replace(/^PKG_HASH:=skip$/m, `PKG_HASH:=${hash}`).replace(/^# `make dist` writes .*\n/m, "");
  if (filled === text) throw new Error(`${FEED}/Makefile has no PKG_HASH:=skip`);
  return filled;
}

if (process.argv[1]?.endsWith("scripts/dist.mjs")) {
  const { version, homepage } = JSON.parse(readFileSync("package.json", "utf8"));
  const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? git("log", "-1", "--format=%ct"));
  if (git("status", "--porcelain") !== "") console.error("dist: there are changes that no commit has");
  if (/\.example\b/.test(homepage))
    console.error("dist: package.json has no address of its own yet (RFC 2606's example)");
  const archive = await release(version, epoch);
  const hash = createHash("sha256").update(archive).digest("hex");
  const name = `l2tpsec-${version}.tar.xz`;
  mkdirSync("dist", { recursive: true });
  writeFileSync(`dist/${name}`, archive);
  writeFileSync(`dist/${name}.sha256`, `${hash}  ${name}\n`);
  rmSync("dist/feed", { recursive: true, force: true });
  cpSync(FEED, "dist/feed/l2tpsec", { recursive: true });
  writeFileSync("dist/feed/l2tpsec/Makefile", feedMakefile(hash));
  console.log(
    `dist/${name}: ${archive.length} bytes, ${hash}\ndist/feed/l2tpsec: a folder of a feed, for this archive`,
  );
}
