// Our daemon in a User-mode Linux guest, in the namespace `ours`; its peers are in the guest's own.
//
// ours 10.77.0.9 -- veth -- 10.77.0.1 strongSwan, xl2tpd, pppd
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type Lab, until } from "../net/harness.ts";
import { GUEST_NEEDS, Guest } from "./harness.ts";
import { PASSWORD, PSK, USER } from "./peers.ts";

export const NEEDS = { needs: GUEST_NEEDS, timeout: 150_000 };
const OURS = "10.77.0.9";
const PEER = "10.77.0.1";
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

export const PROGRAM = `'${process.execPath}' '${process.cwd()}/dist/l2tpsec.cjs'`;
/** The daemon. */
export class Ours {
  readonly #guest: Guest;
  readonly #command = `ip netns exec ours ${PROGRAM} run --config /tmp/ours.conf`;
  readonly #cli = `${PROGRAM} status --json --socket /tmp/ours.sock`;
  constructor(guest: Guest) {
    this.#guest = guest;
  }
  async start(section: string, options: Readonly<Record<string, string | number>>, more = ""): Promise<void> {
    const lines = Object.entries({ dataplane: "kernel", ...options }).map(([k, v]) => `${k} = ${v}`);
    const text = ["[daemon]", "control = /tmp/ours.sock", "log = debug", section, ...lines, more].join("\n");
    await this.#guest.sh(`cat >/tmp/ours.conf <<'END'\n${text}\nEND\nchmod 600 /tmp/ours.conf`);
    await this.again();
  }
  async again(): Promise<void> {
    await this.#guest.sh(`cd '${process.cwd()}'; ${this.#command} >>/rig/ours.log 2>&1 & echo $! >/tmp/ours.pid`);
  }
  /** The first user of `name`, or the link itself, once it is up. */
  async up(name: string): Promise<{ ifname: string; text: string }> {
    const up = until(`${name} is up`, 30_000, async () => {
      const text = await this.#guest.sh(`${this.#cli} 2>/dev/null || :`);
      if (text === "") return null;
      const s = (JSON.parse(text) as Record<string, { state?: string; ifname?: string; sessions?: { ip: string }[] }>)[
        name
      ];
      return s?.state === "up" || (s?.sessions?.length ?? 0) > 0 ? { ifname: s?.ifname ?? "", text } : null;
    });
    return await up.catch((e: unknown) => {
      throw new Error(`${String(e)}\n${this.log.split("\n").slice(-60).join("\n")}`);
    });
  }
  async end(signal: "TERM" | "KILL"): Promise<void> {
    await this.#guest.sh(`kill -${signal} $(cat /tmp/ours.pid)
      for i in $(seq 50); do [ -d /proc/$(cat /tmp/ours.pid) ] || exit 0; sleep 0.1; done; exit 1`);
  }
  get log(): string {
    return readFileSync(`${this.#guest.dir}/ours.log`, "utf8");
  }
}

export async function bed(lab: Lab): Promise<{ guest: Guest; ours: Ours }> {
  const guest = await Guest.boot(await lab.ns("host"), "tap0", "192.168.55.1/24", "192.168.55.2/24");
  await guest.sh(NETWORK);
  return { guest, ours: new Ours(guest) };
}
/** Pings from `ours`, one each tenth of a second, none of them lost. */
export async function pings(guest: Guest, to: string, count = 10, size = 1300): Promise<void> {
  const out = await guest.sh(`ip netns exec ours ping -i 0.1 -W 2 -c ${count} -M do -s ${size} ${to} | tail -3`);
  assert.match(out, / 0% packet loss/, out);
}
/**
 * We sent no L2TP in the clear, and nothing of ours is left in the kernel. (Their pppd may speak once its SA is gone.)
 */
export async function clean(guest: Guest): Promise<void> {
  assert.equal(guest.log("clear.log"), "");
  const left = await guest.sh("ip -n ours xfrm policy; ip -n ours xfrm state; ip -n ours link show type ppp");
  assert.equal(left, "");
}
