// The security association payload of IKEv2: proposals made of transforms, RFC 7296 §3.3.
import { Reader, Writer } from "../../../core/bytes.ts";
import { DecodeError } from "../../../core/errors.ts";
import { type Attribute, readAttributes, writeAttributes } from "../../wire/attributes.ts";

/** Transform types, RFC 7296 §3.3.2; 6 to 12 are additional key exchanges (RFC 9370 §2.2.1). */
export const TRANSFORM = { encr: 1, prf: 2, integ: 3, ke: 4, esn: 5, firstAddKe: 6 } as const;
/** The only attribute: key length in bits, RFC 7296 §3.3.5. */
const KEY_LENGTH = 14;

export interface Transform {
  readonly type: number;
  readonly id: number;
  /** Key length in bits; 0: none is named. -1: there are attributes that we do not know. */
  readonly bits: number;
}
export interface Proposal {
  /** From 1 up. */
  readonly number: number;
  readonly protocol: number;
  /** Of the sender: 4 bytes of ESP, 8 of an IKE SA that replaces another, or none. */
  readonly spi: Uint8Array;
  readonly transforms: readonly Transform[];
}

/** Throws DecodeError. */
export function readSa(body: Uint8Array): Proposal[] {
  const r = new Reader(body);
  const out: Proposal[] = [];
  for (let more = 2; more !== 0; ) {
    if (more !== 2) throw new DecodeError("bad-value", "next proposal", r.at);
    more = r.u8("next proposal");
    r.u8("reserved");
    out.push(readProposal(r.sub(r.u16("proposal length") - 4, "proposal")));
  }
  r.end("sa");
  return out;
}
function readProposal(r: Reader): Proposal {
  const number = r.u8("proposal number");
  const protocol = r.u8("protocol");
  const size = r.u8("spi size");
  const count = r.u8("transform count");
  const spi = r.bytes(size, "spi");
  const transforms: Transform[] = [];
  for (let i = 0; i < count; i++) {
    const more = r.u8("next transform");
    if (more !== (i === count - 1 ? 0 : 3)) throw new DecodeError("bad-value", "next transform", r.at - 1);
    r.u8("reserved");
    const t = r.sub(r.u16("transform length") - 4, "transform");
    const type = t.u8("transform type");
    t.u8("reserved");
    transforms.push({ type, id: t.u16("transform id"), bits: keyLength(readAttributes(t)) });
  }
  r.end("proposal");
  return { number, protocol, spi, transforms };
}
function keyLength(list: readonly Attribute[]): number {
  const [a, ...more] = list;
  if (!a) return 0;
  return a.type === KEY_LENGTH && typeof a.value === "number" && more.length === 0 ? a.value : -1;
}

export function writeSa(proposals: readonly Proposal[]): Uint8Array {
  const w = new Writer();
  for (const [i, p] of proposals.entries()) {
    const at = w.at;
    w.u8(i === proposals.length - 1 ? 0 : 2);
    w.u8(0);
    w.sized16(0, at, () => {
      w.u8(p.number);
      w.u8(p.protocol);
      w.u8(p.spi.length);
      w.u8(p.transforms.length);
      w.bytes(p.spi);
      for (const [j, t] of p.transforms.entries()) {
        const start = w.at;
        w.u8(j === p.transforms.length - 1 ? 0 : 3);
        w.u8(0);
        w.sized16(0, start, () => {
          w.u8(t.type);
          w.u8(0);
          w.u16(t.id);
          writeAttributes(w, t.bits > 0 ? [{ type: KEY_LENGTH, value: t.bits }] : []);
        });
      }
    });
  }
  return w.done().slice();
}
