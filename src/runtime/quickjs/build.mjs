// Builds the executable: bundles, and runs the Makefile beside this file. Cross compilers: CC names the target's, and
// HOSTCC this machine's. Throws one sentence when it cannot.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { availableParallelism } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { withoutForms } from "../../../scripts/forms.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = join(HERE, "..", "..", "..");

/** The folder of the engine's source. */
function engineSource() {
  const r = spawnSync("sh", [join(ROOT, "scripts", "quickjs")], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (r.status !== 0) throw new Error(r.stderr.trim() || "scripts/quickjs failed");
  return fromRoot(resolve(ROOT, r.stdout.trim()));
}

function words(name, fallback) {
  return (process.env[name] ?? fallback).split(/\s+/).filter((w) => w !== "");
}

const digest = (list) => createHash("sha256").update(list.join(" ")).digest("hex").slice(0, 12);

/** One target of the Makefile beside this file; its variables by name. */
function make(target, variables) {
  const [cc, hostcc] = [words("CC", "cc"), words("HOSTCC", "cc")];
  for (const [command] of [cc, hostcc])
    if (spawnSync(command, ["--version"]).error)
      throw new Error(`no C compiler: ${command} does not start (Debian: apt-get install gcc libc6-dev; or set CC)`);
  const all = {
    QUICKJS_SRC: engineSource(),
    CC: cc.join(" "),
    HOSTCC: hostcc.join(" "),
    O: `.cache/quickjs-${digest([...cc, variables.CFLAGS ?? ""])}`,
    TOOL: `.cache/quickjs-tool-${digest(hostcc)}`,
    ...variables,
  };
  const { MAKEFLAGS: _, MAKELEVEL: __, ...env } = process.env; // this is no part of the make that may run us
  return new Promise((done, reject) => {
    const child = spawn(
      "make",
      [
        ...["-s", `-j${availableParallelism()}`, "-f", "src/runtime/quickjs/Makefile", target],
        ...Object.entries(all).map(([k, v]) => `${k}=${v}`),
      ],
      { cwd: ROOT, env, stdio: ["ignore", "inherit", "pipe"] },
    );
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (d) => {
      text += d;
    });
    child.on("error", () => reject(new Error("no make (Debian: apt-get install make)")));
    child.on("close", (code) =>
      code === 0 ? done() : reject(new Error(`make ${target} of the executable failed:\n${text}`)),
    );
  });
}

/**
 * Where the bundle comes from. The lines of all sources are counted on, from 1: `table` has the sources and how many
 * lines each has, which positions.ts reads, and `lines` the number of each line of the bundle, for compile.c.
 */
export function positions(script, mapText) {
  const payload = JSON.parse(mapText);
  const map = new SourceMap(payload);
  const places = script.split("\n").map((text, i) => {
    const e = map.findEntry(i, text.length - text.trimStart().length);
    return e.generatedLine === i
      ? { source: payload.sources.indexOf(e.originalSource), line: e.originalLine + 1 }
      : null;
  });
  const counts = payload.sources.map(() => 0);
  for (const p of places) if (p) counts[p.source] = Math.max(counts[p.source], p.line);
  const before = [];
  counts.reduce((sum, n, i) => {
    before[i] = sum;
    return sum + n;
  }, 0);
  // A line from nowhere counts as the one before it.
  let last = 1;
  const numbers = places.map((p) => {
    if (p) last = before[p.source] + p.line;
    return last;
  });
  return {
    table: payload.sources.map((s, i) => `${s.replace(/^(\.\.\/)*/, "")} ${counts[i]}\n`).join(""),
    lines: numbers.map((n) => `${n}\n`).join(""),
  };
}

/**
 * Bundles `entry` for the engine: one statement a line, so that lines are positions enough. A module, not a function
 * around it all: the engine searches the captured variables of a function one by one, which took half of the time to
 * start.
 */
export async function bundle(entry, options = {}) {
  const r = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    outfile: "out.js",
    format: "esm",
    platform: "neutral",
    target: "es2022",
    mainFields: ["module", "main"],
    minifyIdentifiers: true,
    minifySyntax: true,
    sourcemap: "external",
    sourcesContent: false,
    legalComments: "none",
    logLevel: "warning",
    absWorkingDir: ROOT,
    ...options,
  });
  const of = (end) => r.outputFiles.find((f) => f.path.endsWith(end)).text;
  return { script: of(".js"), map: of(".map") };
}

/**
 * Each class with private methods in a function of its own: in the module's they would stay among the captured
 * variables, which the engine searches for each method that it makes; a sixth of the time to start. What esbuild
 * writes begins at the left margin but for lines of texts: one that is taken for a class's end is a syntax error. The
 * class has no name then, which in the program, unlike in tests, nobody asks for.
 */
export function inFunctions(script) {
  const lines = script.split("\n");
  const BEGIN = /(?<== )class\b[^{}]*\{$/;
  const PRIVATE = /^ {2}(?:(?:static|async|get|set) )*\*?#[\w$]+\(/;
  let begin = -1;
  for (const [i, line] of lines.entries()) {
    if (!/^\S/.test(line)) continue;
    const methods = begin < 0 ? [] : lines.slice(begin, i).filter((l) => PRIVATE.test(l));
    if (methods.length > 0 && /^\}[;,]/.test(line)) {
      lines[begin] = lines[begin].replace(BEGIN, "(() => $&");
      lines[i] = lines[i].replace("}", "})()");
    }
    begin = BEGIN.test(line) ? i : -1;
  }
  return lines.join("\n");
}

/** A file that make finds from ROOT. */
const fromRoot = (file) => relative(ROOT, resolve(file));

/** `out`: a file of bytecode, which belongs to one release of the engine and one byte order. */
export async function toBytecode(script, out, lines) {
  writeFileSync(`${out}.js`, script);
  writeFileSync(`${out}.lines`, lines);
  tool ??= make("tool", {}); // not by several makes at a time
  await tool;
  await make("bytecode", { SCRIPT: fromRoot(`${out}.js`), OUT: fromRoot(out) });
  rmSync(`${out}.js`);
  rmSync(`${out}.lines`);
}
let tool = null;

/** The bundle for the engine and where its lines come from: what the Makefile needs of Node, into `dir`. */
export async function bundleInto(dir) {
  const { script, map } = await bundle(join(HERE, "entry.ts"), { plugins: [withoutForms] });
  const { table, lines } = positions(script, map);
  writeFileSync(join(dir, "l2tpsec.js"), inFunctions(script));
  writeFileSync(join(dir, "l2tpsec.lines"), lines);
  writeFileSync(join(dir, "sources.txt"), table);
}

/**
 * `dist/l2tpsec`, or with `test` a host that runs the bytecode file it is given. `flags` (sanitizers, say) go to
 * compiler and linker. Returns the path.
 */
export async function buildExecutable(out, { test = false, flags = [] } = {}) {
  const dir = join(ROOT, ".cache", `quickjs-program-${process.pid}`);
  mkdirSync(dir, { recursive: true });
  if (!test) await bundleInto(dir);
  await make(test ? "host" : "executable", {
    CFLAGS: [...words("CFLAGS", ""), ...flags].join(" "),
    LDFLAGS: words("LDFLAGS", "").join(" "),
    SCRIPT: fromRoot(join(dir, "l2tpsec.js")),
    SOURCES: fromRoot(join(dir, "sources.txt")),
    OUT: fromRoot(out),
  });
  rmSync(dir, { recursive: true });
  return out;
}
