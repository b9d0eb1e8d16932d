// Owns the links: starts, stops, reloads them, and answers the control API.

import { guarded } from "./config/cross.ts";
import { type PeerConfig, PeerRefused, type PeerWish, peerConfig } from "./config/peer.ts";
import type { Config, InterfaceConfig, ServerConfig } from "./config/schema.ts";
import { Capture, type CaptureApi, type CaptureRequest } from "./control/capture.ts";
import type { EventHub } from "./control/log.ts";
import { exposition } from "./control/metrics.ts";
import { type DaemonApi, RequestRefused } from "./control/server.ts";
import { type Event, quote } from "./core/events.ts";
import type { Failure } from "./core/failures.ts";
import { failure } from "./core/failures.ts";
import { faultEvent } from "./core/fault.ts";
import { giveBack } from "./core/give-back.ts";
import { allOf, contain } from "./core/scope.ts";
import { utf8 } from "./core/text.ts";
import type { L2tpRemote } from "./dataplane/dataplane.ts";
import type { IkeManager } from "./ike/manager.ts";
import type { TunnelAnswer } from "./l2tp/endpoint.ts";
import type { AnyLink } from "./link/api.ts";
import type { Standing } from "./link/backup.ts";
import { ClientAccess } from "./link/client.ts";
import type { LinkDeps } from "./link/deps.ts";
import { Link } from "./link/link.ts";
import { pageOf, sharedDrops } from "./link/pages.ts";
import type { Memory } from "./link/pressure.ts";
import { radiusNamed, testRadius } from "./link/radius-test.ts";
import { SerialAccess } from "./link/serial.ts";
import { ServerLink } from "./link/server.ts";
import { type RadiusFinding, type Stage, type Status, WHOLE } from "./link/status.ts";
import { VERSION } from "./version.ts";

const DOCTOR_MS = 60_000;
/** Links end within 1.5 s each; what does not is left behind, for the plane to clear away. */
const STOP_MS = 1900;
/** Goodbyes to thousands of peers take no longer: the rest is for what must not stay behind. */
const GOODBYE_MS = 1500;
const AGAIN_MS = 10_000;

interface DaemonOptions {
  /** Null: nobody has needed it yet. */
  readonly ike: () => IkeManager | null;
  readonly hub: EventHub;
  readonly config: Config;
  /** The current configuration. Throws RequestRefused with every fault when it is invalid. */
  readonly read: () => Config;
  /** The engine and its release, and bytes in use: for metrics. */
  readonly runtime?: string;
  readonly memory?: Memory;
  /** Without it interfaces wait until somebody (netifd) says up. */
  readonly autostart: boolean;
}

export class Daemon implements DaemonApi, CaptureApi {
  readonly #deps: LinkDeps;
  readonly #ike: () => IkeManager | null;
  readonly #hub: EventHub;
  readonly #read: () => Config;
  readonly #autostart: boolean;
  /** Links on their way down because their section changed; whether each is to start again. */
  readonly #replaced = new Map<string, boolean>();
  readonly #about: Pick<DaemonOptions, "runtime" | "memory">;
  readonly #since: number;
  #config: Config;
  readonly #links = new Map<string, AnyLink>();
  #stopping = false;
  #unwatch: () => void = () => {};

  constructor(deps: LinkDeps, o: DaemonOptions) {
    this.#deps = deps;
    this.#ike = o.ike;
    this.#hub = o.hub;
    this.#config = o.config;
    this.#read = o.read;
    this.#autostart = o.autostart;
    this.#about = o;
    this.#since = deps.clock.now();
    deps.l2tp.acceptTunnel = (remote) => this.#acceptTunnel(remote);
    o.hub.follow((e) => {
      if (e.kind === "link.state" || e.kind === "link.backup" || e.kind === "daemon.reloaded") this.#changed(e.link);
    });
  }

  start(): void {
    // netifd says later which links are to be up; the WAN may be up before that.
    if (!this.#autostart) {
      for (const c of this.#config.interfaces)
        if (c.auto && c.fallback_for === null) this.#deps.blocks.hold(c.name, guarded(c));
      for (const [name, b] of this.#config.broken) this.#deps.blocks.hold(name, b.guarded);
    }
    for (const c of sections(this.#config)) this.#add(c.name);
    contain(
      () => {
        this.#unwatch = this.#deps.plane.net.watchOutside(() =>
          this.#each(this.#links.values(), (link) => link.outsideChanged?.()),
        );
      },
      (e) => this.#hub.emit(faultEvent("", "watching the routes of the host", e)),
    );
  }
  /** Links are isolated: what one of them throws is logged, and the others still run. */
  #each<T extends { readonly name: string }>(all: Iterable<T>, f: (x: T) => void): void {
    for (const x of [...all])
      contain(
        () => f(x),
        (e) => this.#hub.emit(faultEvent(x.name, "starting, changing or stopping a link", e)),
      );
  }
  /** A link that cannot be created is created later. */
  #make(name: string, make: (name: string) => void): void {
    contain(
      () => make(name),
      (e) => {
        this.#hub.emit(faultEvent(name, "the making of a link", e));
        this.#deps.clock.timer(`${name} again`, () => this.#make(name, make)).arm(AGAIN_MS);
      },
    );
  }
  #add(name: string): void {
    this.#make(name, () => this.#newLink(name));
  }
  #newLink(name: string): void {
    if (this.#links.has(name)) return;
    const cfg = sections(this.#config).find((c) => c.name === name);
    const before = this.#replaced.get(name);
    // What a link has blocked stays so for the next one of its name, and while its section has a fault.
    const guards = cfg !== undefined && "killswitch" in cfg;
    if (!guards && !(before && this.#config.broken.has(name))) this.#unblock(name);
    if (this.#stopping || !cfg) return void this.#replaced.delete(name);
    const link = this.#linkOf(cfg);
    this.#replaced.delete(name);
    this.#links.set(name, link);
    if (before ?? this.#starts(cfg)) link.start();
    else if (before === false) this.#unblock(name);
  }
  /** The one place that knows every kind of link. */
  #linkOf(cfg: InterfaceConfig | ServerConfig): AnyLink {
    const users = (): Config["users"] => this.#config.users;
    const all = (): ReturnType<typeof sections> => sections(this.#config);
    if ("pool" in cfg) return new ServerLink(this.#deps, cfg, { users, all, radius: () => this.#config.radius });
    const serial = cfg.proto === "nasdial";
    const access = serial ? new SerialAccess(this.#deps, cfg, users) : new ClientAccess(this.#deps, cfg, all);
    const { fallback_for } = cfg;
    const main = (): Standing => this.#links.get(fallback_for ?? "")?.standing ?? null;
    const link = new Link(this.#deps, access, main);
    if (access.wayOut) this.#follow(link);
    return link;
  }
  /** A link stands otherwise, or any: backups look. */
  #changed(name: string): void {
    if (!this.#stopping) this.#each(this.#links.values(), (link) => link.changed?.(name));
  }
  /** By itself: what is an interface may be netifd's to start. */
  #starts(cfg: InterfaceConfig | ServerConfig): boolean {
    return "pool" in cfg || (this.#autostart && cfg.auto);
  }
  #unblock(name: string): void {
    this.#deps.blocks.release(name).catch(() => {}); // told by the plane
  }
  /** What runs over a link begins with it, and does not wait for silence to find out that it ended. */
  #follow(below: Link): void {
    below.watch((s) => {
      if (typeof s === "object" && "name" in s) return;
      for (const c of this.#links.values()) {
        if (!c.wanted) continue;
        const over = c.path?.device === below.access.ifname;
        if (s === "up") c.hurry?.();
        if (!over) continue;
        if (s !== "up") c.lineDown?.(`the line ${below.name} that it ran on is down`);
        // It began on a line on demand, before the call gave that another address.
        else if (c.path?.local !== below.address) c.lineDown?.(`the line ${below.name} has another address now`);
      }
    });
  }
  #acceptTunnel(remote: L2tpRemote): TunnelAnswer | null {
    for (const link of this.#links.values()) {
      const answer = link.accept?.(remote);
      if (answer) return answer;
    }
    return null; // unsolicited: no answer
  }

  /** Everything down, politely; `done` within two seconds, even when no peer answers. */
  stop(why: string, done: () => void): void {
    if (this.#stopping) return;
    this.#stopping = true;
    const told = (e: unknown): void => this.#hub.emit(faultEvent("", "the end of the daemon", e));
    contain(() => this.#unwatch(), told);
    contain(() => this.#hub.emit({ kind: "daemon.stopping", link: "", why }), told);
    const until = this.#deps.clock.now() + GOODBYE_MS;
    const left = new Set<string>(this.#links.keys());
    const end = (): void => {
      if (left.size > 0 || over) return;
      over = true;
      guard.disarm();
      allOf(
        told,
        () => this.#ike()?.close(until),
        () =>
          void giveBack(() => this.#deps.plane.close(), told)
            .then(done)
            .catch(told),
      );
    };
    let over = false;
    const guard = this.#deps.clock.timer("daemon stop", () => {
      left.clear();
      end();
    });
    guard.arm(STOP_MS);
    this.#each(this.#links.values(), (link) =>
      link.stop(
        why,
        () => {
          left.delete(link.name);
          end();
        },
        { until },
      ),
    );
    end();
  }

  status(name: string | null, page = WHOLE): Record<string, Status> {
    if (name !== null) return { [name]: this.#named(name).status(page) };
    return { ...this.#unused(), ...pageOf(this.#links, page) };
  }
  /** What is configured but does not run. */
  #unused(): Record<string, Status> {
    const out: Record<string, Status> = {};
    for (const name of this.#config.disabled)
      out[name] = { kind: "disabled", section: "interface", state: "down", error: null };
    for (const [name, { section, why }] of this.#config.broken)
      out[name] = { kind: "invalid", section, state: "down", error: failure("invalid-config", why) };
    return out;
  }
  up(name: string): void {
    this.#want(name, true);
  }
  /** As up(), but a backup waits for its turn. */
  want(name: string): void {
    this.#want(name, false);
  }
  #want(name: string, asked: boolean): void {
    const link = this.#links.get(name);
    if (link) return link.start(asked);
    if (this.#replaced.has(name)) return void this.#replaced.set(name, true);
    const broken = this.#config.broken.get(name);
    if (broken && !this.#deps.blocks.holds(name)) this.#deps.blocks.hold(name, broken.guarded);
    throw this.#unknown(name);
  }
  down(name: string, gone: () => void = () => {}): void {
    const link = this.#links.get(name);
    if (link) {
      link.stop("taken down by hand", gone);
      return this.#changed(name);
    }
    if (this.#replaced.has(name)) this.#replaced.set(name, false);
    else if (this.#config.broken.has(name)) this.#unblock(name);
    else throw this.#unknown(name);
    gone();
  }
  disconnect(session: number): void {
    for (const link of this.#links.values()) if (link.disconnect?.(session)) return;
    throw new RequestRefused("not-found", `there is no session ${session}`);
  }
  peerConfig(wish: PeerWish): PeerConfig {
    try {
      return peerConfig(this.#config, wish, this.#deps.crypto);
    } catch (e) {
      if (e instanceof PeerRefused) throw new RequestRefused("failed", e.message);
      throw e;
    }
  }
  async radiusTest(name: string, user: string, password: string): Promise<readonly RadiusFinding[]> {
    const servers = radiusNamed(this.#config, name);
    if (servers.length > 0) return testRadius(this.#deps, servers, user, utf8(password));
    const there = this.#config.radius.map((r) => r.name).join(" ") || "none";
    throw new RequestRefused("not-found", `there is no RADIUS server ${quote(name)}; there is: ${there}`);
  }
  capture(name: string, o: CaptureRequest): () => void {
    const link = this.#named(name);
    const { captures, clock, host } = this.#deps;
    const refused = captures.refuses(name);
    if (refused !== "") throw new RequestRefused("failed", refused);
    const capture = new Capture({
      ...o,
      program: `l2tpsec ${VERSION}`,
      link: name,
      clock,
      wallClock: () => host.wallClock(),
      done: (end) => {
        stop();
        o.done(end);
      },
    });
    const stop = captures.start(name, {
      owns: (remote) => link.owns?.(remote) ?? false,
      see: (kind, direction, shown) => capture.packet(kind, direction, shown),
    });
    return () => capture.end("client");
  }
  /** The default route may have changed: links retry at once. */
  hurry(): void {
    for (const link of this.#links.values()) link.hurry?.();
  }
  /** Sizes of the tables that peers can fill. */
  tables(): Record<string, number> {
    let sessions = 0;
    for (const link of this.#links.values()) sessions += link.size ?? 0;
    return { ...this.#ike()?.sizes(), tunnels: this.#deps.l2tp.size, sessions };
  }
  metrics(users: boolean): string {
    return exposition(
      {
        version: VERSION,
        runtime: this.#about.runtime ?? "",
        uptime: (this.#deps.clock.now() - this.#since) / 1000,
        memory: this.#about.memory?.() ?? null,
        status: this.status(null, users ? WHOLE : { ...WHOLE, count: 0 }),
        events: this.#hub.counts,
        tables: this.tables(),
        drops: sharedDrops(this.#deps, this.#ike()),
      },
      users,
    );
  }
  subscribe(listener: (e: Event) => void): () => void {
    return this.#hub.follow(listener);
  }

  clientConfig(name: string): InterfaceConfig | null {
    return this.#config.interfaces.find((c) => c.name === name) ?? null;
  }
  /** Something may leave by this link alone, for now. */
  holds(name: string): boolean {
    return this.#deps.blocks.holds(name);
  }
  broken(name: string): string | null {
    return this.#config.broken.get(name)?.why ?? null;
  }

  /** Sections that did not change are not touched. */
  reload(): string {
    return this.#reload(true);
  }
  /** As reload(), silent when nothing changed. */
  refresh(): void {
    this.#reload(false);
  }
  #reload(tell: boolean): string {
    const now = this.#read();
    const was = this.#config;
    this.#config = now;
    this.#hub.level = now.daemon.log;
    const changed = (title: string): boolean => was.raw.get(title) !== now.raw.get(title);
    const report: string[] = [];
    const before = sections(was);
    const after = sections(now);
    this.#each(before, (c) => {
      const link = this.#links.get(c.name);
      if (!link || !changed(title(c))) return;
      report.push(title(c));
      const next = after.find((x) => x.name === c.name);
      this.#links.delete(c.name);
      this.#replaced.set(c.name, link.wanted || (next !== undefined && this.#starts(next)));
      link.stop("the configuration changed", () => this.#add(c.name), { replaced: true });
    });
    this.#each(after, (c) => {
      if (was.raw.has(title(c))) return;
      report.push(title(c));
      if (!this.#replaced.has(c.name)) this.#add(c.name);
    });
    const users = new Set<string>();
    for (const u of [...was.users, ...now.users]) if (changed(`user ${u.name}`)) users.add(u.name);
    if (users.size > 0) this.#each(this.#links.values(), (link) => link.usersChanged?.(users));
    const radius = new Set([...was.radius, ...now.radius].map((r) => `radius ${r.name}`).filter(changed));
    if (radius.size > 0) this.#each(this.#links.values(), (link) => link.radiusChanged?.());
    this.#each(this.#links.values(), (link) => link.renewFiles?.());
    report.push(...[...users].map((u) => `user ${u}`), ...radius);
    for (const name of new Set([...was.broken.keys(), ...now.broken.keys()])) {
      if (!now.broken.has(name) && !now.interfaces.some((c) => c.name === name)) this.#unblock(name);
      if (was.broken.get(name)?.why !== now.broken.get(name)?.why && !report.includes(`interface ${name}`))
        report.push(`interface ${name}`);
    }
    const text = report.length === 0 ? "nothing changed" : report.join(", ");
    if (tell || report.length > 0) this.#hub.emit({ kind: "daemon.reloaded", link: "", changed: text });
    return text;
  }

  doctor(name: string, stage: (s: Stage) => void): Promise<boolean> {
    const link = this.#named(name);
    for (const s of link.stages()) stage(s);
    const follow = link.watch?.bind(link);
    if (link.state === "up" || !follow) return Promise.resolve(link.state === "up");
    return new Promise((resolve) => {
      let stop: (() => void) | null = null;
      const end = (ok: boolean): void => {
        unwatch();
        stop?.();
        timer.disarm();
        resolve(ok);
      };
      /** A server that accepts none of our proposals is asked what it would accept; a silent one, whether it would. */
      const ask = (why: Failure | null, tried: boolean): boolean => {
        const silent = tried && why?.code === "no-answer";
        if (stop || !(silent || why?.code === "no-proposal")) return stop !== null;
        stop =
          link.survey?.(({ text, advice }) => {
            if (advice || !silent) stage({ name: "ike", state: "failed", text, ...(advice && { advice }) });
            end(false);
          }) ?? null;
        return stop !== null;
      };
      const timer = this.#deps.clock.timer(`doctor ${name}`, () => end(false));
      timer.arm(DOCTOR_MS);
      const unwatch = follow((s) => {
        if (s === "up") return end(true);
        if ("name" in s) return stage(s);
        const failed = link.stages().filter((x) => x.state === "failed");
        for (const f of failed) stage(f);
        if (failed.length === 0) stage({ name: "ip", state: "failed", text: s.text });
        if (!ask(s, true)) end(false);
      });
      if (!ask(link.status().error, false)) link.start(true);
    });
  }
  #named(name: string): AnyLink {
    const link = this.#links.get(name);
    if (!link) throw this.#unknown(name);
    return link;
  }
  #unknown(name: string): RequestRefused {
    const broken = this.#config.broken.get(name);
    if (broken) return new RequestRefused("failed", broken.why);
    const names = [...this.#links.keys()];
    return new RequestRefused(
      "not-found",
      `there is no interface or server ${JSON.stringify(name.slice(0, 64))}; there is: ${names.join(" ") || "none"}`,
    );
  }
}

/** Every link that is configured. */
function sections(c: Config): readonly (InterfaceConfig | ServerConfig)[] {
  return [...c.servers, ...c.interfaces];
}
function title(c: InterfaceConfig | ServerConfig): string {
  return `${"pool" in c ? "server" : "interface"} ${c.name}`;
}
