// A null-modem cable between two programs: two ptys, and bytes that pass between them at the pace of a rate, with noise
// on request.
import type { Lab } from "./harness.ts";
import { Pace, Pty, spoiled } from "./pty.ts";

const TICK_MS = 5;

export class SerialLine {
  readonly #ends: readonly [Pty, Pty];
  readonly #paces: readonly [Pace, Pace];
  readonly #timer: NodeJS.Timeout;
  #open = true;
  /** Of a thousand bytes, how many are spoiled. */
  noise = 0;
  /** Nothing passes any more: somebody has cut the wire. */
  cut = false;
  /** What passed from the first device to the second, and back. */
  readonly bytes: [number, number] = [0, 0];
  /** Sees what passes; `from` is the index of the device. */
  onBytes: (from: 0 | 1, data: Uint8Array) => void = () => {};

  /** `baud` 0: as fast as it goes. */
  constructor(lab: Pick<Lab, "atEnd">, baud: number) {
    this.#ends = [new Pty(), new Pty()];
    this.#paces = [new Pace(baud), new Pace(baud)];
    this.#timer = setInterval(() => {
      this.#carry(0, 1);
      this.#carry(1, 0);
    }, TICK_MS);
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
    for (const e of this.#ends) e.close();
  }
  #carry(from: 0 | 1, to: 0 | 1): void {
    const end = this.#ends[to];
    const pace = this.#paces[from];
    end.flush();
    const room = pace.allowed;
    // What the reader does not take stays in the sender's buffer, as with flow control.
    if (room === 0 || end.waiting > 0) return;
    const data = this.#ends[from].read(room);
    if (data === null || data.length === 0) return;
    pace.spend(data.length);
    if (this.cut) return;
    this.bytes[from] += data.length;
    this.onBytes(from, data);
    end.write(spoiled(data, this.noise));
  }
}
