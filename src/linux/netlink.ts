// Netlink: messages, attributes, and a socket for requests that the kernel answers synchronously. Layouts:
// linux/netlink.h, in host byte order.
import { SystemError } from "../core/errors.ts";
import { concat, fromUtf8, utf8 } from "../core/text.ts";
import { attempt, errnoNames } from "./errno.ts";
import { NL } from "./uapi.ts";

/** What this module needs of the native library. */
export interface NetlinkIo {
  readonly constants: Readonly<Record<string, number>>;
  netlinkOpen(protocol: number, groups: number): number;
  send(fd: number, data: Uint8Array): number;
  recv(fd: number, into: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): void;
  watch(fd: number, readable: () => void): { stop(): void };
  close(fd: number): void;
}

export const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const HEADER = 16;
const MAX_MESSAGES = 100_000; // of one answer: a bound, not an expectation (a full BGP table is refused)

function align4(n: number): number {
  return (n + 3) & ~3;
}

/** Writes a message body: fixed structures first, then attributes. */
export class NlWriter {
  #b = new Uint8Array(512);
  #at = 0;
  u8(v: number): this {
    this.#room(1)[this.#at++] = v;
    return this;
  }
  u16(v: number): this {
    return this.#number(2, v);
  }
  u32(v: number): this {
    return this.#number(4, v);
  }
  /** A count of at most 2^53 - 1; Infinity: all ones. */
  u64(v: number): this {
    if (v === Number.POSITIVE_INFINITY) return this.u32(0xffff_ffff).u32(0xffff_ffff);
    const [high, low] = [Math.floor(v / 0x1_0000_0000), v >>> 0];
    return LITTLE_ENDIAN ? this.u32(low).u32(high) : this.u32(high).u32(low);
  }
  /** Zeros up to a multiple of `n` bytes. */
  align(n: number): this {
    while (this.#at % n !== 0) this.u8(0);
    return this;
  }
  /** Followed by zeros up to a multiple of 4. */
  raw(v: Uint8Array): this {
    const b = this.#room(align4(v.length));
    b.set(v, this.#at);
    this.#at += align4(v.length);
    return this;
  }
  attr(type: number, value: Uint8Array): this {
    return this.u16(4 + value.length)
      .u16(type)
      .raw(value);
  }
  attr32(type: number, v: number): this {
    return this.attr(type, new NlWriter().u32(v).done());
  }
  /** With the terminating zero that the kernel expects. */
  attrText(type: number, s: string): this {
    return this.attr(type, utf8(`${s}\0`));
  }
  nest(type: number, body: (w: NlWriter) => void): this {
    const inner = new NlWriter();
    body(inner);
    return this.attr(type | NL.NLA_F_NESTED, inner.done());
  }
  done(): Uint8Array {
    return this.#b.slice(0, this.#at);
  }
  #number(n: number, v: number): this {
    const b = this.#room(n);
    for (let i = 0; i < n; i++) b[this.#at + (LITTLE_ENDIAN ? i : n - 1 - i)] = v >>> (8 * i);
    this.#at += n;
    return this;
  }
  #room(n: number): Uint8Array {
    if (this.#at + n > this.#b.length) {
      const more = new Uint8Array(2 * (this.#at + n));
      more.set(this.#b);
      this.#b = more;
    }
    return this.#b;
  }
}

export function get16(b: Uint8Array, at: number): number {
  const [hi, lo] = LITTLE_ENDIAN ? [b[at + 1], b[at]] : [b[at], b[at + 1]];
  return ((hi as number) << 8) | (lo as number);
}
export function get32(b: Uint8Array, at: number): number {
  const [hi, lo] = LITTLE_ENDIAN ? [get16(b, at + 2), get16(b, at)] : [get16(b, at), get16(b, at + 2)];
  return hi * 0x10000 + lo;
}

/** Exact up to 2^53 - 1. */
export function get64(b: Uint8Array, at: number): number {
  const [high, low] = LITTLE_ENDIAN ? [get32(b, at + 4), get32(b, at)] : [get32(b, at), get32(b, at + 4)];
  return high * 0x1_0000_0000 + low;
}

export interface NlMessage {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  /** The port of the socket that requested it or caused the change; 0: the kernel itself, or unknown. */
  readonly port: number;
  readonly body: Uint8Array;
}

export function encodeMessage(type: number, flags: number, seq: number, body: Uint8Array): Uint8Array {
  return new NlWriter()
    .u32(HEADER + body.length)
    .u16(type)
    .u16(flags)
    .u32(seq)
    .u32(0)
    .raw(body)
    .done();
}

/** The messages of one datagram, up to the first malformed one. Bodies are views. */
export function decodeMessages(b: Uint8Array): NlMessage[] {
  const out: NlMessage[] = [];
  for (let at = 0; at + HEADER <= b.length; ) {
    const length = get32(b, at);
    if (length < HEADER || at + length > b.length) break;
    out.push({
      type: get16(b, at + 4),
      flags: get16(b, at + 6),
      seq: get32(b, at + 8),
      port: get32(b, at + 12),
      body: b.subarray(at + HEADER, at + length),
    });
    at += align4(length);
  }
  return out;
}

/** Attributes from `at` on, by type; the last one of a type counts. Values are views. */
export function decodeAttrs(b: Uint8Array, at: number): Map<number, Uint8Array> {
  const out = new Map<number, Uint8Array>();
  while (at + 4 <= b.length) {
    const length = get16(b, at);
    if (length < 4 || at + length > b.length) break;
    out.set(get16(b, at + 2) & NL.NLA_TYPE_MASK, b.subarray(at + 4, at + length));
    at += align4(length);
  }
  return out;
}

/** Text up to its zero byte. */
export function attrText(v: Uint8Array): string {
  const end = v.indexOf(0);
  return fromUtf8(end < 0 ? v : v.subarray(0, end));
}

/** errno (positive, 0: acknowledged) and the kernel's own words, when it has any, of an NLMSG_ERROR. */
export function decodeError(m: NlMessage): { readonly errno: number; readonly words: string } {
  if (m.body.length < 4) return { errno: 0, words: "" };
  const errno = -(get32(m.body, 0) | 0);
  if ((m.flags & NL.NLM_F_ACK_TLVS) === 0 || m.body.length < 4 + HEADER) return { errno, words: "" };
  const original = (m.flags & NL.NLM_F_CAPPED) !== 0 ? HEADER : align4(get32(m.body, 4));
  const words = decodeAttrs(m.body, 4 + original).get(NL.NLMSGERR_ATTR_MSG);
  return { errno, words: words ? attrText(words) : "" };
}

/** Requests to the kernel, one at a time; it has answered by the time that `send` returns. */
export class NetlinkSocket {
  readonly #io: NetlinkIo;
  readonly #fd: number;
  readonly #names: ReadonlyMap<number, string>;
  readonly #buffer = new Uint8Array(32768);
  #seq = 0;
  #port = 0;

  constructor(io: NetlinkIo, protocol: number) {
    this.#io = io;
    this.#names = errnoNames(io.constants);
    this.#fd = attempt("cannot open a netlink socket", { EPERM: "the daemon needs to be root" }, () =>
      io.netlinkOpen(protocol, 0),
    );
    const on = new NlWriter().u32(1).done();
    for (const option of [NL.NETLINK_EXT_ACK, NL.NETLINK_CAP_ACK, NL.NETLINK_GET_STRICT_CHK]) {
      try {
        io.setsockopt(this.#fd, NL.SOL_NETLINK, option, on);
      } catch {
        // Kernels before 4.12 (and 4.20) lack these options: errors come without text, dumps are filtered here.
      }
    }
  }
  close(): void {
    this.#io.close(this.#fd);
  }
  /**
   * What the kernel calls this socket, in the messages about changes that it brings about; 0 before the first answer.
   */
  get port(): number {
    return this.#port;
  }
  /**
   * Asks for an acknowledgement and waits for it. `what` and `advice` go into the SystemError when the kernel refuses.
   */
  change(what: string, advice: Readonly<Record<string, string>>, type: number, flags: number, body: Uint8Array): void {
    this.#ask(what, advice, type, flags | NL.NLM_F_ACK, body);
  }
  /**
   * Messages that take effect together or not at all (nfnetlink), in one datagram; the last one but one, and those that
   * are to say why not, ask for an acknowledgement.
   */
  batch(
    what: string,
    advice: Readonly<Record<string, string>>,
    messages: readonly (readonly [type: number, flags: number, body: Uint8Array])[],
  ): void {
    const first = this.#seq + 1;
    const all = messages.map(([type, flags, body]) => {
      return encodeMessage(type, flags | NL.NLM_F_REQUEST, ++this.#seq, body);
    });
    attempt(what, advice, () => this.#io.send(this.#fd, concat(all)));
    for (const last = this.#seq - 1; ; ) {
      const n = attempt(what, advice, () => this.#io.recv(this.#fd, this.#buffer));
      if (n < 0) throw new SystemError("ETIMEDOUT", what, "the kernel gave no complete answer");
      for (const m of decodeMessages(this.#buffer.subarray(0, n))) {
        if (m.type !== NL.NLMSG_ERROR || m.seq < first) continue;
        this.#check(m, what, advice);
        if (m.seq === last) return;
      }
    }
  }
  /** What the kernel answers: one message, or all of a dump when `flags` has NLM_F_DUMP. */
  ask(
    what: string,
    advice: Readonly<Record<string, string>>,
    type: number,
    flags: number,
    body: Uint8Array,
  ): NlMessage[] {
    return this.#ask(what, advice, type, flags, body);
  }

  #ask(
    what: string,
    advice: Readonly<Record<string, string>>,
    type: number,
    flags: number,
    body: Uint8Array,
  ): NlMessage[] {
    const seq = ++this.#seq;
    const request = encodeMessage(type, flags | NL.NLM_F_REQUEST, seq, body);
    attempt(what, advice, () => this.#io.send(this.#fd, request));
    const got: NlMessage[] = [];
    for (;;) {
      const n = attempt(what, advice, () => this.#io.recv(this.#fd, this.#buffer));
      if (n < 0 || got.length > MAX_MESSAGES)
        throw new SystemError(n < 0 ? "ETIMEDOUT" : "EMSGSIZE", what, "the kernel gave no complete answer");
      for (const m of decodeMessages(this.#buffer.subarray(0, n))) {
        if (m.seq !== seq) continue; // the rest of an answer that was given up
        this.#port = m.port;
        if (m.type === NL.NLMSG_DONE) return got;
        if (m.type === NL.NLMSG_ERROR) {
          this.#check(m, what, advice);
          return got;
        }
        got.push({ ...m, body: m.body.slice() });
        if ((m.flags & NL.NLM_F_MULTI) === 0 && (flags & NL.NLM_F_ACK) === 0) return got;
      }
    }
  }
  #check(m: NlMessage, what: string, advice: Readonly<Record<string, string>>): void {
    const { errno, words } = decodeError(m);
    if (errno === 0) return;
    const name = this.#names.get(errno) ?? `errno ${errno}`;
    throw new SystemError(name, what, advice[name] ?? words);
  }
}
