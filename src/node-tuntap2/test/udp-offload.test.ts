// UDP with segmentation and coalescing by the kernel, over loopback: the reader sees the very datagrams.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ring } from "node-tuntap2";
import { ADDR, HEAD, Kind, LEN, META, OFF, SLOT } from "node-tuntap2";
import { loadNative } from "../../runtime/node/native.ts";

const lib = loadNative();
const SO_NO_CHECK = 11; // as on all architectures but three old ones
const [IPPROTO_UDP, NO_CHECK6_TX, NO_CHECK6_RX] = [17, 101, 102];
const LO: readonly (readonly [string, Uint8Array])[] = [
  ["IPv4", Uint8Array.of(127, 0, 0, 1)],
  ["IPv6", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)],
];

/** Datagrams of `sizes`, each with its number in its first two bytes, to ports in turn. */
function send(fd: number, sizes: readonly number[], to: Uint8Array, ports: readonly number[]): number {
  const ring = lib.ring(256);
  sizes.forEach((n, i) => {
    const at = i * SLOT + HEAD;
    for (let k = 0; k < n; k++) ring.mem[at + k] = (i * 31 + k) & 255;
    ring.mem.set([i >> 8, i & 255].slice(0, n), at);
    ring.meta.set([at, n, Kind.udp4500, 0], i * META);
    const a = ring.addr.subarray(i * ADDR, (i + 1) * ADDR);
    const port = ports[i % ports.length] ?? 0;
    a[0] = to.length === 4 ? 4 : 6;
    a.set([port >> 8, port & 255], 2);
    a.set(to, 4);
    a.set(to, 20);
  });
  return lib.writeUdp(fd, ring, sizes.length, Kind.udp4500, null);
}
/** Their numbers and lengths in the order they come; every byte is looked at. */
function take(ring: Ring, n: number): string[] {
  const out: string[] = [];
  for (let s = 0; s < n; s++) {
    const [at = 0, length = 0] = [ring.meta[s * META + OFF], ring.meta[s * META + LEN]];
    const i = ((ring.mem[at] ?? 0) << 8) | (ring.mem[at + 1] ?? 0);
    for (let k = 2; k < length; k++) if (ring.mem[at + k] !== ((i * 31 + k) & 255)) assert.fail(`${i}, byte ${k}`);
    out.push(`${i} ${length}`);
  }
  return out;
}
function all(fd: number, ring: Ring): string[] {
  const out: string[] = [];
  for (;;) {
    const n = lib.readUdp(fd, ring);
    if (n === 0) return out;
    out.push(...take(ring, n));
  }
}
const open = (address: Uint8Array, offload: boolean): number => lib.udpOpen(address, 0, { offload, buffer: 4 << 20 });
const equal = (n: number, size: number): number[] => Array.from({ length: n }, () => size);

const SERIES: readonly (readonly [string, readonly number[]])[] = [
  ["equal ones", equal(250, 1400)],
  ["a shorter last one of each", equal(250, 1400).map((n, i) => (i % 7 === 6 ? 900 : n))],
  ["a longer one now and then", equal(200, 700).map((n, i) => (i % 11 === 3 ? 1500 : n))],
  ["all lengths", Array.from({ length: 256 }, (_, i) => 2 + i * 7)],
  ["small ones", equal(256, 64)],
];
for (const [family, address] of LO) {
  for (const [name, sizes] of SERIES) {
    for (const [how, sends, reads] of [
      ["both", true, true],
      ["the sender", true, false],
      ["the reader", false, true],
    ] as const) {
      test(`${family}, ${name}, offloads: ${how}`, () => {
        const [a, b] = [open(address, sends), open(address, reads)];
        assert.equal(send(a, sizes, address, [lib.socketPort(b)]), sizes.length);
        assert.deepEqual(
          all(b, lib.ring(64)),
          sizes.map((n, i) => `${i} ${n}`),
        );
        assert.deepEqual(lib.offload(a), { held: false, refused: false });
        lib.close(a);
        lib.close(b);
      });
    }
  }
  test(`${family}: each goes where its own address says`, () => {
    const a = open(address, true);
    const b = [open(address, true), open(address, true), open(address, false)];
    const ports = b.map((fd) => lib.socketPort(fd));
    assert.equal(send(a, equal(90, 1000), address, ports), 90);
    for (const [k, fd] of b.entries()) {
      const mine = Array.from({ length: 30 }, (_, i) => `${3 * i + k} 1000`);
      assert.deepEqual(all(fd, lib.ring(16)), mine);
      lib.close(fd);
    }
    lib.close(a);
  });
  test(`${family}: what has no room in the ring is held, handed out next, and nothing is lost or mixed up`, () => {
    const [a, b] = [open(address, true), open(address, true)];
    const sizes = [...equal(100, 1300), ...equal(100, 500), 77];
    assert.equal(send(a, sizes, address, [lib.socketPort(b)]), sizes.length);
    const ring = lib.ring(10);
    const got: string[] = [];
    let held = 0;
    for (;;) {
      const n = lib.readUdp(b, ring);
      if (n === 0) break;
      got.push(...take(ring, n));
      if (lib.offload(b).held) {
        held++;
        assert.equal(n, 10, "the ring is full when something is held");
      }
    }
    assert.ok(held > 5, `${held} times`);
    assert.deepEqual(
      got,
      sizes.map((n, i) => `${i} ${n}`),
    );
    assert.equal(lib.offload(b).held, false);
    lib.close(b);
    lib.close(a);
  });
  test(`${family}: where segments are refused each goes by itself, and that is said once`, () => {
    const [a, b] = [open(address, true), open(address, true)];
    // The kernel does not segment what goes without a checksum.
    const level = lib.constants["SOL_SOCKET"] ?? 1;
    const on = new Uint8Array(Int32Array.of(1).buffer);
    lib.setsockopt(a, level, SO_NO_CHECK, on);
    if (family === "IPv6") {
      lib.setsockopt(a, IPPROTO_UDP, NO_CHECK6_TX, on);
      lib.setsockopt(b, IPPROTO_UDP, NO_CHECK6_RX, on);
    }
    const sizes = equal(100, 1000);
    for (let i = 0; i < 2; i++) {
      assert.equal(send(a, sizes, address, [lib.socketPort(b)]), sizes.length);
      assert.equal(lib.offload(a).refused, i === 0);
    }
    assert.deepEqual(
      all(b, lib.ring(256)).map((x) => x.split(" ")[1]),
      [...sizes, ...sizes].map(String),
    );
    lib.close(a);
    lib.close(b);
  });
}
test("a descriptor without offloads holds nothing", () => {
  const fd = open(Uint8Array.of(127, 0, 0, 1), false);
  assert.deepEqual(lib.offload(fd), { held: false, refused: false });
  lib.close(fd);
});
