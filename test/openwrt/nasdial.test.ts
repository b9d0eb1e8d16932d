// Serial lines under netifd: a modem that dials another daemon's over one telephone exchange.
import assert from "node:assert/strict";
import { test } from "node:test";
import { compose } from "../../src/build.ts";
import { load } from "../../src/config/load.ts";
import { EventHub } from "../../src/control/log.ts";
import { NonePlane } from "../../src/dataplane/none.ts";
import { nodeCrypto } from "../../src/runtime/node/crypto.ts";
import { packet } from "../link/serial-world.ts";
import { noUdp } from "../radius/double.ts";
import { Exchange, SimModem, serialHost } from "../sim/modem.ts";
import { World } from "../sim/world.ts";
import { Router } from "./router.ts";

const NAS =
  "[interface nas]\nproto = nasdial\ndevice = /dev/modem222\nrole = answer\nlocal_ip = 10.7.0.1\n" +
  "remote_ip = 10.7.0.2\ndns = 10.7.0.53\n[user branch]\npassword = w0nderland\n";
const MODEM = `config interface 'modem'
	option proto 'nasdial'
	option device '/dev/modem111'
	list phone '222'
	option username 'branch'
	option password 'w0nderland'
	option login 'none'
`;
const UPDATE = {
  action: 0,
  ifname: "nas-modem",
  "link-up": true,
  "address-external": true,
  keep: false,
  ipaddr: [{ ipaddr: "10.7.0.2", mask: "32", ptp: "10.7.0.1" }],
  routes: [{ target: "0.0.0.0", netmask: "0" }],
  dns: ["10.7.0.53"],
  data: { device: "/dev/modem111", phone: "222", speed: 33600, mtu: 1500 },
  interface: "modem",
};

/** A router with a modem, and an ISP behind the number 222. */
function dialup(text: string): { r: Router; modems: readonly SimModem[] } {
  const w = new World();
  const exchange = new Exchange(w.clock);
  const modems = [new SimModem(exchange, "111"), new SimModem(exchange, "222")];
  const serial = serialHost(...modems.map((m) => m.port));
  const isp = load(NAS);
  assert.ok(isp.ok);
  const plane = new NonePlane({ clock: w.clock, rng: nodeCrypto, net: w.net.host("isp", ["198.51.100.9"]) });
  const host = {
    readFile: () => "",
    env: () => undefined,
    hostname: () => "isp",
    wallClock: () => w.clock.now(),
    resolve: () => Promise.reject(new Error("none")),
  };
  compose(
    { clock: w.clock, crypto: nodeCrypto, host, serial, udp: noUdp },
    plane,
    new EventHub(w.clock, "error", () => {}),
    isp.config,
    () => isp.config,
  ).start();
  const r = new Router(text, w, serial);
  r.netifd.add("modem", "nasdial");
  return { r, modems };
}

test("ifup dials: the exact update; a lost carrier is told, and the next call too; ifdown hangs up", async () => {
  const { r, modems } = dialup(MODEM);
  await r.startDaemon();
  assert.equal(r.daemon.status("modem")["modem"]?.state, "down", "netifd decides");
  r.netifd.up("modem");
  await r.isUp("modem");
  assert.deepEqual(r.netifd.at("modem").updates, [UPDATE]);
  modems[1]?.hangUp();
  await r.until("lost", 5000, () => r.netifd.at("modem").state === "setup");
  await r.isUp("modem");
  assert.deepEqual(r.netifd.at("modem").updates, [UPDATE, { action: 0, "link-up": false, interface: "modem" }, UPDATE]);
  assert.match(r.netifd.at("modem").errors[0]?.[0] ?? "", /^(CARRIER_LOST|PEER_TERMINATED)$/);
  r.netifd.down("modem");
  await r.until("down", 4000, () => r.netifd.at("modem").state === "down");
  await r.run(1000);
  assert.deepEqual([r.netifd.refused, modems[0]?.port.closed], [[], true]);
  assert.ok(!r.lines.some((l) => l.includes("w0nderland")));
});

test("without peerdns no servers, without defaultroute no default route, with its own routes these", async () => {
  const { r } = dialup(`${MODEM}\toption defaultroute '0'\n\toption peerdns '0'\n\tlist routes '10.8.0.0/16'\n`);
  await r.startDaemon();
  r.netifd.up("modem");
  await r.isUp("modem");
  const { dns, ...rest } = UPDATE;
  assert.ok(dns);
  assert.deepEqual(r.netifd.at("modem").updates, [{ ...rest, routes: [{ target: "10.8.0.0", netmask: "16" }] }]);
});

test("a wrong option and a missing device are readable; the right option mends it", async () => {
  const { r } = dialup(`${MODEM}\toption baud '12'\n`);
  await r.startDaemon();
  r.netifd.up("modem");
  await r.until("the error", 1000, () => r.netifd.at("modem").errors.length > 0);
  assert.deepEqual(r.netifd.at("modem").errors, [
    [
      "INVALID_CONFIG",
      'network.modem.baud: "12" is not allowed (allowed: a whole number from 300 to 4000000 bits per second)',
    ],
  ]);
  r.text = MODEM.replace("modem111", "modem999");
  assert.equal(r.daemon.reload(), "interface modem");
  await r.until("the other error", 5000, () => r.netifd.at("modem").errors[0]?.[0] !== "INVALID_CONFIG");
  assert.match(r.netifd.at("modem").errors[0]?.[1] ?? "", /modem999/);
  r.text = MODEM;
  r.daemon.reload();
  await r.isUp("modem");
});

test("the daemon, netifd and ubusd restart: the line is told again, or comes back", async () => {
  const { r } = dialup(MODEM);
  await r.startDaemon();
  r.netifd.up("modem");
  await r.isUp("modem");
  r.ubusd.stop();
  await r.run(300);
  r.ubusd.start();
  await r.until("told again", 20_000, () => r.netifd.at("modem").keptUp > 0);
  r.netifd.at("modem").state = "down";
  r.netifd.up("modem");
  await r.isUp("modem");
  assert.equal(r.lines.filter((l) => /link\.down/.test(l)).length, 0);
  await r.stopDaemon();
  assert.equal(r.netifd.at("modem").state, "setup");
  await r.startDaemon();
  await r.isUp("modem");
});

test("on demand: netifd has netdev and routes before the first call, real addresses with it", async () => {
  const { r, modems } = dialup(`${MODEM}\toption demand '1'\n\toption idle_timeout '20'\n`);
  await r.startDaemon();
  r.netifd.up("modem");
  await r.until("the netdev", 2000, () => r.netifd.at("modem").state === "up");
  const standby = {
    ...UPDATE,
    ipaddr: [{ ipaddr: "10.64.64.64", mask: "32", ptp: "10.112.112.112" }],
    data: { device: "/dev/modem111" },
  };
  const { dns, ...rest } = standby;
  assert.ok(dns);
  assert.deepEqual([r.netifd.at("modem").updates, modems[0]?.online], [[rest], false]);
  // A packet from the LAN.
  r.plane.net.transmit("nas-modem", packet("192.168.1.7", "8.8.8.8", 60));
  await r.until("the call", 60_000, () => r.daemon.status("modem")["modem"]?.state === "up");
  await r.run(50);
  assert.deepEqual(r.netifd.at("modem").updates.slice(1), [
    { action: 0, "link-up": false, interface: "modem" },
    UPDATE,
  ]);
  await r.until("idle", 60_000, () => r.daemon.status("modem")["modem"]?.state === "down");
  await r.run(2000);
  assert.deepEqual(
    [r.netifd.at("modem").updates.length, r.netifd.at("modem").state],
    [3, "up"],
    "nothing changes for netifd",
  );
  // Told again to a new netifd, it does not dial.
  r.netifd.at("modem").state = "down";
  r.netifd.up("modem");
  await r.until("told", 2000, () => r.netifd.at("modem").state === "up");
  await r.run(5000);
  assert.equal(modems[0]?.online, false);
  r.netifd.down("modem");
  await r.until("down", 3000, () => r.netifd.at("modem").state === "down");
});

test("idle without demand, and the last round of dialling: netifd takes it down, ifup dials again", async () => {
  const idle = dialup(`${MODEM}\toption idle_timeout '20'\n`).r;
  await idle.startDaemon();
  idle.netifd.up("modem");
  await idle.isUp("modem");
  await idle.until("idle", 60_000, () => idle.netifd.at("modem").state === "down");
  assert.equal(idle.netifd.at("modem").autostart, false);
  idle.netifd.up("modem");
  await idle.isUp("modem");

  const busy = dialup(`${MODEM.replace("'222'", "'333'")}\toption dial_attempts '1'\n`).r;
  await busy.startDaemon();
  busy.netifd.up("modem");
  await busy.until("given up", 120_000, () => busy.netifd.at("modem").state === "down");
  assert.match(busy.netifd.at("modem").errors[0]?.[1] ?? "", /rounds of dialling are over$/);
});
