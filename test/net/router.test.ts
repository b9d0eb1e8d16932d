// A router end to end: netifd's handler, the daemon, a real tunnel, and what netifd is told. router.ts says how real
// parts are put in.
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe } from "node:test";
import type { Table, Ubus } from "ubus-client";
import { HANDLER } from "../openwrt/shell.ts";
import { memory, PROGRAM, run, scenario, sleep, until } from "./harness.ts";
import { NETIFD, netifdDouble, network, PREFIX, Router, UBUSD } from "./router.ts";
import { B, PASSWORD, PSK } from "./sites.ts";

describe("a router", () => {
  scenario(
    "ifup: handler, daemon, tunnel, update, within 1.5 s; ifdown within 5",
    { needs: ["daemon", "busybox"] },
    async (lab) => {
      const r = await Router.make(lab);
      const netifd = await netifdDouble(r);
      await r.startDaemon();
      const t = performance.now();
      netifd.up("hq");
      await until("the update", 10_000, () => netifd.at("hq").state === "up");
      const took = performance.now() - t;
      console.log(`# handler to update: ${took.toFixed(0)} ms`);
      const [update] = netifd.at("hq").updates;
      assert.deepEqual(update, {
        action: 0,
        ifname: "l2tps-hq",
        "link-up": true,
        "address-external": true,
        keep: false,
        ipaddr: [{ ipaddr: "10.99.0.10", mask: "32", ptp: "10.99.0.1" }],
        routes: [{ target: "10.2.0.0", netmask: "16" }],
        dns: ["10.99.0.1"],
        data: { server: B, mtu: 1400 },
        interface: "hq",
      });
      assert.match(
        readFileSync(`${lab.dir}/handler.log`, "utf8"),
        new RegExp(`^dependency hq ${B.replaceAll(".", "\\.")}$`, "m"),
      );
      const ping = await r.ns.ping("10.99.0.1", 3);
      assert.equal(ping.received, 3);
      assert.doesNotMatch(await r.ns.must("ip", "route"), /10\.2\.0\.0\/16 dev l2tps-hq/, "routes are netifd's");
      assert.ok(took <= 1500, `${took} ms`);
      const down = performance.now();
      netifd.down("hq");
      await until("down", 5000, () => netifd.at("hq").state === "down");
      console.log(`# ifdown: ${(performance.now() - down).toFixed(0)} ms`);
      assert.equal(await r.ns.hasDevice("l2tps-hq"), false);
      console.log(
        `# memory of the daemon: ${(memory(r.daemon?.pid ?? 0, "Rss") / 1e6).toFixed(1)} MB, of which its ` +
          `own ${(memory(r.daemon?.pid ?? 0, "Anonymous") / 1e6).toFixed(1)} MB`,
      );
      const everybody = readFileSync(`/proc/${r.daemon?.pid}/cmdline`, "utf8");
      assert.doesNotMatch(everybody, new RegExp(`${PSK}|${PASSWORD}`));
    },
  );

  scenario(
    "the daemon is killed: the next one tells netifd, and the link comes back within seconds",
    { needs: ["daemon", "busybox"] },
    async (lab) => {
      const r = await Router.make(lab);
      const netifd = await netifdDouble(r);
      await r.startDaemon();
      netifd.up("hq");
      await until("up", 10_000, () => netifd.at("hq").state === "up");
      await r.daemon?.stop("SIGKILL");
      const t = performance.now();
      const started = r.startDaemon();
      await until("up again", 20_000, () => netifd.at("hq").updates.filter((u) => u["link-up"] === true).length === 2);
      console.log(`# up ${(performance.now() - t).toFixed(0)} ms after the start of a new daemon`);
      await started;
      assert.deepEqual(
        netifd.at("hq").updates.map((u) => u["link-up"]),
        [true, false, true],
      );
    },
  );
});

describe("with a real netifd", {
  skip: UBUSD === undefined || NETIFD === undefined ? "UBUSD and NETIFD are not given" : false,
}, () => {
  /** netifd in the router's namespace, with its own shell library and ours for a handler. */
  async function start(r: Router): Promise<Ubus> {
    const main = `${r.lab.dir}/netifd`;
    mkdirSync(`${main}/proto`, { recursive: true });
    const scripts = `${dirname(NETIFD ?? "")}/scripts`;
    const jshn = `${PREFIX}/share/libubox/jshn.sh`;
    const put = (from: string, to: string, change: (s: string) => string = (s) => s): void => {
      writeFileSync(to, change(readFileSync(from, "utf8")));
      chmodSync(to, 0o755);
    };
    copyFileSync(`${scripts}/utils.sh`, `${main}/utils.sh`);
    put(`${scripts}/netifd-proto.sh`, `${main}/netifd-proto.sh`, (s) =>
      s.replaceAll(/\/usr\/(local\/)?share\/libubox\/jshn\.sh/g, jshn),
    );
    put(HANDLER, `${main}/proto/l2tpsec.sh`, (s) =>
      s.replace("#!/bin/sh", "#!/bin/busybox sh").replace(". /lib/functions.sh", ":"),
    );
    writeFileSync(`${r.lab.dir}/bin/hotplug`, "#!/bin/sh\nexit 0\n");
    chmodSync(`${r.lab.dir}/bin/hotplug`, 0o755);
    await r.ns.must("ip", "addr", "flush", "dev", "wan");
    const args = [
      "netns",
      "exec",
      r.ns.name,
      NETIFD ?? "",
      "-s",
      r.bus,
      "-p",
      main,
      "-c",
      `${r.lab.dir}/config`,
      "-h",
      `${r.lab.dir}/bin/hotplug`,
      "-r",
      `${r.lab.dir}/resolv.conf`,
      "-l",
      "4",
      "-S",
    ];
    r.netifd = r.lab.spawn("netifd", "ip", args, { env: { ...r.env, NETIFD_MAIN_DIR: main } });
    const bus = r.client();
    await until("netifd", 5000, async () => (await bus.lookup("network.interface.hq").catch(() => [])).length > 0);
    return bus;
  }
  const status = async (bus: Ubus, name = "hq"): Promise<Table> =>
    JSON.parse(JSON.stringify(await bus.call(`network.interface.${name}`, "status"))) as Table;
  const isUp = (bus: Ubus): Promise<Table> =>
    until("up", 20_000, async () => {
      const s = await status(bus);
      return s["up"] === true ? s : null;
    });

  scenario(
    "ifup, routes, DNS, loss of wan, restarts, ifdown",
    { needs: ["daemon", "busybox"], timeout: 120_000 },
    async (lab) => {
      const r = await Router.make(lab, network("\toption defaultroute '1'\n"));
      await r.startDaemon();
      const t = performance.now();
      const bus = await start(r);
      const s = await isUp(bus);
      console.log(`# netifd started to hq up: ${(performance.now() - t).toFixed(0)} ms`);
      assert.deepEqual(
        [s["proto"], s["l3_device"], s["ipv4-address"]],
        ["l2tpsec", "l2tps-hq", [{ address: "10.99.0.10", mask: 32, ptpaddress: "10.99.0.1" }]],
      );
      assert.deepEqual(s["dns-server"], ["10.99.0.1"]);
      assert.deepEqual(s["data"], { server: B, mtu: 1400 });
      const routes = await r.ns.must("ip", "route");
      for (const want of [
        /^0\.0\.0\.0\/1 dev l2tps-hq/m,
        /^128\.0\.0\.0\/1 dev l2tps-hq/m,
        /^10\.2\.0\.0\/16 dev l2tps-hq/m,
        /^default via 203\.0\.113\.1 dev wan/m,
      ])
        assert.match(routes, want);
      assert.match(readFileSync(`${lab.dir}/resolv.conf`, "utf8"), /nameserver 10\.99\.0\.1/);
      assert.equal((await r.ns.ping("10.99.0.1", 2)).received, 2);

      // An error of the peer: netifd waits, and gets the link again.
      const session = Object.values(
        JSON.parse((await r.server.cli("status", "lns", "--json")).stdout) as Record<
          string,
          { sessions: { session: number }[] }
        >,
      )[0]?.sessions[0]?.session;
      assert.equal((await r.server.cli("disconnect", String(session))).code, 0);
      await until("lost", 5000, async () => (await status(bus))["up"] === false);
      const waiting = await status(bus);
      assert.deepEqual(
        [waiting["pending"], (waiting["errors"] as { code: string }[])[0]?.code],
        [true, "PEER_TERMINATED"],
      );
      await isUp(bus);

      // The daemon dies and comes back.
      await r.daemon?.stop("SIGKILL");
      await r.startDaemon();
      await until("told", 5000, () => /link\.up/.test(r.daemon?.output ?? ""));
      await isUp(bus);
      assert.match(await r.ns.must("ip", "route"), /^10\.2\.0\.0\/16 dev l2tps-hq/m);

      // wan goes, and comes back.
      await bus.call("network.interface.wan", "down");
      await until("down with wan, and waiting for it", 8000, async () => (await status(bus))["available"] === false);
      await bus.call("network.interface.wan", "up");
      await isUp(bus);

      const down = performance.now();
      await bus.call("network.interface.hq", "down");
      await until("ifdown", 6000, async () => {
        const x = await status(bus);
        return x["up"] === false && x["pending"] === false;
      });
      console.log(`# ifdown: ${(performance.now() - down).toFixed(0)} ms`);
      await until("the netdev gone", 3000, async () => !(await r.ns.hasDevice("l2tps-hq")));
      // A person's button.
      await bus.call("l2tpsec", "up", { name: "hq" });
      await isUp(bus);
    },
  );

  scenario("a serial line: address, route, DNS, ifdown", { needs: ["daemon", "busybox"] }, async (lab) => {
    const r = await Router.make(lab);
    r.write("network", `${network()}${await r.nas()}\toption metric '7'\n`);
    await r.startDaemon();
    const bus = await start(r);
    const s = await until("up", 20_000, async () => {
      const x = await status(bus, "modem");
      return x["up"] === true ? x : null;
    });
    assert.deepEqual(
      [s["proto"], s["l3_device"], s["ipv4-address"], s["dns-server"]],
      ["nasdial", "nas-modem", [{ address: "10.7.0.2", mask: 32, ptpaddress: "10.7.0.1" }], ["10.7.0.53"]],
    );
    assert.match(await r.ns.must("ip", "route"), /^default dev nas-modem .*metric 7/m);
    assert.equal((await r.ns.ping("10.7.0.1", 2)).received, 2);
    await bus.call("network.interface.modem", "down");
    await until("the netdev gone", 6000, async () => !(await r.ns.hasDevice("nas-modem")));
    assert.equal((await status(bus, "modem"))["pending"], false);
  });

  scenario(
    "a tunnel over a serial line: it waits for the line, runs on it, ends with it and comes back",
    { needs: ["daemon", "busybox"], timeout: 90_000 },
    async (lab) => {
      const r = await Router.make(lab);
      const modem = await r.nas();
      r.write(
        "network",
        network().replace("device 'wan'\n\toption proto 'static'", "device 'wan'\n\toption proto 'none'") + modem,
      );
      await r.startDaemon();
      const bus = await start(r);
      await bus.call("network.interface.modem", "down");
      await until("no way to the server", 5000, async () => (await status(bus))["up"] === false);
      await bus.call("network.interface.modem", "up");
      await isUp(bus);
      const hq = (await bus.call("l2tpsec", "status", { name: "hq" }))?.["hq"] as Table;
      assert.equal(hq["via"], "nas-modem");
      assert.equal((await r.ns.ping("10.99.0.1", 2)).received, 2);
      assert.match(await r.ns.must("ip", "route"), /^10\.2\.0\.0\/16 dev l2tps-hq/m);
      await bus.call("network.interface.modem", "down");
      await until("down with the line", 8000, async () => (await status(bus))["up"] === false);
      await bus.call("network.interface.modem", "up");
      await until("the line", 15_000, async () => (await status(bus, "modem"))["up"] === true);
      const t = performance.now();
      await isUp(bus);
      console.log(`# tunnel up ${(performance.now() - t).toFixed(0)} ms after its line`);
      assert.equal((await r.ns.ping("10.99.0.1", 2)).received, 2);
    },
  );

  scenario("a wrong password, then the right one", { needs: ["daemon", "busybox"] }, async (lab) => {
    const r = await Router.make(lab, network("", "wrong"));
    await r.startDaemon();
    const bus = await start(r);
    const s = await until("given up", 20_000, async () => {
      const x = await status(bus);
      return x["pending"] === false && x["errors"] !== undefined ? x : null;
    });
    assert.deepEqual([(s["errors"] as { code: string }[])[0]?.code, s["autostart"]], ["AUTH_FAILED", false]);
    r.write("network", network());
    await bus.call("network", "reload");
    await sleep(300);
    assert.equal((await status(bus))["pending"], false, "netifd sees no secret change");
    assert.equal(
      (await run(PROGRAM[0], [...PROGRAM.slice(1), "reload", "--socket", `${lab.dir}/router.sock`])).code,
      0,
    );
    await isUp(bus);
  });

  scenario("the bus restarts", { needs: ["daemon", "busybox"] }, async (lab) => {
    const r = await Router.make(lab);
    await r.startDaemon();
    const bus = await start(r);
    await isUp(bus);
    await r.ubusd?.stop();
    await sleep(200);
    await r.startBus();
    await until(
      "l2tpsec on the new bus",
      15_000,
      async () =>
        (await bus.lookup("l2tpsec").catch(() => [])).length > 0 &&
        (await bus.lookup("network.interface.hq").catch(() => [])).length > 0,
    );
    await sleep(500);
    assert.equal((await status(bus))["up"], true);
    assert.doesNotMatch(r.daemon?.output ?? "", /link\.down/);
  });

  scenario(
    "netifd is killed: the next one has the interface up, and the link never went down",
    { needs: ["daemon", "busybox"] },
    async (lab) => {
      const r = await Router.make(lab, network("\tlist routes '10.3.0.0/16'\n"));
      await r.startDaemon();
      await isUp(await start(r));
      await r.netifd?.stop("SIGKILL");
      const bus = await start(r);
      const s = await isUp(bus);
      assert.deepEqual(s["ipv4-address"], [{ address: "10.99.0.10", mask: 32, ptpaddress: "10.99.0.1" }]);
      assert.match(await r.ns.must("ip", "route"), /^10\.3\.0\.0\/16 dev l2tps-hq/m);
      assert.equal((await r.ns.ping("10.99.0.1", 2)).received, 2);
      assert.doesNotMatch(r.daemon?.output ?? "", /link\.down/);
    },
  );

  scenario(
    "ubusd, netifd and the daemon are killed in any order: the link is up again, with its routes",
    { needs: ["daemon", "busybox"], timeout: 180_000 },
    async (lab) => {
      const r = await Router.make(lab);
      await r.startDaemon();
      let bus = await start(r);
      await isUp(bus);
      const kill = { u: () => r.ubusd, n: () => r.netifd, d: () => r.daemon };
      for (const order of ["und", "udn", "nud", "ndu", "dun", "dnu"]) {
        for (const which of order) {
          await kill[which as keyof typeof kill]()?.stop("SIGKILL");
          if (which === "u") await r.startBus();
          if (which === "n") bus = await start(r);
          if (which === "d") await r.startDaemon();
        }
        const t = performance.now();
        await until(
          "the object of netifd",
          15_000,
          async () => (await bus.lookup("network.interface.hq").catch(() => [])).length > 0,
        );
        await isUp(bus);
        await until("the route", 5000, async () =>
          /^10\.2\.0\.0\/16 dev l2tps-hq/m.test(await r.ns.must("ip", "route")),
        );
        assert.equal((await r.ns.ping("10.99.0.1", 1)).received, 1, order);
        console.log(`# ${order}: up ${(performance.now() - t).toFixed(0)} ms after the last start`);
      }
    },
  );

  scenario(
    "an option is changed: netifd and the daemon agree on the new one, whoever hears first; another " +
      "interface is untouched",
    { needs: ["daemon", "busybox"] },
    async (lab) => {
      const r = await Router.make(lab);
      await r.startDaemon();
      const bus = await start(r);
      await isUp(bus);
      r.write("network", network().replace("10.2.0.0/16", "10.4.0.0/16"));
      await bus.call("network", "reload");
      await until("the new route", 10_000, async () =>
        /^10\.4\.0\.0\/16 dev l2tps-hq/m.test(await r.ns.must("ip", "route")),
      );
      assert.equal((await bus.call("l2tpsec", "reload"))?.["changed"], "nothing changed");
      // What is none of ours disturbs nothing.
      const before = (await status(bus))["uptime"];
      r.write(
        "network",
        `${network().replace("10.2.0.0/16", "10.4.0.0/16")}config interface 'guest'\n\toption proto 'none'\n`,
      );
      await bus.call("network", "reload");
      assert.equal((await bus.call("l2tpsec", "reload"))?.["changed"], "nothing changed");
      await sleep(500);
      assert.ok(Number((await status(bus))["uptime"]) >= Number(before));
      assert.equal((r.daemon?.output.match(/hq: link\.down/g) ?? []).length, 1, "once, for the change before");
      // A wrong option: readable in ifstatus.
      r.write("network", network("\toption mtu '9'\n"));
      await bus.call("network", "reload");
      const s = await until("the error", 10_000, async () => {
        const x = await status(bus);
        return (x["errors"] as { code: string }[] | undefined)?.[0]?.code === "INVALID_CONFIG" ? x : null;
      });
      assert.deepEqual((s["errors"] as { data: string[] }[])[0]?.data, [
        'network.hq.mtu: "9" is not allowed (allowed: a whole number from 576 to 1500 bytes)',
      ]);
      assert.equal((await status(bus, "wan"))["up"], true);
      r.write("network", network("\toption mtu '1300'\n"));
      await bus.call("network", "reload");
      assert.equal(((await isUp(bus))["data"] as { mtu: number }).mtu, 1300);
    },
  );
});
