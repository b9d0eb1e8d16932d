// The outbound path: TUN > PPP > L2TP > UDP > ESP (all on the fast path) > socket. Control messages and PPP frames join
// it.

import type { FastPath, Native, Ring } from "node-tuntap2";
import { ADDR, KIND, Kind, LEN, META, OFF, REF, Received } from "node-tuntap2";
import type { Counters } from "../../core/counters.ts";
import { Packet } from "../../core/packet.ts";
import type { Endpoint } from "../../ports/ports.ts";
import { familyOf, fill, writeEnds } from "../ring.ts";
import type { Flow } from "./ipsec.ts";
import type { PathParts, Socket, Sockets } from "./sockets.ts";

const TURNS = 4; // batches per wake, so that other descriptors get their turn
const MARKER = new Uint8Array(4); // RFC 3948 §2.2
const KEEPALIVE = Uint8Array.of(0xff);

export class Outbound {
  readonly #native: Native;
  readonly #fp: FastPath;
  readonly #sockets: Sockets;
  readonly #drops: Counters;
  /** Shared: others use it between two wakes. */
  readonly batch: Ring;
  /** A separate ring: a message sent while a batch is processed must not overwrite it. */
  readonly #one: Ring;

  /** Calls whose outbound packets are coded in TypeScript, by handle; a packet is valid only during the call. */
  readonly coded = new Map<number, (p: Packet) => void>();

  constructor({ native, fp, drops }: PathParts, sockets: Sockets, batch: Ring) {
    this.#native = native;
    this.#fp = fp;
    this.#sockets = sockets;
    this.#drops = drops;
    this.batch = batch;
    this.#one = native.ring(1);
  }

  /**
   * A TUN is readable; `first`: what transmit() left of the first batch, see Native.watchTransmitted. Throws when the
   * netdev is gone.
   */
  tun(fd: number, dev: number, first: number): void {
    for (let turn = 0; turn < TURNS || this.#native.offload(fd).held; turn++) {
      // after -1 the error comes again
      const sent = turn === 0 && first >= 0 ? first : this.#native.transmit(fd, dev, this.batch, this.#fp);
      const n = Received.slots(sent);
      if (Received.wanted(sent) > 0) {
        this.#sockets.write(this.batch, n);
        this.#sockets.look();
        if (this.coded.size > 0) this.#visit(n);
      }
      if (n < this.batch.slots) return;
    }
  }
  /** One PPP frame of a call. */
  frame(call: number, frame: Packet): void {
    if (!fill(this.#one, 0, [frame.view()], Kind.none)) this.#drops.bump("ip.too-big");
    else if (this.#fp.txFrames(call, this.#one, 1) > 0) this.#sockets.write(this.#one, 1);
  }
  /** Sends one L2TP control message inside a flow. False: nothing was sent. */
  control(flow: Flow | null, localPort: number, remotePort: number, message: Uint8Array): boolean {
    if (!flow) return this.#no("tx.no-sa");
    if (!fill(this.#one, 0, [message], Kind.none)) return this.#no("ip.too-big");
    if (this.#fp.txControl(flow.handle, localPort, remotePort, this.#one, 1) === 0) return false;
    this.#sockets.write(this.#one, 1);
    return true;
  }
  /** Sends one L2TP control message in the clear. False: no socket is open for it. */
  clear(local: Endpoint, remote: Endpoint, message: Uint8Array): boolean {
    const s = this.#sockets.clear(local);
    if (!s) return this.#no("tx.no-socket");
    return this.#datagram(s, [message], local, remote);
  }
  /** From 500 as it is, from 4500 behind the non-ESP marker. */
  ike(local: Endpoint, remote: Endpoint, message: Uint8Array): void {
    const use = local.port === this.#sockets.ports.ike ? "ike" : "nat";
    this.#datagram(
      this.#sockets.ipsec(use, familyOf(remote.address)),
      use === "ike" ? [message] : [MARKER, message],
      local,
      remote,
    );
  }
  keepalive(local: Endpoint, remote: Endpoint): void {
    this.#datagram(this.#sockets.ipsec("nat", familyOf(remote.address)), [KEEPALIVE], local, remote);
  }

  #visit(n: number): void {
    const { meta, mem } = this.batch;
    for (let at = 0; at < n * META; at += META) {
      if (meta[at + KIND] !== Kind.upIp) continue;
      const start = meta[at + OFF] ?? 0;
      this.coded.get(meta[at + REF] ?? 0)?.(new Packet(mem, start, start + (meta[at + LEN] ?? 0)));
    }
  }
  #datagram(s: Socket | null, parts: readonly Uint8Array[], local: Endpoint, remote: Endpoint): boolean {
    if (!s) return this.#no("tx.no-socket");
    if (!fill(this.#one, 0, parts, s.kind)) return this.#no("tx.too-big");
    writeEnds(this.#one.addr.subarray(0, ADDR), 0, local, remote);
    s.write(this.#one, 1);
    return true;
  }
  #no(name: string): false {
    this.#drops.bump(name);
    return false;
  }
}
