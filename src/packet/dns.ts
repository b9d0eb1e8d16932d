// DNS messages as a stub resolver needs them (RFC 1035 §4, RFC 3596): one question for addresses, and its answer.
import { formatIp } from "../core/addr.ts";
import { get16 } from "../core/bytes.ts";

export const DNS_TYPE = { A: 1, CNAME: 5, AAAA: 28 } as const;
const IN = 1;
const HEADER = 12;
const QR = 0x8000;
const RD = 0x0100;
const MAX_RECORDS = 64;
const MAX_POINTERS = 16;
const MAX_CHAIN = 8; // aliases of one name

/** A recursive question. Null: no host name (labels of 1 to 63 octets, 253 in all, RFC 1035 §2.3.4). */
export function encodeDnsQuestion(id: number, name: string, type: number): Uint8Array | null {
  const labels = name.replace(/\.$/, "").split(".");
  const out = [id >> 8, id & 0xff, RD >> 8, RD & 0xff, 0, 1, 0, 0, 0, 0, 0, 0];
  if (name.length > 253) return null;
  for (const l of labels) {
    if (!/^[\x21-\x7e]{1,63}$/.test(l)) return null;
    out.push(l.length, ...[...l].map((c) => c.charCodeAt(0)));
  }
  return Uint8Array.of(...out, 0, type >> 8, type & 0xff, 0, IN);
}

/**
 * The addresses that `b` gives for `name`, through its aliases; null: not an answer to this question, or an unreadable
 * one.
 */
export function decodeDnsAnswer(b: Uint8Array, id: number, name: string, type: number): string[] | null {
  if (b.length < HEADER) return null;
  const flags = get16(b, 2);
  if (get16(b, 0) !== id || (flags & QR) === 0 || (flags & 0x7800) !== 0 || get16(b, 4) !== 1) return null;
  const question = nameAt(b, HEADER);
  if (
    !question ||
    question.end + 4 > b.length ||
    question.name !== canonical(name) ||
    get16(b, question.end) !== type ||
    get16(b, question.end + 2) !== IN
  )
    return null;
  const addresses: { owner: string; address: string }[] = [];
  const aliases = new Map<string, string>();
  let at = question.end + 4;
  for (let i = 0; i < Math.min(get16(b, 6), MAX_RECORDS); i++) {
    const owner = nameAt(b, at);
    if (!owner || owner.end + 10 > b.length) return null;
    const [kind, family] = [get16(b, owner.end), get16(b, owner.end + 2)];
    const data = owner.end + 10;
    at = data + get16(b, owner.end + 8);
    if (at > b.length) return null;
    if (family !== IN) continue;
    if (kind === DNS_TYPE.CNAME) {
      const to = nameAt(b, data);
      if (!to) return null;
      aliases.set(owner.name, to.name);
    } else if (kind === type && at - data === (type === DNS_TYPE.A ? 4 : 16)) {
      addresses.push({ owner: owner.name, address: formatIp(b.subarray(data, at)) });
    }
  }
  const known = new Set([question.name]);
  for (
    let to = aliases.get(question.name);
    to !== undefined && !known.has(to) && known.size < MAX_CHAIN;
    to = aliases.get(to)
  )
    known.add(to);
  return addresses.filter((a) => known.has(a.owner)).map((a) => a.address);
}
function canonical(name: string): string {
  return name.replace(/\.$/, "").toLowerCase();
}
/** A name with its compression (RFC 1035 §4.1.4); `end`: behind it where it began. Null: unreadable. */
function nameAt(b: Uint8Array, start: number): { readonly name: string; readonly end: number } | null {
  const labels: string[] = [];
  let end = -1;
  let at = start;
  for (let pointers = 0; pointers < MAX_POINTERS; ) {
    const n = b[at];
    if (n === undefined) return null;
    if (n === 0) return { name: labels.join("."), end: end < 0 ? at + 1 : end };
    if (n >= 0xc0) {
      const low = b[at + 1];
      if (low === undefined) return null;
      if (end < 0) end = at + 2;
      at = ((n & 0x3f) << 8) | low;
      pointers++;
      continue;
    }
    if (n > 63 || at + 1 + n > b.length || labels.length > 127) return null;
    labels.push(String.fromCharCode(...b.subarray(at + 1, at + 1 + n)).toLowerCase());
    at += 1 + n;
  }
  return null;
}
