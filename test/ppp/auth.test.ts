import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { hex, unhex, utf8 } from "../../src/core/text.ts";
import { md4 } from "../../src/ppp/auth/md4.ts";
import { authTitle, METHODS, methodOf, methodOption } from "../../src/ppp/auth/methods.ts";
import {
  accountName,
  authenticatorResponse,
  challengeHash,
  challengeResponse,
  desKey,
  failureMessage,
  ntPasswordHash,
  ntResponse,
  provesItself,
  readRefusal,
  refusalInWords,
  successMessage,
} from "../../src/ppp/auth/mschapv2.ts";
import { chapMd5 } from "../../src/ppp/auth/proof.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";

const h = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail("bad hex");
/** The hex that follows `label` in an RFC's text, up to `bytes` bytes of it. */
function vector(rfc: string, label: string, bytes: number, from = 0): Uint8Array {
  const text = readFileSync(`test/rfc/${rfc}.txt`, "utf8");
  const at = text.indexOf(label, from);
  assert.ok(at >= 0, label);
  const digits = [...text.slice(at + label.length, at + label.length + 400).matchAll(/\b[0-9A-F]{2}\b/g)].map(
    (m) => m[0],
  );
  return h(digits.slice(0, bytes).join(""));
}

test("MD4: the test suite of RFC 1320 §A.5", () => {
  const suite: Readonly<Record<string, string>> = {
    "": "31d6cfe0d16ae931b73c59d7e0c089c0",
    a: "bde52cb31de33e46245e05fbdbd6fb24",
    abc: "a448017aaf21d8525fc10ae87aa6729d",
    "message digest": "d9130a8164549fe818874806e1c7014b",
    abcdefghijklmnopqrstuvwxyz: "d79e1c308aa5bbcdeea8ed63df412da9",
    ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789: "043f8582f241db351ce627e153e7f0e4",
    "12345678901234567890123456789012345678901234567890123456789012345678901234567890":
      "e33b4ddc9c38f2199c3e7b164fcc0536",
  };
  for (const [text, digest] of Object.entries(suite)) assert.equal(hex(md4(utf8(text))), digest, text);
});

describe("MS-CHAPv2: RFC 2759 §9.2, from the RFC's text", () => {
  const rfc = readFileSync("test/rfc/rfc2759.txt", "utf8");
  const from = rfc.lastIndexOf("9.2.  Hash Example");
  const challenge = vector("rfc2759", "16-octet AuthenticatorChallenge:", 16, from);
  const peer = vector("rfc2759", "16-octet PeerChallenge:", 16, from);
  const hash = ntPasswordHash(utf8("clientPass"));
  test("password hash and its hash", () => {
    assert.equal(hex(hash), hex(vector("rfc2759", "16-octet PasswordHash:", 16, from)));
    assert.equal(hex(md4(hash)), hex(vector("rfc2759", "16-octet PasswordHashHash:", 16, from)));
  });
  test("challenge hash; a domain in front changes nothing", () => {
    const want = hex(vector("rfc2759", "8-octet Challenge:", 8, from));
    assert.equal(hex(challengeHash(crypto, peer, challenge, "User")), want);
    assert.equal(hex(challengeHash(crypto, peer, challenge, "BIGCO\\User")), want);
    assert.equal(accountName("BIGCO\\User"), "User");
  });
  test("NT response and authenticator response", () => {
    const response = ntResponse(crypto, challenge, peer, "User", hash);
    assert.equal(hex(response), hex(vector("rfc2759", "24 octet NT-Response:", 24, from)));
    const proof = authenticatorResponse(crypto, challenge, peer, "User", hash, response);
    const printed = /"S=([0-9A-F]{40})"/.exec(rfc.slice(from))?.[1];
    assert.equal(hex(proof).toUpperCase(), printed);
  });
  test("RFC 2433 §B.2 and the DES keys of §B.3", () => {
    const h2 = ntPasswordHash(utf8("MyPw"));
    assert.equal(hex(h2), hex(vector("rfc2433", "16-octet NtPasswordHash:", 16)));
    const c = vector("rfc2433", "8-octet Challenge:", 8);
    assert.equal(hex(challengeResponse(crypto, c, h2)), hex(vector("rfc2433", "24-octet NtChallengeResponse:", 24)));
    assert.equal(
      hex(desKey(h2.subarray(0, 7))),
      hex(vector("rfc2433", "First parity-corrected DES key (eight octets):", 8)),
    );
    assert.equal(
      hex(desKey(h2.subarray(7, 14))),
      hex(vector("rfc2433", "Second parity-corrected DES key (eight octets):", 8)),
    );
  });
  test("a password beyond ASCII is hashed as UTF-16", () => {
    assert.notEqual(hex(ntPasswordHash(utf8("pässwörd€😀"))), hex(ntPasswordHash(utf8("password"))));
    assert.equal(hex(ntPasswordHash(utf8("é"))), hex(md4(Uint8Array.of(0xe9, 0))));
  });
});

test("CHAP-MD5 is MD5 over identifier, secret and challenge (RFC 1994 §4.1)", () => {
  const challenge = Uint8Array.from({ length: 16 }, (_, i) => i);
  const apart = "740e86463bda3a4d7017d6e0fba0699d"; // md5sum of 01 "secret" 00 01 ... 0f
  assert.equal(hex(chapMd5(crypto, 1, utf8("secret"), challenge)), apart);
  assert.notEqual(hex(chapMd5(crypto, 2, utf8("secret"), challenge)), apart);
});

describe("messages of MS-CHAPv2", () => {
  const proof = Uint8Array.from({ length: 20 }, (_, i) => i * 11);
  test("our own proof is recognised, with and without text behind it", () => {
    assert.ok(provesItself(successMessage(proof), proof));
    assert.ok(provesItself(successMessage(proof).subarray(0, 42), proof));
    assert.ok(provesItself(utf8(`S=${hex(proof)} anything`), proof));
  });
  test("a proof that is cut, missing or of something else is none", () => {
    const whole = successMessage(proof);
    for (let n = 0; n < 42; n++) assert.ok(!provesItself(whole.subarray(0, n), proof), `cut at ${n}`);
    for (let i = 0; i < 42; i++) {
      const other = whole.slice();
      other[i] = (other[i] as number) ^ 1;
      assert.ok(!provesItself(other, proof), `changed at ${i}`);
    }
  });
  const refusals: readonly (readonly [string, string, RegExp, boolean])[] = [
    [
      "E=691 R=1 C=00112233445566778899AABBCCDDEEFF V=3 M=go away",
      "auth-failed",
      /wrong user name or password.*go away/,
      true,
    ],
    ["E=648 R=0 C=00112233445566778899AABBCCDDEEFF V=3", "password-expired", /expired/, true],
    ["E=647 R=0 V=3", "account-disabled", /disabled/, true],
    ["E=646 R=0", "restricted-hours", /hour/, false],
    ["E=649 R=0", "no-dialin-permission", /dial-in permission/, true],
    ["E=709 R=0", "password-change-failed", /does not take new_password/, true],
    ["E=4711 R=0", "auth-failed", /error 4711/, true],
    ["", "auth-failed", /no reason given/, true],
    ["sorry", "auth-failed", /sorry/, true],
    ["M=E=648 not this one", "auth-failed", /no reason given.*E=648 not/, true],
    ["E=99999999999999999999 R=7 C=xyz V=", "auth-failed", /no reason given/, true],
  ];
  for (const [message, code, words, lasting] of refusals) {
    test(`"${message}" in words`, () => {
      const f = refusalInWords("alice", utf8(message));
      assert.deepEqual([f.code, f.lasting ?? false, f.layer], [code, lasting, "ppp"]);
      assert.match(f.text, words);
      assert.match(f.text, /alice/);
    });
  }
  test("our own refusal reads back", () => {
    const r = readRefusal(failureMessage(new Uint8Array(16).fill(0xab)));
    assert.deepEqual(
      [r.error, r.retry, r.version, r.message, hex(r.challenge ?? new Uint8Array(0))],
      [691, false, 3, "Access denied", "ab".repeat(16)],
    );
  });
  test("any bytes are a refusal, bounded and printable", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (b) => {
        const f = refusalInWords("u", b);
        assert.ok(f.text.length < 500 && !/\p{C}/u.test(f.text), f.text);
      }),
      { numRuns: 500 },
    );
  });
});

test("methods by their option value, and names for what we do not do", () => {
  for (const m of METHODS) assert.equal(methodOf(methodOption(m)), m);
  for (const [option, name] of [
    ["c027", "SPAP"],
    ["c22306", "CHAP with algorithm 6"],
    ["c223", "CHAP with algorithm missing"],
    ["c12345", "protocol 0xc123"],
    ["c0", "an unreadable method"],
    ["", "an unreadable method"],
  ] as const) {
    assert.equal(methodOf(h(option)), null);
    assert.equal(authTitle(h(option)), name);
  }
  assert.equal(methodOf(h("c0230000")), null, "PAP has no data field");
});
