// What network packets go through between their protocols and the channel: compression and encryption inside, the
// bundle's fragments around them (RFC 1990 §5: CCP over the bundle).
import { LazyMap } from "../core/lazy.ts";
import type { Packet } from "../core/packet.ts";
import type { Turns } from "../core/turns.ts";
import type { DataCoding, FrameChannel, LinkOptions, PacketSink, Zlib } from "../ports/ports.ts";
import type { PppDrop } from "./api.ts";
import { Coding } from "./coding.ts";
import { PROTOCOL } from "./frame.ts";
import { type Agreed, Bundle } from "./multilink.ts";
import { Lane } from "./reassembly.ts";

/** Fragments that may overtake another one in a network below. */
const OVERTAKES = 32;
/** Control protocols (RFC 1661 §2) from here on: the session of the link that they came by sees them. */
const CONTROL = 0x8000;

export class DataPath implements DataCoding {
  /** Network packets go by this one, which has the netdev. */
  #channel: FrameChannel;
  readonly #drops: { bump(name: PppDrop): void };
  readonly #turns: Turns;
  #coding: Coding | null = null;
  #bundle: Bundle | null = null;
  readonly #lanes = new LazyMap<FrameChannel, Lane>();
  /** Where packets go once there is more than one link. */
  #out: PacketSink | null = null;

  constructor(channel: FrameChannel, drops: { bump(name: PppDrop): void }, turns: Turns) {
    this.#channel = channel;
    this.#drops = drops;
    this.#turns = turns;
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
    const channel = this.#channel;
    if (!channel.setCoding || (agreed.mrruIn === null && agreed.mrruOut === null)) return;
    const overtakes = channel.counts ? 0 : OVERTAKES;
    const more = { clock: this.#turns, out: this.#sinkOf(channel) };
    this.#bundle = new Bundle({ ...agreed, mtu, pfc, overtakes }, this.#drops, () => this.lost(), more);
    this.#lanes.set(channel, this.#bundle.first);
    this.#changed();
  }
  /** One more link, which agreed on the same. False: the bundle has none but its own. */
  join(channel: FrameChannel, { mtu, pfc }: LinkOptions): boolean {
    if (!this.#bundle?.receives || !channel.sendCoded || !this.#channel.receiveDecoded) return false;
    const lane = new Lane(mtu, pfc, this.#sinkOf(channel));
    this.#out ??= (protocol, packet) => this.#guard(() => this.#channel.receiveDecoded?.(protocol, packet));
    this.#lanes.set(channel, lane);
    this.#bundle.join(lane);
    channel.setCoding?.({
      passes: 0,
      encode: (protocol, packet, out) => this.encode(protocol, packet, out),
      decode: (protocol, packet, out) => this.#from(lane, { protocol, packet, out }),
      lost: () => this.lost(),
    });
    this.#changed();
    return true;
  }
  /** A link of several is gone. */
  leave(channel: FrameChannel): void {
    const lane = this.#lanes.get(channel);
    if (!lane) return;
    this.#lanes.delete(channel);
    channel.setCoding?.(null);
    const [next] = this.#lanes.keys();
    if (channel === this.#channel && next) this.#channel = next;
    this.#changed();
    this.#bundle?.leave(lane);
  }
  lowerDown(): void {
    if (!this.#bundle) return;
    this.#unbundle();
    this.#changed();
  }
  /** What went by a link in fragments. */
  counts(channel: FrameChannel): Lane["counts"] | null {
    return this.#lanes.get(channel)?.counts ?? null;
  }
  /** The longest packet that can be sent, in bytes; null: as LCP says. */
  get longest(): number | null {
    return this.#bundle?.longest ?? null;
  }
  close(): void {
    this.#coding = null;
    this.#unbundle();
    this.#changed();
  }
  #unbundle(): void {
    this.#bundle?.stop();
    this.#bundle = this.#out = null;
    this.#lanes.clear();
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
    this.#from(this.#bundle?.first ?? null, { protocol, packet, out });
  }
  /** By a link: `out` takes what is for the link's session, and everything while there is one link. */
  #from(lane: Lane | null, { protocol, packet, out }: { protocol: number; packet: Packet; out: PacketSink }): void {
    const to = this.#out ?? out;
    if (lane && protocol === PROTOCOL.multilink && this.#bundle?.receives)
      this.#bundle.receive(packet, (number, p) => this.#decode(number, p, to), lane);
    else this.#decode(protocol, packet, protocol >= CONTROL ? out : to);
  }
  #decode(protocol: number, packet: Packet, out: PacketSink): void {
    const number = this.#coding ? this.#coding.decode(protocol, packet) : protocol;
    if (number !== 0) out(number, this.#coding ? this.#coding.decoded : packet);
  }
  lost(): void {
    this.#coding?.lost();
  }
  #sinkOf(channel: FrameChannel): PacketSink {
    return (protocol, packet) => this.#guard(() => channel.sendCoded?.(protocol, packet));
  }
  /** What another channel throws is not the fault of the one whose packet this is: it ends the session. */
  #guard(f: () => void): void {
    try {
      f();
    } catch (e) {
      this.#turns.run(() => {
        throw e;
      });
    }
  }
}
