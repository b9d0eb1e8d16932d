// Public values that lack their leading zeros, as SoftEther sends one in 256.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEspProposal, parseIkeProposal, wholeKe } from "../../src/ike/proposals.ts";
import type { DhGroupName, DhKey } from "../../src/ports/ports.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { client, Host, Net, server } from "./double.ts";
import { Insider } from "./insider.ts";

const ME = "10.0.0.1";
const IT = "10.0.0.2";
const POLICY = {
  ikeProposals: [parseIkeProposal("aes256-sha1-modp1024")],
  espProposals: [parseEspProposal("aes128-sha1")],
};
/** A key whose public value begins with a zero, and comes without it. */
function shortKey(group: DhGroupName): DhKey {
  for (;;) {
    const { publicValue, shared } = nodeCrypto.dh(group);
    if (publicValue[0] === 0) return { publicValue: publicValue.slice(1), shared };
  }
}

test("a MODP value is filled from the left, never an empty one, one that is too long, or one of a curve", () => {
  for (const n of [1, 127, 128]) {
    const whole = wholeKe("modp1024", new Uint8Array(n).fill(7));
    assert.equal(whole?.length, 128);
    assert.deepEqual([whole?.[128 - n], whole?.[127], n < 128 ? whole?.[127 - n] : 0], [7, 7, 0]);
  }
  for (const n of [0, 129, 256]) assert.equal(wholeKe("modp1024", new Uint8Array(n)), null);
  assert.equal(wholeKe("x25519", new Uint8Array(31)), null);
  assert.equal(wholeKe("ecp256", new Uint8Array(63)), null);
});
test("a server whose public value comes short brings a client up; the hashes cover what was sent", async () => {
  const net = new Net();
  const a = new Host(net, IT);
  const me = new Insider(net, ME, IT, { ...server(), ...POLICY });
  me.crypto.dh = shortKey;
  a.ike.connect(client(ME, IT, POLICY), a);
  await net.run(200);
  assert.ok(me.up);
  assert.ok(a.events.some((e) => e.kind === "ike.up"));
});
test("a client whose public value comes short gets in", async () => {
  const net = new Net();
  const b = new Host(net, IT);
  b.ike.addResponder(server(POLICY), b);
  const me = new Insider(net, ME, IT, { ...client(IT, ME), ...POLICY });
  me.crypto.dh = shortKey;
  await me.begin();
  assert.ok(me.up);
});
