// `radius test`: each server by itself, and what it says as a sentence.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../../src/config/load.ts";
import { SystemError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { utf8 } from "../../src/core/text.ts";
import { radiusNamed, testRadius } from "../../src/link/radius-test.ts";
import type { RadiusFinding } from "../../src/link/status.ts";
import type { Udp } from "../../src/ports/ports.ts";
import { Attributes } from "../../src/radius/attributes.ts";
import { CODE } from "../../src/radius/packet.ts";
import { nodeCrypto as crypto } from "../../src/runtime/node/crypto.ts";
import { knowing, RadiusNet } from "../radius/double.ts";
import { VirtualClock } from "../sim/virtual-clock.ts";

const CONFIG = `
[radius one]
address = 192.0.2.1
secret = xyzzy5461
timeout = 20
[radius two]
address = 192.0.2.2
secret = xyzzy5461
[server lns]
listen = 192.0.2.78
psk = a long pre-shared key
local_ip = 10.99.0.1
pool = 10.99.0.2-10.99.0.9
users = radius
radius = two one
[server bare]
listen = 192.0.2.77
psk = a long pre-shared key
local_ip = 10.98.0.1
pool = 10.98.0.2-10.98.0.9
`;
function config() {
  const c = load(CONFIG);
  return c.ok ? c.config : assert.fail(JSON.stringify(c.faults));
}
const grant = new Attributes()
  .add("Framed-IP-Address", "10.1.0.7")
  .add("Session-Timeout", 60)
  .add("Reply-Message", 'Welcome "aboard"');
const users = knowing({ nemo: { password: "captain", grant } });

async function asked(name: string, password: string, set: (net: RadiusNet) => void, over: Partial<Udp> = {}) {
  const clock = new VirtualClock();
  const net = new RadiusNet(clock);
  set(net);
  const deps = {
    clock,
    crypto,
    host: { hostname: () => "router" } as never,
    log: { emit: (e: unknown) => assert.fail(JSON.stringify(e)) },
    udp: Object.assign(net, over),
  };
  const ends: RadiusFinding[][] = [];
  void testRadius(deps, radiusNamed(config(), name), "nemo", utf8(password)).then((f) => {
    ends.push(f);
  });
  for (let i = 0; i < 110 && ends.length === 0; i++) {
    clock.advance(100);
    await Promise.resolve().then(() => {});
    await new Promise((r) => setImmediate(r));
  }
  assert.deepEqual([net.open, clock.size], [0, 0], "nothing is left open");
  return ends[0] ?? assert.fail("no end within 11 s");
}

test("a radius section, or all of a server's, in its order", () => {
  const names = (name: string): string[] => radiusNamed(config(), name).map((r) => r.name);
  assert.deepEqual([names("one"), names("lns"), names("bare"), names("x")], [["one"], ["two", "one"], [], []]);
});
test("accepted with what is granted; refused with the server's own words; each server by itself", async () => {
  const set = (net: RadiusNet): void => {
    net.servers.set("192.0.2.1 1812", users);
    net.servers.set("192.0.2.2 1812", (q) =>
      q.answer(CODE.accessReject, new Attributes().add("Reply-Message", "Go\naway")),
    );
  };
  assert.deepEqual(await asked("lns", "captain", set), [
    {
      server: "two",
      address: "192.0.2.2",
      accepted: false,
      text: 'the RADIUS server two refuses user "nemo": "Go away"',
    },
    {
      server: "one",
      address: "192.0.2.1",
      accepted: true,
      text:
        'the RADIUS server one accepts user "nemo", with the address 10.1.0.7, 60 s at most: ' + `"Welcome 'aboard'"`,
    },
  ]);
  const [wrong] = await asked("one", "ned", set);
  assert.deepEqual([wrong?.accepted, wrong?.text], [false, 'the RADIUS server one refuses user "nemo": "Go away"']);
});
test("silence, another secret, nobody there, no way there", async () => {
  const text = async (set: (net: RadiusNet) => void, over?: Partial<Udp>): Promise<string> =>
    (await asked("one", "captain", set, over))[0]?.text ?? "";
  assert.match(await text(() => {}), /one \(192\.0\.2\.1\) does not answer: is this machine one of its clients/);
  const other = Secret.of("other");
  const lies = (net: RadiusNet): void =>
    void net.servers.set("192.0.2.1 1812", (q) => void q.answer(CODE.accessAccept, new Attributes(), other));
  assert.match(await text(lies), /answers with a wrong authenticator: is the secret the same\?/);
  for (const [errno, words] of [
    ["ECONNREFUSED", /does not answer: no program listens on that port there/],
    ["EHOSTUNREACH", /does not answer: it cannot be reached \(EHOSTUNREACH\)/],
    ["EAGAIN", /is this machine one of its clients/],
  ] as const) {
    const connect: Udp["connect"] = (_to, _data, failed) => ({ send: () => failed?.(errno), close: () => {} });
    assert.match(await text(() => {}, { connect }), words);
  }
  const connect: Udp["connect"] = () => {
    throw new SystemError("ENETUNREACH", "cannot open a UDP socket", "there is no route");
  };
  assert.match(await text(() => {}, { connect }), /cannot be asked: .*there is no route/);
  const [long] = await asked("one", "x".repeat(200), () => {});
  assert.match(long?.text ?? "", /a password 128 at most/);
});
