// PPP over a serial line: HDLC-like framing between a serial port, a PPP session and the netdev's packets.

import { Counters as Drops } from "../core/counters.ts";
import type { Packet } from "../core/packet.ts";
import { concat } from "../core/text.ts";
import type { LineInterface, NetInterface, PacketLine, TrafficCounters } from "../dataplane/dataplane.ts";
import { HdlcDecoder } from "../hdlc/decode.ts";
import { HdlcEncoder } from "../hdlc/encode.ts";
import type { DataCoding, FrameChannel, FrameTap, LineCounts, LinkOptions } from "../ports/ports.ts";
import type { SerialPort } from "../ports/serial.ts";
import { FULL_HEADER, type HeaderOptions, PROTOCOL, pullProtocol, pushProtocol } from "../ppp/frame.ts";

/** Queue limit in seconds of line time; more is dropped, to keep LCP echo and interactive traffic responsive. */
const QUEUE_SECONDS = 0.25;
const BITS_A_BYTE = 10; // start and stop bit
const FLAG_OCTET = 1;
const FCS_OCTETS = 2; // received frames: we negotiate no other
const MIN_QUEUE = 3200; // two full frames

/** A packet as a frame with the whole header. */
function tapped(protocol: number, packet: Packet): Uint8Array {
  return concat([Uint8Array.of(0xff, 3, protocol >> 8, protocol & 0xff), packet.view()]);
}

export class SerialChannel implements FrameChannel, PacketLine {
  readonly name: string;
  readonly mru: number;
  onFrame: (frame: Packet) => void = () => {};
  onDown: (why: string) => void = () => {};
  readonly #port: SerialPort;
  readonly #encoder = new HdlcEncoder();
  readonly #decoder: HdlcDecoder;
  readonly #drops = new Drops<"line.full" | "line.not-open">();
  readonly #queueBytes: number;
  /** The netdev that takes the peer's packets; packets towards the peer queue in the port. */
  #net: LineInterface | null = null;
  #header: HeaderOptions = FULL_HEADER;
  #coding: DataCoding | null = null;
  #tap: FrameTap | null = null;
  #ipv6 = false;
  #lost = 0;
  #closed = false;
  #inFrames = 0;
  #inOctets = 0;
  #outFrames = 0;
  #outOctets = 0;
  #rxPackets = 0;
  #rxBytes = 0;
  #txPackets = 0;
  #txBytes = 0;
  readonly #heard: () => void;

  /** `bitsPerSecond`: of the slowest part of the line. `heard`: an IP packet arrived, so the peer is alive. */
  constructor(port: SerialPort, mru: number, bitsPerSecond: number, heard: () => void = () => {}) {
    this.#port = port;
    this.name = port.device;
    this.mru = mru;
    this.#queueBytes = Math.max(MIN_QUEUE, Math.round((bitsPerSecond / BITS_A_BYTE) * QUEUE_SECONDS));
    this.#decoder = new HdlcDecoder(mru, (p) => this.#frame(p));
    this.#heard = heard;
  }
  setCoding(coding: DataCoding | null): void {
    this.#coding = coding;
  }
  /** Bytes from the line; valid during the call. */
  input(chunk: Uint8Array): void {
    if (!this.#closed) this.#decoder.push(chunk);
  }
  /** Attaches the netdev `net`: it receives the peer's packets until detached. */
  over(net: LineInterface): NetInterface {
    this.#net = net;
    return {
      ifname: net.ifname,
      counters: () => this.counters(),
      setIpv6: (local) => {
        this.#ipv6 = local !== null;
        return net.setIpv6(local);
      },
      detach: () => {
        if (this.#net === net) this.#net = null;
        this.#ipv6 = false;
        return net.detach();
      },
    };
  }
  setTap(tap: FrameTap | null): void {
    this.#tap = tap;
  }
  send(frame: Packet): void {
    this.#tap?.("out", frame.view());
    this.#send(frame);
  }
  #send(frame: Packet): void {
    if (this.#closed) return;
    this.#outFrames++;
    this.#outOctets += frame.length + FLAG_OCTET + this.#encoder.fcs / 8;
    this.#port.write(this.#encoder.encode(frame.view(), this.#port.queued === 0));
  }
  transmit(packet: Packet): void {
    const six = (packet.mem[packet.start] as number) >> 4 === 6;
    if (this.#closed || this.#net === null || (six && !this.#ipv6)) return this.#drops.bump("line.not-open");
    if (this.#port.queued > this.#queueBytes) return this.#drops.bump("line.full");
    this.#txPackets++;
    this.#txBytes += packet.length;
    this.sendPacket(six ? PROTOCOL.ipv6 : PROTOCOL.ip, packet);
  }
  sendPacket(protocol: number, packet: Packet): void {
    this.#tap?.("out", tapped(protocol, packet));
    if (this.#coding) this.#coding.encode(protocol, packet, this.#out);
    else this.#out(protocol, packet);
  }
  readonly #out = (protocol: number, packet: Packet): void => {
    pushProtocol(packet, protocol, this.#header);
    this.#send(packet);
  };
  lost(why: string): void {
    this.onDown(why);
  }
  configure(link: LinkOptions): void {
    this.#encoder.configure(link.sendAccm, link.sendFcs32 ? 32 : 16);
    this.#decoder.configure(link.recvAccm);
    this.#header = { pfc: link.pfc, acfc: link.acfc };
  }
  counters(): TrafficCounters {
    return { rxPackets: this.#rxPackets, rxBytes: this.#rxBytes, txPackets: this.#txPackets, txBytes: this.#txBytes };
  }
  counts(): LineCounts {
    return {
      inPackets: this.#inFrames,
      inOctets: this.#inOctets,
      inErrors: this.#decoder.bad,
      outPackets: this.#outFrames,
      outOctets: this.#outOctets,
    };
  }
  /** Named drops of framing and line. */
  drops(): Record<string, number> {
    return { ...this.#decoder.drops(), ...this.#drops.snapshot() };
  }
  /** The port is not closed: it may still have to be hung up. */
  close(): void {
    this.#closed = true;
    this.#net = null;
  }

  #frame(p: Packet): void {
    const { start, end } = p;
    this.#inFrames++;
    this.#inOctets += p.length + FLAG_OCTET + FCS_OCTETS;
    const protocol = pullProtocol(p);
    if (protocol === 0) {
      p.start = start;
      p.end = end;
      return this.onFrame(p); // too short: its reader says so
    }
    if (!this.#coding) return this.#in(protocol, p);
    // Header compression must know of a frame that was lost before it goes on (RFC 1144 §4).
    const lost = this.#decoder.bad;
    if (lost !== this.#lost) this.#coding.lost();
    this.#lost = lost;
    this.#coding.decode(protocol, p, this.#in);
  }
  readonly #in = (protocol: number, packet: Packet): void => {
    this.#tap?.("in", tapped(protocol, packet));
    if (this.#net && (protocol === PROTOCOL.ip || (protocol === PROTOCOL.ipv6 && this.#ipv6))) {
      this.#rxPackets++;
      this.#rxBytes += packet.length;
      this.#heard();
      this.#net.receive(packet);
    } else {
      pushProtocol(packet, protocol, FULL_HEADER);
      this.onFrame(packet);
    }
  };
}
