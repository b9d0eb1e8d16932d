// A backup under netifd: pending while it waits, never an error, and its routes behind those of its main link.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SERVER_CONF } from "../sim/world.ts";
import { HQ } from "./hq.ts";
import { loadWords } from "./luci.ts";
import { Router } from "./router.ts";

const OTHER = "198.51.100.3";
const SPARE = HQ.replace("'hq'", "'spare'")
  .replace("198.51.100.2", OTHER)
  .replace("defaultroute '0'", "defaultroute '1'");
const TEXT = `${HQ}${SPARE}\toption fallback_for 'hq'\n`;

async function router(): Promise<Router> {
  const r = new Router(TEXT);
  r.w.site(r.w.net.host("other", [OTHER]), SERVER_CONF.replaceAll("198.51.100.2", OTHER));
  for (const name of ["hq", "spare"]) r.netifd.add(name);
  await r.startDaemon();
  r.netifd.up("spare");
  r.netifd.up("hq");
  await r.isUp();
  return r;
}
const spare = (r: Router): string => r.daemon.status("spare")["spare"]?.state ?? "";

test("it waits as pending without an error, comes, and waits again; a restart of the bus wakes nobody", async () => {
  const r = await router();
  await r.run(40_000);
  const i = r.netifd.at("spare");
  assert.deepEqual([i.state, i.autostart, i.updates, i.errors, spare(r)], ["setup", true, [], [], "down"]);
  assert.deepEqual([...new Set(i.steps)], ["waiting"]);
  assert.equal(loadWords().step("waiting"), "waits as a backup");
  assert.equal(loadWords().state(r.daemon.status("spare")["spare"] ?? {}), "waits as a backup");
  r.ubusd.stop();
  await r.run(500);
  r.ubusd.start();
  await r.run(5000);
  assert.deepEqual([i.state, spare(r)], ["setup", "down"], "what netifd says again is no person's wish");

  r.lns.daemon.down("lns");
  await r.isUp("spare");
  const at = (target: string, netmask: string) => ({ target, netmask, metric: 1 });
  assert.deepEqual(i.updates[0]?.["routes"], [
    at("192.168.20.0", "24"),
    at("10.8.0.0", "16"),
    at("0.0.0.0", "1"),
    at("128.0.0.0", "1"),
  ]);
  r.lns.daemon.up("lns");
  await r.until("spare waits", 200_000, () => i.state === "setup");
  await r.run(5000);
  assert.deepEqual([i.updates.length, i.errors, i.steps.at(-1), i.autostart], [2, [], "waiting", true]);
  assert.equal(i.updates[1]?.["link-up"], false);
});

test("a person's up dials at once, whether netifd has it up or not; down keeps it down", async () => {
  const r = await router();
  const call = async (method: string): Promise<void> => {
    let done = false;
    void r.netifdBus.call("l2tpsec", method, { name: "spare" }).then(() => (done = true));
    await r.until(method, 5000, () => done);
  };
  await call("up");
  await r.isUp("spare");
  await call("down");
  await r.until("down", 5000, () => r.netifd.at("spare").state === "down");
  await r.run(3000);
  assert.equal(spare(r), "down");
  await call("up");
  await r.isUp("spare");
  await call("down");
  r.lns.daemon.down("lns");
  await r.run(60_000);
  assert.deepEqual([r.netifd.at("spare").state, spare(r)], ["down", "down"]);
});
