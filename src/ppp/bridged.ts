// Ethernet frames in PPP (RFC 3518 §4.2): a byte of flags, the kind of LAN, the frame. Runs on the data path: nothing
// here throws on what a peer sent.
import { get8, get16, put16 } from "../core/bytes.ts";
import { FCS32_GOOD, FCS32_INIT, fcs32 } from "../core/fcs.ts";
import type { Packet } from "../core/packet.ts";

const FCS = 0x80;
const LAN_ID = 0x40;
const ZERO_FILL = 0x20;
const CONTROL = 0x10;
const PADS = 0x0f;
export const MAC_ETHERNET = 1;

const ETHERNET = 14;
/** Without FCS (IEEE 802.3). */
const SHORTEST = 60;
const TAGS: readonly number[] = [0x8100, 0x88a8];
/** IEEE 802.1D's own addresses, the spanning tree's among them: 01-80-C2-00-00-00 to -0F. */
const BRIDGE_GROUP = [0x01, 0x80, 0xc2, 0, 0] as const;
/** Flags and kind of LAN. */
export const BRIDGED_HEADER = 2;

/** What the peer can receive. */
export interface BridgedFormat {
  /** The zeros behind a short frame may be left out. */
  readonly tinygram: boolean;
  /** Frames of VLANs. */
  readonly tagged: boolean;
  /** It wants to be told which frames are the bridge's own. */
  readonly indicator: boolean;
}
export type BridgedDrop = "bcp.short" | "bcp.lan" | "bcp.fcs" | "bcp.tagged" | "bcp.not-open" | "bcp.too-long";

/** An Ethernet frame without FCS becomes a bridged PDU, in place; or why it cannot. */
export function pushBridged(p: Packet, f: BridgedFormat): BridgedDrop | null {
  if (p.length < ETHERNET) return "bcp.short";
  if (!f.tagged && TAGS.includes(get16(p.mem, p.start + 12))) return "bcp.tagged";
  const control = f.indicator && isControl(p);
  const short = p.length < SHORTEST;
  if (short && !f.tinygram) fill(p);
  put16(p.mem, p.push(2), (((short && f.tinygram ? ZERO_FILL : 0) | (control ? CONTROL : 0)) << 8) | MAC_ETHERNET);
  return null;
}
/** A bridged PDU becomes an Ethernet frame without FCS, in place; or why it cannot. */
export function pullBridged(p: Packet): BridgedDrop | null {
  const { mem, start } = p;
  if (p.length < BRIDGED_HEADER) return "bcp.short";
  const flags = get8(mem, start);
  if (get8(mem, start + 1) !== MAC_ETHERNET) return "bcp.lan";
  const front = BRIDGED_HEADER + (flags & LAN_ID ? 4 : 0);
  const behind = flags & PADS;
  if (p.length < front + behind + ETHERNET + (flags & FCS ? 4 : 0)) return "bcp.short";
  p.start += front;
  p.end -= behind;
  if (flags & FCS) {
    // over the frame as it was on its LAN
    if (!(flags & ZERO_FILL) && fcs32(FCS32_INIT, mem, p.start, p.end) !== FCS32_GOOD) return "bcp.fcs";
    p.end -= 4;
  }
  if (flags & ZERO_FILL && p.length < SHORTEST) fill(p);
  return null;
}

function fill(p: Packet): void {
  const at = p.put(SHORTEST - p.length);
  p.mem.fill(0, at, p.end);
}
function isControl({ mem, start }: Packet): boolean {
  return BRIDGE_GROUP.every((b, i) => mem[start + i] === b) && get8(mem, start + 5) < 16;
}
