// IKE fragmentation of IKEv1, as the field has it ([MS-IKEE] §2.2.3.1; vendor id "FRAGMENTATION"): a message that is too
// long for the path is cut into messages of one payload each, before UDP would leave that to IP, whose fragments many
// NATs and firewalls drop.
import { Reader, Writer } from "../../core/bytes.ts";
import { DecodeError } from "../../core/errors.ts";
import { type IsakmpHeader, writeMessage } from "./header.ts";
import { PAYLOAD } from "./payloads.ts";

/** What an IP packet of 1280 bytes, which passes everywhere, carries behind IPv6, UDP and the non-ESP marker. */
export const MOST_UNCUT = 1280 - 40 - 8 - 4;
/** What a data plane sends in one piece: a slot of its ring, behind the non-ESP marker. */
export const MOST_WHOLE = 2048 - 128 - 64 - 4;
const HEADER_BYTES = 28;
const FRAGMENT_HEADER = 8;
const LAST = 1;

export interface Fragment {
  /** The same in all fragments of one message. */
  readonly id: number;
  /** 1 for the first. */
  readonly number: number;
  readonly last: boolean;
  /** A view. */
  readonly data: Uint8Array;
}
/** Reads the body of a message whose first payload is a fragment. Throws DecodeError. */
export function readFragment(body: Uint8Array): Fragment {
  const r = new Reader(body);
  r.u8("next payload"); // some repeat what the whole message begins with
  r.u8("reserved");
  const p = r.sub(r.u16("fragment length") - 4, "fragment");
  r.end("fragment");
  const id = p.u16("fragment id");
  const number = p.u8("fragment number");
  const flags = p.u8("fragment flags");
  const data = p.rest();
  if (number === 0 || data.length === 0) throw new DecodeError("bad-value", "fragment", FRAGMENT_HEADER);
  return { id, number, last: (flags & LAST) !== 0, data };
}
/** The messages that carry `message`, whose header is `h`: each at most MOST_UNCUT bytes. */
export function cut(message: Uint8Array, h: IsakmpHeader, id: number): Uint8Array[] {
  const most = MOST_UNCUT - HEADER_BYTES - FRAGMENT_HEADER;
  const out: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += most) {
    const data = message.subarray(at, at + most);
    const w = new Writer(new Uint8Array(FRAGMENT_HEADER + data.length));
    w.u16(0);
    w.u16(FRAGMENT_HEADER + data.length);
    w.u16(id);
    w.u8(out.length + 1);
    w.u8(at + most >= message.length ? LAST : 0);
    w.bytes(data);
    out.push(writeMessage({ ...h, next: PAYLOAD.fragment, flags: 0 }, w.done()));
  }
  return out;
}
