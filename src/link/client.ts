// A client link: it wants to be up, and tries for ever. The ladder itself is in attempt.ts.

import { deviceName, guarded, needsIpsec } from "../config/cross.ts";
import type { ClientConfig } from "../config/schema.ts";
import type { Timer } from "../core/clock.ts";
import type { LinkState } from "../core/events.ts";
import { type Failure, failure } from "../core/failures.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { giveBack } from "../core/give-back.ts";
import { allOf, Scope } from "../core/scope.ts";
import { Attempt } from "./attempt.ts";
import { Backoff, LASTING_FIRST } from "./backoff.ts";
import type { LinkDeps } from "./deps.ts";
import { type ClientStatus, isoTime, type Stage, spiText } from "./status.ts";
import { type News, Watchers } from "./watchers.ts";

const STABLE_MS = 60_000; // a link that was up this long starts its back-off anew

export class ClientLink {
  readonly cfg: ClientConfig;
  readonly #scope: Scope;
  readonly #deps: LinkDeps;
  readonly #backoff: Backoff;
  readonly #retry: Timer;
  readonly #stable: Timer;
  #wanted = false;
  #state: LinkState = "down";
  #since: number;
  #attempt: Attempt | null = null;
  #attempts = 0;
  #stages: Stage[] = [];
  #error: Failure | null = null;
  #retryAt: number | null = null;
  #failedAt = 0;
  #stopped: (() => void)[] = [];
  readonly #watchers: Watchers;
  /** What it guards is blocked since the last start(). */
  #blocks = false;

  constructor(deps: LinkDeps, cfg: ClientConfig) {
    this.#deps = deps;
    this.cfg = cfg;
    this.#backoff = new Backoff(deps.crypto, cfg.reconnect_min, cfg.reconnect_max);
    this.#watchers = new Watchers(cfg.name, deps.log);
    this.#scope = new Scope(deps.clock, (e) => this.#fault(e));
    this.#retry = this.#scope.timer(`${cfg.name} retry`, () => this.#begin());
    this.#stable = this.#scope.timer(`${cfg.name} stable`, () => this.#backoff.reset());
    this.#since = deps.host.wallClock();
  }

  get state(): LinkState {
    return this.#state;
  }
  /** Up, or on its way: not taken down by anybody. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** The netdev by which this attempt reaches the server, once that is known. */
  get via(): string | null {
    return this.#attempt?.via ?? null;
  }
  /** Our own address there. */
  get local(): string | null {
    return this.#attempt?.local ?? null;
  }
  /**
   * The way out may be another one now: a pause between attempts ends, or after a failure that is likely to last
   * becomes its shortest.
   */
  hurry(): void {
    if (this.#retryAt === null) return;
    this.#backoff.anew();
    if (this.#error?.lasting !== true) {
      this.#retry.disarm();
      return this.#scope.run(() => this.#begin());
    }
    const now = this.#deps.clock.now();
    this.#retryAt = Math.min(this.#retryAt, Math.max(now, this.#failedAt + LASTING_FIRST * 1000));
    this.#retry.arm(this.#retryAt - now);
  }
  /** The line below is down: tries anew at once when that is back, rather than find out by silence. */
  lineDown(text: string): void {
    this.#attempt?.fail(failure("line-down", text));
  }

  /** Brings the link up, at once even in a pause between attempts. */
  start(): void {
    this.#wanted = true;
    if (this.#attempt) return;
    this.#retry.disarm();
    this.#backoff.reset();
    this.#blocks = false;
    this.#scope.run(() => this.#begin());
  }
  /** Rule 7: the attempt ends, and the next one comes as ever. */
  #fault(e: unknown): void {
    this.#log(e);
    if (this.#attempt) this.#attempt.fail(internal("system", e));
    else if (this.#wanted && !this.#retry.armed) this.#onEnd(internal("system", e));
  }
  #log(e: unknown): void {
    this.#deps.log.emit(faultEvent(this.cfg.name, "a link", e));
  }

  /**
   * Takes the link down for good; `done` is called when nothing of it is left, within two seconds. `replaced`: what it
   * blocks stays so, for another of its name.
   */
  stop(text: string, done: () => void, replaced = false): void {
    this.#wanted = false;
    this.#retry.disarm();
    this.#retryAt = null;
    const finish = (): void => {
      if (replaced || this.#wanted) return done();
      giveBack(
        () => this.#deps.blocks.release(this.cfg.name),
        (e) => this.#log(e),
      )
        .then(done)
        .catch((e: unknown) => this.#log(e));
    };
    const attempt = this.#attempt;
    if (!attempt)
      return allOf(
        (e) => this.#log(e),
        () => this.#enter("down"),
        finish,
      );
    this.#stopped.push(finish);
    allOf(
      (e) => this.#log(e),
      () => this.#enter("stopping"),
      () => attempt.fail(failure("stopped", text)),
    );
  }

  /** Follows what happens from now on: stages, then "up" or a failure. Returns its end. */
  watch(f: (news: News) => void): () => void {
    return this.#watchers.add(f);
  }
  stages(): readonly Stage[] {
    return this.#stages;
  }

  #begin(): void {
    this.#retryAt = null;
    this.#stages = [];
    // While the link is wanted, packets for the networks behind it go into it or nowhere: never out in the clear by
    // another route.
    if (!this.#blocks) this.#deps.blocks.hold(this.cfg.name, guarded(this.cfg));
    this.#blocks = true;
    const attempt = new Attempt(this.#deps, this.cfg, {
      onState: (s) => this.#enter(s),
      onStage: (s) => this.#onStage(s),
      onUp: () => {
        const info = attempt.pppInfo;
        this.#error = null;
        this.#enter("up");
        this.#stable.arm(STABLE_MS);
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
      onEnd: (why) => this.#scope.run(() => this.#onEnd(why)),
    });
    this.#attempt = attempt;
    attempt.begin(this.#attempts++);
  }

  #onStage(s: Stage): void {
    const at = this.#stages.findIndex((x) => x.name === s.name);
    if (at < 0) this.#stages.push(s);
    else this.#stages[at] = s;
    this.#watchers.tell(s);
  }

  #onEnd(why: Failure): void {
    this.#attempt = null;
    this.#stable.disarm();
    this.#stages = this.#stages.map((s) => (s.state === "busy" ? { ...s, state: "failed", text: why.text } : s));
    this.#error = this.#wanted ? why : null;
    allOf(
      (e) => this.#log(e),
      () => this.#enter("down"),
      () =>
        this.#deps.log.emit({
          kind: "link.down",
          link: this.cfg.name,
          layer: why.layer,
          code: why.code,
          text: why.text,
        }),
      () => this.#wanted && this.#pause(why),
      ...this.#stopped.splice(0),
      () => this.#watchers.tell(why),
    );
  }
  #pause(why: Failure): void {
    const ms = this.#backoff.pause(why.lasting === true);
    this.#failedAt = this.#deps.clock.now();
    this.#retryAt = this.#failedAt + ms;
    this.#retry.arm(ms);
    this.#deps.log.emit({ kind: "link.retry", link: this.cfg.name, inSeconds: Math.round(ms / 100) / 10 });
  }

  #enter(state: LinkState): void {
    if (this.#state === state) return;
    if (this.#state === "stopping" && state !== "down") return; // layers may still speak while they end
    this.#state = state;
    this.#since = this.#deps.host.wallClock();
    this.#deps.log.emit({ kind: "link.state", link: this.cfg.name, state });
  }

  status(): ClientStatus {
    const a = this.#attempt;
    const ike = a?.ikeInfo ?? null;
    const up = this.#state === "up";
    const t = a?.net?.counters() ?? { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
    return {
      kind: "client",
      state: this.#state,
      since: isoTime(this.#since),
      server: a?.server === undefined || a.server === "" ? this.cfg.server.host : a.server,
      via: this.via,
      ifname: deviceName(this.cfg),
      mtu: up ? (a?.mtu ?? null) : null,
      local_ip: up ? (a?.pppInfo?.local ?? null) : null,
      local_ip6: a?.local6 ?? null,
      remote_ip: up ? (a?.pppInfo?.remote ?? null) : null,
      dns: up ? (a?.pppInfo?.dns ?? []) : [],
      wins: up ? (a?.pppInfo?.wins ?? []) : [],
      dataplane: this.#deps.plane.kind,
      ipsec: needsIpsec(this.cfg) ? "required" : "off",
      ike: ike && { version: 1, proposal: ike.proposal, nat: ike.nat, peer_id: ike.peerId },
      esp: ike && {
        proposal: ike.espProposal,
        encap: ike.encap,
        spi_in: spiText(ike.spiIn),
        spi_out: spiText(ike.spiOut),
      },
      l2tp: a?.tunnel
        ? {
            tunnel: a.tunnel.id,
            peer_tunnel: a.tunnel.peerId,
            call: a.call?.id ?? 0,
            peer_call: a.call?.peerId ?? 0,
            peer_host: a.peerHost,
          }
        : null,
      ppp: a?.pppInfo ? { auth: a.pppInfo.auth, mru: a.pppInfo.mru, peer_mru: a.pppInfo.peerMru } : null,
      rx_bytes: t.rxBytes,
      tx_bytes: t.txBytes,
      rx_packets: t.rxPackets,
      tx_packets: t.txPackets,
      stages: this.#stages,
      drops: this.#deps.plane.drops(),
      error: this.#error,
      retry_in:
        this.#retryAt === null ? null : Math.max(0, Math.round((this.#retryAt - this.#deps.clock.now()) / 1000)),
    };
  }
}
