// What of the kernel plane can be tried without a kernel; test/rig/kernel-plane.test.ts has the rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EspCipher, EspInteg } from "../../src/dataplane/dataplane.ts";
import { transformOf } from "../../src/dataplane/kernel/algorithms.ts";
import { findsCallsByIdAlone } from "../../src/dataplane/kernel/probe.ts";
import { dropsSince, parseXfrmStat } from "../../src/dataplane/kernel/stats.ts";

const keys = { encr: new Uint8Array(20), integ: new Uint8Array(32) };

test("every transform that IKE offers has a name in the kernel, with the ICV of its RFC", () => {
  const integs: Record<Exclude<EspInteg, "none">, number> = {
    md5: 96, // RFC 2403
    sha1: 96, // RFC 2404
    sha256: 128, // RFC 4868
    sha384: 192,
    sha512: 256,
    sha256_96: 96, // what Android and old kernels have
  };
  for (const cipher of ["aes128", "aes192", "aes256", "camellia128", "camellia256", "3des", "null"] as const) {
    for (const [integ, bits] of Object.entries(integs)) {
      const t = transformOf(cipher, integ as EspInteg, keys);
      assert.equal(t.aead, undefined);
      assert.match(t.crypt?.name ?? "", /^(cbc|ecb)\(/);
      assert.equal(t.auth?.icvBits, bits, integ);
      assert.equal(t.auth?.key, keys.integ);
    }
  }
  for (const cipher of ["aes128gcm16", "aes192gcm16", "aes256gcm16", "chacha20poly1305"] as const) {
    const t = transformOf(cipher, "none", keys);
    assert.deepEqual([t.crypt, t.auth, t.aead?.icvBits], [undefined, undefined, 128]);
    assert.equal(t.aead?.key, keys.encr);
  }
  assert.equal(transformOf("aes128gcm12", "none", keys).aead?.icvBits, 96);
  assert.equal(transformOf("aes256gcm8", "none", keys).aead?.icvBits, 64);
  assert.throws(() => transformOf("aes128", "none", keys), RangeError);
  assert.throws(() => transformOf("des" as EspCipher, "sha1", keys), RangeError);
});

test("kernels that find an L2TP call by its ids alone", () => {
  for (const old of ["5.15.150", "6.1.0-21-amd64", "6.6.73", "6.10.14"])
    assert.equal(findsCallsByIdAlone(old), false, old);
  for (const now of ["6.11.0", "6.12.30+deb13", "6.18.44", "7.0.1"]) assert.equal(findsCallsByIdAlone(now), true, now);
});

test("xfrm_stat: what was added since the start, by our names; unknown lines are left out", () => {
  const before = parseXfrmStat("XfrmInError             \t0\nXfrmInNoStates          \t3\n");
  const now = parseXfrmStat(
    "XfrmInError \t7\nXfrmInNoStates \t5\nXfrmOutPolBlock\t2\nXfrmOutNoStates\t1\nrubbish\nXfrmInTmplMismatch \tx\n",
  );
  assert.deepEqual(dropsSince(before, now), [
    ["esp.unknown-spi", 2],
    ["tx.no-sa", 2],
    ["tx.no-sa", 1],
  ]);
  assert.deepEqual(dropsSince(before, parseXfrmStat("")), []);
});
