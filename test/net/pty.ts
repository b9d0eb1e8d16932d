// One end of a serial line as a test holds it: the master of a pty, and the pace of a rate.
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { loadFlat } from "../../src/runtime/node/native.ts";

const TIOCSPTLCK = 0x40045431;
const TIOCGPTN = 0x80045430;
const BITS_A_BYTE = 10;
/** A test that was not scheduled for a while catches up with no more than this. */
const MAX_LATE_MS = 50;

export class Pty {
  readonly device: string;
  readonly #master: number;
  /** On its way to the program that has the device open. */
  #queue: Uint8Array[] = [];
  #waiting = 0;

  constructor() {
    const flat = loadFlat();
    this.#master = openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    flat.ioctl(this.#master, TIOCSPTLCK, new Uint8Array(4));
    const n = new Uint8Array(4);
    flat.ioctl(this.#master, TIOCGPTN, n);
    this.device = `/dev/pts/${new DataView(n.buffer).getUint32(0, true)}`;
    // Opened once, it tells from then on whether anybody has it open.
    closeSync(openSync(this.device, constants.O_RDWR | constants.O_NOCTTY));
  }
  /** Bytes that were written and that nobody has read yet, beyond what the kernel holds. */
  get waiting(): number {
    return this.#waiting;
  }
  /** At most `most` bytes of what the program wrote; empty: nothing now; null: nobody has the device open. */
  read(most: number): Uint8Array | null {
    const room = new Uint8Array(most);
    try {
      return room.subarray(0, readSync(this.#master, room, 0, most, null));
    } catch (e) {
      return (e as NodeJS.ErrnoException).code === "EAGAIN" ? new Uint8Array(0) : null;
    }
  }
  write(data: Uint8Array): void {
    if (data.length === 0) return;
    this.#queue.push(data);
    this.#waiting += data.length;
    this.flush();
  }
  /** Goes on with what the kernel did not take; to be called now and then. */
  flush(): void {
    for (let first = this.#queue[0]; first; first = this.#queue[0]) {
      let n = 0;
      try {
        n = writeSync(this.#master, first);
      } catch {
        return;
      }
      this.#waiting -= n;
      if (n < first.length) {
        this.#queue[0] = first.slice(n);
        return;
      }
      this.#queue.shift();
    }
  }
  clear(): void {
    this.#queue = [];
    this.#waiting = 0;
  }
  close(): void {
    this.clear();
    closeSync(this.#master);
  }
}

/** How many bytes a line of so many bits per second has carried since it was asked last. */
export class Pace {
  readonly #bytesPerMs: number;
  #at = performance.now();
  #credit = 0;

  /** `baud` 0: as fast as it goes. */
  constructor(baud: number) {
    this.#bytesPerMs = baud === 0 ? 1 << 20 : baud / BITS_A_BYTE / 1000;
  }
  get allowed(): number {
    const now = performance.now();
    this.#credit = Math.min(
      this.#credit + (now - this.#at) * this.#bytesPerMs,
      Math.max(1, MAX_LATE_MS * this.#bytesPerMs),
    );
    this.#at = now;
    return Math.min(1 << 20, Math.floor(this.#credit));
  }
  spend(bytes: number): void {
    this.#credit -= bytes;
  }
}

/** Of a thousand bytes `permille` become others. */
export function spoiled(data: Uint8Array, permille: number): Uint8Array {
  if (permille === 0) return data;
  return data.map((c) => (Math.random() * 1000 < permille ? Math.floor(Math.random() * 256) : c));
}
