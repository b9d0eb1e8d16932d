// Inside the guest of test/rig/kernel-newer.test.ts: a router's link, in the kernel and in userspace, held up while the
// guest's shell sends through it and looks at a flowtable. A file says that it has.
//
// netns c1 192.168.7.2 -- a 10.9.0.1, l2tps-t 10.99.0.2 -- b 10.9.0.2, l2tps-lns-1 10.99.0.1
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { CallChannel, DataPlane } from "../../src/dataplane/dataplane.ts";
import { install } from "../dataplane/contract.ts";
import { pairOf, settle } from "./kernel-planes.ts";

const read = (path: string): string => readFileSync(path, "utf8");
const LNS = "10.99.0.1";
const WAIT_S = 60;

function there(path: string): boolean {
  try {
    read(path);
    return true;
  } catch {
    return false;
  }
}
function call(plane: DataPlane, localId: number, peerId: number): CallChannel {
  return plane.l2tp
    .openTunnel({ localId, peerId, remote: plane.l2tp.secureRemote(1, 1701, 1701) })
    .openCall({ localId: 10 * localId, peerId: 10 * peerId, sequencing: false, mru: 1400 });
}

for (const [kind, netdev] of [
  ["kernel", "ppp"],
  ["userspace", "tun"],
] as const) {
  test(`a link in ${kind} stays up while the shell sends through it`, async () => {
    const p = await pairOf([kind, "kernel"], ["10.9.0.1", "10.9.0.2"], read);
    try {
      await install(p.a, p.b);
      await install(p.b, p.a);
      const [own, theirs] = [call(p.a.plane, 11, 22), call(p.b.plane, 22, 11)];
      const net = { mtu: 1400, clampMss: false };
      const lns = { ...net, ifname: "l2tps-lns", local4: LNS, local6: null, pool: ["10.99.0.0/24"] };
      await (await p.b.plane.net.openServer(lns)).attach(theirs, "10.99.0.2", []);
      const client = { ...net, ifname: "l2tps-t", local4: "10.99.0.2", peer4: LNS, routes: [] };
      await p.a.plane.net.attachClient(own, client);
      for (let i = 0; i < WAIT_S && !there(`/tmp/flow-${netdev}`); i++) await settle(read);
      assert.ok(there(`/tmp/flow-${netdev}`), "the shell has not come");
    } finally {
      await p.close();
    }
  });
}
