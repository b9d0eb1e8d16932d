import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Reader } from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { concat, hex, unhex, utf8 } from "../../src/core/text.ts";
import { A, type AttributeName, Attributes } from "../../src/radius/attributes.ts";
import { grantOf } from "../../src/radius/grant.ts";
import { hidePassword, type Sealer, showKey, showPassword } from "../../src/radius/hiding.ts";
import { CODE, provesAnswer, readRadius, writeAccess } from "../../src/radius/packet.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { writeAnswer } from "./sealing.ts";

const h = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail(s);
const secret = Secret.of("xyzzy5461");

// RFC 2865 §7
const TELNET = h(`01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a 01 06 6e 65 6d 6f 02 12 0d be 70 8d
  93 d4 13 ce 31 96 e4 3f 78 2a 0a ee 04 06 c0 a8 01 10 05 06 00 00 00 03`);
const TELNET_ACCEPT = h(`02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2 06 06 00 00 00 01 0f 06 00 00
  00 00 0e 06 c0 a8 01 03`);
const CHAP = h(`01 01 00 47 2a ee 86 f0 8d 0d 55 96 9c a5 97 8e 0d 33 67 a2 01 08 66 6c 6f 70 73 79 03 13 16 e9
  75 57 c3 16 18 58 95 f2 93 ff 63 44 07 72 75 04 06 c0 a8 01 10 05 06 00 00 00 14
  06 06 00 00 00 02 07 06 00 00 00 01`);
const CHAP_ACCEPT = h(`02 01 00 38 15 ef bc 7d ab 26 cf a3 dc 34 d9 c0 3c 86 01 a4 06 06 00 00 00 02 07 06 00 00 00 01
  08 06 ff ff ff fe 0a 06 00 00 00 02 0d 06 00 00 00 01 0c 06 00 00 05 dc`);
const CARD = h(`01 02 00 39 f3 a4 7a 1f 6a 6d 76 71 0b 94 7a b9 30 41 a0 39 01 07 6d 6f 70 73 79 02 12 33 65 75
  73 77 82 89 b5 70 88 5e 15 08 48 25 c5 04 06 c0 a8 01 10 05 06 00 00 00 07`);
const CARD_CHALLENGE =
  h(`0b 02 00 4e 36 f3 c8 76 4a e8 c7 11 57 40 3c 0c 71 ff 9c 45 12 30 43 68 61 6c 6c 65 6e 67 65 20
  33 32 37 36 39 34 33 30 2e 20 20 45 6e 74 65 72 20 72 65 73 70 6f 6e 73 65 20 61 74 20 70 72 6f 6d 70 74 2e
  18 0a 33 32 37 36 39 34 33 30`);
// printed with 10 for the length of State, where the packet has room for 0a alone
const CARD_AGAIN = h(`01 03 00 43 b1 22 55 6d 42 8a 13 d0 d6 25 38 07 c4 57 ec f0 01 07 6d 6f 70 73 79 02 12 69 2c 1f
  20 5f c0 81 b9 19 b9 51 95 f5 61 a5 81 04 06 c0 a8 01 10 05 06 00 00 00 07 18 0a 33 32 37 36 39 34 33 30`);
const CARD_REJECT = h("03 03 00 14 a4 2f 4f ca 45 91 6c 4e 09 c8 34 0f 9e 74 6a a0");

describe("packets of RFC 2865 §7", () => {
  test("a request says who, with what, and from where", () => {
    const p = readRadius(TELNET);
    const { attributes: a, authenticator } = p;
    assert.deepEqual(
      [p.code, p.id, a.get("User-Name"), a.get("NAS-IP-Address"), a.get("NAS-Port")],
      [1, 0, "nemo", "192.168.1.16", 3],
    );
    const sealer = { crypto, secret, authenticator };
    const hidden = a.get("User-Password") ?? assert.fail();
    assert.equal(hex(showPassword(sealer, hidden)), hex(concat([utf8("arctangent"), new Uint8Array(6)])));
    assert.equal(hex(hidePassword(sealer, utf8("arctangent"))), hex(hidden));
  });
  test("CHAP", () => {
    const { attributes: a } = readRadius(CHAP);
    assert.equal(a.get("User-Name"), "flopsy");
    assert.equal(hex(a.get("CHAP-Password") ?? assert.fail()), "16e97557c316185895f293ff6344077275");
    assert.deepEqual([a.get("Service-Type"), a.get("Framed-Protocol")], [2, 1]);
    const grant = grantOf(readRadius(CHAP_ACCEPT).attributes);
    assert.deepEqual([grant.ip, grant.pool, grant.routes], [null, null, []]);
  });
  test("every answer is proved by its request and the secret; none has a Message-Authenticator", () => {
    for (const [request, answer] of [
      [TELNET, TELNET_ACCEPT],
      [CHAP, CHAP_ACCEPT],
      [CARD, CARD_CHALLENGE],
    ] as const) {
      const { authenticator } = readRadius(request);
      assert.equal(provesAnswer(crypto, secret, readRadius(answer), authenticator), "no-message-authenticator");
      for (let i = 0; i < answer.length; i++) {
        const other = answer.slice();
        other[i] = (other[i] as number) ^ 1;
        try {
          assert.equal(provesAnswer(crypto, secret, readRadius(other), authenticator), "authenticator", `byte ${i}`);
        } catch (e) {
          assert.ok(e instanceof DecodeError, String(e));
        }
      }
    }
    assert.equal(
      readRadius(CARD_CHALLENGE).attributes.get("Reply-Message"),
      "Challenge 32769430.  Enter response at prompt.",
    );
    assert.equal(hex(readRadius(CARD_AGAIN).attributes.get("State") ?? assert.fail()), "3332373639343330");
    assert.equal(readRadius(CARD_REJECT).code, CODE.accessReject);
  });
  test("attributes are written as they were read", () => {
    for (const p of [TELNET, TELNET_ACCEPT, CHAP, CHAP_ACCEPT, CARD, CARD_CHALLENGE, CARD_AGAIN, CARD_REJECT])
      assert.equal(hex(readRadius(p).attributes.write()), hex(p.subarray(20)));
  });
});

describe("what is unreadable", () => {
  test("a packet that is cut anywhere", () => {
    for (const p of [TELNET, CHAP_ACCEPT, CARD_CHALLENGE])
      for (let n = 0; n < p.length; n++) assert.throws(() => readRadius(p.subarray(0, n)), DecodeError, `${n}`);
  });
  test("an attribute list that is cut anywhere but between attributes", () => {
    const list = new Attributes().add("User-Name", "x").add("MS-CHAP2-Success", utf8("S=")).add("Class", utf8("abc"));
    const bytes = list.write();
    const ends = [0, 3, 13, 18];
    for (let n = 0; n <= bytes.length; n++) {
      const read = (): unknown => Attributes.read(new Reader(bytes.subarray(0, n)));
      if (ends.includes(n)) read();
      else assert.throws(read, DecodeError, `${n}`);
    }
  });
  test("lengths that lie", () => {
    for (const length of [0, 19, TELNET.length + 1, 4097, 65535]) {
      const p = TELNET.slice();
      p.set([length >> 8, length & 255], 2);
      assert.throws(() => readRadius(p), DecodeError, `${length}`);
    }
    for (const length of [0, 1, 40]) {
      const p = TELNET.slice();
      p[21] = length;
      assert.throws(() => readRadius(p), DecodeError, `attribute of ${length}`);
    }
    for (const [name, value] of [
      ["Framed-IP-Address", "0a0000"],
      ["Session-Timeout", "0000000000"],
      ["Framed-IPv6-Prefix", "00"],
      ["Framed-IPv6-Prefix", "0081" + "00".repeat(16)],
      ["Framed-IPv6-Prefix", "002020"],
      ["Framed-IPv6-Prefix", "0040" + "00".repeat(17)],
    ] as const) {
      const v = h(value);
      const a = Attributes.read(new Reader(concat([Uint8Array.of(A[name].code, v.length + 2), v])));
      assert.throws(() => a.get(name), DecodeError, `${name} ${value}`);
    }
  });
  test("padding behind a packet is no part of it", () => {
    const p = readRadius(concat([TELNET_ACCEPT, h("ffff")]));
    assert.equal(hex(p.bytes), hex(TELNET_ACCEPT));
  });
  test("any bytes are a packet or a DecodeError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (b) => {
        const whole = concat([Uint8Array.of(2, 7, 0, b.length + 20), new Uint8Array(16), b]);
        for (const bytes of [b, whole]) {
          try {
            const p = readRadius(bytes);
            for (const name of Object.keys(A) as AttributeName[]) {
              try {
                p.attributes.all(name);
              } catch (e) {
                if (!(e instanceof DecodeError)) throw e;
              }
            }
            grantOf(p.attributes);
            provesAnswer(crypto, secret, p, new Uint8Array(16));
          } catch (e) {
            if (!(e instanceof DecodeError)) throw e;
          }
        }
      }),
    );
  });
});

describe("vendors' attributes", () => {
  test("golden: MS-CHAP2-Success of RFC 2548 §2.3.3 in a packet, and several in one attribute", () => {
    const one = new Attributes().add("MS-CHAP2-Success", concat([Uint8Array.of(5), utf8("S=AB")]));
    assert.equal(hex(one.write()), "1a0d000001371a0705533d4142");
    const two = Attributes.read(new Reader(h("1a 12 00003a8c 08 06 31 30 4d 2f 07 06 00000001")));
    assert.equal(two.get("Mikrotik-Rate-Limit"), "10M/");
    assert.equal(two.get("WISPr-Bandwidth-Max-Up"), null, "another vendor's 7");
    assert.equal(hex(new Attributes().add("WISPr-Bandwidth-Max-Down", 1000000).write()), "1a0c0000372a0806000f4240");
  });
  test("an unknown vendor is stepped over, whatever is in it; a known one must be well made", () => {
    const a = Attributes.read(new Reader(h("1a 09 00 00 00 09 ff ff ff 01 03 78")));
    assert.equal(a.get("User-Name"), "x");
    assert.throws(() => Attributes.read(new Reader(h("1a 09 00 00 01 37 ff ff ff 01 03 78"))), DecodeError);
    assert.equal(Attributes.read(new Reader(h("1a 04 00 01"))).get("User-Name"), null);
  });
});

test("values of every kind come back as they were written", () => {
  const a = new Attributes()
    .add("User-Name", "ünï")
    .add("NAS-IPv6-Address", "2001:db8::1")
    .add("Framed-IPv6-Prefix", "2001:db8:1::/48")
    .add("Delegated-IPv6-Prefix", "2001:db8:2::/56", "2001:db8:3::/56")
    .add("Acct-Input-Octets", 0xffff_ffff)
    .addLong(
      "EAP-Message",
      Uint8Array.from({ length: 600 }, (_, i) => i),
    );
  const b = Attributes.read(new Reader(a.write()));
  assert.equal(b.get("User-Name"), "ünï");
  assert.equal(b.get("NAS-IPv6-Address"), "2001:db8::1");
  assert.equal(b.get("Framed-IPv6-Prefix"), "2001:db8:1::/48");
  assert.deepEqual(b.all("Delegated-IPv6-Prefix"), ["2001:db8:2::/56", "2001:db8:3::/56"]);
  assert.equal(b.get("Acct-Input-Octets"), 0xffff_ffff);
  assert.equal(b.all("EAP-Message").length, 3);
  assert.equal(hex(b.long("EAP-Message") ?? assert.fail()), hex(Uint8Array.from({ length: 600 }, (_, i) => i)));
  // RFC 3162 §2.3: only the prefix's own bytes
  const short = Attributes.read(new Reader(h("61 08 00 20 20 01 0d b8")));
  assert.equal(short.get("Framed-IPv6-Prefix"), "2001:db8::/32");
});

describe("what proves a packet", () => {
  const authenticator = h("0f403f947397805 7bd83d5cb98f4227a".replace(/ /g, ""));
  const attributes = new Attributes().add("User-Name", "nemo");
  test("Message-Authenticator comes first, and fits one secret only", () => {
    const p = writeAccess(crypto, { code: 1, id: 9, secret, attributes }, authenticator);
    assert.deepEqual([p[20], p[21]], [80, 18]);
    const zero = p.slice();
    zero.fill(0, 22, 38);
    assert.equal(hex(p.subarray(22, 38)), hex(crypto.hmac("md5", utf8("xyzzy5461"), [zero])));
  });
  test("an answer with one wrong bit anywhere, of another secret, or of another request", () => {
    const p = writeAnswer({ code: 2, id: 9, secret, attributes }, authenticator);
    assert.equal(provesAnswer(crypto, secret, readRadius(p), authenticator), "ok");
    const other = Secret.of("xyzzy5462");
    assert.equal(provesAnswer(crypto, other, readRadius(p), authenticator), "authenticator");
    assert.equal(provesAnswer(crypto, secret, readRadius(p), new Uint8Array(16)), "authenticator");
    // A forger by MD5 (CVE-2024-3596) gets the Response Authenticator right, and not the HMAC.
    const forged = p.slice();
    forged[25] = (forged[25] as number) ^ 1;
    const md5 = crypto.hash("md5", [forged.subarray(0, 4), authenticator, forged.subarray(20), utf8("xyzzy5461")]);
    forged.set(md5, 4);
    assert.equal(provesAnswer(crypto, secret, readRadius(forged), authenticator), "message-authenticator");
  });
});

/** As RFC 2548 §2.4.2 says. */
function hideKey(s: Sealer, salt: Uint8Array, key: Uint8Array): Uint8Array {
  const plain = new Uint8Array(Math.ceil((key.length + 1) / 16) * 16);
  plain[0] = key.length;
  plain.set(key, 1);
  let last = concat([s.authenticator, salt]);
  for (let at = 0; at < plain.length; at += 16) {
    const pad = s.secret.use((x) => crypto.hash("md5", [x, last]));
    for (let i = 0; i < 16; i++) plain[at + i] = (plain[at + i] ?? 0) ^ (pad[i] ?? 0);
    last = plain.slice(at, at + 16);
  }
  return concat([salt, plain]);
}

describe("what is hidden", () => {
  const sealer = { crypto, secret, authenticator: TELNET.subarray(4, 20) };
  test("passwords of 0 to 128 bytes, in blocks of 16", () => {
    for (const n of [0, 1, 15, 16, 17, 127, 128]) {
      const password = Uint8Array.from({ length: n }, (_, i) => i + 1);
      const hidden = hidePassword(sealer, password);
      assert.equal(hidden.length, Math.max(16, Math.ceil(n / 16) * 16));
      assert.equal(hex(showPassword(sealer, hidden).subarray(0, n)), hex(password));
    }
    assert.throws(() => hidePassword(sealer, new Uint8Array(129)), RangeError);
  });
  test("keys of MPPE: the one printed nowhere goes there and back; a wrong length is a DecodeError", () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
    const hidden = hideKey(sealer, h("8001"), key);
    assert.equal(hidden.length, 2 + 48);
    assert.equal(hex(showKey(sealer, hidden)), hex(key));
    for (let n = 0; n < hidden.length; n++)
      assert.throws(() => showKey(sealer, hidden.subarray(0, n)), DecodeError, `${n}`);
  });
});
