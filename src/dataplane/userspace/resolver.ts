// Resolves the server's name while default routes are blocked. The machine's own resolver (dnsmasq on a router) cannot
// send queries then, so we query its name servers ourselves, from one port that a routing rule exempts while the query
// runs.

import type { Native, Ring } from "node-tuntap2";
import { LEN, OFF } from "node-tuntap2";
import { canonicalIp } from "../../core/addr.ts";
import type { Clock } from "../../core/clock.ts";
import { SystemError } from "../../core/errors.ts";
import { type Rng, random32 } from "../../core/rng.ts";
import { errnoOf } from "../../linux/errno.ts";
import type { Keeper } from "../../linux/keeper.ts";
import type { RuleSpec } from "../../linux/rules.ts";
import { RT } from "../../linux/uapi.ts";
import { DNS_TYPE, decodeDnsAnswer, encodeDnsQuestion } from "../../packet/dns.ts";
import type { Family } from "../ring.ts";
import { anyAddress, familyOf, fill, ipBytes, readRemote, writeEnds } from "../ring.ts";
import { EXCEPTION_RULE, MARK } from "./routes.ts";

/**
 * Files that list name servers: netifd's for the uplinks, systemd-resolved's, libc's. The first that lists any is used.
 */
const FILES = ["/tmp/resolv.conf.d/resolv.conf.auto", "/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"];
const SERVERS = 3; // as libc does
const DNS = 53;
const TRIES_MS = [1000, 2000, 4000];
/** How long to wait for the other family's answer. */
const OTHER_MS = 500;
const KIND_DNS = 1;
const REMEMBERED = 64; // names

interface ResolverDeps {
  readonly native: Native;
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly crypto: Rng;
  /** Text of a file; throws when there is none. */
  readonly readFile: (path: string) => string;
}

export class OutsideResolver {
  readonly #deps: ResolverDeps;
  readonly #last = new Map<string, readonly string[]>();
  readonly #open = new Set<Question>();
  constructor(deps: ResolverDeps) {
    this.#deps = deps;
  }
  /** See NetPlane.resolveOutside. */
  resolve(name: string): Promise<string[]> {
    const address = canonicalIp(name);
    if (address !== null) return Promise.resolve([address]);
    return new Promise((resolve, reject) => {
      const end = (found: readonly string[] | string): void => {
        this.#open.delete(question);
        if (typeof found !== "string") {
          if (this.#last.size < REMEMBERED) this.#last.set(name, found);
          return resolve([...found]);
        }
        const last = this.#last.get(name);
        if (last) resolve([...last]);
        else reject(new SystemError("ENOTFOUND", `cannot resolve ${name} outside`, found));
      };
      const question: Question = new Question(this.#deps, name, this.#servers(), end);
      this.#open.add(question);
      question.start();
    });
  }
  close(): void {
    for (const q of this.#open) q.close();
  }
  #servers(): string[] {
    for (const file of FILES) {
      const found: string[] = [];
      try {
        for (const line of this.#deps.readFile(file).split("\n")) {
          const ip = canonicalIp(/^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? "");
          if (ip !== null && !ip.startsWith("127.") && ip !== "::1") found.push(ip);
        }
      } catch {
        // the next one
      }
      if (found.length > 0) return [...new Set(found)].slice(0, SERVERS);
    }
    return [];
  }
}

/** One name, queried from all servers at once. Completes once. */
class Question {
  readonly #deps: ResolverDeps;
  readonly #name: string;
  readonly #servers: readonly string[];
  readonly #end: (found: readonly string[] | string) => void;
  readonly #timer;
  readonly #ring: Ring;
  readonly #ids: ReadonlyMap<number, number>; // by type
  readonly #answers = new Map<number, readonly string[]>();
  readonly #undo: (() => void)[] = [];
  readonly #sockets = new Map<Family, number>();
  #tries = 0;

  constructor(
    deps: ResolverDeps,
    name: string,
    servers: readonly string[],
    end: (found: readonly string[] | string) => void,
  ) {
    this.#deps = deps;
    this.#name = name;
    this.#servers = servers;
    this.#end = end;
    this.#ring = deps.native.ring(1);
    this.#timer = deps.clock.timer(`resolve ${name}`, () => this.#next());
    const id = (): number => random32(deps.crypto) >>> 16;
    this.#ids = new Map([
      [DNS_TYPE.A, id()],
      [DNS_TYPE.AAAA, id()],
    ]);
  }
  start(): void {
    if (this.#servers.length === 0) return this.#finish("no name server of the uplink is known");
    try {
      for (const s of this.#servers) this.#let(s);
    } catch (e) {
      return this.#finish(e instanceof SystemError ? e.message : `no way to a name server: ${errnoOf(e)}`);
    }
    this.#next();
  }
  close(): void {
    this.#timer.disarm();
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }

  /** Exempts our queries to this server, and makes its answers pass rp_filter. */
  #let(server: string): void {
    const { native, keeper } = this.#deps;
    const family = familyOf(server);
    let fd = this.#sockets.get(family);
    if (fd === undefined) {
      const opened = native.udpOpen(ipBytes(anyAddress(family)), 0);
      fd = opened;
      const watcher = native.watch(opened, () => this.#readable(opened));
      this.#sockets.set(family, opened);
      this.#undo.push(() => {
        watcher.stop();
        native.close(opened);
      });
    }
    const [port, wan] = [native.socketPort(fd), keeper.rtnl.nameOf(keeper.rtnl.routeTo(server, MARK).dev)];
    // The kernel looks for the way back of what comes in (rp_filter) as of a packet to the sender: from our port, or
    // from its; of ours, or come in there. That differs between its versions.
    for (const iif of ["lo", wan]) {
      for (const udp of [
        { from: port, to: DNS },
        { from: DNS, to: port },
      ]) {
        this.#except({ family, priority: EXCEPTION_RULE, table: RT.RT_TABLE_MAIN, to: server, iif, udp });
      }
    }
  }
  #except(rule: RuleSpec): void {
    const { keeper } = this.#deps;
    keeper.addRule(rule);
    this.#undo.push(() => {
      try {
        keeper.deleteRule(rule);
      } catch {
        // the next start finds it by its mark
      }
    });
  }
  #next(): void {
    const some = [...this.#answers.values()].flat();
    if (some.length > 0) return this.#finish(some);
    const pause = TRIES_MS[this.#tries++];
    if (pause === undefined) return this.#finish("no name server of the uplink knows an address");
    for (const [type, id] of this.#ids) if (!this.#answers.has(type)) this.#ask(type, id);
    this.#timer.arm(pause);
  }
  #ask(type: number, id: number): void {
    const message = encodeDnsQuestion(id, this.#name, type);
    if (!message) return;
    for (const server of this.#servers) {
      const fd = this.#sockets.get(familyOf(server));
      if (fd === undefined || !fill(this.#ring, 0, [message], KIND_DNS)) continue;
      writeEnds(this.#ring.addr, 0, { address: anyAddress(familyOf(server)), port: 0 }, { address: server, port: DNS });
      try {
        this.#deps.native.writeUdp(fd, this.#ring, 1, KIND_DNS, null);
      } catch {
        // the next try
      }
    }
  }
  #readable(fd: number): void {
    const ring = this.#ring;
    try {
      while (this.#undo.length > 0 && this.#deps.native.readUdp(fd, ring) > 0) {
        const at = ring.meta[OFF] ?? 0;
        const from = readRemote(ring.addr, 0);
        if (from.port === DNS && this.#servers.includes(from.address))
          this.#answer(ring.mem.subarray(at, at + (ring.meta[LEN] ?? 0)));
      }
    } catch {
      // an ICMP error for one server: others may answer
    }
  }
  #answer(b: Uint8Array): void {
    for (const [type, id] of this.#ids) {
      const found = this.#answers.has(type) ? null : decodeDnsAnswer(b, id, this.#name, type);
      if (!found) continue;
      // An empty answer is not final: another server may have addresses.
      if (found.length === 0) continue;
      this.#answers.set(type, found);
      if (this.#answers.size === this.#ids.size) this.#finish([...this.#answers.values()].flat());
      else this.#timer.arm(OTHER_MS);
      return;
    }
  }
  #finish(found: readonly string[] | string): void {
    this.close();
    this.#end(found);
  }
}
