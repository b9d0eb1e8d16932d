// Link-Quality-Reports: how they are agreed on, what is in them, when they are sent, and what a peer cannot make of
// them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Packet } from "../../src/core/packet.ts";
import { concat, hex, unhex } from "../../src/core/text.ts";
import type { LineCounts } from "../../src/ports/ports.ts";
import { be32, type Option } from "../../src/ppp/cp.ts";
import { FULL_HEADER, pullProtocol, pushProtocol } from "../../src/ppp/frame.ts";
import { LinkQuality } from "../../src/ppp/quality.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, CODE, End, PROTOCOL, Script, Side } from "./pair.ts";

const { lcp, lqr } = PROTOCOL;
const h = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail(s);
const words = (...v: number[]): Uint8Array => concat(v.map(be32));
/** As a report's twelve fields. */
const fields = (b: Uint8Array): number[] =>
  Array.from({ length: b.length / 4 }, (_, i) => new DataView(b.buffer, b.byteOffset).getUint32(4 * i));

function reporter(periodMs: number) {
  const clock = new VirtualClock();
  let counts: LineCounts = { inPackets: 10, inOctets: 1000, inErrors: 1, outPackets: 20, outOctets: 2000 };
  const sent: Uint8Array[] = [];
  const q = new LinkQuality(clock, {
    send: (p) => void sent.push(p.slice()),
    counts: () => counts,
    magic: () => 0xabcdef01,
    overhead: () => 7,
  });
  q.start(periodMs);
  return {
    clock,
    q,
    sent,
    set: (c: LineCounts): void => {
      counts = c;
    },
  };
}
/** A peer's report that says it is its `n`th, after `seen` of ours. */
const theirs = (n: number, seen: number, magic = 0x11223344): Uint8Array =>
  words(magic, 0, 0, 0, seen, 0, 0, 0, 0, n, 7 * n, 100 * n);

describe("reports", () => {
  test("RFC 1989 §2.6: golden, before and after the peer's first; this one is counted in it", () => {
    const { clock, q, sent, set } = reporter(2000);
    clock.advance(2000);
    assert.equal(hex(sent[0] ?? assert.fail()), hex(h(`abcdef01 ${"00000000".repeat(8)} 00000001 00000015 00000807`)));
    q.input(theirs(3, 1));
    set({ inPackets: 11, inOctets: 1100, inErrors: 2, outPackets: 21, outOctets: 2055 });
    clock.advance(2000);
    // LastOut*: what it said; PeerIn*: our counters when it came, not now; PeerOut*: now and this one
    assert.deepEqual(fields(sent[1] ?? assert.fail()), [
      0xabcdef01,
      3,
      21,
      300,
      1,
      10,
      0,
      1,
      1000,
      2,
      22,
      2055 + 4 + 48 + 3,
    ]);
    q.stop();
    assert.deepEqual([clock.pending(), q.running], [[], false]);
  });
  test("period 0: only in answer; never twice within a second, so that two such ends do not talk for ever", () => {
    const { clock, q, sent } = reporter(0);
    clock.advance(60_000);
    assert.equal(sent.length, 0);
    for (let i = 0; i < 50; i++) {
      q.input(theirs(i, i));
      clock.advance(100);
    }
    assert.equal(sent.length, 5);
  });
  test("§2.7: the peer has seen no more of ours than last time: one at once", () => {
    const { clock, q, sent } = reporter(10_000);
    q.input(theirs(1, 0));
    assert.equal(sent.length, 0);
    clock.advance(5000);
    q.input(theirs(2, 0));
    assert.equal(sent.length, 1);
    q.input(theirs(3, 1));
    clock.advance(9000);
    assert.equal(sent.length, 1, "the period counts from the last one");
    clock.advance(1000);
    assert.equal(sent.length, 2);
  });
  test("our own report, come back, is none of the peer's", () => {
    const { q, sent } = reporter(0);
    q.input(theirs(1, 0, 0xabcdef01));
    assert.equal(sent.length, 0);
  });
  test("an endless period does not overflow a timer", () => {
    const { clock, sent } = reporter(0xffff_ffff * 10);
    clock.advance(3_600_000);
    assert.equal(sent.length, 1);
  });
});

class Counting extends End {
  counts(): LineCounts {
    return { inPackets: 1, inOctets: 2, inErrors: 3, outPackets: 4, outOctets: 5 };
  }
}
function asked(channel: End, ...options: Option[]) {
  const clock = new VirtualClock();
  const side = new Side(clock, CLIENT, {}, channel);
  const peer = new Script(side.channel);
  peer.agree(lcp);
  const raw: Uint8Array[] = [];
  const out = side.channel.out;
  side.channel.out = (frame) => {
    const p = Packet.of(frame);
    if (pullProtocol(p) === lqr) raw.push(p.view().slice());
    else out(frame);
  };
  side.session.start();
  peer.request(lcp, 1, [...options, { type: 5, data: be32(0x11223344) }]);
  return { clock, side, peer, raw };
}
function say(channel: End, body: Uint8Array): void {
  const p = Packet.of(body);
  pushProtocol(p, lqr, FULL_HEADER);
  channel.deliver(p.view().slice());
}
const quality = (hexData: string): Option => ({ type: 4, data: h(hexData) });

describe("in a session", () => {
  test("a channel that counts takes the option, with period and protocol corrected; another one rejects it", () => {
    for (const [data, answer] of [
      ["c025 00000064", "ack"],
      ["c025 00000000", "ack"],
      ["c025 ffffffff", "ack"],
      ["c025 00000001", "c02500000064"],
      ["c027 00000064", "c02500000064"],
      ["c025", "c02500000064"],
    ] as const) {
      const { peer } = asked(new Counting(), quality(data));
      assert.equal(
        peer.last(lcp, CODE.configureAck)
          ? "ack"
          : peer
              .options(lcp, CODE.configureNak)
              .map((o) => hex(o.data))
              .join(),
        answer,
        data,
      );
    }
    const { peer, side } = asked(new End(), quality("c025 00000064"));
    assert.deepEqual(
      peer.options(lcp, CODE.configureReject).map((o) => o.type),
      [4],
    );
    assert.ok(side.events.some((e) => e.kind === "ppp.rejected" && e.what === "LCP option: link quality"));
  });
  test("FCS-Alternatives (RFC 1570 §2.1): 16 or 32 bits on a line, one of them; elsewhere rejected, by name", () => {
    for (const [data, answer, wide] of [
      ["04", "ack", true],
      ["02", "ack", undefined],
      ["01", "04", undefined],
      ["06", "04", undefined],
      ["", "04", undefined],
    ] as const) {
      const { peer, side } = asked(new Counting(), { type: 9, data: h(data) });
      assert.equal(
        peer.last(lcp, CODE.configureAck)
          ? "ack"
          : peer
              .options(lcp, CODE.configureNak)
              .map((o) => hex(o.data))
              .join(),
        answer,
        data,
      );
      if (answer === "ack") assert.equal(side.channel.links.at(-1)?.sendFcs32, wide);
    }
    const { peer, side } = asked(new End(), { type: 9, data: h("04") });
    assert.deepEqual(
      peer.options(lcp, CODE.configureReject).map((o) => o.type),
      [9],
    );
    assert.ok(side.events.some((e) => e.kind === "ppp.rejected" && e.what === "LCP option: frame check sequence"));
  });
  test("its octets count with FCS-32, and the default is back when LCP begins anew", () => {
    const { clock, side, peer, raw } = asked(new Counting(), quality("c025 00000064"), { type: 9, data: h("04") });
    clock.advance(1000);
    assert.equal(fields(raw[0] ?? assert.fail())[11], 5 + 4 + 48 + 4 + 1);
    peer.request(lcp, 2, [{ type: 5, data: be32(0x55667788) }]);
    assert.equal(side.channel.links.at(-1)?.sendFcs32, undefined);
  });
  test("reports go out while LCP is open, and stop with it", () => {
    const { clock, side, peer, raw } = asked(new Counting(), quality("c025 00000064"));
    clock.advance(3000);
    assert.equal(raw.length, 3);
    assert.deepEqual(fields(raw[2] ?? assert.fail()).slice(9), [3, 5, 5 + 4 + 48 + 3]);
    say(side.channel, theirs(9, 3));
    clock.advance(1000);
    assert.deepEqual(fields(raw[3] ?? assert.fail()).slice(1, 9), [9, 63, 900, 1, 1, 0, 3, 2]);
    peer.request(lcp, 2, [{ type: 5, data: be32(0x55667788) }]);
    clock.advance(3000);
    assert.equal(raw.length, 4, "the peer does not want them any more");
    say(side.channel, theirs(10, 3));
    clock.advance(1000);
    assert.equal(raw.length, 4);
  });
  test("a peer that rejects them after all gets no more", () => {
    const { clock, peer, raw } = asked(new Counting(), quality("c025 00000064"));
    clock.advance(1000);
    peer.say(lcp, CODE.protocolReject, 7, h("c025 00"));
    clock.advance(5000);
    assert.equal(raw.length, 1);
  });
  test("any bytes: counted as malformed or read, and never more than one report a second", () => {
    const { clock, side, raw } = asked(new Counting(), quality("c025 00000000"));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (b) => say(side.channel, b)),
      { numRuns: 300 },
    );
    assert.ok(raw.length <= 1 && side.downs.length === 0);
    const cut = side.session.drops()["ppp.malformed"] ?? 0;
    for (let n = 0; n < 48; n++) say(side.channel, theirs(1, 1).subarray(0, n));
    assert.equal(side.session.drops()["ppp.malformed"], cut + 48);
    side.session.stop({ layer: "config", code: "stopped", text: "" });
    clock.advance(20_000);
    assert.deepEqual(clock.pending(), []);
  });
});
