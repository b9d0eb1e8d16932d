import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { load } from "../../src/config/load.ts";
import { SECTIONS } from "../../src/config/schema.ts";
import { faultLine } from "../../src/config/section.ts";
import { loadUci } from "../../src/config/uci-load.ts";
import { tunnel } from "./interfaces.ts";

const GOOD = `
[daemon]
control = /tmp/x.sock
log = debug ; chatty

[interface hq]
proto = l2tpsec
server = 198.51.100.2
username = branch1
password = "se;cr#et "
psk = swordfish
routes = 10.2.0.0/16 10.3.0.0/16
keepalive = 5 10

[server lns]
listen = 198.51.100.2
psk = swordfish
pool = 10.99.0.10-10.99.0.200
local_ip = 10.99.0.1
auth = mschapv2 chap pap

[user branch1]
password = true
ip = 10.99.0.10
routes = 192.168.1.0/24
`;
function faults(text: string): string[] {
  const r = load(text);
  return r.ok ? [] : r.faults.map((f) => faultLine("f", f));
}
const client = (more: string): string => `[interface hq]\nproto = l2tpsec\nserver = vpn.example.org\n${more}`;

describe("configuration file", () => {
  test("a good file", () => {
    const r = load(GOOD);
    assert.ok(r.ok, JSON.stringify(r));
    const hq = tunnel(r.config);
    assert.deepEqual(
      [hq.name, hq.server, hq.mtu, hq.source_port],
      ["hq", [{ host: "198.51.100.2", port: 1701 }], null, 1701],
    );
    assert.deepEqual(hq.routes, ["10.2.0.0/16", "10.3.0.0/16"]);
    assert.deepEqual(hq.keepalive, { failures: 5, intervalSeconds: 10 });
    assert.equal(
      hq.password?.use((b) => Buffer.from(b).toString()),
      "se;cr#et ",
    );
    assert.equal(
      r.config.users[0]?.password.use((b) => Buffer.from(b).toString()),
      "true",
      "ini's own booleans stay text",
    );
    assert.deepEqual(r.config.servers[0]?.auth, ["mschapv2", "chap", "pap"]);
    assert.deepEqual([r.config.daemon.control, r.config.daemon.log], ["/tmp/x.sock", "debug"]);
    assert.doesNotMatch(inspect({ ...r.config, raw: null }, { depth: 9 }), /swordfish|se;cr/);
  });
  test("all faults at once, each with file, line, section, option, why and what is allowed", () => {
    assert.deepEqual(faults(client("mtu = 99999\nencap = maybe\nfoo = 1\nroutes = 10.2.0.1/16\npsk = x")), [
      'f:4 interface hq.mtu: "99999" is not allowed (allowed: a whole number from 576 to 1500 bytes)',
      'f:5 interface hq.encap: "maybe" is not allowed (allowed: auto | udp | esp)',
      `f:6 interface hq.foo: unknown option (allowed: ${Object.keys(SECTIONS.interface).join(" ")})`,
      'f:7 interface hq.routes: "10.2.0.1/16" is not a list of networks (host bits must be zero) (allowed: ' +
        "networks such as 10.2.0.0/16 or fd00:2::/48, space separated)",
    ]);
  });
  test("IPsec is never off by omission", () => {
    for (const more of ["", "ipsec = required"])
      assert.match(faults(client(more)).join("\n"), /interface hq\.psk: is missing/);
    const off = load(client("ipsec = off"));
    assert.ok(off.ok);
    assert.match(off.warnings.join(), /ipsec = off/);
  });
  test("a key and ipsec = off contradict each other, at a client and at a server", () => {
    assert.deepEqual(
      faults(client("ipsec = off\npsk = abc")).map((f) => f.replace(/ \(allowed.*/, "")),
      ["f:4 interface hq.ipsec: is off, but psk is set: the two contradict each other"],
    );
    assert.match(
      faults("[server s]\npsk = x\nlocal_ip = 10.1.1.1\nipsec = off").join(),
      /^f:4 server s\.ipsec: is off, but/,
    );
    const uci = loadUci([
      {
        name: "network",
        path: "n",
        text: "config interface hq\n option proto l2tpsec\n option server a\n option psk x\n option ipsec off\n",
      },
    ]);
    assert.deepEqual(
      uci.faults.map((f) => [f.where, f.line]),
      [["network.hq.ipsec", 5]],
    );
  });
  test("what one version of IKE does not have, and that version asked for", () => {
    const lns = (more: string): string => `[server s]\nlocal_ip = 10.1.1.1\npool = 10.1.1.2-10.1.1.9\n${more}`;
    for (const section of [client, lns])
      for (const [option, value] of [
        ["ike_proposals", "aes256gcm16-sha256-x25519"],
        ["esp_proposals", "aes256gcm16-x25519-mlkem768"],
        ["ppk", "long and random"],
      ] as const) {
        const text = section(`psk = x\n${option} = ${value}\n`);
        assert.deepEqual(faults(text), []);
        assert.deepEqual(faults(`${text}ike = v2`), []);
        const [fault = "", ...more] = faults(`${text}ike = v1`);
        assert.match(fault, new RegExp(`\\.${option}: .*IKEv.* \\(allowed: ike = v2`));
        assert.deepEqual(more, []);
      }
    assert.deepEqual(faults(client("psk = x\nike = v1\nike_proposals = aes256gcm16-sha256-x25519 default")), []);
    const aggressive = client("psk = x\nike_mode = aggressive\n");
    assert.deepEqual(faults(aggressive), []);
    for (const more of ["ike = v2", "ppk = abc", "ike_proposals = aes256gcm16-sha256-x25519"])
      assert.match(faults(aggressive + more).join(), /aggressive, which IKEv2 does not have|IKEv1 does not have/, more);
  });
  test("PAP outside ESP takes words of its own", () => {
    const warnings = (text: string): string => {
      const r = load(text);
      return r.ok ? r.warnings.join("\n") : assert.fail(JSON.stringify(r));
    };
    const lns = (more: string): string => `[server s]\nlocal_ip = 10.1.1.1\n${more}`;
    assert.match(
      faults(lns("ipsec = off\nauth = pap")).join(),
      /f:4 server s\.auth: has only pap, and pap shows passwords/,
    );
    assert.match(
      warnings(lns("ipsec = off\nauth = mschapv2 pap")),
      /server s: auth: pap shows passwords .* not offered without allow_pap_in_clear = yes/,
    );
    assert.doesNotMatch(warnings(lns("ipsec = off\nauth = mschapv2 pap\nallow_pap_in_clear = yes")), /pap/);
    assert.equal(warnings(lns("psk = x\nauth = pap")), "");
    const nas =
      "[interface m]\nproto = nasdial\ndevice = /dev/ttyS0\nrole = answer\nlocal_ip = 10.1.1.1\nremote_ip = 10.1.1.2\n";
    assert.match(faults(`${nas}auth = pap`).join(), /interface m\.auth: has only pap/);
    assert.match(warnings(`${nas}auth = chap pap`), /interface m: auth: pap shows/);
    assert.match(
      faults(client("ipsec = off\nallow_pap_in_clear = yes")).join(),
      /interface hq\.allow_pap_in_clear: is yes, but refuse_pap is yes/,
    );
    assert.deepEqual(faults(client("ipsec = off\nallow_pap_in_clear = yes\nrefuse_pap = no")), []);
    assert.match(
      faults(client("psk = x\nrefuse_chap = yes\nrefuse_mschapv2 = yes")).join(),
      /every authentication method is refused: allow one \(allowed: no, or refuse_pap = no for PAP\)/,
    );
    assert.match(
      faults(client("ipsec = off\nrefuse_chap = yes\nrefuse_mschapv2 = yes\nrefuse_pap = no")).join(),
      /every authentication method is refused: allow one \(allowed: no, or allow_pap_in_clear = yes for PAP\)/,
    );
  });
  test("AVPs are hidden with a secret, or not at all", () => {
    assert.match(
      faults(client("psk = abc\nhide_avps = yes")).join("\n"),
      /interface hq\.hide_avps: is yes, but there is no secret to hide AVPs with \(allowed: a tunnel_secret/,
    );
    assert.deepEqual(faults(client("psk = abc\nhide_avps = yes\ntunnel_secret = x")), []);
  });
  test("a password with a comment sign is refused rather than cut, and never printed", () => {
    const f = faults(client("psk = abc;defsecret")).join("\n");
    assert.match(f, /interface hq\.psk: contains ; or #/);
    assert.doesNotMatch(f, /defsecret/);
    assert.doesNotMatch(faults(`[user x]\npassword = ${"defsecret".repeat(40)}`).join("\n"), /defsecret/);
  });
  test("contradictions between sections", () => {
    const two =
      "[server a]\npsk = x\nlocal_ip = 10.0.0.1\npool = 10.0.0.2-10.0.0.9\n[server b]\npsk = x\nlocal_ip = 10.0.0.1\n";
    const nowhere = faults(
      "[server a]\npsk = wonderland-is-near\nlocal_ip = 10.0.0.1\npool = 10.0.0.2-10.0.0.9\nlisten = 0.0.0.0\n",
    );
    assert.match(nowhere.join("\n"), /server a\.listen: is no address of this machine/);
    assert.match(faults(two).join("\n"), /f:5 server b\.listen: server a listens on the same address/);
    for (const [one, other, told] of [
      ["192.0.2.1", "192.0.2.1", 1],
      ["", "192.0.2.1", 1],
      ["192.0.2.1", "", 1],
      ["192.0.2.1", "192.0.2.2", 0],
    ] as const) {
      const section = (listen: string, i: number): string =>
        `[server s${i}]\npsk = x\nlocal_ip = 10.0.${i}.1\nlisten = ${listen}\n`;
      const same = faults([one, other].map(section).join("")).filter((f) => f.includes("listens on the same address"));
      assert.equal(same.length, told, `${one} ${other}`);
    }
    assert.match(
      faults(`${GOOD}[user b2]\npassword = x\nip = 10.99.0.10\n`).join(),
      /user b2\.ip: 10\.99\.0\.10 belongs to user branch1/,
    );
    assert.match(faults(`${GOOD}[user b2]\npassword = x\nserver = nope\n`).join(), /user b2\.server/);
    const bridged = (more: string): string => GOOD.replace("auth = m", `${more}\nauth = m`).concat("bridge = br-lan\n");
    assert.deepEqual(faults(bridged("")), []);
    assert.match(faults(bridged("dataplane = auto")).join(), /user branch1\.bridge: server lns may be in the kernel/);
    assert.match(faults(`${GOOD}[interface averylongname]\nproto=l2tpsec\nserver=a\npsk=x\n`).join(), /15 characters/);
    assert.match(faults(`${GOOD}[interface hq]\n`).join(), /appears twice/);
    assert.match(
      faults(client("psk = x\nroutes = 10.2.0.0/16 fd00:2::/48")).join(),
      /interface hq\.routes: fd00:2::\/48 is an IPv6 network, and ipv6 is no/,
    );
    assert.deepEqual(faults(client("psk = x\nroutes = 10.2.0.0/16 fd00:2::/48\nipv6 = yes")), []);
    const six = (lns: string, user = ""): string =>
      faults(GOOD.replace("auth = m", `${lns}\nauth = m`).concat(`${user}\n`)).join();
    assert.equal(
      six("ipv6 = yes\nipv6_pool = 2001:db8::/64\nipv6_delegate = 2001:db8:8000::/33-56\nipv6_dns = ::1"),
      "",
    );
    assert.match(six("ipv6_pool = 2001:db8::/48"), /server lns\.ipv6_pool: is set, but ipv6 is no/);
    assert.match(six("ipv6 = yes\nipv6_pool = 2001:db8::/65"), /ipv6_pool: is less than a \/64/);
    for (const pool of ["10.0.0.0/8", "2001:db8::1/48", "2001:db8::"])
      assert.match(six(`ipv6 = yes\nipv6_pool = ${pool}`), /ipv6_pool: .*is not an IPv6 network/);
    for (const parts of ["2001:db8::/48", "2001:db8::/48-40", "2001:db8::/48-65", "2001:db8::/31-64", "10.0.0.0/8-24"])
      assert.match(six(`ipv6 = yes\nipv6_delegate = ${parts}`), /ipv6_delegate: .*is not a network with/, parts);
    assert.equal(six("ipv6 = yes", "ipv6_prefix = fd00:1::/64\nipv6_delegated_prefix = fd00:2::/48"), "");
    assert.match(six("ipv6 = yes", "ipv6_prefix = fd00:1::/63"), /user branch1\.ipv6_prefix: is not a \/64/);
    assert.match(six("", "ipv6_prefix = fd00:1::/64"), /user branch1\.ipv6_prefix: .* the server has ipv6 = no/);
    assert.match(
      six("ipv6 = yes\ndataplane = kernel", "ipv6_prefix = fd00:1::/64"),
      /lns\.dataplane: is kernel, which/,
    );
    assert.match(faults(`${GOOD}[server hq]\nlisten=1.2.3.4\npsk=x\nlocal_ip=10.1.1.1\n`).join(), /same name/);
  });
  test("misspelt and misplaced things", () => {
    assert.match(faults("psk = x").join(), /f:1 psk: appears before the first section/);
    assert.match(faults("[interfaces hq]").join(), /unknown kind of section/);
    assert.match(faults(client("psk = x\nlocal-id = y")).join(), /did you mean local_id/);
    assert.match(faults(client("psk = x\npsk = y")).join(), /set twice, first in line 4/);
    assert.match(faults("[interface hq").join(), /not a section header/);
    assert.deepEqual(faults(""), []);
  });
  test("any text: a configuration or faults, never an exception", () => {
    const word = fc.constantFrom(
      "[interface hq]",
      "[server s]",
      "[user u]",
      "[daemon]",
      "psk",
      "=",
      "\n",
      "x",
      "__proto__",
      "constructor",
      "[]",
      '"',
      "'",
      ";",
      "\\",
      "null",
      "true",
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(word, fc.string({ maxLength: 8 })), { maxLength: 40 }),
        (a) => void load(a.join(" ")),
      ),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), (a) => void load(a.join(""))),
      { numRuns: 2000 },
    );
  });
});
