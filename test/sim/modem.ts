// Modems, a telephone exchange and null-modem cables in memory, on the virtual clock: bytes take their time, noise
// spoils them on request, and calls end as they do in life.
import { SystemError } from "../../src/core/errors.ts";
import type { SerialHost, SerialPort } from "../../src/ports/serial.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface WireOptions {
  /** Bits per second; ten bits carry a byte. */
  readonly baud?: number;
  /** What becomes of a byte; null: lost. */
  readonly noise?: (c: number) => number | null;
}
/** One direction of a line, in pieces of a few milliseconds. */
class Wire {
  readonly #clock: VirtualClock;
  readonly #baud: number;
  noise: (c: number) => number | null;
  #freeAt = 0;
  #epoch = 0;
  queued = 0;
  onDrained: () => void = () => {};
  deliver: (chunk: Uint8Array) => void = () => {};
  constructor(clock: VirtualClock, o: WireOptions) {
    this.#clock = clock;
    this.#baud = o.baud ?? 115200;
    this.noise = o.noise ?? ((c) => c);
  }
  send(data: Uint8Array): void {
    const epoch = this.#epoch;
    this.queued += data.length;
    for (let at = 0; at < data.length; at += 64) {
      const piece = data.slice(at, at + 64);
      const now = this.#clock.now();
      this.#freeAt = Math.max(now, this.#freeAt) + (piece.length * 10_000) / this.#baud;
      this.#clock
        .timer("wire", () => {
          if (epoch !== this.#epoch) return;
          this.queued -= piece.length;
          const heard = [...piece].map((c) => this.noise(c)).filter((c) => c !== null);
          this.deliver(Uint8Array.from(heard));
          if (this.queued === 0) this.onDrained();
        })
        .arm(this.#freeAt - now);
    }
  }
  /** What is under way is lost. */
  clear(): void {
    this.#epoch++;
    this.queued = 0;
    this.#freeAt = 0;
  }
}

class Port implements SerialPort {
  readonly device: string;
  carrier: boolean | null = null;
  queuedBytes: () => number = () => 0;
  closed = false;
  readonly written: string[] = [];
  dtr = true;
  breaks = 0;
  onDrained: () => void = () => {};
  onData: (chunk: Uint8Array) => void = () => {};
  onCarrier: (on: boolean) => void = () => {};
  onGone: (why: string) => void = () => {};
  out: (data: Uint8Array) => void = () => {};
  dtrChanged: (on: boolean) => void = () => {};
  constructor(device: string) {
    this.device = device;
  }
  get queued(): number {
    return this.queuedBytes();
  }
  write(data: Uint8Array): void {
    if (this.closed) throw new Error("write to a closed port");
    this.written.push(String.fromCharCode(...data));
    this.out(data);
  }
  setDtr(on: boolean): void {
    if (this.dtr === on) return;
    this.dtr = on;
    this.dtrChanged(on);
  }
  sendBreak(): void {
    this.breaks++;
  }
  close(): void {
    if (this.closed) return;
    this.setDtr(false);
    this.closed = true;
  }
  /** As a host opens it: nobody listens yet, and what was said before is gone. */
  open(): this {
    if (!this.closed) throw new SystemError("EBUSY", `cannot open ${this.device}`, "another program uses it");
    this.closed = false;
    this.onData = () => {};
    this.onCarrier = () => {};
    this.onGone = () => {};
    this.onDrained = () => {};
    this.setDtr(true);
    return this;
  }
  hear(chunk: Uint8Array): void {
    if (!this.closed && chunk.length > 0) this.onData(chunk);
  }
  setCarrier(on: boolean): void {
    if (this.carrier === null || this.carrier === on) return;
    this.carrier = on;
    if (!this.closed) this.onCarrier(on);
  }
}
export type SimPort = Port;

/** Two ports on one three-wire cable. */
export function nullModem(clock: VirtualClock, o: WireOptions = {}): { a: Port; b: Port; wires: Wire[] } {
  const [a, b] = [new Port("/dev/ttyA"), new Port("/dev/ttyB")];
  const join = (from: Port, to: Port): Wire => {
    const w = new Wire(clock, o);
    from.out = (d) => w.send(d);
    from.queuedBytes = () => w.queued;
    w.onDrained = () => {
      if (!from.closed) from.onDrained();
    };
    w.deliver = (d) => to.hear(d);
    return w;
  };
  return { a, b, wires: [join(a, b), join(b, a)] };
}

/** Ports by their device names; what is not there cannot be opened. */
export function serialHost(...ports: Port[]): SerialHost {
  for (const p of ports) p.close();
  return {
    open: (device) => {
      const p = ports.find((x) => x.device === device);
      if (!p) return Promise.reject(new SystemError("ENOENT", `cannot open ${device}`, "is the modem plugged in?"));
      return Promise.resolve().then(() => p.open());
    },
  };
}

const text = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));
const GUARD_MS = 1000;

export class Exchange {
  readonly clock: VirtualClock;
  readonly lines = new Map<string, SimModem>();
  constructor(clock: VirtualClock) {
    this.clock = clock;
  }
}

/** A Hayes modem with its telephone line. */
export class SimModem {
  readonly #clock: VirtualClock;
  readonly #exchange: Exchange;
  readonly #wire: Wire;
  readonly port: Port;
  readonly number: string;
  /** Answers to commands by their text (upper case), instead of its own; "" for none at all. */
  readonly replies = new Map<string, string>();
  /** What dialling a number ends in, instead of a call. */
  readonly ends = new Map<string, string>();
  /** One byte at a time to the computer, so many milliseconds apart; 0: as they come. */
  byteMs = 0;
  echo = true;
  /** A lost call is not told (ATQ1). */
  quiet = false;
  speed = 33600;
  trainingMs = 1500;
  readonly commands: string[] = [];
  #command = "";
  #mode: "command" | "ringing" | "calling" | "data" = "command";
  #peer: SimModem | null = null;
  #plus = { count: 0, lastByte: Number.NEGATIVE_INFINITY };
  #ringer;

  constructor(exchange: Exchange, number: string, o: WireOptions & { carrierWire?: boolean } = {}) {
    this.#exchange = exchange;
    this.#clock = exchange.clock;
    this.number = number;
    exchange.lines.set(number, this);
    this.port = new Port(`/dev/modem${number}`);
    this.port.carrier = o.carrierWire === false ? null : false;
    this.#wire = new Wire(this.#clock, o);
    this.#wire.onDrained = () => {
      if (!this.port.closed) this.port.onDrained();
    };
    this.port.queuedBytes = () => this.#wire.queued;
    this.#wire.deliver = (d) => this.#peer?.port.hear(d);
    this.port.out = (d) => this.#fromComputer(d);
    this.port.dtrChanged = (on) => {
      if (!on) this.hangUp();
    };
    this.#ringer = this.#clock.timer("ring", () => this.#ring());
  }
  set noise(f: (c: number) => number | null) {
    this.#wire.noise = f;
  }
  get online(): boolean {
    return this.#mode === "data";
  }

  /** Text to the computer, as the modem says things. */
  say(s: string): void {
    if (this.byteMs === 0) {
      this.#later(1, () => this.port.hear(text(s)));
      return;
    }
    [...s].forEach((c, i) => {
      this.#later(1 + i * this.byteMs, () => this.port.hear(text(c)));
    });
  }
  /** The line goes dead. */
  hangUp(): void {
    const peer = this.#peer;
    const was = this.#mode;
    this.#peer = null;
    this.#mode = "command";
    this.#ringer.disarm();
    this.#wire.clear();
    this.port.setCarrier(false);
    if (was === "data" && this.port.dtr && !this.quiet) this.say("\r\nNO CARRIER\r\n");
    if (was === "calling" && this.port.dtr) this.say("\r\nNO CARRIER\r\n");
    if (peer) peer.hangUp();
  }

  #later(ms: number, f: () => void): void {
    this.#clock.timer("modem", f).arm(ms);
  }
  #fromComputer(data: Uint8Array): void {
    if (this.#mode === "data") {
      this.#watchForEscape(data);
      this.#wire.send(data);
      return;
    }
    for (const c of data) {
      if (this.echo) this.port.hear(Uint8Array.of(c));
      if (c === 13) {
        const command = this.#command.trim();
        this.#command = "";
        if (command !== "") this.#do(command);
      } else if (c !== 10) this.#command = (this.#command + String.fromCharCode(c)).slice(-200);
    }
  }
  #watchForEscape(data: Uint8Array): void {
    const now = this.#clock.now();
    const quiet = now - this.#plus.lastByte >= GUARD_MS;
    this.#plus.lastByte = now;
    if (!quiet || data.length !== 3 || !data.every((c) => c === 43)) return;
    this.#later(GUARD_MS, () => {
      if (this.#plus.lastByte !== now || this.#mode !== "data") return;
      this.#mode = "command"; // still connected
      this.say("\r\nOK\r\n");
    });
  }
  #do(command: string): void {
    const upper = command.toUpperCase();
    this.commands.push(command);
    const own = this.replies.get(upper);
    if (own !== undefined) {
      if (own !== "") this.say(`\r\n${own}\r\n`);
      return;
    }
    if (!upper.startsWith("AT")) return;
    const dial = /^ATD[TP]?(.*)$/.exec(upper);
    if (dial) return this.#dial((dial[1] as string).replace(/[^0-9*#]/g, ""));
    if (upper === "ATA") return this.#answer();
    if (upper === "ATH") this.hangUp();
    if (upper === "ATE0") this.echo = false;
    if (upper === "ATE1") this.echo = true;
    this.say("\r\nOK\r\n");
  }
  #dial(number: string): void {
    this.#mode = "calling";
    const end = this.ends.get(number);
    const callee = this.#exchange.lines.get(number);
    this.#later(500, () => {
      if (this.#mode !== "calling") return;
      const busy = callee && callee.#mode !== "command" ? "BUSY" : undefined;
      const word = end ?? busy ?? (callee ? undefined : "NO CARRIER");
      if (word !== undefined) {
        this.#mode = "command";
        if (word !== "") this.say(`\r\n${word}\r\n`);
        return;
      }
      this.#peer = callee as SimModem;
      (callee as SimModem).#called(this);
    });
  }
  #called(by: SimModem): void {
    this.#peer = by;
    this.#mode = "ringing";
    this.#ring();
  }
  #ring(): void {
    if (this.#mode !== "ringing") return;
    this.say("\r\nRING\r\n");
    this.#ringer.arm(5000);
  }
  #answer(): void {
    const peer = this.#peer;
    if (this.#mode !== "ringing" || !peer) {
      this.say("\r\nNO CARRIER\r\n");
      return;
    }
    this.#ringer.disarm();
    this.#later(this.trainingMs, () => {
      if (this.#peer !== peer || peer.#peer !== this) return;
      for (const m of [this, peer]) {
        m.#mode = "data";
        m.say(`\r\nCONNECT ${m.speed}\r\n`);
        m.port.setCarrier(true);
      }
    });
  }
}
