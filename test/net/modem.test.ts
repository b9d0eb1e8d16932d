// Dialled through modems: real daemons, ptys, and an exchange that says BUSY, spoils bytes and loses calls.
//
// a: nas-isp 10.7.0.2 -- modem 111 ~~ exchange ~~ modem 222 -- nas-line 10.7.0.1 :b and nothing else between the two
import assert from "node:assert/strict";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { describe } from "node:test";
import { Daemon, type Section } from "./daemon.ts";
import { type Lab, type Ns, scenario, until } from "./harness.ts";
import { Exchange, type Modem } from "./modem.ts";
import { clientSection, PASSWORD, serverConfig } from "./sites.ts";

const B = "203.0.113.1";

interface Site {
  readonly a: Ns;
  readonly exchange: Exchange;
  readonly modems: readonly [Modem, Modem];
  /** The caller's. */
  readonly lock: string;
  readonly caller: Daemon;
  readonly nas: Daemon;
}
async function site(
  lab: Lab,
  caller: Section = {},
  nas: Section = {},
  tunnel: Section = {},
  speed = 115200,
): Promise<Site> {
  const [a, b] = await Promise.all([lab.ns("a"), lab.ns("b")]);
  await b.must("ip", "addr", "add", `${B}/32`, "dev", "lo");
  const exchange = new Exchange();
  lab.atEnd(() => Promise.resolve(exchange.close()));
  const modems = [exchange.modem("111", speed), exchange.modem("222", speed)] as const;
  // Under a name that is no pty's, so that there is a lock file.
  const tty = `${lab.dir}/tty${process.pid}`;
  symlinkSync(modems[0].device, tty);
  return {
    a,
    exchange,
    modems,
    lock: `/var/lock/LCK..tty${process.pid}`,
    caller: new Daemon(a, "caller", {
      "interface isp": {
        proto: "nasdial",
        device: tty,
        phone: "222",
        init: "ATZ",
        init2: "ATM0L1&C1",
        username: "line1",
        password: "over the wire",
        routes: `${B}/32`,
        login: "none",
        flow: "none",
        reconnect_min: 1,
        reconnect_max: 2,
        redial_pause: 0,
        ...caller,
      },
      "interface hq": clientSection(tunnel),
    }),
    nas: new Daemon(b, "nas", {
      ...serverConfig(
        {},
        {
          "user branch1": { password: PASSWORD, ip: "10.99.0.10" },
          "user line1": { password: "over the wire", ip: "10.7.0.2" },
        },
      ),
      "interface line": {
        proto: "nasdial",
        device: modems[1].device,
        role: "answer",
        local_ip: "10.7.0.1",
        remote_ip: "10.7.0.2",
        flow: "none",
        reconnect_min: 1,
        ...nas,
      },
    }),
  };
}

describe("over modems", () => {
  scenario(
    "the first number is busy, the second answers; the tunnel follows; hung up by command, and no lock stays",
    { timeout: 60_000 },
    async (lab) => {
      const { a, exchange, modems, lock, caller, nas } = await site(lab, { phone: "555 222" });
      exchange.ends.set("555", "BUSY");
      await nas.start();
      await until("the NAS waits", 5000, () => modems[1].commands.includes("ATS0=0"));
      await caller.start();
      const busy = await caller.event("isp", "link.down", 10_000);
      assert.match(busy[0], /code="busy" text="dial: sent \\"ATDT555\\", came back \\"BUSY\\": the number is busy"/);
      await caller.event("isp", "link.up", 15_000);
      await caller.event("hq", "link.up", 15_000);
      assert.deepEqual(modems[0].commands, ["ATZ", "ATM0L1&C1", "ATDT555", "ATZ", "ATM0L1&C1", "ATDT222"]);
      assert.deepEqual(modems[1].commands, ["ATZ", "ATS0=0", "ATA"]);
      const s = await caller.nasStatus("isp");
      assert.deepEqual([s.phone, s.speed, s.local_ip], ["222", 115200, "10.7.0.2"]);
      assert.equal((await a.ping("10.99.0.1", 5)).received, 5);
      assert.equal(existsSync(lock), true);
      assert.equal((await caller.cli("down", "isp")).code, 0);
      await until("the line is free", 5000, () => !modems[0].online && !modems[0].held);
      assert.equal(existsSync(lock), false);
    },
  );

  scenario(
    "NO CARRIER in the midst of the call: seen at once, the tunnel ends with it, and both come back",
    { timeout: 90_000 },
    async (lab) => {
      const { a, exchange, modems, caller, nas } = await site(lab);
      await nas.start();
      await caller.start();
      await caller.event("hq", "link.up", 30_000);
      const mark = caller.mark;
      const lost = performance.now();
      exchange.loseCarrier();
      const down = await caller.event("isp", "link.down", 8000, mark);
      assert.match(down[0], /code="carrier-lost"/);
      assert.ok(performance.now() - lost < 4000, `${performance.now() - lost} ms`);
      assert.match((await caller.event("hq", "link.down", 5000, mark))[0], /the line isp that it ran on is down/);
      await caller.event("hq", "link.up", 30_000, mark);
      assert.equal((await a.ping("10.99.0.1", 5)).received, 5);
      assert.equal(modems[0].commands.filter((c) => c === "ATDT222").length, 2);
    },
  );

  scenario(
    "the call stands and nothing passes: LCP echo finds out; +++ and ATH free the line",
    { timeout: 90_000 },
    async (lab) => {
      const { exchange, modems, caller, nas } = await site(lab, { keepalive: "2 1" });
      await nas.start();
      await caller.start();
      await caller.event("isp", "link.up", 20_000);
      const mark = caller.mark;
      exchange.mute = true;
      assert.match((await caller.event("isp", "link.down", 25_000, mark))[0], /code="echo-timeout"/);
      assert.ok(modems[0].commands.includes("ATH"), modems[0].commands.join(" "));
      exchange.mute = false;
      await caller.event("isp", "link.up", 40_000, mark);
    },
  );

  scenario("a line with noise: what is spoiled is dropped, and neither link ends", { timeout: 90_000 }, async (lab) => {
    const { a, exchange, caller, nas } = await site(lab, { keepalive: "10 2" }, { keepalive: "10 2" });
    await nas.start();
    await caller.start();
    await caller.event("hq", "link.up", 30_000);
    const mark = caller.mark;
    exchange.noise = 0.2;
    const { sent, received } = await a.ping("10.99.0.1", 100, 0.05, ["-s", "100"]);
    exchange.noise = 0;
    assert.ok(received > sent * 0.6, `${received} of ${sent}`);
    assert.equal((await caller.status("hq")).state, "up");
    assert.doesNotMatch(caller.proc.output.slice(mark), /link\.down/);
  });

  scenario(
    "on demand: the first packet dials, silence hangs up, the next packet dials again",
    { timeout: 90_000 },
    async (lab) => {
      const { a, modems, caller, nas } = await site(lab, { demand: "yes", idle_timeout: 4 }, {}, { auto: "no" });
      await nas.start();
      await caller.start();
      await until("the netdev is there", 5000, () => a.hasDevice("nas-isp"));
      assert.match(await a.routes(), /203\.0\.113\.1 dev nas-isp/);
      assert.deepEqual(modems[0].commands, []);
      const { received } = await a.ping(B, 16, 0.4);
      assert.ok(received >= 3, `${received} of 16`); // those with the placeholder's address get no answer
      await caller.event("isp", "link.up", 1000);
      const mark = caller.mark;
      assert.match(
        (await caller.event("isp", "link.down", 15_000, mark))[0],
        /code="idle" text="hung up after 4 s without a packet"/,
      );
      assert.equal(await a.hasDevice("nas-isp"), true);
      assert.deepEqual(
        await a.ping(B, 1, 0.4, ["-W", "9"]).then((p) => p.received),
        1,
        "the packet that dials is answered: the address is the old one",
      );
      assert.ok(modems[0].commands.filter((c) => c === "ATDT222").length >= 2);
      await caller.event("isp", "link.down", 20_000, caller.mark);
      await a.must("ip", "link", "del", "nas-isp");
      await until("the netdev is there again", 8000, () => a.hasDevice("nas-isp"));
      assert.equal((await caller.cli("down", "isp")).code, 0);
      await until("the netdev is gone", 4000, async () => !(await a.hasDevice("nas-isp")));
    },
  );

  scenario("a tunnel on a line on demand dials it, and takes its address", { timeout: 90_000 }, async (lab) => {
    const { a, caller, nas } = await site(lab, { demand: "yes" });
    await nas.start();
    await caller.start();
    await caller.event("isp", "link.up", 15_000);
    const hq = await caller.waitUp("hq", 30_000);
    assert.equal(hq.local_ip, "10.99.0.10");
    assert.match(hq.stages.find((s) => s.name === "route")?.text ?? "", /from 10\.7\.0\.2 by nas-isp/);
    assert.equal((await a.ping("10.99.0.1", 3)).received, 3);
  });

  scenario("within a second of CONNECT the link is up, at 33600 bit/s too", { timeout: 60_000 }, async (lab) => {
    const { exchange, modems, caller, nas } = await site(lab, {}, {}, { auto: "no" }, 33600);
    let connected = 0;
    exchange.onTalk = (m, who, line) => {
      if (m === modems[0] && who === "modem" && line.startsWith("CONNECT")) connected = performance.now();
    };
    await nas.start();
    await caller.start();
    await caller.event("isp", "link.up", 15_000);
    const ms = performance.now() - connected;
    console.log(`from CONNECT to up: ${ms.toFixed(0)} ms`);
    assert.ok(ms <= 1000, `${ms} ms`);
  });

  scenario("the next call brings another address: the tunnel starts anew with it", { timeout: 90_000 }, async (lab) => {
    const { a, exchange, caller, nas } = await site(lab);
    await nas.start();
    await caller.start();
    assert.match((await caller.waitUp("hq", 30_000)).stages.map((s) => s.text).join(), /from 10\.7\.0\.2 by nas-isp/);
    writeFileSync(nas.file, readFileSync(nas.file, "utf8").replace("ip = 10.7.0.2", "ip = 10.7.0.99"));
    assert.equal((await nas.cli("reload")).code, 0);
    const mark = caller.mark;
    exchange.loseCarrier();
    const hq = await caller.waitUp("hq", 40_000, mark);
    assert.equal((await caller.nasStatus("isp")).local_ip, "10.7.0.99");
    assert.match(hq.stages.map((s) => s.text).join(), /from 10\.7\.0\.99 by nas-isp/);
    assert.equal((await a.ping("10.99.0.1", 3)).received, 3);
  });

  scenario("however it ends, no lock file stays, and the device is free", { timeout: 90_000 }, async (lab) => {
    const { exchange, modems, lock, caller, nas } = await site(lab, {}, {}, { auto: "no" });
    const free = (what: string): Promise<true> =>
      until(what, 8000, () => (!existsSync(lock) && !modems[0].held) || null);
    await nas.start();
    // in the midst of the dialogue, and in the call
    for (const word of ["modem\\.step", "modem\\.connected", "link\\.up"]) {
      await caller.start();
      await caller.proc.line(new RegExp(`isp: ${word}`), 20_000);
      assert.equal(existsSync(lock), true);
      assert.equal((await caller.stop()).code, 0);
      await free(`stopped after ${word}`);
      await until("the NAS's modem is free", 10_000, () => !modems[1].online);
    }
    // killed: what stays names a process that is gone, and is no obstacle
    await caller.start();
    await caller.event("isp", "link.up", 20_000);
    await caller.kill();
    await until("the line is free", 5000, () => !modems[0].held);
    await caller.start();
    await caller.event("isp", "link.up", 40_000);
    // the dialogue fails
    let mark = caller.mark;
    exchange.ends.set("222", "NO DIALTONE");
    exchange.loseCarrier();
    await caller.proc.line(/isp: link\.down .*code="no-dialtone"/, 20_000, mark);
    await free("after a failure");
    exchange.ends.clear();
    // the modem is pulled out
    await caller.event("isp", "link.up", 30_000, mark);
    mark = caller.mark;
    modems[0].close();
    await caller.event("isp", "link.down", 5000, mark);
    await until("no lock", 3000, () => !existsSync(lock));
  });
});
