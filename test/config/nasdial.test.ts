import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { load } from "../../src/config/load.ts";
import { loadUci } from "../../src/config/uci-load.ts";
import { serialLines, tunnels } from "./interfaces.ts";

const GOOD =
  "[interface modem]\nproto = nasdial\ndevice = /dev/ttyUSB0\nphone = 5551234 5554321\nusername = alice\n" +
  "password = w0nderland\n";
function faults(text: string): string[] {
  const r = load(text);
  return r.ok ? [] : r.faults.map((f) => `${f.line} ${f.where}: ${f.why}`);
}

describe("proto = nasdial", () => {
  test("a serial line beside a tunnel", () => {
    const r = load(`${GOOD}[interface hq]\nproto = l2tpsec\nserver = vpn.example\npsk = x\n`);
    assert.ok(r.ok, JSON.stringify(r));
    const [line] = serialLines(r.config);
    assert.deepEqual(
      [
        serialLines(r.config).length,
        tunnels(r.config).length,
        line?.name,
        line?.baud,
        line?.phone,
        line?.init,
        line?.login,
      ],
      [1, 1, "modem", 115200, ["5551234", "5554321"], ["ATZ"], "auto"],
    );
    assert.ok(!JSON.stringify(r.config).includes("w0nderland"));
  });
  test("init strings, one line each; the old names stand for further ones, behind the default", () => {
    const inits = (more: string): readonly string[] | undefined => {
      const r = load(`${GOOD}${more}`);
      assert.ok(r.ok, JSON.stringify(r));
      return serialLines(r.config)[0]?.init;
    };
    assert.deepEqual(inits("init = ATZ\ninit = ATE0 V1\ninit = AT&F\n"), ["ATZ", "ATE0 V1", "AT&F"]);
    assert.deepEqual(inits("init9 = AT9\ninit2 = AT2\n"), ["ATZ", "AT2", "AT9"]);
    assert.deepEqual(inits("init2 = AT2\ninit = AT&F\n"), ["AT&F", "AT2"]);
    assert.deepEqual(faults(`${GOOD}init2 = AT2\ninit2 = AT3\n`), [
      "8 interface modem.init2: set twice, first in line 7",
    ]);
    assert.match(faults(`${GOOD}init = ${"A".repeat(121)}\n`)[0] ?? "", /init: .* is empty or too long/);
    const uci = (lines: string): readonly string[] | undefined =>
      serialLines(
        loadUci([
          {
            name: "network",
            path: "network",
            text: `config interface modem\n option proto nasdial\n option device /dev/ttyS0\n option phone 1\n${lines}`,
          },
        ]).config,
      )[0]?.init;
    assert.deepEqual(uci(" list init ATZ\n list init 'ATE0 V1'\n"), ["ATZ", "ATE0 V1"]);
    assert.deepEqual(uci(" option init3 AT3\n option init2 AT2\n"), ["ATZ", "AT2", "AT3"]);
  });
  for (const [what, text, fault] of [
    ["an option of the other proto", `${GOOD}psk = x\n`, /^7 interface modem\.psk: unknown option/],
    ["no device", GOOD.replace(/device.*\n/, ""), /^1 interface modem\.device: is missing/],
    ["nothing to dial", GOOD.replace(/phone.*\n/, ""), /phone: is missing: there is nothing to dial/],
    ["a number for a cable", `${GOOD}line = direct\n`, /^4 interface modem\.phone: is set, but line = direct/],
    [
      "a number that would end the command",
      GOOD.replace("5551234 5554321", '"5551234;ATH"'),
      /phone: .* is not a list of telephone numbers/,
    ],
    ["an access point that would end the quotes", `${GOOD}apn = 'a"b'\n`, /apn: .* is not an access point/],
    ["a wrong chat script", `${GOOD}chat = TIMEOUT soon\n`, /chat: TIMEOUT soon is no number/],
    ["Windows' hello to a modem", `${GOOD}login = windows\n`, /login: windows is for line = direct/],
    [
      "a NAS that dials",
      "[interface nas]\nproto = nasdial\ndevice = /dev/ttyS0\nrole = answer\ndemand = yes\n" +
        "local_ip = 10.0.0.1\nremote_ip = 10.0.0.2\n",
      /demand: is yes, but role = answer/,
    ],
    ["a day without a free minute", `${GOOD}hold = 00:00-12:00 12:00-00:00\n`, /hold: leaves no time/],
    ["a time that is none", `${GOOD}hold = 25:00-06:00\n`, /hold: .* is not a list of daily times/],
    [
      "a NAS without addresses",
      "[interface nas]\nproto = nasdial\ndevice = /dev/ttyS0\nrole = answer\n[user a]\npassword = x\n",
      /local_ip: is missing/,
    ],
    ["a password without a user", GOOD.replace(/username.*\n/, ""), /username: is missing/],
    [
      "two lines on one device",
      `${GOOD}${GOOD.replace("interface modem", "interface other")}`,
      /interface other\.device: interface modem has the same device/,
    ],
    [
      "one name twice",
      `${GOOD}[server modem]\npsk = x\nlocal_ip = 10.0.0.1\npool = 10.0.0.2-10.0.0.9\n`,
      /has the same name/,
    ],
  ] as const) {
    test(`${what} is named`, () =>
      assert.ok(
        faults(text).some((f) => fault.test(f)),
        faults(text).join("\n"),
      ));
  }
});
