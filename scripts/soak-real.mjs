// The real half of make soak: SOAK_SECONDS (600) with SOAK_LINKS (200) links, the native library under sanitizers
// (test/net/soak-real.ts).
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { build } from "esbuild";
import { buildNative, SANITIZE } from "../src/node-tuntap2/build.mjs";

const library = buildNative("dist/sanitized", SANITIZE);
const runtime =
  spawnSync(process.env.CC ?? "cc", ["-print-file-name=libasan.so"], { encoding: "utf8" }).stdout?.trim() ?? "";
if (!existsSync(runtime)) {
  console.error("soak-real.mjs: the compiler has no libasan.so (Debian: libasan8 comes with gcc)");
  process.exit(1);
}
mkdirSync(".cache", { recursive: true });
const outfile = `.cache/soak-real-${process.pid}.mjs`;
await build({
  entryPoints: ["test/net/soak-real.ts"],
  outfile,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: "inline",
  logLevel: "warning",
});
process.on("SIGINT", () => {}); // the child takes its namespaces away, then it is our turn
process.on("SIGTERM", () => {});
const env = { ...process.env, SOAK_LIBRARY: realpathSync(library), SOAK_PRELOAD: realpathSync(runtime) };
const r = spawnSync(process.execPath, ["--enable-source-maps", outfile], { stdio: "inherit", env });
rmSync(outfile, { force: true });
process.exit(r.status ?? 1);
