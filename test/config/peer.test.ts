// What the other side is told: each system's syntax read back by rules of its own, whatever the values are.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { load } from "../../src/config/load.ts";
import { type PeerConfig, PeerRefused, peerConfig, SYSTEM_NAMES } from "../../src/config/peer.ts";
import { type PlistValue, readPlist } from "../../src/config/plist.ts";
import { keyfile, powershell, routeros } from "../../src/config/quoting.ts";
import type { Config } from "../../src/config/schema.ts";
import { imported } from "../../src/config/transfer.ts";
import { iniValue } from "../../src/config/write.ts";
import { fromUtf8, utf8 } from "../../src/core/text.ts";
import { rng } from "./rng.ts";

const BASE = { user: "branch1", password: "wonder land", psk: "sword'fish", server: "", more: "" };
type Values = typeof BASE;
function config(v: Partial<Values> = {}): Config {
  const { user, password, psk, server, more } = { ...BASE, ...v };
  const key = psk === "" ? "" : `psk = ${iniValue(psk)}\n`;
  const r = load(`[server lns]
${key}local_ip = 10.99.0.1
pool = 10.99.0.10-10.99.0.20
${server}
[user ${user.includes('"') ? "u" : `"${user}"`}]
password = ${iniValue(password)}
[interface hq]
proto = l2tpsec
server = vpn.example.com
username = ${iniValue(user)}
password = ${iniValue(password)}
psk = ${iniValue(psk === "" ? "k" : psk)}
${more}`);
  assert.ok(r.ok, JSON.stringify(r));
  return r.config;
}
const WISH = { name: "branch1", system: "", server: "", address: "vpn.example.com", routes: "" };
function peer(system: string, v: Partial<Values> = {}, wish: Partial<typeof WISH> = {}): PeerConfig {
  return peerConfig(config(v), { ...WISH, ...wish, system }, rng);
}
function refused(system: string, v: Partial<Values> = {}, wish: Partial<typeof WISH> = {}): string {
  try {
    peer(system, v, wish);
  } catch (e) {
    if (e instanceof PeerRefused) return e.message;
    throw e;
  }
  return "";
}

/** Text that somebody can type, with all that is special anywhere. */
const typed = fc.string({
  unit: fc.oneof(
    { arbitrary: fc.constantFrom(..."'\"`$\\?[](){};#&<>|%!=,:@ ‘’‚‛“”éß漢😀\u00a0"), weight: 3 },
    { arbitrary: fc.constantFrom("a", "Z", "0", "s", "END"), weight: 2 },
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
  ),
  minLength: 1,
  maxLength: 40,
});

/** One literal of PowerShell at the beginning of `s`: its value, and what follows. */
function readPowershell(s: string): readonly [string, string] {
  const quote = /['\u2018-\u201b]/;
  assert.match(s.charAt(0), quote);
  let out = "";
  for (let i = 1; i < s.length; i++) {
    if (!quote.test(s.charAt(i))) out += s.charAt(i);
    else if (quote.test(s.charAt(i + 1))) out += s.charAt(++i);
    else return [out, s.slice(i + 1)];
  }
  return assert.fail("not closed");
}
/** The same of RouterOS: \XX is a byte, $ begins a variable. */
function readRouteros(s: string): readonly [string, string] {
  assert.equal(s[0], '"');
  const bytes: number[] = [];
  for (let i = 1; i < s.length; i++) {
    const c = s.charAt(i);
    assert.ok(c >= " " && c <= "~" && c !== "$" && c !== "?", c);
    if (c === '"') return [fromUtf8(Uint8Array.from(bytes)), s.slice(i + 1)];
    if (c === "\\") {
      assert.match(s.slice(i + 1, i + 3), /^[0-9A-F]{2}$/);
      bytes.push(Number.parseInt(s.slice(i + 1, i + 3), 16));
      i += 2;
    } else bytes.push(c.charCodeAt(0));
  }
  return assert.fail("not closed");
}
/** GLib's key files: group, key, value with its escapes; white space before a value is skipped. */
function readKeyfile(text: string): Map<string, string> {
  const out = new Map<string, string>();
  let group = "";
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const head = /^\[(.*)\]$/.exec(line);
    if (head) {
      group = head[1] ?? "";
      continue;
    }
    const at = line.indexOf("=");
    const raw = line.slice(at + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    const value = raw.replace(/\\(.)/g, (_, c: string) => {
      const known = { s: " ", n: "\n", t: "\t", r: "\r", "\\": "\\" }[c];
      assert.ok(known !== undefined, line);
      return known;
    });
    out.set(`${group}.${line.slice(0, at)}`, value);
  }
  return out;
}

test("quoting: any text comes back, and nothing of it leaves the quotes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (s) => {
      assert.deepEqual(readPowershell(`${powershell(s)} rest`), [s, " rest"]);
      assert.deepEqual(readRouteros(`${routeros(s)} rest`), [fromUtf8(utf8(s)), " rest"]);
    }),
  );
  fc.assert(fc.property(typed, (s) => assert.equal(readKeyfile(`[a]\nb=${keyfile(s)}\n`).get("a.b"), s)));
});

test("whatever key and password are, each system's text has exactly them", () => {
  const known = (v: PlistValue | undefined, ...path: (string | number)[]): PlistValue | undefined =>
    path.reduce<PlistValue | undefined>((x, k) => {
      if (typeof k === "number") return Array.isArray(x) ? x[k] : undefined;
      return x instanceof Map ? x.get(k) : undefined;
    }, v);
  fc.assert(
    fc.property(typed, typed, (password, psk) => {
      const v = { password, psk };
      const windows = peer("windows", v).text;
      assert.equal(readPowershell(windows.slice(windows.indexOf("-L2tpPsk ") + 9))[0], psk);
      assert.ok(windows.split("\n").includes(`#   password:  ${password}`));
      const routeros = peer("mikrotik", v).text;
      const line = routeros.split("\n").find((l) => l.startsWith("/interface l2tp-client add ")) ?? "";
      for (const [key, value] of [
        [" password=", password],
        [" ipsec-secret=", psk],
      ] as const)
        assert.equal(readRouteros(line.slice(line.indexOf(`${key}"`) + key.length))[0], value);
      const nm = readKeyfile(peer("networkmanager", v).text);
      const key = nm.get("vpn-secrets.ipsec-psk") ?? "";
      assert.equal(key.startsWith("0s") ? Buffer.from(key.slice(2), "base64").toString() : key, psk);
      assert.equal(nm.get("vpn-secrets.password"), password);
      for (const system of ["macos", "ios"]) {
        const vpn = known(readPlist(peer(system, v).content), "PayloadContent", 0);
        assert.equal(known(vpn, "PPP", "AuthPassword"), password);
        assert.deepEqual(known(vpn, "IPSec", "SharedSecret"), utf8(psk));
      }
      assert.ok(peer("android", v).text.includes(`IPSec pre-shared key: ${psk}\n`));
      for (const [name, of] of [
        ["branch1", "interface lns"],
        ["interface hq", "server lns"],
      ] as const) {
        const change = imported({ path: "/x", text: peer("openwrt", v, { name }).text }, EMPTY, false);
        assert.ok("files" in change, JSON.stringify(change));
        const r = load(change.files[0]?.text ?? "");
        assert.ok(r.ok, JSON.stringify(r));
        const [secret, section] =
          of === "interface lns"
            ? [r.config.interfaces[0]?.password, r.config.interfaces[0]]
            : [r.config.users[0]?.password, r.config.servers[0]];
        assert.equal(secret?.use(fromUtf8), password);
        assert.equal(section && "psk" in section ? section.psk?.use(fromUtf8) : "", psk);
      }
    }),
  );
});
const EMPTY = { format: "ini", texts: new Map([["", { path: "/e", text: "" }]]) } as const;

test("what nobody can type is refused, in key, password and user", () => {
  for (const c of ["\n", "\0", "\r", "\x1b", "\x7f", "\u2028"])
    for (const system of SYSTEM_NAMES) assert.match(refused(system, { psk: `a${c}b` }), /^the psk holds a control/);
  assert.match(refused("windows", { password: "a\nb" }), /^the password holds/);
  for (const address of ["a b", "a;b", "-x", "$(id)", "a'b", '"'])
    assert.match(refused("windows", {}, { address }), /is no name and no address/);
  assert.match(refused("openwrt", {}, { routes: "10.0.0.1/8" }), /is not a network/);
  assert.match(refused("openwrt", {}, { routes: "1.2.3.0/24;id" }), /is not a network/);
});

test("Windows: the line, routes, and the note on NAT", () => {
  assert.equal(
    peer("windows", {}, { routes: "192.168.1.0/24 10.0.0.0/8" }).text,
    `# Windows 10 and 11, in PowerShell. It asks for these when it first connects:
#   user name: branch1
#   password:  wonder land
Add-VpnConnection -Name 'lns' -ServerAddress 'vpn.example.com' -TunnelType L2tp -L2tpPsk 'sword''fish' ` +
      `-AuthenticationMethod MSChapv2,Chap -EncryptionLevel Required -RememberCredential -Force -SplitTunneling
Add-VpnConnectionRoute 'lns' '192.168.1.0/24'
Add-VpnConnectionRoute 'lns' '10.0.0.0/8'
# Only when the server is behind a NAT; as administrator, then restart Windows:
#Set-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\PolicyAgent' ` +
      "AssumeUDPEncapsulationContextOnSendRule 2 -Type DWord\n",
  );
  assert.match(peer("windows", { server: "listen = 192.168.1.1" }).text, /^# The server is behind[^\n]*\nSet-Item/m);
  assert.doesNotMatch(peer("windows", { server: "listen = 198.51.100.1" }).text, /^Set-Item/m);
});

test("RouterOS: as client of ours, and as the server of a link", () => {
  const said = (wish: object): string[] => peer("mikrotik", { psk: "k" }, wish).text.split("\n").slice(1, -1);
  const routes = "192.168.1.0/24";
  assert.deepEqual(said({ routes }), [
    '/interface l2tp-client add name="lns" connect-to=vpn.example.com user="branch1" password="wonder land" ' +
      'use-ipsec=yes ipsec-secret="k" allow=mschap2,chap profile=default add-default-route=no disabled=no',
    '/ip route add dst-address=192.168.1.0/24 gateway="lns"',
  ]);
  assert.deepEqual(said({ name: "hq", routes }), [
    '/interface l2tp-server server set enabled=yes authentication=mschap2 use-ipsec=required ipsec-secret="k"',
    '/ppp secret add name="branch1" password="wonder land" service=l2tp local-address=10.99.0.1 ' +
      'remote-address=10.99.0.10 routes="192.168.1.0/24"',
  ]);
});

test("a profile says what is in it", () => {
  const nm = readKeyfile(peer("networkmanager", {}, { routes: "192.168.1.0/24 fd00::/48" }).text);
  assert.equal(nm.get("vpn.service-type"), "org.freedesktop.NetworkManager.l2tp");
  assert.deepEqual(
    ["vpn.gateway", "vpn.user", "vpn.machine-auth-type", "vpn.ipsec-enabled", "vpn.refuse-pap", "vpn.refuse-chap"].map(
      (k) => nm.get(k),
    ),
    ["vpn.example.com", "branch1", "psk", "yes", "yes", undefined],
  );
  assert.deepEqual(
    [nm.get("ipv4.route1"), nm.get("ipv6.route1"), nm.get("ipv4.never-default")],
    ["192.168.1.0/24", "fd00::/48", "true"],
  );
  assert.equal(readKeyfile(peer("networkmanager", { psk: "0spsk" }).text).get("vpn-secrets.ipsec-psk"), "0sMHNwc2s=");
  const ios = peer("ios");
  assert.equal(ios.file, "branch1.mobileconfig");
  assert.match(ios.text, /Secret: sword'fish\n {2}Send all traffic: on\n/);
  assert.match(peer("macos", {}, { routes: "10.0.0.0/8" }).text, /Send all traffic: off;/);
  assert.match(peer("android").text, /L2TP secret: \(not used\)/);
  assert.match(peer("android", { server: "tunnel_secret = t" }).text, /L2TP secret: t\n/);
});

test("what a system cannot do is a sentence", () => {
  const cert = { psk: "", server: "cert = /c\nkey = /k\nca = /a" };
  assert.match(refused("mikrotik", cert), /^RouterOS has no L2TP with certificates: give the server a psk as well$/);
  assert.match(peer("windows", cert).text, /Import-PfxCertificate 'branch1\.p12'/);
  assert.doesNotMatch(peer("windows", cert).text, /L2tpPsk/);
  assert.match(refused("ios", cert), /l2tpsec cert user branch1 --server vpn\.example\.com/);
  assert.match(peer("android", cert).text, /Type: L2TP\/IPSec RSA/);
  assert.equal(readKeyfile(peer("networkmanager", cert).text).get("vpn.machine-auth-type"), "tls");
  assert.match(peer("openwrt", cert).text, /^set network\.lns\.cert='\/etc\/l2tpsec\/branch1\.pem'$/m);
  for (const [server, why] of [
    ["ike = v2", "IKEv2"],
    ["tunnel_secret = x", "tunnel authentication"],
    ["mppe = 128", "MPPE"],
  ] as const) {
    assert.match(refused("windows", { server }), new RegExp(`^Windows has no .*${why}`));
    assert.equal(refused("openwrt", { server }), "");
  }
  assert.match(peer("openwrt", { server: "ike = v1" }).text, /\.ike='v1'/);
  assert.doesNotMatch(peer("openwrt").text, /\.ike=/);
  assert.match(refused("windows", { psk: "", server: "ipsec = off" }), /^Windows has no L2TP without IPsec/);
  assert.match(peer("mikrotik", { psk: "", server: "ipsec = off" }).text, / use-ipsec=no /);
  assert.match(
    refused("windows", { server: "auth = eap" }),
    /^Windows authenticates by mschapv2, chap, pap: server lns/,
  );
  assert.match(refused("windows", {}, { name: "interface hq" }), /hq calls a server, and Windows is none/);
  assert.match(refused("windows", {}, { name: "nobody" }), /^there is no user and no tunnel "nobody"$/);
  assert.match(refused("amiga"), /^for which system\? There is: windows macos /);
  assert.match(refused("windows", {}, { address: "" }), /give a name or address/);
  assert.match(refused("windows", {}, { server: "other" }), /may log in to these servers: lns: which one\?/);
  assert.match(
    peer("openwrt", { server: "ike_proposals = default 3des-sha1-modp1024" }).text,
    /add_list .*='3des-sha1-modp1024'/,
  );
  assert.match(refused("networkmanager", { user: 'a"b' }, { name: "u" }), /^$|quote/);
});
