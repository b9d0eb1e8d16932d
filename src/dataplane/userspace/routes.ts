// Routes outside the tunnels: the host route that keeps a server reachable, and the blocks while a link is down.
import { isIp6, parsePrefix } from "../../core/addr.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import { SystemError } from "../../core/errors.ts";
import type { EventLog } from "../../core/events.ts";
import { errnoOf } from "../../linux/errno.ts";
import type { Keeper } from "../../linux/keeper.ts";
import type { FoundRoute, RouteSpec } from "../../linux/rtnl.ts";
import { type RuleSpec, ruleKey } from "../../linux/rules.ts";
import { RT } from "../../linux/uapi.ts";

const WORST = 0xffff_fffe; // metric: any other route is preferred
const CLAIM_MS = 10_000; // after the start; then unclaimed blocks of an earlier process are removed

/**
 * A default route cannot be blocked by a route beside it: WAN's has the better metric. So packets go by these rules,
 * before those of anybody else but the kernel's own for this machine's addresses:
 *
 *    200   what carries our mark (no packet does: it is how we ask for the way outside): table main
 * 201 table main, default routes left out: the LAN, what is on WAN's own network, host routes such as that to the
 * server
 *    202   our table: the default into the link while that is up, "unreachable" behind it
 *    203   refused: IPv6 for a moment finds neither, while the first of the two goes with its netdev
 */
export const TABLE = 0x6c32; // 27698
export const MARK = 0x6c32_7470;
const FIRST_RULE = 200;
/** In front of these: what must pass in spite of them. */
export const EXCEPTION_RULE = FIRST_RULE - 1;

interface Pin {
  users: number;
  /** Null: no route of ours was needed. */
  route: RouteSpec | null;
}

function same(a: RouteSpec | null, b: RouteSpec | null): boolean {
  return a?.dev === b?.dev && a?.gateway === b?.gateway;
}

export class OuterRoutes {
  readonly #keeper: Keeper;
  readonly #log: EventLog;
  readonly #isOurs: (index: number) => boolean;
  readonly #pins = new Map<string, Pin>();
  readonly #blocks = new Map<string, number>(); // users
  readonly #left = new Set<string>();
  readonly #claim: Timer;

  /** Removes what a killed process left behind, except blocks, which stay until their link takes them over. */
  constructor(keeper: Keeper, clock: Clock, log: EventLog, isOurs: (index: number) => boolean) {
    this.#keeper = keeper;
    this.#log = log;
    this.#isOurs = isOurs;
    this.#claim = clock.timer("routes.claim", () => this.#unclaimed());
    for (const r of keeper.rtnl.ourRoutes()) {
      if (r.type === RT.RTN_UNREACHABLE) this.#left.add(`${r.prefix}/${r.length}`);
      else this.#drop(spec(r));
    }
    const standing = new Set([...this.#left].flatMap((p) => blockOf(p).rules).map(ruleKey));
    for (const r of keeper.rtnl.ourRules())
      if (!standing.has(ruleKey(r))) this.#quietly(() => keeper.rtnl.deleteRule(r));
    if (this.#left.size > 0) this.#claim.arm(CLAIM_MS);
  }
  /** Throws SystemError when there is no route to it at all. */
  pin(server: string): () => void {
    let pin = this.#pins.get(server);
    if (pin) this.#keeper.lookNow();
    else {
      pin = { users: 0, route: null };
      this.#pins.set(server, pin);
    }
    try {
      this.#repin(server, pin);
    } catch (e) {
      if (pin.users === 0) this.#pins.delete(server);
      throw e;
    }
    const mine = pin;
    mine.users++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (--mine.users > 0) return;
      this.#pins.delete(server);
      if (mine.route) this.#drop(mine.route);
    };
  }
  /** Host routes follow the routes of today. */
  review(): void {
    for (const [server, pin] of this.#pins) this.#quietly(() => this.#repin(server, pin));
  }
  /** Never throws: failures are logged. A prefix of length 0 stands for all that default routes of its family carry. */
  block(prefixes: readonly string[]): () => void {
    const mine: string[] = [];
    for (const text of prefixes) {
      const p = parsePrefix(text);
      if (!p) throw new RangeError(`not a prefix: ${text}`);
      const prefix = `${p.address}/${p.length}`;
      this.#left.delete(prefix);
      if (!this.#blocks.has(prefix)) this.#setBlock(prefix);
      this.#blocks.set(prefix, (this.#blocks.get(prefix) ?? 0) + 1);
      mine.push(prefix);
    }
    return () => {
      for (const prefix of mine.splice(0)) {
        const users = (this.#blocks.get(prefix) ?? 1) - 1;
        if (users > 0) {
          this.#blocks.set(prefix, users);
        } else {
          this.#blocks.delete(prefix);
          this.#dropBlock(prefix);
        }
      }
    };
  }
  /** Whether default routes of `address`'s family are blocked, so that only a host route leads outside. */
  hides(address: string): boolean {
    const all = isIp6(address) ? "::/0" : "0.0.0.0/0";
    return this.#blocks.has(all) || this.#left.has(all);
  }
  close(): void {
    this.#claim.disarm();
    for (const pin of this.#pins.values()) if (pin.route) this.#drop(pin.route);
    for (const prefix of this.#blocks.keys()) this.#dropBlock(prefix);
    this.#pins.clear();
    this.#blocks.clear();
  }

  #setBlock(prefix: string): void {
    const { routes, rules } = blockOf(prefix);
    for (const r of routes) {
      try {
        this.#keeper.replaceRoute(r);
      } catch (e) {
        if (prefix === "::/0" && ["EOPNOTSUPP", "EAFNOSUPPORT"].includes(errnoOf(e))) return; // no IPv6, so none leaves
        this.#warn(e);
      }
    }
    for (const r of rules) this.#quietly(() => this.#keeper.addRule(r));
  }
  #dropBlock(prefix: string): void {
    const { routes, rules } = blockOf(prefix);
    for (const r of [...rules].reverse()) this.#quietly(() => this.#keeper.deleteRule(r));
    for (const r of routes) this.#drop(r);
  }
  #repin(server: string, pin: Pin): void {
    const old = pin.route;
    if (old) this.#drop(old); // else it would answer for today's route
    pin.route = null;
    try {
      pin.route = this.#wanted(server);
    } catch (e) {
      if (!old) throw e;
      pin.route = old; // no better one today
    }
    if (pin.route) this.#keeper.replaceRoute(pin.route, () => this.#lost(server, pin));
    if (old && !same(old, pin.route))
      this.#log.emit({ kind: "daemon.warning", link: "", text: `the route to ${server} changed` });
  }
  /** The route or its device was deleted: the path may have changed. */
  #lost(server: string, pin: Pin): string | null {
    const old = pin.route;
    if (!old || this.#pins.get(server) !== pin) return null;
    try {
      const now = this.#wanted(server);
      if (now) this.#keeper.rtnl.replaceRoute(now);
      if (same(old, now)) return `restored the route to ${server}: something else on this machine took it away`;
      if (now) this.#keeper.replaceRoute(now, () => this.#lost(server, pin));
      this.#drop(old);
      pin.route = now;
      return `the route to ${server} changed`;
    } catch {
      return null; // no way today
    }
  }
  #wanted(server: string): RouteSpec | null {
    const { rtnl } = this.#keeper;
    const entry = rtnl.routeTo(server, MARK);
    const host = entry.length === (server.includes(":") ? 128 : 32);
    // Our own address; or a route to this very host, the user's or a line's: nothing to add to it, nor to take away
    // later.
    if (entry.type !== RT.RTN_UNICAST || (host && !this.#isOurs(entry.dev))) return null;
    const path = rtnl.pathTo(server, MARK);
    if (this.#isOurs(path.dev))
      throw new SystemError("ENETUNREACH", `no route to ${server}`, "the only one leads into a tunnel");
    return { prefix: server, dev: path.dev, ...(path.gateway === null ? {} : { gateway: path.gateway, onlink: true }) };
  }
  #unclaimed(): void {
    for (const prefix of this.#left) this.#dropBlock(prefix);
    this.#left.clear();
  }
  #drop(r: RouteSpec): void {
    this.#quietly(() => this.#keeper.deleteRoute(r));
  }
  #quietly(f: () => void): void {
    try {
      f();
    } catch (e) {
      this.#warn(e);
    }
  }
  #warn(e: unknown): void {
    this.#log.emit({ kind: "daemon.warning", link: "", text: e instanceof Error ? e.message : errnoOf(e) });
  }
}

/**
 * The rules and routes that block `prefix`, in the order to install them: no intermediate step blocks more, or cuts off
 * the LAN.
 */
function blockOf(prefix: string): { readonly routes: readonly RouteSpec[]; readonly rules: readonly RuleSpec[] } {
  const route = { prefix, unreachable: true, metric: WORST };
  if (!prefix.endsWith("/0")) return { routes: [route], rules: [] };
  const family = isIp6(prefix) ? 6 : 4;
  return {
    routes: [{ ...route, table: TABLE }],
    rules: [
      { family, priority: FIRST_RULE, table: RT.RT_TABLE_MAIN, mark: MARK },
      { family, priority: FIRST_RULE + 1, table: RT.RT_TABLE_MAIN, suppress: 0 },
      { family, priority: FIRST_RULE + 2, table: TABLE },
      { family, priority: FIRST_RULE + 3, table: 0 },
    ],
  };
}
function spec(r: FoundRoute): RouteSpec {
  return {
    prefix: `${r.prefix}/${r.length}`,
    dev: r.dev,
    metric: r.metric,
    table: r.table,
    ...(r.gateway === null ? {} : { gateway: r.gateway }),
  };
}
