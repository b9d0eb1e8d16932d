// DHCPv6 messages and options (RFC 8415 §7.3, §8, §21), as far as a server of one delegated prefix needs them.
import { formatIp } from "../core/addr.ts";
import { Reader, Writer } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import { addressBytes } from "./packet.ts";

export const MESSAGE = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  informationRequest: 11,
} as const;
export const STATUS = { success: 0, noAddrsAvail: 2, noBinding: 3, notOnLink: 4, noPrefixAvail: 6 } as const;
const OPTION = {
  clientId: 1,
  serverId: 2,
  iaNa: 3,
  iaTa: 4,
  iaAddr: 5,
  status: 13,
  rapidCommit: 14,
  dnsServers: 23,
  iaPd: 25,
  iaPrefix: 26,
} as const;
/** RFC 8415 §11.1: 128 bytes behind the type. */
const DUID_MOST = 130;
const IAS_MOST = 8;
const IN_IA_MOST = 16;

/** An identity association: what a client wants to have, or has. */
export interface Ia {
  readonly kind: "na" | "ta" | "pd";
  readonly iaid: number;
  /** Prefixes "2001:db8::/56", or addresses with /128. */
  readonly has: readonly string[];
}
export interface DhcpMessage {
  readonly type: number;
  /** Transaction ID, 24 bits. */
  readonly xid: number;
  /** Views, not copies. */
  readonly clientId: Uint8Array | null;
  readonly serverId: Uint8Array | null;
  readonly rapidCommit: boolean;
  readonly ias: readonly Ia[];
}

const KINDS: Readonly<Record<number, Ia["kind"]>> = { [OPTION.iaNa]: "na", [OPTION.iaTa]: "ta", [OPTION.iaPd]: "pd" };
const CODES = { na: OPTION.iaNa, ta: OPTION.iaTa, pd: OPTION.iaPd } as const;

/** Throws DecodeError. Options that are not here are stepped over; of two that are the same the first counts. */
export function readDhcp(b: Uint8Array): DhcpMessage {
  const r = new Reader(b);
  const head = r.u32("header");
  const ids = new Map<number, Uint8Array>();
  const ias: Ia[] = [];
  let rapidCommit = false;
  while (r.left > 0) {
    const code = r.u16("option");
    const o = r.sub(r.u16("option length"), "option");
    if (code === OPTION.clientId || code === OPTION.serverId) {
      if (o.left < 3 || o.left > DUID_MOST) throw new DecodeError("bad-length", "DUID", o.at);
      if (!ids.has(code)) ids.set(code, o.rest());
    } else if (code === OPTION.rapidCommit) rapidCommit = true;
    else if (code in KINDS) {
      if (ias.length === IAS_MOST) throw new DecodeError("bad-value", "too many IAs", o.at);
      ias.push(readIa(code, o));
    }
  }
  const [clientId, serverId] = [ids.get(OPTION.clientId) ?? null, ids.get(OPTION.serverId) ?? null];
  return { type: head >>> 24, xid: head & 0xffffff, clientId, serverId, rapidCommit, ias };
}
function readIa(code: number, r: Reader): Ia {
  const iaid = r.u32("IAID");
  if (code !== OPTION.iaTa) r.bytes(8, "T1 and T2");
  const has: string[] = [];
  while (r.left > 0) {
    const inner = r.u16("IA option");
    const o = r.sub(r.u16("IA option length"), "IA option");
    const prefix = inner === OPTION.iaPrefix && code === OPTION.iaPd;
    if (!prefix && !(inner === OPTION.iaAddr && code !== OPTION.iaPd)) continue;
    if (has.length === IN_IA_MOST) throw new DecodeError("bad-value", "too many in an IA", o.at);
    if (prefix) o.bytes(8, "lifetimes");
    const length = prefix ? o.u8("prefix length") : 128;
    has.push(`${formatIp(o.bytes(16, "address"))}/${length}`);
  }
  return { kind: KINDS[code] ?? "na", iaid, has };
}

/** Seconds of a prefix; 0 for one that the client shall not use any more. */
interface Lease {
  readonly prefix: string;
  readonly preferred: number;
  readonly valid: number;
}
/** What an answer says about an IA of the question; `status` null: nothing is wrong. */
export interface IaAnswer extends Pick<Ia, "kind" | "iaid"> {
  readonly leases: readonly Lease[];
  readonly status: number | null;
}
export interface DhcpAnswer {
  readonly type: number;
  readonly xid: number;
  readonly clientId: Uint8Array | null;
  readonly serverId: Uint8Array;
  readonly rapidCommit: boolean;
  readonly ias: readonly IaAnswer[];
  /** Of the whole message; null: none. */
  readonly status: number | null;
  readonly dns: readonly string[];
}

/** RFC 8415 §14.2: T1 and T2 are 0.5 and 0.8 times the preferred lifetime. */
const [T1, T2] = [0.5, 0.8];

/** A new array. */
export function writeDhcp(a: DhcpAnswer): Uint8Array {
  const w = new Writer();
  const option = (code: number, body: () => void): void => {
    w.u16(code);
    w.sized16(0, w.at + 2, body);
  };
  const status = (code: number | null): void => {
    if (code !== null) option(OPTION.status, () => w.u16(code));
  };
  w.u32(((a.type << 24) | a.xid) >>> 0);
  const { clientId } = a;
  if (clientId) option(OPTION.clientId, () => w.bytes(clientId));
  option(OPTION.serverId, () => w.bytes(a.serverId));
  if (a.rapidCommit) option(OPTION.rapidCommit, () => {});
  for (const ia of a.ias)
    option(CODES[ia.kind], () => {
      const shortest = Math.min(...ia.leases.map((l) => l.preferred).filter((s) => s > 0));
      const of = (part: number): number => (Number.isFinite(shortest) ? Math.floor(shortest * part) : 0);
      w.u32(ia.iaid);
      if (ia.kind !== "ta") {
        w.u32(of(T1));
        w.u32(of(T2));
      }
      for (const l of ia.leases) option(OPTION.iaPrefix, () => writeLease(w, l));
      status(ia.status);
    });
  status(a.status);
  if (a.dns.length > 0)
    option(OPTION.dnsServers, () => {
      for (const d of a.dns) w.bytes(addressBytes(d));
    });
  return w.done().slice();
}
function writeLease(w: Writer, { prefix, preferred, valid }: Lease): void {
  const [address = "", length] = prefix.split("/");
  w.u32(preferred);
  w.u32(valid);
  w.u8(Number(length));
  w.bytes(addressBytes(address));
}
