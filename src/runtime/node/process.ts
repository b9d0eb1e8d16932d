// Child processes, for the demo only: the daemon starts none, and so does not pay the module's 600 KB.
import { createRequire } from "node:module";
import { constants } from "node:os";
import type { Process } from "../../ports/runtime.ts";

export function nodeSpawn(words: readonly string[]): Process {
  const [command, ...args] = words;
  if (command === undefined) throw new RangeError("spawn: no command");
  const load = createRequire(`${process.cwd()}/`);
  const { spawn } = load("node:child_process") as typeof import("node:child_process");
  const { createInterface } = load("node:readline") as typeof import("node:readline");
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number>((resolve) => {
    child.once("error", () => resolve(127));
    child.once("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 128 + constants.signals[signal])));
  });
  const p: Process = { onLine: () => {}, exit: ended, signal: (name) => void child.kill(name) };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", (l) => p.onLine(l));
  return p;
}
