// Main mode with certificates, two managers on the virtual clock: every method, who is refused and in what words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../../src/core/secret.ts";
import type { IkeConnectConfig, IkeResponderConfig } from "../../src/ike/types.ts";
import { parseIkeId } from "../../src/ike/wire/id.ts";
import type { Certificates } from "../../src/ports/pki.ts";
import { credentials, type Held, longChains, NOW, TestCa, trust } from "../x509/ca.ts";
import { blank, client, type Host, type Net, pair, server } from "./double.ts";

const ca = new TestCa("C=CH, O=Tests, CN=the CA");
const other = new TestCa("CN=other CA");
const HOST = "vpn.example";

const gate = ca.server(HOST);
const user = ca.client("me@example", { notAfter: NOW + 1e11 });
const by = (h: Held, of = ca, crl: string | null = null): Certificates => ({
  credentials: credentials(h),
  trust: trust([of], crl),
});
interface Scene {
  readonly net: Net;
  readonly a: Host;
  readonly b: Host;
}
type More<C> = Partial<C> & { readonly certificates: Certificates };
/** A client with `mine` and a server with `theirs`, until one of them has given up. */
async function meet(
  mine: More<IkeConnectConfig>,
  theirs: More<IkeResponderConfig>,
  wallClock = NOW,
  tamper?: Net["tamper"],
): Promise<Scene> {
  const x = pair();
  if (tamper) x.net.tamper = tamper;
  x.net.wallClock = wallClock;
  x.b.ike.addResponder(server({ psk: null, ...theirs }), x.b);
  x.a.ike.connect(client(x.b.address, x.a.address, { psk: null, ...mine }), x.a);
  for (let i = 0; i < 300 && x.a.ups.length + x.a.downs.length === 0; i++) await x.net.run(100);
  return x;
}
function isUp({ a, b }: Scene, peers: readonly [server: string, client: string]): void {
  assert.deepEqual(a.downs, []);
  assert.deepEqual([a.ups[0]?.info.peerId, b.ups[0]?.info.peerId], peers);
}
/** Who refuses names the reason at once; nothing stays behind. */
function refuses(host: Host, code: string, text: RegExp): void {
  const said = host.kinds("ike.failed")[0];
  assert.ok(said?.kind === "ike.failed", "nobody refused");
  assert.equal(said.code, code, said.text);
  assert.match(said.text, text);
}

const KINDS = ["rsa2048", "ecp256", "ecp384", "ecp521"] as const;
for (const kind of KINDS)
  test(`${kind}: both sides prove who they are, and are known by their subjects`, async () => {
    const one = new TestCa("CN=its CA", { kind });
    const [g, u] = [one.server(HOST, { kind }), one.client("me@example", { kind })];
    const remoteId = parseIkeId(HOST);
    const x = await meet({ certificates: by(u, one), remoteId }, { certificates: by(g, one) });
    isUp(x, [`O=Tests, CN=${HOST}`, "O=Tests, CN=me@example"]);
    await x.net.run(40_000, 100);
    assert.equal(x.a.downs.length, 0);
  });
test("identities of our own choice are those of the certificate; an address stands for the subject", async () => {
  const local = (s: string) => ({ localId: parseIkeId(s) });
  const mine = { certificates: by(user), ...local("me@example") };
  const theirs = { certificates: by(gate) };
  isUp(await meet(mine, { ...theirs, ...local(HOST) }), [HOST, "me@example"]);
  isUp(await meet(mine, { ...theirs, ...local("10.0.0.2") }), [`O=Tests, CN=${HOST}`, "me@example"]);
  const elsewhere = await meet(mine, { ...theirs, ...local("bank.example") });
  refuses(elsewhere.a, "cert-name", /identifies itself as "bank.example", but its certificate is for .*"vpn.example"/);
});
test("remote_id is looked for in the certificate, whatever the peer calls itself", async () => {
  const wants = (s: string) => meet({ certificates: by(user), remoteId: parseIkeId(s) }, { certificates: by(gate) });
  for (const id of [HOST, "VPN.example", `o=tests, cn=${HOST}`])
    isUp(await wants(id), [`O=Tests, CN=${HOST}`, "O=Tests, CN=me@example"]);
  for (const id of ["other.example", "10.0.0.2", "CN=vpn.example", "vpn@example"]) {
    const x = await wants(id);
    refuses(x.a, "cert-name", /is for "O=Tests, CN=vpn.example", "vpn.example", not for/);
    assert.equal(x.a.downs[0]?.lasting, true);
  }
  const theirs = { certificates: by(gate), remoteId: parseIkeId("boss@example") };
  refuses((await meet({ certificates: by(user) }, theirs)).b, "cert-name", /not for "boss@example"/);
});
test("one server: a key for some, certificates for others", async () => {
  const x = pair();
  x.b.ike.addResponder(server({ psk: Secret.of("s3cret"), certificates: by(gate) }), x.b);
  x.a.ike.connect(client(x.b.address, x.a.address), x.a);
  x.a.ike.connect(client(x.b.address, x.a.address, { psk: null, certificates: by(user), localPort: 1702 }), x.a);
  await x.net.run(5000, 50);
  assert.deepEqual(x.a.downs, []);
  assert.deepEqual(x.b.ups.map((u) => u.info.peerId).sort(), ["10.0.0.1", "O=Tests, CN=me@example"]);
});
test("methods that do not meet are named on the server", async () => {
  const rsa = new TestCa("CN=rsa", { kind: "rsa2048" });
  const x = await meet(
    { certificates: by(rsa.client("me@example", { kind: "rsa2048" }), rsa) },
    { certificates: by(gate) },
  );
  refuses(x.b, "no-proposal", /authenticates by RSA certificates, this side by ECDSA P-256 certificates/);
  const y = pair();
  y.b.ike.addResponder(server({ certificates: null }), y.b);
  y.a.ike.connect(client(y.b.address, y.a.address, { psk: null, certificates: by(user) }), y.a);
  await y.net.run(2000);
  refuses(y.b, "no-proposal", /by ECDSA P-256 certificates, this side by a pre-shared key/);
});

const REFUSED: readonly [what: string, held: Held, certificates: Certificates, code: string, text: RegExp][] = [
  ["another CA", other.server(HOST), by(user), "cert-untrusted", /none|not come from any of our CAs.*"CN=other CA"/],
  ["expired", ca.server(HOST, { notAfter: NOW - 1000 }), by(user), "cert-expired", /expired on 2026-05-31/],
  ["not yet valid", ca.server(HOST, { notBefore: NOW + 1e8 }), by(user), "cert-not-yet-valid", /clock/],
  ["revoked", gate, by(user, ca, ca.crl([gate.serial])), "cert-revoked", /revoked by its CA/],
  ["no CRL", gate, by(user, ca, other.crl([])), "cert-crl", /no CRL/],
  ["a client's certificate", ca.client(HOST), by(user), "cert-usage", /not for a server/],
];
for (const [what, held, certificates, code, text] of REFUSED)
  test(`the server's certificate is refused: ${what}`, async () => {
    const x = await meet({ certificates }, { certificates: by(held) });
    refuses(x.a, code, text);
    assert.equal(x.a.downs[0]?.code, code);
    assert.equal(x.a.plane.inbound.size, 0);
    assert.equal(x.a.ike.sizes().sas, 0);
  });
test("the client's certificate is refused: the server says why, the client that it may be its certificate", async () => {
  for (const [h, crl, code] of [
    [other.client("me@example"), null, "cert-untrusted"],
    [user, ca.crl([user.serial]), "cert-revoked"],
    [ca.server(HOST), null, "cert-usage"],
  ] as const) {
    const x = await meet({ certificates: by(h) }, { certificates: by(gate, ca, crl) });
    refuses(x.b, code, /^10\.0\.0\.1: its certificate/);
    assert.equal(x.b.ups.length, 0);
    assert.equal(x.b.ike.sizes().sas, 0);
    assert.equal(x.a.downs[0]?.code, "cert-refused");
    assert.match(x.a.downs[0]?.text ?? "", /AUTHENTICATION-FAILED/);
  }
});
test("a signature by another key, and a peer without a certificate", async () => {
  const thief: Certificates = {
    ...by(user),
    credentials: { ...credentials(user), sign: credentials(ca.client("x")).sign },
  };
  refuses((await meet({ certificates: thief }, { certificates: by(gate) })).b, "cert-signature", /not by the key/);
  const mute: Certificates = { ...by(user), credentials: { ...credentials(user), chain: [] } };
  refuses((await meet({ certificates: mute }, { certificates: by(gate) })).b, "cert-missing", /sends no certificate/);
});
test("a chain by way of another CA, which comes with it", async () => {
  const sub = new TestCa("CN=sub", {}, ca);
  const below = sub.client("me@example");
  const mine = { credentials: credentials(below, [sub.own]), trust: trust([ca]) };
  isUp(await meet({ certificates: mine }, { certificates: by(gate) }), [
    `O=Tests, CN=${HOST}`,
    "O=Tests, CN=me@example",
  ]);
  const alone = { credentials: credentials(below), trust: trust([ca]) };
  refuses((await meet({ certificates: alone }, { certificates: by(gate) })).b, "cert-untrusted", /"CN=sub"/);
});
test("while the clock is not set, dates are not looked at; once it is, they are", async () => {
  for (const [h, code] of [
    [ca.server(HOST, { notAfter: NOW - 1000 }), "cert-expired"],
    [gate, null],
  ] as const) {
    const x = await meet({ certificates: by(user), dpdSeconds: 0 }, { certificates: by(h) }, 86_400_000);
    assert.equal(x.a.ups.length, 1, x.a.downs[0]?.text);
    await x.net.run(120_000, 100);
    assert.equal(x.a.downs.length, 0);
    x.net.wallClock = NOW;
    await x.net.run(120_000, 100);
    assert.equal(x.a.downs[0]?.code ?? null, code);
    assert.equal(x.b.downs.length, code === null ? 0 : 1, "the peer hears of it");
  }
});
test("a renewal of phase 1 looks again", async () => {
  const x = await meet({ certificates: by(user), ikeLifetimeSeconds: 600 }, { certificates: by(gate) });
  assert.equal(x.a.ups.length, 1);
  x.net.wallClock = gate.notAfter + 1000;
  await x.net.run(700_000, 1000);
  assert.ok(x.a.kinds("ike.failed").some((e) => e.kind === "ike.failed" && e.code === "cert-expired"));
});
test("of a message 5 that was changed on the way, and of any bytes, nothing is believed", async () => {
  for (let i = 0; i < 40; i++) {
    const x = pair();
    x.net.tamper = (bytes, n) => {
      const at = 28 + Math.floor(((bytes.length - 28) * i) / 40);
      if (n === 4) bytes[at] = (bytes[at] ?? 0) ^ (1 << (i % 8));
    };
    x.b.ike.addResponder(server({ psk: null, certificates: by(gate) }), x.b);
    x.a.ike.connect(client(x.b.address, x.a.address, { psk: null, certificates: by(user) }), x.a);
    await x.net.run(500);
    assert.equal(x.b.ups.length, 0, `byte ${i}`);
    assert.equal(x.b.kinds("daemon.fault").length, 0);
  }
});
test("certificates too long for a peer without fragments: said, not sent in vain", async () => {
  const long = longChains(HOST);
  const [mine, theirs] = [
    { psk: null, certificates: long.client },
    { psk: null, certificates: long.server },
  ];
  const whole = await meet(mine, theirs);
  assert.deepEqual([whole.a.ups.length, whole.b.ups.length], [1, 1]);
  const x = await meet(mine, theirs, NOW, blank("4048b7d56ebc"));
  assert.equal(x.a.downs[0]?.code, "mode");
  assert.match(
    x.a.downs[0]?.text ?? "",
    /^our certificates make a message of \d{4} bytes, and 10\.0\.0\.2 takes no fragments/,
  );
});
