// The daemon, ubusd and netifd restart, in any order: the link comes back, and netifd knows it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ubus } from "ubus-client";
import { HQ, UPDATE } from "./hq.ts";
import { Router } from "./router.ts";

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

test("ubusd and the daemon are new, and netifd joins the bus last, unaware that anything happened", async () => {
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
