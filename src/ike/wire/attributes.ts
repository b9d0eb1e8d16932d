// Data attributes, RFC 2408 §3.3: two bytes of value (TV) or a length and a value (TLV).
import type { Reader, Writer } from "../../core/bytes.ts";

export interface Attribute {
  /** 15 bits. */
  readonly type: number;
  /** A number came as TV, bytes as TLV. */
  readonly value: number | Uint8Array;
}

export function readAttributes(r: Reader): Attribute[] {
  const out: Attribute[] = [];
  while (r.left > 0) {
    const type = r.u16("attribute type");
    const v = r.u16("attribute value");
    out.push(type & 0x8000 ? { type: type & 0x7fff, value: v } : { type, value: r.bytes(v, "attribute") });
  }
  return out;
}

export function writeAttributes(w: Writer, list: readonly Attribute[]): void {
  for (const a of list) {
    if (typeof a.value === "number") {
      w.u16(0x8000 | a.type);
      w.u16(a.value);
    } else {
      w.u16(a.type);
      w.u16(a.value.length);
      w.bytes(a.value);
    }
  }
}

/** The first attribute of `type` as a number, at most 2^32-1; null when there is none. */
export function attributeNumber(list: readonly Attribute[], type: number): number | null {
  const a = list.find((x) => x.type === type);
  return a === undefined ? null : toNumber(a.value);
}

/**
 * Life type and life duration come in pairs (RFC 2407 §4.5, RFC 2409 appendix A): seconds (1) or kilobytes (2), each
 * duration has the unit that the type before it names. Null where there is none.
 */
export function lifetimes(
  list: readonly Attribute[],
  lifeType: number,
  duration: number,
): { seconds: number | null; kilobytes: number | null } {
  let unit = 1;
  const out: { seconds: number | null; kilobytes: number | null } = { seconds: null, kilobytes: null };
  for (const a of list) {
    if (a.type === lifeType) unit = toNumber(a.value);
    else if (a.type === duration) {
      if (unit === 1) out.seconds = toNumber(a.value);
      else if (unit === 2) out.kilobytes = toNumber(a.value);
    }
  }
  return out;
}

function toNumber(v: number | Uint8Array): number {
  if (typeof v === "number") return v;
  let n = 0;
  for (const b of v) n = Math.min(n * 256 + b, 0xffff_ffff);
  return n;
}
