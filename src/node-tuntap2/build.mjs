// Compiles the native library: one C compiler, no node-gyp. `buildNative(outDir)` does nothing when the output is newer
// than every source, and throws one sentence when it cannot.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const SOURCES = join(HERE, "native");

function nodeHeaders() {
  const places = [
    process.env["NODE_INCLUDE"],
    join(dirname(process.execPath), "..", "include", "node"),
    join("/usr", "include", "node"),
    join("/usr", "include", "nodejs", "src"),
    join("/usr", "include", "nodejs"),
  ].filter((d) => d !== undefined);
  const api = places.find((d) => existsSync(join(d, "node_api.h")));
  const uv = [...places, "/usr/include", "/usr/include/nodejs/deps/uv/include"].find((d) =>
    existsSync(join(d, "uv.h")),
  );
  if (api === undefined || uv === undefined) {
    throw new Error(
      `node_api.h or uv.h is not in ${places.join(", ")}: install Node's headers (Debian: libnode-dev), or ` +
        "set NODE_INCLUDE",
    );
  }
  return [...new Set([api, uv])];
}

/**
 * Compiler flags for a library that ends the process at the first error; the process starts with libasan.so preloaded.
 */
export const SANITIZE = [
  "-g",
  "-O1",
  "-fno-omit-frame-pointer",
  "-fsanitize=address,undefined",
  "-fno-sanitize-recover=all",
];

/**
 * Returns the path of the library. `flags` (SANITIZE, say) go to the compiler; `sources` is another folder with all of
 * them.
 */
export function buildNative(outDir, flags = [], sources = SOURCES) {
  const out = join(outDir, "tuntap2.node");
  const files = readdirSync(sources)
    .filter((f) => /\.[ch]$/.test(f))
    .map((f) => join(sources, f));
  const newest = Math.max(...[...files, fileURLToPath(import.meta.url)].map((f) => statSync(f).mtimeMs));
  if (flags.length === 0 && existsSync(out) && statSync(out).mtimeMs >= newest) return out;
  mkdirSync(outDir, { recursive: true });
  const cc = process.env["CC"] ?? "cc";
  const part = `${out}.${process.pid}`; // renamed when whole: a running process keeps the old one
  const args = [
    "-std=gnu11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fvisibility=hidden",
    "-fPIC",
    "-shared",
    ...(flags.includes("-g") ? [] : ["-s"]),
    ...flags,
    ...nodeHeaders().map((d) => `-I${d}`),
    ...files.filter((f) => f.endsWith(".c") && !f.endsWith("/qjs.c")),
    "-o",
    part,
  ];
  const r = spawnSync(cc, args, { encoding: "utf8" });
  if (r.error)
    throw new Error(`no C compiler: ${cc} does not start (Debian: apt-get install gcc libc6-dev; or set CC)`);
  if (r.status !== 0) {
    rmSync(part, { force: true });
    throw new Error(`${cc} could not build the native library:\n${r.stderr}`);
  }
  renameSync(part, out);
  return out;
}

// SANITIZE=1: with the sanitizers, into a folder of its own.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const sanitize = process.env["SANITIZE"] === "1";
  console.log(buildNative(process.argv[2] ?? (sanitize ? "dist/sanitized" : "dist"), sanitize ? SANITIZE : []));
}
