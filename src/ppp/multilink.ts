// The Multilink Protocol (RFC 1990): a packet that is longer than the link's MRU leaves as fragments, and fragments
// that come are put together again. While a bundle has one link, packets that fit it go as they are (§2); with several,
// each packet is numbered, the links take turns, and packets are delivered in their order. Left out: null fragments are
// not sent, and padding is not looked for (§3.1).
import { put16 } from "../core/bytes.ts";
import type { Clock } from "../core/clock.ts";
import { Packet } from "../core/packet.ts";
import type { PacketSink } from "../ports/ports.ts";
import { PROTOCOL } from "./frame.ts";
import { BEGIN, type Drops, END, Lane, LONG, Reassembly, SHORT } from "./reassembly.ts";

/** What LCP agreed on. Sizes are of information fields, in bytes. */
export interface Agreed {
  /** Our MRRU: the longest packet that comes; null: the peer was told of none, and sends no fragments. */
  readonly mrruIn: number | null;
  /** The peer's; null: it takes no fragments. */
  readonly mrruOut: number | null;
  readonly shortIn: boolean;
  readonly shortOut: boolean;
}
export interface BundleOptions extends Agreed {
  /** The longest frame that we may send. */
  readonly mtu: number;
  readonly pfc: boolean;
  /**
   * Fragments that may overtake another one on the way before it counts as lost: 0 on a line, where RFC 1990 §4.1 holds
   * to the letter.
   */
  readonly overtakes: number;
}
interface More {
  readonly clock: Clock;
  readonly out: PacketSink;
}

export class Bundle {
  readonly #o: BundleOptions;
  readonly #drops: Drops;
  readonly #in: Reassembly | null;
  readonly #lanes: Lane[];
  #turn = 0;
  #seq = 0;

  /**
   * `lost`: a packet of the peer will never be whole. `more`: other links may join; `out` is where this one's fragments
   * go then.
   */
  constructor(o: BundleOptions, drops: Drops, lost: () => void, more: More | null = null) {
    this.#o = o;
    this.#drops = drops;
    const { mrruIn: mrru, shortIn, overtakes } = o;
    const limits = mrru === null ? null : { mrru, mask: shortIn ? SHORT : LONG, overtakes };
    this.#lanes = [new Lane(o.mtu, o.pfc, more?.out ?? (() => {}))];
    this.#in = limits && new Reassembly(limits, drops, { lost, clock: more?.clock ?? null, lanes: this.#lanes });
  }
  /** Packets up to this are no concern of the bundle; 0: all are. */
  get mtu(): number {
    return this.#lanes.length > 1 ? 0 : (this.#lanes[0]?.mtu ?? 0);
  }
  /** The longest packet that can be sent. */
  get longest(): number {
    return this.#o.mrruOut ?? this.#o.mtu;
  }
  get receives(): boolean {
    return this.#in !== null;
  }
  /** The link that has been there longest. */
  get first(): Lane {
    const [first] = this.#lanes;
    if (!first) throw new RangeError("a bundle without a link");
    return first;
  }
  join(lane: Lane): void {
    this.#lanes.push(lane);
    this.#in?.joined(lane);
  }
  /** The last one cannot leave. What was on its way by it is not waited for. */
  leave(lane: Lane): void {
    const at = this.#lanes.indexOf(lane);
    if (at >= 0 && this.#lanes.length > 1) this.#lanes.splice(at, 1);
    this.#in?.settled();
  }
  stop(): void {
    this.#in?.stop();
  }

  /**
   * `packet`, in place: `out` gets it whole, or its fragments one after the other; what it is given is valid during its
   * call. With several links their own ones do.
   */
  send(protocol: number, packet: Packet, out: PacketSink): void {
    const { mrruOut, shortOut } = this.#o;
    const { first } = this;
    const many = this.#lanes.length > 1;
    let { mtu } = first;
    if (!many && packet.length <= mtu) return out(protocol, packet);
    if (mrruOut === null || packet.length > mrruOut) return this.#drops.bump("mp.too-long");
    let pfc = true;
    for (const l of this.#lanes) {
      if (l.mtu < mtu) mtu = l.mtu;
      pfc &&= l.pfc;
    }
    const { mem, end } = packet;
    if (pfc && protocol < 0x100) mem[packet.push(1)] = protocol;
    else put16(mem, packet.push(2), protocol);
    const header = shortOut ? 2 : 4;
    // of one length, so that they can leave as one message
    const count = Math.ceil(packet.length / (mtu - header));
    const size = Math.ceil(packet.length / count);
    for (let at = packet.start; at < end; at += size) {
      const f = new Packet(mem, at, Math.min(at + size, end));
      const flags = (at === packet.start ? BEGIN : 0) | (f.end === end ? END : 0);
      const to = f.push(header); // over the last fragment, which is gone
      put16(mem, to, (flags << 8) | (shortOut ? this.#seq : this.#seq >>> 16));
      if (!shortOut) put16(mem, to + 2, this.#seq & 0xffff);
      this.#seq = (this.#seq + 1) & (shortOut ? SHORT : LONG);
      const lane = (many && this.#lanes[this.#turn++ % this.#lanes.length]) || first;
      lane.counts.txPackets++;
      lane.counts.txBytes += f.length - header;
      (many ? lane.out : out)(PROTOCOL.multilink, f);
    }
  }
  /** A fragment from its header on, by `lane`; `out` gets what has become whole, valid during its call. */
  receive(fragment: Packet, out: PacketSink, lane: Lane = this.first): void {
    this.#in?.take(fragment, out, lane);
  }
}
