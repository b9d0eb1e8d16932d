// Both implementations of the Crypto port against the RFCs' vectors, and against one another.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { concat, hex, unhex, utf8 } from "../../src/core/text.ts";
import type { Crypto, DhGroupName } from "../../src/ports/ports.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadFlat } from "../../src/runtime/node/native.ts";
import { nativeCrypto } from "../../src/runtime/quickjs/crypto.ts";

const bin = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail("hex");
const fill = (b: number, n: number): Uint8Array => new Uint8Array(n).fill(b);

const flat = loadFlat();
const library = nativeCrypto(flat);

function vectors(c: Crypto): void {
  test("HMAC-MD5 and HMAC-SHA1, RFC 2202", () => {
    assert.equal(hex(c.hmac("md5", fill(0x0b, 16), [utf8("Hi There")])), "9294727a3638bb1c13f48ef8158bfc9d");
    assert.equal(
      hex(c.hmac("md5", utf8("Jefe"), [utf8("what do ya want "), utf8("for nothing?")])),
      "750c783e6ab0b503eaa86e310a5db738",
    );
    assert.equal(hex(c.hmac("sha1", fill(0x0b, 20), [utf8("Hi There")])), "b617318655057264e28bc0b6fb378c8ef146be00");
    assert.equal(
      hex(c.hmac("sha1", utf8("Jefe"), [utf8("what do ya want for nothing?")])),
      "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
    );
    assert.equal(
      hex(c.hmac("sha1", fill(0xaa, 80), [utf8("Test Using Larger Than Block-Size Key - Hash Key First")])),
      "aa4ae5e15272d00e95705637ce8a3b55ed402112",
    );
  });
  test("HMAC-SHA2, RFC 4231 case 1 and 2", () => {
    const k = fill(0x0b, 20);
    assert.equal(
      hex(c.hmac("sha256", k, [utf8("Hi There")])),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    );
    assert.equal(
      hex(c.hmac("sha384", k, [utf8("Hi There")])),
      "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
    );
    assert.equal(
      hex(c.hmac("sha512", k, [utf8("Hi There")])),
      "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4" +
        "be9d914eeb61f1702e696c203a126854",
    );
    assert.equal(
      hex(c.hmac("sha256", utf8("Jefe"), [utf8("what do ya want for nothing?")])),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
  });
  test("AES-CBC, RFC 3602 §4 case 1 and 2", () => {
    const key = bin("06a9214036b8a15b512e03d534120006");
    const iv = bin("3dafba429d9eb430b422da802c9fac41");
    const sealed = c.cbcEncrypt("aes", key, iv, utf8("Single block msg"));
    assert.equal(hex(sealed), "e353779c1079aeb82708942dbe77181a");
    assert.deepEqual(c.cbcDecrypt("aes", key, iv, sealed), utf8("Single block msg"));
    const two = c.cbcEncrypt(
      "aes",
      bin("c286696d887c9aa0611bbb3e2025a45a"),
      bin("562e17996d093d28ddb3ba695a2e6f58"),
      Uint8Array.from({ length: 32 }, (_, i) => i),
    );
    assert.equal(hex(two), "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1");
  });
  test("Camellia, RFC 3713 appendix A, as one block of CBC", () => {
    const text = bin("0123456789abcdeffedcba9876543210");
    const long = bin("0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff");
    for (const [bytes, sealed] of [
      [16, "67673138549669730857065648eabe43"],
      [24, "b4993401b3e996f84ee5cee7d79b09b9"],
      [32, "9acc237dff16d76c20ef7c919e3a7509"],
    ] as const)
      assert.equal(hex(c.cbcEncrypt("camellia", long.subarray(0, bytes), fill(0, 16), text)), sealed);
  });
  test("CBC refuses half blocks and wrong keys as our own mistakes", () => {
    assert.throws(() => c.cbcEncrypt("aes", fill(0, 16), fill(0, 16), fill(0, 15)), RangeError);
    assert.throws(() => c.cbcEncrypt("aes", fill(0, 15), fill(0, 16), fill(0, 16)), RangeError);
    assert.throws(() => c.cbcDecrypt("3des", fill(0, 16), fill(0, 8), fill(0, 8)), RangeError);
    assert.throws(() => c.cbcDecrypt("aes", fill(0, 16), fill(0, 8), fill(0, 16)), RangeError);
  });
  test("ChaCha20-Poly1305, RFC 8439 §2.8.2", () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
    const nonce = bin("070000004041424344454647");
    const aad = bin("50515253c0c1c2c3c4c5c6c7");
    const text = utf8(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " +
        "sunscreen would be it.",
    );
    const sealed = c.aeadSeal("chacha20-poly1305", key, nonce, aad, text);
    assert.equal(hex(sealed.subarray(-16)), "1ae10b594f09e26a7e902ecbd0600691");
    assert.deepEqual(c.aeadOpen("chacha20-poly1305", key, nonce, aad, sealed), text);
    sealed[0] = (sealed[0] ?? 0) ^ 1;
    assert.equal(c.aeadOpen("chacha20-poly1305", key, nonce, aad, sealed), null);
  });
  test("AES-GCM: a tag that does not fit is null", () => {
    const sealed = c.aeadSeal("aes-gcm", fill(0, 16), fill(0, 12), fill(0, 0), fill(0, 16));
    // GCM's own test case 2
    assert.equal(hex(sealed), "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf");
    for (let i = 0; i < sealed.length; i++) {
      const x = sealed.slice();
      x[i] = (x[i] ?? 0) ^ 0x80;
      assert.equal(c.aeadOpen("aes-gcm", fill(0, 16), fill(0, 12), fill(0, 0), x), null);
    }
    assert.equal(c.aeadOpen("aes-gcm", fill(0, 16), fill(0, 12), fill(0, 0), fill(0, 15)), null);
  });

  const SIZES: Readonly<Record<DhGroupName, readonly [pub: number, secret: number]>> = {
    modp1024: [128, 128],
    modp1536: [192, 192],
    modp2048: [256, 256],
    modp3072: [384, 384],
    modp4096: [512, 512],
    modp6144: [768, 768],
    modp8192: [1024, 1024],
    ecp256: [64, 32],
    ecp384: [96, 48],
    ecp521: [132, 66],
    modp2048s256: [256, 256],
    x25519: [32, 32],
    x448: [56, 56],
  };
  for (const group of Object.keys(SIZES) as DhGroupName[]) {
    test(`${group}: both halves agree, values that fix the secret are refused`, () => {
      const [pub, secret] = SIZES[group];
      const a = c.dh(group);
      const b = c.dh(group);
      assert.equal(a.publicValue.length, pub);
      const s = a.shared(b.publicValue);
      assert.equal(s?.length, secret);
      assert.deepEqual(s, b.shared(a.publicValue));
      assert.equal(a.shared(fill(0, pub)), null);
      assert.equal(a.shared(b.publicValue.subarray(1)), null);
      assert.equal(a.shared(new Uint8Array([...b.publicValue, 0])), null);
      if (group.startsWith("modp")) {
        const one = fill(0, pub);
        one[pub - 1] = 1;
        assert.equal(a.shared(one), null);
        assert.equal(a.shared(fill(0xff, pub)), null, "above p");
      } else if (group.startsWith("ecp")) {
        const off = b.publicValue.slice();
        off[pub - 1] = (off[pub - 1] ?? 0) ^ 1;
        assert.equal(a.shared(off), null, "off the curve");
      }
    });
  }
  test("MODP1024: p-1 and p are refused (CVE-2015-3240)", () => {
    // RFC 2409 §6.2
    const p =
      bin(`FFFFFFFF FFFFFFFF C90FDAA2 2168C234 C4C6628B 80DC1CD1 29024E08 8A67CC74 020BBEA6 3B139B22 514A0879 8E3404DD
      EF9519B3 CD3A431B 302B0A6D F25F1437 4FE1356D 6D51C245 E485B576 625E7EC6 F44C42E9
      A637ED6B 0BFF5CB6 F406B7ED EE386BFB
      5A899FA5 AE9F2411 7C4B1FE6 49286651 ECE65381 FFFFFFFF FFFFFFFF`);
    const less = p.slice();
    less[127] = 0xfe;
    const a = c.dh("modp1024");
    assert.equal(a.shared(p), null);
    assert.equal(a.shared(less), null);
    less[127] = 0xfd;
    assert.notEqual(a.shared(less), null, "p-2 is in range");
  });
  test("random: fresh, and the right length", () => {
    assert.notDeepEqual(c.random(16), c.random(16));
    for (const n of [0, 1, 64, 65, 5000]) assert.equal(c.random(n).length, n);
    assert.throws(() => c.random(65_537), RangeError);
  });
}
describe("node:crypto", () => vectors(nodeCrypto));
describe("the native library", () => vectors(library));

describe("both agree", () => {
  const data = fc.uint8Array({ maxLength: 200 });
  const of = (n: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: n, maxLength: n });
  const aes = fc.constantFrom(16, 24, 32).chain(of);
  test("hashes and HMACs of any parts", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("md5", "sha1", "sha256", "sha384", "sha512"),
        data,
        fc.array(data, { maxLength: 3 }),
        (name, key, parts) => {
          assert.deepEqual(library.hash(name, parts), nodeCrypto.hash(name, parts));
          assert.deepEqual(library.hmac(name, key, parts), nodeCrypto.hmac(name, key, parts));
        },
      ),
      { numRuns: 200 },
    );
  });
  test("block ciphers", () => {
    fc.assert(
      fc.property(
        aes,
        of(24),
        of(16),
        fc.integer({ min: 0, max: 9 }).chain((n) => of(n * 16)),
        of(8),
        (key, three, iv, text, block) => {
          for (const [cipher, k, v] of [
            ["aes", key, iv],
            ["camellia", key, iv],
            ["3des", three, iv.subarray(0, 8)],
          ] as const) {
            const sealed = library.cbcEncrypt(cipher, k, v, text);
            assert.deepEqual(sealed, nodeCrypto.cbcEncrypt(cipher, k, v, text));
            assert.deepEqual(library.cbcDecrypt(cipher, k, v, sealed), text);
          }
          assert.deepEqual(library.desBlock(block, iv.subarray(8)), nodeCrypto.desBlock(block, iv.subarray(8)));
        },
      ),
      { numRuns: 200 },
    );
  });
  test("authenticated encryption", () => {
    fc.assert(
      fc.property(aes, of(32), of(12), data, data, (key, long, nonce, aad, text) => {
        for (const [name, k] of [
          ["aes-gcm", key],
          ["chacha20-poly1305", long],
        ] as const) {
          const sealed = library.aeadSeal(name, k, nonce, aad, text);
          assert.deepEqual(sealed, nodeCrypto.aeadSeal(name, k, nonce, aad, text));
          assert.deepEqual(nodeCrypto.aeadOpen(name, k, nonce, aad, sealed), text);
          assert.equal(library.aeadOpen(name, k, nonce, concat([aad, Uint8Array.of(0)]), sealed), null);
        }
      }),
      { numRuns: 200 },
    );
  });
  for (const group of [
    "modp1024",
    "modp1536",
    "modp2048",
    "modp3072",
    "modp4096",
    "modp6144",
    "modp8192",
    "ecp256",
    "ecp384",
    "ecp521",
    "modp2048s256",
    "x25519",
    "x448",
  ] as const) {
    test(`${group}: one of each side meets the other`, () => {
      for (const [x, y] of [
        [library, nodeCrypto],
        [nodeCrypto, library],
        [library, library],
      ] as const) {
        const a = x.dh(group);
        const b = y.dh(group);
        const secret = a.shared(b.publicValue);
        assert.ok(secret);
        assert.deepEqual(b.shared(a.publicValue), secret);
      }
    });
    test(`${group}: any bytes as the peer's value are a secret or a refusal, the same on both`, () => {
      const mine = library.dh(group);
      const other = nodeCrypto.dh(group);
      fc.assert(
        fc.property(of(mine.publicValue.length), (peer) => {
          assert.equal(mine.shared(peer) === null, other.shared(peer) === null);
        }),
        { numRuns: 20 },
      );
    });
  }
});

test("the flat primitives check names and lengths at the border", () => {
  const b = (n: number): Uint8Array => new Uint8Array(n);
  const wrong: (() => unknown)[] = [
    () => flat.cryptoHash("md4", false, b(0), b(0), b(16)),
    () => flat.cryptoHash("md5", false, b(0), b(0), b(15)),
    () => flat.cryptoHash("md5", 2 as unknown as boolean, b(0), b(0), b(16)),
    () => flat.cryptoCbc(true, "aes-128-gcm", b(16), b(12), b(16), b(16)),
    () => flat.cryptoCbc(true, "aes-128-cbc", b(16), b(16), b(16), b(32)),
    () => flat.cryptoAead(true, "aes-128-gcm", b(16), b(12), b(0), b(4), b(4)),
    () => flat.cryptoAead(false, "aes-128-gcm", b(16), b(12), b(0), b(4), b(0)),
    () => flat.cryptoAead(true, "aes-128-cbc", b(16), b(16), b(0), b(4), b(20)),
    () => flat.cryptoDhNew("modp768", b(64), b(96)),
    () => flat.cryptoDhNew("ecp256", b(31), b(64)),
    () => flat.cryptoDhShared("x25519", b(32), b(31), b(32)),
    () => flat.cryptoRandom(b((1 << 20) + 1)),
    () => flat.cryptoHash("md5", false, "key" as unknown as Uint8Array, b(0), b(16)),
    () => (flat.cryptoDhNew as () => void)(),
  ];
  for (const f of wrong) assert.throws(f, RangeError, String(f));
});
