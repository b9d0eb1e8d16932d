// What the tables of the reference fast path hold, and the checks of what is put into them.
import { ADDR, type CallParams, type FlowParams, Kind, META, type Ring, type SaParams, SLOT } from "node-tuntap2";
import { formatIp, type Prefix } from "../../core/addr.ts";
import { get16, get32, put32 } from "../../core/bytes.ts";
import type { ReplayWindow } from "../../core/replay.ts";
import { sameBytes } from "../../core/text.ts";
import type { EspSa } from "../../esp/sa.ts";
import { masked } from "../../packet/prefixes.ts";

export interface Flow {
  p: FlowParams;
  saOut: number;
  sas: number;
  calls: number;
  news: boolean;
  moved: Uint8Array | null; // what was reported last
}
export interface Sa {
  readonly p: SaParams;
  readonly inbound: boolean;
  readonly esp: EspSa;
  readonly window: ReplayWindow;
  seq: number;
  packets: number;
  bytes: number;
}
export interface Call {
  p: CallParams;
  routes: number;
  ns: number;
  readonly n: [number, number, number, number];
  echoes: number; // Echo-Requests answered
  echoAt: number; // when the last one was
}
/** One slot while it is worked on. */
export interface Slot {
  readonly ring: Ring;
  readonly i: number;
  readonly addr: Uint8Array;
  body: Uint8Array;
  flow: number; // 0: in the clear
  sport: number;
  dport: number;
}

const ECHO_REQUEST = 9;
const ECHO_REPLY = 10;
const ECHO_HEADER = 8;
/** With all of the PPP header: LCP comes before anything was agreed on. */
const LCP_HEADER = [0xff, 0x03, 0xc0, 0x21];

/** The frame that answers an LCP packet; null: it is no Echo-Request that is answered here (RFC 1661 §5.8). */
export function echoReply({ echoMagic, echoLongest }: CallParams, lcp: Uint8Array): Uint8Array | null {
  if (lcp.length < ECHO_HEADER || lcp[0] !== ECHO_REQUEST) return null;
  const length = get16(lcp, 2);
  if (length < ECHO_HEADER || length > lcp.length || length > echoLongest) return null;
  if (echoMagic !== 0 && get32(lcp, 4) === echoMagic) return null;
  const out = Uint8Array.of(...LCP_HEADER, ...lcp.subarray(0, length));
  out[LCP_HEADER.length] = ECHO_REPLY;
  put32(out, LCP_HEADER.length + 4, echoMagic);
  return out;
}

/** The entry of a handle; RangeError when there is none. */
export function must<T>(table: ReadonlyMap<number, T>, handle: number, what: string): T {
  const x = table.get(handle);
  if (x === undefined) throw new RangeError(`${what}: no such handle`);
  return x;
}
/** RangeError unless `n` is an integer of 0 to `max`. */
export function whole(n: number, max: number, what: string): void {
  if (!Number.isInteger(n) || n < 0 || n > max) throw new RangeError(`${what}: 0 to ${max}`);
}
/** A copy, or RangeError. */
export function checkFlow(p: FlowParams): FlowParams {
  if (p.local.length !== p.remote.length || (p.local.length !== 4 && p.local.length !== 16))
    throw new RangeError("address: must be 4 or 16 bytes");
  whole(p.localPort, 65535, "localPort");
  whole(p.remotePort, 65535, "remotePort");
  return { ...p, local: p.local.slice(), remote: p.remote.slice() };
}
export function checkPrefix(prefix: Uint8Array, length: number): Prefix {
  if (prefix.length !== 4 && prefix.length !== 16) throw new RangeError("prefix: must be 4 or 16 bytes");
  whole(length, prefix.length * 8, "route: length");
  if (!sameBytes(masked(prefix, length), prefix)) throw new RangeError("route: host bits are not 0");
  return { address: formatIp(prefix), length };
}
/** `addr`: of a ring's slot. */
export function comesFrom(f: FlowParams, addr: Uint8Array): boolean {
  return addr[0] === (f.remote.length === 4 ? 4 : 6) && sameBytes(addr.subarray(4, 4 + f.remote.length), f.remote);
}
/** Whether its lifetime in packets or bytes is over. */
export function spent(sa: Sa): boolean {
  return (sa.p.hardPackets > 0 && sa.packets >= sa.p.hardPackets) || (sa.p.hardBytes > 0 && sa.bytes >= sa.p.hardBytes);
}

/** FastPath.setExit() and exit(). */
export class Exits {
  readonly #fds = new Map<string, number>();
  set(kind: number, ref: number, fd: number | null): void {
    const socket = kind === Kind.udp4500 || kind === Kind.raw50 || kind === Kind.udp1701;
    if (kind !== Kind.tun && !(socket && (ref === 4 || ref === 6))) throw new RangeError("exit: no such kind");
    if (fd === null) this.#fds.delete(`${kind} ${ref}`);
    else this.#fds.set(`${kind} ${ref}`, fd);
  }
  get(kind: number, ref: number): number | null {
    return this.#fds.get(`${kind} ${ref}`) ?? null;
  }
}

/** Slots with a packet in them, as the library sees them. */
export function slotsOf(ring: Ring, n: number, truncated: (s: Slot) => void): Slot[] {
  const slots: Slot[] = [];
  for (let i = 0; i < n; i++) {
    const [off = 0, length = 0, kind = 0] = ring.meta.subarray(i * META, i * META + META);
    const addr = ring.addr.subarray(i * ADDR, (i + 1) * ADDR);
    const s: Slot = { ring, i, addr, body: new Uint8Array(0), flow: 0, sport: 0, dport: 0 };
    if (length > 0) {
      if (off < i * SLOT || off + length > (i + 1) * SLOT) throw new RangeError("ring: a packet lies outside its slot");
      s.body = ring.mem.subarray(off, off + length);
      slots.push(s);
    } else if (kind === Kind.truncated) truncated(s);
  }
  return slots;
}
