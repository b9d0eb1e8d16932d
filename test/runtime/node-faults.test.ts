// Node's last resort, in a process of its own: what nobody caught is told with file and line of the sources, and the
// process goes on.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { build } from "esbuild";

const PROGRAM = `
import { faultEvent } from "${process.cwd()}/src/core/fault.ts";
import { inSources, onUncaught } from "${process.cwd()}/src/runtime/node/faults.ts";
let left = 3;
onUncaught((e) => {
  const f = faultEvent("", "x", e);
  if (f.kind === "daemon.fault") process.stdout.write(f.text + " @ " + inSources(f.stack) + "\\n");
  return --left > 0;
});
function boom(what: string): never {
  throw new Error(what);
}
setTimeout(() => boom("timer"), 1);
setTimeout(() => void Promise.reject(new Error("rejection")), 20);
setTimeout(() => boom("last"), 40);
setTimeout(() => process.stdout.write("not reached\\n"), 300);
`;

test("errors that nobody caught are told where they are, and the process goes on until it is told not to", async () => {
  const dir = mkdtempSync(`${tmpdir()}/faults-`);
  try {
    writeFileSync(`${dir}/program.ts`, PROGRAM);
    await build({
      entryPoints: [`${dir}/program.ts`],
      outfile: `${dir}/program.cjs`,
      bundle: true,
      minify: true,
      platform: "node",
      format: "cjs",
      sourcemap: "external",
      sourcesContent: false,
      logLevel: "silent",
    });
    const r = spawnSync(process.execPath, [`${dir}/program.cjs`], { encoding: "utf8" });
    assert.equal(r.status, 1, r.stderr);
    const lines = r.stdout.trim().split("\n");
    assert.deepEqual(
      lines.map((l) => l.split(" @ ")[0]),
      ["Error: timer", "Error: rejection", "Error: last"],
    );
    for (const l of lines) assert.match(l, / @ .*program\.ts:(11|14)\b/, l);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
