// LCP beyond its options: echo keepalive with loop detection, Identification, Protocol-Reject (RFC 1661 §5.7 to §5.9,
// RFC 1570).

import { get16, Reader } from "../core/bytes.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { LazyMap } from "../core/lazy.ts";
import type { Packet } from "../core/packet.ts";
import type { Rng } from "../core/rng.ts";
import { concat } from "../core/text.ts";
import { printable } from "../core/words.ts";
import { be16, be32, CODE, type ControlPacket, writePacket } from "./cp.ts";
import { PROTOCOL } from "./frame.ts";
import { LcpOptions, type LcpWants, LOOPED } from "./lcp-options.ts";
import { ControlProtocol, type ProtocolEvents } from "./negotiate.ts";
import { failure } from "./words.ts";

export interface EchoPolicy {
  /** Unanswered Echo-Requests, one after the other, that end the link. */
  readonly failures: number;
  /** Of silence: a peer that sends anything, questions of its own above all, is not asked. */
  readonly intervalSeconds: number;
  /**
   * The peer may have the first turn: our first question waits a quarter longer, and the last one's answer that much
   * less.
   */
  readonly yields?: boolean;
}
export interface LcpEvents<O>
  extends Pick<ProtocolEvents<O>, "send" | "up" | "down" | "finished" | "failed" | "terminated" | "ignored"> {
  /** The peer does not speak `protocol`. */
  protocolRejected(o: O, protocol: number): void;
  identified(o: O, text: string): void;
  optionRefused(o: O, name: string): void;
  /** As FrameChannel's received(); 0 where all frames visit us. */
  received(o: O): number;
  /** As FrameChannel's echoes(); none where all frames visit us. */
  echoes(o: O): { readonly answered: number; readonly agoMs: number };
}
/** Echo-Requests with our own magic number before we believe in a loop. */
const MAX_ECHO_LOOPS = 3;
/** Code, identifier, length and magic number. */
const ECHO = 8;
/** A quarter of the interval: what is heard within it before a question is due is the answer to the last one. */
const QUARTER = 0.25;
/** Probes whose answers are waited for; the oldest goes. */
const MAX_PROBES = 4;
/** Identification packets that we pass on; RFC 1570 lets a peer send any number. */
const MAX_IDENTIFICATIONS = 4;

interface LcpStart {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly wants: LcpWants;
  /** Null: the peer is never asked whether it is still there. */
  readonly echo: EchoPolicy | null;
}

export class Lcp<O> {
  readonly options: LcpOptions;
  readonly protocol: ControlProtocol<Lcp<unknown>>;
  readonly #owner: O;
  readonly #on: LcpEvents<O>;
  readonly #echo: EchoPolicy | null;
  readonly #echoTimer: Timer;
  readonly #clock: Clock;
  #lost = 0;
  #heardAt = 0;
  /** As the channel counted when it was last looked at. */
  #received = 0;
  #answered = 0;
  /** Whose turn it is to ask; and whether the first question without an answer waited for that. */
  #peerAsks = false;
  #late = false;
  #echoLoops = 0;
  #echoUnknown = false;
  #identifications = 0;
  /** Echo-Requests of probe(), by identifier. */
  readonly #probes = new LazyMap<number, () => void>();

  static readonly #EVENTS: ProtocolEvents<Lcp<unknown>> = {
    send: (l, p) => l.#on.send(l.#owner, p),
    up: (l) => {
      l.#startEcho();
      l.#on.up(l.#owner);
    },
    down: (l) => {
      l.#echoTimer.disarm();
      l.#probes.clear();
      l.#on.down(l.#owner);
    },
    finished: (l) => l.#on.finished(l.#owner),
    failed: (l, why) => l.#on.failed(l.#owner, why),
    terminated: (l, text) => l.#on.terminated(l.#owner, text),
    lcp: true,
    extra: (l, p) => l.#extra(p),
    codeRejected: (l, code) => {
      if (code !== CODE.echoRequest) return;
      l.#echoUnknown = true;
      l.#echoTimer.disarm();
    },
    ignored: (l, name) => l.#on.ignored(l.#owner, name),
    limit: (l) => l.options.peerMru,
  };

  constructor({ clock, rng, wants, echo }: LcpStart, owner: O, on: LcpEvents<O>) {
    this.#owner = owner;
    this.#on = on;
    this.#echo = echo;
    this.#clock = clock;
    this.options = new LcpOptions(wants, rng, this);
    this.#echoTimer = clock.timer("lcp-echo", () => this.#echoDue());
    this.protocol = new ControlProtocol<Lcp<unknown>>(
      { clock, name: "lcp" },
      this.options,
      this as Lcp<unknown>,
      Lcp.#EVENTS,
    );
  }

  /** For `options`. */
  optionRefused(name: string): void {
    this.#on.optionRefused(this.#owner, name);
  }
  /** Anything from the peer shows that it lives. Cheap: the data path may call it for every batch. */
  activity(): void {
    this.#lost = 0;
    this.#heardAt = this.#clock.now();
  }
  /**
   * An Echo-Request that nothing is wrong with becomes its answer where it lies; false: any other packet, and nothing
   * is changed.
   */
  answered(p: Packet): boolean {
    const { mem, start, end } = p;
    if (mem[start] !== CODE.echoRequest || end - start < ECHO || !this.protocol.opened) return false;
    const length = get16(mem, start + 2);
    const { magic, peerMru } = this.options;
    const theirs = new DataView(mem.buffer, mem.byteOffset + start + 4, 4);
    if (length < ECHO || length > end - start || length > peerMru || (magic !== 0 && theirs.getUint32(0) === magic))
      return false;
    mem[start] = CODE.echoReply;
    theirs.setUint32(0, magic);
    p.end = start + length;
    this.#peerAsks = true;
    this.activity();
    return true;
  }
  /**
   * Sends an Echo-Request of `length` bytes from its code on, 8 at least, unless that is more than the peer takes;
   * `answered` is called when its answer comes, of whatever length.
   */
  probe(length: number, answered: () => void): void {
    if (!this.protocol.opened || length > this.options.peerMru) return;
    const body = new Uint8Array(Math.max(length, ECHO) - 4);
    body.set(be32(this.options.magic));
    const id = this.protocol.send(CODE.echoRequest, body);
    this.#probes.delete(id);
    this.#probes.set(id, answered);
    for (const old of this.#probes.keys()) if (this.#probes.size > MAX_PROBES) this.#probes.delete(old);
  }
  stop(): void {
    this.#probes.clear();
    this.#echoTimer.disarm();
    this.protocol.stop();
  }
  /** Only in the opened state; `information` is what followed the protocol field (RFC 1661 §5.7). */
  sendProtocolReject(protocol: number, information: Uint8Array): void {
    if (!this.protocol.opened) return;
    if (protocol === PROTOCOL.cbcp) this.options.callback = true;
    const room = Math.max(0, this.options.peerMru - 6);
    this.protocol.send(CODE.protocolReject, concat([be16(protocol), information.subarray(0, room)]));
  }

  #startEcho(): void {
    this.#lost = 0;
    this.#echoLoops = 0;
    this.#heardAt = this.#clock.now();
    this.#received = this.#on.received(this.#owner);
    this.#answered = this.#on.echoes(this.#owner).answered;
    this.#peerAsks = this.#echo?.yields === true;
    if (this.#echo && !this.#echoUnknown) this.#echoTimer.arm(this.#patience(this.#echo));
  }
  /** Milliseconds of silence before the next question. */
  #patience({ intervalSeconds }: EchoPolicy): number {
    return intervalSeconds * 1000 * (this.#peerAsks ? 1 + QUARTER : 1);
  }
  /** Those that the channel answered count as if they had come by here. */
  #hearEchoes(): void {
    const { answered, agoMs } = this.#on.echoes(this.#owner);
    if (answered === this.#answered) return;
    this.#answered = answered;
    this.#peerAsks = true;
    this.#lost = 0;
    this.#heardAt = Math.max(this.#heardAt, this.#clock.now() - agoMs);
  }
  /** The time until the next look when the peer was heard meanwhile; null: it was not. */
  #alive(echo: EchoPolicy): number | null {
    this.#hearEchoes();
    const intervalMs = echo.intervalSeconds * 1000;
    const received = this.#on.received(this.#owner);
    if (received !== this.#received) {
      // some time since the last look: so that silence is not noticed late, the next one is early
      this.#received = received;
      this.#lost = 0;
      return intervalMs / 2;
    }
    const silence = this.#clock.now() - this.#heardAt;
    return silence < intervalMs * (1 - QUARTER) || (this.#peerAsks && silence < this.#patience(echo))
      ? Math.ceil(this.#patience(echo) - silence)
      : null;
  }
  #echoDue(): void {
    if (!this.#echo || !this.protocol.opened) return;
    const wait = this.#alive(this.#echo);
    if (wait !== null) {
      this.#echoTimer.arm(wait);
      return;
    }
    if (this.#lost >= this.#echo.failures) {
      const { failures, intervalSeconds } = this.#echo;
      this.#on.failed(
        this.#owner,
        failure("echo-timeout", `${failures} LCP echo requests, ${intervalSeconds} s apart, were not answered`),
      );
      return;
    }
    if (this.#lost++ === 0) this.#late = this.#peerAsks;
    this.#peerAsks = false;
    this.protocol.send(CODE.echoRequest, be32(this.options.magic));
    const last = this.#lost >= this.#echo.failures && this.#late;
    this.#echoTimer.arm(this.#echo.intervalSeconds * 1000 * (last ? 1 - QUARTER : 1));
  }

  #extra(p: ControlPacket): boolean {
    switch (p.code) {
      case CODE.echoRequest:
        this.#echoRequest(p);
        return true;
      // Any frame counts as life; a reply that carries our own magic number is no reply (RFC 1661 §6.4).
      case CODE.echoReply: {
        const answered = this.#probes.get(p.id);
        const { magic } = this.options;
        if (!answered || (magic !== 0 && new Reader(p.body).u32("magic number") === magic)) return true;
        this.#probes.delete(p.id);
        answered();
        return true;
      }
      case CODE.discardRequest:
      case CODE.timeRemaining:
        return true;
      case CODE.identification: {
        const r = new Reader(p.body);
        r.u32("magic number");
        if (this.#identifications++ < MAX_IDENTIFICATIONS) this.#on.identified(this.#owner, printable(r.rest()));
        return true;
      }
      case CODE.protocolReject: {
        const protocol = new Reader(p.body).u16("rejected protocol");
        if (this.protocol.opened) this.#on.protocolRejected(this.#owner, protocol);
        return true;
      }
      default:
        return false;
    }
  }
  #echoRequest(p: ControlPacket): void {
    const r = new Reader(p.body);
    const magic = r.u32("magic number");
    if (magic !== 0 && magic === this.options.magic) {
      if (++this.#echoLoops >= MAX_ECHO_LOOPS) this.#on.failed(this.#owner, LOOPED);
      return; // answering ourselves would never end
    }
    if (4 + p.body.length > this.options.peerMru) return;
    const body = concat([be32(this.options.magic), r.rest()]);
    this.#on.send(this.#owner, writePacket({ code: CODE.echoReply, id: p.id, body }));
  }
}
