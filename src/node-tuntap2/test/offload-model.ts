// A model of super-packets that takes nothing for granted: everything is made and summed byte by byte.

export const TCP = 6;
export const UDP = 17;
export const GSO = { none: 0, tcp4: 1, ufo: 3, tcp6: 4, udp: 5 };
export const FIN = 1;
export const PSH = 8;
export const ACK = 16;
export const CWR = 128;

export interface Vnet {
  readonly flags: number;
  readonly gso: number;
  readonly headers: number;
  readonly size: number;
  readonly start: number;
  readonly offset: number;
}

export function sum(b: Uint8Array, start = 0): number {
  let s = start;
  for (let i = 0; i < b.length; i += 2) s += ((b[i] ?? 0) << 8) | (b[i + 1] ?? 0);
  while (s > 0xffff) s = (s & 0xffff) + Math.floor(s / 0x10000);
  return s;
}
interface Shape {
  readonly six: boolean;
  readonly protocol: number;
  readonly transport: number;
}
export const shape = (p: Buffer): Shape =>
  (p[0] ?? 0) >> 4 === 6
    ? { six: true, protocol: p[6] ?? 0, transport: 40 }
    : { six: false, protocol: p[9] ?? 0, transport: ((p[0] ?? 0) & 15) * 4 };
function pseudo(p: Buffer, length: number): number {
  const s = shape(p);
  return sum(
    Buffer.from([0, s.protocol, length >> 8, length & 255]),
    sum(s.six ? p.subarray(8, 40) : p.subarray(12, 20)),
  );
}
/** Lengths and checksums as they have to be. */
export function whole(p: Buffer): Buffer {
  const s = shape(p);
  const rest = p.length - s.transport;
  if (s.six) p.writeUInt16BE(p.length - 40, 4);
  else {
    p.writeUInt16BE(p.length, 2);
    p.writeUInt16BE(0, 10);
    p.writeUInt16BE(~sum(p.subarray(0, s.transport)) & 0xffff, 10);
  }
  if (s.protocol === UDP) p.writeUInt16BE(rest, s.transport + 4);
  const field = s.transport + (s.protocol === TCP ? 16 : 6);
  p.writeUInt16BE(0, field);
  const c = ~sum(p.subarray(s.transport), pseudo(p, rest)) & 0xffff;
  p.writeUInt16BE(c === 0 && s.protocol === UDP ? 0xffff : c, field);
  return p;
}
export interface Made {
  readonly six: boolean;
  readonly protocol: number;
  readonly flow: number;
  readonly payload: Uint8Array;
  readonly seq?: number;
  readonly id?: number;
  readonly flags?: number;
  readonly options?: Uint8Array;
  readonly df?: boolean;
}
export function make(m: Made): Buffer {
  const ip = Buffer.alloc(m.six ? 40 : 20);
  if (m.six) {
    ip[0] = 0x60;
    ip[6] = m.protocol;
    ip[7] = 64;
    ip.fill(0x20, 8, 40);
    ip[39] = m.flow;
  } else {
    ip[0] = 0x45;
    ip.writeUInt16BE(m.id ?? 0, 4);
    ip.writeUInt16BE(m.df === true ? 0x4000 : 0, 6);
    ip[8] = 64;
    ip[9] = m.protocol;
    ip.fill(10, 12, 20);
    ip[19] = m.flow;
  }
  const options = m.options ?? new Uint8Array(0);
  const transport = Buffer.alloc(m.protocol === TCP ? 20 : 8);
  transport.writeUInt16BE(5000, 0);
  transport.writeUInt16BE(80, 2);
  if (m.protocol === TCP) {
    transport.writeUInt32BE((m.seq ?? 0) >>> 0, 4);
    transport.writeUInt32BE(77, 8);
    transport[12] = (5 + options.length / 4) << 4;
    transport[13] = m.flags ?? ACK;
    transport.writeUInt16BE(501, 14);
  }
  const parts = m.protocol === TCP ? [ip, transport, options, m.payload] : [ip, transport, m.payload];
  return whole(Buffer.concat(parts));
}
/** What the kernel hands over: lengths of the whole, the pseudo-header's sum in the checksum's field. */
export function asSuper(p: Buffer, size: number): { readonly vnet: Vnet; readonly packet: Buffer } {
  const s = shape(p);
  const tcp = s.protocol === TCP;
  const packet = Buffer.from(p);
  packet.writeUInt16BE(pseudo(p, p.length - s.transport), s.transport + (tcp ? 16 : 6));
  const headers = s.transport + (tcp ? ((p[s.transport + 12] ?? 0) >> 4) * 4 : 8);
  const ofTcp = s.six ? GSO.tcp6 : GSO.tcp4;
  const gso = tcp ? ofTcp : GSO.udp;
  return { vnet: { flags: 1, gso, headers, size, start: s.transport, offset: tcp ? 16 : 6 }, packet };
}
/** The packets that a super-packet stands for, made one by one. */
export function apart(p: Buffer, size: number): Buffer[] {
  const s = shape(p);
  const tcp = s.protocol === TCP;
  const headers = s.transport + (tcp ? ((p[s.transport + 12] ?? 0) >> 4) * 4 : 8);
  const out: Buffer[] = [];
  for (let at = headers; at < p.length; at += size) {
    const q = Buffer.concat([p.subarray(0, headers), p.subarray(at, at + size)]);
    if (!s.six) q.writeUInt16BE((p.readUInt16BE(4) + out.length) & 0xffff, 4);
    if (tcp) {
      q.writeUInt32BE((p.readUInt32BE(s.transport + 4) + at - headers) >>> 0, s.transport + 4);
      const flags = p[s.transport + 13] ?? 0;
      const lasts = at + size >= p.length ? 0 : FIN | PSH;
      q[s.transport + 13] = flags & ~(lasts | (at > headers ? CWR : 0));
    }
    out.push(whole(q));
  }
  return out;
}
export const bytes = (n: number, from = 0): Uint8Array =>
  Uint8Array.from({ length: n }, (_, i) => (i * 7 + from) & 255);
