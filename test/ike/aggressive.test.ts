// Aggressive mode, both roles: three messages, NATs, loss, wrong keys, floods, and a server that was not told to answer it.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import { parseIkeProposal } from "../../src/ike/proposals.ts";
import type { IkeConnectConfig, IkeResponderConfig } from "../../src/ike/types.ts";
import { readMessage, writeMessage } from "../../src/ike/wire/header.ts";
import { parseIkeId } from "../../src/ike/wire/id.ts";
import { readChain } from "../../src/ike/wire/payloads.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { client, type Host, Nat, type Net, pair, pass, server } from "./double.ts";
import { at500 } from "./strangers.ts";

const GROUP = { aggressive: true, localId: parseIkeId("keyid:branches") };
function begin(c: Partial<IkeConnectConfig> = {}, s: Partial<IkeResponderConfig> = {}) {
  const { net, a, b } = pair();
  b.ike.addResponder(server({ aggressive: true, ...s }), b);
  return { net, a, b, connect: () => a.ike.connect(client(b.address, a.address, { ...GROUP, ...c }), a) };
}
const types = (bytes: Uint8Array): number[] => {
  const { header, body } = readMessage(bytes);
  return readChain(header.next, body, false).payloads.map((p) => p.type);
};
const phase1 = (net: Net): number => net.seen.filter((d) => readMessage(d.bytes).header.exchange === 4).length;
async function up(x: ReturnType<typeof begin>, ms = 500): Promise<void> {
  const conn = x.connect();
  await x.net.run(ms);
  assert.equal(conn.stage(), "up");
  const flow = x.b.ups[0]?.info.flow ?? 0;
  assert.ok(pass(x.a, conn.flow, x.b) && pass(x.b, flow, x.a));
}

test("three messages: payloads in the RFC's order, the group's name, DPD", async () => {
  const x = begin({ dpdSeconds: 5 });
  await up(x);
  const [one, two, three] = x.net.seen.map((d) => d.bytes);
  assert.ok(one && two && three);
  assert.deepEqual(
    [one, two, three].map((m) => [readMessage(m).header.exchange, readMessage(m).header.flags]),
    [
      [4, 0],
      [4, 0],
      [4, 1],
    ],
  );
  assert.deepEqual(types(one).slice(0, 5), [1, 4, 10, 5, 13]);
  assert.deepEqual(types(two).slice(0, 5), [1, 4, 10, 5, 8]);
  assert.equal(phase1(x.net), 3);
  assert.equal(x.b.ups[0]?.info.peerId, Buffer.from("branches").toString("hex"));
  x.net.fate = () => [];
  await x.net.run(60_000, 500);
  assert.equal(x.a.downs[0]?.code, "dead-peer");
});
test("behind a NAT: found by message 3, and everything moves to port 4500", async () => {
  const x = begin();
  x.net.nats.push(new Nat("198.51.100.1", ["10.0.0.1"]));
  await up(x);
  assert.deepEqual([x.a.ups[0]?.info.nat, x.b.ups[0]?.info.nat], ["us", "peer"]);
  assert.deepEqual([x.a.ups[0]?.info.encap, x.b.ups[0]?.info.encap], ["udp", "udp"]);
  assert.ok(x.net.seen.slice(2).every((d) => d.from.port === 4500 || d.to.port === 4500 || d.from.port >= 20_000));
});
test("loss, repetition and disorder; a lost message 3 is said again with what follows", async () => {
  for (const fate of [
    (_: unknown, n: number) => (Math.imul(n + 3, 0x9e3779b1) >>> 0 < 0.25 * 2 ** 32 ? [] : [5]),
    (_: unknown, n: number) => [5 + ((n * 7) % 40), 5 + ((n * 13) % 60)],
    (_: unknown, n: number) => (n === 2 ? [] : [5]),
  ]) {
    const x = begin();
    x.net.fate = fate;
    await up(x, 60_000);
    assert.deepEqual([x.a.downs, x.b.downs], [[], []]);
  }
});
test("phase 1 is renewed, and a new start of the client ends its old connection", async () => {
  const x = begin({ ikeLifetimeSeconds: 60 });
  await up(x);
  await x.net.run(70_000, 100);
  assert.ok(x.a.kinds("ike.rekeyed").length >= 1);
  x.a.ike.connect(client(x.b.address, x.a.address, GROUP), x.a);
  await x.net.run(500);
  assert.ok(x.a.ups.length >= 2);
});

test("a server that was not told to answers no aggressive mode, and says what would make it", async () => {
  const x = begin({}, { aggressive: false });
  x.connect();
  await x.net.run(30_000, 100);
  assert.equal(x.a.ups.length, 0);
  assert.equal(x.a.downs.length, 1);
  assert.equal(x.b.ike.sizes().sas, 0);
  const said = x.b.events.find((e) => e.kind === "ike.failed");
  assert.match(said?.kind === "ike.failed" ? said.text : "", /aggressive mode.*ike_mode = aggressive/);
});
test("a server that answers it answers main mode as well", async () => {
  await up(begin({ aggressive: false }));
});
test("a group that the server does not have is named with the proposals of that one group", async () => {
  const x = begin({ ikeProposals: ["aes256-sha256-modp2048", "aes256-sha1-x25519"].map((p) => parseIkeProposal(p)) });
  x.connect();
  await x.net.run(30_000, 100);
  assert.equal(x.a.downs[0]?.code, "no-proposal");
  assert.match(x.a.downs[0]?.text ?? "", /\(aes256-sha256-modp2048\), which have one group/);
});

test("a wrong key is named at the client; a server's hash does not bring its peer up", async () => {
  const x = begin({ psk: Secret.of("wrong") });
  x.connect();
  await x.net.run(40_000, 100);
  assert.equal(x.a.downs[0]?.code, "psk-mismatch");
  assert.deepEqual([x.b.ups.length, x.b.ike.sizes().sas], [0, 0]);
});
test("an identity that the server does not want, and a server of another identity", async () => {
  const x = begin({}, { remoteId: parseIkeId("keyid:others") });
  x.connect();
  await x.net.run(2000);
  assert.deepEqual([x.b.ike.sizes().halfOpen, x.b.ike.sizes().sas], [0, 0], "refused at once");
  await x.net.run(40_000, 100);
  assert.equal(x.b.ups.length, 0);
  const y = begin({ remoteId: parseIkeId("@other.example") });
  y.connect();
  await y.net.run(2000);
  assert.equal(y.a.downs[0]?.code, "id-mismatch");
});

/** Message 1 of a client, caught on its way. */
async function messageOne(): Promise<Uint8Array> {
  const x = begin();
  x.net.fate = () => [];
  x.connect();
  await x.net.run(50);
  return x.net.seen[0]?.bytes ?? assert.fail("no message 1");
}
const from = (b: Host, bytes: Uint8Array, address: string): void =>
  b.port.onMessage(Packet.of(bytes), at500(b.address), at500(address));

test("guesses at the key: three in one exchange, then a pause", async () => {
  const one = await messageOne();
  const { net, b } = begin();
  const guess = (): void => {
    const m = one.slice();
    m.set(nodeCrypto.random(8));
    const n = net.seen.length;
    from(b, m, "203.0.113.7");
    const answer = net.seen[n]?.bytes;
    if (!answer) return;
    const { icookie, rcookie } = readMessage(answer).header;
    for (let i = 0; i < 10; i++) {
      const h = { icookie, rcookie, next: 8, exchange: 4, flags: 1, messageId: 0 };
      from(b, writeMessage(h, nodeCrypto.random(64)), "203.0.113.7");
    }
  };
  for (let i = 0; i < 30; i++) guess();
  assert.equal(b.ike.counters.get("ike.garbled"), 3 * 8);
  assert.ok(b.ike.counters.get("ike.pause") > 0);
  assert.deepEqual(b.ike.sizes(), { connections: 0, sas: 0, halfOpen: 0 });
});
test("a flood of messages 1: bounded exchanges, bounded computation, and answers not much larger than questions", async () => {
  const one = await messageOne();
  const { net, b } = begin();
  for (let i = 0; i < 3000; i++) {
    const m = one.slice();
    m.set(nodeCrypto.random(8));
    from(b, m, `198.51.${(i >> 8) & 255}.${i & 255}`);
  }
  const { sas, halfOpen } = b.ike.sizes();
  assert.ok(sas <= 768 && halfOpen <= 768, `${sas} ${halfOpen}`);
  const answers = net.seen.filter((d) => d.from.address === b.address);
  assert.ok(answers.length < 600, `${answers.length} Diffie-Hellman computations at once`);
  assert.ok(answers.every((d) => d.bytes.length <= 1.5 * one.length));
  await net.run(60_000, 1000);
  assert.equal(b.ike.sizes().halfOpen, 0);
});
test("any change to messages 2 and 3: nobody is up under another name, key or proposal", () => {
  const weak = { ikeProposals: ["aes128-sha1-x25519", "3des-md5-x25519"].map((p) => parseIkeProposal(p)) };
  return fc.assert(
    fc.asyncProperty(fc.constantFrom(1, 2), fc.nat(), fc.integer({ min: 1, max: 255 }), async (which, at, flip) => {
      const x = begin(weak, weak);
      x.net.tamper = (bytes, n) => {
        if (n === which) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip;
      };
      x.connect();
      await x.net.run(100);
      const ups = [...x.a.kinds("ike.up"), ...x.b.kinds("ike.up")];
      for (const e of ups) assert.equal(e.kind === "ike.up" && e.proposal, "aes128-sha1-x25519");
      for (const u of x.b.ups) assert.equal(u.info.peerId, Buffer.from("branches").toString("hex"));
      if (x.a.ups[0] && x.b.ups[0]) assert.ok(pass(x.a, x.a.ups[0].info.flow, x.b));
    }),
    { numRuns: 60 },
  );
});
test("messages 1 and 2, cut at any byte, are a typed error or silence", async () => {
  const one = await messageOne();
  const { b } = begin();
  for (let n = 0; n < one.length; n++) from(b, one.subarray(0, n), `203.0.${n & 127}.1`);
  assert.deepEqual(b.ike.sizes(), { connections: 0, sas: 0, halfOpen: 0 });
  assert.ok(!b.events.some((e) => e.kind === "daemon.fault"));
});
