// The small CA of `l2tpsec cert`: what it makes is used as it is, and read by openssl's own formats.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Authority, type CertOptions, CertRefused, type CertTools } from "../../src/cli/authority.ts";
import { SystemError } from "../../src/core/errors.ts";
import { fromUtf8, utf8 } from "../../src/core/text.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { fromPem } from "../../src/x509/pem.ts";
import { library, NOW, testPki } from "../x509/ca.ts";

const OPTIONS: CertOptions = { dir: "/d", days: null, ecdsa: true };
class Folder {
  readonly files = new Map<string, { readonly data: Uint8Array; readonly mode: number }>();
  said = "";
  now = NOW;
  readonly tools: CertTools = {
    maker: library,
    sha1: (d) => nodeCrypto.hash("sha1", [d]),
    rng: nodeCrypto,
    now: () => this.now,
    read: (path) => {
      const f = this.files.get(path);
      if (!f) throw new SystemError("ENOENT", `cannot read ${path}`);
      return f.data;
    },
    create: (path, data, mode) => {
      assert.ok(!this.files.has(path), path);
      this.files.set(path, { data, mode });
    },
    replace: (path, text) => {
      assert.ok(this.files.has(path), path);
      this.files.set(path, { data: utf8(text), mode: 0o644 });
    },
    say: (text) => {
      this.said += text;
    },
  };
  get ca(): Authority {
    return new Authority(OPTIONS, this.tools);
  }
  text(name: string): string {
    return fromUtf8(this.tools.read(`/d/${name}`));
  }
}
function founded(): Folder {
  const f = new Folder();
  f.ca.found("Example");
  f.ca.server(["vpn.example", "192.0.2.1"]);
  f.ca.user("me@example", "vpn.example");
  return f;
}

test("a CA, a server and a user: five files and more, that fit each other and this daemon", () => {
  const f = founded();
  assert.deepEqual([...f.files.keys()].sort(), [
    "/d/ca.key",
    "/d/ca.pem",
    "/d/crl.pem",
    "/d/me@example.key",
    "/d/me@example.mobileconfig",
    "/d/me@example.p12",
    "/d/me@example.pem",
    "/d/vpn.example.key",
    "/d/vpn.example.pem",
  ]);
  for (const [path, { mode }] of f.files) assert.equal(mode, path.endsWith(".pem") ? 0o644 : 0o600, path);
  const trust = testPki.trust({ ca: f.text("ca.pem"), crl: f.text("crl.pem") });
  assert.ok(typeof trust !== "string", String(trust));
  for (const [name, use, id] of [
    ["vpn.example", "server", { type: 2, text: "vpn.example" }],
    ["vpn.example", "server", { type: 1, text: "192.0.2.1" }],
    ["me@example", "client", { type: 3, text: "me@example" }],
  ] as const) {
    const c = testPki.credentials({ cert: f.text(`${name}.pem`), key: f.tools.read(`/d/${name}.key`) });
    assert.ok(typeof c !== "string", String(c));
    assert.ok(c.names(id));
    assert.ok(trust.validate(c.chain, NOW, use).trusted);
    if (use === "client") assert.ok(!trust.validate(c.chain, NOW, "server").trusted, "a user is no server");
    assert.equal(c.notAfter, NOW + 820 * 86_400_000);
  }
});
test("who is revoked is refused, and the others are not; twice is once", () => {
  const f = founded();
  f.ca.user("other@example", null);
  f.ca.revoke("me@example");
  f.ca.revoke("me@example");
  const trust = testPki.trust({ ca: f.text("ca.pem"), crl: f.text("crl.pem") });
  assert.ok(typeof trust !== "string", String(trust));
  const verdict = (name: string): string => {
    const c = testPki.credentials({ cert: f.text(`${name}.pem`), key: f.tools.read(`/d/${name}.key`) });
    assert.ok(typeof c !== "string", String(c));
    const v = trust.validate(c.chain, NOW, "client");
    return v.trusted ? "trusted" : v.code;
  };
  assert.deepEqual([verdict("me@example"), verdict("other@example")], ["cert-revoked", "trusted"]);
  f.files.set("/d/foreign.pem", founded().files.get("/d/me@example.pem") as { data: Uint8Array; mode: number });
  f.ca.revoke("foreign"); // the same name of a CA: a serial of ours it is not, and does no harm
});
test("PKCS #12 comes back as the same key, certificate and CA", () => {
  const f = founded();
  const password = /password of me@example.p12: (\w{26})\n/.exec(f.said)?.[1];
  assert.ok(password);
  f.ca.import("/d/me@example.p12", "back", password);
  assert.equal(f.text("back.pem"), f.text("me@example.pem"));
  assert.equal(f.text("back-ca.pem"), f.text("ca.pem"));
  assert.equal(f.text("back.key"), f.text("me@example.key"));
  assert.equal(f.files.get("/d/back.key")?.mode, 0o600);
  assert.throws(() => f.ca.import("/d/me@example.p12", "again", "wrong"), /password is wrong/);
  const root = library.pkcs12("x", "ca", f.tools.read("/d/ca.key"), [
    fromPem("CERTIFICATE", f.text("ca.pem"))?.[0] as Uint8Array,
  ]);
  f.files.set("/d/ca.p12", { data: root as Uint8Array, mode: 0o600 });
  assert.throws(() => f.ca.import("/d/ca.p12", "again", "x"), /no certificate that a CA issued/);
  assert.deepEqual(
    [...f.files.keys()].filter((k) => k.includes("again")),
    [],
  );
});
test("a profile names the server and holds no password", () => {
  const f = founded();
  const profile = f.text("me@example.mobileconfig");
  assert.match(profile, /<key>CommRemoteAddress<\/key><string>vpn.example<\/string>/);
  assert.match(profile, /<key>AuthenticationMethod<\/key><string>Certificate<\/string>/);
  const id = /<key>PayloadCertificateUUID<\/key><string>([0-9a-f-]{36})<\/string>/.exec(profile)?.[1];
  assert.equal(profile.split(id ?? "?").length, 4, "the identity, its UUID and the reference to it");
  assert.ok(!profile.includes(/: (\w{26})\n/.exec(f.said)?.[1] ?? "?"));
});
test("what is refused: nothing is overwritten, no path, no clock, no CA", () => {
  const f = founded();
  const before = new Map(f.files);
  assert.throws(() => f.ca.user("me@example", null), /exists already/);
  for (const name of ["../x", ".x", "a/b", "", "a b"]) {
    assert.throws(() => f.ca.user(name, null), CertRefused, name);
    assert.throws(() => f.ca.server([name]), CertRefused, name);
    assert.throws(() => f.ca.revoke(name), CertRefused, name);
  }
  assert.throws(() => f.ca.server(["a.example", "b@example"]), /"b@example" is no host name/);
  assert.throws(() => new Folder().ca.found(" "), CertRefused);
  f.files.set("/d/ca.key", { data: library.generate("ecp256") as Uint8Array, mode: 0o600 });
  assert.throws(() => f.ca.user("x", null), /ca.key is not the key of ca.pem/);
  f.files.delete("/d/ca.key");
  before.delete("/d/ca.key");
  assert.throws(() => f.ca.found("Another"), /ca.pem exists already/);
  assert.deepEqual(f.files, before, "all files or none");
  assert.throws(() => new Folder().ca.user("x", null), SystemError);
  const late = founded();
  late.now = 0;
  assert.throws(() => late.ca.user("late", null), /clock/);
  assert.throws(() => late.ca.revoke("me@example"), /clock/);
});
