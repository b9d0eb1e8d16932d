// A file with one line for each session of a server that begins or ends: when, who, from where, with which address, and
// at the end how long, how many bytes, and why. It is rotated by its size; the two files before it are kept.
import { isoTime } from "../core/date.ts";
import { type Event, quote, SENTENCE_MOST } from "../core/events.ts";
import { utf8 } from "../core/text.ts";
import type { Runtime } from "../ports/runtime.ts";

interface Settings {
  readonly session_log: string | null;
  /** KiB. */
  readonly session_log_size: number;
}
const KEPT = 2;
const PRIVATE = 0o600;
type Sessional = Extract<Event, { kind: "session.up" | "session.down" }>;

export class SessionLog {
  readonly #rt: Pick<Runtime, "logFile" | "rename">;
  readonly #settings: () => Settings;
  readonly #wallClock: () => number;
  readonly #warn: (text: string) => void;
  #file: ReturnType<Runtime["logFile"]> | null = null;
  #size = 0;
  /** What cannot be written is told once, until a line could be written again. */
  #broken = false;

  constructor(
    rt: Pick<Runtime, "logFile" | "rename">,
    settings: () => Settings,
    wallClock: () => number,
    warn: (text: string) => void,
  ) {
    this.#rt = rt;
    this.#settings = settings;
    this.#wallClock = wallClock;
    this.#warn = warn;
  }
  /** An event of the daemon. After a reload the file is opened anew: another one may be configured, or in its place. */
  see(e: Event): void {
    if (e.kind === "daemon.reloaded") return this.close();
    const { session_log: path, session_log_size } = this.#settings();
    if (path === null || (e.kind !== "session.up" && e.kind !== "session.down")) return;
    const line = utf8(`${this.#broken ? "\n" : ""}${isoTime(this.#wallClock())} ${told(e)}\n`);
    try {
      this.#append(path, line, session_log_size * 1024);
      this.#broken = false;
    } catch (why) {
      this.close();
      if (!this.#broken) this.#warn(`sessions are not logged: ${why instanceof Error ? why.message : path}`);
      this.#broken = true;
    }
  }
  close(): void {
    this.#file?.close();
    this.#file = null;
  }
  #append(path: string, line: Uint8Array, most: number): void {
    let file = this.#file ?? this.#open(path);
    if (this.#size > 0 && this.#size + line.length > most) {
      this.close();
      for (let n = KEPT; n > 0; n--) this.#move(n === 1 ? path : `${path}.${n - 1}`, `${path}.${n}`);
      file = this.#open(path);
    }
    file.write(line);
    this.#size += line.length;
  }
  #open(path: string): ReturnType<Runtime["logFile"]> {
    this.#file = this.#rt.logFile(path, PRIVATE);
    this.#size = this.#file.size;
    return this.#file;
  }
  /** What is not there need not be moved; what cannot be moved is written on. */
  #move(from: string, to: string): void {
    try {
      this.#rt.rename(from, to);
    } catch {
      // the next line finds out
    }
  }
}

function told(e: Sessional): string {
  const who = `server=${e.link} user=${quote(e.user)} peer=${e.peer} ip=${e.ip} session=${e.session}`;
  if (e.kind === "session.up") return `begin ${who}`;
  const { seconds, rxBytes, txBytes, code, text } = e;
  return `end ${who} seconds=${seconds} in=${rxBytes} out=${txBytes} code=${code} why=${quote(text, SENTENCE_MOST)}`;
}
