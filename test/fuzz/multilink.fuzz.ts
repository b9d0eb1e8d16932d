// Fragments and bridged frames: the first byte says what LCP agreed on and over how many links, which take turns; the
// rest is frames, each behind a length byte.
import assert from "node:assert/strict";
import { Packet } from "../../src/core/packet.ts";
import { concat, unhex } from "../../src/core/text.ts";
import { pullBridged } from "../../src/ppp/bridged.ts";
import { PROTOCOL } from "../../src/ppp/frame.ts";
import { Bundle } from "../../src/ppp/multilink.ts";
import { Lane } from "../../src/ppp/reassembly.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

const MRRU = 200;

function run(bytes: Uint8Array): void {
  const how = bytes[0] ?? 0;
  const agreed = { mrruIn: MRRU, mrruOut: MRRU, shortIn: (how & 1) !== 0, shortOut: false, mtu: 100, pfc: false };
  let dropped = 0;
  const drops = { bump: (): void => void dropped++ };
  const clock = new VirtualClock();
  const bundle = new Bundle({ ...agreed, overtakes: how & 2 ? 32 : 0 }, drops, () => {}, { clock, out: () => {} });
  const lanes = [bundle.first];
  for (let i = 0; i < ((how >> 2) & 3); i++) {
    const lane = new Lane(100, false, () => {});
    lanes.push(lane);
    bundle.join(lane);
  }
  let frames = 0;
  let whole = 0;
  for (let at = 1; at < bytes.length; frames++) {
    const n = bytes[at] as number;
    const out = (number: number, p: Packet): void => {
      whole++;
      assert.ok(number & 1 && p.length <= MRRU + 1);
      if (number !== PROTOCOL.bridged) return;
      const before = p.length;
      if (pullBridged(p) === null) assert.ok(p.length >= 14 && p.length <= Math.max(60, before - 2));
    };
    bundle.receive(Packet.of(bytes.subarray(at + 1, at + 1 + n)), out, lanes[frames % lanes.length]);
    at += 1 + n;
  }
  clock.advance(1000);
  assert.equal(clock.next(), null);
  assert.ok(whole <= frames && dropped <= 1200 * (frames + 1));
}

const FRAMES = [
  "80000000002145000014",
  "40000001aabbccdd",
  "c00000020031000100112233445566778899aabb0800",
  "c00000033120010011223344550a0b0c0d0e0f0806",
  "80000004",
  "c0000005c021010100040506",
  "8006213145",
  "400741",
].map((s) => unhex(s) ?? assert.fail(s));

export const target = {
  name: "multilink",
  seeds: [0, 1, 2, 3, 4, 7, 14].map((i) =>
    concat([Uint8Array.of(i), ...FRAMES.map((f) => concat([Uint8Array.of(f.length), f]))]),
  ),
  run,
};
