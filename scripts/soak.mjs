// SOAK_HOURS (72) of SOAK_USERS (50), virtual and the same for each SOAK_SEED (1): test/soak/soak.ts.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { build } from "esbuild";

const outfile = `.cache/soak-${process.pid}.mjs`;
await build({
  entryPoints: ["test/soak/soak.ts"],
  outfile,
  bundle: true,
  packages: "external",
  external: ["*.node"],
  inject: ["test/seed.ts"],
  alias: { "node-tuntap2": "./src/node-tuntap2/index.ts", "ubus-client": "./src/ubus-client/index.ts" },
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: "inline",
  logLevel: "warning",
});
// Without the optimizing compiler, as the daemon runs itself: its code would be a heap that grows.
const r = spawnSync(process.execPath, ["--expose-gc", "--no-opt", "--enable-source-maps", outfile], {
  stdio: "inherit",
});
rmSync(outfile, { force: true });
process.exit(r.status ?? 1);
