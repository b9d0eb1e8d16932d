// What may be shown of PPP frames and L2TP control messages: no name, no secret, and nothing that a secret could be
// guessed from. What is not known to be harmless is left out.
import { get8, get16, put16 } from "../core/bytes.ts";
import { PPP_LCP, readPpp } from "./ppp.ts";

export interface Shown {
  readonly bytes: Uint8Array;
  /** Something was left out. */
  readonly cut: boolean;
}

const LQR = 0xc025;
const LINK_LAYER = 0xc000; // RFC 1661 §2: from here on protocols of the link itself, authentication among them
const HEADER = 4; // code, identifier, length
const CONFIGURE_CODES: readonly number[] = [1, 2, 3, 4];
/** Terminate-*, Echo-*, Discard-Request: data without names in what we and others send. */
const MAGIC_CODES: readonly number[] = [9, 10, 11];
const MAGIC = 8;
/** Options of RFC 1661 and 1570 §2.1: numbers alone. Others are names, telephone numbers, addresses of machines. */
const HARMLESS_OPTION = 9;

/** A PPP frame, as a copy with address and control field. */
export function shownFrame(frame: Uint8Array): Shown {
  const ppp = readPpp(frame, 0, frame.length);
  if (!ppp) return { bytes: Uint8Array.of(0xff, 3), cut: frame.length > 0 };
  const bytes = new Uint8Array(4 + frame.length - ppp.info);
  bytes.set([0xff, 3, ppp.protocol >> 8, ppp.protocol & 0xff]);
  bytes.set(frame.subarray(ppp.info), 4);
  if (ppp.protocol < LINK_LAYER || ppp.protocol === LQR) return { bytes, cut: false };
  if (ppp.protocol === PPP_LCP) return shownLcp(bytes);
  return header(bytes);
}
/** Code and identifier, as a packet without data: its length would tell that of a password. */
function header(bytes: Uint8Array, keep = HEADER): Shown {
  const end = Math.min(bytes.length, 4 + keep);
  const short = bytes.slice(0, end);
  if (short.length >= 8) put16(short, 6, short.length - 4);
  return { bytes: short, cut: end < bytes.length };
}
function shownLcp(bytes: Uint8Array): Shown {
  if (bytes.length < 8) return header(bytes);
  const code = get8(bytes, 4);
  if (MAGIC_CODES.includes(code)) return header(bytes, MAGIC);
  if (!CONFIGURE_CODES.includes(code)) return header(bytes); // rejected packets are copies of anything
  let cut = false;
  for (let at = 8; at + 2 <= bytes.length; ) {
    const length = get8(bytes, at + 1);
    if (length < 2 || at + length > bytes.length) return header(bytes);
    if (get8(bytes, at) >= HARMLESS_OPTION && length > 2) {
      bytes.fill(0, at + 2, at + length);
      cut = true;
    }
    at += length;
  }
  return { bytes, cut };
}

const HIDDEN = 0x4000; // RFC 2661 §4.1
const AVP_LENGTH = 0x03ff;
const RESULT_CODE = 1;
/** Attribute types whose values are numbers (RFC 2661 §4.4). */
const NUMBERS: ReadonlySet<number> = new Set([0, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 17, 18, 19, 24, 34, 35, 38, 39]);

/** An L2TP control message, from its header on, as a copy with the values of other AVPs zero. */
export function shownControl(message: Uint8Array): Shown {
  const bytes = message.slice();
  let cut = false;
  const zero = (from: number, to: number): void => {
    if (to > from) cut = true;
    bytes.fill(0, from, to);
  };
  const start = 12; // RFC 2661 §3.1: T, L and S bits are set in a control message
  if (bytes.length < start || (get16(bytes, 0) & 0xc80f) !== 0xc802) {
    zero(0, bytes.length);
    return { bytes, cut };
  }
  let at = start;
  while (at + 6 <= bytes.length) {
    const length = get16(bytes, at) & AVP_LENGTH;
    if (length < 6 || at + length > bytes.length) break;
    const type = get16(bytes, at + 4);
    const open = get16(bytes, at + 2) === 0 && (get16(bytes, at) & HIDDEN) === 0;
    if (open && type === RESULT_CODE) zero(Math.min(at + 10, at + length), at + length);
    else if (!open || !NUMBERS.has(type)) zero(at + 6, at + length);
    at += length;
  }
  zero(at, bytes.length); // what cannot be read
  return { bytes, cut };
}
