// What the protocols need from their environment, without any implementation. Types only.
import type { Packet } from "../core/packet.ts";
import type { Rng } from "../core/rng.ts";

/** An address (canonical text, see core/addr.ts) and a UDP port; port 0 with raw IP protocols. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export type HashName = "md5" | "sha1" | "sha256" | "sha384" | "sha512";
export type BlockCipherName = "aes" | "camellia" | "3des";
export type AeadName = "aes-gcm" | "chacha20-poly1305";
/** Diffie-Hellman groups by their IKE names. */
export type DhGroupName =
  | "modp1024"
  | "modp1536"
  | "modp2048"
  | "modp3072"
  | "modp4096"
  | "modp6144"
  | "modp8192"
  | "modp2048s256"
  | "ecp256"
  | "ecp384"
  | "ecp521"
  | "x25519"
  | "x448";
/** Key encapsulation mechanisms by their IKE names, FIPS 203. */
export type KemName = "mlkem512" | "mlkem768" | "mlkem1024";
/** Whatever two sides agree on a secret with. */
export type KeName = DhGroupName | KemName;

/** One half of a key exchange. The private half lives inside and dies with it. */
export interface DhKey {
  /** On the wire: MODP left-padded to the modulus, ECP x|y without a prefix (RFC 5903), x25519 32 bytes, x448 56. */
  readonly publicValue: Uint8Array;
  /**
   * The shared secret in wire form (ECP: x only), or null when the peer's value is not acceptable (0, 1, p-1, off the
   * curve, wrong length).
   */
  shared(peer: Uint8Array): Uint8Array | null;
}

/** Cryptographic primitives, synchronous. Wrong key or IV lengths are our own mistake and throw RangeError. */
export interface Crypto extends Rng {
  hash(name: HashName, parts: readonly Uint8Array[]): Uint8Array;
  hmac(name: HashName, key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array;
  /**
   * CBC without padding: `data` must be a multiple of the block; key 16, 24 or 32 bytes (aes, camellia), 24 (3des). A
   * new array.
   */
  cbcEncrypt(cipher: BlockCipherName, key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array;
  cbcDecrypt(cipher: BlockCipherName, key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array;
  /**
   * AEAD (RFC 5116): ciphertext with the 16-byte tag behind it. Nonce 12 bytes; key 16, 24, 32 (AES-GCM) or 32
   * (ChaCha20-Poly1305).
   */
  aeadSeal(name: AeadName, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array;
  /** Null when the tag does not fit. */
  aeadOpen(name: AeadName, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | null;
  /** Single DES, one block, 8-byte key with parity bits ignored: MS-CHAP only (RFC 2433, 2759). */
  desBlock(key: Uint8Array, block: Uint8Array): Uint8Array;
  dh(group: DhGroupName): DhKey;
  /** Whether it is here: not every libcrypto has the KEMs (OpenSSL 3.5) and x448. What is not throws RangeError. */
  has(name: KeName): boolean;
  /** A key pair: what shared() takes is the peer's ciphertext, null for one of a wrong length. */
  kem(name: KemName): DhKey;
  /** Null: the peer's public value is of a wrong length, or not reduced by the modulus (FIPS 203 §7.2). */
  encapsulate(name: KemName, peer: Uint8Array): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array } | null;
}

/**
 * PPP frames without flags or FCS, with or without address and control field. Over L2TP, HDLC serial, or a kernel
 * channel. The owner sets onFrame and onDown before the first frame can arrive.
 */
export interface FrameChannel {
  readonly name: string;
  /** Largest PPP information field the path carries without fragmenting below, in bytes; LCP offers no more. */
  readonly mru: number;
  /** Takes over `frame`: the channel may use its headroom and tailroom; the caller does not touch it again. */
  send(frame: Packet): void;
  /** `frame` is only valid during the call. */
  onFrame: (frame: Packet) => void;
  onDown: (why: string) => void;
  /** What LCP agreed on; the HDLC framer, the fast path and the kernel channel need it. */
  configure(link: LinkOptions): void;
  /**
   * What network packets go through on this channel; null: nothing, as before. Only where each of them visits
   * TypeScript: a channel without it is never offered compression.
   */
  setCoding?(coding: DataCoding | null): void;
  /** A network packet that does not come from a netdev of ours, through the coding. Absent with setCoding(). */
  sendPacket?(protocol: number, packet: Packet): void;
  /**
   * Of a bundle of channels: a fragment for this one, which is not coded again, and a packet out of fragments that came
   * by several. Absent: it is in no bundle with others.
   */
  sendCoded?(protocol: number, packet: Packet): void;
  receiveDecoded?(protocol: number, packet: Packet): void;
  /**
   * `tap` sees every frame, as nothing is compressed or encrypted in it; null: nobody looks. While one looks, packets
   * that otherwise pass beside us visit us. Absent: they cannot.
   */
  setTap?(tap: FrameTap | null): void;
  /** All frames so far. Absent: not a serial line, so no link quality reports and no FCS. */
  counts?(): LineCounts;
  /**
   * Packets of the peer so far, those that pass beside us included: a number that grows is a sign of life. Absent: all
   * visit us.
   */
  received?(): number;
  /**
   * LCP Echo-Requests of the peer that the channel answered by itself, as LinkOptions.echo allows, and how long ago the
   * last one was. Absent: none, they visit us.
   */
  echoes?(): { readonly answered: number; readonly agoMs: number };
  close(): void;
}
export type Direction = "in" | "out";
/** `frame` is only valid during the call, and not to be changed. */
export type FrameTap = (direction: Direction, frame: Uint8Array) => void;
/** As RFC 1989 §2.3 counts: whole frames with FCS and one flag each, without escapes. */
export interface LineCounts {
  readonly inPackets: number;
  readonly inOctets: number;
  readonly inErrors: number;
  readonly outPackets: number;
  readonly outOctets: number;
}
/** Takes a packet without header under its protocol number, with HEADROOM in front; valid only during the call. */
export type PacketSink = (protocol: number, packet: Packet) => void;
/** Compression, encryption and fragments of a channel's network packets, both directions. */
export interface DataCoding {
  /**
   * A packet on its way out, changed in place, with HEADROOM in front: `out` gets what goes over the channel for it;
   * nothing where it is dropped, and counted.
   */
  encode(protocol: number, packet: Packet, out: PacketSink): void;
  /**
   * What came under `protocol`, without header but with HEADROOM in front: `out` gets what has become of it, no packet
   * or several.
   */
  decode(protocol: number, packet: Packet, out: PacketSink): void;
  /** IP packets up to this many bytes need not visit, either way; 0: all do. */
  readonly passes: number;
  /** A frame was lost on the line. */
  lost(): void;
}
/** zlib's raw streams for packets (RFC 1979); the words are those of node-tuntap2. */
export interface Zlib {
  deflater(
    window: number,
  ): { deflate(data: Uint8Array, into: Uint8Array): number; reset(): void; close(): void } | null;
  inflater(window: number): {
    inflate(data: Uint8Array, into: Uint8Array): number;
    take(data: Uint8Array): boolean;
    reset(): void;
    close(): void;
  } | null;
}
export type TlsState = "going" | "done" | "confirmed" | "distrust" | "alert" | "broken";
interface Tls {
  step(data: Uint8Array): TlsState;
  output(): Uint8Array;
  why(): string;
  close(): void;
}
/** TLS clients over memory; the words are those of node-tuntap2. */
export interface TlsStream extends Tls {
  read(into: Uint8Array): number;
  write(data: Uint8Array): boolean;
}
export interface TlsClient extends Tls {
  version(): "1.2" | "1.3";
  export(label: string, context: Uint8Array, length: number): Uint8Array | null;
}
export interface TlsParams {
  readonly ca: Uint8Array;
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  readonly serverName: string | null;
}
/** Null: this machine has no TLS library; a sentence: one of the texts (PEM) is no good. */
export interface TlsClients {
  tlsClient(params: TlsParams): TlsClient | string | null;
}
export interface TlsStreams {
  tlsStream(params: TlsParams): TlsStream | string | null;
}
export interface LinkOptions {
  /** Async control character maps, RFC 1662 §7; 0 over L2TP. */
  readonly sendAccm: number;
  readonly recvAccm: number;
  /** Protocol and address-and-control field compression that we may use when sending. */
  readonly pfc: boolean;
  readonly acfc: boolean;
  /** The peer wants FCS-32 on what we send it (RFC 1570 §2.1); on lines only. */
  readonly sendFcs32?: boolean;
  /** The peer's MRU: the largest information field we may send. */
  readonly mtu: number;
  /**
   * LCP is open: the channel may answer Echo-Requests of at most `longest` bytes with our magic number, but for those
   * that carry it (RFC 1661 §5.8). Absent: it may not.
   */
  readonly echo?: { readonly magic: number; readonly longest: number };
}

/** Files, names and the environment, as the layers above the protocols need them. */
export interface Host {
  readFile(path: string): string;
  env(name: string): string | undefined;
  /** Numeric addresses of a host name, best first; an address is its own answer. Rejects with a sentence. */
  resolve(name: string): Promise<string[]>;
  /** The machine's name, for the L2TP Host Name AVP. */
  hostname(): string;
  /** Wall clock in milliseconds since 1970: for people's eyes (`since`), never for timers. */
  wallClock(): number;
  /** Minutes that the local clock is ahead of UTC now, for times of the day; without it they are UTC. */
  localOffset?(): number;
}

/** UDP sockets of the control plane. Datagrams arrive outside of any scope. */
export interface Udp {
  /**
   * From an ephemeral port to one address, which alone is heard. send() is fire and forget. `onError`: "ECONNREFUSED"
   * and the like by ICMP, which anybody can send: a hint. Throws SystemError.
   */
  connect(to: Endpoint, onDatagram: (data: Uint8Array) => void, onError?: (errno: string) => void): UdpSocket;
  /** On every address; `answer` goes to where the datagram came from. Throws SystemError. */
  listen(
    port: number,
    onDatagram: (data: Uint8Array, from: Endpoint, answer: (data: Uint8Array) => void) => void,
  ): {
    close(): void;
  };
}
export interface UdpSocket {
  send(data: Uint8Array): void;
  close(): void;
}
/** TCP of the control plane. Events arrive outside of any scope, none inside a call, and none after close(). */
export interface Tcp {
  /** What fails is an end. A peer that leaves 1 MiB unread is cut off. */
  dial(to: Endpoint, on: TcpEvents): TcpStream;
}
export interface TcpEvents {
  open(): void;
  /** The chunk is valid during the call only. */
  data(chunk: Uint8Array): void;
  /** Once. `errno`: why it did not open, such as "ECONNREFUSED"; "": the peer closed it, or it broke. */
  end(errno: string): void;
}
export interface TcpStream {
  /** Takes over `data`; from open() on. */
  send(data: Uint8Array): void;
  /** After what was sent has left. */
  close(): void;
}
/** A few lines on a disk, which outlive the process. What cannot be written is not there at the next start. */
export interface Journal {
  /** None where there is no file. */
  read(): readonly string[];
  append(line: string): void;
  replace(lines: readonly string[]): void;
  close(): void;
}
