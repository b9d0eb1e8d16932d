// Serial lines of Linux behind the SerialHost port.
import type { Native, Watcher } from "node-tuntap2";
import type { Clock, Timer } from "../core/clock.ts";
import { SystemError } from "../core/errors.ts";
import type { SerialHost, SerialOptions, SerialPort } from "../ports/serial.ts";

const LOCKS = "/var/lock"; // where UUCP, mgetty and pppd look
const CARRIER_MS = 250;
const BREAK_MS = 250;
const CHUNK = 4096;

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "there is no such device: is the modem plugged in, and its kernel module loaded?",
  ENXIO: "there is no such device: is the modem plugged in?",
  ENODEV: "there is no such device: is the modem plugged in?",
  EBUSY: "another program holds it",
  EACCES: "the daemon may not use it",
  ENOTTY: "it is no serial line",
  EIO: "it does not answer",
  EINVAL: "it cannot do this rate",
};

type Lib = Pick<
  Native,
  | "serialOpen"
  | "serialRead"
  | "serialWrite"
  | "serialLines"
  | "serialDtr"
  | "serialBreak"
  | "serialQueued"
  | "watch"
  | "close"
>;

function codeOf(e: unknown): string {
  return e instanceof Error && "code" in e && typeof e.code === "string" ? e.code : "EIO";
}

/** `/var/lock/LCK..ttyUSB0`, or "" for a pty: nobody else can open our end of one by that name. */
export function lockFile(device: string): string {
  if (device.startsWith("/dev/pts/")) return "";
  return `${LOCKS}/LCK..${device.slice(device.lastIndexOf("/") + 1)}`;
}

class LinuxSerial implements SerialPort {
  readonly device: string;
  readonly #lib: Lib;
  readonly #fd: number;
  readonly #byteMs: number;
  readonly #watcher: Watcher;
  readonly #flush: Timer;
  readonly #look: Timer;
  readonly #break: Timer;
  readonly #chunk = new Uint8Array(CHUNK);
  #queue: Uint8Array[] = [];
  #waiting = 0; // bytes in the queue
  #sent = 0; // of the first in the queue
  #carrier: boolean | null;
  #open = true;
  onDrained: () => void = () => {};
  onData: (chunk: Uint8Array) => void = () => {};
  onCarrier: (on: boolean) => void = () => {};
  onGone: (why: string) => void = () => {};

  constructor(lib: Lib, clock: Clock, { fd, device, baud }: { fd: number; device: string; baud: number }) {
    this.#lib = lib;
    this.#fd = fd;
    this.device = device;
    this.#byteMs = 10_000 / baud; // start bit, eight bits, stop bit
    this.#flush = clock.timer(`${device} queue`, () => this.#pump());
    this.#look = clock.timer(`${device} carrier`, () => this.#lookAtCarrier());
    this.#break = clock.timer(`${device} break`, () => this.#try(() => lib.serialBreak(fd, false)));
    this.#carrier = lib.serialLines(fd)?.carrier ?? null;
    this.#watcher = lib.watch(fd, () => this.#readable());
    if (this.#carrier !== null) this.#look.arm(CARRIER_MS);
  }
  get carrier(): boolean | null {
    return this.#carrier;
  }
  get queued(): number {
    return this.#open ? this.#waiting + this.#lib.serialQueued(this.#fd) : 0;
  }
  write(data: Uint8Array): void {
    if (!this.#open || data.length === 0) return;
    this.#queue.push(data);
    this.#waiting += data.length;
    if (this.#queue.length === 1) this.#pump();
  }
  setDtr(on: boolean): void {
    if (this.#open) this.#try(() => this.#lib.serialDtr(this.#fd, on));
  }
  sendBreak(): void {
    if (!this.#open) return;
    this.#try(() => this.#lib.serialBreak(this.#fd, true));
    this.#break.arm(BREAK_MS);
  }
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#queue = [];
    for (const t of [this.#flush, this.#look, this.#break]) t.disarm();
    this.#watcher.stop();
    this.#lib.close(this.#fd);
  }

  #try<T>(f: () => T): T | null {
    try {
      return f();
    } catch (e) {
      this.#gone(codeOf(e));
      return null;
    }
  }
  #gone(code: string): void {
    if (!this.#open) return;
    this.close();
    this.onGone(`${this.device} is gone: ${code}`);
  }
  /** Writes what the kernel accepts, and rearms for when that should have been sent. */
  #pump(): void {
    for (let first = this.#queue[0]; this.#open && first; first = this.#queue[0]) {
      const data = first;
      const n = this.#try(() => this.#lib.serialWrite(this.#fd, data, this.#sent));
      if (n === null) return;
      if (n === 0) break;
      this.#sent += n;
      this.#waiting -= n;
      if (this.#sent < first.length) continue;
      this.#queue.shift();
      this.#sent = 0;
    }
    const left = this.#try(() => this.#lib.serialQueued(this.#fd));
    if (left === null) return;
    if (left + this.#waiting === 0) this.onDrained();
    // Half of what the kernel holds: it must not run dry while more waits here.
    else this.#flush.arm(Math.min(100, Math.max(2, (left * this.#byteMs) / (this.#waiting > 0 ? 2 : 1))));
  }
  #readable(): void {
    const n = this.#try(() => this.#lib.serialRead(this.#fd, this.#chunk));
    if (n === 0) this.#gone("hung up");
    else if (n !== null && n > 0) this.onData(this.#chunk.subarray(0, n));
  }
  #lookAtCarrier(): void {
    const lines = this.#lib.serialLines(this.#fd);
    if (lines === null) return this.#gone("EIO"); // it had them when it was opened
    this.#look.arm(CARRIER_MS);
    if (lines.carrier === this.#carrier) return;
    this.#carrier = lines.carrier;
    this.onCarrier(lines.carrier);
  }
}

export function linuxSerial(lib: Lib, clock: Clock, lockOf: (device: string) => string = lockFile): SerialHost {
  return {
    open(device: string, o: SerialOptions): Promise<SerialPort> {
      try {
        return Promise.resolve(
          new LinuxSerial(lib, clock, {
            fd: lib.serialOpen(device, lockOf(device), o.baud, o.flow),
            device,
            baud: o.baud,
          }),
        );
      } catch (e) {
        if (e instanceof RangeError) throw e;
        const code = codeOf(e);
        return Promise.reject(new SystemError(code, `open ${device} at ${o.baud} baud`, ADVICE[code] ?? ""));
      }
    },
  };
}
