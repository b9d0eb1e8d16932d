// What a simulated network and a plane on it know of each other.
import type { Endpoint } from "../../ports/ports.ts";

/** What travels in a simulated network: a UDP datagram, or one of IP protocol 50 (ports 0). */
export interface SimDatagram {
  readonly proto: "udp" | "esp";
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
}
/** The simulated host that a plane runs on. */
export interface SimNode {
  readonly addresses: readonly string[];
  send(d: SimDatagram): void;
  onDatagram: (d: SimDatagram) => void;
  /** Null: no route. */
  pathTo(remote: string): { readonly local: string; readonly mtu: number; readonly device: string } | null;
}
