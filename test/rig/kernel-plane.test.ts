// The kernel as data plane, in a User-mode Linux guest that has its XFRM, L2TP and PPP: the contract of every data
// plane, netdevs, and what must not leave or enter in the clear. On both runtimes.
//
// guest:  netns a 10.9.0.1, fd00:9::1 -- veth -- netns b 10.9.0.2, fd00:9::2     one process with a plane in each
import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { CACHE, type Lab, type RuntimeName, scenario, sh } from "../net/harness.ts";
import { bundled, GUEST_NEEDS, Guest, shim } from "./harness.ts";

const FILES = ["kernel-plane.inside", "kernel-net.inside"];
const NETWORK = `modprobe -a veth esp6 tun
for n in a b; do ip netns add $n; ip -n $n link set lo up; done
ip link add va netns a type veth peer name vb netns b
i=0
for n in a b; do
  i=$((i + 1))
  ip -n $n addr add 10.9.0.$i/24 dev v$n
  ip -n $n addr add fd00:9::$i/64 dev v$n nodad
  ip -n $n link set v$n up
done
`;

/** The command that runs the files' tests in the guest. */
async function built(lab: Lab, runtime: RuntimeName): Promise<string[]> {
  const dir = `${CACHE}/guest-${process.pid}-${lab.serial()}`;
  mkdirSync(dir);
  lab.atEnd(async () => rmSync(dir, { recursive: true, force: true }));
  const files = FILES.map((f) => `test/rig/${f}.ts`);
  if (runtime === "qjs") {
    const inside = dir.slice(process.cwd().length + 1);
    await sh(`'${process.execPath}' scripts/test-quickjs.mjs --build='${inside}' ${files.join(" ")}`);
    return [`${dir}/host ${dir}/group0.bin`];
  }
  const programs = await bundled(dir, files);
  return programs.map((f) => `'${process.execPath}' --enable-source-maps --test '${f}'`);
}

for (const runtime of ["node", "qjs"] as const) {
  scenario(
    `the plane contract holds on the kernel plane, and nothing passes in the clear (${runtime})`,
    { needs: GUEST_NEEDS, timeout: 400_000 },
    async (lab) => {
      const commands = await built(lab, runtime);
      const ns = await lab.ns("host");
      const guest = await Guest.boot(ns, "tap0", "192.168.55.1/24", "192.168.55.2/24");
      await guest.sh(NETWORK);
      const preload = await shim("enter-netns");
      let passed = 0;
      for (const command of commands) {
        const text = await guest.sh(`cd '${process.cwd()}'; LD_PRELOAD='${preload}' ${command} || :`);
        assert.match(text, /^# fail 0$/m, text);
        passed += Number(/^# pass (\d+)$/m.exec(text)?.[1] ?? 0);
      }
      assert.equal(passed, 76);
      // nothing of ours is left, in either namespace
      const left = await guest.sh(
        "for n in a b; do ip -n $n xfrm policy; ip -n $n xfrm state; ip -n $n link show type ppp; done",
      );
      assert.equal(left, "");
    },
  );
}
