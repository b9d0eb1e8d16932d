// Keeps links, addresses, routes and rules in place: what is set through this class is restored until it is removed
// through it. rtnetlink notifications reveal changes by others (another daemon, an administrator, a WAN that comes and
// goes).
import { isIp6, parsePrefix } from "../core/addr.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { errnoOf } from "./errno.ts";
import { type Change, monitor } from "./monitor.ts";
import type { NetlinkIo } from "./netlink.ts";
import { type FoundRoute, type RouteSpec, Rtnl } from "./rtnl.ts";
import { type RuleSpec, ruleKey } from "./rules.ts";
import { RT } from "./uapi.ts";

const CALM_MS = 500; // changes come in bursts
const FIGHT_MS = 1000; // the first pause before restoring the same object again; it doubles
const FIGHT_MAX_MS = 60_000;
const PEACE_MS = 120_000; // when unchanged for this long, it is again restored without a pause
const TELL = 8; // log lines per check
const IPV6_MTU = 1280; // RFC 8200 §5
const LINK_LOCAL = 64; // bits of fe80::/64
const KERNEL_METRIC_6 = 1024; // IPv6's default metric

interface KeptLink {
  readonly ifname: string;
  readonly index: number;
  readonly mtu: number;
  /** Index of the bridge that it is a port of. */
  readonly master?: number;
}
interface Address {
  readonly local: string;
  readonly peer: string | null;
  readonly length: number;
}
interface Link extends KeptLink {
  mtu: number;
  up: boolean;
  readonly addresses: Map<string, Address>;
}
interface Route {
  readonly spec: RouteSpec;
  /** Replaces a route of the same prefix and metric, rather than preceding it. */
  readonly replaces: boolean;
  /**
   * Set anew by its owner, who knows whether it is the right one still: what to say, or null when that cannot be done
   * now.
   */
  readonly lost: (() => string | null) | null;
}
interface Missing {
  readonly key: string;
  restore(): string | null;
}

export class Keeper {
  readonly rtnl: Rtnl;
  readonly #clock: Clock;
  readonly #tell: (text: string) => void;
  readonly #timer: Timer;
  readonly #outside: Timer;
  readonly #monitor: { stop(): void };
  readonly #links = new Map<number, Link>();
  readonly #routes = new Map<string, Route>();
  readonly #rules = new Map<string, RuleSpec>();
  readonly #fights = new Map<string, { pause: number; at: number }>();
  readonly #dirty = { links: new Set<number>(), routes: false, rules: false };
  /** Somebody else changed routes, addresses or netdevs that are not kept here; called once a burst. */
  onOutside: () => void = () => {};
  /** Something could not be restored; any change may make it possible. */
  #missing = false;

  /**
   * `tell` gets one sentence for each thing that was restored, and for the first failure to do so. Throws SystemError.
   */
  constructor(io: NetlinkIo, clock: Clock, tell: (text: string) => void) {
    this.rtnl = new Rtnl(io);
    this.#clock = clock;
    this.#tell = tell;
    this.#timer = clock.timer("network.changed", () => this.#look());
    this.#outside = clock.timer("network.outside", () => {
      this.lookNow();
      this.onOutside();
    });
    this.#monitor = monitor(
      io,
      () => this.rtnl.port,
      (c) => this.#changed(c),
    );
  }
  close(): void {
    this.#timer.disarm();
    this.#outside.disarm();
    this.#monitor.stop();
    this.rtnl.close();
  }

  /** Without IPv6 of its own, and with its MTU; up() and addAddress() follow. */
  addLink(l: KeptLink, txqueuelen: number): void {
    this.#quiet(l);
    this.rtnl.setLink(l.ifname, l.index, { mtu: l.mtu, txqueuelen });
    this.#join(l);
    this.#links.set(l.index, { ...l, up: false, addresses: new Map() });
  }
  up(index: number): void {
    const l = this.#link(index);
    this.rtnl.setLink(l.ifname, index, { up: true });
    l.up = true;
  }
  setMtu(index: number, mtu: number): void {
    const l = this.#link(index);
    const was = l.mtu;
    l.mtu = mtu; // first: what is told of the change is ours then
    this.#setMtu(l, was);
  }
  /** As Rtnl.addAddress. */
  addAddress(index: number, local: string, peer: string | null, length = isIp6(local) ? 128 : 32): void {
    const l = this.#link(index);
    this.rtnl.addAddress(l.ifname, index, local, peer, length);
    l.addresses.set(local, { local, peer, length });
  }
  removeAddress(index: number, local: string): void {
    const l = this.#links.get(index);
    const a = l?.addresses.get(local);
    if (!l || !a) return;
    l.addresses.delete(local);
    this.rtnl.removeAddress(l.ifname, index, local, a.length);
  }
  /** Forgets the netdev, its addresses and its routes. */
  forgetLink(index: number): void {
    this.#links.delete(index);
    for (const [key, r] of this.#routes) if (r.spec.dev === index) this.#routes.delete(key);
  }
  /** As Rtnl.addRoute, and it stays. */
  addRoute(r: RouteSpec): void {
    this.rtnl.addRoute(r);
    this.#routes.set(keyOf(r), { spec: r, replaces: false, lost: null });
  }
  /** As Rtnl.replaceRoute, and it stays; `lost` instead of setting it once more. */
  replaceRoute(r: RouteSpec, lost: (() => string | null) | null = null): void {
    this.rtnl.replaceRoute(r);
    this.#routes.set(keyOf(r), { spec: r, replaces: true, lost });
  }
  deleteRoute(r: RouteSpec): void {
    this.#routes.delete(keyOf(r));
    this.rtnl.deleteRoute(r);
  }
  addRule(r: RuleSpec): void {
    this.rtnl.addRule(r);
    this.#rules.set(ruleKey(r), r);
  }
  deleteRule(r: RuleSpec): void {
    this.#rules.delete(ruleKey(r));
    this.rtnl.deleteRule(r);
  }

  /** Before a route of ours is set anew by its owner: what others took away is restored first, and said to be. */
  lookNow(): void {
    this.#dirty.routes = true;
    this.#look();
  }

  /** Not needed on a kernel without IPv6. */
  #quiet(l: KeptLink): void {
    try {
      this.rtnl.setLink(l.ifname, l.index, { quiet: true });
    } catch {
      // EAFNOSUPPORT and the like.
    }
  }
  #join({ ifname, index, master }: KeptLink): void {
    if (master !== undefined) this.rtnl.setLink(ifname, index, { master });
  }
  #setMtu(l: KeptLink, was: number): void {
    this.rtnl.setLink(l.ifname, l.index, { mtu: l.mtu });
    if (was >= IPV6_MTU) return;
    // Below IPV6_MTU the netdev had no IPv6; now the kernel starts it again, and assigns an address.
    this.#quiet(l);
    for (const a of this.rtnl.addressesOf(l.index))
      if (isIp6(a)) this.rtnl.removeAddress(l.ifname, l.index, a, LINK_LOCAL);
  }
  #link(index: number): Link {
    const l = this.#links.get(index);
    if (!l) throw new RangeError(`no such link: ${index}`);
    return l;
  }
  #changed(c: Change): void {
    const d = this.#dirty;
    const kept = "index" in c ? this.#links.has(c.index) : c.kind !== "lost" && c.ours;
    if (!kept && !this.#outside.armed) this.#outside.arm(CALM_MS);
    if (c.kind === "lost") {
      for (const i of this.#links.keys()) d.links.add(i);
      d.routes = d.rules = true;
    } else if ("index" in c) {
      const mine = this.#links.has(c.index);
      if (mine) d.links.add(c.index);
      // The kernel removes IPv4 routes with their device without a notification.
      if (c.gone || !c.up || this.#missing) d.routes = true;
    } else if (c.kind === "route") d.routes ||= c.ours || this.#missing;
    else d.rules ||= c.ours && c.gone;
    if ((d.routes || d.rules || d.links.size > 0) && !this.#timer.armed) this.#timer.arm(CALM_MS);
  }
  #look(): void {
    const now = this.#clock.now();
    let told = 0;
    let next = Number.POSITIVE_INFINITY;
    const say = (text: string): void => {
      if (told++ < TELL) this.#tell(text);
    };
    this.#missing = false;
    try {
      for (const m of this.#absent()) {
        const before = this.#fights.get(m.key);
        if (before && now - before.at < before.pause) {
          next = Math.min(next, before.at + before.pause - now);
          continue;
        }
        const calm = !before || now - before.at > before.pause + PEACE_MS;
        const pause = calm ? FIGHT_MS : Math.min(2 * before.pause, FIGHT_MAX_MS);
        this.#fights.set(m.key, { pause, at: now });
        try {
          const text = m.restore();
          if (text === null) this.#missing = true;
          else say(text);
        } catch (e) {
          this.#missing = true;
          if (calm) say(`cannot restore ${m.key}: ${e instanceof Error ? e.message : errnoOf(e)}`);
        }
      }
    } catch (e) {
      say(`cannot look at the network: ${e instanceof Error ? e.message : errnoOf(e)}`);
    }
    if (told > TELL) this.#tell(`${told - TELL} more changes of the network were undone`);
    for (const [key, f] of this.#fights) if (now - f.at > f.pause + PEACE_MS) this.#fights.delete(key);
    if (next < Number.POSITIVE_INFINITY) {
      this.#dirty.routes = this.#dirty.rules = true;
      for (const i of this.#links.keys()) this.#dirty.links.add(i);
      this.#timer.arm(next);
    }
  }
  /** What is missing, links first: everything else depends on them. */
  #absent(): Missing[] {
    const d = this.#dirty;
    const out: Missing[] = [];
    for (const index of d.links) this.#absentOf(index, out);
    if (d.routes) this.#absentRoutes(out);
    if (d.rules) {
      const there = new Set(this.rtnl.ourRules().map(ruleKey));
      for (const [key, r] of this.#rules) {
        if (!there.has(key))
          out.push({ key, restore: () => this.#again("a routing rule", () => this.rtnl.addRule(r)) });
      }
    }
    d.links.clear();
    d.routes = d.rules = false;
    return out;
  }
  #absentOf(index: number, out: Missing[]): void {
    const l = this.#links.get(index);
    const now = l ? this.rtnl.linkState(index) : null;
    if (!l || !now) return; // the netdev's reader notices that it is gone
    if (now.mtu !== l.mtu) {
      const was = `the MTU of ${l.ifname}, ${now.mtu} instead of ${l.mtu}`;
      out.push({ key: `mtu ${index}`, restore: () => this.#again(was, () => this.#setMtu(l, now.mtu)) });
    }
    if (l.master !== undefined && now.master !== l.master)
      out.push({
        key: `bridge ${index}`,
        restore: () => this.#again(`${l.ifname}, which was taken out of its bridge`, () => this.#join(l)),
      });
    if (l.up && !now.up) {
      out.push({
        key: `up ${index}`,
        restore: () =>
          this.#again(`${l.ifname}, which was set down`, () => this.rtnl.setLink(l.ifname, index, { up: true })),
      });
      this.#dirty.routes = true;
    }
    const there = new Set(this.rtnl.addressesOf(index));
    for (const a of l.addresses.values()) {
      if (there.has(a.local)) continue;
      this.#dirty.routes = true;
      const add = (): void => this.rtnl.addAddress(l.ifname, index, a.local, a.peer, a.length);
      out.push({
        key: `address ${index} ${a.local}`,
        restore: () => this.#again(`the address ${a.local} of ${l.ifname}`, add),
      });
    }
  }
  #absentRoutes(out: Missing[]): void {
    const there = new Set(this.rtnl.ourRoutes().map(foundKey));
    for (const [key, { spec, replaces, lost }] of this.#routes) {
      if (there.has(key)) continue;
      const what = `the ${spec.unreachable === true ? "unreachable " : ""}route to ${spec.prefix}`;
      out.push({
        key,
        restore:
          lost ??
          ((): string => this.#again(what, () => (replaces ? this.rtnl.replaceRoute(spec) : this.rtnl.addRoute(spec)))),
      });
    }
  }
  #again(what: string, set: () => void): string {
    set();
    return `restored ${what}: something else on this machine took it away`;
  }
}

function key(
  prefix: string,
  r: { dev: number; gateway: string | null; metric: number; table: number; unreachable: boolean },
): string {
  const metric = r.metric === 0 && isIp6(prefix) ? KERNEL_METRIC_6 : r.metric;
  return `route ${prefix} ${r.table} ${metric} ${r.unreachable ? "unreachable" : `${r.dev} ${r.gateway ?? ""}`}`;
}
function keyOf(r: RouteSpec): string {
  const p = parsePrefix(r.prefix);
  return key(`${p?.address}/${p?.length}`, {
    dev: r.dev ?? 0,
    gateway: r.gateway ?? null,
    metric: r.metric ?? 0,
    table: r.table ?? RT.RT_TABLE_MAIN,
    unreachable: r.unreachable === true,
  });
}
function foundKey(r: FoundRoute): string {
  return key(`${r.prefix}/${r.length}`, { ...r, unreachable: r.type === RT.RTN_UNREACHABLE });
}
