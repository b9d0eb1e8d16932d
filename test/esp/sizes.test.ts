// Sizes and room: the MSS, the MTU inside, and slots, on both fast paths.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HEAD, LEN, META, SLOT } from "node-tuntap2";
import { concat } from "../../src/core/text.ts";
import type { EspCipher, EspInteg } from "../../src/dataplane/dataplane.ts";
import { openEsp } from "../../src/esp/open.ts";
import { innerMtu } from "../../src/esp/overhead.ts";
import { espSa } from "../../src/esp/sa.ts";
import { sum16 } from "../../src/packet/checksum.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { runs } from "../runs.ts";
import { DST, drops, lib, library, reference, SRC } from "./both.ts";
import { A6, B6, end, get, ip4, pattern, put, TRANSFORMS } from "./fixture.ts";

const u8 = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });

test("MSS clamp: both agree, only the MSS changes, and the TCP checksum still fits", () => {
  const option = fc.oneof(
    fc.constant([1]),
    fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 })).map(([a, b]) => [2, 4, a, b]),
    fc.constant([3, 3, 7]),
    fc.constant([4, 2]),
    fc.constant([0]),
    fc.constant([2, 3, 1]),
    fc.constant([8]),
  );
  fc.assert(
    fc.property(
      fc.array(option, { maxLength: 6 }),
      fc.constantFrom(2, 0x12, 0x10),
      u8(0, 5),
      fc.constantFrom(536, 1360),
      (options, flags, data, mss) => {
        const o = options.flat().slice(0, 40);
        while (o.length % 4 !== 0) o.push(0);
        const tcp = concat([
          Uint8Array.of(
            1,
            2,
            3,
            4,
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            0,
            ((20 + o.length) / 4) << 4,
            flags,
            0xff,
            0xff,
            0,
            0,
            0,
            0,
            ...o,
          ),
          data,
        ]);
        const pseudo = sum16(Uint8Array.of(...SRC, ...DST, 0, 6, 0, tcp.length));
        const sum = ~sum16(tcp, pseudo) & 0xffff;
        tcp.set([sum >> 8, sum & 255], 16);
        const bodies = [library(), reference()].map((fp) => {
          end(fp, true, { encap: "clear", call: { clampMss: mss, pppHeader: new Uint8Array(0) } });
          const ring = lib.ring(1);
          put(ring, 0, ip4(SRC, DST, tcp, 6));
          assert.equal(fp.tx(1, ring, 1), 1);
          fp.close();
          return get(ring, 0).body.subarray(6 + 20);
        });
        assert.deepEqual(bodies[0], bodies[1]);
        const out = bodies[0] ?? new Uint8Array(0);
        assert.equal(sum16(out, pseudo), 0xffff);
        if (flags === 0x10) assert.deepEqual(Buffer.from(out), Buffer.from(tcp));
        const [first = [], ...rest] = options;
        if (rest.length === 0 && first.length === 4 && flags !== 0x10) {
          assert.equal(
            ((out[22] as number) << 8) | (out[23] as number),
            Math.min(mss, ((first[2] as number) << 8) | (first[3] as number)),
          );
        }
      },
    ),
    { numRuns: runs(300) },
  );
});

test("IPv6 outside: the inner UDP checksum covers the outer addresses", () => {
  for (const fp of [library(), reference()]) {
    const e = end(fp, true, { v6: true });
    const sa = espSa(0x1000, "aes128gcm16", "none", pattern(20, 0x1000), new Uint8Array(0));
    const ring = lib.ring(9);
    for (let i = 0; i < 9; i++) put(ring, i, pattern(i * 7 + 1, i));
    assert.equal(fp.txControl(e.flow, 1701, 1701, ring, 9), 9);
    for (let i = 0; i < 9; i++) {
      const opened = openEsp(nodeCrypto, sa, get(ring, i).body);
      assert.ok("payload" in opened);
      assert.notEqual(((opened.payload[6] as number) << 8) | (opened.payload[7] as number), 0);
      assert.equal(sum16(opened.payload, sum16(A6, sum16(B6, 17 + opened.payload.length))), 0xffff);
    }
  }
});

test("innerMtu: the largest packet fits the outer MTU exactly, one byte more does not, for every transform", () => {
  for (const [cipher, integ, key, mac] of TRANSFORMS) {
    for (const v6 of [false, true])
      for (const encap of ["udp", "esp"] as const)
        for (const sequencing of [false, true])
          for (const outerMtu of [1280, 1492, 1500]) {
            const ppp = sequencing ? 2 : 4;
            const p = {
              outerMtu,
              ipv6: v6,
              udpEncap: encap === "udp",
              cipher: cipher as EspCipher,
              integ: integ as EspInteg,
              l2tpHeader: sequencing ? 10 : 6,
              pppHeader: ppp,
            };
            const mtu = innerMtu(p);
            const fp = library();
            end(fp, true, { cipher, integ, key, mac, encap, v6, call: { sequencing, pppHeader: new Uint8Array(ppp) } });
            const ring = lib.ring(2);
            put(ring, 0, ip4(SRC, DST, new Uint8Array(mtu - 20)));
            put(ring, 1, ip4(SRC, DST, new Uint8Array(mtu - 19)));
            assert.equal(fp.tx(1, ring, 2), 2);
            const outer = [0, 1].map((i) => get(ring, i).body.length + (v6 ? 40 : 20) + (encap === "udp" ? 8 : 0));
            assert.ok(
              (outer[0] as number) <= outerMtu && (outer[1] as number) > outerMtu,
              `${cipher} ${integ} ${outer.join(" ")} of ${outerMtu}`,
            );
            fp.close();
          }
  }
});

test("room: what does not fit its slot is dropped by name, never written outside", () => {
  for (const fp of [library(), reference()]) {
    end(fp, true, { cipher: "aes128", integ: "sha512", key: 16, mac: 64 });
    const ring = lib.ring(3);
    const canary = pattern(SLOT, 9);
    ring.mem.set(canary, 0);
    ring.mem.set(canary, 2 * SLOT);
    for (const [at, n] of [
      [0, 100],
      [20, 100],
      [HEAD, SLOT - HEAD],
      [HEAD, SLOT - HEAD - 30],
    ] as const) {
      put(ring, 1, ip4(SRC, DST, new Uint8Array(n - 20)), at);
      ring.meta[LEN] = 0;
      ring.meta[2 * META + LEN] = 0;
      assert.equal(fp.tx(1, ring, 3), 0);
    }
    assert.deepEqual(drops(fp), { "ip.too-big": 4 });
    assert.deepEqual(ring.mem.slice(0, SLOT), canary);
    assert.deepEqual(ring.mem.slice(2 * SLOT), canary);
    put(ring, 1, ip4(SRC, DST, new Uint8Array(SLOT - HEAD - 64 - 20)));
    assert.equal(fp.tx(1, ring, 2), 1, "the longest packet that reading gives fits");
  }
});
