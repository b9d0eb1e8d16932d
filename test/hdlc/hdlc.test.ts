import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  FCS16_GOOD,
  FCS16_INIT,
  FCS16_TABLE,
  FCS32_GOOD,
  FCS32_INIT,
  FCS32_TABLE,
  fcs16,
  fcs32,
} from "../../src/core/fcs.ts";
import { HEADROOM } from "../../src/core/packet.ts";
import { concat, hex, unhex, utf8 } from "../../src/core/text.ts";
import { HdlcDecoder } from "../../src/hdlc/decode.ts";
import { HdlcEncoder } from "../../src/hdlc/encode.ts";
import { runs } from "../runs.ts";
import { slowDecode, slowEncode, slowFcs } from "./slow.ts";

const h = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail("bad hex");
const LIMIT = 1500 + 8;

function receiver(o: { accm?: number; fcs?: 16 | 32; mru?: number } = {}): {
  frames: string[];
  decoder: HdlcDecoder;
  drop(name: string): number;
} {
  const frames: string[] = [];
  const decoder = new HdlcDecoder(
    o.mru ?? 1500,
    (p) => {
      assert.equal(p.start, HEADROOM);
      frames.push(hex(p.view()));
    },
    o.fcs,
  );
  if (o.accm !== undefined) decoder.configure(o.accm);
  return { frames, decoder, drop: (name) => decoder.drops()[`hdlc.${name}`] ?? 0 };
}
/** Cuts `b` at places that `cuts` names. */
function pieces(b: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [...new Set(cuts.map((c) => c % (b.length + 1)))].sort((x, y) => x - y);
  return [...at, b.length].map((end, i) => b.slice(i === 0 ? 0 : at[i - 1], end));
}

describe("FCS", () => {
  const rfc = readFileSync("test/rfc/rfc1662.txt", "utf8");
  const printed = (from: string, digits: number): number[] => {
    const at = rfc.lastIndexOf(from);
    const body = rfc.slice(at + from.length, rfc.indexOf("};", at));
    return [...body.matchAll(new RegExp(`0x([0-9a-f]{${digits}})\\b`, "g"))].map((m) =>
      Number.parseInt(m[1] ?? "", 16),
    );
  };
  test("the tables are those of RFC 1662 §C.2 and §C.3", () => {
    assert.deepEqual([...FCS16_TABLE], printed("static u16 fcstab[256] =", 4));
    assert.deepEqual([...FCS32_TABLE], printed("static u32 fcstab_32[256] =", 8));
  });
  test("the constants are those of the RFC", () => {
    const constant = (name: string): number =>
      Number.parseInt(new RegExp(`#define ${name}\\s+(0x[0-9a-f]+)`).exec(rfc)?.[1] ?? "", 16);
    assert.deepEqual([FCS16_INIT, FCS16_GOOD], [constant("PPPINITFCS16"), constant("PPPGOODFCS16")]);
    assert.deepEqual([FCS32_INIT, FCS32_GOOD], [constant("PPPINITFCS32"), constant("PPPGOODFCS32")]);
  });
  test("check values of both polynomials", () => {
    const b = utf8("123456789");
    assert.equal(~fcs16(FCS16_INIT, b, 0, 9) & 0xffff, 0x906e);
    assert.equal(~fcs32(FCS32_INIT, b, 0, 9) >>> 0, 0xcbf43926);
    assert.equal(slowFcs(16, [...b]), 0x906e);
    assert.equal(slowFcs(32, [...b]), 0xcbf43926);
  });
});

describe("encoder", () => {
  test("RFC 1662 §4.2: what is escaped, and how", () => {
    const e = new HdlcEncoder();
    for (const [accm, line] of [
      [0, "7e00217d5e7d5d031113"],
      [0x000a_0000, "7e00217d5e7d5d037d317d33"], // XON and XOFF
      [0xffff_ffff, "7e7d20217d5e7d5d7d237d317d33"],
    ] as const) {
      e.configure(accm);
      const got = hex(e.encode(h("0021 7e 7d 03 11 13")));
      assert.ok(got.startsWith(line), got);
    }
  });
  test("an LCP Configure-Request takes no notice of what was negotiated, an Echo-Request does", () => {
    for (const fcs of [16, 32] as const) {
      const e = new HdlcEncoder(fcs);
      e.configure(0);
      assert.equal(
        hex(e.encode(h("ff03 c021 01 01 0004"))),
        "7eff7d23c0217d217d217d207d24d1b57e".replace("d1b5", tail("ff03c02101010004")),
      );
      assert.ok(hex(e.encode(h("ff03 c021 09 01 0008 00000000"))).startsWith("7eff03c0210901000800000000"));
    }
    function tail(frame: string): string {
      const sum = slowFcs(16, [...h(frame)]);
      return hex(Uint8Array.of(sum & 0xff, sum >>> 8));
    }
  });
  test("several frames in one buffer share their flags; too little room is a mistake of the caller", () => {
    const e = new HdlcEncoder();
    const out = new Uint8Array(100);
    const a = e.write(out, 0, h("0021aa"), true);
    const b = e.write(out, a, h("0021bb"), false);
    const r = receiver();
    r.decoder.push(out.subarray(0, b));
    assert.deepEqual(r.frames, ["0021aa", "0021bb"]);
    assert.equal(out.subarray(0, b).filter((c) => c === 0x7e).length, 3);
    assert.throws(() => e.write(out, 88, h("0021aa"), true), RangeError);
  });
  test("any frame: as the slow version says, and within its bound", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.nat(0xffffffff),
        fc.constantFrom(16 as const, 32 as const),
        fc.boolean(),
        (b, accm, fcs, lcp) => {
          const frame = lcp ? concat([h("ff03c021"), b]) : b;
          const e = new HdlcEncoder(fcs);
          e.configure(accm);
          const line = e.encode(frame);
          assert.equal(hex(line), hex(Uint8Array.from(slowEncode([...frame], accm, fcs))));
          assert.ok(line.length <= e.bound(frame.length));
        },
      ),
      { numRuns: runs(2000) },
    );
  });
});

describe("decoder", () => {
  const line = (frame: string): Uint8Array => new HdlcEncoder().encode(h(frame));

  test("nothing counts before the first flag, and flags may follow each other", () => {
    const r = receiver();
    r.decoder.push(utf8("CONNECT 115200\r\nlogin: "));
    r.decoder.push(concat([h("7e7e7e"), line("ff03c02101010004"), h("7e")]));
    assert.deepEqual(r.frames, ["ff03c02101010004"]);
    assert.deepEqual(r.decoder.drops(), {});
  });
  test("cut at every octet, escapes at every edge", () => {
    const whole = line("ff030021 7e7d7e7d 0001 1f20 5e5d ff");
    for (let i = 0; i <= whole.length; i++) {
      const r = receiver();
      r.decoder.push(whole.subarray(0, i));
      r.decoder.push(whole.subarray(i));
      assert.deepEqual(r.frames, ["ff0300217e7d7e7d00011f205e5dff"], `cut at ${i}`);
    }
  });
  test("an escape before a flag throws the frame away, and says so once", () => {
    const r = receiver();
    r.decoder.push(concat([h("7e 0021 aabb 7d 7e"), line("0021cc").subarray(1)]));
    assert.deepEqual(r.frames, ["0021cc"]);
    assert.deepEqual(r.decoder.drops(), { "hdlc.abort": 1 });
  });
  test("a frame that is too short, and one with a wrong sum", () => {
    const r = receiver({ accm: 0 });
    r.decoder.push(h("7e 21 7e 2145 7e 214500 7e 21450000 7e"));
    assert.deepEqual(r.frames, []);
    assert.deepEqual(r.decoder.drops(), { "hdlc.fcs": 1, "hdlc.runt": 3 });
  });
  test("a giant is counted once, costs no memory, and the next frame is read; one octet less is a frame", () => {
    for (const [extra, giant] of [
      [0, 0],
      [1, 1],
    ] as const) {
      const r = receiver({ accm: 0 });
      const e = new HdlcEncoder();
      e.configure(0);
      const long = new Uint8Array(LIMIT - 2 + extra).fill(0x41);
      r.decoder.push(e.encode(long));
      r.decoder.push(e.encode(h("0021dd")));
      assert.deepEqual(
        r.frames.map((f) => f.length / 2),
        giant ? [3] : [LIMIT - 2, 3],
      );
      assert.equal(r.drop("giant"), giant);
    }
  });
  test("control characters that the line put in are taken out; those outside the map are data", () => {
    const clean = line("ff030021414243");
    const dirty = concat([...clean].map((c) => Uint8Array.of(0x11, c, 0x13)));
    const r = receiver();
    r.decoder.push(dirty);
    assert.deepEqual(r.frames, ["ff030021414243"]);
    const s = receiver({ accm: 0 });
    s.decoder.push(dirty);
    assert.deepEqual(s.frames, []);
    const e = new HdlcEncoder();
    e.configure(0);
    s.decoder.push(e.encode(h("0021111300")));
    assert.deepEqual(s.frames, ["0021111300"]);
  });
  test("configure() and reset() from inside a frame hold from the next octet on", () => {
    const e = new HdlcEncoder();
    const frames: string[] = [];
    const decoder: HdlcDecoder = new HdlcDecoder(1500, (p) => {
      frames.push(hex(p.view()));
      if (frames.length === 1) decoder.configure(0);
      if (frames.length === 2) decoder.reset();
    });
    const first = e.encode(h("ff03c02102010004"));
    e.configure(0);
    decoder.push(concat([first, e.encode(h("00210102")), utf8("noise"), e.encode(h("00210304"))]));
    assert.deepEqual(frames, ["ff03c02102010004", "00210102", "00210304"]);
    assert.deepEqual(decoder.drops(), {});
  });
  test("FCS-32: data by 32 bits, LCP of a peer that starts anew by 16, nothing else by 16", () => {
    const r = receiver({ fcs: 32 });
    r.decoder.push(new HdlcEncoder(32).encode(h("ff03002145")));
    r.decoder.push(new HdlcEncoder(16).encode(h("ff03c02101010004")));
    r.decoder.push(new HdlcEncoder(16).encode(h("ff03002145")));
    assert.deepEqual(r.frames, ["ff03002145", "ff03c02101010004"]);
    assert.deepEqual(r.decoder.drops(), { "hdlc.fcs": 1 });
  });
  test("one spoilt octet in a frame is never a frame, whatever it becomes", () => {
    const whole = line("ff030021450000280001");
    for (let i = 1; i < whole.length - 1; i++) {
      for (let bit = 0; bit < 8; bit++) {
        const bad = whole.slice();
        bad[i] = (bad[i] as number) ^ (1 << bit);
        const r = receiver();
        r.decoder.push(bad);
        r.decoder.push(line("0021ee"));
        assert.deepEqual(r.frames, ["0021ee"], `octet ${i} bit ${bit}`);
      }
    }
  });
  test("any frames, cut anywhere, come out whole and in order", () => {
    const frame = fc.uint8Array({ minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 5 }),
        fc.nat(0xffffffff),
        fc.constantFrom(16 as const, 32 as const),
        fc.array(fc.nat(500), { maxLength: 6 }),
        (frames, accm, fcs, cuts) => {
          const e = new HdlcEncoder(fcs);
          e.configure(accm);
          const r = receiver({ accm, fcs });
          for (const p of pieces(concat(frames.map((f, i) => e.encode(f, i === 0))), cuts)) r.decoder.push(p);
          assert.deepEqual(r.frames, frames.map(hex));
          assert.deepEqual(r.decoder.drops(), {});
        },
      ),
      { numRuns: runs(2000) },
    );
  });
  test("any noise among frames: the same frames and counters as the slow version", () => {
    const octet = fc.oneof(fc.constantFrom(0x7e, 0x7d, 0x11, 0x03, 0xff, 0x21), fc.nat(255));
    const noise = fc.array(octet, { maxLength: 30 });
    const good = fc.uint8Array({ minLength: 0, maxLength: 20 }).map((b) => slowEncode([...b], 0xffffffff, 16));
    const lcp = fc
      .uint8Array({ minLength: 1, maxLength: 9 })
      .map((b) => slowEncode([0xff, 3, 0xc0, 0x21, ...b], 0, 32));
    const long = fc.nat(20).map((n) => slowEncode(new Array<number>(LIMIT - 10 + n).fill(0x41), 0xffffffff, 16));
    const part = fc.oneof(
      { arbitrary: noise, weight: 6 },
      { arbitrary: good, weight: 6 },
      { arbitrary: lcp, weight: 3 },
      { arbitrary: long, weight: 1 },
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 8 }),
        fc.constantFrom(0, 0xffffffff, 0x000a0000),
        fc.constantFrom(16 as const, 32 as const),
        fc.array(fc.nat(4000), { maxLength: 6 }),
        (parts, accm, fcs, cuts) => {
          const bytes = parts.flat();
          const want = slowDecode(bytes, accm, fcs, LIMIT);
          const r = receiver({ accm, fcs });
          for (const p of pieces(Uint8Array.from(bytes), cuts)) r.decoder.push(p);
          assert.deepEqual(
            r.frames,
            want.frames.map((f) => hex(Uint8Array.from(f))),
          );
          assert.deepEqual(
            [r.drop("fcs"), r.drop("abort"), r.drop("runt"), r.drop("giant")],
            [want.fcs, want.abort, want.runt, want.giant],
          );
        },
      ),
      { numRuns: runs(1500) },
    );
  });
});
