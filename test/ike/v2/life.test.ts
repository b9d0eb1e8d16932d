// What keeps an IKEv2 connection alive and what ends it: rekeys and their collisions, loss, repetition, fragments.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEspProposal, parseIkeProposal } from "../../../src/ike/proposals.ts";
import type { IkeConnectConfig, IkeResponderConfig } from "../../../src/ike/types.ts";
import { hasLost } from "../../../src/ike/v2/tasks.ts";
import { client, Host, Nat, pair, pass, server } from "../double.ts";

const V2 = { versions: "v2" } as const;
async function connected(c: Partial<IkeConnectConfig> = {}, s: Partial<IkeResponderConfig> = {}, nat?: Nat) {
  const { net, a, b } = pair();
  if (nat) net.nats.push(nat);
  b.ike.addResponder(server({ ...V2, ...s }), b);
  const conn = a.ike.connect(client(b.address, a.address, { ...V2, ...c }), a);
  await net.run(300);
  assert.equal(a.ups.length, 1, JSON.stringify(a.downs));
  const flowB = b.ups[0]?.info.flow ?? 0;
  const flows = (): void => {
    assert.ok(pass(a, conn.flow, b), "client to server");
    assert.ok(pass(b, flowB, a), "server to client");
  };
  return { net, a, b, conn, flowB, flows };
}
type Two = Awaited<ReturnType<typeof connected>>;
/** Packets every half second, all of which must pass. */
async function traffic(x: Two, ms: number): Promise<void> {
  for (let t = 0; t < ms; t += 500) {
    x.flows();
    await x.net.run(500, 50);
  }
}
const ikeRekeys = (h: Host): number => h.events.filter((e) => e.kind === "ike.rekeyed" && e.what === "isakmp").length;

for (const who of ["client", "server"] as const) {
  const short = { espLifetimeSeconds: 120 };
  test(`the ${who} replaces ESP SAs by time: not a packet is lost, old ones go`, async () => {
    const x = await (who === "client" ? connected(short) : connected({}, short));
    await traffic(x, 260_000);
    assert.ok(x.a.rekeys.length >= 2 && x.b.rekeys.length >= 2);
    assert.deepEqual(
      [x.a, x.b].flatMap((h) => [h.plane.inbound.size, h.plane.outbound.size, h.plane.reserved.size]),
      [1, 1, 0, 1, 1, 0],
    );
    assert.equal(x.a.downs.length + x.b.downs.length, 0);
  });
  const ike = { ikeLifetimeSeconds: 300 };
  test(`the ${who} replaces the IKE SA: the flow and its packets go on`, async () => {
    const x = await (who === "client" ? connected(ike) : connected({}, ike));
    await traffic(x, 700_000);
    assert.ok(ikeRekeys(x.a) >= 2 && ikeRekeys(x.b) >= 2);
    assert.equal(x.b.ups.length, 1);
    assert.deepEqual([x.a.ike.sizes().sas, x.b.ike.sizes().sas], [1, 1]);
    assert.equal(x.a.downs.length + x.b.downs.length, 0);
    x.conn.close("");
    await x.net.run(100);
    assert.equal(x.b.downs[0]?.code, "peer-deleted");
  });
}
test("with perfect forward secrecy, by bytes, behind a NAT", async () => {
  const p = { espProposals: [parseEspProposal("aes256-sha256-x25519")], espLifetimeBytes: 1_000_000 };
  const x = await connected(p, p, new Nat("192.0.2.9", ["10.0.0.1"]));
  for (let i = 0; i < 10; i++) pass(x.a, x.conn.flow, x.b, 100_000);
  await traffic(x, 10_000);
  assert.equal(x.a.rekeys.length, 1);
  x.flows();
});
for (const limit of ["espLifetimeSeconds", "ikeLifetimeSeconds"] as const) {
  test(`every datagram may be lost once, ${limit} short`, async () => {
    const { net, a, b } = pair();
    const lost = new Set<string>();
    net.fate = (d) => {
      const k = Buffer.from(d.bytes).toString("base64");
      if (lost.has(k)) return [5];
      lost.add(k);
      return [];
    };
    b.ike.addResponder(server(V2), b);
    const conn = a.ike.connect(client(b.address, a.address, { ...V2, [limit]: 120 }), a);
    await net.run(20_000, 100);
    assert.equal(a.ups.length, 1);
    const flowB = b.ups[0]?.info.flow ?? 0;
    for (let t = 0; t < 130_000; t += 1000) {
      assert.ok(pass(a, conn.flow, b) && pass(b, flowB, a), `at ${t}`);
      await net.run(1000, 100);
    }
    assert.ok(a.kinds("ike.rekeyed").length >= 1);
    assert.equal(a.downs.length + b.downs.length, 0);
  });
}
test("every datagram three times and out of order changes nothing", async () => {
  const { net, a, b } = pair();
  net.fate = (_d, n) => [5 + (n % 3) * 7, 30, 90];
  b.ike.addResponder(server(V2), b);
  const conn = a.ike.connect(client(b.address, a.address, { ...V2, espLifetimeSeconds: 60 }), a);
  await net.run(70_000, 10);
  assert.equal(a.ups.length, 1);
  assert.equal(b.ups.length, 1);
  assert.ok(a.rekeys.length >= 1);
  assert.ok(pass(a, conn.flow, b));
  assert.ok(net.seen.length < 100, `${net.seen.length} datagrams: answers must not breed`);
});

/** Both reach the byte limit in the same look; `delay` of each datagram, in turn. */
async function collide(delays: readonly number[]): Promise<Two> {
  const life = { espLifetimeSeconds: 300, espLifetimeBytes: 1_000_000 };
  const x = await connected(life, life);
  x.net.fate = (_d, n) => [delays[n % delays.length] ?? 5];
  for (let i = 0; i < 16; i++) {
    pass(x.a, x.conn.flow, x.b, 100_000);
    pass(x.b, x.flowB, x.a, 100_000);
  }
  return x;
}
for (const delays of [[400], [100, 900], [900, 100], [30, 700, 200], [200, 30, 700]]) {
  test(`both replace the ESP SAs at once, delays ${delays}: one pair is left, and packets pass`, async () => {
    const x = await collide(delays);
    await traffic(x, 20_000);
    const left = [x.a, x.b].flatMap((h) => [h.plane.inbound.size, h.plane.outbound.size, h.plane.reserved.size]);
    assert.deepEqual(left, [1, 1, 0, 1, 1, 0]);
    assert.equal(x.a.downs.length + x.b.downs.length, 0);
    assert.ok(x.a.rekeys.length >= 1);
  });
}
for (const delays of [[300], [100, 900], [900, 100]]) {
  test(`both replace the IKE SA at once, delays ${delays}: one is left, and it works`, async () => {
    // the server's share of its lifetime is at the client's
    for (let life = 200; life <= 230; life += 6) {
      const x = await connected({ ikeLifetimeSeconds: 220 }, { ikeLifetimeSeconds: life });
      x.net.fate = (_d, n) => [delays[n % delays.length] ?? 5];
      await x.net.run(240_000, 100);
      assert.deepEqual([x.a.ike.sizes().sas, x.b.ike.sizes().sas], [1, 1], `life ${life}`);
      assert.equal(x.a.downs.length + x.b.downs.length, 0);
      x.flows();
      x.net.fate = () => [5];
      x.conn.close("");
      await x.net.run(200);
      assert.equal(x.b.downs[0]?.code, "peer-deleted");
    }
  });
}

test("a peer that dies is noticed by both sides, a living one answers", async () => {
  const x = await connected({ dpdSeconds: 10 }, { dpdSeconds: 10 });
  await x.net.run(60_000, 50);
  assert.equal(x.a.downs.length + x.b.downs.length, 0);
  x.net.fate = () => [];
  await x.net.run(60_000, 100);
  assert.deepEqual([x.a.downs[0]?.code, x.b.downs[0]?.code], ["dead-peer", "dead-peer"]);
  assert.equal(x.a.plane.inbound.size + x.b.plane.outbound.size, 0);
});
test("requests of either side begin with their own message id: 1 of who began, 0 of the other", async () => {
  const x = await connected({}, { dpdSeconds: 5 });
  x.net.seen.length = 0;
  await x.net.run(6000, 50);
  const [ask, answer] = x.net.seen.map((d) => Buffer.from(d.bytes.subarray(18, 24)).toString("hex"));
  assert.deepEqual([ask, answer], ["250000000000", "252800000000"]);
  x.conn.close("");
  assert.equal(x.net.seen.at(-1)?.bytes[23], 2, "behind IKE_AUTH");
});
test("ESP traffic is a sign of life: no questions", async () => {
  const x = await connected({ dpdSeconds: 10 }, { dpdSeconds: 10 });
  const before = x.net.seen.length;
  await traffic(x, 30_000);
  assert.equal(x.net.seen.length, before);
});
test("the peer forgets an SPI: it is told", async () => {
  const x = await connected();
  x.b.plane.onUnknownSpi({ address: "10.0.0.1", port: 500 }, 0x1234_5678);
  await x.net.run(200);
  assert.equal(x.a.downs.length, 0);
  const spi = x.a.ups[0]?.info.spiOut ?? 0;
  x.b.plane.inbound.delete(spi);
  x.b.plane.onUnknownSpi({ address: "10.0.0.1", port: 500 }, 0x1234_5679);
  await x.net.run(6000);
  x.flows;
});
test("small fragments: everything still works, and what is lost comes again", async () => {
  const { net } = pair();
  const more = { fragmentBytes: 150 };
  const a = new Host(net, "10.0.0.1", undefined, more);
  const b = new Host(net, "10.0.0.2", undefined, more);
  let n = 0;
  net.fate = () => (++n % 3 === 0 ? [] : [5]);
  const both = { espLifetimeSeconds: 60, ikeProposals: [parseIkeProposal("aes256-sha256-modp2048")] };
  b.ike.addResponder(server({ ...V2, ...both }), b);
  const conn = a.ike.connect(client(b.address, a.address, { ...V2, ...both }), a);
  await net.run(20_000, 50);
  assert.equal(a.ups.length, 1);
  assert.ok(net.seen.filter((d) => d.bytes[16] === 53).length >= 4);
  assert.ok(net.seen.every((d) => d.bytes[18] === 34 || d.bytes.length <= 150));
  await net.run(70_000, 50);
  assert.ok(a.rekeys.length >= 1);
  assert.ok(pass(a, conn.flow, b));
});
test("what came before the delete of a replaced pair, and is read behind it, still arrives", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server({ versions: "v2" }), b);
  const conn = a.ike.connect(client(b.address, a.address, { versions: "v2", espLifetimeSeconds: 60 }), a);
  const there = (): number[] => [a, b].map((h) => h.plane.inbound.size);
  for (const [i, h] of [b, a].entries()) {
    while (h.kinds("esp.down").length === 0 && net.clock.now() < 60_000) await net.run(10);
    assert.equal(there()[1 - i], 2);
  }
  await net.run(600);
  assert.deepEqual(there(), [1, 1]);
  while (b.kinds("esp.down").length === 1 && net.clock.now() < 120_000) await net.run(10);
  conn.close("");
  await net.run(50);
  assert.deepEqual(there(), [0, 0]);
});

test("of what both sides make at once that with the lowest nonce goes (RFC 7296 §2.8.1)", () => {
  const [low, high] = [Uint8Array.of(1, 9), Uint8Array.of(2, 0)];
  assert.deepEqual([hasLost({ theirs: high }, low), hasLost({ theirs: low }, high)], [true, false]);
  assert.equal(hasLost({ theirs: null }, low), false);
});
