// Which cipher proposals begin with, by what a clock says of sealing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeSpeeds, fasterCipher, measureCiphers } from "../../src/esp/speed.ts";
import { espDefaults } from "../../src/ike/proposals.ts";
import type { Crypto } from "../../src/ports/ports.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";

/** Milliseconds that each message takes. */
function measured(cost: { readonly aes: number; readonly chacha20: number }): ReturnType<typeof measureCiphers> {
  let now = 0;
  const slow: Crypto = {
    ...nodeCrypto,
    aeadSeal: (name, ...rest) => {
      now += name === "aes-gcm" ? cost.aes : cost.chacha20;
      return nodeCrypto.aeadSeal(name, ...rest);
    },
  };
  return measureCiphers(slow, () => now);
}
test("the faster one comes first, AES when there is no difference", () => {
  assert.equal(fasterCipher(measured({ aes: 0.02, chacha20: 0.05 })), "aes");
  assert.equal(fasterCipher(measured({ aes: 2, chacha20: 0.7 })), "chacha20");
  assert.equal(fasterCipher(measured({ aes: 1, chacha20: 1 })), "aes");
  assert.equal(fasterCipher(measured({ aes: 1, chacha20: 0.8 })), "aes", "as near as noise: two ends would differ");
  assert.equal(fasterCipher(measured({ aes: 0, chacha20: 0 })), "aes", "a clock too coarse to tell");
  assert.equal(
    describeSpeeds(measured({ aes: 2, chacha20: 0.5 })),
    "ChaCha20-Poly1305 first: AES-GCM 16 MB/s, ChaCha20-Poly1305 66 MB/s",
  );
});
test("who is slow with AES offers ChaCha20-Poly1305 first, and every responder takes it first", () => {
  const names = (faster: "aes" | "chacha20", role: "initiator" | "responder"): string[] =>
    espDefaults(faster, role).map((p) => p.text);
  assert.equal(names("chacha20", "initiator")[0], "chacha20poly1305");
  assert.equal(names("chacha20", "responder")[0], "chacha20poly1305");
  assert.equal(names("aes", "responder")[0], "chacha20poly1305");
  assert.equal(names("aes", "initiator")[0], "aes256gcm16");
  assert.ok(!names("aes", "initiator").includes("chacha20poly1305"));
  // whoever meets, they have something in common, and of what is offered nothing is missing on either side
  const aes = (list: string[]): string[] => list.filter((x) => x !== "chacha20poly1305").toSorted();
  for (const faster of ["aes", "chacha20"] as const)
    for (const role of ["initiator", "responder"] as const)
      for (const offered of aes(names("aes", "initiator"))) assert.ok(names(faster, role).includes(offered), offered);
  assert.deepEqual(aes(names("chacha20", "responder")), aes(names("aes", "responder")));
});
