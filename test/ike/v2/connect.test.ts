// IKEv2 between two managers in memory: how connections begin.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../../../src/core/secret.ts";
import { parseEspProposal, parseIkeProposal } from "../../../src/ike/proposals.ts";
import type { IkeConnectConfig, IkeResponderConfig } from "../../../src/ike/types.ts";
import { parseIkeId } from "../../../src/ike/wire/id.ts";
import { client, Host, Nat, pair, pass, server } from "../double.ts";

const V2 = { versions: "v2" } as const;
async function connected(c: Partial<IkeConnectConfig> = {}, s: Partial<IkeResponderConfig> = {}, nat?: Nat) {
  const { net, a, b } = pair();
  if (nat) net.nats.push(nat);
  b.ike.addResponder(server({ ...V2, ...s }), b);
  const conn = a.ike.connect(client(b.address, a.address, { ...V2, ...c }), a);
  await net.run(400);
  return { net, a, b, conn };
}
type Two = Awaited<ReturnType<typeof connected>>;
function works({ a, b, conn }: Two): void {
  assert.deepEqual([a.ups.length, b.ups.length], [1, 1], JSON.stringify([a.downs, a.events.slice(-3)]));
  const flowB = b.ups[0]?.info.flow ?? 0;
  assert.ok(pass(a, conn.flow, b) && pass(b, flowB, a), "packets both ways");
  assert.equal(a.plane.reserved.size + b.plane.reserved.size, 0);
}

test("two messages each, then packets pass", async () => {
  const x = await connected();
  works(x);
  const { a, b, net } = x;
  assert.equal(net.seen.length, 4);
  const [up] = a.ups;
  assert.deepEqual(
    [up?.info.proposal, up?.info.espProposal, up?.info.nat, up?.info.encap, up?.info.peerId, up?.info.remotePort],
    ["IKEv2 aes256gcm16-sha256-x25519", "aes256-sha256", "none", "esp", "10.0.0.2", 1701],
  );
  assert.equal(b.ups[0]?.info.peerId, "10.0.0.1");
  x.conn.close("done");
  await net.run(100);
  assert.equal(b.downs[0]?.code, "peer-deleted");
  assert.deepEqual(a.ike.sizes(), { connections: 0, sas: 0, halfOpen: 0 });
  assert.deepEqual(b.ike.sizes(), { connections: 0, sas: 0, halfOpen: 0 });
  assert.equal(b.plane.inbound.size + b.plane.outbound.size + a.plane.inbound.size + a.plane.outbound.size, 0);
});
for (const ike of ["aes128-sha1-modp2048", "3des-sha1-modp1024", "aes256-sha384-ecp384", "aes256-sha512-x25519"]) {
  for (const esp of ["aes256-sha256-modp2048", "chacha20poly1305", "3des-md5", "aes128gcm16-x25519"]) {
    test(`${ike}, ${esp}`, async () => {
      const p = { ikeProposals: [parseIkeProposal(ike)], espProposals: [parseEspProposal(esp)], ownProposals: true };
      const x = await connected(p, p);
      works(x);
      assert.equal(x.a.ups[0]?.info.proposal, `IKEv2 ${ike}`);
    });
  }
}
test("perfect forward secrecy for the first pair too: without a pair in IKE_AUTH", async () => {
  const p = { espProposals: [parseEspProposal("aes256-sha256-x25519")] };
  const x = await connected(p, p);
  works(x);
  assert.equal(x.net.seen.length, 6);
});
test("another group is asked for, and used", async () => {
  const [first, other] = [parseIkeProposal("aes256-sha256-x25519"), parseIkeProposal("aes256-sha256-modp2048")];
  const x = await connected(
    { ikeProposals: [first, other], ownProposals: true },
    { ikeProposals: [other], ownProposals: true },
  );
  works(x);
  assert.equal(x.net.seen.length, 6);
  assert.equal(x.b.kinds("ike.failed").length, 0);
});
test("a NAT before the client: port 4500, UDP, its mapping is followed", async () => {
  const nat = new Nat("192.0.2.9", ["10.0.0.1"]);
  const x = await connected({ dpdSeconds: 5 }, {}, nat);
  works(x);
  const { a, b, net } = x;
  assert.deepEqual([a.ups[0]?.info.nat, b.ups[0]?.info.nat, a.ups[0]?.info.encap], ["us", "peer", "udp"]);
  assert.equal(b.ups[0]?.info.remote.address, "192.0.2.9");
  await net.run(45_000, 50);
  assert.ok(net.keepalives >= 1);
  nat.rebind();
  await net.run(20_000, 50);
  assert.equal(b.plane.moves.length, 1);
  assert.equal(b.kinds("ike.mapping").length, 1);
  assert.equal(a.downs.length + b.downs.length, 0);
});
test("three clients behind one NAT, one server", async () => {
  const { net, b } = pair();
  const hosts = ["10.9.0.1", "10.9.0.2", "10.9.0.3"].map((x) => new Host(net, x));
  net.nats.push(
    new Nat(
      "192.0.2.9",
      hosts.map((h) => h.address),
    ),
  );
  b.ike.addResponder(server(V2), b);
  const conns = hosts.map((h) => h.ike.connect(client(b.address, h.address, V2), h));
  await net.run(500);
  assert.equal(b.ups.length, 3);
  for (const [i, h] of hosts.entries()) {
    assert.ok(pass(h, conns[i]?.flow ?? 0, b));
    const flow = b.ups.find((u) => u.info.peerId === h.address)?.info.flow ?? 0;
    assert.ok(pass(b, flow, h));
  }
});
test("encap = udp without a NAT, encap = esp with one", async () => {
  const x = await connected({ encap: "udp" });
  works(x);
  assert.equal(x.a.ups[0]?.info.encap, "udp");
  const y = await connected({ encap: "esp" }, {}, new Nat("192.0.2.9", ["10.0.0.1"]));
  assert.equal(y.a.downs[0]?.code, "nat");
});
test("another key: both sides say so, and nothing is left", async () => {
  const x = await connected({ psk: Secret.of("other") });
  assert.equal(x.a.downs[0]?.code, "psk-mismatch");
  assert.equal(x.b.ups.length, 0);
  assert.deepEqual(x.b.ike.sizes(), { connections: 0, sas: 1, halfOpen: 0 }, "for its answer alone");
  await x.net.run(25_000, 100);
  assert.deepEqual(x.b.ike.sizes(), { connections: 0, sas: 0, halfOpen: 0 });
  assert.equal(x.a.plane.reserved.size + x.b.plane.reserved.size, 0);
});
test("a refusal of IKE_AUTH that is lost: the request again gets it again", async () => {
  const { net, a, b } = pair();
  let lost = 0;
  // IKE_AUTH is exchange type 35, and a response has flag 0x20
  net.fate = (d) => (d.bytes[18] === 35 && ((d.bytes[19] ?? 0) & 0x20) !== 0 && lost++ < 2 ? [] : [5]);
  b.ike.addResponder(server(V2), b);
  a.ike.connect(client(b.address, a.address, { ...V2, psk: Secret.of("other") }), a);
  await net.run(4000, 50);
  assert.deepEqual([lost, a.downs[0]?.code], [3, "psk-mismatch"]);
  assert.equal(b.kinds("ike.failed").length, 1, "and is told once");
});
test("of refused peers few are kept, and a server that stops keeps none", async () => {
  const { net, b } = pair();
  const responder = b.ike.addResponder(server(V2), b);
  for (let i = 0; i < 8; i++) {
    const h = new Host(net, "10.0.0.7");
    h.ike.connect(client(b.address, h.address, { ...V2, psk: Secret.of("other") }), h);
    await net.run(300);
    assert.equal(h.downs[0]?.code, "psk-mismatch");
  }
  assert.equal(b.ike.sizes().sas, 4);
  responder.close();
  assert.deepEqual(b.ike.sizes(), { connections: 0, sas: 0, halfOpen: 0 });
});
test("identities: the server's is wrong, the client's is wrong", async () => {
  const id = parseIkeId("vpn.example");
  const ok = await connected(
    { remoteId: id, localId: parseIkeId("me@example") },
    { localId: id, remoteId: parseIkeId("me@example") },
  );
  works(ok);
  const wrong = await connected({ remoteId: id });
  assert.equal(wrong.a.downs[0]?.code, "id-mismatch");
  await wrong.net.run(1000);
  assert.equal(wrong.b.ike.sizes().connections, 0);
  const other = await connected({}, { remoteId: id });
  assert.equal(other.a.downs[0]?.code, "psk-mismatch");
  assert.equal(other.b.kinds("ike.failed").length, 1);
});
test("no common proposal, of IKE and of ESP", async () => {
  const ike = await connected({ ikeProposals: [parseIkeProposal("3des-md5-modp1024")], ownProposals: true });
  await ike.net.run(3000, 50);
  assert.equal(ike.a.downs[0]?.code, "no-proposal");
  const esp = await connected({ espProposals: [parseEspProposal("3des-md5")] });
  assert.equal(esp.a.downs[0]?.code, "no-proposal");
  await esp.net.run(1000);
  assert.deepEqual(esp.b.ike.sizes(), { connections: 0, sas: 0, halfOpen: 0 });
});
test("a plane that refuses: no connection, nothing reserved", async () => {
  const { net, a, b } = pair();
  b.plane.fail = true;
  b.ike.addResponder(server(V2), b);
  a.ike.connect(client(b.address, a.address, V2), a);
  await net.run(500);
  assert.equal(a.ups.length + b.ups.length, 0);
  assert.equal(a.downs.length, 1);
  assert.equal(a.plane.reserved.size + b.plane.reserved.size, 0);
});
test("nobody there", async () => {
  const { net, a } = pair();
  a.ike.connect(client("10.0.0.9", a.address, V2), a);
  await net.run(30_000, 100);
  assert.equal(a.downs[0]?.code, "no-answer");
  assert.deepEqual(a.ike.sizes(), { connections: 0, sas: 0, halfOpen: 0 });
});
test("INITIAL_CONTACT ends what the client had before", async () => {
  const x = await connected();
  const y = x.a.ike.connect(client(x.b.address, x.a.address, { ...V2, link: "d" }), x.a);
  await x.net.run(300);
  assert.equal(x.b.downs.length, 0, "another link of the same client lives");
  y.close("");
  x.net.fate = () => [];
  x.conn.close("");
  x.net.fate = () => [5];
  await x.net.run(300);
  x.a.ike.connect(client(x.b.address, x.a.address, V2), x.a);
  await x.net.run(300);
  assert.equal(x.b.downs.filter((d) => d.code === "superseded").length, 1);
  assert.equal(x.b.ike.sizes().connections, 1);
});
