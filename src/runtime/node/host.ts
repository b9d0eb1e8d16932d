// Host on Node: files, names, environment.
import { lookup } from "node:dns/promises";
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { canonicalIp } from "../../core/addr.ts";
import { SystemError } from "../../core/errors.ts";
import type { Host } from "../../ports/ports.ts";
import { FILE_ADVICE, NAME_ADVICE } from "../advice.ts";

function codeOf(e: unknown): string {
  return e instanceof Error && "code" in e && typeof e.code === "string" ? e.code : "EIO";
}

const READ = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
const LONGEST = 16 << 20;

/** Regular files only, opened non-blocking: a FIFO or a device of that name must not stall the daemon. */
function readRegular(path: string): Uint8Array {
  const fd = openSync(path, READ);
  try {
    const st = fstatSync(fd);
    if (!st.isFile()) throw Object.assign(new Error("no file"), { code: st.isDirectory() ? "EISDIR" : "EINVAL" });
    if (st.size > LONGEST) throw Object.assign(new Error("too long"), { code: "EFBIG" });
    return new Uint8Array(readFileSync(fd));
  } finally {
    closeSync(fd);
  }
}

/** A regular file's bytes. Throws SystemError. */
export function nodeBytes(path: string): Uint8Array {
  try {
    return readRegular(path);
  } catch (e) {
    throw new SystemError(codeOf(e), `cannot read ${path}`, FILE_ADVICE[codeOf(e)] ?? "");
  }
}

export const nodeHost: Host = {
  readFile: (path) => Buffer.from(nodeBytes(path)).toString("utf8"),
  env: (name) => process.env[name],
  async resolve(name) {
    const literal = canonicalIp(name);
    if (literal !== null) return [literal];
    try {
      const all = await lookup(name, { all: true });
      const addresses = all.flatMap((a) => canonicalIp(a.address) ?? []);
      if (addresses.length > 0) return [...new Set(addresses)];
    } catch (e) {
      throw new SystemError(codeOf(e), `cannot resolve ${name}`, NAME_ADVICE[codeOf(e)] ?? "");
    }
    throw new SystemError("ENOTFOUND", `cannot resolve ${name}`, "the name has no address");
  },
  hostname: () => hostname(),
  wallClock: () => Date.now(),
  localOffset: () => -new Date().getTimezoneOffset(),
};
