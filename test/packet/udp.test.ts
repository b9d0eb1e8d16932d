import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sum16, updated } from "../../src/packet/checksum.ts";
import { readUdp, UDP, UDP_HEADER, udp6Checksum, writeUdp } from "../../src/packet/udp.ts";

test("written and read again, padding behind it aside", () => {
  const b = new Uint8Array(3 + UDP_HEADER + 5 + 4);
  writeUdp(b, 3, 1701, 49152, UDP_HEADER + 5);
  assert.deepEqual(readUdp(b, 3, b.length), { sourcePort: 1701, destinationPort: 49152, end: 3 + UDP_HEADER + 5 });
});
test("cut anywhere, or with a length that does not fit: null", () => {
  const b = new Uint8Array(UDP_HEADER + 5);
  writeUdp(b, 0, 1, 2, b.length);
  for (let n = 0; n < b.length; n++) assert.equal(readUdp(b, 0, n), null, String(n));
  for (const length of [0, 7, b.length + 1, 0xffff]) {
    writeUdp(b, 0, 1, 2, length);
    assert.equal(readUdp(b, 0, b.length), null, String(length));
  }
});
test("RFC 8200 §8.1: the sum over pseudo-header and datagram is all ones, and a checksum of 0 is never sent", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.uint8Array({ maxLength: 40 }),
      (local, remote, body) => {
        const udp = new Uint8Array(UDP_HEADER + body.length);
        writeUdp(udp, 0, 1701, 1701, udp.length);
        udp.set(body, UDP_HEADER);
        const checksum = udp6Checksum(local, remote, udp);
        assert.notEqual(checksum, 0);
        udp.set([checksum >>> 8, checksum & 255], 6);
        assert.equal(sum16(udp, sum16(local, sum16(remote, UDP + udp.length))), 0xffff);
      },
    ),
  );
});
test("RFC 1071 §3's example, and RFC 1624 §4's, where the older formula gives the wrong zero", () => {
  assert.equal(sum16(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)), 0xddf2);
  assert.equal(sum16(Uint8Array.of(0x00, 0x01, 0xf2)), 0xf201, "an odd byte is the high half of a word");
  assert.equal(updated(0xdd2f, 0x5555, 0x3285), 0x0000);
});
test("an updated checksum is the one that a full sum gives", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
      fc.uint8Array({ minLength: 2, maxLength: 2 }),
      (b, word) => {
        fc.pre(b.some((x) => x !== 0) && (b.subarray(2).some((x) => x !== 0) || word.some((x) => x !== 0)));
        const before = ~sum16(b) & 0xffff;
        const was = sum16(b, 0, 0, 2);
        b.set(word);
        assert.equal(updated(before, was, sum16(word)) % 0xffff, (~sum16(b) & 0xffff) % 0xffff);
      },
    ),
  );
});
