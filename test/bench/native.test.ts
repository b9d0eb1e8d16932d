// What one 1400-byte packet costs in the fast path: node scripts/test.mjs test/bench/native.test.ts
import { test } from "node:test";
import type { FastPath } from "node-tuntap2";
import { META, SLOT } from "node-tuntap2";
import { referenceFastPath } from "../../src/dataplane/userspace/reference.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import { end, ip4, pattern, put, TRANSFORMS, wire } from "../esp/fixture.ts";

const lib = loadNative();
const N = 64;
const packet = ip4([10, 0, 0, 1], [10, 0, 0, 2], pattern(1380));

/** Best microseconds a packet of several rounds: the machine may be busy. */
function cost(
  rounds: number,
  makeFp: () => FastPath,
  [cipher, integ, key, mac]: (typeof TRANSFORMS)[number],
): { tx: number; rx: number } {
  const left = end(makeFp(), true, { cipher, integ, key, mac });
  const right = end(makeFp(), false, { cipher, integ, key, mac });
  const a = lib.ring(N);
  const b = lib.ring(N);
  let tx = Number.POSITIVE_INFINITY;
  let rx = Number.POSITIVE_INFINITY;
  for (let k = 0; k < rounds; k++) {
    for (let i = 0; i < N; i++) put(a, i, packet);
    const t0 = process.hrtime.bigint();
    if (left.fp.tx(1, a, N) !== N) throw new Error("tx");
    const t1 = process.hrtime.bigint();
    wire(a, b, N);
    const t2 = process.hrtime.bigint();
    right.fp.rx("udp4500", b, N);
    const t3 = process.hrtime.bigint();
    if (b.meta[(N - 1) * META + 1] !== packet.length || b.mem.length !== N * SLOT) throw new Error("rx");
    tx = Math.min(tx, Number(t1 - t0) / 1000 / N);
    rx = Math.min(rx, Number(t3 - t2) / 1000 / N);
  }
  left.fp.close();
  right.fp.close();
  return { tx, rx };
}

test("cost of a packet, seal and open, microseconds", (t) => {
  const kinds: readonly (readonly [string, number, () => FastPath | null])[] = [
    ["library", 300, () => lib.fastPath()],
    ["reference", 10, () => referenceFastPath(nodeCrypto)],
  ];
  for (const [name, rounds, make] of kinds) {
    for (const transform of TRANSFORMS.filter(
      ([c, i]) => i === "none" || (i === "sha1" && c !== "aes192") || (c === "aes256" && i !== "md5"),
    )) {
      const { tx, rx } = cost(rounds, () => make() ?? referenceFastPath(nodeCrypto), transform);
      t.diagnostic(`${name} ${transform[0]} ${transform[1]}: tx ${tx.toFixed(2)} rx ${rx.toFixed(2)}`);
    }
  }
});
