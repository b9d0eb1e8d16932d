// A server: answers IKE, L2TP and PPP for its users on one netdev.

import { deviceName, needsIpsec } from "../config/cross.ts";
import type { InterfaceConfig, RadiusConfig, ServerConfig, UserConfig } from "../config/schema.ts";
import { isIp6, linkLocal } from "../core/addr.ts";
import type { Timer } from "../core/clock.ts";
import { isoTime } from "../core/date.ts";
import type { LinkState } from "../core/events.ts";
import { type Failure, type FailureCode, failure } from "../core/failures.ts";
import { faultEvent, internal } from "../core/fault.ts";
import { giveBack } from "../core/give-back.ts";
import { allOf, Scope } from "../core/scope.ts";
import { sameBytes } from "../core/text.ts";
import { originOf } from "../core/waiting.ts";
import type { FlowId, L2tpRemote, PlaneKind, ServerInterface } from "../dataplane/dataplane.ts";
import type { IkeConnection, IkeInfo } from "../ike/types.ts";
import type { CallAnswer } from "../l2tp/calls.ts";
import type { TunnelAnswer } from "../l2tp/endpoint.ts";
import { originOfRemote } from "../l2tp/origin.ts";
import type { Tunnel } from "../l2tp/tunnel.ts";
import type { Endpoint } from "../ports/ports.ts";
import { MPPE_GROWTH, type PppConfig } from "../ppp/api.ts";
import { freshId, type SharedIds } from "../ppp/ipv6cp.ts";
import { ENDPOINT } from "../ppp/wants.ts";
import type { AnyLink, StopOptions } from "./api.ts";
import { callersOf } from "./callers.ts";
import { CertificateFiles } from "./certificates.ts";
import { type LinkDeps, systemFailure } from "./deps.ts";
import { Failures } from "./failures.ts";
import { listenInClear } from "./listen.ts";
import { type Placement, place } from "./placing.ts";
import { poolsOf } from "./prefixes.ts";
import { serverStages } from "./server-stages.ts";
import { Session, type SessionHost } from "./session.ts";
import { Sessions } from "./sessions.ts";
import { DEFAULT_MTU, fittingMtu, largestMtu, netdevMtu, pppAnswerer, serverIke, tunnelConfig } from "./settings.ts";
import { type ServerStatus, type Stage, WHOLE } from "./status.ts";

const OUTER_MTU = 1500; // the path to a caller is unknown before it calls
/** Codes of normal ends. */
const GOODBYES: readonly FailureCode[] = ["peer-deleted", "superseded"];
const REOPEN_MS = 10_000;
const LOST_MS = 500;
const CLOSE_MS = 1500;
const TRIAL_MS = 15_000;

/** What else the configuration has, now. */
interface Others {
  users(): readonly UserConfig[];
  radius(): readonly RadiusConfig[];
  all(): readonly (InterfaceConfig | ServerConfig)[];
}

export class ServerLink implements AnyLink {
  readonly cfg: ServerConfig;
  readonly #scope: Scope;
  readonly #deps: LinkDeps;
  readonly #users: () => readonly UserConfig[];
  readonly #reopen: Timer;
  readonly #flows = new Map<FlowId, { readonly conn: IkeConnection; readonly info: IkeInfo }>();
  readonly #sessions: Sessions;
  readonly #sessionHost: SessionHost;
  readonly #tunnels = new Set<Tunnel>();
  /** The netdev's interface identifier is the same for all users; each of theirs is one user's. */
  readonly #ids: SharedIds;
  #state: LinkState = "down";
  #since: number;
  #error: Failure | null = null;
  readonly #failures: Failures;
  #ikeDrops: () => Record<string, number> = () => ({});
  #net: ServerInterface | null = null;
  #files: CertificateFiles | null = null;
  #closers: ((until?: number) => void)[] = [];
  #wanted = false;
  #quiet: (() => void) | null = null; // called when the last tunnel is gone while stopping
  /** Of the last session: most have the same. */
  #ppp: PppConfig | null = null;
  /** The same for all tunnels: there may be thousands. */
  readonly #answer: TunnelAnswer;
  readonly #all: () => readonly (InterfaceConfig | ServerConfig)[];
  /** Null until it is open. */
  #placed: Placement | null = null;
  /** An L2TP message came through the data plane, or is waited for. */
  #proved = false;
  #trial: Timer | null = null;
  /** `all`: every link's section, this one among them. */
  constructor(deps: LinkDeps, cfg: ServerConfig, { users, radius, all }: Others) {
    this.#deps = deps;
    this.#all = all;
    this.cfg = cfg;
    this.#users = users;
    this.#since = deps.host.wallClock();
    this.#failures = new Failures(() => deps.host.wallClock());
    this.#scope = new Scope(deps.clock, (e) => this.#fault(e));
    this.#reopen = this.#scope.timer(`${cfg.name} reopen`, () => this.#open());
    this.#sessions = new Sessions(cfg, users());
    this.#ids = {
      local: freshId(deps.crypto),
      taken: (id) => this.#sessions.some((s) => s.id6 !== null && sameBytes(s.id6, id)),
    };
    this.#answer = {
      cfg: tunnelConfig(cfg, deps.host),
      owner: {
        onUp: (t) => void this.#tunnels.add(t),
        onDown: (t) => {
          this.#tunnels.delete(t);
          if (this.#tunnels.size === 0) this.#quiet?.();
        },
        // of either kind: both end in PPP with us as the side that authenticates
        onCallRequest: (t) => this.#acceptCall(t.remote),
      },
    };
    const ids = cfg.ipv6 ? this.#ids : null;
    const endpoint = deps.crypto.random(ENDPOINT);
    this.#sessionHost = {
      cfg,
      deps,
      callers: callersOf(deps, cfg, users, radius),
      ladder: { clock: deps.clock, log: deps.log, link: cfg.name, what: "a session", layer: "ppp", hurried: false },
      pppConfig: (mru) => {
        if (this.#ppp?.mru !== mru) this.#ppp = { ...pppAnswerer(cfg, deps.host, mru, ids), endpoint };
        return this.#ppp;
      },
      sessions: this.#sessions,
      watched: (channel, runs) => deps.captures.channel(cfg.name, channel, runs),
      addressOf: ({ flow, address }) => this.#flows.get(flow)?.conn.peer ?? address,
      failed: (peer, why) => this.#failures.note(peer, why),
    };
  }
  get state(): LinkState {
    return this.#state;
  }
  get name(): string {
    return this.cfg.name;
  }
  get wanted(): boolean {
    return this.#wanted;
  }
  get size(): number {
    return this.#sessions.size;
  }
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#scope.run(() => this.#sessionHost.callers.radius?.open(this.#sessions));
    this.#scope.run(() => this.#open());
  }
  /**
   * Rule 7. What belongs to a peer, a tunnel or a session ends those; what is left is opening and closing the server
   * itself.
   */
  #fault(e: unknown): void {
    this.#log(e);
    void this.#shut();
    if (this.#wanted) this.#failed(internal("system", e));
  }
  #log(e: unknown): void {
    this.#deps.log.emit(faultEvent(this.cfg.name, "a server", e));
  }
  #failed(why: Failure, pause = REOPEN_MS): void {
    this.#error = why;
    this.#enter("down");
    this.#deps.log.emit({ kind: "link.down", link: this.cfg.name, layer: why.layer, code: why.code, text: why.text });
    if (this.#wanted) this.#reopen.arm(pause);
  }
  /** Releases the netdev and the listeners: IKE deletes are sent here, after L2TP's StopCCNs. */
  #shut(): Promise<void> {
    allOf((e) => this.#log(e), ...this.#closers.splice(0).map((close) => () => close()));
    return this.#closeNet();
  }
  #closeNet(): Promise<void> {
    const net = this.#net;
    this.#net = null;
    return net
      ? giveBack(
          () => net.close(),
          (e) => this.#log(e),
        )
      : Promise.resolve();
  }
  #open(): void {
    const cfg = this.cfg;
    const { kernel, faster } = this.#deps;
    const placed = place(cfg, { all: this.#all(), kernel, faster });
    if ("code" in placed) return this.#failed(placed);
    this.#placed = placed;
    const pool = (cfg.pool ?? []).map((r) => `${r.first}-${r.last}`);
    const opening = this.#deps.plane.net
      .openServer({
        ifname: deviceName(cfg),
        mtu: netdevMtu(cfg, this.#mtu()) - (cfg.mppe === "no" && !cfg.mppc ? 0 : MPPE_GROWTH),
        local4: cfg.local_ip,
        local6: cfg.ipv6 ? linkLocal(this.#ids.local) : null,
        pool,
        clampMss: true,
        lost: (why) => this.#scope.run(() => this.#lost(why)),
      })
      .then(async (net) => {
        try {
          if (this.#closers.length > 0) return { net, close: null }; // only the netdev was lost
          if (needsIpsec(cfg)) {
            this.#deps.ike();
            return { net, close: null };
          }
          // In the clear on purpose: the configuration says ipsec = off.
          return { net, close: await listenInClear(this.#deps.plane.l2tp, cfg.listen, placed.at) };
        } catch (e) {
          await giveBack(
            () => net.close(),
            (again) => this.#log(again),
          );
          throw e;
        }
      });
    this.#scope.settle(
      opening,
      ({ net, close }) => {
        this.#net = net;
        const first = this.#closers.length === 0;
        if (close) this.#closers.push(close);
        if (!this.#wanted) return void this.#shut();
        const why = this.#closers.length === 0 ? this.#answerIke(placed) : null;
        if (why) {
          void this.#shut();
          return this.#failed(why);
        }
        if (first) this.#block(poolsOf(cfg));
        this.#error = null;
        this.#enter("up");
        this.#deps.log.emit({
          kind: "link.up",
          link: cfg.name,
          ifname: net.ifname,
          local: cfg.local_ip,
          remote: "",
          dns: cfg.dns ?? [],
        });
      },
      (e) => this.#failed(systemFailure(e)),
    );
  }
  /** The netdev was deleted from outside: its sessions end, and the server reopens soon. */
  #lost(text: string): void {
    const why: Failure = failure("netdev", text);
    this.#net = null;
    for (const s of this.#sessions.all()) s.end(why);
    if (this.#wanted) this.#failed(why, LOST_MS);
  }
  #answerIke(placed: Placement): Failure | null {
    const files = CertificateFiles.open(this.cfg, this.#deps);
    if (files && "code" in files) return files;
    this.#files = files;
    this.#warn(files?.warning ?? null);
    const ike = this.#deps.ike();
    const plane = (): PlaneKind => this.#placed?.at ?? "userspace";
    const planes: Parameters<typeof serverIke>[2] = { plane, place: (...at) => this.#placeFlow(...at) };
    const responder = ike.addResponder(serverIke(this.cfg, placed, planes, files), {
      onUp: (c: IkeConnection, info: IkeInfo) => {
        this.#flows.set(info.flow, { conn: c, info });
        this.#tryKernel(c);
      },
      onRekeyed: (conn: IkeConnection, info: IkeInfo) => void this.#flows.set(info.flow, { conn, info }),
      onDown: (conn: IkeConnection, why: Failure) => {
        if (!GOODBYES.includes(why.code)) this.#failures.note(conn.peer, why);
        this.#flows.delete(conn.flow);
        this.#deps.l2tp.dropFlow(conn.flow, why);
      },
      onRefused: (peer, why, proved) => this.#failures.note(peer, why, proved),
      busy: (address) => this.#sessions.busy(originOf(address), this.#deps.clock.now()),
    });
    this.#ikeDrops = () => ike.counters.snapshot();
    this.#closers.push((until) => {
      responder.close(until);
      this.#files = null;
      files?.close();
    });
    return null;
  }
  /** What no user has of the pools goes nowhere. */
  #block(pools: readonly string[]): void {
    if (pools.length === 0) return;
    const unblock = this.#deps.plane.net.blockRoutes(pools);
    this.#closers.push(() => void giveBack(unblock, (e) => this.#log(e)));
  }
  #warn(text: string | null): void {
    if (text !== null) this.#deps.log.emit({ kind: "daemon.warning", link: this.cfg.name, text });
  }
  /** Certificates and CRLs are read again. */
  renewFiles(): void {
    this.#warn(this.#files?.renew() ?? null);
  }
  /**
   * Whether L2TP from `remote` is this server's to answer: from one of its flows, or in the clear where that was asked
   * for.
   */
  owns(remote: L2tpRemote): boolean {
    if (this.#state !== "up") return false;
    if (needsIpsec(this.cfg)) return remote.flow !== 0 && this.#flows.has(remote.flow);
    return remote.flow === 0 && (this.cfg.listen === null || this.cfg.listen === remote.localAddress);
  }
  /** Of a connection: what the kernel cannot carry besides others goes to userspace, one by one. */
  #placeFlow(flow: FlowId, local: Endpoint, remote: Endpoint): PlaneKind {
    const at = this.#placed?.at ?? "userspace";
    if (at === "userspace" || this.cfg.dataplane === "kernel") return at;
    return (this.#deps.plane.ipsec.refusal?.(flow, local, remote) ?? null) === null ? at : "userspace";
  }
  /** Crypto hardware may lose packets in silence: until a first message has come through it, the kernel is on trial. */
  #tryKernel(c: IkeConnection): void {
    const { cfg } = this;
    if (this.#proved || this.#placed?.at !== "kernel" || cfg.dataplane !== "auto" || this.#trial) return;
    this.#trial = this.#scope.timer(`${cfg.name} trial`, () => {
      this.#trial = null;
      if (this.#proved || !this.#flows.has(c.flow) || !this.#placed) return;
      const why = `kernel: no, nothing of ${c.peer} came through its IPsec in ${TRIAL_MS / 1000} s`;
      this.#placed = { ...this.#placed, at: "userspace", why };
      this.#deps.log.emit({ kind: "daemon.warning", link: cfg.name, text: why });
      this.#flows.delete(c.flow);
      c.close(why);
    });
    this.#trial.arm(TRIAL_MS);
  }
  accept(remote: L2tpRemote): TunnelAnswer | null {
    if (!this.owns(remote)) return null;
    this.#proved = true;
    return this.#refusal(remote) ?? this.#answer;
  }
  /** Why a caller from there has to come later. */
  #refusal(remote: L2tpRemote): { readonly refuse: string; readonly busy: true } | null {
    if (this.#deps.pressure.refuses()) return { refuse: "the server is short of memory", busy: true };
    const busy = this.#sessions.busy(originOfRemote(remote), this.#deps.clock.now());
    return busy ? { refuse: "many callers are at it now: try again in a few seconds", busy } : null;
  }
  #acceptCall(remote: L2tpRemote): CallAnswer {
    if (this.#state !== "up" || !this.#net) return { refuse: "the server is stopping" };
    const refusal = this.#refusal(remote);
    if (refusal) return refusal;
    const session = new Session(this.#sessionHost, { server: this.#net, remote, mtu: this.#mtu(remote) });
    this.#sessions.add(session, originOfRemote(remote));
    return { cfg: { mru: this.#mtu(remote), sequencing: this.cfg.sequencing }, owner: session.callOwner };
  }
  #mtu(remote?: L2tpRemote): number {
    const info = remote === undefined ? null : (this.#flows.get(remote.flow)?.info ?? null);
    const { listen, mtu, sequencing } = this.cfg;
    const largest = mtu ?? largestMtu(this.cfg);
    if (remote === undefined && needsIpsec(this.cfg)) return Math.min(largest, DEFAULT_MTU);
    const v6 = isIp6(remote?.address ?? listen ?? "::"); // the shared netdev must suit callers of both families
    return Math.min(largest, fittingMtu(OUTER_MTU, v6, info, sequencing));
  }
  radiusChanged(): void {
    this.#sessionHost.callers.radius?.renew();
  }
  usersChanged(changed: ReadonlySet<string>): void {
    this.#sessions.usersChanged(changed, this.#users());
  }
  disconnect(session: number): boolean {
    const s = this.#sessions.get(session);
    s?.end(failure("disconnected", "disconnected by hand"));
    return s !== null;
  }
  /**
   * `until` (clock time) is for a process that ends: what of thousands of peers has had no goodbye by then gets none.
   */
  stop(text: string, done: () => void, { until = Number.POSITIVE_INFINITY }: StopOptions = {}): void {
    const now = this.#deps.clock.now();
    const half = now + (until - now) / 2; // the other half is for IKE's deletes, which end a tunnel too
    const inTime = (f: () => void) => (): void => {
      if (this.#deps.clock.now() < half) f();
    };
    this.#wanted = false;
    this.#reopen.disarm();
    const why: Failure = failure("stopped", text);
    let finished = false;
    // The netdev first: no packet enters a closing tunnel, and thousands of routes are removed with it at once.
    const closed = this.#closeNet();
    const guard = this.#deps.clock.timer(`${this.cfg.name} close`, () => finish());
    const finish = (): void => {
      if (finished) return;
      finished = true;
      guard.disarm();
      this.#quiet = null;
      this.#sessionHost.callers.radius?.close();
      // IKE deletes are sent here, after L2TP's StopCCNs
      allOf((e) => this.#log(e), ...this.#closers.splice(0).map((close) => () => close(until)));
      closed
        .then(() =>
          allOf(
            (e) => this.#log(e),
            () => this.#enter("down"),
            done,
          ),
        )
        .catch((e: unknown) => this.#log(e));
    };
    // A StopCCN ends every call of its tunnel, and PPP with it (RFC 2661 §6.4): one goodbye for each peer.
    allOf(
      (e) => this.#log(e),
      () => this.#enter("stopping"),
      ...[...this.#tunnels].map((t) => inTime(() => t.contain(() => t.close(why)))),
      ...[...this.#sessions.all()].map((s) => inTime(() => s.end(why))),
      () => this.#sessionHost.callers.radius?.stop(),
    );
    if (this.#tunnels.size === 0) finish();
    else {
      this.#quiet = finish;
      guard.arm(Math.max(0, Math.min(CLOSE_MS, half - this.#deps.clock.now())));
    }
  }
  #enter(state: LinkState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#since = this.#deps.host.wallClock();
    this.#deps.log.emit({ kind: "link.state", link: this.cfg.name, state });
  }
  stages(): Stage[] {
    return serverStages(this.status({ ...WHOLE, count: 0 }), this.#deps.kernel ? this.#placed : null);
  }
  status(page = WHOLE): ServerStatus {
    const { sessions, left, traffic } = this.#sessions.page(page);
    const { radius } = this.#sessionHost.callers;
    return {
      kind: "server",
      state: this.#state,
      since: isoTime(this.#since),
      listen: this.cfg.listen ?? "any",
      ifname: deviceName(this.cfg),
      local_ip: this.cfg.local_ip,
      dns: this.cfg.dns ?? [],
      dataplane: this.#deps.kernel && this.#placed ? this.#placed.at : this.#deps.plane.kind,
      dataplane_why: this.#placed?.why ?? "",
      ipsec: needsIpsec(this.cfg) ? "required" : "off",
      peers: needsIpsec(this.cfg) ? this.#flows.size : this.#tunnels.size,
      sessions,
      ...(left > 0 && { sessions_left_out: left }),
      failures: this.#failures.list(),
      ended: this.#sessions.ended,
      ...traffic,
      drops: {
        ...this.#deps.plane.drops(),
        ...this.#ikeDrops(),
        ...this.#deps.pressure.drops(),
        ...this.#deps.l2tp.counters.snapshot(),
        ...this.#sessions.counters.snapshot(),
        ...this.#deps.logins.counters.snapshot(),
        ...radius?.drops(),
      },
      error: this.#error,
      ...(radius ? { radius: radius.client.servers() } : {}),
    };
  }
}
