import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Reader } from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { hex, unhex } from "../../src/core/text.ts";
import { decodeMessage, encodeMessage, type Hiding } from "../../src/l2tp/wire/avp.ts";
import { AVP, type Avps } from "../../src/l2tp/wire/avps.ts";
import { readControl, writeControl } from "../../src/l2tp/wire/header.ts";
import { MESSAGE, type MessageName, type MessageOf } from "../../src/l2tp/wire/messages.ts";
import { resultWords } from "../../src/l2tp/words.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { runs } from "../runs.ts";

const bytes = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail("hex");
const OPEN: Hiding = { crypto: nodeCrypto, secret: null };

// An SCCRQ as xl2tpd composes it, put together by the RFC's figures.
const SCCRQ = bytes(`
  c802 0066 0000 0000 0000 0000
  8008 0000 0000 0001   8008 0000 0002 0100   800a 0000 0003 00000003   800a 0000 0004 00000000
  0008 0000 0006 0690   800b 0000 0007 6c61633031   0013 0000 0008 78656c6572616e63652e636f6d
  8008 0000 0009 5f2b   8008 0000 000a 0004`);
const FIELDS = {
  protocolVersion: 0x100,
  framingCapabilities: 3,
  bearerCapabilities: 0,
  firmwareRevision: 0x690,
  hostName: "lac01",
  vendorName: "xelerance.com",
  assignedTunnelId: 0x5f2b,
  receiveWindowSize: 4,
};
function message(datagram: Uint8Array, hiding = OPEN): ReturnType<typeof decodeMessage> {
  return decodeMessage(readControl(new Reader(datagram)).body, hiding);
}
const rec = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true });
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const text = fc.string({ maxLength: 40, unit: "grapheme" });
const octets = fc.uint8Array({ maxLength: 60 });
const ARB: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  resultCode: fc.oneof(
    rec({ result: u16 }),
    rec({ result: u16, error: u16 }),
    rec({ result: u16, error: u16, message: fc.string({ minLength: 1, maxLength: 30 }) }),
  ),
  protocolVersion: u16,
  framingCapabilities: u32,
  bearerCapabilities: u32,
  tieBreaker: octets,
  firmwareRevision: u16,
  hostName: text,
  vendorName: text,
  assignedTunnelId: u16,
  receiveWindowSize: u16,
  challenge: octets,
  challengeResponse: octets,
  q931Cause: rec({ cause: u16, message: fc.nat(255), advisory: text }),
  assignedCallId: u16,
  callSerialNumber: u32,
  minimumBps: u32,
  maximumBps: u32,
  bearerType: u32,
  framingType: u32,
  calledNumber: text,
  callingNumber: text,
  subAddress: text,
  txConnectSpeed: u32,
  rxConnectSpeed: u32,
  physicalChannelId: u32,
  privateGroupId: octets,
  sequencingRequired: fc.constant(true),
  initialReceivedConfreq: octets,
  lastSentConfreq: octets,
  lastReceivedConfreq: octets,
  proxyAuthenType: u16,
  proxyAuthenName: octets,
  proxyAuthenChallenge: octets,
  proxyAuthenId: u16,
  proxyAuthenResponse: octets,
  callErrors: rec({
    crc: u32,
    framing: u32,
    hardwareOverruns: u32,
    bufferOverruns: u32,
    timeouts: u32,
    alignment: u32,
  }),
  accm: rec({ send: u32, receive: u32 }),
};
const anyMessage = fc.constantFrom(...(Object.keys(MESSAGE) as MessageName[])).chain((name) => {
  const spec = MESSAGE[name];
  const shape = Object.fromEntries([...spec.must, ...spec.may].map((n) => [n, ARB[n] as fc.Arbitrary<unknown>]));
  return fc.tuple(
    fc.constant(name),
    fc.record(shape, { noNullPrototype: true, requiredKeys: [...spec.must] as string[] }),
  );
});

describe("control messages", () => {
  test("golden SCCRQ, read and written", () => {
    const { header } = readControl(new Reader(SCCRQ));
    assert.deepEqual(header, { tunnelId: 0, callId: 0, Ns: 0, Nr: 0 });
    const m = message(SCCRQ);
    assert.deepEqual([m.name, m.avps, m.unknown, m.misread], ["SCCRQ", FIELDS, null, []]);
    const again = message(writeControl(header, encodeMessage("SCCRQ", FIELDS)));
    assert.deepEqual(again.avps, FIELDS);
    assert.equal(
      hex(
        writeControl(
          { tunnelId: 1, callId: 2, Ns: 3, Nr: 4 },
          encodeMessage("StopCCN", { assignedTunnelId: 7, resultCode: { result: 2, error: 6, message: "no" } }),
        ),
      ),
      "c8020028" + "0001000200030004" + "8008000000000004" + "8008000000090007" + "800c00000001" + "00020006" + "6e6f",
    );
  });
  test("every message round trips, open and hidden", () => {
    const secret: Hiding = { crypto: nodeCrypto, secret: Secret.of("tunnel secret") };
    fc.assert(
      fc.property(anyMessage, fc.boolean(), ([name, avps], hide) => {
        const body = encodeMessage(
          name,
          avps as MessageOf<typeof name>,
          hide ? { hiding: secret, rng: nodeCrypto } : undefined,
        );
        const m = decodeMessage(new Reader(body), secret);
        assert.deepEqual([m.name, m.unknown, m.misread], [name, null, []]);
        assert.deepEqual(m.avps, { ...avps } as Avps);
      }),
      { numRuns: 800 },
    );
  });
  test("a hidden AVP with another secret, or none, is never read", () => {
    const right: Hiding = { crypto: nodeCrypto, secret: Secret.of("right") };
    const body = encodeMessage(
      "ICRQ",
      { assignedCallId: 77, callSerialNumber: 1 },
      { hiding: right, rng: { random: (n) => new Uint8Array(n).fill(7) } },
    );
    assert.equal(hex(body).includes("004d"), false); // random padding would have it once in a thousand times
    for (const s of [null, ...["wrong", "Right", "righ", "right ", ""].map(Secret.of)]) {
      const m = decodeMessage(new Reader(body), { crypto: nodeCrypto, secret: s });
      // what comes out is as long as it says once in four thousand times
      assert.deepEqual([m.opaque, m.unknown !== null, m.avps], [true, true, {}]);
    }
    const noVector = bytes("8008 0000 0000 000a  c008 0000 000e 1234");
    assert.match(decodeMessage(new Reader(noVector), right).unknown?.message ?? "", /without a Random Vector/);
  });
  test("cut at every byte: a DecodeError, or a message with fewer AVPs", () => {
    for (let n = 0; n < SCCRQ.length; n++) {
      assert.throws(() => message(SCCRQ.subarray(0, n)), DecodeError); // the header's Length says more
      const cut = SCCRQ.slice(0, n);
      if (n < 12) continue;
      cut[2] = n >>> 8;
      cut[3] = n;
      try {
        const m = message(cut);
        assert.ok(
          Object.entries(m.avps).every(
            ([k, v]) => JSON.stringify(v) === JSON.stringify((FIELDS as Record<string, unknown>)[k]),
          ),
        );
      } catch (e) {
        assert.ok(e instanceof DecodeError, String(e));
      }
    }
  });
  test("any bytes, and any change to a good message: a value or a DecodeError", () => {
    const survive = (b: Uint8Array): void => {
      try {
        message(b, { crypto: nodeCrypto, secret: Secret.of("x") });
      } catch (e) {
        if (!(e instanceof DecodeError)) throw e;
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), survive), { numRuns: runs(3000) });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(SCCRQ.length - 1), fc.nat(255)), { maxLength: 4 }), (changes) => {
        const b = SCCRQ.slice();
        for (const [at, v] of changes) b[at] = v;
        survive(b);
      }),
      { numRuns: runs(3000) },
    );
  });
  test("AVP lengths below the header or beyond the message (CVE-2002-0873, 2004-0649, 2020-15173)", () => {
    for (const length of [0, 1, 2, 5, 0x3ff]) {
      const b = SCCRQ.slice();
      b[21] = length;
      b[20] = 0x80 | (length >>> 8);
      assert.throws(() => message(b), DecodeError, String(length));
    }
    // below the header, and what follows would be read as if it began there
    for (const length of [0, 2, 4, 5]) {
      const short = bytes(`8008 0000 0000 000a  800${length} 0000 000e 8008 0000 000e 0007`);
      assert.throws(() => decodeMessage(new Reader(short), OPEN), DecodeError, `${length}`);
    }
    assert.throws(() => decodeMessage(new Reader(bytes("c008 0000 0000 000a")), OPEN), DecodeError, "a hidden type");
    // A hidden value whose inner length is longer than itself.
    const secret: Hiding = { crypto: nodeCrypto, secret: Secret.of("s") };
    const body = encodeMessage("ICRQ", { assignedCallId: 1, callSerialNumber: 1 }, { hiding: secret, rng: nodeCrypto });
    body[body.length - 32] = (body[body.length - 32] as number) ^ 0xff;
    assert.doesNotThrow(() => decodeMessage(new Reader(body), secret));
  });
  test("unknown AVPs: optional ones are stepped over whole, mandatory ones are named", () => {
    const optional = bytes("000a 0000 03e7 01020304");
    const vendor = bytes("000a 0009 0001 01020304");
    const head = SCCRQ.slice(12, 20);
    const rest = SCCRQ.slice(20);
    const m = decodeMessage(new Reader(Uint8Array.from([...head, ...optional, ...vendor, ...rest])), OPEN);
    assert.deepEqual([m.avps, m.unknown], [FIELDS, null]);
    const must = bytes("8006 0009 0063");
    assert.match(
      decodeMessage(new Reader(Uint8Array.from([...head, ...must, ...rest])), OPEN).unknown?.message ?? "",
      /AVP 9\/99/,
    );
  });
  test("a known AVP with a wrong length counts as absent; longer ones are read as far as they go", () => {
    const m = decodeMessage(
      new Reader(bytes("8008 0000 0000 000a  8007 0000 000e 12  800a 0000 000f 00000001  800c 0000 0012 00000001ffff")),
      OPEN,
    );
    assert.deepEqual(
      [m.avps, m.misread, m.unknown],
      [{ callSerialNumber: 1, bearerType: 1 }, ["assignedCallId"], null],
    );
  });
  test("headers that are no control header", () => {
    for (const flags of ["4802", "c803", "8802", "c002", "ca02", "c801"])
      assert.throws(() => readControl(new Reader(bytes(`${flags} 000c 0000 0000 0000 0000`))), DecodeError, flags);
    assert.throws(() => readControl(new Reader(bytes("c802 000b 0000 0000 0000 0000"))), DecodeError);
    assert.equal(
      readControl(new Reader(bytes("c802 000c 0001 0000 0000 0000 ffff"))).body.left,
      0,
      "what lies behind Length is padding",
    );
  });
  test("every AVP has a number of its own", () => {
    assert.equal(new Set(Object.values(AVP).map((a) => a.type)).size, Object.keys(AVP).length);
    assert.equal(Object.keys(AVP).length, 39);
  });
  test("codes as words", () => {
    assert.equal(
      resultWords("StopCCN", { result: 2, error: 8, message: "x\n" }),
      'result 2: general error, error 8: an AVP with the M bit is not known, "x"',
    );
    assert.equal(resultWords("CDN", { result: 4 }), "result 4: no facilities available, for now");
    assert.match(resultWords("CDN", { result: 400, error: 99 }), /400.*99/);
  });
});
