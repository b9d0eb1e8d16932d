// The anti-replay window at its exact edges: the library in C, the reference, and core/replay.ts packet for packet.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FastPath } from "node-tuntap2";
import { DROPS } from "node-tuntap2";
import { ReplayWindow } from "../../src/core/replay.ts";
import { referenceFastPath } from "../../src/dataplane/userspace/reference.ts";
import { espSa } from "../../src/esp/sa.ts";
import { sealEsp } from "../../src/esp/seal.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import { A4, B4, pattern, put } from "./fixture.ts";

const lib = loadNative();
const KINDS: readonly (readonly [string, () => FastPath])[] = [
  ["library", () => lib.fastPath() ?? assert.fail("this Node exports libcrypto")],
  ["reference", () => referenceFastPath(nodeCrypto)],
];
const SPI = 0x1000;
const KEY = pattern(20);
const sealer = espSa(SPI, "null", "sha1", new Uint8Array(0), KEY);
const NO_NEXT_HEADER = 59; // RFC 4303 §2.6: taken by the window, and then of no use

/**
 * An inbound SA that says of each sequence number whether it passed the window; `forged`: the packet does not
 * authenticate.
 */
function receiver(fp: FastPath, window: number): (seq: number, forged?: boolean) => boolean {
  const flow = fp.addFlow({ local: A4, remote: B4, localPort: 4500, remotePort: 4500, encap: "udp" });
  const sa = fp.addSaIn({
    spi: SPI,
    cipher: "null",
    integ: "sha1",
    encr: new Uint8Array(0),
    integKey: KEY,
    flow,
    hardBytes: 0,
    hardPackets: 0,
    window,
  });
  const ring = lib.ring(1);
  return (seq, forged = false) => {
    const packet = sealEsp(nodeCrypto, sealer, seq, NO_NEXT_HEADER, new Uint8Array(0));
    if (forged) packet.set([(packet.at(-1) as number) ^ 1], packet.length - 1);
    const before = fp.saCounters(sa).packets;
    put(ring, 0, packet);
    assert.equal(fp.rx("udp4500", ring, 1), 0);
    return fp.saCounters(sa).packets > before;
  };
}

for (const [name, make] of KINDS) {
  for (const size of [32, 64, 96, 1024]) {
    test(`${name}: a window of ${size} takes exactly ${size} numbers, wherever it stands`, () => {
      for (const top of [
        size,
        size + 1,
        size + 31,
        size + 32,
        2 * size,
        5 * size + 17,
        0x7fffffff,
        0x80000000,
        0xffffffff,
      ]) {
        const fp = make();
        const take = receiver(fp, size);
        const w = new ReplayWindow(size);
        const both = (seq: number): boolean => {
          const fresh = w.fresh(seq);
          assert.equal(take(seq), fresh, `${seq}, top ${w.top}`);
          if (fresh) w.mark(seq);
          return fresh;
        };
        assert.ok(both(top));
        const below = (n: number): number => top - n;
        assert.equal(both(below(size)), false, "one too old");
        assert.equal(both(below(size - 1)), below(size - 1) > 0, "the oldest");
        for (const n of [size - 1, 0, 1, 1, size - 2, size, size + 1, 31, 32, 33]) if (below(n) >= 0) both(below(n));
        if (top < 0xffffffff - size) {
          for (const step of [1, 1, 31, 32, 33, size - 1, size, size + 1]) {
            // and after each move
            both(w.top + step);
            for (const n of [0, 1, 30, 31, 32, 33, size - 2, size - 1, size, size + 1]) if (w.top >= n) both(w.top - n);
          }
        }
        fp.close();
      }
    });
  }
  test(`${name}: 0 is no number, and what does not authenticate moves no window`, () => {
    const fp = make();
    const take = receiver(fp, 64);
    assert.deepEqual(
      [take(0), take(5), take(1000, true), take(4), take(1000, true), take(5), take(3)],
      [false, true, false, true, false, false, true],
    );
    assert.equal(fp.drops()[DROPS.indexOf("esp.replay")], 2, "0 and the second 5");
    fp.close();
  });
}
