// MOBIKE (RFC 4555): the client's address changes, the connection goes on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemError } from "../../../src/core/errors.ts";
import { Packet } from "../../../src/core/packet.ts";
import { client, Host, Nat, Net, pass, server } from "../double.ts";

const V2 = { versions: "v2" } as const;
/** A client whose address is what `at` says. */
async function wanderer(where: { at: string | null }) {
  const net = new Net();
  const localTo = async (): Promise<string> => {
    if (where.at === null) throw new SystemError("ENETUNREACH", "no route");
    return where.at;
  };
  const a = new Host(net, "10.0.0.1", undefined, { localTo });
  const b = new Host(net, "10.0.0.2");
  b.ike.addResponder(server({ ...V2, dpdSeconds: 10 }), b);
  const conn = a.ike.connect(client(b.address, a.address, { ...V2, dpdSeconds: 10 }), a);
  await net.run(300);
  assert.equal(a.ups.length, 1);
  const flowB = b.ups[0]?.info.flow ?? 0;
  /** From now on it is there, and nowhere else. */
  const moves = (to: string): void => {
    net.hosts.delete(where.at ?? a.address);
    net.hosts.set(to, a);
    where.at = to;
  };
  const works = (): void => {
    assert.ok(pass(a, conn.flow, b) && pass(b, flowB, a));
    assert.equal(a.downs.length + b.downs.length, 0, JSON.stringify([a.downs, b.downs]));
  };
  return { net, a, b, conn, flowB, moves, works };
}
test("another address: ESP and IKE move there, on UDP 4500, and the flow is the same", async () => {
  const x = await wanderer({ at: "10.0.0.1" });
  await x.net.run(20_000, 50);
  assert.equal(x.a.plane.moves.length, 0);
  x.moves("10.7.0.9");
  await x.net.run(12_000, 50);
  assert.deepEqual(x.b.plane.moves, [{ address: "10.7.0.9", port: 0 }]);
  assert.equal(x.a.rekeys.at(-1)?.local.address, "10.7.0.9");
  assert.deepEqual(x.b.rekeys.at(-1)?.remote, { address: "10.7.0.9", port: 4500 });
  x.works();
  await x.net.run(120_000, 100);
  x.works();
});
test("no route for a while, then behind a NAT: ESP goes in UDP afterwards; and back", async () => {
  const where = { at: "10.0.0.1" as string | null };
  const x = await wanderer(where);
  x.net.hosts.delete("10.0.0.1");
  where.at = null;
  await x.net.run(8000, 50);
  x.net.nats.push(new Nat("192.0.2.9", ["10.7.0.9"]));
  x.moves("10.7.0.9");
  await x.net.run(30_000, 50);
  x.works();
  assert.deepEqual([x.a.rekeys.at(-1)?.encap, x.a.rekeys.at(-1)?.nat], ["udp", "us"]);
  assert.deepEqual([x.b.rekeys.at(-1)?.encap, x.b.rekeys.at(-1)?.remote.address], ["udp", "192.0.2.9"]);
  x.moves("10.0.0.1");
  await x.net.run(30_000, 50);
  x.works();
  assert.deepEqual([x.a.rekeys.at(-1)?.encap, x.a.rekeys.at(-1)?.nat], ["esp", "none"]);
});
test("every datagram of the move is lost once", async () => {
  const x = await wanderer({ at: "10.0.0.1" });
  const lost = new Set<string>();
  x.net.fate = (d) => {
    const k = Buffer.from(d.bytes).toString("base64");
    if (lost.has(k)) return [5];
    lost.add(k);
    return [];
  };
  x.moves("10.7.0.9");
  await x.net.run(30_000, 50);
  assert.deepEqual(x.b.plane.moves.at(-1), { address: "10.7.0.9", port: 0 });
  x.works();
});
test("a server does not follow whoever has not the keys, nor does a client look without MOBIKE", async () => {
  const x = await wanderer({ at: "10.0.0.1" });
  const before = x.net.seen.slice();
  for (const d of before) x.b.port.onMessage(Packet.of(d.bytes.slice()), d.to, { address: "10.66.0.1", port: 4500 });
  await x.net.run(1000);
  assert.equal(x.b.plane.moves.length, 0);
});
