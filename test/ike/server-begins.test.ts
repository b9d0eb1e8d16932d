// What a server does by itself: it says its limits, and begins phase 1 when it has no ISAKMP SA any more.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { IkeConnectConfig, IkeResponderConfig } from "../../src/ike/types.ts";
import { Connection } from "../../src/ike/v1/connection.ts";
import { readMessage } from "../../src/ike/wire/header.ts";
import { parseIkeId } from "../../src/ike/wire/id.ts";
import { client, Host, pair, pass, server } from "./double.ts";

async function connected(c: Partial<IkeConnectConfig> = {}, s: Partial<IkeResponderConfig> = {}) {
  const { net, a, b } = pair();
  b.ike.addResponder(server(s), b);
  const conn = a.ike.connect(client(b.address, a.address, c), a);
  await net.run(300);
  assert.equal(a.ups.length, 1, "connected");
  const flowB = b.ups[0]?.info.flow ?? 0;
  return { net, a, b, conn, flowB };
}

/** It loses its ISAKMP SA, and nobody is told. */
function lose(h: Host): void {
  const conn = h.ups[0]?.conn;
  assert.ok(conn instanceof Connection);
  conn.current?.drop();
}
/** A server whose ISAKMP SA is gone, and a client that does not know of it. */
async function serverWithoutSa() {
  const x = await connected({ dpdSeconds: 0 }, { dpdSeconds: 5 });
  lose(x.b);
  x.net.fate = (d) => (d.from.address === x.b.address && readMessage(d.bytes).header.exchange === 5 ? [] : [5]);
  for (let t = 0; t < 8; t++) {
    pass(x.a, x.conn.flow, x.b);
    await x.net.run(1000, 500);
  }
  assert.equal(x.b.ike.sizes().sas, 0);
  assert.deepEqual(x.b.downs, []);
  x.net.fate = () => [5];
  return x;
}
test("a server whose ISAKMP SA is gone begins phase 1 with the client that it knows, to ask whether it lives", async () => {
  const x = await serverWithoutSa();
  await x.net.run(10_000, 500);
  assert.ok(x.b.kinds("ike.rekeyed").some((e) => e.kind === "ike.rekeyed" && e.what === "isakmp"));
  assert.ok(x.b.ike.sizes().sas >= 1);
  assert.deepEqual([x.a.downs, x.b.downs, x.a.ups.length], [[], [], 1]);
  assert.ok(pass(x.a, x.conn.flow, x.b));
  x.net.fate = () => [];
  await x.net.run(60_000, 500);
  assert.equal(x.b.downs[0]?.code, "dead-peer", "it asks under the new SA");
});

test("somebody else where a server's client was does not take its connection", async () => {
  const x = await serverWithoutSa();
  const other = new Host(x.net, x.a.address);
  other.ike.addResponder(server({ localId: parseIkeId("@other.example") }), other);
  await x.net.run(30_000, 500);
  assert.ok(
    other.events.some((e) => e.kind === "ike.started"),
    "it answered phase 1",
  );
  assert.equal(x.b.ike.sizes().sas, 0);
  assert.deepEqual(x.b.kinds("ike.rekeyed"), []);
});

test("RESPONDER-LIFETIME: a server says its shorter limits, and the client replaces the SAs in time", async () => {
  const x = await connected({ espLifetimeSeconds: 3600 }, { espLifetimeSeconds: 100 });
  for (let t = 0; t < 95_000; t += 500) {
    assert.ok(pass(x.a, x.conn.flow, x.b) && pass(x.b, x.flowB, x.a));
    await x.net.run(500, 50);
  }
  assert.ok(x.a.rekeys.length >= 1 && x.b.rekeys.length >= 1);
  assert.deepEqual([x.a.downs, x.b.downs], [[], []]);
  const bytes = await connected({}, { espLifetimeBytes: 1_000_000 });
  for (let i = 0; i < 10; i++) pass(bytes.a, bytes.conn.flow, bytes.b, 90_000);
  await bytes.net.run(10_000, 50);
  assert.equal(bytes.a.rekeys.length, 1, "at 85 % of the server's kilobytes");
});

test("RESPONDER-LIFETIME of phase 1: the client replaces the ISAKMP SA before the server ends it", async () => {
  const x = await connected({ ikeLifetimeSeconds: 28_800 }, { ikeLifetimeSeconds: 120 });
  assert.equal(x.a.kinds("ike.rekeyed").length, 0);
  await x.net.run(118_000, 50);
  const what = x.a.kinds("ike.rekeyed").map((e) => (e.kind === "ike.rekeyed" ? e.what : ""));
  assert.deepEqual(what, ["isakmp"]);
  assert.deepEqual([x.a.downs, x.b.downs], [[], []]);
});
test("a server whose ISAKMP SA is gone keeps the child SAs, and asks nobody whether he lives", async () => {
  const x = await connected({ dpdSeconds: 0 }, { dpdSeconds: 5 });
  x.net.fate = () => []; // the client never hears of it
  lose(x.b);
  for (let t = 0; t < 100_000; t += 1000) {
    assert.ok(pass(x.a, x.conn.flow, x.b), `at ${t}`);
    await x.net.run(1000, 500);
  }
  assert.equal(x.b.ike.sizes().sas, 0, "expired");
  await x.net.run(200_000, 1000);
  assert.equal(x.b.downs.length, 0);
  assert.ok(pass(x.a, x.conn.flow, x.b));
});
