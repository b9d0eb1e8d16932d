// netifd's view of the links. netifd decides which interfaces are to be up; its handler (lib/netifd/proto/l2tpsec.sh)
// only passes that on and ends. Everything else goes from here to `network.interface notify_proto`: no process and no
// shell for each link.
//
// Either side may restart: a new netifd sets its interfaces up again; after a restart of ubusd or of this process, we
// query the interfaces that netifd wants and report their state again.
import { type Table, type Ubus, UbusError, type Value } from "ubus-client";
import type { InterfaceConfig } from "../config/schema.ts";
import { type DaemonApi, RequestRefused } from "../control/server.ts";
import { isIp6, parsePrefix } from "../core/addr.ts";
import type { Event, EventLog, LinkState } from "../core/events.ts";
import type { FailureCode } from "../core/failures.ts";
import { faultEvent } from "../core/fault.ts";
import { contain } from "../core/scope.ts";
import type { ClientStatus, SerialStatus } from "../link/status.ts";
import { addAlias, removeAlias } from "./alias.ts";
import { toTable } from "./ubus.ts";

/** The daemon, with what netifd needs to know of the links that this side initiates. */
export interface Links extends DaemonApi {
  /** The configuration of such a link; null when there is none of this name, or it cannot run. */
  clientConfig(name: string): InterfaceConfig | null;
  /** As up(), but a backup waits for its turn. */
  want(name: string): void;
  /** Whether it blocks networks. */
  holds(name: string): boolean;
  /** Why an interface that is configured cannot run. */
  broken(name: string): string | null;
  /** reload(), silent when nothing changed. */
  refresh(): void;
  /** The default route may have changed: links retry at once. */
  hurry(): void;
}

/**
 * The error that is none: netifd keeps the last one until the interface is up, and shows it while it is pending, so the
 * steps of a first attempt go there.
 */
const STEP = "CONNECTING";
const STEPS: readonly LinkState[] = ["dialing", "ike", "l2tp", "ppp"];
/** The step of a backup that waits for its turn. */
const WAITING = "waiting";

/** proto_*() of netifd-proto.sh, as numbers on the bus. */
const ACTION = { update: 0, error: 3, blockRestart: 4, setupFailed: 7 } as const;
const PROTOS: readonly unknown[] = ["l2tpsec", "nasdial"];
const NETIFD = "network.interface";

/**
 * The update to netifd for a link that is up, or waits for a packet; addresses are already on the netdev
 * (address-external).
 */
function linkUpdate(name: string, cfg: InterfaceConfig, s: ClientStatus | SerialStatus, keep: boolean): Table {
  const at = "standby" in s && s.standby ? s.standby : s;
  return {
    action: ACTION.update,
    ifname: s.ifname,
    "link-up": true,
    "address-external": true,
    keep,
    ipaddr: [ptp(at.local_ip, at.remote_ip)],
    ...network(cfg, s.local_ip6),
    ...(cfg.peerdns && s.dns.length > 0 ? { dns: s.dns } : {}),
    data: details(s),
    interface: name,
  };
}
/** Shown in netifd's status. */
function details(s: ClientStatus | SerialStatus): Table {
  const mtu = s.mtu === null ? {} : { mtu: s.mtu };
  if (s.kind === "client") return { server: s.server, ...mtu, ...(s.wins.length > 0 ? { wins: s.wins } : {}) };
  return {
    device: s.device,
    ...(s.phone === "" ? {} : { phone: s.phone }),
    ...(s.speed > 0 ? { speed: s.speed } : {}),
    ...mtu,
  };
}

function ptp(local: string | null, remote: string | null): Value {
  return {
    ipaddr: local,
    mask: "32",
    ...(remote === null || remote === local || remote === "0.0.0.0" || remote === "" ? {} : { ptp: remote }),
  };
}
/** The kernel's own for routes of IPv6. */
const METRIC_6 = 1024;
/**
 * Routes of both versions; those of IPv6, and its address, while it passes. The default route of a tunnel with metric 0
 * goes as two halves: netifd would put the whole one in the place of wan's, which then would not come back.
 */
function network(cfg: InterfaceConfig, local6: string | null): Table {
  // A backup's are behind those of its main link: with the same metric netifd would put one in the place of the other.
  const behind = cfg.fallback_for !== null;
  const route = (r: string): Value =>
    behind ? { ...target(r), metric: (cfg.metric === 0 && isIp6(r) ? METRIC_6 : cfg.metric) + 1 } : target(r);
  const halves = cfg.proto === "l2tpsec" && cfg.metric === 0;
  const all = halves ? ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"] : ["0.0.0.0/0", "::/0"];
  const wanted = [...(cfg.routes ?? []), ...(cfg.defaultroute ? all : [])];
  const routes = wanted.filter((r) => !isIp6(r)).map(route);
  const routes6 = local6 === null ? [] : wanted.filter(isIp6).map(route);
  return {
    ...(local6 === null ? {} : { ip6addr: [{ ipaddr: local6, mask: "64" }] }),
    ...(routes.length > 0 ? { routes } : {}),
    ...(routes6.length > 0 ? { routes6 } : {}),
  };
}
function target(prefix: string): Table {
  const p = parsePrefix(prefix);
  if (!p) throw new RangeError(`not a prefix: ${prefix}`);
  return { target: p.address, netmask: String(p.length) };
}

export class Netifd {
  readonly #bus: Pick<Ubus, "call" | "listen">;
  readonly #links: Links;
  readonly #log: EventLog;
  readonly #zoneOf: (name: string) => string | null;
  /** Interfaces that netifd has set up and not torn down: it ignores updates of others. */
  readonly #wanted = new Set<string>();
  /** Interfaces that netifd believes up, with the address that it knows. */
  readonly #told = new Map<string, string>();
  /** Interfaces that ended as their options require, until an ifup or a change of these options. */
  readonly #over = new Set<string>();

  /** `zoneOf`: an interface's firewall zone, or null. */
  constructor(
    bus: Pick<Ubus, "call" | "listen">,
    links: Links,
    log: EventLog,
    zoneOf: (name: string) => string | null = () => null,
  ) {
    this.#bus = bus;
    this.#zoneOf = zoneOf;
    this.#links = links;
    this.#log = log;
    links.subscribe((e) => this.#onEvent(e));
  }

  /**
   * From now on, also while the bus is away, for when it comes: netifd that comes later, and wan coming up, which ends
   * every pause between attempts.
   */
  async watch(): Promise<void> {
    await this.#bus.listen("ubus.object.add", (_, e) => {
      if (e["path"] === NETIFD) this.sync(true).catch((why: unknown) => this.#fault(NETIFD, why));
    });
    await this.#bus.listen(NETIFD, (_, e) => {
      const name = e["interface"];
      if (e["action"] !== "ifup" || typeof name !== "string" || this.#links.clientConfig(name) !== null) return;
      this.#links.hurry();
    });
  }

  /**
   * The bus is there, for the first time or again: what netifd wants, and what it knows, is set right. `starting`:
   * netifd itself has come just now, and what it does not want yet it may want in a moment.
   */
  async sync(starting = false): Promise<void> {
    const dump = await this.#ask("dump", {});
    const list = dump?.["interface"];
    for (const i of Array.isArray(list) ? (list as readonly Table[]) : []) {
      const name = i["interface"];
      if (!PROTOS.includes(i["proto"]) || typeof name !== "string") continue;
      contain(
        () => this.#align(name, i, starting),
        (e) => this.#fault(name, e),
      );
    }
  }
  #align(name: string, i: Table, starting: boolean): void {
    const wanted = i["up"] === true || i["pending"] === true;
    const state = this.#status(name)?.state ?? "down";
    if (i["up"] === true && this.#place(name) === null) this.#lost(name);
    if (wanted) return this.#quietly(() => this.setup(name, true));
    if (starting) return;
    this.#wanted.delete(name);
    if (state !== "down" || this.#place(name) !== null || this.#links.broken(name) !== null || this.#links.holds(name))
      this.#quietly(() => this.#links.down(name));
  }

  /**
   * netifd sets the interface up. Throws RequestRefused; what is wrong with its configuration is told to netifd too.
   */
  setup(name: string, keep = false): void {
    this.#wanted.add(name);
    this.#over.delete(name);
    // The configuration is read first: netifd and this process are told of a change at the same time, in no order.
    this.#quietly(() => this.#links.refresh());
    const why = this.#links.broken(name);
    if (why !== null) this.#error(name, "invalid-config", why);
    // up() would make an on-demand line on standby dial.
    if (this.#place(name) === null) this.#links.want(name);
    if (this.#place(name) !== null) this.#up(name, keep);
  }
  /** netifd takes the interface down; `gone` within two seconds, of netifd's five. */
  teardown(name: string, gone: () => void): void {
    this.#wanted.delete(name);
    this.#told.delete(name);
    this.#links.down(name, gone);
  }

  /** The daemon for everybody else: a person's `up` and `down` of an interface are netifd's ifup and ifdown. */
  api(): DaemonApi {
    const links = this.#links;
    return {
      status: (name, page) => links.status(name, page),
      reload: () => links.reload(),
      doctor: (name, stage) => {
        // It tries the link, which is up to netifd as well.
        if (links.clientConfig(name) !== null && !this.#wanted.has(name)) this.#person(name, "up", () => {});
        return links.doctor(name, stage);
      },
      disconnect: (session) => links.disconnect(session),
      peerConfig: (wish) => links.peerConfig(wish),
      radiusTest: (name, user, password) => links.radiusTest(name, user, password),
      metrics: (users) => links.metrics(users),
      subscribe: (f) => links.subscribe(f),
      up: (name) => {
        const cfg = links.clientConfig(name);
        const up = (): void => links.up(name);
        if (cfg === null) up();
        else this.#person(name, "up", up, cfg.fallback_for === null ? () => {} : up); // the handler lets it wait
      },
      down: (name, gone = () => {}) => {
        if (links.clientConfig(name) === null) links.down(name, gone);
        else this.#person(name, "down", () => links.down(name, gone), gone);
      },
    };
  }

  /**
   * netifd's own way to the handler, or `direct` where that leads nowhere: it does not know the interface, or is trying
   * already.
   */
  #person(name: string, what: "up" | "down", direct: () => void, done: () => void = () => {}): void {
    this.#ask("status", { interface: name })
      .then(async (s) => {
        const active = s?.["up"] === true || s?.["pending"] === true;
        if (s === null || (what === "up") === active) this.#quietly(direct);
        else {
          await this.#ask(what, { interface: name });
          done();
        }
      })
      .catch((e: unknown) => this.#fault(name, e));
  }

  #onEvent(e: Event): void {
    if (e.kind === "daemon.reloaded") {
      for (const part of e.changed.split(", "))
        if (part.startsWith("interface ")) this.#changed(part.slice("interface ".length));
      return;
    }
    // Also for a link whose section is already gone.
    if (e.kind === "link.state" && e.state !== "up" && this.#place(e.link) === null && this.#told.delete(e.link))
      this.#lost(e.link);
    else if (e.kind === "link.up" || (e.kind === "link.standby" && !this.#told.has(e.link))) this.#up(e.link, false);
    else if (e.kind === "link.state" && STEPS.includes(e.state)) this.#step(e.link, e.state);
    else if (e.kind === "link.backup" && this.#waits(e.link)) this.#step(e.link, WAITING);
    else if (e.kind === "link.mtu" && this.#told.has(e.link)) this.#up(e.link, false);
    else if (e.kind === "link.ipv6" && this.#told.has(e.link)) this.#ipv6(e.link, e.local !== "");
    else if (e.kind === "link.down") this.#failed(e.link);
  }
  #up(name: string, keep: boolean): void {
    const cfg = this.#links.clientConfig(name);
    const s = this.#status(name);
    const place = this.#place(name);
    if (cfg === null || s === null || place === null || !this.#wanted.has(name)) return;
    // A recreated netdev has lost what netifd configured on it.
    const before = this.#told.get(name);
    if ("standby" in s && before !== undefined && before !== place) this.#lost(name);
    this.#told.set(name, place);
    this.#notify(linkUpdate(name, cfg, s, keep));
    if (cfg.ipv6 === "auto" && s.local_ip6 !== null)
      addAlias(this.#bus, name, this.#zoneOf(name)).catch((e: unknown) => this.#fault(name, e));
  }
  #ipv6(name: string, on: boolean): void {
    this.#up(name, false);
    if (!on) removeAlias(this.#bus, name).catch((e: unknown) => this.#fault(name, e));
  }
  #lost(name: string): void {
    this.#notify({ action: ACTION.update, "link-up": false, interface: name });
  }
  #failed(name: string): void {
    const s = this.#status(name);
    const error = s?.error ?? null;
    if (error) this.#error(name, error.code, error.text);
    else if (this.#waits(name)) this.#step(name, WAITING);
    // The interface stays pending, whatever the error: down, netifd would take it for one that nobody wants any more. A
    // call that was idle, without demand, or the last one of dial_attempts, is over because its options say so.
    const over = s?.kind === "nas" && s.role === "dial" && s.standby === null && s.retry_in === null && !s.backup;
    if (over && this.#wanted.has(name)) this.#end(name);
  }
  /** What failed before stays to be read while the link tries again. */
  #step(name: string, step: string): void {
    if (!this.#wanted.has(name) || this.#status(name)?.error) return;
    this.#notify({ action: ACTION.error, error: [STEP, step], interface: name });
  }
  /** A backup that is down and waits for its turn. */
  #waits(name: string): boolean {
    const s = this.#status(name);
    return s?.state === "down" && s.backup?.waits === true;
  }
  #end(name: string): void {
    this.#over.add(name);
    this.#notify({ action: ACTION.blockRestart, interface: name });
    this.#notify({ action: ACTION.setupFailed, interface: name });
  }
  #error(name: string, code: FailureCode, text: string): void {
    this.#notify({ action: ACTION.error, error: [code.toUpperCase().replaceAll("-", "_"), text], interface: name });
  }
  /** Secrets are unknown to netifd, so it does not see when one changes. */
  #changed(name: string): void {
    const over = this.#over.delete(name);
    this.#ask("status", { interface: name })
      .then((s) => {
        if (s?.["up"] === true || s?.["pending"] === true) this.#quietly(() => this.#start(name));
        else if (over && s !== null) return this.#ask("up", { interface: name });
        return null;
      })
      .catch((e: unknown) => this.#fault(name, e));
  }
  #start(name: string): void {
    const why = this.#links.broken(name);
    if (why !== null) this.#error(name, "invalid-config", why);
    else if ((this.#status(name)?.state ?? "down") === "down" && this.#place(name) === null) this.#links.want(name);
  }

  /** Our address on a netdev that can carry packets, or stands by for the first one; else null. */
  #place(name: string): string | null {
    const s = this.#status(name);
    if (s?.state === "up") return s.local_ip;
    return s?.kind === "nas" ? (s.standby?.local_ip ?? null) : null;
  }
  #status(name: string): ClientStatus | SerialStatus | null {
    if (this.#links.clientConfig(name) === null) return null;
    try {
      const s = this.#links.status(name)[name];
      return s?.kind === "client" || s?.kind === "nas" ? s : null;
    } catch (e) {
      if (!(e instanceof RequestRefused)) throw e;
      return null;
    }
  }
  #notify(t: Table): void {
    // During a teardown netifd refuses, and while it is away it is not there: it asks again when it wants the
    // interface.
    this.#ask("notify_proto", toTable(t)).catch((e: unknown) => this.#fault(String(t["interface"] ?? ""), e));
  }
  /** Interfaces are isolated: a fault affects only its own. */
  #fault(name: string, e: unknown): void {
    this.#log.emit(faultEvent(name, "an interface of netifd's", e));
  }
  /** Null when netifd refuses or does not answer. */
  async #ask(method: string, args: Table): Promise<Table | null> {
    try {
      return (await this.#bus.call(NETIFD, method, args)) ?? {};
    } catch (e) {
      if (!(e instanceof UbusError)) throw e;
      return null;
    }
  }
  #quietly(f: () => void): void {
    try {
      f();
    } catch (e) {
      if (!(e instanceof RequestRefused)) throw e;
      this.#log.emit({ kind: "daemon.warning", link: "", text: e.message });
    }
  }
}
