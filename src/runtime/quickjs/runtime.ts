// The Runtime of QuickJS.

import { SystemError } from "../../core/errors.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { quickjsClock } from "./clock.ts";
import { nativeCrypto } from "./crypto.ts";
import { quickjsBytes, quickjsHost } from "./host.ts";
import { inSources } from "./positions.ts";
import { quickjsSpawn } from "./process.ts";
import { replaceFiles } from "./replace.ts";
import { quickjsStreams } from "./streams.ts";
import { codeOf, type Sys } from "./sys.ts";

export function quickjsRuntime(sys: Sys): Runtime {
  const attempt = <T>(path: string, f: () => T): T => {
    try {
      return f();
    } catch (e) {
      throw new SystemError(codeOf(e), `cannot write ${path}`);
    }
  };
  return {
    name: `quickjs ${sys.engine}, ${sys.flat.crypto?.split(" ").slice(0, 2).join(" ") ?? "no libcrypto"}`,
    argv: sys.argv,
    self: [sys.self],
    clock: quickjsClock(sys),
    crypto: nativeCrypto(sys.flat),
    host: quickjsHost(sys),
    streams: quickjsStreams(sys),
    memory: () => {
      const [used, limit] = sys.memory();
      return { used, limit };
    },
    isRoot: sys.isRoot,
    terminal: sys.terminal,
    noDumps: () => void sys.flat.noDumps(),
    stdin: { terminal: sys.inputTerminal, raw: (on) => sys.raw(on), read: () => sys.readByte() },
    stdout(text) {
      if (!sys.out(1, text)) sys.exit(0); // `l2tpsec events | head`
    },
    stderr: (text) => void sys.out(2, text),
    syslog: (severity, text) => sys.syslog(severity, text),
    onSignals(handlers) {
      sys.onSignal = (name) => {
        if (name === "SIGHUP") handlers.reload();
        else handlers.stop(name === "SIGINT" ? "SIGINT" : "SIGTERM");
      };
      sys.signals(true);
      return () => {
        sys.signals(false);
        sys.onSignal = undefined;
      };
    },
    onUncaught(handler) {
      sys.onUncaught = handler;
    },
    inSources: (stack) => inSources(new Uint8Array(sys.sources), stack),
    spawn: quickjsSpawn(sys),
    tempDir: (prefix) => sys.tempDir(prefix),
    writeFile: (path, text, mode) => sys.writeFile(path, text, mode),
    readBytes: (path) => quickjsBytes(sys, path),
    replaceFiles: replaceFiles(sys),
    newFile(path, mode) {
      const fd = attempt(path, () => sys.openNew(path, mode));
      return { write: (bytes) => sys.append(fd, bytes), close: () => sys.close(fd) };
    },
    logFile(path, mode) {
      const [fd, size] = attempt(path, () => sys.openLog(path, mode));
      return { size, write: (b) => attempt(path, () => sys.append(fd, b)), close: () => sys.close(fd) };
    },
    rename: (from, to) => attempt(to, () => sys.rename(from, to)),
    removeTree: (path) => sys.removeTree(path),
    exit: (code) => sys.exit(code),
  };
}
