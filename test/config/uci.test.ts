// UCI: the syntax as libuci has it, and a router's two files as one configuration.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { load } from "../../src/config/load.ts";
import { faultLine } from "../../src/config/section.ts";
import { iniSource, uciSource } from "../../src/config/source.ts";
import { parseUci, UciSyntaxError } from "../../src/config/uci.ts";
import { loadUci } from "../../src/config/uci-load.ts";
import { serialLines, tunnel } from "./interfaces.ts";

const values = (text: string): Record<string, readonly string[]> =>
  Object.fromEntries([...(parseUci(text)[0]?.options ?? [])].map(([k, o]) => [k, o.values]));

const NETWORK = `
config interface 'loopback'
	option device 'lo'
	option proto 'static'
	list ipaddr '127.0.0.1/8'

config globals 'globals'
	option ula_prefix 'fd00::/48'

config interface 'hq'
	option proto 'l2tpsec'
	option server 'vpn.example.org'
	option username 'branch1'
	option password 'it'\\''s; #1 '
	option psk "sword\\"fish"
	list routes '10.2.0.0/16'
	list routes '10.3.0.0/16'
	option defaultroute '1'
	option delegate '0'
	option ip4table 'vpn'
`;
const OWN = `
config daemon 'daemon'
	option log 'debug'

config server 'lns'
	option psk 'swordfish'
	option local_ip '10.99.0.1'
	option pool '10.99.0.10-10.99.0.200'
	list auth 'mschapv2'
	list auth 'pap'

config user 'branch1'
	option password 'wonderland'
`;
const files = (network: string, own = OWN): Parameters<typeof loadUci>[0] => [
  { name: "network", path: "/etc/config/network", text: network },
  { name: "l2tpsec", path: "/etc/config/l2tpsec", text: own },
];
const faults = (network: string, own = OWN): string[] =>
  loadUci(files(network, own)).faults.map((f) => faultLine("", f));

describe("the format", () => {
  test("quotes, escapes, comments, lists, several commands on a line, as libuci reads them", () => {
    assert.deepEqual(
      values(
        "config t 'n' # why\n option a 1#2\n\toption b 'x y' z\n option c \"a\\\"b\\\\c\" ; option d '#;'\n" +
          " option e a'b c'\"d\"e\n",
      ),
      {
        a: ["1"],
        b: ["x y"],
        c: ['a"b\\c'],
        d: ["#;"],
        e: ["ab cde"],
      },
    );
    assert.deepEqual(
      values("config t n\r\n option a 'two\nlines'\r\n option b one\\\ntwo\n option c \\;\\#\\ x\n option d '\\n'"),
      {
        a: ["two\nlines"],
        b: ["onetwo"],
        c: [";# x"],
        d: ["\\n"],
      },
    );
    assert.deepEqual(
      values("c t n\n l a 1\n list a 2\n o b 1\n option b 2\n list c ''\n option d\n option e 1\n list e 2"),
      { a: ["1", "2"], b: ["2"], d: [""], e: ["1", "2"] },
    );
  });
  test("sections: names, numbers for those without, one name again goes on", () => {
    const s = parseUci("package network\nconfig a\nconfig b 'x'\n option p 1\nconfig a\nconfig b 'x'\n option q 2\n");
    assert.deepEqual(
      s.map((x) => [x.type, x.id, x.anonymous, x.line]),
      [
        ["a", "@a[0]", true, 2],
        ["b", "x", false, 3],
        ["a", "@a[1]", true, 5],
      ],
    );
    assert.deepEqual([...(s[1]?.options.keys() ?? [])], ["p", "q"]);
    assert.deepEqual(s[1]?.options.get("q")?.line, 7);
  });
  test("what libuci refuses, with its line and without repeating what may be a secret", () => {
    for (const [text, line] of [
      ["config", 1],
      ["option a b", 1],
      ["config t\n\n option a 'hunter2\n\n", 3],
      ['config t\n option a "hunter2', 2],
      ["config t 'hunter-2'", 1],
      ["config t\n hunter2", 2],
      ["config t\n option", 2],
      ["config t\n option 'a b' c", 2],
      ["config 'a b'", 1],
      ["package", 1],
      ["list a b", 1],
    ] as const) {
      assert.throws(
        () => parseUci(text),
        (e) => e instanceof UciSyntaxError && e.line === line && !e.message.includes("hunter"),
        text,
      );
    }
  });
  test("any text: sections or UciSyntaxError; and what uci writes comes back", () => {
    const word = fc.constantFrom(
      "config",
      "option",
      "list",
      "package",
      "t",
      "n",
      "'",
      '"',
      "\\",
      ";",
      "#",
      " ",
      "\n",
      "\t",
      "a",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 5 })), { maxLength: 40 }), (a) => {
        try {
          parseUci(a.join(" "));
        } catch (e) {
          if (!(e instanceof UciSyntaxError)) throw e;
        }
      }),
      { numRuns: 3000 },
    );
    // `uci export` writes values in single quotes, with '\'' for a quote.
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }).filter((s) => !s.includes("\0")),
        (s) => {
          assert.deepEqual(values(`config t n\n\toption a '${s.replaceAll("'", "'\\''")}'\n`), { a: [s] });
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("a router's files", () => {
  test("the same configuration as an INI file with the same values", () => {
    const r = loadUci(files(NETWORK));
    assert.deepEqual([r.faults, r.warnings, r.whole], [[], [], true]);
    const ini = load(`[daemon]
log=debug
[interface hq]
proto=l2tpsec
server=vpn.example.org
username=branch1
password="it's; #1 "
psk='sword"fish'
routes=10.2.0.0/16 10.3.0.0/16
defaultroute=yes
[server lns]
psk=swordfish
local_ip=10.99.0.1
pool=10.99.0.10-10.99.0.200
auth=mschapv2 pap
[user branch1]
password=wonderland
`);
    assert.ok(ini.ok, JSON.stringify(ini));
    const plain = (x: unknown): unknown =>
      JSON.parse(JSON.stringify({ ...(x as object), raw: null, broken: null, disabled: null }));
    assert.deepEqual(plain(r.config), plain(ini.config));
    assert.equal(
      r.config.interfaces[0]?.password?.use((b) => Buffer.from(b).toString()),
      "it's; #1 ",
    );
    assert.equal(
      tunnel(r.config).psk?.use((b) => Buffer.from(b).toString()),
      'sword"fish',
    );
    assert.doesNotMatch(inspect({ ...r.config, raw: null }, { depth: 9 }), /swordfish|sword"|it's/);
  });
  test("every fault with file, line, UCI path, why and what is allowed", () => {
    const text =
      "config interface hq\n option proto l2tpsec\n option server vpn.example.org\n option mtu 99999\n" +
      " option local-id x\n";
    assert.deepEqual(faults(text), ["/etc/config/network:5 network: option: invalid name: UCI rejects the whole file"]);
    assert.deepEqual(
      faults(text.replace("local-id", "localid").replace("99999", "99999\n list username a\n list username b")),
      [
        '/etc/config/network:4 network.hq.mtu: "99999" is not allowed (allowed: a whole number from 576 to 1500 bytes)',
        "/etc/config/network:6 network.hq.username: takes one value, not a list (allowed: 1 to 255 characters)",
        "/etc/config/network:7 network.hq.localid: unknown option, did you mean local_id?",
      ],
    );
    assert.deepEqual(faults("config interface hq\n option proto l2tpsec\n option server a\n option psk ''\n"), [
      "/etc/config/network:1 network.hq.psk: is missing: without a key there is no IPsec (allowed: a " +
        "pre-shared key; cert, key and ca; or ipsec = off to send L2TP in the clear on purpose)",
    ]);
    assert.match(
      faults("", "config server\n option psk x\n option local_ip 10.0.0.1\n").join(),
      /^\/etc\/config\/l2tpsec:1 l2tpsec\.@server\[0\]: the section has no name \(allowed: config server 'NAME'\)$/,
    );
    assert.match(
      faults("", "config sever lns\n").join(),
      /l2tpsec\.lns: unknown kind of section "sever" \(allowed: daemon \| server \| user \| radius\)/,
    );
    assert.match(faults("", "config user u\n").join(), /l2tpsec\.u\.password: is missing/);
  });
  test("an option that nobody knows is told in network, which is not ours alone, and refused in l2tpsec", () => {
    const r = loadUci(files(`${NETWORK}\toption shiny 1\n`));
    assert.deepEqual([r.faults, r.config.interfaces.length], [[], 1]);
    assert.match(r.warnings.join(), /^network\.hq\.shiny: unknown option; it is ignored$/);
    assert.match(
      faults(NETWORK, `${OWN}\toption shiny 1\n`).join(),
      /l2tpsec\.branch1\.shiny: unknown option \(allowed: username password/,
    );
  });
  test("one wrong section does not disturb the others", () => {
    const bad =
      "config interface 'bad'\n option proto 'l2tpsec'\n option server 'a'\n option psk 'x'\n" +
      " option mtu '1'\n option encap 'no'\n";
    const r = loadUci(files(NETWORK + bad));
    assert.deepEqual(
      r.config.interfaces.map((c) => c.name),
      ["hq"],
    );
    assert.deepEqual([...r.config.broken.keys()], ["bad"]);
    assert.match(r.config.broken.get("bad")?.why ?? "", /^network\.bad\.encap: .*; network\.bad\.mtu: /);
    assert.deepEqual([...r.config.raw.keys()], ["interface hq", "daemon", "server lns", "user branch1"]);
    // Also when sections contradict one another: the later one goes.
    const twin = loadUci(
      files(
        `${NETWORK}config interface 'hq2'\n option proto l2tpsec\n option server a\n option psk x\n` +
          " option pppname l2tps-hq\n",
        `${OWN}config server 'hq'\n option psk x\n option local_ip 10.1.1.1\n option listen 10.1.1.2\n`,
      ),
    );
    assert.deepEqual(
      twin.config.interfaces.map((c) => c.name),
      ["hq"],
    );
    assert.deepEqual(
      [...twin.config.broken],
      [
        [
          "hq2",
          { section: "interface", why: "network.hq2.pppname: l2tps-hq is already the netdev of hq", guarded: [] },
        ],
      ],
      "the interface hq runs, whatever a server of its name says",
    );
    // A daemon section with a wrong option still counts for the rest of it.
    const d = loadUci(files(NETWORK, "config daemon\n option log loud\n option control /tmp/x.sock\n"));
    assert.deepEqual([d.config.daemon.log, d.config.daemon.control, d.faults.length], ["info", "/tmp/x.sock", 1]);
    // A file that UCI cannot read takes its own sections along only.
    const cut = loadUci(files("config interface 'hq\n"));
    assert.deepEqual([cut.whole, cut.config.interfaces.length, cut.config.servers.length], [false, 0, 1]);
  });
  test("a user logs in with the name of the section, or with another one; each name once", () => {
    const users =
      "config user 'branch1'\n option password a\nconfig user\n option username 'bob@example.org'\n" +
      " option password b\nconfig user 'carol'\n option username 'DOMAIN\\\\carol'\n option password c\n";
    const r = loadUci(files("", users));
    assert.deepEqual(
      [r.faults, r.config.users.map((u) => u.name)],
      [[], ["branch1", "bob@example.org", "DOMAIN\\\\carol"]],
    );
    assert.deepEqual([...r.config.raw.keys()], ["user branch1", "user bob@example.org", "user DOMAIN\\\\carol"]);
    assert.match(
      faults("", `${users}config user 'dave'\n option username 'branch1'\n option password d\n`).join(),
      /^\/etc\/config\/l2tpsec:10 l2tpsec\.dave\.username: the section appears twice; the first one.* is used$/,
    );
    assert.match(
      faults("", "config user\n option password b\n").join(),
      /l2tpsec\.@user\[0\]: the section has no name/,
    );
    const ini = load("[user x]\nusername = bob@example.org\npassword = b\n");
    assert.ok(ini.ok);
    assert.equal(ini.config.users[0]?.name, "bob@example.org");
    assert.ok(!load("[user x]\nusername = y\npassword = b\n[user y]\npassword = c\n").ok);
  });
  test("netifd's and LuCI's names: ifname is pppname, and there is a default route unless it is refused", () => {
    const hq = "config interface hq\n option proto l2tpsec\n option server a\n option psk x\n";
    const config = (text: string): ReturnType<typeof loadUci>["config"] =>
      loadUci(files(text, "config user u\n option password x\n")).config;
    assert.deepEqual(faults(`${hq} option ifname tun0\n`), [
      "/etc/config/network:5 network.hq.ifname: is netifd's old name for device: use pppname",
    ]);
    assert.deepEqual(faults(`${hq} option pppname 'a b'\n`), [
      '/etc/config/network:5 network.hq.pppname: "a b" is not a device name (allowed: a device name: 1 to ' +
        "15 letters, digits, - _ .)",
    ]);
    const c = config(`${hq} option pppname tun0\n`).interfaces[0];
    assert.deepEqual(
      [c?.ifname, c?.defaultroute, config(`${hq} option defaultroute 0\n`).interfaces[0]?.defaultroute],
      ["tun0", true, false],
    );
    const nas = "config interface nas\n option proto nasdial\n option device /dev/ttyS0\n";
    const dial =
      `${nas} list phone 5551234\n list phone 5554321\n option dns 2001:db8::1\n option username u\n` +
      " option password hunter2\n";
    assert.deepEqual(faults(dial), []);
    const [line] = serialLines(config(dial));
    assert.deepEqual(
      [line?.name, line?.phone, line?.dns, line?.defaultroute, config(dial).interfaces.length],
      ["nas", ["5551234", "5554321"], null, true, 1],
    );
    assert.doesNotMatch(inspect({ ...config(dial), raw: null }, { depth: 9 }), /hunter2/);
    const [answer] = serialLines(
      config(
        `${nas} option role answer\n option local_ip 10.0.0.1\n option remote_ip 10.0.0.2\n list ms_dns 10.0.0.1\n`,
      ),
    );
    assert.deepEqual([answer?.dns, answer?.defaultroute], [["10.0.0.1"], false]);
  });
  test("every fault of a serial line with its UCI path", () => {
    const text =
      "config interface 'modem'\n option proto nasdial\n option baud 12\n option idletimeout 5\n" +
      " option psk x\n list pin 1\n list pin 2\n option password w0nderland\n";
    assert.deepEqual(faults(text), [
      "/etc/config/network:1 network.modem.device: is missing (allowed: a path such as /dev/ttyUSB0)",
      '/etc/config/network:3 network.modem.baud: "12" is not allowed (allowed: a whole number from 300 to ' +
        "4000000 bits per second)",
      "/etc/config/network:4 network.modem.idletimeout: unknown option, did you mean idle_timeout?",
      "/etc/config/network:7 network.modem.pin: takes one value, not a list (allowed: 1 to 255 characters)",
    ]);
    assert.deepEqual(
      faults(
        "config interface 'modem'\n option proto nasdial\n option device /dev/ttyS0\n option password w0nderland\n",
      ),
      [
        "/etc/config/network:1 network.modem.phone: is missing: there is nothing to dial (allowed: a " +
          "number, or line = direct for a null-modem cable)",
        "/etc/config/network:1 network.modem.username: is missing: password is set, but there is no user",
      ],
    );
    const twice = "config interface a\n option proto nasdial\n option device /dev/ttyS0\n option line direct\n";
    assert.deepEqual(faults(twice + twice.replace("face a", "face b")), [
      "/etc/config/network:7 network.b.device: interface a has the same device",
    ]);
  });
  test("disabled interfaces and other protocols are not looked at", () => {
    assert.deepEqual(
      faults(
        "config interface a\n option proto l2tpsec\n option disabled 1\n option mtu no\n" +
          "config interface b\n option proto pppoe\n option mtu no\nconfig interface\n",
      ),
      [],
    );
  });
  test("a source reads either kind; a missing file is told", () => {
    const host = (all: Record<string, string>): { readFile(p: string): string } => ({
      readFile(p) {
        const t = all[p];
        if (t === undefined) throw new Error("ENOENT");
        return t;
      },
    });
    const uci = uciSource(host({ "/etc/config/network": NETWORK, "/etc/config/l2tpsec": OWN }), "/etc/config/").read();
    assert.deepEqual([uci.faults, uci.warnings, uci.whole, uci.config?.interfaces.length], [[], [], true, 1]);
    const half = uciSource(host({ "/etc/config/network": NETWORK }), "/etc/config").read();
    assert.deepEqual(
      [half.faults, half.warnings, half.config?.servers.length],
      [[], ["/etc/config/l2tpsec: ENOENT"], 0],
    );
    assert.equal(uciSource(host({}), "/etc/config").read().config, null);
    assert.equal(iniSource(host({ f: "[interface" }), "f").read().config, null);
    assert.equal(iniSource(host({ f: "" }), "f").read().whole, true);
  });
});
