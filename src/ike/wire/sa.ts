// The SA payload with its proposals and transforms, RFC 2408 §3.4 to §3.6, RFC 2407 §4.6.1.
import { Reader, Writer } from "../../core/bytes.ts";
import { DecodeError } from "../../core/errors.ts";
import { type Attribute, readAttributes, writeAttributes } from "./attributes.ts";

const DOI_IPSEC = 1;
const SIT_IDENTITY_ONLY = 1;
export const PROTOCOL = { isakmp: 1, esp: 3 } as const;

export interface Transform {
  readonly number: number;
  readonly id: number;
  readonly attributes: readonly Attribute[];
}
export interface Proposal {
  readonly number: number;
  readonly protocol: number;
  readonly spi: Uint8Array;
  readonly transforms: readonly Transform[];
}

export function readSa(body: Uint8Array): Proposal[] {
  const r = new Reader(body);
  const doi = r.u32("doi");
  if (doi !== DOI_IPSEC && doi !== 0) throw new DecodeError("bad-value", "doi", 0);
  if (r.u32("situation") !== SIT_IDENTITY_ONLY) throw new DecodeError("bad-value", "situation", 4);
  const out: Proposal[] = [];
  for (let more = 2; more !== 0; ) {
    if (more !== 2) throw new DecodeError("bad-value", "next proposal", r.at);
    more = r.u8("next proposal");
    r.u8("reserved");
    const p = r.sub(r.u16("proposal length") - 4, "proposal");
    out.push(readProposal(p));
  }
  r.end("sa");
  return out;
}

function readProposal(r: Reader): Proposal {
  const number = r.u8("proposal number");
  const protocol = r.u8("protocol");
  const spiSize = r.u8("spi size");
  const count = r.u8("transform count");
  const spi = r.bytes(spiSize, "spi");
  const transforms: Transform[] = [];
  for (let i = 0; i < count; i++) {
    const more = r.u8("next transform");
    if (more !== (i === count - 1 ? 0 : 3)) throw new DecodeError("bad-value", "next transform", r.at - 1);
    r.u8("reserved");
    const t = r.sub(r.u16("transform length") - 4, "transform");
    const tn = t.u8("transform number");
    const id = t.u8("transform id");
    t.u16("reserved");
    transforms.push({ number: tn, id, attributes: readAttributes(t) });
  }
  r.end("proposal");
  return { number, protocol, spi, transforms };
}

export function writeSa(proposals: readonly Proposal[]): Uint8Array {
  const w = new Writer();
  w.u32(DOI_IPSEC);
  w.u32(SIT_IDENTITY_ONLY);
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
          w.u8(t.number);
          w.u8(t.id);
          w.u16(0);
          writeAttributes(w, t.attributes);
        });
      }
    });
  }
  return w.done().slice();
}
