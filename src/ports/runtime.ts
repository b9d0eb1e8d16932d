// What an engine and its operating system give to the program as a whole. runtime/node is one; QuickJS becomes another.
import type { Clock } from "../core/clock.ts";
import type { Crypto, Host, Tcp } from "./ports.ts";

export interface ByteStream {
  /** Takes over `data`; text goes as UTF-8. A reader that leaves 1 MiB unread is cut off. */
  send(data: Uint8Array | string): void;
  /** After what was sent has left; said again, at once. */
  close(): void;
  /** The chunk is valid during the call only. */
  onData: (chunk: Uint8Array) => void;
  /** Once, whichever side ended it. */
  onClose: () => void;
}

export interface StreamTransport {
  /**
   * A UNIX socket that only its owner may use (mode 0600), 32 streams at once. A socket file that nobody listens on any
   * more is replaced; rejects with SystemError when somebody does, or the folder cannot be written.
   */
  listen(path: string, onStream: (s: ByteStream) => void): Promise<{ close(): void }>;
  /** TCP on 127.0.0.1, 8 streams at once. Rejects with SystemError. */
  listenHere(port: number, onStream: (s: ByteStream) => void): Promise<{ close(): void }>;
  /** Rejects with SystemError: ENOENT, ECONNREFUSED, EACCES. */
  connect(path: string): Promise<ByteStream>;
}

export interface Process {
  onLine: (line: string) => void;
  /** Exit status; 128 + signal number when a signal ended it. */
  readonly exit: Promise<number>;
  signal(name: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGKILL"): void;
}

/** Answers to questions. Reading waits, so that only commands without anything else to do may. */
export interface Stdin {
  readonly terminal: boolean;
  /** The terminal shows nothing and hands out each key at once, Ctrl-C too. False: there is no terminal. */
  raw(on: boolean): boolean;
  /** The next byte; -1 at the end. */
  read(): number;
}

export interface Runtime {
  /** "node v20.20.2". */
  readonly name: string;
  /** Words behind the command's own name. */
  readonly argv: readonly string[];
  /** How to start this program again: its words up to the arguments. */
  readonly self: readonly string[];
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly host: Host;
  /** Stream sockets. */
  readonly streams: StreamTransport & Tcp;
  /** Bytes in use, and the limit. Cheap enough for every call attempt. */
  memory(): { readonly used: number; readonly limit: number };
  readonly isRoot: boolean;
  /** Whether stdout is a terminal. */
  readonly terminal: boolean;
  /**
   * From now on no memory of this process reaches a core file or another process of its user. Without the native
   * library nothing happens.
   */
  noDumps(): void;
  readonly stdin: Stdin;
  stdout(text: string): void;
  stderr(text: string): void;
  /** A line for the system's log. False: nobody takes it now. `severity`: 0 (emergency) to 7 (debug), RFC 5424. */
  syslog(severity: number, text: string): boolean;
  /** SIGTERM and SIGINT stop, SIGHUP reloads. Returns what takes the handlers away again. */
  onSignals(handlers: { stop(name: "SIGTERM" | "SIGINT"): void; reload(): void }): () => void;
  /**
   * From now on `handler` gets what nobody caught: thrown by a callback, or a rejection without a handler. True: the
   * process goes on; false: it ends with status 1.
   */
  onUncaught(handler: (e: unknown) => boolean): void;
  /** A stack trace of this engine with the bundle's positions replaced by source files and lines. */
  inSources(stack: string): string;
  /** stdout and stderr of the child come as lines; its stdin is empty. */
  spawn(words: readonly string[]): Process;
  /** A regular file's bytes. Throws SystemError. */
  readBytes(path: string): Uint8Array;
  tempDir(prefix: string): string;
  writeFile(path: string, text: string, mode: number): void;
  /**
   * All of these files or none: each is written beside its place, and renamed when all are on the disk. An existing one
   * keeps its permissions, a new one gets `mode`. Throws SystemError.
   */
  replaceFiles(files: readonly { readonly path: string; readonly text: string }[], mode: number): void;
  /** A file that is not there yet. Throws SystemError. */
  newFile(path: string, mode: number): { write(bytes: Uint8Array): void; close(): void };
  /** Appends to a regular file, which is made with `mode` where there is none. Throws SystemError, write() too. */
  logFile(path: string, mode: number): { readonly size: number; write(bytes: Uint8Array): void; close(): void };
  /** Throws SystemError. */
  rename(from: string, to: string): void;
  removeTree(path: string): void;
  exit(code: number): void;
}
