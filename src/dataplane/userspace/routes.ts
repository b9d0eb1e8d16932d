// Routes outside the tunnels: the host route that keeps a server reachable, and what refuses packets while a link is down.
import { parsePrefix } from "../../core/addr.ts";
import { SystemError } from "../../core/errors.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import type { EventLog } from "../../core/events.ts";
import { errnoOf } from "../../linux/errno.ts";
import type { FoundRoute, RouteSpec, Rtnl } from "../../linux/rtnl.ts";
import { RT } from "../../linux/uapi.ts";

const WORST = 0xffff_fffe; // metric: any other route wins
const CLAIM_MS = 10_000; // after a start; then blocks that a former process left and nobody claimed go

interface Pin {
  users: number;
  /** Null: nothing of ours was needed. */
  route: RouteSpec | null;
}

function same(a: RouteSpec | null, b: RouteSpec | null): boolean {
  return a?.dev === b?.dev && a?.gateway === b?.gateway;
}

export class OuterRoutes {
  readonly #rtnl: Rtnl;
  readonly #log: EventLog;
  readonly #isOurs: (index: number) => boolean;
  readonly #pins = new Map<string, Pin>();
  readonly #blocks = new Map<string, number>();
  readonly #left = new Set<string>();
  readonly #claim: Timer;

  /** Removes what a killed process left behind, except for blocks, which wait for their link to take them over. */
  constructor(rtnl: Rtnl, clock: Clock, log: EventLog, isOurs: (index: number) => boolean) {
    this.#rtnl = rtnl;
    this.#log = log;
    this.#isOurs = isOurs;
    this.#claim = clock.timer("routes.claim", () => this.#unclaimed());
    for (const r of rtnl.ourRoutes()) {
      const prefix = `${r.prefix}/${r.length}`;
      if (r.type === RT.RTN_UNREACHABLE) this.#left.add(prefix);
      else this.#drop(spec(r));
    }
    if (this.#left.size > 0) this.#claim.arm(CLAIM_MS);
  }
  /** Throws SystemError when there is no route to it at all. */
  pin(server: string): () => void {
    let pin = this.#pins.get(server);
    if (!pin) {
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
  /** Never throws: a route that cannot be set is told. */
  block(prefixes: readonly string[]): () => void {
    const mine: string[] = [];
    for (const text of prefixes) {
      const p = parsePrefix(text);
      if (!p) throw new RangeError(`not a prefix: ${text}`);
      const prefix = `${p.address}/${p.length}`;
      this.#left.delete(prefix);
      try {
        if (!this.#blocks.has(prefix)) this.#rtnl.replaceRoute(blockOf(prefix));
        this.#blocks.set(prefix, (this.#blocks.get(prefix) ?? 0) + 1);
        mine.push(prefix);
      } catch (e) {
        this.#warn(e);
      }
    }
    return () => {
      for (const prefix of mine.splice(0)) {
        const users = (this.#blocks.get(prefix) ?? 1) - 1;
        if (users > 0) {
          this.#blocks.set(prefix, users);
        } else {
          this.#blocks.delete(prefix);
          this.#drop(blockOf(prefix));
        }
      }
    };
  }
  close(): void {
    this.#claim.disarm();
    for (const pin of this.#pins.values()) if (pin.route) this.#drop(pin.route);
    for (const prefix of this.#blocks.keys()) this.#drop(blockOf(prefix));
    this.#pins.clear();
    this.#blocks.clear();
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
    if (pin.route) this.#rtnl.replaceRoute(pin.route);
    if (old && !same(old, pin.route)) this.#log.emit({ kind: "daemon.warning", link: "", text: `the way to ${server} changed` });
  }
  #wanted(server: string): RouteSpec | null {
    const entry = this.#rtnl.routeTo(server);
    const host = entry.length === (server.includes(":") ? 128 : 32);
    // Our own address; or a route to this very host, the user's or a line's: nothing to add to it, nor to take away later.
    if (entry.type !== RT.RTN_UNICAST || (host && !this.#isOurs(entry.dev))) return null;
    const path = this.#rtnl.pathTo(server);
    if (this.#isOurs(path.dev)) throw new SystemError("ENETUNREACH", `no route to ${server}`, "the only one leads into a tunnel");
    return { prefix: server, dev: path.dev, ...(path.gateway === null ? {} : { gateway: path.gateway, onlink: true }) };
  }
  #unclaimed(): void {
    for (const prefix of this.#left) this.#drop(blockOf(prefix));
    this.#left.clear();
  }
  #drop(r: RouteSpec): void {
    try {
      this.#rtnl.deleteRoute(r);
    } catch (e) {
      this.#warn(e);
    }
  }
  #warn(e: unknown): void {
    this.#log.emit({ kind: "daemon.warning", link: "", text: e instanceof Error ? e.message : errnoOf(e) });
  }
}

function blockOf(prefix: string): RouteSpec {
  return { prefix, unreachable: true, metric: WORST };
}
function spec(r: FoundRoute): RouteSpec {
  return {
    prefix: `${r.prefix}/${r.length}`, dev: r.dev, metric: r.metric, table: r.table, ...(r.gateway === null ? {} : { gateway: r.gateway }),
  };
}
