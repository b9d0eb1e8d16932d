// CCP and header compression between two sessions: what they agree on, packets through it, and how they find together
// again.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Challenges } from "../../src/core/challenges.ts";
import { Packet } from "../../src/core/packet.ts";
import { hex, unhex } from "../../src/core/text.ts";
import type { DataCoding } from "../../src/ports/ports.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import { FULL_HEADER, pullProtocol, pushProtocol } from "../../src/ppp/frame.ts";
import { PppSession } from "../../src/ppp/session.ts";
import { loadNative } from "../../src/runtime/node/native.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, CODE, End, join, PROTOCOL, random, Script, SERVER, testCrypto } from "./pair.ts";

const { lcp, ipcp, ccp } = PROTOCOL;
const zlib = loadNative();
const h = (s: string): Uint8Array => unhex(s.replaceAll(" ", "")) ?? assert.fail(s);
type Wants = NonNullable<PppConfig["compression"]>;
const ALL: Wants = { vj: true, deflate: true, bsd: true };

/** A line whose packets visit us: frames that are no control packets go through the coding. */
class Line extends End {
  coding: DataCoding | null = null;
  readonly got: Uint8Array[] = [];
  readonly numbers: number[] = [];
  setCoding(coding: DataCoding | null): void {
    this.coding = coding;
  }
  transmit(body: Uint8Array): number {
    const plain = (body[0] ?? 0) >> 4 === 6 ? PROTOCOL.ipv6 : PROTOCOL.ip;
    let sent = 0;
    const out = (protocol: number, p: Packet): void => {
      pushProtocol(p, protocol, FULL_HEADER);
      this.out(p.view().slice());
      sent = protocol;
    };
    if (this.coding) this.coding.encode(plain, Packet.of(body), out);
    else out(plain, Packet.of(body));
    return sent;
  }
  override deliver(frame: Uint8Array): void {
    const p = Packet.of(frame);
    const plain = pullProtocol(p);
    this.numbers.push(plain);
    if (plain > 0x3fff && plain !== PROTOCOL.compressed) {
      this.coding?.decode(plain, p, () => {});
      return super.deliver(frame);
    }
    const take = (protocol: number, packet: Packet): void => {
      if (protocol === PROTOCOL.ip || protocol === PROTOCOL.ipv6) this.got.push(packet.view().slice());
    };
    if (this.coding) this.coding.decode(plain, p, take);
    else take(plain, p);
  }
}
class Peer {
  readonly line = new Line(1500);
  readonly words: string[] = [];
  readonly session: PppSession;
  ups = 0;
  downs: string[] = [];
  constructor(clock: VirtualClock, cfg: PppConfig, seed: number, deflate = true) {
    const log = {
      emit: (e: { kind: string }): void => {
        if (e.kind === "ppp.ccp-up")
          this.words.push(
            `${(e as unknown as { sending: string }).sending}/${(e as unknown as { receiving: string }).receiving}`,
          );
      },
    };
    this.session = new PppSession(
      { clock, crypto: testCrypto(seed), log, challenges: new Challenges(), zlib: deflate ? zlib : null },
      this.line,
      { ...cfg, mru: 1500 },
      {
        secretOf: () => null,
        admit: () => ({ local: "10.99.0.1", remote: "10.99.0.10", dns: [], wins: [] }),
        onPhase: () => {},
        onUp: () => void this.ups++,
        onDown: (why) => void this.downs.push(why.code),
      },
    );
  }
}
function two(c: Wants | undefined, s: Wants | undefined, zlibs: readonly [boolean, boolean] = [true, true]) {
  const clock = new VirtualClock();
  const free = { identity: null, require: [] };
  const a = new Peer(clock, { ...CLIENT, ...free, ...(c ? { compression: c } : {}) }, 3, zlibs[0]);
  const b = new Peer(clock, { ...SERVER, ...free, ...(s ? { compression: s } : {}) }, 4, zlibs[1]);
  join(clock, a.line, b.line);
  a.session.start();
  b.session.start();
  clock.advance(3000);
  assert.deepEqual([a.ups, b.ups], [1, 1]);
  return { clock, a, b };
}
function udp(body: Uint8Array): Uint8Array {
  const p = new Uint8Array(28 + body.length);
  p.set([
    0x45,
    0,
    p.length >> 8,
    p.length & 255,
    0,
    0,
    0,
    0,
    64,
    17,
    0,
    0,
    10,
    0,
    0,
    1,
    10,
    0,
    0,
    2,
    1,
    2,
    3,
    4,
    (8 + body.length) >> 8,
    (8 + body.length) & 255,
    0,
    0,
  ]);
  p.set(body, 28);
  return p;
}
const text = (n: number): Uint8Array =>
  udp(new Uint8Array(Buffer.from(`packet ${n} says the same as all the others, the same as all the others`)));
const noise = fc.uint8Array({ minLength: 1, maxLength: 600 }).map(udp);

describe("what is agreed on", () => {
  const NONE: Wants = { vj: false, deflate: false, bsd: false };
  const cases: readonly [string, Wants | undefined, Wants | undefined, readonly [boolean, boolean], string[]][] = [
    ["both have all", ALL, ALL, [true, true], ["Deflate 15/Deflate 15"]],
    ["one has no zlib", ALL, ALL, [true, false], ["BSD-Compress 13/BSD-Compress 13"]],
    ["BSD alone", { ...NONE, bsd: true }, ALL, [true, true], ["BSD-Compress 13/BSD-Compress 13"]],
    ["nothing in common", { ...NONE, deflate: true }, { ...NONE, bsd: true }, [true, true], []],
    ["one does not want any", ALL, NONE, [true, true], []],
    ["one never heard of it", ALL, undefined, [true, true], []],
    ["neither", undefined, undefined, [true, true], []],
  ];
  for (const [what, c, s, zlibs, words] of cases) {
    test(what, () => {
      const { clock, a, b } = two(c, s, zlibs);
      clock.advance(60_000);
      assert.deepEqual([a.words, b.words, a.downs, b.downs], [words, words, [], []]);
      for (let n = 0; n < 9; n++) a.line.transmit(text(n));
      clock.advance(100);
      assert.deepEqual(
        b.line.got,
        Array.from({ length: 9 }, (_, n) => text(n)),
      );
    });
  }
});

for (const [name, wants] of [
  ["Deflate", { vj: true, deflate: true, bsd: false }],
  ["BSD-Compress", { vj: true, deflate: false, bsd: true }],
] as const) {
  describe(name, () => {
    test("packets of every kind come out as they went in, both ways, and text is shorter", () => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.oneof(noise, fc.nat(50).map(text)), fc.boolean()), { minLength: 1, maxLength: 40 }),
          (packets) => {
            const { clock, a, b } = two(wants, wants);
            let [sent, bytes] = [0, 0];
            a.line.out = ((out) => (f: Uint8Array) => {
              bytes += f.length;
              out(f);
            })(a.line.out);
            for (const [p, forth] of packets) (forth ? a : b).line.transmit(p);
            bytes = 0;
            for (let n = 0; n < 40; n++) {
              sent += text(n).length;
              a.line.transmit(text(n));
            }
            assert.ok(bytes < 0.6 * sent, `${bytes} of ${sent}`);
            clock.advance(100);
            assert.deepEqual(b.line.got, [
              ...packets.filter(([, f]) => f).map(([p]) => p),
              ...Array.from({ length: 40 }, (_, n) => text(n)),
            ]);
            assert.deepEqual(
              a.line.got,
              packets.filter(([, f]) => !f).map(([p]) => p),
            );
          },
        ),
        { numRuns: 25 },
      );
    });
    test("frames are lost: what arrives is right, the peer is asked to begin anew, and it goes on", () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 1_000_000 }), (seed) => {
          const { clock, a, b } = two(wants, wants);
          const next = random(seed);
          a.line.out = ((out) => (f: Uint8Array) => {
            if (next() > 0.1) out(f);
          })(a.line.out);
          const sent = new Set<string>();
          for (let n = 0; n < 200; n++) {
            sent.add(hex(text(n)));
            a.line.transmit(text(n));
            clock.advance(500);
          }
          clock.advance(10_000);
          for (const p of b.line.got) assert.ok(sent.has(hex(p)), "a packet that nobody sent");
          assert.ok(b.line.got.length > 100, `${b.line.got.length} of 200`);
          a.line.out = (f) => b.line.deliver(f);
          const before = b.line.got.length;
          for (let n = 0; n < 20; n++) {
            a.line.transmit(text(n));
            clock.advance(2000);
          }
          assert.ok(b.line.got.length >= before + 15, "it has found back");
          assert.deepEqual([a.downs, b.downs], [[], []]);
        }),
        { numRuns: 15 },
      );
    });
    test("CCP ends or begins anew in the middle: packets go on", () => {
      const { clock, a, b } = two(wants, wants);
      const send = (): void => {
        for (let n = 0; n < 5; n++) a.line.transmit(text(n));
        clock.advance(50);
      };
      send();
      const request = Packet.of(Uint8Array.of(CODE.terminateRequest, 99, 0, 4));
      pushProtocol(request, ccp, FULL_HEADER);
      b.line.out(request.view().slice());
      clock.advance(50);
      send();
      assert.equal(b.line.got.length, 10);
      assert.equal(a.line.transmit(text(1)), PROTOCOL.ip);
    });
    test("any bytes for compressed ones: no error, no packet longer than the line takes", () => {
      const { clock, b } = two(wants, wants);
      fc.assert(
        fc.property(
          fc.constantFrom(PROTOCOL.compressed, PROTOCOL.vjCompressed, PROTOCOL.vjUncompressed),
          fc.uint8Array({ maxLength: 200 }),
          (protocol, bytes) => {
            const p = Packet.of(bytes);
            pushProtocol(p, protocol, FULL_HEADER);
            b.line.deliver(p.view().slice());
            clock.advance(2000);
          },
        ),
        { numRuns: 300 },
      );
      assert.ok(b.line.got.every((p) => p.length <= 1700));
      assert.deepEqual(b.downs, []);
    });
  });
}

describe("a peer written by hand", () => {
  function scene() {
    const clock = new VirtualClock();
    const us = new Peer(clock, { ...CLIENT, identity: null, compression: ALL }, 5);
    const peer = new Script(us.line);
    peer.agree(lcp);
    us.session.start();
    peer.request(lcp, 1, []);
    clock.advance(1);
    const ask = (id: number, options: string): string => {
      peer.say(ccp, CODE.configureRequest, id, h(options));
      const last = peer.seen
        .filter((p) => p.protocol === ccp && p.id === id && p.code !== CODE.configureRequest)
        .at(-1);
      return `${last?.code ?? 0} ${hex(last?.body ?? h(""))}`;
    };
    const ours = (): string => hex(peer.last(ccp, CODE.configureRequest)?.body ?? h(""));
    const answer = (code: number, body: string): void =>
      peer.say(ccp, code, peer.last(ccp, CODE.configureRequest)?.id ?? 0, h(body));
    return { clock, us, peer, ask, ours, answer };
  }
  test("requests: golden bytes, and every answer", () => {
    const s = scene();
    assert.equal(s.ours(), "1a047800" + "15032d");
    assert.equal(s.ask(1, "1a04 7800"), "2 1a047800");
    assert.equal(s.ask(2, "1a04 0800"), "3 1a041800", "a window of 256 bytes is beyond zlib");
    assert.equal(s.ask(3, "1a04 7801"), "3 1a047800", "another check");
    assert.equal(s.ask(4, "1a04 7700 1503 2f"), "3 1a047800");
    assert.equal(s.ask(5, "1206 01000020 1503 2f"), "4 120601000020", "MPPC");
    assert.equal(s.ask(6, "1503 4d"), "3 15032d", "another version");
    assert.equal(s.ask(7, "1503 30"), "3 15032f", "16 bits");
    const t = scene();
    assert.equal(t.ask(8, "1503 28"), "3 15032d");
    assert.equal(t.ask(9, "1a03 78"), "4 1a0378");
    assert.equal(t.ask(10, ""), "2 ");
  });
  test("our request: smaller ones are taken, the rest is let go, and nothing at all is asked for in the end", () => {
    const s = scene();
    s.answer(CODE.configureNak, "1a04 4800");
    assert.equal(s.ours(), "1a04480015032d");
    s.answer(CODE.configureNak, "1a04 5800 1503 2c");
    assert.equal(s.ours(), "15032c");
    s.answer(CODE.configureReject, "1503 2c");
    assert.equal(s.ours(), "");
  });
  test("Reset-Request is answered under its number; late Reset-Acks, and both before CCP opens, are ignored", () => {
    const s = scene();
    s.peer.say(ccp, 14, 77);
    assert.equal(s.peer.last(ccp, 15), undefined);
    s.answer(CODE.configureAck, s.ours());
    s.peer.say(ccp, CODE.configureRequest, 1, h("1a04 7800"));
    s.peer.say(ccp, 14, 78);
    assert.equal(s.peer.last(ccp, 15)?.id, 78);
    s.peer.say(ccp, 15, 3);
    const p = Packet.of(h("0005 010203"));
    pushProtocol(p, PROTOCOL.compressed, FULL_HEADER);
    s.us.line.deliver(p.view().slice());
    s.clock.advance(5000);
    const asked = s.peer.seen.filter((x) => x.protocol === ccp && x.code === 14);
    assert.ok(asked.length >= 3, "asked until it is answered");
    s.peer.say(ccp, 15, asked.at(-2)?.id ?? 0);
    s.clock.advance(2000);
    assert.ok(s.peer.seen.filter((x) => x.protocol === ccp && x.code === 14).length > asked.length, "an old answer");
    s.peer.say(ccp, 15, s.peer.last(ccp, 14)?.id ?? 0);
    const n = s.peer.seen.filter((x) => x.protocol === ccp && x.code === 14).length;
    s.clock.advance(20_000);
    assert.equal(s.peer.seen.filter((x) => x.protocol === ccp && x.code === 14).length, n);
  });
  test("header compression: what the peer may ask for, and what we ask for", () => {
    const s = scene();
    assert.match(hex(s.peer.last(ipcp, CODE.configureRequest)?.body ?? h("")), /0206002d0f01/);
    const ask = (id: number, options: string): string => {
      s.peer.say(ipcp, CODE.configureRequest, id, h(options));
      const last = s.peer.seen
        .filter((p) => p.protocol === ipcp && p.id === id && p.code !== CODE.configureRequest)
        .at(-1);
      return `${last?.code ?? 0} ${hex(last?.body ?? h(""))}`;
    };
    assert.equal(ask(31, "0306 0a000001 0206 002d 0f 00"), "2 03060a0000010206002d0f00");
    assert.equal(ask(32, "0306 0a000001 0204 002d"), "3 0206002d0f01", "the form of RFC 1172");
    assert.equal(ask(33, "0306 0a000001 0206 0061 0f 00"), "3 0206002d0f01");
    assert.equal(ask(34, "0306 0a000001 0206 002d 01 00"), "3 0206002d0f01", "two slots");
    s.peer.say(ipcp, CODE.configureReject, s.peer.last(ipcp, CODE.configureRequest)?.id ?? 0, h("0206 002d 0f 01"));
    assert.doesNotMatch(hex(s.peer.last(ipcp, CODE.configureRequest)?.body ?? h("")), /002d/);
  });
});
