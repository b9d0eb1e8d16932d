// A serial line inside whole daemons: configuration file in, control API out, two of them over one telephone exchange.
import assert from "node:assert/strict";
import { test } from "node:test";
import { compose } from "../../src/build.ts";
import { load } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import { EventHub } from "../../src/control/log.ts";
import { renderStatus } from "../../src/control/render.ts";
import type { Daemon } from "../../src/daemon.ts";
import { NonePlane } from "../../src/dataplane/none.ts";
import type { SerialStatus } from "../../src/link/status.ts";
import type { SerialHost } from "../../src/ports/serial.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { noUdp } from "../radius/double.ts";
import { Exchange, SimModem, serialHost } from "./modem.ts";
import { World } from "./world.ts";

const CALLER =
  "[interface modem]\nproto = nasdial\ndevice = /dev/modem111\nphone = 222\nusername = branch\n" +
  "password = w0nderland\nlogin = none\n";
const NAS =
  "[interface nas]\nproto = nasdial\ndevice = /dev/modem222\nrole = answer\nlocal_ip = 10.7.0.1\n" +
  "remote_ip = 10.7.0.2\n[user branch]\npassword = w0nderland\n";

function site(
  w: World,
  name: string,
  serial: SerialHost,
  text: string,
): { daemon: Daemon; lines: string[]; reload(text: string): string } {
  const parsed = (t: string): Config => {
    const r = load(t);
    assert.ok(r.ok, JSON.stringify(r));
    return r.config;
  };
  let now = parsed(text);
  const lines: string[] = [];
  const hub = new EventHub(w.clock, "debug", (l) => void lines.push(l));
  const plane = new NonePlane({ clock: w.clock, rng: nodeCrypto, net: w.net.host(name, ["198.51.100.9"]) });
  const host = {
    readFile: () => "",
    env: () => undefined,
    hostname: () => name,
    wallClock: () => w.clock.now(),
    resolve: () => Promise.reject(new Error("none")),
  };
  const daemon = compose({ clock: w.clock, crypto: nodeCrypto, host, serial, udp: noUdp }, plane, hub, now, () => now);
  daemon.start();
  return {
    daemon,
    lines,
    reload: (t) => {
      now = parsed(t);
      return daemon.reload();
    },
  };
}
function line(d: Daemon, name: string): SerialStatus {
  const s = d.status(name)[name];
  assert.ok(s?.kind === "nas");
  return s;
}

test("two daemons, one call: up, status as text, reload, down, stop", async () => {
  const w = new World();
  const exchange = new Exchange(w.clock);
  const modems = [new SimModem(exchange, "111"), new SimModem(exchange, "222")] as const;
  const serial = serialHost(...modems.map((m) => m.port));
  const b = site(w, "b", serial, NAS);
  const a = site(w, "a", serial, CALLER);
  await w.until(() => line(a.daemon, "modem").state === "up" && line(b.daemon, "nas").state === "up", 90_000, "up");
  const text = renderStatus(a.daemon.status(null), false);
  assert.match(
    text,
    new RegExp(
      'modem: up since .*, dials on /dev/modem111\n  ✓ line .*\n  ✓ modem  222: "CONNECT 33600"\n' +
        "  ✓ ppp .*\n  ✓ ip .*\n  nas-modem: 10\\.7\\.0\\.2 to 10\\.7\\.0\\.1, MTU 1500, 33600 bit/s\n",
    ),
  );
  assert.match(renderStatus(b.daemon.status("nas"), false), /answers calls on .*\n(.*\n)+.*user "branch"/);
  const stages: string[] = [];
  assert.equal(await a.daemon.doctor("modem", (s) => void stages.push(s.name)), true);
  assert.deepEqual(stages, ["line", "modem", "ppp", "ip"]);

  assert.equal(a.reload(CALLER), "nothing changed");
  assert.equal(a.reload(`${CALLER}mtu = 1000\n`), "interface modem");
  await w.run(3000); // the old one hangs up
  await w.until(() => line(a.daemon, "modem").mtu === 1000, 90_000, "up with the other MTU");
  assert.ok(a.lines.some((l) => /modem\.connected phone="222" speed=33600/.test(l)));

  a.daemon.down("modem");
  await w.run(2000);
  assert.deepEqual([line(a.daemon, "modem").state, modems[0].port.closed, modems[1].online], ["down", true, false]);
  a.daemon.up("modem");
  await w.until(() => line(a.daemon, "modem").state === "up", 90_000, "up again");
  let done = 0;
  for (const s of [a, b]) s.daemon.stop("SIGTERM", () => void done++);
  await w.run(2000);
  assert.deepEqual([done, modems.map((m) => m.port.closed)], [2, [true, true]]);
  assert.ok(![...a.lines, ...b.lines].some((l) => l.includes("w0nderland")));
});
