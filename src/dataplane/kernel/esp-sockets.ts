// ESP in UDP (RFC 3948) where another plane has UDP 4500: for each peer a socket that is connected, which goes before
// the one that is not. What is no ESP on it is IKE's.
import { formatEndpoint } from "../../core/addr.ts";
import type { Packet } from "../../core/packet.ts";
import type { Endpoint } from "../../ports/ports.ts";
import type { Flow } from "./ipsec.ts";
import { type Received, type SocketDeps, UdpSocket } from "./sockets.ts";

interface Shared {
  readonly socket: UdpSocket;
  readonly users: Set<Flow>;
}
/** Where a flow's packets are taken from: its peer, and where that may be now. */
interface Places {
  main: string;
  stray: string;
}

export class EspSockets {
  readonly #sockets: SocketDeps;
  readonly #lend: (bind: () => void) => void;
  readonly #received: (p: Packet, from: Received) => void;
  readonly #open = new Map<string, Shared>();
  readonly #places = new Map<Flow, Places>();

  /** `lend`: the owner of the port lets it be bound a second time while `bind` runs. */
  constructor(sockets: SocketDeps, lend: (bind: () => void) => void, received: (p: Packet, from: Received) => void) {
    this.#sockets = sockets;
    this.#lend = lend;
    this.#received = received;
  }
  /** Packets of the flow are taken from `remote`, and from nowhere else. Throws SystemError. */
  follow(flow: Flow, local: Endpoint, remote: Endpoint): void {
    const key = this.#use(flow, local, remote);
    const was = this.#places.get(flow);
    this.#places.set(flow, { main: key, stray: "" });
    for (const old of was ? [was.main, was.stray] : []) if (old !== key) this.#leave(flow, old);
  }
  /** And from `from`, until that turns out to be the peer's new place, or nobody's. Throws SystemError. */
  stray(flow: Flow, local: Endpoint, from: Endpoint): void {
    const places = this.#places.get(flow);
    if (!places) return;
    const key = this.#use(flow, local, from);
    const old = places.stray;
    places.stray = key;
    if (old !== key && old !== places.main) this.#leave(flow, old);
  }
  forget(flow: Flow): void {
    const places = this.#places.get(flow);
    this.#places.delete(flow);
    for (const key of places ? [places.main, places.stray] : []) this.#leave(flow, key);
  }
  close(): void {
    for (const { socket } of this.#open.values()) socket.close();
    this.#open.clear();
    this.#places.clear();
  }

  #use(flow: Flow, local: Endpoint, remote: Endpoint): string {
    const key = `${formatEndpoint(local)} ${formatEndpoint(remote)}`;
    const known = this.#open.get(key);
    if (known) known.users.add(flow);
    else this.#open.set(key, { socket: this.#connected(local, remote), users: new Set([flow]) });
    return key;
  }
  #leave(flow: Flow, key: string): void {
    const shared = this.#open.get(key);
    shared?.users.delete(flow);
    if (!shared || shared.users.size > 0) return;
    shared.socket.close();
    this.#open.delete(key);
  }
  #connected(local: Endpoint, remote: Endpoint): UdpSocket {
    let socket: UdpSocket | null = null;
    this.#lend(() => {
      socket = new UdpSocket(this.#sockets, local, { kind: "none" }, this.#received);
    });
    if (!socket) throw new RangeError("a port that was not lent");
    const s: UdpSocket = socket;
    try {
      s.connect(remote);
      s.takeEsp();
      return s;
    } catch (e) {
      s.close();
      throw e;
    }
  }
}
