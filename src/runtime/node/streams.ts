// Stream sockets: UNIX, TCP for callers of this machine, and TCP to elsewhere.
import { chmodSync, unlinkSync } from "node:fs";
import * as net from "node:net";
import { SystemError } from "../../core/errors.ts";
import type { Endpoint, Tcp, TcpEvents, TcpStream } from "../../ports/ports.ts";
import type { ByteStream, StreamTransport } from "../../ports/runtime.ts";
import { socketAdvice } from "../advice.ts";

const BACKLOG = 1 << 20; // bytes that a slow reader may leave in our buffer

function bytes(socket: net.Socket): ByteStream {
  const stream: ByteStream = {
    send(data) {
      if (socket.writableLength > BACKLOG)
        socket.destroy(); // a follower that does not read must not fill our memory
      else socket.write(data);
    },
    close: () => void (socket.writableEnded ? socket.destroy() : socket.end()),
    onData: () => {},
    onClose: () => {},
  };
  socket.on("data", (chunk: Uint8Array) => stream.onData(chunk));
  socket.on("error", () => {}); // "close" follows
  socket.on("close", () => stream.onClose());
  return stream;
}

function codeOf(e: unknown): string {
  return (e as NodeJS.ErrnoException).code ?? "EIO";
}

function connect(path: string): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path);
    socket.once("error", (e) => reject(new SystemError(codeOf(e), `connect to ${path}`)));
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(bytes(socket));
    });
  });
}

function tryListen(path: string, onStream: (s: ByteStream) => void): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => onStream(bytes(socket)));
    server.maxConnections = 32;
    server.once("error", reject);
    const mask = process.umask(0o177); // created with mode 0600, so without a race
    server.listen(path, () => {
      process.umask(mask);
      chmodSync(path, 0o600);
      server.removeAllListeners("error");
      resolve(server);
    });
    process.umask(mask);
  });
}

function listenHere(port: number, onStream: (s: ByteStream) => void): Promise<{ close(): void }> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => onStream(bytes(socket)));
    server.maxConnections = 8;
    server.once("error", (e) => reject(new SystemError(codeOf(e), `TCP port ${port} of 127.0.0.1 cannot be opened`)));
    server.listen(port, "127.0.0.1", () => resolve({ close: () => void server.close() }));
  });
}

function dial({ address, port }: Endpoint, on: TcpEvents): TcpStream {
  const socket = net.connect({ host: address, port, noDelay: true });
  let errno = "EIO";
  let closed = false;
  socket.on("error", (e) => {
    errno &&= codeOf(e);
  });
  const stream = bytes(socket);
  stream.onData = (chunk) => closed || on.data(chunk);
  stream.onClose = () => closed || on.end(errno);
  socket.on("connect", () => {
    errno = "";
    if (!closed) on.open();
  });
  return {
    send: stream.send,
    close() {
      closed = true;
      if (socket.connecting) socket.destroy();
      else socket.destroySoon(); // whatever the peer does
    },
  };
}

export const nodeStreams: StreamTransport & Tcp = {
  async listen(path, onStream) {
    for (let again = false; ; again = true) {
      try {
        const server = await tryListen(path, onStream);
        return { close: () => void server.close() };
      } catch (e) {
        const code = codeOf(e);
        if (code !== "EADDRINUSE" || again) {
          throw new SystemError(code, `open the control socket ${path}`, socketAdvice(code));
        }
        const other = await connect(path).catch(() => null);
        other?.close();
        if (other) throw new SystemError("EADDRINUSE", `open the control socket ${path}`, socketAdvice("EADDRINUSE"));
        unlinkSync(path);
      }
    }
  },
  listenHere,
  connect,
  dial,
};
