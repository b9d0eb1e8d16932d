// Our daemon in the kernel plane against peers that we did not write, all in one User-mode Linux guest: strongSwan,
// xl2tpd and pppd in its own namespace, the daemon in `ours`.
//
// ours 10.77.0.9 -- veth -- 10.77.0.1 strongSwan, xl2tpd, pppd
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { CACHE, type Lab, scenario, until } from "../net/harness.ts";
import { bundled, GUEST_NEEDS, Guest } from "./harness.ts";
import { ipsec, lac, lns, PASSWORD, PSK, USER } from "./peers.ts";

const NEEDS = { needs: GUEST_NEEDS, timeout: 150_000 };
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
const BUNDLE = `${process.cwd()}/dist/l2tpsec.cjs`;
const CLIENT = { server: PEER, username: USER, password: PASSWORD, psk: PSK, reconnect_max: 2 };

/** A daemon in a namespace of the guest that has its name. */
class Ours {
  readonly #guest: Guest;
  readonly #name: string;
  readonly #command: string;
  readonly #cli: string;
  /** `program`: its words up to the configuration. */
  constructor(guest: Guest, name: string, program: string) {
    this.#guest = guest;
    this.#name = name;
    this.#command = `ip netns exec ${name} '${process.execPath}' --enable-source-maps ${program} /tmp/${name}.conf`;
    this.#cli = `'${process.execPath}' '${BUNDLE}' status --json --socket /tmp/${name}.sock`;
  }
  async start(section: string, options: Readonly<Record<string, string | number>>, more = ""): Promise<void> {
    const lines = Object.entries(options).map(([k, v]) => `${k} = ${v}`);
    const text = ["[daemon]", `control = /tmp/${this.#name}.sock`, section, ...lines, more].join("\n");
    await this.#guest.sh(`cat >/tmp/${this.#name}.conf <<'END'\n${text}\nEND`);
    await this.again();
  }
  async again(): Promise<void> {
    const log = `/rig/${this.#name}.log`;
    await this.#guest.sh(`cd '${process.cwd()}'; ${this.#command} >>${log} 2>&1 & echo $! >/tmp/${this.#name}.pid`);
  }
  /** The first user of `name`, or the link itself, once it is up. */
  async up(name: string): Promise<{ ifname: string; text: string }> {
    return await until(`${name} is up`, 30_000, async () => {
      const text = await this.#guest.sh(`${this.#cli} 2>/dev/null || :`);
      if (text === "") return null;
      const s = (JSON.parse(text) as Record<string, { state?: string; ifname?: string; sessions?: { ip: string }[] }>)[
        name
      ];
      return s?.state === "up" || (s?.sessions?.length ?? 0) > 0 ? { ifname: s?.ifname ?? "", text } : null;
    });
  }
  async end(signal: "TERM" | "KILL"): Promise<void> {
    await this.#guest.sh(`pid=$(cat /tmp/${this.#name}.pid); kill -${signal} $pid
      for i in $(seq 50); do [ -d /proc/$pid ] || exit 0; sleep 0.1; done; exit 1`);
  }
  get log(): string {
    return readFileSync(`${this.#guest.dir}/${this.#name}.log`, "utf8");
  }
}

/** `ours` has the kernel plane; `kernel` are the words that start such a daemon, `userspace` those of l2tpsec. */
async function bed(lab: Lab): Promise<{ guest: Guest; ours: Ours; kernel: string; userspace: string }> {
  const dir = `${CACHE}/daemon-${process.pid}-${lab.serial()}`;
  mkdirSync(dir);
  lab.atEnd(async () => rmSync(dir, { recursive: true, force: true }));
  const [program = ""] = await bundled(dir, ["test/rig/kernel-daemon.ts"]);
  const guest = await Guest.boot(await lab.ns("host"), "tap0", "192.168.55.1/24", "192.168.55.2/24");
  await guest.sh(NETWORK);
  const kernel = `'${program}'`;
  return { guest, ours: new Ours(guest, "ours", kernel), kernel, userspace: `'${BUNDLE}' run --config` };
}
/** Pings, one each tenth of a second, none of them lost. */
async function pings(guest: Guest, to: string, count = 10, from = "ours"): Promise<void> {
  const out = await guest.sh(`ip netns exec ${from} ping -i 0.1 -W 2 -c ${count} -s 1300 ${to} | tail -3`);
  assert.match(out, / 0% packet loss/, out);
}
/**
 * We sent no L2TP in the clear, and nothing of ours is left in the kernel. (Their pppd may speak once its SA is gone.)
 */
async function clean(guest: Guest): Promise<void> {
  assert.equal(guest.log("clear.log"), "");
  const left = await guest.sh("ip -n ours xfrm policy; ip -n ours xfrm state; ip -n ours link show type ppp");
  assert.equal(left, "");
}

/** A server in `ours`. */
async function serve(guest: Guest, ours: Ours): Promise<void> {
  const user = `[user ${USER}]\npassword = ${PASSWORD}`;
  const pool = { pool: "10.99.0.10-10.99.0.99", local_ip: "10.99.0.1", auth: "mschapv2" };
  await ours.start("[server lns]", { listen: OURS, psk: PSK, ...pool }, user);
  await until("our server listens", 10_000, async () =>
    (await guest.sh("ip netns exec ours ss -anu")).includes(":500 "),
  );
}

for (const encap of ["esp", "udp"] as const) {
  scenario(
    `kernel plane, our client to strongSwan and xl2tpd, ${encap}: up, killed, back, down`,
    NEEDS,
    async (lab) => {
      const { guest, ours } = await bed(lab);
      await guest.sh(ipsec({ forceUdp: encap === "udp" }) + lns("mschap-v2"));
      await ours.start("[interface hq]\nproto = l2tpsec", { ...CLIENT, encap });
      const { ifname } = await ours.up("hq");
      await pings(guest, "10.99.0.1");
      assert.match(await guest.sh(`ip -n ours -d link show ${ifname}`), /mtu 1400.*\n.*\n +ppp /);
      await ours.end("KILL");
      // nothing that speaks for our port leaves now
      assert.match(await guest.sh("ip -n ours xfrm policy"), /sport 1701\b[\s\S]*action block/);
      const lost = await guest.sh("ip netns exec ours ping -c 1 -W 1 10.99.0.1 2>&1 || :");
      assert.match(lost, /100% packet loss|unreachable/);
      // xl2tpd keeps the dead tunnel's socket for a minute, and its kernel gives it what is for the next one between
      // the same ends
      await guest.sh(`pkill xl2tpd; rm -f /run/xl2tpd/c; sleep 0.5\n${lns("mschap-v2")}`);
      await ours.again();
      await ours.up("hq");
      await pings(guest, "10.99.0.1");
      await ours.end("TERM");
      await clean(guest);
    },
  );
}

scenario("kernel plane, strongSwan and xl2tpd as client to our server", NEEDS, async (lab) => {
  const { guest, ours } = await bed(lab);
  await serve(guest, ours);
  await guest.sh(ipsec({ peer: OURS }));
  await guest.sh(lac(OURS));
  await ours.up("lns");
  await pings(guest, "10.99.0.10");
  assert.match(await guest.sh("ip -n ours link show type ppp"), /l2tps-lns-1/);
  await ours.end("TERM");
  await clean(guest);
});

scenario("kernel plane, over rekeys of both phases that either side starts: nothing is lost", NEEDS, async (lab) => {
  const { guest, ours } = await bed(lab);
  await guest.sh(ipsec({ ikeRekey: 20, espRekey: 12 }) + lns("mschap-v2"));
  await ours.start("[interface hq]\nproto = l2tpsec", { ...CLIENT, esp_lifetime: 30, ike_lifetime: 60 });
  await ours.up("hq");
  await pings(guest, "10.99.0.1", 350);
  assert.match(ours.log, /ike\.rekeyed .*what="?esp/);
  assert.doesNotMatch(ours.log, /link\.down/);
  await ours.end("TERM");
  await clean(guest);
});

scenario("kernel plane, plain L2TP to xl2tpd", NEEDS, async (lab) => {
  const { guest, ours } = await bed(lab);
  await guest.sh(lns("mschap-v2"));
  const { psk: _, ...plain } = CLIENT;
  await ours.start("[interface hq]\nproto = l2tpsec", { ...plain, ipsec: "off" });
  await ours.up("hq");
  await pings(guest, "10.99.0.1");
  await ours.end("TERM");
  const left = await guest.sh(`ip -n ours xfrm policy; ip -n ours link show type ppp
    ip netns exec ours grep sess/ /proc/net/pppol2tp || :`);
  assert.equal(left, "");
});

// site 192.168.20.2 -- 192.168.20.1 NAT 10.77.0.1 -- ours 10.77.0.9
const BEHIND_NAT = `modprobe -a iptable_nat xt_MASQUERADE
ip netns add site
ip link add inner type veth peer name wan netns site
ip addr add 192.168.20.1/24 dev inner
ip link set inner up
ip -n site addr add 192.168.20.2/24 dev wan
ip -n site link set wan up
ip -n site link set lo up
ip -n site route add default via 192.168.20.1
`;
/** The NAT has these ports from now on, and forgets what it had. */
const nat = (ports: string): string => `iptables-legacy -t nat -F POSTROUTING
iptables-legacy -t nat -A POSTROUTING -o peer -p udp -j MASQUERADE --to-ports ${ports}
ip link set peer down
ip link set peer up
`;
for (const [client, server] of [
  ["userspace", "kernel"],
  ["kernel", "userspace"],
  ["kernel", "kernel"],
] as const) {
  scenario(`two daemons, ${client} to a server in ${server}, behind a NAT that forgets`, NEEDS, async (lab) => {
    const { guest, ...programs } = await bed(lab);
    await guest.sh(BEHIND_NAT + nat("20000-20099"));
    const ours = new Ours(guest, "ours", programs[server]);
    const site = new Ours(guest, "site", programs[client]);
    await serve(guest, ours);
    await site.start("[interface hq]\nproto = l2tpsec", { ...CLIENT, server: OURS });
    await site.up("hq");
    await pings(guest, "10.99.0.1", 10, "site");
    await guest.sh(nat("21000-21099"));
    const found = async (): Promise<boolean> => {
      const out = await guest.sh("ip netns exec site ping -c 1 -W 1 10.99.0.1 || :");
      return out.includes(" 0% packet loss");
    };
    await until("the server follows", 20_000, found);
    await pings(guest, "10.99.0.1", 20, "site");
    await pings(guest, "10.99.0.10", 20);
    assert.doesNotMatch(site.log, /link\.down/);
    await site.end("TERM");
    await ours.end("TERM");
    await clean(guest);
  });
}
