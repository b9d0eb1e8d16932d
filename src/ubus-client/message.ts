// ubus messages: an 8-byte header and one outer blob.
import { type Attr, MAX_MESSAGE, readAttrs, writeAttrs } from "./blobmsg.ts";
import { STATUS, UbusError } from "./status.ts";
import { fromUtf8, utf8 } from "./text.ts";

export const MSG = {
  HELLO: 0,
  STATUS: 1,
  DATA: 2,
  PING: 3,
  LOOKUP: 4,
  INVOKE: 5,
  ADD_OBJECT: 6,
  REMOVE_OBJECT: 7,
  SUBSCRIBE: 8,
  UNSUBSCRIBE: 9,
  NOTIFY: 10,
  MONITOR: 11,
} as const;

export const ATTR = {
  STATUS: 1,
  OBJPATH: 2,
  OBJID: 3,
  METHOD: 4,
  OBJTYPE: 5,
  SIGNATURE: 6,
  DATA: 7,
  TARGET: 8,
  ACTIVE: 9,
  NO_REPLY: 10,
  SUBSCRIBERS: 11,
  USER: 12,
  GROUP: 13,
} as const;

export interface Message {
  readonly type: number;
  /** 16 bits; an answer has its request's. */
  readonly seq: number;
  /** 32 bits: a client's or an object's id. */
  readonly peer: number;
  readonly attrs: readonly Attr[];
}

export function u32(id: number, value: number): Attr {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, value);
  return { id, payload };
}

export function flag(id: number, on: boolean): Attr {
  return { id, payload: Uint8Array.of(on ? 1 : 0) };
}

/** Throws UbusError INVALID_ARGUMENT when there is a NUL in `s`. */
export function text(id: number, s: string): Attr {
  if (s.includes("\0")) throw new UbusError(STATUS.INVALID_ARGUMENT, "text with a NUL in it");
  const b = utf8(s);
  const payload = new Uint8Array(b.length + 1);
  payload.set(b);
  return { id, payload };
}

function find(m: Message, id: number): Uint8Array | null {
  return m.attrs.find((a) => a.id === id)?.payload ?? null;
}

export function getU32(m: Message, id: number): number | null {
  const p = find(m, id);
  return p?.length === 4 ? new DataView(p.buffer, p.byteOffset, 4).getUint32(0) : null;
}

export function getFlag(m: Message, id: number): boolean {
  const p = find(m, id);
  return p !== null && p.length === 1 && p[0] !== 0;
}

export function getText(m: Message, id: number): string | null {
  const p = find(m, id);
  return p !== null && p.length > 0 && p[p.length - 1] === 0 ? fromUtf8(p) : null;
}

export function getBytes(m: Message, id: number): Uint8Array | null {
  return find(m, id);
}

/** Throws UbusError NO_MEMORY over 1 MiB: ubusd would drop the connection with all its objects. */
export function encode(m: Message): Uint8Array {
  const body = writeAttrs(m.attrs);
  if (body.length + 4 > MAX_MESSAGE) throw new UbusError(STATUS.NO_MEMORY, "message over 1 MiB");
  const out = new Uint8Array(12 + body.length);
  const v = new DataView(out.buffer);
  out[1] = m.type;
  v.setUint16(2, m.seq);
  v.setUint32(4, m.peer);
  v.setUint32(8, body.length + 4);
  out.set(body, 12);
  return out;
}

/** Cuts a byte stream into messages. Holds one message at most. */
export class MessageReader {
  #held = new Uint8Array(0);
  #length = 0;

  /**
   * `chunk` is not kept. Views in a message are valid during `on` only. Throws UbusError PARSE_ERROR when the peer no
   * longer speaks ubus: the stream is of no use after that.
   */
  push(chunk: Uint8Array, on: (m: Message) => void): void {
    let b = chunk;
    if (this.#length > 0) {
      this.#append(chunk);
      b = this.#held.subarray(0, this.#length);
    }
    let at = 0;
    while (b.length - at >= 12) {
      const v = new DataView(b.buffer, b.byteOffset + at, 12);
      const outer = v.getUint32(8);
      const len = outer & 0xffffff;
      if (v.getUint8(0) !== 0 || outer >>> 24 !== 0 || len < 4 || len > MAX_MESSAGE)
        throw new UbusError(STATUS.PARSE_ERROR, "not a ubus message");
      if (b.length - at < 8 + len) break;
      const m = {
        type: v.getUint8(1),
        seq: v.getUint16(2),
        peer: v.getUint32(4),
        attrs: readAttrs(b.subarray(at + 12, at + 8 + len)),
      };
      at += 8 + len;
      on(m);
    }
    if (at === 0 && b !== chunk) return;
    const rest = b.slice(at);
    this.#held = rest;
    this.#length = rest.length;
  }

  #append(chunk: Uint8Array): void {
    const n = this.#length + chunk.length;
    if (n > this.#held.length) {
      const bigger = new Uint8Array(Math.max(n, 2 * this.#held.length));
      bigger.set(this.#held.subarray(0, this.#length));
      this.#held = bigger;
    }
    this.#held.set(chunk, this.#length);
    this.#length = n;
  }
}
