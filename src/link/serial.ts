// The access method of proto = nasdial, in both roles: serial line, modem, PPP, netdev.

import { deviceName } from "../config/cross.ts";
import type { SerialConfig } from "../config/nasdial.ts";
import type { UserConfig } from "../config/schema.ts";
import type { DayTime } from "../core/daytime.ts";
import { type Failure, type FailureCode, failure, failureOf } from "../core/failures.ts";
import type { NetInterface } from "../dataplane/dataplane.ts";
import { Redial } from "../modem/redial.ts";
import type { FrameChannel } from "../ports/ports.ts";
import type { PppConfig, PppUp } from "../ppp/api.ts";
import type { Assignment } from "../ppp/ipcp.ts";
import type { Access, Climb } from "./access.ts";
import type { Account } from "./account.ts";
import type { Backoff } from "./backoff.ts";
import { Callers } from "./callers.ts";
import { DemandNet, type DemandOwner, PLACEHOLDER } from "./demand.ts";
import type { LinkDeps } from "./deps.ts";
import type { Ladder, Rung } from "./ladder.ts";
import { Passwords } from "./passwords.ts";
import { LineRung, ModemRung, type ModemUser } from "./rungs/modem.ts";
import { NetdevRung, type NetdevUser } from "./rungs/netdev.ts";
import { PppRung, type PppUser } from "./rungs/ppp.ts";
import type { SerialChannel } from "./serial-channel.ts";
import { netdevOf, pppAnswerer, pppCaller } from "./settings.ts";
import type { LinkStatus, SerialStatus } from "./status.ts";

/** Role answer is ready for the next caller at once, but never loops without a pause. */
const ANSWER_AGAIN_MS = 1000;
/** Ends of a call that are no fault of the line. */
const AFTER_CALL: readonly FailureCode[] = ["carrier-lost", "idle", "hold"];

type SerialDeps = Pick<
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
  | "captures"
  | "challenges"
  | "logins"
>;

export class SerialAccess implements Access<SerialClimb> {
  readonly cfg: SerialConfig;
  readonly deps: SerialDeps;
  readonly ifname: string;
  readonly hold: readonly DayTime[];
  readonly idleSeconds: number;
  readonly guarded = [];
  readonly wayOut = true;
  readonly first = "line";
  readonly over: string;
  readonly passwords: Passwords;
  /** Who may call, role = answer. */
  readonly callers: Callers;
  demand: DemandNet | null = null;
  #redial: Redial;
  /** The SIM card was given the PIN of the configuration, and did not say that it is right. */
  pinSpent = false;

  constructor(deps: SerialDeps, cfg: SerialConfig, users: () => readonly UserConfig[]) {
    this.deps = deps;
    this.cfg = cfg;
    this.ifname = deviceName(cfg);
    this.passwords = new Passwords(cfg);
    this.hold = cfg.hold ?? [];
    this.idleSeconds = cfg.idle_timeout;
    this.callers = new Callers(users, deps.logins, null);
    this.over = `${cfg.dial_attempts} rounds of dialling are over`;
    this.#redial = this.#newRedial();
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
  begin(): void {
    this.#redial = this.#newRedial();
  }
  #newRedial(): Redial {
    const c = this.cfg;
    return new Redial(
      {
        phones: c.line === "modem" && c.role === "dial" ? (c.phone ?? []) : [],
        minSeconds: c.reconnect_min,
        maxSeconds: c.reconnect_max,
        sameNumberSeconds: c.redial_pause,
        rounds: c.dial_attempts,
      },
      this.deps.crypto,
    );
  }
  /** The number that is next; null: none is dialled. */
  get phone(): string | null {
    return this.#redial.phone;
  }
  climb(ladder: Ladder): SerialClimb {
    return new SerialClimb(ladder, this);
  }
  succeeded(): void {
    this.#redial.succeeded();
  }
  /**
   * As numbers and their own pauses allow, and longer after failures that are likely to last. A caller who hangs up, or
   * cannot log in, is no reason to wait; a device that is missing is.
   */
  pause(why: Failure, backoff: Backoff, now: number): number | null {
    const { role, demand } = this.cfg;
    this.passwords.failed(why);
    if (role === "answer" && (why.layer === "ppp" || AFTER_CALL.includes(why.code))) return ANSWER_AGAIN_MS;
    if (role === "dial" && why.code === "idle" && !demand) return null;
    const ms = this.#redial.failed(now);
    return ms !== null && why.lasting === true ? Math.max(ms, backoff.pause(true)) : ms;
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
      user: link.state === "up" ? (c?.caller?.name ?? null) : null,
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
  caller: Account | null = null;

  constructor(ladder: Ladder, access: SerialAccess) {
    const { cfg, deps } = access;
    this.#access = access;
    this.phone = access.phone;
    this.place = `line ${cfg.name}`;
    this.line = new LineRung(ladder, deps, cfg);
    this.modem = new ModemRung(ladder, deps, cfg, this);
    this.ppp = new PppRung(ladder, deps, this);
    this.netdev = new NetdevRung(ladder, this.ppp, this);
    this.rungs = [this.line, this.modem, this.ppp, this.netdev];
  }
  get ifname(): string {
    return this.#access.ifname;
  }
  get mtu(): number {
    return this.#access.cfg.mtu;
  }

  watched(channel: FrameChannel, runs: boolean): void {
    this.#access.deps.captures.channel(this.#access.cfg.name, channel, runs);
  }
  onPin(right: boolean): void {
    this.#access.pinSpent = !right;
  }
  get passwords(): Passwords {
    return this.#access.passwords;
  }
  get pinSpent(): boolean {
    return this.#access.pinSpent;
  }
  heard(): void {
    this.ppp.activity();
  }
  ask(answered: () => void): void {
    this.ppp.probe(0, answered);
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
    return pppCaller(cfg, deps.host, cfg.mtu, { passwords: this.passwords, eapTls: this.modem.eapTls });
  }
  assign(user: Account): Assignment | Failure {
    const { local_ip: local, remote_ip, dns } = this.#access.cfg;
    const remote = user.ip ?? remote_ip;
    if (local === null || remote === null)
      return failureOf("config", "no-address", "there is no address for the caller: set local_ip and remote_ip", true);
    this.caller = user;
    return { local, remote, dns: dns ?? [], wins: [] };
  }
  /** A modem that has left the call takes our frames for commands, and echoes them. */
  meaning(why: Failure): Failure {
    if (why.code !== "loop" || this.#access.cfg.line !== "modem") return why;
    return failure("carrier-lost", "the modem left the call: it echoes what is sent to it");
  }

  async attach(info: PppUp, mtu: number): Promise<NetInterface> {
    const { cfg, deps, demand } = this.#access;
    const { channel } = this;
    const to = { mtu, local4: info.local, peer4: info.remote };
    const ip = netdevOf(cfg, to, this.#access.elsewhere, this.caller?.routes ?? []);
    return channel.over(await (demand ? demand.connect(channel, ip) : deps.plane.net.attachLine(channel, ip)));
  }
}
