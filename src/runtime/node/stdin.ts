// Stdin of Node, for questions: read at once, not by events.
import { readSync } from "node:fs";
import type { Stdin } from "../../ports/runtime.ts";

const WAIT_MS = 20;

export const stdin: Stdin = {
  get terminal() {
    return process.stdin.isTTY === true;
  },
  raw(on) {
    if (process.stdin.isTTY !== true) return false;
    process.stdin.setRawMode(on);
    return true;
  },
  read() {
    const one = new Uint8Array(1);
    for (;;) {
      try {
        return readSync(0, one) === 1 ? (one[0] ?? -1) : -1;
      } catch (e) {
        const code = e instanceof Error && "code" in e ? e.code : "";
        if (code === "EOF" || code === "EIO") return -1;
        if (code !== "EAGAIN") throw e;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS); // somebody made it non-blocking
      }
    }
  },
};
