// Two daemons that authenticate by certificates: what their users see, and when files are read.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { utf8 } from "../../src/core/text.ts";
import { CertificateFiles, certificateFaults } from "../../src/link/certificates.ts";
import { type Held, NOW, TestCa, testPki } from "../x509/ca.ts";
import { isUp, SERVER_IP } from "./pair.ts";
import { client, clientConf, SERVER_CONF, type Site, server, World } from "./world.ts";

const ca = new TestCa("C=CH, O=Tests, CN=the CA");
const gate = ca.server("vpn.example");
const user = ca.client("me@example");
const text = (key: Uint8Array): string => String.fromCharCode(...key);
const FILES = "ike = v1\ncert = /own.pem\nkey = /own.key\nca = /ca.pem";
const CLIENT = clientConf("", "vpn.example").replace("psk = swordfish", FILES.replaceAll("/own", "/user"));
const SERVER = SERVER_CONF.replace("psk = swordfish", `psk = swordfish\n${FILES.replaceAll("/own", "/gate")}`);

function world(own: Held = user): World {
  const w = new World();
  w.epoch = NOW;
  w.names.set("vpn.example", [SERVER_IP]);
  for (const [name, h] of [
    ["user", own],
    ["gate", gate],
  ] as const) {
    w.files.set(`/${name}.pem`, h.pem);
    w.files.set(`/${name}.key`, text(h.key));
  }
  w.files.set("/ca.pem", ca.own.pem);
  return w;
}
function sites(w: World, mine = CLIENT, theirs = SERVER): { a: Site; b: Site } {
  const b = w.site(w.net.host("b", [SERVER_IP]), theirs, { pki: testPki });
  const a = w.site(w.net.host("a", ["203.0.113.1"]), mine, { pki: testPki });
  return { a, b };
}
const failed = (s: Site): string => client(s).error?.code ?? "";

describe("daemons with certificates", () => {
  test("up; the server has a user with the key beside; no key of either is in any log", async () => {
    const w = world();
    const { a, b } = sites(w);
    const c = w.site(w.net.host("c", ["203.0.113.9"]), clientConf().replace("branch", "second"));
    await w.until(() => isUp(a) && isUp(c), 5000, "up", a, b, c);
    assert.equal(client(a).ike?.peer_id, "O=Tests, CN=vpn.example");
    assert.equal(server(b).sessions.length, 2);
    const said = [...a.lines, ...b.lines, JSON.stringify([a.daemon.status(null), b.daemon.status(null)])].join("\n");
    assert.doesNotMatch(said, /PRIVATE KEY|swordfish/);
    assert.ok(!said.includes(text(user.key).split("\n")[1] ?? "?"));
  });
  test("the server's name must be in its certificate, or remote_id", async () => {
    const w = world();
    w.names.set("other.example", [SERVER_IP]);
    const { a, b } = sites(w, CLIENT.replace("vpn.example", "other.example"));
    await w.until(() => failed(a) !== "", 5000, "failed", a, b);
    assert.equal(failed(a), "cert-name");
    assert.match(client(a).error?.text ?? "", /not for "other.example": is remote_id one of its names/);
    a.reload(CLIENT.replace("vpn.example", "other.example\nremote_id = CN=nobody"));
    await w.run(3000);
    await w.until(() => /CN=nobody/.test(client(a).error?.text ?? ""), 90_000, "failed again", a, b);
    a.reload(CLIENT.replace("vpn.example", `other.example\nremote_id = o=tests, cn=vpn.example`));
    await w.run(3000);
    await w.until(() => isUp(a), 90_000, "up", a, b);
  });
  test("files that cannot be used fail the link with a sentence, and it goes on once they can", async () => {
    const w = world();
    w.files.set("/user.key", "no key");
    const { a, b } = sites(w);
    await w.until(() => failed(a) !== "", 5000, "failed", a, b);
    assert.equal(failed(a), "own-certificate");
    assert.equal(client(a).error?.text, "key /user.key: holds no private key in PEM without a passphrase");
    w.files.set("/user.key", text(user.key));
    await w.until(() => isUp(a), 400_000, "up", a, b);
  });
  test("a reload reads a server's CRL: who is on it does not come back", async () => {
    const w = world();
    w.files.set("/crl.pem", ca.crl([]));
    const theirs = SERVER.replace("ca = /ca.pem", "ca = /ca.pem\ncrl = /crl.pem");
    const { a, b } = sites(w, CLIENT, theirs);
    await w.until(() => isUp(a), 5000, "up", a, b);
    w.files.set("/crl.pem", "nonsense");
    b.reload(theirs);
    assert.ok(b.lines.some((l) => /crl \/crl.pem: holds no CRL.*what was read before stays in use/.test(l)));
    w.files.set("/crl.pem", ca.crl([user.serial]));
    b.reload(theirs);
    a.daemon.down("hq");
    await w.run(3000);
    a.daemon.up("hq");
    await w.until(() => failed(a) === "cert-refused", 90_000, "refused", a, b);
    assert.ok(server(b).failures?.some((f) => f.code === "cert-revoked"));
  });
  test("a server whose files cannot be used is down and says why; with them it opens by itself", async () => {
    const w = world();
    w.files.delete("/ca.pem");
    const { a, b } = sites(w);
    await w.run(2000);
    assert.match(server(b).error?.text ?? "", /^ca \/ca.pem: holds no certificate in PEM/);
    w.files.set("/ca.pem", ca.own.pem);
    await w.until(() => isUp(a), 200_000, "up", a, b);
  });
});

describe("the files of a section", () => {
  const section = { name: "hq", cert: "/c", key: "/k", ca: "/ca", crl: null, local_id: null, ike: "v1" } as const;
  const open = (h: Held, more: object = {}, now = NOW) =>
    CertificateFiles.open(
      { ...section, ...more },
      {
        host: {
          readFile: (p) => ({ "/c": h.pem, "/k": text(h.key), "/ca": ca.own.pem })[p] ?? "",
          wallClock: () => now,
        },
        pki: testPki,
      },
    );
  const why = (...args: Parameters<typeof open>): string => {
    const r = open(...args);
    return r && "code" in r ? `${r.code} ${r.text}` : "";
  };
  test("what cannot be used, and why", () => {
    assert.equal(open(user, { cert: null }), null);
    assert.equal(why(user), "");
    assert.match(why(user, {}, user.notAfter + 1000), /^own-certificate cert \/c: expired on 2027-03-28T/);
    assert.match(why(user, {}, NOW - 1e12), /^$/, "the clock is not set");
    assert.match(why(user, {}, NOW - 1e9), /is not valid before .*clock/);
    assert.match(why(user, { local_id: { type: 2, text: "x" } }), /is for "O=Tests, CN=me@example", "me@example", and/);
    assert.equal(why(user, { local_id: { type: 3, text: "ME@example" } }), "");
    assert.match(why(ca.client("x", { kind: "ed25519" })), /IKEv1 has no signatures for/);
    assert.match(why({ ...user, key: utf8("x") }), /^own-certificate key \/k: holds no private key/);
    assert.match(why({ ...user, key: gate.key }), /key \/k: is not that of the certificate/);
    const r = CertificateFiles.open(section, { host: { readFile: () => "", wallClock: () => 0 } });
    assert.match(r && "code" in r ? r.text : "", /need OpenSSL/);
  });
  test("one that expires soon is told of", () => {
    const soon = open(user, {}, user.notAfter - 3 * 86_400_000);
    assert.ok(soon instanceof CertificateFiles);
    assert.equal(soon.warning, "the certificate (cert) expires in 3 days");
    assert.equal(soon.renew(), soon.warning);
    soon.close();
  });
  test("check names every section whose files are no good", () => {
    const config = { interfaces: [section], servers: [{ ...section, name: "lns", cert: null }] };
    const host = { readFile: () => "", wallClock: () => NOW };
    const faults = certificateFaults(config as unknown as Parameters<typeof certificateFaults>[0], {
      host,
      pki: testPki,
    });
    assert.deepEqual(faults, ["hq: cert /c: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"]);
  });
});
