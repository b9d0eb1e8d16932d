// What the host in C gives (host.c and its neighbours). A failed system call throws an Error with `code`, `errno`,
// `syscall`.
import type { Flat } from "node-tuntap2";

/** A descriptor in the event loop. */
export type Watch = { readonly watch: unique symbol };
export const READABLE = 1;
export const WRITABLE = 2;

export interface Sys {
  /** The engine's release, "2025-04-26". */
  readonly engine: string;
  readonly flat: Flat;
  readonly argv: readonly string[];
  /** Path of the executable. */
  readonly self: string;
  /** Where lines come from: positions.ts. Read-only memory. */
  readonly sources: ArrayBuffer;
  readonly isRoot: boolean;
  readonly terminal: boolean;
  /** Whether stdin is one. */
  readonly inputTerminal: boolean;
  /** Bytes that TypeScript holds, and may hold. */
  memory(): [used: number, limit: number];

  /** Milliseconds, monotonic. */
  now(): number;
  wallClock(): number;
  /** Minutes that the local clock is ahead of UTC now. */
  localOffset(): number;
  /** When onAlarm is due, on now()'s clock; Infinity: never. */
  alarm(at: number): void;
  onAlarm: (() => void) | undefined;
  onSignal: ((name: string) => void) | undefined;
  /** The end of a child: its exit status, or 128 + the number of the signal. */
  onChild: ((pid: number, status: number) => void) | undefined;
  /** Reports an error that nobody caught; the process ends when it returns, unless that is true. */
  onUncaught: ((error: unknown) => boolean) | undefined;

  /** `mask` of READABLE and WRITABLE; `ready` gets the same. Once a descriptor. */
  watch(fd: number, mask: number, ready: (mask: number) => void): Watch;
  rewatch(w: Watch, mask: number): void;
  unwatch(w: Watch): void;
  /** UNIX stream sockets, non-blocking. */
  listen(path: string): number;
  /** TCP on 127.0.0.1, non-blocking. */
  listenHere(port: number): number;
  connect(path: string): number;
  /** TCP to a numeric address, non-blocking: writable when it is open or has failed, and then write() throws why. */
  dial(address: string, port: number): number;
  /** Negative: nobody there. */
  accept(fd: number): number;
  unlink(path: string): void;
  /** 0 at the end, -1 when there is nothing now. */
  read(fd: number, into: Uint8Array): number;
  /** How much of data[from...] went, -1 when nothing does now. */
  write(fd: number, data: Uint8Array, from: number): number;
  /** All of `data`, to a file. */
  append(fd: number, data: Uint8Array): void;
  close(fd: number): void;
  /** To /dev/log, as from the facility daemon. False: nobody takes it now. */
  syslog(severity: number, text: string): boolean;
  /** A new buffer. */
  utf8(text: string): ArrayBuffer;
  /** `done` gets a code ("ENOTFOUND", "EAI_AGAIN", "EIO") or null, and numeric addresses. */
  resolve(name: string, done: (code: string | null, addresses: string[]) => void): void;

  readFile(path: string): ArrayBuffer;
  writeFile(path: string, text: string, mode: number): void;
  /** A new file, synced; EEXIST when there is one. */
  createFile(path: string, text: string, mode: number): void;
  /** A descriptor of a new file; EEXIST when there is one. */
  openNew(path: string, mode: number): number;
  /** A descriptor that appends to a regular file, and its length; EINVAL: something else is there. */
  openLog(path: string, mode: number): [fd: number, size: number];
  /** Real path and permissions of a regular file; null: nothing is there; EINVAL: something else. */
  existing(path: string): [path: string, mode: number] | null;
  rename(from: string, to: string): void;
  tempDir(prefix: string): string;
  removeTree(path: string): void;
  env(name: string): string | undefined;
  hostname(): string;
  /** All of it, waiting if need be; false when nobody reads any more. */
  out(fd: 1 | 2, text: string): boolean;
  /** Of stdin: no echo, no line editing, no signals. False: it is no terminal. */
  raw(on: boolean): boolean;
  /** The next byte of stdin, waiting; -1 at the end. */
  readByte(): number;
  exit(code: number): void;
  /** Whether SIGTERM, SIGINT and SIGHUP come to onSignal rather than end the process. */
  signals(on: boolean): void;
  /** Its pid, and the descriptor of its stdout and stderr. */
  spawn(words: readonly string[]): [number, number];
  kill(pid: number, signal: string): void;
}

export function codeOf(e: unknown): string {
  return e instanceof Error && "code" in e && typeof e.code === "string" ? e.code : "EIO";
}
