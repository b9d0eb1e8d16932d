// What peers in the field do, what the RFC answers, and what an endpoint must not fall for.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Reader } from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { concat, hex } from "../../src/core/text.ts";
import { response } from "../../src/l2tp/auth.ts";
import { decodeMessage, encodeMessage } from "../../src/l2tp/wire/avp.ts";
import { readControl, writeControl } from "../../src/l2tp/wire/header.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { bytes, CALL, GOLD, Hand, LOST, sccrq, see, UNKNOWN } from "./hand.ts";
import { config, Pair } from "./pair.ts";

describe("xl2tpd's own bytes", () => {
  const [plain = [], authenticated = []] = readFileSync("test/golden/l2tp-xl2tpd.txt", "utf8")
    .split(/^##.*$/m)
    .slice(1)
    .map((part) =>
      part
        .trim()
        .split("\n")
        .map((l) => bytes(l.slice(2))),
    );

  test("every message is read, nothing in it is odd, and written again it is the same", () => {
    const all = [...plain, ...authenticated];
    assert.equal(all.length, 24);
    for (const datagram of all) {
      const m = see(datagram, GOLD);
      if (m.type === undefined) continue; // ZLB
      assert.ok(m.name !== undefined && m.unknown === null && m.misread.length === 0 && !m.opaque, hex(datagram));
      // Orders of AVPs differ; what is said does not.
      const again = see(writeControl(m.header, encodeMessage(m.name, m.avps as never)), GOLD);
      assert.deepEqual(again, m);
    }
    assert.deepEqual(
      plain.map((d) => see(d).name ?? "ZLB"),
      ["SCCRQ", "SCCRP", "SCCCN", "ICRQ", "ZLB", "ICRP", "ZLB", "ICCN", "ZLB", "CDN", "CDN", "ZLB", "ZLB"],
    );
  });
  test("its answers to challenges are ours", () => {
    const [q, p, c] = authenticated.map((d) => see(d).avps);
    assert.ok(q?.challenge && p?.challenge && p.challengeResponse && c?.challengeResponse);
    assert.deepEqual(response(nodeCrypto, "SCCRP", GOLD, q.challenge), p.challengeResponse);
    assert.deepEqual(response(nodeCrypto, "SCCCN", GOLD, p.challenge), c.challengeResponse);
  });
  test("cut at every byte", () => {
    for (const datagram of [...plain, ...authenticated]) {
      for (let n = 0; n < datagram.length; n++) assert.throws(() => see(datagram.subarray(0, n)), DecodeError);
    }
  });
  test("its caller gets a tunnel and a call from us", () => {
    const h = new Hand();
    const own = plain.filter((_, i) => [0, 2, 3, 7].includes(i)).map((d) => readControl(new Reader(d)));
    let call = 0;
    for (const { header, body } of own) {
      const answers = h.say(body.rest(), header.callId === 0 ? 0 : call);
      for (const a of answers) {
        h.tunnel ||= a.avps.assignedTunnelId ?? 0;
        call ||= a.avps.assignedCallId ?? 0;
        assert.equal(a.header.tunnelId, 0xdf4d);
      }
    }
    assert.deepEqual(h.side.said, ["up goldlac xelerance.com", "call up incoming"]);
    assert.equal(h.side.channels[0]?.peer, 0x902b);
  });
});

describe("hidden AVPs (§4.3)", () => {
  // Worked out apart from this code, from the RFC's formulas: secret gold-secret, random vector 00 01 .. 0f.
  const vector = "8016 0000 0024 000102030405060708090a0b0c0d0e0f";
  test("one block and two, against values worked out elsewhere", () => {
    const m = decodeMessage(
      new Reader(
        bytes(
          `8008 0000 0000 000a ${vector} c00a 0000 000e 5d4a9454 c026 0000 0015 ` +
            "7efc4e2beb4493a595824da9c6e590b51a73d74f953299aed3d1c5983d5c40b8",
        ),
      ),
      { crypto: nodeCrypto, secret: GOLD },
    );
    assert.deepEqual(
      [m.avps, m.unknown, m.opaque],
      [{ assignedCallId: 0x902b, calledNumber: "5551234567890123456789" }, null, false],
    );
  });
  test("from the first message on: the Host Name says whose secret it is", () => {
    const hidden = { hideAvps: true };
    const p = new Pair(config("lns", GOLD, hidden));
    const t = p.connect(config("lac", GOLD, hidden));
    p.run(200);
    t.placeCall("incoming", CALL, p.a.callOwner());
    p.run(200);
    assert.deepEqual(p.a.said, ["up lns test", "call up incoming"]);
    assert.equal(
      see(p.log[0]?.message ?? new Uint8Array(0)).avps.assignedTunnelId,
      undefined,
      "nobody else reads the id",
    );
  });
  test("with another secret, or none, no tunnel and no table entry", () => {
    for (const secret of [null, Secret.of("other")]) {
      const p = new Pair(config("lns", secret));
      p.connect(config("lac", GOLD, { hideAvps: true }));
      p.run(60_000);
      assert.equal(p.b.said.length, 0);
      assert.equal(p.b.endpoint.size, 0);
      assert.match(p.a.said.at(-1) ?? "", /^down/);
    }
  });
});

describe("beginnings", () => {
  test("an SCCRQ that is not the first message is none", () => {
    const h = new Hand();
    assert.deepEqual(h.raw(writeControl({ tunnelId: 0, callId: 0, Ns: 3, Nr: 0 }, sccrq(9))), []);
    assert.deepEqual([h.side.endpoint.size, h.side.endpoint.counters.get("l2tp.not-sccrq")], [0, 1]);
  });
  test("a peer that begins anew with the tunnel id it had is served anew", () => {
    const h = new Hand().open(5);
    h.say(encodeMessage("StopCCN", { assignedTunnelId: 5, resultCode: { result: 6 } }));
    const old = h.tunnel;
    h.begin();
    const [answer] = h.say(sccrq(5));
    assert.equal(answer?.name, "SCCRP");
    assert.notEqual(answer?.avps.assignedTunnelId, old);
    // A repeat of that one gets the same answer, and once there is a tunnel it is only acknowledged.
    h.begin();
    assert.deepEqual(
      h.say(sccrq(5)).map((m) => [m.name, m.avps.assignedTunnelId]),
      [["SCCRP", answer?.avps.assignedTunnelId]],
    );
    h.tunnel = answer?.avps.assignedTunnelId ?? 0;
    h.say(encodeMessage("SCCCN", {}));
    h.begin();
    assert.deepEqual(
      h.say(sccrq(5)).map((m) => m.name),
      [undefined],
    );
    assert.equal([...h.side.endpoint.tunnels()].length, 1);
  });
  test("an unknown mandatory AVP in an SCCRQ is answered, where we would answer at all", () => {
    const h = new Hand();
    const [stop] = h.say(concat([sccrq(5), UNKNOWN]));
    assert.deepEqual(
      [stop?.name, stop?.header.tunnelId, stop?.avps.resultCode?.result, stop?.avps.resultCode?.error],
      ["StopCCN", 5, 2, 8],
    );
    assert.equal(h.side.endpoint.size, 0);
    h.side.endpoint.acceptTunnel = () => null;
    h.begin();
    assert.deepEqual(h.say(concat([sccrq(5), UNKNOWN])), []);
  });
  test("an AVP with a reserved bit is an unknown one (§4.1)", () => {
    const h = new Hand();
    const [stop] = h.say(concat([sccrq(5), bytes("9008 0000 000a 0004")]));
    assert.equal(stop?.avps.resultCode?.error, 8);
    h.begin();
    assert.equal(h.say(concat([sccrq(6), bytes("1008 0000 000a 0004")]))[0]?.name, "SCCRP");
  });
  test("a refusal is acknowledged to the tunnel that it names", () => {
    const p = new Pair();
    p.b.endpoint.acceptTunnel = () => ({ refuse: "no" });
    p.connect();
    p.run(200);
    const stop = p.log.map((x) => ({ from: x.from, ...see(x.message) })).find((m) => m.name === "StopCCN");
    const last = see(p.log.at(-1)?.message ?? new Uint8Array(0));
    assert.deepEqual([last.type, last.header.tunnelId, last.header.Nr], [undefined, stop?.avps.assignedTunnelId, 1]);
  });
});

describe("calls that go wrong", () => {
  function asking(): { h: Hand; call: number } {
    const h = new Hand().open();
    [...h.side.endpoint.tunnels()][0]?.placeCall("incoming", CALL, h.side.callOwner());
    const icrq = h.said()[0];
    assert.equal(icrq?.name, "ICRQ");
    return { h, call: icrq.avps.assignedCallId ?? 0 };
  }
  test("an ICRP without an Assigned Call ID, or with 0, ends the call and no more", () => {
    for (const id of [{}, { assignedCallId: 0 }]) {
      const { h, call } = asking();
      const cdn = h.say(encodeMessage("ICRP", id as { assignedCallId: number }), call).find((m) => m.name === "CDN");
      assert.deepEqual(
        [cdn?.avps.resultCode?.result, cdn?.avps.resultCode?.error, cdn?.avps.assignedCallId],
        [2, 3, call],
      );
      assert.match(h.side.said.at(-1) ?? "", /^call down incomplete/);
      assert.equal([...h.side.endpoint.tunnels()][0]?.state, "established");
      assert.ok(h.side.channels[0]?.closed);
    }
  });
  test("an unknown mandatory AVP in an ICRP is answered with error 8", () => {
    const { h, call } = asking();
    const cdn = h
      .say(concat([encodeMessage("ICRP", { assignedCallId: 3 }), UNKNOWN]), call)
      .find((m) => m.name === "CDN");
    assert.deepEqual([cdn?.avps.resultCode?.result, cdn?.avps.resultCode?.error], [2, 8]);
    assert.match(h.side.said.at(-1) ?? "", /^call down unknown-mandatory/);
  });
  test("what an ICCN says of the caller is kept: proxy LCP and authentication", () => {
    const h = new Hand().open();
    const icrp = h
      .say(encodeMessage("ICRQ", { assignedCallId: 3, callSerialNumber: 1 }))
      .find((m) => m.name === "ICRP");
    const said = {
      txConnectSpeed: 56000,
      framingType: 2,
      proxyAuthenType: 3,
      proxyAuthenName: bytes("6a6f65"),
      lastSentConfreq: bytes("0104 05dc"),
      privateGroupId: bytes("01"),
    };
    h.say(encodeMessage("ICCN", said), icrp?.avps.assignedCallId);
    assert.deepEqual(h.side.calls[0]?.connected, said);
    assert.ok(h.side.events.some((e) => e.kind === "l2tp.call-up" && e.peerCall === 3));
    h.say(
      encodeMessage("WEN", {
        callErrors: { crc: 1, framing: 2, hardwareOverruns: 3, bufferOverruns: 4, timeouts: 5, alignment: 6 },
      }),
      icrp?.avps.assignedCallId,
    );
    const wen = (): string[] => h.side.events.flatMap((e) => (e.kind === "l2tp.wen" ? [e.errors] : []));
    const first =
      "1 CRC errors, 2 framing errors, 3 hardware overruns, 4 buffer overruns, 5 time-outs, 6 alignment errors";
    assert.deepEqual(wen(), [first]);
    const count = (timeouts: number): void => {
      const callErrors = { crc: 0, framing: 0, hardwareOverruns: 0, bufferOverruns: 0, timeouts, alignment: 0 };
      h.say(encodeMessage("WEN", { callErrors }), icrp?.avps.assignedCallId);
    };
    // Any number of them: once a minute in the log, the last one in status; and what is not new is no news.
    for (let i = 10; i < 100; i++) count(i);
    assert.deepEqual([wen().length, h.side.calls[0]?.lineErrors], [1, "99 time-outs"]);
    h.clock.advance(60_000);
    count(99);
    assert.equal(wen().length, 1);
    count(100);
    assert.deepEqual(wen(), [first, "100 time-outs"]);
    count(0);
    assert.equal(h.side.calls[0]?.lineErrors, "");
  });
  test("the flow is gone: calls and tunnel end without a packet, a timer or a table entry", () => {
    const h = new Hand().open();
    [...h.side.endpoint.tunnels()][0]?.placeCall("incoming", CALL, h.side.callOwner());
    h.said();
    h.side.endpoint.dropFlow(2, LOST);
    assert.equal(h.side.endpoint.size, 1);
    h.side.endpoint.dropFlow(1, LOST);
    assert.deepEqual(
      h.side.said.slice(1).map((s) => s.split(":")[0]),
      ["call down expired", "down expired"],
    );
    h.clock.advance(100_000);
    assert.deepEqual([h.said(), h.side.endpoint.size, h.clock.pending()], [[], 0, []]);
  });
});

describe("floods", () => {
  test("data of no call costs a counter and nothing else", () => {
    const h = new Hand().open();
    const events = h.side.events.length;
    for (let i = 0; i < 1000; i++) h.raw(bytes("0002 0001 0002 ff03c021"));
    assert.deepEqual([h.side.endpoint.counters.get("l2tp.unknown-call"), h.side.events.length], [1000, events]);
  });
  test("a peer that is odd in a thousand ways is told of ten times a second", () => {
    const h = new Hand();
    for (let i = 0; i < 1000; i++)
      h.raw(
        bytes(
          `c802 000c 00${((i % 100) + 16).toString(16).padStart(2, "0")} 0000 0000 0000`.slice(
            0,
            i % 2 === 0 ? 20 : 34,
          ),
        ),
      );
    assert.equal(h.side.events.filter((e) => e.kind === "peer.bad").length, 10);
    assert.equal(h.side.endpoint.counters.get("l2tp.quiet"), 990);
    h.clock.advance(1000);
    h.raw(bytes("c802"));
    assert.equal(h.side.events.filter((e) => e.kind === "peer.bad").length, 11);
  });
});

describe("RFC 2661 appendix B", () => {
  test("B.1: lock-step tunnel establishment", () => {
    const p = new Pair();
    p.connect();
    p.run(200);
    assert.deepEqual(
      p.log.map(({ from, message }) => [
        from,
        see(message).name ?? "ZLB",
        see(message).header.Nr,
        see(message).header.Ns,
      ]),
      [
        ["a", "SCCRQ", 0, 0],
        ["b", "SCCRP", 1, 0],
        ["a", "SCCCN", 1, 1],
        ["b", "ZLB", 2, 1],
      ],
    );
  });
  test("B.2: a lost ICRP", () => {
    const p = new Pair();
    const t = p.connect();
    p.run(200);
    const from = p.log.length;
    t.placeCall("incoming", CALL, p.a.callOwner());
    p.run(5);
    p.dark = true; // the ICRQ is on its way; what answers it is lost
    p.run(50);
    p.dark = false;
    p.run(3000);
    const said = p.log
      .slice(from)
      .map(({ from, message }) => [from, see(message).name ?? "ZLB", see(message).header.Nr, see(message).header.Ns]);
    assert.deepEqual(said, [
      ["a", "ICRQ", 1, 2],
      ["b", "ICRP", 3, 1],
      ["a", "ICRQ", 1, 2],
      ["b", "ICRP", 3, 1],
      ["b", "ZLB", 3, 2],
      ["a", "ICCN", 2, 3],
      ["b", "ZLB", 4, 2],
    ]);
    assert.equal(p.a.said.at(-1), "call up incoming");
  });
});
