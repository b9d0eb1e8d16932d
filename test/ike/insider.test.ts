// What a peer that has the key still may not do.

import assert from "node:assert/strict";
import { test } from "node:test";
import { u32 } from "../../src/core/bytes.ts";
import { parseEspProposal } from "../../src/ike/proposals.ts";
import type { IkeConnectConfig, IkeResponderConfig } from "../../src/ike/types.ts";
import { addressId, type IkeId, writeId } from "../../src/ike/wire/id.ts";
import { writeDelete } from "../../src/ike/wire/notify.ts";
import { PAYLOAD } from "../../src/ike/wire/payloads.ts";
import { client, Host, Net, server } from "./double.ts";
import { Insider, type Say } from "./insider.ts";

const ME = "10.0.0.1";
const IT = "10.0.0.2";
const id = (who: string | IkeId, protocol: number, port: number): Uint8Array =>
  writeId({ id: typeof who === "string" ? addressId(who) : who, protocol, port });
const good = [id(ME, 17, 1701), id(IT, 17, 1701)];

/** An insider whose phase 1 with an honest server is done. */
async function atServer(cfg: Partial<IkeResponderConfig> = {}): Promise<{ net: Net; b: Host; me: Insider }> {
  const net = new Net();
  const b = new Host(net, IT);
  b.ike.addResponder(server(cfg), b);
  const me = new Insider(net, ME, IT);
  await me.begin();
  assert.ok(me.up);
  return { net, b, me };
}
/** An honest client whose server the insider is; what the client makes of its answer. */
async function asServer(answer: Say, cfg: Partial<IkeConnectConfig> = {}): Promise<Host> {
  const net = new Net();
  const a = new Host(net, IT);
  const me = new Insider(net, ME, IT, { ...server(cfg), ...cfg });
  me.answer = () => answer;
  a.ike.connect(client(ME, IT, cfg), a);
  await net.run(200);
  return a;
}

test("selectors: UDP from the peer itself to our port 1701, or nothing said; all else is refused", async () => {
  const fine: readonly (readonly Uint8Array[])[] = [
    good,
    [],
    [id(ME, 17, 0), id(IT, 17, 1701)],
    [id(ME, 17, 50000), id(IT, 17, 0)],
    [id(ME, 0, 0), id(IT, 0, 0)],
    [id({ type: 4, text: "0a000001ffffffff" }, 17, 1701), id({ type: 4, text: "0a000002ffffffff" }, 17, 1701)],
  ];
  for (const [i, ids] of fine.entries()) {
    const { b, me } = await atServer();
    await me.say(me.quick1({ ids }));
    assert.equal(b.plane.inbound.size, 1, `fine ${i}`);
  }
  const subnet: IkeId = { type: 4, text: "0a000000ff000000" };
  const neighbour: IkeId = { type: 4, text: "0a000009ffffffff" };
  const bad: Readonly<Record<string, readonly Uint8Array[]>> = {
    "a subnet of somebody else alone": [id(neighbour, 17, 1701), id(IT, 17, 1701)],
    "a subnet without all of its mask": [id({ type: 4, text: "0a000001ff" }, 17, 1701), id(IT, 17, 1701)],
    tcp: [id(ME, 6, 0), id(IT, 6, 0)],
    "tcp at our side": [id(ME, 17, 1701), id(IT, 6, 1701)],
    "a port of no protocol": [id(ME, 0, 1701), id(IT, 0, 1701)],
    ssh: [id(ME, 17, 1701), id(IT, 17, 22)],
    "somebody else's address": [id("10.0.0.9", 17, 1701), id(IT, 17, 1701)],
    "a network": [id(subnet, 17, 0), id(IT, 17, 1701)],
    "a network of ours": [id(ME, 17, 0), id(subnet, 17, 1701)],
    "a name, without a NAT": [id({ type: 2, text: "x.example" }, 17, 1701), id(IT, 17, 1701)],
    "one identity": [id(ME, 17, 1701)],
    three: [...good, id(IT, 17, 1701)],
  };
  for (const [name, ids] of Object.entries(bad)) {
    const { b, me } = await atServer();
    await me.say(me.quick1({ ids }));
    assert.equal(b.plane.inbound.size + b.plane.reserved.size, 0, name);
    assert.equal(b.ups.length, 0, name);
  }
});

test("an SPI of 255 and below is refused, and a nonce of seven bytes not read", async () => {
  const { b, me } = await atServer();
  await me.say(me.quick1({ ids: good, spi: Uint8Array.of(0, 0, 0, 255) }));
  await me.say(me.quick1({ ids: good, nonce: new Uint8Array(7) }));
  assert.deepEqual([b.plane.inbound.size, b.ike.counters.get("ike.bad-length")], [0, 1]);
  await me.say(me.quick1({ ids: good, spi: Uint8Array.of(0, 0, 1, 0), nonce: new Uint8Array(8) }));
  assert.equal(b.plane.inbound.size, 1);
});
test("a nonce of seven bytes in main mode brings nobody up", async () => {
  const net = new Net();
  const b = new Host(net, IT);
  b.ike.addResponder(server(), b);
  const me = new Insider(net, ME, IT);
  const { random } = me.crypto;
  me.crypto.random = (n) => random(n === 32 ? 7 : n);
  const sa = await me.begin();
  assert.deepEqual([sa.up, b.ike.counters.get("ike.bad-length") > 0], [null, true]);
});

test("quick mode is encrypted, and has a message id of its own that is never used again", async () => {
  const { b, me } = await atServer();
  await me.say(me.quick1({ ids: good }), (m) => void m.fill(0, 19, 20));
  await me.say(me.quick1({ ids: good }, 0));
  assert.deepEqual([b.plane.inbound.size, b.ike.counters.get("ike.early-quick")], [0, 2]);
  const tcp = (n: number): Uint8Array => me.quick1({ ids: [id(ME, 6, 0), id(IT, 6, 0)] }, n);
  const first = tcp(1);
  await me.say(first);
  for (let n = 2; n < 80; n++) await me.say(tcp(n));
  const was = b.ike.counters.get("ike.replay");
  await me.say(first);
  assert.equal(b.ike.counters.get("ike.replay"), was + 1, "also when the exchange itself is forgotten");
});
test("a message id in main mode's messages is refused", async () => {
  const net = new Net();
  const [a, b] = [new Host(net, ME), new Host(net, IT)];
  net.tamper = (bytes, n) => {
    if (n === 2) bytes[23] = 1;
  };
  b.ike.addResponder(server(), b);
  a.ike.connect(client(IT, ME), a);
  await net.run(100);
  assert.deepEqual([b.ike.counters.get("ike.unexpected"), a.ups.length], [1, 0]);
});

test("a delete counts when it is authentic, encrypted, and names this very SA", async () => {
  const { net, b, me } = await atServer();
  await me.quick();
  assert.equal(b.ups.length, 1);
  const theirs = [...b.plane.outbound.values()].map((x) => u32(x.spec.spi));
  const esp = { type: PAYLOAD.delete, body: writeDelete({ protocol: 3, spis: theirs }) };
  const isakmp = (cookies: Uint8Array): typeof esp => ({
    type: PAYLOAD.delete,
    body: writeDelete({ protocol: 1, spis: [cookies] }),
  });
  await me.say(me.inform(esp, new Uint8Array(32)));
  await me.say(me.inform(esp), (m) => void m.fill(0, 19, 20));
  await me.say(me.inform(isakmp(new Uint8Array(16).fill(7))));
  assert.deepEqual([b.downs.length, b.ike.sizes().sas, b.plane.inbound.size, b.plane.outbound.size], [0, 1, 1, 1]);
  await me.say(me.inform(isakmp(me.up.cookies())));
  assert.equal(b.ike.sizes().sas, 0);
  await net.run(10);
});

test("a flow gets eight SA pairs, however many quick modes its peer finishes", async () => {
  const { b, me } = await atServer();
  for (let i = 0; i < 20; i++) await me.quick();
  assert.ok(b.plane.inbound.size <= 8, `${b.plane.inbound.size} pairs`);
  assert.ok(b.ike.counters.get("ike.exchanges") > 0);
  assert.ok(me.children.length >= 8);
});
test("an SA ends with its lifetime when nobody replaces it; a lifetime of a second is taken for more", async () => {
  const { net, b, me } = await atServer({ espLifetimeSeconds: 60, dpdSeconds: 0 });
  await me.quick();
  assert.equal(b.plane.inbound.size, 1);
  for (const { spec } of [...b.plane.inbound.values(), ...b.plane.outbound.values()]) {
    assert.ok(spec.hardPackets > 2 ** 31 && spec.hardPackets < 2 ** 32, "and stops before its numbers wrap");
  }
  me.host.port.onMessage = () => {}; // silent from now on
  await net.run(90_000, 200);
  assert.deepEqual([b.downs[0]?.code, b.plane.inbound.size + b.plane.outbound.size], ["expired", 0]);

  const short = await atServer();
  const policy = { ...short.me.policy, espLifetimeSeconds: 1 };
  const other = new Insider(short.net, "10.0.0.3", IT, policy);
  await other.begin();
  await other.quick();
  assert.equal(short.b.plane.inbound.size, 1);
  await short.net.run(8000, 100);
  assert.equal(short.b.plane.inbound.size, 1, "twenty seconds at least");
});

test("a server's answer to quick mode: what was offered, for UDP, with its half of the key exchange", async () => {
  assert.equal((await asServer({ ids: [id(IT, 17, 1701), id(ME, 17, 1701)] })).ups.length, 1, "as the RFC has it");
  const cases: readonly (readonly [Say, Partial<IkeConnectConfig>, string])[] = [
    [{ esp: parseEspProposal("aes128-sha256") }, {}, "no-proposal"],
    [{ esp: parseEspProposal("aes256-sha1") }, {}, "no-proposal"],
    [{ esp: parseEspProposal("null-sha256") }, {}, "no-proposal"],
    [{ ids: [id(IT, 6, 1701), id(ME, 6, 1701)] }, {}, "bad-selectors"],
    [{}, { espProposals: [parseEspProposal("aes256-sha256-x25519")] }, "bad-key"],
  ];
  for (const [say, cfg, code] of cases) {
    const a = await asServer(say, cfg);
    assert.deepEqual(
      [a.downs[0]?.code, a.ups.length, a.plane.inbound.size + a.plane.outbound.size],
      [code, 0, 0],
      code,
    );
  }
});
test("a server's choice in main mode that was not offered is not taken", async () => {
  const net = new Net();
  const [a, b] = [new Host(net, ME), new Host(net, IT)];
  const sha256 = Buffer.from([0x80, 2, 0, 4]);
  net.tamper = (bytes, n) => {
    const at = Buffer.from(bytes).indexOf(sha256);
    if (n === 1 && at > 0) bytes[at + 3] = 2;
  };
  b.ike.addResponder(server(), b);
  a.ike.connect(client(IT, ME), a);
  await net.run(100);
  assert.deepEqual([a.ike.counters.get("ike.bad-choice"), a.ups.length], [1, 0]);
});
