// pcapng (draft-ietf-opsawg-pcapng), little-endian: what a capture is written as. Only the blocks that it needs.
import { concat, utf8 } from "../core/text.ts";
import type { Direction } from "../ports/ports.ts";

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
const OPT_COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const EPB_FLAGS = 2;
/** PPP after a byte that says the direction: 0 received, 1 sent. */
const LINKTYPE_PPP_WITH_DIR = 204;
/** A PDU after tags that name its dissector: L2TP without an outer header, which would have to be made up. */
const LINKTYPE_WIRESHARK_UPPER_PDU = 252;
const TAG_TABLE = 14;
const TAG_TABLE_ENTRY = 32;
const SNAPLEN = 65535;

export type Kind = "ppp" | "l2tp";

function u32(...numbers: number[]): Uint8Array {
  return Uint8Array.from(numbers.flatMap((n) => [n & 255, (n >>> 8) & 255, (n >>> 16) & 255, n >>> 24]));
}
function u16(a: number, b: number): Uint8Array {
  return u32(((b << 16) | a) >>> 0);
}
function padded(b: Uint8Array): Uint8Array {
  return concat([b, new Uint8Array(-b.length & 3)]);
}
function option(code: number, value: Uint8Array): Uint8Array {
  return concat([u16(code, value.length), padded(value)]);
}
/** `options` are followed by their end when there are any. */
function block(type: number, body: readonly Uint8Array[], options: readonly Uint8Array[]): Uint8Array {
  const all = concat([...body, ...options, ...(options.length > 0 ? [u32(0)] : [])]);
  const length = all.length + 12;
  return concat([u32(type, length), all, u32(length)]);
}

/** What a file begins with: section header and an interface for each kind. `comment` says what is left out. */
export function pcapngHeader(program: string, link: string, comment: string): Uint8Array {
  const section = [u32(0x1a2b3c4d), u16(1, 0), u32(0xffffffff, 0xffffffff)];
  const about = [option(OPT_COMMENT, utf8(comment)), option(SHB_USERAPPL, utf8(program))];
  const one = (type: number, name: string): Uint8Array =>
    block(INTERFACE, [u16(type, 0), u32(SNAPLEN)], [option(IF_NAME, utf8(name))]);
  return concat([
    block(SECTION_HEADER, section, about),
    one(LINKTYPE_PPP_WITH_DIR, `${link} PPP`),
    one(LINKTYPE_WIRESHARK_UPPER_PDU, `${link} L2TP control`),
  ]);
}

/** The tags of LINKTYPE_WIRESHARK_UPPER_PDU, in network byte order: what dissects UDP port 1701; end. */
const L2TP_TAGS = concat([
  Uint8Array.of(0, TAG_TABLE, 0, 8),
  utf8("udp.port"),
  Uint8Array.of(0, TAG_TABLE_ENTRY, 0, 4, 0, 0, 1701 >> 8, 1701 & 0xff),
  new Uint8Array(4),
]);

/** `ms`: wall clock, milliseconds since 1970. `comment`: "" for none. */
export function pcapngPacket(p: {
  readonly kind: Kind;
  readonly direction: Direction;
  readonly ms: number;
  readonly bytes: Uint8Array;
  readonly comment: string;
}): Uint8Array {
  const before = p.kind === "ppp" ? Uint8Array.of(p.direction === "out" ? 1 : 0) : L2TP_TAGS;
  const data = concat([before, p.bytes]);
  const us = p.ms * 1000;
  const head = u32(
    p.kind === "ppp" ? 0 : 1,
    Math.floor(us / 0x1_0000_0000),
    us % 0x1_0000_0000,
    data.length,
    data.length,
  );
  const options = [option(EPB_FLAGS, u32(p.direction === "in" ? 1 : 2))];
  if (p.comment !== "") options.unshift(option(OPT_COMMENT, utf8(p.comment)));
  return block(ENHANCED_PACKET, [head, padded(data)], options);
}
