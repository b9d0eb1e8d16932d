// Bundles test/**/*.test.ts and src/*/test/*.test.ts and hands plain .mjs files to node --test (Node 20 knows neither
// globs nor TypeScript). Arguments name folders or files under test/ to run; none: the unit and simulation tests.
// Tests that need root, a package or a peer live in test/net and test/rig: name those folders to run them.
import { spawn } from "node:child_process";
import { readdirSync, rmSync, existsSync } from "node:fs";
import { build } from "esbuild";

const APART = ["test/net", "test/rig", "test/bench", "test/fuzz", "test/openwrt/browser"];
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
  external: ["*.node"], alias: { "node-tuntap2": "./src/node-tuntap2/index.ts", "ubus-client": "./src/ubus-client/index.ts" },
  inject: ["test/seed.ts"], platform: "node", target: "node20", format: "esm", sourcemap: "inline", logLevel: "warning",
});
const built = (f) => `${outdir}/${f.replace(/\.ts$/, ".mjs")}`;

/** Runs files under node --test, showing what they print as they print it. */
function run(files) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--enable-source-maps", "--test", ...flags, ...files.map(built)], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (d) => {
      process.stdout.write(d);
      text += d;
    });
    child.on("close", (code) => resolve({ ok: code === 0, text }));
  });
}

let ok = true;
const system = wanted.filter((f) => APART.some((d) => f.startsWith(`${d}/`)));
if (system.length === 0) {
  ({ ok } = await run(wanted));
  if (!ok) {
    console.log("\nsecond try of the unit tests: a failure above that does not come back depends on chance, and is a defect to find");
    ({ ok } = await run(wanted));
  }
} else {
  // Whole systems on a busy machine: a file that fails gets one more try, and the summary says so.
  const count = { passed: 0, failed: 0, skipped: 0 };
  const notes = [];
  for (const f of system) {
    let r = await run([f]);
    if (!r.ok) {
      notes.push(`second try: ${f}, after: ${[...r.text.matchAll(/^ *not ok \d+ - (.*)$/gm)].map((m) => m[1]).join("; ")}`);
      r = await run([f]);
      if (!r.ok) notes.push(`FAILED: ${f}`);
    }
    ok &&= r.ok;
    for (const [name, word] of [["passed", "pass"], ["failed", "fail"], ["skipped", "skipped"]]) {
      count[name] += Number(new RegExp(`^# ${word} (\\d+)$`, "m").exec(r.text)?.[1] ?? 0);
    }
    notes.push(...[...r.text.matchAll(/^ *ok \d+ - (.*# SKIP.*)$/gm)].map((m) => `skipped: ${m[1]}`));
  }
  console.log(`\n${notes.map((n) => `${n}\n`).join("")}${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
}
rmSync(outdir, { recursive: true, force: true });
process.exit(ok ? 0 : 1);
