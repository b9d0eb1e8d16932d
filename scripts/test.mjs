// Bundles test/**/*.test.ts and src/*/test/*.test.ts and hands plain .mjs files to node --test (Node 20 knows neither
// globs nor TypeScript). Arguments name folders or files under test/ to run; none: the unit and simulation tests.
// Tests that need root, a package or a peer live in test/net and test/rig: name those folders to run them.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, existsSync } from "node:fs";
import { build } from "esbuild";

const APART = ["test/net", "test/rig", "test/bench", "test/fuzz"];
const args = process.argv.slice(2).filter((a) => !a.startsWith("--"));
const flags = process.argv.slice(2).filter((a) => a.startsWith("--"));
const all = ["test", "src/node-tuntap2/test", "src/ubus-client/test"]
  .filter((d) => existsSync(d))
  .flatMap((d) => readdirSync(d, { recursive: true }).filter((f) => f.endsWith(".test.ts")).map((f) => `${d}/${f}`))
  .sort();
const wanted = args.length === 0
  ? all.filter((f) => !APART.some((d) => f.startsWith(`${d}/`)))
  : all.filter((f) => args.some((a) => f === a || f.startsWith(`${a.replace(/\/$/, "")}/`)));
if (wanted.length === 0) {
  console.error(`test.mjs: no test file matches ${args.join(" ")}`);
  process.exit(1);
}
const outdir = `.cache/test-${process.pid}`;
await build({
  entryPoints: wanted, outdir, outbase: ".", outExtension: { ".js": ".mjs" }, bundle: true, packages: "external",
  external: ["*.node"], alias: { "node-tuntap2": "./src/node-tuntap2/index.ts" },
  platform: "node", target: "node20", format: "esm", sourcemap: "inline", logLevel: "warning",
});
const files = wanted.map((f) => `${outdir}/${f.replace(/\.ts$/, ".mjs")}`);
const r = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...flags, ...files], { stdio: "inherit" });
rmSync(outdir, { recursive: true, force: true });
process.exit(r.status ?? 1);
