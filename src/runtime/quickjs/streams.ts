// Stream sockets: UNIX, TCP for callers of this machine, and TCP to elsewhere.
import { SystemError } from "../../core/errors.ts";
import type { Endpoint, Tcp, TcpEvents, TcpStream } from "../../ports/ports.ts";
import type { ByteStream, StreamTransport } from "../../ports/runtime.ts";
import { socketAdvice } from "../advice.ts";
import { codeOf, READABLE, type Sys, type Watch, WRITABLE } from "./sys.ts";

const BACKLOG = 1 << 20; // bytes that a slow reader may leave in our memory
const AT_ONCE = 32; // streams of one listener
const AT_ONCE_HERE = 8;
const CHUNK = 16384;

/** A connected socket. What it reads goes through `chunk`, which all streams share: it is lent. */
class SocketStream implements ByteStream {
  readonly #sys: Sys;
  readonly #fd: number;
  readonly #watch: Watch;
  readonly #chunk: Uint8Array;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #sent = 0; // of the first in the queue
  #ending = false;
  #open = true;
  onData: (chunk: Uint8Array) => void = () => {};
  onClose: () => void = () => {};

  constructor(sys: Sys, fd: number, chunk: Uint8Array) {
    this.#sys = sys;
    this.#fd = fd;
    this.#chunk = chunk;
    this.#watch = sys.watch(fd, READABLE, (mask) => this.#ready(mask));
  }
  send(what: Uint8Array | string): void {
    if (!this.#open || this.#ending) return;
    const data = typeof what === "string" ? new Uint8Array(this.#sys.utf8(what)) : what;
    if (this.#queued > BACKLOG) return this.#end(); // a follower that does not read must not fill our memory
    this.#queue.push(data);
    this.#queued += data.length;
    if (this.#queue.length === 1) this.#flush();
  }
  close(): void {
    if (!this.#open) return;
    if (this.#ending) return this.#end();
    this.#ending = true;
    if (this.#queue.length === 0) this.#end();
  }
  #flush(): void {
    try {
      for (let first = this.#queue[0]; first; first = this.#queue[0]) {
        const n = this.#sys.write(this.#fd, first, this.#sent);
        if (n < 0) break;
        this.#sent += n;
        this.#queued -= n;
        if (this.#sent < first.length) continue;
        this.#queue.shift();
        this.#sent = 0;
      }
    } catch {
      return this.#end(); // the other side is gone
    }
    if (this.#queue.length === 0 && this.#ending) return this.#end();
    this.#sys.rewatch(this.#watch, READABLE | (this.#queue.length > 0 ? WRITABLE : 0));
  }
  #ready(mask: number): void {
    if ((mask & WRITABLE) !== 0 && this.#queue.length > 0) this.#flush();
    if ((mask & READABLE) === 0 || !this.#open) return;
    let n: number;
    try {
      n = this.#sys.read(this.#fd, this.#chunk);
    } catch {
      n = 0;
    }
    if (n === 0) this.#end();
    else if (n > 0 && !this.#ending) this.onData(this.#chunk.subarray(0, n));
  }
  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#queue = [];
    this.#sys.unwatch(this.#watch);
    this.#sys.close(this.#fd);
    // As on Node: never inside send() or close().
    void Promise.resolve().then(() => this.onClose());
  }
}

export function quickjsStreams(sys: Sys): StreamTransport & Tcp {
  const chunk = new Uint8Array(CHUNK);
  const open = (path: string): ByteStream => {
    try {
      return new SocketStream(sys, sys.connect(path), chunk);
    } catch (e) {
      throw new SystemError(codeOf(e), `connect to ${path}`);
    }
  };
  const tryListen = (path: string): number => {
    for (let again = false; ; again = true) {
      try {
        return sys.listen(path);
      } catch (e) {
        const code = codeOf(e);
        if (code !== "EADDRINUSE" || again)
          throw new SystemError(code, `open the control socket ${path}`, socketAdvice(code));
        if (answers(path)) throw new SystemError(code, `open the control socket ${path}`, socketAdvice(code));
        sys.unlink(path); // its owner is gone
      }
    }
  };
  const answers = (path: string): boolean => {
    try {
      open(path).close();
      return true;
    } catch {
      return false;
    }
  };
  const serve = (fd: number, most: number, onStream: (s: ByteStream) => void): (() => void) => {
    let count = 0;
    const watch = sys.watch(fd, READABLE, () => {
      const peer = sys.accept(fd);
      if (peer < 0) return;
      if (count >= most) return sys.close(peer);
      count++;
      const stream = new SocketStream(sys, peer, chunk);
      onStream(stream);
      const told = stream.onClose;
      stream.onClose = () => {
        count--;
        told();
      };
    });
    return () => {
      sys.unwatch(watch);
      sys.close(fd);
    };
  };
  const listen = (path: string, onStream: (s: ByteStream) => void): { close(): void } => {
    const close = serve(tryListen(path), AT_ONCE, onStream);
    return {
      close() {
        close();
        sys.unlink(path);
      },
    };
  };
  const listenHere = (port: number, onStream: (s: ByteStream) => void): { close(): void } => {
    try {
      return { close: serve(sys.listenHere(port), AT_ONCE_HERE, onStream) };
    } catch (e) {
      throw new SystemError(codeOf(e), `TCP port ${port} of 127.0.0.1 cannot be opened`);
    }
  };
  /** `close` of one that is not open yet. */
  const opening = (fd: number, end: TcpEvents["end"], opened: (s: SocketStream) => void): (() => void) => {
    const watch = sys.watch(fd, WRITABLE, () => {
      sys.unwatch(watch);
      try {
        sys.write(fd, chunk.subarray(0, 0), 0);
      } catch (e) {
        sys.close(fd);
        return end(codeOf(e));
      }
      opened(new SocketStream(sys, fd, chunk));
    });
    return () => {
      sys.unwatch(watch);
      sys.close(fd);
    };
  };
  const dial = ({ address, port }: Endpoint, on: TcpEvents): TcpStream => {
    let stream: SocketStream | null = null;
    let closed = false;
    const end = (errno: string): void => {
      if (!closed) on.end(errno);
      closed = true;
    };
    let stop = (): void => {};
    try {
      stop = opening(sys.dial(address, port), end, (s) => {
        stream = s;
        s.onData = (data) => closed || on.data(data);
        s.onClose = () => end("");
        on.open();
      });
    } catch (e) {
      void Promise.resolve().then(() => end(codeOf(e)));
    }
    return {
      send: (data) => stream?.send(data),
      close() {
        if (closed) return;
        closed = true;
        if (stream) stream.close();
        else stop();
      },
    };
  };
  return {
    dial,
    // Synchronous underneath: what fails rejects all the same.
    listen: async (path, onStream) => listen(path, onStream),
    listenHere: async (port, onStream) => listenHere(port, onStream),
    connect: async (path) => open(path),
  };
}
