// Loads the native library: from beside the bundle when installed, from dist/ when run from the tree.
import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import type { Flat, Native } from "node-tuntap2";
import { native } from "node-tuntap2";
import { SystemError } from "../../core/errors.ts";

const FILE = "tuntap2.node";

/**
 * Where the library may be: $L2TPSEC_NATIVE, beside the program, or in dist/ of the tree above it; never relative to
 * the working directory.
 */
function candidates(): string[] {
  const forced = process.env["L2TPSEC_NATIVE"];
  if (forced !== undefined && forced !== "") return [resolve(forced)];
  const out: string[] = [];
  const main = process.argv[1];
  // resolves a symlink in a bin/ folder
  const program = main !== undefined && existsSync(main) ? dirname(realpathSync(main)) : process.cwd();
  out.push(join(program, FILE));
  for (let dir = program; ; dir = dirname(dir)) {
    out.push(join(dir, "dist", FILE));
    if (dirname(dir) === dir || existsSync(join(dir, "package.json"))) return out;
  }
}

export function loadNative(): Native {
  return native(loadFlat());
}

/** Throws SystemError, with advice, when the library is missing or does not load. */
export function loadFlat(): Flat {
  const path = candidates().find((p) => existsSync(p));
  if (path === undefined)
    throw new SystemError(
      "ENOENT",
      `native library ${FILE} not found`,
      "run `make build`, or set L2TPSEC_NATIVE to its path",
    );
  try {
    return createRequire(path)(path) as Flat;
  } catch (e) {
    const why = e instanceof Error ? (e.message.split("\n")[0] as string) : String(e);
    throw new SystemError(
      "ENOEXEC",
      `native library ${path} does not load: ${why}`,
      "it was built for another system; run `make build` here",
    );
  }
}
