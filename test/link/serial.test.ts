// A serial line, both ends of it ours: serial line, modem, HDLC, PPP and netdev, back to back.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { random } from "../ppp/pair.ts";
import { Exchange, nullModem, SimModem, serialHost } from "../sim/modem.ts";
import { type Line, packet, SerialWorld } from "./serial-world.ts";

const CALLER = {
  device: "/dev/modem111",
  phone: "222",
  username: "branch",
  password: "w0nderland",
  login: "none",
  routes: "10.8.0.0/16",
};
const NAS = { device: "/dev/modem222", role: "answer", local_ip: "10.7.0.1", remote_ip: "10.7.0.2", dns: "10.7.0.53" };

function modems(
  caller: Record<string, string> = {},
  nas: Record<string, string> = {},
  wires: { carrierWire?: boolean; baud?: number } = {},
) {
  const w = new SerialWorld();
  const exchange = new Exchange(w.clock);
  const m = { a: new SimModem(exchange, "111", wires), b: new SimModem(exchange, "222", wires) };
  const serial = serialHost(m.a.port, m.b.port);
  const a = w.line(serial, { ...CALLER, ...caller });
  const b = w.line(serial, { ...NAS, ...nas });
  return { w, exchange, m, a, b, serial };
}
async function up(s: { w: SerialWorld; a: Line; b: Line }): Promise<void> {
  s.b.link.start();
  await s.w.run(500);
  s.a.link.start();
  await s.w.until(() => s.a.link.state === "up" && s.b.link.state === "up", 30_000, "up", s.a, s.b);
}
/** Packets that arrive at `to` of `n` sent from `from`. */
async function carried(w: SerialWorld, from: Line, to: Line, n: number, address: string): Promise<number> {
  const before = to.packets.length;
  const ifname = from.link.status().ifname;
  for (let i = 0; i < n; i++) {
    from.plane.net.transmit(ifname, packet("10.1.1.1", address, 100 + i));
    await w.run(100);
  }
  return to.packets.length - before;
}

describe("modem to modem", () => {
  test("dials, authenticates, is addressed, carries packets both ways; status says all of it", async () => {
    const s = modems();
    await up(s);
    const st = s.a.link.status();
    assert.deepEqual(
      [st.state, st.local_ip, st.remote_ip, st.dns, st.mtu, st.phone, st.speed, st.ifname],
      ["up", "10.7.0.2", "10.7.0.1", ["10.7.0.53"], 1500, "222", 33600, "nas-line1"],
    );
    assert.deepEqual(st.ppp, { auth: "MS-CHAPv2", mru: 1500, peer_mru: 1500, peer_mrru: null });
    assert.deepEqual(
      st.stages.map((g) => `${g.name} ${g.state}`),
      ["line ok", "modem ok", "ppp ok", "ip ok"],
    );
    assert.equal(s.b.link.status().user, "branch");
    assert.equal(await carried(s.w, s.a, s.b, 20, "10.8.0.1"), 20);
    assert.equal(await carried(s.w, s.b, s.a, 20, "192.168.10.1"), 20);
    assert.deepEqual(s.b.packets[3], packet("10.1.1.1", "10.8.0.1", 103));
    const now = s.a.link.status();
    assert.deepEqual([now.tx_packets, now.rx_packets, s.b.link.status().rx_bytes], [20, 20, now.tx_bytes]);
    assert.deepEqual(now.drops, {});
    assert.ok(![...s.a.lines, ...s.b.lines].some((l) => l.includes("w0nderland")));
  });
  test("a mobile modem tells signal and operator: in the status and in the modem's stage", async () => {
    const s = modems({ apn: "internet" });
    s.m.a.replies.set("AT+CSQ", "+CSQ: 23,99\r\n\r\nOK");
    s.m.a.replies.set("AT+COPS?", '+COPS: 0,0,"Some Net",7\r\n\r\nOK');
    await up(s);
    const st = s.a.link.status();
    assert.deepEqual(
      [st.signal, st.operator, st.stages[1]?.text],
      [-67, "Some Net", '222: "CONNECT 33600", "Some Net", -67 dBm (74 %)'],
    );
    assert.deepEqual([s.b.link.status().signal, s.b.link.status().operator], [null, null]);
  });
  test("within a second of CONNECT it is up", async () => {
    const s = modems({}, {}, { baud: 33600 });
    s.b.link.start();
    await s.w.run(500);
    s.a.link.start();
    await s.w.until(() => s.m.a.online, 30_000, "CONNECT", s.a);
    assert.ok((await s.w.until(() => s.a.link.state === "up", 5000, "up", s.a)) <= 1000);
  });
  test("a NAS that wants PAP alone does not get the password without the option, which it names", async () => {
    const s = modems({}, { auth: "pap", allow_pap_in_clear: "yes" });
    s.b.link.start();
    await s.w.run(500);
    s.a.link.start();
    await s.w.until(() => s.a.link.status().error !== null, 60_000, "failure", s.a);
    const { code, text } = s.a.link.status().error ?? {};
    assert.equal(code, "no-common-auth");
    assert.match(
      text ?? "",
      new RegExp(
        "the peer asks for PAP and nothing else, .*: PAP would show the password to everybody on the path; " +
          "set allow_pap_in_clear = yes to allow it$",
      ),
    );
  });
  for (const auth of ["pap", "chap", "mschap", "eap"]) {
    test(`with ${auth}`, async () => {
      const s = modems({ allow_pap_in_clear: "yes" }, { auth, allow_pap_in_clear: "yes" });
      await up(s);
      assert.equal(await carried(s.w, s.a, s.b, 1, "10.8.0.1"), 1);
    });
  }
  test("a caller who guesses: the NAS looks at no more of it for a while", async () => {
    const s = modems({ password: "guess" });
    s.b.link.start();
    const failed = (): string[] => s.b.events.flatMap((e) => (e.kind === "ppp.auth" && !e.ok ? [e.text] : []));
    for (let n = 1; n <= 6; n++) {
      await s.w.run(500);
      s.a.link.start();
      await s.w.until(() => failed().length === n, 60_000, `refusal ${n}`, s.a, s.b);
      s.a.link.stop("again", () => {});
      await s.w.run(3000);
    }
    assert.deepEqual(
      failed()
        .slice(0, 3)
        .map((t) => /unknown or gave a wrong password/.test(t)),
      [true, true, true],
    );
    assert.ok(
      failed().some((t) => /user "branch" must wait \d+ s after wrong passwords/.test(t)),
      failed().join("\n"),
    );
  });
  test("taken down: both sides let go of line and device, and nothing ticks any more", async () => {
    const s = modems();
    await up(s);
    let done = 0;
    s.a.link.stop("test", () => void done++);
    await s.w.run(2000);
    assert.deepEqual(
      [done, s.a.link.state, s.m.a.port.closed, s.m.a.port.dtr, s.m.a.online],
      [1, "down", true, false, false],
    );
    await s.w.run(8000);
    assert.deepEqual([s.b.link.state, s.b.link.wanted], ["dialing", true], "the NAS waits for the next call");
    s.b.link.stop("test", () => void done++);
    await s.w.run(2000);
    assert.deepEqual([done, s.m.b.port.closed, s.w.clock.pending()], [2, true, []]);
    assert.deepEqual([s.a.plane.net.devices.size, s.b.plane.net.devices.size], [0, 0]);
  });
  for (const [how, carrierWire, quiet, bound] of [
    ["with a carrier wire: seen at once", true, true, 40],
    ["without one: the modem says so", false, false, 40],
    ["and nobody says so: seen by LCP echo", false, true, 20_100],
  ] as const) {
    test(`the line breaks ${how}; dialled again`, async () => {
      const s = modems({ keepalive: "3 5" }, { keepalive: "3 5" }, { carrierWire });
      s.m.a.quiet = quiet;
      await up(s);
      s.m.a.hangUp();
      const seen = await s.w.until(() => s.a.link.state !== "up", 60_000, "down", s.a);
      assert.ok(seen <= bound, String(seen));
      await s.w.until(() => s.a.link.state === "up" && s.b.link.state === "up", 120_000, "up again", s.a, s.b);
      assert.equal(await carried(s.w, s.a, s.b, 3, "10.8.0.1"), 3);
      const down = s.a.events.find((e) => e.kind === "link.down");
      assert.ok(down?.kind === "link.down" && down.code === "carrier-lost", JSON.stringify(down));
    });
  }
  test("a wrong password: one sentence, a long pause, and the NAS goes on waiting", async () => {
    const s = modems({ password: "wrong" });
    s.b.link.start();
    await s.w.run(500);
    s.a.link.start();
    await s.w.until(() => s.a.link.status().error !== null, 40_000, "refusal", s.a);
    const st = s.a.link.status();
    assert.deepEqual([st.error?.layer, st.error?.code], ["ppp", "auth-failed"]);
    assert.ok((st.retry_in ?? 0) >= 20, String(st.retry_in));
    await s.w.run(10_000);
    assert.deepEqual([s.b.link.state, s.m.b.port.closed, s.m.b.online], ["dialing", false, false]);
  });
  test("busy, then another number; all failures name what was sent and what came", async () => {
    const s = modems({ phone: "999 333 222" });
    s.m.a.ends.set("999", "BUSY");
    s.b.link.start();
    await s.w.run(500);
    s.a.link.start();
    await s.w.until(() => s.a.link.state === "up", 60_000, "up by the third number", s.a);
    assert.equal(s.a.link.status().phone, "222");
    const downs = s.a.events.filter((e) => e.kind === "link.down").map((e) => (e.kind === "link.down" ? e.text : ""));
    assert.deepEqual(downs, [
      'dial: sent "ATDT999", came back "BUSY": the number is busy',
      'dial: sent "ATDT333", came back "NO CARRIER": no modem answered, or the modems did not agree',
    ]);
  });
  test("so many rounds, and then it rests until somebody says up", async () => {
    const s = modems({ dial_attempts: "2", reconnect_min: "5", redial_pause: "0" });
    s.m.a.ends.set("222", "NO DIALTONE");
    s.a.link.start();
    await s.w.run(60_000);
    assert.equal(s.a.events.filter((e) => e.kind === "link.down").length, 2);
    assert.deepEqual([s.a.link.wanted, s.a.link.state, s.w.clock.pending()], [false, "down", []]);
    assert.match(s.a.link.status().error?.text ?? "", /no dial tone.*2 rounds/);
    s.m.a.ends.clear();
    s.b.link.start();
    s.a.link.start();
    await s.w.until(() => s.a.link.state === "up", 30_000, "up", s.a);
  });
  test("noise that spoils one frame in twenty: up all the same, and frames that arrive are whole", async () => {
    const s = modems();
    const next = random(4711);
    const noise = (c: number): number | null => {
      if (next() >= 0.0004) return c;
      return next() < 0.3 ? null : c ^ (1 << Math.floor(next() * 8));
    };
    s.b.link.start();
    await s.w.run(500);
    s.m.a.noise = noise;
    s.m.b.noise = noise;
    s.a.link.start();
    await s.w.until(() => s.a.link.state === "up" && s.b.link.state === "up", 120_000, "up", s.a, s.b);
    const arrived = await carried(s.w, s.a, s.b, 300, "10.8.0.1");
    assert.ok(arrived > 240 && arrived < 300, String(arrived));
    for (const p of s.b.packets) assert.deepEqual(p, packet("10.1.1.1", "10.8.0.1", p.length));
    assert.ok((s.b.link.status().drops["hdlc.fcs"] ?? 0) > 0);
    assert.equal(s.a.link.state, "up");
  });
  test("more than the line carries is dropped and counted, echo lives, and the line goes on", async () => {
    const s = modems({ keepalive: "3 5", bsdcomp: "no" }, { keepalive: "3 5" }, { baud: 33600 });
    await up(s);
    for (let t = 0; t < 60; t++) {
      for (let i = 0; i < 10; i++) s.a.plane.net.transmit("nas-line1", packet("10.1.1.1", "10.8.0.1", 1500));
      await s.w.run(500);
    }
    assert.deepEqual([s.a.link.state, s.b.link.state], ["up", "up"]);
    const st = s.a.link.status();
    assert.ok((st.drops["line.full"] ?? 0) > 300);
    // 95 % of 33,600 bit/s in ten bits a byte, over 30 s
    const wire = s.b.packets.reduce((n, p) => n + p.length, 0);
    assert.ok(wire >= 0.9 * 3360 * 30, `${wire} bytes`);
  });
  test("an init string that the modem does not take", async () => {
    const s = modems({ init: "ATZ\nAT&BAD" });
    s.m.a.replies.set("AT&BAD", "ERROR");
    s.a.link.start();
    await s.w.until(() => s.a.link.status().error !== null, 30_000, "failure", s.a);
    const st = s.a.link.status();
    assert.deepEqual(st.error, {
      layer: "modem",
      code: "modem-error",
      text: 'init 2: sent "AT&BAD", came back "ERROR": the modem does not take the command',
    });
    assert.deepEqual(
      st.stages.map((g) => `${g.name} ${g.state}`),
      ["line ok", "modem failed"],
    );
    assert.equal(s.m.a.port.closed, true);
  });
  for (const [what, reply] of [
    ["refused", "+CME ERROR: incorrect password"],
    ["not answered", ""],
  ] as const) {
    test(`a PIN that is ${what} is not given again; a card that is unlocked meanwhile serves`, async () => {
      const s = modems({ pin: "4711" });
      s.m.a.replies.set("AT+CPIN?", "+CPIN: SIM PIN\r\n\r\nOK");
      s.m.a.replies.set("AT+CPIN=4711", reply);
      s.b.link.start();
      s.a.link.start();
      await s.w.run(1_800_000, 1000);
      const asked = (c: string): number => s.m.a.commands.filter((x) => x === c).length;
      assert.ok(asked("AT+CPIN?") > 5);
      assert.equal(asked("AT+CPIN=4711"), 1);
      assert.match(s.a.link.status().error?.text ?? "", /correct the option pin, or restart/);
      s.a.link.stop("down", () => {});
      await s.w.run(3000);
      s.a.link.start();
      await s.w.run(10_000);
      assert.equal(asked("AT+CPIN=4711"), 1, "also not after ifdown and ifup, which netifd does by itself too");
      s.m.a.replies.set("AT+CPIN?", "+CPIN: READY\r\n\r\nOK");
      await s.w.until(() => s.a.link.state === "up", 400_000, "up", s.a, s.b);
    });
  }
  test("a wrong chat script is said at once, and not tried in a circle", async () => {
    const s = modems({ chat: "TIMEOUT soon" });
    s.a.link.start();
    await s.w.run(1000);
    const st = s.a.link.status();
    assert.deepEqual([st.error?.layer, st.error?.code, st.error?.lasting], ["config", "chat", true]);
    assert.ok((st.retry_in ?? 0) >= 20 && s.m.a.port.closed);
  });
});

describe("the device", () => {
  test("is missing, or somebody else's: one sentence, and again later", async () => {
    const s = modems({ device: "/dev/nowhere" });
    s.a.link.start();
    await s.w.run(100);
    assert.match(s.a.link.status().error?.text ?? "", /cannot open \/dev\/nowhere/);
    const t = modems();
    t.m.a.port.open();
    t.a.link.start();
    await t.w.run(100);
    assert.deepEqual([t.a.link.status().error?.code, t.a.link.status().error?.layer], ["ebusy", "system"]);
    t.m.a.port.close();
    t.b.link.start();
    await t.w.until(() => t.a.link.state === "up", 60_000, "up when it is free", t.a);
  });
  test("is pulled out in every phase: ends at once, comes back when it does", async () => {
    for (const when of [50, 600, 2000, 3200, 8000]) {
      const s = modems();
      s.b.link.start();
      await s.w.run(500);
      s.a.link.start();
      await s.w.run(when);
      s.m.a.port.onGone("/dev/modem111 is gone: unplugged");
      s.m.a.hangUp();
      await s.w.run(100);
      assert.equal(s.a.link.state, "down", `after ${when} ms`);
      assert.match(s.a.link.status().error?.text ?? "", /modem111 is gone: unplugged/);
      assert.equal(s.m.a.port.closed, true);
      await s.w.until(() => s.a.link.state === "up", 120_000, `up again after ${when} ms`, s.a);
    }
  });
  test("stop at any moment: done within two seconds, device closed, nothing left", async () => {
    for (let when = 0; when < 6000; when += 370) {
      const s = modems();
      s.b.link.start();
      await s.w.run(300);
      s.a.link.start();
      await s.w.run(when);
      let done = 0;
      s.a.link.stop("test", () => void done++);
      s.b.link.stop("test", () => void done++);
      await s.w.run(2000);
      assert.deepEqual(
        [done, s.a.link.state, s.b.link.state, s.m.a.port.closed, s.m.b.port.closed],
        [2, "down", "down", true, true],
        `after ${when} ms`,
      );
      await s.w.run(10_000);
      assert.deepEqual(s.w.clock.pending(), [], `after ${when} ms`);
    }
  });
});

describe("a direct line", () => {
  function direct(noise?: (c: number) => number | null) {
    const w = new SerialWorld();
    const cable = nullModem(w.clock, noise ? { noise } : {});
    const serial = serialHost(cable.a, cable.b);
    const a = w.line(serial, { device: "/dev/ttyA", line: "direct", username: "second", password: "w0nderland" });
    const b = w.line(serial, { ...NAS, device: "/dev/ttyB", line: "direct" });
    return { w, a, b, cable };
  }
  test("two routers on a null-modem cable; the user's own address", async () => {
    const s = direct();
    await up(s);
    assert.equal(s.a.link.status().local_ip, "10.7.0.9");
    assert.equal(await carried(s.w, s.a, s.b, 5, "10.8.0.1"), 5);
    assert.ok(!s.cable.a.written.some((x) => x.startsWith("AT")));
  });
  test("one side restarts: the other notices, and both find each other again", async () => {
    const s = direct();
    await up(s);
    s.b.link.stop("restart", () => s.b.link.start());
    await s.w.run(3000);
    await s.w.until(() => s.a.link.state === "up" && s.b.link.state === "up", 60_000, "up again", s.a, s.b);
    assert.equal(await carried(s.w, s.b, s.a, 5, "10.8.0.1"), 5);
  });
  test("a line that eats XON and XOFF: software flow control asks the peer to escape them", async () => {
    const w = new SerialWorld();
    const cable = nullModem(w.clock, { noise: (c) => (c === 0x11 || c === 0x13 ? null : c) });
    const serial = serialHost(cable.a, cable.b);
    const a = w.line(serial, {
      device: "/dev/ttyA",
      line: "direct",
      flow: "xonxoff",
      username: "second",
      password: "w0nderland",
    });
    const b = w.line(serial, { ...NAS, device: "/dev/ttyB", line: "direct", flow: "xonxoff" });
    await up({ w, a, b });
    assert.equal(await carried(w, a, b, 5, "10.8.0.1"), 5);
    assert.equal(await carried(w, b, a, 5, "10.7.0.9"), 5);
  });
});
