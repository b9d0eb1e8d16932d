// Several links in one bundle (RFC 1990): packets keep their order over links that lose and delay, a link comes and
// goes without the others, and nobody joins who has not shown to be the same user.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Failure } from "../../src/core/errors.ts";
import { Packet } from "../../src/core/packet.ts";
import { hex } from "../../src/core/text.ts";
import type { DataCoding } from "../../src/ports/ports.ts";
import type { PppConfig, PppOwner } from "../../src/ppp/api.ts";
import { sameEnd } from "../../src/ppp/bundle.ts";
import { FULL_HEADER, pullProtocol, pushProtocol } from "../../src/ppp/frame.ts";
import { Bundle, type BundleOptions } from "../../src/ppp/multilink.ts";
import { type BundleDrop, Lane } from "../../src/ppp/reassembly.ts";
import type { PppSession } from "../../src/ppp/session.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, End, join, PROTOCOL, random, SERVER, Side, type Trouble, testCrypto } from "./pair.ts";
import { h } from "./peers.ts";

const { ip, multilink: mp } = PROTOCOL;
const BOTH: BundleOptions = {
  mrruIn: 1500,
  mrruOut: 1500,
  shortIn: false,
  shortOut: false,
  mtu: 200,
  pfc: false,
  overtakes: 32,
};

/** Two ends with `n` links, which the test carries. */
function ends(n: number, o: Partial<BundleOptions> = {}) {
  const clock = new VirtualClock();
  const drops = new Map<BundleDrop, number>();
  const got: number[] = [];
  const sent: { readonly by: number; readonly bytes: Uint8Array }[] = [];
  const none = { bump: (): void => {} };
  const out = (by: number) => (number: number, p: Packet) => {
    assert.equal(number, mp);
    sent.push({ by, bytes: p.view().slice() });
  };
  const a = new Bundle({ ...BOTH, ...o }, none, () => {}, { clock, out: out(0) });
  const count = { bump: (name: BundleDrop): void => void drops.set(name, (drops.get(name) ?? 0) + 1) };
  const b = new Bundle({ ...BOTH, ...o }, count, () => {}, { clock, out: () => {} });
  const lanes = [b.first];
  const away = [a.first];
  for (let i = 1; i < n; i++) {
    const [x, y] = [new Lane(200, false, out(i)), new Lane(200, false, () => {})];
    a.join(x);
    b.join(y);
    away.push(x);
    lanes.push(y);
  }
  /** Packet number `k`, of `length` bytes. */
  const send = (k: number, length = 100): void => {
    const body = new Uint8Array(length);
    body[0] = k >> 8;
    body[1] = k;
    a.send(ip, Packet.of(body), out(0));
  };
  const take = (by: number, bytes: Uint8Array): void =>
    b.receive(
      Packet.of(bytes),
      (number, p) => {
        assert.equal(number, ip);
        got.push(((p.mem[p.start] ?? 0) << 8) | (p.mem[p.start + 1] ?? 0));
      },
      lanes[by],
    );
  return { clock, a, b, sent, got, send, take, lanes, away, drops: () => Object.fromEntries(drops) };
}

describe("a bundle of several links", () => {
  test("small packets are numbered too, and the links take turns; one link again, and they are not", () => {
    const e = ends(2);
    for (let k = 0; k < 3; k++) e.send(k, 10);
    assert.deepEqual(
      e.sent.map((s) => [s.by, hex(s.bytes.subarray(0, 6))]),
      [
        [0, "c00000000021"],
        [1, "c00000010021"],
        [0, "c00000020021"],
      ],
    );
    assert.equal(e.a.mtu, 0);
    e.a.leave(e.away[0] as Lane);
    assert.equal(e.a.mtu, 200);
  });
  test("any delays of the links: all packets come, in their order", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 4 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(30), { minLength: 4, maxLength: 4 }),
        fc.boolean(),
        (n, lengths, delays, short) => {
          const e = ends(n, { shortIn: short, shortOut: short });
          for (const [k, length] of lengths.entries()) e.send(k, length + 2);
          // each link keeps its own order
          const all = e.sent.map((s, i) => ({ ...s, at: i + (delays[s.by] ?? 0) }));
          all.sort((x, y) => x.at - y.at);
          for (const s of all) e.take(s.by, s.bytes);
          assert.deepEqual(
            e.got,
            lengths.map((_, k) => k),
          );
          assert.deepEqual(e.drops(), {});
        },
      ),
    );
  });
  test("with loss: what comes is in order and whole, what is lost holds nothing up for longer than 200 ms", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 1, max: 1 << 30 }), (n, seed) => {
        const dice = random(seed);
        const e = ends(n);
        const whole: number[] = [];
        for (let k = 0; k < 200; k++) {
          const from = e.sent.length;
          e.send(k, 2 + Math.floor(dice() * 600));
          const parts = e.sent.slice(from).filter(() => dice() > 0.05);
          if (parts.length === e.sent.length - from) whole.push(k);
          for (const s of parts) e.take(s.by, s.bytes);
        }
        e.clock.advance(2000);
        assert.deepEqual(e.got, whole);
      }),
    );
  });
  test("§4.1: what every link has passed is lost at once; a silent link is waited for 200 ms", () => {
    const e = ends(2, { overtakes: 0 });
    for (let k = 0; k < 6; k++) e.send(k);
    const [a0, b1, a2, b3, a4, b5] = e.sent.map((s) => s.bytes) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    e.take(0, a0);
    e.take(0, a2);
    assert.deepEqual(e.got, [0]);
    e.take(1, b3); // 1 was lost
    assert.deepEqual([e.got, e.drops()], [[0, 2, 3], { "mp.lost": 1 }]);
    e.take(1, b5);
    e.clock.advance(199);
    assert.deepEqual(e.got, [0, 2, 3]);
    e.clock.advance(2);
    assert.deepEqual(e.got, [0, 2, 3, 5]);
    e.take(0, a4);
    e.take(1, b1);
    assert.deepEqual([e.got, e.drops()], [[0, 2, 3, 5], { "mp.lost": 2, "mp.late": 2 }]);
  });
  test("a link that leaves holds nothing up: what only it could have brought is lost", () => {
    const e = ends(2, { overtakes: 0 });
    for (let k = 0; k < 5; k++) e.send(k);
    for (const i of [0, 2, 4]) e.take(0, e.sent[i]?.bytes ?? h(""));
    assert.deepEqual(e.got, [0]);
    e.b.leave(e.lanes[1] as Lane);
    assert.deepEqual(e.got, [0, 2, 4]);
  });
  test("hostile: endless fragments, any numbers, beginnings within one another: bounds hold, and it goes on", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.nat(3), fc.nat(0xff_ffff), fc.nat(1500)), { maxLength: 300 }),
        fc.boolean(),
        (all, near) => {
          const e = ends(4);
          for (const [by, flags, seq, length] of all) {
            const s = near ? seq % 2000 : seq;
            e.take(by, Uint8Array.of((flags << 6) | 0, s >> 16, s >> 8, s, 0, 0x21, ...new Uint8Array(length + 2)));
          }
          e.clock.advance(60_000);
          e.got.length = 0;
          // an honest peer after that, far away from all of it
          const at = 0x10_0000 + (all.at(-1)?.[2] ?? 0);
          for (let k = 0; k < 1100; k++) {
            const s = (at + k) & 0xff_ffff;
            e.take(k % 4, Uint8Array.of(0xc0, s >> 16, s >> 8, s, 0, 0x21, k >> 8, k));
          }
          assert.ok(e.got.length >= 1000 || (e.drops()["mp.late"] ?? 0) >= 1000);
          assert.equal(e.got.length === 0 || e.got.at(-1) === 1099, true);
        },
      ),
      { numRuns: 60 },
    );
  });
  test("what is held has a bound for each link, and the time of packets that nobody ends has one", () => {
    const e = ends(2);
    const head = (seq: number, flags: number): number[] => [flags, seq >> 16, seq >> 8, seq];
    for (let i = 0; i < 400; i++) e.take(0, Uint8Array.of(...head(2 * i + 1, 0xc0), 0, 0x21, ...new Uint8Array(1400)));
    assert.ok(e.got.length > 300 && e.got.length < 360, String(e.got.length));
    for (let i = 0; i < 4; i++) e.take(1, Uint8Array.of(...head(2000 + i, i === 0 ? 0x80 : 0), ...new Uint8Array(900)));
    e.clock.advance(60_000);
    assert.equal(e.clock.next(), null);
  });
});

/** A channel that a bundle can have several of. */
class Line extends End {
  coding: DataCoding | null = null;
  readonly got: string[] = [];
  setCoding(coding: DataCoding | null): void {
    this.coding = coding;
  }
  sendCoded(protocol: number, p: Packet): void {
    const frame = Packet.of(p.view());
    pushProtocol(frame, protocol, FULL_HEADER);
    this.out(frame.view().slice());
  }
  sendPacket(protocol: number, p: Packet): void {
    const out = (number: number, x: Packet): void => this.sendCoded(number, x);
    if (this.coding) this.coding.encode(protocol, p, out);
    else out(protocol, p);
  }
  receiveDecoded(protocol: number, p: Packet): void {
    if (protocol === ip) this.got.push(hex(p.view().subarray(0, 4)));
    else {
      pushProtocol(p, protocol, FULL_HEADER);
      this.onFrame(p);
    }
  }
  override deliver(frame: Uint8Array): void {
    const p = Packet.of(frame);
    const number = pullProtocol(p);
    if (this.coding && number !== 0) this.coding.decode(number, p, (protocol, x) => this.receiveDecoded(protocol, x));
    else super.deliver(frame);
  }
}

interface Call {
  readonly lines: readonly [Line, Line];
  readonly c: Side;
  readonly s: Side;
  readonly linkDowns: Failure[];
}
const SAME = h("aabbccddeeff");

/** A client and a server with any number of calls between them. */
class Pair {
  readonly clock = new VirtualClock();
  readonly calls: Call[] = [];
  /** Whom the server's bundle() finds. */
  head: PppSession | null = null;
  readonly asked: string[] = [];
  moved = 0;
  call(c: Partial<PppConfig> = {}, s: Partial<PppConfig> = {}, t: Trouble = {}): Call {
    const nth = this.calls.length;
    const lines = [new Line(), new Line()] as const;
    const first = this.calls[0];
    const linkDowns: Failure[] = [];
    const own = { mrru: 1500, endpoint: SAME };
    const more: Partial<PppOwner> = { onLinkDown: (why) => void linkDowns.push(why), onMoved: () => void this.moved++ };
    const client = new Side(
      this.clock,
      { ...CLIENT, ...own, ...c },
      { ...more, bundle: () => first?.c.session.upper ?? null },
      lines[0],
      testCrypto(30 + nth),
    );
    const server = new Side(
      this.clock,
      { ...SERVER, require: ["mschapv2"], mrru: 1500, ...s },
      {
        ...more,
        bundle: (user, endpoint) => {
          this.asked.push(`${user} ${endpoint && hex(endpoint)}`);
          return user === "alice" ? (this.head?.upper ?? null) : null;
        },
      },
      lines[1],
      testCrypto(60 + nth),
    );
    join(this.clock, lines[0], lines[1], { seed: 7 + nth, ...t });
    const call = { lines, c: client, s: server, linkDowns };
    this.calls.push(call);
    client.session.start();
    server.session.start();
    this.clock.advance(8000);
    this.head ??= server.session;
    return call;
  }
  /** Packets numbered from `from`, by the client's netdev and by the server's; what came at the other end. */
  exchange(count: number, ms = 3000): { up: string[]; down: string[] } {
    const lineOf = (s: PppSession): Line => s.upper.channel as Line;
    const [c, s] = [this.calls[0]?.c.session, this.calls[0]?.s.session] as [PppSession, PppSession];
    for (const x of this.calls) for (const l of x.lines) l.got.length = 0;
    for (let k = 0; k < count; k++) {
      for (const from of [c, s])
        lineOf(from).sendPacket(ip, Packet.of(Uint8Array.of(0x45, k >> 8, k, 0, ...new Uint8Array((k * 37) % 1400))));
      this.clock.advance(2);
    }
    this.clock.advance(ms);
    const got = (which: 0 | 1): string[] => this.calls.flatMap((x) => x.lines[which].got);
    return { up: got(1), down: got(0) };
  }
}
const numbers = (count: number): string[] =>
  Array.from({ length: count }, (_, k) => `45${k.toString(16).padStart(4, "0")}00`);

test("RFC 1990 §5.1.3: who has a discriminator is told from others by it, also from those without", () => {
  const [a, b] = [h("0101"), h("0102")];
  for (const [x, y, same] of [
    [a, a.slice(), true],
    [a, b, false],
    [a, h("010100"), false],
    [a, null, false],
    [null, b, false],
    [null, null, true],
  ] as const)
    assert.equal(sameEnd(x, y), same);
});

describe("sessions that share a bundle", () => {
  for (const n of [2, 3, 4])
    test(`${n} calls are one session: packets come once, in order, both ways, over all of them`, () => {
      const p = new Pair();
      for (let i = 0; i < n; i++) p.call({}, {}, { jitterMs: i * 10 });
      assert.deepEqual(
        p.calls.map((x) => [x.c.ups.length, x.s.ups.length, x.s.admitted.length]),
        p.calls.map((_, i) => (i === 0 ? [1, 1, 1] : [0, 0, 0])),
      );
      assert.deepEqual(new Set(p.asked), new Set([`alice 01${hex(SAME)}`]));
      const r = p.exchange(300);
      assert.deepEqual(r.up, numbers(300));
      assert.deepEqual(r.down, numbers(300));
      for (const x of p.calls) {
        const counts = p.head?.upper.counts(x.lines[1]);
        assert.ok(counts && counts.rxPackets > 50 && counts.txPackets > 50, JSON.stringify(counts));
      }
    });
  for (const how of ["the call", "LCP"] as const)
    for (const which of [0, 1])
      test(`${how} of link ${which + 1} ends: the rest carries on, and the last one ends the session`, () => {
        const p = new Pair();
        const all = [p.call(), p.call(), p.call()];
        const gone = all[which] as Call;
        const why = { layer: "ppp", code: "lower-down", text: "cut" } as const;
        if (how === "the call") {
          gone.lines[0].out = gone.lines[1].out = () => {};
          for (const side of [gone.c, gone.s])
            if (which === 0) assert.equal(side.session.linkDown(why), true);
            else side.session.lowerDown(why);
        } else if (which === 0) {
          // the peer's own goodbye for this link alone
          gone.lines[0].deliver(h("ff03c021 0509 0004"));
          gone.lines[1].deliver(h("ff03c021 0509 0004"));
        } else gone.c.session.stop({ layer: "ppp", code: "stopped", text: "no more" });
        p.clock.advance(8000);
        if (which === 0) {
          assert.deepEqual([gone.c.downs.length, gone.s.downs.length, p.moved], [0, 0, 2]);
          if (how === "LCP") assert.equal(gone.linkDowns.length, 2);
        } else assert.deepEqual([gone.c.downs.length, gone.s.downs.length], [1, 1]);
        const r = p.exchange(100);
        assert.deepEqual([r.up, r.down], [numbers(100), numbers(100)]);
        for (const x of all) x.c.session.stop({ layer: "ppp", code: "stopped", text: "no more" });
        p.clock.advance(20_000);
        assert.deepEqual(
          all.map((x) => [x.c.downs.length, x.s.downs.length]),
          all.map(() => [1, 1]),
        );
      });
  test("the session ends: so do all its links", () => {
    const p = new Pair();
    const all = [p.call(), p.call()];
    all[0]?.s.session.stop({ layer: "ppp", code: "stopped", text: "no more" });
    p.clock.advance(8000);
    assert.deepEqual(
      all.map((x) => [x.c.downs.length, x.s.downs.length]),
      [
        [1, 1],
        [1, 1],
      ],
    );
  });
  test("a link joins in the middle of a transfer, and loses packets", () => {
    const p = new Pair();
    p.call();
    p.exchange(50);
    const two = p.call({}, {}, { loss: 0.02, jitterMs: 20, seed: 5 });
    assert.equal(two.s.ups.length, 0);
    const r = p.exchange(400);
    for (const list of [r.up, r.down]) {
      assert.ok(list.length > 350, String(list.length));
      assert.deepEqual(list, [...list].sort());
    }
  });
  test("who has not authenticated, or is another user, is in no bundle; nor is a link with another MRRU", () => {
    const p = new Pair();
    p.call();
    const wrong = p.call({ identity: null });
    assert.deepEqual([wrong.s.downs.length, p.asked.length], [1, 1]);
    const { identity } = { ...CLIENT };
    assert.ok(identity);
    const bob = p.call({ identity: { user: "bob", password: identity.password } });
    assert.deepEqual([bob.s.downs[0]?.code, p.asked.length], ["auth-failed", 1]);
    const other = p.call({ mrru: 1600 });
    assert.deepEqual([other.s.downs[0]?.code, other.s.admitted], ["bundle", []]);
    // before its turn a link's packets are nobody's
    const early = new Line();
    const s = new Side(p.clock, { ...SERVER, mrru: 1500 }, { bundle: () => p.head?.upper ?? null }, early);
    s.session.start();
    early.deliver(h("ff03003d c0000000 0021 45000000"));
    early.deliver(h("ff03 0021 45000000"));
    assert.deepEqual([early.got, p.calls[0]?.lines[1].got.length], [[], 0]);
  });
  test("a peer that has restarted joins its own dead session: that ends, and the next call is a new one", () => {
    const p = new Pair();
    const [one, two] = [p.call(), p.call()];
    two.lines[1].deliver(h("ff038021 0101 0004"));
    p.clock.advance(8000);
    assert.deepEqual([one.s.downs[0]?.code, two.s.downs[0]?.code, one.c.downs.length], ["replaced", "replaced", 1]);
  });
  test("MP+ is refused by its name", () => {
    const p = new Pair();
    const { s, lines } = p.call();
    lines[1].deliver(h("ff03c021 0144 0006 1602"));
    assert.ok(s.events.some((e) => e.kind === "ppp.rejected" && e.what.includes("MP+")));
  });
  test("the first link negotiates anew: it leaves, and comes back", () => {
    const p = new Pair();
    const one = p.call();
    p.call();
    one.lines[1].deliver(h("ff03c021 0177 0011 05061a2b3c4d 110405dc 1303aa"));
    p.clock.advance(20_000);
    assert.deepEqual([one.s.downs.length, one.s.ups.length, one.c.ups.length], [0, 1, 1]);
    const r = p.exchange(100);
    assert.deepEqual([r.up, r.down], [numbers(100), numbers(100)]);
    assert.ok(p.moved > 0);
  });
});
