// A link, of whatever kind: when it tries, waits and ends (policy.ts), and what it tells of itself. What is climbed is
// the business of its access.

import type { Timer } from "../core/clock.ts";
import type { LinkState } from "../core/events.ts";
import { type Failure, failure } from "../core/failures.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { type Acts, Machine, type Table } from "../core/fsm.ts";
import { giveBack } from "../core/give-back.ts";
import { allOf, contain, Scope } from "../core/scope.ts";
import type { Access, Climb } from "./access.ts";
import type { DemandNet } from "./demand.ts";
import { type LinkDeps, systemFailure } from "./deps.ts";
import { Hold } from "./hold.ts";
import { Ladder, type LadderOwner } from "./ladder.ts";
import { type Phase, POLICY, type PolicyAction, type PolicyEvent } from "./policy.ts";
import { type ClientStatus, isoTime, type SerialStatus, type Stage } from "./status.ts";
import { type News, Watchers } from "./watchers.ts";

/** How often an idle link is looked at, while its time passes. */
const IDLE_LOOKS = 10;
const REARM_MS = 10_000;
/** Ends as the configuration wants them. */
const PLANNED: readonly string[] = ["idle", "hold"];

interface Input {
  readonly why?: Failure;
  /** Milliseconds. */
  readonly ms?: number;
  readonly text?: string;
}
export type LinkNeeds = Pick<LinkDeps, "clock" | "host" | "log" | "blocks">;
export interface StopOptions {
  /** Another of its name follows: what it blocks stays so. */
  readonly replaced?: boolean;
  /** Clock time; of a process that ends: a server's goodbyes take no longer. */
  readonly until?: number;
}

export class Link implements LadderOwner {
  readonly access: Access;
  readonly #deps: LinkNeeds;
  readonly #scope: Scope;
  readonly #machine: Machine<Phase, PolicyEvent, PolicyAction, Input, Link>;
  readonly #retry: Timer;
  readonly #idle: Timer;
  readonly #hold: Hold;
  readonly #demand: DemandNet | null;
  readonly #watchers: Watchers;
  /** Somebody asked for it, so that no packet is waited for. */
  #now = false;
  /** What it guards is blocked since it was last asked for. */
  #blocks = false;
  #state: LinkState = "down";
  #since: number;
  #ladder: Ladder | null = null;
  #climb: Climb | null = null;
  #traffic = { packets: 0, since: 0 };
  #stages: Stage[] = [];
  #error: Failure | null = null;
  #retryAt: number | null = null;
  #endedAt = 0;
  #stopped: { readonly done: () => void; readonly replaced: boolean }[] = [];

  static readonly #ACTS: Acts<PolicyAction, Link, Input> = contained({
    want: (l) => l.#want(),
    ask: (l) => l.#ask(),
    now: (l) => {
      l.#now = true;
    },
    unwant: (l) => l.#unwant(),
    choose: (l) => l.#choose(),
    open: (l) => l.#open(),
    standBy: (l, i) => l.#standBy(i.text ?? ""),
    begin: (l) => l.#begin(),
    tellUp: (l) => l.#tellUp(),
    fail: (l, i) => l.#fail(whyOf(i)),
    stop: (l, i) => l.#stop(whyOf(i)),
    fallen: (l, i) => l.#fallen(whyOf(i)),
    decide: (l, i) => l.#decide(whyOf(i)),
    note: (l, i) => {
      l.#error = whyOf(i);
    },
    tellDown: (l, i) => l.#tellDown(whyOf(i)),
    pause: (l, i) => l.#pause(i.ms ?? l.access.pauses.outside()),
    tellPause: (l) => l.#tellPause(),
    hurry: (l) => l.#hurry(),
    rearm: (l) => l.#rearm(),
    giveUp: (l) => l.#giveUp(),
    finish: (l) => l.#finish(),
    tellEnd: (l, i) => l.#watchers.tell(whyOf(i)),
  });

  static readonly #TABLE: Table<Phase, PolicyEvent, PolicyAction, Input, Link> = {
    rules: POLICY,
    acts: Link.#ACTS,
    unlisted: () => {},
  };

  constructor(deps: LinkNeeds, access: Access) {
    const { name } = access.cfg;
    this.#deps = deps;
    this.access = access;
    this.#scope = new Scope(deps.clock, (e) => this.fault(e));
    this.#machine = new Machine<Phase, PolicyEvent, PolicyAction, Input, Link>(this, "idle", Link.#TABLE);
    this.#watchers = new Watchers(name, deps.log);
    this.#retry = this.#scope.timer(`${name} retry`, () => this.#on("retry"));
    this.#idle = this.#scope.timer(`${name} idle`, () => this.#lookForTraffic());
    this.#hold = new Hold({ ...deps, clock: this.#scope }, name, access.hold, () => this.#holdChanged());
    this.#demand = access.standby({
      onWanted: () => this.#on("packet"),
      onLost: (why) => this.#on("failed", { why: failure("netdev", why) }),
    });
    this.#since = deps.host.wallClock();
  }
  get name(): string {
    return this.access.cfg.name;
  }
  get state(): LinkState {
    return this.#state;
  }
  /** Up, or on its way, or waiting: not taken down by anybody, and not at the end of its attempts. */
  get wanted(): boolean {
    const { state } = this.#machine;
    return state !== "idle" && state !== "stopping";
  }
  /** The netdev by which this attempt reaches its peer, and our own address there, once that is known. */
  get via(): string | null {
    return this.#climb?.via ?? null;
  }
  get local(): string | null {
    return this.#climb?.local ?? null;
  }
  /** Our address on the link itself, while it is up. */
  get address(): string | null {
    return this.#state === "up" ? (this.#climb?.ppp.info?.local ?? null) : null;
  }

  /** Brings the link up, at once even in a pause between attempts; never in the times of hold. */
  start(): void {
    this.#on("start");
  }
  /** Takes the link down for good; `done` is called when nothing of it is left, within two seconds. */
  stop(text: string, done: () => void, o: StopOptions = {}): void {
    this.#stopped.push({ done, replaced: o.replaced ?? false });
    this.#on("stop", { why: failure("stopped", text) });
  }
  /** There may be another way out now. */
  hurry(): void {
    this.#on("hurry");
  }
  /** What the link runs on is down: tries anew at once when that is back, rather than find out by silence. */
  lineDown(text: string): void {
    this.#on("fail", { why: failure("line-down", text) });
  }
  /** Follows what happens from now on: stages, then "up" or a failure. Returns its end. */
  watch(f: (news: News) => void): () => void {
    return this.#watchers.add(f);
  }
  stages(): readonly Stage[] {
    return this.#stages;
  }

  #on(event: PolicyEvent, input: Input = {}): void {
    this.#scope.run(() => this.#machine.on(event, input));
  }
  /** Rule 7: the attempt ends, and the next one comes as ever. */
  fault(e: unknown): void {
    this.#log(e);
    this.#machine.on("fault", { why: internal("system", e) });
  }
  #log(e: unknown): void {
    this.#deps.log.emit(faultEvent(this.name, "a link", e));
  }

  #want(): void {
    this.#now = this.#demand === null;
    this.#blocks = false;
    this.access.pauses.begin();
    this.#hold.watch();
  }
  #ask(): void {
    this.#now = true;
    this.#blocks = false;
    this.access.pauses.ask();
  }
  #unwant(): void {
    this.#clearRetry();
    this.#hold.stop();
    if (this.#ladder) return;
    this.#stages = [];
    this.#enter("down");
  }
  #clearRetry(): void {
    this.#retry.disarm();
    this.#retryAt = null;
  }
  #choose(): void {
    this.#clearRetry();
    const held = this.#hold.now();
    const net = this.#demand;
    if (net) net.held = held !== null;
    if (net && !net.isOpen) return this.#on("open");
    if (held) return this.#on("wait", { text: `on hold until ${held.until}` });
    if (net && !this.#now && !net.wanted)
      return this.#on("wait", { text: `waits for a packet on ${this.access.ifname}` });
    this.#on("go");
  }
  #open(): void {
    this.#scope.settle(
      this.#demand?.open() ?? Promise.resolve(),
      () => this.#on("opened"),
      (e) => this.#on("failed", { why: systemFailure(e) }),
    );
  }
  #standBy(text: string): void {
    this.#stages = [];
    this.onStage({ name: this.access.first, state: "busy", text });
    if (this.#demand) this.#deps.log.emit({ kind: "link.standby", link: this.name, ifname: this.access.ifname });
  }
  #begin(): void {
    this.#now = false;
    this.#stages = [];
    // While the link is wanted, packets for the networks behind it go into it or nowhere: never out in the clear by
    // another route.
    if (!this.#blocks) this.#deps.blocks.hold(this.name, this.access.guarded);
    this.#blocks = true;
    const { clock, log } = this.#deps;
    const { hurried } = this.access;
    const what = "an attempt of the link";
    const ladder = new Ladder({ clock, log, link: this.name, what, layer: "system", hurried }, this);
    const climb = this.access.climb(ladder);
    this.#ladder = ladder;
    this.#climb = climb;
    ladder.climb(climb.rungs);
  }

  onState(state: LinkState): void {
    this.#enter(state);
  }
  onStage(s: Stage): void {
    const at = this.#stages.findIndex((x) => x.name === s.name);
    if (at < 0) this.#stages.push(s);
    else this.#stages[at] = s;
    this.#watchers.tell(s);
  }
  onUp(): void {
    this.#on("up");
  }
  onEnd(why: Failure): void {
    this.#on("ended", { why });
  }

  #tellUp(): void {
    const info = this.#climb?.ppp.info;
    const ifname = this.#climb?.netdev.net?.ifname ?? "";
    this.#error = null;
    this.access.pauses.up(this.#deps.clock.now());
    this.#enter("up");
    this.#watchTraffic();
    this.#demand?.release();
    this.#deps.log.emit({
      kind: "link.up",
      link: this.name,
      ifname,
      local: info?.local ?? "",
      remote: info?.remote ?? "",
      dns: info?.dns ?? [],
    });
    this.#watchers.tell("up");
  }
  #fail(why: Failure): void {
    if (this.#ladder) this.#ladder.fail(why);
    else this.#on("ended", { why });
  }
  #stop(why: Failure): void {
    allOf(
      (e) => this.#log(e),
      () => this.#enter("stopping"),
      () => (this.#ladder ? this.#ladder.fail(why, true) : this.#on("ended", { why })),
    );
  }
  #fallen(why: Failure): void {
    this.#ladder = null;
    this.#climb = null;
    this.#idle.disarm();
    this.#endedAt = this.#deps.clock.now();
    this.#error = null;
    this.#stages = PLANNED.includes(why.code)
      ? []
      : this.#stages.map((s) => (s.state === "busy" ? { ...s, state: "failed", text: why.text } : s));
    this.#enter("down");
  }
  /** Whether there is to be another attempt, and when. */
  #decide(why: Failure): void {
    const planned = PLANNED.includes(why.code);
    const ms = this.access.pauses.after(why, this.#endedAt);
    const words = ms === null ? `${why.text}; ${this.access.pauses.over}` : why.text;
    if (!planned) this.#error = { ...why, text: words };
    if (ms === null) this.#on("never", { why });
    else this.#on("later", { why, ms });
  }
  #tellDown(why: Failure): void {
    this.#deps.log.emit({ kind: "link.down", link: this.name, layer: why.layer, code: why.code, text: why.text });
  }
  #pause(ms: number): void {
    this.#retryAt = this.#deps.clock.now() + ms;
    this.#retry.arm(ms);
  }
  #tellPause(): void {
    const ms = (this.#retryAt ?? 0) - this.#deps.clock.now();
    this.#deps.log.emit({ kind: "link.retry", link: this.name, inSeconds: Math.round(ms / 100) / 10 });
  }
  #hurry(): void {
    const now = this.#deps.clock.now();
    const ms = this.access.pauses.hurry(this.#error, now - this.#endedAt);
    if (ms === null || this.#retryAt === null) return;
    this.#retryAt = Math.min(this.#retryAt, now + ms);
    if (ms <= 0) this.#on("retry");
    else this.#retry.arm(this.#retryAt - now);
  }
  #rearm(): void {
    if (!this.#retry.armed) this.#retry.arm(REARM_MS);
  }
  #giveUp(): void {
    this.#hold.stop();
    void this.#closeNet();
  }
  #closeNet(): Promise<void> {
    const net = this.#demand;
    if (!net) return Promise.resolve();
    return giveBack(
      () => net.close(),
      (e) => this.#log(e),
    );
  }
  /** Whoever stopped it is told, when nothing is left; unless somebody wants it again. */
  #finish(): void {
    for (const { done, replaced } of this.#stopped.splice(0))
      contain(
        () => this.#release(replaced, done),
        (e) => this.#log(e),
      );
  }
  #release(replaced: boolean, done: () => void): void {
    if (this.wanted) return done();
    const blocks = (): Promise<void> =>
      replaced
        ? Promise.resolve()
        : giveBack(
            () => this.#deps.blocks.release(this.name),
            (e) => this.#log(e),
          );
    Promise.all([this.#closeNet(), blocks()])
      .then(done)
      .catch((e: unknown) => this.#log(e));
  }
  #enter(state: LinkState): void {
    if (this.#state === state) return;
    if (this.#state === "stopping" && state !== "down") return; // layers may still speak while they end
    this.#state = state;
    this.#since = this.#deps.host.wallClock();
    this.#deps.log.emit({ kind: "link.state", link: this.name, state });
  }

  #holdChanged(): void {
    const held = this.#hold.now();
    if (held) this.#on("fail", { why: failure("hold", `on hold until ${held.until}`) });
    else this.#on("freed");
  }
  #packets(): number {
    const t = this.#climb?.counters();
    return t ? t.rxPackets + t.txPackets : 0;
  }
  #watchTraffic(): void {
    if (this.access.idleSeconds === 0) return;
    this.#traffic = { packets: this.#packets(), since: this.#deps.clock.now() };
    this.#idle.arm((this.access.idleSeconds * 1000) / IDLE_LOOKS);
  }
  /** Ends an idle link at the latest a tenth of the time late. */
  #lookForTraffic(): void {
    if (this.#packets() !== this.#traffic.packets) return this.#watchTraffic();
    const seconds = this.access.idleSeconds;
    if (this.#deps.clock.now() - this.#traffic.since >= seconds * 1000)
      this.#on("fail", { why: failure("idle", `no packet for ${seconds} s: hung up`) });
    else this.#idle.arm((seconds * 1000) / IDLE_LOOKS);
  }

  status(): ClientStatus | SerialStatus {
    const c = this.#climb;
    const up = this.#state === "up";
    const info = (up && c?.ppp.info) || null;
    const t = c?.counters() ?? { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
    const held = this.wanted && !c ? this.#hold.now() : null;
    const wait = this.#retryAt === null ? 0 : this.#retryAt - this.#deps.clock.now();
    const waits = this.#retryAt !== null || held !== null;
    return this.access.status(
      {
        state: this.#state,
        since: isoTime(this.#since),
        ifname: this.access.ifname,
        mtu: up ? (c?.mtu ?? null) : null,
        local_ip: info?.local ?? null,
        remote_ip: info?.remote ?? null,
        local_ip6: c?.netdev.ip6 ?? null,
        dns: info?.dns ?? [],
        ppp: info && { auth: info.auth, mru: info.mru, peer_mru: info.peerMru },
        rx_bytes: t.rxBytes,
        tx_bytes: t.txBytes,
        rx_packets: t.rxPackets,
        tx_packets: t.txPackets,
        stages: this.#stages,
        error: this.#error,
        retry_in: waits ? Math.max(0, Math.round(Math.max(wait, held?.ms ?? 0) / 1000)) : null,
      },
      c,
      this.wanted && !up && this.#demand?.isOpen ? this.#demand.addresses : null,
    );
  }
}

function whyOf(i: Input): Failure {
  if (!i.why) throw new RangeError("an event of a link's policy without its reason");
  return i.why;
}
/** What one action throws does not keep the others from being done. */
function contained(acts: Acts<PolicyAction, Link, Input>): Acts<PolicyAction, Link, Input> {
  const entries = Object.entries(acts).map(([name, act]) => [
    name,
    (l: Link, i: Input): void =>
      contain(
        () => act(l, i),
        (e) => l.fault(e),
      ),
  ]);
  return Object.fromEntries(entries) as Acts<PolicyAction, Link, Input>;
}
