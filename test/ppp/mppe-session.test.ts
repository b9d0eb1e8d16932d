// MPPE in whole sessions: insisted on, negotiated, lost, and never in the clear (RFC 3078).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import { concat, hex } from "../../src/core/text.ts";
import type { DataCoding } from "../../src/ports/ports.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import type { MppeBits } from "../../src/ppp/compress/mppe.ts";
import { be32, type Option } from "../../src/ppp/cp.ts";
import { FULL_HEADER, pullProtocol, pushProtocol } from "../../src/ppp/frame.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { ccp, h, ipcp, lcp } from "./mppe-keys.ts";
import { CLIENT, CODE, End, join, PROTOCOL, Script, SERVER, Side, type Trouble, testCrypto } from "./pair.ts";

class Line extends End {
  coding: DataCoding | null = null;
  readonly got: string[] = [];
  setCoding(coding: DataCoding | null): void {
    this.coding = coding;
  }
  transmit(body: Uint8Array): number {
    let sent = 0;
    const out = (protocol: number, p: Packet): void => {
      pushProtocol(p, protocol, FULL_HEADER);
      this.out(p.view().slice());
      sent = protocol;
    };
    if (this.coding) this.coding.encode(PROTOCOL.ip, Packet.of(body), out);
    else out(PROTOCOL.ip, Packet.of(body));
    return sent;
  }
  override deliver(frame: Uint8Array): void {
    const p = Packet.of(frame);
    const plain = pullProtocol(p);
    if (plain > 0x3fff) return super.deliver(frame);
    const take = (protocol: number, packet: Packet): void => {
      if (protocol === PROTOCOL.ip) this.got.push(hex(packet.view()));
    };
    if (this.coding) this.coding.decode(plain, p, take);
    else take(plain, p);
  }
}
function sessions(c: Partial<PppConfig>, s: Partial<PppConfig>, t: Trouble = {}) {
  const clock = new VirtualClock();
  const lines = [new Line(), new Line()] as const;
  const a = new Side(clock, { ...CLIENT, ...c }, {}, lines[0], testCrypto(2 * (t.seed ?? 1)));
  const b = new Side(
    clock,
    { ...SERVER, require: ["mschapv2"], ...s },
    {},
    lines[1],
    testCrypto(2 * (t.seed ?? 1) + 1),
  );
  join(clock, lines[0], lines[1], t);
  a.session.start();
  b.session.start();
  return { clock, a, b, lines };
}
const PACKET = h("4500001c00000000401100000a0000010a00000201020304000800004142");

describe("sessions that insist on encryption", () => {
  for (const [name, c, s, words] of [
    ["128 bits", { mppe: 128 }, { mppe: 128 }, "MPPE 128"],
    ["40 would do for both, 128 it is", { mppe: 40 }, { mppe: 40 }, "MPPE 128"],
    ["after MS-CHAP v1", { mppe: 128 }, { mppe: 128, require: ["mschap"] }, "MPPE 128"],
    ["after EAP-MSCHAPv2", { mppe: 128 }, { mppe: 128, require: ["eap"] }, "MPPE 128"],
    ["56 bits are more than 40", { mppe: 56 }, { mppe: 40 }, "MPPE 128"],
    [
      "with MPPC",
      { mppe: 128, compression: { vj: false, deflate: false, bsd: false, mppc: true } },
      { mppe: 128, compression: { vj: false, deflate: false, bsd: false, mppc: true } },
      "MPPE 128 and MPPC",
    ],
    [
      "with MPPC at one end alone",
      { mppe: 128, compression: { vj: false, deflate: false, bsd: false, mppc: true } },
      { mppe: 128 },
      "MPPE 128",
    ],
    [
      "beside header compression, instead of data compression",
      { mppe: 40, compression: { vj: true, deflate: true, bsd: true } },
      { mppe: 128, compression: { vj: true, deflate: false, bsd: true } },
      "MPPE 128",
    ],
  ] as const satisfies readonly (readonly [string, Partial<PppConfig>, Partial<PppConfig>, string])[]) {
    test(`${name}: packets pass encrypted, both ways, and none in the clear`, () => {
      const { clock, a, b, lines } = sessions(c, s);
      clock.advance(8000);
      assert.deepEqual([a.ups.length, b.ups.length, a.downs, b.downs], [1, 1, [], []]);
      assert.equal(a.ups[0]?.growth, 4);
      for (const side of [a, b])
        assert.match(
          JSON.stringify(side.events.find((e) => e.kind === "ppp.ccp-up")),
          new RegExp(`sending":"${words}","receiving":"${words}`),
        );
      const seen: string[] = [];
      for (const l of lines) {
        const out = l.out;
        l.out = (f) => {
          seen.push(hex(f));
          out(f);
        };
        assert.equal(l.transmit(PACKET), PROTOCOL.compressed);
      }
      clock.advance(10);
      assert.deepEqual([lines[0].got, lines[1].got], [[hex(PACKET)], [hex(PACKET)]]);
      assert.ok(seen.length === 2 && seen.every((f) => !f.includes(hex(PACKET).slice(0, 20))));
      lines[1].deliver(concat([h("ff030021"), PACKET]));
      assert.deepEqual([lines[1].got.length, b.session.drops()["ccp.in-clear"]], [1, 1]);
    });
  }
  test("one side knows nothing of it, or cannot: the session ends, for good, and says why", () => {
    for (const [c, s, who] of [
      [{ mppe: 128 }, {}, 0],
      [{}, { mppe: 128 }, 1],
      [{ mppe: 128 }, { compression: { vj: true, deflate: false, bsd: true } }, 0],
      [{ mppe: 128 }, { mppe: 128, require: ["chap"] }, 0],
      [{ mppe: 128, identity: null }, { mppe: 128, require: [] }, 0],
    ] as const satisfies readonly (readonly [Partial<PppConfig>, Partial<PppConfig>, 0 | 1])[]) {
      const { clock, a, b } = sessions(c, s);
      clock.advance(70_000);
      const down = [a, b][who]?.downs[0];
      assert.deepEqual([down?.code, [a, b][who]?.ups.length], ["no-encryption", 0], JSON.stringify([a.downs, b.downs]));
    }
  });
  test("a peer that is ahead and begins IPCP: its request waits for our encryption, and is not lost", () => {
    const { clock, a, b, lines } = sessions({ mppe: 128 }, { mppe: 128 });
    const out = lines[1].out;
    lines[1].out = (f) => {
      const late = hex(f).startsWith(`ff0380fd0${CODE.configureAck}`);
      if (late) clock.timer("late", () => out(f)).arm(500);
      else out(f);
    };
    clock.advance(1000);
    assert.deepEqual([a.ups.length, b.ups.length], [1, 1]);
  });
  test("a line that cannot do it", () => {
    const clock = new VirtualClock();
    const c = new Side(clock, { ...CLIENT, mppe: 128 });
    const s = new Side(clock, { ...SERVER, require: ["mschapv2"] });
    join(clock, c.channel, s.channel);
    c.session.start();
    s.session.start();
    clock.advance(9000);
    assert.deepEqual([c.downs[0]?.code, c.downs[0]?.lasting], ["no-encryption", true]);
  });
  test("what cannot be decrypted ends the session; what comes twice does not", () => {
    const { clock, b, lines } = sessions({ mppe: 128 }, { mppe: 128 });
    clock.advance(8000);
    const frame: { bytes: Uint8Array } = { bytes: new Uint8Array(0) };
    lines[0].coding?.encode(PROTOCOL.ip, Packet.of(PACKET), (protocol, p) => {
      assert.equal(protocol, PROTOCOL.compressed);
      frame.bytes = concat([h("ff0300fd"), p.view()]);
    });
    lines[1].deliver(frame.bytes);
    lines[1].deliver(frame.bytes);
    assert.deepEqual([lines[1].got.length, b.session.drops()["ccp.late"], b.downs], [1, 1, []]);
    lines[1].deliver(h("ff0300fd 1001 0011223344"));
    clock.advance(5000);
    assert.equal(b.downs[0]?.code, "no-encryption");
    assert.equal(lines[1].transmit(PACKET), PROTOCOL.ip, "the coding is gone with the session");
  });
  test("the master keys are wiped with the session", () => {
    const { wipe } = Secret.prototype;
    const wiped: string[] = [];
    Secret.prototype.wipe = function (this: Secret) {
      wiped.push(this.use(hex));
      wipe.call(this);
    };
    try {
      const { clock, a } = sessions({ mppe: 128 }, { mppe: 128 });
      clock.advance(8000);
      assert.deepEqual(wiped, []);
      a.session.stop({ layer: "config", code: "stopped", text: "" });
      clock.advance(8000);
    } finally {
      Secret.prototype.wipe = wipe;
    }
    assert.equal(wiped.length, 2, "one at each side");
    assert.equal(new Set(wiped).size, 1, "the same key");
  });
  test("LCP or CCP renegotiated: down in between, nothing in the clear, up again with fresh keys", () => {
    for (const [frame, waits] of [
      ["ff03c021 01 63 0004", 8000],
      ["ff0380fd 01 63 000a 12060100 0040", 8000],
    ] as const) {
      const { clock, a, b, lines } = sessions({ mppe: 128 }, { mppe: 128 });
      clock.advance(8000);
      lines[0].transmit(PACKET);
      clock.advance(10);
      lines[1].deliver(h(frame));
      assert.equal(b.session.status().ipcp === "opened", false, frame);
      assert.equal(lines[1].transmit(PACKET), 0);
      clock.advance(waits);
      assert.deepEqual([a.downs, b.downs, a.ups.length, b.ups.length], [[], [], 2, 2], frame);
      for (const l of lines) l.got.length = 0;
      for (const l of lines) assert.equal(l.transmit(PACKET), PROTOCOL.compressed);
      clock.advance(10);
      assert.deepEqual([lines[0].got, lines[1].got], [[hex(PACKET)], [hex(PACKET)]], frame);
    }
  });
  test("loss: up on both sides, or down on both; never up without encryption", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (seed) => {
        const { clock, a, b, lines } = sessions(
          { mppe: 40 },
          { mppe: 128 },
          { loss: 0.15, repeat: 0.1, jitterMs: 30, seed },
        );
        clock.advance(120_000);
        for (const [side, line] of [
          [a, lines[0]],
          [b, lines[1]],
        ] as const) {
          if (side.session.status().ipcp === "opened" && side.downs.length === 0)
            assert.ok([0, PROTOCOL.compressed].includes(line.transmit(PACKET)));
        }
        for (const side of [a, b]) side.session.stop({ layer: "config", code: "stopped", text: "" });
        clock.advance(30_000);
        assert.deepEqual([a.downs.length, b.downs.length, clock.pending()], [1, 1, []]);
      }),
      { numRuns: 40 },
    );
  });
});

describe("the option, word for word", () => {
  const mppe = (v: number): Option => ({ type: 18, data: be32(v) });
  /** Our server after authentication, where a script takes the caller's place. */
  function begun(bits: MppeBits) {
    const clock = new VirtualClock();
    let peer: Script | null = null;
    const side: Side = new Side(
      clock,
      { ...SERVER, require: ["mschapv2"], mppe: bits },
      {
        onPhase: (phase) => {
          if (phase !== "network") return;
          other.channel.out = () => {};
          peer ??= new Script(side.channel);
        },
      },
      new Line(),
    );
    const other: Side = new Side(clock, CLIENT, {}, new Line());
    join(clock, side.channel, other.channel);
    side.session.start();
    other.session.start();
    clock.advance(3500);
    return { side, peer: (peer as Script | null) ?? assert.fail("not so far"), clock };
  }
  test("asked for: stateless, 128 bits", () => {
    const { peer } = begun(40);
    assert.deepEqual(
      peer.options(ccp, CODE.configureRequest).map((o) => [o.type, hex(o.data)]),
      [[18, "01000040"]],
    );
    assert.equal(peer.last(ipcp, CODE.configureRequest), undefined, "IPCP waits");
  });
  test("answers: the strongest of what it names; stateless first; never MPPC unasked, or nothing", () => {
    for (const [bits, asked, answer] of [
      [128, 0x0100_0040, "ack"],
      [128, 0x0100_00e1, "01000040"],
      [128, 0x0000_0040, "01000040"],
      [128, 0x0100_0020, "01000040"],
      [40, 0x0100_0020, "ack"],
      [40, 0x0100_0021, "01000020"],
      [40, 0x0100_0060, "01000040"],
      [40, 0x0100_0080, "ack"],
      [40, 0x0100_00a0, "01000080"],
      [128, 0x0100_0080, "01000040"],
      [128, 1, "01000040"],
    ] as const) {
      const { peer } = begun(bits);
      peer.request(ccp, 5, [mppe(asked)]);
      const got = peer.last(ccp, CODE.configureAck)
        ? "ack"
        : peer
            .options(ccp, CODE.configureNak)
            .map((o) => hex(o.data))
            .join();
      assert.equal(got, answer, asked.toString(16));
    }
    const insists = begun(128).peer;
    for (const id of [5, 6]) insists.request(ccp, id, [mppe(0x40)]);
    assert.equal(hex(insists.options(ccp, CODE.configureNak)[0]?.data ?? h("")), "01000040");
    assert.equal(insists.last(ccp, CODE.configureAck)?.id, 6, "a peer that has no other mode");
    const { peer } = begun(128);
    peer.request(ccp, 5, []);
    assert.deepEqual(
      peer.options(ccp, CODE.configureNak).map((o) => [o.type, hex(o.data)]),
      [[18, "01000040"]],
    );
    peer.request(ccp, 6, [{ type: 21, data: h("2f") }, mppe(0x0100_0040)]);
    assert.deepEqual(
      peer.options(ccp, CODE.configureReject).map((o) => o.type),
      [21],
    );
  });
  test("the peer would have it stateful: then so", () => {
    const { peer } = begun(128);
    const ours = peer.last(ccp, CODE.configureRequest) ?? assert.fail();
    peer.say(ccp, CODE.configureNak, ours.id, h("12 06 00000040"));
    assert.equal(hex(peer.options(ccp, CODE.configureRequest)[0]?.data ?? h("")), "00000040");
  });
  test("refused, offered less, stateful, or CCP itself unknown: the end", () => {
    for (const say of [
      (p: Script, id: number, body: Uint8Array) => p.say(ccp, CODE.configureReject, id, body),
      (p: Script, id: number) => p.say(ccp, CODE.configureNak, id, h("12 06 01000020")),
      (p: Script, id: number) => p.say(ccp, CODE.configureNak, id, h("12 06 00000040")),
      (p: Script, id: number, body: Uint8Array) =>
        p.say(lcp, CODE.protocolReject, 9, concat([h("80fd 01"), Uint8Array.of(id), body])),
      (p: Script) => p.say(ccp, CODE.terminateRequest, 9),
    ]) {
      const { peer, side, clock } = begun(128);
      const ours = peer.last(ccp, CODE.configureRequest) ?? assert.fail();
      say(peer, ours.id, ours.body);
      clock.advance(80_000);
      assert.equal(side.downs[0]?.code, "no-encryption", String(say));
    }
    const { peer, side } = begun(40);
    const ours = peer.last(ccp, CODE.configureRequest) ?? assert.fail();
    peer.say(ccp, CODE.configureNak, ours.id, h("12 06 01000020"));
    assert.deepEqual(
      [peer.options(ccp, CODE.configureRequest).map((o) => hex(o.data)), side.downs],
      [["01000020"], []],
    );
  });
});
