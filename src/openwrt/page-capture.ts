// A capture for a page of LuCI, which fetches it piece by piece: one at a time, and none that nobody fetches.
import { type CaptureApi, type CaptureEnd, captureLimits } from "../control/capture.ts";
import { RequestRefused } from "../control/server.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { concat, hex } from "../core/text.ts";

/** It waits in memory until it is fetched. */
const MOST = { seconds: 300, packets: 5000, bytes: 2_000_000 } as const;
/** A page asks every second. */
const IDLE_MS = 15_000;
/** Of one answer: a message of the bus is at most 1 MiB, and these are two digits a byte. */
const PIECE = 100_000;

interface Held {
  readonly name: string;
  pieces: Uint8Array[];
  end: CaptureEnd | null;
  stop: () => void;
}

export class PageCapture {
  readonly #api: CaptureApi;
  readonly #idle: Timer;
  #held: Held | null = null;

  constructor(api: CaptureApi, clock: Clock) {
    this.#api = api;
    this.#idle = clock.timer("capture for a page", () => {
      this.#held?.stop();
      this.#held = null;
    });
  }
  /** `wanted`: seconds, packets, bytes. Throws RequestRefused, as the others do. */
  start(name: string, wanted: Readonly<Record<string, unknown>>): void {
    const limits = captureLimits({ ...MOST, ...wanted });
    if (!limits) throw new RequestRefused("bad-request", "seconds, packets and bytes are numbers from 1");
    if (this.#held?.end === null) throw new RequestRefused("failed", `${this.#held.name} is being captured already`);
    const least = (k: keyof typeof MOST): number => Math.min(limits[k], MOST[k]);
    const held: Held = { name, pieces: [], end: null, stop: () => {} };
    held.stop = this.#api.capture(name, {
      limits: { seconds: least("seconds"), packets: least("packets"), bytes: least("bytes") },
      send: (bytes) => void held.pieces.push(bytes),
      done: (end) => {
        held.end = end;
      },
    });
    this.#held = held;
    this.#idle.arm(IDLE_MS);
  }
  /** What has come since the last time, in hexadecimal; `end` with the last of it. */
  read(name: string): { readonly data: string; readonly end?: CaptureEnd } {
    const held = this.#of(name);
    let n = 0;
    let size = 0;
    for (; n < held.pieces.length; n++) {
      size += held.pieces[n]?.length ?? 0;
      if (size > PIECE && n > 0) break;
    }
    const data = hex(concat(held.pieces.splice(0, n)));
    this.#idle.arm(IDLE_MS);
    if (held.end === null || held.pieces.length > 0) return { data };
    this.#held = null;
    this.#idle.disarm();
    return { data, end: held.end };
  }
  stop(name: string): void {
    this.#of(name).stop();
  }
  #of(name: string): Held {
    if (this.#held?.name !== name) throw new RequestRefused("not-found", `${name} is not being captured`);
    return this.#held;
  }
}
