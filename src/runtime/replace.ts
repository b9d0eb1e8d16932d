// Files are replaced whole, on every engine: nobody ever sees half of one, and an error leaves the old ones.
import type { Runtime } from "../ports/runtime.ts";

/** System calls. They throw SystemError. */
interface FileCalls {
  /** The path without symbolic links, and the permissions of what is there; null: nothing is. */
  existing(path: string): { readonly path: string; readonly mode: number } | null;
  /** A new file, on the disk when it returns: EEXIST when there is one. */
  create(path: string, text: string, mode: number): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
}

/** `suffix` is not guessable: nobody prepares the temporary name. */
export function replacer(calls: FileCalls, suffix: () => string): Runtime["replaceFiles"] {
  return (files, mode) => {
    const made: string[] = [];
    try {
      const moves = files.map(({ path, text }) => {
        const old = calls.existing(path);
        const to = old?.path ?? path;
        const from = `${to}.${suffix()}`;
        calls.create(from, text, old?.mode ?? mode);
        made.push(from);
        return { from, to };
      });
      for (const { from, to } of moves) {
        calls.rename(from, to);
        made.splice(made.indexOf(from), 1);
      }
    } finally {
      for (const path of made) calls.remove(path);
    }
  };
}
