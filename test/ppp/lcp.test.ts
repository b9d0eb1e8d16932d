// LCP in a session: what is asked for, what is answered, and how it ends.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concat, hex, utf8 } from "../../src/core/text.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import { be16, be32, writePacket } from "../../src/ppp/cp.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, CODE, PROTOCOL, type Script, Side, scripted } from "./pair.ts";
import { AUTH_OPTION, chap, client, h, ipcp, lcp, loggedIn, server, up } from "./peers.ts";

describe("LCP negotiation", () => {
  const open = (cfg: PppConfig = { ...CLIENT, identity: null }) => {
    const r = scripted(cfg);
    r.side.session.start();
    return r;
  };
  test("what we ask for, to the byte", () => {
    const { peer } = open();
    assert.match(hex(peer.seen[0]?.body ?? new Uint8Array(0)), /^01040578020600000000(0506[0-9a-f]{8})07020802$/);
  });
  test("callback, multilink and unknown options: one Configure-Reject with exactly these, unchanged", () => {
    const { side, peer } = open();
    peer.say(lcp, 1, 4, h("0104 0578 0d03 06 1104 05dc 1305 03 0102 0506 01020304 1202 ee03 99"));
    assert.deepEqual(
      [peer.last(lcp, 4)?.id, hex(peer.last(lcp, 4)?.body ?? h(""))],
      [4, "0d03061104 05dc1305030102 1202 ee0399".replace(/ /g, "")],
    );
    assert.deepEqual(
      side.events.filter((e) => e.kind === "ppp.rejected").map((e) => e.what),
      [
        "LCP option: callback",
        "LCP option: multilink",
        "LCP option: multilink endpoint",
        "LCP option: multilink short sequence",
        "LCP option: unknown",
      ],
    );
  });
  test("wrong lengths and illegal values are Nak'd with what would do; after Max-Failure rejected", () => {
    const { peer } = open();
    for (let id = 1; id <= 6; id++) {
      peer.say(lcp, 1, id, h("0103 05 0203 00 0506 00000000 0703 01"));
      const naks = peer.options(lcp, CODE.configureNak).map((o) => [o.type, o.data.length]);
      assert.deepEqual(naks, [
        [1, 2],
        [2, 4],
        [5, 4],
        [7, 0],
      ]);
      assert.equal(peer.last(lcp, CODE.configureReject) === undefined, id <= 5, `request ${id}`);
    }
    assert.equal(
      hex(peer.last(lcp, CODE.configureReject)?.body ?? h("")),
      "0103050203000506000000000703 01".replace(/ /g, ""),
    );
  });
  test("an option repeated in one request is rejected", () => {
    const { peer } = open();
    peer.say(lcp, 1, 4, h("0104 0578 0104 0400"));
    assert.equal(hex(peer.last(lcp, 4)?.body ?? h("")), "01040400");
  });
  test("an Ack of other options, or of another request, changes nothing", () => {
    const { side, peer } = open();
    const asked = peer.seen[0] ?? assert.fail("nothing sent");
    peer.say(lcp, 2, asked.id, asked.body.subarray(0, 4));
    peer.say(lcp, 2, (asked.id + 1) & 255, asked.body);
    peer.say(lcp, 4, asked.id, h("0304c023"));
    assert.equal(side.session.status().lcp, "req-sent");
    peer.say(lcp, 2, asked.id, asked.body);
    peer.say(lcp, 2, asked.id, asked.body);
    assert.equal(side.session.status().lcp, "ack-rcvd", "a repeated Ack is stale, not crossed");
  });
  test("a peer that rejects all we ask for still gets a link, with the RFC's defaults", () => {
    const { side, peer } = open();
    peer.react = (p) => {
      if (p.code === 1 && p.protocol === lcp) peer.say(lcp, p.body.length > 0 ? 4 : 2, p.id, p.body);
    };
    peer.react(peer.seen[0] ?? assert.fail("nothing sent"));
    peer.say(lcp, 1, 1);
    assert.deepEqual([side.session.status().phase, side.session.status().mru], ["network", 1500]);
    assert.deepEqual(side.channel.links.at(-1), {
      sendAccm: 0xffffffff,
      recvAccm: 0xffffffff,
      pfc: false,
      acfc: false,
      mtu: 1400,
      echo: { magic: 0, longest: 1500 },
    });
  });
  test("a peer that Naks forever is given up, after a bounded number of requests", () => {
    const { clock, side, peer } = open();
    peer.react = (p) => {
      if (p.code === 1 && p.protocol === lcp) peer.say(lcp, 3, p.id, h("0104 0400 0506 00000001"));
    };
    clock.advance(60_000);
    assert.equal(side.downs[0]?.code, "not-converging");
    assert.ok(peer.seen.length < 40, `${peer.seen.length} packets`);
  });
  test("a silent peer: ten requests, thirty seconds", () => {
    const { clock, side, peer } = open();
    clock.advance(29_999);
    assert.deepEqual([side.downs.length, peer.seen.length, new Set(peer.seen.map((p) => p.id)).size], [0, 10, 1]);
    clock.advance(1);
    assert.deepEqual([side.downs[0]?.code, clock.pending()], ["lcp-timeout", []]);
  });
  test("a peer that answers but never agrees is given up after a minute", () => {
    const { clock, side, peer } = open();
    peer.agree(lcp);
    for (let i = 0; i < 100 && side.downs.length === 0; i++) {
      peer.say(lcp, 1, i, h("0d03 06"));
      clock.advance(1000);
    }
    assert.equal(side.downs[0]?.code, "lcp-failed");
  });
  test("our own frames come back: a loop, by magic number", () => {
    const clock = new VirtualClock();
    const side = new Side(clock, { ...CLIENT, identity: null });
    side.channel.out = (f) => clock.timer("wire", () => side.channel.deliver(f)).arm(1);
    side.session.start();
    clock.advance(20_000);
    assert.deepEqual([side.downs.map((d) => d.code), side.ups], [["loop"], []]);
  });
  test("a loop that begins when the link is up is found by echoes", () => {
    const { clock, side } = up({ echo: { failures: 5, intervalSeconds: 10 } });
    side.channel.out = (f) => clock.timer("wire", () => side.channel.deliver(f)).arm(1);
    clock.advance(60_000);
    assert.equal(side.downs[0]?.code, "loop");
  });
  test("a peer that ends the session in the middle of negotiation is believed soon", () => {
    const { clock, side, peer } = open();
    peer.say(lcp, CODE.terminateRequest, 1, utf8("no free\u0007 lines"));
    assert.equal(peer.last(lcp, CODE.terminateAck)?.id, 1);
    clock.advance(14_000);
    assert.deepEqual(
      [side.downs[0]?.code, side.downs[0]?.text],
      ["peer-terminated", 'the peer ended the PPP session: "no free lines"'],
    );
  });
  test("a peer that begins anew after our Terminate-Ack has seen it: no waiting for that any more", () => {
    const { clock, side, peer } = up();
    peer.say(lcp, CODE.terminateRequest, 1);
    clock.advance(200);
    assert.equal(side.downs.length, 0);
    peer.request(lcp, 2, []);
    assert.deepEqual(
      side.downs.map((d) => d.code),
      ["peer-terminated"],
    );
  });
  test("a lower layer that goes after a Terminate-Request does not hide who ended the session", () => {
    const { side, peer } = up();
    peer.say(lcp, CODE.terminateRequest, 1, utf8("idle"));
    side.session.lowerDown({ layer: "l2tp", code: "call-refused", text: "call ended" });
    assert.deepEqual(
      side.downs.map((d) => [d.code, d.text]),
      [["peer-terminated", 'the peer ended the PPP session: "idle"']],
    );
    const early = open();
    early.peer.say(lcp, CODE.terminateRequest, 1, utf8("busy"));
    early.side.session.lowerDown({ layer: "l2tp", code: "call-refused", text: "call ended" });
    assert.match(early.side.downs[0]?.text ?? "", /busy/);
  });
  test("a method that we turn down in a renegotiation is what the failure names", () => {
    const { clock, side, peer } = client(AUTH_OPTION.chap);
    peer.request(lcp, 2, [{ type: 3, data: h("c027") }]);
    assert.equal(side.session.status().phase, "establish");
    peer.say(lcp, CODE.terminateRequest, 3);
    clock.advance(20_000);
    assert.equal(side.downs[0]?.code, "no-common-auth");
    assert.match(side.downs[0]?.text ?? "", /SPAP/);
  });
  test("compressed headers for all but LCP, once agreed on; full ones again when LCP starts anew", () => {
    const { side, peer } = scripted({ ...CLIENT, identity: null });
    const raw: string[] = [];
    peer.agree(lcp);
    const out = side.channel.out;
    side.channel.out = (f) => {
      raw.push(hex(f.subarray(0, 4)));
      out(f);
    };
    side.session.start();
    peer.say(lcp, 1, 1, h("0702 0802"));
    assert.match(raw.at(-1) ?? "", /^802101/);
    peer.say(lcp, CODE.echoRequest, 1, be32(1));
    assert.equal(raw.at(-1), "ff03c021");
    assert.equal(side.channel.links.at(-1)?.acfc, true);
    peer.say(lcp, 1, 2, h(""));
    assert.deepEqual(
      side.channel.links.map((l) => l.acfc),
      [true, false, false],
    );
    assert.equal(raw.at(-1), "ff038021");
  });
  test("frames that overtake start are kept, a few of them", () => {
    const { side, peer } = scripted({ ...CLIENT, identity: null });
    for (let i = 0; i < 10; i++) peer.request(lcp, 1, [{ type: 5, data: be32(77) }]);
    assert.deepEqual([peer.seen.length, side.session.drops()["ppp.before-start"]], [0, 6]);
    side.session.start();
    assert.ok(peer.last(lcp, CODE.configureAck));
  });
  test("code and protocol rejects, echo, identification", () => {
    const { side, peer } = up();
    peer.say(lcp, 77, 5, h("0102"));
    assert.equal(hex(peer.last(lcp, CODE.codeReject)?.body ?? h("")), "4d0500060102");
    peer.say(lcp, CODE.echoRequest, 6, h("11223344 abcd"));
    const reply = peer.last(lcp, CODE.echoReply);
    assert.deepEqual([reply?.id, hex(reply?.body.subarray(4) ?? h(""))], [6, "abcd"]);
    for (const [protocol, body] of [
      [PROTOCOL.ipv6cp, "01010004"],
      [PROTOCOL.ccp, "01010004"],
    ] as const) {
      peer.say(protocol, 1, 1);
      assert.equal(hex(peer.last(lcp, CODE.protocolReject)?.body ?? h("")), protocol.toString(16) + body);
    }
    for (let i = 0; i < 9; i++) peer.say(lcp, CODE.identification, i, concat([be32(1), utf8("MSRASV5.20\u0000")]));
    assert.deepEqual(
      side.events.filter((e) => e.kind === "ppp.identification").map((e) => e.text),
      Array(4).fill("MSRASV5.20"),
    );
    const seen = peer.seen.length;
    for (const code of [CODE.discardRequest, CODE.timeRemaining, CODE.echoReply]) peer.say(lcp, code, 9, be32(1));
    peer.say(lcp, CODE.echoRequest, 9, h("112233"));
    assert.equal(peer.seen.length, seen);
    assert.deepEqual([side.downs, side.session.status().ipcp], [[], "opened"]);
  });
  test("a Protocol-Reject never outgrows the peer's MRU", () => {
    const { side, peer } = scripted({ ...CLIENT, identity: null });
    peer.agree(lcp);
    side.session.start();
    peer.request(lcp, 1, [{ type: 1, data: be16(128) }]);
    peer.say(PROTOCOL.ipv6cp, 1, 1, new Uint8Array(1300));
    peer.say(lcp, 99, 1, new Uint8Array(1300));
    assert.deepEqual(
      [CODE.protocolReject, CODE.codeReject].map((c) => 4 + (peer.last(lcp, c)?.body.length ?? 0)),
      [128, 128],
    );
    assert.equal(side.channel.links.at(-1)?.mtu, 128);
  });
  test("a probe: an Echo-Request of its length, answered once; none longer than the peer takes", () => {
    const { side, peer } = up();
    const { peerMru } = side.session.status();
    let answered = 0;
    for (const length of [8, 1000, peerMru]) {
      side.session.probe(length, () => answered++);
      const probe = peer.last(lcp, CODE.echoRequest) ?? assert.fail("no probe");
      assert.equal(probe.body.length + 4, length);
      const was = answered;
      peer.say(lcp, CODE.echoReply, probe.id, probe.body);
      assert.equal(answered, was, "our own magic number: the line is looped back");
      peer.say(lcp, CODE.echoReply, probe.id, be32(1));
      peer.say(lcp, CODE.echoReply, probe.id, be32(1));
      assert.equal(answered, was + 1);
    }
    const before = peer.seen.length;
    side.session.probe(peerMru + 1, () => answered++);
    assert.equal(peer.seen.length, before);
    assert.equal(answered, 3);
  });

  test("a peer without echo: no echoes any more, and no end", () => {
    const { clock, side, peer } = up({ echo: { failures: 2, intervalSeconds: 10 } });
    clock.advance(10_000);
    const echo = peer.last(lcp, CODE.echoRequest) ?? assert.fail("no echo");
    peer.say(lcp, CODE.codeReject, 1, writePacket(echo));
    clock.advance(120_000);
    assert.deepEqual([side.downs.length, peer.seen.filter((p) => p.code === CODE.echoRequest).length], [0, 1]);
  });
  test("a Protocol-Reject of IPCP, CHAP or LCP ends the session with the name", () => {
    const ended = (r: { clock: VirtualClock; side: Side; peer: Script }, protocol: number): string => {
      r.peer.say(lcp, CODE.protocolReject, 1, be16(protocol));
      r.clock.advance(10_000);
      return `${r.side.downs[0]?.code} ${r.side.downs[0]?.text}`;
    };
    assert.match(ended(loggedIn(), ipcp), /^ipcp-failed .*IPCP/);
    assert.match(ended(server("chap"), chap), /^auth-refused .*CHAP/);
    assert.match(ended(up(), lcp), /^lcp-failed .*LCP/);
  });
});
