import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../../src/core/errors.ts";
import { hex, unhex } from "../../src/core/text.ts";
import {
  describeEsp,
  describeIke,
  ENCAP,
  espDefaults,
  espTransform,
  IKE_INITIATOR,
  IKE_RESPONDER,
  ikeTransform,
  matchesEsp,
  matchesIke,
  parseEspProposal,
  parseIkeProposal,
} from "../../src/ike/proposals.ts";
import { type Attribute, attributeNumber, lifetimes } from "../../src/ike/wire/attributes.ts";
import { CERT, readCert, writeCert } from "../../src/ike/wire/cert.ts";
import { readMessage, writeMessage } from "../../src/ike/wire/header.ts";
import { parseIkeId, readId, readNatOa, sameId, writeId, writeNatOa } from "../../src/ike/wire/id.ts";
import { notifyName, readDelete, readNotify, writeDelete, writeNotify } from "../../src/ike/wire/notify.ts";
import { type Chain, one, PAYLOAD, readChain, writeChain } from "../../src/ike/wire/payloads.ts";
import { readSa, writeSa } from "../../src/ike/wire/sa.ts";

const bin = (s: string): Uint8Array => {
  const b = unhex(s.replace(/\s/g, ""));
  if (!b) throw new Error("hex");
  return b;
};
/** Whole: read; cut anywhere: DecodeError. */
function cutEverywhere(b: Uint8Array, read: (b: Uint8Array) => unknown, least = 0): void {
  read(b);
  for (let n = least; n < b.length; n++) assert.throws(() => read(b.subarray(0, n)), DecodeError, `cut at ${n}`);
}
function anyBytes(read: (b: Uint8Array) => unknown): void {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (b) => {
      try {
        read(b);
      } catch (e) {
        assert.ok(e instanceof DecodeError);
      }
    }),
    { numRuns: 500 },
  );
}

// main mode message 1 with one transform, written out from RFC 2408 §3
const SA = bin(`00000001 00000001
  00000030 01 01 00 01
  00000028 01 01 0000 80010007 800e0100 80020004 80030001 8004000e 800b0001 000c0004 00007080`);

test("sa payload, golden both ways", () => {
  const t = ikeTransform(parseIkeProposal("aes256-sha256-modp2048"), 1, 28800);
  const proposal = { number: 1, protocol: 1, spi: new Uint8Array(0), transforms: [t] };
  assert.equal(hex(writeSa([proposal])), hex(SA));
  const [read] = readSa(SA);
  assert.deepEqual(read?.transforms[0], t);
  assert.deepEqual(lifetimes(read?.transforms[0]?.attributes ?? [], 11, 12), { seconds: 28800, kilobytes: null });
});
test("sa payload, cut at every byte, and any bytes", () => {
  cutEverywhere(SA, readSa);
  anyBytes((b) => readSa(new Uint8Array([0, 0, 0, 1, 0, 0, 0, 1, ...b])));
  anyBytes((b) => {
    const x = SA.slice();
    x.set(b.subarray(0, 40), 8 + (b.length % 8));
    return readSa(x);
  });
});
test("sa payload: situation, proposal lists and transform counts are checked", () => {
  const at = (i: number, v: number): Uint8Array => {
    const x = SA.slice();
    x[i] = v;
    return x;
  };
  for (const [i, v] of [
    [3, 9],
    [7, 2],
    [8, 3],
    [15, 2],
    [16, 3],
    [16, 2],
    [11, 0x31],
    [19, 0x27],
  ] as const) {
    assert.throws(() => readSa(at(i, v)), DecodeError, `byte ${i} = ${v}`);
  }
});

test("header, golden both ways", () => {
  const b = bin("0102030405060708 1112131415161718 01 10 02 00 00000000 00000020 aabbccdd");
  const { header, body } = readMessage(b);
  assert.deepEqual([header.next, header.exchange, header.flags, header.messageId, hex(body)], [1, 2, 0, 0, "aabbccdd"]);
  assert.equal(hex(writeMessage(header, body)), hex(b));
  cutEverywhere(b, readMessage);
  const v2 = b.slice();
  v2[17] = 0x20;
  assert.throws(() => readMessage(v2), DecodeError);
  const short = b.slice();
  short[27] = 27;
  assert.throws(() => readMessage(short), DecodeError);
});

test("payload chain: unknown types are kept, padding only when encrypted", () => {
  const b = bin("0b000005aa 00000006bbcc");
  const c = readChain(5, b, false);
  assert.deepEqual(
    c.payloads.map((p) => [p.type, hex(p.body)]),
    [
      [5, "aa"],
      [11, "bbcc"],
    ],
  );
  assert.equal(hex(c.behindFirst), "00000006bbcc");
  assert.equal(hex(writeChain(c.payloads)), hex(b));
  cutEverywhere(b, (x) => readChain(5, x, false));
  assert.equal(readChain(99, b, false).payloads[0]?.type, 99);
  assert.equal(readChain(200, b, false).payloads[0]?.type, 200);
  const padded = new Uint8Array([...b, 0, 0, 0]);
  assert.throws(() => readChain(5, padded, false), DecodeError);
  assert.equal(hex(readChain(5, padded, true).behindFirst), "00000006bbcc");
  const reserved = b.slice();
  reserved[1] = 1;
  assert.throws(() => readChain(5, reserved, false), DecodeError);
  const many = writeChain(Array.from({ length: 65 }, () => ({ type: 13, body: new Uint8Array(0) })));
  assert.throws(() => readChain(13, many, false), DecodeError);
  fc.assert(
    fc.property(fc.nat(255), fc.uint8Array({ maxLength: 60 }), fc.boolean(), (t, x, e) => {
      try {
        const r: Chain = readChain(t, x, e);
        assert.ok(r.payloads.every((p) => p.body.length <= x.length));
      } catch (err) {
        assert.ok(err instanceof DecodeError);
      }
    }),
    { numRuns: 500 },
  );
});

test("notify and delete, golden both ways", () => {
  const n = bin("00000001 01 10 8d28 01020304050607081112131415161718 0000002a");
  const read = readNotify(n);
  assert.equal(notifyName(read.type), "R-U-THERE");
  assert.equal(hex(read.data), "0000002a");
  assert.equal(hex(writeNotify(read)), hex(n));
  cutEverywhere(n.subarray(0, 24), readNotify);
  const d = bin("00000001 03 04 0002 aabbccdd 11223344");
  assert.deepEqual(readDelete(d).spis.map(hex), ["aabbccdd", "11223344"]);
  assert.equal(hex(writeDelete(readDelete(d))), hex(d));
  cutEverywhere(d, readDelete);
  assert.throws(() => readDelete(bin("00000001 03 00 ffff")), DecodeError);
  anyBytes(readNotify);
  anyBytes(readDelete);
});

test("identities, golden both ways and as text", () => {
  const ip = bin("01 11 06a5 c0000201");
  assert.deepEqual(readId(ip), { id: { type: 1, text: "192.0.2.1" }, protocol: 17, port: 1701 });
  assert.equal(hex(writeId(readId(ip))), hex(ip));
  cutEverywhere(ip, readId);
  for (const s of ["192.0.2.1", "2001:db8::1", "@vpn.example", "me@example", "keyid:0a0b"]) {
    const id = parseIkeId(s);
    assert.ok(id);
    assert.ok(sameId(readId(writeId({ id, protocol: 0, port: 0 })).id, id), s);
  }
  assert.deepEqual(parseIkeId("keyid:xyz"), { type: 11, text: "78797a" });
  assert.equal(parseIkeId("keyid:"), null);
  assert.equal(parseIkeId("@"), null);
  assert.equal(parseIkeId(""), null);
  assert.equal(hex(writeNatOa("192.0.2.1")), "01000000c0000201");
  assert.equal(readNatOa(bin("01000000c0000201")), "192.0.2.1");
  cutEverywhere(writeNatOa("2001:db8::1"), readNatOa);
  anyBytes(readId);
  anyBytes(readNatOa);
});

test("attributes: long numbers are capped, units go with what precedes them", () => {
  assert.equal(attributeNumber([{ type: 12, value: bin("ffffffffffff") }], 12), 0xffff_ffff);
  assert.deepEqual(
    lifetimes(
      [
        { type: 1, value: 2 },
        { type: 2, value: bin("0003d090") },
        { type: 1, value: 1 },
        { type: 2, value: 3600 },
      ],
      1,
      2,
    ),
    { seconds: 3600, kilobytes: 250000 },
  );
});

test("proposals: readable both ways, and errors that list what is allowed", () => {
  for (const p of [...IKE_INITIATOR, ...IKE_RESPONDER]) {
    const t = ikeTransform(p, 1, 3600);
    assert.ok(matchesIke(p, t));
    assert.equal(describeIke(t), p.text);
    assert.equal([...IKE_RESPONDER].filter((x) => matchesIke(x, t)).length <= 1, true);
  }
  for (const p of [
    ...espDefaults("aes", "initiator"),
    parseEspProposal("aes256-sha512-modp3072"),
    parseEspProposal("chacha20poly1305"),
    parseEspProposal("null-md5"),
  ]) {
    const t = espTransform(p, 1, ENCAP.transport, 3600, 0);
    assert.ok(matchesEsp(p, t, [ENCAP.transport]));
    assert.ok(!matchesEsp(p, t, [ENCAP.udpTransport]));
    assert.ok(describeEsp(t).startsWith(p.text), describeEsp(t));
  }
  for (const bad of [
    "",
    "aes256",
    "aes256-sha256",
    "aes256-sha256-modp768",
    "aes256-sha256-modp2048-x",
    "constructor-sha1-modp1024",
  ]) {
    assert.throws(() => parseIkeProposal(bad), /allowed: .*aes256.*modp2048/);
  }
  for (const bad of ["", "aes256", "aes128gcm16-sha1", "aes128-none", "aes128-sha1-modp9", "toString-sha1"]) {
    assert.throws(() => parseEspProposal(bad), /allowed: .*aes128gcm16.*modp2048/);
  }
});
test("another hash, group, key length or authentication make another transform, and for ESP no group", () => {
  const p = parseIkeProposal("aes256-sha256-modp2048");
  const t = ikeTransform(p, 1, 3600);
  // RFC 2409 appendix A: cipher 1, hash 2, authentication 3, group 4, key length 14
  for (const [type, value] of [
    [1, 5],
    [2, 2],
    [3, 3],
    [3, 65001],
    [4, 2],
    [14, 128],
  ] as const) {
    const changed = t.attributes.map((a) => (a.type === type ? { type, value } : a));
    assert.ok(!matchesIke(p, { ...t, attributes: changed }), `${type} = ${value}`);
    assert.ok(!matchesIke(p, { ...t, attributes: t.attributes.filter((a) => a.type !== type) }), `no ${type}`);
  }
  assert.ok(!matchesIke(p, { ...t, id: 2 }));
  const esp = parseEspProposal("aes256-sha256-modp2048");
  const with2048 = espTransform(esp, 1, ENCAP.transport, 3600, 0);
  for (const other of [
    "aes256-sha256",
    "aes256-sha256-modp1024",
    "aes128-sha256-modp2048",
    "aes256-sha1-modp2048",
    "null-sha256-modp2048",
    "aes256gcm16-modp2048",
  ]) {
    const offered = espTransform(parseEspProposal(other), 1, ENCAP.transport, 3600, 0);
    assert.ok(!matchesEsp(esp, offered, [ENCAP.transport]), other);
  }
  assert.ok(matchesEsp(parseEspProposal("aes256-sha256"), with2048, [ENCAP.transport]), "a group of the peer's wish");
});
test("an identity is the same with the same type alone; a payload that is there once is there once", () => {
  assert.ok(!sameId({ type: 2, text: "192.0.2.1" }, { type: 1, text: "192.0.2.1" }));
  assert.ok(!sameId({ type: 3, text: "me" }, { type: 2, text: "me" }));
  assert.ok(!sameId({ type: 2, text: "me" }, { type: 2, text: "you" }));
  assert.ok(sameId({ type: 2, text: "ME" }, { type: 2, text: "me" }));
  const hashes = ["aa", "bb"].map((body) => ({ type: 8, body: bin(body) }));
  const c = readChain(8, writeChain([...hashes, { type: 10, body: bin("cc") }]), false);
  assert.equal(hex(one(c, 10, "nonce")), "cc");
  assert.throws(() => one(c, 8, "hash"), DecodeError);
  assert.throws(() => one(c, 5, "id"), DecodeError);
});
test("MD5, 3DES and MODP1024 are in no default", () => {
  for (const p of [...IKE_INITIATOR, ...IKE_RESPONDER, ...espDefaults("aes", "initiator")])
    assert.doesNotMatch(p.text, /md5|3des|modp1024/);
});

const n = (type: number, value: number): Attribute => ({ type, value });
const phase1 = parseIkeProposal("aes256-sha256-modp2048");
const phase2 = parseEspProposal("aes256-sha256");
for (const [what, more] of [
  ["a PRF", [n(13, 1)]],
  ["a group type", [n(5, 1)]],
  ["a field size", [n(15, 2048)]],
  ["an unknown attribute", [n(16_000, 1)]],
  ["the hash twice", [n(2, 4)]],
  ["the seconds twice", [n(11, 1), n(12, 60)]],
  ["a life in fortnights", [n(11, 3), n(12, 60)]],
  ["a life type without duration", [n(11, 2)]],
  ["a duration without type", [n(12, 60)]],
  ["a basic attribute in long form", [{ type: 14, value: Uint8Array.of(1, 0) }]],
] as const) {
  test(`phase 1: a transform with ${what} is not ours`, () => {
    const t = ikeTransform(phase1, 1, 3600);
    assert.ok(matchesIke(phase1, t));
    assert.ok(
      matchesIke(phase1, { ...t, attributes: [...t.attributes, n(11, 2), n(12, 60)] }),
      "kilobytes beside seconds are the RFC's",
    );
    assert.ok(!matchesIke(phase1, { ...t, attributes: [...t.attributes, ...more] }));
  });
}
for (const [what, more] of [
  ["extended sequence numbers", [n(11, 1)]],
  ["key rounds", [n(7, 1)]],
  ["a compression dictionary", [n(8, 1)]],
  ["ECN", [n(10, 1)]],
  ["the encapsulation twice", [n(4, 2)]],
  ["an unknown attribute", [n(32_001, 1)]],
  ["the seconds twice", [n(1, 1), n(2, 60)]],
  ["a duration without type", [n(2, 60)]],
] as const) {
  test(`phase 2: a transform with ${what} is not ours`, () => {
    const t = espTransform(phase2, 1, ENCAP.transport, 3600, 1000);
    assert.ok(matchesEsp(phase2, t, [ENCAP.transport]));
    assert.ok(!matchesEsp(phase2, { ...t, attributes: [...t.attributes, ...more] }, [ENCAP.transport]));
  });
}
test("ciphers with one key length have no key length attribute", () => {
  const des = parseIkeProposal("3des-sha1-modp2048");
  const t = ikeTransform(des, 1, 3600);
  assert.ok(matchesIke(des, t) && !matchesIke(des, { ...t, attributes: [...t.attributes, n(14, 192)] }));
  const esp = parseEspProposal("3des-sha1");
  const e = espTransform(esp, 1, ENCAP.transport, 3600, 0);
  assert.ok(
    matchesEsp(esp, e, [ENCAP.transport]) &&
      !matchesEsp(esp, { ...e, attributes: [...e.attributes, n(6, 192)] }, [ENCAP.transport]),
  );
});

test("CERT, CERTREQ and SIG payloads, golden both ways, cut at every byte, and any bytes", () => {
  // message 5 behind its ID payload: an X.509 certificate, the signature, a request for certificates of CN=a
  const golden = bin(`09 00 000a 04 3003020105
    07 00 0008 deadbeef
    00 00 0013 04 300c310a3008060355040313 0161`);
  const c = readChain(PAYLOAD.cert, golden, false);
  const of = (type: number): Uint8Array => one(c, type, "it");
  assert.deepEqual(readCert(of(PAYLOAD.cert)).map(hex), ["3003020105"]);
  assert.equal(hex(of(PAYLOAD.signature)), "deadbeef");
  assert.equal(hex(of(PAYLOAD.certRequest)), "04300c310a30080603550403130161");
  const written = [
    { type: PAYLOAD.cert, body: writeCert(CERT.signature, bin("3003020105")) },
    { type: PAYLOAD.signature, body: bin("deadbeef") },
    { type: PAYLOAD.certRequest, body: writeCert(CERT.signature, bin("300c310a30080603550403130161")) },
  ];
  assert.equal(hex(writeChain(written)), hex(golden));
  cutEverywhere(golden, (b) => readChain(PAYLOAD.cert, b, false));
  assert.throws(() => readCert(new Uint8Array(0)), DecodeError);
  anyBytes(readCert);
  anyBytes((b) => readCert(Uint8Array.of(CERT.pkcs7, ...b)));
  assert.deepEqual(readCert(bin("07 3003020105")), [], "a CRL: an encoding that is not read");
});
