// Links and netifd, whole: daemons of the simulation, the double of ubusd, and netifd's states.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ubus, UbusError } from "ubus-client";
import { server } from "../sim/world.ts";
import { Router } from "./router.ts";

const HQ = `config interface 'hq'
	option proto 'l2tpsec'
	option server '198.51.100.2'
	option username 'branch'
	option password 'wonderland'
	option psk 'swordfish'
	list routes '192.168.20.0/24'
	list routes '10.8.0.0/16'
	option defaultroute '0'
`;

const NETWORKS = ["192.168.20.0/24", "10.8.0.0/16"];
const UPDATE = {
  action: 0,
  ifname: "l2tps-hq",
  "link-up": true,
  "address-external": true,
  keep: false,
  ipaddr: [{ ipaddr: "10.99.0.100", mask: "32", ptp: "10.99.0.1" }],
  routes: [
    { target: "192.168.20.0", netmask: "24" },
    { target: "10.8.0.0", netmask: "16" },
  ],
  dns: ["10.99.0.53"],
  data: { server: "198.51.100.2", mtu: 1400 },
  interface: "hq",
};

test("ifup: the exact update; ifdown: nothing is left", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  await r.startDaemon();
  assert.equal(r.daemon.status("hq")["hq"]?.state, "down", "netifd decides");
  r.netifd.up("hq");
  await r.isUp();
  assert.deepEqual(r.netifd.at("hq").updates, [UPDATE]);
  r.netifd.down("hq");
  await r.until("down", 3000, () => r.netifd.at("hq").state === "down");
  assert.equal(r.daemon.status("hq")["hq"]?.state, "down", "netifd's teardown ends when the link has");
  assert.deepEqual([r.netifd.refused, r.netifd.at("hq").errors], [[], []]);
});

test("the default route with metric 0 goes in two halves, and whole with a metric of its own; without peerdns no servers", async () => {
  const halves = [...UPDATE.routes, { target: "0.0.0.0", netmask: "1" }, { target: "128.0.0.0", netmask: "1" }];
  for (const [more, routes] of [
    ["\toption defaultroute ''\n", halves], // as with every protocol of netifd's
    ["\toption defaultroute '1'\n", halves],
    [
      "\toption defaultroute '1'\n\toption metric '5'\n\toption peerdns '0'\n",
      [...UPDATE.routes, { target: "0.0.0.0", netmask: "0" }],
    ],
  ] as const) {
    const r = new Router(HQ + more);
    r.netifd.add("hq");
    await r.startDaemon();
    r.netifd.up("hq");
    await r.isUp();
    const { dns, ...rest } = UPDATE;
    assert.deepEqual(r.netifd.at("hq").updates, [{ ...(more.includes("peerdns") ? rest : { ...rest, dns }), routes }]);
  }
});

test("the link is lost and comes back without netifd's doing", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  await r.startDaemon();
  r.netifd.up("hq");
  await r.isUp();
  r.lns.daemon.disconnect(server(r.lns).sessions[0]?.session ?? 0);
  await r.until("lost", 5000, () => r.netifd.at("hq").state === "setup");
  await r.isUp();
  assert.deepEqual(r.netifd.at("hq").updates, [UPDATE, { action: 0, "link-up": false, interface: "hq" }, UPDATE]);
  assert.equal(r.netifd.at("hq").errors[0]?.[0], "PEER_TERMINATED");
});

test("a wrong password or key: the error for LuCI at once, pending and blocked for ever; the right one brings the link up by itself", async () => {
  for (const [from, to, code] of [
    ["wonderland", "wrong", "AUTH_FAILED"],
    ["swordfish", "wrong", "PSK_MISMATCH"],
  ] as const) {
    const r = new Router(HQ.replace(from, to));
    r.netifd.add("hq");
    await r.startDaemon();
    r.netifd.up("hq");
    // that the key is wrong is said when all tries are used up
    await r.until("the error", 30_000, () => r.netifd.at("hq").errors.length > 0);
    assert.equal(r.netifd.at("hq").errors[0]?.[0], code);
    r.netifd.at("hq").errors.length = 0;
    await r.until("the next try", 50_000, () => r.netifd.at("hq").errors.length > 0);
    assert.deepEqual(
      [r.netifd.at("hq").state, r.netifd.at("hq").autostart, r.daemon.status("hq")["hq"]?.state],
      ["setup", true, "down"],
    );
    assert.deepEqual(r.plane.net.blocked, NETWORKS);
    // netifd does not know secrets, so a reload of the daemon is all that tells of a new one.
    r.text = HQ;
    assert.equal(r.daemon.reload(), "interface hq");
    await r.until("up", 10_000, () => r.netifd.at("hq").state === "up");
    r.netifd.down("hq");
    await r.until("down", 3000, () => r.netifd.at("hq").state === "down");
    assert.deepEqual(r.plane.net.blocked, [], "nobody wants it");
  }
});

test("a section with a fault goes on guarding what it guarded, and from boot what can be read of it", async () => {
  const BAD = `${HQ}\toption mtu '9'\n`;
  const r = new Router(HQ);
  r.netifd.add("hq");
  await r.startDaemon();
  r.netifd.up("hq");
  await r.isUp();
  r.text = BAD;
  r.daemon.reload();
  await r.until("down", 5000, () => r.netifd.at("hq").state === "setup");
  await r.run(5000);
  assert.deepEqual(r.plane.net.blocked, NETWORKS);
  r.text = HQ;
  r.daemon.reload();
  await r.isUp();
  assert.deepEqual(r.plane.net.blocked, NETWORKS);
  r.text = BAD;
  r.daemon.reload();
  await r.until("down", 5000, () => r.netifd.at("hq").state === "setup");
  r.netifd.down("hq");
  await r.run(3000);
  assert.deepEqual([r.netifd.at("hq").state, r.plane.net.blocked], ["down", []]);

  const boot = new Router(`${BAD}\tlist routes 'nonsense'\n`);
  boot.netifd.add("hq");
  await boot.startDaemon();
  assert.deepEqual(boot.plane.net.blocked, [], "netifd decides");
  boot.netifd.up("hq");
  await boot.run(1000);
  assert.deepEqual([boot.netifd.at("hq").errors[0]?.[0], boot.plane.net.blocked], ["INVALID_CONFIG", NETWORKS]);
  boot.text = "";
  boot.daemon.reload();
  await boot.run(1000);
  assert.deepEqual(boot.plane.net.blocked, []);
});

test("everything else is told and retried", async () => {
  const r = new Router(HQ.replace("198.51.100.2", "198.51.100.77"));
  r.netifd.add("hq");
  await r.startDaemon();
  r.netifd.up("hq");
  await r.until("an error", 60_000, () => r.netifd.at("hq").errors.length > 0);
  assert.equal(r.netifd.at("hq").errors[0]?.[0], "NO_ANSWER");
  assert.deepEqual([r.netifd.at("hq").state, r.netifd.at("hq").autostart], ["setup", true]);
});

test("wan comes up: no pause is waited for; an interface of ours coming up means nothing", async () => {
  const r = new Router(
    HQ.replace("198.51.100.2", "198.51.100.77") + HQ.replace("'hq'", "'hq2'").replace("198.51.100.2", "198.51.100.78"),
  );
  for (const n of ["hq", "hq2"]) r.netifd.add(n);
  await r.startDaemon();
  for (const n of ["hq", "hq2"]) r.netifd.up(n);
  const waiting = (n: string): boolean => {
    const s = r.daemon.status(n)[n];
    return s?.kind === "client" && s.retry_in !== null;
  };
  const other = new Ubus({ connect: () => r.ubusd.connect(), clock: r.w.clock });
  other.start();
  await r.until("a pause", 90_000, () => waiting("hq") && waiting("hq2"));
  void other.sendEvent("network.interface", { action: "ifdown", interface: "wan" });
  void other.sendEvent("network.interface", { action: "ifup", interface: "hq2" });
  await r.run(20);
  assert.deepEqual([waiting("hq"), waiting("hq2")], [true, true]);
  void other.sendEvent("network.interface", { action: "ifup", interface: "wan" });
  await r.run(20);
  assert.deepEqual([waiting("hq"), waiting("hq2")], [false, false]);
});

test("a wrong option: the interface says which, others are untouched; the right one mends it", async () => {
  const BAD = HQ.replace("'hq'", "'bad'").replace("'branch'", "'second'") + "\toption mtu '9'\n";
  const r = new Router(HQ + BAD);
  r.netifd.add("hq");
  r.netifd.add("bad");
  await r.startDaemon();
  r.netifd.up("hq");
  r.netifd.up("bad");
  await r.isUp();
  await r.until("the error", 1000, () => r.netifd.at("bad").errors.length > 0);
  assert.deepEqual(r.netifd.at("bad").errors, [
    ["INVALID_CONFIG", 'network.bad.mtu: "9" is not allowed (allowed: a whole number from 576 to 1500 bytes)'],
  ]);
  r.text = HQ + BAD.replace("'9'", "'1300'");
  assert.equal(r.daemon.reload(), "interface bad");
  await r.isUp("bad");
  assert.equal(r.netifd.at("hq").updates.length, 1);
  // And broken again while it runs.
  r.text = HQ + BAD;
  r.daemon.reload();
  await r.until("down again", 5000, () => r.netifd.at("bad").state === "setup" && r.netifd.at("bad").errors.length > 0);
  assert.equal(r.netifd.at("hq").updates.length, 1);
});

test("a change of the file is seen even when netifd is faster than the reload trigger", async () => {
  const r = new Router("");
  await r.startDaemon();
  r.netifd.add("hq");
  r.text = HQ;
  r.netifd.up("hq"); // an interface that this daemon has not heard of
  await r.isUp();
  r.text = HQ.replace("192.168.20.0/24", "192.168.30.0/24");
  r.netifd.teardown("hq"); // netifd restarts what changed
  await r.until("down", 3000, () => r.netifd.at("hq").state !== "up");
  await r.isUp();
  assert.match(JSON.stringify(r.netifd.at("hq").updates.at(-1)), /192\.168\.30\.0/);
  assert.equal(r.daemon.reload(), "nothing changed");
});

test("the daemon restarts: netifd hears of it, and the link comes back within seconds", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  r.netifd.add("lan").state = "up";
  await r.startDaemon();
  r.netifd.up("hq");
  await r.isUp();
  await r.stopDaemon();
  assert.equal(r.netifd.at("hq").state, "setup");
  await r.startDaemon();
  await r.isUp();
  // Killed, it says nothing: the next one does.
  r.bus.close();
  r.daemon.stop("killed", () => {});
  await r.run(2000);
  r.netifd.at("hq").state = "up";
  const before = r.netifd.at("hq").updates.length;
  await r.startDaemon();
  await r.isUp();
  assert.deepEqual(
    r.netifd
      .at("hq")
      .updates.slice(before)
      .map((u) => u["link-up"]),
    [false, true],
  );
  assert.deepEqual(r.netifd.at("lan").updates, []);
});

test("ubusd restarts: the link stays up, and netifd keeps it", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  await r.startDaemon();
  r.netifd.up("hq");
  await r.isUp();
  r.ubusd.stop();
  await r.run(300);
  r.ubusd.start();
  await r.until("told again", 20_000, () => r.netifd.at("hq").keptUp > 0);
  assert.deepEqual(r.netifd.at("hq").updates, [UPDATE, { ...UPDATE, keep: true }]);
  assert.equal(r.lines.filter((l) => /link\.down/.test(l)).length, 0);
});

test("netifd restarts: with a goodbye or without, it gets its update", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  await r.startDaemon();
  r.netifd.up("hq");
  await r.isUp();
  r.netifd.at("hq").state = "down"; // a new process knows nothing
  r.netifd.up("hq");
  await r.isUp();
  assert.deepEqual(r.netifd.at("hq").updates, [UPDATE, UPDATE]);
  assert.equal(r.lines.filter((l) => /link\.down/.test(l)).length, 0, "the link itself was never touched");
  // An interface that netifd took down while the bus was away goes down when it is back.
  r.ubusd.stop();
  r.netifd.at("hq").state = "down";
  r.ubusd.start();
  await r.until("down", 20_000, () => r.daemon.status("hq")["hq"]?.state === "down");
});

test("ubusd, netifd and the daemon restart in any order: the link is up, and netifd knows it", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  await r.startDaemon();
  r.netifd.up("hq");
  await r.isUp();
  const restart = {
    u: async () => {
      r.ubusd.stop();
      await r.run(200);
      r.ubusd.start();
    },
    n: async () => {
      r.netifd.at("hq").state = "down";
      r.netifd.up("hq");
    },
    d: async () => {
      r.bus.close();
      r.daemon.stop("killed", () => {});
      await r.run(500);
      await r.startDaemon();
    },
  };
  for (const order of ["und", "udn", "nud", "ndu", "dun", "dnu"]) {
    for (const gap of [0, 1500]) {
      for (const which of order) {
        await restart[which as keyof typeof restart]();
        await r.run(gap);
      }
      await r.run(100);
      await r.isUp();
      await r.run(6000);
      await r.isUp();
    }
  }
});

test("ubusd and the daemon are new, and netifd comes to the bus last, in the belief that nothing happened", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  await r.startDaemon();
  r.netifd.up("hq");
  await r.isUp();
  r.bus.close();
  r.daemon.stop("killed", () => {});
  r.netifdBus.close();
  await r.run(2500);
  r.netifd.at("hq").state = "up";
  const before = r.netifd.at("hq").updates.length;
  await r.startDaemon();
  await r.run(1000);
  const late = new Ubus({ connect: () => r.ubusd.connect(), clock: r.w.clock });
  await r.netifd.serve(late);
  late.start();
  await r.run(100);
  await r.isUp();
  assert.deepEqual(
    r.netifd
      .at("hq")
      .updates.slice(before)
      .map((u) => u["link-up"]),
    [false, true],
  );
});

test("a section that is none of ours, or of another interface, disturbs nothing", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  await r.startDaemon();
  r.netifd.up("hq");
  await r.isUp();
  r.text = `config interface 'guest'\n\toption proto 'static'\n\toption mtu '9'\n\n${HQ}\nconfig interface 'other'\n\toption proto 'l2tpsec'\n\toption server 'a'\n`;
  assert.equal(r.daemon.reload(), "interface other");
  await r.run(3000);
  assert.deepEqual([r.netifd.at("hq").updates, r.lines.filter((l) => /link\.down/.test(l))], [[UPDATE], []]);
});

test("ifdown in the midst of the set-up, at any moment: over within netifd's second", async () => {
  for (const ms of [0, 20, 40, 60, 80, 100, 150, 200, 400]) {
    const r = new Router(HQ);
    r.netifd.add("hq");
    await r.startDaemon();
    r.netifd.up("hq");
    await r.run(ms);
    r.netifd.down("hq");
    const t = r.w.clock.now();
    await r.until("down", 1000, () => r.netifd.at("hq").state === "down");
    assert.ok(r.w.clock.now() - t <= 1000, `after ${ms} ms: ${r.w.clock.now() - t} ms`);
    assert.equal(r.daemon.status("hq")["hq"]?.state, "down");
    await r.run(3000);
    assert.equal(r.netifd.at("hq").state, "down");
  }
});

test("netifd sets up before the daemon runs: it is found at the start", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  r.netifd.up("hq");
  await r.run(100);
  await r.startDaemon();
  await r.isUp();
});

test("doctor tries an interface that is down by netifd's own way", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  await r.startDaemon();
  const lua = new Ubus({ connect: () => r.ubusd.connect(), clock: r.w.clock });
  lua.start();
  await r.run(20);
  let answer: unknown = null;
  lua.call("l2tpsec", "doctor", { name: "hq" }).then(
    (a) => {
      answer = a;
    },
    () => {},
  );
  await r.isUp();
  await r.run(20);
  assert.equal((answer as { ok: boolean } | null)?.ok, true);
  assert.deepEqual(r.netifd.refused, []);
  // Whatever else starts a link that netifd does not want: netifd is left alone.
  r.netifd.down("hq");
  await r.until("down", 3000, () => r.netifd.at("hq").state === "down");
  const before = r.netifd.at("hq").updates.length;
  r.daemon.up("hq");
  await r.until("up", 5000, () => r.daemon.status("hq")["hq"]?.state === "up");
  await r.run(20);
  assert.deepEqual([r.netifd.at("hq").updates.length, r.netifd.refused, r.netifd.at("hq").state], [before, [], "down"]);
});

test("up and down by a person are netifd's", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  await r.startDaemon();
  const lua = new Ubus({ connect: () => r.ubusd.connect(), clock: r.w.clock });
  lua.start();
  await r.run(20);
  void lua.call("l2tpsec", "up", { name: "hq" });
  await r.isUp();
  let answered = false;
  lua.call("l2tpsec", "down", { name: "hq" }).then(
    () => {
      answered = true;
    },
    () => {},
  );
  await r.until("down", 3000, () => r.netifd.at("hq").state === "down");
  assert.ok(answered);
  assert.equal(r.netifd.at("hq").autostart, false, "it stays down");
  let why: unknown = null;
  lua.call("l2tpsec", "up", { name: "nobody" }).catch((e: unknown) => {
    why = e;
  });
  await r.run(50);
  assert.ok(why instanceof UbusError && why.status === 4);
});

test("killswitch = all from boot, before netifd says a word; not for an interface that nobody wants", async () => {
  const all = `${HQ}\toption defaultroute '1'\n\toption killswitch 'all'\n`;
  const where = (r: Router): (string | null)[] =>
    ["192.168.20.5", "192.0.2.1", "2001:db8::1"].map((ip) => r.plane.net.leaves(ip));
  const outside = ["wan", "wan", "wan"];
  const r = new Router(all);
  await r.startDaemon();
  assert.deepEqual(where(r), [null, null, null], "netifd knows nothing yet");
  r.netifd.add("hq");
  r.netifd.up("hq");
  await r.isUp();
  assert.deepEqual(where(r).slice(1), ["l2tps-hq", null]); // 192.168.20.0/24 is routed by netifd
  assert.deepEqual(r.netifd.at("hq").updates.at(-1)?.["routes"], [
    ...UPDATE.routes,
    { target: "0.0.0.0", netmask: "1" },
    { target: "128.0.0.0", netmask: "1" },
  ]);
  r.netifd.down("hq");
  await r.until("down", 3000, () => r.netifd.at("hq").state === "down");
  assert.deepEqual(where(r), outside, "ifdown");
  const idle = new Router(all);
  idle.netifd.add("hq");
  await idle.startDaemon();
  assert.deepEqual(where(idle), outside, "netifd does not want it");
  const byHand = new Router(`${all}\toption auto '0'\n`);
  await byHand.startDaemon();
  assert.deepEqual(where(byHand), outside);
});
