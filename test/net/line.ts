// A serial line between two programs: two ptys, and bytes that pass between them at the pace of a rate, with noise on request.
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { loadFlat } from "../../src/runtime/node/native.ts";
import type { Lab } from "./harness.ts";

const TIOCSPTLCK = 0x40045431;
const TIOCGPTN = 0x80045430;
const TICK_MS = 5;

interface End {
  readonly master: number;
  readonly device: string;
  /** On its way to this end. */
  queue: Uint8Array[];
}

function pty(): End {
  const flat = loadFlat();
  const master = openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  flat.ioctl(master, TIOCSPTLCK, new Uint8Array(4));
  const n = new Uint8Array(4);
  flat.ioctl(master, TIOCGPTN, n);
  return { master, device: `/dev/pts/${new DataView(n.buffer).getUint32(0, true)}`, queue: [] };
}

export class SerialLine {
  readonly #ends: readonly [End, End];
  readonly #perTick: number;
  readonly #timer: NodeJS.Timeout;
  #open = true;
  /** Of a thousand bytes, how many are spoiled. */
  noise = 0;
  /** Nothing passes any more: somebody has cut the wire. */
  cut = false;
  bytes = 0;

  /** `baud` 0: as fast as it goes. */
  constructor(lab: Lab, baud: number) {
    this.#ends = [pty(), pty()];
    this.#perTick = baud === 0 ? 1 << 20 : Math.round((baud / 10) * (TICK_MS / 1000));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    lab.atEnd(() => {
      this.close();
      return Promise.resolve();
    });
  }
  get devices(): readonly [string, string] {
    return [this.#ends[0].device, this.#ends[1].device];
  }
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    clearInterval(this.#timer);
    for (const e of this.#ends) closeSync(e.master);
  }
  #tick(): void {
    const [a, b] = this.#ends;
    this.#carry(a, b);
    this.#carry(b, a);
  }
  #carry(from: End, to: End): void {
    const room = new Uint8Array(this.#perTick);
    const waiting = to.queue.reduce((n, q) => n + q.length, 0);
    try {
      // What the reader does not take stays in the sender's buffer, as with flow control.
      const n = waiting > this.#perTick ? 0 : readSync(from.master, room, 0, room.length, null);
      if (n > 0 && !this.cut) {
        const data = room.slice(0, n);
        for (let i = 0; i < n; i++) if (Math.random() * 1000 < this.noise) data[i] = Math.floor(Math.random() * 256);
        to.queue.push(data);
        this.bytes += n;
      }
    } catch {
      // nobody has the other end open
    }
    for (let first = to.queue[0]; first; first = to.queue[0]) {
      let n = 0;
      try {
        n = writeSync(to.master, first);
      } catch {
        return;
      }
      if (n < first.length) {
        to.queue[0] = first.slice(n);
        return;
      }
      to.queue.shift();
    }
  }
}
