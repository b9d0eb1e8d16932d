// Links, addresses and routes through rtnetlink(7). Every call is answered by the kernel before it returns.
import { formatIp, isIp6, parseIp, parsePrefix } from "../core/addr.ts";
import { SystemError } from "../core/errors.ts";
import { errnoOf } from "./errno.ts";
import type { NetlinkIo, NlMessage } from "./netlink.ts";
import { attrText, decodeAttrs, get32, get64, NetlinkSocket, NlWriter } from "./netlink.ts";
import { decodeRule, encodeRule, type FoundRule, type RuleSpec } from "./rules.ts";
import { AF_INET, AF_INET6, AF_UNSPEC, NL, RT } from "./uapi.ts";

/** Our mark on every route we add (rtm_protocol): a start after a crash finds what a killed daemon left. */
export const OUR_PROTOCOL = 0x4c;

const ROOT = "the daemon needs to be root, or to have CAP_NET_ADMIN";
const NO_IPV6 = {
  EOPNOTSUPP: "the kernel has no IPv6, or it is disabled (disable_ipv6)",
  EACCES: "IPv6 is disabled there (disable_ipv6)",
};
const NO_RULES = {
  EOPNOTSUPP: "the kernel has no policy routing",
  EAFNOSUPPORT: "the kernel has no policy routing for this family",
};
const RTMSG = 12;

export interface RouteSpec {
  /** "10.2.0.0/16", or an address. */
  readonly prefix: string;
  /** Interface index; 0 or absent: the kernel finds it by the gateway. */
  readonly dev?: number;
  readonly gateway?: string;
  readonly metric?: number;
  readonly table?: number;
  readonly onlink?: boolean;
  readonly mtu?: number;
  /** Packets to it are rejected here. */
  readonly unreachable?: boolean;
}
export interface FoundRoute {
  readonly prefix: string;
  readonly length: number;
  readonly protocol: number;
  /** RTN_UNICAST, RTN_LOCAL ... */
  readonly type: number;
  readonly table: number;
  readonly metric: number;
  readonly dev: number;
  readonly gateway: string | null;
  readonly source: string | null;
}
interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly txqueuelen?: number;
  /** No link-local address, no router solicitation: a tunnel sends nothing on its own. */
  readonly quiet?: boolean;
  /** Interface group; the default is 0. */
  readonly group?: number;
  readonly mac?: Uint8Array;
  /** The bridge that it becomes a port of: its index. */
  readonly master?: number;
}

function bytesOf(address: string): Uint8Array {
  const b = parseIp(address);
  if (!b) throw new RangeError(`not an address: ${address}`);
  return b;
}

/** struct rtmsg and attributes of a route to add, replace or delete. */
export function encodeRoute(r: RouteSpec, protocol: number): Uint8Array {
  const p = parsePrefix(r.prefix);
  if (!p) throw new RangeError(`not a prefix: ${r.prefix}`);
  const type = r.unreachable === true ? RT.RTN_UNREACHABLE : RT.RTN_UNICAST;
  const scope =
    r.gateway === undefined && r.unreachable !== true && !isIp6(p.address) ? RT.RT_SCOPE_LINK : RT.RT_SCOPE_UNIVERSE;
  const table = r.table ?? RT.RT_TABLE_MAIN;
  const w = new NlWriter();
  w.u8(isIp6(p.address) ? AF_INET6 : AF_INET)
    .u8(p.length)
    .u8(0)
    .u8(0);
  w.u8(table < 256 ? table : 0)
    .u8(protocol)
    .u8(scope)
    .u8(type)
    .u32(r.onlink === true ? RT.RTNH_F_ONLINK : 0);
  w.attr(RT.RTA_DST, bytesOf(p.address));
  if (table >= 256) w.attr32(RT.RTA_TABLE, table);
  if (r.gateway !== undefined) w.attr(RT.RTA_GATEWAY, bytesOf(r.gateway));
  if (r.dev) w.attr32(RT.RTA_OIF, r.dev);
  if (r.metric) w.attr32(RT.RTA_PRIORITY, r.metric);
  const { mtu } = r;
  if (mtu !== undefined) w.nest(RT.RTA_METRICS, (m) => m.attr32(RT.RTAX_MTU, mtu));
  return w.done();
}

/** Null when the body is not a route. */
export function decodeRoute(m: NlMessage): FoundRoute | null {
  if ((m.type !== RT.RTM_NEWROUTE && m.type !== RT.RTM_DELROUTE) || m.body.length < RTMSG) return null;
  const [family, length, , , table, protocol, , type] = m.body as unknown as readonly number[];
  const a = decodeAttrs(m.body, RTMSG);
  const size = family === AF_INET ? 4 : 16;
  const address = (t: number): string | null => {
    const v = a.get(t);
    return v?.length === size ? formatIp(v) : null;
  };
  const number = (t: number): number => {
    const v = a.get(t);
    return v && v.length >= 4 ? get32(v, 0) : 0;
  };
  return {
    prefix: address(RT.RTA_DST) ?? (size === 4 ? "0.0.0.0" : "::"),
    length: length as number,
    protocol: protocol as number,
    type: type as number,
    table: number(RT.RTA_TABLE) || (table as number),
    metric: number(RT.RTA_PRIORITY),
    dev: number(RT.RTA_OIF),
    gateway: address(RT.RTA_GATEWAY),
    source: address(RT.RTA_PREFSRC),
  };
}

/** struct ifaddrmsg and attributes. */
export function encodeAddress(index: number, local: string, length: number, peer: string | null): Uint8Array {
  const w = new NlWriter()
    .u8(isIp6(local) ? AF_INET6 : AF_INET)
    .u8(length)
    .u8(0)
    .u8(0)
    .u32(index);
  return w
    .attr(RT.IFA_LOCAL, bytesOf(local))
    .attr(RT.IFA_ADDRESS, bytesOf(peer ?? local))
    .done();
}

/** struct ifinfomsg and attributes. */
export function encodeLink(index: number, c: LinkChange): Uint8Array {
  const w = new NlWriter().u8(AF_UNSPEC).u8(0).u16(0).u32(index);
  w.u32(c.up === true ? RT.IFF_UP : 0).u32(c.up === undefined ? 0 : RT.IFF_UP);
  if (c.mtu !== undefined) w.attr32(RT.IFLA_MTU, c.mtu);
  if (c.txqueuelen !== undefined) w.attr32(RT.IFLA_TXQLEN, c.txqueuelen);
  if (c.mac !== undefined) w.attr(RT.IFLA_ADDRESS, c.mac);
  if (c.master !== undefined) w.attr32(RT.IFLA_MASTER, c.master);
  if (c.group !== undefined) w.attr32(RT.IFLA_GROUP, c.group);
  if (c.quiet === true) {
    w.nest(RT.IFLA_AF_SPEC, (af) => {
      af.nest(AF_INET6, (v6) => v6.attr(RT.IFLA_INET6_ADDR_GEN_MODE, Uint8Array.of(RT.IN6_ADDR_GEN_MODE_NONE)));
    });
  }
  return w.done();
}

/** struct ifinfomsg and attributes of a new PPP netdev on a descriptor of /dev/ppp. */
export function encodePpp(name: string, fd: number): Uint8Array {
  const w = new NlWriter().u8(AF_UNSPEC).u8(0).u16(0).u32(0).u32(0).u32(0).attrText(RT.IFLA_IFNAME, name);
  return w
    .nest(RT.IFLA_LINKINFO, (info) => {
      info.attrText(RT.IFLA_INFO_KIND, "ppp");
      info.nest(RT.IFLA_INFO_DATA, (data) => data.attr32(RT.IFLA_PPP_DEV_FD, fd));
    })
    .done();
}

export class Rtnl {
  readonly #nl: NetlinkSocket;
  constructor(io: NetlinkIo) {
    this.#nl = new NetlinkSocket(io, NL.NETLINK_ROUTE);
  }
  close(): void {
    this.#nl.close();
  }

  /** Interface index, or 0 when there is none of that name. */
  indexOf(name: string): number {
    try {
      return this.#link(
        new NlWriter().u8(AF_UNSPEC).u8(0).u16(0).u32(0).u32(0).u32(0).attrText(RT.IFLA_IFNAME, name).done(),
      ).index;
    } catch (e) {
      if (errnoOf(e) === "ENODEV") return 0;
      throw e;
    }
  }
  /** The index of a bridge of that name. Throws SystemError where there is none. */
  bridge(name: string): number {
    const what = `cannot join the bridge ${name}`;
    const index = this.indexOf(name);
    if (index === 0) throw new SystemError("ENODEV", what, "there is no interface of that name");
    const { kind } = this.#link(new NlWriter().u8(AF_UNSPEC).u8(0).u16(0).u32(index).u32(0).u32(0).done());
    if (kind !== "bridge") throw new SystemError("EINVAL", what, "that interface is no bridge");
    return index;
  }
  /** "" when there is none of that index. */
  nameOf(index: number): string {
    try {
      return this.#link(new NlWriter().u8(AF_UNSPEC).u8(0).u16(0).u32(index).u32(0).u32(0).done()).name;
    } catch (e) {
      if (errnoOf(e) === "ENODEV") return "";
      throw e;
    }
  }
  setLink(name: string, index: number, c: LinkChange): void {
    this.#nl.change(
      `cannot set up ${name}`,
      { EPERM: ROOT, EINVAL: "the MTU may be out of range" },
      RT.RTM_NEWLINK,
      0,
      encodeLink(index, c),
    );
  }
  /** A PPP netdev that lives as long as `fd`, an unused descriptor of /dev/ppp. EEXIST: the name is taken. */
  addPpp(name: string, fd: number): void {
    const flags = NL.NLM_F_CREATE | NL.NLM_F_EXCL;
    const advice = { EPERM: ROOT, EEXIST: "an interface has that name" };
    this.#nl.change(`cannot create the interface ${name}`, advice, RT.RTM_NEWLINK, flags, encodePpp(name, fd));
  }
  /** What went through an interface; all 0 when there is none. */
  counters(index: number): { rxPackets: number; rxBytes: number; txPackets: number; txBytes: number } {
    try {
      const { stats } = this.#link(new NlWriter().u8(AF_UNSPEC).u8(0).u16(0).u32(index).u32(0).u32(0).done());
      return stats;
    } catch (e) {
      if (errnoOf(e) !== "ENODEV") throw e;
      return { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
    }
  }
  /** Removes every interface of a group other than 0, for the price of one. */
  deleteGroup(group: number): void {
    this.#nl.change(
      `cannot remove the interfaces of group ${group}`,
      { EPERM: ROOT },
      RT.RTM_DELLINK,
      0,
      encodeLink(0, { group }),
    );
  }
  /** Point to point when there is a peer, else a host address unless `length` says which network it is in. */
  addAddress(name: string, index: number, local: string, peer: string | null, length = isIp6(local) ? 128 : 32): void {
    const flags = NL.NLM_F_CREATE | NL.NLM_F_REPLACE;
    const body = encodeAddress(index, local, length, peer);
    this.#nl.change(
      `cannot give ${name} the address ${local}`,
      { EPERM: ROOT, ...NO_IPV6 },
      RT.RTM_NEWADDR,
      flags,
      body,
    );
  }
  /** Does nothing when it is gone. */
  removeAddress(name: string, index: number, local: string, length: number): void {
    try {
      this.#nl.change(
        `cannot take the address ${local} from ${name}`,
        { EPERM: ROOT },
        RT.RTM_DELADDR,
        0,
        encodeAddress(index, local, length, null),
      );
    } catch (e) {
      if (!["EADDRNOTAVAIL", "ENODEV"].includes(errnoOf(e))) throw e;
    }
  }
  /** Precedes others with the same prefix and metric, which stay; EEXIST when this exact route exists. */
  addRoute(r: RouteSpec): void {
    const advice = {
      EPERM: ROOT,
      EEXIST: "the route is there already",
      ENETUNREACH: "its gateway is not reachable",
      ENETDOWN: "the interface is down",
    };
    this.#nl.change(
      `cannot add the route to ${r.prefix}`,
      advice,
      RT.RTM_NEWROUTE,
      NL.NLM_F_CREATE,
      encodeRoute(r, OUR_PROTOCOL),
    );
  }
  replaceRoute(r: RouteSpec): void {
    const flags = NL.NLM_F_CREATE | NL.NLM_F_REPLACE;
    this.#nl.change(
      `cannot set the route to ${r.prefix}`,
      { EPERM: ROOT },
      RT.RTM_NEWROUTE,
      flags,
      encodeRoute(r, OUR_PROTOCOL),
    );
  }
  /** Ours only; nothing happens when it is gone. */
  deleteRoute(r: RouteSpec): void {
    try {
      this.#nl.change(
        `cannot remove the route to ${r.prefix}`,
        { EPERM: ROOT },
        RT.RTM_DELROUTE,
        0,
        encodeRoute(r, OUR_PROTOCOL),
      );
    } catch (e) {
      if (!["ESRCH", "ENOENT", "ENODEV"].includes(errnoOf(e))) throw e;
    }
  }
  /**
   * The entry of the routing table that decides about `address`, of a packet with `mark`; its prefix is the entry's,
   * not the address.
   */
  routeTo(address: string, mark = 0): FoundRoute {
    return this.#route(address, RT.RTM_F_FIB_MATCH, mark);
  }
  /** How a packet to `address` would leave now: source address and interface. */
  pathTo(address: string, mark = 0): FoundRoute {
    return this.#route(address, 0, mark);
  }
  /** Every route with our mark. */
  ourRoutes(): FoundRoute[] {
    return [AF_INET, AF_INET6].flatMap((family) => {
      const body = new NlWriter().u8(family).u8(0).u8(0).u8(0).u8(0).u8(OUR_PROTOCOL).u8(0).u8(0).u32(0).done();
      const all = this.#nl.ask("cannot list the routes", { EPERM: ROOT }, RT.RTM_GETROUTE, NL.NLM_F_DUMP, body);
      return all.flatMap((m) => decodeRoute(m) ?? []).filter((r) => r.protocol === OUR_PROTOCOL);
    });
  }
  addRule(r: RuleSpec): void {
    const flags = NL.NLM_F_CREATE | NL.NLM_F_EXCL;
    try {
      this.#nl.change(
        "cannot add a routing rule",
        { EPERM: ROOT, ...NO_RULES },
        RT.RTM_NEWRULE,
        flags,
        encodeRule(r, OUR_PROTOCOL),
      );
    } catch (e) {
      if (errnoOf(e) !== "EEXIST") throw e;
    }
  }
  /** Ours only; nothing happens when it is gone. */
  deleteRule(r: RuleSpec): void {
    try {
      this.#nl.change(
        "cannot remove a routing rule",
        { EPERM: ROOT, ...NO_RULES },
        RT.RTM_DELRULE,
        0,
        encodeRule(r, OUR_PROTOCOL),
      );
    } catch (e) {
      if (errnoOf(e) !== "ENOENT") throw e;
    }
  }
  /** Every rule with our mark. A kernel without such rules has none. */
  ourRules(): RuleSpec[] {
    return [AF_INET, AF_INET6].flatMap((family) => {
      const body = new NlWriter().u8(family).u8(0).u8(0).u8(0).u32(0).u32(0).done();
      try {
        const all = this.#nl.ask("cannot list the routing rules", { EPERM: ROOT }, RT.RTM_GETRULE, NL.NLM_F_DUMP, body);
        const rules: (FoundRule | null)[] = all.map(decodeRule);
        return rules.flatMap((r) => (r?.protocol === OUR_PROTOCOL ? [r.spec] : []));
      } catch (e) {
        if (["EOPNOTSUPP", "EAFNOSUPPORT"].includes(errnoOf(e))) return [];
        throw e;
      }
    });
  }
  /** Null when there is no such interface. */
  linkState(index: number): { readonly up: boolean; readonly mtu: number; readonly master: number } | null {
    try {
      const { up, mtu, master } = this.#link(new NlWriter().u8(AF_UNSPEC).u8(0).u16(0).u32(index).u32(0).u32(0).done());
      return { up, mtu, master };
    } catch (e) {
      if (errnoOf(e) === "ENODEV") return null;
      throw e;
    }
  }
  /** Local addresses of an interface, both families. */
  addressesOf(index: number): string[] {
    return [AF_INET, AF_INET6].flatMap((family) => {
      const body = new NlWriter().u8(family).u8(0).u8(0).u8(0).u32(index).done();
      const all = this.#nl.ask("cannot list the addresses", { EPERM: ROOT }, RT.RTM_GETADDR, NL.NLM_F_DUMP, body);
      return all.flatMap((m) => {
        if (m.type !== RT.RTM_NEWADDR || m.body.length < 8 || get32(m.body, 4) !== index) return [];
        const a = decodeAttrs(m.body, 8);
        const local = a.get(RT.IFA_LOCAL) ?? a.get(RT.IFA_ADDRESS);
        return local?.length === (family === AF_INET ? 4 : 16) ? [formatIp(local)] : [];
      });
    });
  }
  /** See NetlinkSocket.port. */
  get port(): number {
    return this.#nl.port;
  }

  #link(body: Uint8Array): {
    readonly index: number;
    readonly name: string;
    readonly up: boolean;
    readonly mtu: number;
    readonly master: number;
    /** "bridge", "veth" ...; "": not said. */
    readonly kind: string;
    readonly stats: { rxPackets: number; rxBytes: number; txPackets: number; txBytes: number };
  } {
    const [m] = this.#nl.ask("cannot look up an interface", {}, RT.RTM_GETLINK, 0, body);
    if (!m || m.body.length < 16) throw new SystemError("ENODEV", "cannot look up an interface");
    const a = decodeAttrs(m.body, 16);
    const [name, mtu, stats] = [a.get(RT.IFLA_IFNAME), a.get(RT.IFLA_MTU), a.get(RT.IFLA_STATS64)];
    const [master, info] = [a.get(RT.IFLA_MASTER), a.get(RT.IFLA_LINKINFO)];
    const kind = info && decodeAttrs(info, 0).get(RT.IFLA_INFO_KIND);
    const count = (n: number): number => (stats && stats.length >= 8 * (n + 1) ? get64(stats, 8 * n) : 0);
    return {
      index: get32(m.body, 4),
      name: name ? attrText(name) : "",
      up: (get32(m.body, 8) & RT.IFF_UP) !== 0,
      mtu: mtu ? get32(mtu, 0) : 0,
      master: master ? get32(master, 0) : 0,
      kind: kind ? attrText(kind) : "",
      // struct rtnl_link_stats64
      stats: { rxPackets: count(0), txPackets: count(1), rxBytes: count(2), txBytes: count(3) },
    };
  }
  #route(address: string, flags: number, mark: number): FoundRoute {
    const v6 = isIp6(address);
    const w = new NlWriter()
      .u8(v6 ? AF_INET6 : AF_INET)
      .u8(v6 ? 128 : 32)
      .u8(0)
      .u8(0)
      .u8(0)
      .u8(0)
      .u8(0)
      .u8(0)
      .u32(flags);
    const none = "is the Internet connection up?";
    const what = `no route to ${address}`;
    w.attr(RT.RTA_DST, bytesOf(address));
    const body = (mark === 0 ? w : w.attr32(RT.RTA_MARK, mark)).done();
    const [m] = this.#nl.ask(what, { ENETUNREACH: none, EHOSTUNREACH: none }, RT.RTM_GETROUTE, 0, body);
    const found = m && decodeRoute(m);
    if (!found || (found.type !== RT.RTN_UNICAST && found.type !== RT.RTN_LOCAL))
      throw new SystemError("ENETUNREACH", what, none);
    return found;
  }
}
