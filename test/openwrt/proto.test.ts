// The router's forms and the daemon's schema must say the same: names, defaults, what is allowed, and every failure
// code.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import * as v from "valibot";
// @ts-expect-error: a script without types
import { reader } from "../../scripts/generate.mjs";
// @ts-expect-error: a script without types
import { pot } from "../../scripts/pot.mjs";
import { luciErrors, luciOptions } from "../../src/config/luci.ts";
import { NASDIAL } from "../../src/config/nasdial.ts";
import { type Options, uciNames } from "../../src/config/option.ts";
import { isList, isSecret } from "../../src/config/options.ts";
import { SECTIONS } from "../../src/config/schema.ts";
import { failureCodes, TITLES } from "../../src/core/failures.ts";
import { FormSection, type LuciOption, loadForms, loadOptions, loadProtocol, loadWords, type Widget } from "./luci.ts";

const options = loadOptions();
const forms = loadForms();
const TABLES = {
  daemon: SECTIONS.daemon,
  interface: SECTIONS.interface,
  nasdial: NASDIAL,
  server: SECTIONS.server,
  user: SECTIONS.user,
  radius: SECTIONS.radius,
};
const schema = Object.entries(TABLES).map(
  ([type, list]) => [type, Object.entries(list as Options).filter(([n]) => n !== "proto")] as const,
);

test("LuCI's tables are the schema's (make generate)", async () => {
  assert.equal(
    readFileSync("openwrt/luci-proto-l2tpsec/htdocs/luci-static/resources/l2tpsec/options.js", "utf8"),
    luciOptions((await reader()) as string),
  );
});
test("the tables name the schema's options, with its defaults and its help", () => {
  assert.deepEqual(Object.keys(options.SECTIONS), Object.keys(TABLES));
  for (const [type, list] of schema) {
    const ours = options.SECTIONS[type] ?? [];
    assert.deepEqual(
      ours.map((o) => o.name),
      list.map(([n]) => n),
      type,
    );
    for (const [i, [name, o]] of list.entries()) {
      const mine = ours[i] as LuciOption;
      assert.equal(mine.def, o.def, `${type}.${name}`);
      assert.equal(mine.required ?? false, o.def === undefined && !o.optional, `${type}.${name}`);
      assert.ok(mine.help.startsWith(o.help), `${type}.${name}: ${o.help}`);
      assert.doesNotMatch(mine.help + mine.title, /[<>&]/); // LuCI draws these as HTML
      assert.equal(mine.uci, o.uci);
    }
  }
});

const SAMPLES = [
  "yes",
  "no",
  "1",
  "0",
  "on",
  "maybe",
  "required",
  "off",
  "auto",
  "udp",
  "esp",
  "incoming",
  "outgoing",
  "replace",
  "refuse",
  "debug",
  "loud",
  "00",
  "-1",
  "2",
  "29",
  "30",
  "59",
  "60",
  "575",
  "576",
  "1500",
  "1501",
  "3600",
  "3601",
  "4096",
  "4097",
  "65535",
  "65536",
  "86400",
  "86401",
  "604800",
  "604801",
  "1048576",
  "1048577",
  "4294967295",
  "4294967296",
  "1e3",
  "0x10",
  "9999999999999999",
  " 5",
  "5 10",
  "5,10",
  "0 10",
  "101 5",
  "5 3601",
  "5 10 1",
  "10.0.0.1",
  "10.0.0.256",
  "10.0.0.01",
  "10.0.0",
  "::1",
  "2001:db8::7",
  "fe80::1%eth0",
  "1::2::3",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7::",
  "1:2:3:4:5:6:7:8:9",
  "::ffff:1.2.3.4",
  "::1.2.3",
  ":",
  "::",
  "[::1]",
  "[::1]:1701",
  "[::1]:0",
  "vpn.example.org",
  "vpn.example.org.",
  "vpn.example.org:1702",
  "vpn.example.org:65536",
  "-bad.example",
  "bad-.example",
  "a..b",
  "a_b",
  "1.2.3.4:500",
  "[vpn]:5",
  "10.0.0.0/8",
  "10.0.0.1/8",
  "10.0.0.0/33",
  "0.0.0.0/0",
  "10.0.0.0/8 192.168.1.0/24",
  "10.0.0.0/8,192.168.1.0/24",
  "fd00::/8",
  "fd00:2::1/48",
  "fd00:2::/48 10.0.0.0/8",
  "::/0",
  "fd00::/129",
  "::ffff:1.2.0.0/112",
  "::1.2.0.0/111",
  "2001:0DB8::/32",
  "fe80::1/127",
  "1::/0128",
  "10.0.0.0/08",
  "010.0.0.0/8",
  "10.0.0.2-10.0.0.9",
  "10.0.0.9-10.0.0.2",
  "10.0.0.0-10.0.255.255",
  "10.0.0.0-10.1.0.0",
  "10.0.0.1-10.0.0.2-10.0.0.3",
  "10.0.0.1-",
  "10.0.0.2 10.0.0.7",
  "mschapv2 chap",
  "mschapv2,chap",
  "eap",
  "pap pap",
  "aes256-sha256-modp2048",
  "aes256-sha256",
  "AES256-SHA1-MODP1024 3des-md5-x25519",
  "aes256gcm16",
  "aes256gcm16-sha256",
  "aes256gcm16-modp2048",
  "null-sha1",
  "null",
  "aes128-sha256_96",
  "aes256-sha256-modp2048-x",
  "des-md5",
  "aes256-none",
  "@",
  "@name",
  "user@name",
  "keyid:",
  "keyid:0aFF",
  "keyid:0",
  "l2tps-hq",
  "a name",
  ".",
  "..",
  "sixteen-letters-",
  "a\tb",
  "a\x7fb",
  "käse",
  "auto",
  "/run/ubus.sock",
  "/",
  "run/ubus",
  "/a b",
  "x".repeat(64),
  "x".repeat(65),
  "x".repeat(107),
  "x".repeat(108),
  "x".repeat(255),
  "x".repeat(256),
  `${"a.".repeat(126)}a`,
  `${"a.".repeat(126)}aa`,
  "<script>alert(1)</script>",
  "/dev/ttyUSB0",
  "/dev/tty USB0",
  "*99#",
  "5551234;ATH",
  "0,5551234 W9@!",
  "22:00-06:00",
  "22:00-06:00 12:00-13:00",
  "24:00-01:00",
  "23:00-24:00",
  "1:00-2:00",
  "12:00-12:00",
  "12:60-13:00",
];

test("a form accepts what the daemon accepts, and nothing else", () => {
  const pieces = fc
    .array(
      fc.constantFrom(
        "1",
        "0",
        "255",
        "256",
        ".",
        ":",
        "::",
        "/",
        "-",
        " ",
        ",",
        "a",
        "F",
        "[",
        "]",
        "@",
        "10.0.0.1",
        "32",
        "aes256",
        "sha1",
        "modp2048",
        "keyid:",
        "\t",
        "_",
      ),
      { maxLength: 9 },
    )
    .map((x) => x.join(""));
  for (const [type, list] of schema) {
    for (const [name, o] of list) {
      const mine = options.SECTIONS[type]?.find((x) => x.name === name) as LuciOption;
      const same = (s: string): void => {
        if (s !== "")
          assert.equal(
            forms.check(mine, s) === true,
            v.safeParse(o.kind.schema, s).success,
            `${type}.${name}: ${JSON.stringify(s)}`,
          );
      };
      SAMPLES.forEach(same);
      fc.assert(fc.property(pieces, same), { numRuns: 150 });
      assert.equal(forms.check(mine, "") === true, !mine.required);
    }
  }
});

/** LuCI's own, and ours. */
const TABS = ["general", "advanced", "security", "expert"];
const secretOf = (o: Options[string] | undefined): boolean => o !== undefined && isSecret(o.kind);
const listOf = (o: Options[string] | undefined): boolean => o !== undefined && isList(o.kind);
/** As they are in /etc/config/network, without those that LuCI's own dialog has. */
function formOptions(type: "interface" | "nasdial"): [string, Options[string]][] {
  const called = uciNames(TABLES[type]);
  return Object.entries(TABLES[type] as Options)
    .filter(([n]) => !["proto", "auto", "defaultroute", "metric"].includes(n))
    .map(([n, o]) => [called[n] ?? n, o]);
}

test("the form of a serial line: what a caller needs first; a NAS's own options only for a NAS", () => {
  const { nasdial } = loadProtocol();
  const s = new FormSection();
  nasdial.renderFormOptions(s);
  assert.deepEqual(s.tabs, TABS);
  const ours = new Map(formOptions("nasdial"));
  assert.deepEqual(s.widgets.map((w) => w.name).sort(), ["_traffic", ...ours.keys()].sort());
  assert.deepEqual(
    s.widgets.filter((w) => w.tab === "general").map((w) => w.name),
    [
      ...["device", "line", "role", "phone", "apn", "pin", "username", "password", "_traffic", "routes"],
      ...["local_ip", "remote_ip", "ms_dns"],
    ],
  );
  for (const w of s.widgets) {
    assert.equal(w.password ?? false, secretOf(ours.get(w.name)), w.name);
    assert.equal(w.type === "DynamicList", listOf(ours.get(w.name)), w.name);
  }
  const at = (name: string): Widget => s.widgets.find((w) => w.name === name) ?? assert.fail(name);
  assert.deepEqual(
    [at("phone").on, at("ms_dns").on, at("device").on],
    [{ role: "dial", line: "modem" }, { role: "answer" }, {}],
  );
  assert.equal(
    at("phone").validate?.("modem", "5551234;ATH"),
    "Allowed: numbers of 1 to 60 digits and * # + , ( ) - . W @ ! P T, space separated",
  );
  for (const w of s.widgets)
    if (ours.get(w.name)?.help.startsWith("role = answer")) assert.deepEqual(w.on, { role: "answer" }, w.name);
});

test("the interface form: what everybody needs first, the rest in tabs, secrets hidden; it can be drawn twice", () => {
  const { protocol } = loadProtocol();
  const s = new FormSection();
  protocol.renderFormOptions(s);
  assert.deepEqual(
    s.widgets.filter((w) => w.tab === "general").map((w) => w.name),
    ["server", "username", "password", "psk", "_traffic", "routes", "killswitch"],
  );
  assert.deepEqual(s.widgets.find((w) => w.name === "killswitch")?.on, { _traffic: "1" });
  assert.deepEqual(s.tabs, TABS);
  const ours = new Map(formOptions("interface"));
  assert.deepEqual(s.widgets.map((w) => w.name).sort(), ["_traffic", ...ours.keys()].sort());
  for (const w of s.widgets.filter((x) => x.name !== "_traffic")) {
    const o = ours.get(w.name);
    assert.equal(w.password ?? false, secretOf(o), w.name);
    assert.ok(w.help.length > 0 && w.title.length > 0);
    assert.equal(w.type === "Flag", o?.kind.allowed === "yes | no", w.name);
    assert.equal(w.type === "DynamicList", listOf(o), w.name);
    if (w.type !== "Flag") assert.notEqual(w.validate, undefined, w.name);
  }
  assert.equal(
    s.widgets.find((w) => w.name === "mtu")?.validate?.("hq", "42"),
    "Allowed: a whole number from 576 to 1500 bytes",
  );
  assert.deepEqual(s.widgets.find((w) => w.name === "encap")?.values, ["auto", "udp", "esp"]);
  protocol.renderFormOptions(s);
});

test("IPsec off and a pre-shared key: both forms say so, and check again when the key is removed", () => {
  for (const type of ["interface", "server"] as const) {
    const s = new FormSection();
    for (const t of ["security", "expert"]) s.tab(t);
    forms.add(s, options.SECTIONS[type] ?? [], true);
    const [ipsec, psk] = [s.getOption("ipsec"), s.getOption("psk")];
    assert.ok(ipsec && psk);
    psk.entered = "swordfish";
    assert.equal(
      ipsec.validate?.("x", "off"),
      "IPsec is off, but there is a pre-shared key: remove it, or leave IPsec on",
    );
    for (const v of ["required", ""]) assert.equal(ipsec.validate?.("x", v), true);
    psk.entered = "";
    psk.onchange?.({}, "x", "");
    assert.deepEqual([ipsec.judged, ipsec.validate?.("x", "off")], [1, true]);
    assert.deepEqual(s.getOption("allow_pap_in_clear")?.on, { ipsec: "off" });
  }
});

test("every failure code of the daemon has words (make generate)", () => {
  assert.equal(
    readFileSync("openwrt/luci-proto-l2tpsec/htdocs/luci-static/resources/l2tpsec/errors.js", "utf8"),
    luciErrors(),
  );
  const { errors, virtual } = loadProtocol();
  assert.deepEqual(
    [...errors.keys()].sort(),
    failureCodes()
      .flatMap((c) => [c, c.toUpperCase().replaceAll("-", "_")])
      .sort(),
  );
  for (const c of failureCodes()) {
    assert.match(c, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    assert.equal(errors.get(c), TITLES[c]);
    assert.doesNotMatch(TITLES[c], /[<>&]/); // LuCI draws these as HTML
  }
  for (const n of ["l2tps-hq", "nas-modem"]) assert.ok(virtual.some((r) => r.test(n)));
});

test("an invalid option is named where LuCI shows an interface's error", () => {
  const { protocol } = loadProtocol();
  const shown = (errors: unknown): unknown =>
    protocol.getErrors.call({ _ubus: () => errors, super: () => "LuCI's own" } as unknown as typeof protocol);
  assert.deepEqual(shown([{ subsystem: "l2tpsec", code: "INVALID_CONFIG", data: ["network.hq.mtu: no"] }]), [
    "An option is not valid: network.hq.mtu: no",
  ]);
  assert.deepEqual(shown([{ subsystem: "l2tpsec", code: "NO_COMMON_AUTH", data: ["set refuse_pap = no"] }]), [
    "No common authentication method: set refuse_pap = no",
  ]);
  for (const e of [undefined, null, [], [null], [{ code: "AUTH_FAILED", data: ["x"] }], [{ code: "INVALID_CONFIG" }]])
    assert.equal(shown(e), "LuCI's own");
});

test("the list of interfaces says each step of a first attempt, as no error; then what failed", () => {
  const { protocol, nasdial } = loadProtocol();
  const net = (state: Record<string, unknown>): typeof protocol =>
    ({ _ubus: (k: string) => state[k], super: () => "LuCI's own" }) as unknown as typeof protocol;
  const step = { subsystem: "l2tpsec", code: "CONNECTING", data: ["ike"] };
  const failed = { subsystem: "l2tpsec", code: "NO_ANSWER", data: ["x"] };
  for (const [state, title] of [
    [{ up: false, pending: true, errors: [step] }, "L2TP over IPsec: connecting (IKE)"],
    [{ up: false, pending: true }, "L2TP over IPsec: connecting"],
    [{ up: false, pending: true, errors: [failed] }, "L2TP over IPsec"],
    [{ up: true, pending: false, errors: [step] }, "L2TP over IPsec"],
    [{ up: false, pending: false }, "L2TP over IPsec"],
    [{}, "L2TP over IPsec"],
  ] as const)
    assert.equal(protocol.getI18n.call(net(state)), title, JSON.stringify(state));
  assert.equal(protocol.getErrors.call(net({ errors: [step] })), null);
  assert.equal(protocol.getErrors.call(net({ errors: [failed] })), "LuCI's own");
  assert.match(nasdial.getI18n.call(net({ pending: true })), /: connecting$/);
});

test("the words of a state, for every kind of link", () => {
  const { state } = loadWords();
  for (const [s, said] of [
    [{ kind: "client", state: "down", retry_in: 7 }, "not connected, waits before the next attempt"],
    [{ kind: "client", state: "stopping", retry_in: null }, "disconnecting"],
    [{ kind: "nas", state: "dialing", role: "dial" }, "dialling"],
    [{ kind: "nas", state: "dialing", role: "answer" }, "waits for a call"],
    [{ kind: "nas", state: "down", standby: {} }, "waits for a packet"],
    [{ kind: "server", state: "up" }, "listening"],
    [{ kind: "client", state: "newer" }, "newer"],
  ] as const)
    assert.equal(state.call(loadWords(), s), said);
});

test("generated secrets: long, of letters and digits that do not look alike, never the same", () => {
  const many = Array.from({ length: 50 }, () => forms.secret());
  for (const s of many) assert.match(s, /^[a-km-zA-HJ-NP-Z2-9]{24}$/);
  assert.equal(new Set(many).size, 50);
});

test("the templates for translators are as new as the sources", () => {
  for (const [dir, name] of [
    ["luci-proto-l2tpsec", "luci-proto-l2tpsec"],
    ["luci-app-l2tpsec", "l2tpsec"],
  ] as const) {
    assert.equal(readFileSync(`openwrt/${dir}/po/templates/${name}.pot`, "utf8"), pot(`openwrt/${dir}`));
  }
});
