// What a PPP unit lets pass (PPPIOCSPASS): a classic BPF program over the packet's direction, a PPP header of two bytes
// and the packet (linux/filter.h, ppp_generic.c). It sees network packets alone, no control protocols.
import { LITTLE_ENDIAN } from "./netlink.ts";

/** A source inside `prefix` passes, or does not; the first source that covers an address decides. */
export interface Source {
  /** 4 or 16 bytes, of which `length` bits count; the others are 0. */
  readonly address: Uint8Array;
  readonly length: number;
  readonly pass: boolean;
}
interface Filter {
  /** What comes in has this mark: it came under the SAs of the call's peer. Null: any. */
  readonly mark: { readonly value: number; readonly mask: number } | null;
  /** What comes in has such a source; null: any. */
  readonly sources: readonly Source[] | null;
}

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, k: number];

const LOAD_BYTE = 0x30;
const LOAD_HALF = 0x28;
const LOAD_WORD = 0x20;
const AND = 0x54;
const JUMP = 0x05;
const IF_EQUAL = 0x15;
const RETURN = 0x06;
const PASS: Instruction = [RETURN, 0, 0, 0xffff_ffff];
const DROP: Instruction = [RETURN, 0, 0, 0];
const MARK = 0xffff_f014; // SKF_AD_OFF + SKF_AD_MARK
const OUTBOUND = 1;
const PROTOCOL = 2; // offset
const PACKET = 4; // offset
const IPV4 = { protocol: 0x0021, source: PACKET + 12, bytes: 4 };
const IPV6 = { protocol: 0x0057, source: PACKET + 8, bytes: 16 };

function word(b: Uint8Array, at: number): number {
  return new DataView(b.buffer, b.byteOffset).getUint32(at);
}
function maskOf(bits: number): number {
  return bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;
}
/** What decides when the source lies inside `s`, and goes on behind itself when it does not. */
function test(s: Source, at: number): Instruction[] {
  let behind: Instruction[] = [s.pass ? PASS : DROP];
  for (let i = Math.ceil(s.length / 32) - 1; i >= 0; i--) {
    const mask = maskOf(Math.min(32, s.length - 32 * i));
    const masked: Instruction[] = mask === 0xffff_ffff ? [] : [[AND, 0, 0, mask]];
    const value = word(s.address, 4 * i);
    behind = [[LOAD_WORD, 0, 0, at + 4 * i], ...masked, [IF_EQUAL, 0, behind.length, value], ...behind];
  }
  return behind;
}
/** Decides about packets of one version, and goes on behind itself with others. */
function version(v: typeof IPV4, sources: readonly Source[]): Instruction[] {
  const all = [...sources.filter((s) => s.address.length === v.bytes).flatMap((s) => test(s, v.source)), DROP];
  return [[LOAD_HALF, 0, 0, PROTOCOL], [IF_EQUAL, 1, 0, v.protocol], [JUMP, 0, 0, all.length], ...all];
}

/** Null: everything passes, so that no program is needed. */
export function encodeFilter(f: Filter): Uint8Array | null {
  if (!f.mark && !f.sources) return null;
  const all: Instruction[] = [[LOAD_BYTE, 0, 0, 0], [IF_EQUAL, 0, 1, OUTBOUND], PASS];
  if (f.mark) all.push([LOAD_WORD, 0, 0, MARK], [AND, 0, 0, f.mark.mask], [IF_EQUAL, 1, 0, f.mark.value], DROP);
  if (f.sources) all.push(...version(IPV4, f.sources), ...version(IPV6, f.sources), DROP);
  else all.push(PASS);
  const view = new DataView(new ArrayBuffer(8 * all.length)); // struct sock_filter
  for (const [i, [code, ifTrue, ifFalse, k]] of all.entries()) {
    view.setUint16(8 * i, code, LITTLE_ENDIAN);
    view.setUint8(8 * i + 2, ifTrue);
    view.setUint8(8 * i + 3, ifFalse);
    view.setUint32(8 * i + 4, k, LITTLE_ENDIAN);
  }
  return new Uint8Array(view.buffer);
}
