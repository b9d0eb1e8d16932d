// PPP encapsulation above the link's framing: address and control field, protocol field (RFC 1661 §2, §6.5, §6.6).
// Runs on the data path: nothing here throws on what a peer sent.
import type { Packet } from "../core/packet.ts";
import { readPpp } from "../packet/ppp.ts";

export const PROTOCOL = {
  ip: 0x0021,
  vjCompressed: 0x002d,
  vjUncompressed: 0x002f,
  bridged: 0x0031,
  multilink: 0x003d,
  ipv6: 0x0057,
  compressed: 0x00fd,
  ipcp: 0x8021,
  ipv6cp: 0x8057,
  ccp: 0x80fd,
  ecp: 0x8053,
  bcp: 0x8031,
  mplscp: 0x8281,
  lcp: 0xc021,
  pap: 0xc023,
  lqr: 0xc025,
  spap: 0xc027,
  cbcp: 0xc029,
  bap: 0xc02b,
  chap: 0xc223,
  eap: 0xc227,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  [PROTOCOL.ip, "IPv4"],
  [PROTOCOL.ipv6, "IPv6"],
  [PROTOCOL.vjCompressed, "VJ-compressed TCP/IP"],
  [PROTOCOL.vjUncompressed, "VJ-uncompressed TCP/IP"],
  [PROTOCOL.bridged, "bridged frames"],
  [PROTOCOL.multilink, "Multilink"],
  [PROTOCOL.compressed, "compressed data"],
  [PROTOCOL.ipcp, "IPCP"],
  [PROTOCOL.ipv6cp, "IPV6CP"],
  [PROTOCOL.ccp, "CCP"],
  [PROTOCOL.ecp, "ECP"],
  [PROTOCOL.bcp, "BCP"],
  [PROTOCOL.mplscp, "MPLSCP"],
  [PROTOCOL.lcp, "LCP"],
  [PROTOCOL.pap, "PAP"],
  [PROTOCOL.lqr, "LQR"],
  [PROTOCOL.spap, "SPAP"],
  [PROTOCOL.cbcp, "CBCP"],
  [PROTOCOL.bap, "BAP"],
  [PROTOCOL.chap, "CHAP"],
  [PROTOCOL.eap, "EAP"],
]);

/** "IPCP", or "protocol 0x80fb" for what has no name here. */
export function protocolName(protocol: number): string {
  return NAMES.get(protocol) ?? `protocol 0x${protocol.toString(16).padStart(4, "0")}`;
}

/**
 * Takes address, control and protocol off the front and returns the protocol number, or 0 when there is none to be
 * read. Both compressions are accepted whether or not they were negotiated: nothing else can be meant (RFC 1661 §6.5,
 * §6.6).
 */
export function pullProtocol(p: Packet): number {
  const ppp = readPpp(p.mem, p.start, p.end);
  if (!ppp || (ppp.protocol & 1) === 0) return 0; // the last octet of a protocol number is odd (RFC 1661 §2)
  p.start = ppp.info;
  return ppp.protocol;
}

/** What the link agreed on for frames that we send. */
export interface HeaderOptions {
  readonly pfc: boolean;
  readonly acfc: boolean;
}
export const FULL_HEADER: HeaderOptions = { pfc: false, acfc: false };

/**
 * Puts the header in front. LCP is always sent with FULL_HEADER (RFC 1661 §6.5, §6.6). Needs up to 4 bytes of headroom.
 */
export function pushProtocol(p: Packet, protocol: number, o: HeaderOptions): void {
  if (o.pfc && protocol < 0x100) {
    p.mem[p.push(1)] = protocol;
  } else {
    const at = p.push(2);
    p.mem[at] = protocol >>> 8;
    p.mem[at + 1] = protocol;
  }
  if (o.acfc) return;
  const at = p.push(2);
  p.mem[at] = 0xff;
  p.mem[at + 1] = 0x03;
}
