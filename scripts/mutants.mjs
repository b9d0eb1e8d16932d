// make mutants: one-line faults in lines that keep a promise, each put into a copy of the program, which the tests
// named with it must then find. The lists are test/mutants/*.txt, four lines a mutant:
//     the promise, in one sentence
//     FILE < TEST FILES
//     - text that is in FILE exactly once, however it is broken into lines
//     + what stands in its place
// No file of the tree is touched: TypeScript is changed while it is bundled, C in a copy of which another native
// library is built. A mutant counts as killed only when its tests pass without it, and with it a test that ran fails
// (or does not come back within a minute, which is said): a bundle that cannot be made, or a program that does not
// start or crashes, is an error of the list.
//   mutants.mjs            all        mutants.mjs WORD...    those whose sentence, file or list has one of the words
//   mutants.mjs --some N   N of them, chosen by the commit   mutants.mjs --fit       only: does each still fit?
// Why our own list: StrykerJS cannot mutate C, and its thousands of mechanical mutants have no names, many of them are
// equivalent, and reading the survivors takes hours. What matters is that every promise has a test.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { build } from "esbuild";
import { buildNative } from "../src/node-tuntap2/build.mjs";

const DIR = "test/mutants";
const LEAST = 170;
const LANES = 2;
const TIMEOUT_MS = 60_000;
const NATIVE = "src/node-tuntap2/native";

/** Throws with the line of what is wrong. */
function readList(path) {
  const out = [];
  const bad = (i, why) => {
    throw new Error(`${path}:${i + 1}: ${why}`);
  };
  const lines = readFileSync(path, "utf8").split("\n");
  for (let i = 0; i < lines.length; i++) {
    if (lines[i] === "" || lines[i].startsWith("#")) continue;
    const [promise, where = "", minus = "", plus = ""] = lines.slice(i, i + 4);
    const [file = "", tests = ""] = where.split(" < ");
    if (!existsSync(file)) bad(i + 1, `no such file: ${file}`);
    const killers = tests.split(" ").filter((t) => t !== "");
    if (killers.length === 0) bad(i + 1, "names no test");
    for (const t of killers) if (!existsSync(t)) bad(i + 1, `no such test: ${t}`);
    if (!minus.startsWith("- ")) bad(i + 2, 'not a line that begins with "- "');
    if (plus !== "+" && !plus.startsWith("+ ")) bad(i + 3, 'not a line that begins with "+ "');
    const at = { at: `${path}:${i + 1}`, list: basename(path, ".txt") };
    out.push({ promise, file, tests: killers, find: minus.slice(2), put: plus.slice(2), ...at });
    i += 3;
  }
  return out;
}
/**
 * `text` as a formatter may have laid it out: any space between two words or signs, a comma before what closes a list.
 */
function laidOut(text) {
  const parts = text.match(/\w+|[^\w\s]/g) ?? [];
  const sources = parts.map((part, i) => {
    const sign = part.replace(/[^\w]/, "\\$&");
    if (i === 0) return sign;
    if (/[)\]}]/.test(part)) return `\\s*,?\\s*${sign}`;
    return `${/\w/.test(part) && /\w/.test(parts[i - 1]) ? "\\s+" : "\\s*"}${sign}`;
  });
  return new RegExp(sources.join(""), "g");
}
function fits(m) {
  const n = (readFileSync(m.file, "utf8").match(laidOut(m.find)) ?? []).length;
  if (n === 1) return true;
  console.error(`${m.at}: the mutant no longer fits: its text is ${n === 0 ? "not" : `${n} times`} in ${m.file}`);
  return false;
}
const changed = (m) => readFileSync(m.file, "utf8").replace(laidOut(m.find), () => m.put);

const bundled = (tests, outdir, m = null) =>
  build({
    entryPoints: tests,
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
    logLevel: "silent",
    plugins:
      m === null || m.file.endsWith(".c")
        ? []
        : [
            {
              name: "mutant",
              setup: (b) =>
                b.onLoad({ filter: /\.ts$/ }, (a) =>
                  a.path === resolve(m.file) ? { contents: changed(m), loader: "ts" } : undefined,
                ),
            },
          ],
  });

/** The library with the mutant in it; beside a copy of the sources in `dir`. */
function mutatedLibrary(m, dir) {
  const sources = join(dir, "native");
  cpSync(NATIVE, sources, { recursive: true });
  writeFileSync(join(sources, basename(m.file)), changed(m));
  return buildNative(dir, ["-w"], sources);
}

/** "pass", or the first test that failed, or { broken } when it ended otherwise. */
function runFile(file, native) {
  return new Promise((done) => {
    const own = native === null ? {} : { L2TPSEC_NATIVE: resolve(native) };
    const env = { ...process.env, RUNS: "all", ...own };
    const child = spawn(process.execPath, ["--test-reporter=tap", file], {
      stdio: ["ignore", "pipe", "pipe"],
      env,
      detached: true,
    });
    const end = () => {
      try {
        process.kill(-child.pid, "SIGKILL"); // its children too
      } catch {} // gone already
    };
    let text = "";
    let words = "";
    let failed = null;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end();
    }, TIMEOUT_MS);
    child.stderr.setEncoding("utf8").on("data", (d) => {
      words += d;
    });
    child.stdout.setEncoding("utf8").on("data", (d) => {
      text += d;
      failed ??= /^ *not ok \d+ - (.*)$/m.exec(text.slice(0, text.lastIndexOf("\n") + 1))?.[1] ?? null;
      if (failed !== null) end(); // one is enough
    });
    child.on("exit", end);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (failed !== null) return done({ failed });
      if (late) return done({ failed: `not back after ${TIMEOUT_MS / 1000} s`, late });
      if (code === 0) return done("pass");
      const last = (words || text).trim().split("\n").at(-1);
      done({ broken: `${file} ended with ${signal ?? code} before any test failed: ${last}` });
    });
  });
}
const made = (dir, t) => join(dir, t.replace(/\.ts$/, ".mjs"));

async function attempt(m, dir) {
  let native = null;
  try {
    if (m.file.endsWith(".c")) native = mutatedLibrary(m, dir);
    await bundled(m.tests, dir, m);
  } catch (e) {
    return { broken: `cannot be built: ${e.message.split("\n").slice(0, 3).join(" ")}` };
  }
  for (const t of m.tests) {
    const r = await runFile(made(dir, t), native);
    if (r !== "pass") return { ...r, by: t };
  }
  return "survived";
}
async function inLanes(list, f) {
  const rest = [...list];
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      for (let x = rest.shift(); x !== undefined; x = rest.shift()) await f(x);
    }),
  );
}

const args = process.argv.slice(2);
const all = readdirSync(DIR)
  .filter((f) => f.endsWith(".txt"))
  .sort()
  .flatMap((f) => readList(`${DIR}/${f}`));
const twice = all.filter((m, i) => all.findIndex((x) => x.promise === m.promise) !== i);
for (const m of twice) console.error(`${m.at}: the same sentence twice`);
const fitting = all.filter((m) => fits(m));
if (fitting.length < all.length || twice.length > 0 || all.length < LEAST) {
  console.error(`${all.length} mutants (${LEAST} at least), ${all.length - fitting.length} of them do not fit`);
  process.exit(1);
}
if (args[0] === "--fit") {
  console.log(`${all.length} mutants fit`);
  process.exit(0);
}
let chosen = all;
if (args[0] === "--some") {
  const head = spawnSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" });
  const commit = head.status === 0 ? head.stdout.trim() : "";
  const mark = (m) => createHash("sha256").update(`${commit} ${m.promise}`).digest("hex");
  chosen = [...all].sort((a, b) => (mark(a) < mark(b) ? -1 : 1)).slice(0, Number(args[1]));
  console.log(`${chosen.length} of ${all.length} mutants, chosen by commit ${commit.slice(0, 12) || "(none)"}`);
} else if (args.length > 0)
  chosen = all.filter((m) => args.some((w) => `${m.promise} ${m.file} ${m.list}`.includes(w)));

const root = `.cache/mutants-${process.pid}`;
mkdirSync(root, { recursive: true });
process.on("exit", () => rmSync(root, { recursive: true, force: true }));
const begun = Date.now();
const tests = [...new Set(chosen.flatMap((m) => m.tests))];
await bundled(tests, `${root}/whole`);
const count = { killed: 0, late: 0, survived: 0, broken: 0 };
await inLanes(tests, async (t) => {
  const file = made(`${root}/whole`, t);
  if ((await runFile(file, null)) === "pass") return;
  const r = await runFile(file, null);
  console.log(`${t} failed without any mutant${r === "pass" ? ", once: it depends on chance" : ""}`);
  if (r === "pass") return;
  console.log(`error: ${t} fails without any mutant: ${r.failed ?? r.broken}`);
  count.broken++;
});
if (count.broken > 0) process.exit(1);
let n = 0;
await inLanes(chosen, async (m) => {
  const dir = `${root}/${n++}`;
  const r = await attempt(m, dir);
  rmSync(dir, { recursive: true, force: true });
  if (r === "survived") {
    count.survived++;
    console.log(`SURVIVED ${m.at} ${m.promise}\n    in ${m.file}; ${m.tests.join(" ")} noticed nothing`);
  } else if (r.broken !== undefined) {
    count.broken++;
    console.log(`ERROR ${m.at} ${m.promise}\n    ${r.broken}`);
  } else {
    count.killed++;
    if (r.late) count.late++;
    console.log(`killed   ${m.promise}${args.length > 0 || r.late ? ` (${r.by}: ${r.failed})` : ""}`);
  }
});
const late = count.late > 0 ? ` (${count.late} by time-out)` : "";
const took = Math.round((Date.now() - begun) / 1000);
const rest = `${count.survived} survived, ${count.broken} could not be tried`;
console.log(`${chosen.length} mutants in ${took} s: ${count.killed} killed${late}, ${rest}`);
process.exit(count.killed === chosen.length ? 0 : 1);
