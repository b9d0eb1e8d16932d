// IKEv2 with certificates: RFC 7427 signatures by every kind of key, both sides or one, and who is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hex, unhex } from "../../../src/core/text.ts";
import type { IkeConnectConfig, IkeResponderConfig } from "../../../src/ike/types.ts";
import { hashAlgorithms, readHashAlgorithms, readSignature, writeSignature } from "../../../src/ike/v2/signatures.ts";
import { parseIkeId } from "../../../src/ike/wire/id.ts";
import type { Certificates } from "../../../src/ports/pki.ts";
import { credentials, type Held, longChains, NOW, TestCa, trust } from "../../x509/ca.ts";
import { blank, client, type Net, pair, pass, server } from "../double.ts";

const HOST = "vpn.example";
const ca = new TestCa("C=CH, O=Tests, CN=the CA");
const gate = ca.server(HOST);
const user = ca.client("me@example", { notAfter: NOW + 1e11 });
const by = (h: Held, of = ca, crl: string | null = null): Certificates => ({
  credentials: credentials(h),
  trust: trust([of], crl),
});
async function meet(
  mine: Partial<IkeConnectConfig>,
  theirs: Partial<IkeResponderConfig>,
  wallClock = NOW,
  tamper?: Net["tamper"],
) {
  const x = pair();
  if (tamper) x.net.tamper = tamper;
  x.net.wallClock = wallClock;
  x.b.ike.addResponder(server({ versions: "v2", ...theirs }), x.b);
  const conn = x.a.ike.connect(client(x.b.address, x.a.address, { versions: "v2", ...mine }), x.a);
  for (let i = 0; i < 300 && x.a.ups.length + x.a.downs.length === 0; i++) await x.net.run(100);
  await x.net.run(100);
  return { ...x, conn };
}
type Two = Awaited<ReturnType<typeof meet>>;
function isUp({ a, b, conn }: Two, peers: readonly [server: string, client: string]): void {
  assert.deepEqual(a.downs, []);
  assert.deepEqual([a.ups[0]?.info.peerId, b.ups[0]?.info.peerId], peers);
  assert.ok(pass(a, conn.flow, b));
}
function said(x: Two, who: "a" | "b"): string {
  const e = x[who].kinds("ike.failed")[0];
  return e?.kind === "ike.failed" ? e.code : "";
}

for (const kind of ["rsa2048", "ecp256", "ecp384", "ecp521", "ed25519"] as const)
  test(`${kind}: both sides prove who they are`, async () => {
    const one = new TestCa("CN=its CA", { kind });
    const [g, u] = [one.server(HOST, { kind }), one.client("me@example", { kind })];
    const mine = { psk: null, certificates: by(u, one), remoteId: parseIkeId(HOST) };
    const x = await meet(mine, { psk: null, certificates: by(g, one) });
    isUp(x, [`O=Tests, CN=${HOST}`, "O=Tests, CN=me@example"]);
    await x.net.run(40_000, 100);
    assert.equal(x.a.downs.length, 0);
  });
test("one server takes both: certificates of some, a key of others", async () => {
  const both = { certificates: by(gate) };
  isUp(await meet({ psk: null, certificates: by(user) }, both), [`O=Tests, CN=${HOST}`, "O=Tests, CN=me@example"]);
  isUp(await meet({}, both), ["10.0.0.2", "10.0.0.1"]);
});
test("who is refused, and in what words", async () => {
  const other = new TestCa("CN=other CA");
  const mine = { psk: null, certificates: by(user) };
  const wrongCa = await meet(mine, { psk: null, certificates: by(other.server(HOST), other) });
  assert.deepEqual([said(wrongCa, "b"), said(wrongCa, "a")], ["cert-untrusted", "cert-refused"]);
  const old = ca.server(HOST, { notAfter: NOW - 1 });
  assert.equal(said(await meet(mine, { psk: null, certificates: by(old) }), "a"), "cert-expired");
  const name = await meet({ ...mine, remoteId: parseIkeId("bank.example") }, { psk: null, certificates: by(gate) });
  assert.equal(said(name, "a"), "cert-name");
  const usage = await meet(mine, { psk: null, certificates: by(user) });
  assert.equal(said(usage, "a"), "cert-usage");
  const none = await meet({}, { psk: null, certificates: by(gate) });
  assert.equal(said(none, "b"), "mode");
  for (const x of [wrongCa, name, usage, none]) assert.equal(x.b.ike.sizes().connections, 0);
});
test("a router whose clock is not set looks at the dates once it is", async () => {
  const late = ca.server(HOST, { notAfter: NOW - 1 });
  const x = await meet({ psk: null, certificates: by(user) }, { psk: null, certificates: by(late) }, 1000);
  assert.equal(x.a.ups.length, 1);
  x.net.wallClock = NOW;
  await x.net.run(70_000, 100);
  assert.equal(x.a.downs[0]?.code, "cert-expired");
});
test("algorithm identifiers of RFC 7427 §A, and none other", () => {
  assert.equal(hex(hashAlgorithms()), "0002000300040005");
  assert.deepEqual(readHashAlgorithms(unhex("000100020099000500") ?? new Uint8Array(0)), ["sha256", null]);
  const s = Uint8Array.of(9, 8);
  const golden = [
    ["rsa", "pkcs1", "sha256", "0f300d06092a864886f70d01010b0500"],
    ["ecp384", "ecdsa-der", "sha384", "0c300a06082a8648ce3d040303"],
    ["ed25519", "eddsa", null, "07300506032b6570"],
    ["ed448", "eddsa", null, "07300506032b6571"],
    [
      "rsa",
      "pss",
      "sha256",
      "43304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108" +
        "300d06096086480165030402010500a203020120",
    ],
  ] as const;
  for (const [key, form, hash, der] of golden) {
    const data = writeSignature(key, { form, hash }, s);
    assert.equal(hex(data), `${der}0908`);
    assert.deepEqual(readSignature(data), { scheme: { form, hash }, signature: s });
    for (let n = 0; n < data.length - 2; n++) assert.equal(readSignature(data.subarray(0, n)), null, `cut at ${n}`);
  }
  const sha1 = unhex("0f300d06092a864886f70d0101050500aa") ?? new Uint8Array(0);
  assert.equal(readSignature(sha1), null);
});
test("certificates too long for a peer without fragments: said, not sent in vain", async () => {
  const long = longChains(HOST);
  const [mine, theirs] = [
    { psk: null, certificates: long.client },
    { psk: null, certificates: long.server },
  ];
  const whole = await meet(mine, theirs);
  assert.deepEqual([whole.a.ups.length, whole.b.ups.length], [1, 1]);
  const x = await meet(mine, theirs, NOW, blank("0000402e"));
  assert.equal(x.a.downs[0]?.code, "mode");
  assert.match(
    x.a.downs[0]?.text ?? "",
    /^our certificates make a message of \d{4} bytes, and 10\.0\.0\.2 takes no fragments/,
  );
});
