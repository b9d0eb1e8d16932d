// Replacing files on QuickJS.
import { SystemError } from "../../core/errors.ts";
import { hex } from "../../core/text.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { replacer } from "../replace.ts";
import { codeOf, type Sys } from "./sys.ts";

export function replaceFiles(sys: Sys): Runtime["replaceFiles"] {
  const call = <T>(path: string, f: () => T): T => {
    try {
      return f();
    } catch (e) {
      throw new SystemError(
        codeOf(e),
        `cannot write ${path}`,
        codeOf(e) === "EINVAL" ? "it is not a regular file" : "",
      );
    }
  };
  const random = (): Uint8Array => {
    const b = new Uint8Array(6);
    sys.flat.cryptoRandom(b);
    return b;
  };
  return replacer(
    {
      existing: (path) =>
        call(path, () => {
          const there = sys.existing(path);
          return there === null ? null : { path: there[0], mode: there[1] };
        }),
      create: (path, text, mode) => call(path, () => sys.createFile(path, text, mode)),
      rename: (from, to) => call(to, () => sys.rename(from, to)),
      remove: (path) => sys.removeTree(path),
    },
    () => hex(random()),
  );
}
