// Two data planes in one daemon, and how it gets from one to the other, in a guest whose kernel has everything.
import assert from "node:assert/strict";
import { scenario, until } from "../net/harness.ts";
import type { Guest } from "./harness.ts";
import { bed, CLIENT, clean, NEEDS, PROGRAM, pings } from "./ours.ts";
import { ipsec, lns, PASSWORD, PSK, USER } from "./peers.ts";

const HQ = "[interface hq]\nproto = l2tpsec";
type Told = Readonly<Record<string, { dataplane: string; dataplane_why: string; drops: Record<string, number> }>>;

/** A server of ours, in userspace, in a namespace of its own: ours 10.78.0.9 -- veth -- 10.78.0.1 third. */
async function third(guest: Guest, encap: string): Promise<void> {
  const server = ["local_ip = 10.98.0.1", "pool = 10.98.0.10-10.98.0.20", `psk = ${PSK}`, `encap = ${encap}`];
  const user = [`[user ${USER}]`, `password = ${PASSWORD}`];
  const conf = ["[daemon]", "control = /tmp/third.sock", "[server lns]", ...server, ...user].join("\n");
  await guest.sh(`ip netns add third
    ip link add wan2 netns ours type veth peer name wan netns third
    ip -n ours addr add 10.78.0.9/24 dev wan2 && ip -n ours link set wan2 up
    ip -n third addr add 10.78.0.1/24 dev wan && ip -n third link set wan up && ip -n third link set lo up
    umask 077; cat >/tmp/third.conf <<'END'\n${conf}\nEND
    cd '${process.cwd()}'
    ip netns exec third ${PROGRAM} run --config /tmp/third.conf >/rig/third.log 2>&1 &`);
}

for (const encap of ["udp", "esp"] as const) {
  scenario(
    `one link in the kernel, one in userspace, both by ${encap}: neither hears the other's`,
    NEEDS,
    async (lab) => {
      const { guest, ours } = await bed(lab);
      await guest.sh(ipsec({ forceUdp: encap === "udp" }) + lns("mschap-v2"));
      await third(guest, encap);
      const { server: _, ...same } = CLIENT;
      const lines = Object.entries({ ...same, encap }).map(([k, v]) => `${k} = ${v}`);
      const two = ["[interface two]", "proto = l2tpsec", "server = 10.78.0.1", "dataplane = userspace", ...lines];
      await ours.start(HQ, { ...CLIENT, encap, dataplane: "auto", esp_lifetime: 30 }, two.join("\n"));
      await ours.up("hq");
      const status = JSON.parse((await ours.up("two")).text) as Told;
      assert.deepEqual([status["hq"]?.dataplane, status["two"]?.dataplane], ["kernel", "userspace"]);
      await Promise.all([pings(guest, "10.99.0.1", 100), pings(guest, "10.98.0.1", 100)]);
      const drops = (JSON.parse((await ours.up("two")).text) as Told)["two"]?.drops ?? {};
      assert.deepEqual([drops["esp.unknown-spi"] ?? 0, drops["ike.no-marker"] ?? 0], [0, 0], JSON.stringify(drops));
      await ours.end("TERM");
      await clean(guest);
    },
  );
}

scenario("SAs that somebody flushes are replaced within five seconds, and the link stays up", NEEDS, async (lab) => {
  const { guest, ours } = await bed(lab);
  await guest.sh(ipsec() + lns("mschap-v2"));
  await ours.start(HQ, CLIENT);
  await ours.up("hq");
  await pings(guest, "10.99.0.1");
  await guest.sh("ip -n ours xfrm state flush");
  await until("packets pass again", 5000, async () =>
    (await guest.sh("ip netns exec ours ping -c 1 -W 1 10.99.0.1 || :")).includes(" 0% packet loss"),
  );
  await pings(guest, "10.99.0.1");
  assert.match(ours.log, /esp\.lost/);
  assert.doesNotMatch(ours.log, /link\.down/);
  await ours.end("TERM");
  await clean(guest);
});

scenario("auto: where nothing comes back through the kernel, the next attempt is in userspace", NEEDS, async (lab) => {
  const { guest, ours } = await bed(lab);
  await guest.sh(ipsec({ forceUdp: true }) + lns("mschap-v2"));
  // What crypto hardware that loses packets does: ESP to the kernel's SPIs never arrives (UDP: 20 + 8 bytes before it).
  await guest.sh(`modprobe -a sch_ingress cls_u32 act_gact
    tc -n ours qdisc add dev wan ingress
    tc -n ours filter add dev wan parent ffff: protocol ip u32 match ip protocol 17 0xff \
      match ip sport 4500 0xffff match u32 0x80000000 0x80000000 at 28 action drop`);
  await ours.start(HQ, { ...CLIENT, dataplane: "auto" });
  const hq = (JSON.parse((await ours.up("hq")).text) as Told)["hq"];
  assert.equal(hq?.dataplane, "userspace");
  assert.match(hq?.dataplane_why ?? "", /^kernel: no, no answer of 10\.77\.0\.1 came through the kernel in 8 s/);
  await pings(guest, "10.99.0.1");
  await ours.end("TERM");
  await clean(guest);
});

scenario("L2TP in the clear over a path of 1500 bytes has an MTU of 1460, in either plane", NEEDS, async (lab) => {
  const { guest, ours } = await bed(lab);
  await guest.sh(lns("mschap-v2", 1460));
  const { psk: _, ...plain } = CLIENT;
  for (const dataplane of ["kernel", "userspace"]) {
    await ours.start(HQ, { ...plain, ipsec: "off", dataplane });
    const { ifname } = await ours.up("hq");
    assert.match(await guest.sh(`ip -n ours link show ${ifname}`), / mtu 1460 /);
    await pings(guest, "10.99.0.1", 5, 1432); // and IPv4's and ICMP's headers
    await ours.end("TERM");
  }
});
