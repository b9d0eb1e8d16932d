// Van Jacobson's TCP/IP header compression (RFC 1144): of a connection's headers only what changed is sent. In place,
// on packets in their slabs; what a peer sends wrongly is dropped, and nothing is believed until a packet names its
// connection again.
import { get8, get16, get32, put16, put32 } from "../../core/bytes.ts";
import type { Packet } from "../../core/packet.ts";
import { PROTOCOL } from "../frame.ts";

const NEW_C = 0x40;
const NEW_I = 0x20;
const PUSH_BIT = 0x10;
const NEW_S = 0x08;
const NEW_A = 0x04;
const NEW_W = 0x02;
const NEW_U = 0x01;
/** Combinations that do not occur, for what occurs all the time (§3.2.2). */
const SPECIAL_I = NEW_S | NEW_W | NEW_U; // echoed terminal traffic
const SPECIAL_D = NEW_S | NEW_A | NEW_W | NEW_U; // one way only
const SPECIALS = 0x0f;

const TCP = 6;
const MAX_HEADER = 120; // IP and TCP, each with 40 bytes of options
const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;
const PSH = 0x08;
const ACK = 0x10;
const URG = 0x20;

/** The same bytes in two headers. */
function same(a: Uint8Array, b: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Length of both headers of a whole TCP/IPv4 packet at the start of `b`, 0 when it is none. */
function headers(b: Uint8Array): number {
  if (b.length < 40 || get8(b, 0) >> 4 !== 4) return 0;
  const ip = (get8(b, 0) & 15) * 4;
  if (ip < 20 || b.length < ip + 20) return 0;
  const tcp = (get8(b, ip + 12) >> 4) * 4;
  return tcp < 20 || b.length < ip + tcp ? 0 : ip + tcp;
}

interface Connection {
  readonly id: number;
  /** The headers of the last packet. */
  readonly header: Uint8Array;
  length: number;
  used: number;
}

export class VjCompressor {
  readonly #connections: Connection[];
  readonly #compressSlotId: boolean;
  /** The changes, as they are put together. */
  readonly #delta = new Uint8Array(16);
  #at = 0;
  #last = -1;
  #clock = 0;

  /**
   * `slots`: connections kept, 3 to 256. `compressSlotId`: the slot may be left out when it is the last one (RFC 1332
   * §4).
   */
  constructor(slots: number, compressSlotId: boolean) {
    this.#connections = Array.from({ length: slots }, (_, id) => ({
      id,
      header: new Uint8Array(MAX_HEADER),
      length: 0,
      used: 0,
    }));
    this.#compressSlotId = compressSlotId;
  }
  /** An IPv4 packet, changed in place; the protocol number that it goes under. */
  compress(p: Packet): number {
    const b = p.view();
    // Fragments, other protocols, and TCP that begins or ends (§3.2.3).
    if (b.length < 40 || b[9] !== TCP || (get16(b, 6) & 0x3fff) !== 0 || get16(b, 2) !== b.length) return PROTOCOL.ip;
    const length = headers(b);
    if (length === 0) return PROTOCOL.ip;
    const tcp = (get8(b, 0) & 15) * 4;
    if ((get8(b, tcp + 13) & (SYN | FIN | RST | ACK)) !== ACK) return PROTOCOL.ip;
    const c = this.#find(b, tcp);
    c.used = ++this.#clock;
    if (c.length !== length || !this.#isNext(c.header, b, tcp, length)) return this.#whole(c, b, length);
    const changes = this.#changes(c, b, tcp, length);
    if (changes < 0) return this.#whole(c, b, length);
    const checksum = get16(b, tcp + 16);
    c.header.set(b.subarray(0, length));
    const named = !this.#compressSlotId || this.#last !== c.id;
    this.#last = c.id;
    const size = (named ? 4 : 3) + this.#at;
    p.start += length - size;
    let at = p.start;
    p.mem[at++] = changes | (named ? NEW_C : 0);
    if (named) p.mem[at++] = c.id;
    put16(p.mem, at, checksum);
    p.mem.set(this.#delta.subarray(0, this.#at), at + 2);
    return PROTOCOL.vjCompressed;
  }

  #find(b: Uint8Array, tcp: number): Connection {
    let oldest = this.#connections[0] as Connection;
    for (const c of this.#connections) {
      const h = c.header;
      if (c.length > 0 && same(h, b, 12, 20) && get32(h, (get8(h, 0) & 15) * 4) === get32(b, tcp)) return c;
      if (c.used < oldest.used) oldest = c;
    }
    oldest.length = 0; // somebody else's
    return oldest;
  }
  /** What must not change between two packets, options included. */
  #isNext(h: Uint8Array, b: Uint8Array, tcp: number, length: number): boolean {
    const flags = (get8(h, tcp + 13) ^ get8(b, tcp + 13)) & ~(PSH | URG); // ECN is younger than RFC 1144
    return (
      flags === 0 &&
      same(h, b, 0, 2) &&
      same(h, b, 6, 10) &&
      same(h, b, 20, tcp) &&
      h[tcp + 12] === b[tcp + 12] &&
      same(h, b, tcp + 20, length)
    );
  }
  /** The byte of changes, their values in #delta; -1: too much, or a retransmission that must go whole. */
  #changes(c: Connection, b: Uint8Array, tcp: number, length: number): number {
    const h = c.header;
    const before = get16(h, 2) - length; // data of the packet before
    this.#at = 0;
    let changes = 0;
    if (get8(b, tcp + 13) & URG) {
      this.#put(get16(b, tcp + 18), true);
      changes |= NEW_U;
    } else if (get16(b, tcp + 18) !== get16(h, tcp + 18)) return -1;
    const window = (get16(b, tcp + 14) - get16(h, tcp + 14)) & 0xffff;
    if (window !== 0) {
      this.#put(window, false);
      changes |= NEW_W;
    }
    const ack = (get32(b, tcp + 8) - get32(h, tcp + 8)) >>> 0;
    if (ack > 0xffff) return -1;
    if (ack !== 0) {
      this.#put(ack, false);
      changes |= NEW_A;
    }
    const seq = (get32(b, tcp + 4) - get32(h, tcp + 4)) >>> 0;
    if (seq > 0xffff) return -1;
    if (seq !== 0) {
      this.#put(seq, false);
      changes |= NEW_S;
    }
    switch (changes) {
      case 0: // data behind a bare acknowledgement is new; anything else is a retransmission or a probe (§3.2.3)
        if (get16(b, 2) === get16(h, 2) || before !== 0) return -1;
        break;
      case SPECIAL_I:
      case SPECIAL_D:
        return -1; // they mean something else
      case NEW_S | NEW_A:
        if (seq === ack && seq === before) {
          changes = SPECIAL_I;
          this.#at = 0;
        }
        break;
      case NEW_S:
        if (seq === before) {
          changes = SPECIAL_D;
          this.#at = 0;
        }
        break;
      default:
    }
    const id = (get16(b, 4) - get16(h, 4)) & 0xffff;
    if (id !== 1) {
      this.#put(id, true);
      changes |= NEW_I;
    }
    return get8(b, tcp + 13) & PSH ? changes | PUSH_BIT : changes;
  }
  /** One byte, or three; `zero`: 0 is a value too. */
  #put(n: number, zero: boolean): void {
    if (n > 255 || (n === 0 && zero)) {
      this.#delta[this.#at] = 0;
      put16(this.#delta, this.#at + 1, n);
      this.#at += 3;
    } else this.#delta[this.#at++] = n;
  }
  #whole(c: Connection, b: Uint8Array, length: number): number {
    c.header.set(b.subarray(0, length));
    c.length = length;
    this.#last = c.id;
    b[9] = c.id; // in the place of the IP protocol (§3.2.3)
    return PROTOCOL.vjUncompressed;
  }
}

export class VjDecompressor {
  readonly #slots: ({ readonly header: Uint8Array; length: number } | undefined)[];
  #last = -1;
  /** Until a packet names its connection: a change may have been lost (§4.2). */
  #toss = true;

  constructor(slots: number, _compressSlotId: boolean) {
    this.#slots = new Array<undefined>(slots).fill(undefined);
  }
  lost(): void {
    this.#toss = true;
  }
  /** In place; false: no such packet. */
  uncompressed(p: Packet): boolean {
    const b = p.view();
    const id = b[9] ?? 0;
    const length = headers(b);
    if (length === 0 || id >= this.#slots.length || get16(b, 2) > b.length || get16(b, 2) < length) return this.#no();
    b[9] = TCP;
    const slot = this.#slots[id] ?? { header: new Uint8Array(MAX_HEADER), length: 0 };
    slot.header.set(b.subarray(0, length));
    slot.length = length;
    this.#slots[id] = slot;
    this.#last = id;
    this.#toss = false;
    return true;
  }
  /** In place, with headroom for the headers; false: dropped. */
  compressed(p: Packet): boolean {
    const { mem, end } = p;
    let at = p.start;
    const byte = (): number => (at < end ? get8(mem, at++) : bad());
    let short = false;
    const bad = (): number => {
      short = true;
      return 0;
    };
    const delta = (): number => {
      const first = byte();
      return first !== 0 ? first : (byte() << 8) | byte();
    };
    const changes = byte();
    if (changes & NEW_C) {
      const id = byte();
      if (short || id >= this.#slots.length || !this.#slots[id]) return this.#no();
      this.#last = id;
      this.#toss = false;
    }
    const slot = this.#toss ? undefined : this.#slots[this.#last];
    if (!slot) return this.#no();
    const { header: h, length } = slot;
    const tcp = (get8(h, 0) & 15) * 4;
    const checksum = (byte() << 8) | byte();
    const before = get16(h, 2) - length;
    let flags = get8(h, tcp + 13) & ~(PSH | URG);
    if (changes & PUSH_BIT) flags |= PSH;
    let urgent = get16(h, tcp + 18);
    let window = get16(h, tcp + 14);
    let ack = get32(h, tcp + 8);
    let seq = get32(h, tcp + 4);
    switch (changes & SPECIALS) {
      case SPECIAL_I:
        ack += before;
        seq += before;
        break;
      case SPECIAL_D:
        seq += before;
        break;
      default:
        if (changes & NEW_U) {
          flags |= URG;
          urgent = delta();
        }
        if (changes & NEW_W) window += delta();
        if (changes & NEW_A) ack += delta();
        if (changes & NEW_S) seq += delta();
    }
    const id = get16(h, 4) + (changes & NEW_I ? delta() : 1);
    const total = length + end - at;
    if (short || at < length || total > 0xffff) return this.#no();
    h[tcp + 13] = flags;
    put16(h, tcp + 18, urgent);
    put16(h, tcp + 14, window & 0xffff);
    put32(h, tcp + 8, ack >>> 0);
    put32(h, tcp + 4, seq >>> 0);
    put16(h, tcp + 16, checksum);
    put16(h, 4, id & 0xffff);
    put16(h, 2, total);
    put16(h, 10, 0);
    put16(h, 10, ipChecksum(h, tcp));
    p.start = at - length;
    mem.set(h.subarray(0, length), p.start);
    return true;
  }
  #no(): false {
    this.#toss = true;
    return false;
  }
}

function ipChecksum(h: Uint8Array, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i += 2) sum += get16(h, i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
