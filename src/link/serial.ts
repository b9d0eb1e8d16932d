// The access method of proto = nasdial, in both roles: serial line, modem, PPP, netdev.

import { deviceName } from "../config/cross.ts";
import type { SerialConfig } from "../config/nasdial.ts";
import type { UserConfig } from "../config/schema.ts";
import { linkLocal } from "../core/addr.ts";
import type { DayTime } from "../core/daytime.ts";
import { type Failure, type FailureCode, failure, failureOf } from "../core/failures.ts";
import type { Counters, NetInterface } from "../dataplane/dataplane.ts";
import { Redial } from "../modem/redial.ts";
import type { PppConfig, PppUp } from "../ppp/api.ts";
import type { Assignment } from "../ppp/ipcp.ts";
import type { Ipv6Ids } from "../ppp/ipv6cp.ts";
import type { Access, Climb, Pauses } from "./access.ts";
import { Backoff } from "./backoff.ts";
import { Callers } from "./callers.ts";
import { DemandNet, type DemandOwner, PLACEHOLDER } from "./demand.ts";
import type { LinkDeps } from "./deps.ts";
import type { Ladder, Rung } from "./ladder.ts";
import { LineRung, ModemRung, type ModemUser } from "./rungs/modem.ts";
import { NetdevRung, type NetdevUser } from "./rungs/netdev.ts";
import { PppRung, type PppUser } from "./rungs/ppp.ts";
import type { SerialChannel } from "./serial-channel.ts";
import { netdevOf, pppAnswerer, pppCaller } from "./settings.ts";
import type { LinkStatus, SerialStatus } from "./status.ts";

/** Whoever answers is ready for the next caller at once, but not in a circle. */
const ANSWER_AGAIN_MS = 1000;
/** Ends of a call that are no fault of the line. */
const AFTER_CALL: readonly FailureCode[] = ["carrier-lost", "idle", "hold"];

export type SerialDeps = Pick<
  LinkDeps,
  | "clock"
  | "crypto"
  | "host"
  | "log"
  | "plane"
  | "routesElsewhere"
  | "serial"
  | "zlib"
  | "tls"
  | "challenges"
  | "logins"
>;

export class SerialAccess implements Access<SerialClimb> {
  readonly cfg: SerialConfig;
  readonly deps: SerialDeps;
  readonly ifname: string;
  readonly pauses: SerialPauses;
  readonly hold: readonly DayTime[];
  readonly idleSeconds: number;
  readonly guarded = [];
  readonly wayOut = true;
  readonly hurried = false;
  readonly first = "line";
  /** Who may call, role = answer. */
  readonly callers: Callers;
  demand: DemandNet | null = null;
  /** The SIM card was given the PIN of the configuration, and did not say that it is right. */
  pinSpent = false;

  constructor(deps: SerialDeps, cfg: SerialConfig, users: () => readonly UserConfig[]) {
    this.deps = deps;
    this.cfg = cfg;
    this.ifname = deviceName(cfg);
    this.hold = cfg.hold ?? [];
    this.idleSeconds = cfg.idle_timeout;
    this.callers = new Callers(users, deps.logins, null);
    this.pauses = new SerialPauses(deps, cfg);
  }
  get elsewhere(): boolean {
    return this.deps.routesElsewhere ?? false;
  }
  standby(owner: DemandOwner): DemandNet | null {
    const { cfg, deps } = this;
    if (!cfg.demand) return null;
    const net = netdevOf(cfg, { mtu: cfg.mtu, ...PLACEHOLDER }, this.elsewhere);
    this.demand = new DemandNet({ clock: deps.clock, net: deps.plane.net }, net, owner);
    return this.demand;
  }
  climb(ladder: Ladder): SerialClimb {
    return new SerialClimb(ladder, this);
  }
  status(link: LinkStatus, c: SerialClimb | null, standby: SerialStatus["standby"]): SerialStatus {
    return {
      kind: "nas",
      ...link,
      role: this.cfg.role,
      device: this.cfg.device,
      baud: this.cfg.baud,
      phone: c?.phone ?? "",
      speed: c?.modem.speed ?? 0,
      signal: c?.modem.network?.signal ?? null,
      operator: c?.modem.network?.operator ?? null,
      user: link.state === "up" ? (c?.user?.name ?? null) : null,
      standby,
      drops: { ...this.demand?.drops(), ...c?.modem.channel?.drops(), ...c?.ppp.drops() },
    };
  }
}

class SerialClimb implements Climb, PppUser, NetdevUser, ModemUser {
  readonly #access: SerialAccess;
  readonly line: LineRung;
  readonly modem: ModemRung;
  readonly ppp: PppRung;
  readonly netdev: NetdevRung;
  readonly rungs: readonly Rung[];
  readonly phone: string | null;
  readonly place: string;
  readonly via = null;
  readonly local = null;
  user: UserConfig | null = null;

  constructor(ladder: Ladder, access: SerialAccess) {
    const { cfg, deps } = access;
    this.#access = access;
    this.phone = access.pauses.phone;
    this.place = `line ${cfg.name}`;
    this.line = new LineRung(ladder, deps, cfg);
    this.modem = new ModemRung(ladder, deps, cfg, this.line, this);
    this.ppp = new PppRung(ladder, deps, this);
    this.netdev = new NetdevRung(ladder, this);
    this.rungs = [this.line, this.modem, this.ppp, this.netdev];
  }
  get ifname(): string {
    return this.#access.ifname;
  }
  get mtu(): number {
    const { mtu } = this.#access.cfg;
    const { info } = this.ppp;
    return info ? Math.min(mtu, info.peerMru) - info.growth : mtu;
  }
  counters(): Counters | null {
    return this.modem.channel?.counters() ?? null;
  }

  onPin(right: boolean): void {
    this.#access.pinSpent = !right;
  }
  get pinSpent(): boolean {
    return this.#access.pinSpent;
  }
  heard(): void {
    this.ppp.activity();
  }

  get channel(): SerialChannel {
    if (!this.modem.channel) throw new RangeError("PPP without a call");
    return this.modem.channel;
  }
  get callers(): Callers | null {
    return this.#access.cfg.role === "answer" ? this.#access.callers : null;
  }
  pppConfig(): PppConfig {
    const { cfg, deps } = this.#access;
    if (cfg.role === "answer") return pppAnswerer(cfg, deps.host, cfg.mtu);
    return pppCaller(cfg, deps.host, cfg.mtu, this.modem.eapTls);
  }
  assign(user: UserConfig): Assignment | Failure {
    const { local_ip: local, remote_ip, dns } = this.#access.cfg;
    const remote = user.ip ?? remote_ip;
    if (local === null || remote === null)
      return failureOf("config", "no-address", "there is no address for the caller: set local_ip and remote_ip", true);
    this.user = user;
    return { local, remote, dns: dns ?? [], wins: [] };
  }
  onIpv6(): void {
    this.netdev.setIpv6();
  }
  /** A modem that has left the call takes our frames for commands, and echoes them. */
  meaning(why: Failure): Failure {
    if (why.code !== "loop" || this.#access.cfg.line !== "modem") return why;
    return failure("carrier-lost", "the modem has left the call: it returns what is sent to it");
  }

  async attach(info: PppUp): Promise<NetInterface> {
    const { cfg, deps, demand } = this.#access;
    const { channel } = this;
    const to = { mtu: this.mtu, local4: info.local, peer4: info.remote };
    const ip = netdevOf(cfg, to, this.#access.elsewhere, this.user?.routes ?? []);
    return channel.over(await (demand ? demand.connect(channel, ip) : deps.plane.net.attachLine(channel, ip)));
  }
  ip6Of(ids: Ipv6Ids): string {
    return linkLocal(ids.local);
  }
  onIpv6Set(ip6: string | null): void {
    this.#access.deps.log.emit({ kind: "link.ipv6", link: this.#access.cfg.name, local: ip6 ?? "" });
  }
  noIpv6(why: Failure): void {
    const { cfg, deps } = this.#access;
    deps.log.emit({ kind: "daemon.warning", link: cfg.name, text: `no IPv6: ${why.text}` });
  }
}

/** As numbers and their own pauses allow, and longer after failures that are likely to last. */
class SerialPauses implements Pauses {
  readonly #deps: Pick<SerialDeps, "crypto">;
  readonly #cfg: SerialConfig;
  readonly #backoff: Backoff;
  #redial: Redial;
  readonly over: string;

  constructor(deps: Pick<SerialDeps, "crypto">, cfg: SerialConfig) {
    this.#deps = deps;
    this.#cfg = cfg;
    this.#backoff = new Backoff(deps.crypto, cfg.reconnect_min, cfg.reconnect_max);
    this.#redial = this.#newRedial();
    this.over = `${cfg.dial_attempts} rounds of dialling are over`;
  }
  #newRedial(): Redial {
    const c = this.#cfg;
    return new Redial(
      {
        phones: c.line === "modem" && c.role === "dial" ? (c.phone ?? []) : [],
        minSeconds: c.reconnect_min,
        maxSeconds: c.reconnect_max,
        sameNumberSeconds: c.redial_pause,
        rounds: c.dial_attempts,
      },
      this.#deps.crypto,
    );
  }
  /** The number that is next. */
  get phone(): string | null {
    return this.#redial.phone;
  }
  begin(): void {
    this.#redial = this.#newRedial();
    this.#backoff.reset();
  }
  /** Then the number that is next; its own pause is kept by redialling alone. */
  ask(): void {}
  up(): void {
    this.#redial.succeeded();
    this.#backoff.reset();
  }
  /** A caller who hangs up, or cannot log in, is no reason to wait; a device that is missing is. */
  after(why: Failure, now: number): number | null {
    const { role, demand } = this.#cfg;
    if (role === "answer" && (why.layer === "ppp" || AFTER_CALL.includes(why.code))) return ANSWER_AGAIN_MS;
    if (role === "dial" && why.code === "idle" && !demand) return null;
    const ms = this.#redial.failed(now);
    return ms !== null && why.lasting === true ? Math.max(ms, this.#backoff.pause(true)) : ms;
  }
  outside(): number {
    return this.#backoff.pause(false);
  }
  hurry(): null {
    return null;
  }
}
