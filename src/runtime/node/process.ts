// Child processes, for the demo alone: the daemon itself starts none.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import type { Process } from "../../ports/runtime.ts";

export function nodeSpawn(words: readonly string[]): Process {
  const [command, ...args] = words;
  if (command === undefined) throw new RangeError("spawn: no command");
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number>((resolve) => {
    child.once("error", () => resolve(127));
    child.once("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 128 + constants.signals[signal])));
  });
  const p: Process = { onLine: () => {}, exit: ended, signal: (name) => void child.kill(name) };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", (l) => p.onLine(l));
  return p;
}
