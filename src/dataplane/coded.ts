// A call whose network packets visit TypeScript: compression and fragments around them, as the session has it.
import { put16 } from "../core/bytes.ts";
import { Packet } from "../core/packet.ts";
import { pppHeader, readPpp } from "../packet/ppp.ts";
import type { DataCoding, LinkOptions } from "../ports/ports.ts";

/** Puts the PPP header in front, as LCP agreed: 4 bytes of headroom or more. */
export function frameOf(protocol: number, p: Packet, link: Pick<LinkOptions, "acfc" | "pfc">): Packet {
  const header = pppHeader(protocol, link.acfc, link.pfc);
  p.mem.set(header, p.push(header.length));
  return p;
}

/**
 * A frame as it came, with HEADROOM in front: `out` gets what is in it, as frames that nothing is compressed in, each
 * valid during its call.
 */
export function decodeFrame(coding: DataCoding, frame: Packet, out: (frame: Packet) => void): void {
  const ppp = readPpp(frame.mem, frame.start, frame.end);
  if (!ppp) return out(frame); // too short: its reader says so
  coding.decode(ppp.protocol, new Packet(frame.mem, ppp.info, frame.end), (protocol, p) => {
    if (protocol === ppp.protocol && p.mem === frame.mem) return out(frame);
    put16(p.mem, p.push(2), protocol); // control packets may come compressed too
    out(p);
  });
}
