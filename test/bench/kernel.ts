// The kernel's data plane, in one User-mode Linux guest for each transform: our client in the kernel, our client in
// userspace, and strongSwan with xl2tpd and pppd as client, one after the other to one server of strongSwan, xl2tpd and
// pppd. One core has both sides, so that only ratios mean anything, and least the one to userspace: this kernel uses no
// AES instructions of the CPU, while OpenSSL does.
//
// And many sessions on one server of ours, in either plane: the server in a guest of its own, its clients on the
// machine's other core.
import { type Lab, type RuntimeName, sleep, until } from "../net/harness.ts";
import { PSK as CALLERS_PSK } from "../net/sites.ts";
import { Guest } from "../rig/harness.ts";
import { program } from "../rig/ours.ts";
import { ipsec, lac, lns, PASSWORD, PSK, USER } from "../rig/peers.ts";
import { Callers } from "./crowd.ts";
import { inLab, type Keep, mbitsOf } from "./throughput.ts";

const SECONDS = 4;
const PEER = "10.77.0.1";
const LNS = "10.99.0.1";
const HERTZ = 100; // USER_HZ: what /proc counts in
const NETWORK = `modprobe -a veth tun
ip netns add ours
ip link add peer type veth peer name wan netns ours
ip addr add ${PEER}/24 dev peer
ip link set peer up
ip -n ours addr add 10.77.0.9/24 dev wan
ip -n ours link set wan up
ip -n ours link set lo up
`;
interface Transform {
  readonly name: string;
  /** Ours and strongSwan's; null: L2TP in the clear. */
  readonly esp: readonly [string, string] | null;
  readonly encap: "udp" | "esp";
}
const GCM = ["aes128gcm16", "aes128gcm16"] as const;
const CBC = ["aes128-sha1", "aes128-sha1"] as const;
export const TRANSFORMS: readonly Transform[] = [
  { name: "GCM", esp: GCM, encap: "udp" },
  { name: "GCM, raw ESP", esp: GCM, encap: "esp" },
  { name: "CBC-SHA1", esp: CBC, encap: "udp" },
  { name: "CBC-SHA1, raw ESP", esp: CBC, encap: "esp" },
  { name: "plain", esp: null, encap: "udp" },
];
export const CLIENTS = ["ours, kernel", "ours, userspace", "theirs"] as const;

/** A script in namespace ours, with an /etc, a /run and a /rig of its own: both sides have the same daemons. */
function apart(script: string): string {
  return `cat >/tmp/apart <<'APART'
set -e
mkdir -p /tmp/etc
cp -a /etc/. /tmp/etc
mount --bind /tmp/etc /etc
for d in /run /rig; do mount -t tmpfs tmp $d; done
mkdir -p /run/xl2tpd /run/lock
${script}
APART
ip netns exec ours unshare -m sh /tmp/apart`;
}
/** Megabits of TCP a second, the mean of both ways. */
async function iperf(guest: Guest): Promise<number> {
  await guest.sh(`iperf3 -s -D -B ${LNS} -I /tmp/iperf.pid; sleep 1`);
  const ways: number[] = [];
  for (const way of ["", "-R"]) {
    ways.push(mbitsOf(await guest.sh(`ip netns exec ours iperf3 -c ${LNS} -t ${SECONDS} -O 1 -J ${way}`)));
  }
  await guest.sh("kill $(tr -d '\\0' </tmp/iperf.pid); sleep 0.5");
  return ways.reduce((a, b) => a + b) / ways.length;
}
async function ticks(guest: Guest): Promise<number> {
  const stat = (await guest.sh("cat /proc/$(cat /tmp/ours.pid)/stat")).replace(/^.*\) /s, "").split(" ");
  return Number(stat[11]) + Number(stat[12]);
}
async function ours(guest: Guest, dataplane: string, t: Transform, keep: Keep): Promise<void> {
  const who = `ours, ${dataplane}`;
  const options = {
    ...{ server: PEER, username: USER, password: PASSWORD, dataplane },
    ...(t.esp ? { psk: PSK, esp_proposals: t.esp[0], encap: t.encap } : { ipsec: "off" }),
  };
  const lines = Object.entries(options).map(([k, v]) => `${k} = ${v}`);
  const conf = ["[daemon]", "control = /tmp/ours.sock", "[interface hq]", "proto = l2tpsec", ...lines].join("\n");
  const start = `ip netns exec ours ${program("node")} run --config /tmp/ours.conf >/rig/ours.log 2>&1`;
  await guest.sh(
    `cat >/tmp/ours.conf <<'CONF'\n${conf}\nCONF\ncd '${process.cwd()}'; ${start} & echo $! >/tmp/ours.pid`,
  );
  await until(`${who}: up`, 30_000, async () => {
    return (await guest.sh(`ip netns exec ours ping -c 1 -W 1 ${LNS} || :`)).includes(" 0% packet loss");
  }).catch((e: unknown) => {
    throw new Error(`${String(e)}: ${guest.log("ours.log").split("\n").slice(-15).join("\n")}`);
  });
  const [before, since] = [await ticks(guest), performance.now()];
  keep(`${who} ${t.name}`, "TCP", await iperf(guest));
  const share = (await ticks(guest)) - before;
  keep(`${who} ${t.name}`, "daemon", (share / HERTZ / ((performance.now() - since) / 1000)) * 100);
  await guest.sh("kill $(cat /tmp/ours.pid); while [ -d /proc/$(cat /tmp/ours.pid) ]; do sleep 0.1; done");
}
async function contest(lab: Lab, t: Transform, keep: Keep): Promise<void> {
  const guest = await Guest.boot(await lab.ns("host"), "tap0", "192.168.55.1/24", "192.168.55.2/24");
  const sa = t.esp === null ? null : { esp: t.esp[1], forceUdp: t.encap === "udp" };
  await guest.sh(NETWORK + (sa ? ipsec(sa) : ""));
  // xl2tpd keeps the last client's socket for half a minute, and its kernel gives it what is for the next one's
  const server = `pkill xl2tpd && sleep 0.5; rm -f /run/xl2tpd/c\n${lns("mschap-v2")}`;
  for (const dataplane of ["kernel", "userspace"]) {
    await guest.sh(server);
    await ours(guest, dataplane, t, keep);
  }
  await guest.sh(server + apart((sa ? ipsec({ ...sa, peer: PEER }) : "") + lac(PEER)));
  keep(`theirs ${t.name}`, "TCP", await iperf(guest));
}

/** One round. */
export async function kernelPlane(keep: Keep): Promise<void> {
  for (const t of TRANSFORMS) await inLab("node", (lab) => contest(lab, t, keep));
}

export const PLANES = ["kernel", "userspace"] as const;
const SERVER = "192.168.55.2";
const AT_ONCE = 16;
const SETTLE_MS = 10_000;
/** KB: of the daemon, and of what the kernel has for itself. */
async function weight(guest: Guest): Promise<{ daemon: number; kernel: number }> {
  const text = await guest.sh("grep VmRSS /proc/$(cat /tmp/ours.pid)/status; grep -E '^(Slab|Percpu)' /proc/meminfo");
  const of = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
  return { daemon: of("VmRSS"), kernel: of("Slab") + of("Percpu") };
}
async function crowd(lab: Lab, dataplane: string, sessions: number, keep: Keep): Promise<void> {
  const keepOf = (what: string, value: number): void => keep(`${dataplane}, sessions`, what, value);
  const host = await lab.ns("host");
  const guest = await Guest.boot(host, "tap0", "192.168.55.1/24", `${SERVER}/24`, "192.168.55.1");
  const esp = "esp_proposals = aes128gcm16 aes128-sha1"; // each of a long list is a trial, and a module to be loaded
  const server = ["local_ip = 10.99.0.1", "pool = 10.100.0.1-10.100.19.255", `psk = ${CALLERS_PSK}`, esp];
  const users = Array.from({ length: sessions }, (_, i) => `[user u${i + 1}]\npassword = p${i + 1}`);
  const conf = [
    "[daemon]",
    "control = /tmp/ours.sock",
    "[server lns]",
    `dataplane = ${dataplane}`,
    ...server,
    ...users,
  ];
  await guest.sh(`modprobe -a esp6 tun
    umask 077; cat >/tmp/ours.conf <<'CONF'\n${conf.join("\n")}\nCONF
    cd '${process.cwd()}'
    ${program(lab.runtime)} run --config /tmp/ours.conf >/rig/ours.log 2>&1 & echo $! >/tmp/ours.pid`);
  const explain = (e: unknown): never => {
    throw new Error(`${String(e)}\n${guest.log("ours.log").split("\n").slice(-15).join("\n")}`);
  };
  const listening = async (): Promise<boolean> => (await guest.sh("ss -anu")).includes(":500 ");
  await until("the server listens", 30_000, listening).catch(explain);
  const before = await weight(guest);
  const spent = await ticks(guest);
  const callers = await Callers.start(host, sessions, AT_ONCE, "10.50", [], SERVER);
  const start = performance.now();
  const up = until(`${sessions} sessions`, 300_000, () => (callers.told?.up ?? 0) >= sessions);
  await up.catch((e: unknown) => explain(`${String(e)}: ${JSON.stringify(callers.told)}`));
  keepOf("logins", sessions / ((performance.now() - start) / 1000));
  keepOf("login", (((await ticks(guest)) - spent) / HERTZ / sessions) * 1000);
  await sleep(SETTLE_MS);
  const now = await weight(guest);
  keepOf("daemon", (now.daemon - before.daemon) / sessions);
  keepOf("kernel", (now.kernel - before.kernel) / sessions);
  const end = "kill $(cat /tmp/ours.pid); while [ -d /proc/$(cat /tmp/ours.pid) ]; do sleep 0.02; done";
  const ms = await guest.sh(`a=$(date +%s%N); ${end}; b=$(date +%s%N); echo $(((b - a) / 1000000))`);
  keepOf("end", Number(ms));
  await callers.stop();
}
/** One server with so many sessions, in either plane: what a login takes, what each weighs, and how long the end is. */
export async function kernelSessions(runtime: RuntimeName, sessions: number, keep: Keep): Promise<void> {
  for (const dataplane of PLANES) await inLab(runtime, (lab) => crowd(lab, dataplane, sessions, keep));
}
