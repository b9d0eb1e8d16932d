// make bench: our figures, beside openvpn and wireguard-go in the same run, with the targets they are held to.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

mkdirSync(".cache", { recursive: true });
const outfile = `.cache/bench-${process.pid}.mjs`;
await build({
  entryPoints: ["test/bench/bench.ts"],
  outfile,
  bundle: true,
  packages: "external",
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: "inline",
  logLevel: "warning",
});
process.on("SIGINT", () => {}); // the child takes its namespaces away, then it is our turn
const r = spawnSync(process.execPath, ["--enable-source-maps", outfile, ...process.argv.slice(2)], {
  stdio: "inherit",
});
rmSync(outfile, { force: true });
process.exit(r.status ?? 1);
