// Very many clients in one process, each with an address of its own, as a server meets them: real IKE, ESP, L2TP and
// PPP, and no netdevs, whose making would cost more than the calls. A program of its own, so that server and clients
// can have a core each:
//   callers SERVER COUNT AT_ONCE BASE
// SERVER is its address, or the first two octets of many of its addresses ("10.40"), one for each client, who keeps
// his own address then, whatever becomes of a try. BASE is the first two octets of the clients' addresses ("10.50").
// Users are u1 p1, u2 p2...; behind BASE come lines of configuration, psk among them. Says on stdout, a JSON object a
// line, when calls come up and end, and why one failed; ends with SIGTERM, all calls with it. Nothing of the harness is
// in here: that ends its process with the first signal, and calls would end without a word.
import { compose } from "../../src/build.ts";
import { load } from "../../src/config/load.ts";
import { EventHub } from "../../src/control/log.ts";
import type { Event } from "../../src/core/events.ts";
import type {
  CallChannel,
  ClientInterface,
  DataPlane,
  IpConfig,
  NetPlane,
  TrafficCounters,
} from "../../src/dataplane/dataplane.ts";
import { openUserspacePlane } from "../../src/dataplane/userspace/plane.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import { nodeRuntime as rt } from "../../src/runtime/node/runtime.ts";
import { noUdp } from "../radius/double.ts";

const [server = "", count = "1", atOnce = "16", base = "10.50", ...more] = process.argv.slice(2);
const COUNT = Number(count);
const MANY = server.split(".").length === 2;
const numbered = (i: number): string => `${(i >> 8) + 1}.${i & 0xff}`;
const TELL_MS = 200;

/** Of these lines the last is the state of affairs. */
export interface Told {
  /** Calls that are up, and how many came up and ended since the start. */
  readonly up: number;
  readonly ups: number;
  readonly downs: number;
  /** The last failures, in words, and the last of those that were up. */
  readonly failures: readonly string[];
  readonly fallen: readonly string[];
}

function configText(): string {
  const options = ["proto = l2tpsec", "encap = udp", "reconnect_min = 1", "reconnect_max = 2", ...more];
  const section = (i: number): string =>
    [
      `[interface l${i}]`,
      ...options,
      `server = ${MANY ? `${server}.${numbered(i)}` : server}`,
      `username = u${i}`,
      `password = p${i}`,
    ].join("\n");
  return Array.from({ length: COUNT }, (_, i) => section(i + 1)).join("\n\n");
}

/** No netdevs; each path to the server begins at the next address. */
class Addresses implements NetPlane {
  #next = 0;
  async attachClient(channel: CallChannel, cfg: IpConfig): Promise<ClientInterface> {
    const nothing = async (): Promise<void> => {};
    const counters = (): TrafficCounters => channel.counters();
    return { ifname: cfg.ifname, counters, detach: nothing, setIpv6: nothing, setMtu: nothing };
  }
  async attachLine(): Promise<never> {
    throw new RangeError("no lines here");
  }
  async attachBridge(): Promise<never> {
    throw new RangeError("no bridges here");
  }
  async openServer(): Promise<never> {
    throw new RangeError("no servers here");
  }
  async pinHostRoute(): Promise<() => Promise<void>> {
    return async () => {};
  }
  blockRoutes(): () => Promise<void> {
    return async () => {};
  }
  async resolveOutside(): Promise<string[]> {
    return [];
  }
  watchOutside(): () => void {
    return () => {};
  }
  way(): "stands" {
    return "stands";
  }
  async pathTo(remote: string): ReturnType<NetPlane["pathTo"]> {
    const own = remote.split(".").slice(2).join(".");
    return { local: `${base}.${MANY ? own : numbered(this.#next++ % 60_000)}`, mtu: 1500, device: "wan" };
  }
}

const loaded = load(configText());
if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults[0]));
const native = loadNative();
const fastPath = native.fastPath();
if (fastPath === null) throw new Error("no libcrypto");
const hub = new EventHub(rt.clock, "error", () => {});
const below = await openUserspacePlane({ native, fastPath, clock: rt.clock, crypto: rt.crypto, log: hub });
const net = new Addresses();
const plane: DataPlane = {
  kind: "userspace",
  ipsec: below.ipsec,
  l2tp: below.l2tp,
  net,
  ikePort: () => below.ikePort(),
  drops: () => below.drops(),
  close: () => below.close(),
};
const serial = { open: () => Promise.reject(new RangeError("no serial lines here")) };
const daemon = compose({ ...rt, serial, udp: noUdp }, plane, hub, loaded.config, () => loaded.config, true);

const waiting = Array.from({ length: COUNT }, (_, i) => `l${i + 1}`);
const under = new Set<string>();
const standing = new Set<string>();
const failures: string[] = [];
const fallen: string[] = [];
let ups = 0;
let downs = 0;
let told = "";

function next(): void {
  while (under.size < Number(atOnce)) {
    const name = waiting.shift();
    if (name === undefined) return;
    under.add(name);
    daemon.up(name);
  }
}
function heard(e: Event): void {
  if (e.kind === "link.up") {
    ups++;
    standing.add(e.link);
    under.delete(e.link);
    next();
  } else if (e.kind === "link.down") {
    const text = `${e.link}: ${e.code}: ${e.text}`;
    if (standing.delete(e.link)) {
      downs++;
      fallen.push(text);
    }
    failures.push(text);
    for (const list of [failures, fallen]) if (list.length > 5) list.shift();
  }
}
function tell(): void {
  const now: Told = { up: standing.size, ups, downs, failures, fallen };
  const line = JSON.stringify(now);
  if (line !== told) process.stdout.write(`${line}\n`);
  told = line;
}

daemon.subscribe(heard);
daemon.start();
process.stdout.write(`${JSON.stringify({ up: 0, ups: 0, downs: 0, failures: [], fallen: [] })}\n`);
next();
setInterval(tell, TELL_MS);
process.on("SIGTERM", () =>
  daemon.stop("SIGTERM", () => {
    tell();
    process.exit(0);
  }),
);
