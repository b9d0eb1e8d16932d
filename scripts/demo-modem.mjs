// make demo-modem: the daemons are what is built in dist/ (the executable where there is one); this end plays the
// telephone network.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

mkdirSync(".cache", { recursive: true });
const outfile = `.cache/demo-modem-${process.pid}.mjs`;
await build({
  entryPoints: ["test/net/demo-modem.ts"],
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
const r = spawnSync(process.execPath, ["--enable-source-maps", outfile, ...process.argv.slice(2)], {
  stdio: "inherit",
});
rmSync(outfile, { force: true });
process.exit(r.status ?? 1);
