// What the layers cost, and so what fits (RFC 4303 §2, RFC 3948 §2.1).
import type { EspCipher, EspInteg } from "../dataplane/dataplane.ts";
import { CIPHERS, icvLength } from "./transforms.ts";

const UDP = 8;
const ESP = 8; // SPI and sequence number
const TRAILER = 2; // pad length and next header

export interface Path {
  readonly outerMtu: number;
  readonly ipv6: boolean;
  readonly udpEncap: boolean;
  readonly cipher: EspCipher;
  readonly integ: EspInteg;
  /** 6 bytes, 10 with sequence numbers. */
  readonly l2tpHeader: number;
  /** 0 to 4 bytes. */
  readonly pppHeader: number;
}

/** The largest inner IP packet that leaves unfragmented; 0 when nothing does. One byte more would not fit. */
export function innerMtu(p: Path): number {
  const c = CIPHERS[p.cipher];
  const room = p.outerMtu - (p.ipv6 ? 40 : 20) - (p.udpEncap ? UDP : 0) - ESP - c.iv - icvLength(p.cipher, p.integ);
  return Math.max(0, room - (((room % c.align) + c.align) % c.align) - TRAILER - UDP - p.l2tpHeader - p.pppHeader);
}
