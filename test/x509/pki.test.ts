// Credentials, trust and signatures; node.test.ts has what Node's own crypto says of them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KeyKind, SignatureScheme } from "../../src/ports/pki.ts";
import { certificateNames } from "../../src/x509/certificate.ts";
import { toPem } from "../../src/x509/pem.ts";
import { bad, CLIENT_USE, credentials, good, type Held, NOW, SERVER_USE, TestCa, testPki, trust } from "./ca.ts";

const DATA = new Uint8Array(32).fill(7);
const ca = new TestCa("C=CH, O=Tests, CN=the CA");

describe("signatures", () => {
  const RSA: SignatureScheme[] = (["sha1", "sha256", "sha384", "sha512", null] as const).flatMap((hash) => [
    { form: "pkcs1", hash },
    ...(hash === null ? [] : [{ form: "pss", hash } as const]),
  ]);
  const EC: SignatureScheme[] = (["sha1", "sha256", "sha384", "sha512", null] as const).flatMap((hash) => [
    { form: "ecdsa", hash },
    { form: "ecdsa-der", hash },
  ]);
  const ED: SignatureScheme[] = [{ form: "eddsa", hash: null }];
  const schemes: Record<KeyKind, SignatureScheme[]> = {
    rsa: RSA,
    ecp256: EC,
    ecp384: EC,
    ecp521: EC,
    ed25519: ED,
    ed448: ED,
  };
  for (const [kind, own] of Object.entries(schemes) as [KeyKind, SignatureScheme[]][]) {
    const leaf = ca.leaf("CN=signer", { kind: kind === "rsa" ? "rsa2048" : kind });
    test(`${kind}: every scheme of it signs and verifies, and the others do neither`, () => {
      const c = credentials(leaf);
      const p = good(trust([ca]).validate(c.chain, NOW, "client"));
      assert.equal(c.key, kind);
      assert.equal(p.key, kind);
      for (const s of own) {
        const signature = c.sign(s, DATA);
        assert.ok(p.verify(s, DATA, signature), JSON.stringify(s));
        for (const i of [0, signature.length >> 1, signature.length - 1]) {
          const wrong = signature.slice();
          wrong[i] = (wrong[i] as number) ^ 1;
          assert.ok(!p.verify(s, DATA, wrong), `${JSON.stringify(s)} changed at ${i}`);
        }
        assert.ok(!p.verify(s, new Uint8Array(32), signature), JSON.stringify(s));
        for (const n of [0, 1, signature.length - 1]) assert.ok(!p.verify(s, DATA, signature.subarray(0, n)));
        assert.ok(!p.verify(s, DATA, new Uint8Array([...signature, 0])));
      }
      for (const s of [...RSA, ...EC, ...ED].filter((x) => !own.some((o) => o.form === x.form))) {
        assert.throws(() => c.sign(s, DATA), RangeError);
        assert.ok(!p.verify(s, DATA, new Uint8Array(64)));
      }
      c.close();
      c.close();
      assert.throws(() => c.sign(own[0] as SignatureScheme, DATA), RangeError);
    });
  }
});

describe("credentials", () => {
  const leaf = ca.server("vpn.example");
  test("what does not fit is a sentence that begins with the option", () => {
    const other = ca.server("other.example");
    const say = (cert: string, k: Uint8Array) => testPki.credentials({ cert, key: k });
    assert.equal(say(leaf.pem, other.key), "key: is not that of the certificate");
    assert.match(String(say("", leaf.key)), /^cert: holds no certificate in PEM/);
    assert.match(String(say(leaf.pem, new Uint8Array(0))), /^key: holds no private key in PEM without a passphrase/);
    assert.match(String(say(leaf.pem.replace("M", "!"), leaf.key)), /^cert: is not PEM/);
    assert.match(String(say(leaf.pem.repeat(9), leaf.key)), /^cert: holds 9 certificates, more than 8/);
    const broken = leaf.der.slice();
    broken[5] = 0x99;
    assert.match(String(say(toPem("CERTIFICATE", broken), leaf.key)), /^cert: cannot be read/);
  });
});

describe("trust", () => {
  const leaf = ca.server("vpn.example");
  test("what is no CA or no CRL is a sentence that begins with the option", () => {
    const say = (pem: string, crl: string | null) => String(testPki.trust({ ca: pem, crl }));
    assert.match(say("", null), /^ca: holds no certificate/);
    assert.match(say(ca.own.pem, ""), /^crl: holds no CRL/);
    assert.match(say(ca.own.pem, ca.own.pem), /^crl: holds no CRL/);
    const crl = ca.crl([]);
    assert.match(
      say(ca.own.pem, `${crl}${crl.replace(/\n\w{8}/, "\nAAAAAAAA")}`),
      /^crl: one of the CRLs cannot be read/,
    );
    assert.match(say(ca.own.pem.repeat(65), null), /^ca: holds 65/);
  });
  test("revoked; a CRL that says nothing of it; one of another CA; one that expired", () => {
    const other = new TestCa("CN=other");
    bad(trust([ca], ca.crl([leaf.serial])).validate([leaf.der], NOW, "server"), "cert-revoked", /revoked by its CA/);
    good(trust([ca], ca.crl([ca.server("x").serial])).validate([leaf.der], NOW, "server"));
    bad(trust([ca], other.crl([])).validate([leaf.der], NOW, "server"), "cert-crl", /no CRL of its CA/);
    const old = ca.crl([], { now: NOW - 9e8, nextUpdate: NOW - 1000 });
    bad(trust([ca], old).validate([leaf.der], NOW, "server"), "cert-crl", /expired/);
    const forged = new TestCa(ca.name).crl([leaf.serial]);
    bad(trust([ca], forged).validate([leaf.der], NOW, "server"), "cert-crl", /./);
  });
  test("a CA between: its own CRL may be missing, that of the issuer not", () => {
    const sub = new TestCa("CN=sub", {}, ca);
    const user = sub.client("me@example");
    const chain = [user.der, sub.own.der];
    good(trust([ca]).validate(chain, NOW, "client"));
    bad(
      trust([ca]).validate([user.der], NOW, "client"),
      "cert-untrusted",
      /does not come from any of our CAs.*"CN=sub"/,
    );
    good(trust([ca], sub.crl([])).validate(chain, NOW, "client"));
    bad(trust([ca], ca.crl([])).validate(chain, NOW, "client"), "cert-crl", /no CRL/);
    bad(trust([ca], sub.crl([]) + ca.crl([sub.own.serial])).validate(chain, NOW, "client"), "cert-revoked", /./);
    good(trust([sub]).validate([user.der], NOW, "client"));
  });
  test("dates, unless the clock is not set", () => {
    const day = 86_400_000;
    bad(trust([ca]).validate([leaf.der], NOW + 301 * day, "server"), "cert-expired", /^expired on 2027-03-28$/);
    bad(trust([ca]).validate([leaf.der], NOW - 11 * day, "server"), "cert-not-yet-valid", /before 2026-05-22/);
    assert.equal(good(trust([ca]).validate([leaf.der], NOW, "server")).timeChecked, true);
    for (const unset of [0, Date.UTC(2019, 11, 31)]) {
      const old = trust([ca], ca.crl([], { now: NOW - 9e8, nextUpdate: NOW - 1000 }));
      assert.equal(good(old.validate([leaf.der], unset, "server")).timeChecked, false);
      bad(trust([ca], ca.crl([leaf.serial])).validate([leaf.der], unset, "server"), "cert-revoked", /./);
    }
    const early = new TestCa("CN=early", { notAfter: NOW - 5 * day });
    bad(
      trust([early]).validate([early.server("x").der], NOW, "server"),
      "cert-expired",
      /whose certificate has expired/,
    );
  });
  test("usage: what a certificate is for, and what its CA may do", () => {
    const v = (h: Held, use: "server" | "client" = "server") => trust([ca]).validate([h.der], NOW, use);
    bad(v(leaf, "client"), "cert-usage", /not for a client/);
    bad(v(ca.client("me@example")), "cert-usage", /not for a server/);
    for (const uses of [[], ["1.3.6.1.5.5.7.3.17"], ["2.5.29.37.0"], ["1.3.6.1.5.5.8.2.2"], [CLIENT_USE, SERVER_USE]])
      good(v(ca.leaf("CN=x", { uses })));
    bad(v(ca.leaf("CN=x", { uses: ["1.3.6.1.5.5.7.3.4"] })), "cert-usage", /extended key usage/);
    const user = ca.client("me@example");
    const below = new TestCa(ca.name).leaf("CN=below");
    bad(trust([ca]).validate([below.der, user.der], NOW, "client"), "cert-untrusted", /./);
  });
});

test("a name is compared whole, whatever its case", () => {
  const of = (text: string): boolean =>
    certificateNames({ subject: "", altNames: [{ type: 2, text: "vpn.example.com" }] }, { type: 2, text });
  assert.deepEqual(["VPN.example.com", "example.com", "pn.example.com", "vpn.example", ""].filter(of), [
    "VPN.example.com",
  ]);
});
