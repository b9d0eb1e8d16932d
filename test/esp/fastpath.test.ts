// The fast path's rules, for the library and the reference alike.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ADDR, Kind, LEN, META } from "node-tuntap2";
import { A4, end, get, ip4, ip6, pattern, put, wire } from "./fixture.ts";
import { DST, drop, KINDS, lib, pass, SIX, SRC } from "./kinds.ts";

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
