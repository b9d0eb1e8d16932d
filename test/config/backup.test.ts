// fallback_for: which link may be a backup of which.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { load } from "../../src/config/load.ts";
import { loadUci } from "../../src/config/uci-load.ts";

const link = (name: string, more = ""): string => `[interface ${name}]
proto = l2tpsec
server = 198.51.100.2
username = a
password = b
psk = c
${more}
`;
const NAS = `[interface nas]
proto = nasdial
device = /dev/ttyS0
role = answer
local_ip = 10.0.0.1
remote_ip = 10.0.0.2
`;
const MODEM = "[interface modem]\nproto = nasdial\ndevice = /dev/ttyS1\nphone = 1\nfallback_for = hq\n";
const SERVER = "[server lns]\npsk = x\npool = 10.9.0.2-10.9.0.9\nlocal_ip = 10.9.0.1\n";
const faults = (text: string): string[] => {
  const r = load(text);
  return r.ok ? [] : r.faults.map((f) => `${f.where}: ${f.why}${f.allowed === undefined ? "" : ` (${f.allowed})`}`);
};

describe("fallback_for", () => {
  test("a tunnel or a modem for a tunnel, and one for a backup", () => {
    assert.deepEqual(faults(link("hq") + MODEM + link("last", "fallback_for = modem\nfallback_after = 0")), []);
  });
  for (const [what, text, fault] of [
    ["nobody of this name", link("a", "fallback_for = b") + link("c"), "a.fallback_for: there is no interface b (c)"],
    ["itself", link("a", "fallback_for = a"), "a.fallback_for: is this interface itself"],
    [
      "a server",
      link("a", "fallback_for = lns") + SERVER,
      "a.fallback_for: lns waits for callers: it is no link that this side brings up",
    ],
    [
      "a line that answers",
      link("a", "fallback_for = nas") + NAS,
      "a.fallback_for: nas waits for callers: it is no link that this side brings up",
    ],
    [
      "of a line that answers",
      `${link("hq")}${NAS}fallback_for = hq\n`,
      "nas.fallback_for: is set, but role = answer dials nothing",
    ],
    [
      "on demand",
      `${link("hq")}${MODEM}demand = yes\n`,
      "modem.demand: is yes, but a backup has neither netdev nor routes while it waits (demand = no)",
    ],
    ["no name", link("a", 'fallback_for = "a b"'), 'a.fallback_for: "a b" is not the name of an interface'],
  ] as const)
    test(`refused: ${what}`, () => {
      const found = faults(text);
      assert.equal(found.length, 1, found.join("\n"));
      assert.ok(found[0]?.startsWith(`interface ${fault}`), found[0]);
    });
  test("refused: a circle, at each of its links, and not at one that waits for them", () => {
    const text =
      link("a", "fallback_for = b") +
      link("b", "fallback_for = c") +
      link("c", "fallback_for = a") +
      link("d", "fallback_for = a");
    assert.deepEqual(faults(text), [
      "interface a.fallback_for: is a circle, in which each waits for the next: a, b, c, a",
      "interface b.fallback_for: is a circle, in which each waits for the next: b, c, a, b",
      "interface c.fallback_for: is a circle, in which each waits for the next: c, a, b, c",
    ]);
  });
  test("UCI: of an interface that is disabled, or has a fault, it is one all the same", () => {
    const uci = (more: string): string => `config interface 'hq'
	option proto 'l2tpsec'
	option server '198.51.100.2'
	option psk 'x'
	${more}
config interface 'spare'
	option proto 'nasdial'
	option device '/dev/ttyS1'
	list phone '1'
	option fallback_for 'hq'
`;
    for (const [more, n] of [
      ["option disabled '1'", 0],
      ["option mtu '9'", 1],
      ["", 0],
    ] as const) {
      const { config, faults: found } = loadUci([{ name: "network", path: "network", text: uci(more) }]);
      assert.equal(found.length, n, JSON.stringify(found));
      assert.ok(
        config.interfaces.some((x) => x.name === "spare" && x.fallback_for === "hq" && x.fallback_after === 30),
      );
    }
  });
});
