// BCP and bridged frames (RFC 3518): what is asked for and taken, frames as they look, and whole sessions that bridge.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Packet } from "../../src/core/packet.ts";
import { hex } from "../../src/core/text.ts";
import type { DataCoding } from "../../src/ports/ports.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import { BcpOptions } from "../../src/ppp/bcp.ts";
import { type BridgedFormat, pullBridged, pushBridged } from "../../src/ppp/bridged.ts";
import { FULL_HEADER, pullProtocol, pushProtocol } from "../../src/ppp/frame.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, End, join, SERVER, Side, testCrypto } from "./pair.ts";
import { h } from "./peers.ts";

const PLAIN: BridgedFormat = { tinygram: false, tagged: true, indicator: false };
const MACS = "0011223344550a0b0c0d0e0f";
/** ARP, 42 bytes. */
const ARP = h(`${MACS}0806 0001080006040001 0a0b0c0d0e0f0a000001 0000000000000a000002`);
const LONG = Uint8Array.from([...h(`${MACS}0800`), ...new Uint8Array(60)]);

function pushed(frame: Uint8Array, f: BridgedFormat = PLAIN): string {
  const p = Packet.of(frame);
  return pushBridged(p, f) ?? hex(p.view());
}
function pulled(pdu: Uint8Array): string {
  const p = Packet.of(pdu);
  return pullBridged(p) ?? hex(p.view());
}

describe("bridged frames", () => {
  test("as they look: flags, the kind of LAN, the frame; short ones with their zeros", () => {
    assert.equal(pushed(LONG), `0001${hex(LONG)}`);
    assert.equal(pushed(ARP), `0001${hex(ARP)}${"00".repeat(18)}`);
  });
  test("to a peer that takes tinygrams the zeros are left out (Z), and it is told of the bridge's own (B)", () => {
    const f = { ...PLAIN, tinygram: true, indicator: true };
    assert.equal(pushed(ARP, f), `2001${hex(ARP)}`);
    const bpdu = h(`0180c2000000 0a0b0c0d0e0f 0026 424203 ${"00".repeat(43)}`);
    assert.equal(pushed(bpdu, f).slice(0, 4), "1001");
    assert.equal(pushed(bpdu).slice(0, 4), "0001");
    assert.equal(pushed(h(`0180c2000010 ${"00".repeat(60)}`), f).slice(0, 4), "0001");
  });
  test("frames of VLANs go unless the peer says that it takes none", () => {
    const tagged = h(`${MACS} 8100 0064 0800 ${"00".repeat(60)}`);
    assert.equal(pushed(tagged).slice(0, 4), "0001");
    assert.equal(pushed(tagged, { ...PLAIN, tagged: false }), "bcp.tagged");
    assert.equal(pushed(h(MACS)), "bcp.short");
  });
  test("what comes: with FCS, a LAN's number, pads, left out zeros", () => {
    const frame = hex(LONG);
    assert.equal(pulled(h(`0001${frame}`)), frame);
    assert.equal(pulled(h(`4001 00000007 ${frame}`)), frame);
    assert.equal(pulled(h(`0301${frame}010203`)), frame);
    assert.equal(pulled(h(`2001${hex(ARP)}`)), hex(ARP) + "00".repeat(18));
    assert.equal(pulled(h(`1001${frame}`)), frame);
    // the FCS of IEEE 802.3, low byte first
    const with32 = h(`${MACS}0800${"00".repeat(46)}`);
    assert.equal(pulled(h(`8001${hex(with32)}deadbeef`)), "bcp.fcs");
    assert.equal(pulled(h(`8001${hex(with32)}${fcsOf(with32)}`)), hex(with32));
    assert.equal(pulled(h(`c201 00000007 ${hex(with32)}${fcsOf(with32)}0102`)), hex(with32));
  });
  test("hostile: short, another LAN's, more pads than frame", () => {
    assert.equal(pulled(h("")), "bcp.short");
    assert.equal(pulled(h("00")), "bcp.short");
    for (const kind of ["00", "02", "03", "04", "0b", "0c", "ff"])
      assert.equal(pulled(h(`00${kind}${hex(LONG)}`)), "bcp.lan");
    assert.equal(pulled(h(`0f01${MACS}0800`)), "bcp.short");
    assert.equal(pulled(h(`8f01 ${MACS}0800 00000000`)), "bcp.short");
    const pdu = h(`c301 00000007 ${hex(LONG)} ${fcsOf(LONG)} 010203`);
    for (let cut = 0; cut < pdu.length; cut++) {
      const got = pulled(pdu.subarray(0, cut));
      assert.ok(got === "bcp.short" || got === "bcp.fcs", `${cut}: ${got}`);
    }
    assert.equal(pulled(pdu), hex(LONG));
  });
  test("any bytes are a frame, or dropped; any frame comes back as it was, but for its zeros", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const p = Packet.of(bytes);
        if (pullBridged(p) === null) assert.ok(p.length >= 14 && p.length <= Math.max(60, bytes.length));
      }),
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 14, maxLength: 300 }),
        fc.boolean(),
        fc.boolean(),
        (b, tinygram, indicator) => {
          const p = Packet.of(b);
          assert.equal(pushBridged(p, { tagged: true, tinygram, indicator }), null);
          assert.equal(pullBridged(p), null);
          assert.equal(hex(p.view()), hex(b) + "00".repeat(Math.max(0, 60 - b.length)));
        },
      ),
    );
  });
});
function fcsOf(frame: Uint8Array): string {
  let crc = 0xffff_ffff;
  for (const b of frame) {
    crc ^= b;
    for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return hex(Uint8Array.of(~crc, ~crc >> 8, ~crc >> 16, ~crc >> 24));
}

describe("BCP's options", () => {
  const policy = () => {
    const refused: string[] = [];
    const o = new BcpOptions((name) => void refused.push(name));
    o.reset();
    const judge = (type: number, data: string) => {
      const v = o.judge({ type, data: h(data) });
      return v.is === "nak" ? `nak ${hex(v.instead)}` : v.is;
    };
    return { o, refused, judge };
  };
  test("we ask for all that Ethernet has: 802.3, tinygrams, VLANs, the bridge's own frames and their mark", () => {
    const { o } = policy();
    assert.deepEqual(
      o.request().map((x) => `${x.type} ${hex(x.data)}`),
      ["3 01", "4 01", "8 01", "9 ", "10 "],
    );
    o.rejected(10);
    o.naked({ type: 4, data: h("02") });
    assert.deepEqual(
      o.request().map((x) => x.type),
      [3, 8, 9],
    );
  });
  test("what a peer asks for is acknowledged, corrected, or refused by name", () => {
    const { judge, refused } = policy();
    assert.deepEqual(
      [judge(3, "01"), judge(3, "04"), judge(3, ""), judge(4, "02"), judge(4, "03"), judge(8, "01"), judge(8, "")],
      ["ack", "ack", "nak 01", "ack", "nak 01", "ack", "nak 01"],
    );
    assert.deepEqual([judge(9, ""), judge(10, ""), judge(9, "00")], ["ack", "ack", "nak "]);
    assert.deepEqual(
      [judge(6, "001122334455"), judge(6, "000000000000"), judge(6, "011122334455"), judge(6, "00")],
      ["ack", "reject", "reject", "reject"],
    );
    assert.deepEqual(
      [judge(1, "0011"), judge(2, "0011"), judge(5, "01"), judge(7, "01"), judge(99, "")].join(),
      "reject,reject,reject,reject,reject",
    );
    assert.deepEqual(
      refused.map((r) => r.replace("BCP option: ", "")),
      [
        "source routing (Bridge-Identification)",
        "source routing (Line-Identification)",
        "LAN-Identification",
        "the spanning tree's old formats",
        "unknown",
      ],
    );
  });
  test("what a peer can receive decides how frames go", () => {
    const { o } = policy();
    o.accept([]);
    assert.deepEqual(o.result(), PLAIN);
    o.accept([
      { type: 3, data: h("04") },
      { type: 3, data: h("01") },
      { type: 4, data: h("01") },
      { type: 8, data: h("02") },
      { type: 10, data: h("") },
    ]);
    assert.deepEqual(o.result(), { tinygram: true, tagged: false, indicator: true });
    o.accept([{ type: 3, data: h("04") }]);
    assert.equal(o.result(), "it knows no Ethernet");
  });
});

class Line extends End {
  coding: DataCoding | null = null;
  readonly sent: string[] = [];
  setCoding(coding: DataCoding | null): void {
    this.coding = coding;
  }
  override send(frame: Packet): void {
    this.sent.push(hex(frame.view()));
    super.send(frame);
  }
  sendPacket(protocol: number, packet: Packet): void {
    const out = (number: number, p: Packet): void => {
      const frame = Packet.of(p.view());
      pushProtocol(frame, number, FULL_HEADER);
      this.send(frame);
    };
    if (this.coding) this.coding.encode(protocol, packet, out);
    else out(protocol, packet);
  }
  override deliver(frame: Uint8Array): void {
    const p = Packet.of(frame);
    const number = pullProtocol(p);
    if (!this.coding || number === 0) return super.deliver(frame);
    this.coding.decode(number, p, (protocol, packet) => {
      pushProtocol(packet, protocol, FULL_HEADER);
      this.onFrame(packet);
    });
  }
}
function bridges(c: Partial<PppConfig>, s: Partial<PppConfig>, serverBridges = true) {
  const clock = new VirtualClock();
  const side = (cfg: PppConfig, seed: number) => {
    const line = new Line();
    const frames: string[] = [];
    const mtus: (number | null)[] = [];
    const owner = {
      onBridge: (mtu: number | null) => void mtus.push(mtu),
      onBridged: (p: Packet) => void frames.push(hex(p.view())),
      ...(cfg.role === "server"
        ? {
            admit: () => ({ local: "10.99.0.1", remote: "10.99.0.10", dns: [], wins: [], bridge: serverBridges }),
          }
        : {}),
    };
    return { line, frames, mtus, side: new Side(clock, cfg, owner, line, testCrypto(seed)) };
  };
  const a = side({ ...CLIENT, bridge: true, ...c }, 5);
  const b = side({ ...SERVER, require: ["mschapv2"], ...s }, 6);
  join(clock, a.line, b.line);
  a.side.session.start();
  b.side.session.start();
  clock.advance(9000);
  return { clock, a, b };
}

describe("sessions that bridge", () => {
  for (const [name, more, mtu] of [
    ["alone", {}, 1380],
    ["with Multilink: whole frames with a VLAN's tag", { mrru: 1600 }, 1500],
    ["inside MPPE", { mppe: 128 }, 1376],
    ["inside MPPE and Multilink", { mppe: 128, mrru: 1600 }, 1500],
  ] as const)
    test(`frames cross both ways, beside IPv4: ${name}`, () => {
      const { clock, a, b } = bridges(more, more);
      assert.deepEqual([a.mtus, b.mtus, a.side.ups.length, b.side.ups.length], [[mtu], [mtu], 1, 1]);
      const big = Uint8Array.from([...h(`${MACS} 8100 0064 0800`), ...new Uint8Array(mtu).fill(7)]);
      for (const f of [LONG, big]) {
        a.side.session.upper.sendBridged(Packet.of(f));
        b.side.session.upper.sendBridged(Packet.of(f));
      }
      clock.advance(100);
      assert.deepEqual([b.frames, a.frames], [[LONG, big].map(hex), [LONG, big].map(hex)]);
      if ("mppe" in more) {
        const clear = /^ff030031/;
        assert.ok(![...a.line.sent, ...b.line.sent].some((f) => clear.test(f)), "in the clear");
        b.side.channel.deliver(h(`ff03 0031 0001 ${hex(LONG)}`));
        assert.equal(b.frames.length, 2, "taken in the clear");
      }
    });
  test("a peer that does not bridge is a session without it, and says so once", () => {
    const { a, b } = bridges({}, {}, false);
    assert.deepEqual([a.mtus, b.mtus, a.side.ups.length], [[], [], 1]);
    const warned = a.side.events.filter((e) => e.kind === "daemon.warning");
    assert.equal(warned.length, 1);
    a.side.session.upper.sendBridged(Packet.of(LONG));
    assert.equal(a.side.session.drops()["bcp.not-open"], 1);
  });
  test("one that asks for it where nobody wants it is told that it is not spoken", () => {
    const { a, b } = bridges({ bridge: false }, {});
    assert.deepEqual([a.mtus, b.mtus, a.side.ups.length, b.side.ups.length], [[], [], 1, 1]);
  });
  test("when LCP begins anew no frame passes until BCP is open again", () => {
    const { a } = bridges({}, {});
    a.line.deliver(h("ff03c021 0177 000a 05061a2b3c4d"));
    assert.deepEqual(a.mtus, [1380, null]);
    a.side.session.upper.sendBridged(Packet.of(LONG));
    assert.equal(a.side.session.drops()["bcp.not-open"], 1);
    a.line.deliver(h(`ff03 0031 0001 ${hex(LONG)}`));
    assert.equal(a.frames.length, 0);
  });
  test("what RouterOS and others send: frames whose flags are wrong are counted, and nothing else happens", () => {
    const { clock, a } = bridges({}, {});
    for (const bad of ["", "00", "0002", "0f01", `0003${hex(LONG)}`]) a.line.deliver(h(`ff03 0031 ${bad}`));
    clock.advance(100);
    const drops = a.side.session.drops();
    assert.deepEqual([drops["bcp.short"], drops["bcp.lan"], a.frames, a.side.downs], [3, 2, [], []]);
    assert.equal(a.line.sent.filter((f) => f.startsWith("ff03c02108")).length, 0, "no Protocol-Reject");
  });
  test("a request as other implementations make it is acknowledged, or loses only what we lack", () => {
    const seen: string[] = [];
    const { clock, a } = bridges({}, {});
    a.line.out = (f) => void seen.push(hex(f));
    // 802.3 and FDDI, no tinygrams, an address of its own, the old spanning tree
    a.line.deliver(h(`ff03 8031 01 50 0018 030301 030304 040302 0608 0a0b0c0d0e0f 070301`));
    clock.advance(1);
    assert.ok(seen.includes("803104500007070301"), seen.join());
    a.line.deliver(h(`ff03 8031 01 51 0015 030301 030304 040302 0608 0a0b0c0d0e0f`));
    assert.ok(
      seen.some((f) => f.startsWith("80310251")),
      seen.join(),
    );
  });
});
