// Key derivation against values computed with another program (HMAC and AES of Python and openssl), from RFC 2409's
// formulas: a whole key, keys that must be stretched (appendix B), the IV chain, KEYMAT longer than one hash with and
// without PFS.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../../src/core/secret.ts";
import { hex, utf8 } from "../../src/core/text.ts";
import { parseIkeProposal } from "../../src/ike/proposals.ts";
import { lastBlock, phase1Keys } from "../../src/ike/v1/keys.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";

const run = (n: number, from = 0): Uint8Array => Uint8Array.from({ length: n }, (_, i) => from + i);
const fill = (b: number): Uint8Array => new Uint8Array(128).fill(b);
const INPUT = {
  psk: Secret.of("s3cret"),
  ni: run(16),
  nr: run(32, 100),
  gxy: fill(0xaa),
  gxi: fill(0x11),
  gxr: fill(0x22),
  icookie: utf8("initiato"),
  rcookie: utf8("responde"),
};
const SHA1 = {
  auth: "f3e65e7b28c812f09ef3f28c6846489fe703ffd3",
  hash: "e3f6afba35cd18f2258e4189b74bf160d6a56f68",
  keymat: "aab94d307322f4003f4f60f3531ab9cbae0003f596f22c0b5968053aa167ea213362e8e4b17745a05ddd9fed6611cc6316aa0069",
  pfs: "3f3e6c937b46ef6c2d9730ecc634f544d1e1abf2e6c691437fc78b7f6d4687454a69c6be",
};
const CASES = [
  { p: "3des-sha1-modp1024", ...SHA1, iv: "2e42591c7434efb5", iv2: "f62cef68f134b206", sealed: "a132bed7bdd40270" },
  {
    p: "aes256-sha1-modp1024",
    ...SHA1,
    iv: "2e42591c7434efb5f6a4e77048182b4f",
    iv2: "900c0a0c5ad41e8c63bcf67af9c29f32",
    sealed: "93b693d6d3784a8cffc3c927afa39424",
  },
  {
    p: "aes256-sha256-modp1024",
    auth: "ee0a012bae6c913d959cddefcceead86114d144e85ea04068c59d2244f914b59",
    hash: "cf0396646e8825298afb87fbd2417e24dc6cc1f7278662e097f658b8daa4009d",
    iv: "8759177b6e8fc901106d7264cbbe88d5",
    iv2: "ad5ced1b396435b6f525d42b0fdcadad",
    sealed: "79e000172151a280950969bdc657333c",
    keymat: "e69338858dab56f51a4225ad39296cde1b92ffc1980ab2d37f5a035b85506d95b8c5fc8201d89ba7912e9ffb61300f071f6a6502",
    pfs: "70196e89d8f44b4b297b21435f6602ce2a487f8959f4e1391ac96bdaaf2d798ce320dade",
  },
];
for (const c of CASES) {
  test(c.p, () => {
    const p = parseIkeProposal(c.p);
    const {
      keys: k,
      skeyid,
      iv,
    } = phase1Keys(nodeCrypto, p, {
      ...INPUT,
      skeyid: (prf) => INPUT.psk.use((psk) => prf(psk, [INPUT.ni, INPUT.nr])),
    });
    assert.equal(hex(nodeCrypto.hmac(p.hash, skeyid, [utf8("x")])), c.auth);
    assert.equal(hex(k.hash([utf8("y")])), c.hash);
    assert.equal(hex(iv), c.iv);
    k.endPhase1(iv);
    assert.equal(hex(k.phase2Iv(0x01020304)), c.iv2);
    assert.equal(hex(k.encrypt(iv, run(k.block))), c.sealed);
    const seed = { protocol: 3, spi: 0xaabbccdd, ni: INPUT.ni, nr: INPUT.nr };
    assert.equal(hex(k.keymat(52, { ...seed, gxy: null })), c.keymat);
    assert.equal(hex(k.keymat(36, { ...seed, gxy: INPUT.gxy })), c.pfs);
    const padded = k.encrypt(iv, run(k.block + 1));
    assert.equal(padded.length, 2 * k.block);
    assert.deepEqual(k.decrypt(iv, padded)?.subarray(0, k.block + 1), run(k.block + 1));
    assert.equal(k.decrypt(iv, padded.subarray(1)), null);
    assert.equal(k.decrypt(iv, new Uint8Array(0)), null);
    assert.equal(hex(lastBlock(padded, k.block)), hex(padded.subarray(k.block)));
  });
}
