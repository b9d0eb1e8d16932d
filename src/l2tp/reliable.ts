// RFC 2661 §5.8 and Appendix A: control messages arrive in order and once. Sliding window with slow start and
// congestion avoidance on the way out, reordering within our window on the way in.

import { NO_BYTES } from "../core/bytes.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { LazyMap } from "../core/lazy.ts";
import { add16, diff16 } from "../core/seq.ts";
import { type ControlHeader, writeControl } from "./wire/header.ts";

export const OUR_WINDOW = 16;
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 8000; // §5.8: the cap must be no less than 8 seconds
const MAX_TRIES = 6; // 1+2+4+8+8+8 seconds of silence
const ACK_DELAY_MS = 50; // time for an answer to carry the acknowledgement
const MAX_QUEUED = 256; // messages waiting to be sent; more is a peer that stopped acknowledging

export interface ReliableOwner {
  /** A whole message from its header on; the array is not touched again. */
  transmit(message: Uint8Array): void;
  /** The next message in order: body of AVPs. */
  deliver(callId: number, body: Uint8Array): void;
  /** Retransmissions are used up, or too much is waiting. */
  silent(): void;
}
interface Sent {
  readonly Ns: number;
  readonly callId: number;
  readonly body: Uint8Array;
  /** To be sent again when the window has room: it was in flight when the oldest timed out. */
  lost: boolean;
}

export class Reliable {
  readonly #clock: Clock;
  readonly #owner: ReliableOwner;
  /** While something is not acknowledged, by the peer or by us: most connections are idle for hours. */
  #retry: Timer | null = null;
  #ack: Timer | null = null;
  readonly #waiting: { callId: number; body: Uint8Array }[] = [];
  readonly #sent: Sent[] = []; // transmitted, not acknowledged, in order of Ns
  readonly #early = new LazyMap<number, { callId: number; body: Uint8Array }>();
  #Ns = 0; // of the next new message
  #Nr = 0; // of the next message we expect
  #peerWindow = 4; // §4.4.3: what a peer that does not say has
  #cwnd = 1;
  #ssthresh = 4;
  #acked = 0; // acknowledgements since cwnd last grew, in congestion avoidance
  #timeouts = 0; // in a row, without anything acknowledged
  #closed = false;
  /** The Tunnel ID the peer assigned, 0 before we know it. */
  peerId = 0;
  /** Counts for status and tests. */
  retransmitted = 0;
  duplicates = 0;
  beyondWindow = 0;

  constructor(clock: Clock, owner: ReliableOwner) {
    this.#clock = clock;
    this.#owner = owner;
  }
  get idle(): boolean {
    return this.#sent.length === 0 && this.#waiting.length === 0;
  }
  get unacknowledged(): number {
    return this.#sent.length;
  }
  get window(): number {
    return Math.min(this.#cwnd, this.#peerWindow);
  }

  /** As the one who was called, after half-open.ts: one message came and one went, and the peer has it. */
  resume(): void {
    this.#Ns = 1;
    this.#Nr = 1;
  }
  /** The peer's Receive Window Size AVP, 1 or more. */
  setPeerWindow(n: number): void {
    this.#peerWindow = Math.max(1, n);
    this.#ssthresh = this.#peerWindow; // Appendix A
    this.#fill();
  }
  send(callId: number, body: Uint8Array): void {
    if (this.#closed) return;
    if (this.#waiting.length >= MAX_QUEUED) {
      this.#owner.silent();
      return;
    }
    this.#waiting.push({ callId, body });
    this.#fill();
  }
  /** Nothing more is sent but acknowledgements of what the peer repeats (§5.7: state is kept after a StopCCN). */
  stopSending(): void {
    this.#waiting.length = 0;
    this.#sent.length = 0;
    this.#calm();
  }
  close(): void {
    this.#closed = true;
    this.stopSending();
    this.#early.clear();
    this.#noAck();
  }

  /** A message with this header came for our tunnel. `body` is copied when it is kept. */
  receive(h: ControlHeader, body: Uint8Array): void {
    if (this.#closed) return;
    this.#acknowledged(h.Nr);
    if (body.length === 0) return; // ZLB: its Ns is that of the next message and takes no place
    const ahead = diff16(h.Ns, this.#Nr);
    if (ahead < 0) {
      // §5.8: a duplicate is acknowledged again, or a lost acknowledgement would never be repaired.
      this.duplicates++;
      this.#sendZlb();
      return;
    }
    if (ahead >= OUR_WINDOW) {
      this.beyondWindow++;
      return;
    }
    if (ahead > 0) {
      if (this.#early.has(h.Ns)) this.duplicates++;
      else this.#early.set(h.Ns, { callId: h.callId, body: body.slice() });
      this.#sendZlb(); // tells the sender where the gap is
      return;
    }
    let next: { callId: number; body: Uint8Array } | undefined = { callId: h.callId, body };
    while (next && !this.#closed) {
      this.#Nr = add16(this.#Nr, 1);
      if (!this.#ack) {
        this.#ack = this.#clock.timer("l2tp ack", () => this.#sendZlb());
        this.#ack.arm(ACK_DELAY_MS); // an answer disarms it
      }
      this.#owner.deliver(next.callId, next.body);
      next = this.#early.get(this.#Nr);
      this.#early.delete(this.#Nr);
    }
  }

  #acknowledged(Nr: number): void {
    const first = this.#sent[0];
    if (!first || diff16(Nr, first.Ns) <= 0) return;
    if (diff16(Nr, this.#Ns) > 0) return; // acknowledges what was never sent
    this.#timeouts = 0;
    let n = 0;
    while (this.#sent[0] && diff16(Nr, this.#sent[0].Ns) > 0) {
      this.#sent.shift();
      n++;
    }
    for (let i = 0; i < n; i++) this.#grow();
    if (this.#sent.length === 0) this.#calm();
    else this.#await(FIRST_RETRY_MS);
    this.#fill();
  }
  /** Appendix A: exponential up to the threshold, then one for each full window. */
  #grow(): void {
    if (this.#cwnd < this.#ssthresh) this.#cwnd++;
    else if (++this.#acked >= this.#cwnd) {
      this.#acked = 0;
      this.#cwnd = Math.min(this.#cwnd + 1, this.#peerWindow);
    }
  }
  #fill(): void {
    let flying = 0;
    for (const m of this.#sent) if (!m.lost) flying++;
    // After a loss the peer may have thrown away everything behind the gap: repeated as the window opens, not one a
    // second.
    for (const m of this.#sent) {
      if (!m.lost) continue;
      if (flying >= this.window) return;
      flying++;
      this.retransmitted++;
      this.#transmit(m);
    }
    while (this.#sent.length < this.window) {
      const next = this.#waiting.shift();
      if (!next) return;
      const m: Sent = { Ns: this.#Ns, callId: next.callId, body: next.body, lost: false };
      this.#Ns = add16(this.#Ns, 1);
      this.#sent.push(m);
      if (!this.#retry?.armed) this.#await(FIRST_RETRY_MS);
      this.#transmit(m);
    }
  }
  #transmit(m: Sent): void {
    m.lost = false;
    this.#noAck(); // Nr rides along
    this.#owner.transmit(writeControl({ tunnelId: this.peerId, callId: m.callId, Ns: m.Ns, Nr: this.#Nr }, m.body));
  }
  #sendZlb(): void {
    if (this.#closed) return;
    this.#noAck();
    this.#owner.transmit(writeControl({ tunnelId: this.peerId, callId: 0, Ns: this.#Ns, Nr: this.#Nr }, NO_BYTES));
  }
  /** What came is acknowledged, or nobody needs that any more. */
  #noAck(): void {
    this.#ack?.disarm();
    this.#ack = null;
  }
  #await(ms: number): void {
    this.#retry ??= this.#clock.timer("l2tp retransmit", () => this.#timeout());
    this.#retry.arm(ms);
  }
  #calm(): void {
    this.#retry?.disarm();
    this.#retry = null;
  }
  #timeout(): void {
    const first = this.#sent[0];
    if (!first) return;
    if (++this.#timeouts >= MAX_TRIES) {
      this.#owner.silent();
      return;
    }
    // Appendix A: a loss halves the threshold and starts slowly again; the oldest is repeated at once.
    this.#ssthresh = Math.max(1, this.#cwnd >> 1);
    this.#cwnd = 1;
    this.#acked = 0;
    for (const m of this.#sent) m.lost = true;
    this.retransmitted++;
    this.#await(Math.min(FIRST_RETRY_MS * 2 ** this.#timeouts, MAX_RETRY_MS));
    this.#transmit(first);
  }
}
