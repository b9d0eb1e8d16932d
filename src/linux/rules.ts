// Rules of policy routing (linux/fib_rules.h): which table a packet's route is looked up in. The kernel takes them by
// priority.
import { formatIp, isIp6, parseIp, parsePrefix } from "../core/addr.ts";
import type { NlMessage } from "./netlink.ts";
import { attrText, decodeAttrs, get32, NlWriter } from "./netlink.ts";
import { AF_INET, AF_INET6, RT } from "./uapi.ts";

const RULE = 12; // struct fib_rule_hdr

/** Which packets use which table. An absent field matches every packet. */
export interface RuleSpec {
  readonly family: 4 | 6;
  /** Lower ones come first; the kernel's own are 0 (local) and 32766 (main). */
  readonly priority: number;
  /** 0: none, the packets are refused. */
  readonly table: number;
  /** A network or an address. */
  readonly to?: string;
  /** The mark of the socket or packet, all 32 bits of it. */
  readonly mark?: number;
  /** Routes with a prefix of so many bits or fewer do not count; 0: default routes. */
  readonly suppress?: number;
  /** Packets that came in by this interface; "lo": this machine's own. */
  readonly iif?: string;
  /** UDP from and to these ports. */
  readonly udp?: { readonly from: number; readonly to: number };
}

/** struct fib_rule_hdr and attributes of a rule to add or delete. */
export function encodeRule(r: RuleSpec, protocol: number): Uint8Array {
  const to = r.to === undefined ? null : parsePrefix(r.to);
  if (r.to !== undefined && !to) throw new RangeError(`not a prefix: ${r.to}`);
  const w = new NlWriter();
  w.u8(r.family === 4 ? AF_INET : AF_INET6)
    .u8(to?.length ?? 0)
    .u8(0)
    .u8(0);
  w.u8(r.table < 256 ? r.table : 0)
    .u8(0)
    .u8(0)
    .u8(r.table === 0 ? RT.FR_ACT_UNREACHABLE : RT.FR_ACT_TO_TBL)
    .u32(0);
  if (to) w.attr(RT.FRA_DST, parseIp(to.address) as Uint8Array);
  w.attr32(RT.FRA_PRIORITY, r.priority);
  if (r.table !== 0) w.attr32(RT.FRA_TABLE, r.table);
  if (r.mark !== undefined) w.attr32(RT.FRA_FWMARK, r.mark).attr32(RT.FRA_FWMASK, 0xffff_ffff);
  if (r.suppress !== undefined) w.attr32(RT.FRA_SUPPRESS_PREFIXLEN, r.suppress);
  if (r.iif !== undefined) w.attrText(RT.FRA_IIFNAME, r.iif);
  if (r.udp) {
    w.attr(RT.FRA_IP_PROTO, Uint8Array.of(17));
    w.attr(RT.FRA_SPORT_RANGE, range(r.udp.from)).attr(RT.FRA_DPORT_RANGE, range(r.udp.to));
  }
  return w.attr(RT.FRA_PROTOCOL, Uint8Array.of(protocol)).done();
}
function range(port: number): Uint8Array {
  return new NlWriter().u16(port).u16(port).done();
}

export interface FoundRule {
  readonly spec: RuleSpec;
  readonly protocol: number;
}
/** Null when the body is not a rule, or is of a kind that we never make. */
export function decodeRule(m: NlMessage): FoundRule | null {
  if (m.type !== RT.RTM_NEWRULE && m.type !== RT.RTM_DELRULE) return null;
  const [family, length = 0] = m.body as unknown as readonly number[];
  if (m.body.length < RULE || (family !== AF_INET && family !== AF_INET6)) return null;
  const a = decodeAttrs(m.body, RULE);
  const number = (t: number): number | undefined => {
    const v = a.get(t);
    return v && v.length >= 4 ? get32(v, 0) : undefined;
  };
  const port = (t: number): number => (number(t) ?? 0) % 0x10000; // both halves are the same, whatever the byte order
  const dst = a.get(RT.FRA_DST);
  const to = dst?.length === (family === AF_INET ? 4 : 16) ? `${formatIp(dst)}/${length}` : undefined;
  const mark = number(RT.FRA_FWMARK);
  const suppress = number(RT.FRA_SUPPRESS_PREFIXLEN);
  const iif = a.get(RT.FRA_IIFNAME);
  return {
    protocol: a.get(RT.FRA_PROTOCOL)?.[0] ?? 0,
    spec: {
      family: family === AF_INET ? 4 : 6,
      priority: number(RT.FRA_PRIORITY) ?? 0,
      table: number(RT.FRA_TABLE) ?? 0,
      ...(to === undefined ? {} : { to }),
      ...(mark === undefined ? {} : { mark }),
      ...(suppress === undefined || suppress === 0xffff_ffff ? {} : { suppress }),
      ...(iif ? { iif: attrText(iif) } : {}),
      ...(a.has(RT.FRA_SPORT_RANGE) ? { udp: { from: port(RT.FRA_SPORT_RANGE), to: port(RT.FRA_DPORT_RANGE) } } : {}),
    },
  };
}
/** The same text for the same rule. */
export function ruleKey(r: RuleSpec): string {
  const to = r.to === undefined || r.to.includes("/") ? r.to : `${r.to}/${isIp6(r.to) ? 128 : 32}`;
  return (
    `rule ${r.family} ${r.priority} ${r.table} ${to ?? ""} ${r.mark ?? ""} ${r.suppress ?? ""} ` +
    `${r.iif ?? ""} ${r.udp ? `${r.udp.from}:${r.udp.to}` : ""}`
  );
}
