// The NAS leg as a link: when it dials, and when not. The ladder itself is in nas-attempt.ts.
//
//   down -- start --> [on hold: until its time is over] --> dialling ... up --> ended
//                     [demand: until there is a packet]        ^                  |
//                                                              +---- pause <------+    idle without demand: down

import { nasDevice } from "../config/cross.ts";
import type { NasConfig } from "../config/nasdial.ts";
import type { UserConfig } from "../config/schema.ts";
import type { Timer } from "../core/clock.ts";
import type { LinkState } from "../core/events.ts";
import { type Failure, type FailureCode, failure } from "../core/failures.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { giveBack } from "../core/give-back.ts";
import { allOf, Scope } from "../core/scope.ts";
import { Redial } from "../modem/redial.ts";
import { Backoff } from "./backoff.ts";
import { DemandNet, PLACEHOLDER } from "./demand.ts";
import { systemFailure } from "./deps.ts";
import { Hold } from "./hold.ts";
import { NasAttempt, type NasDeps } from "./nas-attempt.ts";
import { netdevOf } from "./nas-settings.ts";
import { isoTime, type NasStatus, type Stage } from "./status.ts";
import { type News, Watchers } from "./watchers.ts";

/** A NAS is ready for the next caller at once, but not in a circle. */
const ANSWER_AGAIN_MS = 1000;
/** Ends of a call that are no fault of the line. */
const AFTER_CALL: readonly FailureCode[] = ["carrier-lost", "idle", "hold"];
/** How often an idle line is looked at, while idle_timeout passes. */
const IDLE_LOOKS = 10;

export class NasLink {
  readonly cfg: NasConfig;
  readonly #scope: Scope;
  readonly #deps: NasDeps;
  readonly #users: () => readonly UserConfig[];
  readonly #retry: Timer;
  readonly #idle: Timer;
  readonly #hold: Hold;
  readonly #demand: DemandNet | null;
  /** Between tries to make the netdev of a line on demand; and after failures of a call that are likely to last. */
  readonly #backoff: Backoff;
  #redial: Redial;
  #wanted = false;
  #pinSpent = false;
  /** Somebody asked for a call, so that no packet is waited for. */
  #now = false;
  #state: LinkState = "down";
  #since: number;
  #attempt: NasAttempt | null = null;
  #traffic = { packets: 0, since: 0 };
  #stages: Stage[] = [];
  #error: Failure | null = null;
  #retryAt: number | null = null;
  #stopped: (() => void)[] = [];
  readonly #watchers: Watchers;

  /** `users` may call, role = answer. */
  constructor(deps: NasDeps, cfg: NasConfig, users: () => readonly UserConfig[]) {
    this.#deps = deps;
    this.cfg = cfg;
    this.#users = users;
    this.#redial = this.#newRedial();
    this.#watchers = new Watchers(cfg.name, deps.log);
    this.#scope = new Scope(deps.clock, (e) => this.#fault(e));
    this.#retry = this.#scope.timer(`${cfg.name} redial`, () => {
      this.#retryAt = null;
      this.#next();
    });
    this.#idle = this.#scope.timer(`${cfg.name} idle`, () => this.#lookForTraffic());
    this.#hold = new Hold({ ...deps, clock: this.#scope }, cfg.name, cfg.hold ?? [], () => this.#holdChanged());
    this.#demand = cfg.demand
      ? new DemandNet(
          { clock: deps.clock, net: deps.plane.net },
          netdevOf(cfg, { mtu: cfg.mtu, ...PLACEHOLDER }, deps.routesElsewhere ? null : []),
          {
            onWanted: () =>
              this.#scope.run(() => {
                if (this.#retryAt === null) this.#next();
              }),
            onLost: (why) => this.#scope.run(() => this.#later(failure("netdev", why))),
          },
        )
      : null;
    this.#backoff = new Backoff(deps.crypto, cfg.reconnect_min, cfg.reconnect_max);
    this.#since = deps.host.wallClock();
  }
  get state(): LinkState {
    return this.#state;
  }
  /** Up, or on its way, or waiting for a packet: not taken down by anybody, and not at the end of its attempts. */
  get wanted(): boolean {
    return this.#wanted;
  }
  /** Our address on the line while it is up. */
  get local(): string | null {
    return this.#state === "up" ? (this.#attempt?.pppInfo?.local ?? null) : null;
  }

  /**
   * Dials now, even in a pause between attempts (then the number that is next); a number's own pause is kept by
   * redialling alone. With demand the first start only makes the netdev. Never in the times of hold.
   */
  start(): void {
    this.#scope.run(() => this.#start());
  }
  /** Rule 7: the call ends, and the next one comes as ever. */
  #fault(e: unknown): void {
    this.#log(e);
    if (this.#attempt) this.#attempt.fail(internal("system", e));
    else if (this.#wanted && !this.#retry.armed) this.#later(internal("system", e));
  }
  #log(e: unknown): void {
    this.#deps.log.emit(faultEvent(this.cfg.name, "a line", e));
  }
  #start(): void {
    if (this.#wanted) this.#now = true;
    else {
      this.#redial = this.#newRedial();
      this.#backoff.reset();
      this.#wanted = true;
      this.#now = this.#demand === null;
      this.#hold.watch();
    }
    if (this.#attempt) return;
    this.#retry.disarm();
    this.#retryAt = null;
    this.#next();
  }
  /** Hangs up for good; `done` is called when nothing of it is left, within two seconds. */
  stop(text: string, done: () => void): void {
    this.#wanted = false;
    this.#retry.disarm();
    this.#retryAt = null;
    this.#hold.stop();
    const finish = (): void => this.#closeNet(done);
    const attempt = this.#attempt;
    if (!attempt) {
      this.#stages = [];
      return allOf(
        (e) => this.#log(e),
        () => this.#enter("down"),
        finish,
      );
    }
    this.#stopped.push(finish);
    allOf(
      (e) => this.#log(e),
      () => this.#enter("stopping"),
      () => attempt.fail(failure("stopped", text), false),
    );
  }
  /** Follows what happens from now on: stages, then "up" or a failure. Returns its end. */
  watch(f: (news: News) => void): () => void {
    return this.#watchers.add(f);
  }
  stages(): readonly Stage[] {
    return this.#stages;
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
      this.#deps.crypto,
    );
  }
  #closeNet(done: () => void): void {
    const net = this.#demand;
    if (net)
      giveBack(
        () => net.close(),
        (e) => this.#log(e),
      )
        .then(done)
        .catch((e: unknown) => this.#log(e));
    else done();
  }

  /** No call and no pause between calls: what now? */
  #next(): void {
    if (!this.#wanted || this.#attempt) return;
    const held = this.#hold.now();
    const net = this.#demand;
    if (net) net.held = held !== null;
    if (net && !net.isOpen) {
      this.#scope.settle(
        net.open(),
        () => {
          this.#backoff.reset();
          this.#next();
        },
        (e) => {
          const why = systemFailure(e);
          if (!this.#attempt) this.#later(why);
        },
      );
    } else if (held) this.#standBy(`on hold until ${held.until}`);
    else if (net && !this.#now && !net.wanted) this.#standBy(`waits for a packet on ${nasDevice(this.cfg)}`);
    else this.#begin();
  }
  #standBy(text: string): void {
    this.#stages = [];
    this.#onStage({ name: "line", state: "busy", text });
    if (this.#demand) this.#deps.log.emit({ kind: "link.standby", link: this.cfg.name, ifname: nasDevice(this.cfg) });
  }
  #begin(): void {
    this.#now = false;
    this.#stages = [];
    const attempt = new NasAttempt(this.#deps, this.cfg, this.#redial.phone, {
      onState: (s) => this.#enter(s),
      onStage: (s) => this.#onStage(s),
      onUp: () => {
        const info = attempt.pppInfo;
        this.#error = null;
        this.#redial.succeeded();
        this.#backoff.reset();
        this.#enter("up");
        this.#watchTraffic();
        this.#demand?.release();
        this.#deps.log.emit({
          kind: "link.up",
          link: this.cfg.name,
          ifname: attempt.net?.ifname ?? "",
          local: info?.local ?? "",
          remote: info?.remote ?? "",
          dns: info?.dns ?? [],
        });
        this.#watchers.tell("up");
      },
      attach: (line, cfg) =>
        this.#demand ? this.#demand.connect(line, cfg) : this.#deps.plane.net.attachLine(line, cfg),
      onEnd: (why) => this.#scope.run(() => this.#onEnd(why)),
      users: () => this.#users(),
      onPin: (right) => {
        this.#pinSpent = !right;
      },
      pinSpent: () => this.#pinSpent,
    });
    this.#attempt = attempt;
    attempt.begin();
  }
  #onStage(s: Stage): void {
    const at = this.#stages.findIndex((x) => x.name === s.name);
    if (at < 0) this.#stages.push(s);
    else this.#stages[at] = s;
    this.#watchers.tell(s);
  }
  #onEnd(why: Failure): void {
    this.#attempt = null;
    this.#idle.disarm();
    const planned = why.code === "idle" || why.code === "hold";
    this.#stages = planned
      ? []
      : this.#stages.map((s) => (s.state === "busy" ? { ...s, state: "failed", text: why.text } : s));
    allOf(
      (e) => this.#log(e),
      () => this.#enter("down"),
      () => this.#after(why, planned),
      ...this.#stopped.splice(0),
      () => this.#watchers.tell(why),
    );
  }
  /** A call has ended: whether there is to be another, and when. */
  #after(why: Failure, planned: boolean): void {
    if (why.code === "idle" && this.cfg.role === "dial" && !this.#demand) this.#giveUp();
    this.#error = this.#wanted && !planned ? why : null;
    const ms = this.#wanted ? this.#pause(why) : null;
    if (this.#wanted && ms === null) {
      this.#giveUp();
      this.#error = { ...why, text: `${why.text}; ${this.cfg.dial_attempts} rounds of dialling are over` };
    }
    this.#down(why, ms);
  }
  /** A caller who hangs up, or cannot log in, is no reason for a NAS to wait; a device that is missing is. */
  #pause(why: Failure): number | null {
    if (this.cfg.role === "answer" && (why.layer === "ppp" || AFTER_CALL.includes(why.code))) return ANSWER_AGAIN_MS;
    const ms = this.#redial.failed(this.#deps.clock.now());
    return ms !== null && why.lasting === true ? Math.max(ms, this.#backoff.pause(true)) : ms;
  }
  /** Tells of it, and when the next try is; null: there is none. */
  #down(why: Failure, ms: number | null): void {
    if (ms !== null) {
      this.#retryAt = this.#deps.clock.now() + ms;
      this.#retry.arm(ms);
    }
    this.#deps.log.emit({ kind: "link.down", link: this.cfg.name, layer: why.layer, code: why.code, text: why.text });
    if (ms !== null)
      this.#deps.log.emit({ kind: "link.retry", link: this.cfg.name, inSeconds: Math.round(ms / 100) / 10 });
  }
  #giveUp(): void {
    this.#wanted = false;
    this.#hold.stop();
    this.#closeNet(() => {});
  }
  /** Something failed outside of a call. */
  #later(why: Failure): void {
    if (!this.#wanted || this.#attempt) return;
    this.#error = why;
    this.#down(why, this.#backoff.pause(false));
  }
  #enter(state: LinkState): void {
    if (this.#state === state) return;
    if (this.#state === "stopping" && state !== "down") return;
    this.#state = state;
    this.#since = this.#deps.host.wallClock();
    this.#deps.log.emit({ kind: "link.state", link: this.cfg.name, state });
  }

  #holdChanged(): void {
    const held = this.#hold.now();
    if (held && this.#attempt) this.#attempt.fail(failure("hold", `on hold until ${held.until}`));
    else if (this.#retryAt === null) this.#next();
  }
  #packets(): number {
    const t = this.#attempt?.channel?.counters();
    return t ? t.rxPackets + t.txPackets : 0;
  }
  #watchTraffic(): void {
    if (this.cfg.idle_timeout === 0) return;
    this.#traffic = { packets: this.#packets(), since: this.#deps.clock.now() };
    this.#idle.arm((this.cfg.idle_timeout * 1000) / IDLE_LOOKS);
  }
  /** Ends an idle call at the latest a tenth of the time late. */
  #lookForTraffic(): void {
    if (this.#packets() !== this.#traffic.packets) return this.#watchTraffic();
    const seconds = this.cfg.idle_timeout;
    if (this.#deps.clock.now() - this.#traffic.since >= seconds * 1000) {
      this.#attempt?.fail(failure("idle", `no packet for ${seconds} s: hung up`));
    } else this.#idle.arm((seconds * 1000) / IDLE_LOOKS);
  }

  status(): NasStatus {
    const a = this.#attempt;
    const up = this.#state === "up";
    const info = up ? (a?.pppInfo ?? null) : null;
    const t = a?.channel?.counters() ?? { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
    const held = this.#wanted && !a ? this.#hold.now() : null;
    const wait = this.#retryAt === null ? 0 : this.#retryAt - this.#deps.clock.now();
    return {
      kind: "nas",
      state: this.#state,
      since: isoTime(this.#since),
      role: this.cfg.role,
      device: this.cfg.device,
      baud: this.cfg.baud,
      phone: (a && this.#redial.phone) ?? "",
      speed: a?.speed ?? 0,
      signal: a?.network?.signal ?? null,
      operator: a?.network?.operator ?? null,
      user: up ? (a?.user ?? null) : null,
      ifname: nasDevice(this.cfg),
      mtu: up ? (a?.mtu ?? null) : null,
      local_ip: info?.local ?? null,
      remote_ip: info?.remote ?? null,
      local_ip6: a?.local6 ?? null,
      dns: info?.dns ?? [],
      standby: this.#wanted && !up && this.#demand?.isOpen ? this.#demand.addresses : null,
      ppp: info && { auth: info.auth, mru: info.mru, peer_mru: info.peerMru },
      rx_bytes: t.rxBytes,
      tx_bytes: t.txBytes,
      rx_packets: t.rxPackets,
      tx_packets: t.txPackets,
      stages: this.#stages,
      drops: { ...this.#demand?.drops(), ...a?.channel?.drops(), ...a?.ppp?.drops() },
      error: this.#error,
      retry_in:
        this.#retryAt === null && held === null ? null : Math.max(0, Math.round(Math.max(wait, held?.ms ?? 0) / 1000)),
    };
  }
}
