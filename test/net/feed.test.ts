// The feed's own steps, on a release's archive: prepare, compile and install as the SDK runs them, without Node and
// without a network; then the feed's test in a root of what was installed.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { VERSION } from "../../src/version.ts";
import { lacking, run } from "./harness.ts";

interface Dist {
  release(version: string, epoch: number): Promise<Buffer>;
  feedMakefile(hash: string): string;
}

const ENGINE = "2025-04-26";
const NOT_THERE = /^(node|nodejs|npm|npx|corepack|esbuild|curl|wget)$/;

/** A folder of links to what this machine has in PATH, but for Node and what downloads. */
function programs(dir: string): string {
  mkdirSync(dir);
  for (const from of (process.env["PATH"] ?? "").split(":").filter((d) => existsSync(d)))
    for (const f of readdirSync(from))
      if (!NOT_THERE.test(f) && !existsSync(`${dir}/${f}`)) {
        try {
          symlinkSync(`${from}/${f}`, `${dir}/${f}`);
        } catch {} // a link to nothing is there already
      }
  return dir;
}

test("the feed builds the executable from the archive alone", {
  skip: lacking("make", "cc", "xz", "unshare") ?? (existsSync(`.cache/quickjs-${ENGINE}`) ? false : "no engine source"),
  timeout: 900_000,
}, async () => {
  const work = mkdtempSync(`${tmpdir()}/l2tpsec-feed-`);
  try {
    const { release, feedMakefile } = (await import(`${process.cwd()}/scripts/dist.mjs`)) as Dist;
    const archive = await release(VERSION, 1_700_000_000);
    assert.deepEqual(await release(VERSION, 1_700_000_000), archive, "the same bytes");
    mkdirSync(`${work}/dl`);
    writeFileSync(`${work}/dl/l2tpsec-${VERSION}.tar.xz`, archive);
    const engine = ["-C", ".cache", "-cJf", `${work}/dl/quickjs-${ENGINE}.tar.xz`, `quickjs-${ENGINE}`];
    assert.equal((await run("tar", engine)).code, 0);
    assert.equal((await run("cp", ["-r", "openwrt/l2tpsec", `${work}/feed`])).code, 0);
    writeFileSync(`${work}/feed/Makefile`, feedMakefile(createHash("sha256").update(archive).digest("hex")));

    const path = programs(`${work}/bin`);
    const sdk = `${process.cwd()}/test/openwrt/standin/sdk`;
    const step = async (...args: string[]): Promise<void> => {
      const words = [
        "-i",
        `PATH=${path}`,
        `HOME=${work}`,
        `WORK=${work}`,
        "unshare",
        "-n",
        "make",
        "-C",
        `${work}/feed`,
      ];
      const r = await run("env", [...words, `TOPDIR=${sdk}`, `WORK=${work}`, ...args]);
      assert.equal(r.code, 0, `${args.join(" ")}: ${r.stderr}`);
    };
    assert.equal(existsSync(`${path}/node`), false);
    await step("prepare");
    await step("compile", "TARGET_CFLAGS=-O1 -pipe"); // quicker than a release's -Os
    await step("install-l2tpsec");

    // What the executable needs of a router's root, from here.
    const root = `${work}/root`;
    for (const d of ["lib", "lib64", "usr/lib", "bin", "dev"]) mkdirSync(`${root}/${d}`, { recursive: true });
    writeFileSync(`${root}/etc/config/network`, "");
    writeFileSync(`${root}/test.sh`, readFileSync("openwrt/l2tpsec/test.sh"));
    const binds = ["lib", "lib64", "usr/lib", "bin", "dev"]
      .filter((d) => existsSync(`/${d}`))
      .map((d) => `mount --rbind /${d} ${root}/${d}`);
    const inside =
      `${binds.join(" && ")} && PATH=/usr/sbin:/bin ` +
      `exec $(command -v chroot) ${root} sh /test.sh l2tpsec ${VERSION}`;
    const r = await run("unshare", ["-mn", "--propagation", "private", "sh", "-c", inside]);
    assert.equal(r.code, 0, r.stdout + r.stderr);
    assert.match(r.stdout, new RegExp(`l2tpsec ${VERSION.replaceAll(".", "\\.")} .*quickjs ${ENGINE}`));
  } finally {
    rmSync(work, { recursive: true });
  }
});
