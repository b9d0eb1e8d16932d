// What network packets go through between their protocols and the channel: compression and encryption inside, the
// bundle's fragments around them (RFC 1990 §5: CCP over the bundle).
import type { Packet } from "../core/packet.ts";
import type { DataCoding, FrameChannel, LinkOptions, PacketSink, Zlib } from "../ports/ports.ts";
import type { PppDrop } from "./api.ts";
import { Coding } from "./coding.ts";
import { PROTOCOL } from "./frame.ts";
import { type Agreed, Bundle } from "./multilink.ts";

/** Fragments that may overtake another one in a network below. */
const OVERTAKES = 32;

export class DataPath implements DataCoding {
  readonly #channel: FrameChannel;
  readonly #drops: { bump(name: PppDrop): void };
  #coding: Coding | null = null;
  #bundle: Bundle | null = null;

  constructor(channel: FrameChannel, drops: { bump(name: PppDrop): void }) {
    this.#channel = channel;
    this.#drops = drops;
  }
  /**
   * One for the session: its parts come and go with IPCP and CCP. Null: the channel's packets do not visit us.
   * `longest`: packet in bytes, either way; `broken`: the peer is to begin anew.
   */
  makeCoding(zlib: Zlib | null, longest: number, broken: () => void): Coding | null {
    if (this.#coding || !this.#channel.setCoding) return this.#coding;
    this.#coding = new Coding(zlib, longest, this.#drops, broken);
    this.#changed();
    return this.#coding;
  }
  /** LCP is open, with Multilink or without. */
  open(agreed: Agreed, { mtu, pfc }: LinkOptions): void {
    if (!this.#channel.setCoding || (agreed.mrruIn === null && agreed.mrruOut === null)) return;
    const overtakes = this.#channel.counts ? 0 : OVERTAKES;
    this.#bundle = new Bundle({ ...agreed, mtu, pfc, overtakes }, this.#drops, () => this.lost());
    this.#changed();
  }
  lowerDown(): void {
    if (!this.#bundle) return;
    this.#bundle = null;
    this.#changed();
  }
  /** The longest packet that can be sent, in bytes; null: as LCP says. */
  get longest(): number | null {
    return this.#bundle?.longest ?? null;
  }
  close(): void {
    this.#coding = this.#bundle = null;
    this.#changed();
  }
  #changed(): void {
    this.#channel.setCoding?.(this.#coding || this.#bundle ? this : null);
  }

  get passes(): number {
    return this.#coding ? 0 : (this.#bundle?.mtu ?? 0);
  }
  encode(protocol: number, packet: Packet, out: PacketSink): void {
    const number = this.#coding ? this.#coding.encode(protocol, packet) : protocol;
    if (number === 0) return;
    if (this.#bundle) this.#bundle.send(number, packet, out);
    else out(number, packet);
  }
  decode(protocol: number, packet: Packet, out: PacketSink): void {
    if (protocol === PROTOCOL.multilink && this.#bundle?.receives)
      this.#bundle.receive(packet, (number, p) => this.#decode(number, p, out));
    else this.#decode(protocol, packet, out);
  }
  #decode(protocol: number, packet: Packet, out: PacketSink): void {
    const number = this.#coding ? this.#coding.decode(protocol, packet) : protocol;
    if (number !== 0) out(number, this.#coding ? this.#coding.decoded : packet);
  }
  lost(): void {
    this.#coding?.lost();
  }
}
