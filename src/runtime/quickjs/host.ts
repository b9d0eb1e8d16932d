// Host on QuickJS: files, names, environment.
import { canonicalIp } from "../../core/addr.ts";
import { SystemError } from "../../core/errors.ts";
import { fromUtf8 } from "../../core/text.ts";
import type { Host } from "../../ports/ports.ts";
import { FILE_ADVICE, NAME_ADVICE } from "../advice.ts";
import { codeOf, type Sys } from "./sys.ts";

/** A regular file's bytes. Throws SystemError. */
export function quickjsBytes(sys: Sys, path: string): Uint8Array {
  try {
    return new Uint8Array(sys.readFile(path));
  } catch (e) {
    throw new SystemError(codeOf(e), `cannot read ${path}`, FILE_ADVICE[codeOf(e)] ?? "");
  }
}
export function quickjsHost(sys: Sys): Host {
  return {
    readFile: (path) => fromUtf8(quickjsBytes(sys, path)),
    env: (name) => sys.env(name),
    resolve(name) {
      const literal = canonicalIp(name);
      if (literal !== null) return Promise.resolve([literal]);
      return new Promise((resolve, reject) => {
        sys.resolve(name, (code, all) => {
          const addresses = new Set(all.flatMap((a) => canonicalIp(a) ?? []));
          if (code !== null) reject(new SystemError(code, `cannot resolve ${name}`, NAME_ADVICE[code] ?? ""));
          else if (addresses.size === 0)
            reject(new SystemError("ENOTFOUND", `cannot resolve ${name}`, "the name has no address"));
          else resolve([...addresses]);
        });
      });
    },
    hostname: () => sys.hostname(),
    wallClock: () => sys.wallClock(),
    localOffset: () => sys.localOffset(),
  };
}
