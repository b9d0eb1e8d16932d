// IKEv2's codecs: golden bytes both ways, cut at every byte, any bytes.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../../../src/core/errors.ts";
import { hex, unhex } from "../../../src/core/text.ts";
import {
  espDefaults,
  IKE_INITIATOR,
  type IkeProposal,
  parseEspProposal,
  parseIkeProposal,
} from "../../../src/ike/proposals.ts";
import { firstSeed, makeKeys } from "../../../src/ike/v2/keys.ts";
import { Assembly, Sealing } from "../../../src/ike/v2/sealing.ts";
import { readSignature, writeSignature } from "../../../src/ike/v2/signatures.ts";
import {
  chooseEsp,
  chooseSuite,
  chosenSuite,
  describeProposals,
  offerEsp,
  offerSuites,
  type Suite,
  suites,
} from "../../../src/ike/v2/suite.ts";
import {
  describeSelector,
  hostSelector,
  notifyName,
  readAuth,
  readDelete,
  readKe,
  readNotify,
  readSelectors,
  writeAuth,
  writeDelete,
  writeKe,
  writeNotify,
  writeSelectors,
} from "../../../src/ike/v2/wire/bodies.ts";
import {
  EXCHANGE,
  FLAG,
  type Message,
  majorVersion,
  PAYLOAD,
  readChain,
  readEncrypted,
  readMessage,
  writeHeader,
} from "../../../src/ike/v2/wire/message.ts";
import { readSa, TRANSFORM, writeSa } from "../../../src/ike/v2/wire/sa.ts";
import { CERT, readCert, writeCert } from "../../../src/ike/wire/cert.ts";
import { type Payload, writeChain } from "../../../src/ike/wire/payloads.ts";
import { nodeCrypto } from "../../../src/runtime/node/crypto.ts";

const bin = (s: string): Uint8Array => {
  const b = unhex(s.replace(/\s/g, ""));
  if (!b) throw new Error("hex");
  return b;
};
const PATH = { local: { address: "192.0.2.1", port: 500 }, remote: { address: "192.0.2.2", port: 500 } };
const read = (b: Uint8Array): Message => readMessage(b, PATH);
/** Whole: read; cut anywhere: DecodeError. */
function cutEverywhere(b: Uint8Array, decode: (b: Uint8Array) => unknown): void {
  decode(b);
  for (let n = 0; n < b.length; n++) assert.throws(() => decode(b.subarray(0, n)), DecodeError, `cut at ${n}`);
}
function anyBytes(decode: (b: Uint8Array) => unknown, from: Uint8Array): void {
  const tries = (b: Uint8Array): void => {
    try {
      decode(b);
    } catch (e) {
      assert.ok(e instanceof DecodeError, `${e}`);
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), tries), { numRuns: 300 });
  fc.assert(
    fc.property(fc.nat(from.length), fc.uint8Array({ maxLength: 8 }), (at, b) => {
      const x = from.slice();
      x.set(b.subarray(0, x.length - at), at);
      tries(x);
    }),
    { numRuns: 300 },
  );
}

const HEADER = bin("0102030405060708 1112131415161718 29 20 23 08 00000001 0000002a");
const MESSAGE = bin(`${hex(HEADER)} 00 00 000e 01 00 4000 010203040506`);
test("header and chain, golden both ways", () => {
  const m = read(Uint8Array.of(...MESSAGE, 99));
  assert.deepEqual(
    { ...m.header, spiI: hex(m.header.spiI), spiR: hex(m.header.spiR) },
    {
      spiI: "0102030405060708",
      spiR: "1112131415161718",
      next: PAYLOAD.notify,
      exchange: EXCHANGE.auth,
      flags: FLAG.initiator,
      messageId: 1,
    },
  );
  assert.equal(m.datagram.length, MESSAGE.length);
  assert.equal(hex(writeHeader(m.header, m.body.length)), hex(HEADER));
  const { payloads } = readChain(m.header.next, m.body);
  assert.equal(hex(writeChain(payloads)), hex(m.body));
  cutEverywhere(MESSAGE, (b) => readChain(41, read(b).body));
  anyBytes((b) => readChain(read(b).header.next, read(b).body), MESSAGE);
  assert.deepEqual(
    [
      majorVersion(MESSAGE),
      majorVersion(MESSAGE.map((x, i) => (i === 17 ? 0x10 : x))),
      majorVersion(new Uint8Array(4)),
    ],
    [2, 1, 0],
  );
});
test("unknown payloads are skipped, but for critical ones", () => {
  const chain = (flags: string): Uint8Array => bin(`29 ${flags} 0006 ffff 00 00 0008 00004000`);
  assert.deepEqual(readChain(200, chain("7f")).critical, null);
  assert.equal(readChain(200, chain("7f")).payloads.length, 1);
  assert.deepEqual(readChain(200, chain("80")).critical, 200);
  assert.throws(
    () =>
      readChain(
        41,
        new Uint8Array(4 * 100).map((_, i) => [41, 0, 0, 4][i % 4] ?? 0),
      ),
    DecodeError,
  );
});

const SA = bin(
  `
  00 00 0028 01 03 04 03 aabbccdd
    03 00 000c 01 00 000c 800e0100
    03 00 0008 03 00 000c
    00 00 0008 05 00 0000`.replace("0030", "0028"),
);
test("sa payload, golden both ways", () => {
  const [p] = offerEsp([parseEspProposal("aes256-sha256-modp2048")], bin("aabbccdd"), false);
  assert.ok(p);
  assert.equal(hex(writeSa([p])), hex(SA));
  assert.deepEqual(readSa(SA), [p]);
  cutEverywhere(SA, readSa);
  anyBytes(readSa, SA);
  assert.equal(describeProposals([p]), "aes256-sha256-noesn");
});
const GOLDEN = [
  {
    name: "notify",
    bytes: "03 04 4009 11223344 0506",
    read: readNotify,
    write: writeNotify,
    value: { protocol: 3, type: 16393, spi: bin("11223344"), data: bin("0506") },
    whole: false,
  },
  {
    name: "delete",
    bytes: "03 04 0002 11223344 f0000001",
    read: readDelete,
    write: writeDelete,
    value: { protocol: 3, spis: [0x11223344, 0xf0000001] },
    whole: true,
  },
  {
    name: "delete of the IKE SA",
    bytes: "01 00 0000",
    read: readDelete,
    write: writeDelete,
    value: { protocol: 1, spis: [] },
    whole: true,
  },
  {
    name: "key exchange",
    bytes: "001f 0000 0102",
    read: readKe,
    write: writeKe,
    value: { group: 31, value: bin("0102") },
    whole: false,
  },
  {
    name: "auth",
    bytes: "02 000000 0a0b",
    read: readAuth,
    write: writeAuth,
    value: { method: 2, data: bin("0a0b") },
    whole: false,
  },
  {
    name: "selectors",
    bytes: `02 000000 07 11 0010 06a5 06a5 c0000201 c0000201
      08 11 0028 0000 ffff ${"20010db8".padEnd(32, "0")} ${"20010db8".padEnd(32, "0")}`,
    read: readSelectors,
    write: writeSelectors,
    value: [hostSelector("192.0.2.1", 17, 1701), hostSelector("2001:db8::", 17, 0)],
    whole: true,
  },
] as const;
for (const g of GOLDEN) {
  test(`${g.name}, golden both ways`, () => {
    const bytes = bin(g.bytes);
    const decode: (b: Uint8Array) => unknown = g.read;
    const encode = g.write as (v: unknown) => Uint8Array;
    assert.deepEqual(decode(bytes), g.value);
    assert.equal(hex(encode(g.value)), hex(bytes));
    if (g.whole) cutEverywhere(bytes, decode);
    anyBytes(decode, bytes);
  });
}
test("selectors of other types are left out; names of notifications are the RFC's", () => {
  assert.deepEqual(readSelectors(bin("01 000000 09 11 0006 0102")), []);
  assert.equal(describeSelector(hostSelector("192.0.2.1", 17, 0)), "192.0.2.1[udp/0-65535]");
  assert.deepEqual([14, 16396, 9999].map(notifyName), ["NO_PROPOSAL_CHOSEN", "MOBIKE_SUPPORTED", "notify 9999"]);
});

const of = (list: readonly IkeProposal[], ownProposals = true): Suite[] =>
  suites({ ikeProposals: list, ownProposals }, nodeCrypto);
const ALL = of(IKE_INITIATOR, false);
test("every suite is found again in what is offered, and only those", () => {
  const offer = readSa(writeSa(offerSuites(ALL, new Uint8Array(0))));
  for (const s of ALL) {
    const c = chooseSuite([s], offer, true);
    assert.equal(c?.ours.text, s.text);
    const answer = [{ number: c?.number ?? 0, protocol: 1, spi: new Uint8Array(0), transforms: c?.transforms ?? [] }];
    assert.equal(chosenSuite(ALL, answer)?.ours.text, s.text);
  }
  const [old] = of([parseIkeProposal("3des-md5-modp1024")]);
  assert.ok(old);
  assert.equal(chooseSuite([old], offer, true), null);
  // a combination that nobody configured is not offered
  const mixed = of([parseIkeProposal("aes256-sha1-x25519")]);
  assert.equal(chooseSuite(mixed, offer, true), null);
});
test("what we do not know in a proposal refuses it, unless it may be left out", () => {
  const esp = espDefaults("aes", "responder");
  const [p] = offerEsp(esp, bin("aabbccdd"), false);
  assert.ok(p);
  const more = (...transforms: typeof p.transforms) => [{ ...p, transforms: [...p.transforms, ...transforms] }];
  assert.ok(chooseEsp(esp, [p], null, true));
  assert.equal(chooseEsp(esp, more({ type: 13, id: 1, bits: 0 }), null, true), null);
  assert.ok(chooseEsp(esp, more({ type: 13, id: 1, bits: 0 }, { type: 13, id: 0, bits: 0 }), null, true));
  const esn = { ...p, transforms: p.transforms.map((t) => (t.type === TRANSFORM.esn ? { ...t, id: 1 } : t)) };
  assert.equal(chooseEsp(esp, [esn], null, true), null);
  const bad = { ...p, transforms: p.transforms.map((t) => ({ ...t, bits: -1 })) };
  assert.equal(chooseEsp(esp, [bad], null, true), null);
  // perfect forward secrecy: what the peer has a key exchange for, if we want none in particular
  const pfs = more({ type: 4, id: 31, bits: 0 }, { type: 4, id: 14, bits: 0 });
  assert.equal(chooseEsp(esp, pfs, 14, true)?.group, "modp2048");
  assert.equal(chooseEsp([parseEspProposal("chacha20poly1305-x25519")], pfs, 14, true)?.group, "x25519");
  assert.equal(chooseEsp([parseEspProposal("chacha20poly1305-ecp256")], pfs, 14, true), null);
  assert.equal(chooseEsp(esp, [p], null, true)?.group, null);
});

const SUITES = ["aes256-sha256-x25519", "3des-sha1-modp2048"].map((t) => of([parseIkeProposal(t)])[0]);
const GCM = ALL.filter((s) => s.integ === null && s.group === "x25519");
for (const s of [...SUITES, ...GCM].filter((x): x is Suite => x !== undefined)) {
  test(`encrypted payload: whole and in fragments, ${s.text}`, () => {
    const seed = {
      ni: new Uint8Array(16),
      nr: new Uint8Array(16),
      spiI: bin("0102030405060708"),
      spiR: new Uint8Array(8),
    };
    const keys = makeKeys(nodeCrypto, s, firstSeed(nodeCrypto, s, new Uint8Array(32), seed), seed);
    const [out, into] = [new Sealing(nodeCrypto, s, keys.initiator), new Sealing(nodeCrypto, s, keys.initiator)];
    const header = { ...seed, exchange: EXCHANGE.auth, flags: FLAG.initiator, messageId: 1 };
    for (const length of [0, 1, 15, 16, 100, 3000]) {
      const payloads: Payload[] = [
        { type: PAYLOAD.idI, body: new Uint8Array(length).fill(7) },
        { type: PAYLOAD.auth, body: new Uint8Array(20) },
      ];
      for (const most of [0, 1200, 160]) {
        const all = new Assembly();
        const datagrams = out.seal(header, payloads, most);
        assert.equal(datagrams.length > 1, most > 0 && length > most - 100, `${length} in ${most}`);
        if (datagrams.length > 1) assert.ok(datagrams.every((d) => d.length <= most));
        let whole: ReturnType<Assembly["add"]> = null;
        for (const d of [...datagrams, ...datagrams.slice(1, 2)].reverse()) {
          const e = readEncrypted(read(d));
          const plain = e && into.open(e);
          assert.ok(e && plain && whole === null);
          whole = all.add(e, plain);
        }
        assert.ok(whole);
        assert.equal(hex(writeChain(readChain(whole.first, whole.plain).payloads)), hex(writeChain(payloads)));
      }
    }
    const [d] = out.seal(header, [{ type: PAYLOAD.notify, body: bin("00004000") }], 0);
    assert.ok(d);
    for (let at = 0; at < d.length; at++) {
      const x = d.slice();
      x[at] = (x[at] ?? 0) ^ 1;
      let plain: Uint8Array | null = null;
      try {
        const e = readEncrypted(read(x));
        plain = e && into.open(e);
      } catch (e) {
        assert.ok(e instanceof DecodeError);
      }
      assert.equal(plain, null, `changed at ${at}`);
    }
    cutEverywhere(d, read);
  });
}
test("fragments: a bounded number, a bounded size, a new division starts afresh", () => {
  const part = (number: number, total: number) => ({ first: 1, number, total, head: bin(""), sealed: bin("") });
  const a = new Assembly();
  assert.equal(a.add(part(1, 2), bin("01")), null);
  assert.equal(a.add(part(1, 3), bin("0a")), null);
  assert.equal(a.add(part(2, 2), bin("02")), null, "of the old division");
  assert.equal(a.add(part(2, 3), bin("0b")), null);
  assert.equal(hex(a.add(part(3, 3), bin("0c"))?.plain ?? bin("")), "0a0b0c");
  assert.throws(() => a.add(part(1, 500), bin("")), DecodeError);
  const big = new Assembly();
  big.add(part(1, 3), new Uint8Array(30_000));
  assert.throws(() => big.add(part(2, 3), new Uint8Array(30_000)), DecodeError);
});
test("CERT, CERTREQ and AUTH with a signature of RFC 7427, golden both ways, cut at every byte, and any bytes", () => {
  // of IKE_AUTH, behind IDi: a certificate, a CA's key (SHA-1 of it), ECDSA with SHA-256
  const golden = bin(`26 00 000a 04 3003020105
    27 00 0019 04 000102030405060708090a0b0c0d0e0f10111213
    00 00 0018 0e 000000 0c 300a06082a8648ce3d040302 aabbcc`);
  const c = readChain(PAYLOAD.cert, golden);
  const [cert, request, auth] = c.payloads.map((p) => p.body);
  assert.ok(cert && request && auth);
  assert.deepEqual(readCert(cert).map(hex), ["3003020105"]);
  assert.equal(hex(request), "04000102030405060708090a0b0c0d0e0f10111213");
  const { method, data } = readAuth(auth);
  const signed = readSignature(data);
  assert.equal(method, 14);
  assert.deepEqual(signed?.scheme, { form: "ecdsa-der", hash: "sha256" });
  assert.equal(hex(signed?.signature ?? new Uint8Array(0)), "aabbcc");
  const scheme = { form: "ecdsa-der", hash: "sha256" } as const;
  const written = [
    { type: PAYLOAD.cert, body: writeCert(CERT.signature, bin("3003020105")) },
    { type: PAYLOAD.certReq, body: writeCert(CERT.signature, request.subarray(1)) },
    { type: PAYLOAD.auth, body: writeAuth({ method: 14, data: writeSignature("ecp256", scheme, bin("aabbcc")) }) },
  ];
  assert.equal(hex(writeChain(written)), hex(golden));
  cutEverywhere(golden, (b) => readChain(PAYLOAD.cert, b));
  anyBytes((b) => readSignature(readAuth(b).data), auth);
  anyBytes(readCert, cert);
});
