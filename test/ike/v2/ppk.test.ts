// Post-quantum preshared keys (RFC 8784): who has one takes no peer without it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../../../src/core/secret.ts";
import type { IkePolicy } from "../../../src/ike/types.ts";
import { client, pair, pass, server } from "../double.ts";

type Ppk = NonNullable<IkePolicy["ppk"]> | null;
const key = (id: string, secret: string): Ppk => ({ id, secret: Secret.of(secret) });
async function meet(mine: Ppk, theirs: Ppk) {
  const x = pair();
  const life = { ikeLifetimeSeconds: 100, espLifetimeSeconds: 60 };
  x.b.ike.addResponder(server({ versions: "v2", ppk: theirs }), x.b);
  const conn = x.a.ike.connect(client(x.b.address, x.a.address, { versions: "v2", ppk: mine, ...life }), x.a);
  await x.net.run(5000, 50);
  return { ...x, conn };
}
test("both have it: status says so, and rekeys go on", async () => {
  const x = await meet(key("office", "long and random"), key("office", "long and random"));
  assert.match(x.a.ups[0]?.info.proposal ?? "", /with a post-quantum key$/);
  assert.match(x.b.ups[0]?.info.proposal ?? "", /with a post-quantum key$/);
  await x.net.run(150_000, 100);
  assert.ok(x.a.rekeys.length >= 2);
  assert.match(x.a.rekeys.at(-1)?.proposal ?? "", /with a post-quantum key$/);
  assert.ok(pass(x.a, x.conn.flow, x.b));
  assert.equal(x.a.downs.length, 0);
});
test("another one, another name, or none: no connection", async () => {
  const one = key("office", "long and random");
  for (const [mine, theirs, code] of [
    [one, key("office", "other"), "psk-mismatch"],
    [one, key("home", "long and random"), "psk-mismatch"],
    [one, null, "mode"],
    [null, one, "psk-mismatch"],
  ] as const) {
    const x = await meet(mine, theirs);
    assert.deepEqual([x.a.ups.length, x.b.ups.length, x.a.downs[0]?.code], [0, 0, code]);
    assert.deepEqual(x.b.ike.sizes().connections, 0);
  }
});
