// TUN, TAP and raw sockets of the native library, in a network namespace of their own. Needs root.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { test } from "node:test";
import type { Native, Ring } from "node-tuntap2";
import { ADDR, DROPS, HEAD, Kind, LEN, META, OFF, SLOT } from "node-tuntap2";
import { loadNative } from "../../src/runtime/node/native.ts";

const INSIDE = "L2TPSEC_TEST_NETNS";

if (process.env[INSIDE] === undefined) {
  const root = process.getuid?.() === 0;
  const unshare = root && spawnSync("unshare", ["-n", "true"]).status === 0;
  test("native library in a network namespace", {
    skip: !root ? "needs root" : !unshare && "unshare -n does not work here",
  }, () => {
    const env: NodeJS.ProcessEnv = { ...process.env, [INSIDE]: "1" };
    delete env["NODE_TEST_CONTEXT"];
    const r = spawnSync("unshare", ["-n", process.execPath, process.argv[1] as string], {
      encoding: "utf8",
      env,
      timeout: 30000,
    });
    assert.equal(r.status, 0, r.stdout + r.stderr);
  });
} else {
  inside(loadNative());
}

function ip(...args: string[]): void {
  const r = spawnSync("ip", args, { encoding: "utf8" });
  assert.equal(r.status, 0, `ip ${args.join(" ")}: ${r.stderr}`);
}
function code(f: () => unknown): unknown {
  try {
    f();
  } catch (e) {
    return (e as { code?: string }).code;
  }
  return undefined;
}
function body(ring: Ring, i: number): Uint8Array {
  const off = ring.meta[i * META + OFF] as number;
  return ring.mem.slice(off, off + (ring.meta[i * META + LEN] as number));
}

function inside(lib: Native): void {
  ip("link", "set", "lo", "up");
  const device = "/dev/net/tun";
  const noTun = code(() => {
    lib.close(lib.tunOpen("probe%d", "tun").fd);
  });
  const skip = noTun === undefined ? false : `${device}: ${String(noTun)}`;

  test("tun: a ping answered through the rings, device by kernel's number", { skip }, async () => {
    const { fd, name } = lib.tunOpen("natt%d", "tun");
    assert.match(name, /^natt\d+$/);
    assert.equal(
      code(() => lib.tunOpen(name, "tun")),
      "EBUSY",
    );
    ip("addr", "add", "10.77.0.1/24", "dev", name);
    ip("link", "set", name, "up");
    const ring = lib.ring(64);
    let wakes = 0;
    const w = lib.watch(fd, () => {
      wakes++;
      const n = lib.readTun(fd, ring);
      for (let i = 0; i < n; i++) {
        const at = ring.meta[i * META + OFF] as number;
        assert.equal(at, i * SLOT + HEAD);
        const p = ring.mem.subarray(at, at + (ring.meta[i * META + LEN] as number));
        // an IPv4 echo request becomes its answer; the sum shifts with the type
        if (p[9] !== 1 || p[20] !== 8) continue;
        const [src, dst] = [p.slice(12, 16), p.slice(16, 20)];
        p.set(dst, 12);
        p.set(src, 16);
        p[20] = 0;
        const sum = (((p[22] as number) << 8) | (p[23] as number)) + 0x0800;
        p.set([((sum & 0xffff) + (sum >>> 16)) >> 8, ((sum & 0xffff) + (sum >>> 16)) & 255], 22);
        ring.meta.set([Kind.tun, 9], i * META + 2);
      }
      lib.writeTun(fd, ring, n, 8, null); // another device's
      lib.writeTun(fd, ring, n, 9, null);
    });
    const ping = spawn("ping", ["-c", "3", "-i", "0.2", "-W", "2", "-s", "1300", "10.77.0.2"], { stdio: "ignore" });
    const status = await new Promise((done) => {
      ping.on("close", done);
      ping.on("error", () => done("no ping"));
    });
    if (status !== "no ping") {
      assert.equal(status, 0, "ping");
      assert.ok(wakes >= 3);
    }
    w.stop();

    const fp = lib.fastPath();
    ip("link", "set", name, "down");
    ring.meta.set([HEAD, 28, Kind.tun, 9]);
    assert.equal(lib.writeTun(fd, ring, 1, 9, fp), 0);
    assert.equal(fp?.drops()[DROPS.indexOf("tun.error")] ?? 1, 1, "the device is down");
    fp?.close();

    let calls = 0;
    await new Promise<void>((done) => {
      const v = lib.watch(fd, () => {
        if (calls++ < 3)
          return assert.equal(
            code(() => lib.readTun(fd, ring)),
            "EBADFD",
          );
        v.stop();
        done();
      });
      ip("link", "del", name);
    });
    lib.close(fd);
  });

  test("tun: a packet longer than a slot is marked, not cut", { skip }, () => {
    const { fd, name } = lib.tunOpen("", "tun");
    ip("addr", "add", "10.78.0.1/24", "dev", name);
    ip("link", "set", name, "mtu", "4000", "up");
    const into = lib.ring(16);
    const program =
      `const s = require("dgram").createSocket("udp4"); s.send(new Uint8Array(3000), 9, "10.78.0.2", () => ` +
      "s.close())";
    assert.equal(spawnSync(process.execPath, ["-e", program]).status, 0);
    const n = lib.readTun(fd, into);
    assert.ok(n > 0);
    assert.ok(
      Array.from({ length: n }, (_, i) => [into.meta[i * META + LEN], into.meta[i * META + 2]]).some(
        ([len, kind]) => len === 0 && kind === Kind.truncated,
      ),
    );
    lib.close(fd);
  });

  test("tap: opens and closes with its device", { skip }, () => {
    const { fd, name } = lib.tunOpen("nata%d", "tap");
    ip("link", "show", "dev", name);
    lib.close(fd);
    assert.notEqual(spawnSync("ip", ["link", "show", "dev", name]).status, 0, "gone with its descriptor");
  });

  for (const v6 of [false, true]) {
    test(`raw ESP over IPv${v6 ? 6 : 4}: no header, both addresses are told, the source can be chosen`, async () => {
      if (v6) ip("addr", "add", "fd00:77::3/128", "dev", "lo");
      const any = new Uint8Array(v6 ? 16 : 4);
      const from = v6
        ? Uint8Array.of(0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3)
        : Uint8Array.of(127, 0, 0, 3);
      const to = v6 ? Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) : Uint8Array.of(127, 0, 0, 1);
      const fd = lib.rawOpen(v6 ? 6 : 4, 50, any);
      const ring = lib.ring(8);
      for (let i = 0; i < 5; i++) {
        ring.mem.fill(i, i * SLOT + 300, i * SLOT + 300 + 20 + i);
        ring.meta.set([i * SLOT + 300, 20 + i, Kind.raw50, 0], i * META);
        const a = ring.addr.subarray(i * ADDR, (i + 1) * ADDR);
        a[0] = v6 ? 6 : 4;
        a.set(to, 4);
        a.set(from, 20);
      }
      assert.equal(lib.writeRaw(fd, ring, 5, Kind.raw50, null), 5);
      await new Promise<void>((done) => {
        const w = lib.watch(fd, () => {
          w.stop();
          done();
        });
      });
      const into = lib.ring(8);
      assert.equal(lib.readRaw(fd, into), 5);
      for (let i = 0; i < 5; i++) {
        assert.deepEqual(body(into, i), new Uint8Array(20 + i).fill(i));
        const a = into.addr.subarray(i * ADDR, (i + 1) * ADDR);
        assert.deepEqual(
          [a[0], a.slice(2, 4), a.slice(4, 4 + from.length), a.slice(20, 20 + to.length)],
          [v6 ? 6 : 4, new Uint8Array(2), from, to],
        );
      }
      lib.close(fd);
    });
  }
}
