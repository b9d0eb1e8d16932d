// PPP in HDLC-like framing on an asynchronous line, sending side (RFC 1662). FCS-16, or FCS-32 where both ends are set
// to it.
import { get8, get16 } from "../core/bytes.ts";
import { FCS16_INIT, FCS32_INIT, fcs16, fcs32 } from "../core/fcs.ts";

export const FLAG = 0x7e;
export const ESCAPE = 0x7d;
/** Every control character escaped: what holds until LCP agrees on something else (RFC 1662 §7.1). */
export const DEFAULT_ACCM = 0xffff_ffff;
export type FcsBits = 16 | 32;

const LCP = 0xc021;

/**
 * LCP packets of codes 1 to 7 go out as if nothing had been negotiated (RFC 1661 §5), so that a peer that starts afresh
 * reads them.
 */
export function isDefaultFramed(frame: Uint8Array): boolean {
  if (frame.length < 5 || frame[0] !== 0xff || frame[1] !== 0x03) return false;
  const code = get8(frame, 4);
  return get16(frame, 2) === LCP && code >= 1 && code <= 7;
}

/** 1 where the octet must be escaped. */
function escapes(accm: number): Uint8Array {
  const t = new Uint8Array(256);
  for (let i = 0; i < 32; i++) t[i] = (accm >>> i) & 1;
  t[FLAG] = 1;
  t[ESCAPE] = 1;
  return t;
}
const ALL_ESCAPED = escapes(DEFAULT_ACCM);
const TAIL = new Uint8Array(4);

export class HdlcEncoder {
  #fcs: FcsBits;
  #escapes = ALL_ESCAPED;

  constructor(fcs: FcsBits = 16) {
    this.#fcs = fcs;
  }
  get fcs(): FcsBits {
    return this.#fcs;
  }
  /** Bit n set: octet n is escaped (RFC 1662 §7.1). */
  configure(sendAccm: number, fcs: FcsBits = this.#fcs): void {
    this.#fcs = fcs;
    this.#escapes = sendAccm >>> 0 === DEFAULT_ACCM ? ALL_ESCAPED : escapes(sendAccm);
  }
  /** The most octets that a frame of `length` can take on the line, with both flags. */
  bound(length: number): number {
    return 2 * (length + 4) + 2;
  }
  /**
   * Writes `frame` (address field or protocol first, no FCS) into `out` from `at` on, with its flags, and returns where
   * the next one begins. `opening`: with a flag in front, due when the line was idle: it ends what noise may have
   * begun. Less than bound() octets of room: RangeError.
   */
  write(out: Uint8Array, at: number, frame: Uint8Array, opening: boolean): number {
    if (at + this.bound(frame.length) > out.length) throw new RangeError("hdlc: no room for the frame");
    const plain = isDefaultFramed(frame);
    const esc = plain ? ALL_ESCAPED : this.#escapes;
    let n = at;
    if (opening) out[n++] = FLAG;
    n = put(out, n, frame, frame.length, esc);
    const bytes = plain || this.#fcs === 16 ? 2 : 4;
    const sum = bytes === 2 ? ~fcs16(FCS16_INIT, frame, 0, frame.length) : ~fcs32(FCS32_INIT, frame, 0, frame.length);
    for (let i = 0; i < bytes; i++) TAIL[i] = sum >>> (8 * i);
    n = put(out, n, TAIL, bytes, esc);
    out[n++] = FLAG;
    return n;
  }
  /** One frame as an array of its own. */
  encode(frame: Uint8Array, opening = true): Uint8Array {
    const out = new Uint8Array(this.bound(frame.length));
    return out.subarray(0, this.write(out, 0, frame, opening));
  }
}

function put(out: Uint8Array, n: number, b: Uint8Array, length: number, esc: Uint8Array): number {
  for (let i = 0; i < length; i++) {
    const c = b[i] ?? 0;
    if (esc[c] === 0) {
      out[n++] = c;
    } else {
      out[n++] = ESCAPE;
      out[n++] = c ^ 0x20;
    }
  }
  return n;
}
