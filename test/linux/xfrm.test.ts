// Golden bytes are little endian and of a 64-bit machine, as `strace -xx ip xfrm ...` shows them.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hex, unhex, utf8 } from "../../src/core/text.ts";
import { decodeAttrs, get64, LITTLE_ENDIAN, type NlMessage, NlWriter } from "../../src/linux/netlink.ts";
import { AF_INET, XFRM } from "../../src/linux/uapi.ts";
import {
  alignment,
  decodePolicy,
  decodeSa,
  decodeXfrmEvent,
  encodeBlock,
  encodeBlockId,
  encodeSa,
  encodeSaId,
  encodeSocketPolicy,
  movedSa,
  type XfrmSa,
} from "../../src/linux/xfrm-wire.ts";

const skip = LITTLE_ENDIAN ? false : "golden bytes are of a little-endian machine";
const ALIGN = 8;

function zeros(n: number): string {
  return "00".repeat(n);
}
function golden(...parts: string[]): string {
  return parts.join("").replace(/\s/g, "");
}
function message(type: number, body: Uint8Array): NlMessage {
  return { type, flags: 0, seq: 0, port: 0, body };
}

function fromHex(text: string): Uint8Array {
  const b = unhex(text);
  assert.ok(b);
  return b;
}

const SA: XfrmSa = {
  source: "10.9.0.1",
  destination: "10.9.0.2",
  spi: 0x1001,
  reqid: 7,
  transform: {
    crypt: { name: "cbc(aes)", key: fromHex("00112233445566778899aabbccddeeff") },
    auth: { name: "hmac(sha1)", key: fromHex("000102030405060708090a0b0c0d0e0f10111213"), icvBits: 96 },
  },
  encap: { sourcePort: 4500, destinationPort: 4501 },
  sourcePort: 1701,
  destinationPort: 1702,
  window: 64,
  mark: { value: 0x70000, mask: 0xffff0000 },
  hardBytes: 0,
  hardPackets: 9,
};
const INFO = golden(
  zeros(32),
  "06a6ffff06a5ffff 0200 00 00 11 000000 00000000 00000000", // selector
  `0a090002 ${zeros(12)} 00001001 32 000000 0a090001 ${zeros(12)}`,
  `${"ff".repeat(24)} 0900000000000000 ${zeros(32)}`, // limits
  `${zeros(32)} ${zeros(12)} 00000000 07000000 0200 00 00 00 ${zeros(7)}`,
);

test("an SA with CBC and HMAC, UDP encapsulation, a long window, a mark and a limit, as iproute2 asks for it", {
  skip,
}, () => {
  const attrs = golden(
    `5800 0200 ${hex(utf8("cbc(aes)"))} ${zeros(56)} 80000000 00112233445566778899aabbccddeeff`,
    `6000 1400 ${hex(utf8("hmac(sha1)"))} ${zeros(54)} a0000000 60000000`,
    "000102030405060708090a0b0c0d0e0f10111213",
    `1c00 0400 0200 1194 1195 0000 ${zeros(16)}`,
    `2400 1700 02000000 ${zeros(16)} 40000000 ${zeros(8)}`, // iproute2 leaves the bitmap out; the kernel wants it
    "0800 1d00 00000700 0800 1e00 0000ffff",
  );
  assert.equal(hex(encodeSa(SA, ALIGN)), INFO + attrs);
});

test("an AEAD SA over protocol 50, outbound: one algorithm, and nothing that is not asked for", { skip }, () => {
  const aead = { name: "rfc4106(gcm(aes))", key: new Uint8Array(20).fill(0x11), icvBits: 128 };
  const b = encodeSa({ ...SA, transform: { aead }, encap: null, window: 0, mark: null }, ALIGN);
  const name = hex(utf8(aead.name));
  assert.equal(hex(b), INFO + golden(`6000 1200 ${name} ${zeros(47)} a0000000 80000000 ${"11".repeat(20)}`));
});

test("where 64-bit numbers are aligned to 4 the structure ends earlier", { skip }, () => {
  assert.equal(alignment({ SIZEOF_XFRM_USERSA_INFO: 224 }), 8);
  assert.equal(alignment({ SIZEOF_XFRM_USERSA_INFO: 220 }), 4);
  const short = hex(encodeSa(SA, 4));
  assert.equal(short.slice(0, 440), INFO.slice(0, 440));
  assert.equal(short.slice(440, 448), "58000200");
});

test("blocks, and the ids of SAs and blocks, as iproute2 asks for them", { skip }, () => {
  assert.equal(
    hex(encodeBlock(AF_INET, "out", 1701, 2000, ALIGN)),
    golden(
      `${zeros(32)} 0000 0000 06a5 ffff 0200 00 00 11 000000 ${zeros(8)}`,
      `${"ff".repeat(32)} ${zeros(32)} ${zeros(32)} d0070000 00000000 01 01 00 00 00000000`,
    ),
  );
  assert.equal(
    hex(encodeBlockId(AF_INET, "in", 1701)),
    golden(`${zeros(32)} 06a5 ffff 0000 0000 0200 00 00 11 000000 ${zeros(8)} 00000000 00 000000`),
  );
  assert.equal(hex(encodeSaId("fd00::2", 0x1001)), golden("fd000000000000000000000000000002 00001001 0a00 32 00"));
});

test("without ports too a selector is of UDP alone: whatever else comes under an SA is refused (RFC 3193)", {
  skip,
}, () => {
  const any = golden("0000 0000 0000 0000 0200 00 00 11 000000 00000000 00000000");
  const sa = encodeSa({ ...SA, sourcePort: 0, destinationPort: 0 }, ALIGN);
  const socket = encodeSocketPolicy(AF_INET, "in", 0x6c320001, ALIGN);
  for (const b of [sa, socket]) assert.equal(hex(b.subarray(32, 56)), any);
});

test("a socket's policy has one template, of transport mode and its reqid, or none", { skip }, () => {
  const open = hex(encodeSocketPolicy(AF_INET, "in", null, ALIGN));
  assert.equal(open.length, 2 * 168);
  assert.equal(open.slice(2 * 160), golden("00 00 00 00 00000000"));
  const secured = hex(encodeSocketPolicy(AF_INET, "out", 0x6c320001, ALIGN));
  assert.equal(secured.slice(2 * 160, 2 * 168), golden("01 00 00 00 00000000"));
  assert.equal(
    secured.slice(2 * 168),
    golden(`${zeros(20)} 32 000000 0200 0000 ${zeros(16)} 0100326c 00 00 00 00 ffffffff ffffffff ffffffff`),
  );
});

test("an SA as the kernel tells of it: counters beyond 32 bits, and what it refused", () => {
  const b = encodeSa(SA, ALIGN);
  b.set(new NlWriter().u64(5_000_000_000).u64(70_000_000).done(), 160);
  b.set(new NlWriter().u32(1).u32(2).u32(3).done(), 192);
  assert.deepEqual(decodeSa(b), {
    source: "10.9.0.1",
    destination: "10.9.0.2",
    protocol: 50,
    spi: 0x1001,
    reqid: 7,
    bytes: 5_000_000_000,
    packets: 70_000_000,
    replays: 2,
    integrityFailures: 3,
  });
  assert.equal(get64(new NlWriter().u64(Number.MAX_SAFE_INTEGER).done(), 0), Number.MAX_SAFE_INTEGER);
});

test("an SA between other addresses keeps keys, window, mark, limits and what it has counted, and nothing else", {
  skip,
}, () => {
  const was = encodeSa(SA, ALIGN);
  was.set(new NlWriter().u64(1234).u64(5).u64(6).u64(7).done(), 160);
  const lastUsed = new NlWriter().attr(26, new Uint8Array(8)).done();
  const to = {
    source: "10.9.0.3",
    destination: "10.9.0.4",
    encap: { sourcePort: 4500, destinationPort: 20001 },
  };
  const now = movedSa(new Uint8Array([...was, ...lastUsed]), to, ALIGN);
  assert.ok(now);
  const found = decodeSa(now);
  assert.deepEqual([found?.source, found?.destination, found?.packets], ["10.9.0.3", "10.9.0.4", 5]);
  const expected = decodeAttrs(encodeSa({ ...SA, ...to }, ALIGN), 224);
  expected.set(9, was.subarray(160, 192)); // XFRMA_LTIME_VAL
  const sorted = (m: ReadonlyMap<number, Uint8Array>): [number, string][] =>
    [...m].map(([type, v]): [number, string] => [type, hex(v)]).sort(([a], [b]) => a - b);
  assert.deepEqual(sorted(decodeAttrs(now, 224)), sorted(expected));
  assert.equal(decodeAttrs(movedSa(was, { ...to, encap: null }, ALIGN) ?? was, 224).has(XFRM.XFRMA_ENCAP), false);
  for (let n = 0; n < 224; n++) assert.equal(movedSa(was.subarray(0, n), to, ALIGN), null);
});

test("policies as the kernel tells of them", () => {
  assert.deepEqual(decodePolicy(encodeBlock(AF_INET, "in", 1701, 2000, ALIGN)), {
    family: AF_INET,
    direction: XFRM.XFRM_POLICY_IN,
    action: XFRM.XFRM_POLICY_BLOCK,
    priority: 2000,
    protocol: 17,
    sourcePort: 0,
    destinationPort: 1701,
    index: 0,
  });
});

test("events: a limit, a removal, a flush, a peer that moved", () => {
  const info = encodeSa({ ...SA, transform: {}, encap: null, window: 0, mark: null }, ALIGN);
  const expire = new Uint8Array([...info, 1, ...new Uint8Array(7)]);
  const hard = decodeXfrmEvent(message(XFRM.XFRM_MSG_EXPIRE, expire), ALIGN);
  assert.ok(hard?.kind === "expired" && hard.hard && hard.sa.spi === 0x1001);
  expire[info.length] = 0;
  const soft = decodeXfrmEvent(message(XFRM.XFRM_MSG_EXPIRE, expire), ALIGN);
  assert.ok(soft?.kind === "expired" && !soft.hard);
  assert.deepEqual(decodeXfrmEvent(message(XFRM.XFRM_MSG_DELSA, encodeSaId("fd00::2", 9)), ALIGN), {
    kind: "deleted",
    destination: "fd00::2",
    spi: 9,
  });
  assert.deepEqual(decodeXfrmEvent(message(XFRM.XFRM_MSG_FLUSHSA, Uint8Array.of(50)), ALIGN), { kind: "flushed" });
  const none = new Uint8Array(0);
  for (const type of [XFRM.XFRM_MSG_DELPOLICY, XFRM.XFRM_MSG_FLUSHPOLICY])
    assert.deepEqual(decodeXfrmEvent(message(type, none), ALIGN), { kind: "policies" });
  const moved = new Uint8Array(64);
  moved.set(encodeSaId("10.9.0.2", 0x1001));
  moved.set(new NlWriter().u32(7).done(), 24);
  moved.set([203, 0, 113, 9], 44);
  moved.set([0x4e, 0x21], 62);
  assert.deepEqual(decodeXfrmEvent(message(XFRM.XFRM_MSG_MAPPING, moved), ALIGN), {
    kind: "mapping",
    reqid: 7,
    spi: 0x1001,
    address: "203.0.113.9",
    port: 20001,
  });
  assert.equal(decodeXfrmEvent(message(XFRM.XFRM_MSG_GETSA, moved), ALIGN), null);
});

test("cut at every byte: nothing is made up", () => {
  const info = encodeSa(SA, ALIGN).subarray(0, 224);
  for (let n = 0; n < 217; n++) assert.equal(decodeSa(info.subarray(0, n)), null, `SA of ${n}`);
  const expire = new Uint8Array([...info, 1]);
  for (let n = 0; n < expire.length; n++)
    assert.equal(decodeXfrmEvent(message(XFRM.XFRM_MSG_EXPIRE, expire.subarray(0, n)), ALIGN), null, `expire of ${n}`);
  const policy = encodeBlock(AF_INET, "in", 1701, 2000, ALIGN);
  for (let n = 0; n < 164; n++) assert.equal(decodePolicy(policy.subarray(0, n)), null, `policy of ${n}`);
  for (let n = 0; n < 24; n++)
    assert.equal(decodeXfrmEvent(message(XFRM.XFRM_MSG_DELSA, info.subarray(0, n)), ALIGN), null, `id of ${n}`);
  for (let n = 0; n < 64; n++)
    assert.equal(decodeXfrmEvent(message(XFRM.XFRM_MSG_MAPPING, info.subarray(0, n)), ALIGN), null, `mapping of ${n}`);
});

test("whatever an SA's numbers are, the kernel's word for them is what was asked for", () => {
  const port = fc.integer({ min: 0, max: 65535 });
  const word = fc.integer({ min: 0, max: 0xffff_ffff });
  const ip = fc.constantFrom("10.9.0.2", "203.0.113.255", "fd00::2", "2001:db8::ffff");
  fc.assert(
    fc.property(ip, word, word, port, port, (address, spi, reqid, sourcePort, destinationPort) => {
      const sa = { ...SA, source: address, destination: address, spi, reqid, sourcePort, destinationPort };
      const found = decodeSa(encodeSa(sa, ALIGN));
      assert.deepEqual([found?.source, found?.destination, found?.spi, found?.reqid], [address, address, spi, reqid]);
    }),
  );
});
