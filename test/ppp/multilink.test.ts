// Multilink (RFC 1990): fragments as they look, put together in any order a link may bring them in, and whatever else
// comes counted and dropped.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Packet } from "../../src/core/packet.ts";
import { hex } from "../../src/core/text.ts";
import type { DataCoding } from "../../src/ports/ports.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import { FULL_HEADER, pullProtocol, pushProtocol } from "../../src/ppp/frame.ts";
import { Bundle, type BundleOptions } from "../../src/ppp/multilink.ts";
import type { BundleDrop } from "../../src/ppp/reassembly.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, End, join, PROTOCOL, SERVER, Side, scripted, type Trouble, testCrypto } from "./pair.ts";
import { h } from "./peers.ts";

const { ip, ipv6, multilink: mp, lcp } = PROTOCOL;
const LONG: BundleOptions = {
  mrruIn: 1500,
  mrruOut: 1500,
  shortIn: false,
  shortOut: false,
  mtu: 1400,
  pfc: false,
  overtakes: 0,
};

function bundle(o: Partial<BundleOptions> = {}) {
  const drops = new Map<BundleDrop, number>();
  const got: string[] = [];
  const seen = { lost: 0 };
  const b = new Bundle(
    { ...LONG, ...o },
    { bump: (n) => void drops.set(n, (drops.get(n) ?? 0) + 1) },
    () => void seen.lost++,
  );
  const take = (p: Uint8Array): void =>
    b.receive(Packet.of(p), (number, packet) => void got.push(`${number.toString(16)} ${hex(packet.view())}`));
  const send = (number: number, body: Uint8Array): { number: number; bytes: Uint8Array }[] => {
    const out: { number: number; bytes: Uint8Array }[] = [];
    b.send(number, Packet.of(body), (n, p) => void out.push({ number: n, bytes: p.view().slice() }));
    return out;
  };
  return { b, take, send, got, drops: () => Object.fromEntries(drops), seen };
}
/** A fragment with a long header. */
function frag(seq: number, flags: string, body: string): Uint8Array {
  const bits = (flags.includes("B") ? 0x80 : 0) | (flags.includes("E") ? 0x40 : 0);
  return h(`${bits.toString(16).padStart(2, "0")}${seq.toString(16).padStart(6, "0")}${body}`);
}

describe("fragments as they look", () => {
  test("long headers: B, E and 24 bits; the protocol in two bytes; of one length", () => {
    const { send } = bundle({ mtu: 14 });
    const all = send(ip, h("00112233445566778899aabbccddeeff"));
    assert.deepEqual(
      all.map((f) => [f.number, hex(f.bytes)]),
      [
        [mp, "80000000002100112233445566"],
        [mp, "40000001778899aabbccddeeff"],
      ],
    );
    assert.equal(hex(send(ip, h("00".repeat(15)))[0]?.bytes ?? h("")).slice(0, 8), "80000002");
  });
  test("short headers: 12 bits; with PFC the protocol in one byte", () => {
    const { send } = bundle({ mtu: 10, shortOut: true, pfc: true });
    assert.deepEqual(
      send(ipv6, h("000102030405060708090a0b0c0d0e0f")).map((f) => hex(f.bytes)),
      ["8000570001020304", "000105060708090a", "40020b0c0d0e0f"],
    );
  });
  test("what fits the link goes as it is; what the peer could not put together does not go", () => {
    const { send, drops } = bundle({ mtu: 20, mrruOut: 30 });
    assert.deepEqual(
      send(ip, h("00".repeat(20))).map((f) => [f.number, f.bytes.length]),
      [[ip, 20]],
    );
    assert.equal(send(ip, h("00".repeat(31))).length, 0);
    assert.equal(bundle({ mtu: 20, mrruOut: null }).send(ip, h("00".repeat(21))).length, 0);
    assert.deepEqual(drops(), { "mp.too-long": 1 });
  });
  test("sequence numbers begin at zero, and go round", () => {
    const { send } = bundle({ mtu: 10, shortOut: true });
    const seqs: number[] = [];
    for (let i = 0; i < 2100; i++)
      for (const f of send(ip, h("00".repeat(12)))) seqs.push((((f.bytes[0] ?? 0) & 15) << 8) | (f.bytes[1] ?? 0));
    assert.deepEqual(
      seqs.map((s, i) => s === (i & 0xfff)),
      seqs.map(() => true),
    );
  });
});

describe("put together", () => {
  test("in order; whole ones; with and without leading zeros and address and control", () => {
    const { take, got, drops } = bundle();
    take(frag(0, "B", "0021aa"));
    take(frag(1, "", "bb"));
    take(frag(2, "E", "cc"));
    take(frag(3, "BE", "57dd"));
    take(frag(4, "B", "ff030021"));
    take(frag(5, "E", "ee"));
    take(frag(6, "BE", "")); // a null fragment
    assert.deepEqual([got, drops()], [["21 aabbcc", "57 dd", "21 ee"], {}]);
  });
  test("on a line M is what came last (§4.1): what it has passed is lost, and what follows is not", () => {
    const { take, got, drops, seen } = bundle();
    take(frag(0, "B", "21aa"));
    take(frag(2, "E", "cc")); // 1 is lost
    take(frag(3, "B", "21dd"));
    take(frag(4, "E", "ee"));
    take(frag(1, "", "bb")); // too late
    assert.deepEqual([got, drops()], [["21 ddee"], { "mp.lost": 2, "mp.late": 1 }]);
    assert.equal(seen.lost, 1);
  });
  test("a lost end: the next beginning ends the packet before", () => {
    const { take, got, drops } = bundle();
    take(frag(0, "B", "21aa"));
    take(frag(2, "B", "21bb"));
    take(frag(3, "E", "cc"));
    assert.deepEqual([got, drops()], [["21 bbcc"], { "mp.lost": 1 }]);
  });
  test("in a network fragments may overtake one another, and packets do not wait for others", () => {
    const { take, got, drops } = bundle({ overtakes: 4 });
    take(frag(1, "E", "bb"));
    take(frag(3, "B", "21cc"));
    take(frag(4, "E", "dd"));
    take(frag(0, "B", "21aa"));
    take(frag(2, "BE", "21ee"));
    assert.deepEqual([got, drops()], [["21 ccdd", "21 aabb", "21 ee"], {}]);
    take(frag(6, "E", "00"));
    for (let i = 7; i < 12; i++) take(frag(i, "BE", "21ff"));
    take(frag(5, "B", "2100"));
    assert.deepEqual([got.length, drops()], [8, { "mp.lost": 1, "mp.late": 1 }]);
  });
  for (const short of [false, true])
    test(`any packets, in any order within bounds, ${short ? "12" : "24"} bits, round the end of the numbers`, () => {
      fc.assert(
        fc.property(
          fc.array(fc.uint8Array({ minLength: 1, maxLength: 120 }), { minLength: 1, maxLength: 40 }),
          fc.integer({ min: 10, max: 60 }),
          fc.array(fc.nat(12), { maxLength: 60 }),
          (packets, mtu, jitter) => {
            const at = { shortIn: short, shortOut: short, mtu };
            const a = bundle(at);
            const b = bundle({ ...at, overtakes: 16 });
            const want = packets.filter((p) => p.length > mtu).map((p) => `21 ${hex(p)}`);
            // a distance that a fragment may be carried away from its place
            const all = packets
              .flatMap((p) => a.send(ip, p))
              .filter((f) => f.number === mp)
              .map((f, i) => ({ f, key: i + (jitter[i % Math.max(1, jitter.length)] ?? 0) }));
            all.sort((x, y) => x.key - y.key);
            for (const { f } of all) b.take(f.bytes);
            assert.deepEqual([...b.got].sort(), [...want].sort());
            assert.deepEqual(b.drops(), {});
          },
        ),
      );
    });
  test("with loss: what comes out is what went in, and nothing is held for ever", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { minLength: 50, maxLength: 400 }), fc.constantFrom(0, 8), (dice, overtakes) => {
        const a = bundle({ mtu: 20, shortIn: true, shortOut: true });
        const b = bundle({ mtu: 20, shortIn: true, shortOut: true, overtakes });
        const sent = new Set<string>();
        let i = 0;
        let whole = 0;
        for (let k = 0; k < 120; k++) {
          const body = Uint8Array.from({ length: 30 }, (_, at) => (at === 0 ? k : at));
          sent.add(`21 ${hex(body)}`);
          const all = a.send(ip, body);
          const parts = all.filter(() => (dice[i++ % dice.length] ?? 0) > 0);
          if (parts.length === all.length) whole++;
          for (const f of parts) b.take(f.bytes);
        }
        for (const g of b.got) assert.ok(sent.delete(g), g);
        assert.equal(b.got.length, whole);
      }),
    );
  });
});

describe("hostile fragments", () => {
  test("too short, twice, without a beginning, one within another, endless, more than may be held", () => {
    const { take, got, drops } = bundle({ overtakes: 32 });
    take(h("800000"));
    take(frag(0, "B", ""));
    take(frag(1, "BE", "21aa"));
    take(frag(1, "BE", "21aa"));
    take(frag(2, "E", "bb")); // after a whole packet: it has no beginning
    take(frag(3, "B", "21"));
    take(frag(4, "B", "21")); // in the middle of another
    take(frag(5, "E", "cc"));
    assert.deepEqual(got, ["21 aa", "21 cc"]);
    assert.deepEqual(drops(), { "mp.short": 2, "mp.repeated": 1, "mp.broken": 1 });
    for (let i = 0; i < 40; i++) take(frag(6 + i, i === 0 ? "B" : "", "21".repeat(100)));
    assert.deepEqual([drops()["mp.too-long"], got.length], [1, 2]);
  });
  test("many beginnings, none of which ends: what is held has a bound", () => {
    const { take, drops } = bundle({ overtakes: 255, mrruIn: 1800 });
    for (let i = 0; i < 60; i++) take(frag(2 * i, "B", "21".repeat(1000)));
    assert.ok((drops()["mp.full"] ?? 0) > 40, JSON.stringify(drops()));
  });
  test("LCP's own negotiation, or a bundle, is not part of a bundle (§2); an echo is", () => {
    const { take, got, drops } = bundle();
    take(frag(0, "BE", "c02101010004"));
    take(frag(1, "BE", "3d40000000"));
    take(frag(2, "BE", "c0210901000800000000"));
    assert.deepEqual([got, drops()], [["c021 0901000800000000"], { "mp.lcp": 2 }]);
  });
  test("a jump of any size, and numbers of the past", () => {
    const { take, got, drops } = bundle({ overtakes: 8 });
    take(frag(0, "B", "21"));
    take(frag(0x7f_fff0, "BE", "21aa"));
    take(frag(3, "BE", "21bb"));
    assert.deepEqual([got, drops()], [["21 aa"], { "mp.lost": 1, "mp.late": 1 }]);
  });
  test("any bytes: no crash, and no packet longer than the MRRU", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.nat(300), fc.uint8Array({ maxLength: 200 })), { maxLength: 80 }),
        fc.constantFrom(0, 32),
        (all, overtakes) => {
          const { b } = bundle({ mrruIn: 300, overtakes, shortIn: true });
          for (const [flags, seq, body] of all) {
            const p = Packet.of(Uint8Array.of((flags << 6) | (seq >> 8), seq & 255, ...body));
            b.receive(p, (_, packet) => assert.ok(packet.length <= 301));
          }
        },
      ),
    );
  });
});

/** A channel whose packets visit us, with a host behind it. */
class Line extends End {
  coding: DataCoding | null = null;
  readonly got: { readonly protocol: number; readonly bytes: Uint8Array }[] = [];
  readonly numbers: number[] = [];
  setCoding(coding: DataCoding | null): void {
    this.coding = coding;
  }
  sendPacket(protocol: number, packet: Packet): void {
    const out = (number: number, p: Packet): void => {
      const frame = Packet.of(p.view());
      pushProtocol(frame, number, FULL_HEADER);
      this.out(frame.view().slice());
    };
    if (this.coding) this.coding.encode(protocol, packet, out);
    else out(protocol, packet);
  }
  override deliver(frame: Uint8Array): void {
    const p = Packet.of(frame);
    const number = pullProtocol(p);
    this.numbers.push(number);
    const take = (protocol: number, packet: Packet): void => {
      if (protocol === ip || protocol === ipv6) this.got.push({ protocol, bytes: packet.view().slice() });
      else {
        pushProtocol(packet, protocol, FULL_HEADER);
        this.onFrame(packet);
      }
    };
    if (this.coding && number !== 0) this.coding.decode(number, p, take);
    else super.deliver(frame);
  }
}
function sessions(c: Partial<PppConfig>, s: Partial<PppConfig>, t: Trouble = {}) {
  const clock = new VirtualClock();
  const lines = [new Line(), new Line()] as const;
  const a = new Side(clock, { ...CLIENT, ...c }, {}, lines[0], testCrypto(3));
  const b = new Side(clock, { ...SERVER, require: ["mschapv2"], ...s }, {}, lines[1], testCrypto(4));
  join(clock, lines[0], lines[1], t);
  a.session.start();
  b.session.start();
  clock.advance(8000);
  return { clock, a, b, lines };
}
const BIG = Uint8Array.from({ length: 1500 }, (_, i) => (i === 0 ? 0x45 : i & 0xff));

describe("sessions with Multilink", () => {
  test("both ask for it: packets of 1500 bytes cross a call of 1400, both ways, alone and inside MPPE", () => {
    for (const more of [{}, { mppe: 128 } as const]) {
      const { clock, a, b, lines } = sessions({ mrru: 1504, ...more }, { mrru: 1504, ...more });
      assert.deepEqual([a.ups[0]?.mrru, b.ups[0]?.mrru, a.ups[0]?.peerMru], [1504, 1504, 1400]);
      lines[0].sendPacket(ip, Packet.of(BIG));
      lines[1].sendPacket(ip, Packet.of(BIG));
      clock.advance(100);
      for (const l of lines) assert.deepEqual(l.got, [{ protocol: ip, bytes: BIG }]);
      assert.deepEqual(lines[0].numbers.slice(-2), [mp, mp]);
      assert.ok(a.events.some((e) => e.kind === "ppp.multilink" && e.mrru === 1504 && e.peerMrru === 1504));
    }
  });
  test("one of them does not: the session is as without", () => {
    for (const [c, s] of [
      [1500, null],
      [null, 1500],
    ] as const) {
      const { a, b, lines } = sessions({ mrru: c }, { mrru: s });
      assert.deepEqual([a.ups[0]?.mrru, b.ups[0]?.mrru], [null, null]);
      assert.deepEqual([lines[0].coding, lines[1].coding], [null, null]);
      const rejects = [...a.events, ...b.events].filter((e) => e.kind === "ppp.rejected");
      assert.ok(rejects.some((e) => e.kind === "ppp.rejected" && e.what.includes("multilink")));
    }
  });
  test("a channel whose packets pass beside us does not offer it", () => {
    const r = scripted({ ...CLIENT, mrru: 1500 });
    r.side.session.start();
    assert.deepEqual(
      r.peer.options(lcp, 1).map((o) => o.type),
      [1, 2, 5, 7, 8],
    );
  });
  test("what is asked for: MRRU, and a discriminator of this call alone; pppd's options are taken", () => {
    const clock = new VirtualClock();
    const line = new Line();
    const sent: string[] = [];
    line.out = (f) => void sent.push(hex(f));
    const side = new Side(clock, { ...CLIENT, mrru: 1600, identity: null }, {}, line);
    side.session.start();
    assert.match(sent[0] ?? "", /^ff03c021 ?01.*11040640130f01[0-9a-f]{24}$/);
    const own = /^ff03c021(.*)$/.exec(sent[0] ?? "")?.[1] ?? "";
    line.deliver(h(`ff03c021 02${own.slice(2)}`));
    // pppd: MRRU 1500, short sequence numbers, an Ethernet address as discriminator
    line.deliver(h("ff03c021 0101 001f 02060000000005061a2b3c4d 110405dc 1202 130903001122334455"));
    assert.ok(sent.some((f) => f.startsWith("ff03c0210201")));
    line.sendPacket(ip, Packet.of(BIG));
    assert.deepEqual(
      sent.slice(-2).map((f) => f.slice(0, 12)),
      ["ff03003d8000", "ff03003d4001"],
    );
    line.deliver(h("ff03c021 0102 0008 11040020")); // of 32 bytes
    assert.equal(sent.at(-1), "ff03c02103020008110405dc");
    assert.equal(side.downs.length, 0);
  });
  test("numbers begin anew when LCP does", () => {
    const { clock, a, lines } = sessions({ mrru: 1500 }, { mrru: 1500 });
    const first = lines[0].coding;
    lines[0].sendPacket(ip, Packet.of(BIG));
    clock.advance(100);
    // the peer begins anew
    lines[0].deliver(h("ff03c021 0177 000a 05061a2b3c4d"));
    clock.advance(30_000);
    assert.equal(first === null, false);
    assert.equal(a.session.status().lcp, "opened");
    lines[1].got.length = 0;
    lines[0].sendPacket(ip, Packet.of(BIG));
    clock.advance(100);
    assert.ok(lines[1].got.length <= 1);
  });
});
