// Many calls, routes and flows at once.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { A4, B4, ip4, ip6, pattern, put } from "./fixture.ts";
import { lib, library, SRC } from "./kinds.ts";

test("several hundred calls and routes: the library finds what a plain list finds", () => {
  const octet = fc.integer({ min: 0, max: 3 });
  const route = fc.record({
    a: octet,
    b: octet,
    c: octet,
    d: octet,
    length: fc.constantFrom(0, 8, 16, 22, 24, 30, 32),
    remove: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(route, { maxLength: 60 }),
      fc.array(fc.tuple(octet, octet, octet, octet), { maxLength: 30 }),
      (routes, targets) => {
        const fp = library();
        const flow = fp.addFlow({ local: A4, remote: B4, localPort: 1701, remotePort: 1701, encap: "clear" });
        const model = new Map<string, { n: number; length: number; call: number }>();
        const mask = (n: number, length: number): number => (length === 0 ? 0 : (n & (-1 << (32 - length))) >>> 0);
        const ip = (a: number, b: number, c: number, d: number): number => ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
        const bytes = (n: number): Uint8Array => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
        routes.forEach((r, i) => {
          const n = mask(ip(r.a, r.b, r.c, r.d), r.length);
          const key = `${n}/${r.length}`;
          const there = model.get(key);
          if (there && r.remove) {
            fp.removeRoute(5, bytes(n), r.length);
            fp.removeCall(there.call);
            model.delete(key);
          } else if (!there) {
            const call = fp.addCall({
              flow,
              dev: 5,
              localTunnel: 1,
              localCall: i + 1,
              peerTunnel: 1,
              peerCall: 1000 + i,
              innerLocalPort: 1701,
              innerRemotePort: 1701,
              pppHeader: new Uint8Array(0),
              ip: true,
              ip6: false,
              sequencing: false,
              allUp: false,
              passes: 0,
              clampMss: 0,
              checkSource: false,
              echoMagic: 0,
              echoLongest: 0,
            });
            fp.addRoute(5, bytes(n), r.length, call);
            model.set(key, { n, length: r.length, call: call });
          }
        });
        const ring = lib.ring(1);
        for (const [a, b, c, d] of targets) {
          put(ring, 0, ip4(SRC, [a, b, c, d], new Uint8Array(0)));
          const best = [...model.values()]
            .filter((m) => mask(ip(a, b, c, d), m.length) === m.n)
            .sort((x, y) => y.length - x.length)[0];
          const before = best ? fp.callCounters(best.call)[2] : 0;
          assert.equal(fp.tx(5, ring, 1), best ? 1 : 0);
          if (best) assert.equal(fp.callCounters(best.call)[2], before + 1);
        }
        fp.close();
      },
    ),
    { numRuns: 200 },
  );
});

test("IPv6 routes of several calls and devices: the library finds what a plain list finds", () => {
  const octet = fc.constantFrom(0, 1, 0x80);
  const route = fc.record({
    at: fc.tuple(octet, octet, octet),
    length: fc.constantFrom(0, 1, 8, 16, 48, 63, 64, 65, 127, 128),
    dev: fc.constantFrom(5, 6),
    remove: fc.boolean(),
  });
  const address = ([a, b, c]: readonly number[]): Uint8Array =>
    Uint8Array.of(0x20, a ?? 0, 0, 0, 0, 0, 0, b ?? 0, 0, 0, 0, 0, 0, 0, 0, c ?? 0);
  const masked = (ip: Uint8Array, length: number): Uint8Array =>
    ip.map((x, i) => x & (0xff00 >> Math.max(0, Math.min(8, length - 8 * i))));
  fc.assert(
    fc.property(
      fc.array(route, { maxLength: 40 }),
      fc.array(fc.tuple(octet, octet, octet), { maxLength: 20 }),
      (routes, targets) => {
        const fp = library();
        const flow = fp.addFlow({ local: A4, remote: B4, localPort: 1701, remotePort: 1701, encap: "clear" });
        const model = new Map<string, { net: Uint8Array; length: number; dev: number; call: number }>();
        routes.forEach((r, i) => {
          const net = masked(address(r.at), r.length);
          const key = `${r.dev} ${net}/${r.length}`;
          const there = model.get(key);
          if (there && r.remove) {
            fp.removeRoute(r.dev, net, r.length);
            fp.removeCall(there.call);
            model.delete(key);
          } else if (!there) {
            const call = fp.addCall({
              flow,
              dev: r.dev,
              localTunnel: 1,
              localCall: i + 1,
              peerTunnel: 1,
              peerCall: 1000 + i,
              innerLocalPort: 1701,
              innerRemotePort: 1701,
              pppHeader: new Uint8Array(0),
              ip: false,
              ip6: true,
              sequencing: false,
              allUp: false,
              passes: 0,
              clampMss: 0,
              checkSource: false,
              echoMagic: 0,
              echoLongest: 0,
            });
            fp.addRoute(r.dev, net, r.length, call);
            model.set(key, { net, length: r.length, dev: r.dev, call });
          }
        });
        const ring = lib.ring(1);
        for (const t of targets) {
          const to = address(t);
          put(ring, 0, ip6([...to], [...to], new Uint8Array(0), 59));
          const best = [...model.values()]
            .filter((m) => m.dev === 5 && masked(to, m.length).join() === m.net.join())
            .sort((x, y) => y.length - x.length)[0];
          const before = best ? fp.callCounters(best.call)[2] : 0;
          assert.equal(fp.tx(5, ring, 1), best ? 1 : 0);
          if (best) assert.equal(fp.callCounters(best.call)[2], before + 1);
        }
        fp.close();
      },
    ),
    { numRuns: 200 },
  );
});

test("two thousand calls on as many flows come and go", () => {
  const fp = library();
  for (let round = 0; round < 3; round++) {
    const made = Array.from({ length: 2000 }, (_, i) => {
      const flow = fp.addFlow({ local: A4, remote: B4, localPort: 4500, remotePort: 1024 + i, encap: "udp" });
      const sa = fp.addSaIn({
        spi: 256 + i,
        cipher: "aes128gcm16",
        integ: "none",
        encr: pattern(20),
        integKey: new Uint8Array(0),
        flow,
        hardBytes: 0,
        hardPackets: 0,
        window: 0,
      });
      const call = fp.addCall({
        flow,
        dev: 5,
        localTunnel: i + 1,
        localCall: 65535 - i,
        peerTunnel: 1,
        peerCall: i + 1,
        innerLocalPort: 1701,
        innerRemotePort: 1701,
        pppHeader: new Uint8Array(0),
        ip: true,
        ip6: false,
        sequencing: false,
        allUp: false,
        passes: 0,
        clampMss: 0,
        checkSource: false,
        echoMagic: 0,
        echoLongest: 0,
      });
      fp.addRoute(5, Uint8Array.of(10, 9, i >> 8, i & 255), 32, call);
      return { flow, sa, call, i };
    });
    assert.equal(new Set(made.map((m) => m.call)).size, 2000);
    for (const m of made) {
      fp.removeRoute(5, Uint8Array.of(10, 9, m.i >> 8, m.i & 255), 32);
      fp.removeCall(m.call);
      fp.removeSa(m.sa);
      fp.removeFlow(m.flow);
      assert.throws(() => fp.callCounters(m.call), RangeError);
    }
  }
  fp.close();
});
