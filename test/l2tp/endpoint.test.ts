import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Reader } from "../../src/core/bytes.ts";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import type { CallKind } from "../../src/l2tp/api.ts";
import { response } from "../../src/l2tp/auth.ts";
import { Reliable } from "../../src/l2tp/reliable.ts";
import { decodeMessage } from "../../src/l2tp/wire/avp.ts";
import { readControl } from "../../src/l2tp/wire/header.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { seededRng } from "../sim/simnet.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CALL, names, raw, STOP, without } from "./messages.ts";
import { config, Pair, remote } from "./pair.ts";

describe("tunnel and calls", () => {
  test("SCCRQ to goodbye, with an incoming and an outgoing call", () => {
    const p = new Pair();
    const t = p.connect();
    p.run(200);
    assert.deepEqual([p.a.said, p.b.said], [["up lns test"], ["up lac test"]]);
    const call = t.placeCall("incoming", { ...CALL, sequencing: true }, p.a.callOwner());
    p.run(200);
    const out = t.placeCall("outgoing", CALL, p.a.callOwner());
    p.run(200);
    assert.deepEqual(without(names(p), "ZLB"), [
      "a SCCRQ",
      "b SCCRP",
      "a SCCCN",
      "a ICRQ",
      "b ICRP",
      "a ICCN",
      "a OCRQ",
      "b OCRP",
      "b OCCN",
    ]);
    assert.deepEqual(p.a.said.slice(1), ["call up incoming", "call up outgoing"]);
    assert.deepEqual(p.b.said.slice(1), ["call up incoming", "call up outgoing"]);
    const [bIn, bOut] = p.b.calls;
    assert.deepEqual([bIn?.peerId, call.peerId, bOut?.peerId, out.peerId], [call.id, bIn?.id, out.id, bOut?.id]);
    assert.deepEqual([p.a.channels[0]?.peer, p.b.channels[0]?.peer], [bIn?.id, call.id]);
    assert.equal(p.b.channels[0]?.sequenced, true, "Sequencing Required binds the other side");
    call.setLinkInfo(0xa0000, 7);
    bIn?.sendWanErrors({ crc: 3, framing: 0, hardwareOverruns: 0, bufferOverruns: 0, timeouts: 0, alignment: 0 });
    p.run(200);
    assert.ok(p.b.said.includes("sli 655360 7") && call.lineErrors === "3 CRC errors");
    call.close(STOP);
    p.run(200);
    assert.ok(p.b.said.some((s) => /^call down call-refused: the peer ended the call: result 3/.test(s)));
    assert.ok(p.a.channels[0]?.closed && p.b.channels[0]?.closed);
    const before = names(p).length;
    t.close(STOP);
    p.run(200);
    assert.deepEqual(
      without(names(p).slice(before), "ZLB"),
      ["a CDN", "a StopCCN"],
      "the call that is left says goodbye first",
    );
    assert.match(p.a.said.at(-1) ?? "", /^down stopped/);
    assert.match(p.b.said.at(-1) ?? "", /^down peer-closed: the peer closed the control connection: result 6/);
    assert.equal(p.b.said.filter((s) => s.startsWith("call down")).length, 2);
    p.run(40_000);
    assert.deepEqual([p.a.endpoint.size, p.b.endpoint.size, p.clock.pending()], [0, 0, []]);
  });
  test("the channel is there before the message that lets the peer talk", () => {
    const p = new Pair();
    const t = p.connect();
    p.run(200);
    t.placeCall("incoming", CALL, p.a.callOwner());
    assert.equal(p.a.channels.length, 1);
    p.run(11); // ICRQ arrived, ICRP is under way
    assert.equal(p.b.channels.length, 1);
  });
  test("a refused call and a refused tunnel say why", () => {
    const p = new Pair();
    p.b.onCall = "refuse";
    const t = p.connect();
    p.run(200);
    t.placeCall("incoming", CALL, p.a.callOwner());
    p.run(200);
    assert.match(p.a.said.at(-1) ?? "", /call down call-refused: the peer refused the call: result 3: .*"not today"/);
    p.b.endpoint.acceptTunnel = () => ({ refuse: "no room" });
    p.connect();
    p.run(200);
    assert.match(p.a.said.at(-1) ?? "", /down refused: the peer refused the control connection: result 4: .*"no room"/);
    p.b.endpoint.acceptTunnel = () => null;
    p.connect();
    p.run(40_000);
    assert.match(p.a.said.at(-1) ?? "", /down peer-silent/);
    assert.ok(p.b.endpoint.counters.get("l2tp.unwanted") >= 5);
  });
  test("tunnel authentication, hidden AVPs, and what goes wrong with them", () => {
    const secret = Secret.of("both");
    for (const hideAvps of [false, true]) {
      const p = new Pair(config("lns", secret, { hideAvps }));
      const t = p.connect(config("lac", secret, { hideAvps: false }));
      p.run(200);
      assert.deepEqual(p.a.said, ["up lns test"]);
      t.placeCall("incoming", CALL, p.a.callOwner());
      p.run(200);
      assert.equal(p.a.said[1], "call up incoming");
      assert.equal(
        p.log.some(({ message }) => (message[12 + 8] ?? 0) === 0x80 && (message[12 + 13] ?? 0) === 36),
        hideAvps,
      );
    }
    const cases: [Secret | null, Secret | null, RegExp][] = [
      [Secret.of("one"), Secret.of("two"), /tunnel_secrets differ/],
      [null, Secret.of("two"), /no tunnel_secret is set/],
      [Secret.of("one"), null, /refused/],
    ];
    for (const [a, b, why] of cases) {
      const p = new Pair(config("lns", b));
      p.connect(config("lac", a));
      p.run(3000);
      assert.match(p.a.said.join(), why);
      assert.ok(!p.a.said.some((s) => s.startsWith("up")));
      assert.ok(!p.b.said.some((s) => s.startsWith("up")));
    }
  });
  test("tunnel authentication relayed to ourselves: our client does not answer for our server, nor the reverse", () => {
    const secret = Secret.of("both");
    for (const same of [true, false]) {
      // Each message goes out as if it came from the one in between.
      const p = new Pair(config("lns", secret));
      const server = same ? p.a : p.b;
      p.a.endpoint.acceptTunnel = () => ({ cfg: config("lns", secret), owner: p.a.owner() });
      p.a.send = (m, to) =>
        void p.clock
          .timer("wire", () => {
            if (to.key === "relay as server") server.plane.onControl(remote("relay as client"), Packet.of(m));
            else p.a.plane.onControl(remote("relay as server"), Packet.of(m));
          })
          .arm(10);
      p.b.send = (m) =>
        void p.clock.timer("wire", () => p.a.plane.onControl(remote("relay as server"), Packet.of(m))).arm(10);
      p.a.endpoint.connect(remote("relay as server"), config("lac", secret), p.a.owner());
      p.run(5000);
      if (same) assert.ok(!p.a.said.some((s) => s.startsWith("up")) && p.a.said.length > 0, p.a.said.join());
      else assert.deepEqual([p.a.said, p.b.said], [["up lns test"], ["up lac test"]]);
      if (same) assert.ok(p.a.events.some((e) => e.kind === "peer.bad" && /this daemon's own challenge/.test(e.what)));
    }
  });
  test("an SCCRP with a challenge that a half-open tunnel of ours was asked with is refused", () => {
    const secret = Secret.of("both");
    const p = new Pair(config("lns", secret));
    const asked: Uint8Array[] = [];
    p.a.endpoint.acceptTunnel = () => ({ cfg: config("lns", secret), owner: p.a.owner() });
    p.a.send = (m, to) => {
      const { challenge, assignedTunnelId = 0 } = decodeMessage(readControl(new Reader(m)).body, {
        crypto: nodeCrypto,
        secret: null,
      }).avps;
      if (to.key === "caller" && challenge) asked.push(challenge);
      if (to.key !== "server" || !challenge || !asked[0]) return;
      const sccrp = {
        protocolVersion: 0x100,
        framingCapabilities: 3,
        hostName: "x",
        assignedTunnelId: 9,
        challenge: asked[0],
        challengeResponse: response(nodeCrypto, "SCCRP", secret, challenge),
      };
      p.a.plane.onControl(
        remote("server"),
        Packet.of(raw("SCCRP", sccrp, { tunnelId: assignedTunnelId, Ns: 0, Nr: 1 })),
      );
    };
    p.inject(
      "a",
      raw(
        "SCCRQ",
        { protocolVersion: 0x100, hostName: "x", framingCapabilities: 3, assignedTunnelId: 7 },
        { tunnelId: 0, Ns: 0, Nr: 0 },
      ),
      "caller",
    );
    assert.equal(asked.length, 1);
    p.a.endpoint.connect(remote("server"), config("lac", secret), p.a.owner());
    p.run(2000);
    assert.match(p.a.said.at(-1) ?? "", /^down auth-reflected/);
  });
  test("HELLO after silence, and a peer that died", () => {
    const p = new Pair();
    const t = p.connect(config("lac", null, { helloSeconds: 20 }));
    p.run(1000);
    t.placeCall("incoming", CALL, p.a.callOwner());
    p.run(100_000);
    assert.ok(names(p).filter((n) => n === "a HELLO").length >= 4);
    p.dark = true;
    p.run(70_000);
    assert.match(p.a.said.at(-1) ?? "", /down peer-silent/);
  });
  test("what came by a call is a sign of life as good as a message (§5.5): no HELLO until that ends", () => {
    const p = new Pair();
    const t = p.connect(config("lac", null, { helloSeconds: 20 }));
    p.run(1000);
    t.placeCall("incoming", CALL, p.a.callOwner());
    p.run(1000);
    let last = Infinity;
    const channel = p.a.channels[0] ?? assert.fail("no channel");
    channel.heard = () => Math.floor(Math.min(p.clock.now(), last) / 15_000);
    const hellos = (): number => names(p).filter((n) => n === "a HELLO").length;
    p.run(200_000);
    assert.equal(hellos(), 0);
    last = p.clock.now();
    p.run(100_000);
    assert.ok(hellos() >= 3, `${hellos()}`);
  });
  test("teardown ends within a second when nobody answers", () => {
    const p = new Pair();
    const t = p.connect();
    p.run(200);
    t.placeCall("incoming", CALL, p.a.callOwner());
    p.run(200);
    p.dark = true;
    t.close(STOP);
    p.run(1000);
    assert.match(p.a.said.at(-1) ?? "", /^down stopped/);
  });
  test("tie breakers: of two tunnels towards each other one remains", () => {
    for (const both of [true, false]) {
      const p = new Pair();
      p.a.endpoint.acceptTunnel = () => ({ cfg: config("a-lns"), owner: p.a.owner() });
      p.b.endpoint.acceptTunnel = () => ({ cfg: config("b-lns"), owner: p.b.owner() });
      const tie = { tieBreaker: true };
      p.a.endpoint.connect(remote("peer"), config("a", null, tie), p.a.owner());
      p.b.endpoint.connect(remote("peer"), config("b", null, both ? tie : {}), p.b.owner());
      p.run(60_000);
      const up = [...p.a.endpoint.tunnels()].filter((t) => t.state === "established").length;
      assert.equal(up, 1, both ? "both" : "one");
      assert.equal([...p.b.endpoint.tunnels()].filter((t) => t.state === "established").length, 1);
    }
  });
});

describe("reliable delivery", () => {
  test("whatever the network does, messages arrive in order and once", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.nat(30), fc.nat(40), (seed, loss, count) => {
        const clock = new VirtualClock();
        const rng = seededRng(seed);
        const got: { a: number[]; b: number[] } = { a: [], b: [] };
        const ends: { a?: Reliable; b?: Reliable } = {};
        const wire =
          (to: "a" | "b") =>
          (m: Uint8Array): void => {
            for (let i = 0; i < (rng.uniform() < 0.1 ? 2 : 1); i++) {
              if (rng.uniform() * 100 < loss) continue;
              clock
                .timer("wire", () => {
                  const { header, body } = readControl(new Reader(m));
                  ends[to]?.receive(header, body.rest());
                })
                .arm(5 + rng.uniform() * 400);
            }
          };
        for (const [me, other] of [
          ["a", "b"],
          ["b", "a"],
        ] as const) {
          ends[me] = new Reliable(clock, {
            transmit: wire(other),
            deliver: (_, b) => void got[me].push(b[0] as number),
            silent: () => {},
          });
          ends[me].setPeerWindow(1 + Math.floor(rng.uniform() * 16));
        }
        for (let i = 0; i < count; i++) {
          ends.a?.send(0, Uint8Array.of(i));
          ends.b?.send(0, Uint8Array.of(i));
        }
        clock.advance(4_000_000);
        const want = Array.from({ length: count }, (_, i) => i);
        for (const me of ["a", "b"] as const) {
          // With loss a sender may give up; what did arrive is a clean prefix.
          assert.deepEqual(got[me], want.slice(0, got[me].length));
          if (loss === 0) assert.equal(got[me].length, count);
        }
      }),
      { numRuns: 60 },
    );
  });
  test("slow start to the threshold, then one more for each full window; a loss starts over (Appendix A)", () => {
    const clock = new VirtualClock();
    const sent: number[] = [];
    const r = new Reliable(clock, {
      transmit: (m) => void sent.push(readControl(new Reader(m)).header.Ns),
      deliver: () => {},
      silent: () => {},
    });
    r.setPeerWindow(8);
    for (let i = 0; i < 100; i++) r.send(0, Uint8Array.of(1));
    const ack = (Nr: number): void => r.receive({ tunnelId: 1, callId: 0, Ns: 0, Nr }, new Uint8Array(0));
    assert.equal(sent.length, 1);
    ack(1);
    assert.equal(sent.length, 3, "two in flight");
    ack(3);
    assert.equal(sent.length, 7, "four");
    ack(7);
    assert.equal(r.window, 8);
    assert.equal(sent.length, 15);
    clock.advance(1000);
    assert.deepEqual([sent.at(-1), r.window], [7, 1]);
    ack(8);
    assert.equal(r.window, 2);
  });
  test("silence: 1, 2, 4, 8, 8 seconds, then the tunnel fails", () => {
    const p = new Pair();
    p.dark = true;
    p.connect();
    const at: number[] = [];
    for (let i = 0; i < 400; i++) {
      const n = p.log.length;
      p.run(100);
      if (p.log.length > n) at.push(p.clock.now() / 1000);
    }
    assert.deepEqual(
      at.map((x) => Math.round(x)),
      [1, 3, 7, 15, 23],
    );
    assert.match(p.a.said.at(-1) ?? "", /peer-silent/);
  });
  test("a tunnel and a call under loss, reordering and duplication", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.constantFrom(0, 0.1, 0.25),
        fc.constantFrom<CallKind>("incoming", "outgoing"),
        (seed, loss, kind) => {
          const p = new Pair(config("lns"), seed);
          p.weather = { loss, duplicate: 0.2, jitter: 300 };
          const t = p.connect();
          p.run(120_000);
          if (!p.a.said[0]?.startsWith("up")) return assert.ok(loss > 0); // five losses in a row do happen
          if (t.state !== "established") return;
          t.placeCall(kind, CALL, p.a.callOwner());
          p.run(120_000);
          const up = p.a.said.filter((s) => s.startsWith("call up")).length;
          assert.ok(up === 1 || loss > 0, p.a.said.join("; "));
          assert.ok(p.b.said.filter((s) => s.startsWith("up")).length <= 1, "one SCCRQ, one tunnel");
        },
      ),
      { numRuns: 40 },
    );
  });
});
