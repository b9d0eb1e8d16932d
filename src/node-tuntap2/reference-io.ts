// What the library does by itself with its own fast path, for one that it does not know: the reference.
import type { Flat } from "./flat.ts";
import { ADDR, type FastPath, KIND, Kind, LEN, META, type Origin, REF, type Ring } from "./types.ts";

const ANSWERS = { udp4500: Kind.udp4500, raw50: Kind.raw50, udp1701: Kind.udp1701 } as const;
const SOCKETS = Object.values(ANSWERS).flatMap((kind) => [[kind, 4] as const, [kind, 6] as const]);

export function whole(ring: Ring): ArrayBuffer {
  return ring.mem.buffer as ArrayBuffer; // the library checks that it is a ring's
}

/** -1: it threw. */
export function orLess(read: () => number): number {
  try {
    return read();
  } catch {
    return -1;
  }
}

/** receive(). */
export function receiveWith(flat: Flat, fd: number, origin: Origin, ring: Ring, fp: FastPath): number {
  const raw = origin === "raw50";
  const n = raw ? flat.readRaw(fd, whole(ring)) : flat.readUdp(fd, whole(ring));
  const wanted = fp.rx(origin, ring, n);
  const answers = ANSWERS[origin];
  for (let i = 0; i < n; i++) {
    if (ring.meta[i * META + LEN] === 0 || ring.meta[i * META + KIND] !== answers) continue;
    if (raw) flat.writeRaw(fd, whole(ring), n, answers, 0);
    else flat.writeUdp(fd, whole(ring), n, answers, 0);
    break;
  }
  for (const [ref, slots] of byRef(ring, n)) {
    const fd = fp.exit(Kind.tun, ref);
    if (fd !== null) flat.writeTun(fd, whole(ring), n, ref, 0);
    for (const i of slots) ring.meta[i * META + LEN] = 0;
  }
  return n | (wanted << 16);
}
/** Slots with IP packets for TUNs, by device. */
function byRef(ring: Ring, n: number): Map<number, number[]> {
  const out = new Map<number, number[]>();
  for (let i = 0; i < n; i++) {
    if (ring.meta[i * META + LEN] === 0 || ring.meta[i * META + KIND] !== Kind.tun) continue;
    const ref = ring.meta[i * META + REF] ?? 0;
    out.set(ref, [...(out.get(ref) ?? []), i]);
  }
  return out;
}
/** transmit(). */
export function transmitWith(flat: Flat, fd: number, dev: number, ring: Ring, fp: FastPath): number {
  const n = flat.readTun(fd, whole(ring));
  const left = fp.tx(dev, ring, n);
  let up = 0;
  for (let i = 0; i < n; i++) if (ring.meta[i * META + LEN] !== 0 && ring.meta[i * META + KIND] === Kind.upIp) up++;
  if (!covered(fp, ring, n)) return n | ((up + left) << 16);
  for (const [kind, family] of SOCKETS) {
    const to = fp.exit(kind, family);
    if (to === null) continue;
    if (kind === Kind.raw50) flat.writeRaw(to, whole(ring), n, kind, 0);
    else flat.writeUdp(to, whole(ring), n, kind, 0);
  }
  for (let i = 0; i < n; i++) if (ring.meta[i * META + KIND] !== Kind.upIp) ring.meta[i * META + LEN] = 0;
  return n | (up << 16);
}
/** Every packet has an exit. */
function covered(fp: FastPath, ring: Ring, n: number): boolean {
  for (let i = 0; i < n; i++) {
    const kind = ring.meta[i * META + KIND] ?? 0;
    if (ring.meta[i * META + LEN] === 0 || kind === Kind.upIp) continue;
    if (fp.exit(kind, ring.addr[i * ADDR] ?? 0) === null) return false;
  }
  return true;
}
