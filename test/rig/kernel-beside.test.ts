// Two data planes in one daemon, and how it gets from one to the other, in a guest whose kernel has everything, or not.
import assert from "node:assert/strict";
import type { ClientStatus } from "../../src/link/status.ts";
import { scenario, until } from "../net/harness.ts";
import type { Guest } from "./harness.ts";
import { bed, CLIENT, clean, HQ, NEEDS, OURS, pings, program, reached } from "./ours.ts";
import { ipsec, lac, lns, PASSWORD, PSK, USER } from "./peers.ts";

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
    ip netns exec third ${program(guest.ns.lab.runtime)} run --config /tmp/third.conf >/rig/third.log 2>&1 &`);
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
      const planes = [(await ours.up("hq")).dataplane, (await ours.up("two")).dataplane];
      assert.deepEqual(planes, ["kernel", "userspace"]);
      // Two rekeys at once on one emulated CPU may cost a packet; what is lost for good would be all of them.
      const many = { count: 100, lost: 2 };
      await Promise.all([pings(guest, "10.99.0.1", many), pings(guest, "10.98.0.1", many)]);
      const { drops } = await ours.up("two");
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
  await reached(guest, "10.99.0.1", 5000);
  await pings(guest, "10.99.0.1");
  assert.match(ours.log, /esp\.lost/);
  assert.doesNotMatch(ours.log, /link\.down/);
  await ours.end("TERM");
  await clean(guest);
});

const policies = (guest: Guest): Promise<string> => guest.sh("ip -n ours xfrm policy | sort");

scenario("policies that somebody flushes or deletes are set again at once, and nothing is lost", NEEDS, async (lab) => {
  const { guest, ours } = await bed(lab);
  await guest.sh(ipsec() + lns("mschap-v2"));
  await ours.start(HQ, CLIENT);
  await ours.up("hq");
  const before = await policies(guest);
  assert.match(before, /action block/);
  const all = pings(guest, "10.99.0.1", { count: 50 });
  const one = "ip -n ours xfrm policy delete dir out src 0.0.0.0/0 dst 0.0.0.0/0 proto udp sport 1701";
  for (const [i, blow] of ["ip -n ours xfrm policy flush", one].entries()) {
    await guest.sh(blow);
    await until("they are back", 2000, async () => (await policies(guest)) === before);
    assert.equal(ours.log.match(/network\.restored .*IPsec policies/g)?.length, i + 1, ours.log);
  }
  await all;
  assert.doesNotMatch(ours.log, /link\.down/);
  await ours.end("TERM");
  await clean(guest);
});

scenario("what a killed daemon left in the kernel goes when the next one has no use for it", NEEDS, async (lab) => {
  const { guest, ours } = await bed(lab);
  await guest.sh(ipsec() + lns("mschap-v2"));
  await ours.start(HQ, CLIENT);
  await ours.up("hq");
  await ours.end("KILL");
  assert.match(await policies(guest), /action block/);
  assert.match(await guest.sh("ip -n ours xfrm state"), /proto esp/);
  const other = "ip -n ours xfrm policy add dir out src 192.0.2.1/32 dst 192.0.2.2/32 action block";
  await guest.sh(other);
  await guest.sh(`pkill xl2tpd; rm -f /run/xl2tpd/c; sleep 0.5\n${lns("mschap-v2")}`);
  await ours.start(HQ, { ...CLIENT, dataplane: "userspace" });
  await ours.up("hq");
  assert.equal(await guest.sh("ip -n ours xfrm state"), "");
  assert.match(await policies(guest), /^(?!.*1701)[\s\S]*192\.0\.2\.1/);
  await guest.sh("ip -n ours xfrm policy delete dir out src 192.0.2.1/32 dst 192.0.2.2/32");
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
  const hq = await ours.up("hq");
  assert.equal(hq.dataplane, "userspace");
  assert.match(hq.dataplane_why, /^kernel: no, no answer of 10\.77\.0\.1 came through the kernel in 8 s/);
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
    await pings(guest, "10.99.0.1", { count: 5, size: 1432 }); // and IPv4's and ICMP's headers
    await ours.end("TERM");
  }
});

/** The guest's kernel has no L2TP any more, and loads it for nobody. */
const LESS = `mkdir -p /etc/modprobe.d; echo 'install l2tp_ppp /bin/false' >/etc/modprobe.d/rig.conf
modprobe -r l2tp_ppp`;
const MISSING = "module l2tp_ppp is missing: modprobe l2tp_ppp";

scenario(
  "a module that is missing: auto is in userspace, and says so; kernel refuses; it may come and go",
  NEEDS,
  async (lab) => {
    const { guest, ours } = await bed(lab);
    await third(guest, "udp");
    await guest.sh(LESS);
    const client = { ...CLIENT, server: "10.78.0.1" };
    await ours.start(HQ, { ...client, dataplane: "kernel" });
    const refused = await ours.where<ClientStatus>("hq", "is refused", (s) => s.error !== null);
    assert.deepEqual([refused.error?.code, refused.error?.text], ["no-kernel-plane", `kernel: no, ${MISSING}`]);
    await ours.end("TERM");
    await ours.start(HQ, { ...client, dataplane: "auto" });
    const planes: [string, string][] = [];
    for (const change of ["", "rm /etc/modprobe.d/rig.conf; modprobe l2tp_ppp", LESS]) {
      await ours.cli("down hq");
      await ours.where<ClientStatus>("hq", "is down", (s) => s.state === "down");
      if (change !== "") await guest.sh(change);
      await ours.cli("up hq");
      const { dataplane, dataplane_why } = await ours.up("hq");
      planes.push([dataplane, dataplane_why]);
      await pings(guest, "10.98.0.1");
    }
    const without: [string, string] = ["userspace", `kernel: no, ${MISSING}`];
    assert.deepEqual(planes, [without, ["kernel", ""], without]);
    await ours.end("TERM");
    await clean(guest);
  },
);

for (const encap of ["udp", "esp", "none"] as const) {
  scenario(`auto on a kernel without L2TP, ${encap}: client and server in userspace`, NEEDS, async (lab) => {
    const { guest, ours } = await bed(lab);
    await guest.sh(LESS);
    const { psk, ...plain } = CLIENT;
    const how = encap === "none" ? { ipsec: "off" } : { psk, encap };
    const secured = encap === "none" ? "" : ipsec({ forceUdp: encap === "udp" });
    await guest.sh(secured + lns("mschap-v2"));
    await ours.start(HQ, { ...plain, ...how, dataplane: "auto" });
    const { dataplane, dataplane_why } = await ours.up("hq");
    assert.deepEqual([dataplane, dataplane_why], ["userspace", `kernel: no, ${MISSING}`]);
    await pings(guest, "10.99.0.1");
    await ours.end("TERM");
    if (encap !== "none") {
      await guest.sh("pkill xl2tpd; pkill charon; rm -f /run/xl2tpd/c; sleep 1");
      await ours.serve({ dataplane: "auto", encap });
      await guest.sh(ipsec({ peer: OURS, forceUdp: encap === "udp" }));
      await guest.sh(lac(OURS));
      const own = await ours.users("lns");
      assert.deepEqual([own.dataplane, own.dataplane_why], ["userspace", `kernel: no, ${MISSING}`]);
      await pings(guest, "10.99.0.10");
      await ours.end("TERM");
      await clean(guest); // nothing in the clear; without IPsec everything was
    }
  });
}
