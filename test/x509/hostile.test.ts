// Certificates and chains that nobody should send: each is refused with a sentence, soon, and nothing throws.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { concat, utf8 } from "../../src/core/text.ts";
import { nodeClock } from "../../src/runtime/node/clock.ts";
import { type Certificate, readCertificate } from "../../src/x509/certificate.ts";
import { context, der, oid, TAG, unsigned } from "../../src/x509/der.ts";
import { extension } from "../../src/x509/issue.ts";
import { nameDer, nameText, parseName } from "../../src/x509/name.ts";
import { certificatesInPkcs7 } from "../../src/x509/pkcs7.ts";
import { bad, good, type Held, NOW, TestCa, trust } from "./ca.ts";

const ca = new TestCa("C=CH, O=Tests, CN=the CA");
const t = trust([ca]);
const leaf = ca.server("vpn.example");
/** Whatever is sent: a verdict, in words, soon. */
function refused(chain: readonly Uint8Array[], what: string): string {
  const begun = nodeClock.now();
  const v = t.validate(chain, NOW, "server");
  const ms = nodeClock.now() - begun;
  assert.ok(ms < 500, `${what}: ${ms} ms`);
  assert.ok(!v.trusted, `${what}: was trusted`);
  assert.match(v.text, /^\S.{8,}$/, what);
  assert.match(v.code, /^cert-/);
  return v.code;
}
/** The key of a certificate as these numbers, whatever they are. */
function rsaInfo(modulus: Uint8Array, exponent: Uint8Array): Uint8Array {
  const key = der(TAG.sequence, der(TAG.integer, modulus), der(TAG.integer, exponent));
  const algorithm = der(TAG.sequence, oid("1.2.840.113549.1.1.1"), der(TAG.null));
  return der(TAG.sequence, algorithm, der(TAG.bits, Uint8Array.of(0), key));
}
const ones = (n: number): Uint8Array => concat([Uint8Array.of(0), new Uint8Array(n).fill(0xff)]);
const E = Uint8Array.of(1, 0, 1);
function withKey(publicKeyInfo: Uint8Array): Held {
  return ca.leaf("CN=x", { publicKeyInfo, keyId: new Uint8Array(20) });
}
const withExtension = (id: string, value: Uint8Array, critical = false): Held =>
  ca.leaf("CN=x", { extensions: [extension(id, critical, value)] });

describe("malformed certificates", () => {
  test("cut at every byte", () => {
    for (let n = 0; n < leaf.der.length; n++)
      assert.equal(refused([leaf.der.subarray(0, n)], `cut at ${n}`), "cert-malformed");
    assert.equal(refused([concat([leaf.der, Uint8Array.of(0)])], "a byte more"), "cert-malformed");
  });
  test("any byte changed: what it says may change, but nobody vouches for it", () => {
    for (let i = 0; i < leaf.der.length; i++) {
      const changed = leaf.der.slice();
      changed[i] = (changed[i] ?? 0) ^ (1 << (i % 8));
      refused([changed], `byte ${i}`);
    }
  });
  test("keys: huge, tiny, negative, with a long exponent, on other curves", () => {
    const curve = (id: string): Uint8Array =>
      der(TAG.sequence, der(TAG.sequence, oid("1.2.840.10045.2.1"), oid(id)), der(TAG.bits, new Uint8Array(66)));
    for (const [what, info, code] of [
      ["16,384 bits", rsaInfo(ones(2048), E), "cert-weak"],
      ["100,000 bits", rsaInfo(ones(12_500), E), "cert-weak"],
      ["512 bits", rsaInfo(ones(64), E), "cert-weak"],
      ["modulus 0", rsaInfo(Uint8Array.of(0), E), "cert-weak"],
      ["negative modulus", rsaInfo(new Uint8Array(256).fill(0xff), E), "cert-malformed"],
      ["long exponent", rsaInfo(ones(256), ones(200)), "cert-malformed"],
      ["empty modulus", rsaInfo(new Uint8Array(0), E), "cert-malformed"],
      ["P-192", curve("1.2.840.10045.3.1.1"), "cert-weak"],
      ["secp256k1", curve("1.3.132.0.10"), "cert-weak"],
      ["a point off the curve", curve("1.2.840.10045.3.1.7"), null],
      [
        "curve by its parameters",
        der(
          TAG.sequence,
          der(TAG.sequence, oid("1.2.840.10045.2.1"), der(TAG.sequence)),
          der(TAG.bits, new Uint8Array(66)),
        ),
        "cert-weak",
      ],
      [
        "DSA",
        der(TAG.sequence, der(TAG.sequence, oid("1.2.840.10040.4.1")), der(TAG.bits, new Uint8Array(66))),
        "cert-weak",
      ],
    ] as const) {
      const got = refused([withKey(info).der], what);
      if (code !== null) assert.equal(got, code, what);
    }
  });
  test("extensions: twice, unreadable, critical and unknown, ten thousand names", () => {
    const bc = der(TAG.sequence);
    for (const [what, h, code] of [
      ["basic constraints twice", withExtension("2.5.29.19", bc), "cert-malformed"],
      ["key usage that is no bits", withExtension("2.5.29.15", utf8("x")), "cert-malformed"],
      ["names that are no sequence", withExtension("2.5.29.17", utf8("xyz")), "cert-malformed"],
      ["a critical one that nobody knows", withExtension("1.2.3.4", bc, true), "cert-usage"],
      ["extended usage that is no list", withExtension("2.5.29.37", Uint8Array.of(5, 0)), "cert-malformed"],
      ["not for signatures", ca.leaf("CN=x", { ca: 0 }), "cert-usage"],
      [
        "300 names",
        ca.leaf("CN=x", { altNames: Array.from({ length: 300 }, (_, i) => ({ type: 2, text: `h${i}.example` })) }),
        "cert-malformed",
      ],
    ] as const)
      assert.equal(refused([h.der], what), code, what);
    const many = Array.from({ length: 3000 }, (_, i) => ({ type: 2, text: `host${i}.example` }));
    assert.equal(refused([ca.leaf("CN=x", { altNames: many }).der], "longer than 16 KiB"), "cert-malformed");
  });
  test("serial numbers that are negative, zero or long are only numbers", () => {
    for (const serial of [Uint8Array.of(0), new Uint8Array(40).fill(0x7f)])
      good(t.validate([ca.leaf("CN=x", { serial }).der], NOW, "client"));
    const negative = ca.leaf("CN=x").der.slice();
    negative[negative.indexOf(TAG.integer, 13) + 2] = 0x81;
    refused([negative], "a serial that was changed");
  });
  test("chains: none, too many, loops, itself again, a leaf as a CA, name and path constraints", () => {
    refused([], "none");
    assert.equal(
      refused(
        Array.from({ length: 9 }, () => leaf.der),
        "nine",
      ),
      "cert-malformed",
    );
    const a = new TestCa("CN=a");
    const b = new TestCa("CN=b", {}, a);
    const again = new TestCa("CN=a", { key: a.own.key }, b);
    refused([again.server("x").der, again.own.der, b.own.der], "a loop");
    good(t.validate([leaf.der, leaf.der, ca.own.der, leaf.der], NOW, "server"));
    const below = new TestCa(leaf.pem === "" ? "" : "O=Tests, CN=vpn.example", { key: leaf.key });
    refused([below.server("evil.example").der, leaf.der], "a leaf as a CA");
    let last = ca;
    const path: Uint8Array[] = [];
    for (let i = 0; i < 4; i++) {
      last = new TestCa(`CN=sub ${i}`, { ca: 0 }, last);
      path.unshift(last.own.der);
    }
    assert.equal(refused([last.server("x").der, ...path], "path length"), "cert-usage");
    const permitted = der(
      TAG.sequence,
      der(context(0), der(TAG.sequence, der(context(2, false), utf8("good.example")))),
    );
    const narrow = new TestCa("CN=narrow", { extensions: [extension("2.5.29.30", true, permitted)] }, ca);
    good(t.validate([narrow.server("a.good.example").der, narrow.own.der], NOW, "server"));
    const wrong = t.validate([narrow.server("bank.example").der, narrow.own.der], NOW, "server");
    bad(wrong, "cert-usage", /name constraints/);
    const noCa = new TestCa("CN=no constraints", { ca: null }, ca);
    refused([noCa.server("x").der, noCa.own.der], "an issuer without basic constraints");
  });
  test("a CRL of ten thousand entries", () => {
    const serials = Array.from({ length: 10_000 }, (_, i) => Uint8Array.of(9, i >> 8, i));
    const crl = ca.crl([...serials, leaf.serial]);
    const begun = nodeClock.now();
    const big = trust([ca], crl);
    for (let i = 0; i < 5; i++) bad(big.validate([leaf.der], NOW, "server"), "cert-revoked", /revoked/);
    good(big.validate([ca.server("other.example").der], NOW, "server"));
    assert.ok(nodeClock.now() - begun < 1500, `${nodeClock.now() - begun} ms`);
    big.close();
  });
});

describe("our readers and any bytes", () => {
  test("a value or DecodeError", () => {
    const readers: ((b: Uint8Array) => unknown)[] = [readCertificate, nameText, certificatesInPkcs7];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(2), (bytes, i) => {
        try {
          readers[i]?.(bytes);
        } catch (e) {
          assert.equal((e as Error).name, "DecodeError");
        }
      }),
      { numRuns: 300 },
    );
  });
  test("names: text and DER both ways, in every way to write them", () => {
    for (const text of ["CN=a", "C=CH, O=A\\, B, CN=x \\+ y", "emailAddress=me@example, CN=Zoë"]) {
      assert.equal(nameText(nameDer(text)), text);
      assert.equal(parseName(text), text);
    }
    assert.equal(parseName("/C=CH/O=Example/CN=gate"), "C=CH, O=Example, CN=gate");
    assert.equal(parseName(" c = CH ,cn=gate"), "C=CH, CN=gate");
    for (const text of ["", "gate", "CN", "CN=", "X=1", "=1", "1.2=x"]) assert.equal(parseName(text), null, text);
  });
  test("a chain in PKCS #7", () => {
    const signed = (...certs: Uint8Array[]): Uint8Array =>
      der(
        TAG.sequence,
        oid("1.2.840.113549.1.7.2"),
        der(
          context(0),
          der(
            TAG.sequence,
            unsigned(Uint8Array.of(1)),
            der(TAG.set),
            der(TAG.sequence, oid("1.2.840.113549.1.7.1")),
            der(context(0), ...certs),
            der(TAG.set),
          ),
        ),
      );
    assert.deepEqual(certificatesInPkcs7(signed(leaf.der, ca.own.der)), [leaf.der, ca.own.der]);
    assert.deepEqual(certificatesInPkcs7(signed()), []);
    assert.deepEqual(certificatesInPkcs7(der(TAG.sequence, oid("1.2.3"))), []);
    const c: Certificate = readCertificate(leaf.der);
    assert.equal(c.subject, "O=Tests, CN=vpn.example");
  });
});
