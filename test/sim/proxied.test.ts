// A provider's LAC, by hand, at a whole server: what it negotiated with a caller is taken over where that is wanted.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Reader } from "../../src/core/bytes.ts";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import { utf8 } from "../../src/core/text.ts";
import type { SimDatagram } from "../../src/dataplane/none/sim.ts";
import { response } from "../../src/l2tp/auth.ts";
import { type Decoded, decodeMessage, encodeMessage } from "../../src/l2tp/wire/avp.ts";
import type { Avps } from "../../src/l2tp/wire/avps.ts";
import { readControl, writeControl } from "../../src/l2tp/wire/header.ts";
import type { MessageName, MessageOf } from "../../src/l2tp/wire/messages.ts";
import { isControl, readData, writeData } from "../../src/packet/l2tp.ts";
import { chapMd5 } from "../../src/ppp/auth/proof.ts";
import { CODE, readPacket, writeOptions, writePacket } from "../../src/ppp/cp.ts";
import { FULL_HEADER, PROTOCOL, pullProtocol, pushProtocol } from "../../src/ppp/frame.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { knowing, RadiusNet } from "../radius/double.ts";
import { type Site, server, World } from "./world.ts";

const SECRET = Secret.of("of the provider's LACs");
const HIDING = { crypto, secret: SECRET };
const CONF = (more: string): string => `
[server lns]
listen = 198.51.100.2
ipsec = off
tunnel_secret = "of the provider's LACs"
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
const o = (type: number, ...data: number[]) => ({ type, data: Uint8Array.from(data) });
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

/** One tunnel with one call in it, and the caller behind it. */
class Lac {
  readonly w: World;
  readonly #send: (bytes: Uint8Array) => void;
  /** Of the server: control messages, and the caller's packets. */
  readonly messages: Decoded[] = [];
  readonly frames: { protocol: number; code: number; id: number; body: Uint8Array }[] = [];
  #ns = 0;
  #nr = 0;
  #tunnel = 0;
  #call = 0;

  constructor(w: World) {
    this.w = w;
    const host = w.net.host("lac", ["198.51.100.9"]);
    const ends = { from: { address: "198.51.100.9", port: 1701 }, to: { address: "198.51.100.2", port: 1701 } };
    this.#send = (bytes) => host.send({ proto: "udp", ...ends, bytes });
    host.onDatagram = (d) => this.#input(d);
  }
  #input({ bytes }: SimDatagram): void {
    if (isControl(bytes, 0, bytes.length)) {
      const { header, body } = readControl(new Reader(bytes));
      if (body.left === 0 || header.Ns !== this.#nr) return;
      this.#nr++;
      const m = decodeMessage(body, HIDING);
      this.messages.push(m);
      this.#tunnel = m.avps.assignedTunnelId ?? this.#tunnel;
      this.#call = m.avps.assignedCallId ?? this.#call;
      this.#raw(0, new Uint8Array(0));
      return;
    }
    const data = readData(bytes, 0, bytes.length) ?? assert.fail("no data message");
    const p = Packet.of(bytes.subarray(data.start, data.end));
    const protocol = pullProtocol(p);
    this.frames.push({ protocol, ...readPacket(p.view().slice()) });
  }
  #raw(call: number, body: Uint8Array): void {
    const ns = body.length === 0 ? this.#ns : this.#ns++;
    this.#send(writeControl({ tunnelId: this.#tunnel, callId: call, Ns: ns, Nr: this.#nr }, body));
  }
  async say<N extends MessageName>(name: N, values: MessageOf<N>, hide = false): Promise<void> {
    const body = encodeMessage(name, values, hide ? { hiding: HIDING, rng: crypto } : undefined);
    this.#raw(name === "ICCN" ? this.#call : 0, body);
    await this.w.run(100);
  }
  /** A call whose ICCN says `more`. */
  async place(more: Avps, hide = false): Promise<void> {
    const start = { protocolVersion: 0x100, hostName: "lac", framingCapabilities: 3, assignedTunnelId: 5 };
    await this.say("SCCRQ", { ...start, challenge: new Uint8Array(16) });
    const asked = this.messages[0]?.avps.challenge ?? assert.fail("the server asks for no proof of the secret");
    await this.say("SCCCN", { challengeResponse: response(crypto, "SCCCN", SECRET, asked) });
    await this.say("ICRQ", { assignedCallId: 6, callSerialNumber: 1 });
    await this.say("ICCN", { txConnectSpeed: 1000, framingType: 1, ...more } as MessageOf<"ICCN">, hide);
  }
  caller(protocol: number, code: number, id: number, body: Uint8Array): void {
    const p = Packet.of(writePacket({ code, id, body }));
    pushProtocol(p, protocol, FULL_HEADER);
    const frame = p.view();
    const out = new Uint8Array(6 + frame.length);
    writeData(out, 0, this.#tunnel, this.#call, -1);
    out.set(frame, 6);
    this.#send(out);
  }
  /** The caller agrees on addresses. */
  async finish(): Promise<void> {
    const { ipcp } = PROTOCOL;
    const theirs = this.frames.findLast((f) => f.protocol === ipcp && f.code === CODE.configureRequest);
    if (!theirs) return;
    this.caller(ipcp, CODE.configureAck, theirs.id, theirs.body);
    this.caller(ipcp, CODE.configureRequest, 1, writeOptions([o(3, 0, 0, 0, 0)]));
    await this.w.run(100);
    const nak = this.frames.findLast((f) => f.protocol === ipcp && f.code === CODE.configureNak);
    this.caller(ipcp, CODE.configureRequest, 2, nak?.body ?? new Uint8Array(0));
    await this.w.run(200);
  }
  said(protocol: number): number[] {
    return this.frames.filter((f) => f.protocol === protocol).map((f) => f.code);
  }
}
function site(more: string): { w: World; s: Site; lac: Lac; radius: RadiusNet } {
  const w = new World();
  const radius = new RadiusNet(w.clock);
  const s = w.site(w.net.host("lns", ["198.51.100.2"]), CONF(more), { udp: radius });
  return { w, s, lac: new Lac(w), radius };
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
