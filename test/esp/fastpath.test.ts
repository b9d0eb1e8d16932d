// The fast path's rules, for the library and the reference alike.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { FastPath } from "node-tuntap2";
import { ADDR, DROPS, Kind, LEN, META } from "node-tuntap2";
import { concat } from "../../src/core/text.ts";
import { referenceFastPath } from "../../src/dataplane/userspace/reference.ts";
import { espSa } from "../../src/esp/sa.ts";
import { sealEsp } from "../../src/esp/seal.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import type { End } from "./fixture.ts";
import { A4, B4, end, get, ip4, ip6, pattern, put, wire } from "./fixture.ts";

const lib = loadNative();
function library(): FastPath {
  const fp = lib.fastPath();
  assert.ok(fp, "this Node exports libcrypto");
  return fp;
}
const KINDS: readonly (readonly [string, () => FastPath])[] = [
  ["library", library],
  ["reference", () => referenceFastPath(nodeCrypto)],
];
const SRC = [10, 0, 0, 1];
const DST = [10, 0, 0, 2];
const SIX = [0xfe, 0x80, ...new Array<number>(14).fill(1)];
const drop = (fp: FastPath, name: (typeof DROPS)[number]): number => fp.drops()[DROPS.indexOf(name)] as number;

/** One packet from l to r; what r makes of it. `twist` changes the addr entry on its way. */
function pass(
  l: End,
  r: End,
  twist: (addr: Uint8Array) => void = () => {},
  origin: Parameters<FastPath["rx"]>[0] = "udp4500",
): { kind: number; ref: number; body: Uint8Array } {
  const a = lib.ring(1);
  const b = lib.ring(1);
  put(a, 0, ip4(SRC, DST, pattern(40)));
  l.fp.tx(1, a, 1);
  wire(a, b, 1);
  twist(b.addr);
  r.fp.rx(origin, b, 1);
  return get(b, 0);
}

for (const [name, make] of KINDS) {
  test(`${name}: a handle that was removed is a RangeError, also when its place is taken again`, () => {
    const fp = make();
    const e = end(fp, true);
    const spare = fp.addFlow(e.flowParams);
    fp.removeFlow(spare);
    const again = fp.addFlow(e.flowParams);
    assert.notEqual(again, spare);
    const ring = lib.ring(1);
    put(ring, 0, pattern(20));
    const into = new Uint8Array(ADDR);
    for (const bad of [spare, 0, 12345, 0x7fffffff]) {
      for (const f of [
        () => fp.setFlow(bad, e.flowParams),
        () => fp.removeFlow(bad),
        () => fp.setFlowSa(bad, 0),
        () => fp.mapping(bad, into),
        () => fp.txControl(bad, 1, 1, ring, 1),
        () => fp.addCall({ ...e.callParams, flow: bad, localCall: 9 }),
      ])
        assert.throws(f, RangeError);
    }
    for (const bad of [0, 999, 0x10001]) {
      for (const f of [
        () => fp.removeSa(bad),
        () => fp.saCounters(bad),
        () => fp.removeCall(bad),
        () => fp.callCounters(bad),
        () => fp.setCall(bad, e.callParams),
        () => fp.addRoute(1, Uint8Array.of(1, 2, 3, 4), 32, bad),
        () => fp.txFrames(bad, ring, 1),
      ])
        assert.throws(f, RangeError);
    }
    assert.throws(() => fp.setFlowSa(again, e.saOut), RangeError, "another flow's SA");
    assert.throws(() => fp.setFlowSa(e.flow, e.saIn), RangeError, "an inbound SA");
    fp.close();
    assert.throws(() => fp.addFlow(e.flowParams), RangeError);
    assert.throws(() => fp.rx("udp4500", ring, 1), RangeError);
    fp.close();
  });

  test(`${name}: parameters that cannot be are refused`, () => {
    const fp = make();
    const e = end(fp, true);
    const sa = {
      spi: 9,
      cipher: "aes128",
      integ: "sha1",
      encr: pattern(16),
      integKey: pattern(20),
      flow: e.flow,
      hardBytes: 0,
      hardPackets: 0,
      window: 0,
    };
    for (const p of [
      { spi: 0 },
      { spi: 0x2000 },
      { spi: 2 ** 32 },
      { cipher: "rot13" },
      { cipher: "toString" },
      { integ: "none" },
      { integ: "crc" },
      { encr: pattern(15) },
      { integKey: pattern(19) },
      { window: 33 },
      { window: 1 << 20 },
      { cipher: "aes128gcm16" },
      { cipher: "null", encr: new Uint8Array(1) },
    ])
      assert.throws(() => fp.addSaIn({ ...sa, ...p }), RangeError, JSON.stringify(p));
    const clear = fp.addFlow({ ...e.flowParams, encap: "clear" });
    assert.throws(() => fp.addSaOut({ ...sa, flow: clear }), RangeError);
    assert.throws(() => fp.setFlow(e.flow, { ...e.flowParams, encap: "clear" }), RangeError);
    for (const p of [
      { local: new Uint8Array(5) },
      { local: new Uint8Array(16) },
      { localPort: 65536 },
      { remotePort: -1 },
      { remotePort: 1.5 },
    ]) {
      assert.throws(() => fp.addFlow({ ...e.flowParams, ...p }), RangeError, JSON.stringify(p));
    }
    for (const p of [
      { localTunnel: 0 },
      { localCall: 0 },
      { localCall: 65536 },
      { pppHeader: new Uint8Array(5) },
      { peerCall: -1 },
      {},
    ]) {
      assert.throws(() => fp.addCall({ ...e.callParams, ...p }), RangeError, JSON.stringify(p));
    }
    assert.throws(() => fp.addRoute(1, new Uint8Array(4), 0, e.call), RangeError, "there already");
    assert.throws(() => fp.addRoute(1, Uint8Array.of(10, 0, 0, 1), 24, e.call), RangeError, "host bits");
    assert.throws(() => fp.addRoute(1, new Uint8Array(4), 33, e.call), RangeError);
    assert.throws(() => fp.removeRoute(2, new Uint8Array(4), 0), RangeError);
    assert.throws(() => fp.removeFlow(e.flow), RangeError, "has SAs");
    assert.throws(() => fp.removeCall(e.call), RangeError, "has routes");
    fp.close();
  });

  test(`${name}: rings are checked: packets outside their slot, too many slots, foreign memory`, () => {
    const fp = make();
    end(fp, true);
    const ring = lib.ring(2);
    for (const [i, off, len] of [
      [0, 2000, 100],
      [1, 2047, 10],
      [1, 4096, 1],
      [0, 0xffffffff, 2],
      [0, 0, 0xffffffff],
      [1, 0, 20],
    ] as const) {
      ring.meta.fill(0);
      ring.meta.set([off, len], i * META);
      assert.throws(() => fp.tx(1, ring, 2), RangeError, `${i} ${off} ${len}`);
      assert.throws(() => fp.rx("raw50", ring, 2), RangeError, `${i} ${off} ${len}`);
    }
    ring.meta.fill(0);
    assert.throws(() => fp.tx(1, ring, 3), RangeError);
    assert.throws(() => fp.tx(1, ring, -1), RangeError);
    assert.equal(fp.tx(1, ring, 2), 0);
    fp.close();
  });

  test(`${name}: hard limits stop an SA at the packet, both ways`, () => {
    const l = end(make(), true, { sa: { hardPackets: 3 } });
    const r = end(make(), false);
    assert.deepEqual(
      [1, 2, 3, 4].map(() => pass(l, r).kind),
      [Kind.tun, Kind.tun, Kind.tun, 0],
    );
    assert.equal(drop(l.fp, "esp.limit"), 1);
    const l2 = end(make(), true);
    const r2 = end(make(), false, { sa: { hardBytes: 100 } });
    assert.deepEqual(
      [1, 2, 3].map(() => pass(l2, r2).kind),
      [Kind.tun, Kind.tun, 0],
      "78 bytes each",
    );
    assert.equal(drop(r2.fp, "esp.limit"), 1);
  });

  test(`${name}: rekey without a loss: the old inbound SA keeps receiving until removed`, () => {
    const l = end(make(), true);
    const r = end(make(), false);
    const fresh = (e: End, spi: number) => ({
      spi,
      cipher: "aes256",
      integ: "sha256",
      encr: pattern(32, spi),
      integKey: pattern(32, spi + 1),
      flow: e.flow,
      hardBytes: 0,
      hardPackets: 0,
      window: 64,
    });
    assert.equal(pass(l, r).kind, Kind.tun);
    r.fp.addSaIn(fresh(r, 0x1111));
    const out = l.fp.addSaOut(fresh(l, 0x1111));
    assert.equal(pass(l, r).kind, Kind.tun, "old one, new one waiting");
    l.fp.setFlowSa(l.flow, out);
    l.fp.removeSa(l.saOut);
    assert.equal(pass(l, r).kind, Kind.tun, "new one");
    r.fp.removeSa(r.saIn);
    assert.equal(pass(l, r).kind, Kind.tun);
    l.fp.removeSa(out);
    assert.equal(pass(l, r).kind, 0);
    assert.equal(drop(l.fp, "tx.no-sa"), 1);
  });

  test(`${name}: an unknown SPI is reported once with its sender and drops`, () => {
    const l = end(make(), true);
    const r = end(make(), false);
    r.fp.removeSa(r.saIn);
    assert.equal(pass(l, r).kind, 0);
    const into = new Uint8Array(ADDR);
    assert.equal(r.fp.nextUnknownSpi(into), 0x1000);
    assert.deepEqual([...into.subarray(0, 8)], [4, 0, 4500 >> 8, 4500 & 255, ...A4]);
    assert.equal(r.fp.nextUnknownSpi(into), 0);
    assert.equal(drop(r.fp, "esp.unknown-spi"), 1);
  });

  test(`${name}: the NAT moved: told once per change, only by the newest packet, and gone after setFlow`, () => {
    const l = end(make(), true);
    const r = end(make(), false);
    const into = new Uint8Array(ADDR);
    const port =
      (p: number) =>
      (a: Uint8Array): void => {
        a.set([p >> 8, p & 255], 2);
      };
    assert.equal(r.fp.nextMapping(), 0);
    assert.equal(pass(l, r, port(6000)).kind, Kind.tun, "the packet itself passes");
    assert.equal(r.fp.nextMapping(), r.flow);
    assert.equal(r.fp.mapping(r.flow, into), true);
    assert.deepEqual([...into.subarray(2, 8)], [6000 >> 8, 6000 & 255, ...A4]);
    pass(l, r, port(6000));
    assert.equal(r.fp.nextMapping(), 0, "the same once more is no news");
    pass(l, r, port(6001));
    assert.equal(r.fp.mapping(r.flow, into), true);
    r.fp.setFlow(r.flow, { ...r.flowParams, remotePort: 6001 });
    pass(l, r, port(6001));
    assert.equal(r.fp.nextMapping(), 0);

    const a = lib.ring(2);
    const b = lib.ring(2);
    for (const i of [0, 1]) put(a, i, ip4(SRC, DST, pattern(4)));
    l.fp.tx(1, a, 2);
    wire(a, b, 2);
    const swapped = lib.ring(2);
    put(swapped, 0, get(b, 1).body);
    put(swapped, 1, get(b, 0).body);
    for (const i of [0, 1]) {
      swapped.addr.set(b.addr.subarray(0, ADDR), i * ADDR);
      port(i === 0 ? 6001 : 7000)(swapped.addr.subarray(i * ADDR));
    }
    r.fp.rx("udp4500", swapped, 2);
    assert.equal(swapped.meta[META + LEN], 24, "the old packet passes");
    assert.equal(r.fp.nextMapping(), 0, "but tells nothing");
  });

  test(`${name}: raw ESP from another address, and ESP by the other encapsulation, is dropped`, () => {
    const l = end(make(), true, { encap: "esp" });
    const r = end(make(), false, { encap: "esp" });
    assert.equal(pass(l, r, () => {}, "raw50").kind, Kind.tun);
    assert.equal(
      pass(
        l,
        r,
        (a) => {
          a[7] = 99;
        },
        "raw50",
      ).kind,
      0,
    );
    assert.equal(pass(l, r).kind, 0);
    assert.equal(drop(r.fp, "esp.outer-mismatch"), 2);
    assert.equal(r.fp.nextMapping(), 0);
  });

  test(`${name}: one peer's SA cannot reach another peer's call, clear L2TP cannot reach a call behind IPsec`, () => {
    const r = end(make(), false);
    const other = r.fp.addFlow({ ...r.flowParams, remote: Uint8Array.of(203, 0, 113, 7) });
    const call = r.fp.addCall({ ...r.callParams, flow: other, localCall: 81 });
    const l = end(make(), true);
    assert.equal(pass(l, r).kind, Kind.tun);
    l.fp.setCall(l.call, { ...l.callParams, peerCall: 81 });
    assert.equal(pass(l, r).kind, 0);
    assert.equal(drop(r.fp, "l2tp.wrong-flow"), 1);
    assert.deepEqual(r.fp.callCounters(call), [0, 0, 0, 0]);
    const clear = end(make(), true, { encap: "clear" });
    assert.equal(pass(clear, r, () => {}, "udp1701").kind, 0);
    const port4500 = (a: Uint8Array): void => a.set([4500 >> 8, 4500 & 255], 2);
    assert.equal(pass(clear, r, port4500, "udp1701").kind, 0, "from the port that IPsec comes from");
    assert.equal(drop(r.fp, "l2tp.wrong-flow"), 3);
  });

  test(`${name}: the replay window agrees with a set of everything seen, at its edges and beyond`, () => {
    const sa = espSa(0x1000, "null", "sha1", new Uint8Array(0), pattern(20, 0x1001));
    const jump = fc.constantFrom(0, 1, 2, 31, 32, 33, 62, 63, 64, 65, 95, 96, 97, 127, 128, 200);
    const jumps = fc.array(fc.tuple(jump, fc.boolean()), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.constantFrom(0, 0xffffff00), jumps, (start, steps) => {
        const r = end(make(), false, { cipher: "null", integ: "sha1", key: 0, mac: 20, sa: { window: 64 } });
        const ring = lib.ring(1);
        const seen = new Set<number>();
        let top: number = start;
        for (const [jump, back] of [[0, false] as const, ...steps]) {
          const seq = back ? Math.max(0, top - jump) : Math.min(0xffffffff, top + jump);
          put(ring, 0, sealEsp(nodeCrypto, sa, seq, 59, new Uint8Array(4)));
          const before = drop(r.fp, "esp.next-header");
          r.fp.rx("udp4500", ring, 1);
          const fresh = seq > 0 && !seen.has(seq) && Math.max(top, seq) - seq < 64;
          assert.equal(drop(r.fp, "esp.next-header") - before, fresh ? 1 : 0, `${seq}, the newest was ${top}`);
          if (fresh) seen.add(seq);
          top = Math.max(top, seq);
        }
        r.fp.close();
      }),
      { numRuns: name === "library" ? 200 : 30 },
    );
  });

  test(`${name}: padding that is not 1, 2, 3 and so on, or too long, drops an authentic packet for good`, () => {
    const r = end(make(), false, { cipher: "null", integ: "sha1", key: 0, mac: 20 });
    const ring = lib.ring(1);
    const texts = [
      [2, 3, 4, 5, 6, 7, 7, 59], // the sequence number in front of it ends with the missing 1
      [0, 0, 9, 1, 2, 9, 3, 59],
      [0, 0, 0, 0, 0, 0, 4, 59],
      [1, 2, 3, 4, 5, 6, 255, 59],
      [0, 0, 1, 59],
      [0, 0, 1, 2, 3, 4, 4, 59],
      [1, 2, 3, 4, 5, 6, 6, 59],
      [5, 5, 0, 59], // these are right
    ];
    for (const [i, text] of texts.entries()) {
      const whole = Uint8Array.from([0, 0, 0x10, 0, 0, 0, 0, i + 1, ...text]);
      const packet = concat([whole, nodeCrypto.hmac("sha1", pattern(20, 0x1001), [whole]).subarray(0, 12)]);
      for (let n = 0; n < 2; n++) {
        put(ring, 0, packet);
        r.fp.rx("udp4500", ring, 1);
      }
    }
    assert.deepEqual([drop(r.fp, "esp.padding"), drop(r.fp, "esp.next-header"), drop(r.fp, "esp.replay")], [5, 3, 8]);
  });

  test(`${name}: no IV of AES-CBC comes twice`, () => {
    const l = end(make(), true, { cipher: "aes128", integ: "sha256", key: 16, mac: 32 });
    const ring = lib.ring(64);
    const ivs = new Set<string>();
    for (let k = 0; k < 4; k++) {
      for (let i = 0; i < 64; i++) put(ring, i, ip4(SRC, DST, pattern(8)));
      assert.equal(l.fp.tx(1, ring, 64), 64);
      for (let i = 0; i < 64; i++) ivs.add(Buffer.from(get(ring, i).body.subarray(8, 24)).toString("hex"));
    }
    assert.equal(ivs.size, 256);
  });

  test(`${name}: IKE behind the marker goes up, keepalives and truncated datagrams are counted`, () => {
    const r = end(make(), false);
    const ring = lib.ring(5);
    put(ring, 0, Uint8Array.of(0, 0, 0, 0, 1, 2, 3));
    put(ring, 1, Uint8Array.of(0xff));
    put(ring, 2, Uint8Array.of(0, 0, 0, 0));
    put(ring, 3, Uint8Array.of(0xff, 0xff));
    put(ring, 4, new Uint8Array(0));
    ring.meta[4 * META + 2] = Kind.truncated;
    assert.equal(r.fp.rx("udp4500", ring, 5), 1);
    assert.deepEqual(get(ring, 0), { body: Uint8Array.of(1, 2, 3), kind: Kind.upIke, ref: 0 });
    assert.deepEqual([drop(r.fp, "nat.keepalive"), drop(r.fp, "esp.short"), drop(r.fp, "rx.truncated")], [1, 2, 1]);
  });

  test(`${name}: a user's packets must come from the user's addresses; routes by the longest prefix`, () => {
    const r = end(make(), false, { call: { checkSource: true } });
    const l = end(make(), true);
    assert.equal(pass(l, r).kind, Kind.tun);
    const second = r.fp.addCall({ ...r.callParams, localCall: 82 });
    r.fp.addRoute(1, Uint8Array.of(10, 0, 0, 0), 24, second);
    assert.equal(pass(l, r).kind, 0);
    assert.equal(drop(r.fp, "ip.spoofed"), 1);
    r.fp.addRoute(1, Uint8Array.of(10, 0, 0, 1), 32, r.call);
    assert.equal(pass(l, r).kind, Kind.tun);
    r.fp.removeRoute(1, Uint8Array.of(10, 0, 0, 1), 32);
    assert.equal(pass(l, r).kind, 0);
    r.fp.removeRoute(1, Uint8Array.of(10, 0, 0, 0), 24);
    r.fp.removeCall(second);
    assert.equal(pass(l, r).kind, Kind.tun);
  });

  test(`${name}: IPv6 passes once it is open, to the one call that takes it`, () => {
    const l = end(make(), true);
    const r = end(make(), false);
    const packet = ip6(SIX, SIX, new Uint8Array(9));
    const a = lib.ring(1);
    const b = lib.ring(1);
    const send = (p: Uint8Array): number => {
      put(a, 0, p);
      return l.fp.tx(1, a, 1);
    };
    const receive = (): number => {
      wire(a, b, 1);
      return r.fp.rx("udp4500", b, 1);
    };
    assert.equal(send(packet), 0);
    assert.equal(drop(l.fp, "ip.not-open"), 1);
    l.fp.setCall(l.call, { ...l.callParams, ip6: true, ip: false });
    assert.equal(send(packet), 1);
    assert.equal(receive(), 1, "its protocol is not open here: TypeScript may reject it");
    assert.deepEqual(get(b, 0), { body: Uint8Array.of(0xff, 3, 0, 0x57, ...packet), kind: Kind.upFrame, ref: r.call });
    r.fp.setCall(r.call, { ...r.callParams, ip6: true });
    assert.equal(send(packet), 1);
    assert.equal(receive(), 0);
    assert.deepEqual(get(b, 0), { body: packet, kind: Kind.tun, ref: 1 });
    assert.deepEqual(
      [l.fp.callCounters(l.call), r.fp.callCounters(r.call)],
      [
        [0, 0, 2, 98],
        [1, 49, 0, 0],
      ],
    );
    for (let n = 0; n < 40; n++) assert.equal(send(packet.subarray(0, n)), 0);
    assert.equal(send(ip6(SIX, SIX, new Uint8Array(0), 0)), 0, "a jumbogram");
    assert.equal(drop(l.fp, "ip.bad"), 40); // nothing at all is no packet
    assert.equal(send(ip6(SIX, SIX, new Uint8Array(0), 59)), 1);
    const second = l.fp.addCall({ ...l.callParams, localCall: 9 });
    l.fp.setCall(second, { ...l.callParams, localCall: 9, ip6: true, peerCall: 81 });
    const to = Uint8Array.from(SIX).map((b, i) => (i < 8 ? b : 0));
    assert.throws(() => l.fp.addRoute(1, Uint8Array.from(SIX), 64, second), /host bits/);
    assert.throws(() => l.fp.addRoute(1, to, 129, second), RangeError);
    assert.throws(() => l.fp.addRoute(1, new Uint8Array(5), 1, second), RangeError);
    l.fp.addRoute(1, to, 64, second);
    assert.throws(() => l.fp.addRoute(1, to, 64, l.call), /there already/);
    l.fp.setCall(l.call, l.callParams);
    assert.equal(send(packet), 1, "the longer prefix");
    assert.throws(() => l.fp.removeCall(second), /has routes/);
    l.fp.removeRoute(1, to, 64);
    assert.throws(() => l.fp.removeRoute(1, to, 64), /not there/);
    l.fp.removeCall(second);
    assert.equal(send(packet), 0);
    assert.equal(drop(l.fp, "ip.not-open"), 2);
    l.fp.removeRoute(1, new Uint8Array(16), 0);
    assert.equal(send(packet), 0);
    assert.equal(drop(l.fp, "ip.no-session"), 1);
  });

  test(`${name}: numbering: Ns starts at 0, counts per call and wraps; what carries Ns goes up whole`, () => {
    const l = end(make(), true, { call: { sequencing: true } });
    const r = end(make(), false);
    const a = lib.ring(64);
    const b = lib.ring(64);
    for (let k = 0; k < 1026; k++) {
      for (let i = 0; i < 64; i++) put(a, i, ip4(SRC, DST, new Uint8Array(0)));
      l.fp.tx(1, a, 64);
      if (k !== 0 && k < 1023) continue;
      wire(a, b, 64);
      assert.equal(r.fp.rx("udp4500", b, 64), 64);
      for (let i = 0; i < 64; i++) {
        const { body, kind, ref } = get(b, i);
        assert.deepEqual([kind, ref], [Kind.upData, r.call]);
        const ns = (k * 64 + i) & 0xffff;
        assert.deepEqual([...body.subarray(0, 14)], [8, 2, 0, 70, 0, 80, ns >> 8, ns & 255, 0, 0, 0xff, 3, 0, 0x21]);
      }
    }
  });
}

test("several hundred calls and routes: the library finds what a plain list finds", () => {
  const octet = fc.integer({ min: 0, max: 3 });
  const route = fc.record({
    a: octet,
    b: octet,
    c: octet,
    d: octet,
    length: fc.constantFrom(0, 8, 16, 22, 24, 30, 32),
    remove: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(route, { maxLength: 60 }),
      fc.array(fc.tuple(octet, octet, octet, octet), { maxLength: 30 }),
      (routes, targets) => {
        const fp = library();
        const flow = fp.addFlow({ local: A4, remote: B4, localPort: 1701, remotePort: 1701, encap: "clear" });
        const model = new Map<string, { n: number; length: number; call: number }>();
        const mask = (n: number, length: number): number => (length === 0 ? 0 : (n & (-1 << (32 - length))) >>> 0);
        const ip = (a: number, b: number, c: number, d: number): number => ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
        const bytes = (n: number): Uint8Array => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
        routes.forEach((r, i) => {
          const n = mask(ip(r.a, r.b, r.c, r.d), r.length);
          const key = `${n}/${r.length}`;
          const there = model.get(key);
          if (there && r.remove) {
            fp.removeRoute(5, bytes(n), r.length);
            fp.removeCall(there.call);
            model.delete(key);
          } else if (!there) {
            const call = fp.addCall({
              flow,
              dev: 5,
              localTunnel: 1,
              localCall: i + 1,
              peerTunnel: 1,
              peerCall: 1000 + i,
              innerLocalPort: 1701,
              innerRemotePort: 1701,
              pppHeader: new Uint8Array(0),
              ip: true,
              ip6: false,
              sequencing: false,
              allUp: false,
              clampMss: 0,
              checkSource: false,
            });
            fp.addRoute(5, bytes(n), r.length, call);
            model.set(key, { n, length: r.length, call: call });
          }
        });
        const ring = lib.ring(1);
        for (const [a, b, c, d] of targets) {
          put(ring, 0, ip4(SRC, [a, b, c, d], new Uint8Array(0)));
          const best = [...model.values()]
            .filter((m) => mask(ip(a, b, c, d), m.length) === m.n)
            .sort((x, y) => y.length - x.length)[0];
          const before = best ? fp.callCounters(best.call)[2] : 0;
          assert.equal(fp.tx(5, ring, 1), best ? 1 : 0);
          if (best) assert.equal(fp.callCounters(best.call)[2], before + 1);
        }
        fp.close();
      },
    ),
    { numRuns: 200 },
  );
});

test("IPv6 routes of several calls and devices: the library finds what a plain list finds", () => {
  const octet = fc.constantFrom(0, 1, 0x80);
  const route = fc.record({
    at: fc.tuple(octet, octet, octet),
    length: fc.constantFrom(0, 1, 8, 16, 48, 63, 64, 65, 127, 128),
    dev: fc.constantFrom(5, 6),
    remove: fc.boolean(),
  });
  const address = ([a, b, c]: readonly number[]): Uint8Array =>
    Uint8Array.of(0x20, a ?? 0, 0, 0, 0, 0, 0, b ?? 0, 0, 0, 0, 0, 0, 0, 0, c ?? 0);
  const masked = (ip: Uint8Array, length: number): Uint8Array =>
    ip.map((x, i) => x & (0xff00 >> Math.max(0, Math.min(8, length - 8 * i))));
  fc.assert(
    fc.property(
      fc.array(route, { maxLength: 40 }),
      fc.array(fc.tuple(octet, octet, octet), { maxLength: 20 }),
      (routes, targets) => {
        const fp = library();
        const flow = fp.addFlow({ local: A4, remote: B4, localPort: 1701, remotePort: 1701, encap: "clear" });
        const model = new Map<string, { net: Uint8Array; length: number; dev: number; call: number }>();
        routes.forEach((r, i) => {
          const net = masked(address(r.at), r.length);
          const key = `${r.dev} ${net}/${r.length}`;
          const there = model.get(key);
          if (there && r.remove) {
            fp.removeRoute(r.dev, net, r.length);
            fp.removeCall(there.call);
            model.delete(key);
          } else if (!there) {
            const call = fp.addCall({
              flow,
              dev: r.dev,
              localTunnel: 1,
              localCall: i + 1,
              peerTunnel: 1,
              peerCall: 1000 + i,
              innerLocalPort: 1701,
              innerRemotePort: 1701,
              pppHeader: new Uint8Array(0),
              ip: false,
              ip6: true,
              sequencing: false,
              allUp: false,
              clampMss: 0,
              checkSource: false,
            });
            fp.addRoute(r.dev, net, r.length, call);
            model.set(key, { net, length: r.length, dev: r.dev, call });
          }
        });
        const ring = lib.ring(1);
        for (const t of targets) {
          const to = address(t);
          put(ring, 0, ip6([...to], [...to], new Uint8Array(0), 59));
          const best = [...model.values()]
            .filter((m) => m.dev === 5 && masked(to, m.length).join() === m.net.join())
            .sort((x, y) => y.length - x.length)[0];
          const before = best ? fp.callCounters(best.call)[2] : 0;
          assert.equal(fp.tx(5, ring, 1), best ? 1 : 0);
          if (best) assert.equal(fp.callCounters(best.call)[2], before + 1);
        }
        fp.close();
      },
    ),
    { numRuns: 200 },
  );
});

test("two thousand calls on as many flows come and go", () => {
  const fp = library();
  for (let round = 0; round < 3; round++) {
    const made = Array.from({ length: 2000 }, (_, i) => {
      const flow = fp.addFlow({ local: A4, remote: B4, localPort: 4500, remotePort: 1024 + i, encap: "udp" });
      const sa = fp.addSaIn({
        spi: 256 + i,
        cipher: "aes128gcm16",
        integ: "none",
        encr: pattern(20),
        integKey: new Uint8Array(0),
        flow,
        hardBytes: 0,
        hardPackets: 0,
        window: 0,
      });
      const call = fp.addCall({
        flow,
        dev: 5,
        localTunnel: i + 1,
        localCall: 65535 - i,
        peerTunnel: 1,
        peerCall: i + 1,
        innerLocalPort: 1701,
        innerRemotePort: 1701,
        pppHeader: new Uint8Array(0),
        ip: true,
        ip6: false,
        sequencing: false,
        allUp: false,
        clampMss: 0,
        checkSource: false,
      });
      fp.addRoute(5, Uint8Array.of(10, 9, i >> 8, i & 255), 32, call);
      return { flow, sa, call, i };
    });
    assert.equal(new Set(made.map((m) => m.call)).size, 2000);
    for (const m of made) {
      fp.removeRoute(5, Uint8Array.of(10, 9, m.i >> 8, m.i & 255), 32);
      fp.removeCall(m.call);
      fp.removeSa(m.sa);
      fp.removeFlow(m.flow);
      assert.throws(() => fp.callCounters(m.call), RangeError);
    }
  }
  fp.close();
});
