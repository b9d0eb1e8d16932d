import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CarrierWatch } from "../../src/modem/carrier.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

const bytes = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));
/** `alive`: how the peer answers the question whether it is there. */
function watch(alive = (_answered: () => void): void => {}) {
  const clock = new VirtualClock();
  let [n, asked] = [0, 0];
  const ask = (answered: () => void): void => {
    asked++;
    alive(answered);
  };
  const w = new CarrierWatch(clock, { lost: () => void n++, ask });
  return { clock, w, lost: () => n, asked: () => asked };
}
const SAID = "\r\nNO CARRIER\r\n";

describe("NO CARRIER among the data", () => {
  test("behind a flag it counts at once, however it is cut, and whatever follows", () => {
    const all = bytes(`~\x21abc~${SAID}~\x21`);
    for (let cut = 0; cut <= all.length; cut++) {
      const t = watch();
      t.w.input(all.subarray(0, cut));
      t.w.input(all.subarray(cut));
      assert.equal(t.lost(), 1, String(cut));
    }
    const t = watch();
    for (const c of all) t.w.input(Uint8Array.of(c));
    assert.equal(t.lost(), 1);
  });
  test("within a frame it counts when nothing follows", () => {
    const t = watch();
    t.w.input(bytes(`~\x21abc\r${SAID}`));
    t.clock.advance(1900);
    assert.equal(t.lost(), 0);
    t.clock.advance(100);
    assert.deepEqual([t.lost(), t.asked()], [1, 0]);
  });
  test("what follows it may be the modem's echo of our frames: the peer is asked, and its silence counts", () => {
    for (const cut of [0, 1]) {
      const t = watch();
      const [echo, said] = ["x~\x21whole frame~", bytes(`~\x21abc${SAID}`)];
      if (cut === 0) t.w.input(bytes(`~\x21abc${SAID}${echo}`));
      else for (const c of [said, bytes(echo)]) t.w.input(c);
      for (let ms = 0; ms < 7900; ms += 100) {
        t.w.input(bytes(echo));
        t.clock.advance(100);
      }
      assert.deepEqual([t.lost(), t.asked()], [0, 3]);
      t.clock.advance(100);
      assert.deepEqual([t.lost(), t.clock.pending()], [1, []]);
    }
  });
  test("a peer that answers, late or at the last question, keeps the call", () => {
    for (const nth of [1, 3]) {
      const t = watch((answered) => t.asked() === nth && t.clock.timer("answer", answered).arm(1500));
      t.w.input(bytes(`~\x21abc${SAID}x~`));
      t.clock.advance(60_000);
      assert.deepEqual([t.lost(), t.asked()], [0, nth]);
      t.w.input(bytes(`~\x21abc${SAID}`));
      t.clock.advance(2000);
      assert.equal(t.lost(), 1);
    }
  });
  test("a payload that is full of it costs a question in two seconds, and not the call", () => {
    const t = watch((answered) => answered());
    for (let i = 0; i < 1000; i++) {
      t.w.input(bytes(`~\x21${SAID.repeat(20)}x~`));
      t.clock.advance(10);
    }
    t.clock.advance(10_000);
    assert.deepEqual([t.lost(), t.asked(), t.clock.pending()], [0, 5, []]);
  });
  test("stopped, it says nothing", () => {
    const t = watch();
    t.w.input(bytes(SAID));
    t.w.stop();
    t.clock.advance(10_000);
    assert.equal(t.lost(), 0);
  });
  test("any bytes cut anywhere: the same answer as a look at the whole", () => {
    const piece = fc.constantFrom("~", "\r", "\n", SAID, "\r\nNO CAR", "x");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(60), { maxLength: 6 }), (pieces, cuts) => {
        const all = pieces.join("");
        const t = watch();
        let at = 0;
        for (const cut of [...cuts].sort((a, b) => a - b)) {
          t.w.input(bytes(all.slice(at, cut)));
          at = Math.max(at, cut);
        }
        t.w.input(bytes(all.slice(at)));
        assert.equal(t.lost() > 0, all.includes(`~${SAID}`), JSON.stringify(all));
      }),
      { numRuns: 300 },
    );
  });
});
