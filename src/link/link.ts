// A link of any kind: when it tries, waits and ends (policy.ts), and its status and events. Its Access supplies the
// rungs.

import type { Timer } from "../core/clock.ts";
import { isoTime } from "../core/date.ts";
import type { LinkState } from "../core/events.ts";
import { type Failure, failure } from "../core/failures.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { contained, Machine, type Table } from "../core/fsm.ts";
import { giveBack } from "../core/give-back.ts";
import { contain, Scope } from "../core/scope.ts";
import type { L2tpRemote } from "../dataplane/dataplane.ts";
import type { Findings } from "../ike/survey.ts";
import type { Access, Climb } from "./access.ts";
import type { AnyLink, News, StopOptions } from "./api.ts";
import { Backoff, LASTING_FIRST } from "./backoff.ts";
import { Backup, type Standing } from "./backup.ts";
import type { DemandNet } from "./demand.ts";
import { type LinkDeps, systemFailure } from "./deps.ts";
import { Hold } from "./hold.ts";
import { Idle } from "./idle.ts";
import { Ladder, type LadderOwner } from "./ladder.ts";
import { type Phase, POLICY, type PolicyAction, type PolicyEvent } from "./policy.ts";
import { ended, facts } from "./shown.ts";
import type { ClientStatus, SerialStatus, Stage } from "./status.ts";

/** A link that was up this long restarts its back-off. */
const STABLE_MS = 60_000;
const REARM_MS = 10_000;
const MOVED = "the way to the server has changed: it starts again on the new one";
/** Ends as the configuration wants them. */
const PLANNED: readonly string[] = ["idle", "hold", "main-up"];

interface Input {
  readonly why?: Failure;
  /** Milliseconds. */
  readonly ms?: number;
  readonly text?: string;
  /** By a person, at once. */
  readonly asked?: boolean;
}
type LinkNeeds = Pick<LinkDeps, "clock" | "crypto" | "host" | "log" | "blocks">;

export class Link implements AnyLink, LadderOwner {
  readonly access: Access;
  readonly #deps: LinkNeeds;
  readonly #scope: Scope;
  readonly #machine: Machine<Phase, PolicyEvent, PolicyAction, Input, Link>;
  readonly #backoff: Backoff;
  readonly #retry: Timer;
  readonly #idle: Idle;
  readonly #hold: Hold;
  readonly #demand: DemandNet | null;
  readonly #backup: Backup | null;
  readonly #followers = new Set<(news: News) => void>();
  /** Requested explicitly: does not wait for a packet. */
  #now = false;
  /** Its networks are blocked since it was last wanted. */
  #blocks = false;
  #state: LinkState = "down";
  #since: number;
  #ladder: Ladder | null = null;
  #climb: Climb | null = null;
  #stages: Stage[] = [];
  #error: Failure | null = null;
  /** Why nobody wants it; null while somebody does. */
  #because: string | null = "nobody has started it yet";
  #retryAt: number | null = null;
  #upAt: number | null = null;
  #endedAt = 0;
  #stopped: { readonly done: () => void; readonly replaced: boolean }[] = [];

  static readonly #TABLE: Table<Phase, PolicyEvent, PolicyAction, Input, Link> = {
    rules: POLICY,
    unlisted: () => {},
    acts: contained<PolicyAction, Link, Input>({
      want: (l, { asked = false }) => {
        l.#because = null;
        l.#now = l.#demand === null;
        l.#blocks = false;
        l.#backoff.reset();
        l.access.begin?.();
        l.#hold.watch();
        l.#backup?.begin(asked);
      },
      ask: (l, { asked = false }) => {
        if (asked) l.#backup?.ask();
        l.#now = true;
        l.#blocks = false;
        l.#backoff.reset();
      },
      now: (l, { asked = false }) => {
        l.#now = true;
        if (asked) l.#backup?.ask();
      },
      choose: (l) => l.#choose(),
      open: (l) =>
        l.#scope.settle(
          l.#demand?.open() ?? Promise.resolve(),
          () => l.#on("opened"),
          (e) => l.#on("failed", { why: systemFailure(e) }),
        ),
      standBy: (l, { text = "" }) => {
        const { first, ifname } = l.access;
        l.#backoff.reset();
        l.#stages = [];
        l.onStage({ name: first, state: "busy", text });
        if (l.#demand) l.#deps.log.emit({ kind: "link.standby", link: l.name, ifname });
      },
      begin: (l) => l.#begin(),
      tellUp: (l) => l.#tellUp(),
      fail: (l, i) => l.#fail(whyOf(i)),
      fallen: (l, i) => l.#fallen(whyOf(i)),
      decide: (l, i) => l.#decide(whyOf(i)),
      note: (l, i) => {
        l.#error = whyOf(i);
      },
      tellDown: (l, i) => {
        const { layer, code, text } = whyOf(i);
        l.#deps.log.emit({ kind: "link.down", link: l.name, layer, code, text });
      },
      pause: (l, i) => {
        const ms = i.ms ?? l.#backoff.pause(false);
        l.#retryAt = l.#deps.clock.now() + ms;
        l.#retry.arm(ms);
      },
      tellPause: (l) => {
        const ms = (l.#retryAt ?? 0) - l.#deps.clock.now();
        l.#deps.log.emit({ kind: "link.retry", link: l.name, inSeconds: Math.round(ms / 100) / 10 });
      },
      hurry: (l) => l.#hurry(),
      rearm: (l) => {
        if (!l.#retry.armed) l.#retry.arm(REARM_MS);
      },
      giveUp: (l, i) => {
        l.#because = whyOf(i).text;
        l.#hold.stop();
        l.#backup?.stop();
        void l.#closeNet();
      },
      unwant: (l, i) => {
        l.#because = whyOf(i).text;
        l.#clearRetry();
        l.#hold.stop();
        l.#backup?.stop();
        if (l.#ladder) return;
        l.#stages = [];
        l.#enter("down");
      },
      stop: (l, i) => {
        contain(
          () => l.#enter("stopping"),
          (e) => l.#log(e),
        );
        l.#fail(whyOf(i), true);
      },
      finish: (l) => {
        for (const { done, replaced } of l.#stopped.splice(0))
          contain(
            () => l.#release(replaced, done),
            (e) => l.#log(e),
          );
      },
      tellEnd: (l, i) => l.#tell(whyOf(i)),
    }),
  };

  /** `main`: how the link stands that this one is a backup for. */
  constructor(deps: LinkNeeds, access: Access, main: () => Standing = () => null) {
    const { name, reconnect_min, reconnect_max, fallback_for } = access.cfg;
    this.#deps = deps;
    this.access = access;
    this.#scope = new Scope(deps.clock, (e) => this.fault(e));
    this.#machine = new Machine<Phase, PolicyEvent, PolicyAction, Input, Link>(this, "idle", Link.#TABLE);
    this.#backoff = new Backoff(deps.crypto, reconnect_min, reconnect_max);
    this.#retry = this.#scope.timer(`${name} retry`, () => this.#on("retry"));
    const idle = (why: Failure): void => this.#on("fail", { why });
    this.#idle = new Idle(this.#scope, access, () => this.#packets(), idle);
    this.#hold = new Hold({ ...deps, clock: this.#scope }, name, access.hold, () => this.#holdChanged());
    const within = { log: deps.log, clock: this.#scope };
    this.#backup = fallback_for === null ? null : new Backup(within, access.cfg, main, () => this.#backupChanged());
    const onWanted = (): void => this.#on("packet");
    const onLost = (why: string): void => this.#on("failed", { why: failure("netdev", why) });
    this.#demand = access.standby?.({ onWanted, onLost }) ?? null;
    this.#since = deps.host.wallClock();
  }
  get name(): string {
    return this.access.cfg.name;
  }
  get state(): LinkState {
    return this.#state;
  }
  get wanted(): boolean {
    const { state } = this.#machine;
    return state !== "idle" && state !== "stopping";
  }
  owns(remote: L2tpRemote): boolean {
    return this.#climb?.remote?.key === remote.key;
  }
  get path(): Climb["path"] {
    return this.#climb?.path;
  }
  /** Our address on the link, while it is up. */
  get address(): string | null {
    return this.#state === "up" ? (this.#climb?.ppp.info?.local ?? null) : null;
  }

  get standing(): Standing {
    if (this.#state === "up") return "up";
    return this.#backup?.ready ? "waiting" : null;
  }

  /** Never during a hold period. */
  start(asked = false): void {
    this.#on("start", { asked });
  }
  changed(name: string): void {
    if (name === "" || name === this.access.cfg.fallback_for) this.#scope.run(() => this.#backup?.look());
  }
  stop(text: string, done: () => void, o: StopOptions = {}): void {
    this.#stopped.push({ done, replaced: o.replaced ?? false });
    this.#on("stop", { why: failure("stopped", text) });
  }
  hurry(): void {
    if (!this.access.wayOut) this.#on("hurry");
  }
  outsideChanged(): void {
    if (this.access.wayOut) return;
    if (this.#retryAt !== null) {
      const way = this.access.way?.();
      if (way === null || way === "moved") this.#on("hurry");
    } else if (this.access.way?.() === "moved") this.#on("fail", { why: failure("moved", MOVED) });
  }
  lineDown(text: string): void {
    this.#on("fail", { why: failure("line-down", text) });
  }
  watch(f: (news: News) => void): () => void {
    this.#followers.add(f);
    return () => void this.#followers.delete(f);
  }
  stages(): readonly Stage[] {
    return this.#stages;
  }
  survey(done: (f: Findings) => void): (() => void) | null {
    return this.access.survey?.(done) ?? null;
  }

  #on(event: PolicyEvent, input: Input = {}): void {
    this.#scope.run(() => this.#machine.on(event, input));
  }
  /** Rule 7: ends the attempt; the next one follows as usual. */
  fault(e: unknown): void {
    this.#log(e);
    this.#machine.on("fault", { why: internal("system", e) });
  }
  #log(e: unknown): void {
    this.#deps.log.emit(faultEvent(this.name, "a link", e));
  }
  /** A follower's error must not affect the link. */
  #tell(news: News): void {
    for (const f of this.#followers)
      contain(
        () => f(news),
        (e) => this.#deps.log.emit(faultEvent(this.name, "a follower of the link", e)),
      );
  }

  #choose(): void {
    const { ifname } = this.access;
    this.#clearRetry();
    const held = this.#hold.now();
    const net = this.#demand;
    if (net) net.held = held !== null;
    if (net && !net.isOpen) this.#on("open");
    else if (held) this.#on("wait", { text: `on hold until ${held.until}` });
    else if (this.#backup?.waits) this.#standAside(this.#backup);
    else if (net && !this.#now && !net.wanted) this.#on("wait", { text: `waits for a packet on ${ifname}` });
    else this.#on("go");
  }
  /** While it waits, its main link says what is blocked. Its next turn has all attempts again. */
  #standAside(b: Backup): void {
    this.access.begin?.();
    this.#blocks = false;
    if (this.#deps.blocks.holds(this.name)) void this.#unblock();
    this.#on("wait", { text: b.text ?? "" });
  }
  #unblock(): Promise<void> {
    return giveBack(
      () => this.#deps.blocks.release(this.name),
      (e) => this.#log(e),
    );
  }
  #clearRetry(): void {
    this.#retry.disarm();
    this.#retryAt = null;
  }
  #begin(): void {
    this.#now = false;
    this.#stages = [];
    // While the link is wanted, packets to the networks behind it never leave in the clear by another route.
    if (!this.#blocks) this.#deps.blocks.hold(this.name, this.access.guarded);
    this.#blocks = true;
    const { clock, log } = this.#deps;
    const hurried = !this.access.wayOut;
    const what = "an attempt of the link";
    const ladder = new Ladder({ clock, log, link: this.name, what, layer: "system", hurried }, this);
    this.#climb = this.access.climb(ladder);
    this.#ladder = ladder;
    ladder.climb(this.#climb.rungs);
  }

  onState(state: LinkState): void {
    this.#enter(state);
  }
  onStage(s: Stage): void {
    const at = this.#stages.findIndex((x) => x.name === s.name);
    if (at < 0) this.#stages.push(s);
    else this.#stages[at] = s;
    this.#tell(s);
  }
  onUp(): void {
    this.#on("up");
  }
  onEnd(why: Failure): void {
    this.#on("ended", { why });
  }

  #tellUp(): void {
    const { local = "", remote = "", dns = [] } = this.#climb?.ppp.info ?? {};
    const ifname = this.#climb?.netdev.net?.ifname ?? "";
    this.#error = null;
    this.#upAt ??= this.#deps.clock.now();
    this.access.succeeded?.();
    this.#enter("up");
    this.#idle.watch();
    this.#demand?.release();
    this.#deps.log.emit({ kind: "link.up", link: this.name, ifname, local, remote, dns });
    this.#tell("up");
  }
  #fail(why: Failure, quick = false): void {
    if (this.#ladder) this.#ladder.fail(why, quick);
    else this.#on("ended", { why });
  }
  #fallen(why: Failure): void {
    this.#ladder = null;
    this.#climb = null;
    this.#idle.stop();
    this.#endedAt = this.#deps.clock.now();
    this.#error = null;
    if (this.#upAt !== null && this.#endedAt - this.#upAt >= STABLE_MS) this.#backoff.reset();
    this.#upAt = null;
    if (PLANNED.includes(why.code)) this.#stages = [];
    this.#stages = ended(this.#stages, why);
    this.#enter("down");
  }
  /** Decides whether there is another attempt, and when. */
  #decide(why: Failure): void {
    if (why.code === "main-up") return this.#on("rest", { why });
    const ms = this.access.pause(why, this.#backoff, this.#endedAt);
    const text = ms === null ? `${why.text}; ${this.access.over}` : why.text;
    if (!PLANNED.includes(why.code)) this.#error = { ...why, text };
    if (ms === null) this.#backup?.spent();
    if (ms === null) this.#on(this.#backup ? "rest" : "never", { why });
    else this.#on("later", { why, ms });
  }
  /** Ends a pause; after a lasting failure it shortens it to the minimum. */
  #hurry(): void {
    if (this.#retryAt === null) return;
    this.#backoff.anew();
    if (this.#error?.lasting !== true) return this.#on("retry");
    const now = this.#deps.clock.now();
    this.#retryAt = Math.min(this.#retryAt, Math.max(now, this.#endedAt + LASTING_FIRST * 1000));
    this.#retry.arm(this.#retryAt - now);
  }
  #closeNet(): Promise<void> {
    const net = this.#demand;
    if (!net) return Promise.resolve();
    return giveBack(
      () => net.close(),
      (e) => this.#log(e),
    );
  }
  /** Everything is released; starts over when the link is wanted again. */
  #release(replaced: boolean, done: () => void): void {
    if (this.wanted) return done();
    const all = [this.#closeNet()];
    if (!replaced) all.push(this.#unblock());
    Promise.all(all)
      .then(done)
      .catch((e: unknown) => this.#log(e));
  }
  #enter(state: LinkState): void {
    if (this.#state === state) return;
    if (this.#state === "stopping" && state !== "down") return; // layers may still call back while they shut down
    this.#state = state;
    this.#since = this.#deps.host.wallClock();
    this.#deps.log.emit({ kind: "link.state", link: this.name, state });
  }

  #packets(): number {
    const t = this.#climb?.netdev.net?.counters();
    return t ? t.rxPackets + t.txPackets : 0;
  }
  #holdChanged(): void {
    const held = this.#hold.now();
    if (held) this.#on("fail", { why: failure("hold", `on hold until ${held.until}`) });
    else this.#on("freed");
  }
  #backupChanged(): void {
    const b = this.#backup;
    if (b?.waits && this.#ladder) this.#on("fail", { why: b.reason });
    else this.#on("turn");
  }

  status(): ClientStatus | SerialStatus {
    const c = this.#climb;
    const up = this.#state === "up";
    const held = this.wanted && !c ? this.#hold.now() : null;
    const wait = this.#retryAt === null ? 0 : this.#retryAt - this.#deps.clock.now();
    const b = this.#backup;
    const left = this.wanted && !c ? (b?.left ?? null) : null;
    const waits = this.#retryAt !== null || held !== null || left !== null;
    const link = {
      state: this.#state,
      since: isoTime(this.#since),
      ifname: this.access.ifname,
      ...facts(c, up),
      stages: this.#stages,
      error: this.#error,
      stopped: this.#because,
      backup: b?.text ? { waits: b.waits, text: b.text } : null,
      retry_in: waits ? Math.max(0, Math.round(Math.max(wait, held?.ms ?? 0, left ?? 0) / 1000)) : null,
    };
    const standby = this.wanted && !up && this.#demand?.isOpen ? this.#demand.addresses : null;
    return this.access.status(link, c, standby);
  }
}

function whyOf(i: Input): Failure {
  if (!i.why) throw new RangeError("an event of a link's policy without its reason");
  return i.why;
}
