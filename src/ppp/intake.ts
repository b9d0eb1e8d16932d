// Frames of the channel on their way to a session: those that come before its time, echoes that are answered where they
// lie, and all others one after another, each in a turn.
import { DecodeError } from "../core/errors.ts";
import { Packet } from "../core/packet.ts";
import type { Turns } from "../core/turns.ts";
import type { FrameChannel } from "../ports/ports.ts";
import type { PppDrop } from "./api.ts";
import { FULL_HEADER, PROTOCOL, protocolName, pullProtocol, pushProtocol } from "./frame.ts";
import type { Lcp } from "./lcp.ts";
import type { Report } from "./report.ts";

/** Frames that overtook our own start: the peer's first Configure-Request, and little else. */
const MAX_EARLY = 4;
const MAX_EARLY_BYTES = 512;

export interface IntakeEvents<O> {
  /** Frames wait in "dead", and are dropped in "over". */
  phase(o: O): string;
  /** One packet, valid during the call. May throw DecodeError. */
  packet(o: O, protocol: number, packet: Packet): void;
  fault(o: O, e: unknown): void;
}
interface IntakeParts {
  readonly turns: Turns;
  readonly channel: FrameChannel;
  readonly lcp: Pick<Lcp<unknown>, "activity" | "answered">;
  readonly drops: { bump(name: PppDrop): void };
  readonly report: Report;
}

export class Intake<O> {
  readonly #parts: IntakeParts;
  readonly #owner: O;
  readonly #on: IntakeEvents<O>;
  #early: Uint8Array[] | null = null;

  constructor(parts: IntakeParts, owner: O, on: IntakeEvents<O>) {
    this.#parts = parts;
    this.#owner = owner;
    this.#on = on;
    parts.channel.onFrame = (p) => this.#came(p);
  }
  /** What came before is looked at now. In a turn. */
  start(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const frame of early) this.#read(Packet.of(frame));
  }
  stop(): void {
    this.#early = null;
  }

  #came(p: Packet): void {
    try {
      this.#frame(p);
    } catch (e) {
      this.#parts.turns.run(() => this.#on.fault(this.#owner, e)); // an echo is answered outside of a turn
    }
  }
  #frame(p: Packet): void {
    const { turns, drops } = this.#parts;
    const phase = this.#on.phase(this.#owner);
    if (phase === "over") return drops.bump("ppp.after-end");
    if (phase === "dead") {
      this.#early ??= [];
      if (this.#early.length >= MAX_EARLY || p.length > MAX_EARLY_BYTES) return drops.bump("ppp.before-start");
      this.#early.push(p.view().slice());
      return;
    }
    if (this.#answered(p)) return;
    if (!turns.busy) return turns.run(() => this.#read(p));
    const copy = Packet.of(p.view());
    turns.run(() => this.#read(copy));
  }
  /** Echo-Requests are what thousands of idle sessions are made of: they do not go the long way. */
  #answered(p: Packet): boolean {
    const { turns, lcp, channel } = this.#parts;
    const { start, end } = p;
    if (turns.busy || pullProtocol(p) !== PROTOCOL.lcp || !lcp.answered(p)) {
      p.start = start;
      p.end = end;
      return false;
    }
    pushProtocol(p, PROTOCOL.lcp, FULL_HEADER);
    channel.send(p);
    return true;
  }
  #read(p: Packet): void {
    const { lcp, drops, report, channel } = this.#parts;
    if (this.#on.phase(this.#owner) === "over") return drops.bump("ppp.after-end");
    const protocol = pullProtocol(p);
    if (protocol === 0) return drops.bump("ppp.no-protocol");
    lcp.activity();
    try {
      this.#on.packet(this.#owner, protocol, p);
    } catch (e) {
      if (!(e instanceof DecodeError)) throw e;
      drops.bump("ppp.malformed");
      report.bad(channel.name, `${protocolName(protocol)}: ${e.message}`);
    }
  }
}
