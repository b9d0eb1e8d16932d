// Builds the executable: engine, host, native library and the bundle's bytecode in one file. Cross compilers: CC names
// the target's, HOSTCC this machine's. Throws one sentence when it cannot.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { endianness } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { withoutForms } from "../../../scripts/forms.mjs";
import { pack } from "./pack.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = join(HERE, "..", "..", "..");
const LIBRARY = join(HERE, "..", "..", "node-tuntap2", "native");
const ENGINE = ["quickjs.c", "cutils.c", "dtoa.c", "libregexp.c", "libunicode.c"];
const HOST = ["main.c", "host.c", "sys.c", "net.c", "proc.c", "memory.c", "slab.c", "unpack.c"];
const PINNED = "2025-04-26"; // as in scripts/quickjs
const NAME = "l2tpsec"; // of the script, in stack traces: positions.ts looks for it

const WARN = ["-Wall", "-Wextra", "-Werror"];
const HARD = ["-fPIE", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"];
// -Os makes calls even of JS_DupValue and JS_FreeValue, a sixth of the time of a login: 25 KB for what the engine
// itself calls inline.
const INLINE = "-Dinline=inline __attribute__((always_inline))";
const SECTIONS = ["-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"];
const LINK = ["-pie", "-Wl,-z,relro,-z,now", "-Wl,--gc-sections", "-lm", "-ldl", "-lpthread"];

/** The folder of the engine's source. */
function engineSource() {
  const r = spawnSync("sh", [join(ROOT, "scripts", "quickjs")], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (r.status !== 0) throw new Error(r.stderr.trim() || "scripts/quickjs failed");
  return resolve(ROOT, r.stdout.trim());
}

function words(name, fallback) {
  return (process.env[name] ?? fallback).split(/\s+/).filter((w) => w !== "");
}

function run(command, args) {
  return new Promise((done, reject) => {
    const child = spawn(command[0], [...command.slice(1), ...args], { stdio: ["ignore", "inherit", "pipe"] });
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (d) => {
      text += d;
    });
    child.on("error", () =>
      reject(
        new Error(`no C compiler: ${command[0]} does not start (Debian: apt-get install gcc libc6-dev; or set CC)`),
      ),
    );
    child.on("close", (code) => (code === 0 ? done(text) : reject(new Error(`${command.join(" ")} failed:\n${text}`))));
  });
}

const newest = (files) => Math.max(...files.map((f) => statSync(f).mtimeMs));
const headers = (dir) =>
  readdirSync(dir)
    .filter((f) => f.endsWith(".h"))
    .map((f) => join(dir, f));

const digest = (list) => createHash("sha256").update(list.join(" ")).digest("hex").slice(0, 12);
const made = new Map(); // what this process is compiling, or has

/**
 * Compiles what is out of date; the object files. They live by compiler and flags: another set of flags is another
 * folder.
 */
function objects(cc, { sources, flags, depends }) {
  const dir = join(ROOT, ".cache", `quickjs-${digest([...cc, ...flags])}`);
  mkdirSync(dir, { recursive: true });
  const since = newest(depends);
  return Promise.all(
    sources.map((source) => {
      const object = join(dir, `${basename(source).replace(/\.[cS]$/, "")}.o`);
      if (!made.has(object)) made.set(object, one(cc, flags, source, object, since));
      return made.get(object);
    }),
  );
}

async function one(cc, flags, source, object, since) {
  if (existsSync(object) && statSync(object).mtimeMs >= Math.max(since, statSync(source).mtimeMs)) return object;
  await run(cc, [...flags, "-c", source, "-o", `${object}.${process.pid}`]);
  renameSync(`${object}.${process.pid}`, object);
  return object;
}

function engineGroup(src) {
  const version = readFileSync(join(src, "VERSION"), "utf8").trim();
  return {
    version,
    group: {
      sources: ENGINE.map((f) => join(src, f)).filter((f) => existsSync(f)),
      depends: headers(src),
      // The engine's own flags; its code is not held to our warnings.
      flags: ["-Os", INLINE, "-w", "-fwrapv", "-D_GNU_SOURCE", `-DCONFIG_VERSION="${version}"`, ...HARD, ...SECTIONS],
    },
  };
}

/** Line by line where the bundle comes from: positions.ts reads it. */
export function positionTable(script, mapText) {
  const payload = JSON.parse(mapText);
  const map = new SourceMap(payload);
  const names = payload.sources.map((s) => s.replace(/^(\.\.\/)*/, ""));
  const body = [];
  const put = (n) => {
    for (let v = n < 0 ? -n * 2 - 1 : n * 2; ; v >>>= 7) {
      body.push(v < 0x80 ? v : (v & 0x7f) | 0x80);
      if (v < 0x80) return;
    }
  };
  let source = 0;
  let line = 0;
  script.split("\n").forEach((text, i) => {
    const e = map.findEntry(i, text.length - text.trimStart().length);
    const here = e.generatedLine === i ? payload.sources.indexOf(e.originalSource) + 1 : 0;
    const there = here > 0 ? e.originalLine + 1 : line;
    put(here - source);
    put(there - line);
    source = here;
    line = there;
  });
  return Buffer.concat([Buffer.from(`${names.join("\n")}\n\n`), Buffer.from(body)]);
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

/** This machine's compiler of scripts. */
async function compiler(src) {
  const cc = words("HOSTCC", "cc");
  const own = {
    sources: [join(HERE, "compile.c"), join(HERE, "regexps.c")],
    depends: headers(src),
    flags: ["-std=gnu11", "-O1", ...WARN, "-fPIE", `-isystem${src}`],
  };
  const all = [...(await objects(cc, engineGroup(src).group)), ...(await objects(cc, own))];
  const tool = join(dirname(all.at(-1)), "compile");
  if (!existsSync(tool) || statSync(tool).mtimeMs < newest(all)) {
    await run(cc, [...all, "-o", `${tool}.${process.pid}`, ...LINK, "-Wl,--wrap=lre_compile"]);
    renameSync(`${tool}.${process.pid}`, tool);
  }
  return tool;
}
let tool = null;

/** What the target's compiler makes of macros; "" when it makes nothing. */
function preprocessed(text) {
  const [command, ...more] = words("CC", "cc");
  const r = spawnSync(command, [...more, "-E", "-P", "-"], { input: `${text}\n`, encoding: "utf8" });
  return r.status === 0 ? r.stdout.trim() : "";
}

/** Whether the target's bytes stand the other way round than this machine's. */
function otherOrder(src) {
  const [mine, big] = preprocessed("__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__")
    .split("==")
    .map((x) => x.trim());
  const other = big !== undefined && (mine === big ? "BE" : "LE") !== endianness();
  if (other && engineGroup(src).version !== PINNED)
    throw new Error(
      `for a CPU of the other byte order the engine must be of ${PINNED}: its regular expressions are converted`,
    );
  return other;
}

/** `out`: a file of bytecode, which belongs to one release of the engine and one byte order. */
export async function toBytecode(script, out) {
  tool ??= compiler(engineSource());
  writeFileSync(`${out}.js`, script);
  await run([await tool], [`${out}.js`, NAME, out, ...(otherOrder(engineSource()) ? ["swap"] : [])]);
  rmSync(`${out}.js`);
}

/**
 * `dist/l2tpsec`, or with `test` a host that runs the bytecode file it is given. `flags` (sanitizers, say) go to
 * compiler and linker. Returns the path.
 */
export async function buildExecutable(out, { test = false, flags = [] } = {}) {
  const src = engineSource();
  const cc = words("CC", "cc");
  const { version, group } = engineGroup(src);
  const dir = join(ROOT, ".cache", `quickjs-program-${process.pid}`);
  mkdirSync(dir, { recursive: true });
  const [program, positions] = [join(dir, "program.bin"), join(dir, "positions.bin")];
  if (test) {
    writeFileSync(program, "");
    writeFileSync(positions, "");
  } else {
    const { script, map } = await bundle(join(HERE, "entry.ts"), { plugins: [withoutForms] });
    await toBytecode(script, program);
    writeFileSync(program, pack(readFileSync(program)));
    writeFileSync(positions, positionTable(script, map));
  }
  const own = [
    "-std=gnu11",
    ...WARN,
    ...HARD,
    ...SECTIONS,
    `-I${HERE}`,
    `-I${LIBRARY}`,
    `-isystem${src}`,
    ...(test ? ["-DHOST_TEST"] : []),
  ];
  const library = readdirSync(LIBRARY)
    .filter((f) => f.endsWith(".c") && f !== "napi.c")
    .map((f) => join(LIBRARY, f));
  const depends = [...headers(HERE), ...headers(LIBRARY), ...headers(src)];
  const extra = [...words("CFLAGS", ""), ...flags];
  const all = (
    await Promise.all([
      objects(cc, { ...group, flags: [...group.flags, ...extra] }),
      objects(cc, {
        sources: HOST.map((f) => join(HERE, f)),
        depends,
        // What the engine calls has one signature, whatever it uses of it.
        flags: ["-Os", "-D_GNU_SOURCE", `-DCONFIG_VERSION="${version}"`, ...own, "-Wno-unused-parameter", ...extra],
      }),
      objects(cc, { sources: library, depends, flags: ["-O2", ...own, ...extra] }),
    ])
  ).flat();
  const embed = join(dir, "embed.o");
  await run(cc, [`-DPROGRAM="${program}"`, `-DPOSITIONS="${positions}"`, "-c", join(HERE, "embed.S"), "-o", embed]);
  const part = `${out}.${process.pid}`; // renamed when whole: a running process keeps the old one
  const link = (...more) =>
    run(cc, [...all, embed, ...flags, ...words("LDFLAGS", ""), ...(test ? [] : ["-s"]), "-o", part, ...LINK, ...more]);
  // 45 KB less where linker and C library know the compact form (binutils 2.38, glibc 2.36, musl 1.2.4). musl does not
  // tell its release, and an older one crashes: whoever knows it gives the option in LDFLAGS.
  const glibc = Number(preprocessed("#include <features.h>\n__GLIBC_MINOR__").split("\n").at(-1));
  await (glibc >= 36 ? link("-Wl,-z,pack-relative-relocs").catch(() => link()) : link());
  renameSync(part, out);
  rmSync(dir, { recursive: true });
  return out;
}
