// Replacing files on Node.
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { SystemError } from "../../core/errors.ts";
import { hex } from "../../core/text.ts";
import { replacer } from "../replace.ts";
import { nodeCrypto } from "./crypto.ts";

/** What `f` throws, as a SystemError. */
function call<T>(what: string, f: () => T): T {
  try {
    return f();
  } catch (e) {
    throw new SystemError(e instanceof Error && "code" in e ? String(e.code) : "EIO", what);
  }
}

export const replaceFiles = replacer(
  {
    existing(path) {
      const there = call(`cannot write ${path}`, () => statSync(path, { throwIfNoEntry: false }));
      if (!there) return null;
      if (!there.isFile()) throw new SystemError("EINVAL", `cannot write ${path}`, "it is not a regular file");
      return { path: realpathSync(path), mode: there.mode & 0o777 };
    },
    create: (path, text, mode) =>
      call(`cannot write ${path}`, () => {
        const fd = openSync(path, "wx", mode);
        try {
          fchmodSync(fd, mode);
          writeFileSync(fd, text);
          fsyncSync(fd);
        } finally {
          closeSync(fd);
        }
      }),
    rename: (from, to) => call(`cannot write ${to}`, () => renameSync(from, to)),
    remove: (path) => rmSync(path, { force: true }),
  },
  () => hex(nodeCrypto.random(6)),
);
