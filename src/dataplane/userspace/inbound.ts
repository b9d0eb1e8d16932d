// A packet's road in: socket > ESP > UDP > L2TP > PPP (all on the fast path) > TUN. What is no IP packet comes up here.

import type { FastPath, Native, Ring } from "node-tuntap2";
import { ADDR, KIND, Kind, LEN, META, OFF, REF } from "node-tuntap2";
import type { Counters } from "../../core/counters.ts";
import { Packet } from "../../core/packet.ts";
import type { Endpoint } from "../../ports/ports.ts";
import { readLocal, readRemote } from "./address.ts";
import type { Socket, Sockets, SocketUse } from "./sockets.ts";

const TURNS = 4; // batches of one wake; then the other descriptors get theirs
const ORIGIN: Readonly<Record<Exclude<SocketUse, "ike">, "udp4500" | "raw50" | "udp1701">> = {
  nat: "udp4500",
  esp: "raw50",
  clear: "udp1701",
};

/** Who takes what comes up. Packets are only valid during the call. */
export interface Upstairs {
  ike(p: Packet, local: Endpoint, remote: Endpoint): void;
  /** `flow` is the fast path's handle; ports are the inner ones. */
  secure(flow: number, localPort: number, remotePort: number, p: Packet): void;
  clear(local: Endpoint, remote: Endpoint, p: Packet): void;
  /** A PPP frame of a call. */
  frame(call: number, p: Packet): void;
  /** An L2TP data message with Ns. */
  data(call: number, p: Packet): void;
  /** Where IP packets go. */
  readonly devices: ReadonlyMap<number, { readonly fd: number }>;
  /** After each batch. */
  done(): void;
  /** An unexpected error with one packet, which is dropped. */
  fault(e: unknown): void;
}

export class Inbound {
  readonly #native: Native;
  readonly #fp: FastPath;
  readonly #ports: Sockets["ports"];
  readonly #drops: Counters;
  readonly #up: Upstairs;
  readonly #ring: Ring;

  /** `batch` may be used by others between two wakes. */
  constructor(native: Native, fp: FastPath, ports: Sockets["ports"], drops: Counters, batch: Ring, up: Upstairs) {
    this.#native = native;
    this.#fp = fp;
    this.#ports = ports;
    this.#drops = drops;
    this.#up = up;
    this.#ring = batch;
  }

  readable(s: Socket): void {
    for (let turn = 0; turn < TURNS && s.open; turn++) {
      const n = this.#read(s);
      if (n === 0) return;
      if (s.use === "ike") this.#all(s.use, n);
      else this.#batch(s.use, n);
      if (n < this.#ring.slots) return;
    }
  }

  #read(s: Socket): number {
    try {
      return s.read(this.#ring);
    } catch {
      this.#drops.bump("rx.error"); // an error queued on the socket, or no memory: the socket itself stays good
      return 0;
    }
  }
  #batch(use: Exclude<SocketUse, "ike">, n: number): void {
    const up = this.#fp.rx(ORIGIN[use], this.#ring, n);
    if (up < n) for (const [id, dev] of this.#up.devices) this.#native.writeTun(dev.fd, this.#ring, n, id, this.#fp);
    if (up > 0) this.#all(use, n);
    this.#up.done();
  }
  #all(use: SocketUse, n: number): void {
    const { meta, mem, addr } = this.#ring;
    for (let i = 0; i < n; i++) {
      const at = i * META;
      const length = meta[at + LEN] as number;
      if (length === 0) continue;
      const start = meta[at + OFF] as number;
      const p = new Packet(mem, start, start + length);
      const kind = use === "ike" ? Kind.upIke : (meta[at + KIND] as number);
      try {
        this.#hand(use, kind, meta[at + REF] as number, p, addr, i * ADDR);
      } catch (e) {
        this.#up.fault(e); // no scope of its own had it
      }
    }
  }
  #hand(use: SocketUse, kind: number, ref: number, p: Packet, addr: Uint8Array, at: number): void {
    const { ike, nat } = this.#ports;
    switch (kind) {
      case Kind.upIke:
        this.#up.ike(
          p,
          { address: readLocal(addr, at).address, port: use === "ike" ? ike : nat },
          readRemote(addr, at),
        );
        break;
      case Kind.upL2tp:
        if (ref === 0) this.#up.clear(readLocal(addr, at), readRemote(addr, at), p);
        else this.#up.secure(ref, readLocal(addr, at).port, readRemote(addr, at).port, p);
        break;
      case Kind.upFrame:
        this.#up.frame(ref, p);
        break;
      case Kind.upData:
        this.#up.data(ref, p);
        break;
      default: // written to a TUN, or dropped and counted by the fast path
    }
  }
}
