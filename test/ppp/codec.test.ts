import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../../src/core/errors.ts";
import { Packet } from "../../src/core/packet.ts";
import { hex, unhex, utf8 } from "../../src/core/text.ts";
import { readChapValue, writeChapValue } from "../../src/ppp/auth/chap.ts";
import { readPapMessage, readPapRequest, writePapMessage, writePapRequest } from "../../src/ppp/auth/pap.ts";
import { readOptions, readPacket, writeOptions, writePacket } from "../../src/ppp/cp.ts";
import { protocolName, pullProtocol, pushProtocol } from "../../src/ppp/frame.ts";

const h = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail("bad hex");

/** Cut at every byte: every shorter input is refused with DecodeError, none is read as something else. */
function cutEverywhere(whole: Uint8Array, read: (b: Uint8Array) => unknown): void {
  for (let n = 0; n < whole.length; n++) assert.throws(() => read(whole.slice(0, n)), DecodeError, `cut at ${n}`);
}
function anyBytes(read: (b: Uint8Array) => unknown): void {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (b) => {
      try {
        read(b);
      } catch (e) {
        assert.ok(e instanceof DecodeError, String(e));
      }
    }),
    { numRuns: 2000 },
  );
}

describe("frame header", () => {
  const golden = [
    ["ff03c021", 0xc021, { pfc: false, acfc: false }],
    ["c021", 0xc021, { pfc: true, acfc: true }],
    ["ff030021", 0x0021, { pfc: false, acfc: false }],
    ["0021", 0x0021, { pfc: false, acfc: true }],
    ["ff0321", 0x0021, { pfc: true, acfc: false }],
    ["21", 0x0021, { pfc: true, acfc: true }],
  ] as const;
  for (const [bytes, protocol, options] of golden) {
    test(`${bytes} both ways`, () => {
      const p = Packet.of(h(`${bytes}4500`));
      assert.equal(pullProtocol(p), protocol);
      assert.equal(hex(p.view()), "4500");
      pushProtocol(p, protocol, options);
      assert.equal(hex(p.view()), `${bytes}4500`);
    });
  }
  test("what has no odd last octet, or no octet, is no protocol", () => {
    for (const bytes of ["", "ff03", "00", "0020", "c020", "ff03c0", "ff030020"]) {
      assert.equal(pullProtocol(Packet.of(h(bytes))), 0, bytes);
    }
  });
  test("any bytes: a number in 0 to 0xffff, never past the end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (b) => {
        const p = Packet.of(b);
        const end = p.end;
        const protocol = pullProtocol(p);
        assert.ok(protocol >= 0 && protocol <= 0xffff && p.start <= end && p.end === end);
        assert.ok(protocol === 0 || (protocol & 1) === 1);
        assert.ok(protocolName(protocol).length > 0);
      }),
      { numRuns: 2000 },
    );
  });
});

// A Configure-Request as pppd 2.4.9 sends it: ACCM 0, magic, PFC, ACFC.
const PPPD = "01 01 0014 0206 00000000 0506 8a2b3c4d 0702 0802";

describe("control packets", () => {
  test("golden both ways", () => {
    const p = readPacket(h(PPPD));
    assert.deepEqual([p.code, p.id], [1, 1]);
    const options = readOptions(p.body);
    assert.deepEqual(
      options.map((o) => [o.type, hex(o.data)]),
      [
        [2, "00000000"],
        [5, "8a2b3c4d"],
        [7, ""],
        [8, ""],
      ],
    );
    assert.equal(hex(writePacket({ code: 1, id: 1, body: writeOptions(options) })), PPPD.replace(/ /g, ""));
  });
  test("cut at every byte", () => cutEverywhere(h(PPPD), readPacket));
  test("bytes behind the length are padding", () => {
    assert.equal(hex(readPacket(h(`${PPPD}deadbeef`)).body), hex(readPacket(h(PPPD)).body));
  });
  test("lengths below the header and beyond the frame are refused", () => {
    for (const bad of ["01010003", "01010000", "0101ffff", "01010005"])
      assert.throws(() => readPacket(h(bad)), DecodeError, bad);
  });
  test("option lengths 0, 1 and beyond the packet are refused whole", () => {
    for (const bad of ["0100", "0101", "0103", "01040500 02", "0506 8a2b3c", "0702 08"])
      assert.throws(() => readOptions(h(bad)), DecodeError, bad);
  });
  test("an unknown option is stepped over whole", () => {
    assert.deepEqual(
      readOptions(h("2a06 01020304 0702")).map((o) => o.type),
      [0x2a, 7],
    );
  });
  test("any bytes: packet, options", () => {
    anyBytes(readPacket);
    anyBytes(readOptions);
  });
  test("round trip", () => {
    const option = fc.record({ type: fc.nat(255), data: fc.uint8Array({ maxLength: 20 }) });
    fc.assert(
      fc.property(fc.array(option, { maxLength: 10 }), (options) => {
        assert.deepEqual(
          readOptions(writeOptions(options)).map((o) => [o.type, [...o.data]]),
          options.map((o) => [o.type, [...o.data]]),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe("PAP", () => {
  const bytes = h("05 616c696365 0a 776f6e6465726c616e64");
  test("request, golden both ways, cut everywhere", () => {
    const q = readPapRequest(bytes);
    assert.deepEqual([hex(q.user), hex(q.password)], [hex(utf8("alice")), hex(utf8("wonderland"))]);
    assert.equal(hex(writePapRequest(q)), hex(bytes));
    cutEverywhere(bytes, readPapRequest);
  });
  test("a length that points past the packet is refused (the class of CVE-2020-8597)", () => {
    for (const bad of ["ff 61", "01 61 ff 62", "00 ff"]) assert.throws(() => readPapRequest(h(bad)), DecodeError);
  });
  test("message, golden both ways; none at all is an empty one", () => {
    assert.equal(hex(writePapMessage(utf8("no"))), "026e6f");
    assert.equal(hex(readPapMessage(h("026e6f"))), "6e6f");
    assert.equal(readPapMessage(new Uint8Array(0)).length, 0);
    assert.throws(() => readPapMessage(h("03 6e6f")), DecodeError);
  });
  test("any bytes", () => {
    anyBytes(readPapRequest);
    anyBytes(readPapMessage);
  });
});

describe("CHAP", () => {
  const bytes = h(`10 000102030405060708090a0b0c0d0e0f 6c6e73`);
  test("value and name, golden both ways", () => {
    const v = readChapValue(bytes);
    assert.deepEqual([v.value.length, hex(v.name)], [16, hex(utf8("lns"))]);
    assert.equal(hex(writeChapValue(v)), hex(bytes));
    cutEverywhere(bytes.subarray(0, 17), readChapValue); // behind it the name is whatever is left
  });
  test("an empty value, one past the end and a name over 256 bytes are refused (class of CVE-2020-8597)", () => {
    for (const bad of ["00", "00 6c6e73", "10 0001", "ff"])
      assert.throws(() => readChapValue(h(bad)), DecodeError, bad);
    const named = (n: number): Uint8Array =>
      writeChapValue({ value: new Uint8Array(16), name: new Uint8Array(n).fill(97) });
    assert.equal(readChapValue(named(256)).name.length, 256);
    for (const n of [257, 1000, 1400]) assert.throws(() => readChapValue(named(n)), DecodeError);
  });
  test("any bytes", () => anyBytes(readChapValue));
});
