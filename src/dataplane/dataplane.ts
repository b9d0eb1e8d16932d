// The seams between the control plane and where packets move. Userspace and kernel implement them alike.
// Promises exist here alone; their results re-enter a machine as events.

import type { Packet } from "../core/packet.ts";
import type { Endpoint, FrameChannel } from "../ports/ports.ts";

export type Spi = number;
/**
 * One IPsec peer as IKE authenticated it: all SAs that replace one another share it, and an L2TP tunnel is bound to it.
 * Two clients behind one NAT have two flows. 0 is "in the clear".
 */
export type FlowId = number;

interface SaKeys {
  /** Cipher key; for AES-GCM and ChaCha20-Poly1305 with the 4-byte salt behind it (RFC 4106 §8.1, RFC 7634 §2). */
  readonly encr: Uint8Array;
  /** HMAC key; empty for AEAD. */
  readonly integ: Uint8Array;
}
export type EspCipher =
  | "aes128"
  | "aes192"
  | "aes256"
  | "3des"
  | "null"
  | "aes128gcm16"
  | "aes192gcm16"
  | "aes256gcm16"
  | "chacha20poly1305";
export type EspInteg = "md5" | "sha1" | "sha256" | "sha384" | "sha512" | "sha256_96" | "none";

export interface SaSpec {
  readonly spi: Spi;
  readonly cipher: EspCipher;
  /** "none" exactly with AEAD ciphers. */
  readonly integ: EspInteg;
  readonly keys: SaKeys;
  /** Outer addresses; ports are 4500-ish with UDP encapsulation (RFC 3948), 0 with raw protocol 50. */
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly udpEncap: boolean;
  /** Inner UDP ports of the selectors, 0 for any. */
  readonly localPort: number;
  readonly remotePort: number;
  /** Hard limits: the plane stops using the SA at either. 0: none (the sequence number still ends it). */
  readonly hardBytes: number;
  readonly hardPackets: number;
}
export interface TrafficCounters {
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
}

/** The child SA seam: all that IKE knows about where packets are encrypted. */
export interface IpsecPlane {
  /** A random inbound SPI (256 to 2^32-1) that no SA uses; reserved until installed or released. */
  allocateSpi(): Spi;
  releaseSpi(spi: Spi): void;
  /** From now on packets under `spec.spi` are accepted for `flow`. */
  addInbound(flow: FlowId, spec: SaSpec): Promise<void>;
  /**
   * From now on the flow's packets leave under this SA; the one used before stays known until removed. The peer chose
   * the SPI, and it is unique within its flow alone (RFC 4301 §4.1): another flow may have the same. Rejects with
   * SystemError EEXIST when this flow has it; the kernel plane, when anybody has it at the peer's address.
   */
  addOutbound(flow: FlowId, spec: SaSpec): Promise<void>;
  /** Without the outbound SA in use the flow goes on with the newest that remains; an unknown SPI is no error. */
  remove(flow: FlowId, direction: "in" | "out", spi: Spi): Promise<void>;
  /** The NAT mapping moved: every SA of the flow now sends to `to`. */
  move(flow: FlowId, local: Endpoint, to: Endpoint): Promise<void>;
  /** Bytes and packets that went through one SA so far; IKE polls these for rekeying. */
  counters(flow: FlowId, direction: "in" | "out", spi: Spi): TrafficCounters;
  /** A valid packet for the flow came from a new outer address and port (RFC 3948 §4): IKE decides whether to move. */
  onMapping: (flow: FlowId, from: Endpoint) => void;
  /**
   * Somebody sends under an SPI we do not know; at most one call a second. IKE may ask the peer to delete it. The
   * kernel plane is not told of them.
   */
  onUnknownSpi: (from: Endpoint, spi: Spi) => void;
}

/** One remote L2TP speaker: inner ports inside a flow, or an address in the clear. Compare `key`, not the object. */
export interface L2tpRemote {
  readonly key: string;
  readonly flow: FlowId;
  /** Outer address of the peer (for people), and its UDP port as L2TP sees it. */
  readonly address: string;
  readonly port: number;
  /** Our own address and L2TP UDP port on this path. */
  readonly localAddress: string;
  readonly localPort: number;
}
export interface TunnelSpec {
  readonly localId: number;
  readonly peerId: number;
  readonly remote: L2tpRemote;
}
export interface CallSpec {
  readonly localId: number;
  readonly peerId: number;
  /** We put sequence numbers on what we send; what arrives with them is put in order either way. */
  readonly sequencing: boolean;
  /** Largest PPP information field that fits the path unfragmented. */
  readonly mru: number;
}

/**
 * The L2TP data seam. Control datagrams share the path, so the plane hands them out too. A plane that requires IPsec
 * for a remote never sends to it, and never delivers from it, outside a flow.
 */
export interface L2tpPlane {
  /** The L2TP speaker behind an authenticated flow, by the inner UDP ports. */
  secureRemote(flow: FlowId, localPort: number, remotePort: number): L2tpRemote;
  /** `ipsec = off` only: opens (or shares) a UDP socket on `local` and lets L2TP pass in the clear on it. */
  openClear(local: Endpoint): Promise<{ readonly local: Endpoint; remote(to: Endpoint): L2tpRemote; close(): void }>;
  /** Sends one L2TP control message (from the L2TP header on). False: no SA or no socket, counted and dropped. */
  sendControl(remote: L2tpRemote, message: Uint8Array): boolean;
  /** Every datagram with the T bit, and data for no known call. `p` is only valid during the call. */
  onControl: (remote: L2tpRemote, p: Packet) => void;
  openTunnel(spec: TunnelSpec): TunnelPath;
}
export interface TunnelPath {
  /** Before the message that lets the peer talk is sent: its first LCP frame may overtake our acknowledgement. */
  openCall(spec: CallSpec): CallChannel;
  close(): void;
}
/** The channel of one call; `peerId` becomes known later for the side that asked. */
export interface CallChannel extends FrameChannel {
  setPeer(peerCallId: number): void;
  setSequencing(on: boolean): void;
  counters(): TrafficCounters;
}

export interface Route {
  readonly prefix: string;
  readonly metric?: number;
  /**
   * Of a default route that blockRoutes() blocks: it takes the place of the block, and of everybody else's default
   * routes.
   */
  readonly instead?: true;
}
export interface IpConfig {
  readonly ifname: string;
  readonly mtu: number;
  readonly local4: string;
  readonly peer4: string;
  /** Networks behind the peer, "10.2.0.0/16" or "fd00:2::/48". Those of IPv6 wait for setIpv6. */
  readonly routes: readonly Route[];
  /** Clamp the MSS of TCP SYNs to the MTU in both directions. */
  readonly clampMss: boolean;
}
/** The network seam: after IPCP, IP packets stop visiting the control code. */
export interface NetPlane {
  /** A netdev for one client link: created, addressed, routed, up. */
  attachClient(channel: CallChannel, cfg: IpConfig): Promise<NetInterface>;
  /**
   * A netdev whose packets visit the control plane: a serial line is slow enough for that. Created, addressed, routed,
   * up.
   */
  attachLine(line: PacketLine, cfg: IpConfig): Promise<LineInterface>;
  /** One netdev for all users of a server; sessions join and leave. */
  openServer(cfg: ServerNet): Promise<ServerInterface>;
  /**
   * Makes sure that `server` stays reachable outside every tunnel: a host route by today's gateway. Returns its undo.
   */
  pinHostRoute(server: string): Promise<() => Promise<void>>;
  /**
   * Networks that may only be reached through a link: while it is down, packets to them are refused here instead of
   * leaving in the clear by another route. "0.0.0.0/0" and "::/0" are all that a default route of that family, whoever
   * set it, would carry; what the host routes, its own networks and the pinned servers carry goes on. Blocks outlive a
   * killed process; the next one that starts takes over, within ten seconds. Returns their undo. Failing to set one is
   * logged, not thrown.
   */
  blockRoutes(prefixes: readonly string[]): () => Promise<void>;
  /**
   * Addresses of a host name from this machine's name servers, in spite of blocks: while this is asked, and nothing but
   * this question passes. Those of the last time when nobody answers. Rejects with SystemError.
   */
  resolveOutside(name: string): Promise<string[]>;
  /** Our source address and the path's MTU towards `remote`. Rejects with SystemError when there is no route. */
  pathTo(remote: string): Promise<{ local: string; mtu: number; device: string }>;
}
export interface ServerNet {
  readonly ifname: string;
  readonly mtu: number;
  readonly local4: string;
  /** Our link-local address on the netdev; null: no IPv6. */
  readonly local6: string | null;
  readonly pool: readonly string[];
  readonly clampMss: boolean;
  /** The netdev is gone, and not by close(); the calls in it are lost as well. */
  readonly lost?: (why: string) => void;
}
export interface SessionInterface {
  readonly ifname: string;
  counters(): TrafficCounters;
  detach(): Promise<void>;
}
/** A netdev of its own: what a client link has, and a line. */
export interface NetInterface extends SessionInterface {
  /**
   * IPV6CP is open: the netdev gets this link-local address and the IPv6 routes among those of IpConfig, and IPv6
   * packets pass; null (and before): none do. Rejects with SystemError, and then none do either.
   */
  setIpv6(local: string | null): Promise<void>;
}
/** Where the packets of a line's netdev go. */
export interface PacketLine {
  /**
   * An IP packet of either version that the host routed into the netdev, with HEADROOM in front; only valid during the
   * call.
   */
  transmit(packet: Packet): void;
  counters(): TrafficCounters;
  /** The netdev is gone, and not by detach(). */
  lost(why: string): void;
}
export interface LineInterface extends NetInterface {
  /** An IP packet of the peer, for the host; only valid during the call. What is none is dropped and counted. */
  receive(packet: Packet): void;
}
/** A user's part in a server's netdev. */
export interface UserInterface extends SessionInterface {
  /**
   * IPV6CP is open: the user's link-local address and the IPv6 networks among its routes are its own, and IPv6 packets
   * pass; null (and before): none do. Rejects with SystemError, and then none do either.
   */
  setIpv6(peer: string | null): Promise<void>;
}
export interface ServerInterface {
  readonly ifname: string;
  /** Packets to `ip` and to `routes` go to `channel`; packets from it with other source addresses are dropped. */
  attach(channel: CallChannel, ip: string, routes: readonly Route[]): Promise<UserInterface>;
  close(): Promise<void>;
}

export interface DataPlane {
  readonly kind: "userspace" | "kernel" | "none";
  readonly ipsec: IpsecPlane;
  readonly l2tp: L2tpPlane;
  readonly net: NetPlane;
  /** Opens IKE's sockets unless they are open. Throws SystemError with what to do. */
  ikePort(): IkePort;
  /** Named drops of everything below the control plane. */
  drops(): Record<string, number>;
  close(): Promise<void>;
}

/** IKE's own datagrams, on UDP 500 and 4500; the plane strips and adds the non-ESP marker (RFC 3948 §2.2). */
export interface IkePort {
  /** `local.port` says which socket: 500, or 4500 with the marker. */
  send(local: Endpoint, remote: Endpoint, message: Uint8Array): void;
  /** A NAT keepalive: one byte 0xff from 4500 (RFC 3948 §2.3). */
  keepalive(local: Endpoint, remote: Endpoint): void;
  onMessage: (p: Packet, local: Endpoint, remote: Endpoint) => void;
}
