// Bundles test/**/*.test.ts and src/*/test/*.test.ts and hands plain .mjs files to node --test (Node 20 knows neither
// globs nor TypeScript). Arguments name folders or files under test/ to run; none: the unit and simulation tests.
// Tests that need root, a package or a peer live in test/net and test/rig: name those folders to run them; RUNTIME="qjs
// node" runs those that start the daemon on both. Two files at a time: they sleep more than they work.
// COVERAGE=1 prints how many lines of src the unit tests ran, and fails below the floor; COVERAGE=all: file by file.
// RUNS=all tries every property as often as it says; without it the costly ones are tried less often (test/runs.ts).
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { build } from "esbuild";
import { coverage } from "./coverage.mjs";

/** Percent of the lines of src that the unit tests run: raise it with the tests, never lower it. */
const FLOOR = 83;
/** Folders whose files run in one process each: starting one costs more than most of their tests. */
const TOGETHER =
  /^(test\/(config|core|dataplane|esp|hdlc|ike|ipv6|l2tp|link|modem|packet|ppp)|src\/ubus-client\/test)\//;

const APART = ["test/net", "test/rig", "test/bench", "test/fuzz", "test/openwrt/browser"];
const args = process.argv.slice(2).filter((a) => !a.startsWith("--"));
const flags = process.argv.slice(2).filter((a) => a.startsWith("--"));
const all = ["test", "src/node-tuntap2/test", "src/ubus-client/test"]
  .filter((d) => existsSync(d))
  .flatMap((d) =>
    readdirSync(d, { recursive: true })
      .filter((f) => f.endsWith(".test.ts"))
      .map((f) => `${d}/${f}`),
  )
  .sort();
const wanted =
  args.length === 0
    ? all.filter((f) => !APART.some((d) => f.startsWith(`${d}/`)))
    : all.filter((f) => args.some((a) => f === a || f.startsWith(`${a.replace(/\/$/, "")}/`)));
if (wanted.length === 0) {
  console.error(`test.mjs: no test file matches ${args.join(" ")}`);
  process.exit(1);
}
const outdir = `.cache/test-${process.pid}`;
/** What runs: a file, or a folder of them by way of a file that imports them all. */
const entries = wanted.some((f) => APART.some((d) => f.startsWith(`${d}/`))) ? wanted : grouped(wanted);
await build({
  entryPoints: entries,
  outdir,
  outbase: ".",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  packages: "external",
  external: ["*.node"],
  alias: { "node-tuntap2": "./src/node-tuntap2/index.ts", "ubus-client": "./src/ubus-client/index.ts" },
  inject: ["test/seed.ts"],
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: "inline",
  logLevel: "warning",
});
function grouped(files) {
  const groups = new Map();
  for (const f of files) {
    const key = TOGETHER.exec(f)?.[0] ?? f;
    groups.set(key, [...(groups.get(key) ?? []), f]);
  }
  return [...groups].map(([key, members]) => {
    if (members.length === 1) return members[0];
    mkdirSync(outdir, { recursive: true });
    const entry = `${outdir}/${key.replaceAll("/", "-")}all.ts`;
    writeFileSync(entry, members.map((f) => `import "../../${f}";\n`).join(""));
    return entry;
  });
}
const built = (f) => `${outdir}/${f.replace(/\.ts$/, ".mjs")}`;

/** Runs files under node --test; with `runtime` what they print is shown in one piece, when they are done. */
function run(files, runtime, lane = 0, more = []) {
  return new Promise((resolve) => {
    const env = runtime === undefined ? unitEnv() : { ...process.env, RUNTIME: runtime, LANE: String(lane) };
    const many = `--test-concurrency=${availableParallelism()}`;
    const argv = ["--enable-source-maps", "--test", many, ...flags, ...more, ...files.map(built)];
    const child = spawn(process.execPath, argv, {
      stdio: ["ignore", "pipe", "inherit"],
      env,
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (d) => {
      if (runtime === undefined) process.stdout.write(d);
      text += d;
    });
    child.on("close", (code) => {
      if (runtime !== undefined) process.stdout.write(`\n# ${files.join(" ")} (${runtime})\n${text}`);
      resolve({ ok: code === 0, text });
    });
  });
}

const counted = process.env["COVERAGE"] !== undefined && args.length === 0;
const coverageDir = `${outdir}/coverage`;
function unitEnv() {
  return counted ? { ...process.env, NODE_V8_COVERAGE: coverageDir } : process.env;
}
/** Runs elsewhere: in the router's engine, and in a guest that has the kernel's modules. */
const ELSEWHERE = ["/quickjs/", "/dataplane/kernel/", "src/linux/xfrm.ts"];
async function judgeCoverage() {
  const sources = readdirSync("src", { recursive: true })
    .map((f) => `src/${f}`)
    .filter((f) => f.endsWith(".ts") && !f.includes("/test/") && !ELSEWHERE.some((d) => f.includes(d)))
    .sort();
  const { covered, all: lines, files } = await coverage(coverageDir, outdir, sources);
  const share = Math.floor((1000 * covered) / lines) / 10;
  if (process.env["COVERAGE"] === "all")
    for (const f of files) if (f.covered < f.all) console.log(`# ${f.file}: ${f.covered} of ${f.all}`);
  console.log(`# coverage: ${share} % of ${lines} lines of src, at least ${FLOOR}`);
  return share >= FLOOR;
}

let ok = true;
const system = wanted.filter((f) => APART.some((d) => f.startsWith(`${d}/`)));
if (system.length === 0) {
  ({ ok } = await run(entries));
  if (!ok) {
    console.log(
      "\nsecond try of the unit tests: a failure above that does not come back depends on chance, and is a " +
        "defect to find",
    );
    ({ ok } = await run(entries));
  }
  if (counted && !(await judgeCoverage())) ok = false;
} else ok = await systems();
rmSync(outdir, { recursive: true, force: true });
process.exit(ok ? 0 : 1);

/** Whole systems on a busy machine: a scene that fails gets one more try, alone, and the summary says so. */
async function systems() {
  const LANES = 2;
  const ALONE = ["test/net/load.test.ts"]; // they measure
  // Peers that are not ours, guests of one emulated CPU, pages: by the first engine alone, the router's. What an engine
  // does by itself is test/net's.
  const ONCE = /^test\/(rig|openwrt\/browser)\//;
  const runtimes = (process.env["RUNTIME"] ?? "node").split(" ");
  const jobs = system.flatMap((file) => {
    const startsDaemon = /from "[^"]*\/(daemon|sites|many|router)\.ts"/.test(readFileSync(file, "utf8"));
    const all = startsDaemon ? runtimes : runtimes.slice(-1);
    return (ONCE.test(file) ? runtimes.slice(0, 1) : all).map((runtime) => ({ file, runtime }));
  });
  const count = { pass: 0, fail: 0, skipped: 0 };
  const notes = new Set();
  const again = [];
  const took = [];
  const one = async (job, lane) => {
    const began = Date.now();
    const r = await run([job.file], job.runtime, lane);
    took.push({ ...job, seconds: Math.round((Date.now() - began) / 1000) });
    const failed = [...r.text.matchAll(/^not ok \d+ - (.*)$/gm)].map((m) => m[1]);
    if (!r.ok) again.push({ ...job, failed, whole: failed.length === 0 || /^ +(not )?ok \d/m.test(r.text) });
    for (const word of Object.keys(count))
      count[word] += Number(new RegExp(`^# ${word} (\\d+)$`, "m").exec(r.text)?.[1] ?? 0);
    for (const m of r.text.matchAll(/^ *ok \d+ - (.*# SKIP.*)$/gm)) notes.add(`skipped: ${m[1]}`);
  };
  const together = jobs.filter((j) => !ALONE.includes(j.file));
  await Promise.all(
    Array.from({ length: LANES }, async (_, lane) => {
      for (let job = together.shift(); job; job = together.shift()) await one(job, lane);
    }),
  );
  for (const job of jobs.filter((j) => ALONE.includes(j.file))) await one(job, 0);
  for (const { file, runtime, failed, whole } of again) {
    notes.add(`second try: ${file} (${runtime}), after: ${failed.join("; ") || "it ended early"}`);
    const names = failed.map((name) => `--test-name-pattern=^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
    const r = await run([file], runtime, 0, whole ? [] : names);
    if (r.ok) continue;
    notes.add(`FAILED: ${file} (${runtime})`);
    ok = false;
  }
  took.sort((a, b) => b.seconds - a.seconds);
  for (const { file, runtime, seconds } of took.slice(0, 12)) console.log(`# ${seconds} s: ${file} (${runtime})`);
  console.log(
    `\n${[...notes].map((n) => `${n}\n`).join("")}${count.pass} passed, ${count.fail} failed at first, ` +
      `${count.skipped} skipped`,
  );
  return ok;
}
