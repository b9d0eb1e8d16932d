// Our daemon in a User-mode Linux guest, in a namespace there; its peers are in the guest's own.
//
// ours 10.77.0.9 -- veth -- 10.77.0.1 strongSwan, xl2tpd, pppd
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import type { ClientStatus, ServerStatus } from "../../src/link/status.ts";
import { fileOf, type Lab, type RuntimeName, until } from "../net/harness.ts";
import { GUEST_NEEDS, Guest } from "./harness.ts";
import { PASSWORD, PSK, USER } from "./peers.ts";

export const NEEDS = { needs: GUEST_NEEDS, timeout: 300_000 };
export const OURS = "10.77.0.9";
export const PEER = "10.77.0.1";
export const HQ = "[interface hq]\nproto = l2tpsec";
const NETWORK = `modprobe -a veth esp6 tun
ip netns add ours
ip link add peer type veth peer name wan netns ours
ip addr add ${PEER}/24 dev peer
ip link set peer up
ip -n ours addr add ${OURS}/24 dev wan
ip -n ours link set wan up
ip -n ours link set lo up
tcpdump -U -l -nni peer 'udp port 1701 and src ${OURS}' >/rig/clear.log 2>/dev/null &
`;
export const CLIENT = { server: PEER, username: USER, password: PASSWORD, psk: PSK, reconnect_max: 2 };
export type Options = Readonly<Record<string, string | number>>;

/** The words that start it. */
export function program(runtime: RuntimeName): string {
  const file = `'${fileOf(runtime)}'`;
  return runtime === "qjs" ? file : `'${process.execPath}' --enable-source-maps ${file}`;
}

/** The daemon in the namespace of this name; in the kernel's data plane unless told otherwise. */
export class Ours {
  readonly #guest: Guest;
  readonly #name: string;
  readonly #program: string;
  constructor(guest: Guest, name = "ours") {
    this.#guest = guest;
    this.#name = name;
    this.#program = program(guest.ns.lab.runtime);
  }
  async start(section: string, options: Options, more = ""): Promise<void> {
    const lines = Object.entries({ dataplane: "kernel", ...options }).map(([k, v]) => `${k} = ${v}`);
    const daemon = ["[daemon]", `control = /tmp/${this.#name}.sock`, "log = debug"];
    const text = [...daemon, section, ...lines, more].join("\n");
    await this.#guest.sh(`umask 077; cat >/tmp/${this.#name}.conf <<'END'\n${text}\nEND`);
    await this.again();
  }
  async again(): Promise<void> {
    const run = `ip netns exec ${this.#name} ${this.#program} run --config /tmp/${this.#name}.conf`;
    const name = this.#name;
    await this.#guest.sh(`cd '${process.cwd()}'; ${run} >>/rig/${name}.log 2>&1 & echo $! >/tmp/${name}.pid`);
  }
  /** By the executable where there is one: in a guest of one CPU Node's start would hold the daemon up. */
  async cli(words: string): Promise<string> {
    const program = existsSync(fileOf("qjs")) ? `'${fileOf("qjs")}'` : this.#program;
    return await this.#guest.sh(`${program} ${words} --socket /tmp/${this.#name}.sock 2>/dev/null || :`);
  }
  /** Of `name`, once `is` says so. */
  async where<T>(name: string, what: string, is: (s: T) => boolean): Promise<T> {
    let last = "";
    const found = until(`${name} ${what}`, 60_000, async () => {
      last = await this.cli("status --json");
      const s = last === "" ? undefined : (JSON.parse(last) as Record<string, T>)[name];
      return s !== undefined && is(s) ? s : null;
    });
    return await found.catch((e: unknown) => {
      throw new Error(`${String(e)}\n${last}\n${this.log.split("\n").slice(-60).join("\n")}`);
    });
  }
  up(name: string): Promise<ClientStatus> {
    return this.where<ClientStatus>(name, "is up", (s) => s.state === "up");
  }
  /** Once it has as many users. */
  users(name: string, count = 1): Promise<ServerStatus> {
    return this.where<ServerStatus>(name, `has ${count} users`, (s) => s.sessions.length >= count);
  }
  /** A server for `users`, once it listens. */
  async serve(options: Options, users: readonly string[] = [USER], listen = OURS): Promise<void> {
    const pool = { pool: "10.99.0.10-10.99.0.99", local_ip: "10.99.0.1", auth: "mschapv2" };
    const sections = users.map((name) => `[user ${name}]\npassword = ${PASSWORD}`).join("\n");
    await this.start("[server lns]", { listen, psk: PSK, ...pool, ...options }, sections);
    await this.where<ServerStatus>("lns", "listens", (s) => s.state === "up");
  }
  async end(signal: "TERM" | "KILL"): Promise<void> {
    await this.#guest.sh(`pid=$(cat /tmp/${this.#name}.pid); kill -${signal} $pid
      for i in $(seq 50); do [ -d /proc/$pid ] || exit 0; sleep 0.1; done; exit 1`);
  }
  get log(): string {
    return readFileSync(`${this.#guest.dir}/${this.#name}.log`, "utf8");
  }
}

export async function bed(lab: Lab): Promise<{ guest: Guest; ours: Ours }> {
  const guest = await Guest.boot(await lab.ns("host"), "tap0", "192.168.55.1/24", "192.168.55.2/24");
  await guest.sh(NETWORK);
  return { guest, ours: new Ours(guest) };
}
export interface Pings {
  readonly count?: number;
  readonly size?: number;
  readonly from?: string;
  /** How many may be lost. */
  readonly lost?: number;
}
/** Pings, one each tenth of a second. */
export async function pings(guest: Guest, to: string, o: Pings = {}): Promise<void> {
  const { count = 10, size = 1300, from = "ours", lost = 0 } = o;
  const out = await guest.sh(`ip netns exec ${from} ping -i 0.1 -W 2 -c ${count} -M do -s ${size} ${to} | tail -3`);
  assert.ok(Number(/, (\d+) received/.exec(out)?.[1] ?? 0) >= count - lost, out);
}
/** Until one comes back. */
export async function reached(guest: Guest, to: string, ms: number, from = "ours"): Promise<void> {
  await until(`${to} answers`, ms, async () =>
    (await guest.sh(`ip netns exec ${from} ping -c 1 -W 1 ${to} || :`)).includes(" 0% packet loss"),
  );
}
/**
 * We sent no L2TP in the clear, and nothing of ours is left in the kernel. (Their pppd may speak once its SA is gone.)
 */
export async function clean(guest: Guest): Promise<void> {
  assert.equal(guest.log("clear.log"), "");
  const left = await guest.sh("ip -n ours xfrm policy; ip -n ours xfrm state; ip -n ours link show type ppp");
  assert.equal(left, "");
}
