// The life of an SA: limits, rekeying, replay, padding, IVs; on both fast paths.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ADDR, Kind } from "node-tuntap2";
import { concat } from "../../src/core/text.ts";
import { espSa } from "../../src/esp/sa.ts";
import { sealEsp } from "../../src/esp/seal.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import type { End } from "./fixture.ts";
import { A4, end, get, ip4, pattern, put } from "./fixture.ts";
import { DST, drop, KINDS, lib, pass, SRC } from "./kinds.ts";

for (const [name, make] of KINDS) {
  test(`${name}: hard limits stop an SA at the packet, both ways`, () => {
    const l = end(make(), true, { sa: { hardPackets: 3 } });
    const r = end(make(), false);
    assert.deepEqual(
      [1, 2, 3, 4].map(() => pass(l, r).kind),
      [Kind.tun, Kind.tun, Kind.tun, 0],
    );
    assert.equal(drop(l.fp, "esp.limit"), 1);
    const l2 = end(make(), true);
    const r2 = end(make(), false, { sa: { hardBytes: 100 } });
    assert.deepEqual(
      [1, 2, 3].map(() => pass(l2, r2).kind),
      [Kind.tun, Kind.tun, 0],
      "78 bytes each",
    );
    assert.equal(drop(r2.fp, "esp.limit"), 1);
  });

  test(`${name}: rekey without a loss: the old inbound SA keeps receiving until removed`, () => {
    const l = end(make(), true);
    const r = end(make(), false);
    const fresh = (e: End, spi: number) => ({
      spi,
      cipher: "aes256",
      integ: "sha256",
      encr: pattern(32, spi),
      integKey: pattern(32, spi + 1),
      flow: e.flow,
      hardBytes: 0,
      hardPackets: 0,
      window: 64,
    });
    assert.equal(pass(l, r).kind, Kind.tun);
    r.fp.addSaIn(fresh(r, 0x1111));
    const out = l.fp.addSaOut(fresh(l, 0x1111));
    assert.equal(pass(l, r).kind, Kind.tun, "old one, new one waiting");
    l.fp.setFlowSa(l.flow, out);
    l.fp.removeSa(l.saOut);
    assert.equal(pass(l, r).kind, Kind.tun, "new one");
    r.fp.removeSa(r.saIn);
    assert.equal(pass(l, r).kind, Kind.tun);
    l.fp.removeSa(out);
    assert.equal(pass(l, r).kind, 0);
    assert.equal(drop(l.fp, "tx.no-sa"), 1);
  });

  test(`${name}: an unknown SPI is reported once with its sender and drops`, () => {
    const l = end(make(), true);
    const r = end(make(), false);
    r.fp.removeSa(r.saIn);
    assert.equal(pass(l, r).kind, 0);
    const into = new Uint8Array(ADDR);
    assert.equal(r.fp.nextUnknownSpi(into), 0x1000);
    assert.deepEqual([...into.subarray(0, 8)], [4, 0, 4500 >> 8, 4500 & 255, ...A4]);
    assert.equal(r.fp.nextUnknownSpi(into), 0);
    assert.equal(drop(r.fp, "esp.unknown-spi"), 1);
  });

  test(`${name}: the replay window agrees with a set of everything seen, at its edges and beyond`, () => {
    const sa = espSa(0x1000, "null", "sha1", new Uint8Array(0), pattern(20, 0x1001));
    const jump = fc.constantFrom(0, 1, 2, 31, 32, 33, 62, 63, 64, 65, 95, 96, 97, 127, 128, 200);
    const jumps = fc.array(fc.tuple(jump, fc.boolean()), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.constantFrom(0, 0xffffff00), jumps, (start, steps) => {
        const r = end(make(), false, { cipher: "null", integ: "sha1", key: 0, mac: 20, sa: { window: 64 } });
        const ring = lib.ring(1);
        const seen = new Set<number>();
        let top: number = start;
        for (const [jump, back] of [[0, false] as const, ...steps]) {
          const seq = back ? Math.max(0, top - jump) : Math.min(0xffffffff, top + jump);
          put(ring, 0, sealEsp(nodeCrypto, sa, seq, 59, new Uint8Array(4)));
          const before = drop(r.fp, "esp.next-header");
          r.fp.rx("udp4500", ring, 1);
          const fresh = seq > 0 && !seen.has(seq) && Math.max(top, seq) - seq < 64;
          assert.equal(drop(r.fp, "esp.next-header") - before, fresh ? 1 : 0, `${seq}, the newest was ${top}`);
          if (fresh) seen.add(seq);
          top = Math.max(top, seq);
        }
        r.fp.close();
      }),
      { numRuns: name === "library" ? 200 : 30 },
    );
  });

  test(`${name}: padding that is not 1, 2, 3 and so on, or too long, drops an authentic packet for good`, () => {
    const r = end(make(), false, { cipher: "null", integ: "sha1", key: 0, mac: 20 });
    const ring = lib.ring(1);
    const texts = [
      [2, 3, 4, 5, 6, 7, 7, 59], // the sequence number in front of it ends with the missing 1
      [0, 0, 9, 1, 2, 9, 3, 59],
      [0, 0, 0, 0, 0, 0, 4, 59],
      [1, 2, 3, 4, 5, 6, 255, 59],
      [0, 0, 1, 59],
      [0, 0, 1, 2, 3, 4, 4, 59],
      [1, 2, 3, 4, 5, 6, 6, 59],
      [5, 5, 0, 59], // these are right
    ];
    for (const [i, text] of texts.entries()) {
      const whole = Uint8Array.from([0, 0, 0x10, 0, 0, 0, 0, i + 1, ...text]);
      const packet = concat([whole, nodeCrypto.hmac("sha1", pattern(20, 0x1001), [whole]).subarray(0, 12)]);
      for (let n = 0; n < 2; n++) {
        put(ring, 0, packet);
        r.fp.rx("udp4500", ring, 1);
      }
    }
    assert.deepEqual([drop(r.fp, "esp.padding"), drop(r.fp, "esp.next-header"), drop(r.fp, "esp.replay")], [5, 3, 8]);
  });

  test(`${name}: no IV of AES-CBC comes twice`, () => {
    const l = end(make(), true, { cipher: "aes128", integ: "sha256", key: 16, mac: 32 });
    const ring = lib.ring(64);
    const ivs = new Set<string>();
    for (let k = 0; k < 4; k++) {
      for (let i = 0; i < 64; i++) put(ring, i, ip4(SRC, DST, pattern(8)));
      assert.equal(l.fp.tx(1, ring, 64), 64);
      for (let i = 0; i < 64; i++) ivs.add(Buffer.from(get(ring, i).body.subarray(8, 24)).toString("hex"));
    }
    assert.equal(ivs.size, 256);
  });
}
