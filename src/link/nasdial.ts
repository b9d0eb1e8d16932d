// The NAS leg as a link: it wants to be up, and dials until it is (or waits for calls). The ladder itself is in nas-attempt.ts.
import type { Timer } from "../core/clock.ts";
import type { Failure } from "../core/errors.ts";
import type { LinkState } from "../core/events.ts";
import { nasDevice } from "../config/cross.ts";
import type { NasConfig } from "../config/nasdial.ts";
import type { UserConfig } from "../config/schema.ts";
import { Redial } from "../modem/redial.ts";
import { NasAttempt, type NasDeps } from "./nas-attempt.ts";
import { isoTime, type NasStatus, type Stage } from "./status.ts";

/** A NAS is ready for the next caller at once, but not in a circle. */
const ANSWER_AGAIN_MS = 1000;

export class NasLink {
  readonly cfg: NasConfig;
  readonly #deps: NasDeps;
  readonly #users: () => readonly UserConfig[];
  readonly #retry: Timer;
  #redial: Redial;
  #wanted = false;
  #state: LinkState = "down";
  #since: number;
  #attempt: NasAttempt | null = null;
  #stages: Stage[] = [];
  #error: Failure | null = null;
  #retryAt: number | null = null;
  #stopped: (() => void)[] = [];
  readonly #watchers = new Set<(s: Stage | Failure | "up") => void>();

  /** `users` may call, role = answer. */
  constructor(deps: NasDeps, cfg: NasConfig, users: () => readonly UserConfig[]) {
    this.#deps = deps;
    this.cfg = cfg;
    this.#users = users;
    this.#redial = this.#newRedial();
    this.#retry = deps.clock.timer(`${cfg.name} redial`, () => this.#begin());
    this.#since = deps.host.wallClock();
  }
  get state(): LinkState {
    return this.#state;
  }
  /** Up, or on its way: not taken down by anybody, and not at the end of its attempts. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** Dials now, even in a pause between attempts (then the number that is next); a number's own pause is kept by redialling alone. */
  start(): void {
    if (!this.#wanted) this.#redial = this.#newRedial();
    this.#wanted = true;
    if (this.#attempt) return;
    this.#retry.disarm();
    this.#begin();
  }
  /** Hangs up for good; `done` is called when nothing of it is left, within two seconds. */
  stop(text: string, done: () => void): void {
    this.#wanted = false;
    this.#retry.disarm();
    this.#retryAt = null;
    if (!this.#attempt) {
      this.#enter("down");
      return done();
    }
    this.#stopped.push(done);
    this.#enter("stopping");
    this.#attempt.fail({ layer: "config", code: "stopped", text }, false);
  }
  /** Follows what happens from now on: stages, then "up" or a failure. Returns its end. */
  watch(f: (s: Stage | Failure | "up") => void): () => void {
    this.#watchers.add(f);
    return () => void this.#watchers.delete(f);
  }
  stages(): readonly Stage[] {
    return this.#stages;
  }

  #newRedial(): Redial {
    const c = this.cfg;
    return new Redial({
      phones: c.line === "modem" && c.role === "dial" ? (c.phone ?? []) : [], minSeconds: c.reconnect_min, maxSeconds: c.reconnect_max,
      sameNumberSeconds: c.redial_pause, rounds: c.dial_attempts,
    }, this.#deps.crypto);
  }
  #begin(): void {
    this.#retryAt = null;
    this.#stages = [];
    const attempt = new NasAttempt(this.#deps, this.cfg, this.#redial.phone, {
      onState: (s) => this.#enter(s),
      onStage: (s) => this.#onStage(s),
      onUp: () => {
        const info = attempt.pppInfo;
        this.#error = null;
        this.#redial.succeeded();
        this.#enter("up");
        this.#deps.log.emit({
          kind: "link.up", link: this.cfg.name, ifname: attempt.net?.ifname ?? "", local: info?.local ?? "", remote: info?.remote ?? "", dns: info?.dns ?? [],
        });
        for (const w of this.#watchers) w("up");
      },
      onEnd: (why) => this.#onEnd(why),
      users: () => this.#users(),
    });
    this.#attempt = attempt;
    attempt.begin();
  }
  #onStage(s: Stage): void {
    const at = this.#stages.findIndex((x) => x.name === s.name);
    if (at < 0) this.#stages.push(s);
    else this.#stages[at] = s;
    for (const w of this.#watchers) w(s);
  }
  #onEnd(why: Failure): void {
    this.#attempt = null;
    this.#stages = this.#stages.map((s) => (s.state === "busy" ? { ...s, state: "failed", text: why.text } : s));
    this.#error = this.#wanted ? why : null;
    this.#enter("down");
    const { log, clock } = this.#deps;
    log.emit({ kind: "link.down", link: this.cfg.name, layer: why.layer, code: why.code, text: why.text });
    if (this.#wanted) {
      const ms = this.#pause(why);
      if (ms === null) {
        this.#wanted = false;
        this.#error = { ...why, text: `${why.text}; ${this.cfg.dial_attempts} rounds of dialling are over` };
      } else {
        this.#retryAt = clock.now() + ms;
        this.#retry.arm(ms);
        log.emit({ kind: "link.retry", link: this.cfg.name, inSeconds: Math.round(ms / 100) / 10 });
      }
    }
    for (const f of this.#stopped.splice(0)) f();
    for (const w of this.#watchers) w(why);
  }
  /** A caller who hangs up, or cannot log in, is no reason for a NAS to wait; a device that is missing is. */
  #pause(why: Failure): number | null {
    if (this.cfg.role === "answer" && (why.layer === "ppp" || why.code === "carrier-lost")) return ANSWER_AGAIN_MS;
    return this.#redial.failed(this.#deps.clock.now(), why.permanent === true);
  }
  #enter(state: LinkState): void {
    if (this.#state === state) return;
    if (this.#state === "stopping" && state !== "down") return;
    this.#state = state;
    this.#since = this.#deps.host.wallClock();
    this.#deps.log.emit({ kind: "link.state", link: this.cfg.name, state });
  }

  status(): NasStatus {
    const a = this.#attempt;
    const up = this.#state === "up";
    const info = up ? (a?.pppInfo ?? null) : null;
    const t = a?.channel?.counters() ?? { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
    return {
      kind: "nas", state: this.#state, since: isoTime(this.#since), role: this.cfg.role, device: this.cfg.device, baud: this.cfg.baud,
      phone: (a && this.#redial.phone) ?? "", speed: a?.speed ?? 0, user: up ? (a?.user ?? null) : null, ifname: nasDevice(this.cfg),
      mtu: up ? (a?.mtu ?? null) : null, local_ip: info?.local ?? null, remote_ip: info?.remote ?? null, dns: info?.dns ?? [],
      ppp: info && { auth: info.auth, mru: info.mru, peer_mru: info.peerMru },
      rx_bytes: t.rxBytes, tx_bytes: t.txBytes, rx_packets: t.rxPackets, tx_packets: t.txPackets,
      stages: this.#stages, drops: a?.channel?.drops() ?? {}, error: this.#error,
      retry_in: this.#retryAt === null ? null : Math.max(0, Math.round((this.#retryAt - this.#deps.clock.now()) / 1000)),
    };
  }
}
