// Sockets, rings and watchers that need no privileges.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import type { Ring } from "node-tuntap2";
import { ADDR, HEAD, Kind, LEN, META, SLOT, TAIL } from "node-tuntap2";
import { loadNative } from "../../runtime/node/native.ts";

const lib = loadNative();
const LO4 = Uint8Array.of(127, 0, 0, 1);
const LO6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

function send(
  fd: number,
  ring: Ring,
  bodies: readonly Uint8Array[],
  to: Uint8Array,
  port: number,
  from: Uint8Array,
): number {
  bodies.forEach((b, i) => {
    ring.mem.set(b, i * SLOT + HEAD);
    ring.meta.set([i * SLOT + HEAD, b.length, Kind.udp4500, 0], i * META);
    const a = ring.addr.subarray(i * ADDR, (i + 1) * ADDR).fill(0);
    a[0] = to.length === 4 ? 4 : 6;
    a.set([port >> 8, port & 255], 2);
    a.set(to, 4);
    a.set(from, 20);
  });
  return lib.writeUdp(fd, ring, bodies.length, Kind.udp4500, null);
}
function code(f: () => unknown): unknown {
  try {
    f();
  } catch (e) {
    return (e as { code?: string }).code;
  }
  return undefined;
}
async function readable(fd: number): Promise<void> {
  await new Promise<void>((done) => {
    const w = lib.watch(fd, () => {
      w.stop();
      done();
    });
  });
}

for (const [name, lo] of [
  ["IPv4", LO4],
  ["IPv6", LO6],
] as const) {
  test(`udp ${name}: a batch arrives in order with sender, local address and port`, async (t) => {
    let a: number;
    try {
      a = lib.udpOpen(lo, 0);
    } catch (e) {
      t.skip(`no loopback: ${(e as Error).message}`);
      return;
    }
    const b = lib.udpOpen(new Uint8Array(lo.length), 0, { reuse: true, buffer: 1 << 20 });
    const out = lib.ring(64);
    const into = lib.ring(16);
    const bodies = Array.from({ length: 40 }, (_, i) => new Uint8Array(i * 40 + 1).fill(i));
    assert.equal(send(a, out, bodies, lo, lib.socketPort(b), lo), 40);
    const got: number[] = [];
    while (got.length < 40) {
      await readable(b);
      const n = lib.readUdp(b, into);
      for (let i = 0; i < n; i++) {
        const [off = 0, len = 0, kind, ref] = into.meta.subarray(i * META, i * META + META);
        assert.deepEqual([off, kind, ref], [i * SLOT + HEAD, 0, 0]);
        assert.equal(into.mem[off], got.length);
        assert.equal(len, got.length * 40 + 1);
        const addr = into.addr.subarray(i * ADDR, (i + 1) * ADDR);
        assert.equal(((addr[2] as number) << 8) | (addr[3] as number), lib.socketPort(a));
        assert.equal(((addr[40] as number) << 8) | (addr[41] as number), lib.socketPort(b));
        assert.deepEqual(
          [addr[0], addr.slice(4, 4 + lo.length), addr.slice(20, 20 + lo.length)],
          [lo.length === 4 ? 4 : 6, lo, lo],
        );
        assert.notEqual(addr[36], 0, "interface index");
        got.push(len);
      }
    }
    assert.equal(lib.readUdp(b, into), 0, "nothing left");
    lib.close(a);
    lib.close(b);
  });
}

test("udp: a datagram that does not fit is marked, empty ones and other families are left out", async () => {
  const a = lib.udpOpen(LO4, 0);
  const b = lib.udpOpen(LO4, 0);
  const out = lib.ring(4);
  const max = SLOT - HEAD - TAIL;
  assert.equal(
    send(
      a,
      out,
      [new Uint8Array(max), new Uint8Array(max + 1), new Uint8Array(0), Uint8Array.of(1)],
      LO4,
      lib.socketPort(b),
      LO4,
    ),
    3,
  );
  await readable(b);
  assert.equal(lib.readUdp(b, out), 3);
  assert.deepEqual(
    [0, 1, 2].map((i) => [out.meta[i * META + LEN], out.meta[i * META + 2]]),
    [
      [max, 0],
      [0, Kind.truncated],
      [1, 0],
    ],
  );
  out.addr[0] = 6;
  out.meta.set([0, 10, Kind.udp4500], 0);
  assert.equal(lib.writeUdp(a, out, 1, Kind.udp4500, null), 0, "an IPv4 socket leaves IPv6 packets to another");
  lib.close(a);
  lib.close(b);
});

test("udp: what cannot be sent is counted by name on the fast path", () => {
  const fp = lib.fastPath();
  if (!fp) return;
  const a = lib.udpOpen(LO4, 0);
  const ring = lib.ring(1);
  ring.meta.set([0, 10, Kind.udp4500, 0]);
  ring.addr.set([4, 0, 1, 1, 127, 0, 0, 1]);
  ring.addr.set([192, 0, 2, 77], 20); // no address of this machine
  assert.equal(lib.writeUdp(a, ring, 1, Kind.udp4500, fp), 0);
  assert.equal(
    fp.drops().reduce((x, y) => x + y),
    1,
  );
  lib.close(a);
  fp.close();
});

test("errors: code, errno and syscall of a failed call; RangeError for a wrong argument", () => {
  const a = lib.udpOpen(LO4, 0);
  try {
    lib.udpOpen(LO4, lib.socketPort(a));
    assert.fail("port in use");
  } catch (e) {
    const { code, errno, syscall, message } = e as { code: string; errno: number; syscall: string; message: string };
    assert.deepEqual([code, syscall], ["EADDRINUSE", "bind"]);
    assert.ok(errno < 0 && message.startsWith("EADDRINUSE: "));
  }
  assert.equal(
    code(() => lib.udpOpen(Uint8Array.of(192, 0, 2, 77), 0)),
    "EADDRNOTAVAIL",
  );
  const ring = lib.ring(1);
  const bytes = (x: unknown): Uint8Array => x as Uint8Array;
  for (const f of [
    () => lib.udpOpen(new Uint8Array(3), 0),
    () => lib.udpOpen(LO4, 65536),
    () => lib.udpOpen(LO4, -1),
    () => lib.udpOpen(LO4, Number.NaN),
    () => lib.udpOpen(bytes("127.0.0.1"), 0),
    () => lib.udpOpen(bytes(new Uint32Array(4)), 0),
    () => lib.rawOpen(6, 50, LO4),
    () => lib.close(a + 1000),
    () => lib.close(0),
    () => lib.ring(0),
    () => lib.ring(257),
    () => lib.ring(1.5),
    () => lib.watch(a, bytes(1) as unknown as () => void),
    () => lib.watch(-1, () => {}),
    () => lib.readUdp(a, { ...ring, mem: new Uint8Array(100) }),
    () => lib.readUdp(a, { ...ring, mem: new Uint8Array(new SharedArrayBuffer(2108)) }),
    () => lib.writeUdp(a, ring, 2, 1, null),
    () => lib.tunOpen("a/b", "tun"),
    () => lib.tunOpen("0123456789abcdef", "tun"),
    () => lib.ioctl(a, 0, new Uint8Array(2000)),
    () => lib.probePath(new Uint8Array(2)),
  ])
    assert.throws(f, RangeError, f.toString());
  structuredClone(ring.mem.buffer, { transfer: [ring.mem.buffer as ArrayBuffer] });
  assert.throws(() => lib.readUdp(a, ring), RangeError, "a detached ring");
  lib.close(a);
  assert.throws(() => lib.close(a), RangeError, "closed already");
});

test("constants, socket options, netlink and the path probe", () => {
  const c = (name: string): number => lib.constants[name] as number;
  const a = lib.udpOpen(LO4, 0);
  lib.setsockopt(
    a,
    c("IPPROTO_IP"),
    c("IP_MTU_DISCOVER"),
    new Uint8Array(Uint32Array.of(c("IP_PMTUDISC_PROBE")).buffer),
  );
  const value = new Uint8Array(4);
  assert.equal(lib.getsockopt(a, c("IPPROTO_IP"), c("IP_MTU_DISCOVER"), value), 4);
  assert.equal(new Uint32Array(value.buffer)[0], c("IP_PMTUDISC_PROBE"));
  assert.match(String(code(() => lib.setsockopt(a, 9999, 9999, value))), /^(EOPNOTSUPP|ENOPROTOOPT)$/);
  const req = new Uint8Array(40);
  req.set([0x6c, 0x6f]); // "lo"
  lib.ioctl(a, c("SIOCGIFINDEX"), req);
  const lo = new Uint32Array(req.buffer)[4] as number;
  assert.ok(lo > 0);
  const path = lib.probePath(LO4);
  assert.deepEqual([path.local, path.ifindex], [LO4, lo]);
  assert.ok(path.mtu >= 16384);
  lib.close(a);

  const nl = lib.netlinkOpen(c("NETLINK_ROUTE"), 0);
  const into = new Uint8Array(8192);
  assert.equal(lib.recv(nl, into), -1);
  const get = new Uint8Array(32);
  const v = new DataView(get.buffer);
  v.setUint32(0, 32, true);
  v.setUint16(4, c("RTM_GETLINK"), true);
  v.setUint16(6, c("NLM_F_REQUEST"), true);
  v.setUint32(20, lo, true);
  assert.equal(lib.send(nl, get), 32);
  const n = lib.recv(nl, into);
  assert.ok(n > 32);
  assert.equal(new DataView(into.buffer).getUint16(4, true), c("RTM_NEWLINK"));
  lib.close(nl);
});

test("watch: one a descriptor, stop and close inside the callback, close stops", async () => {
  const a = lib.udpOpen(LO4, 0);
  const w = lib.watch(a, () => assert.fail("nothing was sent"));
  assert.equal(
    code(() => lib.watch(a, () => {})),
    "EEXIST",
  );
  w.stop();
  w.stop();
  const out = lib.ring(1);
  send(a, out, [Uint8Array.of(1)], LO4, lib.socketPort(a), LO4);
  await new Promise<void>((done) => {
    const v = lib.watch(a, () => {
      lib.close(a);
      v.stop();
      done();
    });
  });
  assert.throws(() => lib.close(a), RangeError);
});

/** A program of its own that has the library as `lib` and a readable socket `fd`. */
function program(body: string): { status: number | null; ms: number; out: string } {
  const file = join(process.cwd(), "dist/tuntap2.node");
  const head = `const flat = require(${JSON.stringify(file)}); const lo = Uint8Array.of(127,0,0,1);
    const fd = flat.udpOpen(lo, 0, false, false, 0); const ring = new ArrayBuffer(2108);
    const poke = () => {
      const s = require("node:dgram").createSocket("udp4");
      s.send("x", flat.socketPort(fd), "127.0.0.1", () => s.close()); };`;
  const began = process.hrtime.bigint();
  const r = spawnSync(process.execPath, ["-e", head + body], { encoding: "utf8", timeout: 10000 });
  return { status: r.status, ms: Number(process.hrtime.bigint() - began) / 1e6, out: r.stdout + r.stderr };
}

test("a process ends at once when its last watcher stops, and lives until then", () => {
  const r = program(
    `const w = flat.watch(fd, () => { flat.readUdp(fd, ring); console.log("read"); flat.unwatch(w); }); poke();`,
  );
  assert.deepEqual([r.status, r.out], [0, "read\n"]);
  assert.ok(r.ms < 3000, `${r.ms} ms`);
});
test("process.exit with watchers, rings and fast paths open ends cleanly", () => {
  const r = program(`flat.watch(fd, () => {}); flat.fpNew(); flat.fpNew(); process.exit(7);`);
  assert.deepEqual([r.status, r.out], [7, ""]);
});
test("an exception in a callback is an uncaughtException", () => {
  const r = program(
    `process.on("uncaughtException", (e) => { console.log(e.message); flat.close(fd); }); flat.watch(fd, ` +
      `() => { throw new Error("boom"); }); poke();`,
  );
  assert.deepEqual([r.status, r.out], [0, "boom\n"]);
  const fatal = program(`flat.watch(fd, () => { throw new Error("boom"); }); poke();`);
  assert.equal(fatal.status, 1);
  assert.match(fatal.out, /boom/);
});
test("a worker with an open watcher is torn down without a trace", () => {
  const file = join(process.cwd(), "dist/tuntap2.node");
  const worker =
    `const flat = require(${JSON.stringify(file)}); const fd = flat.udpOpen(Uint8Array.of(127,0,0,1), 0, ` +
    "false, false, 0); flat.watch(fd, () => {}); flat.fpNew(); " +
    `require("node:worker_threads").parentPort.postMessage(1);`;
  const r = program(`flat.close(fd); const { Worker } = require("node:worker_threads"); let n = 0;
    (function next() {
      if (n++ === 5) return;
      const w = new Worker(${JSON.stringify(worker)}, { eval: true });
      w.on("message", () => w.terminate()); w.on("exit", next);
    })();`);
  assert.deepEqual([r.status, r.out], [0, ""]);
});
