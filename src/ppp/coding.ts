// What network packets go through on a channel whose packets visit TypeScript: header compression inside (RFC 1332 §4),
// data compression around it (RFC 1962). Neither knows of the other; the order is that of the protocol numbers on the
// line.
import { HEADROOM, Packet, TAILROOM } from "../core/packet.ts";
import type { Crypto, Zlib } from "../ports/ports.ts";
import type { CcpMethod } from "./ccp.ts";
import { BsdCompressor, BsdDecompressor } from "./compress/bsd.ts";
import { DeflateCompressor, DeflateDecompressor } from "./compress/deflate.ts";
import type { Expander, Squeezer } from "./compress/method.ts";
import {
  type MppeBits,
  MppeDecryptor,
  MppeEncryptor,
  type MppeMaster,
  SessionKeys,
  startKey,
} from "./compress/mppe.ts";
import { VjCompressor, VjDecompressor } from "./compress/vj.ts";
import { PROTOCOL } from "./frame.ts";

/** Protocols above this are never compressed, nor part of a history (RFC 1979 §2, RFC 1977 §2). */
const MAX_COMPRESSED = 0x3fff;
const BSD_MAX = 0xff;
/** Room for what a packet may become: its headers, and what a peer sends beyond what it was told. */
const SLACK = 64;

export interface HeaderCompression {
  readonly slots: number;
  readonly compressSlotId: boolean;
}
/** Where MPPE's keys come from; `server`: we asked for the password. */
export interface MppeSource {
  readonly crypto: Crypto;
  readonly master: MppeMaster;
  readonly server: boolean;
}
export type CodingDrop =
  | "ccp.in-clear"
  | "ccp.late"
  | "ccp.not-open"
  | "ccp.broken"
  | "ccp.out-of-step"
  | "vj.not-open"
  | "vj.tossed";

export class Coding {
  /** Valid until the next call. */
  decoded: Packet = Packet.of(new Uint8Array(0));
  readonly #zlib: Zlib | null;
  readonly #limit: number;
  readonly #broken: () => void;
  readonly #drops: { bump(name: CodingDrop): void };
  readonly #buffer: Uint8Array;
  #headersOut: VjCompressor | null = null;
  #headersIn: VjDecompressor | null = null;
  #out: Squeezer | null = null;
  #in: Expander | null = null;
  #inMost = 0;
  #mppe: MppeSource | null = null;
  #waiting = false;

  /** `limit`: the longest packet in bytes, either way. `broken`: the peer is to begin anew (Reset-Request). */
  constructor(zlib: Zlib | null, limit: number, drops: { bump(name: CodingDrop): void }, broken: () => void) {
    this.#zlib = zlib;
    this.#limit = limit + SLACK;
    this.#drops = drops;
    this.#broken = broken;
    this.#buffer = new Uint8Array(HEADROOM + this.#limit + TAILROOM);
  }
  /** IPCP is open: what the peer takes, and what it was told that we take. */
  setHeaders(sending: HeaderCompression | null, receiving: HeaderCompression | null): void {
    this.#headersOut = sending && new VjCompressor(sending.slots, sending.compressSlotId);
    this.#headersIn = receiving && new VjDecompressor(receiving.slots, receiving.compressSlotId);
  }
  /** From now on nothing passes that is not encrypted. */
  encryptOnly(mppe: MppeSource): void {
    this.#mppe = mppe;
  }
  /** CCP is open, or no longer (null, null). */
  setData(sending: CcpMethod | null, receiving: CcpMethod | null): void {
    this.#out?.close?.();
    this.#in?.close?.();
    this.#waiting = false;
    this.#out = sending && this.#squeezer(sending);
    this.#in = receiving && this.#expander(receiving);
    this.#inMost = receiving?.kind === "bsd" ? BSD_MAX : MAX_COMPRESSED;
  }
  /** The peer's Reset-Request: begin anew, before the Reset-Ack. */
  resetSending(): void {
    this.#out?.reset();
  }
  /** The peer's Reset-Ack. */
  resetReceiving(): void {
    this.#in?.reset();
    this.#waiting = false;
  }
  /** Whether a Reset-Request helps where the peer cannot be read. */
  get resettable(): boolean {
    return this.#mppe === null || (this.#in?.findsItself ?? false);
  }
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Of a protocol below 0x100, in place: the protocol number that it goes under; 0: dropped. */
  encode(number: number, packet: Packet): number {
    const protocol = this.#headersOut && number === PROTOCOL.ip ? this.#headersOut.compress(packet) : number;
    if (!this.#out) return this.#mppe ? this.#no("ccp.in-clear") : protocol;
    packet.mem[packet.push(1)] = protocol;
    const data = this.#out.compress(packet.view());
    packet.pull(1);
    if (!data || (data.length >= packet.length && !this.#out.always)) return protocol;
    packet.mem.set(data, packet.start);
    packet.end = packet.start + data.length;
    return PROTOCOL.compressed;
  }
  /** The protocol number of what is in `decoded` then; 0: dropped. */
  decode(protocol: number, packet: Packet): number {
    this.decoded = packet;
    if (this.#mppe && protocol <= MAX_COMPRESSED && protocol !== PROTOCOL.compressed) return this.#no("ccp.in-clear");
    const inner = protocol === PROTOCOL.compressed ? this.#expand(packet) : protocol;
    if (protocol !== PROTOCOL.compressed && this.#in && !this.#waiting && protocol <= this.#inMost)
      this.#learn(protocol, packet);
    if (inner !== PROTOCOL.vjCompressed && inner !== PROTOCOL.vjUncompressed) return inner;
    if (!this.#headersIn) return this.#no("vj.not-open");
    const good =
      inner === PROTOCOL.vjCompressed
        ? this.#headersIn.compressed(this.decoded)
        : this.#headersIn.uncompressed(this.decoded);
    return good ? PROTOCOL.ip : this.#no("vj.tossed");
  }
  lost(): void {
    this.#headersIn?.lost();
  }
  close(): void {
    this.setData(null, null);
    this.setHeaders(null, null);
  }

  #expand(packet: Packet): number {
    if (!this.#in) return this.#no("ccp.not-open");
    if (this.#waiting && !this.#in.findsItself) return this.#no("ccp.out-of-step");
    const all = this.#in.decompress(packet.view());
    if (all?.length === 0) return this.#no("ccp.late");
    const first = all?.[0] ?? 0;
    const second = all?.[1] ?? 0;
    const header = first & 1 ? 1 : 2;
    if (!all || all.length < header || all.length - header > this.#limit || (header === 2 && (second & 1) === 0)) {
      const asked = this.#waiting;
      this.#waiting = true;
      if (asked) return this.#no("ccp.out-of-step");
      this.#broken();
      return this.#no("ccp.broken");
    }
    this.#waiting = false;
    const body = all.subarray(header);
    this.#buffer.set(body, HEADROOM);
    this.decoded = new Packet(this.#buffer, HEADROOM, HEADROOM + body.length);
    const protocol = header === 1 ? first : (first << 8) | second;
    return protocol === PROTOCOL.compressed ? this.#no("ccp.broken") : protocol;
  }
  #learn(protocol: number, packet: Packet): void {
    const { start } = packet;
    packet.mem[packet.push(1)] = protocol;
    if (protocol > 0xff) packet.mem[packet.push(1)] = protocol >>> 8;
    this.#in?.incompressible(packet.view());
    packet.start = start;
  }
  #squeezer(m: CcpMethod): Squeezer | null {
    if (m.kind === "mppc") return new MppeEncryptor(null, m);
    if (m.kind === "mppe") {
      const keys = this.#keys(m.bits, true);
      return keys && new MppeEncryptor(keys, m);
    }
    if (m.kind === "bsd") return new BsdCompressor(m.bits);
    const z = this.#zlib?.deflater(m.window) ?? null;
    return z && new DeflateCompressor(z);
  }
  #expander(m: CcpMethod): Expander | null {
    if (m.kind === "mppc") return new MppeDecryptor(null, this.#limit, m);
    if (m.kind === "mppe") {
      const keys = this.#keys(m.bits, false);
      return keys && new MppeDecryptor(keys, this.#limit, m);
    }
    if (m.kind === "bsd") return new BsdDecompressor(m.bits, this.#limit);
    const z = this.#zlib?.inflater(m.window) ?? null;
    return z && new DeflateDecompressor(z, this.#limit);
  }
  #keys(bits: MppeBits, sending: boolean): SessionKeys | null {
    if (!this.#mppe) return null;
    const { crypto, master, server } = this.#mppe;
    return new SessionKeys(crypto, startKey(crypto, master, bits, sending === server), bits);
  }
  #no(name: CodingDrop): 0 {
    this.#drops.bump(name);
    return 0;
  }
}
