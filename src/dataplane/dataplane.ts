// The interfaces between the control plane and a data plane, in userspace or in the kernel. Promises are used only
// here; their results re-enter the state machines as events.

import type { Packet } from "../core/packet.ts";
import type { Endpoint, FrameChannel } from "../ports/ports.ts";

/** Where packets move. */
export type PlaneKind = "userspace" | "kernel";
export type Spi = number;
/**
 * One IPsec peer as IKE authenticated it. It survives rekeying, and L2TP tunnels are bound to it. Two clients behind
 * one NAT have two flows. 0 means no IPsec.
 */
export type FlowId = number;

interface SaKeys {
  /** Cipher key; AES-GCM and ChaCha20-Poly1305 append the 4-byte salt (RFC 4106 §8.1, RFC 7634 §2). */
  readonly encr: Uint8Array;
  /** HMAC key; empty for AEAD. */
  readonly integ: Uint8Array;
}
export type EspCipher =
  | "aes128"
  | "aes192"
  | "aes256"
  | "camellia128"
  | "camellia192"
  | "camellia256"
  | "3des"
  | "null"
  | "aes128gcm16"
  | "aes192gcm16"
  | "aes256gcm16"
  | "aes128gcm12"
  | "aes256gcm12"
  | "aes128gcm8"
  | "aes256gcm8"
  | "chacha20poly1305";
export type EspInteg = "md5" | "sha1" | "sha256" | "sha384" | "sha512" | "sha256_96" | "none";

export interface SaSpec {
  readonly spi: Spi;
  readonly cipher: EspCipher;
  /** "none" if and only if the cipher is AEAD. */
  readonly integ: EspInteg;
  readonly keys: SaKeys;
  /**
   * Outer addresses. Ports: 4500, or the NAT's mapping of it, with UDP encapsulation (RFC 3948); 0 with protocol 50.
   */
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly udpEncap: boolean;
  /** Inner UDP ports of the selectors, 0 for any. */
  readonly localPort: number;
  readonly remotePort: number;
  /** Hard lifetimes: the plane stops using the SA at either limit. 0: unlimited (the sequence number still ends it). */
  readonly hardBytes: number;
  readonly hardPackets: number;
}
export interface TrafficCounters {
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
}

/** Child SAs: the only part of the data plane that IKE uses. */
export interface IpsecPlane {
  /**
   * Where two planes work side by side: whose the flow is, before its first SPI; null: it is over. Userspace's unless
   * told.
   */
  place?(flow: FlowId, at: PlaneKind | null): void;
  /**
   * A random inbound SPI (256 to 2^32-1) that no SA uses; reserved until installed or released. `at`: of two planes,
   * the one that its SA will probably be in.
   */
  allocateSpi(at?: PlaneKind): Spi;
  releaseSpi(spi: Spi): void;
  /**
   * Why the plane cannot carry a flow between these addresses, in words; null: it can. SAs of such a flow are rejected
   * with SystemError EOPNOTSUPP and these words, and nothing else changes.
   */
  refusal?(flow: FlowId, local: Endpoint, remote: Endpoint): string | null;
  /** Starts to accept packets under `spec.spi` for `flow`. */
  addInbound(flow: FlowId, spec: SaSpec): Promise<void>;
  /**
   * Sends the flow's packets under this SA from now on; the previous one stays installed until removed. The peer chose
   * the SPI, so it is unique only within its flow (RFC 4301 §4.1). Rejects with SystemError EEXIST when this flow
   * already has the SPI; the kernel plane also does when any SA to the peer's address has it.
   */
  addOutbound(flow: FlowId, spec: SaSpec): Promise<void>;
  /** When the outbound SA in use is removed, the newest remaining one takes over. Ignores an unknown SPI. */
  remove(flow: FlowId, direction: "in" | "out", spi: Spi): Promise<void>;
  /** The NAT mapping changed: every SA of the flow now sends to `to`. */
  move(flow: FlowId, local: Endpoint, to: Endpoint): Promise<void>;
  /** Bytes and packets of one SA so far; IKE polls them to decide on rekeying. */
  counters(flow: FlowId, direction: "in" | "out", spi: Spi): TrafficCounters;
  /**
   * An authentic packet of the flow came from a new outer address or port (RFC 3948 §4): IKE decides whether to move.
   */
  onMapping: (flow: FlowId, from: Endpoint) => void;
  /**
   * A packet arrived under an unknown SPI; called at most once a second. IKE may ask the peer to delete the SA. The
   * kernel plane never calls it.
   */
  onUnknownSpi: (from: Endpoint, spi: Spi) => void;
  /** Somebody else removed SAs of the flow, which IKE may replace. Only the kernel's can be removed so. */
  onLost: (flow: FlowId) => void;
}

/**
 * One remote L2TP endpoint: inner UDP ports within a flow, or an address without IPsec. Compare `key`, not the object.
 */
export interface L2tpRemote {
  readonly key: string;
  readonly flow: FlowId;
  /** The peer's outer address (for display), and its UDP port as L2TP sees it. */
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
  /** Send sequence numbers. Received ones are always honoured (RFC 2661 §5.4). */
  readonly sequencing: boolean;
  /** Largest PPP information field, in bytes, that fits the path unfragmented. */
  readonly mru: number;
}

/**
 * L2TP data messages, and the control messages that share their sockets. A remote that requires IPsec is never sent to,
 * and never heard, outside its flow.
 */
export interface L2tpPlane {
  /** The L2TP endpoint at these inner UDP ports of an authenticated flow. */
  secureRemote(flow: FlowId, localPort: number, remotePort: number): L2tpRemote;
  /**
   * Only for `ipsec = off`: opens (or shares) a UDP socket on `local` for L2TP in the clear. `at`: in which of two
   * planes, userspace unless told.
   */
  openClear(
    local: Endpoint,
    at?: PlaneKind,
  ): Promise<{ readonly local: Endpoint; remote(to: Endpoint): L2tpRemote; close(): void }>;
  /** Sends one L2TP control message (from the L2TP header on). False: no SA or no socket, counted and dropped. */
  sendControl(remote: L2tpRemote, message: Uint8Array): boolean;
  /** Called for each datagram with the T bit, and for data of an unknown call. `p` is valid only during the call. */
  onControl: (remote: L2tpRemote, p: Packet) => void;
  openTunnel(spec: TunnelSpec): TunnelPath;
}
export interface TunnelPath {
  /**
   * Call it before sending the message that establishes the call: the peer's first LCP frame may overtake our
   * acknowledgement.
   */
  openCall(spec: CallSpec): CallChannel;
  close(): void;
}
/** The channel of one call. The side that requested the call learns the peer's Call ID later. */
export interface CallChannel extends FrameChannel {
  setPeer(peerCallId: number): void;
  setSequencing(on: boolean): void;
  counters(): TrafficCounters;
  /** What came from the peer so far, of any kind: a number that grows is a sign of life. Absent: nobody counts. */
  heard?(): number;
  /** Bytes of IP a second from the peer and to it, more is dropped; 0: any number. Absent: it cannot be held to one. */
  setRate?(from: number, to: number): void;
}

export interface Route {
  readonly prefix: string;
  readonly metric?: number;
  /** Where it is less than the netdev's. */
  readonly mtu?: number;
  /**
   * Set for a default route whose family blockRoutes() blocks: it overrides the block and every other default route.
   */
  readonly instead?: true;
}
export interface IpConfig {
  readonly ifname: string;
  readonly mtu: number;
  readonly local4: string;
  readonly peer4: string;
  /** Networks behind the peer, "10.2.0.0/16" or "fd00:2::/48". IPv6 ones are installed by setIpv6(). */
  readonly routes: readonly Route[];
  /** Clamp the MSS of TCP SYNs to the MTU in both directions. */
  readonly clampMss: boolean;
}
/** Netdevs, addresses and routes. Once IPCP is open, IP packets bypass the control plane. */
export interface NetPlane {
  /** A netdev for one client link: created, addressed, routed, up. */
  attachClient(channel: CallChannel, cfg: IpConfig): Promise<ClientInterface>;
  /**
   * A netdev whose packets pass through the control plane, which is fast enough for a serial line. Created, addressed,
   * routed, up.
   */
  attachLine(line: PacketLine, cfg: IpConfig): Promise<LineInterface>;
  /**
   * A netdev that is a port of the bridge `cfg.bridge`, whose frames pass through the control plane. Rejects with
   * SystemError, also where that is no bridge.
   */
  attachBridge(
    line: BridgeLine,
    cfg: { readonly ifname: string; readonly mtu: number; readonly bridge: string },
  ): Promise<BridgePort>;
  /** One netdev for all users of a server; sessions join and leave. */
  openServer(cfg: ServerNet): Promise<ServerInterface>;
  /**
   * Keeps `server` reachable outside every tunnel, by a host route via the present gateway. Returns a function that
   * undoes it.
   */
  pinHostRoute(server: string): Promise<() => Promise<void>>;
  /**
   * Rejects packets to networks that may be reached only through a link, so that they cannot leave in the clear while
   * it is down. "0.0.0.0/0" and "::/0" block whatever any default route of that family would carry; host routes,
   * connected networks and pinned servers stay reachable. Blocks outlive a killed process; its successor takes them
   * over within ten seconds. Returns a function that undoes it. A failure to set one is logged, not thrown.
   */
  blockRoutes(prefixes: readonly string[]): () => Promise<void>;
  /**
   * Resolves a host name with this machine's name servers despite blocks, which let only this query pass and only while
   * it runs. Falls back to the previous answer when no server replies. Rejects with SystemError.
   */
  resolveOutside(name: string): Promise<string[]>;
  /**
   * Our source address, the path MTU and the outgoing device towards `remote`; `borrowed`: the address is of another
   * device, as this one has none. Rejects with SystemError without a route.
   */
  pathTo(remote: string): Promise<{ local: string; mtu: number; device: string; borrowed?: boolean }>;
  /**
   * Calls `changed` within a second after somebody else changed routes, addresses or netdevs; host routes of
   * pinHostRoute() follow the change before that. Returns a function that stops it.
   */
  watchOutside(changed: () => void): () => void;
  /** What has become of a way to `remote` that pathTo() found. */
  way(remote: string, was: Way): WayNow;
}
/** Our address and the netdev that packets to a server leave by. */
export interface Way {
  readonly local: string;
  readonly device: string;
}
/**
 * moved: packets leave by another netdev now, or our address is no longer there; gone: there is no route. An address
 * beside ours that the kernel would prefer now moves nothing.
 */
export type WayNow = "stands" | "moved" | "gone";
export interface ServerNet {
  readonly ifname: string;
  readonly mtu: number;
  readonly local4: string;
  /** Our link-local address on the netdev; null: no IPv6. */
  readonly local6: string | null;
  readonly pool: readonly string[];
  readonly clampMss: boolean;
  /** The netdev disappeared without close(); its calls are lost as well. */
  readonly lost?: (why: string) => void;
}
export interface SessionInterface {
  readonly ifname: string;
  counters(): TrafficCounters;
  detach(): Promise<void>;
}
/** A port of a bridge of this machine: what comes from a link goes into the bridge by it. */
export interface BridgePort {
  readonly ifname: string;
  /** An Ethernet frame without FCS; `frame` need be valid only during the call. */
  receive(frame: Packet): void;
  detach(): Promise<void>;
}
export interface BridgeLine {
  /** An Ethernet frame without FCS, with HEADROOM in front; valid only during the call. */
  transmit(frame: Packet): void;
  /** The port disappeared without detach(). */
  lost(why: string): void;
}
/** A netdev that serves one link: a client's or a serial line's. */
export interface NetInterface extends SessionInterface {
  /**
   * IPV6CP opened: sets this link-local address and IpConfig's IPv6 routes, and lets IPv6 packets pass. Null (the
   * initial state): none pass. When it rejects with SystemError, none pass either.
   */
  setIpv6(local: string | null): Promise<void>;
}
/** A client link's netdev. */
export interface ClientInterface extends NetInterface {
  /** The MTU, and what TCP's MSS is clamped to, from now on. Rejects with SystemError. */
  setMtu(mtu: number): Promise<void>;
  /**
   * Its packets go by another channel from now on, and none of IPv6 until setIpv6(). Rejects with SystemError. Absent:
   * it cannot.
   */
  rebind?(channel: CallChannel): Promise<void>;
}
/** The line behind a netdev. */
export interface PacketLine {
  /**
   * An IPv4 or IPv6 packet that the host routed into the netdev, with HEADROOM in front; valid only during the call.
   */
  transmit(packet: Packet): void;
  counters(): TrafficCounters;
  /** The netdev disappeared without detach(). */
  lost(why: string): void;
}
export interface LineInterface extends NetInterface {
  /**
   * Delivers an IP packet from the peer to the host; `packet` need be valid only during the call. Anything else is
   * counted and dropped.
   */
  receive(packet: Packet): void;
}
/** One user's share of a server's netdev. */
export interface UserInterface extends SessionInterface {
  /**
   * IPV6CP opened: routes the user's link-local address and IPv6 networks to its call, and lets IPv6 packets pass. Null
   * (the initial state): none pass. When it rejects with SystemError, none pass either.
   */
  setIpv6(peer: string | null): Promise<void>;
}
export interface ServerInterface {
  readonly ifname: string;
  /**
   * Routes `ip` and `routes` to `channel`, and drops packets from it with any other source address. `mtu`: where it is
   * less than the netdev's. `asked` gets the user's IPv6 packets to all routers and all DHCPv6 servers (ff02::2,
   * ff02::1:2) instead of the host, each valid only during the call; the kernel's plane does not have it.
   */
  attach(
    channel: CallChannel,
    ip: string,
    routes: readonly Route[],
    mtu?: number,
    asked?: (packet: Packet) => void,
  ): Promise<UserInterface>;
  close(): Promise<void>;
}

export interface DataPlane {
  readonly kind: PlaneKind | "none";
  readonly ipsec: IpsecPlane;
  readonly l2tp: L2tpPlane;
  readonly net: NetPlane;
  /** Opens IKE's sockets unless they are open. Throws SystemError with a remedy in its text. */
  ikePort(): IkePort;
  /** Drops below the control plane, by name. */
  drops(): Record<string, number>;
  close(): Promise<void>;
}

/** The kernel's plane beside another one, which has IKE's sockets. */
export interface KernelBeside extends DataPlane {
  /** ESP in UDP under this SPI came to the other plane's socket. False: there is no such SA. */
  strayed(spi: Spi, from: Endpoint): boolean;
}

/** IKE messages on UDP 500 and 4500; the plane adds and strips the non-ESP marker (RFC 3948 §2.2). */
export interface IkePort {
  /** `local.port` selects the socket: 500, or 4500 with the marker. */
  send(local: Endpoint, remote: Endpoint, message: Uint8Array): void;
  /** A NAT keepalive: one byte 0xff from 4500 (RFC 3948 §2.3). */
  keepalive(local: Endpoint, remote: Endpoint): void;
  onMessage: (p: Packet, local: Endpoint, remote: Endpoint) => void;
}
