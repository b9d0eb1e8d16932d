// What a stranger would have to guess or to know, and how much a peer may hold.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader } from "../../src/core/bytes.ts";
import { randomId16 } from "../../src/core/rng.ts";
import { Secret } from "../../src/core/secret.ts";
import { response } from "../../src/l2tp/auth.ts";
import { Reliable } from "../../src/l2tp/reliable.ts";
import { decodeMessage, encodeMessage } from "../../src/l2tp/wire/avp.ts";
import type { Avps } from "../../src/l2tp/wire/avps.ts";
import { readControl, writeControl } from "../../src/l2tp/wire/header.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { config, Pair } from "./pair.ts";

test("an id is drawn from all 16 bits, is not 0, and is nobody else's", () => {
  const taken = new Set<number>();
  for (let i = 0; i < 3000; i++) taken.add(randomId16(nodeCrypto, (id) => taken.has(id)));
  assert.equal(taken.size, 3000);
  assert.ok(!taken.has(0));
  for (let bit = 0; bit < 16; bit++) {
    const set = [...taken].filter((id) => (id >> bit) & 1).length;
    assert.ok(set > 1000 && set < 2000, `bit ${bit}: ${set} of 3000`);
  }
});
test("tunnels and calls have such ids", () => {
  const p = new Pair();
  const tunnels = Array.from({ length: 5 }, () => p.connect());
  p.run(500);
  const cfg = { mru: 1400, sequencing: false };
  const calls = tunnels.flatMap((t) => Array.from({ length: 60 }, () => t.placeCall("incoming", cfg, p.a.callOwner())));
  const ids = calls.map((c) => c.id);
  assert.ok(new Set([...ids, ...tunnels.map((t) => t.id)]).size > 295 && !ids.includes(0));
  assert.ok(Math.max(...ids) - Math.min(...ids) > 0x8000);
  for (const t of tunnels) assert.equal(t.calls.size, 60, "each its own within the tunnel");
});

/** Bytes of a message that only acknowledges. */
const ZLB = 12;
/** A peer written by hand that calls b: what is sent to it, and its messages, which acknowledge all that has come. */
function caller(secret: Secret | null): { p: Pair; sccrp: () => Avps; say: (Ns: number, body: Uint8Array) => void } {
  const p = new Pair(config("lns", secret));
  const sent: Uint8Array[] = [];
  let Nr = 0;
  p.b.send = (m) => {
    sent.push(m);
    if (m.length > ZLB && readControl(new Reader(m)).header.Ns === Nr) Nr++;
  };
  const greeting = { protocolVersion: 0x100, hostName: "x", framingCapabilities: 3, assignedTunnelId: 7 };
  p.inject("b", writeControl({ tunnelId: 0, callId: 0, Ns: 0, Nr: 0 }, encodeMessage("SCCRQ", greeting)));
  const open = { crypto: nodeCrypto, secret: null };
  const read = (m: Uint8Array): Avps => decodeMessage(readControl(new Reader(m)).body, open).avps;
  const sccrp = (): Avps => read(sent[0] ?? assert.fail("no SCCRP"));
  const tunnelId = sccrp().assignedTunnelId ?? 0;
  return { p, sccrp, say: (Ns, body) => p.inject("b", writeControl({ tunnelId, callId: 0, Ns, Nr }, body)) };
}
test("with a tunnel_secret: no response, an empty one, another secret's, one for another message: no tunnel", () => {
  const secret = Secret.of("swordfish");
  const wrong: readonly ((c: Uint8Array) => Avps)[] = [
    () => ({}),
    () => ({ challengeResponse: new Uint8Array(0) }),
    () => ({ challengeResponse: new Uint8Array(16) }),
    (c) => ({ challengeResponse: response(nodeCrypto, "SCCCN", Secret.of("marlin"), c) }),
    (c) => ({ challengeResponse: response(nodeCrypto, "SCCRP", secret, c) }),
    (c) => ({
      challengeResponse: response(
        nodeCrypto,
        "SCCCN",
        secret,
        c.map((b) => b ^ 1),
      ),
    }),
    (c) => ({ challengeResponse: response(nodeCrypto, "SCCCN", secret, c).map((b, i) => (i === 15 ? b ^ 1 : b)) }),
  ];
  const good = (c: Uint8Array): Avps => ({ challengeResponse: response(nodeCrypto, "SCCCN", secret, c) });
  for (const [i, answer] of [...wrong, good].entries()) {
    const { p, sccrp, say } = caller(secret);
    say(1, encodeMessage("SCCCN", answer(sccrp().challenge ?? assert.fail("no challenge"))));
    p.run(2000);
    const up = p.b.said.some((x) => x.startsWith("up"));
    assert.equal(up, i === wrong.length, `answer ${i}`);
  }
});
test("a tunnel has a thousand calls and no more, and a queue that nobody empties ends it", () => {
  const { p, say } = caller(null);
  say(1, encodeMessage("SCCCN", {}));
  for (let i = 0; i < 1100; i++) say(2 + i, encodeMessage("ICRQ", { assignedCallId: i + 1, callSerialNumber: i }));
  assert.equal(p.b.channels.length, 1024);
  let silent = 0;
  const r = new Reliable(new VirtualClock(), { transmit: () => {}, deliver: () => {}, silent: () => void silent++ });
  for (let i = 0; i < 1000; i++) r.send(0, Uint8Array.of(1));
  assert.ok(silent > 0);
});
test("a half-open tunnel opens with an SCCCN: nothing else in its place makes one", () => {
  for (const body of [
    encodeMessage("ICRQ", { assignedCallId: 5, callSerialNumber: 1 }),
    encodeMessage("HELLO", {}),
    encodeMessage("SCCRP", { protocolVersion: 0x100, hostName: "x", framingCapabilities: 3, assignedTunnelId: 9 }),
  ]) {
    const { p, say } = caller(null);
    say(1, body);
    const { endpoint, said } = p.b;
    assert.deepEqual([[...endpoint.tunnels()].length, endpoint.counters.get("l2tp.early"), said], [0, 1, []]);
  }
});
test("who was called cannot place a call before the tunnel stands", () => {
  const p = new Pair();
  const t = p.connect();
  p.dark = true;
  p.run(100);
  const icrq = encodeMessage("ICRQ", { assignedCallId: 5, callSerialNumber: 1 });
  p.inject("a", writeControl({ tunnelId: t.id, callId: 0, Ns: 0, Nr: 0 }, icrq));
  p.run(100);
  assert.deepEqual([t.state, t.calls.size, p.a.channels.length], ["wait-ctl-reply", 0, 0]);
});
