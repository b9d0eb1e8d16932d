// Reliable delivery (RFC 2661 §5.8): gaps, delayed acknowledgements, wrap-around, windows.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Reader } from "../../src/core/bytes.ts";
import { Reliable } from "../../src/l2tp/reliable.ts";
import { type ControlHeader, readControl } from "../../src/l2tp/wire/header.ts";
import { seededRng } from "../sim/simnet.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { HELLO_BODY } from "./hand.ts";

describe("reliable delivery, the corners", () => {
  interface End {
    readonly r: Reliable;
    readonly out: { Ns: number; Nr: number; zlb: boolean }[];
    readonly got: number[];
  }
  function end(clock: VirtualClock, onMessage: (r: Reliable, b: number) => void = () => {}): End {
    const out: End["out"] = [];
    const got: number[] = [];
    const r: Reliable = new Reliable(clock, {
      transmit: (m) => {
        const { header, body } = readControl(new Reader(m));
        out.push({ Ns: header.Ns, Nr: header.Nr, zlb: body.left === 0 });
      },
      deliver: (_, b) => {
        got.push(b[0] as number);
        onMessage(r, b[0] as number);
      },
      silent: () => {},
    });
    return { r, out, got };
  }
  const h = (Ns: number, Nr = 0): ControlHeader => ({ tunnelId: 1, callId: 0, Ns, Nr });

  test("a gap that closes: what comes behind the answer is acknowledged too", () => {
    const clock = new VirtualClock();
    const e = end(clock, (r, b) => {
      if (b === 0) r.send(0, HELLO_BODY);
    });
    e.r.receive(h(1), Uint8Array.of(1));
    e.r.receive(h(0), Uint8Array.of(0));
    clock.advance(100);
    assert.deepEqual(e.got, [0, 1]);
    assert.equal(e.out.at(-1)?.Nr, 2);
  });
  test("acknowledgements wait for an answer to ride on, and for no longer than 50 ms", () => {
    const clock = new VirtualClock();
    const e = end(clock);
    e.r.receive(h(0), Uint8Array.of(0));
    assert.equal(e.out.length, 0);
    e.r.send(0, HELLO_BODY);
    clock.advance(500);
    assert.deepEqual(e.out, [{ Ns: 0, Nr: 1, zlb: false }]);
    e.r.receive(h(1, 1), Uint8Array.of(0));
    clock.advance(50);
    assert.deepEqual(e.out.at(-1), { Ns: 1, Nr: 2, zlb: true });
    e.r.receive(h(1, 1), Uint8Array.of(0)); // a duplicate: at once
    assert.deepEqual([e.out.length, e.got.length, e.r.duplicates], [3, 2, 1]);
  });
  test("a peer that keeps nothing out of order gets everything in a few round trips after a loss", () => {
    const clock = new VirtualClock();
    const e = end(clock);
    e.r.setPeerWindow(8);
    let expected = 0;
    let dark = false;
    const heard: number[] = [];
    let read = 0;
    const step = (): void => {
      for (; read < e.out.length; read++) {
        if (dark || e.out[read]?.Ns !== expected) continue;
        heard.push(expected++);
      }
      e.r.receive(h(0, expected), new Uint8Array(0));
    };
    for (let i = 0; i < 40; i++) e.r.send(0, HELLO_BODY);
    for (let i = 0; i < 3; i++) step();
    dark = true;
    step();
    dark = false;
    clock.advance(1000); // the oldest is repeated
    for (let i = 0; i < 12; i++) step(); // and the rest without a timer
    assert.deepEqual(
      heard,
      Array.from({ length: 40 }, (_, i) => i),
    );
  });
  test("Ns and Nr go round at 65,536", () => {
    const clock = new VirtualClock();
    const a = end(clock);
    const b = end(clock);
    let at = 0;
    let back = 0;
    for (let i = 0; i < 70_000; i++) {
      a.r.send(0, Uint8Array.of(i & 255));
      for (; at < a.out.length; at++) b.r.receive(h(a.out[at]?.Ns ?? 0, a.out[at]?.Nr), Uint8Array.of(i & 255));
      clock.advance(50);
      for (; back < b.out.length; back++) a.r.receive(h(b.out[back]?.Ns ?? 0, b.out[back]?.Nr), new Uint8Array(0));
    }
    assert.deepEqual([b.got.length, a.r.idle, a.r.retransmitted, b.r.duplicates], [70_000, true, 0, 0]);
  });
  test("an acknowledgement of what was never sent, and whatever lies outside the window, changes nothing", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
        const rng = seededRng(seed);
        const clock = new VirtualClock();
        const e = end(clock);
        e.r.send(0, HELLO_BODY);
        e.r.receive(h(0, 2 + Math.floor(rng.uniform() * 30_000)), new Uint8Array(0));
        assert.equal(e.r.unacknowledged, 1);
        e.r.receive(h(16 + Math.floor(rng.uniform() * 32_000)), Uint8Array.of(1));
        assert.deepEqual([e.got, e.r.beyondWindow], [[], 1]);
      }),
      { numRuns: 50 },
    );
  });
});
