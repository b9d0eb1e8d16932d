// UNIX stream sockets as lines, for the control API.
import { chmodSync, unlinkSync } from "node:fs";
import * as net from "node:net";
import { SystemError } from "../../core/errors.ts";
import type { ControlTransport, LineStream } from "../../ports/runtime.ts";

const LONGEST = 1 << 20; // bytes of one line, and of what a reader who does not read may leave in our buffer

function lines(socket: net.Socket): LineStream {
  let rest = "";
  const stream: LineStream = {
    send(line) {
      if (socket.writableLength > LONGEST) socket.destroy(); // a follower that never reads must not fill our memory
      else socket.write(`${line}\n`);
    },
    close: () => void socket.end(),
    onLine: () => {},
    onClose: () => {},
  };
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    rest += chunk;
    for (let nl = rest.indexOf("\n"); nl >= 0; nl = rest.indexOf("\n")) {
      const one = rest.slice(0, nl);
      rest = rest.slice(nl + 1);
      stream.onLine(one);
    }
    if (rest.length > LONGEST) socket.destroy();
  });
  socket.on("error", () => {}); // "close" follows
  socket.on("close", () => stream.onClose());
  return stream;
}

function codeOf(e: unknown): string {
  return (e as NodeJS.ErrnoException).code ?? "EIO";
}

function connect(path: string): Promise<LineStream> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path);
    socket.once("error", (e) => reject(new SystemError(codeOf(e), `connect to ${path}`)));
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(lines(socket));
    });
  });
}

function tryListen(path: string, onStream: (s: LineStream) => void): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => onStream(lines(socket)));
    server.maxConnections = 32;
    server.once("error", reject);
    const mask = process.umask(0o177); // born 0600: nobody else in between
    server.listen(path, () => {
      process.umask(mask);
      chmodSync(path, 0o600);
      server.removeAllListeners("error");
      resolve(server);
    });
    process.umask(mask);
  });
}

export const nodeControl: ControlTransport = {
  async listen(path, onStream) {
    for (let again = false; ; again = true) {
      try {
        const server = await tryListen(path, onStream);
        return { close: () => void server.close() };
      } catch (e) {
        const code = codeOf(e);
        if (code !== "EADDRINUSE" || again) {
          throw new SystemError(code, `open the control socket ${path}`, code === "ENOENT" || code === "EACCES" ? "the folder must exist and be writable: see daemon.control" : "");
        }
        const other = await connect(path).catch(() => null);
        other?.close();
        if (other) throw new SystemError("EADDRINUSE", `open the control socket ${path}`, "a daemon answers there already: stop it, or give this one another daemon.control");
        unlinkSync(path);
      }
    }
  },
  connect,
};
