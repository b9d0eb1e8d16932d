// RFC 1144 and RFC 1977: streams through both halves, golden bytes, losses, and whatever else a peer may send.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Packet } from "../../src/core/packet.ts";
import { hex, unhex } from "../../src/core/text.ts";
import { BsdCompressor, BsdDecompressor } from "../../src/ppp/compress/bsd.ts";
import { VjCompressor, VjDecompressor } from "../../src/ppp/compress/vj.ts";
import { PROTOCOL } from "../../src/ppp/frame.ts";
import { runs } from "../runs.ts";

interface Segment {
  readonly port: number;
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly id: number;
  readonly flags: number;
  readonly urgent: number;
  readonly options: Uint8Array;
  readonly data: Uint8Array;
}
const BARE: Segment = {
  port: 1,
  seq: 1000,
  ack: 5000,
  window: 4096,
  id: 7,
  flags: 0x10,
  urgent: 0,
  options: new Uint8Array(0),
  data: new Uint8Array(0),
};

function sum(b: Uint8Array): number {
  let s = 0;
  for (let i = 0; i < b.length; i += 2) s += ((b[i] as number) << 8) | (b[i + 1] ?? 0);
  while (s > 0xffff) s = (s & 0xffff) + (s >>> 16);
  return ~s & 0xffff;
}
function packet(over: Partial<Segment>): Uint8Array {
  const s = { ...BARE, ...over };
  const b = new Uint8Array(40 + s.options.length + s.data.length);
  const v = new DataView(b.buffer);
  b.set([
    0x45,
    0,
    b.length >> 8,
    b.length & 255,
    s.id >> 8,
    s.id & 255,
    0x40,
    0,
    64,
    6,
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
  ]);
  v.setUint16(10, sum(b.subarray(0, 20)));
  v.setUint16(20, s.port);
  v.setUint16(22, 80);
  v.setUint32(24, s.seq >>> 0);
  v.setUint32(28, s.ack >>> 0);
  b[32] = (5 + s.options.length / 4) << 4;
  b[33] = s.flags;
  v.setUint16(34, s.window & 0xffff);
  v.setUint16(36, 0xabcd); // carried as it is
  v.setUint16(38, s.urgent);
  b.set(s.options, 40);
  b.set(s.data, 40 + s.options.length);
  return b;
}

class Wire {
  readonly c: VjCompressor;
  readonly d: VjDecompressor;
  constructor(slots = 16, compressSlotId = true) {
    this.c = new VjCompressor(slots, compressSlotId);
    this.d = new VjDecompressor(slots, compressSlotId);
  }
  send(body: Uint8Array): { protocol: number; frame: Uint8Array } {
    const p = Packet.of(body);
    return { protocol: this.c.compress(p), frame: p.view().slice() };
  }
  receive(protocol: number, frame: Uint8Array): Uint8Array | null {
    const p = Packet.of(frame);
    const good =
      protocol === PROTOCOL.ip || (protocol === PROTOCOL.vjCompressed ? this.d.compressed(p) : this.d.uncompressed(p));
    return good ? p.view().slice() : null;
  }
  pass(body: Uint8Array): number {
    const { protocol, frame } = this.send(body);
    const got = this.receive(protocol, frame);
    assert.equal(got && hex(got), hex(body));
    return protocol;
  }
}

describe("Van Jacobson", () => {
  const { ip, vjCompressed, vjUncompressed } = PROTOCOL;
  test("golden: what the changes look like on the line", () => {
    const w = new Wire();
    const ten = new Uint8Array(10);
    const line = (over: Partial<Segment>): string => {
      const { protocol, frame } = w.send(packet(over));
      const got = w.receive(protocol, frame);
      assert.equal(got && hex(got), hex(packet(over)));
      return `${protocol.toString(16)} ${hex(frame)}`;
    };
    const first = packet({ data: ten });
    const onLine = first.slice();
    onLine[9] = 0;
    assert.equal(line({ data: ten }), `2f ${hex(onLine)}`);
    assert.equal(line({ id: 8, seq: 1010, data: ten }), `2d 0fabcd${hex(ten)}`, "one way: three bytes (§3.2.2)");
    assert.equal(line({ id: 9, seq: 1020, ack: 5010, data: ten }), `2d 0babcd${hex(ten)}`, "echoed");
    assert.equal(
      line({ id: 10, seq: 1030, ack: 5010, flags: 0x18, data: Uint8Array.of(1) }),
      "2d 1fabcd01",
      "with PUSH",
    );
    assert.equal(line({ id: 12, seq: 1031, ack: 5010 }), "2d 2fabcd02", "an id that leaps");
    assert.equal(line({ id: 12, seq: 1031, ack: 5011 }), "2d 24abcd01000000", "an id that stays is a change of 0");
    assert.equal(
      line({ id: 13, seq: 1031, ack: 5311, window: 4095 }),
      "2d 06abcd00ffff00012c",
      "three bytes for more than 255",
    );
    assert.equal(
      line({ id: 14, seq: 1031, ack: 5311, window: 4095, flags: 0x30, urgent: 5, data: ten }),
      `2d 01abcd05${hex(ten)}`,
    );
    assert.equal(line({ id: 15, seq: 1041, ack: 5311, window: 4095, urgent: 5, data: ten }), `2d 0fabcd${hex(ten)}`);
    assert.match(line({ port: 2, data: ten }), /^2f/);
    assert.equal(
      line({ id: 16, seq: 1051, ack: 5311, window: 4095, urgent: 5, data: ten }),
      `2d 4f00abcd${hex(ten)}`,
      "the slot's number when it was not the last",
    );
  });
  test("what goes whole, or past it", () => {
    const w = new Wire(3, false);
    const data = new Uint8Array(4);
    assert.equal(w.pass(packet({ data })), vjUncompressed);
    assert.equal(w.pass(packet({ id: 8, data })), vjUncompressed, "a retransmission");
    assert.equal(w.pass(packet({ id: 9, seq: 900, data })), vjUncompressed, "backwards");
    assert.equal(w.pass(packet({ id: 10, seq: 900, ack: 900_000, data })), vjUncompressed, "too far");
    for (const flags of [0x02, 0x12, 0x11, 0x14, 0x08])
      assert.equal(w.pass(packet({ flags })), ip, "SYN, FIN, RST, or no ACK");
    assert.equal(w.pass(packet({ id: 11, seq: 904, ack: 900_000, flags: 0x50, data })), vjUncompressed, "ECN");
    assert.equal(w.pass(packet({ id: 12, seq: 908, ack: 900_000, flags: 0x50, data })), vjCompressed);
    assert.equal(
      w.pass(packet({ id: 13, seq: 912, ack: 900_000, flags: 0x50, data, options: new Uint8Array(12).fill(1) })),
      vjUncompressed,
    );
    const fragment = packet({ data });
    fragment[6] = 0x20;
    assert.equal(w.pass(fragment), ip);
    const udp = packet({ data });
    udp[9] = 17;
    assert.equal(w.pass(udp), ip);
    for (let n = 0; n < 44; n++) assert.equal(w.send(packet({ data }).subarray(0, n)).protocol, ip);
  });
  const step = fc.record({
    port: fc.integer({ min: 1, max: 5 }),
    kind: fc.constantFrom("data", "data", "echo", "ack", "window", "again", "urgent", "leap"),
    size: fc.integer({ min: 0, max: 300 }),
    push: fc.boolean(),
    hop: fc.constantFrom(1, 1, 1, 2, 300, 0),
    options: fc.constantFrom(0, 0, 12),
  });
  /** Connections that live side by side, as hosts make them. */
  function segments(
    steps: readonly { port: number; kind: string; size: number; push: boolean; hop: number; options: number }[],
  ): Uint8Array[] {
    const all = new Map<number, { seq: number; ack: number; window: number; id: number; last: Uint8Array }>();
    return steps.map((s) => {
      const c = all.get(s.port) ?? {
        seq: 0xffff_ff00 + s.port,
        ack: s.port * 1000,
        window: 8000,
        id: 65_530,
        last: packet({ port: s.port }),
      };
      all.set(s.port, c);
      if (s.kind === "again") return c.last.slice();
      c.id = (c.id + s.hop) & 0xffff;
      if (s.kind === "window") c.window += s.size;
      if (s.kind === "ack" || s.kind === "echo") c.ack += s.size;
      if (s.kind === "leap") c.seq += 100_000;
      const data = new Uint8Array(s.kind === "ack" || s.kind === "window" ? 0 : s.size).fill(s.size);
      c.last = packet({
        port: s.port,
        seq: c.seq,
        ack: c.ack,
        window: c.window,
        id: c.id,
        flags: 0x10 | (s.push ? 8 : 0) | (s.kind === "urgent" ? 0x20 : 0),
        urgent: s.kind === "urgent" ? s.size : 0,
        options: new Uint8Array(s.options).fill(1),
        data,
      });
      c.seq += data.length;
      return c.last.slice();
    });
  }
  test("connections side by side come out byte for byte, with few slots and many", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom(3, 4, 16, 256),
        fc.boolean(),
        (steps, slots, short) => {
          const w = new Wire(slots, short);
          for (const p of segments(steps)) w.pass(p);
        },
      ),
      { numRuns: 200 },
    );
  });
  test("a lost frame: nothing wrong is delivered, and all is right from the next packet with its slot id", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat(9)), { minLength: 2, maxLength: 60 }), (steps) => {
        const w = new Wire();
        const sent = new Map<number, Set<string>>();
        for (const [i, p] of segments(steps.map(([s]) => s)).entries()) {
          const port = ((p[20] as number) << 8) | (p[21] as number);
          const { protocol, frame } = w.send(p);
          sent.set(port, (sent.get(port) ?? new Set()).add(hex(p)));
          if ((steps[i] as [unknown, number])[1] === 0) {
            w.d.lost();
            continue;
          }
          const wasNamed = protocol !== vjCompressed || ((frame[0] as number) & 0x40) !== 0;
          const got = w.receive(protocol, frame);
          // A named one may still be off by what was lost before, which TCP's own checksum finds; an unnamed one is not
          // delivered.
          if (got && !wasNamed)
            assert.equal(((got[20] as number) << 8) | (got[21] as number), port, "another connection's");
        }
      }),
      { numRuns: 150 },
    );
  });
  test("toss: after a loss unnamed packets are dropped", () => {
    const w = new Wire();
    const data = new Uint8Array(5);
    w.pass(packet({ data }));
    w.pass(packet({ id: 8, seq: 1005, data }));
    w.send(packet({ id: 9, seq: 1010, data }));
    w.d.lost();
    for (let n = 0; n < 3; n++) {
      const { protocol, frame } = w.send(packet({ id: 10 + n, seq: 1015 + 5 * n, data }));
      assert.equal(protocol, vjCompressed);
      assert.equal(w.receive(protocol, frame), null);
    }
    assert.equal(w.pass(packet({ id: 13, seq: 1025, data })), vjUncompressed, "TCP sends it again");
  });
  test("cut anywhere, any bytes: dropped, or a packet, and nothing outside is touched", () => {
    const w = new Wire();
    w.pass(packet({ data: new Uint8Array(9) }));
    const { frame } = w.send(packet({ id: 90, seq: 2000, ack: 9000, window: 1, data: new Uint8Array(0) }));
    for (let n = 0; n < frame.length; n++) {
      const d = new VjDecompressor(16, true);
      const first = packet({ data: new Uint8Array(9) });
      first[9] = 0;
      assert.ok(d.uncompressed(Packet.of(first)));
      assert.equal(d.compressed(Packet.of(frame.subarray(0, n))), false, `${n} bytes`);
    }
    fc.assert(
      fc.property(fc.boolean(), fc.uint8Array({ maxLength: 150 }), (whole, b) => {
        const p = Packet.of(b);
        if (whole ? w.d.uncompressed(p) : w.d.compressed(p)) assert.ok(p.length >= 40 && p.length <= b.length + 120);
      }),
      { numRuns: runs(3000) },
    );
  });
});

describe("BSD-Compress", () => {
  const noise = fc.uint8Array({ minLength: 1, maxLength: 800 });
  const words = fc
    .array(fc.constantFrom("the quick ", "brown fox ", "0123456789", "aaaaaaaaaa", "\0\0\0\0", "x"), {
      minLength: 1,
      maxLength: 80,
    })
    .map((w) => new Uint8Array(Buffer.from(w.join(""))));
  /** LZW as the book has it: the codes of a packet, and the strings known after it. */
  function slow(known: Map<string, number>, body: string, most: number): number[] {
    const out: number[] = [];
    let s = body[0] as string;
    for (const c of body.slice(1)) {
      if (known.has(s + c)) {
        s += c;
        continue;
      }
      out.push(known.get(s) as number);
      if (known.size < most) known.set(s + c, known.size + 1);
      s = c;
    }
    return [...out, known.get(s) as number];
  }
  test("codes are those of plain LZW, in bits from the top", () => {
    fc.assert(
      fc.property(fc.array(words, { minLength: 1, maxLength: 5 }), (packets) => {
        const c = new BsdCompressor(12);
        const known = new Map(Array.from({ length: 256 }, (_, i) => [String.fromCharCode(i), i] as const));
        let bits = 9;
        for (const [n, p] of packets.entries()) {
          const before = known.size + 0;
          const codes = slow(known, Buffer.from(p).toString("latin1"), 4095);
          let text = "";
          let last = before; // the code given last: 256 is the clear code
          codes.forEach((code, i) => {
            text += code.toString(2).padStart(bits, "0");
            if (i < codes.length - 1 && last < 4095) {
              if (last >= 2 ** bits - 1) bits++;
              last++;
            }
          });
          if (last >= 2 ** bits - 1 && last < 4095) bits++;
          const data = c.compress(p);
          if (!data) continue;
          text = text.padEnd(Math.ceil(text.length / 8) * 8, "1");
          assert.equal(
            hex(data),
            hex(Uint8Array.from([n >> 8, n & 255, ...(text.match(/.{8}/g) ?? []).map((x) => Number.parseInt(x, 2))])),
          );
        }
      }),
      { numRuns: 60 },
    );
  });
  test("packets come out as they went in: code growth, a full dictionary, a clear, incompressible ones between", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 2, arbitrary: words }, { weight: 1, arbitrary: noise }), {
          minLength: 1,
          maxLength: 200,
          size: "max",
        }),
        fc.integer({ min: 9, max: 16 }),
        (packets, bits) => {
          const [c, d] = [new BsdCompressor(bits), new BsdDecompressor(bits, 2000)];
          for (const p of packets) {
            const data = c.compress(p);
            if (!data) d.incompressible(p);
            else {
              assert.ok(data.length < p.length);
              assert.equal(hex(d.decompress(data) ?? new Uint8Array(0)), hex(p));
            }
          }
        },
      ),
      { numRuns: 30 },
    );
  });
  test("a stream that changes its nature: the dictionary is cleared in the middle, on either side alike", () => {
    for (const bits of [9, 10, 12, 15]) {
      const [c, d] = [new BsdCompressor(bits), new BsdDecompressor(bits, 2000)];
      let [plain, packed] = [0, 0];
      for (let n = 0; n < 3000; n++) {
        const p = Uint8Array.from({ length: 400 }, (_, i) => {
          if (n < 1000) return (i * 7) % 31;
          return n < 2000 ? Math.imul(i + n * 400, 2654435761) >>> 21 : (i * 11) % 29;
        });
        const data = c.compress(p)?.slice();
        plain += p.length;
        packed += data?.length ?? p.length;
        if (data) assert.equal(hex(d.decompress(data) ?? new Uint8Array(0)), hex(p), `${bits} bits, packet ${n}`);
        else d.incompressible(p);
      }
      assert.ok(packed < plain * 0.8, `${packed} of ${plain}`);
    }
  });
  test("out of step, broken, too long, any bytes: null, and a reset mends it", () => {
    const [c, d] = [new BsdCompressor(12), new BsdDecompressor(12, 100)];
    const text = new Uint8Array(Buffer.from("abcabcabcabcabcabcabcabcabcabc"));
    const first = c.compress(text)?.slice() ?? assert.fail("it shrinks");
    const second = c.compress(text)?.slice() ?? assert.fail("it shrinks");
    assert.equal(d.decompress(second), null);
    assert.ok(d.decompress(first));
    assert.equal(d.decompress(first), null);
    assert.equal(new BsdDecompressor(12, 29).decompress(first), null, "longer than there is room");
    c.reset();
    d.reset();
    assert.equal(hex(d.decompress(c.compress(text) ?? text) ?? new Uint8Array(0)), hex(text));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (b) => {
        const x = new BsdDecompressor(9, 100);
        assert.ok((x.decompress(Uint8Array.of(0, 0, ...b))?.length ?? 0) <= 100);
        assert.ok((x.decompress(Uint8Array.of(0, 1, ...b))?.length ?? 0) <= 100);
        x.incompressible(b);
      }),
      { numRuns: runs(1500) },
    );
    assert.equal(new BsdDecompressor(9, 100).decompress(unhex("0000") ?? new Uint8Array(0)), null);
  });
});
