// Whole daemons in one process: real configuration, IKE, L2TP and PPP over an in-memory network and a virtual clock.
import assert from "node:assert/strict";
import { compose } from "../../src/build.ts";
import { load } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import { EventHub } from "../../src/control/log.ts";
import type { Clock } from "../../src/core/clock.ts";
import { SystemError } from "../../src/core/errors.ts";
import type { Event } from "../../src/core/events.ts";
import type { Daemon } from "../../src/daemon.ts";
import { NonePlane } from "../../src/dataplane/none.ts";
import type { KernelSide } from "../../src/link/placing.ts";
import type { ClientStatus, ServerStatus } from "../../src/link/status.ts";
import type { Pki } from "../../src/ports/pki.ts";
import type { Crypto, Host, Udp } from "../../src/ports/ports.ts";
import type { SerialHost } from "../../src/ports/serial.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import { noUdp } from "../radius/double.ts";
import type { Injector } from "./inject.ts";
import { serialHost } from "./modem.ts";
import { type SimHost, SimNet } from "./simnet.ts";
import { VirtualClock } from "./virtual-clock.ts";

const zlib = loadNative();

export const SERVER_CONF = `
[server lns]
listen = 198.51.100.2
psk = swordfish
pool = 10.99.0.10-10.99.0.12
local_ip = 10.99.0.1
dns = 10.99.0.53
auth = mschapv2 chap pap

[user branch]
password = wonderland
ip = 10.99.0.100
routes = 192.168.10.0/24

[user second]
password = wonderland
`;
export const clientConf = (more = "", server = "198.51.100.2"): string => `
[interface hq]
proto = l2tpsec
server = ${server}
username = branch
password = wonderland
psk = swordfish
routes = 192.168.20.0/24
${more}`;

export interface Site {
  readonly host: SimHost;
  readonly plane: NonePlane;
  readonly daemon: Daemon;
  readonly events: Event[];
  readonly lines: string[];
  /** Replaces the configuration and reloads. */
  reload(text: string): string;
}

export interface SiteOptions {
  /** Which cipher its CPU is faster with. */
  readonly faster?: "aes" | "chacha20";
  /** Throws inside this daemon. */
  readonly inject?: Injector;
  readonly crypto?: Crypto;
  readonly serial?: SerialHost;
  readonly pki?: Pki;
  /** Its control plane's UDP sockets. */
  readonly udp?: Udp;
  /** It says that it can carry packets; the network in memory does. */
  readonly kernel?: KernelSide;
  /** Of this daemon alone. */
  readonly clock?: Clock;
  /** Events are not kept, and of the log its errors alone. */
  readonly forget?: boolean;
}

function parsed(text: string): Config {
  const r = load(text);
  assert.ok(r.ok, JSON.stringify(r));
  return r.config;
}

export class World {
  readonly clock = new VirtualClock();
  readonly net: SimNet;
  readonly names = new Map<string, string[]>();
  /** What every host's files hold; the others are empty. */
  readonly files = new Map<string, string>();
  /** The wall clock where the virtual clock began, milliseconds since 1970. */
  epoch = 0;
  constructor(seed = 1) {
    this.net = new SimNet(this.clock, seed);
  }
  site(host: SimHost, text: string, o: SiteOptions = {}): Site {
    const inject = o.inject ?? null;
    const own = o.clock ?? this.clock;
    const clock = inject ? inject.clock(own) : own;
    const crypto = o.crypto ?? nodeCrypto;
    const plane = new NonePlane({ clock: own, rng: crypto, net: host });
    const events: Event[] = [];
    const lines: string[] = [];
    const hub = new EventHub(own, o.forget ? "error" : "debug", (l) => void lines.push(l));
    if (!o.forget) hub.follow((e) => void events.push(e));
    const env: Host = {
      readFile: (path) => this.files.get(path) ?? "",
      env: () => undefined,
      hostname: () => host.name,
      wallClock: () => this.epoch + this.clock.now(),
      resolve: async (name) => {
        if (/^[\d.:a-f]+$/.test(name)) return [name];
        const known = this.names.get(name);
        if (known === undefined)
          throw new SystemError("ENOTFOUND", `cannot resolve ${name}`, "the name has no address");
        return known;
      },
    };
    let now = parsed(text);
    const faster = o.faster ?? "aes";
    const beside = { serial: o.serial ?? serialHost(), udp: o.udp ?? noUdp, zlib, pki: o.pki ?? null };
    const outside = { clock, crypto, host: env, faster, ...beside, ...(o.kernel ? { kernel: o.kernel } : {}) };
    const daemon = inject
      ? compose(inject.outside(outside), inject.wrap(plane, "plane"), inject.hub(hub), now, () => now)
      : compose(outside, plane, hub, now, () => now);
    daemon.start();
    return {
      host,
      plane,
      daemon,
      events,
      lines,
      reload: (t) => {
        now = parsed(t);
        return daemon.reload();
      },
    };
  }
  /**
   * Virtual milliseconds, from one timer to the next; what promises bring comes in between. Steps are a thing of the
   * past.
   */
  async run(ms: number, _step = 0): Promise<void> {
    const until = this.clock.now() + ms;
    for (;;) {
      await settle();
      const next = this.clock.next();
      if (next === null || next > until) break;
      this.clock.advance(Math.max(0, next - this.clock.now()));
    }
    this.clock.advance(until - this.clock.now());
    await settle();
  }
  /** Runs until `done`, or fails with the sites' logs. */
  async until(done: () => boolean, ms: number, what: string, ...sites: Site[]): Promise<number> {
    const start = this.clock.now();
    while (!done()) {
      if (this.clock.now() - start > ms)
        assert.fail(
          `${what} did not happen in ${ms} ms\n` +
            `${sites.map((s) => `${s.host.name}:\n  ${s.lines.join("\n  ")}`).join("\n")}`,
        );
      await this.run(20);
    }
    return this.clock.now() - start;
  }
}
/**
 * All that promises bring, however long their chains. One turn of Node's loop, as node:test makes every promise dear.
 */
function settle(): Promise<void> {
  return new Promise((r) => setImmediate(r));
}

export function client(s: Site, name = "hq"): ClientStatus {
  const x = s.daemon.status(name)[name];
  assert.ok(x?.kind === "client");
  return x;
}
export function server(s: Site, name = "lns"): ServerStatus {
  const x = s.daemon.status(name)[name];
  assert.ok(x?.kind === "server");
  return x;
}
