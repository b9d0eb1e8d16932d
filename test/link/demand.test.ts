// When a serial line dials and when not: on demand, after silence, at times of the day.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Exchange, SimModem, serialHost } from "../sim/modem.ts";
import { type Line, packet, SerialWorld } from "./serial-world.ts";

const CALLER = {
  device: "/dev/modem111",
  phone: "222",
  username: "branch",
  password: "w0nderland",
  login: "none",
  routes: "10.8.0.0/16",
  redial_pause: "0",
  reconnect_min: "2",
};
const NAS = { device: "/dev/modem222", role: "answer", local_ip: "10.7.0.1", remote_ip: "10.7.0.2" };
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.UTC(2026, 10, 23, 12);

function site(caller: Record<string, string>, nas: Record<string, string> = {}, start = 0) {
  const w = new SerialWorld(start);
  const exchange = new Exchange(w.clock);
  const m = { a: new SimModem(exchange, "111"), b: new SimModem(exchange, "222") };
  const serial = serialHost(m.a.port, m.b.port);
  const a = w.line(serial, { ...CALLER, ...caller });
  const b = w.line(serial, { ...NAS, ...nas });
  b.link.start();
  return { w, exchange, m, a, b };
}
const isUp = (l: Line) => () => l.link.state === "up";
const send = (l: Line, from: string, to = "10.8.0.1", length = 100): void =>
  l.plane.net.transmit("nas-line1", packet(from, to, length));
const dials = (m: SimModem): number => m.commands.filter((c) => c.startsWith("ATD")).length;

describe("on demand", () => {
  test("the netdev is there, nothing is dialled; a packet dials, and goes out when the link is up", async () => {
    const s = site({ demand: "yes" });
    s.a.link.start();
    await s.w.run(30_000);
    assert.deepEqual(
      [dials(s.m.a), s.m.a.port.closed, s.a.plane.net.devices.has("nas-line1"), s.a.link.wanted],
      [0, true, true, true],
    );
    assert.deepEqual(s.a.link.status().stages, [
      { name: "line", state: "busy", text: "waits for a packet on nas-line1" },
    ]);
    send(s.a, "192.168.1.5", "10.8.0.1", 120);
    send(s.a, "10.64.64.64", "10.8.0.1", 130); // from the placeholder: no answer could come back
    await s.w.until(isUp(s.a), 30_000, "up", s.a);
    await s.w.run(500);
    assert.deepEqual(
      s.b.packets.map((p) => p.length),
      [120],
    );
    assert.deepEqual(s.a.link.status().drops, { "demand.old-address": 1 });
    assert.equal(s.a.link.status().local_ip, "10.7.0.2");
    send(s.a, "10.7.0.2");
    s.b.plane.net.transmit("nas-line2", packet("10.8.0.1", "10.7.0.2", 77));
    await s.w.run(500);
    assert.deepEqual([s.b.packets.length, s.a.packets.map((p) => p.length)], [2, [77]]);
  });
  test("after silence it hangs up and waits again, with the same netdev; the next packet dials again", async () => {
    const s = site({ demand: "yes", idle_timeout: "60" });
    s.a.link.start();
    await s.w.run(1000);
    send(s.a, "192.168.1.5");
    await s.w.until(isUp(s.a), 30_000, "up", s.a);
    for (let i = 0; i < 4; i++) {
      await s.w.run(40_000);
      send(s.a, "10.7.0.2");
    }
    assert.equal(s.a.link.state, "up", "traffic keeps it up");
    const waited = await s.w.until(() => s.a.link.state === "down", 90_000, "hung up", s.a);
    assert.ok(waited >= 60_000 && waited <= 75_000, String(waited));
    assert.deepEqual(
      [s.a.link.status().error, s.a.plane.net.devices.size, s.m.a.online, s.m.a.port.closed],
      [null, 1, false, true],
    );
    assert.ok(s.a.lines.some((l) => /link\.down .*code="idle" text="hung up after 60 s without a packet"/.test(l)));
    await s.w.run(60_000);
    assert.equal(dials(s.m.a), 1);
    send(s.a, "10.7.0.2", "10.8.0.1", 222);
    await s.w.until(isUp(s.a), 30_000, "up again", s.a);
    await s.w.run(500);
    assert.equal(s.b.packets.at(-1)?.length, 222, "the address is the old one, so it goes out");
  });
  test("multicast does not dial; of many packets a few wait; what is too old does not go out", async () => {
    const s = site({ demand: "yes", phone: "333 222", reconnect_min: "90", reconnect_max: "90" });
    s.m.a.ends.set("333", "BUSY");
    s.m.a.ends.set("222", "BUSY");
    s.a.link.start();
    await s.w.run(1000);
    send(s.a, "192.168.1.5", "224.0.0.251");
    send(s.a, "192.168.1.5", "255.255.255.255");
    await s.w.run(1000);
    assert.equal(dials(s.m.a), 0);
    for (let i = 0; i < 40; i++) send(s.a, "192.168.1.5");
    await s.w.until(() => dials(s.m.a) === 2, 60_000, "both numbers", s.a);
    await s.w.run(1000);
    s.m.a.ends.clear();
    assert.ok((s.a.link.status().retry_in ?? 0) > 60);
    await s.w.run(80_000);
    send(s.a, "192.168.1.5", "10.8.0.1", 140); // waits for the end of the pause
    await s.w.until(isUp(s.a), 120_000, "up", s.a);
    await s.w.run(500);
    assert.deepEqual(
      s.b.packets.map((p) => p.length),
      [140],
    );
    assert.deepEqual(s.a.link.status().drops, { "demand.multicast": 2, "demand.full": 24, "demand.late": 16 });
  });
  test("`up` dials without a packet; down takes the netdev away, in every state", async () => {
    for (const when of [10, 1500, 3000, 10_000]) {
      const s = site({ demand: "yes" });
      s.a.link.start();
      await s.w.run(500);
      s.a.link.start();
      await s.w.run(when);
      assert.equal(s.m.a.commands[0], "ATZ");
      let done = 0;
      s.a.link.stop("test", () => void done++);
      await s.w.run(2000);
      assert.deepEqual(
        [done, s.a.link.state, s.a.plane.net.devices.size, s.m.a.port.closed],
        [1, "down", 0, true],
        `after ${when} ms`,
      );
      s.b.link.stop("test", () => {});
      await s.w.run(10_000);
      assert.deepEqual(s.w.clock.pending(), []);
    }
  });
  test("a netdev that cannot be made: said, tried again with growing pauses, and made when it can be", async () => {
    const s = site({ demand: "yes", reconnect_max: "60" });
    await s.a.plane.net
      .attachLine(
        {
          transmit: () => {},
          counters: () => ({ rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 }),
          lost: () => {},
        },
        { ifname: "nas-line1", mtu: 1500, local4: "10.1.1.1", peer4: "10.1.1.2", routes: [], clampMss: false },
      )
      .then(async (other) => {
        s.a.link.start();
        await s.w.run(3 * MINUTE, 500);
        assert.match(s.a.link.status().error?.text ?? "", /cannot create nas-line1/);
        const tries = s.a.lines.filter((l) => /link\.down .*code="ebusy"/.test(l)).length;
        assert.ok(tries >= 4 && tries <= 9, String(tries));
        await other.detach();
      });
    await s.w.until(() => s.a.plane.net.devices.has("nas-line1"), 90_000, "the netdev", s.a);
    send(s.a, "192.168.1.5");
    await s.w.until(isUp(s.a), 30_000, "up", s.a);
  });
  test("a lost carrier without packets waits for one; with packets it dials again", async () => {
    const s = site({ demand: "yes" });
    s.a.link.start();
    await s.w.run(500);
    send(s.a, "192.168.1.5");
    await s.w.until(isUp(s.a), 30_000, "up", s.a);
    s.m.a.hangUp();
    await s.w.run(60_000);
    assert.deepEqual([s.a.link.state, dials(s.m.a), s.a.plane.net.devices.size], ["down", 1, 1]);
    send(s.a, "10.7.0.2");
    await s.w.until(isUp(s.a), 60_000, "up again", s.a);
  });
  test("another address on the next call: the netdev gets it", async () => {
    const s = site({ demand: "yes", idle_timeout: "30" });
    s.a.link.start();
    await s.w.run(500);
    send(s.a, "192.168.1.5");
    await s.w.until(isUp(s.a), 30_000, "up", s.a);
    await s.w.until(() => s.a.link.state === "down", 60_000, "idle", s.a);
    s.b.link.stop("test", () => {});
    await s.w.run(3000);
    const other = s.w.line(serialHost(s.m.b.port), { ...NAS, remote_ip: "10.7.0.77" });
    other.link.start();
    await s.w.run(1000);
    send(s.a, "192.168.1.5");
    await s.w.until(isUp(s.a), 30_000, "up", s.a);
    assert.deepEqual([s.a.link.address, s.a.plane.net.devices.size], ["10.7.0.77", 1]);
    await s.w.run(500);
    assert.equal(other.packets.length, 1);
  });
});

describe("idle_timeout without demand", () => {
  test("the caller hangs up and waits for `up`", async () => {
    const s = site({ idle_timeout: "30" });
    await s.w.run(500);
    s.a.link.start();
    await s.w.until(isUp(s.a), 30_000, "up", s.a);
    await s.w.until(() => s.a.link.state === "down", 60_000, "idle", s.a);
    await s.w.run(10 * MINUTE, 1000);
    assert.deepEqual(
      [s.a.link.wanted, dials(s.m.a), s.a.link.status().retry_in, s.a.plane.net.devices.size],
      [false, 1, null, 0],
    );
    s.a.link.start();
    await s.w.until(isUp(s.a), 30_000, "up", s.a);
  });
  test("a NAS hangs up on a caller who sends nothing, and answers the next", async () => {
    const s = site({ reconnect_min: "5" }, { idle_timeout: "30" });
    await s.w.run(500);
    s.a.link.start();
    await s.w.until(isUp(s.b), 30_000, "up", s.a, s.b);
    await s.w.until(() => s.b.link.state === "down", 60_000, "idle", s.b);
    await s.w.until(isUp(s.b), 60_000, "the next call", s.a, s.b);
  });
});

describe("times of hold", () => {
  test("a call ends when they begin, nothing is dialled, and it comes back when they end", async () => {
    const s = site({ hold: "12:10-13:00 22:00-06:00" }, {}, NOON);
    await s.w.run(500);
    s.a.link.start();
    await s.w.until(isUp(s.a), 30_000, "up", s.a);
    await s.w.until(() => s.a.link.state === "down", 11 * MINUTE, "hold", s.a);
    assert.ok(s.w.clock.now() - NOON <= 10 * MINUTE + 15_000, "at 12:10");
    await s.w.run(5000);
    const st = s.a.link.status();
    assert.deepEqual(
      [st.stages, st.error, s.m.a.port.closed],
      [[{ name: "line", state: "busy", text: "on hold until 13:00" }], null, true],
    );
    assert.ok(Math.abs((st.retry_in ?? 0) - 50 * 60) < 60, String(st.retry_in));
    s.a.link.start(); // not even by hand
    await s.w.run(48 * MINUTE, 1000);
    assert.equal(dials(s.m.a), 1);
    await s.w.until(isUp(s.a), 3 * MINUTE, "up after 13:00", s.a);
    assert.ok(s.w.clock.now() - NOON >= HOUR);
  });
  test("with demand the netdev stays, and packets are dropped", async () => {
    const s = site({ demand: "yes", hold: "11:00-12:05" }, {}, NOON);
    s.a.link.start();
    await s.w.run(1000);
    send(s.a, "192.168.1.5");
    await s.w.run(4 * MINUTE, 1000);
    assert.deepEqual([dials(s.m.a), s.a.plane.net.devices.size, s.a.link.status().drops], [0, 1, { "demand.held": 1 }]);
    await s.w.run(2 * MINUTE, 1000);
    assert.equal(dials(s.m.a), 0);
    send(s.a, "192.168.1.5");
    await s.w.until(isUp(s.a), 30_000, "up", s.a);
  });
  test("a clock that is not set holds nothing, and says so once; once it is set, the call ends", async () => {
    const s = site({ hold: "00:00-23:00" });
    await s.w.run(500);
    s.a.link.start();
    await s.w.until(isUp(s.a), 30_000, "up", s.a);
    assert.equal(s.a.lines.filter((l) => /clock is not set/.test(l)).length, 1);
    s.w.wallOffset = NOON;
    await s.w.until(() => s.a.link.state === "down", 6 * MINUTE, "hold", s.a);
    await s.w.run(5000);
    assert.match(s.a.link.status().stages[0]?.text ?? "", /on hold until 23:00/);
  });
  test("local time, as the host tells it", async () => {
    const s = site({ hold: "22:00-06:00" }, {}, NOON);
    s.w.localOffset = -11 * 60; // 01:00 there
    s.a.link.start();
    await s.w.run(1000);
    assert.deepEqual([s.a.link.status().stages[0]?.text, s.m.a.commands], ["on hold until 06:00", []]);
  });
  test("a NAS on hold does not answer", async () => {
    const s = site({}, { hold: "11:00-13:00" }, NOON);
    s.a.link.start();
    await s.w.run(2 * MINUTE, 500);
    assert.deepEqual([s.b.link.state, s.m.b.port.closed], ["down", true]);
  });
});
