// What is in a slot of a Ring (see node-tuntap2): a message, and an entry of Ring.addr: remote, local and their ports.
import type { Ring } from "node-tuntap2";
import { HEAD, KIND, LEN, META, OFF } from "node-tuntap2";
import { formatIp, parseIp } from "../core/addr.ts";
import { get16, put16 } from "../core/bytes.ts";
import type { Endpoint } from "../ports/ports.ts";

export type Family = 4 | 6;

export function familyOf(address: string): Family {
  return address.includes(":") ? 6 : 4;
}
export function ipBytes(address: string): Uint8Array {
  const b = parseIp(address);
  if (!b) throw new RangeError(`not an address: ${address}`);
  return b;
}
export function anyAddress(family: Family): string {
  return family === 4 ? "0.0.0.0" : "::";
}

const LOCAL = 20;
const REMOTE = 4;

function read(addr: Uint8Array, at: number, ip: number, port: number): Endpoint {
  const size = addr[at] === 6 ? 16 : 4;
  return { address: formatIp(addr.subarray(at + ip, at + ip + size)), port: get16(addr, at + port) };
}
/** `at`: where the entry begins. */
export function readRemote(addr: Uint8Array, at: number): Endpoint {
  return read(addr, at, REMOTE, 2);
}
export function readLocal(addr: Uint8Array, at: number): Endpoint {
  return read(addr, at, LOCAL, 40);
}
export function writeEnds(addr: Uint8Array, at: number, local: Endpoint, remote: Endpoint): void {
  addr.fill(0, at, at + 44);
  addr[at] = familyOf(remote.address);
  put16(addr, at + 2, remote.port);
  addr.set(ipBytes(remote.address), at + REMOTE);
  if (familyOf(local.address) === addr[at]) addr.set(ipBytes(local.address), at + LOCAL);
  put16(addr, at + 40, local.port);
}

/** Puts one message into slot `i`, behind the usual headroom; false: longer than a slot. */
export function fill(ring: Ring, i: number, parts: readonly Uint8Array[], kind: number): boolean {
  const slot = ring.mem.length / ring.slots;
  let at = i * slot + HEAD;
  let length = 0;
  for (const p of parts) length += p.length;
  if (length > slot - HEAD - 64) return false;
  ring.meta[i * META + OFF] = at;
  ring.meta[i * META + LEN] = length;
  ring.meta[i * META + KIND] = kind;
  ring.meta[i * META + 3] = 0;
  for (const p of parts) {
    ring.mem.set(p, at);
    at += p.length;
  }
  return true;
}
