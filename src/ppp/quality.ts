// Link-Quality-Reports for a peer that asks for them (RFC 1989). Whether its line is good enough is its own question:
// we ask for none.
import { Reader, Writer } from "../core/bytes.ts";
import type { Clock, Timer } from "../core/clock.ts";
import type { LineCounts } from "../ports/ports.ts";

const REPORT = 48;
/** Between two reports of ours, whatever the peer does: two ends that answer one another would never end. */
const MIN_GAP_MS = 1000;
/** A period may be up to 497 days. */
const MAX_PERIOD_MS = 3_600_000;

/** What a peer's report said of itself, and our counters when it came. */
interface Heard {
  readonly outLqrs: number;
  readonly outPackets: number;
  readonly outOctets: number;
  /** Its view of our reports: twice the same means that one of ours was lost (§2.7). */
  readonly inLqrs: number;
  readonly saved: LineCounts;
  readonly savedLqrs: number;
}

interface QualityEvents {
  send(report: Uint8Array): void;
  counts(): LineCounts;
  magic(): number;
  /** What a frame has beside the report: header, FCS and one flag (§2.3). */
  overhead(): number;
}

export class LinkQuality {
  readonly #on: QualityEvents;
  readonly #clock: Clock;
  readonly #timer: Timer;
  #lastMs = Number.NEGATIVE_INFINITY;
  #periodMs: number | null = null;
  #heard: Heard | null = null;
  #outLqrs = 0;
  #inLqrs = 0;

  constructor(clock: Clock, on: QualityEvents) {
    this.#on = on;
    this.#clock = clock;
    this.#timer = clock.timer("lqr", () => this.#report());
  }
  get running(): boolean {
    return this.#periodMs !== null;
  }
  /** `periodMs`: the longest time between two of our reports; 0: only in answer to the peer's. Counters begin anew. */
  start(periodMs: number): void {
    this.#periodMs = Math.min(periodMs, MAX_PERIOD_MS);
    this.#heard = null;
    this.#outLqrs = 0;
    this.#inLqrs = 0;
    this.#lastMs = Number.NEGATIVE_INFINITY;
    if (periodMs > 0) this.#timer.arm(this.#periodMs);
  }
  stop(): void {
    this.#periodMs = null;
    this.#timer.disarm();
  }
  /** Without the PPP header. Throws DecodeError. */
  input(body: Uint8Array): void {
    const r = new Reader(body);
    const magic = r.u32("magic number");
    r.bytes(12, "last out");
    const inLqrs = r.u32("PeerInLQRs");
    r.bytes(16, "peer in");
    const [outLqrs, outPackets, outOctets] = [r.u32("PeerOutLQRs"), r.u32("PeerOutPackets"), r.u32("PeerOutOctets")];
    if (magic !== 0 && magic === this.#on.magic()) return; // our own, come back
    const lost = this.#heard !== null && this.#heard.inLqrs === inLqrs;
    this.#inLqrs++;
    this.#heard = { outLqrs, outPackets, outOctets, inLqrs, saved: this.#on.counts(), savedLqrs: this.#inLqrs };
    if ((this.#periodMs === 0 || lost) && this.#clock.now() - this.#lastMs >= MIN_GAP_MS) this.#report();
  }
  #report(): void {
    if (this.#periodMs === null) return;
    if (this.#periodMs > 0) this.#timer.arm(this.#periodMs);
    this.#lastMs = this.#clock.now();
    const h = this.#heard;
    const now = this.#on.counts();
    this.#outLqrs++;
    const w = new Writer(new Uint8Array(REPORT));
    w.u32(this.#on.magic());
    for (const v of [
      h?.outLqrs,
      h?.outPackets,
      h?.outOctets,
      h?.savedLqrs,
      h?.saved.inPackets,
      0,
      h?.saved.inErrors,
      h?.saved.inOctets,
      this.#outLqrs,
      now.outPackets + 1,
      now.outOctets + this.#on.overhead() + REPORT, // this one included (§2.6)
    ])
      w.u32((v ?? 0) >>> 0);
    this.#on.send(w.done());
  }
}
