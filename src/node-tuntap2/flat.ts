// What the loaded library looks like: numbers, strings and typed arrays, so that a binding for another engine is a dull
// list. A ring is one ArrayBuffer (types.ts describes its three parts); the library never keeps a pointer into it.

export interface Flat {
  readonly version: string;
  readonly crypto: string | null;
  readonly constants: Readonly<Record<string, number>>;
  readonly dropCount: number;

  tunOpen(name: Uint8Array, tap: number): number; // name: 16 bytes, in and out
  udpOpen(address: Uint8Array, port: number, reuse: number, buffer: number): number;
  rawOpen(family: number, protocol: number, address: Uint8Array): number;
  netlinkOpen(protocol: number, groups: number): number;
  socketPort(fd: number): number;
  close(fd: number): void;
  watch(fd: number, readable: () => void): number;
  unwatch(watcher: number): void;
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
  // path: 160 bytes, filled up to a zero; holder: BE u32
  lockOpen(prefix: string, path: Uint8Array, holder: Uint8Array): number;
  // into: 16 bytes of address, interface index (BE u32); the MTU
  probePath(remote: Uint8Array, into: Uint8Array): number;

  serialOpen(device: string, lockFile: string, baud: number, flow: number): number; // flow: none rtscts xonxoff; lockFile "": none
  serialRead(fd: number, into: Uint8Array): number; // 0: the line is gone, -1: nothing there
  serialWrite(fd: number, data: Uint8Array, from: number): number; // how much of data[from...] the kernel took
  serialLines(fd: number): number; // bits: carrier 1, DSR 2, CTS 4, RING 8; -1: the line has none
  serialSet(fd: number, what: number, on: number): void; // what: 0 DTR, 1 break
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

  // Primitives, from libcrypto: RangeError without it, for a wrong length, and for more than 1 MiB.
  cryptoRandom(into: Uint8Array): void;
  cryptoHash(name: string, keyed: number, key: Uint8Array, data: Uint8Array, into: Uint8Array): void; // keyed: HMAC
  cryptoCbc(encrypt: number, cipher: string, key: Uint8Array, iv: Uint8Array, data: Uint8Array, into: Uint8Array): void;
  cryptoAead(
    seal: number,
    cipher: string,
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    data: Uint8Array,
    into: Uint8Array,
  ): number; // 0: the tag does not fit
  cryptoDhNew(group: string, secret: Uint8Array, publicValue: Uint8Array): void; // both are filled
  cryptoDhShared(group: string, secret: Uint8Array, peer: Uint8Array, into: Uint8Array): number; // 0: not acceptable

  // zlib's raw streams, a packet at a time. At most 65,535 bytes each.
  zNew(inflate: number, window: number): number; // window: 9 to 15; 0: no zlib
  zClose(stream: number): void;
  zReset(stream: number): void;
  zRun(stream: number, data: Uint8Array, into: Uint8Array): number; // -1: see native/deflate.h
  zTake(stream: number, data: Uint8Array): number; // of an inflating one; 0: broken

  // A TLS client in memory, from libssl. At most 256 KiB each.
  tlsNew(ca: Uint8Array, cert: Uint8Array, key: Uint8Array, serverName: string, why: Uint8Array): number; // 0: no libssl; -n: bytes in `why`, of 200
  tlsClose(tls: number): void;
  tlsStep(tls: number, data: Uint8Array): number; // native/tls.h: enum tt_tls_state
  tlsOutput(tls: number, into: Uint8Array): number;
  tlsWhy(tls: number, into: Uint8Array): number; // into: 200 bytes
  tlsVersion(tls: number): number;
  tlsExport(tls: number, label: string, context: Uint8Array, into: Uint8Array): number; // 0: too early

  fpNew(): number; // 0: no libcrypto
  fpClose(fp: number): void;
  fpFlow(
    fp: number,
    flow: number,
    local: Uint8Array,
    remote: Uint8Array,
    localPort: number,
    remotePort: number,
    encap: number,
  ): number; // flow 0: a new one
  fpRemoveFlow(fp: number, flow: number): void;
  fpAddSa(
    fp: number,
    inbound: number,
    spi: number,
    cipher: string,
    integ: string,
    encr: Uint8Array,
    integKey: Uint8Array,
    flow: number,
    hardBytes: number,
    hardPackets: number,
    window: number,
  ): number;
  fpSetFlowSa(fp: number, flow: number, sa: number): void;
  fpRemoveSa(fp: number, sa: number): void;
  fpSaCounters(fp: number, sa: number, into: Float64Array): void; // 3
  /**
   * values: flow dev localTunnel localCall peerTunnel peerCall innerLocalPort innerRemotePort ip ip6 sequencing allUp
   * clampMss checkSource
   */
  fpCall(fp: number, call: number, values: Uint32Array, pppHeader: Uint8Array): number; // call 0: a new one
  fpRemoveCall(fp: number, call: number): void;
  fpCallCounters(fp: number, call: number, into: Float64Array): void; // 4
  fpRoute(fp: number, dev: number, prefix: Uint8Array, length: number, call: number): void; // call 0: remove
  fpTx(fp: number, dev: number, ring: ArrayBuffer, n: number): number;
  fpTxFrames(fp: number, call: number, ring: ArrayBuffer, n: number): number;
  fpTxControl(fp: number, flow: number, localPort: number, remotePort: number, ring: ArrayBuffer, n: number): number;
  fpRx(fp: number, origin: number, ring: ArrayBuffer, n: number): number;
  fpMapping(fp: number, flow: number, into: Uint8Array): number;
  fpNextMapping(fp: number): number;
  fpNextUnknownSpi(fp: number, into: Uint8Array): number;
  fpDrops(fp: number, into: Float64Array): void;
}
