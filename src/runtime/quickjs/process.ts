// Child processes, for the demo alone.
import { fromUtf8 } from "../../core/text.ts";
import type { Process } from "../../ports/runtime.ts";
import { READABLE, type Sys } from "./sys.ts";

const NEWLINE = 0x0a;

/** Takes sys.onChild for itself. */
export function quickjsSpawn(sys: Sys): (words: readonly string[]) => Process {
  const ended = new Map<number, (status: number) => void>();
  sys.onChild = (pid, status) => {
    ended.get(pid)?.(status);
    ended.delete(pid);
  };
  return (words) => {
    let pid = -1;
    let fd: number;
    const p = {
      onLine: (_: string): void => {},
      exit: Promise.resolve(127),
      signal: (name: string) => void (pid > 0 && sys.kill(pid, name)),
    };
    try {
      [pid, fd] = sys.spawn(words);
    } catch (e) {
      if (e instanceof RangeError) throw e;
      return p; // as a shell says it: 127
    }
    const status = new Promise<number>((resolve) => {
      ended.set(pid, (s) => {
        pid = -1;
        resolve(s);
      });
    });
    const drained = new Promise<void>((resolve) => {
      const chunk = new Uint8Array(4096);
      let rest = new Uint8Array(0);
      const watch = sys.watch(fd, READABLE, () => {
        const n = sys.read(fd, chunk);
        if (n < 0) return;
        const all = new Uint8Array(rest.length + n);
        all.set(rest);
        all.set(chunk.subarray(0, n), rest.length);
        let from = 0;
        for (let nl = all.indexOf(NEWLINE); nl >= 0; nl = all.indexOf(NEWLINE, from)) {
          p.onLine(fromUtf8(all.subarray(from, nl)));
          from = nl + 1;
        }
        rest = all.slice(from);
        if (n > 0) return;
        if (rest.length > 0) p.onLine(fromUtf8(rest));
        sys.unwatch(watch);
        sys.close(fd);
        resolve();
      });
    });
    p.exit = drained.then(() => status);
    return p;
  };
}
