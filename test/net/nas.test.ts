// A serial line: PPP between two routers, and the tunnel that runs on it.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe } from "node:test";
import { LineTap } from "./anatomy.ts";
import { Daemon } from "./daemon.ts";
import { type Lab, type Ns, RUNTIME, scenario, sleep, until } from "./harness.ts";
import { SerialLine } from "./line.ts";
import { clientSection, lan, PASSWORD, serverConfig } from "./sites.ts";

const B = "203.0.113.1";

interface Site {
  readonly a: Ns;
  readonly b: Ns;
  readonly line: SerialLine;
  readonly caller: Daemon;
  readonly nas: Daemon;
}

/** Router a calls router b over a null-modem cable; b is NAS and LNS, with its address on no wire but this one. */
async function sites(lab: Lab, baud: number, more: Record<string, string | number> = {}): Promise<Site> {
  const [a, b] = await Promise.all([lab.ns("a"), lab.ns("b")]);
  await b.must("ip", "addr", "add", `${B}/32`, "dev", "lo");
  const line = new SerialLine(lab, baud);
  const common = {
    proto: "nasdial",
    line: "direct",
    baud: baud || 115200,
    flow: "none",
    reconnect_min: 1,
    reconnect_max: 2,
    ...more,
  };
  const caller = new Daemon(a, "caller", {
    "interface isp": {
      ...common,
      device: line.devices[0],
      username: "line1",
      password: "over the wire",
      routes: `${B}/32`,
    },
    // an MTU depends on the cipher, and the default on how fast each end has just found its CPU to be
    "interface hq": clientSection({ routes: "10.20.0.0/24", esp_proposals: "aes256gcm16" }),
  });
  const nas = new Daemon(b, "nas", {
    ...serverConfig(
      {},
      {
        "user branch1": { password: PASSWORD, ip: "10.99.0.10", routes: "10.10.0.0/24" },
        "user line1": { password: "over the wire", ip: "10.7.0.2" },
      },
    ),
    "interface line": {
      ...common,
      device: line.devices[1],
      role: "answer",
      local_ip: "10.7.0.1",
      remote_ip: "10.7.0.2",
      auth: "mschapv2",
    },
  });
  return { a, b, line, caller, nas };
}

describe("over a serial line", () => {
  scenario("LAN to LAN: ESP over PPP over HDLC at 115200 baud", { needs: ["daemon"], timeout: 90_000 }, async (lab) => {
    const { a, b, caller, nas } = await sites(lab, 115200);
    const [left, right] = await Promise.all([lan(lab, a, 10), lan(lab, b, 20)]);
    await nas.start();
    await caller.start();
    await caller.event("isp", "link.up", 15_000);
    await caller.event("hq", "link.up", 15_000);
    const s = await caller.nasStatus("isp");
    assert.deepEqual(
      [s.state, s.local_ip, s.remote_ip, s.ppp?.auth, s.stages.map((x) => `${x.name} ${x.state}`)],
      ["up", "10.7.0.2", "10.7.0.1", "MS-CHAPv2", ["line ok", "modem ok", "ppp ok", "ip ok"]],
    );
    assert.equal((await nas.nasStatus("line")).user, "line1");
    const hq = await caller.status("hq");
    assert.equal(hq.ipsec, "required");
    const { sent, received } = await left.ping("10.20.0.2", 10, 0.2);
    assert.ok(received >= sent - 1, `${received} of ${sent}`);
    assert.equal((await right.ping("10.10.0.2", 5)).received, 5);
  });

  scenario(
    "the cable is cut: the tunnel on the line ends with it, and both come back",
    { needs: ["daemon"], timeout: 120_000 },
    async (lab) => {
      const { caller, nas, line } = await sites(lab, 0, { keepalive: "2 1" });
      await nas.start();
      await caller.start();
      await caller.event("hq", "link.up", 20_000);
      const mark = caller.mark;
      line.cut = true;
      await caller.event("isp", "link.down", 15_000, mark);
      const down = await caller.event("hq", "link.down", 5_000, mark);
      assert.match(down[0], /the line isp that it ran on is down/);
      line.cut = false;
      await caller.event("isp", "link.up", 30_000, mark);
      await caller.event("hq", "link.up", 15_000, mark);
    },
  );

  scenario(
    "noise: what is spoiled is dropped and counted, and the link stays",
    { needs: ["daemon"], timeout: 120_000 },
    async (lab) => {
      const { a, b, caller, nas, line } = await sites(lab, 115200, { keepalive: "10 2" });
      const [left] = await Promise.all([lan(lab, a, 10), lan(lab, b, 20)]);
      await nas.start();
      await caller.start();
      await caller.event("hq", "link.up", 20_000);
      const mark = caller.mark;
      line.noise = 0.2; // of a thousand bytes: about 5 % of the frames of 250
      const { sent, received } = await left.ping("10.20.0.2", 150, 0.05, ["-s", "100"]);
      line.noise = 0;
      assert.ok(received > sent * 0.6 && received < sent, `${received} of ${sent}`);
      const drops = { ...(await caller.nasStatus("isp")).drops, ...(await nas.nasStatus("line")).drops };
      assert.ok(
        Object.entries(drops).some(([k, n]) => /fcs/i.test(k) && n > 0),
        JSON.stringify(drops),
      );
      assert.equal((await caller.status("hq")).state, "up");
      assert.doesNotMatch(caller.proc.output.slice(mark), /link\.down/);
    },
  );

  scenario(
    "a device that is missing, and one that somebody holds: one sentence, and no lock stays",
    { needs: ["daemon"], timeout: 60_000 },
    async (lab) => {
      const a = await lab.ns("a");
      const d = new Daemon(a, "caller", {
        "interface isp": {
          proto: "nasdial",
          device: "/dev/ttyNONE7",
          phone: "5551234",
          username: "u",
          password: "p",
          reconnect_min: 1,
        },
      });
      await d.start();
      const m = await d.event("isp", "link.down", 5000);
      assert.match(m[0], /open \/dev\/ttyNONE7 at 115200 baud.*no such device/);
      await sleep(200);
      assert.equal(existsSync("/var/lock/LCK..ttyNONE7"), false);
      await until("status says so", 3000, async () => (await d.nasStatus("isp")).retry_in !== null);
    },
  );

  scenario(
    "TCP fills the line: 95 % of 115200 baud, less headers, framing and escapes",
    { timeout: 60_000 },
    async (lab) => {
      const { a, b, caller, nas, line } = await sites(lab, 115200);
      await nas.start();
      await caller.start();
      await caller.event("isp", "link.up", 15_000);
      await caller.event("hq", "link.up", 15_000);
      assert.equal((await caller.cli("down", "hq")).code, 0);
      await caller.event("hq", "link.down", 3000);
      assert.match(
        await a.routes(),
        /203\.0\.113\.1 dev nas-isp/,
        "the line's own route to the server outlives the tunnel",
      );
      await sleep(500);
      const server = b.spawn(
        process.execPath,
        "-e",
        `require("net").createServer((s) => { let n = 0; s.on("data", (d) => { n += d.length; }); ` +
          `s.on("end", () => { console.log("got " + n); process.exit(); }); }).listen(5001, "${B}", () => ` +
          `console.log("listening"))`,
      );
      await server.line(/listening/, 5000);
      const tap = new LineTap();
      const seen = { bytes: 0, from: 0, to: 0 };
      line.onBytes = (from, data) => {
        if (from !== 0) return;
        seen.to = performance.now();
        if (seen.bytes === 0) seen.from = seen.to;
        seen.bytes += data.length;
        tap.input(data);
      };
      await a.must(
        process.execPath,
        "-e",
        `require("net").connect(5001, "${B}", function () { this.end(require("crypto").randomBytes(120000)); })`,
      );
      const payload = Number((await server.line(/got (\d+)/, 5000))[1]);
      line.onBytes = () => {};
      const seconds = (seen.to - seen.from) / 1000;
      const capacity = 11_520 * seconds;
      // What nobody can do without: IP and TCP with time stamps (52), PPP, FCS, flags and escapes of every frame.
      const counted = tap.frames.reduce((n, f) => n + f.raw.length - Math.max(0, f.ip - 52), 0);
      const words =
        `${payload} bytes of payload and ${counted} of headers, framing and escapes in ${tap.frames.length} ` +
        `packets; room for ${capacity.toFixed(0)} in ${seconds.toFixed(1)} s`;
      console.log(`115200 baud: ${((100 * payload) / (capacity - counted)).toFixed(1)} %: ${words}`);
      assert.ok(payload >= 0.95 * (capacity - counted), words);
    },
  );

  for (const [outer, inner] of [
    [576, 502],
    [1500, 1400],
  ] as const) {
    scenario(
      `a serial line of MTU ${outer}: the tunnel's packets fit it, none is fragmented`,
      { timeout: 60_000 },
      async (lab) => {
        const { a, caller, nas } = await sites(lab, 0, { mtu: outer });
        await nas.start();
        await caller.start();
        const hq = await caller.waitUp("hq", 20_000);
        assert.equal((await caller.nasStatus("isp")).mtu, outer);
        assert.equal(hq.mtu, inner);
        const wire = await a.capture("nas-isp", "esp");
        for (const size of [inner - 29, inner - 28])
          assert.equal((await a.ping("10.99.0.1", 2, 0.2, ["-M", "do", "-s", String(size)])).received, 2);
        await wire.stop();
        assert.equal(await wire.count("ip[6:2] & 0x3fff != 0"), 0, "fragments");
      },
    );
  }

  scenario("a line that carries nothing costs nothing", { timeout: 60_000 }, async (lab) => {
    const { caller, nas } = await sites(lab, 0);
    await nas.start();
    await caller.start();
    await caller.event("hq", "link.up", 20_000);
    await sleep(2000);
    const ticks = (): number =>
      readFileSync(`/proc/${caller.proc.pid}/stat`, "utf8")
        .split(") ")[1]
        ?.split(" ")
        .slice(11, 13)
        .reduce((n, x) => n + Number(x), 0) ?? 0;
    const before = ticks();
    await sleep(10_000);
    const used = ticks() - before;
    console.log(`idle: ${used * 10} ms of CPU in 10 s`);
    // Node's own timers and collector are up to 60 ms of it
    assert.ok(used <= (RUNTIME === "qjs" ? 3 : 12), `${used} ticks of 10 ms in 10 s`);
  });
});
