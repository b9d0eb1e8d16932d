// The Runtime of Node.
import { closeSync, constants, fstatSync, mkdtempSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getHeapStatistics } from "node:v8";
import { SystemError } from "../../core/errors.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { nodeClock } from "./clock.ts";
import { nodeCrypto } from "./crypto.ts";
import { inSources, onUncaught } from "./faults.ts";
import { nodeBytes, nodeHost } from "./host.ts";
import { loadNative } from "./native.ts";
import { nodeSpawn } from "./process.ts";
import { replaceFiles } from "./replace.ts";
import { onSignals } from "./signals.ts";
import { stdin } from "./stdin.ts";
import { nodeStreams } from "./streams.ts";

export const nodeRuntime: Runtime = {
  name: `node ${process.version}, OpenSSL ${process.versions.openssl}`,
  argv: process.argv.slice(2),
  self: [process.execPath, ...process.execArgv, process.argv[1] ?? ""],
  clock: nodeClock,
  crypto: nodeCrypto,
  host: nodeHost,
  streams: nodeStreams,
  memory() {
    const h = getHeapStatistics();
    return { used: h.used_heap_size, limit: h.heap_size_limit };
  },
  isRoot: process.getuid?.() === 0,
  terminal: process.stdout.isTTY === true,
  noDumps() {
    try {
      loadNative().noDumps();
    } catch (e) {
      if (!(e instanceof SystemError)) throw e; // no library: code that needs it reports that
    }
  },
  stdin,
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  syslog: () => false, // Node has no datagram sockets of UNIX
  onSignals,
  onUncaught,
  inSources,
  spawn: nodeSpawn,
  tempDir: (prefix) => mkdtempSync(join(tmpdir(), prefix)),
  writeFile: (path, text, mode) => writeFileSync(path, text, { mode }),
  readBytes: nodeBytes,
  replaceFiles,
  newFile(path, mode) {
    let fd = -1;
    try {
      fd = openSync(path, "wx", mode);
    } catch (e) {
      throw new SystemError(e instanceof Error && "code" in e ? String(e.code) : "EIO", `cannot write ${path}`);
    }
    return { write: (bytes) => writeFileSync(fd, bytes), close: () => closeSync(fd) };
  },
  logFile(path, mode) {
    const attempt = <T>(f: () => T): T => {
      try {
        return f();
      } catch (e) {
        throw new SystemError(e instanceof Error && "code" in e ? String(e.code) : "EIO", `cannot write ${path}`);
      }
    };
    const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
    const fd = attempt(() => openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, mode));
    const there = fstatSync(fd);
    if (!there.isFile()) {
      closeSync(fd);
      throw new SystemError("EINVAL", `cannot write ${path}`);
    }
    return { size: there.size, write: (b) => attempt(() => writeFileSync(fd, b)), close: () => closeSync(fd) };
  },
  rename(from, to) {
    try {
      renameSync(from, to);
    } catch (e) {
      throw new SystemError(e instanceof Error && "code" in e ? String(e.code) : "EIO", `cannot write ${to}`);
    }
  },
  removeTree: (path) => rmSync(path, { recursive: true, force: true }),
  exit(code) {
    process.exitCode = code;
    // Flush the output, even through a pipe; then exit whatever is still open.
    process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
  },
};
