// A provider's LAC, by hand, at a whole server: what it negotiated with a caller is taken over where that is wanted.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { utf8 } from "../../src/core/text.ts";
import type { Avps } from "../../src/l2tp/wire/avps.ts";
import { chapMd5 } from "../../src/ppp/auth/proof.ts";
import { CODE, writeOptions } from "../../src/ppp/cp.ts";
import { PROTOCOL } from "../../src/ppp/frame.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { knowing, RadiusNet } from "../radius/double.ts";
import { ByHand, o, SECRET_TEXT } from "./by-hand.ts";
import { client, type Site, server, World } from "./world.ts";

const CONF = (more: string): string => `
[server lns]
listen = 198.51.100.2
ipsec = off
tunnel_secret = "${SECRET_TEXT}"
pool = 10.99.0.10-10.99.0.12
local_ip = 10.99.0.1
auth = chap
${more}
[user alice]
password = wonderland
[radius one]
address = 192.0.2.1
secret = xyzzy5461
`;
const CHALLENGE = Uint8Array.from({ length: 16 }, (_, i) => i * 3);
/** What the LAC says of a caller who has answered it. */
const proof = (user: string, password: string): Avps => ({
  initialReceivedConfreq: writeOptions([o(1, 5, 0xdc), o(5, 9, 9, 9, 9)]),
  lastSentConfreq: writeOptions([o(1, 5, 0xd4), o(3, 0xc2, 0x23, 5), o(5, 1, 2, 3, 4)]),
  lastReceivedConfreq: writeOptions([o(1, 5, 0xd4), o(5, 9, 9, 9, 9)]),
  proxyAuthenType: 2,
  proxyAuthenName: utf8(user),
  proxyAuthenChallenge: CHALLENGE,
  proxyAuthenId: 42,
  proxyAuthenResponse: chapMd5(crypto, 42, utf8(password), CHALLENGE),
});

function site(more: string): { w: World; s: Site; lac: ByHand; radius: RadiusNet } {
  const w = new World();
  const radius = new RadiusNet(w.clock);
  const s = w.site(w.net.host("lns", ["198.51.100.2"]), CONF(more), { udp: radius });
  return { w, s, lac: new ByHand(w, "198.51.100.9", "198.51.100.2"), radius };
}

describe("proxy_auth = yes", () => {
  for (const hide of [false, true])
    test(`a caller is in without a word of LCP; AVPs ${hide ? "hidden" : "in the clear"}`, async () => {
      const { w, s, lac } = site("proxy_auth = yes");
      await w.run(100);
      await lac.place(proof("alice", "wonderland"), hide);
      assert.deepEqual(lac.said(PROTOCOL.lcp), []);
      assert.deepEqual(lac.said(PROTOCOL.chap), [3]);
      assert.equal(lac.frames.find((f) => f.protocol === PROTOCOL.chap)?.id, 42);
      await lac.finish();
      const [session] = server(s).sessions;
      assert.deepEqual([session?.user, session?.auth, session?.ip], ["alice", "CHAP-MD5", "10.99.0.10"]);
      assert.match(s.lines.join("\n"), /info lns: ppp\.proxied text="LCP is as the LAC has agreed on it"/);
    });
  test("a wrong password is refused, and counts as one", async () => {
    const { w, s, lac } = site("proxy_auth = yes");
    await w.run(100);
    await lac.place(proof("alice", "guess"));
    await w.run(15_000);
    assert.deepEqual(lac.said(PROTOCOL.chap), [4]);
    assert.equal(server(s).sessions.length, 0);
    assert.equal(server(s).drops["login.wrong"], 1);
    assert.equal(server(s).failures[0]?.code, "auth-failed");
  });
  test("RADIUS gets the proxied challenge and response", async () => {
    const { w, s, lac, radius } = site("proxy_auth = yes\nusers = radius");
    for (const port of [1812, 1813])
      radius.servers.set(`192.0.2.1 ${port}`, knowing({ nemo: { password: "arctangent" } }));
    await w.run(100);
    await lac.place(proof("nemo", "arctangent"));
    const a = radius.asked.find((q) => q.packet.code === 1)?.packet.attributes;
    assert.deepEqual(a?.get("CHAP-Challenge"), CHALLENGE);
    assert.equal(a?.get("CHAP-Password")?.[0], 42);
    await lac.finish();
    assert.equal(server(s).sessions[0]?.user, "nemo");
  });
  test("a proof with a hole in it: all is negotiated anew, and the caller is asked by this side", async () => {
    const { w, s, lac } = site("proxy_auth = yes");
    await w.run(100);
    const { proxyAuthenChallenge: _, ...rest } = proof("alice", "wonderland");
    await lac.place(rest);
    assert.deepEqual(lac.said(PROTOCOL.lcp), [CODE.configureRequest]);
    assert.deepEqual(lac.said(PROTOCOL.chap), []);
    assert.match(s.lines.join("\n"), /ppp\.proxied text="LCP is negotiated anew: the LAC's challenge/);
    await w.run(40_000);
    assert.equal(server(s).sessions.length, 0);
  });
});
test("without the option nothing that a LAC says is believed", async () => {
  const { w, s, lac } = site("");
  await w.run(100);
  await lac.place(proof("alice", "wonderland"));
  assert.deepEqual(lac.said(PROTOCOL.lcp), [CODE.configureRequest]);
  await w.run(40_000);
  assert.equal(server(s).sessions.length, 0);
  assert.doesNotMatch(s.lines.join("\n"), /ppp\.proxied/);
});

describe("errors of the peer's line (WEN)", () => {
  const callErrors = { crc: 12, framing: 0, hardwareOverruns: 0, bufferOverruns: 0, timeouts: 3, alignment: 0 };
  const words = "12 CRC errors, 3 time-outs";
  test("a LAC's, in the status of its caller's session", async () => {
    const { w, s, lac } = site("proxy_auth = yes");
    await w.run(100);
    await lac.place(proof("alice", "wonderland"));
    await lac.finish();
    assert.equal(server(s).sessions[0]?.line_errors, undefined);
    await lac.say("WEN", { callErrors });
    assert.equal(server(s).sessions[0]?.line_errors, words);
    assert.match(s.lines.join("\n"), /warn lns: l2tp\.wen call=\d+ errors="12 CRC errors, 3 time-outs"/);
  });
  test("a server's, in the status of the link", async () => {
    const w = new World();
    const lns = new ByHand(w, "198.51.100.2", "198.51.100.9");
    const text = "[interface hq]\nproto = l2tpsec\nserver = 198.51.100.2\nipsec = off\nusername = a\npassword = b\n";
    const c = w.site(w.net.host("c", ["198.51.100.9"]), text);
    await w.run(100);
    const known = { protocolVersion: 0x100, framingCapabilities: 3, hostName: "lns", assignedTunnelId: 7 };
    await lns.say("SCCRP", known);
    await lns.say("ICRP", { assignedCallId: 8 });
    assert.equal(client(c).l2tp?.line_errors, "");
    await lns.say("WEN", { callErrors });
    assert.equal(client(c).l2tp?.line_errors, words);
  });
});
