// What keeps a connection alive and what ends it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Counters } from "../../src/core/counters.ts";
import { Secret } from "../../src/core/secret.ts";
import { parseEspProposal, parseIkeProposal } from "../../src/ike/proposals.ts";
import type { IkeConnectConfig, IkeResponderConfig } from "../../src/ike/types.ts";
import { Dpd } from "../../src/ike/v1/dpd.ts";
import { IkeSa } from "../../src/ike/v1/ikesa.ts";
import { readMessage } from "../../src/ike/wire/header.ts";
import { parseIkeId } from "../../src/ike/wire/id.ts";
import { NOTIFY } from "../../src/ike/wire/notify.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { client, Host, Nat, pair, pass, server } from "./double.ts";

async function connected(c: Partial<IkeConnectConfig> = {}, s: Partial<IkeResponderConfig> = {}, nat?: Nat) {
  const { net, a, b } = pair();
  if (nat) net.nats.push(nat);
  const listening = b.ike.addResponder(server(s), b);
  const conn = a.ike.connect(client(b.address, a.address, c), a);
  await net.run(300);
  assert.equal(a.ups.length, 1, "connected");
  const flowB = b.ups[0]?.info.flow ?? 0;
  const flows = (): void => {
    assert.ok(pass(a, conn.flow, b), "client to server");
    assert.ok(pass(b, flowB, a), "server to client");
  };
  return { net, a, b, conn, flowB, flows, listening };
}

/** Packets every half second, all of which must pass. */
async function traffic(x: Awaited<ReturnType<typeof connected>>, ms: number): Promise<void> {
  for (let t = 0; t < ms; t += 500) {
    x.flows();
    await x.net.run(500, 50);
  }
}

test("ESP SAs are replaced by time, not a packet is lost, old ones go", async () => {
  const x = await connected({ espLifetimeSeconds: 120 });
  await traffic(x, 260_000);
  assert.ok(x.a.rekeys.length >= 2 && x.b.rekeys.length >= 2);
  assert.ok(x.a.plane.inbound.size <= 2 && x.a.plane.outbound.size <= 2);
  assert.equal(x.a.plane.reserved.size + x.b.plane.reserved.size, 0);
  assert.equal(x.a.downs.length + x.b.downs.length, 0);
});

test("ESP SAs are replaced by bytes", async () => {
  const x = await connected({ espLifetimeBytes: 1_000_000 });
  for (let i = 0; i < 10; i++) pass(x.a, x.conn.flow, x.b, 100_000);
  await traffic(x, 10_000);
  assert.equal(x.a.rekeys.length, 1);
  x.flows();
});

test("3DES is replaced by bytes though no limit is configured", async () => {
  const esp = { espProposals: [parseEspProposal("3des-sha1")] };
  const x = await connected(esp, esp);
  pass(x.b, x.flowB, x.a, 2 ** 30);
  await traffic(x, 10_000);
  assert.ok(x.a.rekeys.length >= 1);
});

test("phase 1 is replaced before it expires; the flow and its packets go on", async () => {
  const x = await connected({ ikeLifetimeSeconds: 300 }, { ikeLifetimeSeconds: 300 });
  await traffic(x, 700_000);
  assert.ok(x.a.events.filter((e) => e.kind === "ike.rekeyed" && e.what === "isakmp").length >= 2);
  assert.equal(x.b.ups.length, 1);
  assert.equal(x.a.downs.length + x.b.downs.length, 0);
  assert.ok(x.a.ike.sizes().sas <= 2 && x.b.ike.sizes().sas <= 2);
  assert.equal(x.b.ike.sizes().connections, 1);
});

test("phase 1 is replaced behind a NAT on port 4500", async () => {
  const x = await connected({ ikeLifetimeSeconds: 300 }, {}, new Nat("192.0.2.9", ["10.0.0.1"]));
  await traffic(x, 310_000);
  assert.equal(x.b.ups.length, 1);
  assert.ok(x.b.events.some((e) => e.kind === "ike.rekeyed" && e.what === "isakmp"));
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
    b.ike.addResponder(server(), b);
    const conn = a.ike.connect(client(b.address, a.address, { [limit]: 120 }), a);
    await net.run(20_000, 100);
    assert.equal(a.ups.length, 1);
    const flowB = b.ups[0]?.info.flow ?? 0;
    for (let t = 0; t < 130_000; t += 1000) {
      assert.ok(pass(a, conn.flow, b) && pass(b, flowB, a), `at ${t}`);
      await net.run(1000, 100);
    }
    assert.equal(a.downs.length + b.downs.length, 0);
  });
}

test("every datagram three times and out of order changes nothing", async () => {
  const { net, a, b } = pair();
  net.fate = (_d, n) => [5 + (n % 3) * 7, 30, 90];
  b.ike.addResponder(server(), b);
  const conn = a.ike.connect(client(b.address, a.address, { espLifetimeSeconds: 60 }), a);
  await net.run(70_000, 10);
  assert.equal(a.ups.length, 1);
  assert.equal(b.ups.length, 1);
  assert.ok(a.rekeys.length >= 1);
  assert.ok(pass(a, conn.flow, b));
  assert.ok(net.seen.length < 100, `${net.seen.length} datagrams: answers must not breed`);
});

test("both sides replace the ESP SAs at once: each receives under both pairs until their lifetimes end", async () => {
  const life = { espLifetimeSeconds: 300, espLifetimeBytes: 1_000_000 };
  const y = await connected(life, life);
  // the byte limit of both sides is reached in the same poll
  y.net.fate = () => [400];
  for (let i = 0; i < 16; i++) {
    pass(y.a, y.conn.flow, y.b, 100_000);
    pass(y.b, y.flowB, y.a, 100_000);
  }
  await traffic(y, 5000);
  assert.equal(y.a.rekeys.length, 2, "two quick modes");
  // a peer may send under the pair that we do not send under, as strongSwan does, and under a replaced one
  const received = (from: Host, to: Host): boolean[] =>
    [...from.plane.outbound.values()].map(({ spec }) => {
      const there = to.plane.inbound.get(spec.spi)?.spec.keys;
      return there !== undefined && Buffer.from(there.encr).equals(Buffer.from(spec.keys.encr));
    });
  for (let t = 0; t < 200_000; t += 1000) {
    assert.deepEqual([received(y.a, y.b), received(y.b, y.a)].flat(), Array(6).fill(true), `at ${t}`);
    await y.net.run(1000, 500);
  }
  await traffic(y, 200_000);
  assert.ok(y.a.plane.inbound.size <= 2 && y.b.plane.inbound.size <= 2, "what has expired is gone");
  assert.equal(y.a.downs.length + y.b.downs.length, 0);
});

test("a flow keeps three replaced pairs, however often they are replaced", async () => {
  const x = await connected({ espLifetimeBytes: 1_000_000 });
  for (let i = 0; i < 12; i++) {
    for (let n = 0; n < 10; n++) pass(x.a, x.conn.flow, x.b, 100_000);
    await traffic(x, 8000);
  }
  assert.equal(x.a.rekeys.length, 12);
  assert.ok(x.a.plane.inbound.size <= 5 && x.b.plane.inbound.size <= 5);
  x.flows();
});

test("a NAT that forgets its mappings: the peer is followed, by IKE and by ESP", async () => {
  const nat = new Nat("192.0.2.9", ["10.0.0.1"]);
  const x = await connected({ dpdSeconds: 5 }, {}, nat);
  nat.rebind();
  await x.net.run(10_000, 50); // the client's R-U-THERE comes from the new port
  assert.equal(x.b.plane.moves.length, 1);
  assert.equal(x.b.kinds("ike.mapping").length, 1);
  assert.equal(x.a.downs.length, 0);
  x.b.plane.onMapping(x.flowB, { address: "192.0.2.9", port: 30000 });
  assert.deepEqual(x.b.plane.moves.at(-1), { address: "192.0.2.9", port: 30000 });
});

test("without a NAT nobody is followed", async () => {
  const x = await connected();
  x.b.plane.onMapping(x.flowB, { address: "192.0.2.66", port: 4500 });
  assert.equal(x.b.plane.moves.length, 0);
});

test("a peer that dies is noticed by both sides' questions", async () => {
  const x = await connected({ dpdSeconds: 10 });
  await x.net.run(60_000, 50);
  assert.equal(x.a.downs.length, 0, "a living peer answers");
  x.net.fate = () => [];
  await x.net.run(40_000, 100);
  assert.equal(x.a.downs[0]?.code, "dead-peer");
  assert.equal(x.a.plane.inbound.size + x.a.plane.outbound.size, 0);
});

test("an answer to an older question of DPD is no sign of life", () => {
  const asked: Uint8Array[] = [];
  let dead = 0;
  const dpd = new Dpd(nodeCrypto, 10);
  dpd.start(true, 0);
  for (let now = 1000; now <= 60_000; now += 1000) {
    if (now >= dpd.due) {
      const seq = dpd.fire(now, false);
      if (seq === "dead") dead++;
      else if (seq) asked.push(seq);
    }
    if (asked[0]) dpd.ack(asked.length === 1 ? new Uint8Array(4) : asked[0], now);
  }
  assert.deepEqual([asked.length, dead], [5, 1]);
});
test("ESP traffic is a sign of life: no questions", async () => {
  const x = await connected({ dpdSeconds: 10 });
  const before = x.net.seen.length;
  await traffic(x, 30_000);
  assert.equal(x.net.seen.length, before);
});

test("a wrong pre-shared key is named on both sides", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server({ psk: Secret.of("other") }), b);
  a.ike.connect(client(b.address, a.address), a);
  await net.run(40_000, 50);
  assert.equal(a.downs[0]?.code, "psk-mismatch");
  assert.match(a.downs[0]?.text ?? "", /the pre-shared key probably differs/);
  assert.ok(b.events.some((e) => e.kind === "ike.failed" && e.code === "psk-mismatch"));
  assert.equal(a.ike.sizes().sas + b.ike.sizes().sas, 0);
});

test("no common phase 1 proposal: both sentences name what there is", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server({ ikeProposals: [parseIkeProposal("aes128-sha1-modp2048")] }), b);
  const conn = a.ike.connect(client(b.address, a.address), a);
  await net.run(10_000, 50);
  assert.equal(a.downs.length, 0, "anybody may have said so: all tries are used up first");
  assert.match(conn.stage(), /so far: .*NO-PROPOSAL-CHOSEN/);
  await net.run(15_000, 50);
  assert.equal(a.downs[0]?.code, "no-proposal");
  assert.match(a.downs[0]?.text ?? "", /aes256-sha256-x25519/);
  const ours = a.kinds("ike.failed")[0];
  assert.equal(ours?.kind === "ike.failed" ? ours.peer : "", `${b.address}:500`);
  const said = b.kinds("ike.failed")[0];
  assert.match(
    said?.kind === "ike.failed" ? said.text : "",
    /we accept aes128-sha1-modp2048; the peer offers aes256-sha256-x25519/,
  );
  assert.equal(b.ike.sizes().sas, 0);
});

test("no common ESP proposal", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server({ espProposals: [parseEspProposal("aes128-sha1")] }), b);
  a.ike.connect(client(b.address, a.address), a);
  await net.run(10_000, 50);
  assert.equal(a.downs[0]?.code, "no-proposal");
  assert.match(a.downs[0]?.text ?? "", /aes256-sha256/);
  assert.ok(b.events.some((e) => e.kind === "ike.failed" && e.text.includes("the peer offers aes256-sha256")));
  assert.equal(b.plane.reserved.size + b.plane.inbound.size, 0);
});

test("silence on UDP 500", async () => {
  const { net, a } = pair();
  a.ike.connect(client("10.0.0.9", a.address), a);
  await net.run(30_000, 100);
  assert.equal(a.downs[0]?.code, "no-answer");
  assert.match(a.downs[0]?.text ?? "", /UDP 500/);
  assert.equal(net.seen.length, 5);
});

test("an identity that is not the configured one: both are named", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server({ localId: parseIkeId("@vpn.example") }), b);
  a.ike.connect(client(b.address, a.address, { remoteId: parseIkeId("other.example") }), a);
  await net.run(5000, 50);
  assert.equal(a.downs[0]?.code, "id-mismatch");
  assert.match(a.downs[0]?.text ?? "", /"vpn.example".*"other.example"/);
});

test("a client's identity that the server does not want", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server({ remoteId: parseIkeId("branch@example") }), b);
  a.ike.connect(client(b.address, a.address), a);
  await net.run(30_000, 50);
  assert.ok(b.events.some((e) => e.kind === "ike.failed" && e.code === "id-mismatch"));
  assert.equal(a.ups.length, 0);
  assert.equal(a.downs.length, 1);
});

test("closing tells the peer, from either side", async () => {
  const x = await connected();
  x.conn.close("stop");
  assert.equal(x.a.plane.inbound.size + x.a.plane.outbound.size, 0);
  await x.net.run(100);
  assert.equal(x.b.downs[0]?.code, "peer-deleted");
  assert.equal(x.b.plane.inbound.size + x.b.plane.outbound.size, 0);
  assert.equal(x.a.ike.sizes().sas + x.b.ike.sizes().sas + x.b.ike.sizes().connections, 0);
  assert.equal(x.a.downs.length, 0, "who closes hears nothing");

  const y = await connected();
  y.b.ike.close();
  await y.net.run(100);
  assert.equal(y.a.downs[0]?.code, "peer-deleted");
  assert.equal(y.a.ike.sizes().sas, 0);
});

test("INITIAL-CONTACT: a client that starts anew replaces its old self", async () => {
  const x = await connected();
  const again = new Host(x.net, x.a.address);
  again.ike.connect(client(x.b.address, again.address), again);
  await x.net.run(300);
  assert.equal(x.b.downs[0]?.code, "superseded");
  assert.equal(x.b.ups.length, 2);
  assert.equal(x.b.ike.sizes().connections, 1);
  assert.ok(pass(again, again.ups[0]?.conn.flow ?? 0, x.b));
});

test("two links of one host to one server are two flows, by their ports, through rekeys of both phases", async () => {
  const { net, a, b } = pair();
  const life = { ikeLifetimeSeconds: 300, espLifetimeSeconds: 120 };
  b.ike.addResponder(server(), b);
  const ports = [1701, 50_000];
  const links = ports.map((localPort) =>
    a.ike.connect(client(b.address, a.address, { ...life, localPort, link: `l${localPort}` }), a),
  );
  await net.run(300);
  const flows = ports.map((p) => b.ups.find((u) => u.info.remotePort === p)?.info.flow ?? 0);
  assert.equal(new Set(flows).size, 2);
  for (let t = 0; t < 700_000; t += 500) {
    for (const [i, c] of links.entries()) {
      assert.ok(pass(a, c.flow, b, 100), `link ${i} to the server at ${t}`);
      assert.ok(pass(b, flows[i] ?? 0, a, 100), `the server to link ${i} at ${t}`);
    }
    await net.run(500, 50);
  }
  assert.deepEqual([a.downs.length, b.downs.length, a.ups.length, b.ups.length], [0, 0, 2, 2]);
  assert.ok(b.rekeys.length >= 8);
  assert.deepEqual(b.ike.sizes(), { connections: 2, sas: 2, halfOpen: 0 }, "no ISAKMP SA is left over");
});

test("many links of one host: ESP SAs stay in their flow when ISAKMP SAs end before the next quick mode", async () => {
  const { net, a, b } = pair();
  const life = { ikeLifetimeSeconds: 90, espLifetimeSeconds: 60 };
  b.ike.addResponder(server(), b);
  const ports = Array.from({ length: 40 }, (_, i) => 50_000 + i);
  const links = ports.map((localPort) =>
    a.ike.connect(client(b.address, a.address, { ...life, localPort, link: `l${localPort}` }), a),
  );
  await net.run(300);
  const flows = ports.map((p) => b.ups.find((u) => u.info.remotePort === p)?.info.flow);
  for (let t = 0; t < 400_000; t += 1000) {
    for (const [i, c] of links.entries()) {
      assert.equal(
        b.plane.inbound.get(a.plane.current(c.flow)?.spi ?? 0)?.flow,
        flows[i],
        `link ${i} to the server at ${t}`,
      );
      const back = a.plane.inbound.get(b.plane.current(flows[i] ?? 0)?.spi ?? 0);
      assert.equal(back?.flow, c.flow, `the server to link ${i} at ${t}`);
      pass(a, c.flow, b);
      pass(b, flows[i] ?? 0, a);
    }
    await net.run(1000, 100);
  }
  assert.deepEqual([a.downs.length, b.downs.length, b.ups.length], [0, 0, links.length]);
});

test("two clients behind one NAT are two flows", async () => {
  const { net, a, b } = pair();
  const c = new Host(net, "10.0.0.3");
  net.nats.push(new Nat("192.0.2.9", [a.address, c.address]));
  b.ike.addResponder(server(), b);
  a.ike.connect(client(b.address, a.address), a);
  c.ike.connect(client(b.address, c.address), c);
  await net.run(300);
  assert.equal(b.ups.length, 2);
  assert.equal(b.downs.length, 0);
  const [one, two] = b.ups.map((u) => u.info);
  assert.notEqual(one?.flow, two?.flow);
  assert.equal(one?.remote.address, two?.remote.address);
  assert.notEqual(one?.remote.port, two?.remote.port);
});

test("two peers that choose the same SPI both carry packets, and one survives the other", async () => {
  const { net, a, b } = pair();
  const c = new Host(net, "10.0.0.3");
  for (const h of [a, c]) h.plane.allocateSpi = () => 0x1234_5678;
  b.ike.addResponder(server(), b);
  const conns = [a.ike.connect(client(b.address, a.address), a), c.ike.connect(client(b.address, c.address), c)];
  await net.run(300);
  assert.equal(b.ups.length, 2);
  const flowTo = (h: Host): number => b.ups.find((u) => u.info.remote.address === h.address)?.info.flow ?? 0;
  const both = (): boolean[] => [pass(b, flowTo(a), a), pass(b, flowTo(c), c)];
  assert.deepEqual(both(), [true, true]);
  conns[0]?.close("bye");
  await net.run(300);
  assert.deepEqual(both(), [false, true]);
  assert.equal(b.plane.outbound.size, 1);
});

test("encap = udp pretends a NAT, encap = esp refuses one", async () => {
  const x = await connected({ encap: "udp" });
  assert.equal(x.a.ups[0]?.info.encap, "udp");
  assert.equal(x.b.ups[0]?.info.encap, "udp");
  const { net, a, b } = pair();
  net.nats.push(new Nat("192.0.2.9", [a.address]));
  b.ike.addResponder(server(), b);
  a.ike.connect(client(b.address, a.address, { encap: "esp" }), a);
  await net.run(25_000, 50);
  assert.equal(a.downs[0]?.code, "nat");
});

test("a plane that refuses an SA is a failure with its words", async () => {
  const { net, a, b } = pair();
  a.plane.fail = true;
  b.ike.addResponder(server(), b);
  a.ike.connect(client(b.address, a.address), a);
  await net.run(300);
  assert.equal(a.downs[0]?.code, "plane");
  assert.match(a.downs[0]?.text ?? "", /no ESP here/);
});

test("an SPI that is unknown here is deleted at the peer that uses it", async () => {
  const x = await connected();
  const spi = x.a.ups[0]?.info.spiOut ?? 0;
  x.b.plane.onUnknownSpi({ address: x.a.address, port: 0 }, spi);
  await x.net.run(100);
  assert.equal(x.a.downs.length, 0, "it is known to IKE: a race, nothing is deleted");
  x.b.plane.onUnknownSpi({ address: x.a.address, port: 0 }, 0x7777_7777);
  await x.net.run(100);
  assert.equal(x.a.downs.length, 0);
});

/** Two daemons, each client of the other: what a server that begins exchanges itself looks like. */
test("a server that begins main mode and quick mode itself (SoftEther, strongSwan) serves the same flow", async () => {
  const { net, a, b } = pair();
  const listening = b.ike.addResponder(server({ ikeLifetimeSeconds: 7200, espLifetimeSeconds: 60 }), b);
  const conn = a.ike.connect(client(b.address, a.address), a);
  await net.run(300);
  // the server told the client its limit; what the client begins by itself gets lost
  const begun = new Set<number>();
  net.fate = (d) => {
    const { exchange, messageId } = readMessage(d.bytes).header;
    if (exchange === 32 && d.from.address === b.address) begun.add(messageId);
    return exchange === 32 && !begun.has(messageId) ? [] : [5];
  };
  await net.run(62_000, 100);
  assert.ok(b.rekeys.length >= 1, "the server began a quick mode");
  assert.equal(a.ups.length, 1);
  assert.ok(pass(a, conn.flow, b));
  assert.equal(conn.info()?.remotePort, 1701);
  assert.equal(a.downs.length, 0);
  b.ike.connect(client(a.address, b.address, { link: "back" }), b);
  await net.run(300);
  assert.equal(a.ike.sizes().connections, 1, "the client knows its server by address and identity");
  assert.equal(a.downs.length, 0);
  listening.close();
});

test("INITIAL-CONTACT in an informational exchange after phase 1, as macOS sends it", async () => {
  const x = await connected();
  // the same host anew, by hand: phase 1 without the notify, which follows by itself
  const port = x.a.port;
  const env = {
    clock: x.net.clock,
    crypto: nodeCrypto,
    log: { emit: () => {} },
    port,
    plane: x.a.plane,
    counters: new Counters(),
    wallClock: () => 0,
  };
  const e = (address: string): { address: string; port: number } => ({ address, port: 500 });
  let up = false;
  const sa = new IkeSa({
    env,
    policy: client(x.b.address, x.a.address),
    role: "initiator",
    icookie: nodeCrypto.random(8),
    path: { local: e(x.a.address), remote: e(x.b.address) },
    first: false,
    owner: {
      established: () => {
        up = true;
      },
      failed: () => {},
      connectionFor: () => null,
      initialContact: () => {},
      deleted: () => {},
      closed: () => {},
      asksTurn: () => {},
      fragments: () => {},
      unspoken: () => {},
    },
  });
  port.onMessage = (p, local, remote) => {
    const datagram = p.view().slice();
    const { header, body } = readMessage(datagram);
    sa.receive({ header, body, datagram, path: { local, remote } });
  };
  sa.begin();
  await x.net.run(100);
  assert.ok(up);
  assert.equal(x.b.downs.length, 0, "without the notify the flow goes on");
  sa.notify(NOTIFY.initialContact, 1, sa.cookies());
  await x.net.run(100);
  assert.equal(x.b.downs[0]?.code, "superseded");
  assert.equal(x.b.plane.inbound.size + x.b.plane.outbound.size, 0);
  assert.deepEqual(x.b.ike.sizes(), { connections: 1, sas: 1, halfOpen: 0 });
});

test("a process that ends: a delete for everybody before `until`, for nobody after it", async () => {
  for (const [until, deletes] of [
    [0, 0],
    [undefined, 1],
  ] as const) {
    const { net, a, b } = pair();
    const responder = b.ike.addResponder(server(), b);
    a.ike.connect(client(b.address, a.address), a);
    await net.run(1000);
    assert.equal(b.ups.length, 1);
    responder.close(until);
    b.ike.close(until);
    await net.run(1000);
    assert.equal(a.downs.length, deletes);
  }
});
