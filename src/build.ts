// The composition root: the only place that knows every concrete class.

import type { FastPath, Native } from "node-tuntap2";
import { Ubus } from "ubus-client";
import { needsIpsec } from "./config/cross.ts";
import type { Config } from "./config/schema.ts";
import type { ConfigSource } from "./config/source.ts";
import { serveMetrics } from "./control/http.ts";
import { EventHub } from "./control/log.ts";
import { RequestRefused, serveControl } from "./control/server.ts";
import { SessionLog } from "./control/session-log.ts";
import { Challenges } from "./core/challenges.ts";
import { SystemError } from "./core/errors.ts";
import type { Level } from "./core/events.ts";
import { faultEvent } from "./core/fault.ts";
import { allOf, contain, Scope } from "./core/scope.ts";
import { fromUtf8, utf8 } from "./core/text.ts";
import { Daemon } from "./daemon.ts";
import { PlanesBeside } from "./dataplane/beside.ts";
import type { DataPlane } from "./dataplane/dataplane.ts";
import { type KernelPlaneDeps, kernelPlane } from "./dataplane/kernel/plane.ts";
import { clearLeft } from "./dataplane/kernel/policies.ts";
import { KernelProbe } from "./dataplane/kernel/probe.ts";
import { anyAddress, ipBytes } from "./dataplane/ring.ts";
import { openUserspacePlane, type UserspacePlane } from "./dataplane/userspace/plane.ts";
import { describeSpeeds, fasterCipher, measureCiphers } from "./esp/speed.ts";
import { IkeManager } from "./ike/manager.ts";
import { L2tpEndpoint } from "./l2tp/endpoint.ts";
import { Blocks } from "./link/blocks.ts";
import { Captures } from "./link/captures.ts";
import type { LinkDeps } from "./link/deps.ts";
import { LocalPorts } from "./link/local-ports.ts";
import { Logins } from "./link/logins.ts";
import type { KernelSide } from "./link/placing.ts";
import { type Memory, Pressure } from "./link/pressure.ts";
import { runAlone } from "./linux/alone.ts";
import { attempt } from "./linux/errno.ts";
import { linuxSerial } from "./linux/serial.ts";
import { linuxUdp } from "./linux/udp.ts";
import { Xfrm } from "./linux/xfrm.ts";
import { zoneOf } from "./openwrt/alias.ts";
import { Netifd } from "./openwrt/netifd.ts";
import { serveUbus } from "./openwrt/ubus.ts";
import type { Pki } from "./ports/pki.ts";
import type { Journal } from "./ports/ports.ts";
import type { Runtime } from "./ports/runtime.ts";
import { VERSION } from "./version.ts";
import { openPki } from "./x509/pki.ts";

/**
 * One daemon over a data plane; simulations join two of these in memory. `netifd`: it says which client links are up,
 * and sets their routes.
 */
export function compose(
  common: Pick<
    LinkDeps,
    "clock" | "crypto" | "host" | "serial" | "udp" | "tcp" | "journal" | "zlib" | "pki" | "tls"
  > & {
    readonly name?: string;
    readonly memory?: Memory;
    readonly faster?: LinkDeps["faster"];
    readonly kernel?: KernelSide;
  },
  plane: DataPlane,
  hub: EventHub,
  config: Config,
  read: () => Config,
  netifd = false,
): Daemon {
  const deps = { clock: common.clock, crypto: common.crypto, log: hub };
  const pressure = new Pressure(common.clock, hub, common.memory ?? null);
  let ike: IkeManager | null = null;
  const openIke = (): IkeManager => {
    ike ??= new IkeManager({
      ...deps,
      port: plane.ikePort(),
      plane: plane.ipsec,
      wallClock: () => common.host.wallClock(),
      noRoom: () => pressure.refuses(),
      localTo: async (remote) => {
        const { local, borrowed } = await plane.net.pathTo(remote);
        // a WAN that has lost its address: the kernel takes another, perhaps the tunnel's own
        if (borrowed === true) throw new SystemError("EADDRNOTAVAIL", `no address of our own on the way to ${remote}`);
        return local;
      },
    });
    return ike;
  };
  const captures = new Captures();
  const l2tp = new L2tpEndpoint({ ...deps, plane: captures.around(plane.l2tp) }, { vendorName: "l2tpsec" });
  const links: LinkDeps = {
    ...deps,
    host: common.host,
    plane,
    kernel: common.kernel ?? null,
    ike: openIke,
    l2tp,
    ports: new LocalPorts(common.crypto),
    blocks: new Blocks(plane.net),
    pressure,
    captures,
    challenges: new Challenges(),
    logins: new Logins(common.clock),
    serial: common.serial,
    udp: common.udp,
    journal: common.journal ?? null,
    faster: common.faster ?? "aes",
    zlib: common.zlib ?? null,
    pki: common.pki ?? null,
    tls: common.tls ?? null,
    tcp: common.tcp ?? null,
    routesElsewhere: netifd,
  };
  const about = { ...(common.name && { runtime: common.name }), ...(common.memory && { memory: common.memory }) };
  return new Daemon(links, { ike: () => ike, hub, config, read, autostart: !netifd, ...about });
}

const UBUS = "/var/run/ubus/ubus.sock";

/** The bus of a router, not started yet; null where there is none to be used. */
async function openBus(
  rt: Runtime,
  option: string,
  uci: boolean,
  onUp: () => void,
  onError: (e: unknown) => void,
): Promise<Ubus | null> {
  if (option === "off") return null;
  const path = option === "auto" ? UBUS : option;
  if (option === "auto" && !uci) {
    const there = await rt.streams.connect(path).then(
      (s) => {
        s.close();
        return true;
      },
      () => false,
    );
    if (!there) return null;
  }
  return new Ubus({
    connect: () => rt.streams.connect(path),
    clock: new Scope(rt.clock, onError),
    onState: (up) => up && onUp(),
    onError,
  });
}

/** The native library, and who seals and opens packets. */
export interface DataEngine {
  readonly native: Native;
  readonly fastPath: FastPath;
}

/** What this machine's kernel can do. */
export function kernelProbe(rt: Runtime, native: Native): KernelProbe {
  return new KernelProbe({ native, rng: rt.crypto, readFile: (path) => rt.host.readFile(path) });
}
const L2TP_PORT = 1701;
/** UDP ports that L2TP inside IPsec has here; ephemeral ones are refused clear packets by their sockets alone. */
function l2tpPorts(c: Config): readonly number[] {
  const own = c.interfaces.flatMap((i) => ("source_port" in i && needsIpsec(i) ? [i.source_port] : []));
  return [...new Set([L2TP_PORT, ...own])].filter((port) => port !== 0);
}
/** What a daemon that was killed left of the kernel's plane, which this one may never open. */
function clearKernel(native: Native): void {
  try {
    const xfrm = new Xfrm(native);
    try {
      clearLeft(xfrm, []);
    } finally {
      xfrm.close();
    }
  } catch (e) {
    if (!(e instanceof SystemError)) throw e; // no IPsec in this kernel, or no right to it
  }
}
/** The userspace plane, and the kernel's beside it from the moment that a link wants it. */
function openPlanes(
  deps: Omit<KernelPlaneDeps, "host" | "lend" | "options">,
  userspace: UserspacePlane,
  probe: KernelProbe,
  ports: () => readonly number[],
): { readonly plane: DataPlane; readonly kernel: KernelSide } {
  const { native } = deps;
  const plane = new PlanesBeside(userspace, () => {
    for (const port of ports()) unused(native, port);
    const lend = (bind: () => void): void => userspace.lend(bind);
    const kernel = kernelPlane({ ...deps, host: userspace.net, lend, options: { l2tpPorts: ports() } });
    userspace.besideKernel();
    return kernel;
  });
  const open = (): string | null => {
    try {
      plane.openKernel();
      return null;
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      return e.message;
    }
  };
  return { plane, kernel: { why: () => probe.why() ?? open(), has: (cipher, integ) => probe.has(cipher, integ) } };
}
/** The kernel's plane would refuse another program's L2TP. Throws SystemError. */
function unused(native: Native, port: number): void {
  const advice = { EADDRINUSE: "another program has it (xl2tpd, accel-ppp): stop it, or stay in userspace" };
  attempt(`UDP port ${port} is not free`, advice, () => native.close(native.udpOpen(ipBytes(anyAddress(4)), port)));
}

/**
 * This many errors outside any scope, within this time, mean that the daemon no longer works: it exits, and its
 * supervisor restarts it.
 */
const STORM = 100;
const STORM_MS = 10_000;

/** Logs an error that no scope caught; the daemon goes on. */
function lastResort(rt: Runtime, hub: EventHub): void {
  const storm = { since: rt.clock.now(), errors: 0 };
  rt.onUncaught((e) => {
    hub.emit(faultEvent("", "nothing: its owner is not known", e));
    const now = rt.clock.now();
    if (now - storm.since > STORM_MS) Object.assign(storm, { since: now, errors: 0 });
    return ++storm.errors < STORM;
  });
}

/** Null: there is no libcrypto. */
export function pkiOf(rt: Runtime, native: Native): Pki | null {
  const library = native.pki();
  return library && openPki({ library, sha1: (data) => rt.crypto.hash("sha1", [data]) });
}

/** A file of lines; one that cannot be written is told once. */
function journalIn(rt: Runtime, path: string, warn: (text: string) => void): Journal {
  let file: ReturnType<Runtime["newFile"]> | null = null;
  let broken = false;
  const attempt = (f: () => void): void => {
    if (broken) return;
    try {
      f();
    } catch (e) {
      broken = true;
      warn(`what is owed to RADIUS cannot be kept for the next start: ${e instanceof Error ? e.message : path}`);
    }
  };
  const close = (): void => {
    file?.close();
    file = null;
  };
  const write = (lines: readonly string[]): void => file?.write(utf8(lines.map((l) => `${l}\n`).join("")));
  return {
    read: () => {
      try {
        return fromUtf8(rt.readBytes(path))
          .split("\n")
          .filter((l) => l !== "");
      } catch {
        return [];
      }
    },
    append: (line) => attempt(() => write([line])),
    replace: (lines) =>
      attempt(() => {
        close();
        rt.removeTree(path);
        file = rt.newFile(path, 0o600);
        write(lines);
      }),
    close: () => attempt(close),
  };
}

/** RFC 5424 §6.2.1. */
const SEVERITY: Readonly<Record<Level, number>> = { error: 3, warn: 4, notice: 5, info: 6, debug: 7 };

/** The daemon, until a signal ends it. `syslog`: it logs there, where it is taken. */
export async function runDaemon(
  rt: Runtime,
  source: ConfigSource,
  openEngine: () => DataEngine,
  syslog = false,
): Promise<void> {
  const first = source.read();
  if (first.config === null) {
    for (const f of first.faults) rt.stderr(`${f}\n`);
    return rt.exit(2);
  }
  const log = (line: string, level: Level): void => {
    if (!syslog || !rt.syslog(SEVERITY[level], line)) rt.stderr(`${line}\n`);
  };
  const hub = new EventHub(rt.clock, first.config.daemon.log, log, rt.inSources);
  const fault =
    (where: string) =>
    (e: unknown): void =>
      hub.emit(faultEvent("", where, e));
  const warn = (text: string): void => hub.emit({ kind: "daemon.warning", link: "", text });
  lastResort(rt, hub);
  try {
    const { native, fastPath } = openEngine();
    const lock = runAlone(native); // before anything of the host is touched
    clearKernel(native);
    const readFile = (path: string): string => rt.host.readFile(path);
    const deps = { native, clock: rt.clock, crypto: rt.crypto, log: hub, readFile };
    const userspace = await openUserspacePlane({ ...deps, fastPath });
    let current = first.config;
    const { plane, kernel } = openPlanes(deps, userspace, kernelProbe(rt, native), () => l2tpPorts(current));
    let netifd: Netifd | null = null;
    const bus = await openBus(
      rt,
      first.config.daemon.ubus,
      source.uci,
      () => {
        netifd?.sync().catch(fault("netifd's interfaces"));
      },
      fault("the bus"),
    );
    const speeds = measureCiphers(rt.crypto, () => rt.clock.now());
    const daemon = compose(
      {
        ...rt,
        kernel,
        faster: fasterCipher(speeds),
        serial: linuxSerial(native, rt.clock),
        udp: linuxUdp(native),
        journal: (server) => journalIn(rt, `${first.config?.daemon.control}-${server}.owed`, warn),
        zlib: native,
        pki: pkiOf(rt, native),
        tls: native,
        tcp: rt.streams,
      },
      plane,
      hub,
      first.config,
      () => {
        const again = source.read();
        if (again.config === null || !again.whole)
          throw new RequestRefused(
            "failed",
            `nothing was changed, the configuration has faults:\n${again.faults.join("\n")}`,
          );
        for (const f of again.faults) log(`error config: ${f}`, "error");
        current = again.config;
        return again.config;
      },
      bus !== null && source.uci,
    );
    if (bus && source.uci) netifd = new Netifd(bus, daemon, hub, (name) => zoneOf(rt.host, source.name, name));
    const api = netifd?.api() ?? daemon;
    const control = await serveControl(first.config.daemon.control, rt.streams, api, hub, daemon).catch(
      async (e: unknown) => {
        await plane.close();
        throw e;
      },
    );
    const sessions = new SessionLog(
      rt,
      () => current.daemon,
      () => rt.host.wallClock(),
      warn,
    );
    hub.follow((e) => sessions.see(e));
    const { metrics } = first.config.daemon;
    const http = await serveMetrics(rt, metrics, () => daemon.metrics(false), fault("metrics")).catch((e: unknown) => {
      if (!(e instanceof SystemError)) throw e;
      warn(`no metrics: ${e.message}`);
      return null;
    });
    if (bus) await serveUbus(bus, api, { clock: rt.clock, log: hub, captures: daemon }, netifd);
    await netifd?.watch();
    bus?.start();
    const end = (): void => {
      allOf(
        fault("the end"),
        () => control.close(),
        () => http?.close(),
        () => bus?.close(),
        () => rt.removeTree(lock),
      );
      rt.exit(0);
    };
    rt.onSignals({
      stop: (name) => daemon.stop(name, end),
      reload: () =>
        contain(
          () => void daemon.reload(),
          (e) => {
            if (e instanceof RequestRefused) warn(e.message);
            else fault("the signal to reload")(e);
          },
        ),
    });
    for (const f of first.faults) log(`error config: ${f}`, "error"); // of UCI: the other sections run
    for (const w of first.warnings) warn(w);
    const ciphers = describeSpeeds(speeds);
    hub.emit({ kind: "daemon.ready", link: "", version: VERSION, runtime: rt.name, ciphers });
    daemon.start();
  } catch (e) {
    if (!(e instanceof SystemError)) throw e;
    rt.stderr(`l2tpsec: ${e.message}\n`);
    rt.exit(1);
  }
}
