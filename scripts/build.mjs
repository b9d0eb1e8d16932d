// dist/l2tpsec.cjs: one executable file. dist/*.node: the native library.
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { build } from "esbuild";

mkdirSync("dist", { recursive: true });
if (existsSync("src/node-tuntap2/build.mjs")) await (await import("../src/node-tuntap2/build.mjs")).buildNative("dist");
if (existsSync("src/runtime/node/entry.ts")) {
  await build({
    entryPoints: ["src/runtime/node/entry.ts"], outfile: "dist/l2tpsec.cjs", bundle: true, minify: true, platform: "node", target: "node20",
    format: "cjs", external: ["*.node"], banner: { js: "#!/usr/bin/env node" }, logLevel: "warning", legalComments: "none",
  });
  chmodSync("dist/l2tpsec.cjs", 0o755);
}
