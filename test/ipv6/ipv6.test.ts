// A user's router: advertisements, DHCPv6, and what neither is fooled by.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatIp } from "../../src/core/addr.ts";
import { DecodeError } from "../../src/core/errors.ts";
import { concat, hex } from "../../src/core/text.ts";
import { advertisement, isSolicitation } from "../../src/ipv6/advertise.ts";
import type { Offer } from "../../src/ipv6/answer.ts";
import { readDhcp, writeDhcp } from "../../src/ipv6/dhcp.ts";
import { intact, readPacket6, writePacket6 } from "../../src/ipv6/packet.ts";
import { answered, UserRouter } from "../../src/ipv6/router.ts";
import { runs } from "../runs.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { address, CLIENT, h, iaNa, iaPd, iaPrefix, lifetime, message, OURS, option, status } from "./wire.ts";

const ID = h("02005efffe005301");
const FROM = concat([h("fe80000000000000"), ID]);
const PREFIX = "2001:db8:1:2::/64";
const DELEGATED = "2001:db8:8200::/56";
const DNS = ["2001:db8::53"];
const OFFER: Offer = { serverId: OURS, prefix: PREFIX, delegated: DELEGATED, dns: DNS };
const SERVER = option(2, OURS);
const OTHER = option(2, h("000300010202020202"));

/** Made, and summed, by another program. */
const RA =
  "6000000000483afffe8000000000000002005efffe005301ff020000000000000000000000000001860099664040070800000000000000" +
  "000304404000001c2000000e100000000020010db8000100020000000000000000190300000000070820010db8000000000000000000000053";
const BARE_RA =
  "6000000000103afffe8000000000000002005efffe005301ff020000000000000000000000000001860082e6404007080000000000000000";
const RS = "6000000000083afffe800000000000001c2b3a4958677685ff020000000000000000000000000002850057d600000000";
const RS_OF_NOBODY = "6000000000083aff00000000000000000000000000000000ff02000000000000000000000000000285007bb800000000";
const RS_WITH_OPTION =
  "6000000000103afffe800000000000001c2b3a4958677685ff02000000000000000000000000000285004abe000000000101020304050607";
const SOLICIT =
  "01a1b2c30001000a0003000102aabbccddee000600040017001800080002000000190029000000070000000000000000001a0019" +
  "00000000000000003c00000000000000000000000000000000";
const SOLICIT_HEAD = "6000000000551101fe800000000000001c2b3a4958677685ff0200000000000000000000000100020222022300554a7f";
const SOLICIT_PACKET = SOLICIT_HEAD + SOLICIT;
const packet = (text: string): NonNullable<ReturnType<typeof readPacket6>> =>
  readPacket6(h(text)) ?? assert.fail("no packet");

describe("advertisements (RFC 4861 §4.2, RFC 8106 §5.1)", () => {
  test("golden bytes, with and without a prefix and DNS servers", () => {
    assert.equal(hex(advertisement(FROM, { prefix: PREFIX, dns: DNS })), RA);
    assert.equal(hex(advertisement(FROM, { prefix: null, dns: [] })), BARE_RA);
    assert.ok(intact(packet(RA)));
  });
  test("a solicitation is one with hop limit 255, from here, whole and intact (§6.1.1)", () => {
    for (const good of [RS, RS_OF_NOBODY, RS_WITH_OPTION]) assert.ok(isSolicitation(packet(good)), good);
    const base = packet(RS_WITH_OPTION);
    const bad: [string, Partial<typeof base>][] = [
      ["hop limit 254", { hopLimit: 254 }],
      ["an address elsewhere", { source: address("2001:db8::1") }],
      ["the source's address from nobody", { source: new Uint8Array(16) }],
      ["another type", { payload: base.payload.with(0, 134) }],
      ["another code", { payload: base.payload.with(1, 1) }],
      ["an option of no length", { payload: base.payload.with(9, 0) }],
      ["an option that goes on behind the end", { payload: base.payload.with(9, 2) }],
      ["half an option", { payload: base.payload.subarray(0, 9) }],
      ["UDP", { next: 17 }],
    ];
    for (const [what, change] of bad) {
      const p = { ...base, ...change };
      const at = { ...p, payload: p.payload.with(2, 0).with(3, 0) };
      const summed = readPacket6(writePacket6(at, 2)) ?? assert.fail(what);
      assert.equal(isSolicitation(summed), false, what);
    }
    assert.equal(isSolicitation({ ...base, payload: base.payload.with(3, 0) }), false, "a wrong checksum");
    for (let n = 0; n < 16; n++)
      assert.equal(isSolicitation({ ...base, payload: base.payload.subarray(0, n) }), false, `${n} bytes`);
  });
});

describe("DHCPv6 messages", () => {
  test("golden bytes, and the same cut at every byte", () => {
    const whole = h(SOLICIT);
    const m = readDhcp(whole);
    assert.deepEqual(
      { ...m, clientId: hex(m.clientId ?? new Uint8Array(0)) },
      {
        type: 1,
        xid: 0xa1b2c3,
        clientId: "0003000102aabbccddee",
        serverId: null,
        rapidCommit: false,
        ias: [{ kind: "pd", iaid: 7, has: ["::/60"] }],
      },
    );
    const ends = new Set([4, 18, 26, 32]); // between options
    for (let n = 0; n < whole.length; n++) {
      if (ends.has(n)) assert.equal(readDhcp(whole.subarray(0, n)).xid, 0xa1b2c3);
      else assert.throws(() => readDhcp(whole.subarray(0, n)), DecodeError, `${n} bytes`);
    }
  });
  test("an answer's bytes", () => {
    const dead = { prefix: "2001:db8:9::/48", preferred: 0, valid: 0 };
    const ias = [
      { kind: "pd", iaid: 7, leases: [{ prefix: DELEGATED, preferred: 3600, valid: 7200 }, dead], status: null },
      { kind: "na", iaid: 8, leases: [], status: 2 },
      { kind: "ta", iaid: 9, leases: [], status: 2 },
    ] as const;
    const clientId = h("0003000102aabbccddee");
    const a = { type: 7, xid: 0xa1b2c3, clientId, serverId: OURS, rapidCommit: true, ias, status: 0, dns: DNS };
    const want = message(
      7,
      CLIENT,
      SERVER,
      option(14),
      option(
        25,
        lifetime(7),
        lifetime(1800),
        lifetime(2880),
        iaPrefix(DELEGATED, 3600, 7200),
        iaPrefix("2001:db8:9::/48"),
      ),
      option(3, lifetime(8), new Uint8Array(8), status(2)),
      option(4, lifetime(9), status(2)),
      status(0),
      option(23, address("2001:db8::53")),
    );
    assert.equal(hex(writeDhcp(a)), hex(want));
  });
  test("unknown options are stepped over whole; sizes are bounded", () => {
    const m = readDhcp(message(3, option(99, h("0001ffff")), CLIENT, SERVER, option(16, h("00")), iaPd(1)));
    assert.equal(hex(m.serverId ?? new Uint8Array(0)), hex(OURS));
    assert.throws(() => readDhcp(message(1, option(1, new Uint8Array(131)))), DecodeError);
    assert.throws(() => readDhcp(message(1, option(1, new Uint8Array(2)))), DecodeError);
    assert.equal(readDhcp(message(1, ...Array.from({ length: 8 }, (_, i) => iaPd(i)))).ias.length, 8);
    assert.throws(() => readDhcp(message(1, ...Array.from({ length: 9 }, (_, i) => iaPd(i)))), DecodeError);
    const many = Array.from({ length: 17 }, (_, i) => `2001:db8:${i}::/48`);
    assert.equal(readDhcp(message(1, iaPd(1, ...many.slice(1)))).ias[0]?.has.length, 16);
    assert.throws(() => readDhcp(message(1, iaPd(1, ...many))), DecodeError);
  });
  test("any bytes are a message or DecodeError, and an answer is one that can be read", () => {
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .tuple(fc.integer({ min: 0, max: 13 }), fc.array(fc.constantFrom(CLIENT, SERVER, iaPd(3, DELEGATED), iaNa(4))))
        .map(([type, all]) => message(type, ...all)),
    );
    const check = (b: Uint8Array): void => {
      const a = answered(b, OFFER);
      if (!a) return;
      const [question, answer] = [readDhcp(b), readDhcp(a)];
      assert.deepEqual([answer.xid, hex(answer.serverId ?? ID)], [question.xid, hex(OURS)]);
      assert.ok(a.length <= b.length + 2 * OURS.length + 60 + 29 * question.ias.length, "no more than was asked");
    };
    fc.assert(fc.property(any, check), { numRuns: runs(2000) });
  });
});

/** The answer, as its options by their codes. */
function reply(b: Uint8Array, offer: Offer = OFFER): { type: number; options: [number, string][] } | null {
  const a = answered(b, offer);
  if (!a) return null;
  const options: [number, string][] = [];
  for (let at = 4; at < a.length; ) {
    const [code, n] = [((a[at] ?? 0) << 8) | (a[at + 1] ?? 0), ((a[at + 2] ?? 0) << 8) | (a[at + 3] ?? 0)];
    options.push([code, hex(a.subarray(at + 4, at + 4 + n))]);
    at += 4 + n;
  }
  return { type: a[0] ?? 0, options };
}
const body = (o: Uint8Array): string => hex(o.subarray(4));
const MINE = hex(concat([lifetime(7), lifetime(1800), lifetime(2880), iaPrefix(DELEGATED, 3600, 7200)]));
const IDS: [number, string][] = [
  [1, body(CLIENT)],
  [2, hex(OURS)],
];
const NAMES: [number, string] = [23, hex(address("2001:db8::53"))];

describe("what a server answers (RFC 8415)", () => {
  // §16.2 to §16.12, as printed: what is discarded
  const TABLE = [
    // message              type  no ids  client  both   other server
    ["Solicit", 1, false, true, false, false],
    ["Advertise", 2, false, false, false, false],
    ["Request", 3, false, false, true, false],
    ["Confirm", 4, false, true, false, false],
    ["Renew", 5, false, false, true, false],
    ["Rebind", 6, false, true, false, false],
    ["Reply", 7, false, false, false, false],
    ["Release", 8, false, false, true, false],
    ["Decline", 9, false, false, true, false],
    ["Reconfigure", 10, false, false, false, false],
    ["Information-request", 11, true, true, true, false],
    ["Relay-forward", 12, false, false, false, false],
    ["Relay-reply", 13, false, false, false, false],
  ] as const;
  for (const [name, type, ...answers] of TABLE)
    test(`§16: ${name}`, () => {
      const more = type === 4 ? [iaNa(1, "2001:db8:1:2::9")] : [];
      const ids = [[], [CLIENT], [CLIENT, SERVER], [CLIENT, OTHER]];
      const seen = ids.map((list) => answered(message(type, ...list, ...more), OFFER) !== null);
      assert.deepEqual(seen, answers);
    });
  test("§18.3.1: a Solicit gets an Advertise, with Rapid Commit a Reply", () => {
    const want = [...IDS, [25, MINE], NAMES];
    assert.deepEqual(reply(message(1, CLIENT, iaPd(7, "::/60"))), { type: 2, options: want });
    const rapid = reply(message(1, CLIENT, iaPd(7), option(14)));
    assert.deepEqual(rapid, { type: 7, options: [...IDS, [14, ""], [25, MINE], NAMES] });
  });
  test("§18.3.2, §18.3.4, §18.3.5: Request, Renew and Rebind get the one prefix, and lose another", () => {
    for (const [type, ...ids] of [
      [3, CLIENT, SERVER],
      [5, CLIENT, SERVER],
      [6, CLIENT],
    ] as const) {
      const got = reply(message(type, ...ids, iaPd(7, DELEGATED)));
      assert.deepEqual(got, { type: 7, options: [...IDS, [25, MINE], NAMES] });
      const other = reply(message(type, ...ids, iaPd(7, "2001:db8:9::/48")));
      assert.deepEqual(other?.options[2], [25, MINE + (type === 3 ? "" : hex(iaPrefix("2001:db8:9::/48")))]);
    }
  });
  test("there is one prefix, and no address", () => {
    const got = reply(message(3, CLIENT, SERVER, iaPd(7), iaPd(8), iaNa(9)));
    const no = (iaid: number, code: number): string => hex(concat([lifetime(iaid), new Uint8Array(8), status(code)]));
    assert.deepEqual(got?.options, [...IDS, [25, MINE], [25, no(8, 6)], [3, no(9, 2)], NAMES]);
    const none = reply(message(1, CLIENT, iaPd(7), option(14)), { ...OFFER, delegated: null, dns: [] });
    assert.deepEqual(none, { type: 2, options: [...IDS, [25, no(7, 6)]] }, "nothing to commit");
  });
  test("§18.3.3: Confirm asks whether addresses are of this link", () => {
    const ask = (...has: string[]): unknown => reply(message(4, CLIENT, iaNa(1, ...has)))?.options[2];
    assert.deepEqual(ask("2001:db8:1:2::9"), [13, "0000"]);
    assert.deepEqual(ask("2001:db8:1:2::9", "2001:db8:1:3::9"), [13, "0004"]);
    assert.equal(reply(message(4, CLIENT, iaNa(1))), null, "no address, no answer");
    assert.equal(reply(message(4, CLIENT, iaPd(1, DELEGATED))), null);
  });
  test("§18.3.7, §18.3.8: Release and Decline name what is not the client's", () => {
    for (const type of [8, 9]) {
      assert.deepEqual(reply(message(type, CLIENT, SERVER, iaPd(7, DELEGATED)))?.options, [...IDS, [13, "0000"]]);
      const got = reply(message(type, CLIENT, SERVER, iaPd(7, "2001:db8:9::/48")))?.options[2];
      assert.deepEqual(got, [25, hex(concat([lifetime(7), new Uint8Array(8), status(3)]))]);
    }
  });
  test("§18.3.6: an Information-request gets the DNS servers; with an IA it is none (§16.12)", () => {
    assert.deepEqual(reply(message(11)), { type: 7, options: [[2, hex(OURS)], NAMES] });
    assert.equal(reply(message(11, CLIENT, iaPd(7))), null);
  });
});

describe("a user's router", () => {
  const made = (): { clock: VirtualClock; sent: Uint8Array[]; drops: string[]; router: UserRouter } => {
    const clock = new VirtualClock();
    const sent: Uint8Array[] = [];
    const drops: string[] = [];
    const deps = {
      clock,
      send: (p: Uint8Array): void => void sent.push(p),
      drop: (w: string): void => void drops.push(w),
    };
    return {
      clock,
      sent,
      drops,
      router: new UserRouter(deps, { id: ID, prefix: PREFIX, delegated: DELEGATED, dns: DNS }),
    };
  };
  test("advertises by itself after a second, then every ten minutes, and when it is asked", () => {
    const { clock, sent, router } = made();
    clock.advance(999);
    assert.equal(sent.length, 0);
    clock.advance(1);
    assert.equal(hex(sent[0] ?? ID), RA);
    clock.advance(1_200_000);
    assert.equal(sent.length, 3);
    router.input(h(RS));
    assert.equal(hex(sent[3] ?? ID), RA);
    clock.advance(599_999);
    assert.equal(sent.length, 4, "ten minutes from the last one");
    router.close();
    assert.equal(clock.size, 0);
  });
  test("a DHCPv6 message gets its answer at port 546, and nothing else does", () => {
    const { sent, drops, router, clock } = made();
    router.input(h(SOLICIT_PACKET));
    const p = readPacket6(sent[0] ?? ID) ?? assert.fail("no answer");
    assert.ok(intact(p));
    assert.deepEqual(
      [p.next, formatIp(p.source), formatIp(p.destination)],
      [17, "fe80::200:5eff:fe00:5301", "fe80::1c2b:3a49:5867:7685"],
    );
    assert.equal(hex(p.payload.subarray(0, 4)), "02230222");
    assert.equal(hex(p.payload.subarray(8)), hex(answered(h(SOLICIT), OFFER) ?? ID));
    const whole = packet(SOLICIT_PACKET);
    const udp = (change: (b: Uint8Array) => Uint8Array, source = whole.source): Uint8Array =>
      writePacket6({ ...whole, source, payload: change(whole.payload.with(6, 0).with(7, 0)) }, 6);
    assert.equal(hex(udp((b) => b)), SOLICIT_PACKET);
    const bad = [
      udp((b) => b.with(3, 0x22)),
      udp((b) => b.with(5, 0x54)),
      udp((b) => b, address("2001:db8::1")),
      h(SOLICIT_PACKET).with(46, 0).with(47, 0),
      h(SOLICIT_PACKET).with(50, 1),
      udp((b) => b.subarray(0, 7)),
      udp((b) => b.with(8, 12)),
      h("60"),
      h(""),
    ];
    for (const b of bad) {
      clock.advance(1000);
      sent.length = drops.length = 0;
      router.input(b);
      assert.deepEqual([sent.filter((s) => s[6] === 17), drops], [[], ["ipv6.malformed"]], hex(b));
    }
  });
  test("who asks often gets eight answers, then one a second", () => {
    const { clock, sent, drops, router } = made();
    for (let i = 0; i < 10_000; i++) router.input(h(i % 2 === 0 ? RS : SOLICIT_PACKET));
    assert.equal(sent.length, 8);
    assert.equal(drops.length, 10_000 - 8);
    clock.advance(900);
    router.input(h(SOLICIT_PACKET));
    assert.equal(sent.length, 8);
    clock.advance(100);
    router.input(h(SOLICIT_PACKET));
    assert.equal(sent.filter((p) => p[6] === 17).length, 5);
    router.close();
  });
  test("any bytes do no harm", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.constantFrom(RS, SOLICIT_PACKET), fc.nat(130), (b, t, at) => {
        const { router, sent } = made();
        router.input(b);
        const p = h(t);
        p.set(b.subarray(0, Math.max(0, p.length - at)), Math.min(at, p.length));
        router.input(p);
        for (const s of sent) assert.ok(intact(readPacket6(s) ?? assert.fail("no packet")));
        router.close();
      }),
      { numRuns: runs(1000) },
    );
  });
});
