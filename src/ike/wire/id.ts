// Identification payloads, RFC 2407 §4.6.2, and NAT-OA, whose body begins alike (RFC 3947 §5.2).
import { formatIp, parseIp } from "../../core/addr.ts";
import { Reader, Writer } from "../../core/bytes.ts";
import { DecodeError } from "../../core/errors.ts";
import { fromUtf8, hex, unhex, utf8 } from "../../core/text.ts";
import { nameDer, nameText, parseName, sameName } from "../../x509/name.ts";

export const ID = {
  ip4: 1,
  fqdn: 2,
  userFqdn: 3,
  ip4Subnet: 4,
  ip6: 5,
  ip6Subnet: 6,
  dn: 9,
  keyId: 11,
} as const;

/** An identity as it is configured. `type` is the RFC's number. */
export interface IkeId {
  readonly type: number;
  /** Address, name, distinguished name ("C=CH, O=Example, CN=gate"), or hex for types without a text form. Peer-chosen: quote before showing. */
  readonly text: string;
}
export interface Identification {
  readonly id: IkeId;
  /** 0 and 0, or 17 and a port. */
  readonly protocol: number;
  readonly port: number;
}

/**
 * "192.0.2.1", "2001:db8::1", "@vpn.example" or "vpn.example" (a name), "me@example" (user name), "O=Example, CN=gate"
 * (a distinguished name), "keyid:0a0b".
 */
export function parseIkeId(s: string): IkeId | null {
  const ip = parseIp(s);
  if (ip) return { type: ip.length === 4 ? ID.ip4 : ID.ip6, text: formatIp(ip) };
  if (s.startsWith("keyid:")) {
    const b = unhex(s.slice(6)) ?? utf8(s.slice(6)); // a group name
    return b.length > 0 ? { type: ID.keyId, text: hex(b) } : null;
  }
  if (s.startsWith("@")) return s.length > 1 ? { type: ID.fqdn, text: s.slice(1) } : null;
  if (s === "") return null;
  if (s.includes("=")) {
    const text = parseName(s);
    return text === null ? null : { type: ID.dn, text };
  }
  return { type: s.includes("@") ? ID.userFqdn : ID.fqdn, text: s };
}
export function addressId(address: string): IkeId {
  const b = parseIp(address);
  if (!b) throw new RangeError(`not an address: ${address}`);
  return { type: b.length === 4 ? ID.ip4 : ID.ip6, text: formatIp(b) };
}
export function sameId(a: IkeId, b: IkeId): boolean {
  if (a.type === ID.dn) return a.type === b.type && sameName(a.text, b.text);
  const fold = a.type === ID.fqdn || a.type === ID.userFqdn;
  return a.type === b.type && (fold ? a.text.toLowerCase() === b.text.toLowerCase() : a.text === b.text);
}

/** The address of a host, or of a subnet that has no other; null for whatever else an identity is. */
export function hostOf(id: IkeId): string | null {
  if (id.type === ID.ip4 || id.type === ID.ip6) return id.text;
  const bytes = (id.type === ID.ip4Subnet && 4) || (id.type === ID.ip6Subnet && 16) || 0;
  const b = unhex(id.text);
  if (!b || bytes === 0 || b.length !== 2 * bytes || b.subarray(bytes).some((x) => x !== 0xff)) return null;
  return formatIp(b.subarray(0, bytes));
}

export function readId(body: Uint8Array): Identification {
  const r = new Reader(body);
  const type = r.u8("id type");
  const protocol = r.u8("id protocol");
  const port = r.u16("id port");
  const data = r.rest();
  if ((type === ID.ip4 && data.length !== 4) || (type === ID.ip6 && data.length !== 16)) {
    throw new DecodeError("bad-length", "id address", 4);
  }
  if (type === 0 || data.length === 0) throw new DecodeError("bad-value", "id", 0);
  return { id: { type, text: idText(type, data) }, protocol, port };
}
function idText(type: number, data: Uint8Array): string {
  if (type === ID.ip4 || type === ID.ip6) return formatIp(data);
  if (type === ID.dn) return nameText(data);
  return type === ID.fqdn || type === ID.userFqdn ? fromUtf8(data) : hex(data);
}
export function writeId(i: Identification): Uint8Array {
  const w = new Writer();
  w.u8(i.id.type);
  w.u8(i.protocol);
  w.u16(i.port);
  w.bytes(idBytes(i.id));
  return w.done().slice();
}
function idBytes(id: IkeId): Uint8Array {
  if (id.type === ID.ip4 || id.type === ID.ip6) return parseIp(id.text) ?? new Uint8Array(0);
  if (id.type === ID.fqdn || id.type === ID.userFqdn) return utf8(id.text);
  return id.type === ID.dn ? nameDer(id.text) : (unhex(id.text) ?? new Uint8Array(0));
}

/** RFC 3947 §5.2: ID type, three reserved bytes, the address. */
export function readNatOa(body: Uint8Array): string {
  const r = new Reader(body);
  const type = r.u8("nat-oa type");
  r.bytes(3, "nat-oa reserved");
  const a = r.rest();
  if (!(type === ID.ip4 && a.length === 4) && !(type === ID.ip6 && a.length === 16))
    throw new DecodeError("bad-value", "nat-oa", 0);
  return formatIp(a);
}
export function writeNatOa(address: string): Uint8Array {
  return writeId({ id: addressId(address), protocol: 0, port: 0 });
}
