// Links and netifd, whole: daemons of the simulation, the double of ubusd, and netifd's states.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ubus, UbusError } from "ubus-client";
import { renderStatus } from "../../src/control/render.ts";
import type { ClientStatus, UnusedStatus } from "../../src/link/status.ts";
import { server } from "../sim/world.ts";
import { HQ, NETWORKS, UPDATE } from "./hq.ts";
import { Router } from "./router.ts";

test("ifup: the exact update; ifdown: nothing is left", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  await r.startDaemon();
  assert.equal(r.daemon.status("hq")["hq"]?.state, "down", "netifd decides");
  r.netifd.up("hq");
  await r.isUp();
  assert.deepEqual(r.netifd.at("hq").updates, [UPDATE]);
  assert.deepEqual(r.netifd.at("hq").steps, ["dialing", "ike", "l2tp", "ppp"], "each step, before it is up");
  r.netifd.down("hq");
  await r.until("down", 3000, () => r.netifd.at("hq").state === "down");
  const { state, stages, stopped, ike, error } = r.daemon.status("hq")["hq"] as ClientStatus;
  assert.equal(state, "down", "netifd's teardown ends when the link has");
  assert.deepEqual([stages, stopped, ike, error], [[], "taken down by hand", null, null], "no old facts");
  assert.deepEqual([r.netifd.refused, r.netifd.at("hq").errors], [[], []]);
});

test("the default route: in two halves with metric 0, whole with a metric; without peerdns no servers", async () => {
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

test("what is configured but does not run is in the status, each with why", async () => {
  const off = HQ.replace("'hq'", "'off'").replace("server", "disabled '1'\n\toption server");
  const r = new Router(HQ + off + HQ.replace("'hq'", "'bad'").replace("'branch'", "'b'\n\toption mtu '9'"));
  await r.startDaemon();
  const all = r.daemon.status(null);
  assert.deepEqual(Object.keys(all).sort(), ["bad", "hq", "off"]);
  assert.deepEqual(all["off"], { kind: "disabled", section: "interface", state: "down", error: null });
  const { kind, error } = all["bad"] as UnusedStatus;
  assert.deepEqual([kind, error?.code], ["invalid", "invalid-config"]);
  assert.match(error?.text ?? "", /^network\.bad\.mtu: "9" is not allowed/);
  const text = renderStatus(all, false);
  assert.match(text, /^bad: invalid \(interface\)\n {2}config invalid-config: network\.bad\.mtu: /m);
  assert.match(text, /^off: disabled \(interface\)$/m);
  assert.match(text, /^ {2}nobody has started it yet$/m);
});

test("a wrong password or key: an error for LuCI, pending, blocked; the right one brings the link up", async () => {
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

test("a section that is none of ours, or of another interface, disturbs nothing", async () => {
  const r = new Router(HQ);
  r.netifd.add("hq");
  await r.startDaemon();
  r.netifd.up("hq");
  await r.isUp();
  r.text =
    `config interface 'guest'\n\toption proto 'static'\n\toption mtu '9'\n\n${HQ}\nconfig interface 'other'\n` +
    "\toption proto 'l2tpsec'\n\toption server 'a'\n";
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
