// Peers that misbehave, and peers that are merely peculiar.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { concat, fromUtf8, hex, unhex, utf8 } from "../../src/core/text.ts";
import type { PppConfig } from "../../src/ppp/api.ts";
import { chapMd5, readChapValue, writeChapValue } from "../../src/ppp/auth/chap.ts";
import type { AuthMethod } from "../../src/ppp/auth/methods.ts";
import { authenticatorResponse, ntPasswordHash, ntResponse } from "../../src/ppp/auth/mschapv2.ts";
import { writePapRequest } from "../../src/ppp/auth/pap.ts";
import { be16, be32, readOptions, writePacket } from "../../src/ppp/cp.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";
import { CLIENT, CODE, PROTOCOL, type Script, SERVER, Side, scripted } from "./pair.ts";

const h = (s: string): Uint8Array => unhex(s.replace(/\s/g, "")) ?? assert.fail("bad hex");
const { lcp, pap, chap, ipcp } = PROTOCOL;
const AUTH_OPTION: Readonly<Record<AuthMethod, Uint8Array>> = {
  pap: h("c023"),
  chap: h("c22305"),
  mschap: h("c22380"),
  eap: h("c227"),
  mschapv2: h("c22381"),
};

/** LCP opened towards our server; the peer has not said who it is. */
function server(method: AuthMethod, cfg: Partial<PppConfig> = {}) {
  const r = scripted({ ...SERVER, require: [method], ...cfg });
  r.peer.agree(lcp);
  r.side.session.start();
  r.peer.request(lcp, 1, [{ type: 5, data: be32(0x11223344) }]);
  assert.equal(r.side.session.status().phase, "authenticate");
  return r;
}
/** LCP opened towards our client, which is to authenticate itself. */
function client(auth: Uint8Array, cfg: Partial<PppConfig> = {}) {
  const r = scripted({ ...CLIENT, ...cfg });
  r.peer.agree(lcp);
  r.side.session.start();
  r.peer.request(lcp, 1, [
    { type: 3, data: auth },
    { type: 5, data: be32(0x11223344) },
  ]);
  return r;
}
function login(peer: Script, password = "wonderland", user = "alice"): void {
  const asked = peer.last(chap, 1) ?? assert.fail("no challenge");
  const value = chapMd5(crypto, asked.id, utf8(password), readChapValue(asked.body).value);
  peer.say(chap, 2, asked.id, writeChapValue({ value, name: utf8(user) }));
}
/** A network phase with our server, after CHAP. */
function loggedIn(cfg: Partial<PppConfig> = {}) {
  const r = server("chap", cfg);
  login(r.peer);
  assert.equal(r.side.session.status().phase, "network");
  return r;
}
function up(cfg: Partial<PppConfig> = {}) {
  const r = loggedIn(cfg);
  r.peer.agree(ipcp);
  const asked = r.peer.last(ipcp, 1) ?? assert.fail("no IPCP");
  r.peer.say(ipcp, CODE.configureAck, asked.id, asked.body);
  r.peer.request(ipcp, 7, [{ type: 3, data: h("0a63000a") }]);
  assert.equal(r.side.ups.length, 1);
  return r;
}

describe("authentication cannot be walked around", () => {
  test("IPCP, data and unknown protocols before authentication: silence", () => {
    for (const method of ["pap", "chap", "mschapv2"] as const) {
      const { side, peer } = server(method);
      const before = peer.seen.length;
      peer.request(ipcp, 1, [{ type: 3, data: h("0a63000a") }]);
      peer.say(PROTOCOL.ip, 0x45, 0);
      peer.say(PROTOCOL.ipv6cp, 1, 1);
      peer.say(ipcp, CODE.configureAck, 1);
      assert.equal(peer.seen.length, before);
      assert.deepEqual([side.admitted, side.ups, side.session.drops()["ppp.before-auth"]], [[], [], 4]);
    }
  });
  test("nothing but LCP is heard before LCP is open", () => {
    const { side, peer } = scripted({ ...SERVER, require: ["pap"] });
    side.session.start();
    const before = peer.seen.length;
    peer.say(pap, 1, 1, writePapRequest({ user: utf8("alice"), password: utf8("wonderland") }));
    peer.request(ipcp, 1, [{ type: 3, data: h("0a63000a") }]);
    assert.deepEqual([peer.seen.length, side.admitted, side.session.status().phase], [before, [], "establish"]);
  });
  test("an Ack or Success that nobody asked for opens nothing at a server", () => {
    for (const method of ["pap", "chap", "mschapv2"] as const) {
      const { side, peer } = server(method);
      for (let id = 0; id < 256; id++) {
        peer.say(pap, 2, id, h("00"));
        peer.say(chap, 3, id, utf8("S=0000000000000000000000000000000000000000"));
      }
      assert.deepEqual([side.session.status().phase, side.admitted], ["authenticate", []]);
    }
  });
  test("CHAP Success without a challenge opens nothing at a client", () => {
    const { side, peer } = client(AUTH_OPTION.mschapv2);
    for (let id = 0; id < 256; id++) peer.say(chap, 3, id, utf8("welcome"));
    assert.equal(side.session.status().phase, "authenticate");
    assert.ok((side.session.drops()["ppp.unexpected-auth"] ?? 0) >= 256);
  });
  test("a PAP answer to a request that was never sent is ignored", () => {
    const { side, peer } = client(AUTH_OPTION.pap);
    const asked = peer.last(pap, 1) ?? assert.fail("no request");
    peer.say(pap, 2, (asked.id + 1) & 255, h("00"));
    peer.say(pap, 2, (asked.id + 200) & 255, h("00"));
    assert.equal(side.session.status().phase, "authenticate");
    peer.say(pap, 2, asked.id, h("00"));
    assert.equal(side.session.status().phase, "network");
  });
  test("the other protocol does not count: PAP where CHAP was agreed on", () => {
    const { side, peer } = server("chap");
    peer.say(pap, 1, 1, writePapRequest({ user: utf8("alice"), password: utf8("wonderland") }));
    assert.deepEqual([peer.last(pap, 2), side.admitted], [undefined, []]);
  });
  test("a response to an old identifier, or to no challenge of ours, is no response", () => {
    const { side, peer } = server("chap");
    const asked = peer.last(chap, 1) ?? assert.fail("no challenge");
    const { value } = readChapValue(asked.body);
    const other = (asked.id + 1) & 255;
    peer.say(
      chap,
      2,
      other,
      writeChapValue({ value: chapMd5(crypto, other, utf8("wonderland"), value), name: utf8("alice") }),
    );
    assert.deepEqual([side.admitted, peer.last(chap, 4)], [[], undefined]);
    login(peer);
    assert.deepEqual(side.admitted, ["alice chap"]);
  });
  test("a peer that rejects authentication is turned away", () => {
    const { clock, side, peer } = scripted({ ...SERVER, require: ["chap"] });
    peer.react = (p) => {
      if (p.protocol !== lcp || p.code !== 1) return;
      peer.say(lcp, CODE.configureReject, p.id, h("0305c22305"));
    };
    side.session.start();
    clock.advance(10_000);
    assert.deepEqual([side.downs[0]?.code, side.ups, side.admitted], ["auth-refused", [], []]);
  });
  test("LCP renegotiated in the network phase: authentication is asked again, and only the same user comes back", () => {
    for (const [user, password, admitted] of [
      ["alice", "wonderland", true],
      ["bob", "clientPass", false],
    ] as const) {
      const { clock, side, peer } = up();
      peer.request(lcp, 9, [{ type: 5, data: be32(0x55667788) }]);
      assert.equal(side.session.status().phase, "authenticate");
      peer.request(ipcp, 8, [{ type: 3, data: h("0a63000a") }]);
      assert.equal(side.session.status().phase, "authenticate", "no short cut");
      login(peer, password, user);
      peer.request(ipcp, 9, [{ type: 3, data: h("0a63000a") }]);
      assert.deepEqual(side.admitted, ["alice chap"], "admitted once");
      assert.equal(side.ups.length, admitted ? 2 : 1);
      if (admitted)
        assert.deepEqual(side.phases, ["establish", "authenticate", "network", "establish", "authenticate", "network"]);
      clock.advance(10_000);
      assert.equal(side.downs.length, admitted ? 0 : 1);
    }
  });
  test("our own challenge, sent back to us, is not answered", () => {
    const { clock, side, peer } = scripted({ ...SERVER, require: ["chap"], identity: CLIENT.identity });
    peer.agree(lcp);
    side.session.start();
    peer.request(lcp, 1, [{ type: 3, data: AUTH_OPTION.chap }]);
    const asked = peer.last(chap, 1) ?? assert.fail("no challenge");
    peer.say(chap, 1, asked.id, asked.body);
    clock.advance(10_000);
    assert.deepEqual([peer.last(chap, 2), side.downs[0]?.code], [undefined, "auth-reflected"]);
  });
  test("PAP: three attempts, then out", () => {
    const { clock, side, peer } = server("pap");
    for (let id = 1; id <= 10; id++)
      peer.say(pap, 1, id, writePapRequest({ user: utf8("alice"), password: utf8(`guess${id}`) }));
    assert.equal(peer.seen.filter((p) => p.protocol === pap && p.code === 3).length, 3);
    peer.say(pap, 1, 11, writePapRequest({ user: utf8("alice"), password: utf8("wonderland") }));
    clock.advance(10_000);
    assert.deepEqual([side.downs[0]?.code, side.admitted], ["auth-failed", []]);
  });
  test("CHAP: one wrong answer, then out; the right one afterwards is too late", () => {
    const { clock, side, peer } = server("chap");
    login(peer, "guess");
    login(peer);
    clock.advance(10_000);
    assert.deepEqual([side.downs[0]?.code, side.admitted, peer.last(chap, 3)], ["auth-failed", [], undefined]);
  });
  test("names, values and lengths that lie are ignored before authentication, with a counter", () => {
    const { side, peer } = server("chap");
    const asked = peer.last(chap, 1) ?? assert.fail("no challenge");
    const before = peer.seen.length;
    for (const body of [
      h(""),
      h("00"),
      h("ff"),
      h("10 0001"),
      concat([h("01 00"), new Uint8Array(257)]),
      concat([h("10"), new Uint8Array(1200)]),
    ]) {
      peer.say(chap, 2, asked.id, body);
    }
    assert.deepEqual([peer.seen.length, side.session.drops()["ppp.malformed"]], [before, 6]);
    assert.equal(side.events.filter((e) => e.kind === "peer.bad").length, 1, "one line a second");
    login(peer);
    assert.deepEqual(side.admitted, ["alice chap"], "and the exchange goes on");
  });
  test("MS-CHAPv2: a response of any other size than 49 is a wrong one", () => {
    for (const size of [1, 16, 24, 48, 50, 255]) {
      const { side, peer } = server("mschapv2");
      const asked = peer.last(chap, 1) ?? assert.fail("no challenge");
      peer.say(chap, 2, asked.id, writeChapValue({ value: new Uint8Array(size), name: utf8("alice") }));
      assert.match(fromUtf8(peer.last(chap, 4)?.body ?? new Uint8Array(0)), /^E=691 R=0 C=[0-9A-F]{32} V=3 M=/);
      assert.deepEqual(side.admitted, []);
    }
  });
});

describe("answers that were lost are given again", () => {
  test("CHAP: a repeated Response gets the same Success in the network phase, unchecked", () => {
    const { side, peer } = loggedIn();
    const first = peer.last(chap, 3) ?? assert.fail("no success");
    const seen = peer.seen.length;
    login(peer, "whatever");
    const again = peer.seen.at(-1);
    assert.deepEqual(
      [peer.seen.length, again?.code, again?.id, again && hex(again.body)],
      [seen + 1, 3, first.id, hex(first.body)],
    );
    assert.deepEqual(side.admitted, ["alice chap"]);
  });
  test("PAP: a repeated request gets its Ack in the network phase", () => {
    const { side, peer } = server("pap");
    for (const id of [1, 2, 3])
      peer.say(pap, 1, id, writePapRequest({ user: utf8("alice"), password: utf8("wonderland") }));
    assert.deepEqual(
      peer.seen.filter((p) => p.protocol === pap).map((p) => [p.code, p.id]),
      [
        [2, 1],
        [2, 2],
        [2, 3],
      ],
    );
    assert.deepEqual(side.admitted, ["alice pap"]);
  });
  test("client: a repeated challenge gets the same response, a new one in the network phase is answered too", () => {
    const { clock, side, peer } = client(AUTH_OPTION.chap);
    const ask = (id: number, fill: number): void =>
      peer.say(chap, 1, id, writeChapValue({ value: new Uint8Array(16).fill(fill), name: utf8("x") }));
    ask(5, 1);
    ask(5, 1);
    clock.advance(3000);
    const responses = peer.seen.filter((p) => p.protocol === chap && p.code === 2).map((p) => hex(p.body));
    assert.deepEqual([responses.length, new Set(responses).size], [3, 1]);
    peer.say(chap, 3, 5);
    assert.equal(side.session.status().phase, "network");
    ask(6, 2);
    assert.equal(peer.last(chap, 2)?.id, 6);
    peer.say(chap, 4, 6, utf8("changed my mind"));
    clock.advance(10_000);
    assert.deepEqual([side.downs[0]?.code, /changed my mind/.test(side.downs[0]?.text ?? "")], ["auth-failed", true]);
  });
});

test("a server that asks again and again gets its answers and one log line", () => {
  const { side, peer } = client(AUTH_OPTION.chap);
  for (let id = 1; id <= 50; id++) {
    peer.say(chap, 1, id, writeChapValue({ value: new Uint8Array(16).fill(id), name: utf8("x") }));
    peer.say(chap, 3, id);
  }
  assert.equal(peer.seen.filter((p) => p.protocol === chap && p.code === 2).length, 50);
  assert.equal(side.events.filter((e) => e.kind === "ppp.auth").length, 1);
});

describe("what a server tells a client", () => {
  const mschap = (reply: (right: Uint8Array) => readonly [number, Uint8Array]) => {
    const r = client(AUTH_OPTION.mschapv2);
    const challenge = new Uint8Array(16).fill(7);
    r.peer.say(chap, 1, 3, writeChapValue({ value: challenge, name: new Uint8Array(0) }));
    const { value } = readChapValue(r.peer.last(chap, 2)?.body ?? assert.fail("no response"));
    const hash = ntPasswordHash(utf8("wonderland"));
    const response = ntResponse(crypto, challenge, value.subarray(0, 16), "alice", hash);
    assert.equal(hex(value.subarray(24, 48)), hex(response));
    const [code, body] = reply(
      authenticatorResponse(crypto, challenge, value.subarray(0, 16), "alice", hash, response),
    );
    r.peer.say(chap, code, 3, body);
    r.clock.advance(5000);
    return r;
  };
  test("a Success without M= is enough (SoftEther)", () => {
    assert.equal(mschap((right) => [3, utf8(`S=${hex(right).toUpperCase()}`)]).side.session.status().phase, "network");
  });
  test("a Success with a wrong proof, or none, ends the session", () => {
    for (const body of [utf8(`S=${"0".repeat(40)} M=hi`), utf8("M=hi"), new Uint8Array(0)]) {
      const { clock, side } = mschap(() => [3, body]);
      clock.advance(10_000);
      assert.deepEqual([side.downs[0]?.code, side.downs[0]?.lasting], ["server-not-authentic", true]);
    }
  });
  test("E=648 and its sisters in words", () => {
    const { clock, side } = mschap(() => [
      4,
      utf8("E=648 R=0 C=00112233445566778899AABBCCDDEEFF V=3 M=call\u202e the\r\nhelp desk"),
    ]);
    clock.advance(10_000);
    assert.equal(side.downs[0]?.code, "password-expired");
    assert.equal(
      side.downs[0]?.text,
      'the server refuses user "alice" with MS-CHAPv2: the password has expired and must be changed at the server first (E=648): "call the help desk"',
    );
    assert.deepEqual(
      side.events.filter((e) => e.kind === "ppp.auth").map((e) => e.ok),
      [false],
    );
  });
  test("PAP's words are bounded and printable", () => {
    const { clock, side, peer } = client(AUTH_OPTION.pap);
    const asked = peer.last(pap, 1) ?? assert.fail("no request");
    peer.say(pap, 3, asked.id, concat([h("ff"), utf8("<b>\u0000\n".repeat(51))]));
    clock.advance(10_000);
    const text = side.downs[0]?.text ?? "";
    assert.ok(text.length < 220 && !/\p{C}/u.test(text), text);
  });
  for (const [name, option] of [
    ["SPAP", "c027"],
    ["CHAP with algorithm 6", "c22306"],
  ] as const) {
    test(`${name} is Nak'd with our best; a server that insists is named`, () => {
      const r = scripted(CLIENT);
      r.peer.agree(lcp);
      r.side.session.start();
      for (let id = 1; id <= 6; id++) {
        r.peer.request(lcp, id, [{ type: 3, data: h(option) }]);
        if (id <= 5)
          assert.deepEqual(
            r.peer.options(lcp, CODE.configureNak).map((o) => hex(o.data)),
            ["c22381"],
          );
      }
      r.clock.advance(10_000);
      assert.deepEqual([r.side.downs[0]?.code, r.side.downs[0]?.lasting], ["no-common-auth", true]);
      assert.match(
        r.side.downs[0]?.text ?? "",
        new RegExp(`asks for ${name} and nothing else, this side answers to MS-CHAPv2, CHAP-MD5, MS-CHAP, EAP, PAP`),
      );
      assert.deepEqual(
        r.side.events.filter((e) => e.kind === "ppp.rejected").map((e) => e.what),
        [`LCP option: ${name}`],
      );
    });
  }
  test("EAP first, then MS-CHAPv2; ACCM rejected; the second DNS rejected (SoftEther)", () => {
    const { side, peer } = scripted({ ...CLIENT, refuse: ["eap"] });
    peer.react = (p) => {
      if (p.code !== 1) return;
      const options = readOptions(p.body);
      const reject = options.filter(
        (o) => (p.protocol === lcp && o.type === 2) || (p.protocol === ipcp && o.type === 131),
      );
      const zero = options.filter((o) => p.protocol === ipcp && hex(o.data) === "00000000");
      const write = (list: typeof options): Uint8Array =>
        concat(list.map((o) => concat([Uint8Array.of(o.type, o.data.length + 2), o.data])));
      if (reject.length > 0) peer.say(p.protocol, 4, p.id, write(reject));
      else if (zero.length > 0)
        peer.say(
          p.protocol,
          3,
          p.id,
          write(zero.map((o) => ({ type: o.type, data: o.type === 3 ? h("c0a81e0a") : h("c0a81e01") }))),
        );
      else peer.say(p.protocol, 2, p.id, p.body);
    };
    side.session.start();
    peer.request(lcp, 1, [{ type: 3, data: h("c227") }]);
    peer.request(lcp, 2, [
      { type: 3, data: h("c22381") },
      { type: 5, data: be32(5) },
    ]);
    assert.equal(side.session.status().phase, "authenticate");
    const challenge = new Uint8Array(16).fill(9);
    peer.say(chap, 1, 1, writeChapValue({ value: challenge, name: utf8("se") }));
    const { value } = readChapValue(peer.last(chap, 2)?.body ?? assert.fail("no response"));
    const proof = authenticatorResponse(
      crypto,
      challenge,
      value.subarray(0, 16),
      "alice",
      ntPasswordHash(utf8("wonderland")),
      value.subarray(24, 48),
    );
    peer.say(chap, 3, 1, utf8(`S=${hex(proof).toUpperCase()}`));
    peer.request(ipcp, 1, [{ type: 3, data: h("c0a81e01") }]);
    const info = side.ups[0] ?? assert.fail("not up");
    assert.deepEqual(
      [info.local, info.remote, info.dns, info.link.recvAccm],
      ["192.168.30.10", "192.168.30.1", ["192.168.30.1"], 0xffffffff],
    );
  });
});

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

describe("IPCP", () => {
  test("server: 0.0.0.0, another address or none is Nak'd with the assigned one; insisting ends it", () => {
    const { clock, side, peer } = loggedIn();
    for (const [id, options] of [
      [1, "0306 00000000"],
      [2, "0306 0a630063"],
      [3, ""],
      [4, "0303 00"],
      [5, "0306 08080808"],
    ] as const) {
      peer.say(ipcp, 1, id, h(options));
      assert.equal(hex(peer.last(ipcp, 3)?.body ?? h("")), "03060a63000a", `request ${id}`);
    }
    peer.say(ipcp, 1, 6, h("0306 08080808"));
    clock.advance(10_000);
    assert.deepEqual([side.ups, side.downs[0]?.code], [[], "ipcp-failed"]);
    assert.match(side.downs[0]?.text ?? "", /8\.8\.8\.8.*10\.99\.0\.10/);
  });
  test("server: DNS and WINS as it has them, the rest and compression rejected", () => {
    const { peer } = loggedIn();
    peer.say(ipcp, 1, 1, h("0206 002d0f01 0306 00000000 8106 00000000 8206 00000000 8306 00000000 8406 00000000"));
    assert.equal(hex(peer.last(ipcp, 4)?.body ?? h("")), "0206002d0f01840600000000");
    peer.say(ipcp, 1, 2, h("0306 00000000 8106 00000000 8206 00000000 8306 00000000"));
    assert.equal(hex(peer.last(ipcp, 3)?.body ?? h("")), "03060a63000a81060a63003582060a63003c83060a630036");
    peer.say(ipcp, 1, 3, h("0306 0a63000a 8106 0a630035 8206 0a63003c 8306 0a630036"));
    assert.equal(peer.last(ipcp, 2)?.id, 3);
  });
  test("renegotiated when up: down to the network phase, and up again", () => {
    const { side, peer } = up();
    peer.request(ipcp, 8, [{ type: 3, data: h("0a63000a") }]);
    assert.equal(side.ups.length, 2);
    assert.deepEqual(side.phases.slice(-2), ["network", "network"]);
  });
  const asClient = (cfg: Partial<PppConfig["ipcp"]> = {}) => {
    const r = scripted({ ...CLIENT, identity: null, ipcp: { ...CLIENT.ipcp, ...cfg } });
    r.peer.agree(lcp);
    r.side.session.start();
    r.peer.request(lcp, 1, []);
    return r;
  };
  test("client: a server without an address of its own is 0.0.0.0, and good enough", () => {
    for (const request of ["", "0306 00000000"]) {
      const { side, peer } = asClient({ requestDns: false });
      const asked = peer.last(ipcp, 1) ?? assert.fail("nothing asked");
      peer.say(ipcp, 3, asked.id, h("0306 c0a80102"));
      const again = peer.last(ipcp, 1) ?? assert.fail("nothing asked");
      assert.equal(hex(again.body), "0306c0a80102");
      peer.say(ipcp, 2, again.id, again.body);
      peer.say(ipcp, 1, 1, h(request));
      if (request !== "") {
        assert.equal(hex(peer.last(ipcp, 4)?.body ?? h("")), request.replace(" ", ""));
        peer.say(ipcp, 1, 2, h(""));
      }
      assert.deepEqual([side.ups[0]?.local, side.ups[0]?.remote], ["192.168.1.2", "0.0.0.0"]);
    }
  });
  test("client: no address is a failure in words, whichever way it is withheld", () => {
    for (const reply of ["ack", "reject", "nak-zero", "nak-loopback"] as const) {
      const { clock, side, peer } = asClient();
      peer.react = (p) => {
        if (p.protocol !== ipcp || p.code !== 1) return;
        if (reply === "ack") peer.say(ipcp, 2, p.id, p.body);
        else if (reply === "reject") peer.say(ipcp, 4, p.id, p.body.subarray(0, 6));
        else peer.say(ipcp, 3, p.id, reply === "nak-zero" ? h("0306 00000000") : h("0306 7f000001"));
      };
      peer.react(peer.last(ipcp, 1) ?? assert.fail("nothing asked"));
      peer.request(ipcp, 1, [{ type: 3, data: h("c0a80101") }]);
      clock.advance(10_000);
      assert.deepEqual([side.downs[0]?.code, side.ups.length], ["no-address", 0], reply);
    }
  });
  test("client: a configured address is kept, or the failure says both", () => {
    const { clock, side, peer } = asClient({ local: "10.1.1.1" });
    peer.react = (p) => {
      if (p.protocol === ipcp && p.code === 1) peer.say(ipcp, 3, p.id, h("0306 0a020202"));
    };
    peer.react(peer.last(ipcp, 1) ?? assert.fail("nothing asked"));
    clock.advance(10_000);
    assert.equal(side.downs[0]?.code, "no-address");
    assert.match(side.downs[0]?.text ?? "", /10\.2\.2\.2.*10\.1\.1\.1/);
  });
  test("a silent IPCP, and a peer that closes it", () => {
    const silent = loggedIn();
    silent.clock.advance(60_000);
    assert.equal(silent.side.downs[0]?.code, "ipcp-failed");
    const closed = up();
    closed.peer.say(ipcp, CODE.terminateRequest, 3, utf8("bye"));
    closed.clock.advance(20_000);
    assert.deepEqual([closed.side.downs[0]?.code, closed.side.downs.length], ["ipcp-failed", 1]);
    assert.match(closed.side.downs[0]?.text ?? "", /bye/);
  });
});

describe("any frames at any phase", () => {
  const control = fc.record({
    protocol: fc.constantFrom<number>(lcp, pap, chap, ipcp, PROTOCOL.ip, PROTOCOL.ccp, PROTOCOL.eap),
    code: fc.integer({ min: 0, max: 14 }),
    id: fc.integer({ min: 0, max: 8 }),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(h(""), h("0304c023"), h("0506 00000001"), h("0306 0a63000a"), h("0304c027"), h("00")),
    ),
  });
  const step = fc.oneof(
    { weight: 6, arbitrary: control },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
    { weight: 1, arbitrary: fc.nat(20_000) },
    { weight: 1, arbitrary: fc.constantFrom("echo-back", "ack") },
  );
  const roads = {
    start: () => scripted({ ...SERVER, require: ["chap"], identity: CLIENT.identity }),
    pap: () => server("pap"),
    mschapv2: () => server("mschapv2"),
    client: () => client(AUTH_OPTION.mschapv2, { require: ["chap"] }),
  } as const;
  test("nothing throws, nobody gets in without a password, and the end comes once", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(roads) as (keyof typeof roads)[])),
        fc.array(step, { maxLength: 25 }),
        (road, steps) => {
          const { clock, side, peer } = roads[road]();
          if (road === "start") side.session.start();
          for (const s of steps) {
            const last = peer.seen.at(-1);
            if (typeof s === "number") clock.advance(s);
            else if (s instanceof Uint8Array) side.channel.deliver(s);
            else if (s === "echo-back") last && peer.say(last.protocol, last.code, last.id, last.body);
            else if (s === "ack") last && peer.say(last.protocol, 2, last.id, last.body);
            else peer.say(s.protocol, s.code, s.id, s.body);
          }
          assert.deepEqual([side.ups.length, side.admitted.length], [0, 0]);
          assert.ok(peer.seen.length < 200 + 60 * steps.length);
          assert.ok(side.events.length < 40 + steps.length);
          side.session.stop({ layer: "config", code: "stopped", text: "" });
          clock.advance(120_000);
          assert.deepEqual([side.downs.length, clock.pending()], [1, []]);
        },
      ),
      { numRuns: 1500 },
    );
  });
  test("an open link survives any packet that is not a reason to close it", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), (frames) => {
        const { side } = up();
        for (const f of frames) side.channel.deliver(f);
        assert.equal(side.downs.length, 0);
      }),
      { numRuns: 300 },
    );
  });
  test("an owner may stop the session from inside every callback", () => {
    for (const where of ["onPhase", "onUp", "admit"] as const) {
      const clock = new VirtualClock();
      const why = { layer: "config", code: "stopped", text: "" } as const;
      let side: Side | null = null;
      const assigned = { local: "10.0.0.1", remote: "10.0.0.2", dns: [], wins: [] };
      side = new Side(clock, SERVER, {
        onPhase: () => where === "onPhase" && side?.session.stop(why),
        onUp: () => where === "onUp" && side?.session.lowerDown(why),
        admit: () => {
          if (where === "admit") side?.session.stop(why);
          return assigned;
        },
      });
      const other = new Side(clock, CLIENT);
      side.channel.out = (f) => other.channel.deliver(f); // synchronous: every answer comes while we still send
      other.channel.out = (f) => side?.channel.deliver(f);
      other.session.start();
      side.session.start();
      clock.advance(60_000);
      assert.deepEqual(
        side.downs.map((d) => d.code),
        ["stopped"],
        where,
      );
      assert.equal(other.downs.length, where === "onUp" ? 0 : 1, where);
    }
  });
});
