// LCP Echo-Requests on the fast path (RFC 1661 §5.8): which are answered, with what, and what goes up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FastPath, Kind } from "node-tuntap2";
import { concat } from "../../src/core/text.ts";
import { referenceFastPath } from "../../src/dataplane/userspace/reference.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { type End, end, get, type Options, pattern, put, wire } from "./fixture.ts";
import { drop, KINDS, lib, library } from "./kinds.ts";

const OURS = 0xa1b2c3d4;
const THEIRS = Uint8Array.of(1, 2, 3, 4);
const ORIGIN = { udp: "udp4500", esp: "raw50", clear: "udp1701" } as const;
const LCP = Uint8Array.of(0xff, 3, 0xc0, 0x21);
const open = { echoLongest: 1500, echoMagic: OURS };

function echo(data: Uint8Array, { code = 9, magic = THEIRS, length = 8 + data.length } = {}): Uint8Array {
  return concat([Uint8Array.of(code, 0x42, length >> 8, length & 255), magic, data]);
}
const ours = Uint8Array.of(0xa1, 0xb2, 0xc3, 0xd4);

/** What a frame of l becomes at r, and how much is for the control plane. */
function over(l: End, r: End, frame: Uint8Array): { up: number; kind: number; back: Uint8Array | null } {
  const [a, b] = [lib.ring(1), lib.ring(1)];
  put(a, 0, frame);
  assert.equal(l.fp.txFrames(l.call, a, 1), 1);
  wire(a, b, 1);
  const origin = ORIGIN[l.flowParams.encap];
  const up = r.fp.rx(origin, b, 1);
  const { kind, body } = get(b, 0);
  if (body.length === 0 || up > 0) return { up, kind, back: null };
  wire(b, a, 1);
  assert.equal(l.fp.rx(origin, a, 1), 1, "an answer is for the control plane");
  assert.equal(get(a, 0).kind, Kind.upFrame);
  return { up, kind, back: get(a, 0).body };
}
const pair = (fp: () => FastPath, o: Options): [End, End] => [
  end(library(), true, { ...o, call: {} }),
  end(fp(), false, o),
];

for (const [kind, fp] of KINDS) {
  for (const encap of ["udp", "esp", "clear"] as const) {
    for (const v6 of [false, true]) {
      test(`${kind}, ${encap}${v6 ? " over IPv6" : ""}: answered in place: our magic number, its data`, () => {
        const [l, r] = pair(fp, { encap, v6, call: open });
        for (const n of [0, 1, 40, 1300]) {
          const { up, kind: left, back } = over(l, r, concat([LCP, echo(pattern(n)), Uint8Array.of(9, 9)]));
          assert.equal(up, 0);
          assert.equal(left, { udp: Kind.udp4500, esp: Kind.raw50, clear: Kind.udp1701 }[encap]);
          assert.deepEqual(back, concat([LCP, echo(pattern(n), { code: 10, magic: ours })]), "and no padding");
        }
        assert.equal(r.fp.callEchoes(r.call).answered, 4);
        assert.deepEqual(r.fp.callCounters(r.call), [0, 0, 0, 0], "no packets of the network");
        for (const e of [l, r]) e.fp.close();
      });
    }
  }

  test(`${kind}: with a compressed header too; the answer has all of it, and Ns when that is asked for`, () => {
    const [l, r] = pair(fp, { call: { ...open, echoMagic: 0 } });
    const { back } = over(l, r, concat([Uint8Array.of(0xc0, 0x21), echo(pattern(3), { magic: new Uint8Array(4) })]));
    assert.deepEqual(back, concat([LCP, echo(pattern(3), { code: 10, magic: new Uint8Array(4) })]), "no magic number");
    r.fp.setCall(r.call, { ...r.callParams, sequencing: true });
    const [a, b] = [lib.ring(1), lib.ring(1)];
    put(a, 0, concat([LCP, echo(pattern(3))]));
    l.fp.txFrames(l.call, a, 1);
    wire(a, b, 1);
    assert.equal(r.fp.rx("udp4500", b, 1), 0);
    wire(b, a, 1);
    l.fp.rx("udp4500", a, 1);
    assert.equal(get(a, 0).kind, Kind.upData, "it has Ns");
    for (const e of [l, r]) e.fp.close();
  });

  test(`${kind}: what is not to be answered here goes up whole`, () => {
    const whole = concat([LCP, echo(pattern(12))]);
    const goesUp: [string, Options["call"], Uint8Array][] = [
      ["LCP is not open", {}, whole],
      ["longer than may be sent", { ...open, echoLongest: 19 }, whole],
      ["our own magic number: a loop", open, concat([LCP, echo(pattern(12), { magic: ours })])],
      ["an answer", open, concat([LCP, echo(pattern(12), { code: 10 })])],
      ["a Discard-Request", open, concat([LCP, echo(pattern(12), { code: 11 })])],
      ["no room for a magic number", open, concat([LCP, Uint8Array.of(9, 1, 0, 7, 1, 2, 3)])],
      ["a length beyond the frame", open, concat([LCP, echo(pattern(12), { length: 21 })])],
      ["a length without the magic number", open, concat([LCP, echo(pattern(12), { length: 7 })])],
      ["another protocol", open, concat([Uint8Array.of(0xff, 3, 0x80, 0x21), echo(pattern(12))])],
    ];
    for (const [why, call, frame] of goesUp) {
      const [l, r] = pair(fp, { call: call ?? {} });
      assert.deepEqual(over(l, r, frame), { up: 1, kind: Kind.upFrame, back: null }, why);
      assert.equal(r.fp.callEchoes(r.call).answered, 0, why);
      for (const e of [l, r]) e.fp.close();
    }
  });

  test(`${kind}: no answer to a wrong sender, nor without an SA, and none twice`, () => {
    const [l, r] = pair(fp, { call: open });
    const [a, b] = [lib.ring(1), lib.ring(1)];
    put(a, 0, concat([LCP, echo(pattern(4))]));
    l.fp.txFrames(l.call, a, 1);
    const again = get(a, 0).body;
    wire(a, b, 1);
    r.fp.rx("udp4500", b, 1);
    put(b, 0, again);
    assert.equal(r.fp.rx("udp4500", b, 1), 0);
    assert.deepEqual([get(b, 0).body.length, drop(r.fp, "esp.replay")], [0, 1]);
    r.fp.setFlowSa(r.flow, 0);
    assert.deepEqual(over(l, r, concat([LCP, echo(pattern(4))])), { up: 0, kind: Kind.none, back: null });
    assert.equal(drop(r.fp, "tx.no-sa"), 1);
    const [cl, cr] = pair(fp, { encap: "clear", call: open });
    put(a, 0, concat([LCP, echo(pattern(4))]));
    cl.fp.txFrames(cl.call, a, 1);
    wire(a, b, 1);
    b.addr[7] = 77;
    assert.equal(cr.fp.rx("udp1701", b, 1), 0);
    assert.deepEqual([get(b, 0).body.length, drop(cr.fp, "l2tp.wrong-flow")], [0, 1]);
    for (const e of [l, r, cl, cr]) e.fp.close();
  });
}

test("how long ago the last one was", async () => {
  let now = 1000;
  const [l, r] = pair(() => referenceFastPath(nodeCrypto, () => now), { call: open });
  assert.deepEqual(r.fp.callEchoes(r.call), { answered: 0, agoMs: 0 });
  over(l, r, concat([LCP, echo(pattern(1))]));
  now += 250;
  assert.deepEqual(r.fp.callEchoes(r.call), { answered: 1, agoMs: 250 });
  const [ll, lr] = pair(library, { call: open });
  over(ll, lr, concat([LCP, echo(pattern(1))]));
  await new Promise((done) => setTimeout(done, 60));
  const { answered, agoMs } = lr.fp.callEchoes(lr.call);
  assert.equal(answered, 1);
  assert.ok(agoMs >= 40 && agoMs < 5000, `${agoMs} ms`);
  assert.throws(() => lr.fp.callEchoes(99), RangeError);
  for (const e of [l, r, ll, lr]) e.fp.close();
});
