// What Node's crypto says of our certificates, keys and signatures.
import assert from "node:assert/strict";
import * as nc from "node:crypto";
import { describe, test } from "node:test";
import type { SignatureScheme } from "../../src/ports/pki.ts";
import { bad, credentials, good, type Held, NOW, TestCa, testPki, trust } from "./ca.ts";

const DATA = new Uint8Array(32).fill(7);
const ca = new TestCa("C=CH, O=Tests, CN=the CA");
const leaf = ca.server("vpn.example");

describe("certificates as Node reads them", () => {
  test("signatures", () => {
    const hashes = ["sha1", "sha256", "sha384", "sha512"] as const;
    for (const kind of ["rsa2048", "ecp256", "ecp384", "ecp521", "ed25519", "ed448"] as const) {
      const h = ca.leaf("CN=signer", { kind });
      const c = credentials(h);
      const forms = { rsa2048: ["pkcs1", "pss"], ed25519: [], ed448: [] } as Record<string, SignatureScheme["form"][]>;
      const schemes: SignatureScheme[] = (forms[kind] ?? ["ecdsa", "ecdsa-der"]).flatMap((form) =>
        hashes.map((hash) => ({ form, hash })),
      );
      if (kind === "rsa2048") schemes.push({ form: "pkcs1", hash: null });
      if (kind.startsWith("ed")) schemes.push({ form: "eddsa", hash: null });
      for (const s of schemes) assert.ok(independent(h, s, c.sign(s, DATA)), `${kind} ${JSON.stringify(s)}`);
    }
  });
  /** Whether Node's crypto, which knows nothing of ours, takes the signature. */
  function independent(h: Held, s: SignatureScheme, signature: Uint8Array): boolean {
    const key = new nc.X509Certificate(h.pem).publicKey;
    if (s.form === "eddsa") return nc.verify(null, DATA, key, signature);
    if (s.hash === null && s.form === "pkcs1") return nc.publicDecrypt(key, signature).equals(DATA);
    if (s.hash === null) return true; // no way to say so there: known answers are in test/ike
    const dsaEncoding = s.form === "ecdsa" ? "ieee-p1363" : "der";
    const padding = s.form === "pss" ? nc.constants.RSA_PKCS1_PSS_PADDING : nc.constants.RSA_PKCS1_PADDING;
    const saltLength = nc.constants.RSA_PSS_SALTLEN_DIGEST;
    return nc.verify(s.hash, DATA, { key, dsaEncoding, padding, saltLength }, signature);
  }
  test("every way to write a key is read: PKCS #8, SEC 1, PKCS #1", () => {
    const rsa = ca.leaf("CN=x", { kind: "rsa2048" });
    for (const [h, type] of [
      [leaf, "sec1"],
      [rsa, "pkcs1"],
    ] as const) {
      const k = Buffer.from(nc.createPrivateKey(Buffer.from(h.key)).export({ type, format: "pem" }));
      assert.ok(typeof testPki.credentials({ cert: h.pem, key: k }) !== "string", type);
    }
  });
  test("names, dates and subject are the certificate's, as Node reads it", () => {
    const altNames = [
      { type: 2, text: "vpn.example" },
      { type: 3, text: "me@example" },
      { type: 1, text: "192.0.2.7" },
      { type: 5, text: "2001:db8::7" },
    ];
    const h = ca.leaf("C=CH, O=A\\, B \\+ C, CN=Zoë", { altNames });
    const c = credentials(h);
    const x = new nc.X509Certificate(h.pem);
    assert.equal(c.subject, "C=CH, O=A\\, B \\+ C, CN=Zoë");
    assert.equal(x.subject, "C=CH\nO=A\\, B \\+ C\nCN=Zoë");
    assert.deepEqual(c.altNames, altNames);
    assert.equal(c.notAfter, Date.parse(x.validTo));
    assert.equal(c.notBefore, Date.parse(x.validFrom));
    for (const id of altNames) assert.ok(c.names(id));
    assert.ok(c.names({ type: 2, text: "VPN.Example" }));
    assert.ok(c.names({ type: 9, text: "c=CH, o=A\\, B \\+ C, cn=Zoë" }));
    for (const id of [
      { type: 2, text: "me@example" },
      { type: 2, text: "example" },
      { type: 1, text: "192.0.2.8" },
      { type: 9, text: "CN=Zoë" },
      { type: 9, text: "C=CH, O=A, B \\+ C, CN=Zoë" },
      { type: 11, text: "00" },
    ])
      assert.ok(!c.names(id), JSON.stringify(id));
  });
  test("a key with a passphrase is refused", () => {
    const encrypted = nc
      .createPrivateKey(Buffer.from(leaf.key))
      .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" });
    assert.match(String(testPki.credentials({ cert: leaf.pem, key: Buffer.from(encrypted) })), /without a passphrase/);
  });
  test("issuers and key hashes are for certificate requests", () => {
    const t = trust([ca]);
    const own = new nc.X509Certificate(ca.own.pem);
    const spki = own.publicKey.export({ type: "spki", format: "der" });
    assert.deepEqual(t.keyHashes, [new Uint8Array(nc.createHash("sha1").update(spki).digest())]);
    assert.deepEqual([...(t.issuers[0] ?? [])].slice(0, 2), [0x30, (t.issuers[0]?.length ?? 0) - 2]);
    t.close();
    t.close();
    assert.throws(() => t.validate([leaf.der], NOW, "server"), RangeError);
  });
  test("weak keys", () => {
    const k = nc.generateKeyPairSync("rsa", { modulusLength: 1024 });
    const pem = Buffer.from(k.privateKey.export({ type: "pkcs8", format: "pem" }));
    const weak = ca.leaf("CN=weak", { key: pem });
    bad(trust([ca]).validate([weak.der], NOW, "server"), "cert-weak", /^has an RSA key of 1024 bits, fewer than 2048$/);
    good(trust([ca], null, 1024).validate([weak.der], NOW, "server"));
    const weakCa = new TestCa("CN=weak CA", { key: pem });
    bad(trust([weakCa]).validate([weakCa.leaf("CN=x").der], NOW, "server"), "cert-weak", /CA whose key is too weak/);
  });
});
