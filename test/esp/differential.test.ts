// The library against the TypeScript reference: the same input, stage for stage the same verdict.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Ring } from "node-tuntap2";
import { ADDR, KIND, Kind, LEN, META } from "node-tuntap2";
import { concat } from "../../src/core/text.ts";
import type { EspCipher, EspInteg } from "../../src/dataplane/dataplane.ts";
import { openEsp } from "../../src/esp/open.ts";
import type { EspSa } from "../../src/esp/sa.ts";
import { espSa } from "../../src/esp/sa.ts";
import { sealEsp } from "../../src/esp/seal.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { runs } from "../runs.ts";
import { DST, DST6, drops, lib, library, ORIGIN, reference, SRC, SRC6, verdict } from "./both.ts";
import type { End, Options } from "./fixture.ts";
import { end, get, ip4, ip6, pattern, put, TRANSFORMS, turn, wire } from "./fixture.ts";

for (const [cipher, integ, key, mac] of TRANSFORMS) {
  test(`${cipher} ${integ}: what either seals the other opens, on every path`, () => {
    const sizes = [0, 1, 7, 15, 16, 17, 100, 1372];
    for (const encap of ["udp", "esp"] as const) {
      for (const v6 of [false, true]) {
        const o: Options = { cipher, integ, key, mac, encap, v6 };
        for (const [left, right] of [
          [library(), reference()],
          [reference(), library()],
        ] as const) {
          const l = end(left, true, o);
          const r = end(right, false, o);
          const a = lib.ring(sizes.length);
          const b = lib.ring(sizes.length);
          sizes.forEach((n, i) => {
            put(a, i, ip4(SRC, DST, pattern(n)));
          });
          assert.equal(left.tx(1, a, sizes.length), sizes.length);
          wire(a, b, sizes.length);
          assert.equal(right.rx(ORIGIN[encap], b, sizes.length), 0);
          sizes.forEach((n, i) => {
            assert.deepEqual(get(b, i), { body: ip4(SRC, DST, pattern(n)), kind: Kind.tun, ref: 1 });
          });
          assert.deepEqual(left.callCounters(l.call), [0, 0, 8, right.callCounters(r.call)[1]]);
          assert.deepEqual(left.saCounters(l.saOut), right.saCounters(r.saIn));
          assert.deepEqual([drops(left), drops(right)], [{}, {}]);
        }
      }
    }
  });
}

for (const [cipher, integ, key, mac] of TRANSFORMS.filter(([c, i]) => i === "none" || i === "sha1" || c === "aes128")) {
  test(`${cipher} ${integ}: a packet with any byte changed, or cut, is dropped alike; the true one passes`, () => {
    const o: Options = { cipher, integ, key, mac };
    const l = end(library(), true, o);
    const ends = [end(library(), false, o), end(reference(), false, o)];
    const a = lib.ring(1);
    put(a, 0, ip4(SRC, DST, pattern(20)));
    assert.equal(l.fp.tx(1, a, 1), 1);
    const { body } = get(a, 0);
    const bad = [
      ...Array.from(body, (x, i) => body.with(i, x ^ (1 << (i % 8)))),
      ...Array.from(body, (_, i) => body.subarray(0, i)).slice(1),
    ];
    const seen = ends.map((e) => {
      const b = lib.ring(1);
      const each = bad.map((p) => {
        put(b, 0, p);
        b.addr.set(turn(a.addr));
        assert.equal(e.fp.rx("udp4500", b, 1), 0);
        assert.equal(b.meta[LEN], 0);
        return drops(e.fp);
      });
      put(b, 0, body);
      e.fp.rx("udp4500", b, 1);
      assert.equal(b.meta[2], Kind.tun, "the true one");
      put(b, 0, body);
      e.fp.rx("udp4500", b, 1);
      assert.equal(drops(e.fp)["esp.replay"], 1, "the true one once more");
      return each;
    });
    assert.deepEqual(seen[0], seen[1]);
  });
}

const u8 = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });

const MAGIC = [0xa1, 0xb2, 0xc3, 0xd4];
/** LCP Echo-Requests, and what is not quite one: the wrong code, magic number or length. */
const echo = fc
  .record({
    code: fc.constantFrom(9, 9, 9, 9, 10, 11, 1),
    magic: fc.constantFrom([0, 0, 0, 0], [1, 2, 3, 4], MAGIC),
    data: u8(0, 40),
    off: fc.constantFrom(0, 0, 0, 0, -1, 1, -9, 4000),
    cut: fc.constantFrom(0, 0, 0, 3, 30),
  })
  .map(({ code, magic, data, off, cut }) => {
    const length = Math.max(0, 8 + data.length + off);
    const whole = Uint8Array.from([code, 7, length >> 8, length & 255, ...magic, ...data]);
    return whole.subarray(0, Math.max(0, whole.length - cut));
  });
const lcp = fc.constantFrom([0xff, 3, 0xc0, 0x21], [0xc0, 0x21]);

/** ff02::2, ff02::1:2, and what is not quite these. */
const ROUTERS = [
  [0x02, 0, 2],
  [0x02, 1, 2],
  [0x02, 1, 1],
  [0x02, 2, 2],
  [0x01, 0, 2],
].map(([scope = 0, group = 0, last = 0]) => [0xff, scope, ...new Array<number>(11).fill(0), group, 0, last]);

/** L2TP data headers, most of them right, some not. */
const l2tp = fc
  .record({
    flags: fc.constantFrom(0x0002, 0x4002, 0x0802, 0x4802, 0x0202, 0x4a02, 0x0102, 0xc802, 0x0001, 0x0003, 0x8002),
    ids: fc.constantFrom([70, 80], [70, 80], [70, 80], [70, 81], [71, 80], [7, 8], [0, 0]),
    lengthOff: fc.constantFrom(0, 0, 0, 1, -1, -8, 4000),
    offset: fc.constantFrom(0, 1, 5, 4000),
    ppp: fc.constantFrom(
      [0xff, 3, 0, 0x21],
      [0, 0x21],
      [0x21],
      [0xff, 3, 0x21],
      [0xff, 3, 0, 0x57],
      [0x57],
      [0xff, 3, 0xc0, 0x21],
      [0xc0, 0x21],
      [0x80],
      [],
      [0xff, 3],
      [0xff],
    ),
    ip: fc.oneof(
      u8(0, 30),
      echo,
      u8(0, 60).map((p) => ip4(SRC, DST, p)),
      u8(0, 60).map((p) => ip4([10, 9, 9, 9], DST, p)),
      u8(0, 60).map((p) => ip6(SRC6, DST6, p)),
      fc
        .tuple(u8(0, 60), fc.constantFrom(...ROUTERS), fc.constantFrom(SRC6, DST6))
        .map(([p, to, from]) => ip6(from, to, p)),
    ),
    lcp: fc.option(fc.tuple(lcp, echo), { freq: 2 }),
    tail: u8(0, 9),
  })
  .map(({ flags, ids, lengthOff, offset, lcp, tail, ...data }) => {
    const { ppp, ip } = lcp === null ? data : { ppp: lcp[0], ip: lcp[1] };
    const head = [flags >> 8, flags & 255];
    const mid: number[] = [
      (ids[0] as number) >> 8,
      ids[0] as number & 255,
      (ids[1] as number) >> 8,
      ids[1] as number & 255,
    ];
    if (flags & 0x0800) mid.push(0, 9, 0, 0);
    if (flags & 0x0200) mid.push(offset >> 8, offset & 255, ...new Array<number>(Math.min(offset, 5)).fill(0xaa));
    const rest = concat([Uint8Array.from([...mid, ...ppp]), ip]);
    const length = Math.max(0, 4 + rest.length + lengthOff) & 0xffff;
    return concat([Uint8Array.from(flags & 0x4000 ? [...head, length >> 8, length & 255] : head), rest, tail]);
  });
/** The UDP datagram around it. */
const udp = fc
  .record({
    body: fc.oneof({ weight: 9, arbitrary: l2tp }, { weight: 1, arbitrary: u8(0, 40) }),
    dport: fc.constantFrom(1701, 1701, 1701, 4000),
    sport: fc.constantFrom(1701, 1701, 32000),
    off: fc.constantFrom(0, 0, 0, 0, -3, 2, -100),
  })
  .map(({ body, dport, sport, off }) => {
    const length = Math.max(0, 8 + body.length + off);
    return concat([
      Uint8Array.of(sport >> 8, sport & 255, dport >> 8, dport & 255, length >> 8, length & 255, 1, 2),
      body,
    ]);
  });
const CALLS: readonly Options["call"][] = [
  {},
  { ip6: true },
  { allUp: true },
  { passes: 40 },
  { ip: false, ip6: true },
  { checkSource: true, ip6: true, clampMss: 1200 },
  { echoLongest: 1500, echoMagic: 0xa1b2c3d4 },
  { echoLongest: 20, ip: false, sequencing: true },
  { echoLongest: 1500, peerCall: 0 },
];

/** Whether rx() made an answer of what was in the slot. */
function answered(ring: Ring, i: number): boolean {
  const kind = ring.meta[i * META + KIND];
  return kind === Kind.udp4500 || kind === Kind.raw50 || kind === Kind.udp1701;
}

/** Both ends get the same slots; every verdict, counter and byte must agree. */
function agree(
  ends: readonly End[],
  origin: "udp4500" | "raw50" | "udp1701",
  packets: readonly Uint8Array[],
  addr: (i: number) => Uint8Array,
  peer: EspSa | null = null,
): void {
  const seen = ends.map((e) => {
    const ring = lib.ring(packets.length);
    packets.forEach((p, i) => {
      put(ring, i, p);
      ring.addr.set(addr(i), i * ADDR);
    });
    const ups = e.fp.rx(origin, ring, packets.length);
    const into = new Uint8Array(ADDR);
    return {
      ups,
      slots: packets.map((_, i) => (answered(ring, i) ? unsealed(peer, ring, i, e.call) : verdict(e, ring, i))),
      drops: drops(e.fp),
      call: e.fp.callCounters(e.call),
      echoes: e.fp.callEchoes(e.call).answered,
      sent: e.saOut === 0 ? null : e.fp.saCounters(e.saOut),
      sa: e.saIn === 0 ? null : e.fp.saCounters(e.saIn),
      news: e.fp.nextMapping() === e.flow,
      moved: e.fp.mapping(e.flow, into),
      into,
      spi: e.fp.nextUnknownSpi(into),
      from: into.slice(),
    };
  });
  assert.deepEqual(seen[0], seen[1]);
  for (const e of ends) e.fp.close();
}
function from(remote: readonly number[], port: number): Uint8Array {
  const a = new Uint8Array(ADDR);
  a.set([4, 0, port >> 8, port & 255, ...remote]);
  a.set([198, 51, 100, 2], 20);
  a.set([4500 >> 8, 4500 & 255], 40);
  return a;
}

test("rx: authentic datagrams with anything inside, reordered, repeated, from moving addresses", () => {
  const o: Options = { cipher: "aes128", integ: "sha256", key: 16, mac: 32 };
  const sa = espSa(0x1000, "aes128", "sha256", pattern(16, 0x1000), pattern(32, 0x1001));
  const back = espSa(0x2000, "aes128", "sha256", pattern(16, 0x2000), pattern(32, 0x2001));
  const item = fc.record({
    udp,
    seq: fc.integer({ min: 0, max: 12 }),
    next: fc.constantFrom(17, 17, 17, 17, 17, 59, 4),
    at: fc.constantFrom([192, 0, 2, 1, 4500], [192, 0, 2, 1, 4500], [192, 0, 2, 1, 4501], [192, 0, 2, 9, 4500]),
  });
  fc.assert(
    fc.property(
      fc.constantFrom("udp", "esp" as const),
      fc.constantFrom(...CALLS),
      fc.array(item, { minLength: 1, maxLength: 12 }),
      (encap, call, items) => {
        const options: Options = { ...o, encap, call: call ?? {} };
        agree(
          [end(library(), false, options), end(reference(), false, options)],
          ORIGIN[encap],
          items.map((x) => sealEsp(nodeCrypto, sa, x.seq, x.next, x.udp)),
          (i) => from((items[i]?.at ?? []).slice(0, 4), items[i]?.at[4] ?? 0),
          back,
        );
      },
    ),
    { numRuns: runs(400) },
  );
});

test("rx: L2TP in the clear with anything inside, from right and wrong senders", () => {
  const item = fc.record({
    body: fc.oneof(l2tp, l2tp, u8(1, 60)),
    at: fc.constantFrom([192, 0, 2, 1, 1701], [192, 0, 2, 1, 1701], [192, 0, 2, 1, 99], [192, 0, 2, 3, 1701]),
    port: fc.constantFrom(1701, 1701, 5),
  });
  fc.assert(
    fc.property(fc.constantFrom(...CALLS), fc.array(item, { minLength: 1, maxLength: 12 }), (call, items) => {
      const options: Options = { encap: "clear", call: call ?? {} };
      agree(
        [end(library(), false, options), end(reference(), false, options)],
        "udp1701",
        items.map((x) => x.body),
        (i) => {
          const a = from((items[i]?.at ?? []).slice(0, 4), items[i]?.at[4] ?? 0);
          a.set([(items[i]?.port ?? 0) >> 8, (items[i]?.port ?? 0) & 255], 40);
          return a;
        },
      );
    }),
    { numRuns: runs(400) },
  );
});

test("rx: any bytes, from every origin, with live SAs of every family of transforms", () => {
  const known = fc
    .tuple(fc.constantFrom([0, 0, 0x10, 0], [0, 0, 0, 0], [0, 0, 0x20, 0]), u8(0, 90))
    .map(([spi, b]) => concat([Uint8Array.from(spi), b]));
  const one = fc.oneof(u8(1, 80), known, fc.constant(Uint8Array.of(0xff)));
  const transform = fc.constantFrom(...TRANSFORMS.filter(([c, i]) => i === "none" || (i === "sha1" && c !== "aes192")));
  fc.assert(
    fc.property(
      fc.constantFrom("udp", "esp", "clear" as const),
      transform,
      fc.array(one, { minLength: 1, maxLength: 16 }),
      (encap, [cipher, integ, key, mac], packets) => {
        const options: Options = { cipher, integ, key, mac, encap };
        agree([end(library(), false, options), end(reference(), false, options)], ORIGIN[encap], packets, () =>
          from([192, 0, 2, 1], encap === "clear" ? 1701 : 4500),
        );
      },
    ),
    { numRuns: runs(300) },
  );
});

/** What a sealed slot holds, so that random IVs do not matter. */
function unsealed(sa: EspSa | null, ring: Ring, i: number, call: number): unknown {
  const { body, kind, ref } = get(ring, i);
  if (kind === Kind.upIp) return { kind, itsCall: ref === call, body };
  const addr = Buffer.from(ring.addr.subarray(i * ADDR, (i + 1) * ADDR)).toString("hex");
  if (body.length === 0) return "dropped";
  if (!sa) return { kind, addr, body };
  const opened = openEsp(nodeCrypto, sa, body);
  assert.ok("payload" in opened);
  return {
    kind,
    addr,
    body: opened.payload,
    seq: Buffer.from(body.subarray(0, 8)).toString("hex"),
    length: body.length,
  };
}

test("tx: any IP packets and frames leave alike: headers, order, addresses, counters", () => {
  const packet = fc.oneof(
    u8(1, 60),
    u8(0, 200).map((p) => ip4(SRC, DST, p)),
    u8(0, 40).map((p) => concat([ip4(SRC, [172, 16, 0, 9], p), Uint8Array.of(1, 2)])),
    u8(30, 90).map((p) => ip4(SRC, DST, p, 6)),
    u8(0, 90).map((p) => ip6(SRC6, DST6, p, 6)),
    u8(0, 9).map((p) => concat([ip6(SRC6, DST6, p, 59), Uint8Array.of(1)])),
  );
  const call = fc.record({
    sequencing: fc.boolean(),
    allUp: fc.constantFrom(false, false, false, true),
    passes: fc.constantFrom(0, 0, 60),
    ip: fc.constantFrom(true, true, true, false),
    ip6: fc.boolean(),
    peerCall: fc.constantFrom(8, 8, 0),
    clampMss: fc.constantFrom(0, 100),
    pppHeader: fc.constantFrom(Uint8Array.of(0xff, 3, 0, 0x21), Uint8Array.of(0x21), new Uint8Array(0)),
  });
  const limits = fc.constantFrom({}, {}, { hardPackets: 3 }, { hardBytes: 200 });
  const encap = fc.constantFrom("udp", "esp", "clear" as const);
  const transform = fc.constantFrom(...TRANSFORMS.filter(([, i]) => i === "none" || i === "sha1"));
  fc.assert(
    fc.property(
      encap,
      fc.boolean(),
      call,
      limits,
      transform,
      fc.array(packet, { minLength: 1, maxLength: 8 }),
      (encap, v6, call, sa, [cipher, integ, key, mac], packets) => {
        const o: Options = { encap, v6, call, sa, cipher, integ, key, mac };
        const peer =
          encap === "clear"
            ? null
            : espSa(0x2000, cipher as EspCipher, integ as EspInteg, pattern(key, 0x2000), pattern(mac, 0x2001));
        const seen = [library(), reference()].map((fp) => {
          const e = end(fp, false, o);
          const out: unknown[] = [];
          const rings = [1, 2, 3].map(() => lib.ring(packets.length));
          for (const [k, ring] of rings.entries()) {
            packets.forEach((p, i) => {
              put(ring, i, p);
            });
            out.push(
              [
                () => fp.tx(1, ring, packets.length),
                () => fp.txFrames(e.call, ring, packets.length),
                () => fp.txControl(e.flow, 1701, 32000, ring, packets.length),
              ][k]?.(),
            );
            packets.forEach((_, i) => {
              out.push(unsealed(peer, ring, i, e.call));
            });
          }
          const result = {
            out,
            drops: drops(fp),
            call: fp.callCounters(e.call),
            sa: e.saOut === 0 ? null : fp.saCounters(e.saOut),
          };
          fp.close();
          return result;
        });
        assert.deepEqual(seen[0], seen[1]);
      },
    ),
    { numRuns: runs(250) },
  );
});
