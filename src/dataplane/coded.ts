// A call whose network packets visit TypeScript: header and data compression around them, in the order of the protocol
// numbers.
import { put16 } from "../core/bytes.ts";
import { Packet } from "../core/packet.ts";
import { pppHeader, readPpp } from "../packet/ppp.ts";
import type { DataCoding, LinkOptions } from "../ports/ports.ts";

/**
 * An IP packet becomes a frame, in place: 5 bytes of headroom or more. `coding`: or the protocol number of a packet
 * that goes as it is. False: dropped, and counted by the coding.
 */
export function encodeFrame(coding: DataCoding | number, p: Packet, link: Pick<LinkOptions, "acfc" | "pfc">): boolean {
  const protocol = typeof coding === "number" ? coding : coding.encode(p);
  if (protocol === 0) return false;
  const header = pppHeader(protocol, link.acfc, link.pfc);
  p.mem.set(header, p.push(header.length));
  return true;
}

/**
 * A frame as it came, with HEADROOM in front: what is in it, as a frame that nothing is compressed in, valid until the
 * next call; null: dropped, and counted by the coding.
 */
export function decodeFrame(coding: DataCoding, frame: Packet): Packet | null {
  const ppp = readPpp(frame.mem, frame.start, frame.end);
  if (!ppp) return frame; // too short: its reader says so
  const protocol = coding.decode(ppp.protocol, new Packet(frame.mem, ppp.info, frame.end));
  if (protocol === 0) return null;
  if (protocol === ppp.protocol) return frame;
  const p = coding.decoded; // control packets may come compressed too
  put16(p.mem, p.push(2), protocol);
  return p;
}
