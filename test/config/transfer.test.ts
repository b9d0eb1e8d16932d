// Export and import: text that is not changed stays as written, secrets leave only when asked for, faults name a line.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { blocks, blockText } from "../../src/config/blocks.ts";
import { readValue } from "../../src/config/ini-value.ts";
import { load } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import type { Files } from "../../src/config/source.ts";
import { type Change, exported, imported } from "../../src/config/transfer.ts";
import { parseUci, UciSyntaxError } from "../../src/config/uci.ts";
import { loadUci } from "../../src/config/uci-load.ts";
import { iniValue, SECRETS, shellWord } from "../../src/config/write.ts";
import { Secret } from "../../src/core/secret.ts";
import { fromUtf8 } from "../../src/core/text.ts";

const INI = `; the office
[interface hq]            ; main
proto = l2tpsec
server = vpn.example.com  ; the new one
username = branch1
; password before 2024: old-secret-1
password = "geheim;1"
# psk = old-secret-2
psk = geheim-2 ; say it to nobody
routes = 10.2.0.0/16 10.3.0.0/16

# everybody
[server lns]
psk = geheim-3
local_ip = 10.99.0.1
pool = 10.99.0.10-10.99.0.20
tunnel_secret = geheim-4

[user "b, r@nch"]
password = geheim-5
`;
const NETWORK = `
config interface 'lan'
	option device 'br-lan'
	option proto 'static'

# to the office
config interface 'hq'
	option proto 'l2tpsec'
	option server 'vpn.example.com' # psk is geheim-9
	option username 'branch1'
	option password 'it'\\''s
geheim-1'
	#option psk 'old-secret-2'
	option psk 'geheim-2'
	list routes '10.2.0.0/16'
	list routes '10.3.0.0/16'
	option pppname 'vpn0'

config interface 'wan'
	option proto 'dhcp'
`;
const OWN = `config daemon
	option log 'debug'

config user
	option username 'b, r@nch'
	option password 'geheim-5'
`;
const ini = (text: string): Files => ({ format: "ini", texts: new Map([["", { path: "/t.conf", text }]]) });
const uci = (network: string, own: string): Files => ({
  format: "uci",
  texts: new Map([
    ["network", { path: "/c/network", text: network }],
    ["l2tpsec", { path: "/c/l2tpsec", text: own }],
  ]),
});
function written(c: Change): Record<string, string> {
  assert.ok("files" in c, JSON.stringify(c));
  return Object.fromEntries(c.files.map((f) => [f.path, f.text]));
}
const faults = (c: Change): string => ("faults" in c ? c.faults.join("\n") : "");

test("any value is read back as it was written, in both formats", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1 }), (s) => {
      assert.equal(readValue(iniValue(s), true), s);
      assert.equal(parseUci(`config x\noption k ${shellWord(s)}\n`)[0]?.options.get("k")?.values[0], s);
    }),
  );
});
test("blocks of any text, put together, are that text", () => {
  const words = fc.constantFrom(
    "config",
    "option",
    "'a'",
    "#",
    "\n",
    "\n\n",
    " ",
    "[x y]",
    ";",
    "psk = 'x",
    "package n",
    "\\",
  );
  fc.assert(
    fc.property(fc.array(words), (parts) => {
      const text = parts.join(" ");
      assert.equal(blocks(text, "ini").map(blockText).join(""), text);
      try {
        assert.equal(blocks(text, "uci").map(blockText).join(""), text);
      } catch (e) {
        if (!(e instanceof UciSyntaxError)) throw e;
      }
    }),
  );
});

test("an export with secrets is the file, of a router's network our sections alone", () => {
  assert.equal(exported(ini(INI), true), INI);
  const text = exported(uci(NETWORK, OWN), true);
  assert.match(text, /^package network\n\n# to the office\nconfig interface 'hq'\n/);
  assert.ok(text.includes("geheim-1'\n") && text.includes(OWN));
  assert.doesNotMatch(text, /br-lan|dhcp/);
});
test("an export without secrets has none, in comments neither, and keeps the rest", () => {
  for (const text of [exported(ini(INI), false), exported(uci(NETWORK, OWN), false)]) {
    assert.doesNotMatch(text, /geheim|old-secret|nobody/);
    assert.match(text, /# psk: left out/);
    assert.match(text, /vpn\.example\.com/);
  }
  assert.match(exported(ini(INI), false), /; the office\n\[interface hq\] {12}; main\n.*\n.*; the new one\n/);
  assert.match(exported(uci(NETWORK, OWN), false), /# to the office/);
});
test("whatever a secret option holds, it is in no export without secrets", () => {
  fc.assert(
    fc.property(fc.constantFrom(...SECRETS), fc.string({ unit: "binary", minLength: 1 }), (key, s) => {
      const secret = `geheim-${s}`;
      const a = exported(ini(`[interface hq]\nproto = l2tpsec\n${key} = ${iniValue(secret)}\nmtu = 1400\n`), false);
      const b = exported(
        uci(`config interface hq\noption proto nasdial\noption ${key} ${shellWord(secret)}\n`, ""),
        false,
      );
      assert.ok(!/geheim/.test(a + b), a + b);
      assert.match(a, /mtu = 1400/);
    }),
  );
});

test("import of an export gives the same configuration, and a router's other sections stay byte for byte", () => {
  const files = written(imported({ path: "/b", text: exported(ini(INI), true) }, ini(""), false));
  assert.equal(files["/t.conf"], INI);
  const backup = exported(uci(NETWORK, OWN), true);
  const other = "config interface 'lan'\n\toption proto 'static'\n\nconfig interface 'old'\n\toption proto 'l2tpsec'\n";
  const router = written(imported({ path: "/b", text: backup }, uci(other, ""), false));
  assert.ok(router["/c/network"]?.startsWith("config interface 'lan'\n\toption proto 'static'\n"));
  assert.doesNotMatch(router["/c/network"] ?? "", /'old'/);
  assert.match(router["/c/network"] ?? "", /# to the office\nconfig interface 'hq'/);
  assert.equal(exported(uci(router["/c/network"] ?? "", router["/c/l2tpsec"] ?? ""), true), backup);
});
test("from one format to the other: the same sections", () => {
  const router = written(imported({ path: "/b", text: INI }, uci("", ""), false));
  const r = loadUci([
    { name: "network", path: "n", text: router["/c/network"] ?? "" },
    { name: "l2tpsec", path: "l", text: router["/c/l2tpsec"] ?? "" },
  ]);
  const l = load(INI);
  assert.ok(l.ok && r.faults.length === 0, JSON.stringify(r.faults));
  const plain = (x: unknown): unknown => JSON.parse(JSON.stringify(x, (k, v) => (k === "username" ? null : v)));
  const secrets = (c: Config): unknown[] =>
    [...c.interfaces, ...c.servers, ...c.users]
      .flatMap((x) => Object.values(x))
      .map((v) => (v instanceof Secret ? v.use(fromUtf8) : null));
  assert.deepEqual(secrets(r.config), secrets(l.config));
  for (const kind of ["interfaces", "servers", "users"] as const)
    assert.deepEqual(plain(r.config[kind]), plain(l.config[kind]));
  const pc = written(
    imported(
      { path: "/b", text: exported(uci(NETWORK.replace(/'it'[\s\S]*?geheim-1'/, "'x'"), OWN), true) },
      ini(""),
      false,
    ),
  );
  const back = load(pc["/t.conf"] ?? "");
  assert.ok(back.ok, JSON.stringify(back));
  assert.equal(back.config.users[0]?.name, "b, r@nch");
  assert.match(pc["/t.conf"] ?? "", /ifname = vpn0\n/);
});
test("merge: sections of the same name are replaced where they were, others stay", () => {
  const more = "[user new]\npassword = geheim-6\n[server lns]\npsk = x\nlocal_ip = 10.99.0.1\npool = 10.99.0.10\n";
  const text = written(imported({ path: "/b", text: more }, ini(INI), true))["/t.conf"] ?? "";
  assert.ok(text.startsWith(INI.slice(0, INI.indexOf("\n# everybody"))));
  assert.match(text, /pool = 10\.99\.0\.10\n[\s\S]*\[user "b, r@nch"\][\s\S]*\[user new\]/);
  assert.doesNotMatch(text, /geheim-3/);
});
test("nothing with a fault is written, and the fault names the file and the line", () => {
  assert.match(
    faults(imported({ path: "/b", text: `${INI}\nmtu = 7\n` }, ini(""), false)),
    /^\/b:22 user b, r@nch\.mtu: /,
  );
  const options = "\toption proto 'l2tpsec'\n\toption server 'a'\n\toption psk 'k'\n\toption mtu '7'\n";
  const bad = `package network\n\nconfig interface 'x'\n${options}`;
  assert.match(faults(imported({ path: "/b", text: bad }, uci("", ""), false)), /^\/b:7 network\.x\.mtu: /m);
  const own = `package l2tpsec\nconfig server 'lns'\n\toption pol 'x'\n`;
  assert.match(faults(imported({ path: "/b", text: own }, uci("", ""), false)), /^\/b:3 l2tpsec\.lns\.pol: /m);
  assert.match(
    faults(imported({ path: "/b", text: "config interface 'x'\n\toption proto 'pppoe'\n" }, uci("", ""), false)),
    /^\/b:1 network\.x: is no section/,
  );
  assert.match(faults(imported({ path: "/b", text: "config 'x" }, uci("", ""), false)), /^\/b:1 /);
  assert.match(faults(imported({ path: "/b", text: exported(ini(INI), false) }, ini(""), false)), /psk|password/);
  const lan = INI.replace("interface hq", "interface lan");
  assert.match(faults(imported({ path: "/b", text: lan }, uci(NETWORK, ""), true)), /interface lan is there already/);
});

test("commands of uci become sections, beside what is there; a fault names the command's line", () => {
  const commands = `# from the head office
uci set network.hq='interface'
uci set network.hq.proto='l2tpsec'
uci add_list network.hq.server=vpn.example.com
uci set network.hq.username="branch 1"
uci set network.hq.password='it'\\''s'
uci -q set network.hq.psk=geheim\\-2
uci add l2tpsec user
uci set l2tpsec.@user[-1].username='a@b'
uci set l2tpsec.@user[-1].password='p'
uci commit network; uci commit
`;
  const change = imported({ path: "/b", text: commands }, uci(NETWORK.replace("'hq'", "'old'"), OWN), false);
  const text = written(change);
  assert.match(
    text["/c/network"] ?? "",
    /config interface 'old'[\s\S]*config interface 'hq'\n\toption proto 'l2tpsec'\n/,
  );
  assert.match(text["/c/network"] ?? "", /\tlist server 'vpn.example.com'\n\toption username 'branch 1'\n/);
  assert.match(text["/c/network"] ?? "", /option password 'it'\\''s'\n\toption psk 'geheim-2'\n/);
  assert.match(text["/c/l2tpsec"] ?? "", /b, r@nch[\s\S]*config user\n\toption username 'a@b'\n/);
  assert.ok("sections" in change && !/geheim|it's/.test(change.sections.join("")) && change.sections.length === 2);
  const shown = "network.hq=interface\nnetwork.hq.proto='l2tpsec'\nnetwork.hq.server='a' 'b'\nnetwork.hq.ipsec='off'\n";
  assert.match(written(imported({ path: "/b", text: shown }, ini(""), false))["/t.conf"] ?? "", /server = a b\n/);
  assert.match(
    faults(
      imported(
        { path: "/b", text: commands.replace("add_list", "set network.hq.mtu=7\nuci add_list") },
        ini(""),
        false,
      ),
    ),
    /^\/b:4 network\.hq\.mtu: /,
  );
  assert.match(
    faults(imported({ path: "/b", text: "uci set wireless.x.y=1\n" }, ini(""), false)),
    /^\/b:1 .*no uci command/,
  );
  assert.match(
    faults(imported({ path: "/b", text: "uci set network.lan.proto=static\n" }, ini(""), false)),
    /is no section of/,
  );
});
test("any commands are read, or refused with a line", () => {
  const words = fc.constantFrom(
    "uci",
    "set",
    "add",
    "add_list",
    "network",
    "l2tpsec",
    "network.a=interface",
    "user",
    "\n",
  );
  const more = fc.constantFrom(
    "network.a.proto=l2tpsec",
    "l2tpsec.@user[-1].ip=1.2.3.4",
    "'",
    "=",
    "END",
    "<<",
    "show",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(words, more)), (parts) => {
      const change = imported({ path: "/b", text: `uci ${parts.join(" ")}` }, ini(INI), false);
      if ("faults" in change) for (const f of change.faults) assert.doesNotMatch(f, /undefined|NaN/);
    }),
  );
});
test("a profile of iOS or macOS is put beside what is there; a signed one is named", () => {
  const profile = (extra: string): string =>
    `<plist version="1.0"><dict><key>PayloadContent</key><array><dict>
<key>PayloadType</key><string>com.apple.vpn.managed</string><key>VPNType</key><string>L2TP</string>${extra}
<key>PPP</key><dict><key>CommRemoteAddress</key><string>a.example</string><key>AuthName</key><string>me</string>
<key>AuthPassword</key><string>geheim-7</string></dict></dict></array></dict></plist>`;
  const key = "<key>IPSec</key><dict><key>SharedSecret</key><data>Z2VoZWltLTg=</data></dict>";
  const text = written(imported({ path: "/b", text: profile(key) }, ini(INI), false))["/t.conf"] ?? "";
  assert.ok(text.startsWith(INI.trimEnd()), text);
  assert.match(text, /\[interface vpn\]\nproto = l2tpsec\nserver = a\.example\nusername = me\n/);
  assert.match(faults(imported({ path: "/b", text: profile("") }, ini(INI), false)), /vpn\.psk: is missing/);
  assert.match(
    faults(imported({ path: "/b", text: `\ufffd0\ufffd${profile(key)}` }, ini(INI), false)),
    /^\/b: it is signed/,
  );
});
