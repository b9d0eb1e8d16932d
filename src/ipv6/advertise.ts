// Router Solicitations and Advertisements: RFC 4861 §4.1, §4.2, §6.1.1; DNS servers in them: RFC 8106 §5.1.
import { parsePrefix } from "../core/addr.ts";
import { get8, Writer } from "../core/bytes.ts";
import { addressBytes, ICMPV6, intact, isLinkLocal, type Packet6, writePacket6 } from "./packet.ts";

/** Seconds between advertisements that nobody asked for, and how long each makes us a router. */
export const RA_INTERVAL = 600;
const ROUTER_LIFETIME = 1800;
/** Seconds of an address or a delegated prefix, each time anew. */
export const LIFETIMES = { preferred: 3600, valid: 7200 } as const;

const SOLICITATION = 133;
const ADVERTISEMENT = 134;
/** RFC 4861 §6.1.1: no router has forwarded it. */
const HOP_LIMIT = 255;
const OTHER = 0x40; // flag O: DHCPv6 knows more
const AUTONOMOUS = 0x40; // flag A without L: the user makes addresses of it, and sends nothing to a neighbour by itself
const OPTION = { source: 1, prefix: 3, rdnss: 25 } as const;
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const UNIT = 8; // bytes that an option's length counts

/** Whether it is one that a router answers. */
export function isSolicitation(p: Packet6): boolean {
  const { payload: b, source } = p;
  const anybody = source.every((x) => x === 0);
  if (p.next !== ICMPV6 || p.hopLimit !== HOP_LIMIT || b.length < 8 || !intact(p)) return false;
  if (get8(b, 0) !== SOLICITATION || get8(b, 1) !== 0 || !(anybody || isLinkLocal(source))) return false;
  let at = UNIT;
  while (at + 1 < b.length) {
    const size = get8(b, at + 1) * UNIT;
    if (size === 0 || (anybody && get8(b, at) === OPTION.source)) return false;
    at += size;
  }
  return at === b.length;
}

/** `prefix`: a /64; null: none. Addresses and prefixes as text. */
export interface Advertised {
  readonly prefix: string | null;
  readonly dns: readonly string[];
}

/** An advertisement to everybody on the link, as a whole packet from the link-local address `from`. */
export function advertisement(from: Uint8Array, { prefix, dns }: Advertised): Uint8Array {
  const w = new Writer();
  w.u8(ADVERTISEMENT);
  w.u8(0);
  w.u16(0); // the checksum
  w.u8(64); // the hop limit that it suggests
  w.u8(OTHER);
  w.u16(ROUTER_LIFETIME);
  w.u32(0); // reachable time and retransmit timer: unspecified
  w.u32(0);
  const p = prefix === null ? null : parsePrefix(prefix);
  if (p) {
    w.u8(OPTION.prefix);
    w.u8(4);
    w.u8(p.length);
    w.u8(AUTONOMOUS);
    w.u32(LIFETIMES.valid);
    w.u32(LIFETIMES.preferred);
    w.u32(0);
    w.bytes(addressBytes(p.address));
  }
  if (dns.length > 0) {
    w.u8(OPTION.rdnss);
    w.u8(1 + 2 * dns.length);
    w.u16(0);
    w.u32(ROUTER_LIFETIME);
    for (const d of dns) w.bytes(addressBytes(d));
  }
  const head = { next: ICMPV6, hopLimit: HOP_LIMIT, source: from, destination: ALL_NODES };
  return writePacket6({ ...head, payload: w.done() }, 2);
}
