// Requests of ours that wait for their answer.
import type { Clock } from "./api.ts";
import { ATTR, getBytes, getU32, type Message, MSG } from "./message.ts";
import { STATUS, UbusError } from "./status.ts";

export interface Answer {
  readonly data: readonly Message[];
  /** Of a notification: each subscriber's. */
  readonly statuses: readonly number[];
}

interface Pending {
  readonly what: string;
  onData(m: Message): void;
  /** Statuses still to come of a notification's subscribers, -1 until they come. */
  awaited: Map<number, number> | null;
  readonly notify: boolean;
  settle(error: UbusError | null): void;
}

const CALL_TIMEOUT = 30_000;

export class PendingRequests {
  readonly #clock: Clock;
  readonly #send: (m: Message) => void;
  readonly #bySeq = new Map<number, Pending>();
  #seq = 0;

  /** `send` throws UbusError while there is no bus. */
  constructor(clock: Clock, send: (m: Message) => void) {
    this.#clock = clock;
    this.#send = send;
  }
  /** A new connection numbers its requests anew. */
  hello(): void {
    this.#seq = 0;
  }
  nextSeq(): number {
    do this.#seq = (this.#seq + 1) & 0xffff;
    while (this.#bySeq.has(this.#seq));
    return this.#seq;
  }
  /**
   * Sends one request. `what` is for errors, `timeout` in milliseconds; `onData` gets each data message as it comes,
   * in place of the answer.
   */
  ask(
    type: number,
    peer: number,
    attrs: Message["attrs"],
    what: string,
    timeout = CALL_TIMEOUT,
    onData?: (m: Message) => void,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#bySeq.size >= 0xffff) throw new UbusError(STATUS.NO_MEMORY, what);
      const seq = this.nextSeq();
      this.#send({ type, seq, peer, attrs });
      const timer = this.#clock.timer("ubus-call", () => p.settle(new UbusError(STATUS.TIMEOUT, what)));
      const data: Message[] = [];
      const p: Pending = {
        what,
        onData: onData ?? ((m) => data.push(m)),
        awaited: null,
        notify: type === MSG.NOTIFY,
        settle: (error) => {
          timer.disarm();
          this.#bySeq.delete(seq);
          if (error) reject(error);
          else resolve({ data, statuses: p.awaited ? [...p.awaited.values()] : [] });
        },
      };
      this.#bySeq.set(seq, p);
      timer.arm(timeout);
    });
  }
  /** Takes copies: the reader's memory is its own again when this returns. */
  data(m: Message): void {
    this.#bySeq.get(m.seq)?.onData({ ...m, attrs: m.attrs.map((a) => ({ id: a.id, payload: a.payload.slice() })) });
  }
  status(m: Message): void {
    const p = this.#bySeq.get(m.seq);
    if (!p) return;
    const status = getU32(m, ATTR.STATUS) ?? STATUS.UNKNOWN_ERROR;
    const subscribers = getBytes(m, ATTR.SUBSCRIBERS);
    if (p.notify && p.awaited) {
      if (p.awaited.get(m.peer) === -1) p.awaited.set(m.peer, status);
      if (![...p.awaited.values()].includes(-1)) p.settle(null);
    } else if (p.notify && status === STATUS.OK && subscribers) {
      const v = new DataView(subscribers.buffer, subscribers.byteOffset, subscribers.byteLength);
      p.awaited = new Map();
      for (let i = 4; i + 4 <= v.byteLength; i += 8) p.awaited.set(v.getUint32(i), -1);
      if (p.awaited.size === 0) p.settle(null);
    } else p.settle(status === STATUS.OK ? null : new UbusError(status, p.what));
  }
  /** The bus is gone. */
  fail(): void {
    for (const p of [...this.#bySeq.values()]) p.settle(new UbusError(STATUS.CONNECTION_FAILED, p.what));
  }
}
