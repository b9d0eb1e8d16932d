// A capture: its bytes, its limits, and what may never be in it.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Capture, type CaptureEnd, captureLimits } from "../../src/control/capture.ts";
import { pcapngHeader, pcapngPacket } from "../../src/control/pcapng.ts";
import { concat, hex, unhex, utf8 } from "../../src/core/text.ts";
import { type Shown, shownControl, shownFrame } from "../../src/packet/redact.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

const SECRET = utf8("geheim-4711");
const bytes = (text: string): Uint8Array => unhex(text.replaceAll(" ", "")) ?? new Uint8Array();
/** A PPP packet of code 1. */
const ppp = (protocol: string, data: Uint8Array, code = 1): Uint8Array =>
  concat([bytes(`ff03 ${protocol}`), Uint8Array.of(code, 7, 0, data.length + 4), data]);
function discreet(s: Shown): void {
  assert.ok(!hex(s.bytes).includes(hex(SECRET)), hex(s.bytes));
  assert.equal(s.cut, true);
}

test("golden bytes: section header, two interfaces, a packet each way", () => {
  assert.equal(
    hex(pcapngHeader("p", "hq", "c")),
    "0a0d0d0a300000004d3c2b1a01000000ffffffffffffffff01000100630000000400010070000000000000003000000001000000" +
      "24000000cc000000ffff0000020006006871205050500000000000002400000001000000" +
      "2c000000fc000000ffff000002000f006871204c32545020636f6e74726f6c00000000002c000000",
  );
  const packet = {
    kind: "ppp",
    direction: "out",
    ms: 1_700_000_000_123,
    bytes: bytes("ff030021 45"),
    comment: "",
  } as const;
  assert.equal(
    hex(pcapngPacket(packet)),
    "0600000034000000" +
      "00000000" +
      "240a060078202018" +
      "0600000006000000" +
      "01ff030021450000" +
      "0200040002000000" +
      "00000000" +
      "34000000",
  );
  const at = new DataView(pcapngPacket(packet).buffer);
  assert.equal(at.getUint32(12, true) * 2 ** 32 + at.getUint32(16, true), 1_700_000_000_123_000);
  const control = pcapngPacket({ kind: "l2tp", direction: "in", ms: 0, bytes: bytes("c802"), comment: "x" });
  assert.match(hex(control), /000e00087564702e706f727400200004000006a500000000c802/);
  assert.equal(control.length % 4, 0);
});

test("authentication keeps code and identifier alone", () => {
  for (const protocol of ["c023", "c223", "c227", "c027", "f0f1"]) {
    const s = shownFrame(ppp(protocol, SECRET));
    assert.equal(hex(s.bytes), `ff03${protocol}01070004`);
    discreet(s);
  }
});
test("LCP: numbers stay, names and copies of other packets do not", () => {
  const request = ppp("c021", bytes("0104 05dc 0506 11223344 0702"));
  assert.deepEqual(shownFrame(request), { bytes: request, cut: false });
  const named = ppp("c021", concat([bytes("0104 05dc"), Uint8Array.of(19, SECRET.length + 2), SECRET]));
  discreet(shownFrame(named));
  assert.equal(shownFrame(named).bytes.length, named.length);
  for (const code of [5, 6, 7, 8, 12, 13, 200]) discreet(shownFrame(ppp("c021", SECRET, code)));
  discreet(shownFrame(ppp("c021", concat([bytes("11223344"), SECRET]), 9)));
  discreet(shownFrame(ppp("c021", concat([bytes("01ff"), SECRET]))));
});
test("frames with compressed headers are the same frames", () => {
  assert.equal(hex(shownFrame(bytes("21 45")).bytes), "ff03002145");
  assert.equal(hex(shownFrame(concat([bytes("c023 01070010"), SECRET])).bytes), "ff03c02301070004");
});
test("L2TP: numbers stay; names, challenges, responses and hidden values are zero", () => {
  const avp = (type: number, value: Uint8Array, flags = 0x80, vendor = 0): Uint8Array =>
    concat([Uint8Array.of(flags, 6 + value.length, vendor >> 8, vendor & 255, 0, type), value]);
  const header = bytes("c802 0000 0001 0000 0000 0000");
  const open = concat([header, avp(0, bytes("0001")), avp(9, bytes("1234")), avp(1, bytes("00020006"))]);
  assert.deepEqual(shownControl(open), { bytes: open, cut: false });
  for (const secret of [
    avp(7, SECRET),
    avp(8, SECRET),
    avp(11, SECRET),
    avp(13, SECRET),
    avp(33, SECRET),
    avp(9, SECRET, 0xc0),
    avp(9, SECRET, 0x80, 9),
    avp(1, concat([bytes("00020006"), SECRET])),
    concat([bytes("8003 0000 0009"), SECRET]),
    concat([bytes("80ff 0000 0009"), SECRET]),
  ]) {
    const s = shownControl(concat([open, secret]));
    discreet(s);
    assert.equal(hex(s.bytes.slice(0, open.length)), hex(open));
  }
  discreet(shownControl(SECRET));
});
test("any bytes: no throw, and nothing longer than what came", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (b) => {
      assert.ok(shownFrame(b).bytes.length <= b.length + 3);
      assert.equal(shownControl(b).bytes.length, b.length);
      const auth = shownFrame(concat([bytes("ff03c223"), b])).bytes;
      assert.ok(auth.length <= 8);
    }),
  );
});

test("limits end it, once: seconds, packets, bytes, the client", () => {
  for (const [limits, why, packets] of [
    [{ seconds: 5, packets: 100, bytes: 1e6 }, "seconds", 3],
    [{ seconds: 60, packets: 2, bytes: 1e6 }, "packets", 2],
    [{ seconds: 60, packets: 100, bytes: 500 }, "bytes", 1],
    [{ seconds: 60, packets: 100, bytes: 1e6 }, "client", 3],
  ] as const) {
    const clock = new VirtualClock();
    const ends: CaptureEnd[] = [];
    let sent = 0;
    const c = new Capture({
      program: "p",
      link: "hq",
      limits,
      clock,
      wallClock: () => 0,
      send: (b) => (sent += b.length),
      done: (e) => ends.push(e),
    });
    for (let i = 0; i < 3; i++) c.packet("ppp", "in", { bytes: new Uint8Array(9), cut: i === 0 });
    if (why !== "client") clock.advance(6000);
    c.end("client");
    c.packet("ppp", "in", { bytes: new Uint8Array(9), cut: false });
    assert.equal(ends.length, 1);
    assert.deepEqual([ends[0]?.why, ends[0]?.packets, ends[0]?.bytes], [why, packets, sent]);
    assert.ok(sent <= limits.bytes);
  }
});
test("what a client wants is a number from 1, and never more than the daemon allows", () => {
  assert.deepEqual(captureLimits({}), { seconds: 60, packets: 10_000, bytes: 10_000_000 });
  assert.equal(captureLimits({ seconds: 1e9 })?.seconds, 3600);
  for (const bad of [0, -1, 1.5, "5", null, Number.NaN]) assert.equal(captureLimits({ packets: bad }), null);
});
