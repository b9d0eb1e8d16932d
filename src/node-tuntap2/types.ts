// The native library as TypeScript sees it. One interface for every engine; the C behind it includes no engine's
// header. Arguments are checked at the border: a wrong one is a RangeError, never memory. A failed system call throws
// an Error with `code` ("EADDRINUSE"), `errno` and `syscall`.
import type { TlsClient, TlsParams, TlsStream } from "./tls-types.ts";

export const SLOT = 2048; // bytes of one slot
export const HEAD = 128; // where a packet that was read begins: headroom for ESP, UDP, L2TP and PPP headers
export const TAIL = 64; // kept free behind it for padding, trailer and ICV: the longest packet is SLOT - HEAD - TAIL
export const META = 4; // 32-bit words a slot in Ring.meta
export const OFF = 0; // byte offset of the packet in Ring.mem
export const LEN = 1; // its length; 0: dropped, every later stage skips the slot
export const KIND = 2; // its disposition, see Kind
export const REF = 3; // KIND tun: device id; KIND up-*: handle of the flow or call concerned (0: none)
export const ADDR = 44; // bytes a slot in Ring.addr:
//   0 family (4, 6, or 0: none)  1 unused  2..3 remote port, big endian  4..19 remote address (IPv4 in the first 4)
// 20..35 local address (IP_PKTINFO; source to send from, or zero) 36..39 interface index (LE) 40..41 local port (BE)

/** Where a datagram of udpRecv came from: an entry as in Ring.addr, and at MARK the packet's mark, big endian. */
export const FROM = 48;
export const MARK = 44;

/** The next hop of a slot. 0: dropped. */
export const Kind = {
  none: 0,
  // after tx(): which socket it leaves by
  udp4500: 1, // ESP in UDP
  raw50: 2, // ESP over IP
  udp1701: 3, // L2TP in the clear
  // after rx(): who gets it
  tun: 10, // an IP packet for device REF
  upIke: 11, // from 4500 behind the non-ESP marker (already stripped)
  upL2tp: 12, // an L2TP datagram for the control plane: REF flow; ADDR's ports are the inner UDP ports; 0 flow = clear
  upFrame: 13, // a PPP frame that is no IP packet: REF call; [OFF, LEN] from the PPP address/protocol field on
  upIp: 15, // an IP packet on its way out through a call that asks for everything: REF call
  upData: 14, // an L2TP data message with Ns, or of a call that asks for everything: REF call; from the L2TP header on
  truncated: 16, // after read*(): LEN is 0, the packet was longer than a slot; rx() and tx() count it
} as const;

/** n packets in one ArrayBuffer: mem, then meta, then addr. Make rings with Native.ring. */
export interface Ring {
  readonly slots: number;
  readonly mem: Uint8Array;
  readonly meta: Uint32Array;
  readonly addr: Uint8Array;
}

export interface UdpOptions {
  readonly reuse?: boolean;
  readonly offload?: boolean;
  readonly buffer?: number; // bytes of each of the kernel's queues; 0 as it is
}
export interface SaParams {
  readonly spi: number;
  readonly cipher: string; // dataplane.ts EspCipher
  readonly integ: string; // dataplane.ts EspInteg
  readonly encr: Uint8Array; // key, for AEAD key || 4-byte salt
  readonly integKey: Uint8Array;
  readonly flow: number; // handle of the flow it belongs to
  readonly hardBytes: number; // 0 none
  readonly hardPackets: number; // 0 none
  readonly window: number; // anti-replay window in packets, inbound only; a multiple of 32, 1024 when 0
}
export interface SaCounters {
  readonly packets: number;
  readonly bytes: number; // of the inner UDP datagrams
  readonly seq: number; // last sent, or highest received
}
/** How a flow's packets leave: outer addresses, encapsulation. Addresses are 4 or 16 bytes, equal in length. */
export interface FlowParams {
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  readonly localPort: number; // 4500, 1701 ...
  readonly remotePort: number;
  readonly encap: "udp" | "esp" | "clear";
}
/** One L2TP call on the fast path. */
export interface CallParams {
  readonly flow: number;
  readonly dev: number; // device id for inbound IP packets
  readonly localTunnel: number;
  readonly localCall: number;
  readonly peerTunnel: number;
  readonly peerCall: number; // 0: not known yet, nothing is sent
  readonly innerLocalPort: number; // UDP ports inside ESP; equal to the flow's in the clear
  readonly innerRemotePort: number;
  // 0 to 4 bytes in front of an IPv4 packet, e.g. ff 03 00 21; with 57 at the end for IPv6
  readonly pppHeader: Uint8Array;
  readonly ip: boolean; // IPCP is open: IP packets pass; otherwise they are dropped by name
  readonly ip6: boolean; // IPV6CP is open: IPv6 packets pass; otherwise those of the peer go up whole
  readonly sequencing: boolean; // stamp Ns (starting at 0) on what we send
  // every packet visits TypeScript, both ways: data messages as they are (upData), IP packets of the host after
  // clamping (upIp)
  readonly allUp: boolean;
  readonly passes: number; // without allUp: IP packets of the host that are longer go up all the same (upIp); 0: none
  readonly clampMss: number; // largest TCP MSS for IPv4 let through in SYNs both ways (20 less for IPv6), 0 none
  readonly checkSource: boolean; // inbound IP sources must route back to this call (a server's users)
  // rx() answers LCP Echo-Requests of up to this many bytes with this magic number (RFC 1661 §5.8); 0: none. All other
  // LCP goes to the control plane, and so does a request with our own non-zero magic number.
  readonly echoLongest: number;
  readonly echoMagic: number;
}

/** Names of the fast path's drops, in the order of FastPath.drops(). */
export const DROPS = [
  "esp.unknown-spi",
  "esp.short",
  "esp.auth",
  "esp.replay",
  "esp.padding",
  "esp.next-header",
  "esp.limit",
  "esp.outer-mismatch",
  "esp.seq-exhausted",
  "udp.short",
  "udp.port",
  "l2tp.bad-header",
  "l2tp.unknown-call",
  "l2tp.wrong-flow",
  "ppp.short",
  "ip.no-session",
  "ip.not-open",
  "ip.spoofed",
  "ip.bad",
  "ip.too-big",
  "tx.no-sa",
  "tx.no-peer",
  "tx.socket-full",
  "tx.error",
  "tun.full",
  "tun.error",
  "rx.truncated",
  "nat.keepalive",
  "rate.in",
  "rate.out",
] as const;

/**
 * The table of flows, SAs, calls and routes, and the batch work on it. Handles are small positive integers; a handle
 * that was removed is a RangeError. The TypeScript reference implements the same interface.
 */
export interface FastPath {
  addFlow(p: FlowParams): number;
  setFlow(flow: number, p: FlowParams): void;
  removeFlow(flow: number): void; // remove its SAs and calls first
  addSaIn(p: SaParams): number;
  addSaOut(p: SaParams): number;
  /** Selects the flow's outbound SA; 0: none, its packets are dropped (tx.no-sa). */
  setFlowSa(flow: number, saOut: number): void;
  removeSa(sa: number): void; // wipes the keys
  saCounters(sa: number): SaCounters;
  addCall(p: CallParams): number;
  setCall(call: number, p: CallParams): void; // keeps counters and sequence numbers
  removeCall(call: number): void; // remove its routes first
  /** [rx packets, rx bytes, tx packets, tx bytes] of IP packets. */
  callCounters(call: number): readonly [number, number, number, number];
  /** Number of Echo-Requests answered, and milliseconds since the last one, 0 when there was none. */
  callEchoes(call: number): { readonly answered: number; readonly agoMs: number };
  /** Bytes of IP a second from the peer and to it, 0: any; others are dropped (rate.in, rate.out) by the library. */
  setCallRate(call: number, from: number, to: number): void;
  /** Outbound IP lookup of a device: longest prefix first. `length` in bits. Client links use 0.0.0.0/0 and ::/0. */
  // 4 or 16 bytes; host bits 0; RangeError when there already
  addRoute(dev: number, prefix: Uint8Array, length: number, call: number): void;
  removeRoute(dev: number, prefix: Uint8Array, length: number): void;
  /**
   * Names the descriptor that packets of a Kind leave by, null: none. `ref`: the device id for Kind.tun; a socket's
   * family, 4 or 6, for Kind.udp4500, raw50 and udp1701. Closing the descriptor takes it back.
   */
  setExit(kind: number, ref: number, fd: number | null): void;
  exit(kind: number, ref: number): number | null;
  /**
   * Slots 0..n-1 hold IP packets of `dev`. Each is looked up, clamped, stamped (PPP, L2TP, UDP), sealed; its KIND says
   * by which socket it leaves, its addr entry where to. Returns how many are left, without those that go up (upIp).
   */
  tx(dev: number, ring: Ring, n: number): number;
  /** Slots hold whole PPP frames (from the PPP header on) for one call: L2TP header, UDP header, sealed. */
  txFrames(call: number, ring: Ring, n: number): number;
  /** Slots hold UDP payloads (L2TP control messages) for a flow: UDP header with these inner ports, sealed. */
  txControl(flow: number, localPort: number, remotePort: number, ring: Ring, n: number): number;
  /**
   * Slots hold datagrams as read from one socket; afterwards KIND and REF say where they go. `origin`: "udp4500" strips
   * markers and keepalives, "raw50" expects ESP from its header on (readRaw has removed the IPv4 header), "udp1701" is
   * L2TP in the clear. Returns how many want the control plane (KIND up*). An LCP Echo-Request that was answered has
   * become its answer, as after txFrames(), for the socket that it came from.
   */
  rx(origin: Origin, ring: Ring, n: number): number;
  /**
   * The last authenticated packet of a flow whose outer address or port differed from the flow's: true once per change,
   * and `into` (ADDR bytes) is filled. Poll after rx().
   */
  mapping(flow: number, into: Uint8Array): boolean;
  /** Flow handles for which mapping() has news, 0 when none; and the last unknown SPI with its sender, 0 when none. */
  nextMapping(): number;
  nextUnknownSpi(into: Uint8Array): number;
  /** One count for each name in DROPS. */
  drops(): readonly number[];
  close(): void;
}

/**
 * What receive() and transmit() return: in the lower 16 bits the slots that were filled, above how many are left to the
 * caller.
 */
export const Received = {
  slots: (received: number): number => received & 0xffff,
  wanted: (received: number): number => received >>> 16,
} as const;
export type Origin = "udp4500" | "raw50" | "udp1701";

export interface Watcher {
  stop(): void;
}

/** One packet after the other in one stream (RFC 1979). At most 65,535 bytes each. */
export interface Deflater {
  /** Bytes in `into`, without the 00 00 ff ff that ends each; -1: they do not fit, but the packet is in the history. */
  deflate(data: Uint8Array, into: Uint8Array): number;
  reset(): void;
  close(): void;
}
export interface Inflater {
  /** -1: broken, or longer than `into`: nothing that follows makes sense before a reset. */
  inflate(data: Uint8Array, into: Uint8Array): number;
  /** Adds a packet received uncompressed to the history; false: the stream is broken. */
  take(data: Uint8Array): boolean;
  reset(): void;
  close(): void;
}

/** Tunnel and Call IDs of one L2TP call, all non-zero. */
export interface L2tpIds {
  readonly localTunnel: number;
  readonly localCall: number;
  readonly peerTunnel: number;
  readonly peerCall: number;
}

/** How libcrypto makes a signature; an ECDSA signature is DER. */
export type PkiForm = "pkcs1" | "pss" | "ecdsa" | "eddsa";
/** A private key in libcrypto. */
export interface PkiKey {
  /** `hash`: "sha256" and the like, "": the data is signed as it is. Null: the key does not fit. */
  sign(form: PkiForm, hash: string, data: Uint8Array): Uint8Array | null;
  close(): void;
}
/** CAs and their CRLs in libcrypto. */
export interface PkiStore {
  /** DER. False: libcrypto cannot read it. */
  add(cert: Uint8Array): boolean;
  /** How many CRLs the text (PEM) has; -1: one of them cannot be read. */
  addCrls(pem: Uint8Array): number;
  /**
   * `chain`: DER. `seconds` since 1970; -1: no date is looked at. `level`: OpenSSL's security level (2: RSA keys from
   * 2048 bits). Null: trusted. `error`: an X509_V_ERR_*, or NOT_CA; `depth`: which certificate, 0 is the peer's own.
   */
  validate(
    chain: readonly Uint8Array[],
    seconds: number,
    level: number,
  ): { readonly error: number; readonly depth: number } | null;
  close(): void;
}
export interface PkiLibrary {
  /** A sentence where the key (PEM) is no good or not that of the certificate (DER; empty: of any). */
  key(pem: Uint8Array, cert: Uint8Array): PkiKey | string;
  /** With the public key of a certificate (DER). */
  verify(cert: Uint8Array, form: PkiForm, hash: string, data: Uint8Array, signature: Uint8Array): boolean;
  /** Null: no memory. */
  store(): PkiStore | null;
  /** A new private key (PKCS #8 in PEM): rsa2048, rsa3072, rsa4096, ecp256, ecp384, ecp521, ed25519, ed448. */
  generate(kind: string): Uint8Array | null;
  /** The SubjectPublicKeyInfo (DER) of a private key (PEM). */
  publicKey(pem: Uint8Array): Uint8Array | null;
  /** Key (PEM) and certificates (DER, its own first) in one file under a password. */
  pkcs12(password: string, name: string, pem: Uint8Array, certs: readonly Uint8Array[]): Uint8Array | null;
  /** PEM of the key, its certificate and the others; null: wrong password, or no such file. */
  fromPkcs12(file: Uint8Array, password: string): Uint8Array | null;
}

export interface Native {
  readonly version: string;
  /** OpenSSL's version text, or null when the library has no libcrypto: then fastPath() returns null. */
  readonly crypto: string | null;
  /**
   * Constants from the kernel's and libc's own headers: "SOL_SOCKET", "SO_MARK", "IP_MTU_DISCOVER", "TUNSETIFF",
   * "RTM_NEWADDR" ...
   */
  readonly constants: Readonly<Record<string, number>>;
  ring(slots: number): Ring; // 1 to 256
  fastPath(): FastPath | null;
  /**
   * "%d" in the name as the kernel does. Returns the real name. Non-blocking, IFF_NO_PI. "offload": a TUN that takes
   * and gives super-packets of TCP, and of UDP from Linux 6.2 on; readTun and writeTun show the packets one by one.
   */
  tunOpen(name: string, kind: "tun" | "tap" | "offload"): { readonly fd: number; readonly name: string };
  /**
   * Bound, non-blocking, IP_PKTINFO on; address 4 or 16 bytes (all zero: any); IPv6 sockets are V6ONLY. `offload`:
   * datagrams of one flow go to the kernel and come from it together, where it can (UDP_SEGMENT, UDP_GRO).
   */
  udpOpen(address: Uint8Array, port: number, options?: UdpOptions): number;
  rawOpen(family: 4 | 6, protocol: number, address: Uint8Array): number;
  /** Of a raw socket of protocol 50: ESP under SPIs from 2^31 on (the kernel's own) is not queued from now on. */
  rawHide(fd: number, family: 4 | 6): void;
  netlinkOpen(protocol: number, groups: number): number;
  socketPort(fd: number): number;
  /** Closes a descriptor opened here, and stops its watcher. */
  close(fd: number): void;
  /**
   * Level-triggered; one call into JavaScript per wake. The process stays alive while a watcher runs. EEXIST: one a
   * descriptor.
   */
  watch(fd: number, readable: () => void): Watcher;
  /**
   * `held`: what was read last had no room in the ring, and the next read hands it out: ask when the ring was full, for
   * the descriptor may not be readable. `refused`: since this was asked the kernel or the card would not segment a
   * message (a path with a smaller MTU, a card without checksums); it went out one by one.
   */
  offload(fd: number): { readonly held: boolean; readonly refused: boolean };
  /**
   * readUdp() or readRaw(), rx() of what came; what that answered leaves by the same socket, and IP packets by the
   * exits of their TUNs (without one: dropped, tun.error). See Received. Throws what reading throws.
   */
  receive(fd: number, origin: Origin, ring: Ring, fp: FastPath): number;
  /**
   * As watch(), and receive() comes first: `readable` is called with its result (-1: reading failed, and the error is
   * gone), and not at all where nothing is left to do: only Echo-Requests, keepalives and drops came. The ring is kept.
   */
  watchReceived(fd: number, origin: Origin, ring: Ring, fp: FastPath, readable: (received: number) => void): Watcher;
  /**
   * readTun(), tx() of what came, and that leaves by the sockets' exits: see Received. Left to the caller are the
   * packets that go up (Kind.upIp) and, where a socket has no exit, all that tx() made, for writeUdp() and writeRaw().
   * One is left more than there is when offload().refused wants to be asked. Throws what reading throws.
   */
  transmit(fd: number, dev: number, ring: Ring, fp: FastPath): number;
  /** As watch(), and transmit() comes first: `readable` is called with its result as in watchReceived(). */
  watchTransmitted(fd: number, dev: number, ring: Ring, fp: FastPath, readable: (sent: number) => void): Watcher;
  /** As many as fit, at most ring.slots; 0: nothing there. Fills OFF and LEN (KIND, REF = 0). */
  readTun(fd: number, ring: Ring): number;
  readUdp(fd: number, ring: Ring): number;
  readRaw(fd: number, ring: Ring): number;
  /**
   * Writes the slots below n whose KIND is `kind` (and, for tun, whose REF is `ref`; for sockets, whose ADDR family is
   * the socket's). Returns how many went; the rest is counted on the fast path's drops when one is given. ADDR's
   * interface index only matters for IPv6 link-local addresses. Headers in the ring may be changed by it.
   */
  writeTun(fd: number, ring: Ring, n: number, ref: number, fp: FastPath | null): number;
  writeUdp(fd: number, ring: Ring, n: number, kind: number, fp: FastPath | null): number;
  writeRaw(fd: number, ring: Ring, n: number, kind: number, fp: FastPath | null): number;
  /** send(2) and recv(2) for netlink and other datagram sockets. recv: bytes read, -1 when nothing is queued. */
  send(fd: number, data: Uint8Array): number;
  recv(fd: number, into: Uint8Array): number;
  getsockopt(fd: number, level: number, name: number, into: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): void;
  /**
   * Requests whose argument is a plain struct of at most 1024 bytes; `data` is read and written. Never one that holds
   * pointers.
   */
  ioctl(fd: number, request: number, data: Uint8Array): number;
  /**
   * A serial line, for us alone: raw, 8N1, carrier not waited for. close() throws away what is queued, drops DTR,
   * restores the settings and removes the lock file (`lockFile` "": none; LCK..NAME where `device` is a link to NAME;
   * one whose process is gone is replaced). EBUSY: somebody holds it; ENOTTY: no serial line; EINVAL: a rate that the
   * system does not have.
   */
  serialOpen(device: string, lockFile: string, baud: number, flow: "none" | "rtscts" | "xonxoff"): number;
  /** 0: the line is gone (hang-up); -1: nothing to read. */
  serialRead(fd: number, into: Uint8Array): number;
  /** How many bytes of data[from...] the kernel took. */
  serialWrite(fd: number, data: Uint8Array, from: number): number;
  /** Null on a line without modem control signals (ptys). */
  serialLines(
    fd: number,
  ): { readonly carrier: boolean; readonly dsr: boolean; readonly cts: boolean; readonly ring: boolean } | null;
  serialDtr(fd: number, on: boolean): void;
  serialBreak(fd: number, on: boolean): void;
  /** Bytes still in the kernel's output queue. */
  serialQueued(fd: number): number;
  /** Connects a socket of udpOpen: it sends to this address and receives only from there. */
  udpConnect(fd: number, address: Uint8Array, port: number): void;
  /** One datagram; -1: nothing there. `from` has FROM bytes; the mark is only there after SO_RCVMARK. */
  udpRecv(fd: number, into: Uint8Array, from: Uint8Array): number;
  /**
   * The kernel's own L2TP (RFC 2661) on a connected UDP socket, whose control messages stay on the socket. Ends with
   * its descriptor. EAFNOSUPPORT, EPROTONOSUPPORT: the kernel has none.
   */
  l2tpTunnel(udp: number, address: Uint8Array, port: number, localTunnel: number, peerTunnel: number): number;
  /** A call in that tunnel: a socket, whose options are PPPOL2TP_SO_*. ENOENT: no such tunnel. */
  l2tpCall(address: Uint8Array, port: number, ids: L2tpIds): number;
  /**
   * The PPP channel of a call. pppRead and pppWrite carry whole frames from the protocol field on (two bytes): LCP and
   * authentication, and everything while no unit is connected (PPPIOCCONNECT).
   */
  pppChannel(call: number): number;
  /** An unattached /dev/ppp descriptor, from which rtnetlink creates a netdev. */
  pppOpen(): number;
  /** 0: the channel or unit it was attached to is gone; -1: nothing to read. */
  pppRead(fd: number, into: Uint8Array): number;
  pppWrite(fd: number, data: Uint8Array): void;
  /**
   * Which network packets a unit lets pass, either way: a classic BPF program (struct sock_filter, host byte order).
   * EINVAL: no program; ENOTTY: the kernel cannot (CONFIG_PPP_FILTER).
   */
  pppFilter(unit: number, program: Uint8Array): void;
  /** A raw deflate stream of 2^window bytes of history (9 to 15), for packets; null without zlib (libz.so.1). */
  deflater(window: number): Deflater | null;
  inflater(window: number): Inflater | null;
  /** Null without libssl (libssl.so.3); a sentence where one of the PEM texts is no good. */
  tlsClient(params: TlsParams): TlsClient | string | null;
  tlsStream(params: TlsParams): TlsStream | string | null;
  /** Null without libcrypto. */
  pki(): PkiLibrary | null;
  /**
   * Makes sure that this is the only process in its network namespace that asks for `prefix`, for as long as `fd` is
   * open: a lock on the file PREFIX.NAMESPACE.lock, 0600, which ends with the process. `path`: the file; only its
   * holder may remove it. With `fd` -1 another process has it: `holder`, 0 when its number means nothing here. Throws
   * EACCES, ENOENT, EPERM (not our file) ...
   */
  lockOpen(prefix: string): { readonly fd: number; readonly path: string; readonly holder: number };
  /** No core files of this process, and no ptrace by its own user: its memory holds keys. */
  noDumps(): void;
  /** Lets this process have as many descriptors as it may, 32768 at the most. */
  manyFiles(): void;
  /** Path MTU and source address towards `remote` as the kernel routes today (a connected throw-away socket). */
  probePath(remote: Uint8Array): { readonly local: Uint8Array; readonly mtu: number; readonly ifindex: number };
}
