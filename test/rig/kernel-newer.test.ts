// The kernel plane on Linux 6.12, in qemu: there the kernel finds L2TP calls by their ids alone, so that calls are
// bound to their peers by nftables, and two clients behind one NAT can be told apart. scripts/setup --peers brings qemu
// and unpacks that kernel; each instruction is emulated, so that this is slow.
import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { CACHE, scenario, sh } from "../net/harness.ts";
import { Guest, NEWER_NEEDS, shim } from "./harness.ts";

const FILES = ["kernel-nat.inside", "kernel-flow.inside"];
const BYTES = 4_000_000;
const NETWORK = `modprobe -a veth tun nf_tables nft_chain_nat nft_masq nft_flow_offload nf_flow_table_inet
for n in a b c1 c2; do ip netns add $n; ip -n $n link set lo up; done
ip link add va netns a type veth peer name vb netns b
for i in 1 2; do
  ip link add l$i netns a type veth peer name eth0 netns c$i
  ip -n a addr add 192.168.$((6 + i)).1/24 dev l$i
  ip -n c$i addr add 192.168.$((6 + i)).2/24 dev eth0
  ip -n a link set l$i up
  ip -n c$i link set eth0 up
  ip -n c$i route add default via 192.168.$((6 + i)).1
done
ip -n a addr add 10.9.0.1/24 dev va
ip -n b addr add 10.9.0.2/24 dev vb
ip -n a link set va up
ip -n b link set vb up
ip netns exec a sysctl -qw net.ipv4.ip_forward=1
ip netns exec a nft -f - <<'END'
table ip nat {
  chain post {
    type nat hook postrouting priority srcnat;
    ip saddr 192.168.7.2 udp sport 4500 snat to 10.9.0.1:4501
    ip saddr 192.168.8.2 udp sport 4500 snat to 10.9.0.1:4502
  }
}
END
`;

/**
 * Sends from c1 through the link, with a software flowtable in `a`: bytes that arrived, packets that the slow path
 * forwarded all the same, and packets that left by the netdev.
 */
const flow = (netdev: "ppp" | "tun"): string => `i=0
until ip -n a -d link show l2tps-t 2>/dev/null | grep -qw ${netdev}; do
  i=$((i + 1))
  [ $i -lt 90 ] || exit 1
  sleep 1
done
ip netns exec a nft -f - <<'NFT'
table inet rig {
  flowtable ft { hook ingress priority filter; devices = { l1, l2tps-t }; counter; }
  chain forward { type filter hook forward priority filter; meta l4proto tcp flow add @ft; counter; }
  chain post { type nat hook postrouting priority srcnat; oifname "l2tps-t" masquerade; }
}
NFT
ip netns exec b timeout 60 socat -u TCP-LISTEN:5000,bind=10.99.0.1 - >/tmp/got &
sleep 1
head -c ${BYTES} /dev/zero | ip netns exec c1 timeout 60 socat -u - TCP:10.99.0.1:5000
wait $!
stat -c %s /tmp/got
ip netns exec a nft list chain inet rig forward | sed -n 's/.*counter packets \\([0-9]*\\).*/\\1/p'
ip netns exec a cat /sys/class/net/l2tps-t/statistics/tx_packets
ip netns exec a nft delete table inet rig
touch /tmp/flow-${netdev}`;

scenario(
  "kernel plane on Linux 6.12: two clients behind one NAT, injection refused; flowtables take over ppp and tun",
  { needs: NEWER_NEEDS, timeout: 300_000 },
  async (lab) => {
    const dir = `${CACHE}/newer-${process.pid}-${lab.serial()}`;
    mkdirSync(dir);
    lab.atEnd(async () => rmSync(dir, { recursive: true, force: true }));
    const booting = Guest.bootNewer(await lab.ns("host"), "tap0", "192.168.55.1/24", "192.168.55.2/24");
    const inside = dir.slice(process.cwd().length + 1);
    const files = FILES.map((f) => `test/rig/${f}.ts`).join(" ");
    await sh(`'${process.execPath}' scripts/test-quickjs.mjs --build='${inside}' ${files}`);
    const preload = await shim("enter-netns");
    const guest = await booting;
    await guest.sh(NETWORK);
    const tests = guest.sh(`cd '${process.cwd()}'; LD_PRELOAD='${preload}' '${dir}/host' '${dir}/group0.bin' || :`);
    for (const netdev of ["ppp", "tun"] as const) {
      const seen = await guest.sh(flow(netdev));
      const [bytes = 0, slow = 0, sent = 0] = seen.trim().split("\n").map(Number);
      assert.equal(bytes, BYTES, seen);
      assert.ok(sent > 500 && slow < sent / 10, `${netdev}: ${slow} of ${sent} packets by the slow path`);
      console.log(`flowtable with ${netdev}: ${slow} of ${sent} packets by the slow path`);
    }
    const text = await tests;
    assert.match(text, /^# fail 0$/m, text);
    assert.equal(/^# pass (\d+)$/m.exec(text)?.[1], "4");
  },
);
