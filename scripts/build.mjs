// dist/l2tpsec.cjs: the bundle for Node. dist/*.node: its native library. dist/l2tpsec: the executable for a router.
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { build } from "esbuild";
import { withoutForms } from "./forms.mjs";

// A shell's first lines and JavaScript's at once: V8 takes the size of its heap's young part from the command line
// alone. One MiB instead of sixteen keeps the daemon's memory at half under load; the worker threads of its collector
// have nothing to do. The old part's first limit is 4 MiB, so that what the start leaves behind is collected. The
// optimizing compiler costs 5 MB as soon as it runs, and has little to win: packets are C's, and JavaScript runs once a
// batch.
const HEAD = `#!/bin/sh
":" //; exec "\${NODE:-node}" --max-semi-space-size=1 --v8-pool-size=0 --initial-old-space-size=4 --no-opt "$0" "$@"`;

mkdirSync("dist", { recursive: true });
if (existsSync("src/node-tuntap2/build.mjs")) await (await import("../src/node-tuntap2/build.mjs")).buildNative("dist");
if (existsSync("src/runtime/node/entry.ts")) {
  await build({
    entryPoints: ["src/runtime/node/entry.ts"],
    outfile: "dist/l2tpsec.cjs",
    bundle: true,
    minify: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["*.node"],
    banner: { js: HEAD },
    logLevel: "warning",
    legalComments: "none",
    plugins: [withoutForms],
    // Beside the bundle, for the stacks of errors that nobody expected.
    sourcemap: "external",
    sourcesContent: false,
  });
  chmodSync("dist/l2tpsec.cjs", 0o755);
}
try {
  await (await import("../src/runtime/quickjs/build.mjs")).buildExecutable("dist/l2tpsec");
} catch (e) {
  // A developer's machine may have no engine; a router's package is refused without the executable.
  console.error(`build: no dist/l2tpsec, all else is built. ${e.message}`);
}
