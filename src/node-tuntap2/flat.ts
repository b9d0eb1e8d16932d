// The loaded library: numbers, strings, typed arrays and objects of these, so that a binding for another engine is a
// plain list. A ring is one ArrayBuffer (types.ts describes its three parts), into which the library keeps no pointer.
import type { CallParams, FlowParams, SaParams } from "./types.ts";

export interface FlatSa extends SaParams {
  readonly inbound: boolean;
}

export interface Flat {
  readonly version: string;
  readonly crypto: string | null;
  readonly constants: Readonly<Record<string, number>>;
  readonly dropCount: number;

  tunOpen(name: Uint8Array, tap: boolean, offload: boolean): number; // name: 16 bytes, in and out
  udpOpen(address: Uint8Array, port: number, reuse: boolean, offload: boolean, buffer: number): number;
  rawOpen(family: number, protocol: number, address: Uint8Array): number;
  rawHide(fd: number, family: number): void;
  netlinkOpen(protocol: number, groups: number): number;
  socketPort(fd: number): number;
  close(fd: number): void;
  watch(fd: number, readable: () => void): number;
  unwatch(watcher: number): void;
  offload(fd: number): number; // bits: 1 something is held, 2 segments were refused since this was asked
  receive(fp: number, fd: number, origin: number, ring: ArrayBuffer): number; // types.ts Received
  watchReceived(
    fp: number,
    fd: number,
    origin: number,
    ring: ArrayBuffer,
    readable: (received: number) => void,
  ): number;
  transmit(fp: number, fd: number, dev: number, ring: ArrayBuffer): number; // types.ts Received
  watchTransmitted(fp: number, fd: number, dev: number, ring: ArrayBuffer, readable: (sent: number) => void): number;
  readTun(fd: number, ring: ArrayBuffer): number;
  readUdp(fd: number, ring: ArrayBuffer): number;
  readRaw(fd: number, ring: ArrayBuffer): number;
  writeTun(fd: number, ring: ArrayBuffer, n: number, ref: number, fp: number): number; // fp 0: none
  writeUdp(fd: number, ring: ArrayBuffer, n: number, kind: number, fp: number): number;
  writeRaw(fd: number, ring: ArrayBuffer, n: number, kind: number, fp: number): number;
  send(fd: number, data: Uint8Array): number;
  recv(fd: number, into: Uint8Array): number;
  getsockopt(fd: number, level: number, name: number, into: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): void;
  ioctl(fd: number, request: number, data: Uint8Array): number;
  noDumps(): number;
  manyFiles(): number;
  // path: 160 bytes, filled up to a zero; holder: BE u32
  lockOpen(prefix: string, path: Uint8Array, holder: Uint8Array): number;
  // into: 16 bytes of address, interface index (BE u32); the MTU
  probePath(remote: Uint8Array, into: Uint8Array): number;

  /** `flow`: none, rtscts, xonxoff; `lockFile` "": none. */
  serialOpen(device: string, lockFile: string, baud: number, flow: string): number;
  serialRead(fd: number, into: Uint8Array): number; // 0: the line is gone, -1: nothing there
  serialWrite(fd: number, data: Uint8Array, from: number): number; // how much of data[from...] the kernel took
  serialLines(fd: number): number; // bits: carrier 1, DSR 2, CTS 4, RING 8; -1: the line has none
  serialSet(fd: number, what: "dtr" | "break", on: boolean): void;
  serialQueued(fd: number): number;

  udpConnect(fd: number, address: Uint8Array, port: number): number;
  udpRecv(fd: number, into: Uint8Array, from: Uint8Array): number; // from: 48 bytes, see FROM; -1: nothing there
  l2tpOpen(
    udp: number, // -1: a call of a tunnel that is there
    address: Uint8Array,
    port: number,
    localTunnel: number,
    localCall: number, // both calls 0: the tunnel
    peerTunnel: number,
    peerCall: number,
  ): number;
  pppChannel(call: number): number;
  pppOpen(): number;
  pppRead(fd: number, into: Uint8Array): number; // 0: what it was attached to is gone, -1: nothing there
  pppWrite(fd: number, data: Uint8Array): number;
  pppFilter(unit: number, program: Uint8Array): number;

  // Primitives, from libcrypto: RangeError without it, for a wrong length, and for more than 1 MiB.
  cryptoRandom(into: Uint8Array): void;
  cryptoHash(name: string, keyed: boolean, key: Uint8Array, data: Uint8Array, into: Uint8Array): void; // keyed: HMAC
  cryptoCbc(
    encrypt: boolean,
    cipher: string,
    key: Uint8Array,
    iv: Uint8Array,
    data: Uint8Array,
    into: Uint8Array,
  ): void;
  cryptoAead(
    seal: boolean,
    cipher: string,
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    data: Uint8Array,
    into: Uint8Array,
  ): number; // 0: the tag does not fit
  cryptoDhNew(group: string, secret: Uint8Array, publicValue: Uint8Array): void; // both are filled
  cryptoDhShared(group: string, secret: Uint8Array, peer: Uint8Array, into: Uint8Array): number; // 0: not acceptable
  // ML-KEM; each is 0 where libcrypto lacks it. Both of a new pair, and what is sealed, are filled.
  kemNew(name: string, secret: Uint8Array, publicValue: Uint8Array): number;
  kemSeal(name: string, publicValue: Uint8Array, sealed: Uint8Array, into: Uint8Array): number; // 0: not acceptable
  kemOpen(name: string, secret: Uint8Array, sealed: Uint8Array, into: Uint8Array): number;

  // zlib's raw streams, a packet at a time. At most 65,535 bytes each.
  zNew(inflate: boolean, window: number): number; // window: 9 to 15; 0: no zlib
  zClose(stream: number): void;
  zReset(stream: number): void;
  zRun(stream: number, data: Uint8Array, into: Uint8Array): number; // -1: see native/deflate.h
  zTake(stream: number, data: Uint8Array): number; // of an inflating one; 0: broken

  // A TLS client in memory, from libssl. At most 256 KiB each.
  /** 0: no libssl; -n: n bytes of an explanation in `why`, which has room for 200. */
  tlsNew(
    ca: Uint8Array,
    cert: Uint8Array,
    key: Uint8Array,
    serverName: string,
    stream: boolean,
    why: Uint8Array,
  ): number;
  tlsClose(tls: number): void;
  tlsStep(tls: number, data: Uint8Array): number; // native/tls.h: enum tt_tls_state
  tlsRead(tls: number, into: Uint8Array): number; // of a stream; -1: it is over
  tlsWrite(tls: number, data: Uint8Array): number; // empty: the last word; -1: it is over
  tlsOutput(tls: number, into: Uint8Array): number;
  tlsWhy(tls: number, into: Uint8Array): number; // into: 200 bytes
  tlsVersion(tls: number): number;
  tlsExport(tls: number, label: string, context: Uint8Array, into: Uint8Array): number; // 0: too early

  // Certificates, from libcrypto; native/pki.h. At most 4 MiB each. Certificates are DER.
  pkiHave(): number; // 0: no libcrypto, and nothing below may be called
  pkiKey(pem: Uint8Array, cert: Uint8Array, why: Uint8Array): number; // below 0: as with tlsNew
  pkiKeyClose(key: number): void;
  pkiSign(key: number, form: string, hash: string, data: Uint8Array, into: Uint8Array): number; // into: 2,048 bytes
  pkiVerify(cert: Uint8Array, form: string, hash: string, data: Uint8Array, signature: Uint8Array): number;
  pkiTrust(): number; // 0: no memory
  pkiTrustClose(trust: number): void;
  pkiTrustAdd(trust: number, cert: Uint8Array): number;
  pkiTrustCrls(trust: number, pem: Uint8Array): number; // how many; -1: one cannot be read
  // Bytes written; 0: failed, or no room.
  pkiGenerate(kind: string, into: Uint8Array): number; // PEM
  pkiPublic(pem: Uint8Array, into: Uint8Array): number; // DER
  pkiPkcs12(password: string, name: string, pem: Uint8Array, certs: Uint8Array, into: Uint8Array): number;
  pkiOfPkcs12(file: Uint8Array, password: string, into: Uint8Array): number; // PEM
  pkiValidate(trust: number, chain: Uint8Array, seconds: number, level: number): number; // 0: trusted

  fpNew(): number; // 0: no libcrypto
  fpClose(fp: number): void;
  fpFlow(fp: number, flow: number, params: FlowParams): number; // flow 0: a new one
  fpRemoveFlow(fp: number, flow: number): void;
  fpAddSa(fp: number, params: FlatSa): number;
  fpSetFlowSa(fp: number, flow: number, sa: number): void;
  fpRemoveSa(fp: number, sa: number): void;
  fpSaCounters(fp: number, sa: number, into: Float64Array): void; // 3
  fpCall(fp: number, call: number, params: CallParams): number; // call 0: a new one
  fpRemoveCall(fp: number, call: number): void;
  fpCallCounters(fp: number, call: number, into: Float64Array): void; // 4
  fpCallEchoes(fp: number, call: number, into: Float64Array): void; // 2
  fpSetCallRate(fp: number, call: number, from: number, to: number): void;
  fpRoute(fp: number, dev: number, prefix: Uint8Array, length: number, call: number): void; // call 0: remove
  fpSetExit(fp: number, kind: number, ref: number, fd: number): void; // fd -1: none
  fpExit(fp: number, kind: number, ref: number): number;
  fpTx(fp: number, dev: number, ring: ArrayBuffer, n: number): number;
  fpTxFrames(fp: number, call: number, ring: ArrayBuffer, n: number): number;
  fpTxControl(fp: number, flow: number, localPort: number, remotePort: number, ring: ArrayBuffer, n: number): number;
  fpRx(fp: number, origin: number, ring: ArrayBuffer, n: number): number;
  fpMapping(fp: number, flow: number, into: Uint8Array): number;
  fpNextMapping(fp: number): number;
  fpNextUnknownSpi(fp: number, into: Uint8Array): number;
  fpDrops(fp: number, into: Float64Array): void;
}
