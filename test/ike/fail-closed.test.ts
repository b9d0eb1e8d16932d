// What is not authenticated ends nothing: notifies, impostors, other addresses. And replays are refused as long as an
// SA lives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Packet } from "../../src/core/packet.ts";
import { Secret } from "../../src/core/secret.ts";
import { MessageIds } from "../../src/ike/v1/ids.ts";
import { readMessage, writeMessage } from "../../src/ike/wire/header.ts";
import { parseIkeId } from "../../src/ike/wire/id.ts";
import { NOTIFY, writeNotify } from "../../src/ike/wire/notify.ts";
import { writeChain } from "../../src/ike/wire/payloads.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { client, Host, Nat, type Net, pair, pass, server } from "./double.ts";
import { alone, at500, header } from "./strangers.ts";

function forged(net: Net, type: number): Uint8Array {
  const last = net.seen.at(-1);
  assert.ok(last);
  const { icookie, rcookie } = readMessage(last.bytes).header;
  const body = writeChain([
    { type: 11, body: writeNotify({ protocol: 1, type, spi: new Uint8Array(0), data: new Uint8Array(0) }) },
  ]);
  return writeMessage(header({ icookie, rcookie, exchange: 5, next: 11, messageId: 9 }), body);
}

for (const [lost, name, type] of [
  [1, "2", 14],
  [3, "4", 24],
  [5, "6", 24],
] as const) {
  test(`a forged clear notify while message ${name} is lost three times: the exchange completes`, async () => {
    const { net, a, b } = pair();
    let losses = 0;
    net.fate = (d) => {
      const late = d.from.address === b.address && net.seen.length >= lost && losses < 3;
      if (late) losses++;
      return late ? [] : [5];
    };
    b.ike.addResponder(server(), b);
    const conn = a.ike.connect(client(b.address, a.address), a);
    await net.run(50);
    for (const from of [b.address, "192.0.2.66"])
      a.port.onMessage(Packet.of(forged(net, type)), at500(a.address), at500(from));
    assert.equal(a.ike.counters.get("ike.other-address"), 1);
    await net.run(22_000, 20);
    assert.deepEqual([losses, a.downs.length, conn.stage()], [3, 0, "up"]);
  });
}

test("an impostor who answers once with another key: after all tries a failure that is not lasting", async () => {
  const { net, a, b } = pair();
  const impostor = new Host(net, "10.0.0.66");
  impostor.ike.addResponder(server({ psk: Secret.of("guess") }), impostor);
  net.hosts.set(b.address, impostor); // it answers in the server's place
  impostor.port.send = (from, to, bytes) => net.send({ from: { ...from, address: b.address }, to, bytes });
  a.ike.connect(client(b.address, a.address), a);
  await net.run(100);
  net.hosts.set(b.address, b);
  b.ike.addResponder(server(), b);
  await net.run(20_000, 20);
  assert.equal(a.downs.length, 0, "a notify and a message 6 that does not authenticate are no proof");
  await net.run(5000, 20);
  assert.equal(a.downs[0]?.code, "psk-mismatch");
  assert.ok(!a.downs[0]?.lasting);
  a.ike.connect(client(b.address, a.address), a);
  await net.run(300);
  assert.equal(a.ups.length, 1);
});

test("a NAT that only an unauthenticated message 4 tells of is no lasting failure", async () => {
  const { net, a, b } = pair();
  net.nats.push(new Nat("192.0.2.9", [a.address]));
  b.ike.addResponder(server(), b);
  a.ike.connect(client(b.address, a.address, { encap: "esp" }), a);
  await net.run(25_000, 50);
  assert.equal(a.downs[0]?.code, "nat");
  assert.ok(!a.downs[0]?.lasting);
});

test("before authentication nobody else's datagrams count: neither side answers another address", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(), b);
  net.fate = () => [];
  a.ike.connect(client(b.address, a.address), a);
  const one = net.seen[0]?.bytes ?? new Uint8Array(0);
  b.port.onMessage(Packet.of(one), at500(b.address), at500(a.address));
  const two = net.seen[1]?.bytes ?? new Uint8Array(0);
  a.port.onMessage(Packet.of(two), at500(a.address), at500("192.0.2.66"));
  a.port.onMessage(Packet.of(two), at500(a.address), { address: b.address, port: 501 });
  assert.equal(net.seen.length, 2);
  assert.equal(a.ike.counters.get("ike.other-address"), 2);
  a.port.onMessage(Packet.of(two), at500(a.address), at500(b.address));
  const three = net.seen[2]?.bytes ?? new Uint8Array(0);
  b.port.onMessage(Packet.of(three), at500(b.address), at500("192.0.2.66"));
  assert.equal(net.seen.length, 3);
  b.port.onMessage(Packet.of(three), at500(b.address), at500(a.address));
  assert.equal(net.seen.length, 4);
  a.ike.close();
  b.ike.close();
});

test("message ids: all of the peer's are remembered, and ours sent back to us are refused", () => {
  const ids = new MessageIds({ random: (n) => new Uint8Array(n).fill(0xff) }); // ours wrap at once, over 0
  const ours = [ids.next(), ids.next(), ids.next()];
  assert.deepEqual(ours, [0xffff_ffff, 1, 2]);
  for (const id of ours) assert.ok(ids.used(id));
  assert.ok(!ids.used(3));
  const theirs = new Set<number>();
  while (theirs.size < 4096) theirs.add(100 + (((theirs.size * 2_654_435_761) >>> 0) % 0xf000_0000));
  for (const id of theirs) {
    assert.ok(!ids.used(id) && !ids.full);
    ids.heard(id);
    ids.heard(id);
  }
  for (const id of theirs) assert.ok(ids.used(id));
  assert.ok(ids.full && ids.many);
});

test("spoofed unknown SPIs do not flush the memory of message ids; one answer in five seconds at most", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(), b);
  const conn = a.ike.connect(client(b.address, a.address, { dpdSeconds: 1 }), a);
  await net.run(3000, 20);
  const old = net.seen.map((d) => ({ ...d }));
  const before = net.seen.length;
  for (let i = 0; i < 3000; i++) {
    for (let k = 0; k < 3; k++) b.plane.onUnknownSpi({ address: a.address, port: 0 }, 0x7000_0000 + i);
    await net.run(20, 20);
  }
  const deletes = net.seen
    .slice(before)
    .filter((d) => d.from.address === b.address && readMessage(d.bytes).header.exchange === 5);
  assert.ok(deletes.length <= 60 / 5 + 2 + 60, `${deletes.length} deletes and answers to R-U-THERE`);
  const replays = b.ike.counters.get("ike.replay");
  const answers = net.seen.length;
  for (const d of old) if (d.to.address === b.address) b.port.onMessage(Packet.of(d.bytes), d.to, d.from);
  assert.ok(b.ike.counters.get("ike.replay") > replays);
  assert.ok(
    net.seen.slice(answers).every((d) => readMessage(d.bytes).header.exchange !== 5),
    "no R-U-THERE is answered twice",
  );
  assert.ok(pass(a, conn.flow, b));
});

test("what we said comes back to us from the peer's address: not heard", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(), b);
  a.ike.connect(client(b.address, a.address, { dpdSeconds: 1 }), a);
  await net.run(3000, 20);
  const said = net.seen.filter(
    (d) => d.from.address === a.address && [5, 32].includes(readMessage(d.bytes).header.exchange),
  );
  assert.ok(said.length >= 3);
  const answers = net.seen.length;
  for (const d of said) a.port.onMessage(Packet.of(d.bytes), d.from, d.to);
  assert.equal(net.seen.length, answers);
  assert.ok(a.ike.counters.get("ike.replay") >= 1);
  assert.equal(a.downs.length, 0);
});

test("a peer that has used up its message ids gets no more of this SA", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(), b);
  const sa = alone(a, b);
  await net.run(100);
  assert.ok(sa.up);
  const asked = (): void => sa.notify(NOTIFY.rUThere, 1, sa.cookies(), nodeCrypto.random(4));
  for (let i = 0; i < 4100; i++) asked();
  await net.run(100);
  assert.ok(b.ike.counters.get("ike.ids-used-up") > 0);
  assert.ok(net.clock.pending().length < 20);
});
test("a client renews phase 1 before its server has used up its message ids", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server({ dpdSeconds: 1 }), b); // asks every second
  const conn = a.ike.connect(client(b.address, a.address, { dpdSeconds: 0, espLifetimeSeconds: 86_400 }), a);
  await net.run(300);
  const renewed = (): boolean => a.kinds("ike.rekeyed").length > 0;
  for (let t = 0; t < 3200 && !renewed(); t++) await net.run(1000, 1000);
  assert.ok(renewed());
  await net.run(10_000, 100);
  assert.equal(a.downs.length + b.downs.length + b.ike.counters.get("ike.ids-used-up"), 0);
  assert.ok(pass(a, conn.flow, b));
});

test("a server's SA under another identity serves nothing, and is not kept", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(), b);
  const conn = a.ike.connect(client(b.address, a.address), a);
  await net.run(300);
  for (let i = 0; i < 5; i++) {
    b.ike.connect(client(a.address, b.address, { link: `back${i}`, localId: parseIkeId(`@other${i}.example`) }), b);
    await net.run(300);
  }
  assert.deepEqual(a.ike.sizes(), { connections: 1, sas: 1, halfOpen: 0 });
  assert.equal(conn.stage(), "up");
});
