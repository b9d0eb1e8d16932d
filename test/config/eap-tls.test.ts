// The options of EAP-TLS: whole or not at all.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../../src/config/load.ts";
import { SystemError } from "../../src/core/errors.ts";
import { eapCredentials } from "../../src/link/credentials.ts";
import { Passwords } from "../../src/link/passwords.ts";
import { pppCaller } from "../../src/link/settings.ts";
import type { Host } from "../../src/ports/ports.ts";

const host: Host = {
  readFile: () => "",
  env: () => undefined,
  hostname: () => "lac",
  wallClock: () => 0,
  resolve: () => Promise.resolve([]),
};
const FILES = "eap_ca = /c\neap_cert = /d\neap_key = /e\neap_server_name = any\n";
const section = (more: string): string => `[interface hq]\nproto = l2tpsec\nserver = 192.0.2.1\npsk = x\n${more}`;
function faults(more: string): string {
  const r = load(section(more));
  return r.ok ? "" : r.faults.map((f) => `${f.where}: ${f.why}`).join("\n");
}

test("a name and three files, and no password; anything less is said", () => {
  assert.equal(faults(`username = alice\n${FILES}`), "");
  assert.equal(
    faults(`username = alice\nrefuse_pap = yes\nrefuse_chap = yes\nrefuse_mschapv2 = yes\n${FILES}`),
    "",
    "there is a method left",
  );
  assert.match(faults(FILES), /username: is missing/);
  for (const o of ["eap_ca", "eap_cert", "eap_key", "eap_server_name"])
    assert.match(
      faults(`username = alice\npassword = x\n${FILES.replace(new RegExp(`${o}.*\n`), "")}`),
      new RegExp(`${o}: is missing`),
    );
  assert.match(faults("username = alice\npassword = x\neap_server_name = nas\n"), /eap_ca: is missing/);
});
test("a server is known by its name, unless every one of the CA is wanted", () => {
  for (const [name, serverName] of [
    ["nas.example", "nas.example"],
    ["any", null],
  ] as const) {
    const r = load(section(`username = alice\n${FILES.replace("= any", `= ${name}`)}`));
    assert.ok(r.ok);
    assert.equal(
      eapCredentials(r.config.interfaces[0] ?? assert.fail("no interface"), { readFile: () => "" })?.serverName,
      serverName,
    );
  }
  assert.match(
    faults(`username = alice\n${FILES.replace("= any", "= .example")}`),
    /eap_server_name: begins with a dot/,
  );
});
test("the link answers to EAP alone then, whatever refuse_eap says; an unreadable file is named", () => {
  const r = load(section(`username = alice\npassword = x\n${FILES}`));
  assert.ok(r.ok);
  const c = r.config.interfaces[0] ?? assert.fail("no interface");
  const read: string[] = [];
  const credentials = eapCredentials(c, { readFile: (f) => String(read.push(f)) });
  assert.deepEqual(read, ["/c", "/d", "/e"]);
  const ppp = pppCaller(c, host, 1400, { passwords: new Passwords(c), eapTls: credentials });
  assert.deepEqual(
    [ppp.refuse, ppp.eapTls, ppp.identity?.user],
    [["pap", "chap", "mschap", "mschapv2"], credentials, "alice"],
  );
  assert.ok(pppCaller(c, host, 1400, { passwords: new Passwords(c), eapTls: null }).refuse.includes("eap"));
  const missing = (f: string): string => {
    throw new SystemError("ENOENT", `cannot read ${f}`, "is it there?");
  };
  assert.throws(
    () => eapCredentials(c, { readFile: missing }),
    /^SystemError: eap_ca: cannot read \/c: ENOENT \(is it there\?\)/,
  );
});
