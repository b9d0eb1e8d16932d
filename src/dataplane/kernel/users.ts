// A server's users in the kernel plane: a netdev each, and what each of them may send from.
import type { Route, ServerNet, UserInterface } from "../dataplane.ts";
import type { KernelCall } from "./call.ts";
import { host, Sources } from "./sources.ts";
import type { Unit, UnitSpec } from "./unit.ts";

interface UsersDeps {
  /** Throws SystemError. */
  attach(call: KernelCall, spec: Omit<UnitSpec, "ifname">): Unit;
  leave(call: KernelCall): Promise<void>;
  warn(e: unknown): void;
}
interface User {
  readonly unit: Unit;
  /** The peer's link-local address while IPV6CP is open. */
  linkLocal: string | null;
}

export class Users {
  readonly #cfg: ServerNet;
  readonly #deps: UsersDeps;
  readonly #users = new Map<KernelCall, User>();
  readonly #sources = new Sources<KernelCall>();

  constructor(cfg: ServerNet, deps: UsersDeps) {
    this.#cfg = cfg;
    this.#deps = deps;
  }
  /** Throws SystemError. */
  attach(call: KernelCall, ip: string, routes: readonly Route[]): UserInterface {
    this.#sources.add(call, [ip, ...routes.map((r) => r.prefix)]);
    this.#filter(this.#sources.around(call));
    let user: User;
    try {
      const { mtu, local4 } = this.#cfg;
      const spec = { mtu, local4, clampMss: false, peer4: ip, routes, sources: this.#sources.of(call) };
      user = { unit: this.#deps.attach(call, spec), linkLocal: null };
    } catch (e) {
      this.#forget(call);
      throw e;
    }
    this.#users.set(call, user);
    return {
      ifname: user.unit.ifname,
      counters: () => call.counters(),
      setIpv6: async (peer) => this.#setIpv6(call, user, peer),
      detach: () => this.#leave(call),
    };
  }
  close(): void {
    for (const call of this.#users.keys()) void this.#deps.leave(call);
    this.#users.clear();
  }

  async #leave(call: KernelCall): Promise<void> {
    this.#users.delete(call);
    const left = this.#deps.leave(call);
    this.#forget(call);
    await left;
  }
  #forget(call: KernelCall): void {
    const around = this.#sources.around(call);
    this.#sources.remove(call);
    this.#filter(around);
  }
  #setIpv6(call: KernelCall, user: User, peer: string | null): void {
    user.unit.setIpv6(null);
    user.linkLocal = peer;
    if (peer === null || !this.#users.has(call)) return;
    user.unit.filter(this.#sourcesOf(call, user));
    user.unit.setIpv6(this.#cfg.local6);
  }
  #sourcesOf(call: KernelCall, user: User): ReturnType<Sources<KernelCall>["of"]> {
    const all = this.#sources.of(call);
    return user.linkLocal === null ? all : [host(user.linkLocal), ...all];
  }
  /** A user with a network around another's: its sources are others now. */
  #filter(calls: ReadonlySet<KernelCall>): void {
    for (const call of calls) {
      const user = this.#users.get(call);
      try {
        user?.unit.filter(this.#sourcesOf(call, user));
      } catch (e) {
        this.#deps.warn(e);
        call.lost("the sources of its packets cannot be checked any more");
      }
    }
  }
}
