// ML-KEM where libcrypto has it (OpenSSL 3.5), against Project Wycheproof's vectors; what is said where it does not.
// Node 20 has an older OpenSSL: test/rig/mlkem.test.ts runs this file in QuickJS with a newer one.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Crypto, KemName } from "../../src/ports/ports.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadFlat } from "../../src/runtime/node/native.ts";
import { nativeCrypto } from "../../src/runtime/quickjs/crypto.ts";
import { VECTORS } from "./mlkem-vectors.ts";

const flat = loadFlat();
const library = nativeCrypto(flat);
const NAMES: readonly KemName[] = ["mlkem512", "mlkem768", "mlkem1024"];
/** FIPS 203 table 2: of the public value, 384 bytes for each polynomial. */
const RANK: Readonly<Record<KemName, number>> = { mlkem512: 2, mlkem768: 3, mlkem1024: 4 };
const skip = library.has("mlkem768") ? false : "needs a libcrypto with ML-KEM (OpenSSL 3.5)";
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
function bytes(base64: string): Uint8Array {
  const out: number[] = [];
  let n = 0;
  let bits = 0;
  for (const c of base64.replace(/=+$/, "")) {
    n = ((n << 6) | ALPHABET.indexOf(c)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push((n >> bits) & 255);
  }
  return Uint8Array.from(out);
}
/** With a 12-bit coefficient at `i` that is the modulus, or more. */
function unreduced(publicValue: Uint8Array, i: number, value: number): Uint8Array {
  const out = publicValue.slice();
  const at = (i >> 1) * 3;
  const [a = 0, b = 0, c = 0] = out.subarray(at, at + 3);
  out.set(
    i % 2 === 0 ? [value & 255, (b & 0xf0) | (value >> 8), c] : [a, (b & 15) | ((value & 15) << 4), value >> 4],
    at,
  );
  return out;
}

for (const [i, v] of VECTORS.entries()) {
  test(`${v.name}, vector ${i}`, { skip }, () => {
    const into = new Uint8Array(32);
    assert.equal(flat.kemOpen(v.name, bytes(v.key), bytes(v.sealed), into), 1);
    assert.deepEqual(into, bytes(v.secret));
    const key = bytes(v.key);
    key[key.length - 40] = (key[key.length - 40] ?? 0) ^ 1;
    assert.equal(flat.kemOpen(v.name, key, bytes(v.sealed), into), 0, "the hash in the key does not fit");
  });
}
function both(c: Crypto): void {
  for (const name of NAMES) {
    test(`${name}: both halves agree; other lengths and values that are not reduced are refused`, { skip }, () => {
      const key = c.kem(name);
      const x = c.encapsulate(name, key.publicValue);
      assert.ok(x);
      assert.deepEqual(key.shared(x.ciphertext), x.secret);
      assert.notDeepEqual(c.kem(name).shared(x.ciphertext), x.secret, "another key makes one up");
      for (const wrong of [x.ciphertext.slice(1), new Uint8Array([...x.ciphertext, 0]), new Uint8Array(0)])
        assert.equal(key.shared(wrong), null);
      for (const wrong of [key.publicValue.slice(1), new Uint8Array([...key.publicValue, 0]), new Uint8Array(0)])
        assert.equal(c.encapsulate(name, wrong), null);
      const last = RANK[name] * 256 - 1;
      for (const at of [0, 1, 255, 256, last - 1, last])
        for (const value of [3329, 4095])
          assert.equal(c.encapsulate(name, unreduced(key.publicValue, at, value)), null);
      assert.ok(c.encapsulate(name, unreduced(key.publicValue, last, 3328)), "the largest that is reduced");
    });
  }
  test("where libcrypto lacks it, has() says so, and nothing is made", { skip: !skip }, () => {
    for (const name of NAMES) {
      assert.equal(c.has(name), false);
      assert.throws(() => c.kem(name), RangeError);
      assert.equal(c.encapsulate(name, new Uint8Array(1184)), null);
    }
  });
}
describe("node:crypto", () => both(nodeCrypto));
describe("the native library", () => both(library));

test("the flat functions check names and lengths at the border", () => {
  const b = (n: number): Uint8Array => new Uint8Array(n);
  for (const wrong of [
    () => flat.kemNew("mlkem", b(2400), b(1184)),
    () => flat.kemNew("mlkem768", b(2399), b(1184)),
    () => flat.kemNew("mlkem768", b(2400), b(1183)),
    () => flat.kemSeal("mlkem768", b(1183), b(1088), b(32)),
    () => flat.kemSeal("mlkem768", b(1184), b(1088), b(31)),
    () => flat.kemOpen("mlkem768", b(2400), b(1087), b(32)),
    () => flat.kemOpen("mlkem768", b(2400), b(1088), "x" as unknown as Uint8Array),
  ])
    assert.throws(wrong, RangeError, String(wrong));
});
