// The kernel plane on Linux 6.12, in qemu: there the kernel finds L2TP calls by their ids alone, so that calls are
// bound to their peers by nftables, and two clients behind one NAT can be told apart. scripts/setup --peers brings qemu
// and unpacks that kernel; each instruction is emulated, so that this is slow.
import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { CACHE, scenario, sh } from "../net/harness.ts";
import { Guest, NEWER_NEEDS, shim } from "./harness.ts";

const FILES = ["kernel-nat.inside"];
const NETWORK = `modprobe -a veth nf_tables nft_chain_nat nft_masq
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

scenario(
  "kernel plane on Linux 6.12: two clients behind one NAT, and injection into another's call is refused",
  { needs: NEWER_NEEDS, timeout: 240_000 },
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
    const text = await guest.sh(
      `cd '${process.cwd()}'; LD_PRELOAD='${preload}' '${dir}/host' '${dir}/group0.bin' || :`,
    );
    assert.match(text, /^# fail 0$/m, text);
    assert.equal(/^# pass (\d+)$/m.exec(text)?.[1], "2");
  },
);
