// MPPE: the samples of RFC 3079, packets there and back, what does not fit, and two sessions that insist on it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Packet } from "../../src/core/packet.ts";
import { concat, hex, unhex, utf8 } from "../../src/core/text.ts";
import type { DataCoding } from "../../src/ports/ports.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import { mppeMaster, mppeMasterV1, ntPasswordHash, ntResponse } from "../../src/ppp/auth/mschapv2.ts";
import {
  type MppeBits,
  MppeDecryptor,
  MppeEncryptor,
  Rc4,
  SessionKeys,
  startKey,
} from "../../src/ppp/compress/mppe.ts";
import { be32, type Option } from "../../src/ppp/cp.ts";
import { FULL_HEADER, pullProtocol, pushProtocol } from "../../src/ppp/frame.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, CODE, End, join, PROTOCOL, Script, SERVER, Side, type Trouble, testCrypto } from "./pair.ts";

const h = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail(s);
const HASH = ntPasswordHash(utf8("clientPass"));
const { lcp, ccp, ipcp } = PROTOCOL;

describe("RFC 3079", () => {
  const response = ntResponse(
    crypto,
    h("5b5d7c7d7b3f2f3e3c2c602132262628"),
    h("21402324255e262a28295f2b3a337c7e"),
    "User",
    HASH,
  );
  const master = mppeMaster(crypto, HASH, response);
  test("§3.5: master and start keys", () => {
    assert.equal(hex(response), hex(h("82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df")));
    assert.equal(master.key.use(hex), "fdece3717a8c838cb388e527ae3cdd31");
    assert.equal(hex(startKey(crypto, master, 40, true)), "8b7cdc149b993a1b");
    assert.equal(hex(startKey(crypto, master, 128, true)), "8b7cdc149b993a1ba118cb153f56dccb");
    assert.notEqual(hex(startKey(crypto, master, 128, false)), hex(startKey(crypto, master, 128, true)));
  });
  for (const [bits, key, text] of [
    [40, "d1269ec49fa62e3e", "929137917e5803d668d75898"],
    [128, "405cb2247a7956e6e211007ae27b22d4", "81848317df68846272fb5abe"],
  ] as const) {
    test(`§3.5: ${bits} bits: the session key and a message`, () => {
      const keys = new SessionKeys(crypto, startKey(crypto, master, bits, true), bits);
      assert.equal(hex(keys.key), key);
      const message = utf8("test message");
      keys.crypt(message);
      assert.equal(hex(message), text);
    });
  }
  test("§2.5.3: MS-CHAP v1", () => {
    const m = mppeMasterV1(crypto, HASH, h("102db5df085d3041"));
    // as its step 4 has it; step 3 has a misprint
    assert.equal(hex(startKey(crypto, m, 128, true)), "a8947850cfc0acc1d1789fb62ddcddb0");
    assert.equal(hex(startKey(crypto, m, 128, false)), hex(startKey(crypto, m, 128, true)));
    assert.equal(
      hex(new SessionKeys(crypto, startKey(crypto, m, 128, true), 128).key),
      "59d159bc09f76f1da2a86a28ffec0b1e",
    );
  });
  test("RC4 as everybody's: RFC 6229, and in pieces", () => {
    const zeros = new Uint8Array(32);
    const rc4 = new Rc4(h("0102030405"));
    rc4.crypt(zeros.subarray(0, 7));
    rc4.crypt(zeros.subarray(7));
    assert.equal(hex(zeros), "b2396305f03dc027ccc3524a0a1118a86982944f18fc82d589c403a47a0d0919");
  });
});

const start = h("8b7cdc149b993a1ba118cb153f56dccb");
const two = (bits: MppeBits = 128) => {
  const key = (): SessionKeys => new SessionKeys(crypto, start.slice(0, bits === 128 ? 16 : 8), bits);
  return { out: new MppeEncryptor(key()), into: new MppeDecryptor(key(), 1500) };
};

describe("MPPE packets", () => {
  test("RFC 3078 §3.1: flushed and encrypted, counted from 0, a key for each, the protocol number inside", () => {
    const { out } = two();
    const first = out.compress(h("21 45"));
    const second = out.compress(h("21 45"));
    assert.deepEqual([hex(first.subarray(0, 2)), hex(second.subarray(0, 2)), first.length], ["9000", "9001", 5]);
    assert.notEqual(hex(first.subarray(2)), hex(second.subarray(2)));
    const keys = new SessionKeys(crypto, start.slice(), 128);
    keys.next();
    const plain = h("00 21 45");
    keys.crypt(plain);
    assert.equal(hex(first.subarray(2)), hex(plain));
  });
  test("any packets with any of them lost arrive as they were, beyond the count's end too; none arrives twice or late", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<MppeBits>(40, 128),
        fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat({ max: 200 })), { maxLength: 30 }),
        (bits, packets) => {
          const { out, into } = two(bits);
          for (const [body, lost] of packets) {
            for (let i = 0; i < lost; i++) out.compress(body);
            const wire = out.compress(body);
            assert.equal(hex(into.decompress(wire) ?? assert.fail()), hex(concat([Uint8Array.of(0), body])));
            assert.equal(into.decompress(wire)?.length, 0);
          }
        },
      ),
      { numRuns: 30 },
    );
    const { out, into } = two();
    const late = out.compress(h("21"));
    for (let i = 1; i < 5000; i++) assert.ok(into.decompress(out.compress(h("21"))) !== null);
    assert.ok(late.length > 0);
  });
  test("in the clear, not flushed, too short, too long, or too far ahead: broken", () => {
    for (const bytes of ["", "90", "9000", "8000ff", "1000ff", `9000${"00".repeat(1503)}`, "910100"])
      assert.equal(two().into.decompress(h(bytes)), null, bytes.slice(0, 8));
    assert.equal(two().into.decompress(h("9fff00"))?.length, 0, "late");
  });
  test("any bytes: nothing is thrown, nothing is longer than what came", () => {
    const { into } = two();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (b) => {
        assert.ok((into.decompress(b)?.length ?? 0) <= b.length);
      }),
      { numRuns: 500 },
    );
  });
});

const mode = { stateful: true, mppc: false };
const key = (bits: MppeBits = 128): SessionKeys => new SessionKeys(crypto, start.slice(0, bits === 128 ? 16 : 8), bits);
const BODY = h("2145000014000000004011000001020304050607 08");
const WHOLE = hex(concat([Uint8Array.of(0), BODY]));

/** Stateful senders as others have them, in few words. A flag packet has bit A in both; they differ at a reset. */
class Other {
  readonly keys: SessionKeys;
  readonly #changes: boolean;
  #count = -1;
  reset = false;
  constructor(changes: boolean, keys = key()) {
    this.#changes = changes;
    this.keys = keys;
  }
  send(packet = concat([Uint8Array.of(0), BODY])): Uint8Array {
    this.#count = (this.#count + 1) & 0xfff;
    const flag = (this.#count & 0xff) === 0xff;
    const a = flag || this.reset;
    if (flag || (this.reset && this.#changes)) this.keys.next();
    else if (this.reset) this.keys.use();
    this.reset = false;
    const body = packet.slice();
    this.keys.crypt(body);
    return concat([Uint8Array.of((a ? 0x90 : 0x10) | (this.#count >> 8), this.#count), body]);
  }
}
/** And a receiver that keeps to what RFC 3078 §8.2 says, or (`changes`) to what Linux does. */
class OtherReceiver {
  readonly keys = key();
  readonly #changes: boolean;
  #count = 0xfff;
  lost = false;
  constructor(changes: boolean) {
    this.#changes = changes;
  }
  receive(p: Uint8Array): string | null {
    const count = (((p[0] as number) & 15) << 8) | (p[1] as number);
    const a = ((p[0] as number) & 0x80) !== 0;
    if (!this.lost) {
      this.#count = (this.#count + 1) & 0xfff;
      if (count !== this.#count) {
        this.lost = true;
        return null;
      }
      if ((count & 0xff) === 0xff) this.keys.next();
    } else {
      if (!a) return null;
      if (this.#changes) {
        for (let c = this.#count & 0xf00; c !== (count & 0xf00); c = (c + 0x100) & 0xf00) this.keys.next();
        this.keys.next();
      } else {
        for (; this.#count !== count; this.#count = (this.#count + 1) & 0xfff)
          if ((this.#count & 0xff) === 0xff) this.keys.next();
        if ((count & 0xff) === 0xff) this.keys.next();
        else this.keys.use();
      }
      this.#count = count;
      this.lost = false;
    }
    const body = p.slice(2);
    this.keys.crypt(body);
    return hex(body);
  }
}

describe("stateful", () => {
  test("one key stream, a new key at each flag packet, and after a Reset-Request one of those: it says bit A", () => {
    const out = new MppeEncryptor(key(), mode);
    const other = new Other(false);
    for (let i = 0; i < 600; i++) assert.equal(hex(out.compress(BODY)), hex(other.send()), String(i));
    out.reset();
    assert.equal(hex(out.compress(BODY).subarray(0, 2)), "92ff");
    assert.equal(hex(out.compress(BODY).subarray(0, 2)), "1300");
  });
  test("both keys of fewer bits", () => {
    for (const bits of [40, 56] as const) {
      const [out, into] = [new MppeEncryptor(key(bits), mode), new MppeDecryptor(key(bits), 1500, mode)];
      for (let i = 0; i < 300; i++) assert.equal(hex(into.decompress(out.compress(BODY)) ?? h("")), WHOLE);
      assert.equal(hex(key(bits).key.subarray(0, bits === 56 ? 1 : 3)), bits === 56 ? "d1" : "d1269e");
    }
  });
  const trouble = fc.array(
    fc.record({ good: fc.nat({ max: 300 }), lost: fc.integer({ min: 1, max: 700 }), late: fc.nat({ max: 5 }) }),
    { maxLength: 8 },
  );
  for (const changes of [false, true]) {
    test(`from a sender that ${changes ? "changes its key" : "begins its key stream anew"} at a reset, whatever is lost`, () => {
      fc.assert(
        fc.property(trouble, (all) => {
          const other = new Other(changes);
          const into = new MppeDecryptor(key(), 1500, mode);
          for (const { good, lost, late } of all) {
            for (let i = 0; i < good; i++) assert.equal(hex(into.decompress(other.send()) ?? h("")), WHOLE);
            for (let i = 0; i < lost; i++) other.send();
            // Until the request is there the sender goes on; a flag packet among those is an end of it too.
            for (let i = 0; i < late; i++) {
              const out = into.decompress(other.send());
              if (out !== null) assert.equal(hex(out), WHOLE);
            }
            other.reset = true;
            assert.equal(hex(into.decompress(other.send()) ?? h("")), WHOLE);
          }
        }),
        { numRuns: 60 },
      );
    });
    test(`to a receiver that ${changes ? "changes its key" : "begins its key stream anew"} at bit A`, () => {
      fc.assert(
        fc.property(trouble, (all) => {
          const out = new MppeEncryptor(key(), mode);
          const other = new OtherReceiver(changes);
          for (const { good, lost, late } of all) {
            for (let i = 0; i < good; i++) assert.equal(other.receive(out.compress(BODY)), WHOLE);
            for (let i = 0; i < lost; i++) out.compress(BODY);
            for (let i = 0; i < late; i++) {
              const got = other.receive(out.compress(BODY));
              if (got !== null) assert.equal(got, WHOLE);
            }
            if (!other.lost && other.receive(out.compress(BODY)) !== null) continue;
            out.reset();
            assert.equal(other.receive(out.compress(BODY)), WHOLE);
          }
        }),
        { numRuns: 60 },
      );
    });
  }
  test("whatever the key: no wrong one is taken for it, and a packet that cannot be judged is made up for by the next", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.boolean(),
        fc.nat({ max: 3 }),
        (secret, changes, unjudged) => {
          const make = (): SessionKeys => new SessionKeys(crypto, secret.slice(), 128);
          const other = new Other(changes, make());
          const into = new MppeDecryptor(make(), 1500, mode);
          for (let i = 0; i < 4; i++) {
            other.send();
            assert.equal(into.decompress(other.send()), null);
            for (let n = 0; n < unjudged; n++) {
              other.reset = true;
              assert.equal(into.decompress(other.send(h("002d0102030405"))), null);
            }
            for (let n = 0; n < 20; n++) {
              other.reset = n === 0;
              assert.equal(hex(into.decompress(other.send()) ?? h("")), WHOLE);
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });
  test("any bytes, and what is not flushed while something is lost: null or nothing, never thrown", () => {
    const into = new MppeDecryptor(key(), 1500, { stateful: true, mppc: true });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (b) => {
        const out = into.decompress(b);
        assert.ok(out === null || out.length <= 1502);
      }),
      { numRuns: 1000 },
    );
  });
});

class Line extends End {
  coding: DataCoding | null = null;
  readonly got: string[] = [];
  setCoding(coding: DataCoding | null): void {
    this.coding = coding;
  }
  transmit(body: Uint8Array): number {
    const p = Packet.of(body);
    const protocol = this.coding?.encode(p) ?? PROTOCOL.ip;
    if (protocol === 0) return 0;
    pushProtocol(p, protocol, FULL_HEADER);
    this.out(p.view().slice());
    return protocol;
  }
  override deliver(frame: Uint8Array): void {
    const p = Packet.of(frame);
    const plain = pullProtocol(p);
    if (plain > 0x3fff) return super.deliver(frame);
    const protocol = this.coding?.decode(plain, p) ?? plain;
    if (protocol === PROTOCOL.ip) this.got.push(hex((this.coding?.decoded ?? p).view()));
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
    const p = Packet.of(PACKET);
    assert.equal(lines[0].coding?.encode(p), PROTOCOL.compressed);
    const frame = concat([h("ff0300fd"), p.view()]);
    lines[1].deliver(frame);
    lines[1].deliver(frame);
    assert.deepEqual([lines[1].got.length, b.session.drops()["ccp.late"], b.downs], [1, 1, []]);
    lines[1].deliver(h("ff0300fd 1001 0011223344"));
    clock.advance(5000);
    assert.equal(b.downs[0]?.code, "no-encryption");
    assert.equal(lines[1].transmit(PACKET), PROTOCOL.ip, "the coding is gone with the session");
  });
  test("LCP or CCP negotiated anew: down in between, nothing in the clear, up again with keys from the beginning", () => {
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
