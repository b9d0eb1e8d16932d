// The nice face of the flat library. Pure TypeScript: the host loads the library and hands it in.

import type { Flat } from "./flat.ts";
import { pkiLibrary } from "./pki.ts";
import { orLess, receiveWith, transmitWith, whole } from "./reference-io.ts";
import { tlsClient, tlsStream } from "./tls.ts";
import type { CallParams, FastPath, FlowParams, Native, Origin, Ring, SaParams, Watcher } from "./types.ts";
import { ADDR, DROPS, META, SLOT } from "./types.ts";

export type { Flat } from "./flat.ts";
export * from "./types.ts";

const ORIGIN = { udp4500: 0, raw50: 1, udp1701: 2 } as const;

/** A ring of `slots` packets in memory of its own; the three views share one ArrayBuffer. */
export function newRing(slots: number): Ring {
  if (!Number.isInteger(slots) || slots < 1 || slots > 256) throw new RangeError("ring: 1 to 256 slots");
  const all = new ArrayBuffer(slots * (SLOT + META * 4 + ADDR));
  return {
    slots,
    mem: new Uint8Array(all, 0, slots * SLOT),
    meta: new Uint32Array(all, slots * SLOT, slots * META),
    addr: new Uint8Array(all, slots * (SLOT + META * 4), slots * ADDR),
  };
}

class NativeFastPath implements FastPath {
  readonly #flat: Flat;
  readonly #two = new Float64Array(2);
  readonly #three = new Float64Array(3);
  readonly #four = new Float64Array(4);
  readonly #drops = new Float64Array(DROPS.length);
  #handle: number;

  constructor(flat: Flat, handle: number) {
    this.#flat = flat;
    this.#handle = handle;
  }
  /** For writeTun and its like; 0 after close. */
  get handle(): number {
    return this.#handle;
  }
  addFlow(p: FlowParams): number {
    return this.#flat.fpFlow(this.#handle, 0, p);
  }
  setFlow(flow: number, p: FlowParams): void {
    this.#flat.fpFlow(this.#handle, existing("flow", flow), p);
  }
  removeFlow(flow: number): void {
    this.#flat.fpRemoveFlow(this.#handle, flow);
  }
  addSaIn(p: SaParams): number {
    return this.#flat.fpAddSa(this.#handle, { ...p, inbound: true });
  }
  addSaOut(p: SaParams): number {
    return this.#flat.fpAddSa(this.#handle, { ...p, inbound: false });
  }
  setFlowSa(flow: number, saOut: number): void {
    this.#flat.fpSetFlowSa(this.#handle, flow, saOut);
  }
  removeSa(sa: number): void {
    this.#flat.fpRemoveSa(this.#handle, sa);
  }
  saCounters(sa: number): { packets: number; bytes: number; seq: number } {
    this.#flat.fpSaCounters(this.#handle, sa, this.#three);
    const [packets = 0, bytes = 0, seq = 0] = this.#three;
    return { packets, bytes, seq };
  }
  addCall(p: CallParams): number {
    return this.#flat.fpCall(this.#handle, 0, p);
  }
  setCall(call: number, p: CallParams): void {
    this.#flat.fpCall(this.#handle, existing("call", call), p);
  }
  removeCall(call: number): void {
    this.#flat.fpRemoveCall(this.#handle, call);
  }
  callCounters(call: number): readonly [number, number, number, number] {
    this.#flat.fpCallCounters(this.#handle, call, this.#four);
    const [rxPackets = 0, rxBytes = 0, txPackets = 0, txBytes = 0] = this.#four;
    return [rxPackets, rxBytes, txPackets, txBytes];
  }
  callEchoes(call: number): { answered: number; agoMs: number } {
    this.#flat.fpCallEchoes(this.#handle, call, this.#two);
    const [answered = 0, agoMs = 0] = this.#two;
    return { answered, agoMs };
  }
  setCallRate(call: number, from: number, to: number): void {
    this.#flat.fpSetCallRate(this.#handle, call, from, to);
  }
  addRoute(dev: number, prefix: Uint8Array, length: number, call: number): void {
    this.#flat.fpRoute(this.#handle, dev, prefix, length, existing("call", call));
  }
  removeRoute(dev: number, prefix: Uint8Array, length: number): void {
    this.#flat.fpRoute(this.#handle, dev, prefix, length, 0);
  }
  setExit(kind: number, ref: number, fd: number | null): void {
    this.#flat.fpSetExit(this.#handle, kind, ref, fd ?? -1);
  }
  exit(kind: number, ref: number): number | null {
    const fd = this.#flat.fpExit(this.#handle, kind, ref);
    return fd < 0 ? null : fd;
  }
  tx(dev: number, ring: Ring, n: number): number {
    return this.#flat.fpTx(this.#handle, dev, whole(ring), n);
  }
  txFrames(call: number, ring: Ring, n: number): number {
    return this.#flat.fpTxFrames(this.#handle, call, whole(ring), n);
  }
  txControl(flow: number, localPort: number, remotePort: number, ring: Ring, n: number): number {
    return this.#flat.fpTxControl(this.#handle, flow, localPort, remotePort, whole(ring), n);
  }
  rx(origin: Origin, ring: Ring, n: number): number {
    return this.#flat.fpRx(this.#handle, ORIGIN[origin], whole(ring), n);
  }
  mapping(flow: number, into: Uint8Array): boolean {
    return this.#flat.fpMapping(this.#handle, flow, into) !== 0;
  }
  nextMapping(): number {
    return this.#flat.fpNextMapping(this.#handle);
  }
  nextUnknownSpi(into: Uint8Array): number {
    return this.#flat.fpNextUnknownSpi(this.#handle, into);
  }
  drops(): readonly number[] {
    this.#flat.fpDrops(this.#handle, this.#drops);
    return [...this.#drops];
  }
  close(): void {
    if (this.#handle !== 0) this.#flat.fpClose(this.#handle);
    this.#handle = 0;
  }
}

/** 0 means "a new one" to the flat functions, and is no handle here. */
function existing(what: string, handle: number): number {
  if (handle === 0) throw new RangeError(`${what}: no such handle`);
  return handle;
}

/** A fast path that is not the library's own (the reference) has no drops to count on here. */
function handleOf(fp: FastPath | null): number {
  return fp instanceof NativeFastPath ? fp.handle : 0;
}

function watcher(flat: Flat, started: number): Watcher {
  let handle = started;
  return {
    stop() {
      if (handle !== 0) flat.unwatch(handle);
      handle = 0;
    },
  };
}

function ifname(name: string): Uint8Array {
  const out = new Uint8Array(16);
  if (name.length > 15) throw new RangeError("tunOpen: a name has at most 15 bytes");
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c <= 32 || c > 126 || c === 47)
      throw new RangeError("tunOpen: a name is printable ASCII without spaces and slashes");
    out[i] = c;
  }
  return out;
}

/** The library as types.ts describes it, on top of what the host loaded. */
export function native(flat: Flat): Native {
  if (flat.dropCount !== DROPS.length)
    throw new Error("native library: built from other sources than this program; build both");
  return {
    version: flat.version,
    crypto: flat.crypto,
    constants: flat.constants,
    ring: newRing,
    fastPath() {
      const handle = flat.fpNew();
      return handle === 0 ? null : new NativeFastPath(flat, handle);
    },
    tunOpen(name, kind) {
      const b = ifname(name);
      const fd = flat.tunOpen(b, kind === "tap", kind === "offload");
      return { fd, name: String.fromCharCode(...b.subarray(0, b.indexOf(0))) };
    },
    udpOpen: (address, port, options) =>
      flat.udpOpen(address, port, options?.reuse ?? false, options?.offload ?? false, options?.buffer ?? 0),
    rawOpen: (family, protocol, address) => flat.rawOpen(family, protocol, address),
    rawHide: (fd, family) => flat.rawHide(fd, family),
    netlinkOpen: (protocol, groups) => flat.netlinkOpen(protocol, groups),
    socketPort: (fd) => flat.socketPort(fd),
    close: (fd) => flat.close(fd),
    watch: (fd, readable) => watcher(flat, flat.watch(fd, readable)),
    receive(fd, origin, ring, fp) {
      const handle = handleOf(fp);
      if (handle === 0) return receiveWith(flat, fd, origin, ring, fp);
      return flat.receive(handle, fd, ORIGIN[origin], whole(ring));
    },
    watchReceived(fd, origin, ring, fp, readable) {
      const handle = handleOf(fp);
      if (handle !== 0) return watcher(flat, flat.watchReceived(handle, fd, ORIGIN[origin], whole(ring), readable));
      return watcher(
        flat,
        flat.watch(fd, () => readable(orLess(() => receiveWith(flat, fd, origin, ring, fp)))),
      );
    },
    transmit(fd, dev, ring, fp) {
      const handle = handleOf(fp);
      if (handle === 0) return transmitWith(flat, fd, dev, ring, fp);
      return flat.transmit(handle, fd, dev, whole(ring));
    },
    watchTransmitted(fd, dev, ring, fp, readable) {
      const handle = handleOf(fp);
      if (handle !== 0) return watcher(flat, flat.watchTransmitted(handle, fd, dev, whole(ring), readable));
      return watcher(
        flat,
        flat.watch(fd, () => readable(orLess(() => transmitWith(flat, fd, dev, ring, fp)))),
      );
    },
    offload(fd) {
      const bits = flat.offload(fd);
      return { held: (bits & 1) !== 0, refused: (bits & 2) !== 0 };
    },
    readTun: (fd, ring) => flat.readTun(fd, whole(ring)),
    readUdp: (fd, ring) => flat.readUdp(fd, whole(ring)),
    readRaw: (fd, ring) => flat.readRaw(fd, whole(ring)),
    writeTun: (fd, ring, n, ref, fp) => flat.writeTun(fd, whole(ring), n, ref, handleOf(fp)),
    writeUdp: (fd, ring, n, kind, fp) => flat.writeUdp(fd, whole(ring), n, kind, handleOf(fp)),
    writeRaw: (fd, ring, n, kind, fp) => flat.writeRaw(fd, whole(ring), n, kind, handleOf(fp)),
    send: (fd, data) => flat.send(fd, data),
    recv: (fd, into) => flat.recv(fd, into),
    getsockopt: (fd, level, name, into) => flat.getsockopt(fd, level, name, into),
    setsockopt: (fd, level, name, value) => flat.setsockopt(fd, level, name, value),
    ioctl: (fd, request, data) => flat.ioctl(fd, request, data),
    serialOpen: (device, lockFile, baud, flow) => flat.serialOpen(device, lockFile, baud, flow),
    serialRead: (fd, into) => flat.serialRead(fd, into),
    serialWrite: (fd, data, from) => flat.serialWrite(fd, data, from),
    serialLines(fd) {
      const bits = flat.serialLines(fd);
      return bits < 0
        ? null
        : { carrier: (bits & 1) !== 0, dsr: (bits & 2) !== 0, cts: (bits & 4) !== 0, ring: (bits & 8) !== 0 };
    },
    serialDtr: (fd, on) => flat.serialSet(fd, "dtr", on),
    serialBreak: (fd, on) => flat.serialSet(fd, "break", on),
    serialQueued: (fd) => flat.serialQueued(fd),
    udpConnect(fd, address, port) {
      flat.udpConnect(fd, address, port);
    },
    udpRecv: (fd, into, from) => flat.udpRecv(fd, into, from),
    l2tpTunnel: (udp, address, port, localTunnel, peerTunnel) =>
      flat.l2tpOpen(udp, address, port, localTunnel, 0, peerTunnel, 0),
    l2tpCall: (address, port, i) =>
      flat.l2tpOpen(-1, address, port, i.localTunnel, i.localCall, i.peerTunnel, i.peerCall),
    pppChannel: (call) => flat.pppChannel(call),
    pppOpen: () => flat.pppOpen(),
    pppRead: (fd, into) => flat.pppRead(fd, into),
    pppFilter(unit, program) {
      flat.pppFilter(unit, program);
    },
    pppWrite(fd, data) {
      flat.pppWrite(fd, data);
    },
    deflater(window) {
      const z = flat.zNew(false, window);
      return z === 0
        ? null
        : {
            deflate: (data, into) => flat.zRun(z, data, into),
            reset: () => flat.zReset(z),
            close: () => flat.zClose(z),
          };
    },
    inflater(window) {
      const z = flat.zNew(true, window);
      if (z === 0) return null;
      return {
        inflate: (data, into) => flat.zRun(z, data, into),
        take: (data) => flat.zTake(z, data) === 1,
        reset: () => flat.zReset(z),
        close: () => flat.zClose(z),
      };
    },
    tlsClient: (params) => tlsClient(flat, params),
    tlsStream: (params) => tlsStream(flat, params),
    pki: () => pkiLibrary(flat),
    noDumps() {
      flat.noDumps();
    },
    manyFiles() {
      flat.manyFiles();
    },
    lockOpen(prefix) {
      const path = new Uint8Array(160);
      const holder = new Uint8Array(4);
      try {
        const fd = flat.lockOpen(prefix, path, holder);
        return { fd, path: String.fromCharCode(...path.subarray(0, path.indexOf(0))), holder: 0 };
      } catch (e) {
        if (!(e instanceof Error && "code" in e && e.code === "EBUSY")) throw e;
        const [a = 0, b = 0, c = 0, d = 0] = holder;
        return { fd: -1, path: "", holder: (a << 24) | (b << 16) | (c << 8) | d };
      }
    },
    probePath(remote) {
      const into = new Uint8Array(20);
      const mtu = flat.probePath(remote, into);
      const ifindex =
        (((into[16] as number) << 24) |
          ((into[17] as number) << 16) |
          ((into[18] as number) << 8) |
          (into[19] as number)) >>>
        0;
      return { local: into.slice(0, remote.length), mtu, ifindex };
    },
  };
}
