// The contract of every data plane, on the userspace one: two planes in one process talk over the loopback of a network
// namespace of their own, over IPv4 and IPv6, on the native fast path and on its TypeScript reference.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { openUserspacePlane } from "../../src/dataplane/userspace/plane.ts";
import { nodeClock } from "../../src/runtime/node/clock.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import type { Pair, Side } from "../dataplane/contract.ts";
import { planeContract } from "../dataplane/contract.ts";

const INSIDE = process.env["PLANE_CONTRACT_INSIDE"] === "1";
const skip = process.getuid?.() === 0 ? false : "needs root: raw sockets, a network namespace";

async function pair(addressA: string, addressB: string): Promise<Pair> {
  const side = async (address: string, n: number): Promise<Side> => {
    const native = loadNative();
    const fastPath = native.fastPath();
    assert.ok(fastPath, "the library has no libcrypto");
    const ports = { ike: 500 + n, nat: 4500 + n };
    const plane = await openUserspacePlane({
      native,
      fastPath,
      clock: nodeClock,
      crypto: nodeCrypto,
      log: { emit: () => {} },
      options: { ikePort: ports.ike, natPort: ports.nat },
    });
    return { plane, ike: plane.ikePort(), address, ports };
  };
  const a = await side(addressA, 0);
  const b = await side(addressB, 1);
  return {
    a,
    b,
    // two sockets on loopback, on a machine that may be busy
    settle: () => new Promise((done) => setTimeout(done, 100)),
    close: async () => {
      await a.plane.close();
      await b.plane.close();
    },
  };
}

if (INSIDE) {
  planeContract("userspace, IPv4", () => pair("127.0.0.1", "127.0.0.2"));
  planeContract("userspace, IPv6", () => pair("fd00::1", "fd00::2"));
} else {
  test("the plane contract holds on the userspace plane", { skip }, () => {
    const script =
      'ip link set lo up && ip addr add fd00::1/128 dev lo && ip addr add fd00::2/128 dev lo && exec "$0" ' +
      '--enable-source-maps --test "$1"';
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const r = spawnSync("unshare", ["-n", "sh", "-c", script, process.execPath, process.argv[1] ?? ""], {
      encoding: "utf8",
      timeout: 60_000,
      env: { ...env, PLANE_CONTRACT_INSIDE: "1" },
    });
    assert.equal(r.status, 0, r.stdout + r.stderr);
    assert.match(r.stdout, /# pass 3\d/);
  });
}
