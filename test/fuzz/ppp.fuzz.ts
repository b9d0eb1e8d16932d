// PPP before and behind authentication: the first byte chooses a phase, the rest is frames, each behind a length byte.
import assert from "node:assert/strict";
import { Secret } from "../../src/core/secret.ts";
import { concat, unhex } from "../../src/core/text.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import { PROTOCOL } from "../../src/ppp/frame.ts";
import { CLIENT, type Script, SERVER, type Side, scripted } from "../ppp/pair.ts";
import type { VirtualClock } from "../sim/virtual-clock.ts";

type Rig = { clock: VirtualClock; side: Side; peer: Script };
function opened(r: Rig, options: string): Rig {
  r.peer.agree(PROTOCOL.lcp);
  r.side.session.start();
  r.peer.say(PROTOCOL.lcp, 1, 1, unhex(options) ?? new Uint8Array(0));
  return r;
}
/**
 * Nobody can know this password: the frames below say alice's, and a mutation that lets them in would be right to.
 */
const locked = (cfg: PppConfig): Rig =>
  scripted(cfg, { secretOf: () => Secret.of("a password of no frame, nor near one") });
/** The last ones get past authentication: nobody asks for any, or alice's password is right. */
const PHASES: readonly { readonly rig: () => Rig; readonly locked: boolean }[] = [
  { locked: true, rig: () => locked({ ...SERVER, require: ["mschapv2", "chap", "pap"] }) },
  { locked: true, rig: () => opened(locked({ ...SERVER, require: ["pap"] }), "") },
  { locked: true, rig: () => opened(locked({ ...SERVER, require: ["chap"] }), "") },
  { locked: true, rig: () => opened(locked({ ...SERVER, require: ["mschapv2"] }), "") },
  { locked: true, rig: () => opened(locked({ ...SERVER, require: ["mschap"] }), "") },
  { locked: true, rig: () => opened(locked({ ...SERVER, require: ["eap"] }), "") },
  { locked: true, rig: () => opened(locked({ ...CLIENT, require: ["chap"] }), "0305c22381") },
  { locked: false, rig: () => opened(scripted({ ...CLIENT, identity: null }), "") },
  { locked: false, rig: () => opened(scripted({ ...SERVER, require: [] }), "") },
  { locked: false, rig: () => opened(scripted({ ...SERVER, require: ["pap"] }), "") },
];

function run(bytes: Uint8Array): void {
  const phase = PHASES[(bytes[0] ?? 0) % PHASES.length];
  if (!phase) return;
  const { clock, side, peer } = phase.rig();
  if (side.session.status().phase === "dead") side.session.start();
  let frames = 0;
  for (let at = 1; at < bytes.length; frames++) {
    const n = bytes[at] as number;
    if (n === 255) clock.advance(3000);
    else side.channel.deliver(bytes.subarray(at + 1, at + 1 + n));
    at += n === 255 ? 1 : 1 + n;
  }
  if (phase.locked) assert.deepEqual([side.ups.length, side.admitted.length], [0, 0], "in without a password");
  assert.ok(peer.seen.length <= 60 + 12 * frames, "answers out of proportion");
  assert.ok(side.events.length <= 60 + 2 * frames, "log flood");
  side.session.stop({ layer: "config", code: "stopped", text: "" });
  clock.advance(120_000);
  assert.deepEqual([side.downs.length, clock.pending()], [1, []]);
}

// Packets as pppd, Windows and SoftEther send them.
const FRAMES = [
  "ff03c021010100140206000000000506 8a2b3c4d07020802", // pppd: ACCM, magic, PFC, ACFC
  "ff03c02101000015010405780506 1a2b3c4d070208020d0306", // Windows: MRU, magic, PFC, ACFC, callback
  "c0210101000c0304c2270104057e", // SoftEther: EAP first
  "c0210102000b0305c22381 010405dc",
  "ff03c02309010001 00",
  "c02301010014 05616c6963650a776f6e6465726c616e64",
  "c2230101001810000102030405060708090a0b0c0d0e0f6c6e73",
  "c22302 01003a 31".concat("00".repeat(49), "616c696365"),
  "c2230301002e533d343037413535383931313546443044363230394635313046453943303435363639333243444135362e",
  "c2270200000a01616c696365",
  "c22702010016041000000000000000000000000000000000",
  "c227020100060304",
  "c22702020006031a",
  "c227020300061a03",
  "80210101000a0306000000008106000000008306 00000000",
  "8021010100100206002d0f010306c0a80001",
  "80570101000e010a0211 22fffe334455",
  "80fd0101000a120601000060",
  "c0210c0200184d535241535635 2e3230",
  "c0210901000800000000",
  "c0210502000462796500",
].map((s) => unhex(s.replace(/ /g, "")) ?? assert.fail(s));

export const target = {
  name: "ppp",
  seeds: PHASES.map((_, i) => concat([Uint8Array.of(i), ...FRAMES.map((f) => concat([Uint8Array.of(f.length), f]))])),
  run,
};
