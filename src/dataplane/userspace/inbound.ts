// The inbound path: socket > ESP > UDP > L2TP > PPP (all on the fast path) > TUN. Everything but IP packets is passed
// to the control plane here.

import type { Ring } from "node-tuntap2";
import { ADDR, KIND, Kind, LEN, META, OFF, REF, Received } from "node-tuntap2";
import { Packet } from "../../core/packet.ts";
import type { Endpoint } from "../../ports/ports.ts";
import { readLocal, readRemote } from "../ring.ts";
import type { PathParts, Socket, Sockets, SocketUse } from "./sockets.ts";

const TURNS = 4; // batches per wake, so that other descriptors get their turn

/** Receivers of everything but IP packets for a TUN. Packets are valid only during the call. */
export interface InboundTakers {
  ike(p: Packet, local: Endpoint, remote: Endpoint): void;
  /** `flow` is the fast path's handle; ports are the inner ones. */
  secure(flow: number, localPort: number, remotePort: number, p: Packet): void;
  clear(local: Endpoint, remote: Endpoint, p: Packet): void;
  /** A PPP frame of a call. */
  frame(call: number, p: Packet): void;
  /** An L2TP data message with Ns. */
  data(call: number, p: Packet): void;
  /** After each batch. */
  done(): void;
  /** An unexpected error in one packet, which is dropped. */
  fault(e: unknown): void;
}

interface InboundStart {
  readonly ports: Sockets["ports"];
  /** Shared: others use it between two wakes. */
  readonly batch: Ring;
  readonly takers: InboundTakers;
}

export class Inbound {
  readonly #ports: Sockets["ports"];
  readonly #drops: PathParts["drops"];
  readonly #takers: InboundTakers;
  readonly #ring: Ring;

  constructor({ drops }: Pick<PathParts, "drops">, { ports, batch, takers }: InboundStart) {
    this.#ports = ports;
    this.#drops = drops;
    this.#takers = takers;
    this.#ring = batch;
  }

  /** `first`: what receive() made of the first batch, see Native.watchReceived. */
  readable(s: Socket, first?: number): void {
    for (let turn = 0; s.open && (turn < TURNS || s.held); turn++) {
      const received = turn === 0 && first !== undefined ? first : this.#receive(s);
      if (received < 0) this.#drops.bump("rx.error"); // a queued socket error, or no memory: the socket stays usable
      if (received <= 0) return;
      const n = Received.slots(received);
      if (s.use === "ike") this.#all(s.use, n);
      else this.#batch(s.use, n, Received.wanted(received));
      if (n < this.#ring.slots) return;
    }
  }

  #receive(s: Socket): number {
    try {
      return s.receive();
    } catch {
      return -1;
    }
  }
  #batch(use: Exclude<SocketUse, "ike">, n: number, wanted: number): void {
    if (wanted > 0) this.#all(use, n);
    this.#takers.done();
  }
  #all(use: SocketUse, n: number): void {
    const { meta, mem, addr } = this.#ring;
    for (let i = 0; i < n; i++) {
      const at = i * META;
      const length = meta[at + LEN] ?? 0;
      if (length === 0) continue;
      const start = meta[at + OFF] ?? 0;
      const p = new Packet(mem, start, start + length);
      const kind = use === "ike" ? Kind.upIke : (meta[at + KIND] ?? 0);
      try {
        this.#hand(use, kind, meta[at + REF] ?? 0, p, addr, i * ADDR);
      } catch (e) {
        this.#takers.fault(e); // not contained in a narrower scope
      }
    }
  }
  #hand(use: SocketUse, kind: number, ref: number, p: Packet, addr: Uint8Array, at: number): void {
    const { ike, nat } = this.#ports;
    switch (kind) {
      case Kind.upIke:
        this.#takers.ike(
          p,
          { address: readLocal(addr, at).address, port: use === "ike" ? ike : nat },
          readRemote(addr, at),
        );
        break;
      case Kind.upL2tp:
        if (ref === 0) this.#takers.clear(readLocal(addr, at), readRemote(addr, at), p);
        else this.#takers.secure(ref, readLocal(addr, at).port, readRemote(addr, at).port, p);
        break;
      case Kind.upFrame:
        this.#takers.frame(ref, p);
        break;
      case Kind.upData:
        this.#takers.data(ref, p);
        break;
      default: // written to a TUN, or dropped and counted by the fast path
    }
  }
}
