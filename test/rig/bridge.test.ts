// Two of our daemons in one User-mode Linux guest (its kernel has bridges), each with a bridge and a host behind it:
// whatever is Ethernet crosses the tunnel as it is (BCP), whole where the path is shorter (Multilink).
//
//   hosta eth0 -- port0 [a] br0 ===== tunnel, WAN of 1400 bytes ===== br0 [b] port0 -- eth0 hostb
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { type Config, ini } from "../net/daemon.ts";
import { fileOf, type Lab, RUNTIME, scenario, until } from "../net/harness.ts";
import { B, clientConfig, NOT_PROTECTED, PASSWORD, serverConfig } from "../net/sites.ts";
import { GUEST_NEEDS, Guest } from "./harness.ts";

const NEEDS = { needs: [...GUEST_NEEDS, "python3", "iperf3"], timeout: 300_000 };
const NETWORK = `modprobe -a veth tun bridge 8021q
for n in a b hosta hostb; do ip netns add $n; ip -n $n link set lo up; done
ip link add wan netns a mtu 1400 type veth peer name wan netns b
ip -n b link set wan mtu 1400
ip -n a addr add 203.0.113.2/24 dev wan
ip -n b addr add ${B}/24 dev wan
for n in a b; do
  i=1; [ $n = a ] || i=2
  ip -n $n link set wan up
  ip -n $n link add br0 type bridge
  ip -n $n link set br0 up
  ip -n $n link add port0 type veth peer name eth0 netns host$n
  ip -n $n link set port0 master br0 up
  ip -n host$n link set eth0 address 02:00:00:00:00:0$i up
  ip -n host$n addr add 10.5.0.$i/24 dev eth0
  ip -n host$n link add link eth0 name eth0.100 type vlan id 100
  ip -n host$n link set eth0.100 up
  ip -n host$n addr add 10.6.0.$i/24 dev eth0.100
done
ip netns exec b tcpdump -U -l -nni wan '${NOT_PROTECTED}' >/rig/clear.log 2>/dev/null &
`;

/** A daemon in the namespace of its name. */
class Site {
  readonly guest: Guest;
  readonly name: string;
  constructor(guest: Guest, name: string) {
    this.guest = guest;
    this.name = name;
  }
  async start(config: Config): Promise<void> {
    const control = `/tmp/${this.name}.sock`;
    const text = ini({ daemon: { control, log: "debug" }, ...config });
    const words = RUNTIME === "qjs" ? `'${fileOf("qjs")}'` : `'${process.execPath}' '${fileOf("node")}'`;
    await this.guest.sh(`cat >/tmp/${this.name}.conf <<'END'
${text}
END
cd '${process.cwd()}'
ip netns exec ${this.name} ${words} run --config /tmp/${this.name}.conf >/rig/${this.name}.log 2>&1 &
echo $! >/tmp/${this.name}.pid`);
    await this.event(/daemon\.ready/, 30_000);
  }
  get log(): string {
    const file = `${this.guest.dir}/${this.name}.log`;
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }
  async event(what: RegExp, ms: number, from = 0): Promise<string> {
    try {
      return await until(`${this.name}: ${what}`, ms, () => what.exec(this.log.slice(from))?.[0]);
    } catch (e) {
      if (e instanceof Error) e.message += `\n${this.log.split("\n").slice(-30).join("\n")}`;
      throw e;
    }
  }
  async stop(): Promise<void> {
    await this.guest.sh(`pid=$(cat /tmp/${this.name}.pid); kill -TERM $pid
      for i in $(seq 80); do [ -d /proc/$pid ] || exit 0; sleep 0.1; done; exit 1`);
  }
}
async function bed(lab: Lab): Promise<{ guest: Guest; a: Site; b: Site }> {
  const guest = await Guest.boot(await lab.ns("host"), "tap0", "192.168.55.1/24", "192.168.55.2/24");
  await guest.sh(NETWORK);
  return { guest, a: new Site(guest, "a"), b: new Site(guest, "b") };
}
async function pings(guest: Guest, from: string, to: string, ...more: string[]): Promise<void> {
  const command = `ip netns exec ${from} ping -n -i 0.2 -W 2 -c 3 ${more.join(" ")} ${to} 2>&1 || :`;
  let last = "";
  await until(`${from}: ping ${more.join(" ")} ${to}`, 15_000, async () => {
    last = await guest.sh(command);
    return last.includes(" 0% packet loss");
  }).catch((e: Error) => {
    throw new Error(`${e.message}\n${last}`);
  });
}
/** The packets of a pcap file, in hexadecimal. */
function packetsOf(file: string): string[] {
  const all = readFileSync(file);
  const out: string[] = [];
  for (let at = 24; at + 16 <= all.length; ) {
    const length = all.readUInt32LE(at + 8);
    out.push(all.subarray(at + 16, at + 16 + length).toString("hex"));
    at += 16 + length;
  }
  return out;
}
const TAIL = "00112233445566778899aabbccddeeff".repeat(3);
const FRAMES = [
  // IPX, 802.3 raw
  "ffffffffffff 020000000001 0062 ffff0062 0011 00000000ffffffffffff0453 00000000020000000001 4003" +
    `${TAIL}${TAIL.slice(0, 40)}`,
  `030000000001 020000000001 0035 f0f0032c00ffef ${TAIL.slice(0, 92)}`, // NetBEUI: LLC with NetBIOS
  `020000000002 020000000001 88b5 ${TAIL}`, // an EtherType that is nobody's
  `020000000002 020000000001 88b5 ${"5a".repeat(1500)}`,
].map((f) => f.replace(/ /g, ""));
const SEND = `import socket,sys
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)
s.bind(("eth0",0))
for f in sys.argv[1:]: s.send(bytes.fromhex(f))`;

scenario(
  "bridges: ARP, IPv4, IPv6, a VLAN and what is not IP cross byte for byte, 1500 bytes whole over a path of 1400",
  NEEDS,
  async (lab) => {
    const { guest, a, b } = await bed(lab);
    await b.start(serverConfig({ bridge: "br0" }));
    await a.start(clientConfig({ bridge: "br0" }));
    await a.event(/hq: link\.bridged ifname="l2tps-hq-b" bridge="br0" mtu=1500/, 40_000);
    await b.event(/lns: link\.bridged .*bridge="br0" mtu=1500/, 10_000);
    const link = await guest.sh("ip -n a -d link show l2tps-hq-b");
    assert.match(link, /mtu 1500 .*master br0/);
    assert.match(link, /link\/ether fe:/);
    assert.equal(await guest.sh("ip -n a -6 addr show dev l2tps-hq-b"), "", "nothing speaks on it by itself");

    await pings(guest, "hosta", "10.5.0.2");
    await pings(guest, "hosta", "10.5.0.2", "-M do -s 1472");
    await pings(guest, "hosta", "10.6.0.2", "-M do -s 1472");
    const six = /fe80::\S+(?=\/)/.exec(await guest.sh("ip -n hostb -6 -o addr show dev eth0 scope link"))?.[0];
    await pings(guest, "hosta", `${six}%eth0`, "-s 1452 -M do");
    await pings(guest, "a", "10.99.0.1", "-M do -s 1472"); // the link's own addresses are as they were

    await guest.sh(`ip netns exec hostb tcpdump -U -nni eth0 -w /rig/frames.pcap 'ether src 02:00:00:00:00:01 and
      not ip and not ip6 and not arp and not vlan' 2>/rig/tcpdump.log & sleep 3`);
    await guest.sh(`ip netns exec hosta python3 -c '${SEND}' ${FRAMES.join(" ")}`);
    const file = `${guest.dir}/frames.pcap`;
    await until("the frames are there", 10_000, () => packetsOf(file).length >= FRAMES.length).catch(() => {});
    assert.deepEqual(packetsOf(file), FRAMES);

    await guest.sh("ip netns exec hostb iperf3 -s -D >/dev/null 2>&1");
    for (const way of ["", "-R"])
      await guest.sh(`ip netns exec hosta iperf3 -c 10.5.0.2 -n 100K ${way} --connect-timeout 9000`);
    await a.stop();
    await until("both ports are gone", 10_000, async () =>
      /^\s*$/.test(await guest.sh("ip -n a link | grep hq-b; ip -n b link | grep lns-b; :")),
    );
    await b.stop();
    assert.equal(guest.log("clear.log"), "", "everything was inside ESP");
  },
);

scenario(
  "bridges: a port that is taken out is put back, one that is deleted comes back; what is no bridge is said so",
  NEEDS,
  async (lab) => {
    const { guest, a, b } = await bed(lab);
    const user = { "user branch1": { password: PASSWORD, ip: "10.99.0.10", bridge: "br0" } };
    await b.start(serverConfig({ mrru: 1600 }, user));
    await a.start(clientConfig({ bridge: "br0" }));
    await a.event(/hq: link\.bridged/, 40_000);
    await pings(guest, "hosta", "10.5.0.2");
    await guest.sh("ip -n a link set l2tps-hq-b nomaster");
    await a.event(/network\.restored .*taken out of its bridge/, 8000);
    await pings(guest, "hosta", "10.5.0.2");
    const mark = a.log.length;
    await guest.sh("ip -n a link del l2tps-hq-b");
    await a.event(/hq: link\.bridged/, 40_000, mark);
    await pings(guest, "hosta", "10.5.0.2");
    await a.stop();
    for (const [bridge, why] of [
      ["port0", /link\.down .*cannot join the bridge port0: EINVAL \(that interface is no bridge\)/],
      ["br7", /link\.down .*cannot join the bridge br7: ENODEV \(there is no interface of that name\)/],
    ] as const) {
      await a.start(clientConfig({ bridge }));
      await a.event(why, 40_000);
      await a.stop();
    }
    await b.stop();
  },
);
