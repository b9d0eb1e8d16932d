// A serial line with modem control: a real device, or a pty. Types only.

export interface SerialOptions {
  /** Bits per second. */
  readonly baud: number;
  readonly flow: "rtscts" | "xonxoff" | "none";
}

/** The owner sets the callbacks before the first byte can arrive: in the same turn in which it gets the port. */
export interface SerialPort {
  readonly device: string;
  /** Takes over `data`. Fire and forget: `queued` says what the line has still to carry. */
  write(data: Uint8Array): void;
  /** Bytes that were written and have not left yet. */
  readonly queued: number;
  /** The line is ready for more: `queued` went to 0. */
  onDrained: () => void;
  /** `chunk` is only valid during the call. */
  onData: (chunk: Uint8Array) => void;
  /** Carrier detect; null where the line has no such wire (ptys, three-wire null modems). */
  readonly carrier: boolean | null;
  onCarrier: (on: boolean) => void;
  /** Once: the device is gone (a USB modem pulled out), with a sentence. After it nothing is sent. */
  onGone: (why: string) => void;
  /** Data Terminal Ready; modems hang up when it goes away. */
  setDtr(on: boolean): void;
  /** A break of about a quarter of a second. */
  sendBreak(): void;
  /** Drops DTR, lets go of the device and its lock. No callback follows. */
  close(): void;
}

export interface SerialHost {
  /**
   * Exclusive, raw, 8N1. Rejects with SystemError: ENOENT, EBUSY (somebody holds it), EACCES, EINVAL (a rate it cannot
   * do).
   */
  open(device: string, options: SerialOptions): Promise<SerialPort>;
}
