// A line's netdev with a real TUN, in a network namespace of its own: what the host sends comes to the line, what the
// line receives comes to the host, routes are there and go.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { test } from "node:test";
import { Packet } from "../../src/core/packet.ts";
import type { LineInterface } from "../../src/dataplane/dataplane.ts";
import { openUserspacePlane } from "../../src/dataplane/userspace/plane.ts";
import { nodeClock } from "../../src/runtime/node/clock.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";

const INSIDE = process.env["LINE_INSIDE"] === "1";
const skip = process.getuid?.() === 0 ? false : "needs root: a TUN, a network namespace";
const run = (...words: string[]): Promise<{ code: number | null; out: string }> =>
  new Promise((resolve) => {
    const p = spawn(words[0] as string, words.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    p.stdout.on("data", (d) => {
      out += d;
    });
    p.on("close", (code) => resolve({ code, out }));
  });

/** An ICMP echo request becomes its own reply: addresses change places, type 8 becomes 0, the checksum follows. */
function reply(request: Uint8Array): Uint8Array {
  const p = request.slice();
  p.set(request.subarray(12, 16), 16);
  p.set(request.subarray(16, 20), 12);
  const sum = (((p[22] as number) << 8) | (p[23] as number)) + 0x0800;
  const folded = (sum & 0xffff) + (sum >>> 16);
  p[20] = 0;
  p[22] = folded >>> 8;
  p[23] = folded;
  return p;
}

if (INSIDE) {
  test("packets pass both ways, in any number; routes and netdev go together", async () => {
    const native = loadNative();
    const fastPath = native.fastPath();
    assert.ok(fastPath);
    const plane = await openUserspacePlane({
      native,
      fastPath,
      clock: nodeClock,
      crypto: nodeCrypto,
      log: { emit: () => {} },
    });
    const seen: number[] = [];
    let net: LineInterface | null = null;
    const line = {
      transmit: (p: Packet): void => {
        seen.push(p.length);
        assert.ok(p.start >= 4, "headroom for PPP");
        net?.receive(Packet.of(reply(p.view())));
      },
      counters: () => ({ rxPackets: 0, rxBytes: 0, txPackets: seen.length, txBytes: 0 }),
      lost: (why: string): void => assert.fail(why),
    };
    net = await plane.net.attachLine(line, {
      ifname: "i5line0",
      mtu: 576,
      local4: "10.7.0.2",
      peer4: "10.7.0.1",
      routes: [{ prefix: "10.8.0.0/16" }],
      clampMss: true,
    });
    assert.equal((await run("ping", "-c", "3", "-i", "0.2", "-W", "2", "10.7.0.1")).code, 0);
    assert.equal((await run("ping", "-c", "1", "-s", "500", "-W", "2", "10.8.3.4")).code, 0);
    assert.deepEqual([seen.slice(0, 4), net.counters().txPackets], [[84, 84, 84, 528], 4]);
    net.receive(Packet.of(Uint8Array.of(0x60, 0, 0)));
    assert.equal(plane.drops()["ip.bad"], 1);
    const link = await run("ip", "link", "show", "i5line0");
    assert.match(link.out, /mtu 576/);
    await net.detach();
    assert.notEqual((await run("ip", "link", "show", "i5line0")).code, 0);
    assert.equal((await run("ip", "route", "show", "10.8.0.0/16")).out, "");
    const again = await plane.net.attachLine(line, {
      ifname: "i5line0",
      mtu: 1500,
      local4: "10.7.0.2",
      peer4: "10.7.0.1",
      routes: [],
      clampMss: true,
    });
    await again.detach();
    await plane.close();
  });
} else {
  test("a line's netdev", { skip }, () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const r = spawnSync("unshare", ["-n", process.execPath, "--enable-source-maps", "--test", process.argv[1] ?? ""], {
      encoding: "utf8",
      timeout: 60_000,
      env: { ...env, LINE_INSIDE: "1" },
    });
    assert.equal(r.status, 0, r.stdout + r.stderr);
    assert.match(r.stdout, /# pass 1/);
  });
}
