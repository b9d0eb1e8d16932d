// A call on its netdev: packets to some networks go to it, and routes of the kernel lead there. Classes rather than
// closures: a server has thousands of these.
import { isIp6, type Prefix } from "../../core/addr.ts";
import type { Packet } from "../../core/packet.ts";
import { allOf } from "../../core/scope.ts";
import { asksRouter } from "../../packet/ip.ts";
import { mssFor } from "../../packet/tcp.ts";
import type { Route, TrafficCounters, UserInterface } from "../dataplane.ts";
import type { CallNetdev, UserspaceCall } from "./call.ts";
import { type Device, network } from "./device.ts";

export interface JoinedHost {
  /** Throws SystemError. */
  addRoute(dev: Device, r: Route): void;
  removeRoute(dev: Device, r: Route): void;
  /** The call's packets stop: calls end(). */
  leave(call: UserspaceCall): void;
  fault(e: unknown): void;
}
/** Packets to `prefixes` go to the call; `routes` go into the kernel. */
interface Ways {
  readonly prefixes: readonly Prefix[];
  readonly routes: readonly Route[];
}
const NONE: Ways = { prefixes: [], routes: [] };
export interface JoinedOptions extends Ways {
  /** Without: the device as it is. */
  readonly netdev?: CallNetdev;
  /** Of IPv6, once it is there, beside the peer's link-local address. */
  readonly routes6?: readonly Route[];
}

export function six(r: Route): boolean {
  return isIp6(r.prefix);
}
function unique(list: readonly Prefix[]): Prefix[] {
  return [...new Map(list.map((p) => [`${p.address}/${p.length}`, p])).values()];
}
/** A user's networks, each with a route. */
export function ofUser(routes: readonly Route[], netdev: CallNetdev): JoinedOptions {
  const routes4 = routes.filter((r) => !six(r));
  const prefixes = unique(routes4.map((r) => network(r.prefix)));
  return { prefixes, routes: routes4, netdev, routes6: routes.filter(six) };
}

export class Joined implements UserInterface {
  readonly #host: JoinedHost;
  readonly #dev: Device;
  readonly #call: UserspaceCall;
  readonly #ways: Ways;
  readonly #routes6: readonly Route[];
  #ways6 = NONE;
  #over = false;

  /** All of it, or nothing and a SystemError. */
  constructor(host: JoinedHost, dev: Device, call: UserspaceCall, o: JoinedOptions) {
    this.#host = host;
    this.#dev = dev;
    this.#call = call;
    this.#ways = { prefixes: o.prefixes, routes: o.routes };
    this.#routes6 = o.routes6 ?? NONE.routes;
    call.attach(o.netdev ?? dev);
    try {
      this.#enter(this.#ways);
    } catch (e) {
      call.attach(null);
      throw e;
    }
  }
  get ifname(): string {
    return this.#dev.ifname;
  }
  counters(): TrafficCounters {
    return this.#call.counters();
  }
  async setIpv6(peer: string | null): Promise<void> {
    this.#no6();
    if (peer === null || this.#over) return;
    const prefixes = unique([peer, ...this.#routes6.map((r) => r.prefix)].map(network));
    const ways = { prefixes, routes: this.#routes6 };
    this.#enter(ways);
    this.#ways6 = ways;
    this.#call.setIpv6(true);
  }
  async detach(): Promise<void> {
    this.#host.leave(this.#call);
  }
  end(): void {
    this.#over = true;
    allOf(
      (e) => this.#host.fault(e),
      () => this.#no6(),
      () => this.#leave(this.#ways),
      () => this.#call.attach(null),
    );
  }
  #no6(): void {
    const ways = this.#ways6;
    this.#ways6 = NONE;
    this.#call.setIpv6(false);
    this.#leave(ways);
  }
  #enter({ prefixes, routes }: Ways): void {
    const done: { prefixes: Prefix[]; routes: Route[] } = { prefixes: [], routes: [] };
    try {
      for (const p of prefixes) {
        this.#dev.route(p, this.#call);
        done.prefixes.push(p);
      }
      for (const r of routes) {
        this.#host.addRoute(this.#dev, r);
        done.routes.push(r);
      }
    } catch (e) {
      this.#leave(done);
      throw e;
    }
  }
  /** What came last goes first. */
  #leave({ prefixes, routes }: Ways): void {
    const steps = [
      ...prefixes.map((p) => () => this.#dev.unroute(p)),
      ...routes.map((r) => () => this.#host.removeRoute(this.#dev, r)),
    ];
    allOf((e) => this.#host.fault(e), ...steps.reverse());
  }
}

/** The netdev as a user's call has it. */
export class UserNetdev implements CallNetdev {
  readonly #dev: Device;
  readonly #mtu: number | null;
  readonly #asked: ((packet: Packet) => void) | null;

  /** `mtu`: where it is less than the netdev's; `asked`: as of ServerInterface. */
  constructor(dev: Device, mtu: number | null, asked: ((packet: Packet) => void) | null) {
    this.#dev = dev;
    this.#mtu = mtu;
    this.#asked = asked;
  }
  get dev(): number {
    return this.#dev.dev;
  }
  get checkSource(): boolean {
    return this.#dev.checkSource;
  }
  get clampMss(): number {
    return this.#mtu === null || this.#dev.clampMss === 0 ? this.#dev.clampMss : mssFor(this.#mtu);
  }
  receive(call: UserspaceCall, p: Packet): boolean {
    if (!this.#asked || !asksRouter(p.mem, p.start, p.end)) return this.#dev.receive(call, p);
    this.#asked(p);
    return true;
  }
}
