// The options of RADIUS over TLS, and what its files become.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../../src/config/load.ts";
import { SystemError } from "../../src/core/errors.ts";
import { radsecFaults, serverOf } from "../../src/link/radius-server.ts";
import type { TlsParams } from "../../src/ports/ports.ts";
import { PlainTls } from "../radius/radsec-net.ts";

const FILES = "tls_ca = /c\ntls_cert = /d\ntls_key = /e\n";
const section = (more: string): string => `[radius one]\naddress = 192.0.2.1\n${more}`;
function faults(more: string): string {
  const r = load(section(more));
  return r.ok ? "" : r.faults.map((f) => `${f.where}: ${f.why}`).join("\n");
}
function radius(more: string) {
  const r = load(section(more));
  return (r.ok && r.config.radius[0]) || assert.fail(faults(more));
}
function opened(more: string, tlsStream: (p: TlsParams) => PlainTls | string | null, read = (f: string): string => f) {
  const tls = { tlsStream, tlsClient: () => null };
  return { server: serverOf(radius(more), { host: { readFile: read } as never, tls }), host: { readFile: read }, tls };
}

test("by UDP a secret is needed, with TLS three files; anything less is said", () => {
  assert.equal(faults("secret = x\n"), "");
  assert.equal(faults(`tls = yes\n${FILES}`), "");
  assert.match(faults(""), /radius one\.secret: is missing/);
  for (const o of ["tls_ca", "tls_cert", "tls_key"])
    assert.match(faults(`tls = yes\n${FILES.replace(new RegExp(`${o}.*\n`), "")}`), new RegExp(`${o}: is missing`));
  for (const o of ["tls_ca", "tls_cert", "tls_key", "tls_name"])
    assert.match(faults(`secret = x\n${o} = /c\n`), new RegExp(`${o}: is set, but tls is no`));
  assert.match(faults(`tls = yes\ntls_name = .example\n${FILES}`), /tls_name: begins with a dot/);
});
test("port and secret are RFC 6614's by default, and RFC 2865's without TLS", () => {
  const of = (more: string) => {
    const { server } = opened(more, () => null);
    return [server.port, server.acctPort, server.secret.use((b) => new TextDecoder().decode(b))];
  };
  assert.deepEqual(of("secret = x\n"), [1812, 1813, "x"]);
  assert.deepEqual(of(`tls = yes\n${FILES}`), [2083, 1813, "radsec"]);
  assert.deepEqual(of(`tls = yes\nport = 9\nacct_port = 0\nsecret = y\n${FILES}`), [9, 0, "y"]);
});
test("the server is known by its address, by a name, or by its CA alone where that is said", () => {
  for (const [more, name] of [
    ["", "192.0.2.1"],
    ["tls_name = radius.example\n", "radius.example"],
    ["tls_name = any\n", null],
  ] as const) {
    const seen: (string | null)[] = [];
    const { server } = opened(`tls = yes\n${FILES}${more}`, (p) => {
      seen.push(p.serverName, ...[p.ca, p.cert, p.key].map((b) => new TextDecoder().decode(b)));
      return new PlainTls();
    });
    assert.ok(server.tls?.() instanceof PlainTls);
    assert.deepEqual(seen, [name, "/c", "/d", "/e"]);
  }
});
test("files that are no good: option, file and why, for a connection and for `check`", () => {
  const more = `tls = yes\n${FILES}`;
  const missing = (f: string): string => {
    throw new SystemError("ENOENT", `cannot read ${f}`);
  };
  for (const [tls, read, words] of [
    [() => "key: is not that of the certificate", undefined, "tls_key /e: is not that of the certificate"],
    [() => null, undefined, "TLS needs libssl (libssl.so.3), which is not installed: install OpenSSL's library"],
    [() => null, missing, "tls_ca: cannot read /c: ENOENT"],
  ] as const) {
    const o = opened(more, tls, read);
    assert.equal(o.server.tls?.(), words);
    assert.deepEqual(radsecFaults([radius(more)], { host: o.host as never, tls: o.tls }), [`radius one: ${words}`]);
  }
  const made = new PlainTls();
  const good = opened(more, () => made);
  assert.deepEqual(radsecFaults([radius(more)], { host: good.host as never, tls: good.tls }), []);
  assert.equal(made.closed, true);
});
