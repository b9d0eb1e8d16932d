// One capture: pcapng in pieces, until a limit, the client or the link ends it.
import type { Clock, Timer } from "../core/clock.ts";
import type { Direction } from "../ports/ports.ts";
import { type Kind, pcapngHeader, pcapngPacket } from "./pcapng.ts";

export interface CaptureLimits {
  readonly seconds: number;
  readonly packets: number;
  readonly bytes: number;
}
const CAPTURE_LIMITS: CaptureLimits = { seconds: 60, packets: 10_000, bytes: 10_000_000 };
const MOST: CaptureLimits = { seconds: 3600, packets: 1_000_000, bytes: 100_000_000 };

export interface CaptureRequest {
  readonly limits: CaptureLimits;
  /** A piece of the file. */
  readonly send: (bytes: Uint8Array) => void;
  /** Called once. */
  readonly done: (end: CaptureEnd) => void;
}
export interface CaptureApi {
  /** Frames and control messages of a link from now on. Returns what ends it. Throws RequestRefused. */
  capture(name: string, request: CaptureRequest): () => void;
}
export interface CaptureEnd {
  readonly packets: number;
  readonly bytes: number;
  /** Packets of which something was left out. */
  readonly cut: number;
  readonly why: "seconds" | "packets" | "bytes" | "client";
}

const COMMENT =
  "Left out: contents of authentication (PAP, CHAP, EAP), names and telephone numbers in LCP and L2TP, challenges, " +
  "responses and hidden AVPs; their places are zero or gone. IKE and ESP are not in this file. What the link carries " +
  "is in it, readable.";

/** Within what the daemon allows; null: not a number, or less than 1. */
export function captureLimits(wanted: Readonly<Record<string, unknown>>): CaptureLimits | null {
  const out = { ...CAPTURE_LIMITS };
  for (const key of ["seconds", "packets", "bytes"] as const) {
    const n = wanted[key];
    if (n === undefined) continue;
    if (typeof n !== "number" || !Number.isSafeInteger(n) || n < 1) return null;
    out[key] = Math.min(n, MOST[key]);
  }
  return out;
}

export class Capture {
  readonly #limits: CaptureLimits;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #done: (end: CaptureEnd) => void;
  readonly #wallClock: () => number;
  readonly #timer: Timer;
  #packets = 0;
  #bytes = 0;
  #cut = 0;
  #open = true;

  constructor(
    o: CaptureRequest & {
      readonly program: string;
      readonly link: string;
      readonly clock: Clock;
      readonly wallClock: () => number;
    },
  ) {
    this.#limits = o.limits;
    this.#send = o.send;
    this.#done = o.done;
    this.#wallClock = o.wallClock;
    this.#timer = o.clock.timer("capture", () => this.end("seconds"));
    this.#timer.arm(o.limits.seconds * 1000);
    this.#write(pcapngHeader(o.program, o.link, COMMENT));
  }
  packet(
    kind: Kind,
    direction: Direction,
    { bytes, cut }: { readonly bytes: Uint8Array; readonly cut: boolean },
  ): void {
    if (!this.#open) return;
    const comment = cut ? "something is left out" : "";
    const piece = pcapngPacket({ kind, direction, ms: this.#wallClock(), bytes, comment });
    if (this.#bytes + piece.length > this.#limits.bytes) return this.end("bytes");
    this.#packets++;
    if (cut) this.#cut++;
    this.#write(piece);
    if (this.#packets >= this.#limits.packets) this.end("packets");
  }
  end(why: CaptureEnd["why"]): void {
    if (!this.#open) return;
    this.#open = false;
    this.#timer.disarm();
    this.#done({ packets: this.#packets, bytes: this.#bytes, cut: this.#cut, why });
  }
  #write(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    this.#send(bytes);
  }
}
