// Perfect forward secrecy that a peer insists on, and nobody configured: asked for in a second quick mode, and learnt from
// the peer's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEspProposal, parseIkeProposal } from "../../src/ike/proposals.ts";
import type { IkeConnectConfig, IkeResponderConfig } from "../../src/ike/types.ts";
import { client, type Host, pair, pass, server } from "./double.ts";

const esp = (s: string) => ({ espProposals: [parseEspProposal(s)] });
async function met(c: Partial<IkeConnectConfig>, s: Partial<IkeResponderConfig>) {
  const { net, a, b } = pair();
  b.ike.addResponder(server(s), b);
  const conn = a.ike.connect(client(b.address, a.address, c), a);
  await net.run(2000);
  return { net, a, b, conn };
}
const proposals = (h: Host): string[] => [...h.ups.map((u) => u.info), ...h.rekeys].map((i) => i.espProposal);

test("a server that wants phase 1's group gets it in a second quick mode, and at once in those that follow", async () => {
  const x = await met({ ...esp("aes256-sha256"), espLifetimeSeconds: 60 }, esp("aes256-sha256-x25519"));
  assert.deepEqual(proposals(x.a), ["aes256-sha256-x25519"]);
  assert.ok(pass(x.a, x.conn.flow, x.b));
  assert.equal(x.b.ike.counters.get("ike.failed-no-proposal"), 0, "a second try is no failure of the peer's");
  const refusals = x.a.ike.counters.get("ike.error-notify");
  assert.equal(refusals, 1);
  await x.net.run(100_000, 50);
  assert.ok(x.a.rekeys.length >= 1);
  assert.ok(proposals(x.a).every((p) => p === "aes256-sha256-x25519"));
  assert.equal(x.a.ike.counters.get("ike.error-notify"), refusals, "learnt");
});
test("a server that wants another group than phase 1's is named, with both tries", async () => {
  const x = await met(esp("aes256-sha256"), esp("aes256-sha256-modp1024"));
  const [why = assert.fail("no failure")] = x.a.downs;
  assert.equal(why.code, "no-proposal");
  assert.match(
    why.text,
    /accepts none of our ESP proposals \(aes256-sha256\), without or with perfect forward secrecy/,
  );
  assert.equal(x.a.ike.counters.get("ike.error-notify"), 2);
});
test("a configured group is asked for alone: nothing is weakened", async () => {
  const x = await met(esp("aes256-sha256-x25519"), esp("aes256-sha256-modp1024"));
  assert.equal(x.a.downs[0]?.code, "no-proposal");
  assert.doesNotMatch(x.a.downs[0]?.text ?? "", /without or with/);
  assert.equal(x.a.ike.counters.get("ike.error-notify"), 1);
});
test("a server that begins quick mode with a group has it from us from then on", async () => {
  const ike = { ikeProposals: [parseIkeProposal("aes256-sha256-x25519")] };
  const x = await met({ ...ike, ...esp("aes256-sha256") }, { ...ike, ...esp("aes256-sha256") });
  assert.deepEqual(proposals(x.b), ["aes256-sha256"]);
  const y = await met({ ...esp("aes256-sha256-x25519"), espLifetimeSeconds: 60 }, esp("aes256-sha256"));
  await y.net.run(100_000, 50);
  assert.deepEqual(new Set(proposals(y.b)), new Set(["aes256-sha256-x25519"]), "status says what was agreed");
});
