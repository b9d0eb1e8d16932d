import assert from "node:assert/strict";
import { test } from "node:test";
import {
  espDefaults,
  IKE_INITIATOR,
  IKE_RESPONDER,
  parseEspProposal,
  parseIkeProposal,
} from "../../src/ike/proposals.ts";
import { client, Nat, pair, pass, server } from "./double.ts";

test("main mode and quick mode bring up one SA pair", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server(), b);
  const conn = a.ike.connect(client(b.address, a.address), a);
  await net.run(200);
  assert.equal(a.ups.length, 1);
  assert.equal(b.ups.length, 1);
  assert.equal(net.seen.length, 9);
  const [ai, bi] = [a.ups[0]?.info, b.ups[0]?.info];
  assert.equal(ai?.spiIn, bi?.spiOut);
  assert.equal(ai?.spiOut, bi?.spiIn);
  assert.equal(ai?.encap, "esp");
  assert.equal(ai?.nat, "none");
  assert.equal(ai?.peerId, "10.0.0.2");
  assert.ok(pass(a, conn.flow, b));
  assert.ok(pass(b, bi?.flow ?? 0, a));
  assert.equal(conn.stage(), "up");
});

for (const p of [
  "aes256-sha256-modp2048",
  "aes128-sha1-ecp256",
  "aes256-sha1-ecp384",
  "3des-sha1-modp1024",
  "aes192-sha512-modp1536",
  "aes128-md5-x25519",
]) {
  for (const e of ["aes256-sha256", "3des-sha1", "aes128gcm16-modp1024"].slice(
    0,
    p.startsWith("aes256-sha256") ? 3 : 1,
  )) {
    test(`${p} with ${e}`, async () => {
      const { net, a, b } = pair();
      const more = { ikeProposals: [parseIkeProposal(p)], espProposals: [parseEspProposal(e)] };
      b.ike.addResponder(server(more), b);
      a.ike.connect(client(b.address, a.address, more), a);
      await net.run(200);
      assert.equal(a.ups[0]?.info.proposal, p);
      assert.equal(a.ups[0]?.info.espProposal, e);
      assert.ok(pass(a, a.ups[0]?.conn.flow ?? 0, b));
    });
  }
}

test("the defaults of both roles agree", async () => {
  const { net, a, b } = pair();
  b.ike.addResponder(server({ ikeProposals: IKE_RESPONDER, espProposals: espDefaults("aes", "initiator") }), b);
  a.ike.connect(
    client(b.address, a.address, { ikeProposals: IKE_INITIATOR, espProposals: espDefaults("aes", "initiator") }),
    a,
  );
  await net.run(200);
  assert.equal(a.ups[0]?.info.proposal, "aes256-sha256-x25519");
  assert.equal(a.ups[0]?.info.espProposal, "aes256gcm16");
});

test("a NAT in the way: float to 4500, UDP encapsulation, keepalives", async () => {
  const { net, a, b } = pair();
  net.nats.push(new Nat("192.0.2.9", [a.address]));
  b.ike.addResponder(server(), b);
  a.ike.connect(client(b.address, a.address), a);
  await net.run(200);
  assert.equal(a.ups[0]?.info.nat, "us");
  assert.equal(b.ups[0]?.info.nat, "peer");
  assert.equal(a.ups[0]?.info.encap, "udp");
  assert.deepEqual(a.ups[0]?.info.remote, { address: "10.0.0.2", port: 4500 });
  assert.equal(b.ups[0]?.info.remote.address, "192.0.2.9");
  await net.run(61_000, 500);
  assert.equal(net.keepalives, 3);
});
