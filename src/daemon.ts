// Owns the links: starts, stops, reloads them, and answers the control API.

import { guarded } from "./config/cross.ts";
import type { SerialConfig } from "./config/nasdial.ts";
import type { ClientConfig, Config, UserConfig } from "./config/schema.ts";
import type { EventHub } from "./control/log.ts";
import { type DaemonApi, RequestRefused } from "./control/server.ts";
import type { Failure } from "./core/errors.ts";
import type { Event } from "./core/events.ts";
import { faultEvent } from "./core/fault.ts";
import { giveBack } from "./core/give-back.ts";
import { allOf, contain } from "./core/scope.ts";
import type { L2tpRemote } from "./dataplane/dataplane.ts";
import type { IkeManager } from "./ike/manager.ts";
import type { TunnelAnswer } from "./l2tp/endpoint.ts";
import { ClientAccess } from "./link/client.ts";
import type { LinkDeps } from "./link/deps.ts";
import { Link } from "./link/link.ts";
import { SerialAccess } from "./link/serial.ts";
import { ServerLink } from "./link/server.ts";
import type { Stage, Status } from "./link/status.ts";

const DOCTOR_MS = 60_000;
/** Links end within 1.5 s each; what does not is left behind, for the plane to clear away. */
const STOP_MS = 1900;
/** Goodbyes to thousands of peers take no longer: the rest is for what must not stay behind. */
const GOODBYE_MS = 1500;
const AGAIN_MS = 10_000;

export class Daemon implements DaemonApi {
  readonly #deps: LinkDeps;
  readonly #ike: () => IkeManager | null;
  readonly #hub: EventHub;
  readonly #read: () => Config;
  readonly #autostart: boolean;
  /** Clients on their way down because their section changed; whether each is to start again. */
  readonly #replaced = new Map<string, boolean>();
  #config: Config;
  readonly #clients = new Map<string, Link>();
  readonly #servers = new Map<string, ServerLink>();
  #stopping = false;

  /**
   * `read` gives the configuration of today; it throws RequestRefused with every fault when that is not valid. Without
   * `autostart` client links wait until somebody (netifd) says up.
   */
  constructor(
    deps: LinkDeps,
    ike: () => IkeManager | null,
    hub: EventHub,
    config: Config,
    read: () => Config,
    autostart = true,
  ) {
    this.#deps = deps;
    this.#ike = ike;
    this.#hub = hub;
    this.#config = config;
    this.#read = read;
    this.#autostart = autostart;
    deps.l2tp.acceptTunnel = (remote) => this.#acceptTunnel(remote);
  }

  start(): void {
    // netifd says later which links are to be up, and the way out may be there before.
    if (!this.#autostart) {
      for (const c of this.#config.interfaces) if (c.auto) this.#deps.blocks.hold(c.name, guarded(c));
      for (const [name, b] of this.#config.broken) this.#deps.blocks.hold(name, b.guarded);
    }
    for (const c of this.#config.servers) this.#addServer(c.name);
    for (const c of this.#dialled(this.#config)) this.#addClient(c.name);
  }
  /** Links do not answer for one another: what one of them throws is logged, and the others have their turn. */
  #each<T extends { readonly name: string }>(all: Iterable<T>, f: (x: T) => void): void {
    for (const x of [...all])
      contain(
        () => f(x),
        (e) => this.#hub.emit(faultEvent(x.name, "starting, changing or stopping a link", e)),
      );
  }
  /** A link that cannot even be made is made later. */
  #make(name: string, make: (name: string) => void): void {
    contain(
      () => make(name),
      (e) => {
        this.#hub.emit(faultEvent(name, "the making of a link", e));
        this.#deps.clock.timer(`${name} again`, () => this.#make(name, make)).arm(AGAIN_MS);
      },
    );
  }
  #addServer(name: string): void {
    this.#make(name, () => this.#newServer(name));
  }
  #newServer(name: string): void {
    if (this.#stopping || this.#servers.has(name)) return;
    const cfg = this.#config.servers.find((c) => c.name === name);
    if (!cfg) return;
    const link = new ServerLink(this.#deps, cfg, () => this.#config.users);
    this.#servers.set(name, link);
    link.start();
  }
  /** Tunnels and NAS legs. */
  #dialled(c: Config): readonly (ClientConfig | SerialConfig)[] {
    return [...c.legs, ...c.interfaces];
  }
  #addClient(name: string): void {
    this.#make(name, () => this.#newClient(name));
  }
  #newClient(name: string): void {
    if (this.#clients.has(name)) return;
    const tunnel = this.#config.interfaces.find((c) => c.name === name);
    const leg = this.#config.legs.find((c) => c.name === name);
    const before = this.#replaced.get(name);
    // What a link has blocked stays so for the next one of its name, and while its section has a fault.
    if (!tunnel && !(before && this.#config.broken.has(name))) this.#unblock(name);
    if (this.#stopping || !(tunnel ?? leg)) return void this.#replaced.delete(name);
    const access = tunnel
      ? new ClientAccess(this.#deps, tunnel)
      : new SerialAccess(this.#deps, leg as SerialConfig, () => this.#config.users);
    const link = new Link(this.#deps, access);
    if (access.wayOut) this.#follow(link);
    this.#replaced.delete(name);
    this.#clients.set(name, link);
    if (before ?? (this.#autostart && access.cfg.auto)) link.start();
    else if (before === false) this.#unblock(name);
  }
  #unblock(name: string): void {
    this.#deps.blocks.release(name).catch(() => {}); // told by the plane
  }
  /** What runs over a link begins with it, and does not wait for silence to find out that it ended. */
  #follow(below: Link): void {
    below.watch((s) => {
      if (typeof s === "object" && "name" in s) return;
      for (const c of this.#clients.values()) {
        if (!c.wanted) continue;
        const over = c.via === below.access.ifname;
        if (s === "up") c.hurry();
        if (!over) continue;
        if (s !== "up") c.lineDown(`the line ${below.name} that it ran on is down`);
        // It began on a line on demand, before the call gave that another address.
        else if (c.local !== below.address) c.lineDown(`the line ${below.name} has another address now`);
      }
    });
  }
  #acceptTunnel(remote: L2tpRemote): TunnelAnswer | null {
    for (const s of this.#servers.values()) if (s.owns(remote)) return s.acceptTunnel();
    return null; // nobody asked for it: silence
  }

  /** Everything down, politely; `done` within two seconds, even when no peer answers. */
  stop(why: string, done: () => void): void {
    if (this.#stopping) return;
    this.#stopping = true;
    const told = (e: unknown): void => this.#hub.emit(faultEvent("", "the end of the daemon", e));
    contain(() => this.#hub.emit({ kind: "daemon.stopping", link: "", why }), told);
    const until = this.#deps.clock.now() + GOODBYE_MS;
    const left = new Set<string>([...this.#clients.keys(), ...this.#servers.keys()]);
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
    const links = [...this.#clients, ...this.#servers].map(([name, link]) => ({ name, link }));
    this.#each(links, ({ name, link }) => {
      const gone = (): void => {
        left.delete(name);
        end();
      };
      link.stop(why, gone, { until });
    });
    end();
  }

  status(name: string | null): Record<string, Status> {
    if (name !== null) {
      const link = this.#clients.get(name) ?? this.#servers.get(name);
      if (!link) throw this.#unknown(name);
      return { [name]: link.status() };
    }
    const out: Record<string, Status> = {};
    for (const [n, l] of this.#servers) out[n] = l.status();
    for (const [n, l] of this.#clients) out[n] = l.status();
    return out;
  }
  up(name: string): void {
    const client = this.#clients.get(name);
    if (client) client.start();
    else if (this.#replaced.has(name)) this.#replaced.set(name, true);
    else if (this.#servers.has(name)) this.#servers.get(name)?.start();
    else {
      const broken = this.#config.broken.get(name);
      if (broken && !this.#deps.blocks.holds(name)) this.#deps.blocks.hold(name, broken.guarded);
      throw this.#unknown(name);
    }
  }
  down(name: string, gone: () => void = () => {}): void {
    const link = this.#clients.get(name) ?? this.#servers.get(name);
    if (!link && this.#replaced.has(name)) {
      this.#replaced.set(name, false);
      return gone();
    }
    if (!link && this.#config.broken.has(name)) {
      this.#unblock(name);
      return gone();
    }
    if (!link) throw this.#unknown(name);
    link.stop("taken down by hand", gone);
  }
  disconnect(session: number): void {
    for (const s of this.#servers.values()) if (s.disconnect(session)) return;
    throw new RequestRefused("not-found", `there is no session ${session}`);
  }
  /** There may be another way out now: no link waits for the end of its pause. */
  hurry(): void {
    for (const c of this.#clients.values()) c.hurry();
  }
  /** How many entries the tables have that peers fill. */
  tables(): Record<string, number> {
    let sessions = 0;
    for (const s of this.#servers.values()) sessions += s.size;
    return { ...this.#ike()?.sizes(), tunnels: this.#deps.l2tp.size, sessions };
  }
  subscribe(listener: (e: Event) => void): () => void {
    return this.#hub.follow(listener);
  }

  clientConfig(name: string): ClientConfig | SerialConfig | null {
    return this.#dialled(this.#config).find((c) => c.name === name) ?? null;
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
  /** The same, and not a word when nothing changed. */
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
    this.#each(
      [...this.#clients].map(([name, link]) => ({ name, link })),
      ({ name, link }) => {
        if (!changed(`interface ${name}`)) return;
        report.push(`interface ${name}`);
        this.#clients.delete(name);
        this.#replaced.set(
          name,
          link.wanted || (this.#autostart && (this.#dialled(now).find((c) => c.name === name)?.auto ?? false)),
        );
        const again = (): void => this.#addClient(name);
        link.stop("the configuration changed", again, { replaced: true });
      },
    );
    this.#each(this.#dialled(now), (c) => {
      if (was.raw.has(`interface ${c.name}`)) return;
      report.push(`interface ${c.name}`);
      if (!this.#replaced.has(c.name)) this.#addClient(c.name);
    });
    this.#each(
      [...this.#servers].map(([name, link]) => ({ name, link })),
      ({ name, link }) => {
        if (!changed(`server ${name}`)) return;
        report.push(`server ${name}`);
        this.#servers.delete(name);
        link.stop("the configuration changed", () => this.#addServer(name));
      },
    );
    this.#each(now.servers, (c) => {
      if (was.raw.has(`server ${c.name}`)) return;
      report.push(`server ${c.name}`);
      this.#addServer(c.name);
    });
    const users = new Set<string>();
    for (const u of [...was.users, ...now.users] as UserConfig[]) if (changed(`user ${u.name}`)) users.add(u.name);
    if (users.size > 0)
      this.#each(
        [...this.#servers].map(([name, link]) => ({ name, link })),
        ({ link }) => link.usersChanged(users),
      );
    report.push(...[...users].map((u) => `user ${u}`));
    for (const name of new Set([...was.broken.keys(), ...now.broken.keys()])) {
      if (!now.broken.has(name) && !this.#dialled(now).some((c) => c.name === name)) this.#unblock(name);
      if (was.broken.get(name)?.why !== now.broken.get(name)?.why && !report.includes(`interface ${name}`))
        report.push(`interface ${name}`);
    }
    const text = report.length === 0 ? "nothing changed" : report.join(", ");
    if (tell || report.length > 0) this.#hub.emit({ kind: "daemon.reloaded", link: "", changed: text });
    return text;
  }

  doctor(name: string, stage: (s: Stage) => void): Promise<boolean> {
    const server = this.#servers.get(name);
    if (server) return Promise.resolve(this.#doctorServer(server, stage));
    const link = this.#clients.get(name);
    if (!link) throw this.#unknown(name);
    if (link.state === "up") {
      for (const s of link.stages()) stage(s);
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const end = (ok: boolean): void => {
        unwatch();
        timer.disarm();
        resolve(ok);
      };
      const timer = this.#deps.clock.timer(`doctor ${name}`, () => end(false));
      timer.arm(DOCTOR_MS);
      for (const s of link.stages()) stage(s);
      const unwatch = link.watch((s: Stage | Failure | "up") => {
        if (s === "up") return end(true);
        if ("name" in s) return stage(s);
        const failed = link.stages().filter((x) => x.state === "failed");
        for (const f of failed) stage(f);
        if (failed.length === 0) stage({ name: "ip", state: "failed", text: s.text });
        end(false);
      });
      link.start();
    });
  }
  #doctorServer(server: ServerLink, stage: (s: Stage) => void): boolean {
    const s = server.status();
    const ok = s.state === "up";
    stage({
      name: "ip",
      state: ok ? "ok" : "failed",
      text: s.error?.text ?? (ok ? `${s.ifname} with ${s.local_ip}` : `the server is ${s.state}`),
    });
    if (ok)
      stage({
        name: "ike",
        state: "ok",
        text:
          s.ipsec === "off"
            ? "IPsec is off: L2TP in the clear"
            : `listening on ${s.listen}, ${s.peers} peers with IPsec`,
      });
    if (ok) stage({ name: "ppp", state: "ok", text: `${s.sessions.length} sessions` });
    for (const f of s.failures) {
      stage({
        name: f.layer === "ike" || f.layer === "l2tp" || f.layer === "ppp" ? f.layer : "ip",
        state: "failed",
        text: `${f.peer}, last at ${f.at}, ${f.count} in all: ${f.text}`,
      });
    }
    return ok;
  }
  #unknown(name: string): RequestRefused {
    const broken = this.#config.broken.get(name);
    if (broken) return new RequestRefused("failed", broken.why);
    const names = [...this.#servers.keys(), ...this.#clients.keys()];
    return new RequestRefused(
      "not-found",
      `there is no interface or server ${JSON.stringify(name.slice(0, 64))}; there is: ${names.join(" ") || "none"}`,
    );
  }
}
